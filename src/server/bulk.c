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
static int gather(struct peal_namespace *ns, const struct peal_target *target,
		  struct gathered *gathered)
{
	const struct peal_selection selection = { .target = target };
	*gathered = (struct gathered){ 0 };
	int r = peal_namespace_check(ns);
	if (!r)
		r = peal_selection_check(target);
	if (r)
		return r;
	if (!ns->is_parent)
		peal_select(ns, &selection, gather_one, gathered);
	peal_list_each (link, &ns->children)
		peal_select(peal_container(link, struct peal_namespace, sibling), &selection,
			    gather_one, gathered);
	if (gathered->error)
		free(gathered->sockets);
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

static int change_rooms(struct peal_namespace *ns, const struct peal_target *target,
			struct peal_rooms rooms, bool join)
{
	struct gathered gathered;
	const char **names = NULL;
	int r = gather(ns, target, &gathered);
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
	if (rooms.count)
		tell_remotes(ns, target, PEAL_ROOM_LIST(names, rooms.count), join);
	free(names);
	return r;
}

int peal_sockets_join(struct peal_namespace *ns, const struct peal_target *target,
		      struct peal_rooms rooms)
{
	return change_rooms(ns, target, rooms, true);
}

int peal_sockets_leave(struct peal_namespace *ns, const struct peal_target *target,
		       struct peal_rooms rooms)
{
	return change_rooms(ns, target, rooms, false);
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

int peal_sockets_disconnect(struct peal_namespace *ns, const struct peal_target *target, bool close)
{
	struct gathered gathered;
	int r = gather(ns, target, &gathered);
	if (r)
		return r;
	/* One that shares its session with another has left already when its turn comes. */
	for (size_t i = 0; i < gathered.count; i++)
		(void)peal_socket_disconnect(gathered.sockets[i], close);
	free(gathered.sockets);
	if (!ns->is_parent)
		disconnect_remote(ns, target, close);
	peal_list_each (link, &ns->children)
		disconnect_remote(peal_container(link, struct peal_namespace, sibling), target,
				  close);
	return 0;
}
