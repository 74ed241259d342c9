/*
 * How fast something is done that must be over at a given time: evenly, whatever happens to it
 * meanwhile. No clock and no I/O.
 */
#ifndef PEAL_APP_PACE_H
#define PEAL_APP_PACE_H

#include <stddef.h>
#include <stdint.h>

/* After a longer pause between two looks, as after a standstill, what was missed is spread over the
 * time that is left and not done at once. */
#define PEAL_PACE_STEP_MS 250

struct peal_pace {
	uint64_t end_ms;  /* when all must be done; may be moved */
	uint64_t seen_ms; /* the last look */
	uint64_t owed;	  /* of one, in thousandths */
};

void peal_pace_init(struct peal_pace *pace, uint64_t now_ms, uint64_t end_ms);
/* Return: how many of the @left ones are to be done now. Those that go by themselves make it
 * slower. */
size_t peal_pace_due(struct peal_pace *pace, size_t left, uint64_t now_ms);

#endif
