/*
 * An Engine.IO server without its transports: options, the table of sessions, heartbeat lists, the
 * dirty list.
 *
 * The front of the transport room takes its requests and makes sessions in it. Who uses it gets the
 * handlers of struct peal_engine_handlers; all of them run from the loop, in order of cause, never
 * from inside a call of the functions in session.h.
 */
#ifndef PEAL_ENGINE_ENGINE_H
#define PEAL_ENGINE_ENGINE_H

#include <peal/engine.h>

#include "base/log.h"
#include "engine/addresses.h"
#include "engine/admission.h"
#include "engine/session.h"
#include "loop/barrier.h"
#include "loop/loop.h"

struct peal_engine;

/* What all engines of a node share; borrowed for life. */
struct peal_engine_context {
	struct peal_loop *loop;
	struct peal_stats *stats;
	const struct peal_log *log;
	size_t max_sessions;		 /* of all engines; above: 503 */
	size_t session_count;		 /* of all engines */
	size_t open_count;		 /* of these, those that are not closing */
	bool draining;			 /* new sessions get 503 */
	struct peal_admission admission; /* so fast they come in; more get 503 */
	struct peal_addresses addresses; /* the limits of each address; more get 429 */
	struct peal_barrier *barrier;	 /* for peal_session_hold(); NULL: nothing ever waits */
};

/*
 * Options are checked and copied. The CORS options are not looked at: the front's HTTP server
 * applies them. Return: 0; -ENOMEM; -EINVAL with a log line that names the option.
 */
int peal_engine_create(struct peal_engine_context *context,
		       const struct peal_engine_options *options,
		       const struct peal_engine_handlers *handlers, void *userdata,
		       struct peal_engine **ret_engine) __attribute__((warn_unused_result));
/* Discard all sessions; their close handlers run from the loop. */
void peal_engine_discard_all(struct peal_engine *engine);
/* All sessions must be closed and reaped. */
void peal_engine_destroy(struct peal_engine *engine);
size_t peal_engine_session_count(const struct peal_engine *engine);

/*
 * An open session, for who closes one after the other: in the order of the hash table of their ids,
 * which knows nothing of age, address or transport. Return: NULL when none is open.
 */
struct peal_session *peal_engine_pick(struct peal_engine *engine);

#endif
