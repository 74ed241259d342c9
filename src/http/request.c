/*
 * Requests as objects: one allocation with the head's bytes, and what handlers may ask of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http/private.h"

/* Is @query the end of @url, as it is in requests that were received? */
static bool is_end_of(const char *query, const char *url, size_t url_length)
{
	return query >= url && query <= url + url_length;
}

static char *copy_text(char **end, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = memcpy(*end, text, size);
	*end += size;
	return copy;
}

struct peal_request *peal_request_copy(const struct peal_request *request)
{
	size_t size = sizeof(*request) + request->header_count * sizeof(struct peal_header);
	size_t url_length = strlen(request->url);
	size_t texts = strlen(request->method) + url_length + strlen(request->address) + 3;
	bool shares = is_end_of(request->query, request->url, url_length);
	if (!shares)
		texts += strlen(request->query) + 1;
	for (size_t i = 0; i < request->header_count; i++)
		texts += strlen(request->headers[i].name) + strlen(request->headers[i].value) + 2;
	struct peal_request *copy = malloc(size + texts);
	if (!copy)
		return NULL;
	struct peal_header *headers = (struct peal_header *)(copy + 1);
	char *end = (char *)copy + size;
	*copy = *request;
	copy->method = copy_text(&end, request->method);
	copy->url = copy_text(&end, request->url);
	copy->query = shares ? copy->url + (request->query - request->url)
			     : copy_text(&end, request->query);
	copy->address = copy_text(&end, request->address);
	copy->headers = headers;
	for (size_t i = 0; i < request->header_count; i++) {
		headers[i].name = copy_text(&end, request->headers[i].name);
		headers[i].value = copy_text(&end, request->headers[i].value);
	}
	return copy;
}

void peal_http_request_free(struct peal_http_request *request)
{
	if (!request)
		return;
	peal_buffer_deinit(&request->body);
	peal_buffer_deinit(&request->headers.lines);
	free(request);
}

static void on_death(struct peal_task *task)
{
	peal_http_request_free(peal_container(task, struct peal_http_request, death));
}

static uint64_t wall_clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct peal_http_request *peal_http_request_new(struct peal_http_connection *connection,
						const char *bytes, size_t length, unsigned lines,
						unsigned *ret_status)
{
	size_t capacity = lines ? lines - 1 : 0;
	if (capacity > PEAL_LIMIT_HTTP_HEADERS) {
		*ret_status = 431;
		return NULL;
	}
	struct peal_http_request *request =
		calloc(1, sizeof(*request) + capacity * sizeof(struct peal_header) + length);
	if (!request) {
		*ret_status = 503;
		return NULL;
	}
	struct peal_header *headers = (struct peal_header *)(request + 1);
	struct peal_http_head head = { .headers = headers, .header_capacity = capacity };
	char *copy = (char *)(headers + capacity);
	memcpy(copy, bytes, length);
	unsigned status = peal_http_head_parse(&head, copy, length);
	if (status) {
		free(request);
		*ret_status = status;
		return NULL;
	}
	request->info = (struct peal_request){
		.method = head.method,
		.url = head.url,
		.query = head.query,
		.issued_ms = wall_clock_ms(),
		.headers = headers,
		.header_count = head.header_count,
	};
	request->info.xdomain = head.origin;
	request->connection = connection;
	request->server = connection->server;
	request->death.fn = on_death;
	request->head_only = strcmp(head.method, "HEAD") == 0;
	request->http_1_0 = head.http_1_0;
	request->keep_alive = head.keep_alive;
	request->websocket = head.websocket;
	request->expects_continue = head.expects_continue;
	request->content_length = head.content_length;
	request->headers.lines = PEAL_BUFFER(PEAL_LIMIT_HTTP_RESPONSE_HEAD_BYTES);
	peal_http_body_init(&connection->body, &head);
	peal_http_address_resolve(connection->server, connection, request);
	return request;
}

void peal_http_request_detach(struct peal_http_request *request)
{
	request->connection->request = NULL;
	request->connection = NULL;
}

void peal_http_request_release(struct peal_http_request *request)
{
	if (request->held)
		peal_list_append(&request->server->orphans, &request->orphan);
	else
		peal_loop_reap(request->server->loop, &request->death);
}

void peal_http_request_end(struct peal_http_request *request)
{
	request->held = false;
	peal_http_request_detach(request);
	peal_http_request_release(request);
}

const struct peal_request *peal_http_request_request(const struct peal_http_request *request)
{
	return &request->info;
}

bool peal_http_request_is_upgrade(const struct peal_http_request *request)
{
	return request->websocket;
}

bool peal_http_request_has_early_bytes(const struct peal_http_request *request)
{
	const struct peal_http_connection *connection = request->connection;
	if (!request->websocket || !connection)
		return false;
	/* An announced body would come before the 101, too. */
	return !peal_http_body_ended(&connection->body) ||
	       peal_http_connection_unread(connection) > 0;
}

void peal_http_request_set_userdata(struct peal_http_request *request, void *userdata)
{
	request->userdata = userdata;
}

void *peal_http_request_userdata(const struct peal_http_request *request)
{
	return request->userdata;
}

void peal_http_request_read_body(struct peal_http_request *request, size_t max_bytes)
{
	if (!request->connection)
		return;
	request->max_body = max_bytes;
	request->body.ceiling = max_bytes;
	peal_http_connection_want_body(request->connection);
}

void peal_http_request_drop(struct peal_http_request *request)
{
	struct peal_http_connection *connection = request->connection;
	if (!connection)
		return;
	peal_http_request_end(request);
	peal_http_connection_close(connection);
}
