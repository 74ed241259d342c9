/*
 * Acknowledged broadcasts of this node, as far as the clients of others go. The server has the
 * round, with the local clients and its deadline; here is what other nodes contribute.
 *
 * Answers reach the round as they come. The servers are settled by the request's tally, and at the
 * latest PEAL_LIMIT_ROUND_GRACE_MS after the deadline of the round.
 */
#include <errno.h>
#include <stdlib.h>

#include "cluster/requests.h"

struct ask {
	struct peal_request_out request;
	struct peal_round *round; /* NULL once it is told, or gone */
	uint64_t answers;
	uint64_t bytes;
};

static struct ask *ask_of(struct peal_request_out *request)
{
	return peal_container(request, struct ask, request);
}

static bool within_ceiling(const struct ask *ask)
{
	return ask->answers <= PEAL_LIMIT_CLUSTER_ANSWERS &&
	       ask->bytes <= PEAL_LIMIT_CLUSTER_ANSWER_BYTES;
}

static void receive(struct peal_request_out *request, const struct peal_message *message)
{
	struct ask *ask = ask_of(request);
	for (size_t i = 0; i < message->answer_count; i++) {
		size_t length = 0;
		if (message->answers[i])
			peal_args_text(message->answers[i], &length);
		ask->answers++;
		ask->bytes += length;
		/* Over the ceiling they are counted and not kept: the round tells that it has
		 * fewer than it expected. */
		if (within_ceiling(ask))
			peal_round_remote_answer(ask->round, message->answers[i]);
	}
}

static void end(struct peal_request_out *request, enum peal_request_end why)
{
	struct ask *ask = ask_of(request);
	const struct peal_tally *tally = &request->tally;
	struct peal_round *round = ask->round;
	const char **names = NULL;
	ask->round = NULL;
	*peal_round_remote(round) = NULL;
	/* The server ends its rounds itself when the node is being freed. */
	if (why == PEAL_REQUEST_CLOSED)
		return;
	struct peal_remote_result result = {
		.complete = why == PEAL_REQUEST_COMPLETE && within_ceiling(ask),
		.clients_expected = tally->named_clients + tally->unnamed_clients,
	};
	peal_request_servers(request, &result, &names);
	peal_round_remote_end(round, &result);
	free(names);
}

static const struct peal_request_kind ask_kind = {
	.reliable = true,
	.receive = receive,
	.end = end,
};

static int remote_may_ask(struct peal_namespace *ns, void *context)
{
	return peal_request_room(context, peal_namespace_name(ns));
}

static int remote_ask(struct peal_namespace *ns, const struct peal_target *target,
		      const char *event, size_t event_length, const struct peal_args *args,
		      unsigned timeout_ms, struct peal_round *round, void *context)
{
	struct peal_cluster *cluster = context;
	struct peal_message message =
		peal_request_message(cluster, PEAL_MESSAGE_ASK, peal_namespace_name(ns));
	struct peal_buffer name = PEAL_BUFFER(PEAL_LIMIT_NAME_BYTES + 1);
	peal_buffer_append(&name, event, event_length);
	peal_buffer_append_char(&name, '\0');
	int r = peal_buffer_error(&name);
	struct ask *ask = r ? NULL : calloc(1, sizeof(*ask));
	if (!ask) {
		peal_buffer_deinit(&name);
		return r ? r : -ENOMEM;
	}
	/* The most that the wire carries. */
	if (timeout_ms > INT32_MAX)
		timeout_ms = INT32_MAX;
	message.target = *target;
	message.event = name.bytes;
	message.event_length = event_length;
	message.args = args;
	message.timeout_ms = timeout_ms;
	message.peal = true;
	ask->round = round;
	/* The round's own deadline comes first; this one is for a round that forgot. */
	r = peal_request_new(&ask->request, &ask_kind, cluster, &message,
			     timeout_ms + 2 * PEAL_LIMIT_ROUND_GRACE_MS);
	peal_buffer_deinit(&name);
	if (r == 0)
		*peal_round_remote(round) = ask;
	return r;
}

static void remote_ask_expired(struct peal_round *round, void *context)
{
	struct peal_cluster *cluster = context;
	struct ask *ask = *peal_round_remote(round);
	if (!ask)
		return;
	if (!ask->request.ending && peal_timer_arm(cluster->options.loop, &ask->request.deadline,
						   PEAL_LIMIT_ROUND_GRACE_MS) < 0)
		peal_request_end(&ask->request, PEAL_REQUEST_MISSING);
}

static void remote_ask_forget(struct peal_round *round, void *context)
{
	struct ask *ask = *peal_round_remote(round);
	(void)context;
	if (!ask)
		return;
	*peal_round_remote(round) = NULL;
	peal_request_forget(&ask->request);
}

void peal_ask_fill(struct peal_remote *remote)
{
	remote->may_ask = remote_may_ask;
	remote->ask = remote_ask;
	remote->ask_expired = remote_ask_expired;
	remote->ask_forget = remote_ask_forget;
}
