/*
 * HTTP connections, over a socket pair. The first byte says into pieces of which size the others
 * are cut: what comes back must not depend on it, every request ends once, and nothing is left
 * behind.
 */
#include "tests/fuzz/fuzz.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/private.h"
#include "tests/support/fake_clock.h"

#define MOST_PIECES 32
#define MOST_BYTES 4096

static struct fake_clock now;
static struct peal_stats stats;
static struct peal_loop *loop;
static struct peal_http_server *server;
static struct peal_http_request *parked;
static size_t requests, ends;

static void on_request(struct peal_http_request *request, void *context)
{
	const struct peal_request *info = peal_http_request_request(request);
	char letter = info->url[1];
	(void)context;
	requests++;
	FUZZ_CHECK(info->url[0] == '/');
	switch (letter) {
	case 'b':
		peal_http_request_read_body(request, 64);
		return;
	case 'p':
		FUZZ_CHECK(!parked);
		parked = request;
		return;
	case 'd':
		peal_http_request_drop(request);
		break;
	case 'c':
		peal_http_request_respond_chunked(request, 200, "text/plain", info->url,
						  strlen(info->url));
		break;
	case 'u':
		peal_http_request_refuse_upgrade(request, 400, info->query);
		break;
	default:
		peal_http_request_respond(request, 200, "text/plain", info->url, strlen(info->url),
					  false);
	}
	ends++;
}

static void on_body(struct peal_http_request *request, const char *body, size_t length,
		    void *context)
{
	(void)context;
	FUZZ_CHECK(length <= 64);
	peal_http_request_respond(request, 200, NULL, body, length, false);
	ends++;
}

static void on_abort(struct peal_http_request *request, enum peal_http_abort why, void *context)
{
	(void)why;
	(void)context;
	if (parked == request)
		parked = NULL;
	ends++;
}

static void on_route(struct peal_http_request *request, void *userdata)
{
	size_t length;
	const void *body = peal_http_request_body(request, &length);
	(void)userdata;
	peal_http_reply(request, 200, NULL, 0, body, length);
}

static void set_up(void)
{
	static const struct peal_http_handler handler = { on_request, on_body, on_abort };
	static const struct peal_log log = { .level = PEAL_LOG_ERROR };
	static const char *const trusted = "0.0.0.0/0";
	struct peal_http_options options = { .max_connections = 4,
					     .trusted_proxies = &trusted,
					     .trusted_proxy_count = 1 };
	struct peal_cors_options cors = { .origin = PEAL_CORS_REFLECT,
					  .max_age_seconds = -1,
					  .options_success_status = 204 };
	static struct peal_cors *compiled;
	now.now_us = 1000000000;
	FUZZ_CHECK(peal_loop_new(NULL, FAKE_CLOCK(&now), &stats, &log, &loop) == 0);
	FUZZ_CHECK(peal_http_server_new(loop, &options, &stats, &log, &server) == 0);
	FUZZ_CHECK(peal_cors_new(&cors, &compiled) == 0);
	FUZZ_CHECK(peal_http_server_mount(server, "/", &handler, NULL, compiled) == 0);
	FUZZ_CHECK(peal_http_server_route(server, "/route", "GET,POST", 100, on_route, NULL) == 0);
}

static void pump(void)
{
	for (int i = 0; i < 3; i++)
		event_base_loop(peal_loop_base(loop), EVLOOP_NONBLOCK);
}

/* Collect what came back. Return: false at the end of the stream. */
static bool collect(int fd, struct peal_buffer *answers)
{
	char bytes[4096];
	ssize_t got;
	while ((got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		peal_buffer_append(answers, bytes, (size_t)got);
	return got < 0;
}

/* What depends on the clock, and on when a body came. */
static void level(struct peal_buffer *answers)
{
	static const char date[] = "\r\nDate: ", go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	size_t date_length = sizeof(date) - 1, go_on_length = sizeof(go_on) - 1;
	for (size_t at = 0; at < answers->length; at++) {
		char *here = answers->bytes + at;
		size_t rest = answers->length - at;
		if (rest >= date_length && memcmp(here, date, date_length) == 0) {
			rest -= date_length;
			memset(here + date_length, 'x', rest < 29 ? rest : 29);
		} else if (rest >= go_on_length && memcmp(here, go_on, go_on_length) == 0) {
			memmove(here, here + go_on_length, rest - go_on_length);
			answers->length -= go_on_length;
			at--;
		}
	}
}

static void run(const uint8_t *data, size_t size, size_t piece, struct peal_buffer *answers)
{
	struct sockaddr_storage peer = { .ss_family = AF_UNIX };
	int fds[2];
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	FUZZ_CHECK(peal_http_server_adopt(server, fds[0], &peer) == 0);
	for (size_t at = 0; at < size; at += piece) {
		size_t length = size - at < piece ? size - at : piece;
		if (send(fds[1], data + at, length, MSG_NOSIGNAL) < 0)
			break;
		pump();
		if (!collect(fds[1], answers))
			break;
	}
	/* Parked requests are answered when everything was sent, whatever the pieces. */
	while (parked) {
		struct peal_http_request *request = parked;
		parked = NULL;
		peal_http_request_respond(request, 200, NULL, "parked", 6, false);
		ends++;
		pump();
	}
	collect(fds[1], answers);
	uint64_t reads = stats.http_reads, turns = stats.loop_turns;
	pump();
	FUZZ_CHECK(stats.http_reads == reads && stats.loop_turns == turns);
	close(fds[1]);
	/* A process that was held up meanwhile takes a turn more. */
	for (int i = 0; i < 100 && stats.http_connections; i++)
		pump();
	FUZZ_CHECK(stats.http_connections == 0);
	FUZZ_CHECK(!parked);
	FUZZ_CHECK(requests == ends);
	FUZZ_CHECK(peal_buffer_error(answers) == 0);
	level(answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peal_buffer whole = PEAL_BUFFER(1 << 24), pieces = PEAL_BUFFER(1 << 24);
	if (!server)
		set_up();
	if (!size || size > MOST_BYTES)
		return 0;
	size_t piece = 1 + data[0] % 64;
	if (piece < size / MOST_PIECES)
		piece = size / MOST_PIECES;
	data++;
	size--;
	run(data, size, size + 1, &whole);
	run(data, size, piece, &pieces);
	FUZZ_CHECK(whole.length == pieces.length);
	FUZZ_CHECK(!whole.length || memcmp(whole.bytes, pieces.bytes, whole.length) == 0);
	peal_buffer_deinit(&whole);
	peal_buffer_deinit(&pieces);
	return 0;
}
