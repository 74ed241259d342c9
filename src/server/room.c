/*
 * Rooms and memberships.
 *
 * A room is a dense array of members, a socket is a dense array of memberships, and each entry
 * knows its index in the other, so joining and leaving take the last entry into the gap and touch
 * nothing else. There is no allocation per membership.
 *
 * The room of a socket's own id is a flag of the socket. Only when somebody else joins a room of
 * that name a real room exists beside it; together they are one room to the outside.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/text.h"
#include "server/server_private.h"

struct peal_room *peal_room_find(const struct peal_namespace *ns, const char *name, size_t length)
{
	struct peal_hash_entry *entry = peal_hash_find(&ns->rooms, name, length);
	return entry ? peal_container(entry, struct peal_room, entry) : NULL;
}

struct peal_socket *peal_room_own(const struct peal_namespace *ns, const char *name, size_t length)
{
	if (length != PEAL_ID_LENGTH)
		return NULL;
	struct peal_hash_entry *entry = peal_hash_find(&ns->by_id, name, length);
	struct peal_socket *socket =
		entry ? peal_container(entry, struct peal_socket, by_id) : NULL;
	return socket && socket->in_own_room ? socket : NULL;
}

/* The socket's membership in a room: found in the shorter of the two arrays. */
static struct peal_membership *membership_of(const struct peal_socket *socket,
					     const struct peal_room *room)
{
	if (socket->membership_count <= room->count) {
		for (uint32_t i = 0; i < socket->membership_count; i++)
			if (socket->memberships[i].room == room)
				return &socket->memberships[i];
		return NULL;
	}
	for (uint32_t i = 0; i < room->count; i++)
		if (room->members[i].socket == socket)
			return &socket->memberships[room->members[i].index_in_socket];
	return NULL;
}

/* --- joining -----------------------------------------------------------------------------------
 */

/* The own-id rooms of this node's sockets, and what is named like one, need no telling. */
static bool is_covered(struct peal_namespace *ns, const char *name, size_t length)
{
	const char *uid = ns->server->options.uid;
	return (uid && !strncmp(name, uid, strlen(uid))) || peal_room_own(ns, name, length);
}

/* It has got its first member. */
static void announce(struct peal_namespace *ns, struct peal_room *room)
{
	const struct peal_remote *remote = ns->server->remote;
	room->number = ns->number;
	if (!remote || !remote->room_opened || is_covered(ns, room->name, room->entry.key_length))
		return;
	room->announced = true;
	uint64_t number =
		remote->room_opened(ns, room->name, room->entry.key_length, remote->context);
	if (number > room->number)
		room->number = number;
}

static struct peal_room *room_new(struct peal_namespace *ns, const char *name, size_t length)
{
	struct peal_room *room = calloc(1, sizeof(*room) + length + 1);
	if (!room)
		return NULL;
	memcpy(room->name, name, length);
	room->entry.key = room->name;
	room->entry.key_length = (uint32_t)length;
	if (peal_hash_insert(&ns->rooms, &room->entry) < 0) {
		free(room);
		return NULL;
	}
	ns->server->stats->rooms++;
	return room;
}

static void room_free_if_empty(struct peal_namespace *ns, struct peal_room *room)
{
	const struct peal_remote *remote = ns->server->remote;
	if (room->count)
		return;
	if (room->announced && remote && remote->room_closed)
		remote->room_closed(ns, room->name, room->entry.key_length, remote->context);
	peal_hash_remove(&ns->rooms, &room->entry);
	ns->server->stats->rooms--;
	free(room->members);
	free(room);
}

