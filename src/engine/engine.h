/*
 * An Engine.IO server: options, the table of sessions, heartbeat lists, the dirty list, the
 * transports.
 *
 * It is mounted on an HTTP server under its path. Who uses it gets the handlers of struct
 * peal_engine_handlers; all of them run from the loop, in order of cause, never from inside a call
 * of the functions in session.h.
 */
#ifndef PEAL_ENGINE_ENGINE_H
#define PEAL_ENGINE_ENGINE_H

#include <peal/engine.h>

#include "base/log.h"
#include "engine/session.h"
#include "loop/loop.h"

struct peal_decisions;
struct peal_engine;
struct peal_websockets;
struct peal_http_server;

/* What all engines of a node share; borrowed for life. */
struct peal_engine_context {
	struct peal_loop *loop;
	struct peal_http_server *http;
	struct peal_websockets *websockets;
	struct peal_decisions *decisions; /* of allow_request */
	struct peal_stats *stats;
	const struct peal_log *log;
	struct peal_node *node; /* only passed through */
	size_t max_sessions;	/* of all engines; above: 503 */
	size_t session_count;
	bool draining; /* new sessions get 503 */
};

int peal_engine_create(struct peal_engine_context *context,
		       const struct peal_engine_options *options,
		       const struct peal_engine_handlers *handlers, void *userdata,
		       struct peal_engine **ret_engine) __attribute__((warn_unused_result));
/* Discard all sessions; their close handlers run from the loop. */
void peal_engine_discard_all(struct peal_engine *engine);
/* All sessions must be closed and reaped. */
void peal_engine_destroy(struct peal_engine *engine);
size_t peal_engine_session_count(const struct peal_engine *engine);

#endif
