/*
 * The subscriber as its owner sees it: begin and end, what its connection tells, and what it tells
 * itself.
 *
 * It tells `subscribed` once everything that was wanted when the connection came to stand is in
 * force, so a gap ends when nothing can be missed any more. `opened` and `subscribed` come from a
 * task, since the last missing piece may also disappear by a call from above.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/redis/subscriber_private.h"

uint64_t peal_subscriber_cover(struct peal_subscriber *subscriber)
{
	/* Without a connection nobody waits: everything is let go. */
	if (!subscriber->connected)
		return 0;
	if (!subscriber->batch)
		subscriber->batch = subscriber->handlers.issue(subscriber->userdata);
	peal_loop_want_flush(subscriber->loop, &subscriber->flusher);
	return subscriber->batch;
}

static void want_to_tell(struct peal_subscriber *subscriber)
{
	if (!peal_task_queued(&subscriber->tell))
		peal_loop_defer(subscriber->loop, &subscriber->tell);
}

void peal_subscriber_found(struct peal_subscriber *subscriber, bool *missing)
{
	if (!*missing)
		return;
	*missing = false;
	if (--subscriber->missing || !subscriber->connected)
		return;
	subscriber->subscribed = subscriber->tell_subscribed = true;
	want_to_tell(subscriber);
}

void peal_subscriber_served(struct peal_redis_space *space)
{
	struct peal_subscriber *subscriber = space->subscriber;
	space->hears_changed_ms = peal_loop_real_ms(subscriber->loop);
	if (!peal_list_linked(&space->opened))
		peal_list_append(&subscriber->opened, &space->opened);
	want_to_tell(subscriber);
	peal_subscriber_found(subscriber, &space->missing);
}

static void tell(struct peal_task *task)
{
	struct peal_subscriber *subscriber = peal_container(task, struct peal_subscriber, tell);
	struct peal_list *link;
	/* Who is told may close the namespace. */
	while ((link = peal_list_take(&subscriber->opened))) {
		char name[PEAL_LIMIT_NAME_BYTES + 1];
		const struct peal_redis_space *space =
			peal_container(link, struct peal_redis_space, opened);
		if (space->name_length > PEAL_LIMIT_NAME_BYTES)
			continue;
		memcpy(name, space->name, space->name_length + 1);
		subscriber->handlers.opened(name, subscriber->userdata);
	}
	if (!subscriber->tell_subscribed)
		return;
	subscriber->tell_subscribed = false;
	subscriber->handlers.subscribed(true, "", subscriber->userdata);
}

/* --- the connection ------------------------------------------------------------------------- */

static void on_ready(struct peal_redis_connection *connection, void *userdata)
{
	struct peal_subscriber *subscriber = userdata;
	(void)connection;
	subscriber->connected = true;
	subscriber->peal_missing = true;
	subscriber->missing = 1;
	struct peal_hash *spaces = &subscriber->spaces;
	for (struct peal_hash_entry *entry = peal_hash_next(spaces, NULL); entry;
	     entry = peal_hash_next(spaces, entry)) {
		struct peal_redis_space *space =
			peal_container(entry, struct peal_redis_space, entry);
		space->missing = space->open;
		if (space->missing)
			subscriber->missing++;
		peal_redis_space_stop_lingering(space);
		peal_redis_space_await(space);
	}
	peal_subscriber_mark_all(subscriber);
}

static void on_lost(struct peal_redis_connection *connection, const char *why, void *userdata)
{
	struct peal_subscriber *subscriber = userdata;
	uint64_t now_ms = peal_loop_real_ms(subscriber->loop);
	(void)connection;
	subscriber->connected = subscriber->subscribed = subscriber->tell_subscribed = false;
	subscriber->refusal_logged_ms = 0;
	subscriber->missing = 0;
	subscriber->peal_missing = false;
	struct peal_hash *spaces = &subscriber->spaces;
	for (struct peal_hash_entry *entry = peal_hash_next(spaces, NULL); entry;
	     entry = peal_hash_next(spaces, entry)) {
		struct peal_redis_space *space =
			peal_container(entry, struct peal_redis_space, entry);
		if (space->serving)
			space->hears_changed_ms = now_ms;
		space->serving = space->missing = false;
		peal_list_unlink(&space->opened);
	}
	peal_subscriber_forget_all(subscriber);
	peal_subscriber_end_group(subscriber);
	subscriber->handlers.subscribed(false, why, subscriber->userdata);
}

static bool is_word(const struct peal_redis_value *value, const char *word)
{
	return value->length == strlen(word) && !memcmp(value->bytes, word, value->length);
}

static void on_reply(struct peal_redis_connection *connection, const struct peal_redis_reply *reply,
		     void *userdata)
{
	struct peal_subscriber *subscriber = userdata;
	const struct peal_redis_value *elements = reply->elements;
	(void)connection;
	if (reply->value.type == PEAL_REDIS_ERROR) {
		peal_subscriber_end_group(subscriber);
		peal_subscriber_refused(subscriber, reply->value.bytes);
		return;
	}
	if (reply->value.type != PEAL_REDIS_ARRAY || reply->count < 3 || reply->count > 4 ||
	    elements[0].type != PEAL_REDIS_STRING || elements[1].type != PEAL_REDIS_STRING)
		return;
	bool pattern = elements[0].bytes[0] == 'p';
	if (reply->count == 3 && is_word(&elements[0], "message")) {
		if (elements[2].type == PEAL_REDIS_STRING)
			peal_subscriber_push(subscriber, false, &elements[1], &elements[1],
					     &elements[2]);
	} else if (reply->count == 4 && is_word(&elements[0], "pmessage")) {
		if (elements[2].type == PEAL_REDIS_STRING && elements[3].type == PEAL_REDIS_STRING)
			peal_subscriber_push(subscriber, true, &elements[1], &elements[2],
					     &elements[3]);
	} else if (is_word(&elements[0], "subscribe") || is_word(&elements[0], "psubscribe")) {
		peal_subscriber_end_group(subscriber);
		peal_subscriber_confirm(subscriber, true, pattern);
	} else if (is_word(&elements[0], "unsubscribe") || is_word(&elements[0], "punsubscribe")) {
		peal_subscriber_end_group(subscriber);
		peal_subscriber_confirm(subscriber, false, pattern);
	}
}

