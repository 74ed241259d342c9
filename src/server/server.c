/*
 * The server and its clients: what the engine tells, packets put together from their units, orderly
 * closing.
 *
 * One client per session, as the session's userdata. The engine never calls from inside a call of
 * the functions of session.h, so a client lives at least as long as the handler that got it.
 */
#include "server/server_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A packet whose attachments are on their way. What a client can make the node hold here is its
 * text and PEAL_LIMIT_ATTACHMENTS units, each at most maxHttpBufferSize; the engine sees to that.
 */
struct peal_incoming {
	struct peal_packet packet; /* points into text */
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	unsigned received;
	char text[];
};

static void incoming_free(struct peal_incoming *incoming)
{
	if (!incoming)
		return;
	for (unsigned i = 0; i < incoming->received; i++)
		free((void *)incoming->attachments[i].bytes);
	free(incoming);
}

/* --- closing -----------------------------------------------------------------------------------
 */

void peal_client_close(struct peal_client *client)
{
	if (!peal_session_open(client->session) || peal_session_shutdown(client->session))
		return;
	peal_connect_drop_all(client);
	peal_list_each (link, &client->sockets)
		peal_socket_leave_later(peal_container(link, struct peal_socket, link),
					"forced server close");
}

/* A packet that is well-formed but illegal in the state at hand. */
static void refuse_packet(struct peal_client *client)
{
	client->server->stats->packets_invalid++;
	peal_client_close(client);
}

/* A unit that the decoder rejects: the sockets hear of the error, and of the end from the engine,
 * with `forced close` in any case. */
static void reject_unit(struct peal_client *client, const char *message)
{
	client->server->stats->packets_invalid++;
	incoming_free(client->incoming);
	client->incoming = NULL;
	peal_list_each (link, &client->sockets) {
		struct peal_socket *socket = peal_container(link, struct peal_socket, link);
		if (socket->state == PEAL_SOCKET_CONNECTED)
			peal_event_error(socket, message);
	}
	if (peal_session_open(client->session))
		(void)peal_session_shutdown(client->session);
}

/* --- packets -----------------------------------------------------------------------------------
 */

struct peal_socket *peal_client_socket(struct peal_client *client, const char *name, size_t length)
{
	peal_list_each (link, &client->sockets) {
		struct peal_socket *socket = peal_container(link, struct peal_socket, link);
		if (socket->state == PEAL_SOCKET_CONNECTED && socket->ns->name_length == length &&
		    !memcmp(socket->ns->name, name, length))
			return socket;
	}
	return NULL;
}

static void dispatch(struct peal_client *client, const struct peal_packet *packet,
		     const struct peal_bytes *attachments)
{
	client->server->stats->packets_received++;
	if (packet->type == PEAL_PACKET_CONNECT) {
		peal_connect_receive(client, packet);
		return;
	}
	struct peal_socket *socket =
		peal_client_socket(client, packet->namespace_name, packet->namespace_length);
	if (!socket || packet->type == PEAL_PACKET_CONNECT_ERROR) {
		refuse_packet(client);
		return;
	}
	switch (packet->type) {
	case PEAL_PACKET_DISCONNECT:
		peal_socket_leave_now(socket, "client namespace disconnect", NULL);
		break;
	case PEAL_PACKET_EVENT:
	case PEAL_PACKET_BINARY_EVENT:
		peal_event_receive(socket, packet, attachments);
		break;
	default:
		peal_round_receive(socket, packet, attachments);
		break;
	}
}

static const char *moved(const char *pointer, const char *from, size_t length, const char *to)
{
	return pointer >= from && pointer <= from + length ? to + (pointer - from) : pointer;
}

/* Keep a packet until its attachments are there. */
static int hold(struct peal_client *client, const struct peal_packet *packet, const char *text,
		size_t length)
{
	struct peal_incoming *incoming = calloc(1, sizeof(*incoming) + length);
	if (!incoming)
		return -ENOMEM;
	memcpy(incoming->text, text, length);
	struct peal_packet *copy = &incoming->packet;
	*copy = *packet;
	copy->namespace_name = moved(packet->namespace_name, text, length, incoming->text);
	copy->data = moved(packet->data, text, length, incoming->text);
	copy->event = moved(packet->event, text, length, incoming->text);
	copy->args = moved(packet->args, text, length, incoming->text);
	client->incoming = incoming;
	return 0;
}

static void receive_text(struct peal_client *client, const char *text, size_t length)
{
	struct peal_packet packet;
	if (client->incoming) {
		reject_unit(client, "got plaintext data when reconstructing a packet");
		return;
	}
	enum peal_packet_error error = peal_packet_decode(text, length, &packet);
	if (error)
		reject_unit(client, peal_packet_strerror(error));
	else if (!packet.attachments)
		dispatch(client, &packet, NULL);
	else if (hold(client, &packet, text, length) < 0)
		peal_session_discard(client->session);
}

static void receive_binary(struct peal_client *client, const void *data, size_t length)
{
	struct peal_incoming *incoming = client->incoming;
	if (!incoming) {
		reject_unit(client, "got binary data when not reconstructing a packet");
		return;
	}
	void *bytes = malloc(length ? length : 1);
	if (!bytes) {
		peal_session_discard(client->session);
		return;
	}
	if (length)
		memcpy(bytes, data, length);
	incoming->attachments[incoming->received++] = (struct peal_bytes){ bytes, length };
	if (incoming->received < incoming->packet.attachments)
		return;
	client->incoming = NULL;
	dispatch(client, &incoming->packet, incoming->attachments);
	incoming_free(incoming);
}

/* --- what the engine tells ---------------------------------------------------------------------
 */

