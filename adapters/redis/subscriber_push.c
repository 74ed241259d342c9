/*
 * What comes in: which namespace a push is for, whether it is a copy, whether anybody wants it.
 *
 * Redis works through one PUBLISH at a time and sends a copy for each subscription of a connection
 * that matches, right behind each other. So pushes with equal channel and payload are a group, the
 * copies of one PUBLISH, for as long as each comes through another subscription: one that comes
 * through the same again was really sent twice. Any other reply in between ends the group, since
 * what is subscribed may be different from then on. A group is handed on once per namespace.
 */
#include <string.h>

#include "adapters/redis/subscriber_private.h"

/* Copies of large messages are not kept longer than they are needed. */
#define KEPT_BYTES 65536

void peal_subscriber_end_group(struct peal_subscriber *subscriber)
{
	subscriber->group_valid = false;
	struct peal_buffer *buffers[] = { &subscriber->last_channel, &subscriber->last_payload };
	for (size_t i = 0; i < 2; i++) {
		if (buffers[i]->capacity > KEPT_BYTES)
			peal_buffer_deinit(buffers[i]);
	}
}

static bool is_same(const struct peal_buffer *last, const struct peal_redis_value *value)
{
	return last->length == value->length && !memcmp(last->bytes, value->bytes, value->length);
}

static void keep(struct peal_buffer *last, const struct peal_redis_value *value)
{
	peal_buffer_clear(last);
	peal_buffer_append(last, value->bytes, value->length);
}

/* Say which group this push belongs to. */
static void group(struct peal_subscriber *subscriber, struct peal_redis_subscription *subscription,
		  const struct peal_redis_value *channel, const struct peal_redis_value *payload)
{
	if (!subscriber->wide_live || !subscriber->narrow_live) {
		/* No two subscriptions can match. */
		subscriber->group_valid = false;
		subscription->group = ++subscriber->group;
		return;
	}
	if (!subscriber->group_valid || subscription->group == subscriber->group ||
	    !is_same(&subscriber->last_payload, payload) ||
	    !is_same(&subscriber->last_channel, channel)) {
		subscriber->group++;
		keep(&subscriber->last_channel, channel);
		keep(&subscriber->last_payload, payload);
		/* Without memory a copy would be handed on: better twice than not at all. */
		subscriber->group_valid = !peal_buffer_error(&subscriber->last_channel) &&
					  !peal_buffer_error(&subscriber->last_payload);
	}
	subscription->group = subscriber->group;
}

static struct peal_redis_subscription *find(const struct peal_subscriber *subscriber, bool pattern,
					    const struct peal_redis_value *name)
{
	struct peal_hash_entry *entry = peal_hash_find(
		pattern ? &subscriber->patterns : &subscriber->channels, name->bytes, name->length);
	return entry ? peal_container(entry, struct peal_redis_subscription, entry) : NULL;
}

/* A use of it that has not seen this group yet. */
static struct peal_redis_use *next_use(const struct peal_subscriber *subscriber,
				       struct peal_redis_subscription *subscription)
{
	peal_list_each (link, &subscription->uses) {
		struct peal_redis_use *use = peal_container(link, struct peal_redis_use, link);
		if (!use->space || use->space->group != subscriber->group)
			return use;
	}
	return NULL;
}

static void hand_on(struct peal_subscriber *subscriber, struct peal_redis_use *use,
		    const struct peal_redis_value *channel, const struct peal_redis_value *payload)
{
	struct peal_redis_space *space = use->space;
	struct peal_channel parsed;
	if (!peal_channel_parse(subscriber->prefix, channel->bytes, channel->length,
				space ? space->name : NULL, space ? space->name_length : 0,
				&parsed) ||
	    (parsed.kind == PEAL_CHANNEL_BROADCAST && space && parsed.rest && parsed.rest_length &&
	     !peal_redis_room_is_here(space, &parsed, channel->bytes, channel->length))) {
		subscriber->stats->cluster_messages_useless++;
		return;
	}
	subscriber->handlers.message(&parsed, payload->bytes, payload->length,
				     subscriber->userdata);
}

void peal_subscriber_push(struct peal_subscriber *subscriber, bool pattern,
			  const struct peal_redis_value *name,
			  const struct peal_redis_value *channel,
			  const struct peal_redis_value *payload)
{
	struct peal_redis_subscription *subscription = find(subscriber, pattern, name);
	subscriber->stats->cluster_messages_received++;
	subscriber->stats->cluster_bytes_received += payload->length;
	if (!subscription || peal_list_empty(&subscription->uses)) {
		/* It is being left. */
		subscriber->stats->cluster_messages_useless++;
		return;
	}
	group(subscriber, subscription, channel, payload);
	bool handed_on = false;
	uint64_t changes = subscriber->changes;
	struct peal_redis_use *use;
	while (subscription && (use = next_use(subscriber, subscription))) {
		bool of_all = !use->space;
		if (use->space)
			use->space->group = subscriber->group;
		handed_on = true;
		hand_on(subscriber, use, channel, payload);
		if (of_all)
			break;
		/* Who gets the message may open and close namespaces. */
		if (subscriber->changes != changes) {
			changes = subscriber->changes;
			subscription = find(subscriber, pattern, name);
		}
	}
	if (!handed_on)
		subscriber->stats->cluster_messages_repeated++;
}
