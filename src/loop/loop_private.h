/* The inside of a loop, shared by loop.c (turns) and timers.c (deadlines and timers). */
#ifndef PEAL_LOOP_LOOP_PRIVATE_H
#define PEAL_LOOP_LOOP_PRIVATE_H

#include "loop/loop.h"

struct event;

struct peal_loop {
	struct event_base *base, *own_base;
	struct peal_clock clock;
	struct peal_stats *stats;
	const struct peal_log *log;

	uint64_t real_us; /* the clock as of this turn */
	uint64_t turn_started_us;
	uint64_t stood_still_ms; /* sum of all standstills */
	bool entered;		 /* the clock was looked at in this turn */
	bool end_wanted;	 /* the end-of-turn event is active or its timer is armed */
	bool in_task;
	bool expiring;	 /* what is due is being fired */
	bool fake_clock; /* no libevent timer then: tests step by hand */

	struct event *end_event;
	struct peal_list tasks, flushers, dead;

	struct event *timer_event;
	uint64_t timer_due_ms;	    /* real time; UINT64_MAX when not armed */
	uint64_t timer_due_us;	    /* the same, but not before it was armed */
	struct peal_list deadlines; /* struct peal_deadlines */
	struct peal_timer **heap;
	uint32_t heap_count, heap_capacity;
};

/* Fire everything that is due. */
void peal_loop_expire(struct peal_loop *loop);
/* Real time of the next expiry; UINT64_MAX when there is none. */
uint64_t peal_loop_next_due(struct peal_loop *loop);
void peal_loop_arm_timer(struct peal_loop *loop);
/* lag.c: the timer ran so much later than it was due. */
void peal_loop_count_lag(struct peal_stats *stats, uint64_t late_us);

#endif
