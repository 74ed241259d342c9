/* The loop: turns, deferred tasks, slices, deadlines, timers, standstills, libuv on the same base.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/limits.h"
#include "loop/loop_private.h"
#include "loop/uv_bridge.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/unit.h"

static struct peal_stats stats;
static struct peal_log silent = { .level = PEAL_LOG_ERROR };
static struct fake_clock now;
static struct peal_loop *loop;
static char trace[4096];

static void note(const char *text)
{
	strncat(trace, text, sizeof(trace) - strlen(trace) - 1);
}

static void set_up(void)
{
	memset(&stats, 0, sizeof(stats));
	now.now_us = 1000000000;
	trace[0] = '\0';
	ck_assert_int_eq(peal_loop_new(NULL, FAKE_CLOCK(&now), &stats, &silent, &loop), 0);
}

static void tear_down(void)
{
	peal_loop_free(loop);
}

/* --- tasks, flush, reap -------------------------------------------------------------------- */

struct work {
	struct peal_task task, next;
	const char *name;
	struct peal_flusher flusher;
	int slices;
};

static void say(struct peal_task *task)
{
	note(peal_container(task, struct work, task)->name);
}

static void say_dead(struct peal_task *task)
{
	(void)task;
	note("R");
}

static void say_and_defer_next(struct peal_task *task)
{
	struct work *work = peal_container(task, struct work, task);
	note(work->name);
	peal_loop_defer(loop, &work->next);
}

static void say_next(struct peal_task *task)
{
	(void)task;
	note("n");
}

static bool flush(struct peal_flusher *flusher)
{
	struct work *work = peal_container(flusher, struct work, flusher);
	note("F");
	return --work->slices > 0;
}

START_TEST(runs_tasks_in_order_then_the_flush_then_the_reap)
{
	struct work a = { .name = "a", .task.fn = say_and_defer_next, .next.fn = say_next };
	struct work b = { .name = "b", .task.fn = say };
	struct work dead = { .task.fn = say_dead };
	a.flusher.fn = flush;
	peal_loop_add_flusher(loop, &a.flusher);
	peal_loop_want_flush(loop, &a.flusher);
	peal_loop_reap(loop, &dead.task);
	peal_loop_defer(loop, &a.task);
	peal_loop_defer(loop, &b.task);
	peal_loop_step(loop);
	ck_assert_str_eq(trace, "abnFR");
	peal_loop_remove_flusher(&a.flusher);
}
END_TEST

START_TEST(goes_on_with_a_flush_that_has_more_to_do)
{
	struct work a = { .slices = 3, .flusher.fn = flush };
	peal_loop_add_flusher(loop, &a.flusher);
	peal_loop_want_flush(loop, &a.flusher);
	peal_loop_step(loop);
	ck_assert_str_eq(trace, "FFF");
	ck_assert_uint_eq(stats.flush_slices, 2);
	peal_loop_step(loop);
	ck_assert_str_eq(trace, "FFF");
	peal_loop_remove_flusher(&a.flusher);
}
END_TEST

START_TEST(forgets_a_task_that_was_cancelled)
{
	struct work a = { .name = "a", .task.fn = say }, b = { .name = "b", .task.fn = say };
	peal_loop_defer(loop, &a.task);
	peal_loop_defer(loop, &b.task);
	peal_loop_cancel(&a.task);
	ck_assert(!peal_task_queued(&a.task));
	peal_loop_step(loop);
	ck_assert_str_eq(trace, "b");
}
END_TEST

START_TEST(runs_what_is_left_when_it_is_freed)
{
	struct work a = { .name = "a", .task.fn = say }, dead = { .task.fn = say_dead };
	peal_loop_defer(loop, &a.task);
	peal_loop_reap(loop, &dead.task);
	peal_loop_free(loop);
	loop = NULL;
	ck_assert_str_eq(trace, "aR");
}
END_TEST

static void defer_itself(struct peal_task *task)
{
	struct work *work = peal_container(task, struct work, task);
	now.now_us += 100;
	/* Ends by itself, so that the test fails instead of hanging. */
	if (++work->slices < 100000)
		peal_loop_defer(loop, task);
}

START_TEST(tasks_that_defer_others_without_end_do_not_keep_input_waiting)
{
	struct work chain = { .task.fn = defer_itself }, last = { .name = "last", .task.fn = say };
	peal_loop_enter(loop);
	peal_loop_defer(loop, &chain.task);
	peal_loop_defer(loop, &last.task);
	peal_loop_run_tasks(loop);
	/* What was queued before has run, whatever the chain does. */
	ck_assert_str_eq(trace, "last");
	ck_assert_int_lt(chain.slices, 1000);
	ck_assert(peal_task_queued(&chain.task));
	peal_loop_cancel(&chain.task);
}
END_TEST

