/*
 * Acknowledgements that the application sends, for events of clients and of other servers, from
 * inside of a handler or later.
 *
 * Each event is answered once. The right to it is a token that may outlive the socket, or the
 * server that asked, and even the node: then the answer goes nowhere.
 */
#include "server/reply.h"

#include <errno.h>
#include <stdlib.h>

struct peal_responder {
	struct peal_socket *socket; /* a reference; NULL for an event of another server */
	uint64_t id;
	struct peal_reply_token token;
};

static int send_ack(struct peal_socket *socket, uint64_t id, const struct peal_args *args)
{
	struct peal_frame *run;
	if (socket->state != PEAL_SOCKET_CONNECTED)
		return PEAL_EMIT_E_GONE;
	int r = peal_encode_check(args);
	if (!r)
		r = peal_encode_ack(socket->ns, id, args, &run);
	if (r)
		return r;
	r = peal_session_queue(socket->session, run);
	peal_frame_unref(run);
	return r < 0 ? PEAL_EMIT_E_GONE : 0;
}

/* --- to other servers --------------------------------------------------------------------------
 */

void peal_server_reply_init(struct peal_server_reply *reply,
			    void (*fn)(struct peal_server_reply *, const struct peal_args *))
{
	reply->fn = fn;
	peal_list_init(&reply->tokens);
}

void peal_server_reply_forget(struct peal_server_reply *reply)
{
	struct peal_list *link;
	while ((link = peal_list_first(&reply->tokens)))
		peal_reply_token_unlink(peal_container(link, struct peal_reply_token, link));
}

/* Servers answer with one value, the first. */
static int answer_server(struct peal_reply_token *token, const struct peal_args *args)
{
	struct peal_server_reply *reply = token->reply;
	struct peal_args first;
	if (!reply)
		return PEAL_EMIT_E_GONE;
	int r = peal_encode_check(args);
	if (r)
		return r;
	/* It may free itself. */
	peal_reply_token_unlink(token);
	if (!peal_answer_first(args, &first)) {
		reply->fn(reply, NULL);
		return 0;
	}
	reply->fn(reply, &first);
	peal_args_deinit(&first);
	return 0;
}

/* --- from inside of a handler ------------------------------------------------------------------
 */

static struct peal_incoming_event *answerable(const struct peal_event *event)
{
	struct peal_incoming_event *incoming =
		event && event->wants_ack ? peal_container((struct peal_event *)event,
							   struct peal_incoming_event, event)
					  : NULL;
	return incoming && !incoming->answered ? incoming : NULL;
}

int peal_reply_args(const struct peal_event *event, const struct peal_args *args)
{
	struct peal_incoming_event *incoming = answerable(event);
	if (!incoming || !args)
		return PEAL_EMIT_E_INVALID;
	int r = incoming->socket ? send_ack(incoming->socket, incoming->id, args)
				 : answer_server(&incoming->token, args);
	/* What could not be encoded may be tried again. */
	incoming->answered = r == 0 || r == PEAL_EMIT_E_GONE;
	return r;
}

int peal_reply_values(const struct peal_event *event, struct peal_values values)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	if (!answerable(event))
		return PEAL_EMIT_E_INVALID;
	int r = peal_args_encode(&args, values, attachments);
	if (r)
		return r;
	r = peal_reply_args(event, &args);
	peal_args_deinit(&args);
	return r;
}

/* --- later -------------------------------------------------------------------------------------
 */

int peal_event_responder(const struct peal_event *event, struct peal_responder **ret_responder)
{
	struct peal_incoming_event *incoming = answerable(event);
	if (!incoming)
		return PEAL_EMIT_E_INVALID;
	/* A client that asks without end must not grow the node without end. How many servers may
	 * ask at once is up to the cluster layer. */
	if (incoming->socket && incoming->socket->responders >= PEAL_LIMIT_PENDING_ACKS)
		return -ENOMEM;
	struct peal_responder *responder = calloc(1, sizeof(*responder));
	if (!responder)
		return -ENOMEM;
	incoming->answered = true;
	responder->id = incoming->id;
	if (incoming->socket) {
		incoming->socket->responders++;
		responder->socket = peal_socket_ref(incoming->socket);
	} else if (incoming->token.reply) {
		peal_reply_token_link(incoming->token.reply, &responder->token);
	}
	*ret_responder = responder;
	return 0;
}

void peal_responder_free(struct peal_responder *responder)
{
	if (!responder)
		return;
	peal_reply_token_unlink(&responder->token);
	if (responder->socket) {
		responder->socket->responders--;
		peal_socket_unref(responder->socket);
	}
	free(responder);
}

int peal_respond_args(struct peal_responder *responder, const struct peal_args *args)
{
	int r = PEAL_EMIT_E_INVALID;
	if (args)
		r = responder->socket ? send_ack(responder->socket, responder->id, args)
				      : answer_server(&responder->token, args);
	peal_responder_free(responder);
	return r;
}

int peal_respond_values(struct peal_responder *responder, struct peal_values values)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	int r = peal_args_encode(&args, values, attachments);
	if (r) {
		peal_responder_free(responder);
		return r;
	}
	r = peal_respond_args(responder, &args);
	peal_args_deinit(&args);
	return r;
}
