/*
 * The other peal nodes: who is there, what they serve, and when they are given up.
 *
 * A member comes with its announcement. It goes with its goodbye; or, once it was silent for the
 * member timeout, when Redis counts too few receivers for it to be among them; or after a minute in
 * any case. Until then a silent one stays and is waited for by name: it may be frozen, and its
 * subscriptions are still there.
 *
 * Time is that of the loop, which leaves out the standstills of this node. After one, and after a
 * time without connection, everybody gets the whole timeout again: what they said meanwhile is
 * still on its way, or was never heard here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/cluster_private.h"

struct served {
	struct peal_hash_entry entry;
	char name[];
};

struct peal_member *peal_member_find(const struct peal_cluster *cluster, const char *uid)
{
	struct peal_hash_entry *entry = peal_hash_find(&cluster->members, uid, strlen(uid));
	return entry ? peal_container(entry, struct peal_member, entry) : NULL;
}

/* --- what they serve -------------------------------------------------------------------------- */

static struct served *find_served(const struct peal_member *member, const char *ns)
{
	struct peal_hash_entry *entry = peal_hash_find(&member->serves, ns, strlen(ns));
	return entry ? peal_container(entry, struct served, entry) : NULL;
}

bool peal_member_serves(const struct peal_member *member, const char *ns)
{
	return find_served(member, ns) != NULL;
}

int peal_member_serve(struct peal_member *member, const char *ns)
{
	size_t length = strlen(ns);
	if (find_served(member, ns) || member->serves.count >= PEAL_LIMIT_CLUSTER_SPACES)
		return 0;
	struct served *served = malloc(sizeof(*served) + length + 1);
	if (!served)
		return -ENOMEM;
	memcpy(served->name, ns, length + 1);
	served->entry =
		(struct peal_hash_entry){ .key = served->name, .key_length = (uint32_t)length };
	if (peal_hash_insert(&member->serves, &served->entry) < 0) {
		free(served);
		return -ENOMEM;
	}
	return 0;
}

void peal_member_serve_no_more(struct peal_member *member, const char *ns)
{
	struct served *served = find_served(member, ns);
	if (!served)
		return;
	peal_hash_remove(&member->serves, &served->entry);
	free(served);
}

void peal_member_serve_nothing(struct peal_member *member)
{
	struct peal_hash_entry *entry = peal_hash_next(&member->serves, NULL), *next;
	for (; entry; entry = next) {
		next = peal_hash_next(&member->serves, entry);
		peal_hash_remove(&member->serves, entry);
		free(peal_container(entry, struct served, entry));
	}
}

size_t peal_members_serving(const struct peal_cluster *cluster, const char *ns, size_t *ret_silent)
{
	struct peal_hash_entry *entry = NULL;
	size_t count = 0, silent = 0;
	while ((entry = peal_hash_next(&cluster->members, entry))) {
		struct peal_member *member = peal_container(entry, struct peal_member, entry);
		if (!peal_member_serves(member, ns))
			continue;
		count++;
		silent += member->silent;
	}
	*ret_silent = silent;
	return count;
}

/* --- coming and going ------------------------------------------------------------------------- */

struct peal_member *peal_member_add(struct peal_cluster *cluster, const char *uid)
{
	if (cluster->member_count >= PEAL_LIMIT_CLUSTER_MEMBERS)
		return NULL;
	struct peal_member *member = calloc(1, sizeof(*member));
	if (!member)
		return NULL;
	memcpy(member->uid, uid, PEAL_UID_LENGTH);
	member->entry.key = member->uid;
	member->entry.key_length = PEAL_UID_LENGTH;
	peal_hash_init(&member->serves);
	if (peal_hash_insert(&cluster->members, &member->entry) < 0) {
		free(member);
		return NULL;
	}
	cluster->member_count++;
	cluster->options.stats->cluster_members++;
	return member;
}

static void member_free(struct peal_cluster *cluster, struct peal_member *member)
{
	cluster->member_count--;
	cluster->options.stats->cluster_members--;
	peal_member_serve_nothing(member);
	peal_hash_deinit(&member->serves);
	free(member->name);
	free(member->version);
	free(member);
}

