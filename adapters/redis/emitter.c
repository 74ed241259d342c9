/*
 * The emitter: codec and publisher without a node around them. Every message carries the same
 * ticket, since only their numbers are of interest: each that was accepted ends once, as delivered
 * or failed.
 */
#include <peal/emitter.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/redis/address.h"
#include "adapters/redis/codec.h"
#include "adapters/redis/publisher.h"
#include "base/limits.h"
#include "base/log.h"
#include "loop/loop.h"
#include "protocol/args.h"
#include "protocol/packet.h"
#include "protocol/text.h"

/* How the wire names a sender that is no server. */
#define UID "emitter"
#define TICKET 1
#define WHY_BYTES 512

struct peal_emitter {
	struct peal_stats stats;
	struct peal_log log;
	struct peal_loop *loop;
	struct peal_redis_address address;
	struct peal_publisher *publisher;
	char *prefix;
	struct peal_buffer channel, payload;

	size_t pending, delivered, receivers, failed;
	char why[WHY_BYTES]; /* the last trouble; empty: none */

	peal_emitter_fn *fn; /* of a finish that is waited for; NULL: none */
	void *userdata;
	struct peal_task end;
	struct peal_timer timer;
};

static void say_why(struct peal_emitter *emitter, const char *why)
{
	snprintf(emitter->why, sizeof(emitter->why), "%s", why);
}

static void look_for_end(struct peal_emitter *emitter)
{
	if (emitter->fn && !emitter->pending && !peal_task_queued(&emitter->end))
		peal_loop_defer(emitter->loop, &emitter->end);
}

/* What is still pending here has not come through in time. */
static void on_end(struct peal_task *task)
{
	struct peal_emitter *emitter = peal_container(task, struct peal_emitter, end);
	peal_emitter_fn *fn = emitter->fn;
	size_t failed = emitter->failed + emitter->pending;
	const char *error = NULL;
	peal_timer_disarm(emitter->loop, &emitter->timer);
	emitter->fn = NULL;
	if (failed)
		error = *emitter->why ? emitter->why : "Redis has not answered in time";
	if (fn)
		fn(emitter->delivered, emitter->receivers, failed, error, emitter->userdata);
}

static void on_timer(struct peal_timer *timer)
{
	struct peal_emitter *emitter = peal_container(timer, struct peal_emitter, timer);
	if (!peal_task_queued(&emitter->end))
		peal_loop_defer(emitter->loop, &emitter->end);
}

static void on_sent(uint64_t ticket, enum peal_sent how, uint32_t receivers, void *userdata)
{
	struct peal_emitter *emitter = userdata;
	(void)ticket;
	emitter->pending--;
	if (how == PEAL_SENT_DELIVERED) {
		emitter->delivered++;
		emitter->receivers += receivers;
	} else {
		emitter->failed++;
		if (how == PEAL_SENT_DROPPED)
			say_why(emitter, "Redis has refused a message");
	}
	look_for_end(emitter);
}

static void on_connected(bool yes, const char *why, void *userdata)
{
	struct peal_emitter *emitter = userdata;
	if (yes)
		emitter->why[0] = '\0';
	else
		say_why(emitter, why);
}

static int make(struct peal_emitter *emitter, struct event_base *base,
		const struct peal_redis_options *options)
{
	static const struct peal_publisher_handlers handlers = { .sent = on_sent,
								 .connected = on_connected };
	emitter->prefix = strdup(options->prefix);
	if (!emitter->prefix ||
	    peal_loop_new(base, NULL, &emitter->stats, &emitter->log, &emitter->loop) < 0)
		return -ENOMEM;
	struct peal_publisher_options publisher = {
		.loop = emitter->loop,
		.address = &emitter->address,
		.client_name = emitter->address.client_name ? emitter->address.client_name
							    : "peal-emitter",
		.prefix = emitter->prefix,
		.queue_limit = options->queue_limit,
		.stats = &emitter->stats,
		.log = &emitter->log,
	};
	int r = peal_publisher_new(&publisher, &handlers, emitter, &emitter->publisher);
	if (!r)
		peal_publisher_hold(emitter->publisher, false);
	return r;
}

int peal_emitter_new(struct event_base *base, const struct peal_redis_options *options,
		     peal_log_fn *log, void *log_userdata, struct peal_emitter **ret_emitter,
		     char *message, size_t size)
{
	if (!options->prefix || !peal_name_valid(options->prefix, strlen(options->prefix))) {
		snprintf(message, size, "prefix: is missing, too long, or not UTF-8");
		return PEAL_REDIS_E_OPTION;
	}
	struct peal_emitter *emitter = calloc(1, sizeof(*emitter));
	if (!emitter)
		return -ENOMEM;
	emitter->log = (struct peal_log){ PEAL_LOG_DEBUG, log, log_userdata };
	if (!log)
		emitter->log.level = PEAL_LOG_WARNING;
	emitter->channel.ceiling = 4 * PEAL_LIMIT_NAME_BYTES;
	emitter->payload.ceiling = PEAL_LIMIT_CLUSTER_MESSAGE_BYTES;
	emitter->end.fn = on_end;
	emitter->timer.fn = on_timer;
	int r = peal_redis_address_init(&emitter->address, options, message, size);
	if (!r)
		r = make(emitter, base, options);
	if (r) {
		peal_emitter_free(emitter);
		return r;
	}
	peal_publisher_start(emitter->publisher);
	*ret_emitter = emitter;
	return 0;
}

