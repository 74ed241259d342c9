/*
 * Namespaces, their rooms, and what follows from them: which subscriptions are wanted.
 *
 * A space goes in steps. What it awaits (answers, and the broadcasts of its mode of interest) has
 * to be in force before its requests are asked for, and before what belongs to the other mode is
 * left: so there is no moment in which a broadcast finds no subscription, and no request comes
 * before the node can answer. Where both modes are in force for a moment, subscriber_push.c drops
 * the copies.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/redis/subscriber_private.h"

/* The longest name: a prefix, a namespace and a room, all of them escaped. */
#define NAME_CEILING (8 * PEAL_LIMIT_NAME_BYTES)

/* --- names ---------------------------------------------------------------------------------- */

/* Patterns give these a meaning; a backslash takes it away. */
static void append_escaped(struct peal_buffer *name, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (memchr("*?[]\\", text[i], 5))
			peal_buffer_append_char(name, '\\');
		peal_buffer_append_char(name, text[i]);
	}
}

static void make_name(const struct peal_redis_space *space, enum peal_use_kind kind,
		      const char *room, size_t length, struct peal_buffer *name)
{
	const struct peal_subscriber *subscriber = space->subscriber;
	if (kind == PEAL_USE_WIDE || kind == PEAL_USE_OWN) {
		append_escaped(name, subscriber->prefix, strlen(subscriber->prefix));
		peal_buffer_append_char(name, '#');
		append_escaped(name, space->name, space->name_length);
		peal_buffer_append_char(name, '#');
		if (kind == PEAL_USE_OWN)
			append_escaped(name, subscriber->uid, PEAL_UID_LENGTH);
		peal_buffer_append_char(name, '*');
		return;
	}
	peal_buffer_append_text(name, subscriber->prefix);
	peal_buffer_append_text(name, kind == PEAL_USE_REQUEST ? "-request#"
				      : kind == PEAL_USE_RESPONSE || kind == PEAL_USE_RESPONSE_OWN
					      ? "-response#"
					      : "#");
	peal_buffer_append(name, space->name, space->name_length);
	peal_buffer_append_char(name, '#');
	if (kind == PEAL_USE_RESPONSE_OWN)
		peal_buffer_append(name, subscriber->uid, PEAL_UID_LENGTH);
	else if (kind == PEAL_USE_ROOM)
		peal_buffer_append(name, room, length);
	if (kind == PEAL_USE_RESPONSE_OWN || kind == PEAL_USE_ROOM)
		peal_buffer_append_char(name, '#');
}

static bool is_pattern(enum peal_use_kind kind)
{
	return kind == PEAL_USE_WIDE || kind == PEAL_USE_OWN;
}

/* --- what is wanted ------------------------------------------------------------------------- */

static bool is_here(const struct peal_redis_use *use)
{
	return use->joined || peal_deadline_armed(&use->linger);
}

/* What belongs to the mode that was left stays until the new one is in force. */
static bool of_mode(const struct peal_redis_use *use, enum peal_interest mode)
{
	const struct peal_redis_space *space = use->space;
	return space->open && (space->mode == mode || (use->subscription->sent && space->awaited));
}

bool peal_use_wanted(const struct peal_redis_use *use)
{
	const struct peal_redis_space *space = use->space;
	switch (use->kind) {
	case PEAL_USE_PEAL:
		return true;
	case PEAL_USE_REQUEST:
		return space->open && space->serving;
	case PEAL_USE_RESPONSE:
	case PEAL_USE_RESPONSE_OWN:
		return space->open || space->leased;
	case PEAL_USE_WIDE:
		return of_mode(use, PEAL_INTEREST_PATTERN);
	case PEAL_USE_ALL:
	case PEAL_USE_OWN:
		return of_mode(use, PEAL_INTEREST_ROOMS);
	case PEAL_USE_ROOM:
		return is_here(use) && of_mode(use, PEAL_INTEREST_ROOMS);
	}
	return false;
}

static void look(struct peal_redis_use *use)
{
	if (use->subscription && peal_use_wanted(use) != use->subscription->sent)
		peal_subscription_mark(use->space->subscriber, use->subscription);
}

static void look_at_all(struct peal_redis_space *space)
{
	for (int i = 0; i < PEAL_SPACE_USES; i++)
		look(&space->uses[i]);
	peal_list_each (link, &space->rooms)
		look(peal_container(link, struct peal_redis_use, in_space));
}

/* --- steps ---------------------------------------------------------------------------------- */