static int reserve(struct peal_socket *socket, struct peal_room *room)
{
	if (socket->membership_count == socket->membership_capacity) {
		uint32_t capacity =
			socket->membership_capacity ? socket->membership_capacity * 2 : 1;
		void *memberships =
			realloc(socket->memberships, capacity * sizeof(*socket->memberships));
		if (!memberships)
			return -ENOMEM;
		socket->memberships = memberships;
		socket->membership_capacity = capacity;
	}
	if (room->count == room->capacity) {
		uint32_t capacity = room->capacity ? room->capacity * 2 : 1;
		void *members = realloc(room->members, capacity * sizeof(*room->members));
		if (!members)
			return -ENOMEM;
		room->members = members;
		room->capacity = capacity;
	}
	return 0;
}

static void link_both(struct peal_socket *socket, struct peal_room *room)
{
	socket->memberships[socket->membership_count] =
		(struct peal_membership){ room, room->count };
	room->members[room->count++] = (struct peal_member){ socket, socket->membership_count++ };
	socket->ns->server->stats->memberships++;
}

static void join_own(struct peal_socket *socket)
{
	bool created = !peal_room_find(socket->ns, socket->id, PEAL_ID_LENGTH);
	if (socket->in_own_room)
		return;
	socket->in_own_room = true;
	if (created)
		peal_notice_room(socket->ns, PEAL_ROOM_CREATED, socket->id, NULL);
	peal_notice_room(socket->ns, PEAL_ROOM_JOINED, socket->id, socket->id);
}

int peal_room_join(struct peal_socket *socket, const char *name)
{
	struct peal_namespace *ns = socket->ns;
	size_t length = strlen(name);
	if (!strcmp(name, socket->id)) {
		join_own(socket);
		return 0;
	}
	struct peal_room *room = peal_room_find(ns, name, length);
	if (room && membership_of(socket, room))
		return 0;
	if (socket->membership_count >= PEAL_LIMIT_ROOMS_PER_SOCKET)
		return PEAL_EMIT_E_TOO_LARGE;
	bool created = !room && !peal_room_own(ns, name, length);
	if (!room)
		room = room_new(ns, name, length);
	if (!room)
		return -ENOMEM;
	if (reserve(socket, room) < 0) {
		room_free_if_empty(ns, room);
		return -ENOMEM;
	}
	link_both(socket, room);
	if (room->count == 1)
		announce(ns, room);
	peal_socket_hold(socket, room->number);
	if (created)
		peal_notice_room(ns, PEAL_ROOM_CREATED, name, NULL);
	peal_notice_room(ns, PEAL_ROOM_JOINED, name, socket->id);
	return 0;
}

/* --- leaving -----------------------------------------------------------------------------------
 */

/* An array that shrank to a quarter gives half of its memory back. */
static void shrink(void **array, uint32_t count, uint32_t *capacity, size_t size)
{
	if (*capacity < 8 || count > *capacity / 4)
		return;
	void *smaller = realloc(*array, *capacity / 2 * size);
	if (!smaller)
		return;
	*array = smaller;
	*capacity /= 2;
}

static void unlink_both(struct peal_socket *socket, struct peal_membership *membership)
{
	struct peal_room *room = membership->room;
	uint32_t in_room = membership->index_in_room;
	uint32_t in_socket = (uint32_t)(membership - socket->memberships);

	struct peal_member *last_member = &room->members[--room->count];
	room->members[in_room] = *last_member;
	last_member->socket->memberships[last_member->index_in_socket].index_in_room = in_room;

	struct peal_membership *last = &socket->memberships[--socket->membership_count];
	if (last != membership) {
		*membership = *last;
		last->room->members[last->index_in_room].index_in_socket = in_socket;
	}
	socket->ns->server->stats->memberships--;
	shrink((void **)&room->members, room->count, &room->capacity, sizeof(*room->members));
}

static void leave(struct peal_socket *socket, struct peal_membership *membership)
{
	struct peal_namespace *ns = socket->ns;
	struct peal_room *room = membership->room;
	unlink_both(socket, membership);
	peal_notice_room(ns, PEAL_ROOM_LEFT, room->name, socket->id);
	if (!room->count && !peal_room_own(ns, room->name, room->entry.key_length))
		peal_notice_room(ns, PEAL_ROOM_DELETED, room->name, NULL);
	room_free_if_empty(ns, room);
}

