/*
 * A bench for the HTTP server: a loop on a fake clock, a listener on loopback, a handler that does
 * what the path says, and clients on real sockets. Everything runs in one thread: bench_pump()
 * gives the loop its turns.
 *
 *   /t/now      answered at once             /t/park     kept until bench_answer_parked()
 *   /t/body     reads up to 1000 bytes and echoes them    /t/upload   reads up to 1 MB
 *   /t/early    answered without its body    /t/big      answered with BENCH_BIG bytes
 *   /t/chunked  a chunked answer             /t/drop     dropped
 *   /t/socket   the descriptor is taken      /t/refuse   an upgrade refused with text
 */
#ifndef PEAL_TESTS_HTTP_BENCH_H
#define PEAL_TESTS_HTTP_BENCH_H

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "http/http.h"
#include "tests/support/fake_clock.h"

#define BENCH_BIG (8u << 20)
#define BENCH_PARKED 64

struct bench {
	struct fake_clock clock;
	struct peal_stats stats;
	struct peal_log log;
	struct peal_loop *loop;
	struct peal_barrier barrier;
	struct peal_http_server *server;
	struct peal_cors *cors;
	struct peal_http_request *parked[BENCH_PARKED];
	size_t parked_count;
	size_t requests, answers, bodies, aborts[4], taken, dropped;
	char trace[4096]; /* one word per event */
	int socket;	  /* the last descriptor taken */
	char *socket_headers;
	bool early_bytes;
	size_t descriptors;
	size_t logged;
	char *big;
};

static struct bench bench;

