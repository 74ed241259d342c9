/* What websocket.c and its self-test share. */
#ifndef PEAL_TRANSPORT_WEBSOCKET_PRIVATE_H
#define PEAL_TRANSPORT_WEBSOCKET_PRIVATE_H

#include <libwebsockets.h>

#include "loop/uv_bridge.h"
#include "transport/websocket.h"

struct peal_websockets {
	struct peal_loop *loop;
	struct peal_uv_bridge *bridge;
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct peal_stats *stats;
	const struct peal_log *log;
	struct peal_list connections;
	size_t count;
	struct peal_deadlines close_due;
	struct lws_protocols protocols[2];
	void *foreign_loops[1];
	/* The upgrade runs inside of the adopt call, whose callbacks need to know for whom. */
	struct peal_websocket *adopting;
	const char *adopting_headers;
};

/* Return: NULL when the raw write keeps every frame intact on the installed library; what went
 * wrong. */
const char *peal_websockets_prove(struct peal_websockets *websockets);

#endif
