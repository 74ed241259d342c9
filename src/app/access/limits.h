/*
 * How many events a client may send: so many per second over all its namespaces, with a bucket that
 * holds one second's worth. What comes above is dropped, and refused with the code "rate_limited"
 * where an acknowledgement is wanted. Who goes on and on is disconnected.
 */
#ifndef PEAL_APP_ACCESS_LIMITS_H
#define PEAL_APP_ACCESS_LIMITS_H

#include <peal/namespace.h>
#include <stdint.h>

#include "../logging.h"

/* Refused events, in seconds' worth, that a client may have before it is disconnected. They are
 * forgiven at the rate of the limit. */
#define PEAL_LIMITS_PATIENCE 10

struct peal_limits {
	int64_t rate; /* events per second; 0: no limit */
	struct peal_logging *logging;
	void *clients; /* a tree of those that are connected, by session */
};

/**
 * peal_limits_attach() - limit the clients of a namespace, if there is a limit
 * @limits: stays where it is as long as the node lives
 *
 * To be called before handlers are set, and for all namespaces. Return: 0; -ENOMEM.
 */
int peal_limits_attach(struct peal_limits *limits, struct peal_namespace *ns)
	__attribute__((warn_unused_result));
/* After the node. */
void peal_limits_deinit(struct peal_limits *limits);

#endif
