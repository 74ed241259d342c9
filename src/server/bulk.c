/*
 * Bulk operations: join, leave and disconnect all that a target selects.
 *
 * The sockets are gathered first, because selecting walks the arrays that joining and leaving
 * change. None of them can be freed in between: that happens in the loop only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/text.h"
#include "server/server_private.h"

struct gathered {
	struct peal_socket **sockets;
	size_t count, capacity;
	int error;
};

static void gather_one(struct peal_socket *socket, void *context)
{
	struct gathered *gathered = context;
	if (gathered->error)
		return;
	if (gathered->count == gathered->capacity) {
		size_t capacity = gathered->capacity ? gathered->capacity * 2 : 16;
		void *sockets = realloc(gathered->sockets, capacity * sizeof(*gathered->sockets));
		if (!sockets) {
			gathered->error = -ENOMEM;
			return;
		}
		gathered->sockets = sockets;
		gathered->capacity = capacity;
	}
	gathered->sockets[gathered->count++] = socket;
}

/* Sockets of the namespace, or of all children of a parent. Free ->sockets. */
static int gather(struct peal_bulk *bulk, struct gathered *gathered)
{
	const struct peal_selection selection = { .target = bulk->target };
	*gathered = (struct gathered){ 0 };
	int r = peal_namespace_check(bulk->ns);
	if (!r)
		r = peal_selection_check(bulk->target);
	if (r)
		return r;
	struct peal_namespace *ns = bulk->ns = peal_namespace_served(bulk->ns);
	if (!ns->is_parent)
		peal_select(ns, &selection, gather_one, gathered);
	peal_list_each (link, &ns->children)
		peal_select(peal_container(link, struct peal_namespace, sibling), &selection,
			    gather_one, gathered);
	if (gathered->error)
		free(gathered->sockets);
	bulk->selected = gathered->count;
	return gathered->error;
}

/* --- rooms -------------------------------------------------------------------------------------
 */

/*
 * A copy of the names in one allocation: the last leave frees a room, and the caller may have got
 * the names from peal_socket_rooms().
 */
static int copy_names(struct peal_rooms rooms, const char ***ret_names)
{
	size_t size = rooms.count * sizeof(char *) + 1;
	if (rooms.count && !rooms.names)
		return PEAL_EMIT_E_INVALID;
	for (size_t i = 0; i < rooms.count; i++) {
		if (!rooms.names[i] || !peal_name_valid(rooms.names[i], strlen(rooms.names[i])))
			return PEAL_EMIT_E_INVALID;
		size += strlen(rooms.names[i]) + 1;
	}
	const char **names = malloc(size);
	if (!names)
		return -ENOMEM;
	char *at = (char *)(names + rooms.count);
	for (size_t i = 0; i < rooms.count; i++) {
		names[i] = at;
		at = stpcpy(at, rooms.names[i]) + 1;
	}
	*ret_names = names;
	return 0;
}

static const struct peal_remote *remote_of(const struct peal_namespace *ns,
					   const struct peal_target *target)
{
	return target && (target->flags & PEAL_LOCAL) ? NULL : ns->server->remote;
}

static void tell_remote(struct peal_namespace *ns, const struct peal_target *target,
			struct peal_rooms rooms, bool join)
{
	static const struct peal_target everyone;
	const struct peal_remote *remote = remote_of(ns, target);
	if (!remote)
		return;
	if (!target)
		target = &everyone;
	if (join && remote->join)
		remote->join(ns, target, rooms, remote->context);
	else if (!join && remote->leave)
		remote->leave(ns, target, rooms, remote->context);
}

static void tell_remotes(struct peal_namespace *ns, const struct peal_target *target,
			 struct peal_rooms rooms, bool join)
{
	if (!ns->is_parent)
		tell_remote(ns, target, rooms, join);
	peal_list_each (link, &ns->children)
		tell_remote(peal_container(link, struct peal_namespace, sibling), target, rooms,
			    join);
}

/* The highest number of the barrier that covers one of the rooms and is not reached. */
static void find_number(struct peal_bulk *bulk, const char *const *names, size_t count)
{
	const struct peal_barrier *barrier = bulk->ns->server->options.barrier;
	for (size_t i = 0; barrier && i < count; i++) {
		const struct peal_room *room = peal_room_find(bulk->ns, names[i], strlen(names[i]));
		if (room && room->number > bulk->number &&
		    !peal_barrier_reached(barrier, room->number))
			bulk->number = room->number;
	}
}

int peal_bulk_change_rooms(struct peal_bulk *bulk, struct peal_rooms rooms, bool join)
{
	struct gathered gathered;
	const char **names = NULL;
	int r = gather(bulk, &gathered);
	if (r)
		return r;
	r = copy_names(rooms, &names);
	if (r) {
		free(gathered.sockets);
		return r;
	}
	for (size_t i = 0; i < gathered.count; i++)
		for (size_t room = 0; room < rooms.count; room++) {
			if (!join) {
				peal_room_leave(gathered.sockets[i], names[room]);
				continue;
			}
			int one = peal_room_join(gathered.sockets[i], names[room]);
			r = r ? r : one;
		}
	free(gathered.sockets);
	if (join && bulk->selected)
		find_number(bulk, names, rooms.count);
	if (rooms.count && !bulk->from_peer)
		tell_remotes(bulk->ns, bulk->target, PEAL_ROOM_LIST(names, rooms.count), join);
	free(names);
	return r;
}

int peal_sockets_join(struct peal_namespace *ns, const struct peal_target *target,
		      struct peal_rooms rooms)
{
	return peal_bulk_change_rooms(&(struct peal_bulk){ .ns = ns, .target = target }, rooms,
				      true);
}

int peal_sockets_leave(struct peal_namespace *ns, const struct peal_target *target,
		       struct peal_rooms rooms)
{
	return peal_bulk_change_rooms(&(struct peal_bulk){ .ns = ns, .target = target }, rooms,
				      false);
}

/* --- disconnect --------------------------------------------------------------------------------
 */

static void disconnect_remote(struct peal_namespace *ns, const struct peal_target *target,
			      bool close)
{
	static const struct peal_target everyone;
	const struct peal_remote *remote = remote_of(ns, target);
	if (remote && remote->disconnect)
		remote->disconnect(ns, target ? target : &everyone, close, remote->context);
}

int peal_bulk_disconnect(struct peal_bulk *bulk, bool close)
{
	struct gathered gathered;
	int r = gather(bulk, &gathered);
	if (r)
		return r;
	/* One that shares its session with another has left already when its turn comes. */
	for (size_t i = 0; i < gathered.count; i++)
		(void)peal_socket_disconnect(gathered.sockets[i], close);
	free(gathered.sockets);
	if (bulk->from_peer)
		return 0;
	if (!bulk->ns->is_parent)
		disconnect_remote(bulk->ns, bulk->target, close);
	peal_list_each (link, &bulk->ns->children)
		disconnect_remote(peal_container(link, struct peal_namespace, sibling),
				  bulk->target, close);
	return 0;
}

int peal_sockets_disconnect(struct peal_namespace *ns, const struct peal_target *target, bool close)
{
	return peal_bulk_disconnect(&(struct peal_bulk){ .ns = ns, .target = target }, close);
}
