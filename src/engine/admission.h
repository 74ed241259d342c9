/*
 * At which rate new sessions are let in: a bucket that fills with the rate and holds a tenth of a
 * second of it, so that in any time t no more than rate × t and that tenth come in.
 */
#ifndef PEAL_ENGINE_ADMISSION_H
#define PEAL_ENGINE_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

struct peal_admission {
	unsigned rate;	    /* sessions per second; 0: as many as come */
	uint64_t credit;    /* in thousandths of a session */
	uint64_t filled_ms; /* when that was looked at last */
};

/* The bucket is full at the beginning. */
void peal_admission_init(struct peal_admission *admission, unsigned rate, uint64_t now_ms);
/* Return: whether one may come in now; it is counted then. */
bool peal_admission_take(struct peal_admission *admission, uint64_t now_ms);

#endif