void peal_member_remove(struct peal_cluster *cluster, struct peal_member *member, const char *why)
{
	peal_log(cluster->options.log, PEAL_LOG_INFO, "a node has left the cluster",
		 PEAL_FIELD_TEXT("name", member->name), PEAL_FIELD_TEXT("uid", member->uid),
		 PEAL_FIELD_TEXT("reason", why));
	peal_hash_remove(&cluster->members, &member->entry);
	memcpy(cluster->departed[cluster->departed_next++ % PEAL_CLUSTER_DEPARTED], member->uid,
	       sizeof(member->uid));
	peal_requests_member_changed(cluster, member, true);
	member_free(cluster, member);
	peal_outage_look(cluster);
}

bool peal_member_departed(const struct peal_cluster *cluster, const char *uid)
{
	for (size_t i = 0; i < PEAL_CLUSTER_DEPARTED; i++)
		if (!strcmp(cluster->departed[i], uid))
			return true;
	return false;
}

/* Two nodes of one name work, but nobody can tell them apart in a result or a log. */
static void warn_of_clash(struct peal_cluster *cluster, const struct peal_member *member)
{
	const char *other = NULL;
	struct peal_hash_entry *entry = NULL;
	if (!strcmp(member->name, cluster->options.node_name))
		other = cluster->options.uid;
	while (!other && (entry = peal_hash_next(&cluster->members, entry))) {
		struct peal_member *each = peal_container(entry, struct peal_member, entry);
		/* One that has fallen silent may have been started again under its name. */
		if (each != member && !each->silent && each->name &&
		    !strcmp(each->name, member->name))
			other = each->uid;
	}
	if (other)
		peal_log(cluster->options.log, PEAL_LOG_WARNING, "two nodes have the same name",
			 PEAL_FIELD_TEXT("name", member->name), PEAL_FIELD_TEXT("uid", member->uid),
			 PEAL_FIELD_TEXT("other_uid", other));
}

int peal_member_name(struct peal_cluster *cluster, struct peal_member *member, const char *name,
		     const char *version)
{
	bool known = member->name != NULL;
	if (known && !strcmp(member->name, name) && !strcmp(member->version, version))
		return 0;
	char *own_name = strdup(name), *own_version = strdup(version);
	if (!own_name || !own_version) {
		free(own_name);
		free(own_version);
		return -ENOMEM;
	}
	free(member->name);
	free(member->version);
	member->name = own_name;
	member->version = own_version;
	if (!known)
		peal_log(cluster->options.log, PEAL_LOG_INFO, "a node has joined the cluster",
			 PEAL_FIELD_TEXT("name", name), PEAL_FIELD_TEXT("uid", member->uid),
			 PEAL_FIELD_TEXT("version", version));
	warn_of_clash(cluster, member);
	return 0;
}

/* --- time ------------------------------------------------------------------------------------- */

static uint64_t silent_for(const struct peal_cluster *cluster, const struct peal_member *member)
{
	return peal_loop_now_ms(cluster->options.loop) - member->seen_ms;
}

void peal_member_seen(struct peal_cluster *cluster, struct peal_member *member, bool changed)
{
	bool back = member->silent;
	member->seen_ms = peal_loop_now_ms(cluster->options.loop);
	member->silent = false;
	member->awaited = false;
	if (back)
		peal_log(cluster->options.log, PEAL_LOG_INFO, "a silent node is back",
			 PEAL_FIELD_TEXT("name", member->name),
			 PEAL_FIELD_TEXT("uid", member->uid));
	if (changed)
		peal_interest_no_stranger(cluster, member->uid);
	if (changed || back)
		peal_requests_member_changed(cluster, member, false);
	peal_outage_look(cluster);
	if (!cluster->silence.heap_index)
		peal_members_watch(cluster);
}

void peal_members_fresh(struct peal_cluster *cluster)
{
	struct peal_hash_entry *entry = NULL;
	while ((entry = peal_hash_next(&cluster->members, entry))) {
		struct peal_member *member = peal_container(entry, struct peal_member, entry);
		if (!member->silent)
			member->seen_ms = peal_loop_now_ms(cluster->options.loop);
	}
}

/* A count of receivers shows whether it is dead or frozen. Any namespace of it tells, but the one
 * that this node has with it is known to the adapter already. */
static void ask_whether_dead(struct peal_cluster *cluster, const struct peal_member *member)
{
	struct peal_hash_entry *entry = NULL;
	const char *name = NULL;
	while ((entry = peal_hash_next(&member->serves, entry))) {
		name = peal_container(entry, struct served, entry)->name;
		if (peal_space_find(cluster, name))
			break;
	}
	if (name)
		cluster->adapter->ops->count(cluster->adapter, name);
}

