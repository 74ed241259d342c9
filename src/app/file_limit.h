/*
 * The limit of open files, sized to the clients.
 */
#ifndef PEAL_APP_FILE_LIMIT_H
#define PEAL_APP_FILE_LIMIT_H

#include <stddef.h>

#include "logging.h"

/* Descriptors besides those of clients: the listener, timers, logs, and room for requests of
 * monitors and for the second connection of some polling clients. */
#define PEAL_FILE_LIMIT_SPARE 128

/**
 * peal_file_limit_apply() - set the soft limit of open files to what @max_clients needs
 * @max_clients: lowered, with a warning, when the hard limit does not allow for as many
 *
 * A polling client waits on one connection and sends on another, so two descriptors per client are
 * taken where the hard limit allows, and at least one: with less than two, the node closes idle
 * connections to make room.
 *
 * The limit is also lowered when it is above the need: libwebsockets sizes its tables by it, and
 * containers often have one of a thousand million.
 *
 * Return: 0; -errno; -EMFILE when the hard limit does not allow for a single client. Logged here.
 */
int peal_file_limit_apply(size_t *max_clients, struct peal_logging *logging)
	__attribute__((warn_unused_result));

#endif
