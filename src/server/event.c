/*
 * Events that came from clients: catch-all listeners, packet middlewares, handlers; and the
 * acknowledgements that the application sends for them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/json.h"
#include "server/server_private.h"

/* What a handler's struct peal_event is part of. */
struct incoming_event {
	struct peal_event event;
	struct peal_socket *socket;
	uint64_t id;
	bool answered;
};

struct peal_responder {
	struct peal_socket *socket; /* a reference */
	uint64_t id;
};

void peal_event_error(struct peal_socket *socket, const char *message)
{
	struct peal_walk walk;
	struct peal_handler *handler;
	peal_socket_ref(socket);
	peal_walk_namespace(&walk, socket->ns, PEAL_ON_ERROR);
	while ((handler = peal_walk_next(&walk)))
		((peal_error_fn *)handler->fn)(socket, message, handler->userdata);
	peal_socket_unref(socket);
}

static void call_all(struct peal_walk *walk, struct incoming_event *incoming)
{
	struct peal_handler *handler;
	while ((handler = peal_walk_next(walk)))
		((peal_event_fn *)handler->fn)(incoming->socket, &incoming->event,
					       handler->userdata);
}

/* Return: the message of the middleware that refuses the event, or NULL. */
static const char *refused(struct incoming_event *incoming)
{
	struct peal_walk walk;
	struct peal_handler *handler;
	peal_walk_namespace(&walk, incoming->socket->ns, PEAL_ON_PACKET);
	while ((handler = peal_walk_next(&walk))) {
		const char *message = ((peal_packet_middleware_fn *)handler->fn)(
			incoming->socket, &incoming->event, handler->userdata);
		if (message) {
			peal_walk_end(&walk);
			return message;
		}
	}
	return NULL;
}

static void hand_over(struct incoming_event *incoming, size_t name_length)
{
	struct peal_namespace *ns = incoming->socket->ns;
	const char *name = incoming->event.name;
	struct peal_walk walk;

	peal_walk_namespace(&walk, ns, PEAL_ON_ANY);
	call_all(&walk, incoming);
	const char *message = refused(incoming);
	if (message) {
		peal_event_error(incoming->socket, message);
		return;
	}
	/* A listener or middleware may have disconnected it: then the event is dropped. */
	if (incoming->socket->state != PEAL_SOCKET_CONNECTED)
		return;
	peal_walk_begin(&walk,
			ns->parent ? peal_event_handlers(ns->parent, name, name_length) : NULL,
			peal_event_handlers(ns, name, name_length));
	call_all(&walk, incoming);
}

/* The event's name, decoded; NULL without memory. */
static const char *event_name(struct peal_server *server, const struct peal_packet *packet)
{
	struct peal_buffer *name = &server->event_name;
	bool has_nul;
	peal_buffer_clear(name);
	if (packet->event_is_string) {
		int r = peal_json_decode_string(packet->event, packet->event_length, name,
						&has_nul);
		if (r < 0)
			return NULL;
	} else {
		peal_buffer_append(name, packet->event, packet->event_length);
	}
	/* An empty name has no bytes yet. */
	if (!peal_buffer_reserve(name, 1))
		return NULL;
	name->bytes[name->length] = '\0';
	return name->bytes;
}

void peal_event_receive(struct peal_socket *socket, const struct peal_packet *packet,
			const struct peal_bytes *attachments)
{
	struct peal_server *server = socket->ns->server;
	struct peal_args args;
	const char *name = event_name(server, packet);
	if (!name) {
		peal_session_discard(socket->session);
		return;
	}
	struct incoming_event incoming = {
		.event = { .name = name,
			   .args = &args,
			   .wants_ack = packet->id != PEAL_PACKET_NO_ID },
		.socket = peal_socket_ref(socket),
		.id = packet->id,
	};
	peal_args_init(&args, packet->args, packet->args_length, packet->args_count, attachments,
		       packet->attachments);
	hand_over(&incoming, server->event_name.length);
	peal_args_deinit(&args);
	peal_socket_unref(socket);
}

/* --- acknowledging -----------------------------------------------------------------------------
 */

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

static struct incoming_event *answerable(const struct peal_event *event)
{
	struct incoming_event *incoming =
		event && event->wants_ack
			? peal_container((struct peal_event *)event, struct incoming_event, event)
			: NULL;
	return incoming && !incoming->answered ? incoming : NULL;
}

int peal_reply_args(const struct peal_event *event, const struct peal_args *args)
{
	struct incoming_event *incoming = answerable(event);
	if (!incoming || !args)
		return PEAL_EMIT_E_INVALID;
	int r = send_ack(incoming->socket, incoming->id, args);
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

int peal_event_responder(const struct peal_event *event, struct peal_responder **ret_responder)
{
	struct incoming_event *incoming = answerable(event);
	if (!incoming)
		return PEAL_EMIT_E_INVALID;
	/* A client that asks without end must not grow the node without end. */
	if (incoming->socket->responders >= PEAL_LIMIT_PENDING_ACKS)
		return -ENOMEM;
	struct peal_responder *responder = malloc(sizeof(*responder));
	if (!responder)
		return -ENOMEM;
	incoming->answered = true;
	incoming->socket->responders++;
	responder->socket = peal_socket_ref(incoming->socket);
	responder->id = incoming->id;
	*ret_responder = responder;
	return 0;
}

void peal_responder_free(struct peal_responder *responder)
{
	if (!responder)
		return;
	responder->socket->responders--;
	peal_socket_unref(responder->socket);
	free(responder);
}

int peal_respond_args(struct peal_responder *responder, const struct peal_args *args)
{
	int r = args ? send_ack(responder->socket, responder->id, args) : PEAL_EMIT_E_INVALID;
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
