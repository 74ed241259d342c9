/*
 * Client events that Node.js servers of the cluster hear of.
 */
#include "forward.h"

#include <errno.h>
#include <peal/peal.h>
#include <stdlib.h>
#include <string.h>

#include "complaint.h"
#include "event_json.h"
#include "event_rules.h"
#include "wait.h"

#define EVENT "peal:event"

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
	const struct peal_rule_list *before; /* NULL: none */
	const char *space;
};

struct peal_forward {
	unsigned timeout_ms;
	struct peal_rule_list rules;
	struct gate *gates;
	struct peal_event_ids ids;
	uint64_t outcomes[OUTCOMES];
	struct peal_complaint complaint;
	struct peal_metrics_source metrics;
	struct peal_waits waits;
};

/* An acknowledgement that a client waits for. */
struct asking {
	struct peal_forward *forward;
	struct peal_wait *wait;
};

/* --- what becomes of an event ---------------------------------------------------------------- */

static void count(struct peal_forward *forward, enum outcome outcome, const char *reason)
{
	forward->outcomes[outcome]++;
	if (reason)
		peal_complain(&forward->complaint, reason);
}

static void on_answer(enum peal_ack_error error, const struct peal_args *answer, void *userdata)
{
	struct asking *asking = userdata;

	if (answer) {
		count(asking->forward, ANSWERED, NULL);
		peal_wait_end_args(asking->wait, answer);
	} else if (error == PEAL_ACK_OK) {
		count(asking->forward, UNAVAILABLE, "no server of the namespace is there");
		peal_wait_end(asking->wait, PEAL_WAIT_ERROR("unavailable",
							    "nobody is there to handle the event"));
	} else if (error != PEAL_ACK_CLOSED) {
		count(asking->forward, TIMEOUT, "no server has answered in time");
		peal_wait_end(asking->wait, PEAL_WAIT_TIMEOUT);
	} else {
		peal_wait_drop(asking->wait);
	}
	free(asking);
}

/* --- sending it ------------------------------------------------------------------------------ */

/* With an acknowledgement. Takes @wait, unless it fails. */
static int ask(struct peal_forward *forward, struct peal_socket *socket,
	       const struct peal_args *args, struct peal_wait *wait)
{
	struct asking *asking = malloc(sizeof(*asking));
	int r;

	if (!asking)
		return -ENOMEM;
	*asking = (struct asking){ forward, wait };
	r = peal_server_ask_args(peal_socket_namespace(socket), forward->timeout_ms, on_answer,
				 asking, EVENT, args);
	if (r != 0)
		free(asking);
	return r;
}

static const char *on_event(struct peal_socket *socket, const struct peal_event *event,
			    void *userdata)
{
	const struct gate *gate = userdata;
	struct peal_forward *forward = gate->forward;
	struct peal_args *args = NULL;
	struct peal_wait *wait = NULL;
	int r = 0;

	if ((gate->before && peal_event_rules_match(gate->before, gate->space, event->name)) ||
	    !peal_event_rules_match(&forward->rules, gate->space, event->name))
		return NULL;
	if (event->wants_ack)
		r = peal_wait_new(&forward->waits, socket, event, &wait);
	if (r == 0)
		r = peal_event_args(&forward->ids, socket, event, &args);
	if (r == 0)
		r = wait ? ask(forward, socket, args, wait)
			 : peal_server_emit_args(peal_socket_namespace(socket), EVENT, args);
	peal_args_free(args);
	if (r == 0 && !wait)
		count(forward, SENT, NULL);
	if (r == 0)
		return NULL;
	count(forward, REFUSED, "they cannot be sent");
	if (wait)
		peal_wait_end(wait, peal_wait_error(r));
	else if (event->wants_ack)
		(void)peal_reply(event, PEAL_JSON(peal_wait_error(r)));
	return NULL;
}

/* --- set up ---------------------------------------------------------------------------------- */

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
	peal_metrics_sample(stream, "peal_forwarded_events_waiting", NULL, NULL,
			    forward->waits.count);
}

int peal_forward_new(const struct peal_settings *settings, struct peal_logging *logging,
		     struct peal_forward **ret_forward, struct peal_usage *usage)
{
	struct peal_forward *forward;
	int r;

	*ret_forward = NULL;
	if (!settings->forward.count)
		return 0;
	forward = calloc(1, sizeof(*forward));
	if (!forward)
		return -ENOMEM;
	peal_complaint_init(&forward->complaint, logging, "client events are not handled");
	forward->timeout_ms = (unsigned)settings->forward_timeout;
	forward->metrics.print = print_metrics;
	forward->metrics.userdata = forward;
	r = peal_event_ids_init(&forward->ids);
	if (r == 0)
		r = peal_rule_list_load(settings, "--forward", &settings->forward,
					peal_event_rule_error, &forward->rules, usage);
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
	while (forward->gates) {
		struct gate *gate = forward->gates;

		forward->gates = gate->next;
		free(gate);
	}
	peal_rule_list_deinit(&forward->rules);
	free(forward);
}

int peal_forward_attach(struct peal_forward *forward, const struct peal_rule_list *before,
			struct peal_namespace *ns, const char *name)
{
	struct gate *gate;

	if (!forward)
		return 0;
	gate = malloc(sizeof(*gate));
	if (!gate)
		return -ENOMEM;
	*gate = (struct gate){ forward->gates, forward, before, name };
	forward->gates = gate;
	return peal_use_packet(ns, on_event, gate);
}

struct peal_metrics_source *peal_forward_metrics(struct peal_forward *forward)
{
	return &forward->metrics;
}