START_TEST(finishes_all_tasks_before_what_they_work_on_is_freed)
{
	struct work chain = { .task.fn = defer_itself };
	peal_loop_enter(loop);
	peal_loop_defer(loop, &chain.task);
	peal_loop_finish_tasks(loop);
	ck_assert_int_eq(chain.slices, 100000);
	ck_assert(!peal_task_queued(&chain.task));
}
END_TEST

/* --- deadlines and timers ------------------------------------------------------------------ */

struct waiter {
	struct peal_deadline deadline;
	struct peal_timer timer;
	uint64_t fired_us;
	int order;
};

static int fired_count;

static void on_deadline(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct waiter *waiter = peal_container(deadline, struct waiter, deadline);
	(void)deadlines;
	ck_assert(!peal_deadline_armed(deadline));
	waiter->fired_us = now.now_us;
	waiter->order = ++fired_count;
}

static void on_waiter_timer(struct peal_timer *timer)
{
	struct waiter *waiter = peal_container(timer, struct waiter, timer);
	waiter->fired_us = now.now_us;
	waiter->order = ++fired_count;
}

START_TEST(fires_deadlines_in_order_and_not_before_their_time)
{
	struct peal_deadlines deadlines;
	struct waiter a = { 0 }, b = { 0 }, c = { 0 };
	fired_count = 0;
	peal_deadlines_init(&deadlines, loop, 300, false, on_deadline);
	peal_deadline_arm(&deadlines, &a.deadline);
	fake_clock_advance(&now, loop, 100);
	peal_deadline_arm(&deadlines, &b.deadline);
	peal_deadline_arm(&deadlines, &c.deadline);
	peal_deadline_disarm(&c.deadline);
	fake_clock_advance(&now, loop, 199);
	ck_assert_int_eq(a.order, 0);
	fake_clock_advance(&now, loop, 1);
	ck_assert_int_eq(a.order, 1);
	ck_assert_int_eq(b.order, 0);
	fake_clock_advance(&now, loop, 100);
	ck_assert_int_eq(b.order, 2);
	ck_assert_int_eq(c.order, 0);
	peal_deadlines_deinit(&deadlines);
}
END_TEST

START_TEST(moves_a_deadline_that_is_armed_again)
{
	struct peal_deadlines deadlines;
	struct waiter a = { 0 };
	fired_count = 0;
	peal_deadlines_init(&deadlines, loop, 300, false, on_deadline);
	peal_deadline_arm(&deadlines, &a.deadline);
	fake_clock_advance(&now, loop, 200);
	peal_deadline_arm(&deadlines, &a.deadline);
	fake_clock_advance(&now, loop, 299);
	ck_assert_int_eq(a.order, 0);
	fake_clock_advance(&now, loop, 1);
	ck_assert_int_eq(a.order, 1);
	peal_deadlines_deinit(&deadlines);
}
END_TEST

START_TEST(fires_timers_of_any_duration_in_order)
{
	enum { COUNT = 500 };
	static struct waiter waiters[COUNT];
	unsigned delays[COUNT];
	uint64_t start_us = now.now_us;
	memset(waiters, 0, sizeof(waiters));
	srand(7);
	fired_count = 0;
	for (int i = 0; i < COUNT; i++) {
		delays[i] = (unsigned)rand() % 2000;
		waiters[i].timer.fn = on_waiter_timer;
		ck_assert_int_eq(peal_timer_arm(loop, &waiters[i].timer, delays[i]), 0);
	}
	for (int i = 0; i < COUNT; i += 3)
		peal_timer_disarm(loop, &waiters[i].timer);
	for (int i = 1; i < COUNT; i += 3) {
		delays[i] = (unsigned)rand() % 2000;
		ck_assert_int_eq(peal_timer_arm(loop, &waiters[i].timer, delays[i]), 0);
	}
	for (int ms = 0; ms < 2000; ms++)
		fake_clock_advance(&now, loop, 1);
	for (int i = 0; i < COUNT; i++) {
		if (i % 3 == 0) {
			ck_assert_int_eq(waiters[i].order, 0);
			continue;
		}
		unsigned due = delays[i] ? delays[i] : 1;
		ck_assert_uint_eq((waiters[i].fired_us - start_us) / 1000, due);
	}
}
END_TEST

