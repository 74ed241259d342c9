/*
 * The WebSocket transport: the flush that writes everything queued for a session in one call, and
 * what comes back.
 */
#include <string.h>

#include "base/limits.h"
#include "transport/transports.h"

static bool websocket_writable(const struct peal_session *session)
{
	return session->websocket && !session->websocket->choked;
}

/*
 * Join as many of @queued frames as fit, from the place @first of the sequence on. Sessions that
 * were sent the same events have the same frames, so what was joined for the session before, for
 * its write with that @number, serves again.
 */
static const struct peal_joined *join(struct peal_engine *engine, struct peal_sequence *sequence,
				      uint32_t first, uint32_t queued, unsigned number)
{
	struct peal_joined *joined = &engine->joined[number % PEAL_JOINED_PLACES];
	struct peal_frame *const *frames = sequence->frames + first;
	if (joined->sequence && joined->queued == queued &&
	    ((joined->sequence == sequence && joined->first == first) ||
	     !memcmp(joined->sequence->frames + joined->first, frames,
		     joined->count * sizeof(*frames)))) {
		engine->outbox_pool.stats->joins_reused++;
		return joined;
	}
	peal_joined_forget(joined, &engine->outbox_pool);
	size_t at = 0;
	uint32_t count = 0;
	while (count < queued) {
		size_t length = peal_frame_wire_length(frames[count]);
		if (at + length > PEAL_LIMIT_JOIN_BYTES)
			break;
		memcpy(joined->bytes + at, peal_frame_wire(frames[count++]), length);
		at += length;
	}
	sequence->references++;
	joined->sequence = sequence;
	joined->first = first;
	joined->queued = queued;
	joined->count = count;
	joined->length = at;
	return joined;
}

/* Write what is queued in as few calls as it fits into. Return: how many frames are written; -1
 * when the connection is broken. */
static int64_t write_several(struct peal_session *session)
{
	struct peal_engine *engine = session->engine;
	struct peal_sequence *sequence = session->outbox.sequence;
	uint32_t first = session->outbox.first, left = session->outbox.count;
	unsigned writes = 0;
	while (left && peal_websocket_ready(session->websocket)) {
		struct peal_frame *frame = sequence->frames[first];
		const char *wire = peal_frame_wire(frame);
		size_t length = peal_frame_wire_length(frame);
		uint32_t count = 1;
		/* One that fills the buffer, or is the last, goes out from where it is. */
		if (left > 1 && length + peal_frame_wire_length(sequence->frames[first + 1]) <=
					PEAL_LIMIT_JOIN_BYTES) {
			const struct peal_joined *joined =
				join(engine, sequence, first, left, writes++);
			wire = joined->bytes;
			length = joined->length;
			count = joined->count;
		}
		if (!peal_websocket_write(session->websocket, wire, length))
			return -1;
		first += count;
		left -= count;
	}
	return session->outbox.count - left;
}

static void broken(struct peal_session *session)
{
	peal_session_close_for(session, "transport close", NULL, PEAL_RELEASE_CUT);
}

/*
 * What is left of a queue stays in a sequence that is its own, and is copied out of one that is
 * shared. So joined bytes that nobody else can use are forgotten first: a slow reader would have
 * its long queue copied at each write.
 */
static void forget_unshared(struct peal_engine *engine, const struct peal_sequence *sequence)
{
	uint32_t places = 0;
	for (size_t i = 0; i < PEAL_JOINED_PLACES; i++)
		places += engine->joined[i].sequence == sequence;
	if (sequence->references > 1 + places)
		return;
	for (size_t i = 0; i < PEAL_JOINED_PLACES; i++)
		if (engine->joined[i].sequence == sequence)
			peal_joined_forget(&engine->joined[i], &engine->outbox_pool);
}

static __attribute__((noinline)) void flush_several(struct peal_session *session)
{
	int64_t written = write_several(session);
	if (written < 0) {
		broken(session);
		return;
	}
	if (written < session->outbox.count)
		forget_unshared(session->engine, session->outbox.sequence);
	peal_outbox_pop(&session->outbox, &session->engine->outbox_pool, (size_t)written);
	if (peal_outbox_empty(&session->outbox) && !session->websocket->choked)
		peal_session_drained(session);
}

static void websocket_flush(struct peal_session *session)
{
	struct peal_outbox *outbox = &session->outbox;
	struct peal_frame *frame = outbox->frame;
	if (outbox->count != 1) {
		flush_several(session);
		return;
	}
	if (!peal_websocket_ready(session->websocket))
		return; /* writable() goes on */
	if (!peal_websocket_write(session->websocket, peal_frame_wire(frame),
				  peal_frame_wire_length(frame))) {
		broken(session);
		return;
	}
	peal_outbox_pop(outbox, &session->engine->outbox_pool, 1);
	if (!session->websocket->choked)
		peal_session_drained(session);
}

static bool websocket_finish(struct peal_session *session)
{
	/* The close frame goes behind what libwebsockets still holds; but only when that has left
	 * is everything flushed. */
	return !session->websocket->choked;
}

void peal_websocket_attach(struct peal_session *session, struct peal_websocket *websocket)
{
	session->websocket = websocket;
	session->engine->context->stats->sessions_websocket++;
}

/* Return: the connection that the session had; NULL when it had none. */
static struct peal_websocket *detach(struct peal_session *session)
{
	struct peal_websocket *websocket = session->websocket;
	if (websocket)
		session->engine->context->stats->sessions_websocket--;
	session->websocket = NULL;
	return websocket;
}

static void websocket_release(struct peal_session *session, enum peal_release how)
{
	struct peal_websocket *websocket = detach(session);
	if (!websocket)
		return;
	if (how == PEAL_RELEASE_CUT)
		peal_websocket_cut(websocket);
	else
		peal_websocket_close(websocket);
}

const struct peal_transport peal_websocket_transport = {
	.name = "websocket",
	.writable = websocket_writable,
	.flush = websocket_flush,
	.finish = websocket_finish,
	.release = websocket_release,
};

static void on_message(struct peal_websocket *websocket, const char *data, size_t length,
		       bool binary)
{
	struct peal_session *session = websocket->context;
	if (binary)
		peal_session_receive_binary(session, data, length);
	else
		peal_session_receive_text(session, data, length);
}

static void on_writable(struct peal_websocket *websocket)
{
	struct peal_session *session = websocket->context;
	if (peal_outbox_empty(&session->outbox))
		peal_session_drained(session);
	else
		websocket_flush(session);
	peal_joined_forget_all(session->engine->joined, &session->engine->outbox_pool);
}

static void on_ended(struct peal_websocket *websocket, enum peal_websocket_end how,
		     const char *description)
{
	struct peal_session *session = websocket->context;
	detach(session);
	peal_session_close_for(session,
			       how == PEAL_WEBSOCKET_CLOSED ? "transport close" : "transport error",
			       description, PEAL_RELEASE_SERVER);
}

const struct peal_websocket_handler peal_websocket_session_handler = { on_message, on_writable,
								       on_ended };
