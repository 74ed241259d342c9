/*
 * Events that came, from clients: catch-all listeners, packet middlewares, handlers; and from other
 * servers: handlers. What answers them is reply.c.
 */
#include <string.h>

#include "protocol/json.h"
#include "server/reply.h"

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

static void call_all(struct peal_walk *walk, struct peal_incoming_event *incoming)
{
	struct peal_handler *handler;
	while ((handler = peal_walk_next(walk)))
		((peal_event_fn *)handler->fn)(incoming->socket, &incoming->event,
					       handler->userdata);
}

/* Return: the message of the middleware that refuses the event, or NULL. */
static const char *refused(struct peal_incoming_event *incoming)
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

static void hand_over(struct peal_incoming_event *incoming, size_t name_length)
{
	struct peal_namespace *ns = incoming->socket->ns;
	const char *name = incoming->event.name;
	struct peal_walk walk;

	if (peal_namespace_has(ns, PEAL_ON_ANY)) {
		peal_walk_namespace(&walk, ns, PEAL_ON_ANY);
		call_all(&walk, incoming);
	}
	const char *message = peal_namespace_has(ns, PEAL_ON_PACKET) ? refused(incoming) : NULL;
	if (message) {
		peal_event_error(incoming->socket, message);
		return;
	}
	/* A listener or middleware may have disconnected it: then the event is dropped. */
	if (incoming->socket->state != PEAL_SOCKET_CONNECTED)
		return;
	peal_walk_begin(&walk,
			ns->parent ? peal_event_handlers(&ns->parent->events, name, name_length)
				   : NULL,
			peal_event_handlers(&ns->events, name, name_length));
	call_all(&walk, incoming);
}

/* The event's name, decoded; NULL without memory. */
static const char *event_name(struct peal_server *server, const struct peal_packet *packet)
{
	struct peal_buffer *name = &server->event_name;
	bool has_nul;
	peal_buffer_clear(name);
	if (packet->event_escaped)
		(void)peal_json_decode_string(packet->event, packet->event_length, name, &has_nul);
	else if (packet->event_is_string)
		peal_buffer_append(name, packet->event + 1, packet->event_length - 2);
	else
		peal_buffer_append(name, packet->event, packet->event_length);
	return peal_buffer_error(name) ? NULL : name->bytes;
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
	struct peal_incoming_event incoming = {
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

/* --- from other servers ------------------------------------------------------------------------
 */

size_t peal_peer_server_event(struct peal_namespace *ns, const char *event,
			      const struct peal_args *args, struct peal_server_reply *reply)
{
	struct peal_incoming_event incoming = {
		.event = { .name = event, .args = args, .wants_ack = reply != NULL },
	};
	size_t length = strlen(event), count = 0;
	struct peal_walk walk;
	struct peal_handler *handler;
	/* The handlers may have everything closed. */
	peal_namespace_ref(ns);
	if (reply)
		peal_reply_token_link(reply, &incoming.token);
	peal_walk_begin(&walk,
			ns->parent ? peal_event_handlers(&ns->parent->server_events, event, length)
				   : NULL,
			peal_event_handlers(&ns->server_events, event, length));
	while ((handler = peal_walk_next(&walk))) {
		((peal_server_event_fn *)handler->fn)(ns, &incoming.event, handler->userdata);
		count++;
	}
	peal_reply_token_unlink(&incoming.token);
	peal_namespace_unref(ns);
	return count;
}
