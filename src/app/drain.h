/*
 * Draining: the way of a node out of its cluster that its clients and the other nodes hardly
 * notice.
 *
 * 1. New sessions are refused and /readyz says 503, and nothing else happens for a while, so that
 *    balancers notice: a quarter of the time, at most PEAL_DRAIN_PAUSE_MS.
 * 2. The sessions are sent away evenly over the rest of the time, so that the nodes that they
 *    connect to anew get them as an even stream. The node is a full member of its cluster
 *    meanwhile.
 *    The last tenth, at most PEAL_DRAIN_TAIL_MS, is for those that take their time to close.
 * 3. When the last one has gone and nothing is waited for any more, or the time is over, the owner
 *    is told and closes the node.
 */
#ifndef PEAL_APP_DRAIN_H
#define PEAL_APP_DRAIN_H

#include <peal/node.h>

#include "logging.h"

#define PEAL_DRAIN_PAUSE_MS 5000
#define PEAL_DRAIN_TAIL_MS 2000
#define PEAL_DRAIN_MAX_SECONDS 3600

struct peal_drain;

/* Runs once, when the drain is over. */
typedef void peal_drain_fn(void *userdata);

/* All are borrowed for life. Return: 0; -ENOMEM. */
int peal_drain_new(struct event_base *base, struct peal_node *node, struct peal_logging *logging,
		   peal_drain_fn *done, void *userdata, struct peal_drain **ret_drain)
	__attribute__((warn_unused_result));
/* After its node, which may have asked for it last. */
void peal_drain_free(struct peal_drain *drain);

/**
 * peal_drain_begin() - send all clients away within @seconds
 *
 * While a drain is under way it gets this time from now on instead of what was left. With 0 it is
 * over at once, and @done runs from inside.
 */
void peal_drain_begin(struct peal_drain *drain, unsigned seconds);
/* Seconds until it is over, rounded up; 0 when it is over or has not begun. */
unsigned peal_drain_left(const struct peal_drain *drain);
bool peal_drain_over(const struct peal_drain *drain);

#endif
