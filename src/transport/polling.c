/*
 * HTTP long-polling: one parked GET at most, one POST at a time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "protocol/packet.h"
#include "protocol/text.h"
#include "transport/transports.h"

#define POLL_CONTENT_TYPE "text/plain; charset=UTF-8"

static void add_headers(struct peal_http_request *request)
{
	const char *agent = peal_request_header(peal_http_request_request(request), "user-agent");
	if (agent && (strstr(agent, ";MSIE") || strstr(agent, "Trident/")))
		peal_http_request_add_header(request, "X-XSS-Protection", "0");
	peal_http_request_add_header(request, "cache-control", "no-store");
}

static void respond_text(struct peal_http_request *request, const void *body, size_t length,
			 const char *content_type)
{
	add_headers(request);
	peal_http_request_respond(request, 200, content_type, body, length, false);
}

/* Answer the parked GET with a payload of its own. */
static void respond_get(struct peal_session *session, const char *body, size_t length,
			bool compress)
{
	const struct peal_engine_options *options = &session->engine->options;
	struct peal_http_request *request = session->parked_get;
	session->parked_get = NULL;
	if (compress && options->http_compression &&
	    length >= options->http_compression_threshold) {
		const char *encoding = peal_compress_choose(
			peal_request_header(peal_http_request_request(request), "accept-encoding"));
		void *compressed;
		size_t compressed_length;
		if (encoding &&
		    peal_compress(encoding, body, length, &compressed, &compressed_length) == 0) {
			peal_http_request_add_header(request, "Content-Encoding", encoding);
			add_headers(request);
			session->engine->context->stats->bytes_polled += compressed_length;
			peal_http_request_respond_chunked(request, 200, POLL_CONTENT_TYPE,
							  compressed, compressed_length);
			free(compressed);
			return;
		}
	}
	session->engine->context->stats->bytes_polled += length;
	respond_text(request, body, length, POLL_CONTENT_TYPE);
}

static bool polling_writable(const struct peal_session *session)
{
	return session->parked_get != NULL;
}

static void polling_flush(struct peal_session *session)
{
	struct peal_front *front = peal_front_of(session);
	struct peal_outbox *outbox = &session->outbox;
	bool compress = false;
	if (!session->parked_get || peal_outbox_empty(outbox))
		return;
	size_t left = outbox->count;
	/* The handshake leaves alone: clients expect one packet there. */
	if (session->handshake_frames)
		left = session->handshake_frames;
	session->handshake_frames = 0;
	peal_buffer_clear(&front->scratch);
	struct peal_frame *const *frames = peal_outbox_frames(outbox);
	for (size_t i = 0; i < left; i++) {
		struct peal_frame *frame = frames[i];
		if (frame->binary)
			frame = peal_session_base64_of(frame);
		if (!frame) {
			front->scratch.error = -ENOMEM;
			break;
		}
		if (front->scratch.length)
			peal_buffer_append_char(&front->scratch, '\x1e');
		peal_buffer_append(&front->scratch, peal_frame_payload(frame), frame->length);
		compress |= !frame->no_compress;
	}
	peal_outbox_pop(outbox, &session->engine->outbox_pool, left);
	if (peal_buffer_error(&front->scratch)) {
		peal_session_close_for(session, "transport error", "out of memory",
				       PEAL_RELEASE_SERVER);
		return;
	}
	session->engine->context->stats->poll_responses++;
	respond_get(session, front->scratch.bytes, front->scratch.length, compress);
	if (front->scratch.capacity > PEAL_LIMIT_JOIN_BYTES)
		peal_buffer_deinit(&front->scratch);
	if (peal_outbox_empty(outbox))
		peal_session_drained(session);
}

static bool polling_finish(struct peal_session *session)
{
	if (session->parked_get)
		return true; /* release() answers it with `1` */
	session->finish_waits = true;
	return false;
}

static void polling_release(struct peal_session *session, enum peal_release how)
{
	if (session->candidate)
		peal_upgrade_abandon(session);
	if (session->receiving_post) {
		/* Its body will not be read; what was sent so far goes with the connection. */
		struct peal_http_request *post = session->receiving_post;
		session->receiving_post = NULL;
		peal_http_request_set_userdata(post, NULL);
		peal_http_request_drop(post);
	}
	if (!session->parked_get)
		return;
	peal_http_request_set_userdata(session->parked_get, NULL);
	if (how == PEAL_RELEASE_CUT) {
		struct peal_http_request *get = session->parked_get;
		session->parked_get = NULL;
		peal_http_request_drop(get);
		return;
	}
	respond_get(session, how == PEAL_RELEASE_CLIENT ? "6" : "1", 1, false);
}

