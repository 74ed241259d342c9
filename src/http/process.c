/*
 * What a connection does with its input: heads become requests, bodies are collected or thrown
 * away, and after each answer the next request gets its turn, never before.
 */
#include <string.h>

#include "http/private.h"

static void throw_input_away(struct peal_http_connection *connection)
{
	peal_buffer_deinit(&connection->input);
	connection->input_used = 0;
}

/* The answer is out, or on its way. Return: true when the input may hold a next request. */
static bool settle(struct peal_http_connection *connection)
{
	bool ended = peal_http_body_ended(&connection->body);
	if (connection->broken) {
		peal_http_connection_close(connection);
		return false;
	}
	if (peal_http_output_pending(connection))
		return false;
	if (connection->close_after || connection->server->closing) {
		bool silent = ended && !connection->linger &&
			      peal_http_connection_unread(connection) == 0;
		if (connection->eof || silent) {
			peal_http_connection_close(connection);
			return false;
		}
		shutdown(connection->fd, SHUT_WR);
		throw_input_away(connection);
		peal_http_connection_enter(connection, PEAL_HTTP_LINGER);
		return false;
	}
	if (!ended) {
		if (connection->eof)
			peal_http_connection_close(connection);
		return false;
	}
	peal_http_connection_enter(connection, PEAL_HTTP_HEAD);
	return peal_http_connection_unread(connection) > 0 || connection->eof;
}

void peal_http_connection_answered(struct peal_http_connection *connection)
{
	peal_http_connection_enter(connection, PEAL_HTTP_ANSWERED);
	if (connection->processing)
		return;
	if (!peal_http_body_ended(&connection->body) || settle(connection))
		peal_http_connection_ready(connection);
	peal_http_connection_watch(connection);
}

void peal_http_connection_want_body(struct peal_http_connection *connection)
{
	peal_http_connection_enter(connection, PEAL_HTTP_BODY);
	peal_http_connection_ready(connection);
}

/* Return: true when the state changed. */
static bool take_head(struct peal_http_connection *connection)
{
	struct peal_http_scan *scan = &connection->scan;
	unsigned status = 400;
	/* Empty lines in front of a request, which old clients put behind the one before. */
	while (!scan->offset && peal_http_connection_unread(connection) >= 2 &&
	       memcmp(peal_http_connection_bytes(connection), "\r\n", 2) == 0)
		connection->input_used += 2;
	size_t length = peal_http_connection_unread(connection);
	if (connection->broken) {
		peal_http_connection_close(connection);
		return false;
	}
	int found = peal_http_scan(scan, peal_http_connection_bytes(connection), length);
	if (found == PEAL_HTTP_SCAN_MORE && length <= PEAL_LIMIT_HTTP_HEAD_BYTES) {
		if (connection->eof)
			peal_http_connection_close(connection);
		return false;
	}
	if (found == PEAL_HTTP_SCAN_MORE || scan->offset > PEAL_LIMIT_HTTP_HEAD_BYTES) {
		status = scan->lines ? 431 : 414;
	} else if (found == PEAL_HTTP_SCAN_HEAD) {
		connection->request =
			peal_http_request_new(connection, peal_http_connection_bytes(connection),
					      scan->offset, scan->lines, &status);
		connection->input_used += scan->offset;
	}
	if (!connection->request) {
		peal_http_refuse(connection, status);
		return true;
	}
	connection->server->stats->http_requests++;
	connection->close_after = connection->linger = false;
	peal_http_connection_enter(connection, PEAL_HTTP_ASKED);
	peal_http_dispatch(connection->request);
	return true;
}

/* The body cannot be had: answer in the handler's place, and tell it. */
static void refuse_body(struct peal_http_connection *connection, unsigned status,
			enum peal_http_abort why)
{
	struct peal_http_request *request = connection->request;
	connection->server->stats->http_bad_requests++;
	connection->linger = true;
	peal_http_request_respond(request, status, NULL, NULL, 0, true);
	request->handler->on_abort(request, why, request->context);
}

static void say_continue(struct peal_http_connection *connection)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec piece = { (void *)text, sizeof(text) - 1 };
	connection->request->expects_continue = false;
	/* Who has begun to send does not wait for it. */
	if (!peal_http_body_ended(&connection->body) &&
	    peal_http_connection_unread(connection) == 0)
		peal_http_output_write(connection, &piece, 1);
}

