/* The barrier: numbers, waiters in order, and nobody who waits for ever. */
#include <string.h>

#include "base/limits.h"
#include "loop/barrier.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/unit.h"

static struct peal_stats stats;
static struct peal_log silent = { .level = PEAL_LOG_ERROR };
static struct fake_clock now;
static struct peal_loop *loop;
static struct peal_barrier barrier;
static char trace[256];

struct guest {
	struct peal_barrier_waiter waiter;
	const char *name;
	struct guest *cancels;
};

static void let_in(struct peal_barrier_waiter *waiter)
{
	struct guest *guest = peal_container(waiter, struct guest, waiter);
	ck_assert(!peal_list_linked(&waiter->link));
	strncat(trace, guest->name, sizeof(trace) - strlen(trace) - 1);
	if (guest->cancels)
		peal_barrier_cancel(&guest->cancels->waiter);
}

static void wait_again(struct peal_barrier_waiter *waiter)
{
	strncat(trace, "again ", sizeof(trace) - strlen(trace) - 1);
	waiter->fn = let_in;
	peal_barrier_wait(&barrier, waiter, peal_barrier_issue(&barrier));
}

#define GUEST(text) ((struct guest){ .name = (text), .waiter.fn = let_in })

static void set_up(void)
{
	memset(&stats, 0, sizeof(stats));
	now.now_us = 1000000000;
	trace[0] = '\0';
	ck_assert_int_eq(peal_loop_new(NULL, FAKE_CLOCK(&now), &stats, &silent, &loop), 0);
	peal_barrier_init(&barrier, loop, &stats);
}

static void tear_down(void)
{
	peal_barrier_deinit(&barrier);
	peal_loop_free(loop);
}

START_TEST(nothing_waits_while_nothing_is_outstanding)
{
	ck_assert(peal_barrier_reached(&barrier, 0));
	uint64_t number = peal_barrier_issue(&barrier);
	ck_assert(!peal_barrier_reached(&barrier, number));
	peal_barrier_reach(&barrier, number);
	ck_assert(peal_barrier_reached(&barrier, number));
}
END_TEST

START_TEST(lets_in_by_number_whatever_the_order_of_coming)
{
	struct guest a = GUEST("a"), b = GUEST("b"), c = GUEST("c"), d = GUEST("d");
	uint64_t first = peal_barrier_issue(&barrier), second = peal_barrier_issue(&barrier),
		 third = peal_barrier_issue(&barrier);
	peal_barrier_wait(&barrier, &c.waiter, third);
	peal_barrier_wait(&barrier, &a.waiter, first);
	peal_barrier_wait(&barrier, &b.waiter, second);
	peal_barrier_wait(&barrier, &d.waiter, third);
	peal_barrier_reach(&barrier, second);
	ck_assert_str_eq(trace, "ab");
	/* What is reached stays reached. */
	peal_barrier_reach(&barrier, first);
	ck_assert(peal_barrier_reached(&barrier, second));
	peal_barrier_reach(&barrier, third);
	ck_assert_str_eq(trace, "abcd");
	ck_assert_uint_eq(stats.barrier_waits, 4);
	ck_assert_uint_eq(stats.barrier_timeouts, 0);
}
END_TEST

START_TEST(never_waits_for_later_numbers)
{
	struct guest a = GUEST("a");
	uint64_t number = peal_barrier_issue(&barrier);
	peal_barrier_wait(&barrier, &a.waiter, number);
	peal_barrier_issue(&barrier);
	peal_barrier_reach(&barrier, number);
	ck_assert_str_eq(trace, "a");
}
END_TEST

START_TEST(forgets_who_cancelled_even_while_others_are_let_in)
{
	struct guest a = GUEST("a"), b = GUEST("b"), c = GUEST("c");
	uint64_t number = peal_barrier_issue(&barrier);
	a.cancels = &b;
	peal_barrier_wait(&barrier, &a.waiter, number);
	peal_barrier_wait(&barrier, &b.waiter, number);
	peal_barrier_wait(&barrier, &c.waiter, number);
	peal_barrier_cancel(&c.waiter);
	peal_barrier_reach(&barrier, number);
	ck_assert_str_eq(trace, "a");
}
END_TEST

