/* The even stream of a drain, on a clock that the tests move. */
#include "app/pace.h"
#include "unit.h"

static struct peal_pace pace;

START_TEST(the_stream_is_even_and_ends_in_time)
{
	size_t left = 1000, at_half = 0;
	peal_pace_init(&pace, 5000, 15000);
	for (uint64_t now = 5050; now < 15000; now += 50) {
		size_t due = peal_pace_due(&pace, left, now);
		ck_assert_uint_le(due, 6);
		left -= due;
		if (now == 10000)
			at_half = left;
	}
	ck_assert_uint_ge(at_half, 495);
	ck_assert_uint_le(at_half, 505);
	ck_assert_uint_le(left, 6);
	ck_assert_uint_eq(peal_pace_due(&pace, left, 15000), left);
}
END_TEST

START_TEST(those_that_go_by_themselves_make_it_slower)
{
	size_t left = 1000;
	peal_pace_init(&pace, 0, 10000);
	for (uint64_t now = 50; now <= 5000; now += 50) {
		left -= peal_pace_due(&pace, left, now);
	}
	/* All but a hundred leave; the rest of the time is theirs. */
	left = 100;
	for (uint64_t now = 5050; now < 10000; now += 50) {
		size_t due = peal_pace_due(&pace, left, now);
		ck_assert_uint_le(due, 2);
		left -= due;
	}
	ck_assert_uint_le(left, 2);
}
END_TEST

START_TEST(few_are_spread_over_the_whole_time)
{
	uint64_t gone[2] = { 0 };
	size_t left = 2;
	peal_pace_init(&pace, 0, 10000);
	for (uint64_t now = 50; now <= 10000 && left; now += 50)
		for (size_t due = peal_pace_due(&pace, left, now); due; due--)
			gone[--left] = now;
	ck_assert_uint_gt(gone[1], 1000);
	ck_assert_uint_lt(gone[1], 9000);
	ck_assert_uint_ge(gone[0], 9000);
}
END_TEST

START_TEST(what_a_standstill_missed_is_not_done_at_once)
{
	size_t left = 1000;
	peal_pace_init(&pace, 0, 10000);
	left -= peal_pace_due(&pace, left, 50);
	/* Five seconds are gone, and half a second's worth is done at most. */
	ck_assert_uint_le(peal_pace_due(&pace, left, 5050), 60);
}
END_TEST

START_TEST(an_end_that_is_moved_is_kept)
{
	size_t left = 1000;
	peal_pace_init(&pace, 0, 100000);
	left -= peal_pace_due(&pace, left, 50);
	pace.end_ms = 1050;
	for (uint64_t now = 100; now < 1050; now += 50)
		left -= peal_pace_due(&pace, left, now);
	ck_assert_uint_le(left, 60);
	ck_assert_uint_eq(peal_pace_due(&pace, left, 1050), left);
	ck_assert_uint_eq(peal_pace_due(&pace, 0, 2000), 0);
}
END_TEST

UNIT_MAIN("pace", the_stream_is_even_and_ends_in_time, those_that_go_by_themselves_make_it_slower,
	  few_are_spread_over_the_whole_time, what_a_standstill_missed_is_not_done_at_once,
	  an_end_that_is_moved_is_kept)
