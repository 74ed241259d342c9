/*
 * Interest: which broadcasts this node wants to hear of each namespace, and which of its own have
 * to go to all nodes.
 *
 * A namespace begins with everything (pattern). Once a second the receivers of its requests are
 * counted. When these were exactly this node and the announced peal nodes for some looks, only the
 * rooms with local members are wanted (rooms): peal nodes wait for each other's subscriptions, see
 * the barrier and the wide emits. As soon as there are more receivers, or somebody unknown is
 * heard, everything is wanted again: a server on Node.js may have a socket of this node join a room
 * and emit to it in the next moment. A mistake in that direction costs messages that are useless,
 * one in the other direction loses some.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/cluster_private.h"

/* Looks in a row that have to agree. */
#define EXACT_LOOKS 3
/* Somebody unknown is believed to be there for so long after each message. */
#define STRANGER_MS 5000
/* A peal node subscribes before it announces itself: when a count that was too high is explained
 * within this time, the namespace goes back to rooms at once. */
#define CROWDED_MS 2500
/* Namespaces that are counted in one second; more take turns. */
#define LOOKS_PER_TICK 20000

static bool is_auto(const struct peal_cluster *cluster)
{
	return cluster->adapter->interest == PEAL_INTEREST_AUTO;
}

static void set_mode(struct peal_cluster *cluster, struct peal_space *space,
		     enum peal_interest mode)
{
	if (space->mode == mode || !space->open)
		return;
	space->mode = mode;
	if (cluster->adapter->ops->interest)
		cluster->adapter->ops->interest(cluster->adapter, space->name, mode);
}

void peal_interest_opened(struct peal_cluster *cluster, struct peal_space *space)
{
	space->exact_looks = 0;
	space->stranger_until_ms = 0;
	space->crowded_ms = 0;
	space->others = UINT32_MAX;
	if (!is_auto(cluster))
		set_mode(cluster, space, cluster->adapter->interest);
}

/* --- counts ----------------------------------------------------------------------------------- */

void peal_interest_tick(struct peal_cluster *cluster)
{
	struct peal_hash_entry *entry = NULL;
	size_t index = 0, asked = 0;
	if (cluster->state == PEAL_ADAPTER_DOWN || cluster->leaving)
		return;
	while (asked < LOOKS_PER_TICK && (entry = peal_hash_next(&cluster->spaces, entry))) {
		struct peal_space *space = peal_container(entry, struct peal_space, entry);
		if (index++ < cluster->looked || !space->open)
			continue;
		cluster->adapter->ops->count(cluster->adapter, space->name);
		asked++;
	}
	cluster->looked = entry ? index : 0;
}

/* There may be more receivers than members. */
static void crowded(struct peal_cluster *cluster, struct peal_space *space)
{
	space->exact_looks = 0;
	if (!is_auto(cluster) || space->mode == PEAL_INTEREST_PATTERN)
		return;
	space->crowded_ms = peal_loop_now_ms(cluster->options.loop);
	space->crowd = space->others;
	set_mode(cluster, space, PEAL_INTEREST_PATTERN);
}

/* Members that have announced themselves so shortly ago that they are there. */
static size_t present(const struct peal_cluster *cluster, const struct peal_space *space)
{
	uint64_t now_ms = peal_loop_now_ms(cluster->options.loop);
	struct peal_hash_entry *entry = NULL;
	size_t count = 0;
	while ((entry = peal_hash_next(&cluster->members, entry))) {
		struct peal_member *member = peal_container(entry, struct peal_member, entry);
		if (now_ms - member->seen_ms < PEAL_LIMIT_MEMBER_TIMEOUT_MS &&
		    peal_member_serves(member, space->name))
			count++;
	}
	return count;
}

bool peal_interest_receivers(struct peal_cluster *cluster, struct peal_space *space,
			     uint32_t receivers, bool own)
{
	size_t silent;
	uint32_t before = space->others;
	space->others = receivers - (own && receivers);
	/* A member that is not heard may be frozen, and then it is among them; but it is not the
	 * one who has just come. */
	if (space->others <= peal_members_serving(cluster, space->name, &silent) &&
	    (space->others <= before || space->others <= present(cluster, space)))
		return false;
	crowded(cluster, space);
	return true;
}

/* All receivers are known. */
static void exact(struct peal_cluster *cluster, struct peal_space *space)
{
	uint64_t now_ms = peal_loop_now_ms(cluster->options.loop);
	space->exact_looks++;
	if (now_ms < space->stranger_until_ms) {
		space->exact_looks = 0;
		return;
	}
	bool short_crowd = space->crowded_ms && now_ms - space->crowded_ms <= CROWDED_MS &&
			   space->others >= space->crowd;
	if (space->exact_looks < EXACT_LOOKS && !short_crowd)
		return;
	space->crowded_ms = 0;
	set_mode(cluster, space, PEAL_INTEREST_ROOMS);
}

void peal_interest_counted(struct peal_cluster *cluster, const char *ns, uint32_t receivers,
			   bool own)
{
	struct peal_space *space = peal_space_find(cluster, ns);
	if (receivers == UINT32_MAX)
		return;
	peal_members_counted_in(cluster, ns, space ? space->tally.known : 0, receivers, own);
	if (!space)
		return;
	if (!peal_interest_receivers(cluster, space, receivers, own)) {
		if (is_auto(cluster) && own && space->others == present(cluster, space))
			exact(cluster, space);
		else
			space->exact_looks = 0;
	}
	peal_outage_look(cluster);
}

