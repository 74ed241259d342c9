/* The inside of a node, shared by the files of this room. */
#ifndef PEAL_NODE_NODE_PRIVATE_H
#define PEAL_NODE_NODE_PRIVATE_H

#include <peal/adapter.h>
#include <peal/node.h>
#include <pthread.h>

#include "base/decision.h"
#include "engine/engine.h"
#include "http/http.h"
#include "loop/barrier.h"
#include "loop/loop.h"
#include "transport/front.h"
#include "transport/websocket.h"

#define PEAL_LIMIT_NODE_NAME_BYTES 255
/* New sessions per second: above it a rate says nothing that --max-clients does not. */
#define PEAL_LIMIT_CONNECT_RATE 1000000
/* What the rate of all new sessions lets in at once: a tenth of a second's worth. */
#define PEAL_CONNECT_BURST_MS 100

struct event;

/* Functions that other threads have sent over. */
struct peal_posts {
	pthread_mutex_t mutex;
	bool mutex_made;
	struct peal_list queue; /* under the mutex */
	bool closed;		/* under the mutex */
	int wake_fd;
	struct event *wake_event;
};

/* One engine and its front. */
struct peal_engine_place {
	struct peal_list link;
	struct peal_engine *engine;
	struct peal_front *front;
	bool is_socket_io; /* its sessions are clients of the server */
};

struct peal_node {
	struct peal_loop *loop;
	struct peal_http_server *http; /* NULL once it was cut */
	struct peal_websockets *websockets;
	struct peal_server *server;
	struct peal_cluster *cluster;
	struct peal_adapter *adapter; /* until the cluster has taken it */
	size_t files, spare_files;    /* the limit of open files, and those not for clients */
	struct peal_engine_context engines_context;
	struct peal_list engines; /* the first is that of Socket.IO */
	struct peal_decisions decisions;
	struct peal_task decisions_task;
	struct peal_barrier barrier;
	struct peal_posts posts;
	struct peal_list afters;
	struct peal_stats stats;
	struct peal_log log;
	char *host;
	uint16_t port;
	char uid[PEAL_UID_LENGTH + 1]; /* in the cluster; random, of this start */
	char name[PEAL_LIMIT_NODE_NAME_BYTES + 16];
	bool named, listening, closing, cut, closed, freeing;
	struct peal_timer close_timer;
	uint64_t close_due_ms;
	struct peal_list listeners;
	struct peal_list closers; /* functions that want to know when it is closed */
};

/* node.c: how many connections the listener takes for so many clients */
size_t peal_node_connections(const struct peal_node *node, size_t clients);

/* listener.c: the further listeners, which close and end with the node */
void peal_listeners_close(struct peal_node *node);
size_t peal_listeners_connections(const struct peal_node *node);
/* Close their connections at once. */
void peal_listeners_cut(struct peal_node *node);
void peal_listeners_free(struct peal_node *node);

/* post.c */
int peal_posts_init(struct peal_node *node) __attribute__((warn_unused_result));
/* Runs what is still queued, then takes no more; peal_node_post() still answers. */
void peal_posts_deinit(struct peal_node *node);
void peal_posts_destroy(struct peal_node *node);
/* Run every function that peal_node_after() still holds. */
void peal_afters_run_all(struct peal_node *node);

#endif
