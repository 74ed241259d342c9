/*
 * A node without sockets for the instruction budget: server, engine and the WebSocket transport's
 * flush are the real ones, below them writes go nowhere. Nothing in it depends on time or chance:
 * the clock stands still, and random bytes come from a fixed sequence.
 *
 * There is one rig in the process.
 */
#ifndef PEAL_TESTS_BUDGET_RIG_H
#define PEAL_TESTS_BUDGET_RIG_H

#include <peal/namespace.h>
#include <peal/socket.h>
#include <peal/stats.h>

#include "base/decision.h"
#include "engine/engine.h"
#include "loop/barrier.h"
#include "server/server.h"
#include "tests/support/fake_clock.h"
#include "transport/websocket.h"

#define RIG_CLIENTS 10000

struct rig {
	struct fake_clock clock;
	struct peal_stats stats;
	struct peal_log log;
	struct peal_loop *loop;
	struct peal_barrier barrier;
	struct peal_decisions decisions;
	struct peal_task decisions_task;
	struct peal_engine_context context;
	struct peal_engine *engine;
	struct peal_server *server;
	struct peal_namespace *io;
	struct peal_websocket websockets[RIG_CLIENTS]; /* by the order of connecting */
	struct peal_socket *sockets[RIG_CLIENTS + 1];  /* and the latest of those beyond */
	size_t count;				       /* of clients, also those that have gone */
	uint64_t writes;			       /* that would have been system calls */
	uint64_t bytes;				       /* that were written */
	uint64_t received;			       /* events */
	uint64_t answers;			       /* in finished rounds */
	uint64_t chance; /* where the sequence of random bytes is; set before rig_begin() */
	char last[256];	 /* the payload of the frame that was written last */
};

extern struct rig rig;

void rig_begin(void);
/* Frees everything; the process ends with a message when something is left. */
void rig_end(void);
/* Connect clients over WebSocket, and each to "/", until there are @count. */
void rig_connect_until(size_t count);
/* The connections of the clients from @first on break. */
void rig_disconnect_from(size_t first);
/* A text message from a client, without the end of the turn. */
void rig_say(size_t client, const char *text, size_t length);
/* The end of a turn. */
void rig_turn(void);
/* End the process with a message unless @holds. */
void rig_require(bool holds, const char *what);

#endif
