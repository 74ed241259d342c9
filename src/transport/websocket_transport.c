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
 * The frames that one write takes: as many as fit into the joined buffer, and at least one. Return:
 * how many.
 */
static size_t choose_run(struct peal_frame *const *frames, size_t count, size_t *ret_bytes)
{
	size_t bytes = peal_frame_wire_length(frames[0]), n = 1;
	while (n < count && bytes + peal_frame_wire_length(frames[n]) <= PEAL_LIMIT_JOIN_BYTES)
		bytes += peal_frame_wire_length(frames[n++]);
	*ret_bytes = bytes;
	return n;
}

/*
 * The joined bytes of a run. Sessions that were sent the same events have the same run, so the
 * buffer made for the session before serves again.
 */
static const char *join(struct peal_engine *engine, struct peal_frame *const *frames, size_t count)
{
	struct peal_joined *joined = &engine->joined;
	if (joined->count == count && !memcmp(joined->frames, frames, count * sizeof(*frames))) {
		engine->context->stats->joins_reused++;
		return joined->bytes;
	}
	peal_joined_forget(joined);
	size_t at = 0;
	for (size_t i = 0; i < count; i++) {
		size_t length = peal_frame_wire_length(frames[i]);
		memcpy(joined->bytes + at, peal_frame_wire(frames[i]), length);
		at += length;
		joined->frames[i] = peal_frame_ref(frames[i]);
	}
	joined->count = count;
	return joined->bytes;
}

static void websocket_flush(struct peal_session *session)
{
	struct peal_engine *engine = session->engine;
	struct peal_frame *frames[PEAL_JOINED_FRAMES];
	while (!peal_outbox_empty(&session->outbox)) {
		size_t bytes;
		if (!peal_websocket_ready(session->websocket))
			return; /* writable() goes on */
		size_t count = peal_outbox_peek(&session->outbox, frames, PEAL_JOINED_FRAMES);
		count = choose_run(frames, count, &bytes);
		const char *wire =
			count == 1 ? peal_frame_wire(frames[0]) : join(engine, frames, count);
		if (!peal_websocket_write(session->websocket, wire, bytes)) {
			peal_session_close_for(session, "transport close", NULL, PEAL_RELEASE_CUT);
			return;
		}
		peal_outbox_pop(&session->outbox, &engine->outbox_pool, count);
	}
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
	peal_joined_forget(&session->engine->joined);
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