static bool is_in_force(const struct peal_redis_space *space, enum peal_use_kind kind)
{
	const struct peal_redis_subscription *subscription = space->uses[kind].subscription;
	return subscription && peal_subscription_in_force(subscription);
}

/* Nothing is awaited any more. */
static void settle(struct peal_redis_space *space)
{
	if (space->open && !space->serving) {
		space->serving = true;
		if (is_in_force(space, PEAL_USE_REQUEST))
			peal_subscriber_served(space);
	}
	look_at_all(space);
}

static void await_use(struct peal_redis_use *use)
{
	use->awaited =
		use->kind != PEAL_USE_REQUEST && peal_use_wanted(use) &&
		(use->kind == PEAL_USE_RESPONSE || use->kind == PEAL_USE_RESPONSE_OWN ||
		 (use->kind == PEAL_USE_WIDE) == (use->space->mode == PEAL_INTEREST_PATTERN)) &&
		!peal_subscription_in_force(use->subscription);
	if (use->awaited)
		use->space->awaited++;
}

void peal_redis_space_await(struct peal_redis_space *space)
{
	if (!space->subscriber->connected)
		return;
	space->awaited = 0;
	for (int i = 0; i < PEAL_SPACE_USES; i++)
		await_use(&space->uses[i]);
	peal_list_each (link, &space->rooms)
		await_use(peal_container(link, struct peal_redis_use, in_space));
	if (space->awaited)
		look_at_all(space);
	else
		settle(space);
}

static void no_longer_awaited(struct peal_redis_use *use)
{
	if (!use->awaited)
		return;
	use->awaited = false;
	if (!--use->space->awaited)
		settle(use->space);
}

void peal_redis_use_confirmed(struct peal_redis_use *use)
{
	struct peal_redis_space *space = use->space;
	no_longer_awaited(use);
	if (use->kind == PEAL_USE_REQUEST && space->open && space->serving)
		peal_subscriber_served(space);
}

/* --- rooms ---------------------------------------------------------------------------------- */

bool peal_redis_room_is_own(const struct peal_subscriber *subscriber, const char *room,
			    size_t length)
{
	return length >= PEAL_UID_LENGTH && !memcmp(room, subscriber->uid, PEAL_UID_LENGTH);
}

static struct peal_redis_use *room_on_channel(const struct peal_redis_space *space,
					      const char *channel, size_t length)
{
	struct peal_hash_entry *entry =
		peal_hash_find(&space->subscriber->channels, channel, length);
	if (!entry)
		return NULL;
	struct peal_redis_subscription *subscription =
		peal_container(entry, struct peal_redis_subscription, entry);
	peal_list_each (link, &subscription->uses) {
		struct peal_redis_use *use = peal_container(link, struct peal_redis_use, link);
		if (use->space == space && use->kind == PEAL_USE_ROOM)
			return use;
	}
	return NULL;
}

bool peal_redis_room_is_here(const struct peal_redis_space *space,
			     const struct peal_channel *parsed, const char *channel, size_t length)
{
	if (space->blind ||
	    peal_redis_room_is_own(space->subscriber, parsed->rest, parsed->rest_length))
		return true;
	const struct peal_redis_use *use = room_on_channel(space, channel, length);
	return use && use->joined;
}

static void disarm(struct peal_redis_use *use)
{
	if (!peal_deadline_armed(&use->linger))
		return;
	peal_deadline_disarm(&use->linger);
	use->space->subscriber->lingering_count--;
}

static void forget_room(struct peal_redis_use *use)
{
	struct peal_redis_space *space = use->space;
	disarm(use);
	use->joined = false;
	no_longer_awaited(use);
	peal_list_unlink(&use->in_space);
	peal_redis_use_detach(space->subscriber, use);
	free(use);
}

void peal_redis_linger_expired(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct peal_redis_use *use = peal_container(deadline, struct peal_redis_use, linger);
	(void)deadlines;
	use->space->subscriber->lingering_count--;
	forget_room(use);
}

void peal_redis_space_stop_lingering(struct peal_redis_space *space)
{
	peal_list_each (link, &space->rooms) {
		struct peal_redis_use *use = peal_container(link, struct peal_redis_use, in_space);
		if (!use->joined)
			forget_room(use);
	}
}

