/*
 * The queue of publishes and what became of them.
 *
 * A publish is in one of three lists: urgent or waiting, in order, with its bytes; or unanswered,
 * in the order in which it was written, without them. Redis answers in that order, so each reply
 * belongs to the first. Ends are told from a task, in the order in which they came about: nobody is
 * called from inside peal_publisher_send().
 *
 * A full queue refuses what comes new, after volatile messages that wait in it were dropped: what
 * was accepted stays in order and without holes of our own making, and the caller learns at once
 * what was not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/redis/publisher_private.h"
#include "base/limits.h"

/* What the connection may hold before more is written; the rest waits here, where it can expire. */
#define WINDOW_BYTES (1u << 20)
/* The same complaint is logged again after this. */
#define COMPLAINT_MS 10000

static bool may_complain(struct peal_publisher *publisher, enum peal_publish_complaint complaint)
{
	uint64_t now = peal_publisher_now_ms(publisher),
		 *last = &publisher->complained_ms[complaint];
	if (*last && now - *last < COMPLAINT_MS)
		return false;
	*last = now ? now : 1;
	return true;
}

/* --- ends --- */

static void count_end(struct peal_publisher *publisher, const struct peal_publish *item,
		      enum peal_sent how)
{
	struct peal_stats *stats = publisher->options.stats;
	if (!(item->flags & PEAL_PUBLISH_BROADCAST))
		return;
	switch (how) {
	case PEAL_SENT_DELIVERED:
		stats->cluster_published++;
		stats->cluster_published_late += item->late;
		break;
	case PEAL_SENT_DROPPED:
		stats->cluster_dropped++;
		break;
	case PEAL_SENT_IN_DOUBT:
		stats->cluster_in_doubt++;
		break;
	}
}

static void free_item(struct peal_publish *item)
{
	free(item->bytes);
	free(item);
}

/* @item is in no list any more. */
void peal_publisher_end(struct peal_publisher *publisher, struct peal_publish *item,
			enum peal_sent how, uint32_t receivers)
{
	if (item->kind == PUBLISH)
		count_end(publisher, item, how);
	if (!item->ticket || publisher->dead) {
		free_item(item);
		return;
	}
	free(item->bytes);
	item->bytes = NULL;
	item->how = how;
	item->receivers = receivers;
	peal_list_append(&publisher->ended, &item->link);
	if (!peal_task_queued(&publisher->news))
		peal_loop_defer(publisher->options.loop, &publisher->news);
}

static void on_news(struct peal_task *task)
{
	struct peal_publisher *publisher = peal_container(task, struct peal_publisher, news);
	struct peal_list *link;
	/* The handler may free the publisher, which empties the list. */
	while ((link = peal_list_take(&publisher->ended))) {
		struct peal_publish *item = peal_container(link, struct peal_publish, link);
		if (publisher->handlers.sent)
			publisher->handlers.sent(item->ticket, item->how, item->receivers,
						 publisher->userdata);
		free_item(item);
	}
}

/* --- what waits --- */

static bool can_write(struct peal_publisher *publisher)
{
	return publisher->connected && publisher->unanswered_count < PEAL_LIMIT_REDIS_UNANSWERED &&
	       peal_redis_connection_unwritten(publisher->connection) < WINDOW_BYTES;
}

/* Whether nothing but room in the connection keeps it from being written. */
static bool is_released(struct peal_publisher *publisher, const struct peal_publish *item)
{
	if (item->flags & PEAL_PUBLISH_URGENT)
		return true;
	return !publisher->held && (!publisher->options.reached ||
				    publisher->options.reached(item->number, publisher->userdata));
}

static int write_command(struct peal_publisher *publisher, const struct peal_publish *item,
			 const char *channel, const char *payload)
{
	const char *words[] = { "PUBLISH", channel, payload };
	const size_t lengths[] = { 7, item->channel_length, item->length - item->channel_length };
	return peal_redis_command(publisher->connection, 3, words, lengths);
}