static void fall_silent(struct peal_cluster *cluster, struct peal_member *member)
{
	member->silent = true;
	peal_log(cluster->options.log, PEAL_LOG_WARNING, "a node is silent",
		 PEAL_FIELD_TEXT("name", member->name), PEAL_FIELD_TEXT("uid", member->uid),
		 PEAL_FIELD_INT("silent_ms", silent_for(cluster, member)));
	peal_requests_member_changed(cluster, member, false);
}

/* Return: whether anybody is left who may still fall silent; *ret_ms: when the first may. */
static bool look_at_all(struct peal_cluster *cluster, uint64_t *ret_ms)
{
	struct peal_hash_entry *entry = peal_hash_next(&cluster->members, NULL), *next;
	uint64_t timeout_ms = cluster->options.member_timeout_ms, soonest_ms = UINT64_MAX;
	for (; entry; entry = next) {
		struct peal_member *member = peal_container(entry, struct peal_member, entry);
		uint64_t ms = silent_for(cluster, member);
		next = peal_hash_next(&cluster->members, entry);
		if (!member->silent && ms < timeout_ms) {
			if (timeout_ms - ms < soonest_ms)
				soonest_ms = timeout_ms - ms;
			continue;
		}
		if (ms >= PEAL_LIMIT_MEMBER_SILENCE_MS && ms >= timeout_ms) {
			peal_member_remove(cluster, member, "silent for too long");
			continue;
		}
		if (!member->silent)
			fall_silent(cluster, member);
		ask_whether_dead(cluster, member);
	}
	*ret_ms = soonest_ms;
	return soonest_ms != UINT64_MAX;
}

static void watch(struct peal_timer *timer)
{
	peal_members_watch(peal_container(timer, struct peal_cluster, silence));
}

void peal_members_watch(struct peal_cluster *cluster)
{
	uint64_t soonest_ms;
	uint64_t standstills = cluster->options.stats->standstills;
	if (standstills != cluster->standstills)
		peal_members_fresh(cluster);
	cluster->standstills = standstills;
	cluster->silence.fn = watch;
	/* Who cannot hear does not judge. */
	if (cluster->state == PEAL_ADAPTER_DOWN || cluster->leaving)
		return;
	/* The tick of each second looks as well, so that one timer less is only less exact. */
	if (look_at_all(cluster, &soonest_ms) &&
	    peal_timer_arm(cluster->options.loop, &cluster->silence, (unsigned)soonest_ms) < 0)
		return;
}

/* --- the count of receivers ------------------------------------------------------------------- */

static struct peal_member *oldest_silent(const struct peal_cluster *cluster, const char *ns)
{
	struct peal_hash_entry *entry = NULL;
	struct peal_member *oldest = NULL;
	while ((entry = peal_hash_next(&cluster->members, entry))) {
		struct peal_member *member = peal_container(entry, struct peal_member, entry);
		if (member->silent && peal_member_serves(member, ns) &&
		    (!oldest || member->seen_ms < oldest->seen_ms))
			oldest = member;
	}
	return oldest;
}

void peal_members_counted(struct peal_cluster *cluster, struct peal_space *space,
			  uint32_t receivers, bool own)
{
	peal_members_counted_in(cluster, space->name, space->tally.known, receivers, own);
	if (receivers != UINT32_MAX)
		peal_interest_receivers(cluster, space, receivers, own);
}

void peal_members_counted_in(struct peal_cluster *cluster, const char *ns, uint32_t unnamed,
			     uint32_t receivers, bool own)
{
	size_t silent;
	if (receivers == UINT32_MAX)
		return;
	size_t members = peal_members_serving(cluster, ns, &silent);
	for (; silent && receivers < (uint64_t)own + members + unnamed; silent--, members--)
		peal_member_remove(cluster, oldest_silent(cluster, ns), "dead");
}

void peal_members_close(struct peal_cluster *cluster)
{
	struct peal_hash_entry *entry = peal_hash_next(&cluster->members, NULL), *next;
	peal_timer_disarm(cluster->options.loop, &cluster->silence);
	for (; entry; entry = next) {
		struct peal_member *member = peal_container(entry, struct peal_member, entry);
		next = peal_hash_next(&cluster->members, entry);
		peal_hash_remove(&cluster->members, entry);
		member_free(cluster, member);
	}
}