START_TEST(who_is_let_in_may_wait_for_another_number)
{
	struct guest a = GUEST("a");
	a.waiter.fn = wait_again;
	peal_barrier_wait(&barrier, &a.waiter, peal_barrier_issue(&barrier));
	peal_barrier_reach(&barrier, barrier.issued);
	ck_assert_str_eq(trace, "again ");
	peal_barrier_reach(&barrier, barrier.issued);
	ck_assert_str_eq(trace, "again a");
}
END_TEST

START_TEST(gives_up_after_the_limit_and_counts_it)
{
	struct guest a = GUEST("a"), b = GUEST("b");
	uint64_t number = peal_barrier_issue(&barrier);
	peal_barrier_wait(&barrier, &a.waiter, number);
	peal_barrier_wait(&barrier, &b.waiter, number);
	fake_clock_advance(&now, loop, PEAL_LIMIT_BARRIER_MS - 10);
	ck_assert_str_eq(trace, "");
	fake_clock_advance(&now, loop, 20);
	ck_assert_str_eq(trace, "ab");
	ck_assert(peal_barrier_reached(&barrier, number));
	ck_assert_uint_eq(stats.barrier_timeouts, 2);
	/* The late confirmation changes nothing. */
	peal_barrier_reach(&barrier, number);
	ck_assert_uint_eq(stats.barrier_timeouts, 2);
}
END_TEST

START_TEST(each_number_has_its_own_time)
{
	/* A number is outstanding at all times, and none is ever reached: still nobody waits longer
	 * than the limit, and nobody much shorter. */
	enum { GUESTS = 60, APART_MS = 50 };
	struct guest guests[GUESTS];
	for (int i = 0; i < GUESTS; i++) {
		guests[i] = GUEST("x");
		peal_barrier_wait(&barrier, &guests[i].waiter, peal_barrier_issue(&barrier));
		int due = i - (int)(PEAL_LIMIT_BARRIER_MS / APART_MS) - 1;
		if (due >= 0)
			ck_assert(!peal_list_linked(&guests[due].waiter.link));
		int early = i - (int)(PEAL_LIMIT_BARRIER_MS / 2 / APART_MS);
		if (early >= 0)
			ck_assert(peal_list_linked(&guests[early].waiter.link));
		fake_clock_advance(&now, loop, APART_MS);
	}
	fake_clock_advance(&now, loop, PEAL_LIMIT_BARRIER_MS + 10);
	ck_assert_uint_eq(strlen(trace), GUESTS);
	ck_assert_uint_eq(stats.barrier_timeouts, GUESTS);
}
END_TEST

START_TEST(a_lost_connection_lets_everything_go)
{
	struct guest a = GUEST("a"), b = GUEST("b");
	peal_barrier_wait(&barrier, &a.waiter, peal_barrier_issue(&barrier));
	peal_barrier_wait(&barrier, &b.waiter, peal_barrier_issue(&barrier));
	peal_barrier_let_go(&barrier);
	ck_assert_str_eq(trace, "ab");
	ck_assert_uint_eq(stats.barrier_timeouts, 2);
	/* And without anybody waiting it is nothing to count. */
	peal_barrier_issue(&barrier);
	peal_barrier_let_go(&barrier);
	ck_assert_uint_eq(stats.barrier_timeouts, 2);
	ck_assert(!peal_barrier_reached(&barrier, peal_barrier_issue(&barrier)));
}
END_TEST

START_TEST(the_end_lets_everything_go_for_good)
{
	struct guest a = GUEST("a");
	peal_barrier_wait(&barrier, &a.waiter, peal_barrier_issue(&barrier));
	peal_barrier_deinit(&barrier);
	ck_assert_str_eq(trace, "a");
	ck_assert(peal_barrier_reached(&barrier, peal_barrier_issue(&barrier)));
}
END_TEST

UNIT_MAIN_WITH("barrier", set_up, tear_down, nothing_waits_while_nothing_is_outstanding,
	       lets_in_by_number_whatever_the_order_of_coming, never_waits_for_later_numbers,
	       forgets_who_cancelled_even_while_others_are_let_in,
	       who_is_let_in_may_wait_for_another_number, gives_up_after_the_limit_and_counts_it,
	       each_number_has_its_own_time, a_lost_connection_lets_everything_go,
	       the_end_lets_everything_go_for_good)