/* It waits for the reply from now on, unless it could not be written. @item is in no list. */
static void was_written(struct peal_publisher *publisher, struct peal_publish *item, int r)
{
	if (r) {
		peal_publisher_end(publisher, item, PEAL_SENT_DROPPED, UINT32_MAX);
		return;
	}
	free(item->bytes);
	item->bytes = NULL;
	peal_list_append(&publisher->unanswered, &item->link);
	publisher->unanswered_count++;
}

/* Return: false when the connection did not take it; it then still waits. */
static bool write_item(struct peal_publisher *publisher, struct peal_publish *item)
{
	int r = write_command(publisher, item, item->bytes, item->bytes + item->channel_length);
	if (r == -ENOTCONN)
		return false;
	peal_publisher_dequeue(publisher, item);
	was_written(publisher, item, r);
	return true;
}

/* Write of one list what may be written. Return: whether nothing is left in it. */
static bool write_list(struct peal_publisher *publisher, struct peal_list *list)
{
	struct peal_list *link;
	while ((link = peal_list_first(list))) {
		struct peal_publish *item = peal_container(link, struct peal_publish, link);
		if (!can_write(publisher) || !is_released(publisher, item) ||
		    !write_item(publisher, item))
			return false;
	}
	return true;
}

void peal_publisher_look(struct peal_publisher *publisher)
{
	if (write_list(publisher, &publisher->urgent))
		write_list(publisher, &publisher->waiting);
}

/* --- sending --- */

/* What has to wait keeps its bytes. False without memory. */
static bool keep_bytes(struct peal_publish *item, const struct peal_buffer *channel,
		       const struct peal_buffer *payload)
{
	item->bytes = malloc(item->length ? item->length : 1);
	if (!item->bytes)
		return false;
	if (channel->length)
		memcpy(item->bytes, channel->bytes, channel->length);
	if (payload->length)
		memcpy(item->bytes + channel->length, payload->bytes, payload->length);
	return true;
}

/* Whether it would be written at once. */
static bool way_is_free(struct peal_publisher *publisher, const struct peal_publish *item)
{
	bool first = peal_list_empty(&publisher->urgent) &&
		     (item->flags & PEAL_PUBLISH_URGENT || peal_list_empty(&publisher->waiting));
	return first && can_write(publisher) && is_released(publisher, item);
}

