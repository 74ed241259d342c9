/* Events of this node for the other servers, and their answers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/requests.h"
#include "protocol/args.h"
#include "protocol/text.h"

struct server_emit {
	struct peal_request_out request;
	peal_acks_fn *fn;
	void *userdata;
	struct peal_args **responses;
	size_t count, capacity;
	uint64_t bytes;
	bool failed; /* an answer came and could not be kept */
};

static struct server_emit *emit_of(struct peal_request_out *request)
{
	return peal_container(request, struct server_emit, request);
}

static bool room_for_one(struct server_emit *emit)
{
	if (emit->count < emit->capacity)
		return true;
	size_t capacity = emit->capacity ? emit->capacity * 2 : 8;
	void *responses = realloc(emit->responses, capacity * sizeof(*emit->responses));
	if (!responses)
		return false;
	emit->responses = responses;
	emit->capacity = capacity;
	return true;
}

static void receive(struct peal_request_out *request, const struct peal_message *message)
{
	struct server_emit *emit = emit_of(request);
	const struct peal_args *answer = message->answer_count ? message->answers[0] : NULL;
	struct peal_args nothing;
	size_t length;
	peal_args_init(&nothing, "null", 4, 1, NULL, 0);
	peal_args_text(answer ? answer : &nothing, &length);
	emit->bytes += length;
	if (emit->bytes > PEAL_LIMIT_CLUSTER_ANSWER_BYTES ||
	    emit->count >= PEAL_LIMIT_CLUSTER_ANSWERS || !room_for_one(emit) ||
	    peal_args_copy(answer ? answer : &nothing, &emit->responses[emit->count]) < 0)
		emit->failed = true;
	else
		emit->count++;
	peal_args_deinit(&nothing);
}

static void end(struct peal_request_out *request, enum peal_request_end why)
{
	struct server_emit *emit = emit_of(request);
	struct peal_remote_result result = { 0 };
	const char **names = NULL;
	peal_request_servers(request, &result, &names);
	const struct peal_acks acks = {
		.error = peal_request_error(why, emit->failed),
		.responses = (const struct peal_args *const *)emit->responses,
		.response_count = emit->count,
		.servers_expected = result.servers_expected,
		.servers_answered = result.servers_answered,
		.missing_servers = result.missing_servers,
		.missing_server_count = result.missing_server_count,
		.unnamed_missing_servers = result.unnamed_missing_servers,
	};
	if (emit->fn)
		emit->fn(&acks, emit->userdata);
	free(names);
}

static void deinit(struct peal_request_out *request)
{
	struct server_emit *emit = emit_of(request);
	for (size_t i = 0; i < emit->count; i++)
		peal_args_free(emit->responses[i]);
	free(emit->responses);
}

static const struct peal_request_kind emit_kind = {
	.probes = true,
	.receive = receive,
	.end = end,
	.deinit = deinit,
};

/* --- one answer --------------------------------------------------------------------------------
 */

struct server_ask {
	struct peal_request_out request;
	peal_server_answer_fn *fn;
	void *userdata;
	struct peal_args *answer;
	bool failed; /* it came and could not be kept */
};

static struct server_ask *ask_of(struct peal_request_out *request)
{
	return peal_container(request, struct server_ask, request);
}

static void receive_one(struct peal_request_out *request, const struct peal_message *message)
{
	struct server_ask *ask = ask_of(request);
	const struct peal_args *answer = message->answer_count ? message->answers[0] : NULL;
	struct peal_args nothing;
	if (*message->uid)
		return;
	peal_args_init(&nothing, "null", 4, 1, NULL, 0);
	ask->failed = peal_args_copy(answer ? answer : &nothing, &ask->answer) < 0;
	peal_args_deinit(&nothing);
	peal_request_end(request, PEAL_REQUEST_COMPLETE);
}

static void end_one(struct peal_request_out *request, enum peal_request_end why)
{
	struct server_ask *ask = ask_of(request);
	ask->fn(peal_request_error(why, ask->failed), ask->answer, ask->userdata);
}