static bool take_body(struct peal_http_connection *connection)
{
	struct peal_http_request *request = connection->request;
	if (request->content_length > request->max_body) {
		refuse_body(connection, 413, PEAL_HTTP_ABORT_TOO_LARGE);
		return true;
	}
	if (request->expects_continue)
		say_continue(connection);
	for (;;) {
		size_t used, length;
		const char *data;
		int step = peal_http_body_step(
			&connection->body, peal_http_connection_bytes(connection),
			peal_http_connection_unread(connection), &used, &data, &length);
		if (used)
			peal_deadline_arm(&connection->server->body_idles, &connection->deadline);
		connection->input_used += used;
		switch (step) {
		case PEAL_HTTP_BODY_DATA:
			peal_buffer_append(&request->body, data, length);
			if (!peal_buffer_error(&request->body))
				break;
			if (peal_buffer_error(&request->body) == -EMSGSIZE)
				refuse_body(connection, 413, PEAL_HTTP_ABORT_TOO_LARGE);
			else
				refuse_body(connection, 503, PEAL_HTTP_ABORT_CLOSED);
			return true;
		case PEAL_HTTP_BODY_BAD:
			refuse_body(connection, 400, PEAL_HTTP_ABORT_BAD_BODY);
			return true;
		case PEAL_HTTP_BODY_END:
			peal_http_connection_enter(connection, PEAL_HTTP_ASKED);
			request->handler->on_body(request,
						  request->body.bytes ? request->body.bytes : "",
						  request->body.length, request->context);
			return true;
		default:
			if (connection->eof || connection->broken)
				peal_http_connection_abort(connection, PEAL_HTTP_ABORT_CLOSED);
			return false;
		}
	}
}

/* An answered request whose body nobody wants; behind a last answer, everything. */
static void discard_body(struct peal_http_connection *connection)
{
	if (connection->close_after && peal_http_connection_unread(connection)) {
		connection->linger = true;
		connection->discarded += peal_http_connection_unread(connection);
		throw_input_away(connection);
		if (connection->discarded > PEAL_LIMIT_HTTP_LINGER_BYTES)
			connection->broken = true;
	}
	while (!connection->close_after && !peal_http_body_ended(&connection->body)) {
		size_t used, length;
		const char *data;
		int step = peal_http_body_step(
			&connection->body, peal_http_connection_bytes(connection),
			peal_http_connection_unread(connection), &used, &data, &length);
		connection->input_used += used;
		connection->discarded += used;
		if (used)
			peal_http_connection_arm_pace(connection);
		if (step == PEAL_HTTP_BODY_MORE)
			return;
		if (step == PEAL_HTTP_BODY_BAD ||
		    connection->discarded > PEAL_LIMIT_HTTP_DISCARD_BYTES)
			connection->close_after = connection->linger = true;
	}
}

/* Forget what was used of the input; an idle connection has none. */
static void compact(struct peal_http_connection *connection)
{
	size_t unread = peal_http_connection_unread(connection);
	if (!unread) {
		throw_input_away(connection);
	} else if (connection->input_used) {
		memmove(connection->input.bytes, peal_http_connection_bytes(connection), unread);
		connection->input.length = unread;
		connection->input_used = 0;
	}
}

void peal_http_connection_process(struct peal_http_connection *connection)
{
	unsigned requests = 0;
	bool more = true, again = false;
	peal_list_unlink(&connection->ready);
	connection->processing = true;
	while (more) {
		switch ((enum peal_http_state)connection->state) {
		case PEAL_HTTP_HEAD:
			again = requests++ == PEAL_LIMIT_HTTP_REQUESTS_PER_TURN;
			more = !again && take_head(connection);
			break;
		case PEAL_HTTP_ASKED:
			more = false;
			if (connection->eof || connection->broken ||
			    peal_http_connection_unread(connection) >
				    PEAL_LIMIT_HTTP_PIPELINE_BYTES)
				peal_http_connection_abort(connection, PEAL_HTTP_ABORT_CLOSED);
			break;
		case PEAL_HTTP_BODY:
			more = take_body(connection);
			break;
		case PEAL_HTTP_ANSWERED:
			discard_body(connection);
			more = settle(connection);
			break;
		case PEAL_HTTP_LINGER:
		case PEAL_HTTP_FOREIGN:
			throw_input_away(connection);
			more = false;
			break;
		case PEAL_HTTP_DEAD:
			more = false;
			break;
		}
	}
	connection->processing = false;
	if (connection->state == PEAL_HTTP_DEAD)
		return;
	compact(connection);
	if (again)
		peal_http_connection_ready(connection);
	peal_http_connection_watch(connection);
}

/* --- deadlines ------------------------------------------------------------------------------ */

static void body_is_late(struct peal_http_connection *connection)
{
	if (connection->state == PEAL_HTTP_BODY)
		refuse_body(connection, 408, PEAL_HTTP_ABORT_CLOSED);
	else
		peal_http_connection_close(connection);
}

void peal_http_on_body_deadline(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	(void)deadlines;
	body_is_late(peal_container(deadline, struct peal_http_connection, body_deadline));
}

void peal_http_on_body_idle(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	(void)deadlines;
	body_is_late(peal_container(deadline, struct peal_http_connection, deadline));
}
