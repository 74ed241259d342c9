/* The wheel of deadlines: everything comes out once, not early and not late, whatever the clock
 * does. */
#include "unit.h"

#include "app/access/expiry.h"

#define START 1700000000
#define MANY 5000

static struct peal_expiry wheel;
static struct peal_expiry_entry entries[MANY];

static size_t drain(int64_t now)
{
	struct peal_expiry_entry *entry;
	size_t count = 0;

	while ((entry = peal_expiry_next(&wheel, now))) {
		ck_assert_int_le(entry->at, now);
		ck_assert_ptr_null(entry->link);
		count++;
	}
	return count;
}

START_TEST(an_entry_comes_out_in_its_second_and_once)
{
	peal_expiry_init(&wheel, START);
	peal_expiry_add(&wheel, &entries[0], START + 10);
	ck_assert_uint_eq(drain(START + 9), 0);
	ck_assert_uint_eq(wheel.count, 1);
	ck_assert_ptr_eq(peal_expiry_next(&wheel, START + 10), &entries[0]);
	ck_assert_uint_eq(drain(START + 5000), 0);
	ck_assert_uint_eq(wheel.count, 0);
}
END_TEST

START_TEST(an_entry_that_is_over_already_comes_out_within_a_second)
{
	peal_expiry_init(&wheel, START);
	ck_assert_uint_eq(drain(START + 3), 0);
	peal_expiry_add(&wheel, &entries[0], START - 1000);
	peal_expiry_add(&wheel, &entries[1], START + 3);
	ck_assert_uint_eq(drain(START + 4), 2);
}
END_TEST

START_TEST(entries_beyond_a_turn_of_the_wheel_wait_for_theirs)
{
	peal_expiry_init(&wheel, START);
	for (int i = 0; i < 5; i++)
		peal_expiry_add(&wheel, &entries[i], START + 7 + i * PEAL_EXPIRY_SLOTS);
	for (int i = 0; i < 5; i++) {
		ck_assert_uint_eq(drain(START + 6 + i * PEAL_EXPIRY_SLOTS), 0);
		ck_assert_uint_eq(drain(START + 7 + i * PEAL_EXPIRY_SLOTS), 1);
	}
}
END_TEST

START_TEST(many_entries_come_out_each_in_its_second)
{
	size_t seen = 0;

	peal_expiry_init(&wheel, START);
	for (int i = 0; i < MANY; i++)
		peal_expiry_add(&wheel, &entries[i], START + 1 + i % 3000);
	for (int64_t now = START; now <= START + 3000; now++) {
		size_t due = 0;

		for (int i = 0; i < MANY; i++)
			due += entries[i].at == now;
		ck_assert_uint_eq(drain(now), due);
		seen += due;
	}
	ck_assert_uint_eq(seen, MANY);
}
END_TEST

START_TEST(an_entry_that_was_removed_does_not_come_out_even_when_it_was_due)
{
	peal_expiry_init(&wheel, START);
	for (int i = 0; i < 3; i++)
		peal_expiry_add(&wheel, &entries[i], START + 1);
	struct peal_expiry_entry *first = peal_expiry_next(&wheel, START + 1);
	for (int i = 0; i < 3; i++)
		peal_expiry_remove(&wheel, &entries[i]);
	peal_expiry_remove(&wheel, first);
	ck_assert_uint_eq(wheel.count, 0);
	ck_assert_uint_eq(drain(START + 5000), 0);
}
END_TEST

START_TEST(a_clock_that_jumps_ahead_loses_nothing)
{
	peal_expiry_init(&wheel, START);
	for (int i = 0; i < MANY; i++)
		peal_expiry_add(&wheel, &entries[i], START + i);
	ck_assert_uint_eq(drain(START + 1000000), MANY);
}
END_TEST

START_TEST(a_clock_that_jumps_back_loses_nothing_and_brings_nothing_early)
{
	peal_expiry_init(&wheel, START);
	peal_expiry_add(&wheel, &entries[0], START + 5000);
	ck_assert_uint_eq(drain(START + 4000), 0);
	peal_expiry_add(&wheel, &entries[1], START + 4100);
	ck_assert_uint_eq(drain(START + 100), 0);
	peal_expiry_add(&wheel, &entries[2], START + 200);
	for (int64_t now = START + 100; now < START + 200; now++)
		ck_assert_uint_eq(drain(now), 0);
	ck_assert_ptr_eq(peal_expiry_next(&wheel, START + 200), &entries[2]);
	ck_assert_uint_eq(drain(START + 4099), 0);
	ck_assert_ptr_eq(peal_expiry_next(&wheel, START + 4100), &entries[1]);
	ck_assert_ptr_eq(peal_expiry_next(&wheel, START + 5000), &entries[0]);
}
END_TEST

UNIT_MAIN("expiry", an_entry_comes_out_in_its_second_and_once,
	  an_entry_that_is_over_already_comes_out_within_a_second,
	  entries_beyond_a_turn_of_the_wheel_wait_for_theirs,
	  many_entries_come_out_each_in_its_second,
	  an_entry_that_was_removed_does_not_come_out_even_when_it_was_due,
	  a_clock_that_jumps_ahead_loses_nothing,
	  a_clock_that_jumps_back_loses_nothing_and_brings_nothing_early)
