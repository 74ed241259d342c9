/*
 * Subscriptions at Redis: what was sent, what is confirmed, what was refused.
 *
 * Redis answers commands in order, with one reply for each name or one error for a whole command.
 * So the commands under way are a list, and a reply belongs to the first of it. Invariants: a
 * subscription with pending commands is never freed; `sent` tells what Redis will have when it has
 * worked through what was sent; only what is confirmed counts as in force.
 *
 * Names are subscribed before any is left, across slices too: a new subscription that takes the
 * place of an old one is in the connection before the old one is given up.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/redis/subscriber_private.h"

/* Of one command: so many names, or so many bytes. Redis works through a command in one go. */
#define NAMES_PER_COMMAND 512
#define BYTES_PER_COMMAND 65536
/* The same refusal comes with every attempt; an operator needs it now and then. */
#define LOG_AGAIN_MS 30000

/* --- subscriptions and their uses ----------------------------------------------------------- */

static struct peal_hash *table_of(struct peal_subscriber *subscriber, bool pattern)
{
	return pattern ? &subscriber->patterns : &subscriber->channels;
}

static bool is_live(const struct peal_redis_subscription *subscription)
{
	return subscription->sent || subscription->pending;
}

/* Count those through which pushes may come. */
static void count_live(struct peal_subscriber *subscriber,
		       const struct peal_redis_subscription *subscription, int by)
{
	switch (subscription->kind) {
	case PEAL_USE_WIDE:
		subscriber->wide_live += (size_t)by;
		break;
	case PEAL_USE_ALL:
	case PEAL_USE_OWN:
	case PEAL_USE_ROOM:
		subscriber->narrow_live += (size_t)by;
		break;
	default:
		break;
	}
}

static void set_sent(struct peal_subscriber *subscriber,
		     struct peal_redis_subscription *subscription, bool sent, uint32_t pending)
{
	bool was_live = is_live(subscription);
	if (subscription->sent != sent) {
		if (sent)
			subscriber->stats->cluster_subscriptions++;
		else
			subscriber->stats->cluster_subscriptions--;
	}
	subscription->sent = sent;
	subscription->pending = pending;
	if (was_live != is_live(subscription))
		count_live(subscriber, subscription, was_live ? -1 : 1);
}

static bool is_wanted(const struct peal_redis_subscription *subscription)
{
	peal_list_each (link, (struct peal_list *)&subscription->uses) {
		if (peal_use_wanted(peal_container(link, struct peal_redis_use, link)))
			return true;
	}
	return false;
}

void peal_subscription_mark(struct peal_subscriber *subscriber,
			    struct peal_redis_subscription *subscription)
{
	/* One that is to be left is looked at once more anyway, a refused one later. */
	if (peal_list_linked(&subscription->link))
		return;
	peal_list_append(&subscriber->dirty, &subscription->link);
	peal_loop_want_flush(subscriber->loop, &subscriber->flusher);
}

int peal_redis_use_attach(struct peal_subscriber *subscriber, struct peal_redis_use *use,
			  bool pattern, const struct peal_buffer *name)
{
	if (peal_buffer_error(name))
		return -ENOMEM;
	struct peal_hash *table = table_of(subscriber, pattern);
	struct peal_hash_entry *entry = peal_hash_find(table, name->bytes, name->length);
	struct peal_redis_subscription *subscription;
	if (entry) {
		subscription = peal_container(entry, struct peal_redis_subscription, entry);
	} else {
		subscription = calloc(1, sizeof(*subscription) + name->length + 1);
		if (!subscription)
			return -ENOMEM;
		memcpy(subscription->name, name->bytes, name->length);
		subscription->entry.key = subscription->name;
		subscription->entry.key_length = (uint32_t)name->length;
		if (peal_hash_insert(table, &subscription->entry)) {
			free(subscription);
			return -ENOMEM;
		}
		subscription->pattern = pattern;
		subscription->kind = use->kind;
		peal_list_init(&subscription->uses);
	}
	use->subscription = subscription;
	peal_list_append(&subscription->uses, &use->link);
	subscriber->changes++;
	return 0;
}

void peal_redis_use_detach(struct peal_subscriber *subscriber, struct peal_redis_use *use)
{
	if (!use->subscription)
		return;
	peal_list_unlink(&use->link);
	subscriber->changes++;
	peal_subscription_mark(subscriber, use->subscription);
	use->subscription = NULL;
}

static void free_subscription(struct peal_subscriber *subscriber,
			      struct peal_redis_subscription *subscription)
{
	assert(peal_list_empty(&subscription->uses) && !is_live(subscription));
	peal_list_unlink(&subscription->link);
	peal_hash_remove(table_of(subscriber, subscription->pattern), &subscription->entry);
	subscriber->changes++;
	free(subscription);
}

static void free_if_idle(struct peal_subscriber *subscriber,
			 struct peal_redis_subscription *subscription)
{
	if (peal_list_empty(&subscription->uses) && !is_live(subscription))
		free_subscription(subscriber, subscription);
}

/* --- sending -------------------------------------------------------------------------------- */