const struct peal_transport peal_polling_transport = {
	.name = "polling",
	.writable = polling_writable,
	.flush = polling_flush,
	.finish = polling_finish,
	.release = polling_release,
};

/* --- requests ------------------------------------------------------------------------------ */

static void refuse_and_close(struct peal_session *session, struct peal_http_request *request,
			     const char *description)
{
	peal_http_request_respond(request, 400, NULL, NULL, 0, false);
	peal_session_close_for(session, "transport error", description, PEAL_RELEASE_SERVER);
}

void peal_polling_get(struct peal_front *front, struct peal_session *session,
		      struct peal_http_request *request)
{
	if (session->parked_get) {
		refuse_and_close(session, request, "overlap from client");
		return;
	}
	peal_front_headers(front, request, false);
	if (session->state == PEAL_SESSION_CLOSED) {
		/* The hook has closed it: what a parked one would have got. */
		respond_text(request, "1", 1, POLL_CONTENT_TYPE);
		return;
	}
	if (session->finish_waits && peal_outbox_empty(&session->outbox)) {
		/* The end of an orderly close. */
		respond_text(request,
			     "6\x1e"
			     "1",
			     3, POLL_CONTENT_TYPE);
		peal_session_discard(session);
		return;
	}
	session->parked_get = request;
	peal_http_request_set_userdata(request, session);
	if (!peal_outbox_empty(&session->outbox))
		peal_session_mark_dirty(session);
	else if (session->probed)
		peal_polling_release_get(session);
}

void peal_polling_release_get(struct peal_session *session)
{
	if (!session->parked_get)
		return;
	if (!peal_outbox_empty(&session->outbox)) {
		/* Data does it as well. */
		polling_flush(session);
		return;
	}
	peal_http_request_set_userdata(session->parked_get, NULL);
	respond_get(session, "6", 1, false);
}

void peal_polling_post(struct peal_front *front, struct peal_session *session,
		       struct peal_http_request *request)
{
	const char *type = peal_request_header(peal_http_request_request(request), "content-type");
	(void)front;
	if (session->receiving_post) {
		refuse_and_close(session, request, "data request overlap from client");
		return;
	}
	if (type && !strcmp(type, "application/octet-stream")) {
		refuse_and_close(session, request, "invalid content");
		return;
	}
	session->receiving_post = request;
	peal_http_request_set_userdata(request, session);
	peal_http_request_read_body(request, session->engine->options.max_http_buffer_size);
}

void peal_polling_body(struct peal_http_request *request, const char *body, size_t length)
{
	struct peal_session *session = peal_http_request_userdata(request);
	struct peal_front *front = peal_front_of(session);
	size_t offset = 0, unit_length;
	const char *unit;
	session->receiving_post = NULL;
	peal_http_request_set_userdata(request, NULL);
	while (session->state == PEAL_SESSION_OPEN &&
	       session->transport == &peal_polling_transport &&
	       peal_payload_next(body, length, &offset, &unit, &unit_length)) {
		if (!peal_utf8_valid(unit, unit_length))
			peal_session_parse_error(session);
		else
			peal_session_receive_text(session, unit, unit_length);
	}
	peal_front_headers(front, request, false);
	respond_text(request, "ok", 2, "text/html");
}

void peal_polling_abort(struct peal_http_request *request, enum peal_http_abort why)
{
	struct peal_session *session = peal_http_request_userdata(request);
	if (!session)
		return;
	if (session->parked_get == request) {
		session->parked_get = NULL;
		peal_session_close_for(session, "transport error",
				       "poll connection closed prematurely", PEAL_RELEASE_SERVER);
		return;
	}
	session->receiving_post = NULL;
	/* 413 concerns the HTTP connection only. */
	if (why != PEAL_HTTP_ABORT_TOO_LARGE)
		peal_session_close_for(session, "transport error",
				       "data request connection closed prematurely",
				       PEAL_RELEASE_SERVER);
}
