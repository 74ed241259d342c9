/*
 * Spaces: the namespaces as the cluster sees them. One is there while this node serves the
 * namespace, a little longer, and while requests to it are under way; then it goes by itself.
 *
 * A namespace that this node serves is opened at the adapter at once and announced when its
 * channels are in force. One that it does not serve any more is kept for some seconds, since
 * dynamic ones come back with the next client. Then it is withdrawn, and its channels are left a
 * second later, when the others know: a request that still comes is answered with nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "cluster/cluster_private.h"

struct peal_space *peal_space_find(const struct peal_cluster *cluster, const char *name)
{
	struct peal_hash_entry *entry = peal_hash_find(&cluster->spaces, name, strlen(name));
	return entry ? peal_container(entry, struct peal_space, entry) : NULL;
}

struct peal_space *peal_space_of(const struct peal_cluster *cluster, struct peal_namespace *ns)
{
	struct peal_space *space = *peal_namespace_remote(ns);
	return space ? space : peal_space_find(cluster, peal_namespace_name(ns));
}

/* Ones of namespaces that are served are the server's matter, which has a ceiling of its own. */
static struct peal_space *get(struct peal_cluster *cluster, const char *name, bool served)
{
	struct peal_space *space = peal_space_find(cluster, name);
	size_t length = strlen(name);
	if (space)
		return space;
	if (!served && cluster->unserved_count >= PEAL_LIMIT_CLUSTER_SPACES)
		return NULL;
	space = calloc(1, sizeof(*space) + length + 1);
	if (!space)
		return NULL;
	memcpy(space->name, name, length);
	space->name_length = length;
	space->entry.key = space->name;
	space->entry.key_length = (uint32_t)length;
	space->mode = PEAL_INTEREST_PATTERN;
	space->others = space->others_before = UINT32_MAX;
	peal_list_init(&space->wide);
	if (peal_hash_insert(&cluster->spaces, &space->entry) < 0) {
		free(space);
		return NULL;
	}
	cluster->unserved_count++;
	cluster->options.stats->cluster_spaces++;
	return space;
}

struct peal_space *peal_space_get(struct peal_cluster *cluster, const char *name)
{
	return get(cluster, name, false);
}

bool peal_space_wanted(const struct peal_cluster *cluster, const struct peal_space *space)
{
	return space->open && space->in_force && !space->withdrawing && !cluster->leaving;
}

static void space_free(struct peal_cluster *cluster, struct peal_space *space)
{
	if (space->ns)
		*peal_namespace_remote(space->ns) = NULL;
	else
		cluster->unserved_count--;
	peal_interest_forget_wide(space);
	peal_list_unlink(&space->changed);
	peal_hash_remove(&cluster->spaces, &space->entry);
	cluster->options.stats->cluster_spaces--;
	free(space);
}

/* --- hooks of the server ---------------------------------------------------------------------- */

static uint64_t open_namespace(struct peal_namespace *ns, void *context)
{
	struct peal_cluster *cluster = context;
	struct peal_space *space = get(cluster, peal_namespace_name(ns), true);
	if (!space) {
		/* It works, but alone; the next client to come tries nothing again. */
		peal_log(cluster->options.log, PEAL_LOG_ERROR,
			 "no memory to take a namespace into the cluster",
			 PEAL_FIELD_TEXT("namespace", peal_namespace_name(ns)));
		return 0;
	}
	if (!space->ns)
		cluster->unserved_count--;
	space->ns = ns;
	*peal_namespace_remote(ns) = space;
	if (cluster->leaving)
		return 0;
	if (space->open) {
		/* It is back before its channels were left. */
		space->withdrawing = false;
		peal_announce_changed(cluster, space);
		/* What was asked for the first time may still be under way. */
		return space->in_force ? 0 : cluster->options.barrier->issued;
	}
	space->open = true;
	space->in_force = false;
	space->mode = PEAL_INTEREST_PATTERN;
	uint64_t number = cluster->adapter->ops->open(cluster->adapter, space->name);
	peal_interest_opened(cluster, space);
	return number;
}

