/*
 * Joining a namespace: CONNECT → rules of dynamic namespaces → middlewares → connected, or a
 * connect error.
 *
 * Where nothing has to be asked, all of it happens inside the handler of the message, so that the
 * answer leaves in the same turn. Otherwise a struct peal_connect waits for one decision after the
 * other; when the session ends meanwhile it is dropped without a word.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/decision.h"
#include "protocol/json.h"
#include "server/server_private.h"

struct peal_connect {
	struct peal_list link; /* in the client */
	struct peal_decision decision;
	struct peal_client *client;
	struct peal_args *auth;		 /* NULL: none, or the socket has it */
	struct peal_socket *socket;	 /* NULL while the rules are asked */
	size_t rule;			 /* that is asked, or will be next */
	struct peal_handler *middleware; /* that was asked last */
	/* The last of the parent's and of its own, as they were when it began: those that are added
	 * meanwhile are for others. */
	struct peal_handler *last_middlewares[2];
	bool own_middlewares; /* those of the parent are done */
	size_t name_length;
	char name[];
};

static void connect_free(struct peal_connect *connect)
{
	peal_decision_forget(&connect->decision);
	peal_list_unlink(&connect->link);
	connect->client->socket_count--;
	peal_args_free(connect->auth);
	free(connect);
}

static void drop(struct peal_connect *connect)
{
	struct peal_socket *socket = connect->socket;
	connect_free(connect);
	if (socket)
		peal_socket_abandon(socket);
}

void peal_connect_drop_all(struct peal_client *client)
{
	struct peal_list *link;
	while ((link = peal_list_first(&client->connects)))
		drop(peal_container(link, struct peal_connect, link));
}

/* --- refused -----------------------------------------------------------------------------------
 */

static void send_error(struct peal_client *client, const char *name, size_t name_length,
		       const char *message, const char *data)
{
	struct peal_buffer json = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES / 2);
	struct peal_json_facts facts;
	client->server->stats->connects_refused++;
	peal_buffer_append_text(&json, "{\"message\":");
	if (!message || !peal_json_append_checked(&json, message, strlen(message)))
		peal_buffer_append_text(&json, "\"Forbidden\"");
	if (data && peal_json_validate(data, strlen(data), &facts)) {
		peal_buffer_append_text(&json, ",\"data\":");
		peal_buffer_append_text(&json, data);
	}
	peal_buffer_append_char(&json, '}');
	if (peal_buffer_error(&json))
		peal_session_discard(client->session);
	else
		(void)peal_encode_send(client, PEAL_PACKET_CONNECT_ERROR, name, name_length,
				       json.bytes, json.length);
	peal_buffer_deinit(&json);
}

static void refuse(struct peal_connect *connect, const char *message, const char *data)
{
	struct peal_client *client = connect->client;
	struct peal_socket *socket = connect->socket;
	/* Rooms that a middleware joined are left before the client hears of it. */
	connect->socket = NULL;
	if (socket)
		peal_socket_abandon(socket);
	send_error(client, connect->name, connect->name_length, message, data);
	connect_free(connect);
}

/* --- connected ---------------------------------------------------------------------------------
 */

static void connected(struct peal_socket *socket)
{
	struct peal_namespace *ns = socket->ns;
	struct peal_client *client = socket->client;
	struct peal_server *server = client->server;

	if (peal_socket_register(socket) < 0) {
		peal_socket_abandon(socket);
		peal_session_discard(client->session);
		return;
	}
	peal_socket_ref(socket);
	peal_deadline_disarm(&client->deadline);
	/* What the join of the own room triggers precedes the CONNECT packet, as in the reference.
	 */
	(void)peal_room_join(socket, socket->id);
	peal_notices_drain(server);
	/* Whoever learns its id from the CONNECT packet may have others emit to it at once. */
	peal_socket_hold(socket, ns->number);
	if (socket->state == PEAL_SOCKET_CONNECTED) {
		char json[] = "{\"sid\":\"????????????????????\"}";
		memcpy(json + 8, socket->id, PEAL_ID_LENGTH);
		(void)peal_encode_send(client, PEAL_PACKET_CONNECT, ns->name, ns->name_length, json,
				       sizeof(json) - 1);
	}
	struct peal_walk walk;
	struct peal_handler *handler;
	peal_walk_namespace(&walk, ns, PEAL_ON_CONNECTION);
	while ((handler = peal_walk_next(&walk)))
		((peal_connection_fn *)handler->fn)(socket, handler->userdata);
	peal_socket_unref(socket);
}

