/*
 * Further listeners of a node: addresses of their own for pages and APIs that are not meant for
 * clients. They carry routes and nothing else, and close and end with the node.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"
#include "node/node_private.h"

struct peal_http_listener {
	struct peal_list link; /* in node->listeners */
	struct peal_node *node;
	struct peal_http_server *http; /* NULL once it was cut */
};

int peal_http_listener_new(struct peal_node *node, const char *host, uint16_t port,
			   struct peal_http_listener **ret_listener)
{
	const struct peal_http_options options = {
		.max_connections = PEAL_LIMIT_LISTENER_CONNECTIONS,
		.barrier = &node->barrier,
	};
	if (node->closing || node->freeing || !node->http)
		return -ESHUTDOWN;
	struct peal_http_listener *listener = calloc(1, sizeof(*listener));
	if (!listener)
		return -ENOMEM;
	int r = peal_http_server_new(node->loop, &options, &node->stats, &node->log,
				     &listener->http);
	if (r == 0)
		r = peal_http_server_listen(listener->http, host, port);
	if (r < 0) {
		peal_http_server_free(listener->http);
		free(listener);
		return r;
	}
	listener->node = node;
	peal_list_append(&node->listeners, &listener->link);
	*ret_listener = listener;
	return 0;
}

uint16_t peal_http_listener_port(const struct peal_http_listener *listener)
{
	return listener->http ? peal_http_server_port(listener->http) : 0;
}

int peal_http_listener_route(struct peal_http_listener *listener, const char *path,
			     const char *methods, size_t max_body, peal_http_fn *fn, void *userdata)
{
	if (listener->node->freeing || !listener->http)
		return -ESHUTDOWN;
	return peal_http_server_route(listener->http, path, methods, max_body, fn, userdata);
}

int peal_http_listener_gate(struct peal_http_listener *listener, const char *path,
			    peal_http_gate_fn *fn)
{
	if (listener->node->freeing || !listener->http)
		return -ESHUTDOWN;
	return peal_http_server_gate(listener->http, path, fn);
}

void peal_listeners_close(struct peal_node *node)
{
	peal_list_each (link, &node->listeners) {
		struct peal_http_listener *listener =
			peal_container(link, struct peal_http_listener, link);
		if (listener->http)
			peal_http_server_close(listener->http);
	}
}

size_t peal_listeners_connections(const struct peal_node *node)
{
	size_t count = 0;
	peal_list_each (link, &node->listeners) {
		const struct peal_http_listener *listener =
			peal_container(link, struct peal_http_listener, link);
		if (listener->http)
			count += peal_http_server_connections(listener->http);
	}
	return count;
}

void peal_listeners_cut(struct peal_node *node)
{
	peal_list_each (link, &node->listeners) {
		struct peal_http_listener *listener =
			peal_container(link, struct peal_http_listener, link);
		peal_http_server_free(listener->http);
		listener->http = NULL;
	}
}

void peal_listeners_free(struct peal_node *node)
{
	struct peal_list *link;
	peal_listeners_cut(node);
	while ((link = peal_list_take(&node->listeners)))
		free(peal_container(link, struct peal_http_listener, link));
}
