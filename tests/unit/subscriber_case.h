/*
 * A subscriber on a Redis that is moved by hand, for the tests of it: what it tells becomes a
 * trace.
 */
#ifndef PEAL_TESTS_SUBSCRIBER_CASE_H
#define PEAL_TESTS_SUBSCRIBER_CASE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/redis/subscriber.h"
#include "base/limits.h"
#include "loop/barrier.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_redis.h"
#include "tests/unit/unit.h"

static struct peal_stats stats, barrier_stats;
static struct fake_clock now;
static struct peal_loop *loop;
static struct peal_barrier barrier;
static struct peal_subscriber *subscriber;
static struct peal_redis_address address;
static char trace[4096], logged[2048];

static inline void note(const char *text, size_t length)
{
	size_t at = strlen(trace);
	snprintf(trace + at, sizeof(trace) - at, "%.*s ", (int)length, text);
}

/* The messages of the random test are numbers. */
static unsigned *arrived;
static bool is_up;

static inline void on_message(const struct peal_channel *channel, const void *payload,
			      size_t length, void *userdata)
{
	(void)userdata;
	if (arrived) {
		char text[16] = "";
		memcpy(text, payload, length);
		arrived[atoi(text)]++;
		return;
	}
	note(channel->ns, channel->ns_length);
	note(channel->rest ? channel->rest : "", channel->rest_length);
	note(payload, length);
}

static inline void on_opened(const char *ns, void *userdata)
{
	(void)userdata;
	if (arrived)
		return;
	note("opened", 6);
	note(ns, strlen(ns));
}

static inline void on_subscribed(bool yes, const char *why, void *userdata)
{
	(void)userdata;
	is_up = yes;
	if (arrived) {
		if (!yes)
			peal_barrier_let_go(&barrier);
		return;
	}
	note(yes ? "up" : "down", yes ? 2 : 4);
	if (!yes)
		note(why, strlen(why));
}

static inline uint64_t on_issue(void *userdata)
{
	(void)userdata;
	return peal_barrier_issue(&barrier);
}

static inline void on_reach(uint64_t number, void *userdata)
{
	(void)userdata;
	peal_barrier_reach(&barrier, number);
}

static inline void on_log(enum peal_log_level level, const char *message,
			  const struct peal_log_field *fields, size_t count, void *userdata)
{
	(void)level, (void)fields, (void)count, (void)userdata;
	strncat(logged, message, sizeof(logged) - strlen(logged) - 1);
}

static struct peal_log logger = { .level = PEAL_LOG_WARNING, .fn = on_log };

static inline void set_up(void)
{
	static const struct peal_subscriber_handlers handlers = { on_message, on_opened,
								  on_subscribed, on_issue,
								  on_reach };
	memset(&stats, 0, sizeof(stats));
	now.now_us = 1000000000;
	trace[0] = logged[0] = '\0';
	arrived = NULL;
	ck_assert_int_eq(peal_loop_new(NULL, FAKE_CLOCK(&now), &barrier_stats, &logger, &loop), 0);
	peal_barrier_init(&barrier, loop, &barrier_stats);
	ck_assert_int_eq(peal_subscriber_new(loop, &address, "test", "P", "uid123", &handlers, NULL,
					     &stats, &logger, &subscriber),
			 0);
	peal_subscriber_start(subscriber);
}

static inline void tear_down(void)
{
	peal_subscriber_free(subscriber);
	peal_barrier_deinit(&barrier);
	peal_loop_free(loop);
	ck_assert_uint_eq(stats.cluster_subscriptions, 0);
}

/* Until nothing is under way any more. */
static inline void settle(void)
{
	do {
		peal_loop_step(loop);
		fake_redis_work(-1);
		fake_redis_deliver(-1);
		peal_loop_step(loop);
	} while (fake_redis_is_busy());
}

static inline const char *take_trace(void)
{
	static char taken[sizeof(trace)];
	strcpy(taken, trace);
	trace[0] = '\0';
	return taken;
}

static inline void open_root(void)
{
	peal_subscriber_open(subscriber, "/");
	fake_redis_connect();
	settle();
	ck_assert_str_eq(take_trace(), "opened / up ");
	fake_redis_commands();
}

static inline void in_rooms_mode(void)
{
	open_root();
	peal_subscriber_interest(subscriber, "/", PEAL_INTEREST_ROOMS);
	settle();
	fake_redis_commands();
}

static inline uint64_t join(const char *room)
{
	return peal_subscriber_join(subscriber, "/", room, strlen(room));
}

static inline void leave(const char *room)
{
	peal_subscriber_leave(subscriber, "/", room, strlen(room));
}

#endif
