/*
 * When joined acknowledgements leave. Few messages when the answers come at once, few when they
 * drip, and nothing lost at the end: 10 ms after the first unsent answer, each later wait four
 * times as long, everything at 80 % of the timeout; then the same from 10 ms on until shortly
 * before the deadline, and what comes after that at the deadline. Waits begin with an answer, so an
 * idle round costs nothing. No clock of its own.
 */
#ifndef PEAL_CLUSTER_BATCH_H
#define PEAL_CLUSTER_BATCH_H

#include <stdbool.h>
#include <stdint.h>

/* The number of clients does not wait for their answers longer than this. */
#define PEAL_BATCH_COUNT_MS 100

struct peal_batch {
	uint64_t began_ms;
	unsigned timeout_ms;
	unsigned wait_ms;
	bool late; /* 80 % of the timeout are over */
};

void peal_batch_begin(struct peal_batch *batch, uint64_t now_ms, unsigned timeout_ms);
/* An answer came and nothing else is held: when has it to leave? In milliseconds from now. */
unsigned peal_batch_wait(struct peal_batch *batch, uint64_t now_ms);

#endif
