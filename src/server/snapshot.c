/*
 * Snapshots of sockets: of this node's as they are now, and copies of what others have told.
 *
 * All texts are copied into one buffer, so a snapshot stays whole whatever happens to the sockets
 * in between; local sockets are kept as references. While it grows, texts are offsets into the
 * buffer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/server_private.h"

struct peal_snapshot {
	struct peal_socket_info *infos;
	size_t count, capacity;
	const char **rooms;
	size_t room_count, room_capacity;
	struct peal_buffer texts;
	const char *node; /* of those that are added now; an offset */
	bool failed;
};

struct peal_snapshot *peal_snapshot_new(void)
{
	struct peal_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	if (snapshot)
		snapshot->texts = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES);
	return snapshot;
}

void peal_snapshot_free(struct peal_snapshot *snapshot)
{
	if (!snapshot)
		return;
	for (size_t i = 0; i < snapshot->count; i++)
		peal_socket_unref(snapshot->infos[i].socket);
	free(snapshot->infos);
	free(snapshot->rooms);
	peal_buffer_deinit(&snapshot->texts);
	free(snapshot);
}

static bool more(void **array, size_t *capacity, size_t wanted, size_t size)
{
	size_t grown = *capacity ? *capacity : 16;
	if (wanted <= *capacity)
		return true;
	while (grown < wanted)
		grown *= 2;
	void *larger = realloc(*array, grown * size);
	if (!larger)
		return false;
	*array = larger;
	*capacity = grown;
	return true;
}

static const char *put(struct peal_snapshot *snapshot, const char *text)
{
	size_t offset = snapshot->texts.length;
	peal_buffer_append(&snapshot->texts, text, strlen(text) + 1);
	return (const char *)offset;
}

/* Room for one more socket; its rooms are to be put at the place that is returned. */
static struct peal_socket_info *append(struct peal_snapshot *snapshot, size_t room_count,
				       const char ***ret_rooms)
{
	if (snapshot->failed ||
	    !more((void **)&snapshot->infos, &snapshot->capacity, snapshot->count + 1,
		  sizeof(*snapshot->infos)) ||
	    !more((void **)&snapshot->rooms, &snapshot->room_capacity,
		  snapshot->room_count + room_count, sizeof(*snapshot->rooms))) {
		snapshot->failed = true;
		return NULL;
	}
	struct peal_socket_info *info = &snapshot->infos[snapshot->count++];
	*info = (struct peal_socket_info){ .node = snapshot->node, .room_count = room_count };
	*ret_rooms = snapshot->rooms + snapshot->room_count;
	snapshot->room_count += room_count;
	return info;
}

static int error_of(const struct peal_snapshot *snapshot)
{
	if (peal_buffer_error(&snapshot->texts) == -EMSGSIZE)
		return PEAL_EMIT_E_TOO_LARGE;
	return snapshot->failed || peal_buffer_error(&snapshot->texts) ? -ENOMEM : 0;
}

static void add_local(struct peal_socket *socket, void *context)
{
	struct peal_snapshot *snapshot = context;
	size_t room_count = peal_socket_rooms(socket, NULL, 0);
	const char **rooms;
	struct peal_socket_info *info = append(snapshot, room_count, &rooms);
	if (!info)
		return;
	info->socket = peal_socket_ref(socket);
	info->id = put(snapshot, socket->id);
	info->data = put(snapshot, peal_socket_data(socket));
	info->handshake = (const char *)snapshot->texts.length;
	peal_handshake_append(&snapshot->texts, socket);
	peal_buffer_append_char(&snapshot->texts, '\0');
	peal_socket_rooms(socket, rooms, room_count);
	for (size_t i = 0; i < room_count; i++)
		rooms[i] = put(snapshot, rooms[i]);
}

int peal_snapshot_select(struct peal_snapshot *snapshot, struct peal_namespace *ns,
			 const struct peal_target *target)
{
	const struct peal_selection selection = { .target = target };
	const char *node = ns->server->options.node_name;
	snapshot->node = put(snapshot, node ? node : "");
	peal_select(ns, &selection, add_local, snapshot);
	return error_of(snapshot);
}

static void add_told(struct peal_snapshot *snapshot, const struct peal_socket_info *told)
{
	const char **rooms;
	struct peal_socket_info *info = append(snapshot, told->room_count, &rooms);
	if (!info)
		return;
	info->id = put(snapshot, told->id);
	info->data = put(snapshot, told->data);
	info->handshake = put(snapshot, told->handshake);
	for (size_t i = 0; i < told->room_count; i++)
		rooms[i] = put(snapshot, told->rooms[i]);
}

int peal_snapshot_add(struct peal_snapshot *snapshot, const char *node,
		      const struct peal_socket_info *sockets, size_t count)
{
	const size_t old_count = snapshot->count, old_rooms = snapshot->room_count;
	const size_t old_length = snapshot->texts.length;
	if (count > PEAL_LIMIT_CLUSTER_ANSWERS || old_count > PEAL_LIMIT_CLUSTER_ANSWERS - count)
		return PEAL_EMIT_E_TOO_LARGE;
	snapshot->node = put(snapshot, node);
	for (size_t i = 0; i < count; i++)
		add_told(snapshot, &sockets[i]);
	int r = error_of(snapshot);
	if (!r)
		return 0;
	/* What was there before stays good. */
	snapshot->count = old_count;
	snapshot->room_count = old_rooms;
	snapshot->texts.length = old_length;
	snapshot->texts.error = 0;
	snapshot->failed = false;
	return r;
}

void peal_snapshot_complete(struct peal_snapshot *snapshot,
			    const struct peal_socket_info **ret_sockets, size_t *ret_count)
{
	const char *base = snapshot->texts.bytes;
	const char **rooms = snapshot->rooms;
	for (size_t i = 0; i < snapshot->room_count; i++)
		rooms[i] = base + (size_t)rooms[i];
	for (size_t i = 0; i < snapshot->count; i++) {
		struct peal_socket_info *info = &snapshot->infos[i];
		info->id = base + (size_t)info->id;
		info->node = base + (size_t)info->node;
		info->data = base + (size_t)info->data;
		info->handshake = base + (size_t)info->handshake;
		info->rooms = rooms;
		rooms += info->room_count;
	}
	*ret_sockets = snapshot->infos;
	*ret_count = snapshot->count;
}
