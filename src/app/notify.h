/*
 * What systemd is told about the service: that it is ready, that it lives, that it ends.
 *
 * The protocol is a datagram to the socket that $NOTIFY_SOCKET names, and is promised not to
 * change: see sd_notify(3). It is these few lines rather than libsystemd, whose own manual says
 * that the protocol is there to be spoken without it; a library with compression and D-Bus in it
 * would be in every process for one sendto().
 */
#ifndef PEAL_APP_NOTIFY_H
#define PEAL_APP_NOTIFY_H

#include <peal/node.h>

#include "logging.h"

struct peal_notify;

/**
 * peal_notify_new() - begin to tell, when there is somebody who wants to know
 * @ret_notify: receives NULL when $NOTIFY_SOCKET is not set; all functions take that
 *
 * READY=1 is sent once peal_node_ready() says so, WATCHDOG=1 twice in the time that $WATCHDOG_USEC
 * allows, from the loop, so that a loop that hangs is noticed. A socket that cannot be reached is
 * logged once; the service runs without it.
 *
 * Return: 0; -ENOMEM.
 */
int peal_notify_new(struct event_base *base, struct peal_node *node, struct peal_logging *logging,
		    struct peal_notify **ret_notify) __attribute__((warn_unused_result));
/* The end has begun, and may take so long: the timeout of the unit is extended to that. */
void peal_notify_stopping(struct peal_notify *notify, unsigned seconds);
void peal_notify_free(struct peal_notify *notify);

#endif
