/*
 * Sockets: life, references, what the application attaches to one.
 *
 *   joining → connected → leaving → gone
 *
 * The state changes in this file only. Leaving begins at once (no broadcast reaches the socket any
 * more), but rooms and the session stay until the disconnecting callbacks have run from the loop.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/json.h"
#include "server/server_private.h"

static void leave_task(struct peal_task *task)
{
	struct peal_socket *socket = peal_container(task, struct peal_socket, task);
	peal_socket_leave_now(socket, socket->reason, NULL);
}

int peal_auth_copy(const char *json, size_t length, struct peal_args **ret_auth)
{
	struct peal_args args;
	*ret_auth = NULL;
	if (length == 2 && !memcmp(json, "{}", 2))
		return 0;
	peal_args_init(&args, json, length, 1, NULL, 0);
	int r = peal_args_copy(&args, ret_auth);
	peal_args_deinit(&args);
	return r;
}

struct peal_socket *peal_socket_new(struct peal_client *client, struct peal_namespace *ns,
				    struct peal_args *auth)
{
	struct peal_socket *socket = calloc(1, sizeof(*socket));
	if (!socket)
		return NULL;
	peal_id_generate(&client->server->ids, socket->id);
	/* Public ids tell the node, so that one subscription covers the own rooms of all its
	 * sockets. What is left is random enough for a name that is no secret. */
	if (client->server->options.uid)
		memcpy(socket->id, client->server->options.uid,
		       strnlen(client->server->options.uid, PEAL_UID_LENGTH));
	socket->by_id.key = socket->id;
	socket->by_id.key_length = PEAL_ID_LENGTH;
	if (peal_hash_insert(&ns->by_id, &socket->by_id) < 0) {
		free(socket);
		return NULL;
	}
	socket->ns = peal_namespace_ref(ns);
	socket->session = client->session;
	socket->client = client;
	socket->auth = auth;
	socket->references = 1;
	socket->state = PEAL_SOCKET_JOINING;
	socket->task.fn = leave_task;
	peal_list_init(&socket->rounds);
	ns->live++;
	return socket;
}

static void free_task(struct peal_task *task)
{
	struct peal_socket *socket = peal_container(task, struct peal_socket, task);
	peal_args_free(socket->auth);
	peal_namespace_unref(socket->ns);
	free(socket->data);
	free(socket);
}

struct peal_socket *peal_socket_ref(struct peal_socket *socket)
{
	socket->references++;
	return socket;
}

void peal_socket_unref(struct peal_socket *socket)
{
	if (!socket || --socket->references)
		return;
	socket->task.fn = free_task;
	if (socket->ns->server)
		peal_loop_reap(socket->ns->server->loop, &socket->task);
	else
		free_task(&socket->task);
}

/* --- connected ---------------------------------------------------------------------------------
 */

int peal_socket_register(struct peal_socket *socket)
{
	struct peal_namespace *ns = socket->ns;
	if (ns->socket_count == ns->socket_capacity) {
		uint32_t capacity = ns->socket_capacity ? ns->socket_capacity * 2 : 4;
		struct peal_socket **sockets = realloc(ns->sockets, capacity * sizeof(*sockets));
		if (!sockets)
			return -ENOMEM;
		ns->sockets = sockets;
		struct peal_session **sessions =
			realloc(ns->sessions, capacity * sizeof(*sessions));
		if (!sessions)
			return -ENOMEM;
		ns->sessions = sessions;
		ns->socket_capacity = capacity;
	}
	socket->index = ns->socket_count;
	ns->sockets[ns->socket_count] = socket;
	ns->sessions[ns->socket_count++] = socket->session;
	socket->state = PEAL_SOCKET_CONNECTED;
	peal_list_append(&socket->client->sockets, &socket->link);
	socket->client->socket_count++;
	ns->server->stats->sockets++;
	ns->server->stats->connects++;
	return 0;
}

static void unregister(struct peal_socket *socket, const char *reason)
{
	struct peal_namespace *ns = socket->ns;
	struct peal_socket *last = ns->sockets[--ns->socket_count];
	ns->sockets[socket->index] = last;
	ns->sessions[socket->index] = last->session;
	last->index = socket->index;
	if (!ns->socket_count) {
		free(ns->sockets);
		free(ns->sessions);
		ns->sockets = NULL;
		ns->sessions = NULL;
		ns->socket_capacity = 0;
	}
	ns->server->stats->sockets--;
	peal_count_disconnect(ns->server->stats, reason);
}

/* --- leaving -----------------------------------------------------------------------------------
 */

void peal_socket_leave_later(struct peal_socket *socket, const char *reason)
{
	if (socket->state != PEAL_SOCKET_CONNECTED)
		return;
	socket->state = PEAL_SOCKET_LEAVING;
	socket->reason = reason;
	unregister(socket, reason);
	peal_round_socket_left(socket);
	peal_loop_defer(socket->ns->server->loop, &socket->task);
}