void peal_emitter_free(struct peal_emitter *emitter)
{
	if (!emitter)
		return;
	if (emitter->fn)
		on_end(&emitter->end);
	if (emitter->loop) {
		peal_loop_cancel(&emitter->end);
		peal_timer_disarm(emitter->loop, &emitter->timer);
	}
	peal_publisher_free(emitter->publisher);
	/* Runs what the publisher has left to free. */
	peal_loop_free(emitter->loop);
	peal_redis_address_deinit(&emitter->address);
	peal_buffer_deinit(&emitter->channel);
	peal_buffer_deinit(&emitter->payload);
	free(emitter->prefix);
	free(emitter);
}

/* @ns as the application has written it, perhaps without its slash. @ret_name has room for it.
 * Return: whether it is one. */
static bool take_namespace(const char *ns, char ret_name[PEAL_LIMIT_NAME_BYTES + 2])
{
	size_t slash = ns && *ns == '/' ? 0 : 1;
	if (!ns || !peal_name_valid(ns, strlen(ns)) || strlen(ns) + slash > PEAL_LIMIT_NAME_BYTES ||
	    strchr(ns, ','))
		return false;
	ret_name[0] = '/';
	strcpy(ret_name + slash, ns);
	return true;
}

/* Of events for servers: an official one would take "connection" for a client. */
static bool is_reserved_for_servers(const char *event)
{
	return !strcmp(event, "connect") || !strcmp(event, "connection") ||
	       !strcmp(event, "new_namespace");
}

static int check_event(enum peal_message_type type, const char *event, const struct peal_args *args)
{
	if (!event || !peal_name_valid(event, strlen(event)))
		return PEAL_EMIT_E_INVALID;
	if (type == PEAL_MESSAGE_SERVER_EMIT ? is_reserved_for_servers(event)
					     : peal_event_reserved(event, strlen(event)))
		return PEAL_EMIT_E_RESERVED;
	return args->attachment_count > PEAL_LIMIT_ATTACHMENTS ? PEAL_EMIT_E_TOO_LARGE : 0;
}

static int check_target(const struct peal_target *target)
{
	if (!target)
		return 0;
	/* A list that came out empty must not reach everyone. */
	if ((target->flags & PEAL_LOCAL) || (target->rooms.given && !target->rooms.count))
		return PEAL_EMIT_E_INVALID;
	return 0;
}

static int publish(struct peal_emitter *emitter, struct peal_message *message, const char *ns,
		   const struct peal_target *target, unsigned flags)
{
	char name[PEAL_LIMIT_NAME_BYTES + 2];
	int r = check_target(target);
	if (r || !take_namespace(ns, name))
		return PEAL_EMIT_E_INVALID;
	message->ns = name;
	message->uid = UID;
	message->request_id = message->to = message->text = "";
	message->packet_id = UINT64_MAX;
	if (target)
		message->target = *target;
	if (message->target.flags & PEAL_VOLATILE)
		flags |= PEAL_PUBLISH_VOLATILE;
	r = peal_codec_encode(message, emitter->prefix, UID, &emitter->channel, &emitter->payload);
	if (r)
		return r == -EMSGSIZE ? PEAL_EMIT_E_TOO_LARGE : r;
	r = peal_publisher_send(emitter->publisher, &emitter->channel, &emitter->payload, flags,
				TICKET, 0);
	if (r) {
		emitter->failed++;
		say_why(emitter, r == -ENOMEM ? "no memory" : "too much waits for Redis");
		return r;
	}
	emitter->pending++;
	return 0;
}

static const struct peal_args no_args = { .text = "" };

static int publish_event(struct peal_emitter *emitter, enum peal_message_type type, const char *ns,
			 const struct peal_target *target, const char *event,
			 const struct peal_args *args, unsigned flags)
{
	args = args ? args : &no_args;
	int r = check_event(type, event, args);
	if (r)
		return r;
	struct peal_message message = {
		.type = type, .event = event, .event_length = strlen(event), .args = args
	};
	return publish(emitter, &message, ns, target, flags);
}

int peal_emitter_emit_args(struct peal_emitter *emitter, const char *ns,
			   const struct peal_target *target, const char *event,
			   const struct peal_args *args)
{
	return publish_event(emitter, PEAL_MESSAGE_BROADCAST, ns, target, event, args,
			     PEAL_PUBLISH_BROADCAST);
}

int peal_emitter_server_emit_args(struct peal_emitter *emitter, const char *ns, const char *event,
				  const struct peal_args *args)
{
	return publish_event(emitter, PEAL_MESSAGE_SERVER_EMIT, ns, NULL, event, args, 0);
}

int peal_emitter_sockets_join(struct peal_emitter *emitter, const char *ns,
			      const struct peal_target *target, struct peal_rooms rooms)
{
	struct peal_message message = { .type = PEAL_MESSAGE_JOIN, .rooms = rooms };
	return rooms.count ? publish(emitter, &message, ns, target, 0) : 0;
}

int peal_emitter_sockets_leave(struct peal_emitter *emitter, const char *ns,
			       const struct peal_target *target, struct peal_rooms rooms)
{
	struct peal_message message = { .type = PEAL_MESSAGE_LEAVE, .rooms = rooms };
	return rooms.count ? publish(emitter, &message, ns, target, 0) : 0;
}

int peal_emitter_sockets_disconnect(struct peal_emitter *emitter, const char *ns,
				    const struct peal_target *target, bool close)
{
	struct peal_message message = { .type = PEAL_MESSAGE_DISCONNECT, .close = close };
	return publish(emitter, &message, ns, target, 0);
}

int peal_emitter_finish(struct peal_emitter *emitter, unsigned timeout_ms, peal_emitter_fn *fn,
			void *userdata)
{
	if (emitter->fn)
		return -EALREADY;
	peal_loop_enter(emitter->loop);
	int r = peal_timer_arm(emitter->loop, &emitter->timer, timeout_ms);
	if (r)
		return r;
	emitter->fn = fn;
	emitter->userdata = userdata;
	look_for_end(emitter);
	return 0;
}
