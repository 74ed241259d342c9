/*
 * What this node answers to the requests of others at once: its sockets, its rooms, the answers of
 * its handlers, confirmations. Answers to a request for clients' acknowledgements are in answer.c.
 *
 * A request that reaches this node is answered, with nothing when the namespace is not served any
 * more: the node was counted among its receivers. Only what would not be true is not said.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/requests.h"

struct peal_message peal_reply_message(const struct peal_cluster *cluster,
				       const struct peal_message *request,
				       enum peal_message_type type)
{
	struct peal_message message = peal_request_message(cluster, type, request->ns);
	message.request_id = request->request_id;
	message.to = request->uid;
	message.last = true;
	return message;
}

void peal_reply_send(struct peal_cluster *cluster, const struct peal_message *message)
{
	int r = cluster->adapter->ops->send(cluster->adapter, message, 0, 0);
	if (r != 0)
		peal_log(cluster->options.log, PEAL_LOG_WARNING,
			 "an answer to another node could not be sent",
			 PEAL_FIELD_TEXT("namespace", message->ns), PEAL_FIELD_INT("error", r));
}

void peal_reply_cannot(const struct peal_cluster *cluster, const struct peal_message *request)
{
	peal_log(cluster->options.log, PEAL_LOG_WARNING,
		 "a request of another node cannot be answered: too much, or no memory",
		 PEAL_FIELD_TEXT("namespace", request->ns));
}

/* --- sockets -----------------------------------------------------------------------------------
 */

/* The selected sockets; none when the namespace is not served. *ret_snapshot may be NULL. */
static int select_sockets(struct peal_cluster *cluster, const struct peal_message *message,
			  struct peal_snapshot **ret_snapshot,
			  const struct peal_socket_info **ret_sockets, size_t *ret_count)
{
	struct peal_namespace *ns = peal_server_namespace(cluster->options.server, message->ns);
	*ret_snapshot = NULL;
	*ret_count = 0;
	if (!ns)
		return 0;
	return peal_peer_fetch(ns, &message->target, ret_snapshot, ret_sockets, ret_count);
}

/* About what it is on the wire. */
static size_t size_of(const struct peal_socket_info *socket)
{
	size_t bytes = 64 + strlen(socket->data) + strlen(socket->handshake);
	for (size_t i = 0; i < socket->room_count; i++)
		bytes += strlen(socket->rooms[i]) + 4;
	return bytes;
}

/* How many of @sockets make a part: always one, and otherwise within the ceilings. */
static size_t part_of(const struct peal_socket_info *sockets, size_t count)
{
	size_t part = 0, bytes = 0;
	while (part < count && part < PEAL_LIMIT_FETCHED_SOCKETS) {
		bytes += size_of(&sockets[part]);
		if (part && bytes > PEAL_LIMIT_FETCHED_BYTES)
			break;
		part++;
	}
	return part;
}

void peal_reply_fetch(struct peal_cluster *cluster, const struct peal_message *message)
{
	const struct peal_socket_info *sockets = NULL;
	struct peal_snapshot *snapshot;
	size_t count, at = 0;
	if (select_sockets(cluster, message, &snapshot, &sockets, &count) != 0) {
		peal_reply_cannot(cluster, message);
		return;
	}
	struct peal_message answer = peal_reply_message(cluster, message, PEAL_MESSAGE_FETCHED);
	answer.peal = message->peal && *message->uid;
	do {
		size_t part = answer.peal ? part_of(sockets + at, count - at) : count;
		answer.sockets = part ? sockets + at : NULL;
		answer.socket_count = part;
		at += part;
		answer.last = at == count;
		peal_reply_send(cluster, &answer);
		answer.number++;
	} while (at < count);
	peal_snapshot_free(snapshot);
}

/* A list of names that are borrowed. */
struct names {
	const char **names;
	size_t count, capacity;
	bool failed;
};

static bool add_name(struct names *names, const char *name)
{
	if (names->count == names->capacity) {
		size_t capacity = names->capacity ? names->capacity * 2 : 64;
		void *larger = NULL;
		if (names->count < PEAL_LIMIT_CLUSTER_ROOMS)
			larger = realloc(names->names, capacity * sizeof(*names->names));
		names->failed |= !larger;
		if (!larger)
			return false;
		names->names = larger;
		names->capacity = capacity;
	}
	names->names[names->count++] = name;
	return true;
}

static void send_names(struct peal_cluster *cluster, struct peal_message *answer,
		       struct names *names)
{
	answer->rooms = PEAL_ROOM_LIST(names->names, names->count);
	if (names->failed)
		peal_reply_cannot(cluster, answer);
	else
		peal_reply_send(cluster, answer);
	free(names->names);
}