static void tell(struct peal_socket *socket, enum peal_namespace_handlers which, const char *reason,
		 const char *description)
{
	struct peal_walk walk;
	struct peal_handler *handler;
	peal_walk_namespace(&walk, socket->ns, which);
	while ((handler = peal_walk_next(&walk)))
		((peal_disconnect_fn *)handler->fn)(socket, reason, description, handler->userdata);
}

/* Out of the namespace and the session; only references are left. */
static void retire(struct peal_socket *socket)
{
	struct peal_namespace *ns = socket->ns;
	socket->state = PEAL_SOCKET_GONE;
	socket->session = NULL;
	socket->client = NULL;
	ns->live--;
	peal_namespace_settle(ns);
	peal_socket_unref(socket);
}

void peal_socket_leave_now(struct peal_socket *socket, const char *reason, const char *description)
{
	struct peal_namespace *ns = socket->ns;
	if (socket->state == PEAL_SOCKET_LEAVING) {
		if (reason != socket->reason) {
			reason = socket->reason;
			description = NULL;
		}
	} else {
		peal_socket_leave_later(socket, reason);
	}
	peal_loop_cancel(&socket->task);
	/* Those who waited for its acknowledgement first: they may share userdata with it. */
	peal_round_tell_socket(socket);
	tell(socket, PEAL_ON_DISCONNECTING, reason, description);
	peal_room_leave_all(socket);
	peal_hash_remove(&ns->by_id, &socket->by_id);
	peal_notices_drain(ns->server);
	tell(socket, PEAL_ON_DISCONNECT, reason, description);
	peal_list_unlink(&socket->link);
	socket->client->socket_count--;
	retire(socket);
}

void peal_socket_abandon(struct peal_socket *socket)
{
	peal_round_socket_left(socket);
	peal_room_leave_all(socket);
	peal_hash_remove(&socket->ns->by_id, &socket->by_id);
	retire(socket);
}

int peal_socket_disconnect(struct peal_socket *socket, bool close)
{
	if (!socket || socket->state != PEAL_SOCKET_CONNECTED)
		return PEAL_EMIT_E_GONE;
	struct peal_client *client = socket->client;
	peal_list_each (link, &client->sockets) {
		struct peal_socket *other = peal_container(link, struct peal_socket, link);
		if (other->state != PEAL_SOCKET_CONNECTED || (!close && other != socket))
			continue;
		(void)peal_encode_send(client, PEAL_PACKET_DISCONNECT, other->ns->name,
				       other->ns->name_length, NULL, 0);
		peal_socket_leave_later(other, "server namespace disconnect");
	}
	if (close) {
		peal_connect_drop_all(client);
		if (peal_session_open(client->session))
			(void)peal_session_shutdown(client->session);
	}
	return 0;
}

/* --- what the application sees -----------------------------------------------------------------
 */

const char *peal_socket_id(const struct peal_socket *socket)
{
	return socket->id;
}

struct peal_namespace *peal_socket_namespace(const struct peal_socket *socket)
{
	return socket->ns;
}

bool peal_socket_connected(const struct peal_socket *socket)
{
	return socket->state == PEAL_SOCKET_CONNECTED;
}

void peal_socket_hold(struct peal_socket *socket, uint64_t number)
{
	const struct peal_barrier *barrier = socket->ns->server->options.barrier;
	if (barrier && socket->session && !peal_barrier_reached(barrier, number))
		peal_session_hold(socket->session, number);
}

const struct peal_args *peal_socket_auth(const struct peal_socket *socket)
{
	if (socket->auth)
		return socket->auth;
	return socket->ns->server ? socket->ns->server->no_auth : NULL;
}

int peal_socket_set_auth(struct peal_socket *socket, const char *json)
{
	struct peal_json_facts facts;
	struct peal_args *auth;
	if (!json || !peal_json_validate(json, strlen(json), &facts) ||
	    facts.type != PEAL_JSON_OBJECT)
		return PEAL_EMIT_E_INVALID;
	int r = peal_auth_copy(json, strlen(json), &auth);
	if (r < 0)
		return r;
	peal_args_free(socket->auth);
	socket->auth = auth;
	return 0;
}

const struct peal_request *peal_socket_handshake(const struct peal_socket *socket)
{
	return socket->session ? peal_session_request(socket->session) : NULL;
}

struct peal_session *peal_socket_session(const struct peal_socket *socket)
{
	return socket->session;
}

void peal_socket_set_userdata(struct peal_socket *socket, void *userdata)
{
	socket->userdata = userdata;
}

void *peal_socket_userdata(const struct peal_socket *socket)
{
	return socket->userdata;
}

int peal_socket_set_data(struct peal_socket *socket, const char *json)
{
	struct peal_json_facts facts;
	if (!json || !peal_json_validate(json, strlen(json), &facts))
		return PEAL_EMIT_E_INVALID;
	char *copy = strdup(json);
	if (!copy)
		return -ENOMEM;
	free(socket->data);
	socket->data = copy;
	return 0;
}

const char *peal_socket_data(const struct peal_socket *socket)
{
	return socket->data ? socket->data : "{}";
}