/* NULL without memory. */
static struct peal_redis_use *room_get(struct peal_redis_space *space, const char *room,
				       size_t length)
{
	struct peal_buffer name = PEAL_BUFFER(NAME_CEILING);
	make_name(space, PEAL_USE_ROOM, room, length, &name);
	struct peal_redis_use *use = NULL;
	if (!peal_buffer_error(&name))
		use = room_on_channel(space, name.bytes, name.length);
	if (!use && (use = calloc(1, sizeof(*use)))) {
		use->kind = PEAL_USE_ROOM;
		use->space = space;
		if (peal_redis_use_attach(space->subscriber, use, false, &name)) {
			free(use);
			use = NULL;
		} else {
			peal_list_append(&space->rooms, &use->in_space);
		}
	}
	peal_buffer_deinit(&name);
	return use;
}

static void set_mode(struct peal_redis_space *space, enum peal_interest mode)
{
	if (space->blind)
		mode = PEAL_INTEREST_PATTERN;
	if (space->mode == mode)
		return;
	space->mode = mode;
	space->subscriber->stats->cluster_interest_changes++;
	peal_redis_space_await(space);
}

/* Without the right to one of them nothing is lost: the node hears everything then. */
void peal_redis_use_refused(struct peal_redis_use *use)
{
	if (use->kind != PEAL_USE_ALL && use->kind != PEAL_USE_OWN && use->kind != PEAL_USE_ROOM)
		return;
	use->space->blind = true;
	set_mode(use->space, PEAL_INTEREST_PATTERN);
}

uint64_t peal_subscriber_join(struct peal_subscriber *subscriber, const char *ns, const char *room,
			      size_t length)
{
	struct peal_redis_space *space = peal_redis_space_find(subscriber, ns);
	if (!space || !space->open)
		return 0;
	bool own = peal_redis_room_is_own(subscriber, room, length);
	bool covered =
		is_in_force(space, PEAL_USE_WIDE) || (own && is_in_force(space, PEAL_USE_OWN));
	struct peal_redis_use *use = NULL;
	if (!own)
		use = room_get(space, room, length);
	if (use) {
		disarm(use);
		use->joined = true;
		look(use);
		covered = covered || peal_subscription_in_force(use->subscription);
	} else if (!own) {
		/* A room that cannot be remembered would be dropped when something comes for it. */
		space->blind = true;
		set_mode(space, PEAL_INTEREST_PATTERN);
	}
	return covered ? 0 : peal_subscriber_cover(subscriber);
}

void peal_subscriber_leave(struct peal_subscriber *subscriber, const char *ns, const char *room,
			   size_t length)
{
	struct peal_redis_space *space = peal_redis_space_find(subscriber, ns);
	if (!space || peal_redis_room_is_own(subscriber, room, length))
		return;
	struct peal_buffer name = PEAL_BUFFER(NAME_CEILING);
	make_name(space, PEAL_USE_ROOM, room, length, &name);
	struct peal_redis_use *use =
		peal_buffer_error(&name) ? NULL : room_on_channel(space, name.bytes, name.length);
	peal_buffer_deinit(&name);
	if (!use || !use->joined)
		return;
	use->joined = false;
	if (!use->subscription->sent ||
	    subscriber->lingering_count == PEAL_LIMIT_REDIS_LINGERING_ROOMS) {
		forget_room(use);
		return;
	}
	peal_deadline_arm(&subscriber->lingering, &use->linger);
	subscriber->lingering_count++;
	no_longer_awaited(use);
}

/* --- spaces --------------------------------------------------------------------------------- */

struct peal_redis_space *peal_redis_space_find(const struct peal_subscriber *subscriber,
					       const char *ns)
{
	struct peal_hash_entry *entry = peal_hash_find(&subscriber->spaces, ns, strlen(ns));
	return entry ? peal_container(entry, struct peal_redis_space, entry) : NULL;
}

static void lease_ended(struct peal_timer *timer)
{
	struct peal_redis_space *space = peal_container(timer, struct peal_redis_space, lease);
	space->leased = false;
	if (!space->open)
		peal_redis_space_free(space);
}