static inline size_t bench_descriptors(void)
{
	size_t count = 0;
	DIR *directory = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static inline void bench_note(const char *what, const char *url)
{
	size_t length = strlen(bench.trace);
	snprintf(bench.trace + length, sizeof(bench.trace) - length, "%s%s:%s", length ? " " : "",
		 what, url);
}

static inline void bench_on_request(struct peal_http_request *request, void *context)
{
	const struct peal_request *info = peal_http_request_request(request);
	const char *url = info->url;
	(void)context;
	bench.requests++;
	bench_note("request", url);
	if (strncmp(url, "/t/park", 7) == 0) {
		ck_assert_uint_lt(bench.parked_count, BENCH_PARKED);
		bench.parked[bench.parked_count++] = request;
		return;
	}
	if (strncmp(url, "/t/body", 7) == 0) {
		peal_http_request_read_body(request, 1000);
		return;
	}
	if (strncmp(url, "/t/upload", 9) == 0) {
		peal_http_request_read_body(request, 1000000);
		return;
	}
	if (strncmp(url, "/t/socket", 9) == 0 && peal_http_request_is_upgrade(request)) {
		bench.early_bytes = peal_http_request_has_early_bytes(request);
		ck_assert_int_eq(peal_http_request_add_header(request, "X-Extra", "1"), 0);
		bench.socket = peal_http_request_take_socket(request, &bench.socket_headers);
		ck_assert_int_ge(bench.socket, 0);
		bench.taken++;
		return;
	}
	if (strncmp(url, "/t/drop", 7) == 0) {
		peal_http_request_drop(request);
		bench.dropped++;
		return;
	}
	bench.answers++;
	if (strncmp(url, "/t/refuse", 9) == 0) {
		bench.early_bytes = peal_http_request_has_early_bytes(request);
		peal_http_request_refuse_upgrade(request, 400, "No socket");
	} else if (strncmp(url, "/t/big", 6) == 0) {
		peal_http_request_respond(request, 200, NULL, bench.big, BENCH_BIG, false);
	} else if (strncmp(url, "/t/chunked", 10) == 0) {
		peal_http_request_respond_chunked(request, 200, "text/plain", "chunky", 6);
	} else if (strncmp(url, "/t/close", 8) == 0) {
		peal_http_request_respond(request, 200, NULL, url, strlen(url), true);
	} else if (strncmp(url, "/t/address", 10) == 0) {
		char text[100];
		int length = snprintf(text, sizeof(text), "%s %s", info->address,
				      info->secure ? "secure" : "plain");
		peal_http_request_respond(request, 200, NULL, text, (size_t)length, false);
	} else {
		peal_http_request_respond(request, 200, "text/plain", url, strlen(url), false);
	}
}

static inline void bench_on_body(struct peal_http_request *request, const char *body, size_t length,
				 void *context)
{
	(void)context;
	bench.bodies++;
	bench.answers++;
	bench_note("body", peal_http_request_request(request)->url);
	peal_http_request_respond(request, 200, NULL, body, length, false);
}

static inline void bench_on_abort(struct peal_http_request *request, enum peal_http_abort why,
				  void *context)
{
	(void)context;
	bench.aborts[why]++;
	bench_note("abort", peal_http_request_request(request)->url);
	for (size_t i = 0; i < bench.parked_count; i++) {
		if (bench.parked[i] == request)
			bench.parked[i] = NULL;
	}
}

static const struct peal_http_handler bench_handler = { bench_on_request, bench_on_body,
							bench_on_abort };

static inline void bench_on_log(enum peal_log_level level, const char *message,
				const struct peal_log_field *fields, size_t count, void *userdata)
{
	(void)level;
	(void)message;
	(void)fields;
	(void)count;
	(void)userdata;
	bench.logged++;
}

static inline void bench_open(size_t max_connections, const char *trusted)
{
	memset(&bench, 0, sizeof(bench));
	bench.clock.now_us = 1000000000;
	bench.log = (struct peal_log){ .level = PEAL_LOG_ERROR, .fn = bench_on_log };
	bench.socket = -1;
	bench.big = malloc(BENCH_BIG);
	for (size_t i = 0; i < BENCH_BIG; i++)
		bench.big[i] = (char)('a' + i % 23);
	struct peal_http_options options = { .max_connections = max_connections,
					     .barrier = &bench.barrier,
					     .trusted_proxies = &trusted,
					     .trusted_proxy_count = trusted ? 1 : 0 };
	struct peal_cors_options cors = { .origin = PEAL_CORS_ANY,
					  .max_age_seconds = -1,
					  .options_success_status = 204 };
	bench.descriptors = bench_descriptors();
	ck_assert_int_eq(peal_loop_new(NULL, FAKE_CLOCK(&bench.clock), &bench.stats, &bench.log,
				       &bench.loop),
			 0);
	peal_barrier_init(&bench.barrier, bench.loop, &bench.stats);
	ck_assert_int_eq(
		peal_http_server_new(bench.loop, &options, &bench.stats, &bench.log, &bench.server),
		0);
	ck_assert_int_eq(peal_cors_new(&cors, &bench.cors), 0);
	ck_assert_int_eq(peal_http_server_mount(bench.server, "/t/", &bench_handler, NULL, NULL),
			 0);
	ck_assert_int_eq(
		peal_http_server_mount(bench.server, "/t/cors/", &bench_handler, NULL, bench.cors),
		0);
	ck_assert_int_eq(peal_http_server_listen(bench.server, "127.0.0.1", 0), 0);
}

/* Some turns without waiting. */
static inline void bench_pump(void)
{
	peal_loop_step(bench.loop);
	for (int i = 0; i < 4; i++)
		event_base_loop(peal_loop_base(bench.loop), EVLOOP_NONBLOCK);
}

static inline void bench_advance(unsigned ms)
{
	bench_pump();
	fake_clock_advance(&bench.clock, bench.loop, ms);
	bench_pump();
}

/* Everything that began has ended, once. */
static inline void bench_check_endings(void)
{
	size_t ends = bench.answers + bench.taken + bench.dropped;
	for (size_t i = 0; i < 4; i++)
		ends += bench.aborts[i];
	ck_assert_uint_eq(bench.requests, ends);
}

/* The clients are closed by now. */
static inline void bench_close(void)
{
	bench_pump();
	bench_pump();
	peal_http_server_free(bench.server); /* NULL when the test did it */
	bench_check_endings();
	ck_assert_uint_eq(bench.stats.http_connections, 0);
	ck_assert(peal_list_empty(&bench.barrier.waiters));
	peal_barrier_deinit(&bench.barrier);
	peal_loop_free(bench.loop);
	peal_cors_free(bench.cors);
	if (bench.socket >= 0)
		close(bench.socket);
	free(bench.socket_headers);
	free(bench.big);
	ck_assert_uint_eq(bench_descriptors(), bench.descriptors);
}

static inline void bench_answer_parked(size_t index, const char *text)
{
	struct peal_http_request *request = bench.parked[index];
	ck_assert_ptr_nonnull(request);
	bench.parked[index] = NULL;
	bench.answers++;
	peal_http_request_respond(request, 200, NULL, text, strlen(text), false);
}

/* An attacked node is as quiet as an idle one: nothing is ready, nothing is read. */
static inline void bench_check_quiet(void)
{
	bench_pump();
	uint64_t reads = bench.stats.http_reads, turns = bench.stats.loop_turns;
	for (int i = 0; i < 100; i++)
		event_base_loop(peal_loop_base(bench.loop), EVLOOP_NONBLOCK);
	ck_assert_uint_eq(bench.stats.http_reads, reads);
	ck_assert_uint_eq(bench.stats.loop_turns, turns);
}

/* --- clients --------------------------------------------------------------------------------- */

struct client {
	int fd;
	char *in; /* NUL-terminated; what came and was not used yet */
	size_t length;
	bool closed; /* by the server, orderly */
	bool reset;
	char head[70000];
	char *body;
	size_t body_length;
};

static inline struct client *client_new_with_buffer(int receive_bytes)
{
	struct client *client = calloc(1, sizeof(*client));
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(peal_http_server_port(bench.server)),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static const int on = 1;
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(client->fd, 0);
	/* What is sent is there when send() returns. */
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (receive_bytes)
		setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
			   sizeof(receive_bytes));
	ck_assert_int_eq(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	client->in = calloc(1, 1);
	client->body = calloc(1, 1);
	bench_pump();
	return client;
}

static inline struct client *client_new(void)
{
	return client_new_with_buffer(0);
}

/* Without a turn of the loop behind it. */
static inline void client_hang_up(struct client *client, bool reset)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	if (reset)
		setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(client->fd);
	client->fd = -1;
}

