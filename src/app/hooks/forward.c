/*
 * Client events that Node.js servers of the cluster hear of.
 *
 * Clients decide how many there are, so acknowledgements that are waited for have two ceilings: one
 * for the node, which leaves room for the other requests to its cluster, and one for a client. The
 * latter is counted in slots that clients have by the hash of their id, and may share by chance.
 */
#include "forward.h"

#include <errno.h>
#include <peal/peal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "../access/pattern.h"
#include "../access/space.h"
#include "../api_json.h"
#include "forward_event.h"

#define EVENT "peal:event"
/* Events of peal itself begin so, and are nobody's but peal's. */
#define OWN_EVENTS "peal:"

#define WAITING_MOST 16384
#define WAITING_OF_CLIENT 64
#define SLOTS 65536

/* Complaints about the same come no closer than this. */
#define SILENCE_SECONDS 60

struct rule {
	char *space, *pattern;
};

enum outcome { SENT, ANSWERED, TIMEOUT, UNAVAILABLE, REFUSED, OUTCOMES };

static const char *const outcome_names[OUTCOMES] = {
	[SENT] = "sent",       [ANSWERED] = "answered",
	[TIMEOUT] = "timeout", [UNAVAILABLE] = "unavailable",
	[REFUSED] = "refused",
};

/* A namespace, or all that "*" accepts. */
struct gate {
	struct gate *next;
	struct peal_forward *forward;
	const char *patterns[];
};

struct peal_forward {
	struct peal_logging *logging;
	unsigned timeout_ms;
	struct rule *rules;
	size_t rule_count;
	struct gate *gates;
	struct peal_forward_ids ids;
	size_t waiting;
	uint64_t outcomes[OUTCOMES];
	uint64_t unsaid;  /* failures since the last complaint */
	time_t next_said; /* on the monotonic clock */
	struct peal_metrics_source metrics;
	unsigned char of_client[SLOTS];
};

/* An acknowledgement that a client waits for. */
struct wait {
	struct peal_forward *forward;
	struct peal_responder *responder;
	uint32_t slot;
};

/* --- what becomes of an event ---------------------------------------------------------------- */

static void count(struct peal_forward *forward, enum outcome outcome, const char *reason)
{
	struct timespec now;

	forward->outcomes[outcome]++;
	if (!reason)
		return;
	forward->unsaid++;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < forward->next_said)
		return;
	peal_logging_say(forward->logging, PEAL_LOG_WARNING, "client events are not handled",
			 PEAL_LOGGING_TEXT("reason", reason),
			 PEAL_LOGGING_NUMBER("count", (int64_t)forward->unsaid));
	forward->unsaid = 0;
	forward->next_said = now.tv_sec + SILENCE_SECONDS;
}

#define ERROR_OF(code, message) "{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}"

static void release(struct wait *wait)
{
	wait->forward->waiting--;
	wait->forward->of_client[wait->slot]--;
	peal_responder_free(wait->responder);
	free(wait);
}

static void respond(struct wait *wait, const char *json)
{
	(void)peal_respond(wait->responder, PEAL_JSON(json));
	wait->responder = NULL;
}

static void on_answer(enum peal_ack_error error, const struct peal_args *answer, void *userdata)
{
	struct wait *wait = userdata;

	if (answer) {
		count(wait->forward, ANSWERED, NULL);
		(void)peal_respond_args(wait->responder, answer);
		wait->responder = NULL;
	} else if (error == PEAL_ACK_OK) {
		count(wait->forward, UNAVAILABLE, "no server of the namespace is there");
		respond(wait, ERROR_OF("unavailable", "nobody is there to handle the event"));
	} else if (error != PEAL_ACK_CLOSED) {
		count(wait->forward, TIMEOUT, "no server has answered in time");
		respond(wait, ERROR_OF("timeout", "nobody has answered in time"));
	}
	release(wait);
}

static const char *error_of(int r)
{
	switch (r) {
	case PEAL_EMIT_E_TOO_LARGE:
		return ERROR_OF("too_large", "the event is too large");
	case PEAL_EMIT_E_INVALID:
		return ERROR_OF("invalid", "the event cannot be sent on as it is");
	case -EBUSY:
		return ERROR_OF("overloaded", "too many events wait for an answer");
	default:
		return ERROR_OF("unavailable", "the event cannot be sent on");
	}
}

/* --- sending it ------------------------------------------------------------------------------ */

static int wait_new(struct peal_forward *forward, const struct peal_socket *socket,
		    const struct peal_event *event, struct wait **ret_wait)
{
	uint32_t slot = peal_forward_handler(peal_socket_id(socket)) % SLOTS;
	struct wait *wait;
	int r;

	if (forward->waiting == WAITING_MOST || forward->of_client[slot] == WAITING_OF_CLIENT)
		return -EBUSY;
	wait = malloc(sizeof(*wait));
	if (!wait)
		return -ENOMEM;
	*wait = (struct wait){ .forward = forward, .slot = slot };
	r = peal_event_responder(event, &wait->responder);
	if (r != 0) {
		free(wait);
		return r;
	}
	forward->waiting++;
	forward->of_client[slot]++;
	*ret_wait = wait;
	return 0;
}

static bool is_meant(const struct gate *gate, const char *name)
{
	if (!strncmp(name, OWN_EVENTS, strlen(OWN_EVENTS)))
		return false;
	for (const char *const *pattern = gate->patterns; *pattern; pattern++)
		if (peal_pattern_matches(*pattern, NULL, name))
			return true;
	return false;
}