/* Names for one command. */
struct names {
	struct peal_redis_subscription *subscriptions[NAMES_PER_COMMAND];
	size_t count, bytes;
	bool subscribe, pattern;
};

/* It could not be sent, or was refused: again in a while. */
static void try_later(struct peal_subscriber *subscriber,
		      struct peal_redis_subscription *subscription)
{
	peal_list_unlink(&subscription->link);
	peal_list_append(&subscriber->failed, &subscription->link);
	if (!peal_deadline_armed(&subscriber->retry))
		peal_deadline_arm(&subscriber->retries, &subscriber->retry);
}

static void send_names(struct peal_subscriber *subscriber, struct names *names)
{
	static const char *const commands[2][2] = { { "UNSUBSCRIBE", "PUNSUBSCRIBE" },
						    { "SUBSCRIBE", "PSUBSCRIBE" } };
	const char *words[NAMES_PER_COMMAND + 1];
	size_t lengths[NAMES_PER_COMMAND + 1];
	size_t count = names->count;
	if (!count)
		return;
	names->count = names->bytes = 0;
	words[0] = commands[names->subscribe][names->pattern];
	lengths[0] = strlen(words[0]);
	for (size_t i = 0; i < count; i++) {
		words[i + 1] = names->subscriptions[i]->name;
		lengths[i + 1] = names->subscriptions[i]->entry.key_length;
	}
	size_t size = count * sizeof(names->subscriptions[0]);
	struct peal_redis_asked *asked = malloc(sizeof(*asked) + size);
	if (!asked || peal_redis_command(subscriber->connection, count + 1, words, lengths)) {
		free(asked);
		for (size_t i = 0; i < count; i++)
			try_later(subscriber, names->subscriptions[i]);
		return;
	}
	*asked = (struct peal_redis_asked){ .subscribe = names->subscribe,
					    .pattern = names->pattern,
					    .count = count };
	memcpy(asked->subscriptions, names->subscriptions, size);
	peal_list_append(&subscriber->asked, &asked->link);
	for (size_t i = 0; i < count; i++)
		set_sent(subscriber, asked->subscriptions[i], names->subscribe,
			 asked->subscriptions[i]->pending + 1);
}

static void add_name(struct peal_subscriber *subscriber, struct names *names,
		     struct peal_redis_subscription *subscription)
{
	size_t length = subscription->entry.key_length;
	if (subscription->alone || names->count == NAMES_PER_COMMAND ||
	    names->bytes + length > BYTES_PER_COMMAND)
		send_names(subscriber, names);
	names->subscriptions[names->count++] = subscription;
	names->bytes += length;
	if (subscription->alone)
		send_names(subscriber, names);
}

/* Return: whether the turn got long before all was looked at. */
static bool subscribe(struct peal_subscriber *subscriber)
{
	struct names channels = { .subscribe = true };
	struct names patterns = { .subscribe = true, .pattern = true };
	struct peal_list *link;
	unsigned looked_at = 0;
	bool long_turn = false;
	while (!long_turn && (link = peal_list_take(&subscriber->dirty))) {
		struct peal_redis_subscription *subscription =
			peal_container(link, struct peal_redis_subscription, link);
		bool wanted = is_wanted(subscription);
		if (!subscriber->connected || wanted == subscription->sent)
			free_if_idle(subscriber, subscription);
		else if (!wanted)
			peal_list_append(&subscriber->leaving, &subscription->link);
		else
			add_name(subscriber, subscription->pattern ? &patterns : &channels,
				 subscription);
		long_turn = ++looked_at % 64 == 0 && peal_loop_turn_is_long(subscriber->loop);
	}
	send_names(subscriber, &channels);
	send_names(subscriber, &patterns);
	return !peal_list_empty(&subscriber->dirty);
}

static void unsubscribe(struct peal_subscriber *subscriber)
{
	struct names channels = { 0 }, patterns = { .pattern = true };
	struct peal_list *link;
	while ((link = peal_list_take(&subscriber->leaving))) {
		struct peal_redis_subscription *subscription =
			peal_container(link, struct peal_redis_subscription, link);
		if (subscription->sent && !is_wanted(subscription))
			add_name(subscriber, subscription->pattern ? &patterns : &channels,
				 subscription);
	}
	/* Requests are among the channels, and have to be left before the patterns. */
	send_names(subscriber, &channels);
	send_names(subscriber, &patterns);
}

bool peal_subscriber_flush(struct peal_flusher *flusher)
{
	struct peal_subscriber *subscriber =
		peal_container(flusher, struct peal_subscriber, flusher);
	if (subscribe(subscriber))
		return true;
	unsubscribe(subscriber);
	uint64_t number = subscriber->batch;
	subscriber->batch = 0;
	if (!number)
		return false;
	/* It is reached when all that was sent until now is answered. */
	if (peal_list_empty(&subscriber->asked))
		subscriber->handlers.reach(number, subscriber->userdata);
	else
		peal_container(subscriber->asked.previous, struct peal_redis_asked, link)->number =
			number;
	return false;
}