static void deinit_one(struct peal_request_out *request)
{
	peal_args_free(ask_of(request)->answer);
}

static const struct peal_request_kind ask_kind = {
	.everyone = true,
	.receive = receive_one,
	.end = end_one,
	.deinit = deinit_one,
};

/* --- the calls ---------------------------------------------------------------------------------
 */

static int check(const struct peal_namespace *ns, const char *event, const struct peal_args *args)
{
	int r = peal_namespace_usable(ns, true);
	if (r)
		return r;
	if (!event || !args || !peal_name_valid(event, strlen(event)))
		return PEAL_EMIT_E_INVALID;
	if (!strcmp(event, "connect") || !strcmp(event, "connection") ||
	    !strcmp(event, "new_namespace"))
		return PEAL_EMIT_E_RESERVED;
	return args->attachment_count > PEAL_LIMIT_ATTACHMENTS ? PEAL_EMIT_E_TOO_LARGE : 0;
}

static struct peal_message event_message(const struct peal_cluster *cluster,
					 const struct peal_namespace *ns, const char *event,
					 const struct peal_args *args)
{
	struct peal_message message =
		peal_request_message(cluster, PEAL_MESSAGE_SERVER_EMIT, peal_namespace_name(ns));
	message.event = event;
	message.event_length = strlen(event);
	message.args = args;
	return message;
}

int peal_server_emit_args(struct peal_namespace *ns, const char *event,
			  const struct peal_args *args)
{
	int r = check(ns, event, args);
	if (r)
		return r;
	struct peal_cluster *cluster = peal_cluster_of(ns);
	struct peal_message message = event_message(cluster, ns, event, args);
	if (!cluster->adapter)
		return 0;
	r = cluster->adapter->ops->send(cluster->adapter, &message, 0, 0);
	return r == -EMSGSIZE ? PEAL_EMIT_E_TOO_LARGE : r;
}

int peal_server_emit_ack_args(struct peal_namespace *ns, unsigned timeout_ms, peal_acks_fn *fn,
			      void *userdata, const char *event, const struct peal_args *args)
{
	int r = check(ns, event, args);
	if (r)
		return r;
	struct peal_cluster *cluster = peal_cluster_of(ns);
	struct peal_message message = event_message(cluster, ns, event, args);
	struct server_emit *emit = calloc(1, sizeof(*emit));
	if (!emit)
		return -ENOMEM;
	emit->fn = fn;
	emit->userdata = userdata;
	return peal_request_new(&emit->request, &emit_kind, cluster, &message, timeout_ms);
}

int peal_server_ask_args(struct peal_namespace *ns, unsigned timeout_ms, peal_server_answer_fn *fn,
			 void *userdata, const char *event, const struct peal_args *args)
{
	int r = check(ns, event, args);
	if (r)
		return r;
	struct peal_cluster *cluster = peal_cluster_of(ns);
	struct peal_message message = event_message(cluster, ns, event, args);
	struct server_ask *ask = calloc(1, sizeof(*ask));
	if (!ask)
		return -ENOMEM;
	ask->fn = fn;
	ask->userdata = userdata;
	return peal_request_new(&ask->request, &ask_kind, cluster, &message, timeout_ms);
}

int peal_server_emit_values(struct peal_namespace *ns, const char *event, struct peal_values values)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	int r = peal_args_encode(&args, values, attachments);
	if (r)
		return r;
	r = peal_server_emit_args(ns, event, &args);
	peal_args_deinit(&args);
	return r;
}

int peal_server_emit_ack_values(struct peal_namespace *ns, unsigned timeout_ms, peal_acks_fn *fn,
				void *userdata, const char *event, struct peal_values values)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	int r = peal_args_encode(&args, values, attachments);
	if (r)
		return r;
	r = peal_server_emit_ack_args(ns, timeout_ms, fn, userdata, event, &args);
	peal_args_deinit(&args);
	return r;
}