void peal_reply_socket_ids(struct peal_cluster *cluster, const struct peal_message *message)
{
	const struct peal_socket_info *sockets = NULL;
	struct peal_snapshot *snapshot;
	size_t count;
	struct names names = { 0 };
	struct peal_message answer =
		peal_reply_message(cluster, message, PEAL_MESSAGE_SOCKET_IDS_LISTED);
	names.failed = select_sockets(cluster, message, &snapshot, &sockets, &count) != 0;
	for (size_t i = 0; !names.failed && i < count; i++)
		add_name(&names, sockets[i].id);
	send_names(cluster, &answer, &names);
	peal_snapshot_free(snapshot);
}

/* --- rooms -------------------------------------------------------------------------------------
 */

static bool add_room(const char *room, size_t members, bool own_id, void *userdata)
{
	(void)members, (void)own_id; /* official servers tell those, too */
	/* With more than the ceiling there is no answer, so that nobody takes a part for all. */
	return add_name(userdata, room);
}

void peal_reply_rooms(struct peal_cluster *cluster, const struct peal_message *message)
{
	struct peal_namespace *ns = peal_server_namespace(cluster->options.server, message->ns);
	struct peal_message answer =
		peal_reply_message(cluster, message, PEAL_MESSAGE_ROOMS_LISTED);
	struct names names = { 0 };
	if (ns)
		peal_namespace_each_room(ns, add_room, &names);
	send_names(cluster, &answer, &names);
}

/* --- confirmations -----------------------------------------------------------------------------
 */

void peal_requests_confirm(struct peal_cluster *cluster, const struct peal_message *message,
			   uint64_t number)
{
	/* The adapter sends nothing before the numbers issued until now are reached, and @number is
	 * among them. */
	struct peal_message answer = peal_reply_message(cluster, message, PEAL_MESSAGE_CONFIRM);
	(void)number;
	peal_reply_send(cluster, &answer);
}

/* --- events between servers --------------------------------------------------------------------
 */

/* Handlers may answer for so long: no request of anybody waits longer. */
#define SERVER_EVENT_MS 60000

struct server_event {
	struct peal_answering answering;
	struct peal_server_reply reply;
	struct peal_timer timer;
	struct peal_task task; /* it was answered */
	char *ns, *request_id, *to;
};

static void server_event_free(struct peal_answering *answering)
{
	struct server_event *event = peal_container(answering, struct server_event, answering);
	peal_server_reply_forget(&event->reply);
	peal_timer_disarm(answering->cluster->options.loop, &event->timer);
	peal_loop_cancel(&event->task);
	peal_answering_leave(answering);
	free(event->ns);
	free(event->request_id);
	free(event->to);
	free(event);
}

static void server_event_expired(struct peal_timer *timer)
{
	server_event_free(&peal_container(timer, struct server_event, timer)->answering);
}

static void server_event_reap(struct peal_task *task)
{
	server_event_free(&peal_container(task, struct server_event, task)->answering);
}

/* From inside of a handler or later; the memory goes from the loop. */
static void server_event_answer(struct peal_server_reply *reply, const struct peal_args *answer)
{
	struct server_event *event = peal_container(reply, struct server_event, reply);
	struct peal_cluster *cluster = event->answering.cluster;
	const struct peal_message request = { .ns = event->ns,
					      .request_id = event->request_id,
					      .uid = event->to };
	struct peal_message message =
		peal_reply_message(cluster, &request, PEAL_MESSAGE_SERVER_ANSWER);
	message.answers = &answer;
	message.answer_count = 1;
	if (peal_task_queued(&event->task))
		return;
	peal_reply_send(cluster, &message);
	peal_loop_defer(cluster->options.loop, &event->task);
}

static struct server_event *server_event_new(struct peal_cluster *cluster,
					     const struct peal_message *message)
{
	struct server_event *event = calloc(1, sizeof(*event));
	if (!event)
		return NULL;
	event->task.fn = server_event_reap;
	event->timer.fn = server_event_expired;
	event->ns = strdup(message->ns);
	event->request_id = strdup(message->request_id);
	event->to = strdup(message->uid);
	peal_server_reply_init(&event->reply, server_event_answer);
	if (!peal_answering_enter(cluster, &event->answering, server_event_free)) {
		free(event->ns);
		free(event->request_id);
		free(event->to);
		free(event);
		return NULL;
	}
	if (!event->ns || !event->request_id || !event->to ||
	    peal_timer_arm(cluster->options.loop, &event->timer, SERVER_EVENT_MS) < 0) {
		server_event_free(&event->answering);
		return NULL;
	}
	return event;
}

void peal_reply_server_event(struct peal_cluster *cluster, const struct peal_message *message)
{
	struct peal_namespace *ns = peal_server_namespace(cluster->options.server, message->ns);
	struct server_event *event = NULL;
	if (*message->request_id)
		event = server_event_new(cluster, message);
	size_t handlers = 0;
	if (ns)
		handlers = peal_peer_server_event(ns, message->event, message->args,
						  event ? &event->reply : NULL);
	if (!event || handlers)
		return;
	if (cluster->options.answer_server_events)
		server_event_answer(&event->reply, NULL);
	else
		server_event_free(&event->answering);
}
