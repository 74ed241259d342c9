/*
 * Answers: heads, framing, and whether the connection lives on.
 *
 * A head is put together in one buffer of the server and leaves with the body in one call, so an
 * answer costs neither an allocation nor a copy unless the kernel does not take it.
 */
#include <errno.h>
#include <http_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "http/private.h"

void peal_http_headers_append(struct peal_buffer *lines, const char *name, const char *value)
{
	size_t name_length = strlen(name), value_length = strlen(value);
	char *to = peal_buffer_reserve(lines, name_length + value_length + 4);
	if (!to)
		return;
	peal_buffer_append(lines, name, name_length);
	peal_buffer_append(lines, ": ", 2);
	peal_buffer_append(lines, value, value_length);
	peal_buffer_append(lines, "\r\n", 2);
}

int peal_response_headers_add(struct peal_response_headers *headers, const char *name,
			      const char *value)
{
	if (!peal_http_name_valid(name) || !peal_http_value_valid(value))
		return -EINVAL;
	/* One that does not fit leaves those before it as they are. */
	peal_http_headers_append(&headers->lines, name, value);
	bool failed = peal_buffer_error(&headers->lines);
	headers->lines.error = 0;
	return failed ? -ENOMEM : 0;
}

int peal_http_request_add_header(struct peal_http_request *request, const char *name,
				 const char *value)
{
	return peal_response_headers_add(&request->headers, name, value);
}

struct peal_response_headers *peal_http_request_response_headers(struct peal_http_request *request)
{
	return &request->headers;
}

/* --- heads ---------------------------------------------------------------------------------- */

static const char *date(struct peal_http_server *server)
{
	time_t now = time(NULL);
	if (server->date_second != now || !server->date[0]) {
		static const char days[] = "SunMonTueWedThuFriSat";
		static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
		struct tm tm;
		gmtime_r(&now, &tm);
		snprintf(server->date, sizeof(server->date),
			 "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * tm.tm_wday,
			 (unsigned)tm.tm_mday % 100u, months + 3 * tm.tm_mon,
			 (unsigned)(tm.tm_year + 1900) % 10000u, (unsigned)tm.tm_hour % 100u,
			 (unsigned)tm.tm_min % 100u, (unsigned)tm.tm_sec % 100u);
		server->date_second = now;
	}
	return server->date;
}

static void count_refusal(struct peal_stats *stats, unsigned status)
{
	const struct {
		unsigned status;
		uint64_t *counter;
	} counters[] = {
		{ 400, &stats->http_refused_400 }, { 401, &stats->http_refused_401 },
		{ 403, &stats->http_refused_403 }, { 404, &stats->http_refused_404 },
		{ 405, &stats->http_refused_405 }, { 408, &stats->http_refused_408 },
		{ 413, &stats->http_refused_413 }, { 429, &stats->http_refused_429 },
		{ 431, &stats->http_refused_431 }, { 500, &stats->http_refused_500 },
		{ 503, &stats->http_refused_503 },
	};
	stats->http_refused++;
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		if (counters[i].status == status)
			++*counters[i].counter;
}

static void begin_head(struct peal_http_server *server, unsigned status)
{
	struct peal_buffer *head = &server->head;
	if (status >= 400)
		count_refusal(server->stats, status);
	peal_buffer_clear(head);
	peal_buffer_append_text(head, "HTTP/1.1 ");
	peal_buffer_append_natural(head, status);
	peal_buffer_append_text(head, " ");
	peal_buffer_append_text(head, http_status_str((enum http_status)status));
	peal_buffer_append_text(head, "\r\n");
}

static void append_number(struct peal_buffer *head, const char *begin, uint64_t number)
{
	peal_buffer_append_text(head, begin);
	peal_buffer_append_natural(head, number);
	peal_buffer_append_text(head, "\r\n");
}

static void append_connection(struct peal_buffer *head, bool close)
{
	if (close)
		peal_buffer_append_text(head, "Connection: close\r\n");
	else
		append_number(head, "Connection: keep-alive\r\nKeep-Alive: timeout=",
			      PEAL_LIMIT_HTTP_KEEP_ALIVE_MS / 1000);
}

/* Write the head, @count pieces of body behind it, and let the connection go on. */
static void send_answer(struct peal_http_connection *connection, struct iovec *body, int count)
{
	struct peal_buffer *head = &connection->server->head;
	struct iovec pieces[4];
	peal_buffer_append(head, "\r\n", 2);
	if (peal_buffer_error(head)) {
		connection->broken = true;
	} else {
		pieces[0] = (struct iovec){ head->bytes, head->length };
		for (int i = 0; i < count; i++)
			pieces[i + 1] = body[i];
		peal_http_output_write(connection, pieces, count + 1);
	}
	peal_http_connection_answered(connection);
}

