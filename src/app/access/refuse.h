/*
 * Refusing a client that wants to connect.
 */
#ifndef PEAL_APP_ACCESS_REFUSE_H
#define PEAL_APP_ACCESS_REFUSE_H

#include <peal/socket.h>

#include "../logging.h"

/* What a client is told; docs/security.md explains the codes. */
#define PEAL_REFUSE_DATA(code) "{\"code\":\"" code "\"}"

/**
 * peal_refuse() - refuse it with the connect error "unauthorized"
 * @next:   gone afterwards
 * @data:   one JSON value for the client
 * @reason: for a line of the log at level debug; the client does not get to know it
 */
void peal_refuse(struct peal_logging *logging, struct peal_socket *socket, struct peal_next *next,
		 const char *data, const char *reason);

#endif
