/*
 * Fetching sockets: a snapshot at the time of the call, told from the loop.
 *
 * All texts are copied into one buffer, so the snapshot stays whole whatever happens to the sockets
 * in between; the sockets themselves are kept as references.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/server_private.h"

struct fetch {
	struct peal_task task;
	peal_sockets_fn *fn;
	void *userdata;
	struct peal_socket_info *infos; /* texts are offsets into the buffer until it is complete */
	size_t count, capacity;
	const char **rooms;
	size_t room_count, room_capacity;
	struct peal_buffer texts;
	const char *node;
	bool failed;
};

static void fetch_free(struct fetch *fetch)
{
	for (size_t i = 0; i < fetch->count; i++)
		peal_socket_unref(fetch->infos[i].socket);
	free(fetch->infos);
	free(fetch->rooms);
	peal_buffer_deinit(&fetch->texts);
	free(fetch);
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

static const char *put(struct fetch *fetch, const char *text)
{
	size_t offset = fetch->texts.length;
	peal_buffer_append(&fetch->texts, text, strlen(text) + 1);
	return (const char *)offset;
}

static void add(struct peal_socket *socket, void *context)
{
	struct fetch *fetch = context;
	size_t room_count = peal_socket_rooms(socket, NULL, 0);
	if (fetch->failed ||
	    !more((void **)&fetch->infos, &fetch->capacity, fetch->count + 1,
		  sizeof(*fetch->infos)) ||
	    !more((void **)&fetch->rooms, &fetch->room_capacity, fetch->room_count + room_count,
		  sizeof(*fetch->rooms))) {
		fetch->failed = true;
		return;
	}
	struct peal_socket_info *info = &fetch->infos[fetch->count++];
	*info = (struct peal_socket_info){ .node = fetch->node,
					   .socket = peal_socket_ref(socket),
					   .room_count = room_count };
	info->id = put(fetch, socket->id);
	info->data = put(fetch, peal_socket_data(socket));
	info->handshake = (const char *)fetch->texts.length;
	peal_handshake_append(&fetch->texts, socket);
	peal_buffer_append_char(&fetch->texts, '\0');
	const char **rooms = fetch->rooms + fetch->room_count;
	peal_socket_rooms(socket, rooms, room_count);
	for (size_t i = 0; i < room_count; i++)
		rooms[i] = put(fetch, rooms[i]);
	fetch->room_count += room_count;
}

/* Offsets become pointers. */
static void complete(struct fetch *fetch)
{
	const char *base = fetch->texts.bytes;
	const char **rooms = fetch->rooms;
	for (size_t i = 0; i < fetch->room_count; i++)
		fetch->rooms[i] = base + (size_t)fetch->rooms[i];
	for (size_t i = 0; i < fetch->count; i++) {
		struct peal_socket_info *info = &fetch->infos[i];
		info->id = base + (size_t)info->id;
		info->data = base + (size_t)info->data;
		info->handshake = base + (size_t)info->handshake;
		info->rooms = rooms;
		rooms += info->room_count;
	}
}

static void tell_task(struct peal_task *task)
{
	struct fetch *fetch = peal_container(task, struct fetch, task);
	if (fetch->fn)
		fetch->fn(PEAL_ACK_OK, fetch->infos, fetch->count, fetch->userdata);
	fetch_free(fetch);
}

int peal_sockets_fetch(struct peal_namespace *ns, const struct peal_target *target,
		       unsigned timeout_ms, peal_sockets_fn *fn, void *userdata)
{
	const struct peal_selection selection = { .target = target };
	(void)timeout_ms; /* other servers are waited for, this one answers at once */
	int r = peal_namespace_check(ns);
	if (!r)
		r = ns->is_parent ? PEAL_EMIT_E_INVALID : peal_selection_check(target);
	if (r)
		return r;
	struct fetch *fetch = calloc(1, sizeof(*fetch));
	if (!fetch)
		return -ENOMEM;
	fetch->task.fn = tell_task;
	fetch->fn = fn;
	fetch->userdata = userdata;
	fetch->node = ns->server->options.node_name ? ns->server->options.node_name : "";
	fetch->texts = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES);
	peal_select(ns, &selection, add, fetch);
	r = peal_buffer_error(&fetch->texts);
	if (fetch->failed || r) {
		fetch_free(fetch);
		return r == -EMSGSIZE ? PEAL_EMIT_E_TOO_LARGE : -ENOMEM;
	}
	complete(fetch);
	peal_loop_defer(ns->server->loop, &fetch->task);
	return 0;
}