static const char *on_event(struct peal_socket *socket, const struct peal_event *event,
			    void *userdata)
{
	const struct gate *gate = userdata;
	struct peal_forward *forward = gate->forward;
	struct peal_args *args = NULL;
	struct wait *wait = NULL;
	int r = 0;

	if (!is_meant(gate, event->name))
		return NULL;
	if (event->wants_ack)
		r = wait_new(forward, socket, event, &wait);
	if (r == 0)
		r = peal_forward_event(&forward->ids, socket, event, &args);
	if (r == 0 && wait)
		r = peal_server_ask_args(peal_socket_namespace(socket), forward->timeout_ms,
					 on_answer, wait, EVENT, args);
	else if (r == 0)
		r = peal_server_emit_args(peal_socket_namespace(socket), EVENT, args);
	peal_args_free(args);
	if (r == 0 && !wait)
		count(forward, SENT, NULL);
	if (r == 0)
		return NULL;
	count(forward, REFUSED, "they cannot be sent");
	if (wait) {
		respond(wait, error_of(r));
		release(wait);
	} else if (event->wants_ack) {
		(void)peal_reply(event, PEAL_JSON(error_of(r)));
	}
	return NULL;
}

/* --- set up ---------------------------------------------------------------------------------- */

static int add_rule(struct peal_forward *forward, const struct peal_settings *settings,
		    const char *item, struct peal_usage *usage)
{
	struct rule *rule = &forward->rules[forward->rule_count];
	const char *pattern = peal_space_split(item, &rule->space), *error;

	if (!pattern)
		return -ENOMEM;
	forward->rule_count++;
	if (!rule->space)
		rule->space = strdup(PEAL_SPACE_MAIN);
	rule->pattern = strdup(pattern);
	if (!rule->space || !rule->pattern)
		return -ENOMEM;
	error = peal_pattern_error(pattern);
	if (!error && strchr(pattern, '{'))
		error = "has {user}, which is for names of rooms";
	if (!error && !strncmp(pattern, OWN_EVENTS, strlen(OWN_EVENTS)))
		error = "begins with peal:, as only events of peal itself do";
	if (error)
		return peal_usage_about(usage, settings, forward, "\"%s\" %s", pattern, error);
	if (!peal_space_served(settings, rule->space))
		return peal_usage_about(usage, settings, forward,
					"%s is not served; name it with --namespace too",
					rule->space);
	return 0;
}

static void print_metrics(FILE *stream, void *userdata)
{
	static const char name[] = "peal_forwarded_events_total";
	const struct peal_forward *forward = userdata;

	peal_metrics_family(stream, name, "counter",
			    "client events for the Node.js servers of the cluster");
	for (size_t i = 0; i < OUTCOMES; i++)
		peal_metrics_sample(stream, name, "outcome", outcome_names[i],
				    forward->outcomes[i]);
	peal_metrics_family(stream, "peal_forwarded_events_waiting", "gauge",
			    "forwarded client events that wait for their acknowledgement");
	peal_metrics_sample(stream, "peal_forwarded_events_waiting", NULL, NULL, forward->waiting);
}

int peal_forward_new(const struct peal_settings *settings, struct peal_logging *logging,
		     struct peal_forward **ret_forward, struct peal_usage *usage)
{
	const struct peal_settings_list *list = &settings->forward;
	struct peal_forward *forward;
	int r = 0;

	*ret_forward = NULL;
	if (!list->count)
		return 0;
	forward = calloc(1, sizeof(*forward));
	if (!forward)
		return -ENOMEM;
	forward->logging = logging;
	forward->timeout_ms = (unsigned)settings->forward_timeout;
	forward->metrics.print = print_metrics;
	forward->metrics.userdata = forward;
	forward->rules = calloc(list->count, sizeof(*forward->rules));
	if (!forward->rules)
		r = -ENOMEM;
	else if (getrandom(&forward->ids.node, sizeof(forward->ids.node), 0) < 0)
		r = -errno;
	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = add_rule(forward, settings, list->items[i], usage);
	if (r != 0)
		peal_forward_free(forward);
	else
		*ret_forward = forward;
	return r;
}

void peal_forward_free(struct peal_forward *forward)
{
	if (!forward)
		return;
	for (size_t i = 0; i < forward->rule_count; i++) {
		free(forward->rules[i].space);
		free(forward->rules[i].pattern);
	}
	while (forward->gates) {
		struct gate *gate = forward->gates;

		forward->gates = gate->next;
		free(gate);
	}
	free(forward->rules);
	free(forward);
}

int peal_forward_attach(struct peal_forward *forward, struct peal_namespace *ns, const char *name)
{
	struct gate *gate;
	size_t found = 0;

	if (!forward)
		return 0;
	gate = calloc(1, sizeof(*gate) + (forward->rule_count + 1) * sizeof(*gate->patterns));
	if (!gate)
		return -ENOMEM;
	gate->forward = forward;
	gate->next = forward->gates;
	forward->gates = gate;
	for (size_t i = 0; i < forward->rule_count; i++)
		if (peal_space_same(forward->rules[i].space, name))
			gate->patterns[found++] = forward->rules[i].pattern;
	return found ? peal_use_packet(ns, on_event, gate) : 0;
}

struct peal_metrics_source *peal_forward_metrics(struct peal_forward *forward)
{
	return &forward->metrics;
}
