/*
 * The barrier: what was asked of the network in numbered order, how far it has been confirmed, and
 * who waits for that.
 *
 * Subscriptions are numbered. A client that joined a room may not be told before the subscription
 * that covers it is in force, or an emit from another node right behind would be missed. So packets
 * for that client, publishes, HTTP answers and completions that come after a join wait for the
 * numbers issued before them, never for later ones. Nobody waits longer than
 * PEAL_LIMIT_BARRIER_MS: then, and when the connection is lost, everything is let go and counted.
 *
 * A waiter costs nothing while nothing is outstanding: peal_barrier_reached() is a comparison.
 */
#ifndef PEAL_LOOP_BARRIER_H
#define PEAL_LOOP_BARRIER_H

#include "loop/loop.h"

/*
 * Numbers issued within a sixteenth of the limit share a mark, and are let go together: so each one
 * is let go in time, however many there are.
 */
struct peal_barrier_mark {
	uint64_t number;    /* the last one of the mark */
	uint64_t issued_ms; /* when the first one was */
};

#define PEAL_BARRIER_MARKS 18

struct peal_barrier {
	struct peal_loop *loop;
	struct peal_stats *stats;
	uint64_t issued, reached; /* the numbers of … until now; both begin with 0 */
	struct peal_list waiters; /* by number */
	struct peal_barrier_mark marks[PEAL_BARRIER_MARKS]; /* a ring of those not reached */
	unsigned first_mark, mark_count;
	struct peal_timer timer;  /* of the first mark */
	struct peal_task give_up; /* in the place of the timer, without memory for it */
};

/* Embedded in its owner. */
struct peal_barrier_waiter {
	struct peal_list link;
	uint64_t number;
	/* The number is reached, or waiting for it was given up. Called unlinked, from the loop or
	 * from inside peal_barrier_reach() and peal_barrier_let_go(): it may queue, defer and send,
	 * but not call the application. */
	void (*fn)(struct peal_barrier_waiter *waiter);
};

void peal_barrier_init(struct peal_barrier *barrier, struct peal_loop *loop,
		       struct peal_stats *stats);
/* Lets everything go. */
void peal_barrier_deinit(struct peal_barrier *barrier);

/* The next number: a subscription was asked for. */
uint64_t peal_barrier_issue(struct peal_barrier *barrier);
/* Everything up to @number is in force. */
void peal_barrier_reach(struct peal_barrier *barrier, uint64_t number);
/* Give up waiting for all that was issued until now; each that waited is counted. */
void peal_barrier_let_go(struct peal_barrier *barrier);

static inline bool peal_barrier_reached(const struct peal_barrier *barrier, uint64_t number)
{
	return number <= barrier->reached;
}

/* Have waiter->fn called when @number is reached, which it must not be yet. */
void peal_barrier_wait(struct peal_barrier *barrier, struct peal_barrier_waiter *waiter,
		       uint64_t number);
static inline void peal_barrier_cancel(struct peal_barrier_waiter *waiter)
{
	peal_list_unlink(&waiter->link);
}

#endif
