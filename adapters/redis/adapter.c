/*
 * The Redis adapter: the glue of subscriber, publisher and codec. Messages that come and go pass
 * here; adapter_state.c says when they may go.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/redis/adapter_private.h"
#include "base/limits.h"

/* Answers may come that much later than the request could be waited for. */
#define ANSWERS_GRACE_MS 1000
/* How long answers are heard for a request that does not tell. */
#define ANSWERS_MS 60000
/* Whether a publish has reached this node itself cannot be told when that has changed so shortly
 * before the reply: the two connections are not in step. */
#define UNSURE_MS 250

static struct redis_adapter *of(struct peal_adapter *adapter)
{
	return peal_container(adapter, struct redis_adapter, adapter);
}

/* --- what comes ----------------------------------------------------------------------------- */

static void on_message(const struct peal_channel *channel, const void *payload, size_t length,
		       void *userdata)
{
	struct redis_adapter *redis = userdata;
	const struct peal_message *message;
	if (channel->kind != PEAL_CHANNEL_RESPONSE &&
	    peal_codec_is_from(channel->kind, payload, length, redis->host.uid, PEAL_UID_LENGTH)) {
		redis->host.stats->cluster_messages_own++;
		if (channel->kind == PEAL_CHANNEL_PEAL)
			redis->host.news->echo(redis->host.context);
		return;
	}
	int error = peal_codec_decode(redis->decoder, channel, payload, length, &message);
	if (error == PEAL_CODEC_E_IGNORED)
		return;
	if (error) {
		redis->host.stats->cluster_messages_invalid++;
		return;
	}
	redis->host.news->message(message, redis->host.context);
}

static void on_opened(const char *ns, void *userdata)
{
	struct redis_adapter *redis = userdata;
	redis->host.news->opened(ns, redis->host.context);
}

/* --- what became of it ---------------------------------------------------------------------- */

/* Did the publish reach this node itself? Return: whether that can be told. */
static bool was_own(const struct redis_adapter *redis, const struct peal_redis_ticket *ticket,
		    bool *ret_own)
{
	uint64_t changed_ms = peal_subscriber_hears_changed_ms(redis->subscriber, ticket->ns);
	*ret_own = peal_subscriber_hears_requests(redis->subscriber, ticket->ns);
	return (*ret_own == ticket->hears && changed_ms == ticket->hears_changed_ms) ||
	       changed_ms <= redis->released_ms ||
	       peal_loop_real_ms(redis->host.loop) - changed_ms > UNSURE_MS;
}

static void on_sent(uint64_t number, enum peal_sent how, uint32_t receivers, void *userdata)
{
	struct redis_adapter *redis = userdata;
	struct peal_redis_ticket *ticket = peal_redis_ticket_find(&redis->tickets, number);
	bool own = false;
	if (!ticket)
		return;
	if (!was_own(redis, ticket, &own))
		receivers = UINT32_MAX;
	peal_redis_ticket_free(&redis->tickets, ticket);
	redis->host.news->sent(number, how, receivers, own, redis->host.context);
}

static void tell_refused(struct peal_task *task)
{
	struct redis_adapter *redis = peal_container(task, struct redis_adapter, tell_refused);
	struct peal_list *first;
	while ((first = peal_list_first(&redis->tickets.refused)))
		on_sent(peal_container(first, struct peal_redis_ticket, refused)->number,
			PEAL_SENT_DROPPED, UINT32_MAX, redis);
}

static void on_counted(const char *channel, size_t length, uint32_t receivers, void *userdata)
{
	struct redis_adapter *redis = userdata;
	char ns[PEAL_LIMIT_NAME_BYTES + 1];
	/* The channel is one of redis_count(). */
	size_t before = strlen(redis->prefix) + strlen("-request#");
	if (length <= before || length - before - 1 >= sizeof(ns))
		return;
	memcpy(ns, channel + before, length - before - 1);
	ns[length - before - 1] = '\0';
	redis->host.news->receivers(ns, receivers,
				    peal_subscriber_hears_requests(redis->subscriber, ns),
				    redis->host.context);
}

/* --- calls down ----------------------------------------------------------------------------- */

static uint64_t redis_open(struct peal_adapter *adapter, const char *ns)
{
	return peal_subscriber_open(of(adapter)->subscriber, ns);
}

static void redis_close(struct peal_adapter *adapter, const char *ns)
{
	peal_subscriber_close(of(adapter)->subscriber, ns);
}

static uint64_t redis_join(struct peal_adapter *adapter, const char *ns, const char *room,
			   size_t length)
{
	return peal_subscriber_join(of(adapter)->subscriber, ns, room, length);
}