static void close_namespace(struct peal_namespace *ns, void *context)
{
	struct peal_cluster *cluster = context;
	struct peal_space *space = *peal_namespace_remote(ns);
	if (!space)
		return;
	*peal_namespace_remote(ns) = NULL;
	space->ns = NULL;
	space->empty_since_ms = peal_loop_now_ms(cluster->options.loop);
	cluster->unserved_count++;
}

static uint64_t open_room(struct peal_namespace *ns, const char *room, size_t length, void *context)
{
	struct peal_cluster *cluster = context;
	struct peal_space *space = *peal_namespace_remote(ns);
	if (!space || !space->open || !cluster->adapter->ops->join)
		return 0;
	return cluster->adapter->ops->join(cluster->adapter, space->name, room, length);
}

static void close_room(struct peal_namespace *ns, const char *room, size_t length, void *context)
{
	struct peal_cluster *cluster = context;
	struct peal_space *space = *peal_namespace_remote(ns);
	if (space && space->open && cluster->adapter->ops->leave)
		cluster->adapter->ops->leave(cluster->adapter, space->name, room, length);
}

void peal_spaces_fill(struct peal_remote *remote)
{
	remote->namespace_opened = open_namespace;
	remote->namespace_closed = close_namespace;
	remote->room_opened = open_room;
	remote->room_closed = close_room;
}

static void open_existing(struct peal_namespace *ns, void *context)
{
	/* Nobody has joined it yet who would have to wait. */
	open_namespace(ns, context);
}

void peal_spaces_begin(struct peal_cluster *cluster)
{
	peal_server_each_namespace(cluster->options.server, open_existing, cluster);
}

/* --- going ------------------------------------------------------------------------------------ */

static void leave_channels(struct peal_cluster *cluster, struct peal_space *space)
{
	space->open = space->in_force = space->withdrawing = false;
	cluster->adapter->ops->close(cluster->adapter, space->name);
}

/* A namespace that is open and not served: keep it, withdraw it, leave it, one step a second. */
static void let_go(struct peal_cluster *cluster, struct peal_space *space, uint64_t now_ms)
{
	if (space->withdrawing) {
		leave_channels(cluster, space);
	} else if (now_ms - space->empty_since_ms >= PEAL_LIMIT_CLUSTER_LINGER_MS ||
		   cluster->unserved_count > PEAL_LIMIT_CLUSTER_SPACES) {
		space->withdrawing = true;
		peal_announce_changed(cluster, space);
	}
}

void peal_spaces_tick(struct peal_cluster *cluster)
{
	uint64_t now_ms = peal_loop_now_ms(cluster->options.loop);
	struct peal_hash_entry *entry = peal_hash_next(&cluster->spaces, NULL), *next;
	for (; entry; entry = next) {
		struct peal_space *space = peal_container(entry, struct peal_space, entry);
		next = peal_hash_next(&cluster->spaces, entry);
		if (now_ms >= space->wide_until_ms)
			peal_interest_forget_wide(space);
		if (space->ns)
			continue;
		if (space->open)
			let_go(cluster, space, now_ms);
		if (!space->open && !space->requests && now_ms >= space->wide_until_ms)
			space_free(cluster, space);
	}
}

void peal_spaces_leave(struct peal_cluster *cluster)
{
	for (struct peal_hash_entry *entry = NULL;
	     (entry = peal_hash_next(&cluster->spaces, entry));) {
		struct peal_space *space = peal_container(entry, struct peal_space, entry);
		if (space->open)
			leave_channels(cluster, space);
	}
}

void peal_spaces_close(struct peal_cluster *cluster)
{
	struct peal_hash_entry *entry = peal_hash_next(&cluster->spaces, NULL), *next;
	for (; entry; entry = next) {
		next = peal_hash_next(&cluster->spaces, entry);
		space_free(cluster, peal_container(entry, struct peal_space, entry));
	}
}