static inline void client_free(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	free(client->in);
	free(client->body);
	free(client);
	bench_pump();
}

/* Send all, giving the loop its turns when the server does not keep up. Return: bytes sent; less
 * when the server closed. */
static inline size_t client_send_bytes(struct client *client, const char *bytes, size_t length)
{
	size_t done = 0;
	for (int idle = 0; done < length && idle < 2000;) {
		ssize_t sent =
			send(client->fd, bytes + done, length - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent > 0) {
			done += (size_t)sent;
			idle = 0;
		} else if (sent < 0 && errno != EAGAIN) {
			break;
		} else {
			struct pollfd poll_fd = { client->fd, POLLOUT, 0 };
			idle++;
			poll(&poll_fd, 1, 1);
		}
		bench_pump();
	}
	return done;
}

static inline void client_send(struct client *client, const char *text)
{
	client_send_bytes(client, text, strlen(text));
}

/* Take what is there. Return: true when something came. */
static inline bool client_receive(struct client *client)
{
	static char chunk[65536];
	bench_pump();
	if (client->closed || client->reset)
		return false;
	ssize_t got = recv(client->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (got > 0) {
		client->in = realloc(client->in, client->length + (size_t)got + 1);
		memcpy(client->in + client->length, chunk, (size_t)got);
		client->length += (size_t)got;
		client->in[client->length] = '\0';
		return true;
	}
	if (got == 0)
		client->closed = true;
	else if (errno != EAGAIN)
		client->reset = true;
	return client->closed || client->reset;
}

static inline const char *client_header(struct client *client, const char *name)
{
	static char value[70000];
	size_t length = strlen(name);
	for (char *line = strstr(client->head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, length) == 0 && strncmp(line + length, ": ", 2) == 0) {
			size_t size = strcspn(line + length + 2, "\r");
			memcpy(value, line + length + 2, size);
			value[size] = '\0';
			return value;
		}
	}
	return NULL;
}

/* Cut a complete answer off the input, if there is one. */
static inline bool client_cut(struct client *client, bool head_only)
{
	char *end = strstr(client->in, "\r\n\r\n");
	if (!end)
		return false;
	size_t head = (size_t)(end + 4 - client->in), body = 0, framing = 0;
	ck_assert_uint_lt(head, sizeof(client->head));
	memcpy(client->head, client->in, head);
	client->head[head] = '\0';
	const char *length = client_header(client, "Content-Length");
	const char *encoding = client_header(client, "Transfer-Encoding");
	if (head_only) {
		body = 0;
	} else if (length) {
		body = strtoul(length, NULL, 10);
	} else if (encoding) {
		char *stop = strstr(client->in + head, "0\r\n\r\n");
		if (!stop)
			return false;
		body = (size_t)(stop + 5 - client->in) - head;
	} else if (strncmp(client->head, "HTTP/1.1 204", 12) != 0 &&
		   strncmp(client->head, "HTTP/1.1 1", 10) != 0) {
		if (!client->closed)
			return false;
		body = client->length - head;
	}
	if (client->length < head + body + framing)
		return false;
	client->body = realloc(client->body, body + 1);
	memcpy(client->body, client->in + head, body);
	client->body[body] = '\0';
	client->body_length = body;
	memmove(client->in, client->in + head + body, client->length - head - body + 1);
	client->length -= head + body;
	return true;
}

static inline unsigned client_answer_to(struct client *client, bool head_only)
{
	for (int idle = 0; idle < 500;) {
		if (client_cut(client, head_only))
			return (unsigned)atoi(client->head + strlen("HTTP/1.1 "));
		if (client_receive(client)) {
			idle = 0;
			continue;
		}
		if (client->closed || client->reset)
			break;
		struct pollfd poll_fd = { client->fd, POLLIN, 0 };
		poll(&poll_fd, 1, 1);
		idle++;
	}
	return 0;
}

/* The status of the next answer; 0 when none comes any more. */
static inline unsigned client_answer(struct client *client)
{
	return client_answer_to(client, false);
}

/* Has the server closed, and nothing more to say? */
static inline bool client_is_closed(struct client *client)
{
	for (int idle = 0; idle < 20 && !client->closed && !client->reset; idle++) {
		if (!client_receive(client)) {
			struct pollfd poll_fd = { client->fd, POLLIN, 0 };
			poll(&poll_fd, 1, 1);
		}
	}
	return (client->closed || client->reset) && client->length == 0;
}

/* Nothing has come, and the connection is open. */
static inline bool client_waits(struct client *client)
{
	client_receive(client);
	return !client->closed && !client->reset && client->length == 0;
}

#endif
