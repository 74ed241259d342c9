/* When joined acknowledgements leave. */
#include "cluster/batch.h"
#include "tests/unit/unit.h"

static struct peal_batch batch;

static void begin(void)
{
	peal_batch_begin(&batch, 1000, 5000);
}

START_TEST(each_wait_is_four_times_the_one_before)
{
	ck_assert_uint_eq(peal_batch_wait(&batch, 1000), 10);
	ck_assert_uint_eq(peal_batch_wait(&batch, 1015), 40);
	ck_assert_uint_eq(peal_batch_wait(&batch, 1100), 160);
	ck_assert_uint_eq(peal_batch_wait(&batch, 1400), 640);
	ck_assert_uint_eq(peal_batch_wait(&batch, 2200), 2560);
}
END_TEST

START_TEST(at_eighty_percent_everything_leaves)
{
	for (int i = 0; i < 5; i++)
		peal_batch_wait(&batch, 1000);
	ck_assert_uint_eq(peal_batch_wait(&batch, 4900), 100);
	ck_assert_uint_eq(peal_batch_wait(&batch, 4999), 1);
}
END_TEST

START_TEST(after_eighty_percent_the_waits_begin_anew)
{
	for (int i = 0; i < 5; i++)
		peal_batch_wait(&batch, 1000);
	ck_assert_uint_eq(peal_batch_wait(&batch, 5000), 10);
	ck_assert_uint_eq(peal_batch_wait(&batch, 5020), 40);
	ck_assert_uint_eq(peal_batch_wait(&batch, 5100), 160);
	ck_assert_uint_eq(peal_batch_wait(&batch, 5300), 640);
}
END_TEST

START_TEST(what_is_held_leaves_shortly_before_the_deadline_and_at_it)
{
	for (int i = 0; i < 5; i++)
		peal_batch_wait(&batch, 5000);
	ck_assert_uint_eq(peal_batch_wait(&batch, 5900), 70);
	ck_assert_uint_eq(peal_batch_wait(&batch, 5980), 20);
	ck_assert_uint_eq(peal_batch_wait(&batch, 6000), 0);
	ck_assert_uint_eq(peal_batch_wait(&batch, 9000), 0);
}
END_TEST

START_TEST(very_short_and_very_long_timeouts_have_a_schedule_too)
{
	peal_batch_begin(&batch, 0, 1);
	ck_assert_uint_le(peal_batch_wait(&batch, 0), 1);
	ck_assert_uint_eq(peal_batch_wait(&batch, 1), 0);
	peal_batch_begin(&batch, 0, UINT32_MAX);
	unsigned wait = 0;
	for (int i = 0; i < 40; i++)
		wait = peal_batch_wait(&batch, 0);
	ck_assert_uint_gt(wait, 1000000000);
}
END_TEST

UNIT_MAIN_WITH("cluster_batch", begin, NULL, each_wait_is_four_times_the_one_before,
	       at_eighty_percent_everything_leaves, after_eighty_percent_the_waits_begin_anew,
	       what_is_held_leaves_shortly_before_the_deadline_and_at_it,
	       very_short_and_very_long_timeouts_have_a_schedule_too)
