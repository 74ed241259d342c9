/*
 * Where pages and APIs are: beside Socket.IO, or on the listener of --internal-listen.
 */
#ifndef PEAL_APP_PLACE_H
#define PEAL_APP_PLACE_H

#include <peal/http.h>
#include <peal/node.h>

struct peal_place {
	struct peal_node *node;
	struct peal_http_listener *listener; /* NULL: where the clients connect */
};

/* As peal_http_route(). */
static inline int peal_place_route(const struct peal_place *place, const char *path,
				   const char *methods, size_t max_body, peal_http_fn *fn,
				   void *userdata)
{
	return place->listener
		       ? peal_http_listener_route(place->listener, path, methods, max_body, fn,
						  userdata)
		       : peal_http_route(place->node, path, methods, max_body, fn, userdata);
}

/* As peal_http_gate(). */
static inline int peal_place_gate(const struct peal_place *place, const char *path,
				  peal_http_gate_fn *fn)
{
	return place->listener ? peal_http_listener_gate(place->listener, path, fn)
			       : peal_http_gate(place->node, path, fn);
}

#endif
