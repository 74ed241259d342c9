/*
 * The barrier: numbers, those who wait for them, and the time after which nobody waits any more.
 *
 * Invariant: every waiter in the list waits for a number above the one that is reached, and every
 * number between reached and issued belongs to a mark. So whoever waits is let go, either by the
 * network or by the timer of the first mark.
 */
#include <assert.h>

#include "base/limits.h"
#include "loop/barrier.h"

#define MARK_MS (PEAL_LIMIT_BARRIER_MS / 16)

static struct peal_barrier_mark *mark_at(struct peal_barrier *barrier, unsigned index)
{
	return &barrier->marks[(barrier->first_mark + index) % PEAL_BARRIER_MARKS];
}

/* Have the timer fire when the first mark is due. */
static void arm(struct peal_barrier *barrier)
{
	if (!barrier->mark_count) {
		peal_timer_disarm(barrier->loop, &barrier->timer);
		return;
	}
	uint64_t due_ms = mark_at(barrier, 0)->issued_ms + PEAL_LIMIT_BARRIER_MS;
	uint64_t now_ms = peal_loop_now_ms(barrier->loop);
	unsigned left_ms = due_ms > now_ms ? (unsigned)(due_ms - now_ms) : 0;
	if (peal_timer_arm(barrier->loop, &barrier->timer, left_ms) &&
	    !peal_task_queued(&barrier->give_up))
		/* Without a timer they would wait for ever. */
		peal_loop_defer(barrier->loop, &barrier->give_up);
}

/* Everything up to @number is reached, or given up. */
static void advance(struct peal_barrier *barrier, uint64_t number, bool given_up)
{
	if (number <= barrier->reached)
		return;
	barrier->reached = number;
	bool first_gone = false;
	while (barrier->mark_count && mark_at(barrier, 0)->number <= number) {
		barrier->first_mark = (barrier->first_mark + 1) % PEAL_BARRIER_MARKS;
		barrier->mark_count--;
		first_gone = true;
	}
	if (first_gone)
		arm(barrier);
	/* Who is let go may issue, wait and cancel: the list is looked at anew each time. */
	struct peal_list *first;
	while ((first = peal_list_first(&barrier->waiters))) {
		struct peal_barrier_waiter *waiter =
			peal_container(first, struct peal_barrier_waiter, link);
		if (waiter->number > barrier->reached)
			break;
		peal_list_unlink(first);
		if (given_up)
			barrier->stats->barrier_timeouts++;
		waiter->fn(waiter);
	}
}

static void expire(struct peal_timer *timer)
{
	struct peal_barrier *barrier = peal_container(timer, struct peal_barrier, timer);
	if (barrier->mark_count)
		advance(barrier, mark_at(barrier, 0)->number, true);
}

static void give_up(struct peal_task *task)
{
	peal_barrier_let_go(peal_container(task, struct peal_barrier, give_up));
}

void peal_barrier_init(struct peal_barrier *barrier, struct peal_loop *loop,
		       struct peal_stats *stats)
{
	*barrier = (struct peal_barrier){
		.loop = loop, .stats = stats, .timer.fn = expire, .give_up.fn = give_up
	};
	peal_list_init(&barrier->waiters);
}

void peal_barrier_deinit(struct peal_barrier *barrier)
{
	/* Nothing that comes after this waits. */
	advance(barrier, UINT64_MAX, true);
	peal_timer_disarm(barrier->loop, &barrier->timer);
	peal_loop_cancel(&barrier->give_up);
}

uint64_t peal_barrier_issue(struct peal_barrier *barrier)
{
	peal_loop_enter(barrier->loop);
	uint64_t now_ms = peal_loop_now_ms(barrier->loop);
	uint64_t number = ++barrier->issued;
	if (peal_barrier_reached(barrier, number))
		return number;
	struct peal_barrier_mark *last =
		barrier->mark_count ? mark_at(barrier, barrier->mark_count - 1) : NULL;
	/* The ring is only full when the timer is late: those before are overdue then. */
	if (last &&
	    (now_ms - last->issued_ms < MARK_MS || barrier->mark_count == PEAL_BARRIER_MARKS)) {
		last->number = number;
		return number;
	}
	barrier->mark_count++;
	*mark_at(barrier, barrier->mark_count - 1) =
		(struct peal_barrier_mark){ .number = number, .issued_ms = now_ms };
	if (barrier->mark_count == 1)
		arm(barrier);
	return number;
}

void peal_barrier_reach(struct peal_barrier *barrier, uint64_t number)
{
	assert(number <= barrier->issued);
	advance(barrier, number, false);
}

void peal_barrier_let_go(struct peal_barrier *barrier)
{
	advance(barrier, barrier->issued, true);
}

void peal_barrier_wait(struct peal_barrier *barrier, struct peal_barrier_waiter *waiter,
		       uint64_t number)
{
	assert(!peal_barrier_reached(barrier, number) && number <= barrier->issued);
	waiter->number = number;
	barrier->stats->barrier_waits++;
	/* Most wait for the number issued last, so the place is looked for from the end. */
	struct peal_list *place = barrier->waiters.previous;
	while (place != &barrier->waiters &&
	       peal_container(place, struct peal_barrier_waiter, link)->number > number)
		place = place->previous;
	peal_list_append(place->next, &waiter->link);
}