/* NULL without memory, or over the ceiling. */
static struct peal_redis_space *space_get(struct peal_subscriber *subscriber, const char *ns)
{
	struct peal_redis_space *space = peal_redis_space_find(subscriber, ns);
	size_t length = strlen(ns);
	if (space)
		return space;
	if (subscriber->spaces.count >= PEAL_LIMIT_CLUSTER_SPACES ||
	    !(space = calloc(1, sizeof(*space) + length + 1))) {
		/* Clients can cause it as often as they like. */
		if (!subscriber->full_logged)
			peal_log(subscriber->log, PEAL_LOG_ERROR,
				 "no room for another namespace in the cluster",
				 PEAL_FIELD_TEXT("namespace", ns),
				 PEAL_FIELD_INT("namespaces", subscriber->spaces.count));
		subscriber->full_logged = true;
		return NULL;
	}
	subscriber->full_logged = false;
	memcpy(space->name, ns, length);
	space->name_length = length;
	space->entry.key = space->name;
	space->entry.key_length = (uint32_t)length;
	space->subscriber = subscriber;
	space->mode = PEAL_INTEREST_PATTERN;
	space->group = subscriber->group;
	space->lease.fn = lease_ended;
	peal_list_init(&space->rooms);
	if (peal_hash_insert(&subscriber->spaces, &space->entry)) {
		free(space);
		return NULL;
	}
	for (int i = 0; i < PEAL_SPACE_USES; i++) {
		struct peal_buffer name = PEAL_BUFFER(NAME_CEILING);
		struct peal_redis_use *use = &space->uses[i];
		use->kind = (enum peal_use_kind)i;
		use->space = space;
		make_name(space, use->kind, NULL, 0, &name);
		int error = peal_redis_use_attach(subscriber, use, is_pattern(use->kind), &name);
		peal_buffer_deinit(&name);
		if (error) {
			peal_redis_space_free(space);
			return NULL;
		}
	}
	return space;
}

static void forget_rooms(struct peal_redis_space *space)
{
	struct peal_list *link;
	while ((link = peal_list_first(&space->rooms)))
		forget_room(peal_container(link, struct peal_redis_use, in_space));
}

void peal_redis_space_free(struct peal_redis_space *space)
{
	struct peal_subscriber *subscriber = space->subscriber;
	space->open = space->leased = space->serving = false;
	peal_subscriber_found(subscriber, &space->missing);
	for (int i = 0; i < PEAL_SPACE_USES; i++)
		peal_redis_use_detach(subscriber, &space->uses[i]);
	forget_rooms(space);
	peal_list_unlink(&space->opened);
	peal_timer_disarm(subscriber->loop, &space->lease);
	peal_hash_remove(&subscriber->spaces, &space->entry);
	free(space);
}

uint64_t peal_subscriber_open(struct peal_subscriber *subscriber, const char *ns)
{
	struct peal_redis_space *space = space_get(subscriber, ns);
	if (!space || space->open)
		return 0;
	space->open = true;
	space->blind = false;
	space->mode = PEAL_INTEREST_PATTERN;
	peal_redis_space_await(space);
	return space->awaited ? peal_subscriber_cover(subscriber) : 0;
}

void peal_subscriber_close(struct peal_subscriber *subscriber, const char *ns)
{
	struct peal_redis_space *space = peal_redis_space_find(subscriber, ns);
	if (!space || !space->open)
		return;
	if (!space->leased) {
		peal_redis_space_free(space);
		return;
	}
	/* Its answers are still heard. */
	if (space->serving)
		space->hears_changed_ms = peal_loop_real_ms(subscriber->loop);
	space->open = space->serving = false;
	peal_subscriber_found(subscriber, &space->missing);
	peal_list_unlink(&space->opened);
	look_at_all(space);
	forget_rooms(space);
	peal_redis_space_await(space);
}

void peal_subscriber_interest(struct peal_subscriber *subscriber, const char *ns,
			      enum peal_interest mode)
{
	struct peal_redis_space *space = peal_redis_space_find(subscriber, ns);
	assert(mode != PEAL_INTEREST_AUTO);
	if (space && space->open)
		set_mode(space, mode);
}

uint64_t peal_subscriber_hear_answers(struct peal_subscriber *subscriber, const char *ns,
				      unsigned ms)
{
	struct peal_redis_space *space = space_get(subscriber, ns);
	if (!space)
		return 0;
	uint64_t until_ms = peal_loop_now_ms(subscriber->loop) + ms;
	bool longer = !space->leased || until_ms > space->lease.due_ms;
	if (longer && peal_timer_arm(subscriber->loop, &space->lease, ms)) {
		if (!space->open && !space->leased)
			peal_redis_space_free(space);
		return 0;
	}
	if (!space->leased) {
		space->leased = true;
		if (!space->open)
			peal_redis_space_await(space);
	}
	return is_in_force(space, PEAL_USE_RESPONSE) && is_in_force(space, PEAL_USE_RESPONSE_OWN)
		       ? 0
		       : peal_subscriber_cover(subscriber);
}

bool peal_subscriber_hears_requests(const struct peal_subscriber *subscriber, const char *ns)
{
	const struct peal_redis_space *space = peal_redis_space_find(subscriber, ns);
	return space && space->open && is_in_force(space, PEAL_USE_REQUEST);
}