static void redis_leave(struct peal_adapter *adapter, const char *ns, const char *room,
			size_t length)
{
	peal_subscriber_leave(of(adapter)->subscriber, ns, room, length);
}

static void redis_interest(struct peal_adapter *adapter, const char *ns, enum peal_interest mode)
{
	peal_subscriber_interest(of(adapter)->subscriber, ns, mode);
}

static unsigned publish_flags(const struct peal_message *message)
{
	switch (message->type) {
	case PEAL_MESSAGE_ANNOUNCE:
		return PEAL_PUBLISH_URGENT;
	case PEAL_MESSAGE_ASK:
		return PEAL_PUBLISH_BROADCAST;
	case PEAL_MESSAGE_BROADCAST:
		return PEAL_PUBLISH_BROADCAST |
		       (message->target.flags & PEAL_VOLATILE ? PEAL_PUBLISH_VOLATILE : 0);
	default:
		return 0;
	}
}

static bool wants_answers(const struct peal_message *message)
{
	switch (message->type) {
	case PEAL_MESSAGE_ASK:
	case PEAL_MESSAGE_JOIN:
	case PEAL_MESSAGE_LEAVE:
	case PEAL_MESSAGE_FETCH:
	case PEAL_MESSAGE_ROOMS:
	case PEAL_MESSAGE_SERVER_EMIT:
		return message->request_id[0] != '\0';
	default:
		return false;
	}
}

static int redis_send(struct peal_adapter *adapter, const struct peal_message *message,
		      uint64_t number, unsigned expires_ms)
{
	struct redis_adapter *redis = of(adapter);
	struct peal_redis_ticket *ticket = NULL;
	int error = peal_codec_encode(message, redis->prefix, redis->host.uid, &redis->channel,
				      &redis->payload);
	if (error)
		return error;
	if (wants_answers(message)) {
		unsigned ms = message->timeout_ms > expires_ms ? message->timeout_ms : expires_ms;
		/* No namespace that is open needs it; the publish waits for what is subscribed. */
		peal_subscriber_hear_answers(redis->subscriber, message->ns,
					     (ms ? ms : ANSWERS_MS) + ANSWERS_GRACE_MS);
	}
	if (number) {
		ticket = peal_redis_ticket_new(&redis->tickets, number, message->ns);
		if (!ticket)
			return -ENOMEM;
		ticket->hears = peal_subscriber_hears_requests(redis->subscriber, message->ns);
		ticket->hears_changed_ms =
			peal_subscriber_hears_changed_ms(redis->subscriber, message->ns);
	}
	error = peal_publisher_send(redis->publisher, &redis->channel, &redis->payload,
				    publish_flags(message), number, expires_ms);
	if (error == -ENOBUFS) {
		/* It counts as dropped, and is told as that. */
		error = 0;
		if (ticket) {
			peal_list_append(&redis->tickets.refused, &ticket->refused);
			if (!peal_task_queued(&redis->tell_refused))
				peal_loop_defer(redis->host.loop, &redis->tell_refused);
		}
	} else if (error && ticket) {
		peal_redis_ticket_free(&redis->tickets, ticket);
	}
	/* One large message must not keep its memory for ever. */
	if (redis->payload.capacity > PEAL_LIMIT_BATCH_BYTES)
		peal_buffer_deinit(&redis->payload);
	return error;
}

static void redis_release(struct peal_adapter *adapter)
{
	peal_redis_release(of(adapter));
}

static void redis_count(struct peal_adapter *adapter, const char *ns)
{
	struct redis_adapter *redis = of(adapter);
	peal_redis_counts_ask(&redis->counts, redis->prefix, ns);
}

/* --- begin and end -------------------------------------------------------------------------- */

static void redis_stop(struct peal_adapter *adapter)
{
	struct redis_adapter *redis = of(adapter);
	if (!redis->started)
		return;
	redis->started = false;
	peal_barrier_cancel(&redis->waiter);
	/* What waited for the barrier may go out with the rest. */
	peal_barrier_let_go(&redis->barrier);
	peal_redis_counts_deinit(&redis->counts);
	peal_publisher_free(redis->publisher);
	peal_subscriber_free(redis->subscriber);
	redis->publisher = NULL;
	redis->subscriber = NULL;
	peal_loop_cancel(&redis->tell_refused);
	peal_redis_tickets_deinit(&redis->tickets);
	peal_redis_state_deinit(redis);
	peal_decoder_free(redis->decoder);
	redis->decoder = NULL;
	peal_buffer_deinit(&redis->channel);
	peal_buffer_deinit(&redis->payload);
}

