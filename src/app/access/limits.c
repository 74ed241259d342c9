/*
 * How many events a client may send.
 *
 * A client is a session: with a limit for each of its sockets, it had as many times the rate as
 * there are namespaces. The tree has one entry for each session with a socket, so the number of
 * clients bounds it.
 */
#include "limits.h"

#include <errno.h>
#include <peal/peal.h>
#include <search.h>
#include <stdlib.h>

#include "../clock.h"

#define LIMITED_EVENT "peal:limited"
#define LIMITED_CODE "{\"code\":\"rate_limited\"}"
#define REFUSAL                                     \
	"{\"ok\":false,\"error\":{\"code\":\"rate_" \
	"limited\",\"message\":\"the client sends more events than it may\"}}"

/* In thousandths of an event, which is what a rate of one gives in a millisecond. */
struct bucket {
	int64_t left;
};

struct client {
	const struct peal_session *session;
	size_t sockets;
	int64_t seen_ms;
	struct bucket events, refusals;
	bool ended;
};

static int compare(const void *one, const void *other)
{
	uintptr_t a = (uintptr_t)((const struct client *)one)->session;
	uintptr_t b = (uintptr_t)((const struct client *)other)->session;

	return (a > b) - (a < b);
}

static struct client *find(const struct peal_limits *limits, const struct peal_socket *socket)
{
	const struct client key = { .session = peal_socket_session(socket) };
	struct client **found = tfind(&key, &limits->clients, compare);

	return found ? *found : NULL;
}

static void fill(struct bucket *bucket, int64_t amount, int64_t ceiling)
{
	bucket->left = bucket->left + amount < ceiling ? bucket->left + amount : ceiling;
}

static bool take(struct bucket *bucket)
{
	if (bucket->left < 1000)
		return false;
	bucket->left -= 1000;
	return true;
}

static void end(const struct peal_limits *limits, struct client *client, struct peal_socket *socket)
{
	const struct peal_request *request = peal_socket_handshake(socket);

	client->ended = true;
	peal_logging_say(limits->logging, PEAL_LOG_INFO,
			 "a client is disconnected: it sends more events than it may",
			 PEAL_LOGGING_TEXT("address", request ? request->address : ""));
	(void)peal_socket_emit(socket, 0, LIMITED_EVENT, PEAL_JSON(LIMITED_CODE));
	(void)peal_socket_disconnect(socket, true);
}

static const char *on_event(struct peal_socket *socket, const struct peal_event *event,
			    void *userdata)
{
	const struct peal_limits *limits = userdata;
	struct client *client = find(limits, socket);
	int64_t now = (int64_t)peal_clock_ms(), passed, step;

	if (!client)
		return NULL;
	/* Longer pauses fill both, and a product of two large numbers could be too large. */
	passed = now - client->seen_ms;
	step = passed < PEAL_LIMITS_PATIENCE * 1000 ? passed : PEAL_LIMITS_PATIENCE * 1000;
	client->seen_ms = now;
	fill(&client->events, step * limits->rate, limits->rate * 1000);
	fill(&client->refusals, step * limits->rate, limits->rate * 1000 * PEAL_LIMITS_PATIENCE);
	if (!client->ended && take(&client->events))
		return NULL;
	if (event->wants_ack)
		(void)peal_reply(event, PEAL_JSON(REFUSAL));
	if (!client->ended && !take(&client->refusals))
		end(limits, client, socket);
	return "rate limited";
}

static void on_connection(struct peal_socket *socket, void *userdata)
{
	struct peal_limits *limits = userdata;
	struct client *client = find(limits, socket);

	if (!client && (client = malloc(sizeof(*client)))) {
		*client = (struct client){
			.session = peal_socket_session(socket),
			.seen_ms = (int64_t)peal_clock_ms(),
			.events = { limits->rate * 1000 },
			.refusals = { limits->rate * 1000 * PEAL_LIMITS_PATIENCE },
		};
		if (!tsearch(client, &limits->clients, compare)) {
			free(client);
			client = NULL;
		}
	}
	if (client)
		client->sockets++;
	else
		(void)peal_socket_disconnect(socket, false); /* it would have no limit */
}

static void on_disconnecting(struct peal_socket *socket, const char *reason,
			     const char *description, void *userdata)
{
	struct peal_limits *limits = userdata;
	struct client *client = find(limits, socket);

	(void)reason, (void)description;
	if (!client || --client->sockets)
		return;
	tdelete(client, &limits->clients, compare);
	free(client);
}

int peal_limits_attach(struct peal_limits *limits, struct peal_namespace *ns)
{
	int r = limits->rate ? peal_use_packet(ns, on_event, limits) : 0;

	if (r == 0 && limits->rate)
		r = peal_on_connection(ns, on_connection, limits);
	if (r == 0 && limits->rate)
		r = peal_on_disconnecting(ns, on_disconnecting, limits);
	return r;
}

void peal_limits_deinit(struct peal_limits *limits)
{
	tdestroy(limits->clients, free);
	limits->clients = NULL;
}