START_TEST(puts_deadlines_off_by_the_time_it_stood_still)
{
	struct peal_deadlines deadlines, real;
	struct waiter a = { 0 }, b = { 0 }, c = { .timer.fn = on_waiter_timer };
	fired_count = 0;
	peal_deadlines_init(&deadlines, loop, 1000, false, on_deadline);
	peal_deadlines_init(&real, loop, 1000, true, on_deadline);
	peal_deadline_arm(&deadlines, &a.deadline);
	peal_deadline_arm(&real, &b.deadline);
	ck_assert_int_eq(peal_timer_arm(loop, &c.timer, 1000), 0);
	fake_clock_jump(&now, loop, 30000);
	ck_assert_uint_eq(stats.standstills, 1);
	ck_assert_uint_ge(stats.standstill_ms, 29000);
	ck_assert_int_eq(a.order, 0);
	ck_assert_int_eq(c.order, 0);
	ck_assert_int_eq(b.order, 1);
	fake_clock_advance(&now, loop, 1000);
	ck_assert_int_ne(a.order, 0);
	ck_assert_int_ne(c.order, 0);
	peal_deadlines_deinit(&deadlines);
	peal_deadlines_deinit(&real);
}
END_TEST

START_TEST(does_not_take_a_busy_turn_for_a_standstill)
{
	fake_clock_jump(&now, loop, PEAL_LIMIT_STANDSTILL_MS);
	ck_assert_uint_eq(stats.standstills, 0);
}
END_TEST

/* --- on a real base ------------------------------------------------------------------------ */

static void stop_base(evutil_socket_t fd, short what, void *base)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(base);
}

static void after_fired(struct peal_timer *timer)
{
	struct waiter *waiter = peal_container(timer, struct waiter, timer);
	waiter->order = ++fired_count;
}

START_TEST(two_loops_and_a_foreign_timer_share_one_base)
{
	struct event_base *base = event_base_new();
	struct peal_loop *loops[2];
	struct waiter waiters[2] = { { .timer.fn = after_fired }, { .timer.fn = after_fired } };
	struct event *foreign = event_new(base, -1, 0, stop_base, base);
	fired_count = 0;
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(peal_loop_new(base, NULL, &stats, &silent, &loops[i]), 0);
		ck_assert_int_eq(peal_timer_arm(loops[i], &waiters[i].timer, 20 + 20 * (unsigned)i),
				 0);
	}
	event_add(foreign, &(struct timeval){ 0, 300000 });
	event_base_dispatch(base);
	ck_assert_int_eq(waiters[0].order, 1);
	ck_assert_int_eq(waiters[1].order, 2);
	ck_assert_int_eq(peal_loop_run(loops[0]), -EINVAL);
	peal_loop_free(loops[0]);
	peal_loop_free(loops[1]);
	event_free(foreign);
	event_base_free(base);
}
END_TEST

static struct peal_loop *arming_loop;
static struct peal_deadlines long_ones;
static struct peal_deadline late_deadline;

static void never(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	(void)deadlines, (void)deadline;
	ck_abort_msg("a deadline of a minute expired");
}

static void arm_in_task(struct peal_task *task)
{
	(void)task;
	peal_deadline_arm(&long_ones, &late_deadline);
}

START_TEST(looks_at_the_clock_in_each_turn_whatever_the_end_of_the_last_one_armed)
{
	struct event_base *base = event_base_new();
	struct peal_task task = { .fn = arm_in_task };
	ck_assert_int_eq(peal_loop_new(base, NULL, &stats, &silent, &arming_loop), 0);
	peal_deadlines_init(&long_ones, arming_loop, 60000, false, never);
	peal_loop_defer(arming_loop, &task);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert(peal_deadline_armed(&late_deadline));
	uint64_t first_ms = late_deadline.due_ms;
	usleep(100000);
	/* As an event of the next turn does. */
	peal_deadline_arm(&long_ones, &late_deadline);
	ck_assert_uint_ge(late_deadline.due_ms, first_ms + 99);
	peal_deadline_disarm(&late_deadline);
	peal_deadlines_deinit(&long_ones);
	peal_loop_free(arming_loop);
	event_base_free(base);
}
END_TEST

static int rearmed;

static void arm_again(struct peal_timer *timer)
{
	/* Ends a run in which nobody else gets a turn, so that the test fails instead of hanging.
	 */
	if (++rearmed < 100000)
		ck_assert_int_eq(peal_timer_arm(arming_loop, timer, 0), 0);
}

