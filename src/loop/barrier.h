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

struct peal_barrier {
	struct peal_loop *loop;
	struct peal_stats *stats;
	uint64_t issued, reached; /* the numbers of … until now; both begin with 0 */
	struct peal_list waiters; /* by number */
	struct peal_timer timer;  /* of the oldest number that is not reached */
	uint64_t timer_number;	  /* what was issued when it was armed: those are let go */
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
/* Give up waiting for all that was issued until now; counted if anybody waited. */
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
