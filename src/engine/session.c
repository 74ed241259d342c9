/*
 * Sessions: state, packets in, the queue out, closing.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "engine/hold.h"
#include "engine/transport.h"
#include "protocol/packet.h"
#include "protocol/text.h"

static void set_state(struct peal_session *session, enum peal_session_state state)
{
	if (session->state == PEAL_SESSION_OPEN)
		session->engine->context->open_count--;
	session->state = (uint8_t)state;
}

/* --- opening ------------------------------------------------------------------------------- */

/* Return: 0; -ENOMEM; -EEXIST when the application's generator fails or makes no usable id. */
static int make_sid(struct peal_engine *engine, const struct peal_request *request,
		    char ret_sid[64])
{
	if (!engine->options.generate_id) {
		/* The dot ends the prefix: no generated id and no prefix has one, so that a
		 * balancer cannot mistake "n1" for "n10". */
		size_t length = 0;
		if (engine->options.sid_prefix) {
			length = strlen(engine->options.sid_prefix);
			memcpy(ret_sid, engine->options.sid_prefix, length);
			ret_sid[length++] = '.';
		}
		peal_id_generate(&engine->ids, ret_sid + length);
		return 0;
	}
	ret_sid[0] = '\0';
	if (engine->options.generate_id(request, ret_sid, engine->options.userdata) < 0)
		return -EEXIST;
	ret_sid[63] = '\0';
	size_t length = strlen(ret_sid);
	if (!length ||
	    ret_sid[strspn(ret_sid,
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")] ||
	    peal_engine_find(engine, ret_sid, length))
		return -EEXIST;
	return 0;
}

static int queue_handshake(struct peal_session *session, bool upgradable)
{
	const struct peal_engine *engine = session->engine;
	struct peal_stats *stats = engine->context->stats;
	static const char begin[] = "0{\"sid\":\"";
	const char *end = engine->handshake_ends[upgradable];
	size_t begin_length = sizeof(begin) - 1, sid_length = session->by_sid.key_length;
	size_t end_length = strlen(end);
	struct peal_frame *frame =
		peal_frame_new(stats, false, begin_length + sid_length + end_length);
	if (!frame)
		return -ENOMEM;
	char *text = peal_frame_payload(frame);
	memcpy(text, begin, begin_length);
	memcpy(text + begin_length, session->sid, sid_length);
	memcpy(text + begin_length + sid_length, end, end_length);
	peal_frame_seal(frame);
	session->handshake_frames = 1;
	if (engine->initial_packet) {
		size_t size = strlen(engine->initial_packet);
		frame->next = peal_frame_new(stats, false, size + 1);
		if (frame->next) {
			peal_frame_payload(frame->next)[0] = '4';
			memcpy(peal_frame_payload(frame->next) + 1, engine->initial_packet, size);
			peal_frame_seal(frame->next);
			session->handshake_frames = 2;
		}
	}
	int r = peal_session_queue(session, frame);
	peal_frame_unref(frame);
	return r;
}

static void session_free(struct peal_session *session)
{
	free(session->request);
	free(session);
}

int peal_session_create(struct peal_engine *engine, const struct peal_transport *transport,
			struct peal_request *request, bool base64, bool upgradable,
			struct peal_session **ret_session)
{
	char sid[64];
	int r = make_sid(engine, request, sid);
	if (r < 0) {
		free(request);
		return r;
	}
	if (engine->context->draining) {
		/* The generator has closed the node. */
		free(request);
		return -ESHUTDOWN;
	}
	r = peal_engine_reserve_dirty(engine);
	if (r < 0) {
		free(request);
		return r;
	}
	size_t length = strlen(sid);
	struct peal_session *session = calloc(1, sizeof(*session) + length + 1);
	if (!session) {
		free(request);
		return -ENOMEM;
	}
	session->engine = engine;
	session->transport = transport;
	session->request = request;
	session->base64 = base64;
	memcpy(session->sid, sid, length + 1);
	session->by_sid.key = session->sid;
	session->by_sid.key_length = (uint32_t)length;
	r = peal_addresses_enter(&engine->context->addresses, request->address);
	if (r < 0) {
		session_free(session);
		return r;
	}
	r = peal_hash_insert(&engine->by_sid, &session->by_sid);
	if (r < 0) {
		peal_addresses_leave(&engine->context->addresses, request->address);
		session_free(session);
		return r;
	}
	peal_list_append(&engine->sessions, &session->link);
	engine->session_count++;
	engine->context->session_count++;
	engine->context->open_count++;
	engine->context->stats->sessions++;
	engine->context->stats->sessions_opened++;
	/* The clock starts before the handshake leaves: clients count from its arrival. */
	peal_deadline_arm(&engine->ping_due, &session->heartbeat);
	r = queue_handshake(session, upgradable);
	if (r < 0) {
		/* Nobody has heard of it yet. */
		session->handshake_frames = 0;
		peal_session_close_for(session, "transport error", "out of memory",
				       PEAL_RELEASE_CUT);
		return -ENOMEM;
	}
	*ret_session = session;
	return 0;
}

void peal_session_opened(struct peal_session *session)
{
	struct peal_engine *engine = session->engine;
	peal_loop_run_tasks(engine->context->loop);
	/* What was told first may have ended it; then nobody ever hears of it. */
	if (session->state == PEAL_SESSION_CLOSED)
		return;
	session->opened = true;
	if (engine->handlers.connection)
		engine->handlers.connection(session, engine->userdata);
}

/* --- closing ------------------------------------------------------------------------------- */

static void reap(struct peal_task *task)
{
	session_free(peal_container(task, struct peal_session, task));
}

static void report_close(struct peal_task *task)
{
	struct peal_session *session = peal_container(task, struct peal_session, task);
	struct peal_engine *engine = session->engine;
	if (engine->handlers.close && session->opened)
		engine->handlers.close(session, session->close_reason, session->close_description,
				       engine->userdata);
	peal_addresses_leave(&engine->context->addresses, session->request->address);
	engine->context->session_count--;
	engine->session_count--;
	engine->context->stats->sessions--;
	peal_list_unlink(&session->link);
	/* Somebody up the stack may be working on it: this may run from within its own input. */
	session->task.fn = reap;
	peal_loop_reap(engine->context->loop, &session->task);
}

void peal_session_close_for(struct peal_session *session, const char *reason,
			    const char *description, enum peal_release how)
{
	struct peal_engine *engine = session->engine;
	if (session->state == PEAL_SESSION_CLOSED)
		return;
	set_state(session, PEAL_SESSION_CLOSED);
	session->close_reason = reason;
	session->close_description = description;
	peal_hash_remove(&engine->by_sid, &session->by_sid);
	if (session->dirty)
		engine->dirty[session->dirty - 1] = NULL;
	session->dirty = 0;
	peal_deadline_disarm(&session->heartbeat);
	peal_deadline_disarm(&session->close_grace);
	session->transport->release(session, how);
	engine->context->stats->frames_dropped += session->outbox.count + peal_held_count(session);
	peal_held_drop(session);
	peal_outbox_clear(&session->outbox, &engine->outbox_pool);
	session->task.fn = report_close;
	peal_loop_defer(engine->context->loop, &session->task);
}

void peal_session_discard(struct peal_session *session)
{
	peal_session_close_for(session, "forced close", NULL, PEAL_RELEASE_SERVER);
}

/* Everything queued has left: end the connection, or wait until that can be done. Return: true when
 * closed. */
static bool finish(struct peal_session *session)
{
	if (session->transport->finish(session)) {
		peal_session_discard(session);
		return true;
	}
	if (!peal_deadline_armed(&session->close_grace))
		peal_deadline_arm(&session->engine->close_grace, &session->close_grace);
	return false;
}

bool peal_session_shutdown(struct peal_session *session)
{
	if (session->state != PEAL_SESSION_OPEN)
		return session->state == PEAL_SESSION_CLOSED;
	set_state(session, PEAL_SESSION_CLOSING);
	if (!peal_held_count(session)) {
		/* Nothing more is queued that could wait. */
		peal_held_drop(session);
		if (peal_outbox_empty(&session->outbox))
			return finish(session);
	}
	peal_deadline_arm(&session->engine->close_grace, &session->close_grace);
	peal_session_mark_dirty(session);
	return false;
}

void peal_session_tell_drained(struct peal_session *session)
{
	/* Then the rest follows when the barrier is reached. */
	if (peal_held_count(session))
		return;
	if (session->state == PEAL_SESSION_CLOSING)
		finish(session);
	else if (session->engine->handlers.drain)
		session->engine->handlers.drain(session, session->engine->userdata);
}

/* --- packets out --------------------------------------------------------------------------- */

struct peal_frame *peal_session_base64_of(struct peal_frame *frame)
{
	if (!frame->base64) {
		size_t length = 1 + PEAL_BASE64_LENGTH((size_t)frame->length);
		struct peal_frame *text = peal_frame_new(frame->stats, false, length);
		if (!text)
			return NULL;
		peal_frame_payload(text)[0] = 'b';
		peal_base64_encode(peal_frame_payload(frame), frame->length,
				   peal_frame_payload(text) + 1);
		peal_frame_seal(text);
		text->no_compress = frame->no_compress;
		frame->base64 = text;
	}
	return frame->base64;
}

static void close_over_limit(struct peal_session *session, size_t bytes)
{
	struct peal_engine *engine = session->engine;
	engine->context->stats->sessions_closed_outbox++;
	peal_log(engine->context->log, PEAL_LOG_INFO, "outbox limit exceeded",
		 PEAL_FIELD_TEXT("address", session->request->address),
		 PEAL_FIELD_INT("bytes", bytes));
	peal_session_close_for(session, "transport error", "outbox limit exceeded",
			       PEAL_RELEASE_CUT);
}

static void close_without_memory(struct peal_session *session)
{
	peal_session_close_for(session, "transport error", "out of memory", PEAL_RELEASE_CUT);
}

/*
 * Queue a run behind the barrier with @hold, else in the outbox. A @simple one is one frame of text
 * for a session that holds nothing: that is what most broadcasts do for each session, and the
 * compiler makes a short piece of it.
 */
static inline __attribute__((always_inline)) int queue(struct peal_session *session,
						       struct peal_frame *run, bool hold,
						       bool simple)
{
	struct peal_engine *engine = session->engine;
	struct peal_outbox *outbox = &session->outbox;
	if (session->state != PEAL_SESSION_OPEN)
		return -EPIPE;
	for (struct peal_frame *frame = run; frame; frame = simple ? NULL : frame->next) {
		struct peal_frame *form = frame;
		if (!simple && frame->binary && session->base64)
			form = peal_session_base64_of(frame);
		int r = -ENOMEM;
		if (form)
			r = hold ? peal_held_push(session, form)
				 : peal_outbox_push(outbox, &engine->outbox_pool, form);
		if (r < 0) {
			close_without_memory(session);
			return -EPIPE;
		}
		engine->outbox_pool.stats->frames_queued++;
	}
	size_t bytes = outbox->bytes, count = outbox->count;
	if (!simple && session->held) {
		bytes += peal_held_bytes(session);
		count += peal_held_count(session);
	}
	if (bytes + count * PEAL_LIMIT_OUTBOX_FRAME_BYTES > engine->options.outbox_limit) {
		close_over_limit(session, bytes);
		return -EPIPE;
	}
	if (!hold) {
		peal_session_mark_dirty(session);
		return 0;
	}
	peal_held_settle(session);
	return session->state == PEAL_SESSION_OPEN ? 0 : -EPIPE;
}

int peal_session_queue(struct peal_session *session, struct peal_frame *run)
{
	if (session->held)
		return queue(session, run, true, false);
	return queue(session, run, false, false);
}

/* So many sessions ahead the lines of one are fetched: memory takes as long as a few of them. */
#define AHEAD 8

size_t peal_sessions_queue(struct peal_session *const *sessions, size_t count,
			   struct peal_frame *run)
{
	bool text = !run->binary && !run->next;
	size_t queued = 0;
	for (size_t i = 0; i < count; i++) {
		struct peal_session *session = sessions[i];
		if (i + AHEAD < count)
			peal_session_prefetch(sessions[i + AHEAD]);
		if (text && !session->held)
			queued += !queue(session, run, false, true);
		else
			queued += !peal_session_queue(session, run);
	}
	return queued;
}

int peal_session_queue_now(struct peal_session *session, struct peal_frame *run)
{
	return queue(session, run, false, false);
}

int peal_session_send(struct peal_session *session, const void *data, size_t length, bool binary)
{
	if (session->state != PEAL_SESSION_OPEN)
		return -EPIPE;
	if (length > PEAL_LIMIT_FRAME_BYTES || (!binary && !peal_utf8_valid(data, length)))
		return -EINVAL;
	struct peal_frame *frame =
		peal_frame_new(session->engine->context->stats, binary, length + !binary);
	if (!frame)
		return -ENOMEM;
	if (!binary)
		peal_frame_payload(frame)[0] = '4';
	if (length)
		memcpy(peal_frame_payload(frame) + !binary, data, length);
	peal_frame_seal(frame);
	int r = peal_session_queue(session, frame);
	peal_frame_unref(frame);
	return r;
}

bool peal_session_writable(const struct peal_session *session)
{
	return session->state == PEAL_SESSION_OPEN && !session->held &&
	       peal_outbox_empty(&session->outbox) && session->transport->writable(session);
}

/* --- packets in ---------------------------------------------------------------------------- */

/* A valid packet came while a pong is awaited: put its deadline off, once per ping. */
static void extend(struct peal_session *session)
{
	if (!session->awaiting_pong || session->pong_extended)
		return;
	session->pong_extended = true;
	peal_deadline_arm(&session->engine->pong_due, &session->heartbeat);
}

void peal_session_parse_error(struct peal_session *session)
{
	session->engine->context->stats->sessions_closed_parse_error++;
	peal_session_close_for(session, "parse error", NULL, PEAL_RELEASE_SERVER);
}

static void deliver(struct peal_session *session, const void *data, size_t length, bool binary)
{
	struct peal_engine *engine = session->engine;
	engine->context->stats->messages_received++;
	engine->context->stats->bytes_received += length;
	if (!engine->handlers.message)
		return;
	peal_loop_run_tasks(engine->context->loop);
	if (session->state == PEAL_SESSION_OPEN)
		engine->handlers.message(session, data, length, binary, engine->userdata);
}

void peal_session_receive_binary(struct peal_session *session, const void *data, size_t length)
{
	if (session->state != PEAL_SESSION_OPEN)
		return;
	extend(session);
	deliver(session, data, length, true);
}

static void receive_base64(struct peal_session *session, const struct peal_engine_packet *packet)
{
	unsigned char *bytes = malloc(packet->length / 4 * 3 + 4);
	if (!bytes) {
		peal_session_close_for(session, "transport error", "out of memory",
				       PEAL_RELEASE_SERVER);
		return;
	}
	size_t length = peal_base64_decode(packet->data, packet->length, bytes);
	deliver(session, bytes, length, true);
	free(bytes);
}

void peal_session_receive_text(struct peal_session *session, const char *text, size_t length)
{
	struct peal_engine_packet packet;
	if (session->state != PEAL_SESSION_OPEN)
		return;
	if (!peal_engine_packet_decode(text, length, &packet)) {
		peal_session_parse_error(session);
		return;
	}
	switch (packet.type) {
	case PEAL_ENGINE_PONG:
		session->awaiting_pong = false;
		peal_deadline_arm(&session->engine->ping_due, &session->heartbeat);
		return;
	case PEAL_ENGINE_MESSAGE:
		extend(session);
		if (packet.base64)
			receive_base64(session, &packet);
		else
			deliver(session, packet.data, packet.length, false);
		return;
	case PEAL_ENGINE_CLOSE:
		peal_session_close_for(session, "transport close", NULL, PEAL_RELEASE_CLIENT);
		return;
	case PEAL_ENGINE_PING:
		peal_session_close_for(session, "transport error", "invalid heartbeat direction",
				       PEAL_RELEASE_SERVER);
		return;
	case PEAL_ENGINE_OPEN:
	case PEAL_ENGINE_UPGRADE:
	case PEAL_ENGINE_NOOP:
		extend(session);
		return;
	}
}

/* --- for applications ---------------------------------------------------------------------- */

bool peal_session_open(const struct peal_session *session)
{
	return session->state == PEAL_SESSION_OPEN;
}

void peal_session_close(struct peal_session *session)
{
	peal_session_shutdown(session);
}

const char *peal_session_sid(const struct peal_session *session)
{
	return session->sid;
}

const char *peal_session_transport(const struct peal_session *session)
{
	return session->transport->name;
}

const struct peal_request *peal_session_request(const struct peal_session *session)
{
	return session->request;
}

size_t peal_session_queued_bytes(const struct peal_session *session)
{
	return session->outbox.bytes + peal_held_bytes(session);
}

void peal_session_set_userdata(struct peal_session *session, void *userdata)
{
	session->userdata = userdata;
}

void *peal_session_userdata(const struct peal_session *session)
{
	return session->userdata;
}
