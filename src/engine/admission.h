/*
 * At which rate new sessions are let in: a bucket that fills with the rate and holds a burst of it,
 * so that in any time t no more than rate × t and that burst come in.
 */
#ifndef PEAL_ENGINE_ADMISSION_H
#define PEAL_ENGINE_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

struct peal_admission {
	unsigned rate;	    /* sessions per second; 0: as many as come */
	unsigned burst_ms;  /* it holds what comes in this time, and one session at least */
	uint64_t credit;    /* in thousandths of a session */
	uint64_t filled_ms; /* when that was looked at last */
};

/* The bucket is full at the beginning. */
void peal_admission_init(struct peal_admission *admission, unsigned rate, unsigned burst_ms,
			 uint64_t now_ms);
/* Return: whether one may come in now. */
bool peal_admission_open(struct peal_admission *admission, uint64_t now_ms);
/* Return: whether one may come in now; it is counted then. */
bool peal_admission_take(struct peal_admission *admission, uint64_t now_ms);

#endif