static void leave_own(struct peal_socket *socket)
{
	if (!socket->in_own_room)
		return;
	socket->in_own_room = false;
	peal_notice_room(socket->ns, PEAL_ROOM_LEFT, socket->id, socket->id);
	if (!peal_room_find(socket->ns, socket->id, PEAL_ID_LENGTH))
		peal_notice_room(socket->ns, PEAL_ROOM_DELETED, socket->id, NULL);
}

void peal_room_leave(struct peal_socket *socket, const char *name)
{
	if (!strcmp(name, socket->id)) {
		leave_own(socket);
		return;
	}
	struct peal_room *room = peal_room_find(socket->ns, name, strlen(name));
	struct peal_membership *membership = room ? membership_of(socket, room) : NULL;
	if (!membership)
		return;
	leave(socket, membership);
	shrink((void **)&socket->memberships, socket->membership_count,
	       &socket->membership_capacity, sizeof(*socket->memberships));
}

void peal_room_leave_all(struct peal_socket *socket)
{
	leave_own(socket);
	while (socket->membership_count)
		leave(socket, &socket->memberships[socket->membership_count - 1]);
	free(socket->memberships);
	socket->memberships = NULL;
	socket->membership_capacity = 0;
}

/* --- what the application calls ----------------------------------------------------------------
 */

int peal_socket_join(struct peal_socket *socket, const char *room)
{
	if (!peal_socket_present(socket))
		return PEAL_EMIT_E_GONE;
	if (!room || !peal_name_valid(room, strlen(room)))
		return PEAL_EMIT_E_INVALID;
	return peal_room_join(socket, room);
}

int peal_socket_leave(struct peal_socket *socket, const char *room)
{
	if (!socket || socket->state == PEAL_SOCKET_GONE)
		return PEAL_EMIT_E_GONE;
	if (!room || !peal_name_valid(room, strlen(room)))
		return PEAL_EMIT_E_INVALID;
	peal_room_leave(socket, room);
	return 0;
}

bool peal_socket_in_room(const struct peal_socket *socket, const char *name)
{
	if (!socket || !name || socket->state == PEAL_SOCKET_GONE)
		return false;
	if (!strcmp(name, socket->id))
		return socket->in_own_room;
	struct peal_room *room = peal_room_find(socket->ns, name, strlen(name));
	return room && membership_of(socket, room);
}

size_t peal_socket_rooms(const struct peal_socket *socket, const char **rooms, size_t capacity)
{
	size_t count = 0;
	if (!socket)
		return 0;
	if (socket->in_own_room) {
		if (count < capacity)
			rooms[count] = socket->id;
		count++;
	}
	for (uint32_t i = 0; i < socket->membership_count; i++, count++)
		if (count < capacity)
			rooms[count] = socket->memberships[i].room->name;
	return count;
}

void peal_namespace_each_room(struct peal_namespace *ns, peal_each_room_fn *fn, void *userdata)
{
	struct peal_hash_entry *entry = NULL;
	if (ns->server)
		ns = peal_namespace_served(ns);
	while ((entry = peal_hash_next(&ns->by_id, entry))) {
		struct peal_socket *socket = peal_container(entry, struct peal_socket, by_id);
		if (!socket->in_own_room)
			continue;
		struct peal_room *room = peal_room_find(ns, socket->id, PEAL_ID_LENGTH);
		if (!fn(socket->id, 1 + (room ? room->count : 0), true, userdata))
			return;
	}
	while ((entry = peal_hash_next(&ns->rooms, entry))) {
		struct peal_room *room = peal_container(entry, struct peal_room, entry);
		if (!peal_room_own(ns, room->name, entry->key_length) &&
		    !fn(room->name, room->count, false, userdata))
			return;
	}
}
