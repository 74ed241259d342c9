/*
 * Counts what a client over HTTP long-polling costs: its request for the next messages, a broadcast
 * that answers it, and a message that it posts. The requests come through socket pairs, from the
 * rig's thread, to a front of the rig's engine.
 */
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http.h"
#include "http/private.h"
#include "tests/budget/budget.h"
#include "tests/budget/rig.h"
#include "transport/front.h"

enum { POLLING = 100 };

static struct {
	struct peal_http_server *http;
	struct peal_front *front;
	int sockets[POLLING];
	char ids[POLLING][64];
	char answer[2048];
} polling;

/* All that there is to do, and the end of the turn, until nothing is left. */
static void pump(void)
{
	for (size_t i = 0; i < 3; i++) {
		event_base_loop(peal_loop_base(rig.loop), EVLOOP_NONBLOCK);
		rig_turn();
	}
}

static void say(size_t client, const char *method, const char *body)
{
	char text[512];
	size_t length =
		(size_t)snprintf(text, sizeof(text),
				 "%s /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\n"
				 "Host: example.com:3000\r\n",
				 method, *polling.ids[client] ? "&sid=" : "", polling.ids[client]);
	if (body)
		length += (size_t)snprintf(text + length, sizeof(text) - length,
					   "Content-Type: text/plain;charset=UTF-8\r\n"
					   "Content-Length: %zu\r\n\r\n%s",
					   strlen(body), body);
	else
		length += (size_t)snprintf(text + length, sizeof(text) - length, "\r\n");
	rig_require(write(polling.sockets[client], text, length) == (ssize_t)length,
		    "a request was not written");
}

static void hear(size_t client, const char *expected)
{
	ssize_t length = read(polling.sockets[client], polling.answer, sizeof(polling.answer) - 1);
	rig_require(length > 0, "a request was not answered");
	polling.answer[length] = '\0';
	rig_require(!strncmp(polling.answer, "HTTP/1.1 200 ", 13) &&
			    strstr(polling.answer, expected),
		    "a request was not answered as expected");
}

static void connect_one(size_t client)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	*(struct sockaddr_in *)&address =
		(struct sockaddr_in){ .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int pair[2];
	rig_require(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) &&
			    !peal_http_server_adopt(polling.http, pair[0], &address),
		    "no connection");
	polling.sockets[client] = pair[1];
	say(client, "GET", NULL);
	pump();
	hear(client, "0{\"sid\":\"");
	rig_require(sscanf(strstr(polling.answer, "\"sid\":\""), "\"sid\":\"%63[^\"]",
			   polling.ids[client]) == 1,
		    "a session has no id");
	say(client, "POST", "40");
	pump();
	hear(client, "ok");
	say(client, "GET", NULL);
	pump();
	hear(client, "40{\"sid\":\"");
	rig_require(!peal_socket_join(rig.sockets[RIG_CLIENTS], "polling"), "no room");
}

static void begin(void)
{
	static const struct peal_http_options http = { .max_connections = 2 * POLLING };
	rig_require(!peal_http_server_new(rig.loop, &http, &rig.stats, &rig.log, &polling.http) &&
			    !peal_front_new(rig.engine, polling.http, NULL, &rig.decisions,
					    &polling.front),
		    "no listener for polling");
	for (size_t i = 0; i < POLLING; i++)
		connect_one(i);
}

static void end(void)
{
	for (size_t i = 0; i < POLLING; i++)
		close(polling.sockets[i]);
	pump();
	rig_require(!rig.stats.http_connections, "a connection was left");
	peal_http_server_free(polling.http);
	peal_front_free(polling.front);
}

void count_polling(void)
{
	static const char event[] = "42[\"bench\",\"" PADDING "\"]";
	begin();
	/* The first pass is for the pools. */
	for (size_t pass = 0; pass < 2; pass++) {
		uint64_t responses = rig.stats.poll_responses, received = rig.received;
		for (size_t i = 0; i < POLLING; i++)
			say(i, "GET", NULL);
		count_begin();
		pump();
		if (pass)
			count_end("poll that waits", POLLING);
		rig_require(rig.stats.poll_responses == responses, "a poll did not wait");

		count_begin();
		peal_emit(rig.io, PEAL_TO(.rooms = PEAL_ROOMS("polling")), "bench", PADDING);
		pump();
		if (pass)
			count_end("delivery to a polling client", POLLING);
		for (size_t i = 0; i < POLLING; i++)
			hear(i, event);
		rig_require(rig.stats.poll_responses == responses + POLLING,
			    "not all were reached");

		for (size_t i = 0; i < POLLING; i++)
			say(i, "POST", event);
		count_begin();
		pump();
		if (pass)
			count_end("message posted by a polling client", POLLING);
		for (size_t i = 0; i < POLLING; i++)
			hear(i, "ok");
		rig_require(rig.received == received + POLLING, "not all were received");
	}
	end();
}