/* --- middlewares -------------------------------------------------------------------------------
 */

/* Middlewares cannot be removed, so the one that was asked last is a place to go on from. */
static struct peal_handler *next_middleware(struct peal_connect *connect)
{
	struct peal_namespace *ns = connect->socket->ns;
	struct peal_handler *last = connect->last_middlewares[connect->own_middlewares];
	if (last && connect->middleware != last)
		return connect->middleware ? connect->middleware->next
					   : ns->parent->handlers[PEAL_ON_MIDDLEWARE].first;
	if (connect->own_middlewares || !connect->last_middlewares[true])
		return NULL;
	connect->own_middlewares = true;
	return ns->handlers[PEAL_ON_MIDDLEWARE].first;
}

static void on_middleware_answer(struct peal_decision *decision, bool accepted, const char *message,
				 const char *data);

static void ask_middlewares(struct peal_connect *connect)
{
	struct peal_server *server = connect->client->server;
	struct peal_handler *middleware = next_middleware(connect);
	if (!middleware) {
		struct peal_socket *socket = connect->socket;
		connect->socket = NULL;
		connect_free(connect);
		connected(socket);
		return;
	}
	connect->middleware = middleware;
	connect->decision.fn = on_middleware_answer;
	struct peal_next *next = peal_decision_ask(server->decisions, &connect->decision);
	if (!next) {
		struct peal_client *client = connect->client;
		drop(connect);
		peal_session_discard(client->session);
		return;
	}
	((peal_middleware_fn *)middleware->fn)(connect->socket, next, middleware->userdata);
}

static void on_middleware_answer(struct peal_decision *decision, bool accepted, const char *message,
				 const char *data)
{
	struct peal_connect *connect = peal_container(decision, struct peal_connect, decision);
	if (!peal_session_open(connect->client->session))
		drop(connect);
	else if (accepted)
		ask_middlewares(connect);
	else
		refuse(connect, message, data);
}

/* The namespace is known. */
static void enter(struct peal_connect *connect, struct peal_namespace *ns)
{
	struct peal_client *client = connect->client;
	connect->socket = peal_socket_new(client, ns, connect->auth);
	if (!connect->socket) {
		drop(connect);
		peal_session_discard(client->session);
		/* It may have been made for this client. */
		peal_namespace_settle(ns);
		return;
	}
	connect->auth = NULL;
	if (ns->parent)
		connect->last_middlewares[false] = ns->parent->handlers[PEAL_ON_MIDDLEWARE].last;
	connect->last_middlewares[true] = ns->handlers[PEAL_ON_MIDDLEWARE].last;
	ask_middlewares(connect);
}

/* --- rules -------------------------------------------------------------------------------------
 */

static void on_rule_answer(struct peal_decision *decision, bool accepted, const char *message,
			   const char *data);

/* A rule accepts the name: the namespace, made now unless another client was faster; NULL over the
 * cap. */
static struct peal_namespace *child_of(struct peal_connect *connect, const struct peal_rule *rule)
{
	struct peal_server *server = connect->client->server;
	struct peal_namespace *ns =
		peal_namespace_find(server, connect->name, connect->name_length);
	if (ns || server->child_count >= server->options.max_child_namespaces)
		return ns;
	ns = peal_namespace_create(server, rule->parent, connect->name, connect->name_length);
	if (!ns)
		return NULL;
	ns->dynamic = true;
	server->child_count++;
	/* Now, so that middlewares and handlers set by the callback hold for this client. It may
	 * end this session: out of the list, the connect outlives that. */
	peal_list_unlink(&connect->link);
	peal_namespace_announce(ns);
	peal_list_append(&connect->client->connects, &connect->link);
	return ns;
}

