#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "engine/transport.h"
#include "protocol/text.h"

void peal_engine_options_init(struct peal_engine_options *options)
{
	*options = (struct peal_engine_options){
		.path = "/engine.io/",
		.ping_interval_ms = 25000,
		.ping_timeout_ms = 20000,
		.upgrade_timeout_ms = 10000,
		.max_http_buffer_size = 1000000,
		.transports = PEAL_TRANSPORT_POLLING | PEAL_TRANSPORT_WEBSOCKET,
		.allow_upgrades = true,
		.http_compression = true,
		.http_compression_threshold = 1024,
		.cors = { .max_age_seconds = -1, .options_success_status = 204 },
		.cookie = { .max_age_seconds = -1, .http_only = true },
	};
}

/* It may reach a balancer's configuration: the characters of ids, and few of them. */
static bool sid_prefix_fits(const char *prefix)
{
	size_t length = strlen(prefix);
	return length >= 1 && length <= PEAL_ENGINE_SID_PREFIX_LENGTH &&
	       strspn(prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
		       length;
}

static int check(const struct peal_engine_options *options, const struct peal_log *log)
{
	const char *wrong = NULL;
	if (!options->path || options->path[0] != '/' ||
	    strlen(options->path) > PEAL_LIMIT_NAME_BYTES || strpbrk(options->path, "?# "))
		wrong = "path";
	else if (!options->ping_interval_ms || options->ping_interval_ms > INT32_MAX)
		wrong = "ping_interval_ms";
	else if (!options->ping_timeout_ms || options->ping_timeout_ms > INT32_MAX)
		wrong = "ping_timeout_ms";
	else if (!options->upgrade_timeout_ms || options->upgrade_timeout_ms > INT32_MAX)
		wrong = "upgrade_timeout_ms";
	else if (!options->max_http_buffer_size ||
		 options->max_http_buffer_size > PEAL_LIMIT_HTTP_BUFFER_BYTES)
		wrong = "max_http_buffer_size";
	else if (!options->transports ||
		 options->transports &
			 ~(unsigned)(PEAL_TRANSPORT_POLLING | PEAL_TRANSPORT_WEBSOCKET))
		wrong = "transports";
	else if (options->initial_packet &&
		 !peal_utf8_valid(options->initial_packet, strlen(options->initial_packet)))
		wrong = "initial_packet";
	else if (options->outbox_limit > SIZE_MAX / 4) /* sums with it must not overflow */
		wrong = "outbox_limit";
	else if (options->sid_prefix && !sid_prefix_fits(options->sid_prefix))
		wrong = "sid_prefix";
	if (!wrong && options->sid_prefix && options->generate_id) {
		peal_log(log, PEAL_LOG_ERROR,
			 "engine option sid_prefix does not go with generate_id");
		return -EINVAL;
	}
	if (!wrong)
		return 0;
	peal_log(log, PEAL_LOG_ERROR, "engine option out of range",
		 PEAL_FIELD_TEXT("option", wrong));
	return -EINVAL;
}

/* --- the dirty list ------------------------------------------------------------------------ */

int peal_engine_reserve_dirty(struct peal_engine *engine)
{
	/* Some more than there are sessions, so that the holes of closed ones are no trouble. */
	size_t needed = engine->session_count + 1 + engine->session_count / 8;
	if (needed <= engine->dirty_capacity)
		return 0;
	uint32_t capacity = engine->dirty_capacity ? engine->dirty_capacity * 2 : 64;
	struct peal_session **dirty = realloc(engine->dirty, capacity * sizeof(*dirty));
	if (!dirty)
		return -ENOMEM;
	engine->dirty = dirty;
	engine->dirty_capacity = capacity;
	return 0;
}

/* Move everything to the front: what was flushed and who was closed leave room there. */
static void close_up(struct peal_engine *engine)
{
	uint32_t end = 0;
	for (uint32_t i = engine->dirty_first; i < engine->dirty_end; i++) {
		struct peal_session *session = engine->dirty[i];
		if (!session)
			continue;
		engine->dirty[end++] = session;
		session->dirty = end;
	}
	engine->dirty_first = 0;
	engine->dirty_end = end;
}

void peal_engine_prepare_dirty(struct peal_engine *engine)
{
	if (engine->dirty_end == engine->dirty_capacity)
		close_up(engine);
	assert(engine->dirty_end < engine->dirty_capacity);
	if (!engine->flusher.wanted)
		peal_loop_want_flush(engine->context->loop, &engine->flusher);
}

/*
 * A system call lies between two sessions, so the next ones are near enough; the connection can
 * only be asked for once its session is there. (Without the attribute gcc 12 takes this for a
 * function that does nothing.)
 */
static inline __attribute__((always_inline)) void fetch_ahead(struct peal_session *const *next)
{
	if (next[1])
		peal_session_prefetch(next[1]);
	if (next[0])
		__builtin_prefetch(next[0]->websocket);
}

static bool flush_dirty(struct peal_flusher *flusher)
{
	struct peal_engine *engine = peal_container(flusher, struct peal_engine, flusher);
	unsigned count = 0;
	while (engine->dirty_first < engine->dirty_end) {
		struct peal_session *session = engine->dirty[engine->dirty_first++];
		if (engine->dirty_first + 2 <= engine->dirty_end)
			fetch_ahead(engine->dirty + engine->dirty_first);
		/* It was closed meanwhile. */
		if (!session)
			continue;
		session->dirty = 0;
		session->transport->flush(session);
		if (++count >= PEAL_LIMIT_FLUSH_SESSIONS ||
		    (count % 32 == 0 && peal_loop_turn_is_long(engine->context->loop)))
			break;
	}
	peal_joined_forget_all(engine->joined, &engine->outbox_pool);
	if (engine->dirty_first < engine->dirty_end)
		return true;
	engine->dirty_first = engine->dirty_end = 0;
	return false;
}

static void on_ping_due(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct peal_engine *engine = peal_container(deadlines, struct peal_engine, ping_due);
	struct peal_session *session = peal_container(deadline, struct peal_session, heartbeat);
	struct peal_loop *loop = engine->context->loop;
	session->awaiting_pong = true;
	session->pong_extended = false;
	/*
	 * The time for the pong counts from the moment the ping was due: two timers that each fire
	 * a moment late must not add up. A ping that is really late (the node was stopped or busy)
	 * gives its client the whole time.
	 */
	uint64_t late_ms = peal_loop_real_ms(loop) - deadline->due_ms;
	uint64_t slack_ms = engine->options.ping_timeout_ms < 5 ? 0 : 5;
	peal_deadline_arm_from(&engine->pong_due, &session->heartbeat,
			       peal_loop_now_ms(loop) - (late_ms < slack_ms ? late_ms : 0));
	if (session->state != PEAL_SESSION_OPEN)
		return;
	/* One for all. Without memory for it the session ends at its deadline. */
	if (!engine->ping_frame)
		engine->ping_frame = peal_frame_new_copy(engine->context->stats, false, "2", 1);
	if (engine->ping_frame)
		(void)peal_session_queue_now(session, engine->ping_frame);
}

static void on_pong_due(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct peal_engine *engine = peal_container(deadlines, struct peal_engine, pong_due);
	struct peal_session *session = peal_container(deadline, struct peal_session, heartbeat);
	engine->context->stats->sessions_closed_ping_timeout++;
	peal_session_close_for(session, "ping timeout", NULL, PEAL_RELEASE_SERVER);
}

static void on_close_grace(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct peal_session *session = peal_container(deadline, struct peal_session, close_grace);
	(void)deadlines;
	peal_session_discard(session);
}

int peal_engine_create(struct peal_engine_context *context,
		       const struct peal_engine_options *options,
		       const struct peal_engine_handlers *handlers, void *userdata,
		       struct peal_engine **ret_engine)
{
	int r = check(options, context->log);
	if (r < 0)
		return r;
	struct peal_engine *engine = calloc(1, sizeof(*engine));
	if (!engine)
		return -ENOMEM;
	engine->context = context;
	engine->options = *options;
	engine->handlers = *handlers;
	engine->userdata = userdata;
	engine->outbox_pool.stats = context->stats;
	peal_list_init(&engine->sessions);
	peal_hash_init(&engine->by_sid);
	engine->flusher.fn = flush_dirty;
	peal_loop_add_flusher(context->loop, &engine->flusher);
	peal_deadlines_init(&engine->ping_due, context->loop, options->ping_interval_ms, true,
			    on_ping_due);
	peal_deadlines_init(&engine->pong_due, context->loop, options->ping_timeout_ms, false,
			    on_pong_due);
	peal_deadlines_init(&engine->close_grace, context->loop, PEAL_LIMIT_CLOSE_GRACE_MS, false,
			    on_close_grace);
	if (!engine->options.outbox_limit)
		engine->options.outbox_limit = (1u << 20) + engine->options.max_http_buffer_size;
	engine->path = strdup(options->path);
	engine->initial_packet = options->initial_packet ? strdup(options->initial_packet) : NULL;
	if (options->sid_prefix)
		strcpy(engine->sid_prefix, options->sid_prefix);
	engine->options.sid_prefix = options->sid_prefix ? engine->sid_prefix : NULL;
	if (!engine->path || (options->initial_packet && !engine->initial_packet)) {
		peal_engine_destroy(engine);
		return -ENOMEM;
	}
	for (size_t i = 0; i < 2; i++)
		snprintf(engine->handshake_ends[i], sizeof(engine->handshake_ends[i]),
			 "\",\"upgrades\":[%s],\"pingInterval\":%u,\"pingTimeout\":%u,"
			 "\"maxPayload\":%zu}",
			 i ? "\"websocket\"" : "", options->ping_interval_ms,
			 options->ping_timeout_ms, options->max_http_buffer_size);
	engine->options.path = engine->path;
	engine->options.initial_packet = engine->initial_packet;
	*ret_engine = engine;
	return 0;
}

void peal_engine_discard_all(struct peal_engine *engine)
{
	peal_list_each (link, &engine->sessions)
		peal_session_discard(peal_container(link, struct peal_session, link));
	peal_frame_unref(engine->ping_frame);
	engine->ping_frame = NULL;
}

void peal_engine_destroy(struct peal_engine *engine)
{
	if (!engine)
		return;
	peal_deadlines_deinit(&engine->ping_due);
	peal_deadlines_deinit(&engine->pong_due);
	peal_deadlines_deinit(&engine->close_grace);
	peal_loop_remove_flusher(&engine->flusher);
	peal_joined_forget_all(engine->joined, &engine->outbox_pool);
	free(engine->dirty);
	peal_hash_deinit(&engine->by_sid);
	peal_frame_unref(engine->ping_frame);
	free(engine->path);
	free(engine->initial_packet);
	free(engine);
}

size_t peal_engine_session_count(const struct peal_engine *engine)
{
	return engine->session_count;
}

struct peal_session *peal_engine_pick(struct peal_engine *engine)
{
	const struct peal_hash *hash = &engine->by_sid;
	/* Each bucket once, from where the last one was found: those before it are empty of open
	 * sessions, unless the table has grown since. */
	for (size_t i = 0; i < hash->bucket_count; i++) {
		size_t bucket = (engine->picked + i) & (hash->bucket_count - 1);
		struct peal_hash_entry *entry = hash->buckets[bucket];
		for (; entry; entry = entry->next) {
			struct peal_session *session =
				peal_container(entry, struct peal_session, by_sid);
			if (session->state != PEAL_SESSION_OPEN)
				continue;
			engine->picked = bucket;
			return session;
		}
	}
	return NULL;
}

struct peal_session *peal_engine_find(const struct peal_engine *engine, const char *sid,
				      size_t length)
{
	struct peal_hash_entry *entry = peal_hash_find(&engine->by_sid, sid, length);
	return entry ? peal_container(entry, struct peal_session, by_sid) : NULL;
}
