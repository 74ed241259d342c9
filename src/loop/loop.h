/*
 * The loop: turns, time, deferred work.
 *
 * A turn is one pass of the event_base. Whoever has work for its end calls one of the functions
 * below; then, once all events of the turn were handled, the end-of-turn pass runs: (1) deferred
 * tasks in the order of their making, which is the only place (besides network input) where
 * application callbacks run, (2) the flush of dirty sessions, in slices, (3) the reap: objects that
 * died are freed. What does not fit into one slice goes on in the next turn, after another look at
 * the network.
 *
 * Time comes in two forms. peal_loop_real_ms() is the monotonic clock. peal_loop_now_ms() is the
 * same without the times that the process stood still (SIGSTOP, VM pause): deadlines on it are put
 * off by a standstill, so what clients sent meanwhile is read before anyone is declared dead. Both
 * are cached for the turn, in milliseconds.
 *
 * The base may be the caller's: it is never broken out of, freed or given priorities.
 */
#ifndef PEAL_LOOP_LOOP_H
#define PEAL_LOOP_LOOP_H

#include <peal/stats.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log.h"

struct event_base;
struct peal_loop;

/* A source of monotonic microseconds; tests bring their own and move it by hand. */
struct peal_clock {
	uint64_t (*now_us)(void *userdata);
	void *userdata;
};

/* @base NULL makes an own one; @clock NULL is CLOCK_MONOTONIC. @stats and @log are borrowed for
 * life. */
int peal_loop_new(struct event_base *base, const struct peal_clock *clock, struct peal_stats *stats,
		  const struct peal_log *log, struct peal_loop **ret_loop)
	__attribute__((warn_unused_result));
/* Runs all tasks and reaps that are left, then frees. */
void peal_loop_free(struct peal_loop *loop);
struct event_base *peal_loop_base(const struct peal_loop *loop);
/* Run the own base until peal_loop_stop(). Return: 0; -EINVAL with a caller's base; -EIO. */
int peal_loop_run(struct peal_loop *loop);
void peal_loop_stop(struct peal_loop *loop);

uint64_t peal_loop_now_ms(struct peal_loop *loop);
uint64_t peal_loop_real_ms(struct peal_loop *loop);
/* To be called first by every event callback of a node, so that time is looked up once per turn and
 * standstills are noticed. */
void peal_loop_enter(struct peal_loop *loop);

/* --- deferred tasks
 * ------------------------------------------------------------------------------------------- */

/* Embedded in its object. A task may be queued once at a time; fn may free its object. */
struct peal_task {
	struct peal_list link;
	void (*fn)(struct peal_task *task);
};

void peal_loop_defer(struct peal_loop *loop, struct peal_task *task);
void peal_loop_cancel(struct peal_task *task);
static inline bool peal_task_queued(const struct peal_task *task)
{
	return peal_list_linked(&task->link);
}
/*
 * Run what is deferred now, if the loop is not inside a task already, and what that defers until
 * the turn gets long. Network input calls this before it hands an event to the application, so that
 * callbacks run in order of cause.
 */
void peal_loop_run_tasks(struct peal_loop *loop);
/* Run them until none is left, however long it takes: before what they work on is freed. */
void peal_loop_finish_tasks(struct peal_loop *loop);

/* --- flush
 * ----------------------------------------------------------------------------------------------------
 */

/* One per kind of dirty object. fn flushes up to a slice and returns true when more is left. */
struct peal_flusher {
	struct peal_list link;
	bool (*fn)(struct peal_flusher *flusher);
	bool wanted;
};

void peal_loop_add_flusher(struct peal_loop *loop, struct peal_flusher *flusher);
void peal_loop_remove_flusher(struct peal_flusher *flusher);
/* Have it called at the end of this turn. */
void peal_loop_want_flush(struct peal_loop *loop, struct peal_flusher *flusher);
/* True when the slice of this turn is used up; a flusher asks now and then. */
bool peal_loop_turn_is_long(struct peal_loop *loop);

/* --- reap
 * -----------------------------------------------------------------------------------------------------
 */

/* Have the task run in the reap phase, where nobody up the stack knows the object any more. */
void peal_loop_reap(struct peal_loop *loop, struct peal_task *task);

/* --- deadlines: many objects, one duration
 * ---------------------------------------------------------------------- */

/*
 * A list in order of expiry through objects that all wait the same time: arming appends, which
 * costs nothing and allocates nothing. One timer serves all lists.
 */
struct peal_deadline {
	struct peal_list link;
	uint64_t due_ms;
};

struct peal_deadlines {
	struct peal_list link; /* in the loop */
	struct peal_list queue;
	struct peal_loop *loop;
	unsigned duration_ms;
	bool real; /* runs on peal_loop_real_ms(): not put off by standstills */
	void (*fn)(struct peal_deadlines *deadlines,
		   struct peal_deadline *deadline); /* called unlinked; may free it */
};

void peal_deadlines_init(struct peal_deadlines *deadlines, struct peal_loop *loop,
			 unsigned duration_ms, bool real,
			 void (*fn)(struct peal_deadlines *, struct peal_deadline *));
/* Nothing may be armed any more. */
void peal_deadlines_deinit(struct peal_deadlines *deadlines);
/* Arm, or arm anew, for the duration from now. */
void peal_deadline_arm(struct peal_deadlines *deadlines, struct peal_deadline *deadline);
/* As arm, counted from @from_ms, which must not be before that of the one armed last (it is moved
 * up to it). */
void peal_deadline_arm_from(struct peal_deadlines *deadlines, struct peal_deadline *deadline,
			    uint64_t from_ms);
static inline void peal_deadline_disarm(struct peal_deadline *deadline)
{
	peal_list_unlink(&deadline->link);
}
static inline bool peal_deadline_armed(const struct peal_deadline *deadline)
{
	return peal_list_linked(&deadline->link);
}

/* --- timers: any duration
 * ---------------------------------------------------------------------------------------- */

struct peal_timer {
	uint64_t due_ms;
	uint32_t heap_index; /* 0 while not armed, otherwise the place + 1 */
	void (*fn)(struct peal_timer *timer);
};

/* On peal_loop_now_ms(). Arming an armed one moves it. Return: 0; -ENOMEM. */
int peal_timer_arm(struct peal_loop *loop, struct peal_timer *timer, unsigned delay_ms)
	__attribute__((warn_unused_result));
void peal_timer_disarm(struct peal_loop *loop, struct peal_timer *timer);

/* --- for tests with a clock of their own
 * ------------------------------------------------------------------------- */

/*
 * One pass without waiting: expired timers and deadlines, tasks, flush, reap, until nothing is left
 * to do now. A clock that jumps by more than a second is a standstill: tests/support/fake_clock.h
 * moves it in small steps.
 */
void peal_loop_step(struct peal_loop *loop);

#endif
