/*
 * What is told to the application afterwards: results, room notifications, and events that were
 * sent, for the outgoing listeners. Of the latter two nothing is kept when nobody listens.
 */
#include <stdlib.h>
#include <string.h>

#include "server/server_private.h"

/* --- results -----------------------------------------------------------------------------------
 */

/*
 * A result in which other nodes took part may make the program tell others that something is done.
 * If it has joined sockets to rooms before, their subscriptions must be in force by then. What is
 * told through the node itself, to clients, other nodes or over HTTP, waits anyway; this is for
 * programs with ways of their own.
 */
static void on_reached(struct peal_barrier_waiter *waiter)
{
	struct peal_result *result = peal_container(waiter, struct peal_result, waiter);
	peal_loop_defer(result->loop, &result->task);
}

void peal_result_queue(struct peal_server *server, struct peal_result *result)
{
	struct peal_barrier *barrier = server->options.barrier;
	result->loop = server->loop;
	if (!barrier || server->freeing || peal_barrier_reached(barrier, barrier->issued)) {
		peal_loop_defer(server->loop, &result->task);
		return;
	}
	result->waiter.fn = on_reached;
	peal_barrier_wait(barrier, &result->waiter, barrier->issued);
}

void peal_result_hurry(struct peal_result *result)
{
	if (!peal_list_linked(&result->waiter.link))
		return;
	peal_barrier_cancel(&result->waiter);
	peal_loop_defer(result->loop, &result->task);
}

void peal_result_cancel(struct peal_result *result)
{
	peal_barrier_cancel(&result->waiter);
	peal_loop_cancel(&result->task);
}

/* --- rooms -------------------------------------------------------------------------------------
 */

struct notice {
	struct peal_list link;
	struct peal_namespace *ns;
	enum peal_room_change change;
	const char *id; /* NULL, or in text */
	char text[];	/* the room's name, then the id */
};

void peal_notice_room(struct peal_namespace *ns, enum peal_room_change change, const char *room,
		      const char *id)
{
	struct peal_server *server = ns->server;
	if (!peal_namespace_has(ns, PEAL_ON_ROOM))
		return;
	size_t room_size = strlen(room) + 1;
	size_t id_size = id ? strlen(id) + 1 : 0;
	struct notice *notice = malloc(sizeof(*notice) + room_size + id_size);
	if (!notice)
		return;
	*notice = (struct notice){ .ns = peal_namespace_ref(ns), .change = change };
	memcpy(notice->text, room, room_size);
	if (id)
		notice->id = memcpy(notice->text + room_size, id, id_size);
	peal_list_append(&server->notices, &notice->link);
	if (!peal_task_queued(&server->notices_task))
		peal_loop_defer(server->loop, &server->notices_task);
}

void peal_notices_drain(struct peal_server *server)
{
	struct peal_list *link;
	while ((link = peal_list_take(&server->notices))) {
		struct notice *notice = peal_container(link, struct notice, link);
		struct peal_namespace *ns = notice->ns;
		struct peal_walk walk;
		struct peal_handler *handler;
		peal_walk_namespace(&walk, ns, PEAL_ON_ROOM);
		while ((handler = peal_walk_next(&walk)))
			((peal_room_fn *)handler->fn)(ns, notice->change, notice->text, notice->id,
						      handler->userdata);
		peal_namespace_unref(ns);
		free(notice);
	}
}

void peal_notices_task(struct peal_task *task)
{
	peal_notices_drain(peal_container(task, struct peal_server, notices_task));
}

/* --- outgoing events ---------------------------------------------------------------------------
 */

struct peal_outgoing {
	struct peal_task task;
	struct peal_namespace *ns;
	struct peal_args *args;
	struct peal_socket **sockets;
	size_t count, capacity;
	char event[];
};

static void outgoing_free(struct peal_outgoing *outgoing)
{
	for (size_t i = 0; i < outgoing->count; i++)
		peal_socket_unref(outgoing->sockets[i]);
	peal_namespace_unref(outgoing->ns);
	peal_args_free(outgoing->args);
	free(outgoing->sockets);
	free(outgoing);
}

static void outgoing_task(struct peal_task *task)
{
	struct peal_outgoing *outgoing = peal_container(task, struct peal_outgoing, task);
	const struct peal_event event = { .name = outgoing->event, .args = outgoing->args };
	for (size_t i = 0; i < outgoing->count; i++) {
		struct peal_walk walk;
		struct peal_handler *handler;
		peal_walk_namespace(&walk, outgoing->ns, PEAL_ON_ANY_OUTGOING);
		while ((handler = peal_walk_next(&walk)))
			((peal_event_fn *)handler->fn)(outgoing->sockets[i], &event,
						       handler->userdata);
	}
	outgoing_free(outgoing);
}

struct peal_outgoing *peal_outgoing_new(struct peal_namespace *ns, const char *event, size_t length,
					const struct peal_args *args)
{
	if (!peal_namespace_has(ns, PEAL_ON_ANY_OUTGOING))
		return NULL;
	struct peal_outgoing *outgoing = calloc(1, sizeof(*outgoing) + length + 1);
	if (!outgoing)
		return NULL;
	memcpy(outgoing->event, event, length);
	outgoing->task.fn = outgoing_task;
	outgoing->ns = peal_namespace_ref(ns);
	if (peal_args_copy(args, &outgoing->args) < 0) {
		outgoing_free(outgoing);
		return NULL;
	}
	return outgoing;
}

void peal_outgoing_add(struct peal_outgoing *outgoing, struct peal_socket *socket)
{
	if (outgoing->count == outgoing->capacity) {
		size_t capacity = outgoing->capacity ? outgoing->capacity * 2 : 4;
		void *sockets = realloc(outgoing->sockets, capacity * sizeof(*outgoing->sockets));
		if (!sockets)
			return;
		outgoing->sockets = sockets;
		outgoing->capacity = capacity;
	}
	outgoing->sockets[outgoing->count++] = peal_socket_ref(socket);
}

void peal_outgoing_tell(struct peal_outgoing *outgoing)
{
	if (!outgoing)
		return;
	if (outgoing->count)
		peal_loop_defer(outgoing->ns->server->loop, &outgoing->task);
	else
		outgoing_free(outgoing);
}
