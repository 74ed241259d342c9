/*
 * The limit of open files, sized to the clients.
 */
#ifndef PEAL_APP_LIMITS_H
#define PEAL_APP_LIMITS_H

#include <stddef.h>

#include "logging.h"

/* Descriptors besides those of clients: the listener, timers, logs, and room for a few requests of
 * monitors. */
#define PEAL_LIMITS_SPARE 128
/* A polling client uses two connections while it waits on one and sends on the other. */
#define PEAL_LIMITS_PER_CLIENT 2

/**
 * peal_limits_apply() - set the soft limit of open files to what @max_clients needs
 * @max_clients: lowered, with a warning, when the hard limit does not allow for as many
 *
 * The limit is also lowered when it is above the need: libwebsockets sizes its tables by it, and
 * containers often have one of a thousand million.
 *
 * Return: 0; -errno; -EMFILE when the hard limit does not allow for a single client. Logged here.
 */
int peal_limits_apply(size_t *max_clients, struct peal_logging *logging)
	__attribute__((warn_unused_result));

#endif