/* --- strangers -------------------------------------------------------------------------------- */

static void stranger(struct peal_cluster *cluster, struct peal_space *space, const char *uid)
{
	if (!is_auto(cluster))
		return;
	space->stranger_until_ms = peal_loop_now_ms(cluster->options.loop) + STRANGER_MS;
	space->exact_looks = 0;
	space->crowded_ms = 0;
	/* One uid that turns out to be a peal node takes back what it has caused, unless another
	 * was heard meanwhile. */
	if (!space->has_stranger || strcmp(space->stranger, uid))
		snprintf(space->stranger, sizeof(space->stranger), "%s",
			 space->has_stranger ? "" : uid);
	if (space->mode == PEAL_INTEREST_ROOMS)
		space->stranger_took_rooms = true;
	space->has_stranger = true;
	set_mode(cluster, space, PEAL_INTEREST_PATTERN);
}

void peal_interest_stranger(struct peal_cluster *cluster, struct peal_space *space)
{
	stranger(cluster, space, "");
}

static bool is_answer(enum peal_message_type type)
{
	return type >= PEAL_MESSAGE_COUNT && type <= PEAL_MESSAGE_SERVER_ANSWER;
}

void peal_interest_heard(struct peal_cluster *cluster, const struct peal_message *message)
{
	/* Emitters tell no uid, or this one, and are no receivers. */
	if (*message->uid ? !strcmp(message->uid, "emitter") : !is_answer(message->type))
		return;
	if (*message->uid && (peal_member_find(cluster, message->uid) ||
			      peal_member_departed(cluster, message->uid)))
		return;
	struct peal_space *space = peal_space_find(cluster, message->ns);
	if (space && space->open)
		stranger(cluster, space, message->uid);
}

void peal_interest_no_stranger(struct peal_cluster *cluster, const char *uid)
{
	struct peal_hash_entry *entry = NULL;
	while ((entry = peal_hash_next(&cluster->spaces, entry))) {
		struct peal_space *space = peal_container(entry, struct peal_space, entry);
		if (!space->has_stranger || strcmp(space->stranger, uid))
			continue;
		space->has_stranger = false;
		space->stranger_until_ms = 0;
		if (space->stranger_took_rooms) {
			space->crowded_ms = peal_loop_now_ms(cluster->options.loop);
			space->crowd = 0;
		}
		space->stranger_took_rooms = false;
	}
}

/* --- wide emits ------------------------------------------------------------------------------- */

struct wide {
	struct peal_list link;
	uint64_t until_ms;
	char room[];
};

static void forget(struct peal_space *space, struct wide *wide)
{
	peal_list_unlink(&wide->link);
	space->wide_count--;
	free(wide);
}

void peal_interest_forget_wide(struct peal_space *space)
{
	struct peal_list *link;
	while ((link = peal_list_first(&space->wide)))
		forget(space, peal_container(link, struct wide, link));
}

static struct wide *find_wide(const struct peal_space *space, const char *room)
{
	peal_list_each (link, &space->wide) {
		struct wide *wide = peal_container(link, struct wide, link);
		if (!strcmp(wide->room, room))
			return wide;
	}
	return NULL;
}

/* Return: false when it cannot be known by name. */
static bool remember(struct peal_space *space, const char *room, uint64_t until_ms)
{
	struct wide *wide = find_wide(space, room);
	if (!wide) {
		size_t length = strlen(room);
		if (space->wide_count >= PEAL_LIMIT_WIDE_ROOMS)
			return false;
		wide = malloc(sizeof(*wide) + length + 1);
		if (!wide)
			return false;
		*wide = (struct wide){ .until_ms = until_ms };
		memcpy(wide->room, room, length + 1);
		space->wide_count++;
	}
	/* In the order of their ends. */
	peal_list_unlink(&wide->link);
	wide->until_ms = until_ms;
	peal_list_append(&space->wide, &wide->link);
	return true;
}

static void forget_old(struct peal_space *space, uint64_t now_ms)
{
	struct peal_list *link;
	while ((link = peal_list_first(&space->wide))) {
		struct wide *wide = peal_container(link, struct wide, link);
		if (wide->until_ms > now_ms)
			return;
		forget(space, wide);
	}
}

void peal_interest_joined_remotely(struct peal_cluster *cluster, struct peal_space *space,
				   struct peal_rooms rooms)
{
	/* The call may come from outside of a turn, when the time is an old one. */
	peal_loop_enter(cluster->options.loop);
	uint64_t now_ms = peal_loop_now_ms(cluster->options.loop);
	uint64_t until_ms = now_ms + PEAL_LIMIT_WIDE_MS;
	bool all = rooms.count > PEAL_LIMIT_WIDE_ROOMS;
	forget_old(space, now_ms);
	for (size_t i = 0; i < rooms.count && !all; i++)
		all = !remember(space, rooms.names[i], until_ms);
	space->wide_until_ms = until_ms;
	if (all)
		space->wide_all_until_ms = until_ms;
}

bool peal_interest_is_wide(struct peal_cluster *cluster, struct peal_space *space,
			   const struct peal_target *target)
{
	uint64_t now_ms = peal_loop_now_ms(cluster->options.loop);
	if (target->rooms.count != 1 || now_ms >= space->wide_until_ms)
		return false;
	forget_old(space, now_ms);
	return now_ms < space->wide_all_until_ms || find_wide(space, target->rooms.names[0]);
}