static void on_connection(struct peal_session *session, void *userdata)
{
	struct peal_server *server = userdata;
	struct peal_client *client = server->shutting_down ? NULL : calloc(1, sizeof(*client));
	peal_session_set_userdata(session, client);
	if (!client) {
		peal_session_discard(session);
		return;
	}
	client->server = server;
	client->session = session;
	peal_list_init(&client->sockets);
	peal_list_init(&client->connects);
	peal_list_append(&server->clients, &client->link);
	peal_deadline_arm(&server->connect_deadlines, &client->deadline);
}

static void on_message(struct peal_session *session, const void *data, size_t length, bool binary,
		       void *userdata)
{
	struct peal_server *server = userdata;
	struct peal_client *client = peal_session_userdata(session);
	if (!client || server->shutting_down || !peal_session_open(session))
		return;
	if (binary)
		receive_binary(client, data, length);
	else
		receive_text(client, data, length);
}

static void client_free(struct peal_client *client, const char *reason, const char *description)
{
	struct peal_list *link;
	peal_deadline_disarm(&client->deadline);
	peal_connect_drop_all(client);
	incoming_free(client->incoming);
	/* Here, not in tasks: disconnect callbacks may look at the session for the last time. */
	while ((link = peal_list_first(&client->sockets)))
		peal_socket_leave_now(peal_container(link, struct peal_socket, link), reason,
				      description);
	peal_list_unlink(&client->link);
	free(client);
}

static void on_close(struct peal_session *session, const char *reason, const char *description,
		     void *userdata)
{
	struct peal_client *client = peal_session_userdata(session);
	(void)userdata;
	if (!client)
		return;
	client_free(client, reason, description);
	peal_session_set_userdata(session, NULL);
}

const struct peal_engine_handlers peal_server_engine_handlers = {
	.connection = on_connection,
	.message = on_message,
	.close = on_close,
};

static void on_connect_timeout(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	(void)deadlines;
	peal_client_close(peal_container(deadline, struct peal_client, deadline));
}

/* --- life --------------------------------------------------------------------------------------
 */

static int make_contents(struct peal_server *server)
{
	int r = peal_args_new_from_json("[{}]", 4, NULL, 0, &server->no_auth);
	if (r)
		return r;
	server->io = peal_namespace_create(server, NULL, "/", 1);
	return server->io ? 0 : -ENOMEM;
}

int peal_server_new(struct peal_loop *loop, struct peal_node *node,
		    struct peal_decisions *decisions, const struct peal_server_options *options,
		    struct peal_stats *stats, const struct peal_log *log,
		    struct peal_server **ret_server)
{
	struct peal_server *server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->node = node;
	server->decisions = decisions;
	server->options = *options;
	server->stats = stats;
	server->log = log;
	server->event_name = PEAL_BUFFER(6 * PEAL_LIMIT_NAME_BYTES);
	server->notices_task.fn = peal_notices_task;
	peal_list_init(&server->clients);
	peal_list_init(&server->namespaces);
	peal_list_init(&server->rounds);
	peal_list_init(&server->fetches);
	peal_list_init(&server->notices);
	peal_hash_init(&server->registry);
	peal_hash_init(&server->stand_ins);
	peal_deadlines_init(&server->connect_deadlines, loop, options->connect_timeout_ms, false,
			    on_connect_timeout);
	int r = make_contents(server);
	if (r) {
		peal_server_free(server);
		return r;
	}
	*ret_server = server;
	return 0;
}

void peal_server_set_remote(struct peal_server *server, const struct peal_remote *remote)
{
	if (!remote) {
		/* What the one that goes still owes does not come. */
		peal_round_forget_remote(server);
		peal_fetch_forget_remote(server);
	}
	server->remote = remote;
}

static void dismiss(struct peal_client *client)
{
	peal_deadline_disarm(&client->deadline);
	peal_connect_drop_all(client);
	peal_list_each (link, &client->sockets)
		peal_socket_leave_later(peal_container(link, struct peal_socket, link),
					"server shutting down");
}

void peal_server_shut_down(struct peal_server *server)
{
	if (server->shutting_down)
		return;
	server->shutting_down = true;
	peal_list_each (link, &server->clients)
		dismiss(peal_container(link, struct peal_client, link));
}

void peal_server_send_away(struct peal_session *session)
{
	struct peal_client *client = peal_session_userdata(session);
	if (client)
		dismiss(client);
	(void)peal_session_shutdown(session);
}

void peal_server_refuse_calls(struct peal_server *server)
{
	server->freeing = true;
}

void peal_server_free(struct peal_server *server)
{
	struct peal_list *link;
	if (!server)
		return;
	server->shutting_down = true;
	server->freeing = true;
	/* No session should be left; one that is must not keep a dangling pointer to us. */
	while ((link = peal_list_first(&server->clients))) {
		struct peal_client *client = peal_container(link, struct peal_client, link);
		peal_session_set_userdata(client->session, NULL);
		client_free(client, "server shutting down", NULL);
	}
	peal_round_close_all(server);
	peal_fetch_close_all(server);
	server->remote = NULL;
	peal_loop_finish_tasks(server->loop);
	peal_notices_drain(server);
	peal_loop_cancel(&server->notices_task);

	for (size_t i = 0; i < server->rule_count; i++)
		peal_rule_free(server->rules[i]);
	free(server->rules);
	/* References of the application may keep sockets and through them namespaces. */
	while ((link = peal_list_first(&server->namespaces)))
		peal_namespace_orphan(peal_container(link, struct peal_namespace, link));
	peal_handlers_deinit(&server->new_namespace);
	peal_hash_deinit(&server->registry);
	peal_hash_deinit(&server->stand_ins);
	peal_deadlines_deinit(&server->connect_deadlines);
	peal_buffer_deinit(&server->event_name);
	peal_args_free(server->no_auth);
	free(server);
}
