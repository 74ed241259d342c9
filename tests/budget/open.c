/*
 * Counts what lies between the accepting of a connection and its session: HTTP and the front over a
 * socket pair, with a loop of their own. What is not counted is what libwebsockets does when it
 * gets the socket, and the system calls.
 */
#include <event2/event.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/transport.h"
#include "http/http.h"
#include "http/private.h"
#include "tests/budget/budget.h"
#include "tests/budget/rig.h"
#include "transport/front.h"
#include "transport/transports.h"

enum { CONNECTIONS = 100 };

static struct {
	struct peal_stats stats;
	struct peal_loop *loop;
	struct peal_engine_context context;
	struct peal_engine *engine;
	struct peal_http_server *http;
	struct peal_front *front;
	struct peal_websocket websockets[CONNECTIONS];
	size_t count;
} opening;

/* --- in the place of websocket.c --------------------------------------------------------- */

struct peal_websocket *peal_websocket_adopt(struct peal_websockets *websockets, int fd,
					    const char *key, const char *headers,
					    size_t max_message,
					    const struct peal_websocket_handler *handler,
					    void *context)
{
	struct peal_websocket *websocket = &opening.websockets[opening.count++];
	(void)websockets, (void)key, (void)headers, (void)max_message;
	close(fd);
	*websocket = (struct peal_websocket){ .handler = handler, .context = context };
	return websocket;
}

bool peal_websockets_busy(const struct peal_websockets *websockets)
{
	(void)websockets;
	return false;
}

/* --- connections ------------------------------------------------------------------------- */

static void begin(void)
{
	static struct fake_clock clock = { .now_us = 1000000 };
	static const struct peal_log log = { .level = PEAL_LOG_ERROR };
	static const struct peal_engine_handlers handlers = { NULL };
	static const struct peal_http_options http = { .max_connections = 2 * CONNECTIONS };
	struct peal_engine_options options;
	peal_engine_options_init(&options);
	options.path = "/socket.io/";
	rig_require(!peal_loop_new(NULL, FAKE_CLOCK(&clock), &opening.stats, &log, &opening.loop),
		    "no loop");
	opening.context = (struct peal_engine_context){
		.loop = opening.loop,
		.stats = &opening.stats,
		.log = &log,
		.max_sessions = CONNECTIONS,
	};
	rig_require(
		!peal_http_server_new(opening.loop, &http, &opening.stats, &log, &opening.http) &&
			!peal_engine_create(&opening.context, &options, &handlers, NULL,
					    &opening.engine) &&
			!peal_front_new(opening.engine, opening.http, NULL, NULL, &opening.front),
		"no server to connect to");
}

static void end(void)
{
	peal_engine_discard_all(opening.engine);
	peal_loop_step(opening.loop);
	peal_http_server_free(opening.http);
	peal_front_free(opening.front);
	peal_loop_step(opening.loop);
	peal_engine_destroy(opening.engine);
	peal_loop_free(opening.loop);
	rig_require(!opening.stats.sessions && !opening.stats.http_connections,
		    "a connection was left at the end");
	memset(&opening, 0, sizeof(opening));
}

static void open_one(const char *request, size_t length)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	*(struct sockaddr_in *)&address =
		(struct sockaddr_in){ .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct event_base *base = peal_loop_base(opening.loop);
	size_t before = opening.count;
	int pair[2];
	rig_require(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) &&
			    !peal_http_server_adopt(opening.http, pair[0], &address) &&
			    write(pair[1], request, length) == (ssize_t)length,
		    "no connection");
	event_base_loop(base, EVLOOP_NONBLOCK);
	rig_require(opening.count == before + 1, "a session was not opened");
	close(pair[1]);
}

void count_open(const char *request, size_t length)
{
	/* The first pass is for the pools. */
	for (size_t pass = 0; pass < 2; pass++) {
		begin();
		for (size_t i = 0; i < CONNECTIONS / 2; i++)
			open_one(request, length);
		count_begin();
		for (size_t i = 0; i < CONNECTIONS / 2; i++)
			open_one(request, length);
		if (pass)
			count_end("connection opened, up to its session", CONNECTIONS / 2);
		end();
	}
}
