/*
 * Turns: entering, time, deferred tasks, the end-of-turn pass.
 *
 * The end-of-turn event is activated by hand when the first work of a turn shows up. libevent then
 * runs it after all events that were active before, in the same pass. What is left after a slice is
 * continued by a zero timer, never by activating the event from itself: that would starve the
 * network (libevent would not poll in between).
 */
#include "loop/loop_private.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

#include "base/limits.h"

/* Looked at between expiries, so that a standstill is noticed although nothing else is due. */
#define TICK_MS 500

static uint64_t monotonic_us(void *userdata)
{
	struct timespec now;
	(void)userdata;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void look_at_clock(struct peal_loop *loop)
{
	uint64_t real_us = loop->clock.now_us(loop->clock.userdata);
	if (real_us < loop->real_us)
		real_us = loop->real_us;
	/* The tick makes a turn at least every half second; who comes much later stood still. */
	uint64_t gap_ms = (real_us - loop->real_us) / 1000;
	if (gap_ms > PEAL_LIMIT_STANDSTILL_MS + TICK_MS) {
		loop->stood_still_ms += gap_ms;
		loop->stats->standstills++;
		loop->stats->standstill_ms += gap_ms;
		peal_log(loop->log, PEAL_LOG_WARNING, "stood still, deadlines put off",
			 PEAL_FIELD_INT("ms", gap_ms));
	}
	loop->real_us = real_us;
}

uint64_t peal_loop_real_ms(struct peal_loop *loop)
{
	return loop->real_us / 1000;
}

uint64_t peal_loop_now_ms(struct peal_loop *loop)
{
	return loop->real_us / 1000 - loop->stood_still_ms;
}

bool peal_loop_turn_is_long(struct peal_loop *loop)
{
	return loop->clock.now_us(loop->clock.userdata) - loop->turn_started_us >=
	       PEAL_LIMIT_TURN_US;
}

static void want_end(struct peal_loop *loop)
{
	if (loop->end_wanted)
		return;
	loop->end_wanted = true;
	event_active(loop->end_event, EV_TIMEOUT, 0);
}

void peal_loop_enter(struct peal_loop *loop)
{
	/* One look at the clock per turn; the end-of-turn pass closes the turn. */
	if (loop->fake_clock)
		look_at_clock(loop);
	if (loop->entered)
		return;
	loop->entered = true;
	loop->stats->loop_turns++;
	look_at_clock(loop);
	loop->turn_started_us = loop->real_us;
	want_end(loop);
}

void peal_loop_defer(struct peal_loop *loop, struct peal_task *task)
{
	assert(!peal_task_queued(task));
	peal_list_append(&loop->tasks, &task->link);
	want_end(loop);
}

void peal_loop_cancel(struct peal_task *task)
{
	peal_list_unlink(&task->link);
}

static void run_one(struct peal_list *link)
{
	struct peal_task *task = peal_container(link, struct peal_task, link);
	task->fn(task);
}

/* Run what is queued, and what that queues, until the turn gets long. */
static void run_tasks(struct peal_loop *loop)
{
	struct peal_list *link;
	unsigned count = 0;
	if (loop->in_task)
		return;
	loop->in_task = true;
	while ((link = peal_list_take(&loop->tasks))) {
		run_one(link);
		if (++count % 16 == 0 && peal_loop_turn_is_long(loop))
			break;
	}
	loop->in_task = false;
}

/*
 * All that is queued now comes before the input at hand, however long it takes. What it queues
 * itself comes before it too, but not without end: an application whose callbacks keep on causing
 * others must not keep the network waiting for ever.
 */
void peal_loop_run_tasks(struct peal_loop *loop)
{
	struct peal_list now, *link;
	if (loop->in_task || peal_list_empty(&loop->tasks))
		return;
	loop->in_task = true;
	peal_list_init(&now);
	while ((link = peal_list_take(&loop->tasks)))
		peal_list_append(&now, link);
	while ((link = peal_list_take(&now)))
		run_one(link);
	loop->in_task = false;
	run_tasks(loop);
}

void peal_loop_finish_tasks(struct peal_loop *loop)
{
	while (!loop->in_task && !peal_list_empty(&loop->tasks))
		run_tasks(loop);
}

void peal_loop_add_flusher(struct peal_loop *loop, struct peal_flusher *flusher)
{
	peal_list_append(&loop->flushers, &flusher->link);
}

void peal_loop_remove_flusher(struct peal_flusher *flusher)
{
	peal_list_unlink(&flusher->link);
}

void peal_loop_want_flush(struct peal_loop *loop, struct peal_flusher *flusher)
{
	flusher->wanted = true;
	want_end(loop);
}

void peal_loop_reap(struct peal_loop *loop, struct peal_task *task)
{
	assert(!peal_task_queued(task));
	peal_list_append(&loop->dead, &task->link);
	want_end(loop);
}

static bool flush_is_wanted(const struct peal_loop *loop)
{
	peal_list_each (link, (struct peal_list *)&loop->flushers) {
		if (peal_container(link, struct peal_flusher, link)->wanted)
			return true;
	}
	return false;
}

static bool flush(struct peal_loop *loop)
{
	bool more = false;
	peal_list_each (link, &loop->flushers) {
		struct peal_flusher *flusher = peal_container(link, struct peal_flusher, link);
		if (!flusher->wanted)
			continue;
		flusher->wanted = flusher->fn(flusher);
		more |= flusher->wanted;
	}
	return more;
}

static void reap(struct peal_loop *loop)
{
	struct peal_list *link;
	while ((link = peal_list_take(&loop->dead)))
		run_one(link);
}

/* Return: true when something is left for another pass. */
static bool end_of_turn(struct peal_loop *loop)
{
	run_tasks(loop);
	bool more = flush(loop);
	if (more)
		loop->stats->flush_slices++;
	reap(loop);
	/* A flush closes sessions that broke, which defers tasks. */
	more = flush_is_wanted(loop) || !peal_list_empty(&loop->tasks) ||
	       !peal_list_empty(&loop->dead);
	peal_loop_arm_timer(loop);
	return more;
}

static void on_end(evutil_socket_t fd, short what, void *userdata)
{
	struct peal_loop *loop = userdata;
	(void)fd;
	(void)what;
	peal_loop_enter(loop);
	/* Whoever asks from here on means the next pass. */
	loop->end_wanted = true;
	bool more = end_of_turn(loop);
	loop->end_wanted = more;
	/* Last of all: what this pass arms belongs to this turn, and the next one must look at the
	 * clock again. */
	loop->entered = false;
	if (more) {
		static const struct timeval now = { 0, 0 };
		event_add(loop->end_event, &now);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *userdata)
{
	struct peal_loop *loop = userdata;
	(void)fd;
	(void)what;
	peal_loop_enter(loop);
	/* Not the time of the turn: what was handled in it before has made the timer late. */
	uint64_t now_us = loop->clock.now_us(loop->clock.userdata);
	peal_loop_count_lag(loop->stats,
			    now_us > loop->timer_due_us ? now_us - loop->timer_due_us : 0);
	loop->timer_due_ms = UINT64_MAX;
	peal_loop_expire(loop);
	want_end(loop);
}

/* Have the libevent timer fire when the next deadline, timer or tick is due. */
void peal_loop_arm_timer(struct peal_loop *loop)
{
	uint64_t real_ms = loop->real_us / 1000;
	uint64_t due_ms = peal_loop_next_due(loop); /* real time */
	if (due_ms > real_ms + TICK_MS)
		due_ms = real_ms + TICK_MS;
	if (loop->fake_clock)
		return;
	/* Waking up early is harmless; re-arming in each turn is not free. */
	if (due_ms >= loop->timer_due_ms && loop->timer_due_ms > real_ms)
		return;
	/* One that is due is about to fire, if it is let: libevent takes an event that is added
	 * again back out of the queue, and a loop with work in each turn would never fire it. */
	if (loop->timer_due_ms <= real_ms && event_pending(loop->timer_event, EV_TIMEOUT, NULL))
		return;
	loop->timer_due_ms = due_ms;
	uint64_t due_us = due_ms * 1000;
	uint64_t now_us = loop->clock.now_us(loop->clock.userdata);
	uint64_t wait_us = due_us > now_us ? due_us - now_us : 0;
	loop->timer_due_us = now_us + wait_us;
	struct timeval wait = { (time_t)(wait_us / 1000000), (suseconds_t)(wait_us % 1000000) };
	event_add(loop->timer_event, &wait);
}

void peal_loop_step(struct peal_loop *loop)
{
	do {
		peal_loop_enter(loop);
		loop->entered = false;
		peal_loop_expire(loop);
	} while (end_of_turn(loop));
}

int peal_loop_new(struct event_base *base, const struct peal_clock *clock, struct peal_stats *stats,
		  const struct peal_log *log, struct peal_loop **ret_loop)
{
	struct peal_loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	loop->fake_clock = clock != NULL;
	loop->clock = clock ? *clock : (struct peal_clock){ monotonic_us, NULL };
	loop->stats = stats;
	loop->log = log;
	loop->base = base;
	loop->timer_due_ms = UINT64_MAX;
	peal_list_init(&loop->tasks);
	peal_list_init(&loop->flushers);
	peal_list_init(&loop->dead);
	peal_list_init(&loop->deadlines);
	loop->real_us = loop->clock.now_us(loop->clock.userdata);
	if (!base) {
		struct event_config *config = event_config_new();
		if (config) {
			event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER |
							      EVENT_BASE_FLAG_NOLOCK);
			loop->base = loop->own_base = event_base_new_with_config(config);
			event_config_free(config);
		}
	}
	if (loop->base) {
		loop->end_event = event_new(loop->base, -1, 0, on_end, loop);
		loop->timer_event = event_new(loop->base, -1, 0, on_timer, loop);
	}
	if (!loop->base || !loop->end_event || !loop->timer_event) {
		peal_loop_free(loop);
		return -ENOMEM;
	}
	peal_loop_arm_timer(loop);
	*ret_loop = loop;
	return 0;
}

void peal_loop_free(struct peal_loop *loop)
{
	if (!loop)
		return;
	while (!peal_list_empty(&loop->tasks) || !peal_list_empty(&loop->dead)) {
		peal_loop_finish_tasks(loop);
		reap(loop);
	}
	if (loop->end_event)
		event_free(loop->end_event);
	if (loop->timer_event)
		event_free(loop->timer_event);
	if (loop->own_base)
		event_base_free(loop->own_base);
	free(loop->heap);
	free(loop);
}

struct event_base *peal_loop_base(const struct peal_loop *loop)
{
	return loop->base;
}

int peal_loop_run(struct peal_loop *loop)
{
	if (!loop->own_base)
		return -EINVAL;
	return event_base_loop(loop->own_base, 0) < 0 ? -EIO : 0;
}

void peal_loop_stop(struct peal_loop *loop)
{
	if (loop->own_base)
		event_base_loopexit(loop->own_base, NULL);
}
