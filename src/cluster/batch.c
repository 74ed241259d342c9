#include "cluster/batch.h"

#define FIRST_WAIT_MS 10
#define WAIT_FACTOR 4
/* What is held so long before the deadline leaves then: the one who asked began to count when its
 * request left and stops soon after the deadline, and both ways take time. */
#define MARGIN_MS 30

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

void peal_batch_begin(struct peal_batch *batch, uint64_t now_ms, unsigned timeout_ms)
{
	*batch = (struct peal_batch){
		.began_ms = now_ms,
		.timeout_ms = timeout_ms,
		.wait_ms = FIRST_WAIT_MS,
	};
}

unsigned peal_batch_wait(struct peal_batch *batch, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms - batch->began_ms;
	uint64_t most_ms = (uint64_t)batch->timeout_ms * 4 / 5;
	if (passed_ms >= most_ms) {
		if (!batch->late)
			batch->wait_ms = FIRST_WAIT_MS;
		batch->late = true;
		most_ms = batch->timeout_ms - smaller(MARGIN_MS, batch->timeout_ms / 10);
		if (passed_ms >= most_ms)
			most_ms = batch->timeout_ms;
	}
	unsigned wait_ms = batch->wait_ms;
	/* A longer one than the timeout is of no use, and could overflow. */
	batch->wait_ms = wait_ms <= batch->timeout_ms / WAIT_FACTOR ? wait_ms * WAIT_FACTOR
								    : batch->timeout_ms;
	if (passed_ms >= most_ms)
		return 0;
	return most_ms - passed_ms < wait_ms ? (unsigned)(most_ms - passed_ms) : wait_ms;
}
