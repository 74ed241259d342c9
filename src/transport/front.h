/*
 * The front of an engine: takes its requests from the HTTP server, checks them in the order of
 * client-wire.md §2.3, opens sessions and hands requests to the transports.
 */
#ifndef PEAL_TRANSPORT_FRONT_H
#define PEAL_TRANSPORT_FRONT_H

#include "base/decision.h"
#include "engine/engine.h"
#include "http/http.h"

struct peal_front;
struct peal_websockets;

/*
 * Mount an engine on an HTTP server. All are borrowed and outlive the front.
 * Return: 0; -ENOMEM; -EINVAL for bad CORS or cookie options; -EEXIST when the path is taken.
 */
int peal_front_new(struct peal_engine *engine, struct peal_http_server *http,
		   struct peal_websockets *websockets, struct peal_decisions *decisions,
		   struct peal_front **ret_front) __attribute__((warn_unused_result));
/* Answer further requests with other CORS headers; copied. Return: 0; -ENOMEM; -EINVAL, and then
 * nothing has changed. */
int peal_front_set_cors(struct peal_front *front, const struct peal_cors_options *options)
	__attribute__((warn_unused_result));
/* Count what is there, sessions and those that ask to become one, by its address: see
 * engine/addresses.h. Return: 0; -ENOMEM. */
int peal_front_enter_addresses(struct peal_front *front) __attribute__((warn_unused_result));
/* All sessions are gone, and the HTTP server is freed or will not call any more. */
void peal_front_free(struct peal_front *front);

#endif
