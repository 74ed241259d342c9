/*
 * All rooms of a namespace in the cluster. Each server tells its rooms, those that are the ids of
 * its sockets among them. Those are no rooms that anybody made, so they are left out where they can
 * be told: the ids of a peal node's sockets begin with its uid.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/requests.h"

struct rooms {
	struct peal_request_out request;
	peal_rooms_fn *fn;
	void *userdata;
	char **names;
	size_t count, capacity;
	uint64_t bytes;
	bool failed; /* no memory, or over the ceiling: some are missing */
};

static struct rooms *rooms_of(struct peal_request_out *request)
{
	return peal_container(request, struct rooms, request);
}

static void keep(struct rooms *rooms, const char *name)
{
	if (rooms->count == rooms->capacity) {
		size_t capacity = rooms->capacity ? rooms->capacity * 2 : 64;
		void *names = realloc(rooms->names, capacity * sizeof(*rooms->names));
		if (!names) {
			rooms->failed = true;
			return;
		}
		rooms->names = names;
		rooms->capacity = capacity;
	}
	rooms->bytes += strlen(name) + 1;
	if (rooms->count >= PEAL_LIMIT_CLUSTER_ANSWERS ||
	    rooms->bytes > PEAL_LIMIT_CLUSTER_ANSWER_BYTES) {
		rooms->failed = true;
		return;
	}
	rooms->names[rooms->count] = strdup(name);
	if (rooms->names[rooms->count])
		rooms->count++;
	else
		rooms->failed = true;
}

/* Is it the id of a socket of a peal node that is known, or that has sent it? */
static bool is_own_id(const struct rooms *rooms, const char *sender, const char *name)
{
	const struct peal_cluster *cluster = rooms->request.cluster;
	char uid[PEAL_UID_LENGTH + 1];
	if (strlen(name) != PEAL_ID_LENGTH)
		return false;
	memcpy(uid, name, PEAL_UID_LENGTH);
	uid[PEAL_UID_LENGTH] = '\0';
	return !strcmp(uid, sender) || !strcmp(uid, cluster->options.uid) ||
	       peal_member_find(cluster, uid);
}

static void receive(struct peal_request_out *request, const struct peal_message *message)
{
	struct rooms *rooms = rooms_of(request);
	for (size_t i = 0; i < message->rooms.count; i++)
		if (!is_own_id(rooms, message->uid, message->rooms.names[i]))
			keep(rooms, message->rooms.names[i]);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, each once. */
static void sort(struct rooms *rooms)
{
	size_t kept = 0;
	if (rooms->count)
		qsort(rooms->names, rooms->count, sizeof(*rooms->names), compare);
	for (size_t i = 0; i < rooms->count; i++) {
		if (kept && !strcmp(rooms->names[kept - 1], rooms->names[i]))
			free(rooms->names[i]);
		else
			rooms->names[kept++] = rooms->names[i];
	}
	rooms->count = kept;
}

static void end(struct peal_request_out *request, enum peal_request_end why)
{
	struct rooms *rooms = rooms_of(request);
	sort(rooms);
	if (rooms->fn)
		rooms->fn(peal_request_error(why, rooms->failed), (const char *const *)rooms->names,
			  rooms->count, rooms->userdata);
}

static void deinit(struct peal_request_out *request)
{
	struct rooms *rooms = rooms_of(request);
	for (size_t i = 0; i < rooms->count; i++)
		free(rooms->names[i]);
	free(rooms->names);
}

static const struct peal_request_kind rooms_kind = {
	.reliable = true,
	.receive = receive,
	.end = end,
	.deinit = deinit,
};

static bool keep_local(const char *room, size_t members, bool own_id, void *userdata)
{
	struct rooms *rooms = userdata;
	(void)members;
	if (!own_id)
		keep(rooms, room);
	return !rooms->failed;
}

int peal_rooms_fetch(struct peal_namespace *ns, unsigned timeout_ms, peal_rooms_fn *fn,
		     void *userdata)
{
	int r = peal_namespace_usable(ns, true);
	if (r)
		return r;
	struct peal_cluster *cluster = peal_cluster_of(ns);
	struct peal_message message =
		peal_request_message(cluster, PEAL_MESSAGE_ROOMS, peal_namespace_name(ns));
	struct rooms *rooms = calloc(1, sizeof(*rooms));
	if (!rooms)
		return -ENOMEM;
	rooms->fn = fn;
	rooms->userdata = userdata;
	peal_namespace_each_room(ns, keep_local, rooms);
	return peal_request_new(&rooms->request, &rooms_kind, cluster, &message, timeout_ms);
}
