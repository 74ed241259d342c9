/*
 * Refusing a client that wants to connect.
 */
#include "refuse.h"

#include <peal/peal.h>

void peal_refuse(struct peal_logging *logging, struct peal_socket *socket, struct peal_next *next,
		 const char *data, const char *reason)
{
	const struct peal_request *request = peal_socket_handshake(socket);
	const char *origin = request ? peal_request_header(request, "origin") : NULL;

	peal_logging_say(
		logging, PEAL_LOG_DEBUG, "a client may not connect",
		PEAL_LOGGING_TEXT("namespace", peal_namespace_name(peal_socket_namespace(socket))),
		PEAL_LOGGING_TEXT("address", request ? request->address : ""),
		PEAL_LOGGING_TEXT("origin", origin ? origin : ""),
		PEAL_LOGGING_TEXT("reason", reason));
	peal_next_refuse(next, "unauthorized", data);
}
