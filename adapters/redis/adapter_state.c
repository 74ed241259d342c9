/*
 * Where the Redis adapter stands: the state that follows from both connections, the gap in which
 * something may have been missed, and which publishes wait for the subscription of a join.
 *
 * It is DOWN until both connections stand and everything is subscribed; then publishes are HELD
 * until the cluster layer releases them, at the first start as well. Invariant: publishes leave
 * only while the state is UP.
 *
 * Publishes behind a join wait for the subscription of the join. The numbers are the host's; the
 * adapter keeps a barrier of its own in step with them, which gives up after the same time, so that
 * it never has to ask the host what was let go.
 */
#include <stdio.h>
#include <time.h>

#include "adapters/redis/adapter_private.h"

/* --- state ---------------------------------------------------------------------------------- */

static void tell_state(struct redis_adapter *redis, enum peal_adapter_state state)
{
	char text[512];
	snprintf(text, sizeof(text), "connected to %s", redis->address.shown);
	redis->host.news->state(state, text, redis->host.context);
}

/* One of the two connections has changed. */
static void look_at_state(struct redis_adapter *redis, const char *why)
{
	if (!redis->connected || !redis->subscribed) {
		redis->state = PEAL_ADAPTER_DOWN;
		peal_loop_cancel(&redis->tell_up);
		peal_publisher_hold(redis->publisher, true);
		/* A reason that is new is worth telling, too; that one of two is there is not. */
		if (why)
			redis->host.news->state(PEAL_ADAPTER_DOWN, why, redis->host.context);
	} else if (redis->state == PEAL_ADAPTER_DOWN) {
		redis->state = PEAL_ADAPTER_HELD;
		tell_state(redis, PEAL_ADAPTER_HELD);
	}
}

void peal_redis_on_connected(bool yes, const char *why, void *userdata)
{
	struct redis_adapter *redis = userdata;
	redis->connected = yes;
	look_at_state(redis, yes ? NULL : why);
}

static void begin_gap(struct redis_adapter *redis)
{
	uint64_t heard_ms = peal_subscriber_heard_ms(redis->subscriber);
	redis->gap_from_ms = heard_ms ? heard_ms : peal_loop_real_ms(redis->host.loop);
	redis->host.stats->cluster_gaps++;
}

static void end_gap(struct redis_adapter *redis)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t to_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	uint64_t length_ms = peal_loop_real_ms(redis->host.loop) - redis->gap_from_ms;
	redis->gap_from_ms = 0;
	redis->host.stats->cluster_gap_ms += length_ms;
	redis->host.news->gap(to_ms - length_ms, to_ms, redis->host.context);
}

void peal_redis_on_subscribed(bool yes, const char *why, void *userdata)
{
	struct redis_adapter *redis = userdata;
	if (redis->subscribed && !yes)
		begin_gap(redis);
	redis->subscribed = yes;
	if (!yes)
		/* Nobody can wait for a confirmation that does not come. */
		peal_barrier_let_go(&redis->barrier);
	if (yes && redis->gap_from_ms)
		end_gap(redis);
	look_at_state(redis, yes ? NULL : why);
}

void peal_redis_release(struct redis_adapter *redis)
{
	if (redis->state != PEAL_ADAPTER_HELD)
		return;
	redis->state = PEAL_ADAPTER_UP;
	redis->released_ms = peal_loop_real_ms(redis->host.loop);
	peal_publisher_hold(redis->publisher, false);
	/* Nothing calls up from inside a call down. */
	peal_loop_defer(redis->host.loop, &redis->tell_up);
}

static void tell_up(struct peal_task *task)
{
	struct redis_adapter *redis = peal_container(task, struct redis_adapter, tell_up);
	tell_state(redis, PEAL_ADAPTER_UP);
}

/* --- the barrier ---------------------------------------------------------------------------- */

uint64_t peal_redis_on_issue(void *userdata)
{
	struct redis_adapter *redis = userdata;
	uint64_t number = redis->host.news->issue(redis->host.context);
	/* Numbers of others in between are reached with this one. */
	redis->barrier.issued = number - 1;
	return peal_barrier_issue(&redis->barrier);
}

void peal_redis_on_reach(uint64_t number, void *userdata)
{
	struct redis_adapter *redis = userdata;
	redis->host.news->reach(number, redis->host.context);
	peal_barrier_reach(&redis->barrier, number);
}

static void on_passed(struct peal_barrier_waiter *waiter)
{
	struct redis_adapter *redis = peal_container(waiter, struct redis_adapter, waiter);
	peal_publisher_look(redis->publisher);
}

bool peal_redis_publish_reached(uint64_t number, void *userdata)
{
	struct redis_adapter *redis = userdata;
	if (peal_barrier_reached(&redis->barrier, number))
		return true;
	/* The publisher asks for the first of its queue, which has the lowest number. */
	if (!peal_list_linked(&redis->waiter.link))
		peal_barrier_wait(&redis->barrier, &redis->waiter, number);
	return false;
}

uint64_t peal_redis_publish_number(void *userdata)
{
	struct redis_adapter *redis = userdata;
	uint64_t number = redis->barrier.issued;
	return peal_barrier_reached(&redis->barrier, number) ? 0 : number;
}

/* --- begin and end -------------------------------------------------------------------------- */

void peal_redis_state_init(struct redis_adapter *redis)
{
	redis->state = PEAL_ADAPTER_DOWN;
	redis->connected = redis->subscribed = false;
	redis->gap_from_ms = 0;
	redis->waiter.fn = on_passed;
	redis->tell_up.fn = tell_up;
	peal_barrier_init(&redis->barrier, redis->host.loop, &redis->own_stats);
}

void peal_redis_state_deinit(struct redis_adapter *redis)
{
	peal_loop_cancel(&redis->tell_up);
	peal_barrier_deinit(&redis->barrier);
}
