/*
 * The Socket.IO server of a node: namespaces over one engine. The composition root makes it and
 * hands its handlers to the engine.
 */
#ifndef PEAL_SERVER_SERVER_H
#define PEAL_SERVER_SERVER_H

#include <peal/engine.h>
#include <peal/namespace.h>
#include <peal/node.h>

#include "base/decision.h"
#include "base/log.h"
#include "loop/barrier.h"
#include "loop/loop.h"
#include "server/remote.h"

struct peal_server;

struct peal_server_options {
	unsigned connect_timeout_ms;
	bool cleanup_empty_child_namespaces;
	size_t max_child_namespaces;
	const char *node_name; /* borrowed for life */
	const char *uid; /* borrowed for life: ids of sockets begin with it; NULL: with nothing */
	struct peal_barrier *barrier; /* borrowed for life; NULL: nothing ever waits */
};

int peal_server_new(struct peal_loop *loop, struct peal_node *node,
		    struct peal_decisions *decisions, const struct peal_server_options *options,
		    struct peal_stats *stats, const struct peal_log *log,
		    struct peal_server **ret_server) __attribute__((warn_unused_result));

/* The handlers for the engine that carries this server; their userdata is the server. */
extern const struct peal_engine_handlers peal_server_engine_handlers;

/* NULL takes it away. Borrowed. */
void peal_server_set_remote(struct peal_server *server, const struct peal_remote *remote);

/*
 * First step of an orderly close: every socket leaves with `server shutting down`, without
 * DISCONNECT packets; pending CONNECTs are dropped. New connections are refused from here on.
 */
void peal_server_shut_down(struct peal_server *server);

/*
 * Close the session of one client as peal_server_shut_down() does with all: its sockets leave with
 * `server shutting down`, without DISCONNECT packets; what is queued for it goes out before.
 */
void peal_server_send_away(struct peal_session *session);

/* The node is being freed: public functions return -ESHUTDOWN from here on. */
void peal_server_refuse_calls(struct peal_server *server);

/*
 * All sessions are gone. Delivers every outstanding one-shot callback (PEAL_ACK_CLOSED, tasks) and
 * frees. While it runs, calls on the node return -ESHUTDOWN.
 */
void peal_server_free(struct peal_server *server);

/* How <peal/namespace.h> finds the server of a node; defined by src/node. */
struct peal_server *peal_node_server(struct peal_node *node);

#endif