static void accept_rule(struct peal_connect *connect, const struct peal_rule *rule)
{
	struct peal_server *server = connect->client->server;
	struct peal_namespace *ns = child_of(connect, rule);
	if (!peal_session_open(connect->client->session) || server->shutting_down) {
		if (ns)
			peal_namespace_settle(ns);
		drop(connect);
	} else if (ns) {
		enter(connect, ns);
	} else {
		refuse(connect, "Invalid namespace", NULL);
	}
}

static void ask_rules(struct peal_connect *connect)
{
	struct peal_server *server = connect->client->server;
	for (; connect->rule < server->rule_count; connect->rule++) {
		struct peal_rule *rule = server->rules[connect->rule];
		if (rule->pattern) {
			if (peal_rule_matches(rule, connect->name)) {
				accept_rule(connect, rule);
				return;
			}
			continue;
		}
		connect->decision.fn = on_rule_answer;
		struct peal_next *next = peal_decision_ask(server->decisions, &connect->decision);
		if (!next)
			break;
		/* The function may end this session and go on reading what it was given: out of the
		 * list, the connect outlives that. */
		peal_list_unlink(&connect->link);
		rule->fn(connect->name, connect->auth ? connect->auth : server->no_auth, next,
			 rule->userdata);
		if (peal_session_open(connect->client->session) && !server->shutting_down)
			peal_list_append(&connect->client->connects, &connect->link);
		else
			drop(connect);
		return;
	}
	refuse(connect, "Invalid namespace", NULL);
}

static void on_rule_answer(struct peal_decision *decision, bool accepted, const char *message,
			   const char *data)
{
	struct peal_connect *connect = peal_container(decision, struct peal_connect, decision);
	(void)message;
	(void)data;
	if (!peal_session_open(connect->client->session)) {
		drop(connect);
	} else if (accepted) {
		accept_rule(connect, connect->client->server->rules[connect->rule]);
	} else {
		connect->rule++;
		ask_rules(connect);
	}
}

/* --- CONNECT came ------------------------------------------------------------------------------
 */

static bool already_here(struct peal_client *client, const char *name, size_t length)
{
	if (peal_client_socket(client, name, length))
		return true;
	peal_list_each (link, &client->connects) {
		struct peal_connect *connect = peal_container(link, struct peal_connect, link);
		if (connect->name_length == length && !memcmp(connect->name, name, length))
			return true;
	}
	return false;
}

static void begin(struct peal_client *client, const char *name, size_t length,
		  struct peal_args *auth, struct peal_namespace *ns)
{
	struct peal_connect *connect = calloc(1, sizeof(*connect) + length + 1);
	if (!connect) {
		peal_args_free(auth);
		peal_session_discard(client->session);
		return;
	}
	memcpy(connect->name, name, length);
	connect->name_length = length;
	connect->client = client;
	connect->auth = auth;
	client->socket_count++;
	peal_list_append(&client->connects, &connect->link);
	if (ns)
		enter(connect, ns);
	else
		ask_rules(connect);
}

void peal_connect_receive(struct peal_client *client, const struct peal_packet *packet)
{
	struct peal_server *server = client->server;
	const char *name = packet->namespace_name;
	size_t length = packet->namespace_length;
	struct peal_args *auth = NULL;

	if (already_here(client, name, length) ||
	    client->socket_count >= PEAL_LIMIT_NAMESPACES_PER_SESSION) {
		server->stats->packets_invalid++;
		peal_client_close(client);
		return;
	}
	struct peal_namespace *ns = peal_namespace_find(server, name, length);
	if (!ns && !server->rule_count) {
		send_error(client, name, length, "Invalid namespace", NULL);
		return;
	}
	if (packet->data && peal_auth_copy(packet->data, packet->data_length, &auth) < 0) {
		peal_session_discard(client->session);
		return;
	}
	if (!ns || peal_namespace_has(ns, PEAL_ON_MIDDLEWARE)) {
		begin(client, name, length, auth, ns);
		return;
	}
	struct peal_socket *socket = peal_socket_new(client, ns, auth);
	if (socket) {
		connected(socket);
	} else {
		peal_args_free(auth);
		peal_session_discard(client->session);
	}
}