/* --- begin and end -------------------------------------------------------------------------- */

int peal_subscriber_new(struct peal_loop *loop, const struct peal_redis_address *address,
			const char *client_name, const char *prefix, const char *uid,
			const struct peal_subscriber_handlers *handlers, void *userdata,
			struct peal_stats *stats, const struct peal_log *log,
			struct peal_subscriber **ret_subscriber)
{
	static const struct peal_redis_handlers connection_handlers = { on_ready, on_reply,
									on_lost };
	struct peal_subscriber *subscriber = calloc(1, sizeof(*subscriber));
	if (!subscriber)
		return -ENOMEM;
	subscriber->loop = loop;
	subscriber->address = address;
	subscriber->handlers = *handlers;
	subscriber->userdata = userdata;
	subscriber->stats = stats;
	subscriber->log = log;
	memcpy(subscriber->uid, uid, PEAL_UID_LENGTH);
	peal_hash_init(&subscriber->channels);
	peal_hash_init(&subscriber->patterns);
	peal_hash_init(&subscriber->spaces);
	peal_list_init(&subscriber->dirty);
	peal_list_init(&subscriber->leaving);
	peal_list_init(&subscriber->failed);
	peal_list_init(&subscriber->asked);
	peal_list_init(&subscriber->opened);
	subscriber->last_channel = PEAL_BUFFER(PEAL_LIMIT_CLUSTER_MESSAGE_BYTES);
	subscriber->last_payload = PEAL_BUFFER(PEAL_LIMIT_CLUSTER_MESSAGE_BYTES);
	subscriber->tell.fn = tell;
	subscriber->flusher.fn = peal_subscriber_flush;
	/* Before the connection's: what is asked for at the end of a turn leaves in this turn. */
	peal_loop_add_flusher(loop, &subscriber->flusher);
	peal_deadlines_init(&subscriber->lingering, loop, PEAL_LIMIT_REDIS_LINGER_MS, false,
			    peal_redis_linger_expired);
	peal_deadlines_init(&subscriber->retries, loop, PEAL_REDIS_RETRY_MS, false,
			    peal_subscriber_retry);

	struct peal_buffer name = PEAL_BUFFER(PEAL_LIMIT_NAME_BYTES + 16);
	peal_buffer_append_text(&name, prefix);
	peal_buffer_append_text(&name, "-peal#");
	subscriber->peal_use.kind = PEAL_USE_PEAL;
	subscriber->prefix = strdup(prefix);
	int error = subscriber->prefix
			    ? peal_redis_use_attach(subscriber, &subscriber->peal_use, false, &name)
			    : -ENOMEM;
	peal_buffer_deinit(&name);
	if (!error)
		error = peal_redis_connection_new(loop, address, "subscribe", true, client_name,
						  &connection_handlers, subscriber, stats, log,
						  &subscriber->connection);
	if (error) {
		peal_subscriber_free(subscriber);
		return error;
	}
	*ret_subscriber = subscriber;
	return 0;
}

void peal_subscriber_start(struct peal_subscriber *subscriber)
{
	peal_redis_connection_start(subscriber->connection);
}

void peal_subscriber_free(struct peal_subscriber *subscriber)
{
	if (!subscriber)
		return;
	if (subscriber->connection)
		peal_redis_connection_free(subscriber->connection);
	subscriber->connected = false;
	struct peal_hash_entry *entry;
	while ((entry = peal_hash_next(&subscriber->spaces, NULL)))
		peal_redis_space_free(peal_container(entry, struct peal_redis_space, entry));
	peal_redis_use_detach(subscriber, &subscriber->peal_use);
	peal_subscriber_forget_all(subscriber);
	peal_loop_remove_flusher(&subscriber->flusher);
	peal_loop_cancel(&subscriber->tell);
	peal_deadlines_deinit(&subscriber->lingering);
	peal_deadlines_deinit(&subscriber->retries);
	peal_hash_deinit(&subscriber->spaces);
	peal_hash_deinit(&subscriber->channels);
	peal_hash_deinit(&subscriber->patterns);
	peal_buffer_deinit(&subscriber->last_channel);
	peal_buffer_deinit(&subscriber->last_payload);
	free(subscriber->prefix);
	free(subscriber);
}

uint64_t peal_subscriber_hears_changed_ms(const struct peal_subscriber *subscriber, const char *ns)
{
	const struct peal_redis_space *space = peal_redis_space_find(subscriber, ns);
	return space ? space->hears_changed_ms : 0;
}

uint64_t peal_subscriber_heard_ms(const struct peal_subscriber *subscriber)
{
	return peal_redis_connection_heard_ms(subscriber->connection);
}