void peal_subscriber_retry(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct peal_subscriber *subscriber =
		peal_container(deadlines, struct peal_subscriber, retries);
	(void)deadline;
	struct peal_list *link;
	while ((link = peal_list_take(&subscriber->failed)))
		peal_subscription_mark(subscriber,
				       peal_container(link, struct peal_redis_subscription, link));
}

/* --- replies -------------------------------------------------------------------------------- */

static struct peal_redis_asked *oldest(struct peal_subscriber *subscriber)
{
	struct peal_list *link = peal_list_first(&subscriber->asked);
	return link ? peal_container(link, struct peal_redis_asked, link) : NULL;
}

void peal_subscriber_confirm(struct peal_subscriber *subscriber, bool yes, bool pattern)
{
	struct peal_redis_asked *asked = oldest(subscriber);
	if (!asked || asked->subscribe != yes || asked->pattern != pattern)
		return;
	struct peal_redis_subscription *subscription = asked->subscriptions[asked->next++];
	set_sent(subscriber, subscription, subscription->sent, subscription->pending - 1);
	uint64_t number = 0;
	if (asked->next == asked->count) {
		number = asked->number;
		peal_list_unlink(&asked->link);
		free(asked);
	}
	if (peal_subscription_in_force(subscription)) {
		subscription->alone = false;
		peal_list_each (link, &subscription->uses) {
			struct peal_redis_use *use =
				peal_container(link, struct peal_redis_use, link);
			if (use->space)
				peal_redis_use_confirmed(use);
			else
				peal_subscriber_found(subscriber, &subscriber->peal_missing);
		}
	} else if (!peal_list_linked(&subscription->link)) {
		free_if_idle(subscriber, subscription);
	}
	if (number)
		subscriber->handlers.reach(number, subscriber->userdata);
}

void peal_subscriber_refused(struct peal_subscriber *subscriber, const char *error)
{
	struct peal_redis_asked *asked = oldest(subscriber);
	if (!asked)
		return;
	/* The rest of them has no answers: whatever was answered stands. */
	for (size_t i = asked->next; i < asked->count; i++) {
		struct peal_redis_subscription *subscription = asked->subscriptions[i];
		uint32_t pending = subscription->pending - 1;
		/* What was sent after it decides. */
		set_sent(subscriber, subscription, pending ? subscription->sent : !asked->subscribe,
			 pending);
		if (asked->count > 1) {
			/* One bad name spoils the whole command. */
			subscription->alone = true;
			peal_subscription_mark(subscriber, subscription);
			continue;
		}
		try_later(subscriber, subscription);
		peal_list_each (link, &subscription->uses)
			peal_redis_use_refused(peal_container(link, struct peal_redis_use, link));
	}
	/* Who waits for it waits for the next attempt. */
	if (asked->number > subscriber->batch)
		subscriber->batch = asked->number;
	bool told = asked->count > 1;
	char name[128] = "";
	if (!told)
		strncat(name, asked->subscriptions[0]->name, sizeof(name) - 1);
	peal_list_unlink(&asked->link);
	free(asked);
	peal_loop_want_flush(subscriber->loop, &subscriber->flusher);

	uint64_t now_ms = peal_loop_real_ms(subscriber->loop);
	if (told || (subscriber->refusal_logged_ms &&
		     now_ms - subscriber->refusal_logged_ms < LOG_AGAIN_MS))
		return;
	subscriber->refusal_logged_ms = now_ms;
	char text[512];
	peal_redis_explain(error, subscriber->address->user, subscriber->prefix, text,
			   sizeof(text));
	peal_log(subscriber->log, PEAL_LOG_WARNING, "Redis refused a subscription",
		 PEAL_FIELD_TEXT("name", name), PEAL_FIELD_TEXT("why", text));
	if (!subscriber->subscribed)
		subscriber->handlers.subscribed(false, text, subscriber->userdata);
}

/* --- the connection ------------------------------------------------------------------------- */

static void forget(struct peal_subscriber *subscriber, struct peal_hash *table, bool mark)
{
	for (struct peal_hash_entry *entry = peal_hash_next(table, NULL), *next; entry;
	     entry = next) {
		next = peal_hash_next(table, entry);
		struct peal_redis_subscription *subscription =
			peal_container(entry, struct peal_redis_subscription, entry);
		if (mark) {
			peal_subscription_mark(subscriber, subscription);
			continue;
		}
		peal_list_unlink(&subscription->link);
		set_sent(subscriber, subscription, false, 0);
		subscription->alone = false;
		free_if_idle(subscriber, subscription);
	}
}

void peal_subscriber_forget_all(struct peal_subscriber *subscriber)
{
	struct peal_list *link;
	while ((link = peal_list_take(&subscriber->asked)))
		free(peal_container(link, struct peal_redis_asked, link));
	forget(subscriber, &subscriber->channels, false);
	forget(subscriber, &subscriber->patterns, false);
	peal_deadline_disarm(&subscriber->retry);
	subscriber->batch = 0;
}

void peal_subscriber_mark_all(struct peal_subscriber *subscriber)
{
	forget(subscriber, &subscriber->channels, true);
	forget(subscriber, &subscriber->patterns, true);
}
