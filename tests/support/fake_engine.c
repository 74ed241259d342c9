#include "tests/support/fake_engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/server.h"

/* Sessions are freed at the end of the test, so that a test may look at one that has closed. */
static struct peal_list all;

static const struct peal_header headers[] = {
	{ "Host", "localhost:3000" },
	{ "X-Custom", "one" },
	{ "x-custom", "two" },
};

struct peal_session *fake_session_open(struct peal_loop *loop, void *server)
{
	struct peal_session *session = calloc(1, sizeof(*session));
	if (!session)
		abort();
	if (!all.next)
		peal_list_init(&all);
	peal_list_append(&all, &session->link);
	session->loop = loop;
	session->server = server;
	session->sent = PEAL_BUFFER(64u << 20);
	session->request = (struct peal_request){
		.method = "GET",
		.url = "/socket.io/?EIO=4&transport=websocket&a=1&a=2&key%20=caf%C3%A9",
		.query = "EIO=4&transport=websocket&a=1&a=2&key%20=caf%C3%A9",
		.address = "127.0.0.1",
		.issued_ms = 1700000000123,
		.headers = headers,
		.header_count = 3,
	};
	peal_server_engine_handlers.connection(session, server);
	return session;
}

void fake_session_say(struct peal_session *session, const char *text)
{
	peal_loop_run_tasks(session->loop);
	if (session->state == FAKE_OPEN)
		peal_server_engine_handlers.message(session, text + 1, strlen(text + 1), false,
						    session->server);
}

void fake_session_say_bytes(struct peal_session *session, const void *bytes, size_t length)
{
	peal_loop_run_tasks(session->loop);
	if (session->state == FAKE_OPEN)
		peal_server_engine_handlers.message(session, bytes, length, true, session->server);
}

const char *fake_session_heard(struct peal_session *session)
{
	static char *texts;
	free(texts);
	texts = strdup(session->sent.bytes && session->sent.length ? session->sent.bytes : "");
	peal_buffer_clear(&session->sent);
	return texts;
}

void fake_session_flush(struct peal_session *session)
{
	session->busy = false;
}

static void report_close(struct peal_task *task)
{
	struct peal_session *session = peal_container(task, struct peal_session, task);
	peal_server_engine_handlers.close(session, session->reason, session->description,
					  session->server);
}

void fake_session_close(struct peal_session *session, const char *reason, const char *description)
{
	if (session->state == FAKE_CLOSED)
		return;
	session->state = FAKE_CLOSED;
	session->reason = reason;
	session->description = description;
	session->task.fn = report_close;
	peal_loop_defer(session->loop, &session->task);
}

void fake_sessions_discard_of(const struct peal_loop *loop)
{
	if (!all.next)
		return;
	peal_list_each (link, &all) {
		struct peal_session *session = peal_container(link, struct peal_session, link);
		if (!loop || session->loop == loop)
			peal_session_discard(session);
	}
}

void fake_sessions_discard(void)
{
	fake_sessions_discard_of(NULL);
}

size_t fake_sessions_free(void)
{
	size_t open = 0;
	struct peal_list *link;
	while (all.next && (link = peal_list_take(&all))) {
		struct peal_session *session = peal_container(link, struct peal_session, link);
		open += session->state != FAKE_CLOSED;
		peal_frame_unref(session->last);
		peal_buffer_deinit(&session->sent);
		free(session);
	}
	return open;
}

/* --- session.h and the accessors of <peal/engine.h> --------------------------------------------
 */

int peal_session_queue(struct peal_session *session, struct peal_frame *run)
{
	if (session->state != FAKE_OPEN)
		return -EPIPE;
	if (session->full) {
		fake_session_close(session, "transport error", "outbox limit exceeded");
		return -EPIPE;
	}
	for (struct peal_frame *frame = run; frame; frame = frame->next) {
		const char *payload = peal_frame_payload(frame);
		session->units++;
		if (frame->binary) {
			peal_buffer_append_char(&session->sent, '<');
			for (uint32_t i = 0; i < frame->length; i++)
				peal_buffer_append_format(&session->sent, "%02x",
							  (unsigned char)payload[i]);
			peal_buffer_append_char(&session->sent, '>');
		} else {
			peal_buffer_append(&session->sent, payload, frame->length);
		}
		peal_buffer_append_char(&session->sent, '|');
	}
	peal_frame_unref(session->last);
	session->last = peal_frame_ref(run);
	if (session->flushes)
		session->busy = true;
	return 0;
}

size_t peal_sessions_queue(struct peal_session *const *sessions, size_t count,
			   struct peal_frame *run)
{
	size_t queued = 0;
	for (size_t i = 0; i < count; i++)
		queued += !peal_session_queue(sessions[i], run);
	return queued;
}

void peal_session_hold(struct peal_session *session, uint64_t number)
{
	if (session->state == FAKE_OPEN)
		peal_buffer_append_format(&session->sent, "hold %u|", (unsigned)number);
}

bool peal_session_writable(const struct peal_session *session)
{
	return session->state == FAKE_OPEN && !session->busy;
}

bool peal_session_open(const struct peal_session *session)
{
	return session->state == FAKE_OPEN;
}

bool peal_session_shutdown(struct peal_session *session)
{
	if (session->state != FAKE_OPEN)
		return session->state == FAKE_CLOSED;
	session->state = FAKE_CLOSING;
	if (!session->cannot_close)
		fake_session_close(session, "forced close", NULL);
	return session->state == FAKE_CLOSED;
}

void peal_session_discard(struct peal_session *session)
{
	session->discarded |= session->state != FAKE_CLOSED;
	fake_session_close(session, "forced close", NULL);
}

const struct peal_request *peal_session_request(const struct peal_session *session)
{
	return &session->request;
}

void peal_session_set_userdata(struct peal_session *session, void *userdata)
{
	session->userdata = userdata;
}

void *peal_session_userdata(const struct peal_session *session)
{
	return session->userdata;
}