START_TEST(a_timer_that_arms_itself_again_without_delay_leaves_the_others_their_turns)
{
	struct event_base *base = event_base_new();
	struct peal_timer timer = { .fn = arm_again };
	rearmed = 0;
	ck_assert_int_eq(peal_loop_new(base, NULL, &stats, &silent, &arming_loop), 0);
	ck_assert_int_eq(peal_timer_arm(arming_loop, &timer, 0), 0);
	for (int i = 0; i < 1000 && !rearmed; i++)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(rearmed, 1);
	for (int i = 0; i < 1000 && rearmed < 3; i++)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(rearmed, 3);
	peal_timer_disarm(arming_loop, &timer);
	peal_loop_free(arming_loop);
	event_base_free(base);
}
END_TEST

static void on_uv_timer(uv_timer_t *timer)
{
	(*(int *)timer->data)++;
}

static void on_uv_poll(uv_poll_t *poll, int status, int events)
{
	char byte;
	(void)status;
	(void)events;
	if (read(*(int *)((char *)poll->data), &byte, 1) == 1)
		note("r");
}

START_TEST(libuv_rides_on_the_same_base)
{
	struct event_base *base = event_base_new();
	struct peal_loop *real;
	struct peal_uv_bridge *bridge;
	struct event *end = event_new(base, -1, 0, stop_base, base);
	int fired = 0, fds[2];
	uv_timer_t timer = { .data = &fired };
	uv_poll_t poll = { .data = &fds[0] };
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(peal_loop_new(base, NULL, &stats, &silent, &real), 0);
	ck_assert_int_eq(peal_uv_bridge_new(real, &bridge), 0);
	uv_timer_init(peal_uv_bridge_uv(bridge), &timer);
	uv_poll_init(peal_uv_bridge_uv(bridge), &poll, fds[0]);
	/* Made outside of a pass: without the kick nothing would ever happen. */
	uv_timer_start(&timer, on_uv_timer, 30, 30);
	uv_poll_start(&poll, UV_READABLE, on_uv_poll);
	peal_uv_bridge_kick(bridge);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	event_add(end, &(struct timeval){ 0, 400000 });
	event_base_dispatch(base);
	ck_assert_int_ge(fired, 3);
	ck_assert_str_eq(trace, "r");
	uv_close((uv_handle_t *)&timer, NULL);
	uv_close((uv_handle_t *)&poll, NULL);
	peal_uv_bridge_free(bridge);
	peal_loop_free(real);
	event_free(end);
	event_base_free(base);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(counts_how_late_its_timers_ran)
{
	struct peal_loop *real;
	struct waiter waiter = { .timer.fn = after_fired };
	peal_loop_count_lag(&stats, 0);
	peal_loop_count_lag(&stats, 1000);
	peal_loop_count_lag(&stats, 1001);
	peal_loop_count_lag(&stats, 2500000);
	peal_loop_count_lag(&stats, 2500001);
	ck_assert_uint_eq(stats.loop_lags, 5);
	ck_assert_uint_eq(stats.loop_lag_us, 5002002);
	ck_assert_uint_eq(stats.loop_lag_1ms, 2);
	ck_assert_uint_eq(stats.loop_lag_5ms, 1);
	ck_assert_uint_eq(stats.loop_lag_2500ms, 1);
	memset(&stats, 0, sizeof(stats));
	ck_assert_int_eq(peal_loop_new(NULL, NULL, &stats, &silent, &real), 0);
	ck_assert_int_eq(peal_timer_arm(real, &waiter.timer, 20), 0);
	usleep(80000);
	event_base_loop(peal_loop_base(real), EVLOOP_ONCE);
	ck_assert_uint_ge(stats.loop_lags, 1);
	ck_assert_uint_ge(stats.loop_lag_us, 59000);
	peal_loop_free(real);
}
END_TEST

UNIT_MAIN_WITH("loop", set_up, tear_down, runs_tasks_in_order_then_the_flush_then_the_reap,
	       goes_on_with_a_flush_that_has_more_to_do, forgets_a_task_that_was_cancelled,
	       tasks_that_defer_others_without_end_do_not_keep_input_waiting,
	       finishes_all_tasks_before_what_they_work_on_is_freed,
	       runs_what_is_left_when_it_is_freed,
	       fires_deadlines_in_order_and_not_before_their_time,
	       moves_a_deadline_that_is_armed_again, fires_timers_of_any_duration_in_order,
	       puts_deadlines_off_by_the_time_it_stood_still,
	       does_not_take_a_busy_turn_for_a_standstill,
	       two_loops_and_a_foreign_timer_share_one_base,
	       looks_at_the_clock_in_each_turn_whatever_the_end_of_the_last_one_armed,
	       a_timer_that_arms_itself_again_without_delay_leaves_the_others_their_turns,
	       libuv_rides_on_the_same_base, counts_how_late_its_timers_ran)
