/*
 * Deadlines (lists in order of expiry) and timers (a binary heap). Both are looked through when the
 * loop's one libevent timer fires, and at the end of each turn to find out when that is next.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "loop/loop_private.h"

void peal_deadlines_init(struct peal_deadlines *deadlines, struct peal_loop *loop,
			 unsigned duration_ms, bool real,
			 void (*fn)(struct peal_deadlines *, struct peal_deadline *))
{
	*deadlines = (struct peal_deadlines){
		.loop = loop, .duration_ms = duration_ms, .real = real, .fn = fn
	};
	peal_list_init(&deadlines->queue);
	peal_list_append(&loop->deadlines, &deadlines->link);
}

void peal_deadlines_deinit(struct peal_deadlines *deadlines)
{
	assert(!deadlines->queue.next || peal_list_empty(&deadlines->queue));
	peal_list_unlink(&deadlines->link);
}

static uint64_t now_of(const struct peal_deadlines *deadlines)
{
	return deadlines->real ? peal_loop_real_ms(deadlines->loop)
			       : peal_loop_now_ms(deadlines->loop);
}

void peal_deadline_arm_from(struct peal_deadlines *deadlines, struct peal_deadline *deadline,
			    uint64_t from_ms)
{
	peal_list_unlink(&deadline->link);
	deadline->due_ms = from_ms + deadlines->duration_ms;
	if (!peal_list_empty(&deadlines->queue)) {
		/* Time never runs backwards; the order of the list depends on it. */
		struct peal_deadline *last =
			peal_container(deadlines->queue.previous, struct peal_deadline, link);
		if (deadline->due_ms < last->due_ms)
			deadline->due_ms = last->due_ms;
	}
	peal_list_append(&deadlines->queue, &deadline->link);
	/* Only a list that was empty can bring the next expiry nearer. */
	if (deadlines->queue.next == &deadline->link)
		peal_loop_arm_timer(deadlines->loop);
}

void peal_deadline_arm(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	/* The call may come from outside of a turn, when the cached time is old. */
	peal_loop_enter(deadlines->loop);
	peal_deadline_arm_from(deadlines, deadline, now_of(deadlines));
}

/* --- heap ---------------------------------------------------------------------------------- */

static void place(struct peal_loop *loop, struct peal_timer *timer, uint32_t index)
{
	loop->heap[index] = timer;
	timer->heap_index = index + 1;
}

static void sift(struct peal_loop *loop, uint32_t index)
{
	struct peal_timer *timer = loop->heap[index];
	while (index && loop->heap[(index - 1) / 2]->due_ms > timer->due_ms) {
		place(loop, loop->heap[(index - 1) / 2], index);
		index = (index - 1) / 2;
	}
	for (;;) {
		uint32_t child = 2 * index + 1;
		if (child >= loop->heap_count)
			break;
		if (child + 1 < loop->heap_count &&
		    loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms)
			child++;
		if (loop->heap[child]->due_ms >= timer->due_ms)
			break;
		place(loop, loop->heap[child], index);
		index = child;
	}
	place(loop, timer, index);
}

int peal_timer_arm(struct peal_loop *loop, struct peal_timer *timer, unsigned delay_ms)
{
	peal_loop_enter(loop);
	if (!timer->heap_index) {
		if (loop->heap_count == loop->heap_capacity) {
			uint32_t capacity = loop->heap_capacity ? loop->heap_capacity * 2 : 16;
			struct peal_timer **heap = realloc(loop->heap, capacity * sizeof(*heap));
			if (!heap)
				return -ENOMEM;
			loop->heap = heap;
			loop->heap_capacity = capacity;
		}
		place(loop, timer, loop->heap_count++);
	}
	/* Without delay from inside of a handler means the next pass: the one at hand would never
	 * end. */
	if (!delay_ms && loop->expiring)
		delay_ms = 1;
	timer->due_ms = peal_loop_now_ms(loop) + delay_ms;
	sift(loop, timer->heap_index - 1);
	if (timer->heap_index == 1)
		peal_loop_arm_timer(loop);
	return 0;
}

void peal_timer_disarm(struct peal_loop *loop, struct peal_timer *timer)
{
	if (!timer->heap_index)
		return;
	uint32_t index = timer->heap_index - 1;
	timer->heap_index = 0;
	struct peal_timer *last = loop->heap[--loop->heap_count];
	if (last != timer) {
		place(loop, last, index);
		sift(loop, index);
	}
}

/* --- expiry -------------------------------------------------------------------------------- */

void peal_loop_expire(struct peal_loop *loop)
{
	loop->expiring = true;
	peal_list_each (link, &loop->deadlines) {
		struct peal_deadlines *deadlines =
			peal_container(link, struct peal_deadlines, link);
		uint64_t now_ms = now_of(deadlines);
		struct peal_list *first;
		while ((first = peal_list_first(&deadlines->queue))) {
			struct peal_deadline *deadline =
				peal_container(first, struct peal_deadline, link);
			if (deadline->due_ms > now_ms)
				break;
			peal_list_unlink(first);
			deadlines->fn(deadlines, deadline);
		}
	}
	uint64_t now_ms = peal_loop_now_ms(loop);
	while (loop->heap_count && loop->heap[0]->due_ms <= now_ms) {
		struct peal_timer *timer = loop->heap[0];
		peal_timer_disarm(loop, timer);
		timer->fn(timer);
	}
	loop->expiring = false;
}

uint64_t peal_loop_next_due(struct peal_loop *loop)
{
	uint64_t next_ms = UINT64_MAX;
	peal_list_each (link, &loop->deadlines) {
		struct peal_deadlines *deadlines =
			peal_container(link, struct peal_deadlines, link);
		struct peal_list *first = peal_list_first(&deadlines->queue);
		if (!first)
			continue;
		uint64_t due_ms = peal_container(first, struct peal_deadline, link)->due_ms +
				  (deadlines->real ? 0 : loop->stood_still_ms);
		if (due_ms < next_ms)
			next_ms = due_ms;
	}
	if (loop->heap_count && loop->heap[0]->due_ms + loop->stood_still_ms < next_ms)
		next_ms = loop->heap[0]->due_ms + loop->stood_still_ms;
	return next_ms;
}
