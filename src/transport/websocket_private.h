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
	struct peal_list read_on; /* messages that were read in part */
	size_t count;
	struct peal_deadlines close_due;
	struct lws_protocols protocols[2];
	void *foreign_loops[1];
	/* The upgrade runs inside of the adopt call, whose callbacks need to know for whom. */
	struct peal_websocket *adopting;
	const char *adopting_headers;
};

/* websocket.c */
void peal_websocket_tell_ended(struct peal_websocket *websocket, enum peal_websocket_end how,
			       const char *description);

/* websocket_read.c: what libwebsockets has read. Return: 0; -1 when the connection is to end. */
int peal_websocket_receive(struct peal_websocket *websocket, const char *data, size_t length);
void peal_websocket_forget_message(struct peal_websocket *websocket);
/* Read on where messages were read in part. Return: whether there were any. */
bool peal_websockets_read_on(void *websockets);

/* Return: NULL when the raw write keeps every frame intact on the installed library; what went
 * wrong. */
const char *peal_websockets_prove(struct peal_websockets *websockets);

#endif