/* What Redis takes as a name: visible ASCII. */
static void make_client_name(const struct redis_adapter *redis, char *name, size_t size)
{
	if (redis->address.client_name)
		snprintf(name, size, "%s", redis->address.client_name);
	else
		snprintf(name, size, "peal-%s", peal_log_text(redis->host.node_name));
	for (char *at = name; *at; at++) {
		if (*at <= ' ' || *at > '~')
			*at = '-';
	}
}

static int redis_start(struct peal_adapter *adapter, const struct peal_adapter_host *host)
{
	static const struct peal_publisher_handlers publisher_handlers = {
		.sent = on_sent, .counted = on_counted, .connected = peal_redis_on_connected
	};
	static const struct peal_subscriber_handlers subscriber_handlers = {
		.message = on_message,
		.opened = on_opened,
		.subscribed = peal_redis_on_subscribed,
		.issue = peal_redis_on_issue,
		.reach = peal_redis_on_reach,
	};
	struct redis_adapter *redis = of(adapter);
	char client_name[256];
	redis->host = *host;
	make_client_name(redis, client_name, sizeof(client_name));
	peal_redis_state_init(redis);
	redis->channel = PEAL_BUFFER(8 * PEAL_LIMIT_NAME_BYTES);
	redis->payload = PEAL_BUFFER(PEAL_LIMIT_CLUSTER_MESSAGE_BYTES);
	redis->tell_refused.fn = tell_refused;
	peal_redis_tickets_init(&redis->tickets);
	redis->started = true;

	const struct peal_publisher_options options = {
		.loop = host->loop,
		.address = &redis->address,
		.client_name = client_name,
		.prefix = redis->prefix,
		.queue_limit = redis->queue_limit,
		.stats = host->stats,
		.log = host->log,
		.number = peal_redis_publish_number,
		.reached = peal_redis_publish_reached,
	};
	int error = -ENOMEM;
	redis->counts = (struct peal_redis_counts){ 0 };
	redis->decoder = peal_decoder_new();
	if (redis->decoder)
		error = peal_publisher_new(&options, &publisher_handlers, redis, &redis->publisher);
	if (!error)
		error = peal_subscriber_new(host->loop, &redis->address, client_name, redis->prefix,
					    host->uid, &subscriber_handlers, redis, host->stats,
					    host->log, &redis->subscriber);
	if (error) {
		peal_log(host->log, PEAL_LOG_ERROR, "the Redis adapter could not be started",
			 PEAL_FIELD_TEXT("error", strerror(-error)));
		redis_stop(adapter);
		return error;
	}
	peal_redis_counts_init(&redis->counts, host->loop, redis->publisher);
	peal_publisher_start(redis->publisher);
	peal_subscriber_start(redis->subscriber);
	return 0;
}

static void redis_free(struct peal_adapter *adapter)
{
	struct redis_adapter *redis = of(adapter);
	redis_stop(adapter);
	peal_redis_address_deinit(&redis->address);
	free(redis->prefix);
	free(redis);
}

static const struct peal_adapter_ops redis_ops = {
	.version = PEAL_ADAPTER_VERSION,
	.start = redis_start,
	.stop = redis_stop,
	.free = redis_free,
	.open = redis_open,
	.close = redis_close,
	.join = redis_join,
	.leave = redis_leave,
	.interest = redis_interest,
	.send = redis_send,
	.count = redis_count,
	.release = redis_release,
};

static int check_options(const struct peal_redis_options *options, char *message, size_t size)
{
	size_t length = options->prefix ? strlen(options->prefix) : 0;
	if (!length || length > PEAL_LIMIT_NAME_BYTES) {
		snprintf(message, size, "prefix: 1 to %d bytes", PEAL_LIMIT_NAME_BYTES);
		return PEAL_REDIS_E_OPTION;
	}
	if (options->interest > PEAL_INTEREST_PATTERN) {
		snprintf(message, size, "interest: auto, rooms or pattern");
		return PEAL_REDIS_E_OPTION;
	}
	return 0;
}

int peal_redis_adapter_new(const struct peal_redis_options *options,
			   struct peal_adapter **ret_adapter, char *message, size_t size)
{
	int error = check_options(options, message, size);
	if (error)
		return error;
	struct redis_adapter *redis = calloc(1, sizeof(*redis));
	if (!redis)
		return -ENOMEM;
	redis->adapter = (struct peal_adapter){ .ops = &redis_ops,
						.name = "redis",
						.interest = options->interest };
	redis->queue_limit = options->queue_limit;
	redis->prefix = strdup(options->prefix);
	error = redis->prefix ? peal_redis_address_init(&redis->address, options, message, size)
			      : -ENOMEM;
	if (error) {
		free(redis->prefix);
		free(redis);
		return error;
	}
	*ret_adapter = &redis->adapter;
	return 0;
}