int peal_publisher_send(struct peal_publisher *publisher, const struct peal_buffer *channel,
			const struct peal_buffer *payload, unsigned flags, uint64_t ticket,
			unsigned expires_ms)
{
	struct peal_publish *item = calloc(1, sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->channel_length = channel->length;
	item->length = channel->length + payload->length;
	item->flags = flags;
	item->ticket = ticket;
	item->number = publisher->options.number && !(flags & PEAL_PUBLISH_URGENT)
			       ? publisher->options.number(publisher->userdata)
			       : 0;
	item->late = !publisher->connected || (publisher->held && !(flags & PEAL_PUBLISH_URGENT));
	if (expires_ms)
		item->due_ms = peal_publisher_now_ms(publisher) + expires_ms;
	bool free_way = way_is_free(publisher, item);
	if (free_way) {
		int r = write_command(publisher, item, channel->bytes, payload->bytes);
		if (r != -ENOTCONN) {
			was_written(publisher, item, r);
			return 0;
		}
	}
	if (!keep_bytes(item, channel, payload)) {
		free(item);
		return -ENOMEM;
	}
	if (!free_way && !peal_publisher_make_room(publisher, item)) {
		if (may_complain(publisher, COMPLAINT_FULL))
			peal_log(publisher->options.log, PEAL_LOG_WARNING,
				 "the queue for Redis is full, messages are dropped",
				 PEAL_FIELD_TEXT("redis", publisher->options.address->shown),
				 PEAL_FIELD_INT("waiting_bytes", publisher->waiting_bytes));
		item->ticket = 0;
		peal_publisher_end(publisher, item, PEAL_SENT_DROPPED, UINT32_MAX);
		return -ENOBUFS;
	}
	peal_publisher_enqueue(publisher, item);
	peal_publisher_look(publisher);
	if (expires_ms && publisher->waiting_count)
		peal_publisher_watch_expiry(publisher,
					    peal_publisher_now_ms(publisher) + expires_ms);
	return 0;
}

void peal_publisher_count(struct peal_publisher *publisher, const char *const *channels,
			  const size_t *lengths, size_t count)
{
	if (!publisher->connected || !count || count > PEAL_LIMIT_REDIS_ELEMENTS / 2)
		return;
	struct peal_publish *item = calloc(1, sizeof(*item));
	const char **words = calloc(count + 2, sizeof(*words));
	size_t *word_lengths = calloc(count + 2, sizeof(*word_lengths));
	if (item && words && word_lengths) {
		words[0] = "PUBSUB";
		words[1] = "NUMSUB";
		word_lengths[0] = word_lengths[1] = 6;
		memcpy(words + 2, channels, count * sizeof(*words));
		memcpy(word_lengths + 2, lengths, count * sizeof(*word_lengths));
		if (peal_redis_command(publisher->connection, count + 2, words, word_lengths) ==
		    0) {
			item->kind = COUNT;
			peal_list_append(&publisher->unanswered, &item->link);
			publisher->unanswered_count++;
			item = NULL;
		}
	}
	free(item);
	free(words);
	free(word_lengths);
}

/* --- replies --- */

static void complain(struct peal_publisher *publisher, const char *error)
{
	char text[640];
	if (!may_complain(publisher, COMPLAINT_REFUSED))
		return;
	peal_redis_explain(error, publisher->options.address->user, publisher->prefix, text,
			   sizeof(text));
	peal_log(publisher->options.log, PEAL_LOG_ERROR, "Redis refuses what is published",
		 PEAL_FIELD_TEXT("redis", publisher->options.address->shown),
		 PEAL_FIELD_TEXT("reason", text));
}

static uint32_t clamp(int64_t count)
{
	return count < 0 ? 0 : count >= UINT32_MAX ? UINT32_MAX - 1 : (uint32_t)count;
}

static void tell_counts(struct peal_publisher *publisher, const struct peal_redis_reply *reply)
{
	for (size_t i = 0; i + 1 < reply->count && !publisher->dead; i += 2) {
		const struct peal_redis_value *name = &reply->elements[i], *count = name + 1;
		if (name->type == PEAL_REDIS_STRING && count->type == PEAL_REDIS_INTEGER &&
		    publisher->handlers.counted)
			publisher->handlers.counted(name->bytes, name->length,
						    clamp(count->integer), publisher->userdata);
	}
}

static void on_reply(struct peal_redis_connection *connection, const struct peal_redis_reply *reply,
		     void *userdata)
{
	struct peal_publisher *publisher = userdata;
	const struct peal_redis_value *value = &reply->value;
	struct peal_list *link = peal_list_take(&publisher->unanswered);
	(void)connection;
	/* The connection has counted; but what the network says reaches no assertion. */
	if (!link)
		return;
	struct peal_publish *item = peal_container(link, struct peal_publish, link);
	publisher->unanswered_count--;
	if (value->type == PEAL_REDIS_ERROR)
		complain(publisher, value->bytes);
	if (item->kind == COUNT) {
		free_item(item);
		tell_counts(publisher, reply);
	} else if (value->type == PEAL_REDIS_INTEGER) {
		peal_publisher_end(publisher, item, PEAL_SENT_DELIVERED, clamp(value->integer));
	} else {
		peal_publisher_end(publisher, item, PEAL_SENT_DROPPED, UINT32_MAX);
	}
	if (!publisher->dead && publisher->waiting_count)
		peal_publisher_look(publisher);
}

static void on_ready(struct peal_redis_connection *connection, void *userdata)
{
	struct peal_publisher *publisher = userdata;
	(void)connection;
	publisher->connected = true;
	if (publisher->handlers.connected)
		publisher->handlers.connected(true, publisher->options.address->shown,
					      publisher->userdata);
	if (!publisher->dead)
		peal_publisher_look(publisher);
}

/* What was written may or may not have been published: it is not written again. */
static void end_unanswered(struct peal_publisher *publisher)
{
	struct peal_list *link;
	while ((link = peal_list_take(&publisher->unanswered))) {
		struct peal_publish *item = peal_container(link, struct peal_publish, link);
		publisher->unanswered_count--;
		peal_publisher_end(publisher, item, PEAL_SENT_IN_DOUBT, UINT32_MAX);
	}
}

static void on_lost(struct peal_redis_connection *connection, const char *why, void *userdata)
{
	struct peal_publisher *publisher = userdata;
	(void)connection;
	publisher->connected = false;
	end_unanswered(publisher);
	peal_list_each (link, &publisher->waiting)
		peal_container(link, struct peal_publish, link)->late = true;
	if (publisher->handlers.connected)
		publisher->handlers.connected(false, why, publisher->userdata);
}

/* --- making and freeing --- */

static void on_death(struct peal_task *task)
{
	struct peal_publisher *publisher = peal_container(task, struct peal_publisher, death);
	free(publisher->prefix);
	free(publisher);
}

int peal_publisher_new(const struct peal_publisher_options *options,
		       const struct peal_publisher_handlers *handlers, void *userdata,
		       struct peal_publisher **ret_publisher)
{
	static const struct peal_redis_handlers connection_handlers = { on_ready, on_reply,
									on_lost };
	struct peal_publisher *publisher = calloc(1, sizeof(*publisher));
	if (!publisher)
		return -ENOMEM;
	publisher->options = *options;
	publisher->handlers = *handlers;
	publisher->userdata = userdata;
	publisher->held = true;
	publisher->news.fn = on_news;
	publisher->death.fn = on_death;
	publisher->expiry.fn = peal_publisher_on_expiry;
	peal_list_init(&publisher->urgent);
	peal_list_init(&publisher->waiting);
	peal_list_init(&publisher->unanswered);
	peal_list_init(&publisher->ended);
	peal_list_init(&publisher->volatiles);
	publisher->prefix = strdup(options->prefix ? options->prefix : "");
	if (!publisher->prefix ||
	    peal_redis_connection_new(options->loop, options->address, "publish", false,
				      options->client_name, &connection_handlers, publisher,
				      options->stats, options->log, &publisher->connection) < 0) {
		free(publisher->prefix);
		free(publisher);
		return -ENOMEM;
	}
	*ret_publisher = publisher;
	return 0;
}

void peal_publisher_start(struct peal_publisher *publisher)
{
	peal_redis_connection_start(publisher->connection);
}

static void end_all(struct peal_publisher *publisher, struct peal_list *list)
{
	peal_list_each (link, list) {
		struct peal_publish *item = peal_container(link, struct peal_publish, link);
		peal_publisher_dequeue(publisher, item);
		peal_publisher_end(publisher, item, PEAL_SENT_DROPPED, UINT32_MAX);
	}
}

void peal_publisher_free(struct peal_publisher *publisher)
{
	struct peal_list *link;
	if (!publisher || publisher->dead)
		return;
	peal_publisher_look(publisher);
	publisher->dead = true;
	peal_redis_connection_free(publisher->connection);
	publisher->connected = false;
	end_all(publisher, &publisher->urgent);
	end_all(publisher, &publisher->waiting);
	end_unanswered(publisher);
	while ((link = peal_list_take(&publisher->ended)))
		free_item(peal_container(link, struct peal_publish, link));
	peal_loop_cancel(&publisher->news);
	peal_timer_disarm(publisher->options.loop, &publisher->expiry);
	peal_loop_reap(publisher->options.loop, &publisher->death);
}

void peal_publisher_hold(struct peal_publisher *publisher, bool hold)
{
	publisher->held = hold;
	if (!hold)
		peal_publisher_look(publisher);
}

bool peal_publisher_connected(const struct peal_publisher *publisher)
{
	return publisher->connected;
}

size_t peal_publisher_waiting(const struct peal_publisher *publisher)
{
	return publisher->waiting_count + publisher->unanswered_count;
}
