/*
 * The subscriber and memory: it survives when there is none, at each place in turn, and hears what
 * it has to hear once there is some again.
 */
#include <string.h>

#include "adapters/redis/subscriber.h"
#include "base/limits.h"
#include "loop/barrier.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_redis.h"
#include "tests/support/scarce_memory.h"
#include "tests/unit/unit.h"

static struct peal_stats stats, other_stats;
static struct fake_clock now;
static struct peal_loop *loop;
static struct peal_barrier barrier;
static unsigned heard;

static void on_message(const struct peal_channel *channel, const void *payload, size_t length,
		       void *userdata)
{
	(void)channel, (void)payload, (void)length, (void)userdata;
	heard++;
}

static void on_opened(const char *ns, void *userdata)
{
	(void)ns, (void)userdata;
}

static void on_subscribed(bool yes, const char *why, void *userdata)
{
	(void)yes, (void)why, (void)userdata;
}

static uint64_t on_issue(void *userdata)
{
	(void)userdata;
	return peal_barrier_issue(&barrier);
}

static void on_reach(uint64_t number, void *userdata)
{
	(void)userdata;
	peal_barrier_reach(&barrier, number);
}

static void settle(void)
{
	do {
		peal_loop_step(loop);
		fake_redis_work(-1);
		fake_redis_deliver(-1);
		peal_loop_step(loop);
	} while (fake_redis_is_busy());
}

static void live(struct peal_subscriber *subscriber)
{
	peal_subscriber_open(subscriber, "/");
	peal_subscriber_join(subscriber, "/", "a", 1);
	fake_redis_connect();
	settle();
	peal_subscriber_interest(subscriber, "/", PEAL_INTEREST_ROOMS);
	settle();
	peal_subscriber_join(subscriber, "/", "b", 1);
	peal_subscriber_join(subscriber, "/", "c", 1);
	settle();
	peal_subscriber_leave(subscriber, "/", "b", 1);
	fake_clock_advance(&now, loop, PEAL_LIMIT_REDIS_LINGER_MS + 100);
	peal_subscriber_hear_answers(subscriber, "/other", 1000);
	settle();
	peal_subscriber_interest(subscriber, "/", PEAL_INTEREST_PATTERN);
	fake_redis_publish("P#/#a#", "0");
	settle();
	peal_subscriber_interest(subscriber, "/", PEAL_INTEREST_ROOMS);
	settle();
	fake_clock_advance(&now, loop, 2000);
	settle();
}

static void nothing(enum peal_log_level level, const char *message,
		    const struct peal_log_field *fields, size_t count, void *userdata)
{
	(void)level, (void)message, (void)fields, (void)count, (void)userdata;
}

static const struct peal_log silent = { .level = PEAL_LOG_ERROR, .fn = nothing };

static void set_up(void)
{
	memset(&stats, 0, sizeof(stats));
	now.now_us = 1000000000;
	ck_assert_int_eq(peal_loop_new(NULL, FAKE_CLOCK(&now), &other_stats, &silent, &loop), 0);
	peal_barrier_init(&barrier, loop, &other_stats);
}

static void tear_down(void)
{
	peal_barrier_deinit(&barrier);
	peal_loop_free(loop);
}

START_TEST(what_has_to_be_heard_is_heard_wherever_memory_was_missing)
{
	static const struct peal_subscriber_handlers handlers = { on_message, on_opened,
								  on_subscribed, on_issue,
								  on_reach };
	static const struct peal_redis_address address;
	unsigned places = 0, lives = 0;
	do {
		struct peal_subscriber *subscriber = NULL;
		if (places)
			set_up();
		scarce.failed = false;
		scarce.failing = ++places;
		if (!peal_subscriber_new(loop, &address, "test", "P", "uid123", &handlers, NULL,
					 &stats, &silent, &subscriber)) {
			lives++;
			live(subscriber);
			scarce.failing = 0;
			if (!peal_subscriber_hears_requests(subscriber, "/")) {
				/* There was no memory for the namespace, so for no rooms of it. */
				peal_subscriber_open(subscriber, "/");
				peal_subscriber_join(subscriber, "/", "a", 1);
				peal_subscriber_join(subscriber, "/", "c", 1);
			}
			settle();
			heard = 0;
			fake_redis_publish("P#/#a#", "1");
			fake_redis_publish("P#/#c#", "2");
			fake_redis_publish("P#/#", "3");
			fake_redis_deliver(-1);
			ck_assert_msg(heard == 3, "heard %u at place %u", heard, places);
			ck_assert(peal_subscriber_hears_requests(subscriber, "/"));
			peal_subscriber_free(subscriber);
			ck_assert_uint_eq(stats.cluster_subscriptions, 0);
		}
		if (scarce.failed)
			tear_down();
	} while (scarce.failed);
	ck_assert_uint_gt(places, 30);
	ck_assert_uint_gt(lives, 30);
}
END_TEST

UNIT_MAIN_WITH("redis_subscriber_memory", set_up, tear_down,
	       what_has_to_be_heard_is_heard_wherever_memory_was_missing)
