/* The rate at which new sessions are let in, on a clock that the tests move. */
#include "engine/admission.h"
#include "unit.h"

static struct peal_admission admission;

/* How many of @tries that come at @now_ms are let in. */
static unsigned come(unsigned tries, uint64_t now_ms)
{
	unsigned in = 0;
	for (unsigned i = 0; i < tries; i++)
		in += peal_admission_take(&admission, now_ms);
	return in;
}

START_TEST(without_a_rate_everybody_comes_in)
{
	peal_admission_init(&admission, 0, 100, 0);
	ck_assert_uint_eq(come(100000, 5), 100000);
}
END_TEST

START_TEST(a_tenth_of_a_second_comes_in_at_once_and_the_rest_at_the_rate)
{
	peal_admission_init(&admission, 200, 100, 1000);
	ck_assert_uint_eq(come(1000, 1000), 20);
	ck_assert_uint_eq(come(1000, 1000), 0);
	/* One each five milliseconds. */
	ck_assert_uint_eq(come(1000, 1004), 0);
	ck_assert_uint_eq(come(1000, 1005), 1);
	ck_assert_uint_eq(come(1000, 1015), 2);
}
END_TEST

START_TEST(the_rate_is_kept_whenever_they_come)
{
	static const unsigned steps[] = { 1, 3, 7, 20, 50 };
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		uint64_t now_ms = 77;
		unsigned in = 0;
		peal_admission_init(&admission, 30, 100, now_ms);
		for (; now_ms < 77 + 20000; now_ms += steps[i])
			in += come(100, now_ms);
		ck_assert_uint_le(in, 30 * 20 + 3);
		ck_assert_uint_ge(in, 30 * 20 - 3);
	}
}
END_TEST

START_TEST(a_rate_below_ten_lets_one_in_at_a_time)
{
	peal_admission_init(&admission, 1, 100, 0);
	ck_assert_uint_eq(come(10, 0), 1);
	ck_assert_uint_eq(come(10, 999), 0);
	ck_assert_uint_eq(come(10, 1000), 1);
	/* A quiet hour is not saved up. */
	ck_assert_uint_eq(come(10, 3600000), 1);
}
END_TEST

START_TEST(a_burst_of_a_second_is_a_second_s_worth)
{
	peal_admission_init(&admission, 3, 1000, 0);
	ck_assert_uint_eq(come(10, 0), 3);
	ck_assert_uint_eq(come(10, 333), 0);
	ck_assert_uint_eq(come(10, 334), 1);
	ck_assert_uint_eq(come(10, 1334), 3);
	/* It was empty a second ago. */
	ck_assert_uint_eq(come(10, 2334), 3);
}
END_TEST

START_TEST(to_ask_takes_nobody_s_place)
{
	peal_admission_init(&admission, 10, 100, 0);
	for (int i = 0; i < 3; i++)
		ck_assert(peal_admission_open(&admission, 0));
	ck_assert_uint_eq(come(2, 0), 1);
	ck_assert(!peal_admission_open(&admission, 99));
	ck_assert(peal_admission_open(&admission, 100));
	ck_assert_uint_eq(come(2, 100), 1);
}
END_TEST

START_TEST(no_time_and_no_rate_overflows)
{
	peal_admission_init(&admission, UINT32_MAX, UINT32_MAX, 0);
	ck_assert(peal_admission_take(&admission, UINT64_MAX / 2));
	ck_assert(peal_admission_take(&admission, UINT64_MAX));
	peal_admission_init(&admission, 1, 100, 0);
	ck_assert_uint_eq(come(10, UINT64_MAX), 1);
}
END_TEST

UNIT_MAIN("admission", without_a_rate_everybody_comes_in,
	  a_tenth_of_a_second_comes_in_at_once_and_the_rest_at_the_rate,
	  the_rate_is_kept_whenever_they_come, a_burst_of_a_second_is_a_second_s_worth,
	  to_ask_takes_nobody_s_place, a_rate_below_ten_lets_one_in_at_a_time,
	  no_time_and_no_rate_overflows)