void peal_http_refuse(struct peal_http_connection *connection, unsigned status)
{
	struct peal_http_server *server = connection->server;
	server->stats->http_bad_requests++;
	connection->close_after = connection->linger = true;
	begin_head(server, status);
	peal_http_headers_append(&server->head, "Date", date(server));
	append_connection(&server->head, true);
	peal_buffer_append_text(&server->head, "Content-Length: 0\r\n");
	send_answer(connection, NULL, 0);
}

/* --- answers to requests -------------------------------------------------------------------- */

/* Will this be the last answer on the connection? */
static bool must_close(const struct peal_http_request *request)
{
	const struct peal_http_connection *connection = request->connection;
	if (!request->keep_alive || connection->server->closing)
		return true;
	if (peal_http_body_ended(&connection->body))
		return false;
	/* Whether a client that was not told to continue sends its body cannot be known. */
	return request->expects_continue || request->content_length > PEAL_LIMIT_HTTP_DISCARD_BYTES;
}

static bool has_body(unsigned status)
{
	return status >= 200 && status != 204 && status != 304;
}

static void answer(struct peal_http_request *request, unsigned status, const char *content_type,
		   const void *body, size_t length, bool close, bool chunked)
{
	struct peal_http_connection *connection = request->connection;
	if (!connection)
		return;
	struct peal_buffer *head = &connection->server->head;
	struct iovec pieces[3];
	char size[24];
	int count = 0;
	/* HTTP/1.0 has no chunks: the end of the connection ends the body. */
	bool until_close = chunked && request->http_1_0;
	chunked = chunked && !request->http_1_0;
	connection->close_after = close || until_close || must_close(request);
	connection->linger |= !peal_http_body_ended(&connection->body);

	begin_head(connection->server, status);
	if (content_type)
		peal_http_headers_append(head, "Content-Type", content_type);
	if (chunked && has_body(status))
		peal_buffer_append_text(head, "Transfer-Encoding: chunked\r\n");
	else if (!until_close && has_body(status))
		append_number(head, "Content-Length: ", length);
	peal_buffer_append(head, request->headers.lines.bytes, request->headers.lines.length);
	peal_http_headers_append(head, "Date", date(connection->server));
	append_connection(head, connection->close_after);

	if (request->head_only || !has_body(status)) {
		count = 0;
	} else if (!chunked) {
		if (length)
			pieces[count++] = (struct iovec){ (void *)body, length };
	} else {
		if (length) {
			int digits = snprintf(size, sizeof(size), "%zx\r\n", length);
			pieces[count++] = (struct iovec){ size, (size_t)digits };
			pieces[count++] = (struct iovec){ (void *)body, length };
			pieces[count++] = (struct iovec){ (void *)"\r\n0\r\n\r\n", 7 };
		} else {
			pieces[count++] = (struct iovec){ (void *)"0\r\n\r\n", 5 };
		}
	}
	peal_http_request_end(request);
	send_answer(connection, pieces, count);
}

void peal_http_request_respond(struct peal_http_request *request, unsigned status,
			       const char *content_type, const void *body, size_t length,
			       bool close)
{
	answer(request, status, content_type, body, length, close, false);
}

void peal_http_request_respond_chunked(struct peal_http_request *request, unsigned status,
				       const char *content_type, const void *body, size_t length)
{
	answer(request, status, content_type, body, length, false, true);
}

void peal_http_request_refuse_upgrade(struct peal_http_request *request, unsigned status,
				      const char *text)
{
	struct peal_http_connection *connection = request->connection;
	if (!connection)
		return;
	struct peal_buffer *head = &connection->server->head;
	struct iovec piece = { (void *)text, strlen(text) };
	connection->close_after = connection->linger = true;
	begin_head(connection->server, status);
	append_connection(head, true);
	peal_buffer_append_text(head, "Content-type: text/html\r\n");
	append_number(head, "Content-Length: ", piece.iov_len);
	peal_buffer_append(head, request->headers.lines.bytes, request->headers.lines.length);
	peal_http_request_end(request);
	send_answer(connection, &piece, 1);
}

int peal_http_request_take_socket(struct peal_http_request *request, char **ret_headers)
{
	struct peal_http_connection *connection = request->connection;
	char *lines = NULL;
	if (!connection)
		return -ENOTCONN;
	if (request->headers.lines.length) {
		lines = strdup(request->headers.lines.bytes);
		if (!lines)
			return -ENOMEM;
	}
	peal_http_request_end(request);
	*ret_headers = lines;
	return peal_http_connection_take(connection);
}
