/* What waits for the backend: order, batches, pauses and ceilings, on a clock that the test moves.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "app/hooks/lanes.h"

static struct peal_lanes lanes;
static uint64_t now_ms;
/* What has left: the texts, and how. */
static char left[64][16];
static enum peal_lane_fate fates[64];
static size_t left_count;

static void on_fate(struct peal_lane_item *item, enum peal_lane_fate fate, void *userdata)
{
	ck_assert_ptr_eq(userdata, &lanes);
	if (fate == PEAL_LANE_LOST)
		return;
	ck_assert_uint_lt(left_count, 64);
	fates[left_count] = fate;
	snprintf(left[left_count++], sizeof(*left), "%.*s", (int)item->length, item->json);
}

static void begin(void)
{
	now_ms = 1000000;
	left_count = 0;
	peal_lanes_init(&lanes, 2, 7, on_fate, &lanes);
	lanes.ceiling = 2 * 10 * (PEAL_LANES_ITEM_BYTES + 1); /* ten of one byte in each */
	lanes.keep_ms = 30000;
}

static void end(void)
{
	peal_lanes_deinit(&lanes);
	ck_assert_uint_eq(lanes.waiting, 0);
	ck_assert_uint_eq(lanes.bytes, 0);
}

static int add_to(uint32_t number, const char *text)
{
	return peal_lanes_add(&lanes, number, strdup(text), strlen(text), false, NULL, now_ms);
}

static void add(const char *text)
{
	ck_assert_int_eq(add_to(0, text), 0);
}

static void expect(const char *batch, const struct peal_lane *lane)
{
	const struct peal_lane_item *item = lane->first;
	char text[256] = "";

	for (size_t i = 0; i < lane->batch; i++, item = item->next)
		strncat(text, item->json, item->length);
	ck_assert_str_eq(text, batch);
}

static struct peal_lane *send_next(const char *batch)
{
	struct peal_lane *lane = peal_lanes_next(&lanes, now_ms);

	ck_assert_ptr_nonnull(lane);
	expect(batch, lane);
	peal_lane_sent(lane);
	return lane;
}

START_TEST(what_comes_while_a_batch_is_under_way_is_the_next_batch)
{
	struct peal_lane *lane;

	add("a");
	lane = send_next("a");
	add("b");
	add("c");
	ck_assert_ptr_null(peal_lanes_next(&lanes, now_ms));
	peal_lanes_end(&lanes, lane, PEAL_LANE_DELIVERED);
	ck_assert_uint_eq(left_count, 1);
	ck_assert_ptr_eq(send_next("bc"), lane);
	peal_lanes_end(&lanes, lane, PEAL_LANE_REFUSED);
	ck_assert_uint_eq(left_count, 3);
	ck_assert_str_eq(left[2], "c");
	ck_assert_int_eq(fates[0], PEAL_LANE_DELIVERED);
	ck_assert_int_eq(fates[2], PEAL_LANE_REFUSED);
	ck_assert_ptr_null(peal_lanes_next(&lanes, now_ms));
}
END_TEST

START_TEST(clients_of_other_lanes_do_not_wait)
{
	struct peal_lane *one, *other;

	ck_assert_int_eq(add_to(2, "a"), 0);
	one = send_next("a");
	ck_assert_int_eq(add_to(4, "b"), 0);
	ck_assert_int_eq(add_to(5, "c"), 0);
	other = send_next("c");
	ck_assert_ptr_ne(one, other);
	ck_assert_ptr_null(peal_lanes_next(&lanes, now_ms));
}
END_TEST

START_TEST(a_batch_is_sent_again_as_it_was_after_growing_pauses)
{
	uint64_t least = 0;

	add("a");
	add("b");
	lanes.keep_ms = UINT64_MAX;
	for (unsigned failures = 0; failures < 12; failures++) {
		struct peal_lane *lane = send_next("ab");
		uint64_t pause;

		if (!failures)
			add("c");
		peal_lanes_again(&lanes, lane, 0, now_ms);
		pause = lane->not_before_ms - now_ms;
		/* A quarter more or less than 250 ms, 500 ms and so on, and 10 s are the most. */
		least = failures < 6 ? (250u << failures) * 3 / 4 : 7500;
		ck_assert_uint_ge(pause, least);
		ck_assert_uint_le(pause, failures < 6 ? (250u << failures) * 5 / 4 : 12500);
		now_ms += pause - 1;
		ck_assert_ptr_null(peal_lanes_next(&lanes, now_ms));
		now_ms++;
	}
	peal_lanes_end(&lanes, send_next("ab"), PEAL_LANE_DELIVERED);
	/* The next failure begins anew. */
	peal_lanes_again(&lanes, send_next("c"), 0, now_ms);
	ck_assert_uint_le(lanes.items[0].not_before_ms - now_ms, 313);
}
END_TEST

START_TEST(the_backend_may_ask_for_a_longer_pause)
{
	struct peal_lane *lane;

	add("a");
	lane = send_next("a");
	peal_lanes_again(&lanes, lane, 5000, now_ms);
	now_ms += 4999;
	ck_assert_ptr_null(peal_lanes_next(&lanes, now_ms));
	now_ms++;
	send_next("a");
}
END_TEST

START_TEST(what_is_too_old_goes_and_the_rest_is_another_batch)
{
	struct peal_lane *lane;

	add("a");
	now_ms += 20000;
	add("b");
	lane = send_next("ab");
	now_ms += 20000;
	/* Not while it is under way: it may be taken. */
	peal_lanes_expire(&lanes, now_ms);
	ck_assert_uint_eq(left_count, 0);
	peal_lanes_again(&lanes, lane, 0, now_ms);
	peal_lanes_expire(&lanes, now_ms);
	ck_assert_uint_eq(left_count, 1);
	ck_assert_str_eq(left[0], "a");
	ck_assert_int_eq(fates[0], PEAL_LANE_EXPIRED);
	add("c");
	now_ms += 1000;
	send_next("bc");
}
END_TEST

START_TEST(what_waits_behind_others_that_are_taken_is_not_too_old)
{
	struct peal_lane *lane;

	add("a");
	lane = send_next("a");
	now_ms++;
	add("b");
	lanes.keep_ms = 0;
	now_ms += 20000;
	peal_lanes_end(&lanes, lane, PEAL_LANE_DELIVERED);
	peal_lanes_expire(&lanes, now_ms);
	ck_assert_uint_eq(left_count, 1);
	/* It had its try now. */
	peal_lanes_again(&lanes, send_next("b"), 0, now_ms);
	peal_lanes_expire(&lanes, now_ms);
	ck_assert_uint_eq(left_count, 2);
	ck_assert_int_eq(fates[1], PEAL_LANE_EXPIRED);
	ck_assert_ptr_null(peal_lanes_next(&lanes, now_ms + 60000));
}
END_TEST

START_TEST(a_batch_has_a_hundred_items_and_its_bytes_are_bounded)
{
	char *text;
	struct peal_lane *lane;

	lanes.ceiling = SIZE_MAX;
	for (int i = 0; i < 101; i++)
		add("x");
	lane = peal_lanes_next(&lanes, now_ms);
	ck_assert_uint_eq(lane->batch, PEAL_LANES_BATCH_ITEMS);
	peal_lane_sent(lane);
	left_count = 0;
	/* The other lane: two that are too long together, and one that is too long alone. */
	for (int i = 0; i < 3; i++) {
		size_t length =
			i == 2 ? 2 * PEAL_LANES_BATCH_BYTES : PEAL_LANES_BATCH_BYTES * 2 / 3;

		text = malloc(length);
		memset(text, 'y', length);
		ck_assert_int_eq(peal_lanes_add(&lanes, 1, text, length, false, NULL, now_ms), 0);
	}
	for (int i = 0; i < 3; i++) {
		lane = peal_lanes_next(&lanes, now_ms);
		ck_assert_ptr_nonnull(lane);
		ck_assert_uint_eq(lane->batch, 1);
		peal_lane_sent(lane);
		peal_lanes_end(&lanes, lane, PEAL_LANE_DELIVERED);
	}
}
END_TEST

START_TEST(a_full_lane_takes_no_more_but_some_of_those_that_matter)
{
	for (int i = 0; i < 10; i++)
		add("x");
	ck_assert_int_eq(add_to(0, "y"), -EBUSY);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(peal_lanes_add(&lanes, 0, strdup("z"), 1, true, NULL, now_ms), 0);
	ck_assert_int_eq(peal_lanes_add(&lanes, 0, strdup("z"), 1, true, NULL, now_ms), -EBUSY);
	/* Nobody else has to do with it. */
	ck_assert_int_eq(add_to(1, "y"), 0);
	ck_assert_uint_eq(lanes.waiting, 13);
	ck_assert_uint_eq(lanes.bytes, 13 * (PEAL_LANES_ITEM_BYTES + 1));
	peal_lanes_end(&lanes, send_next("xxxxxxxxxxzz"), PEAL_LANE_DELIVERED);
	ck_assert_int_eq(add_to(0, "y"), 0);
}
END_TEST

START_TEST(one_that_is_longer_than_the_ceiling_goes_when_nothing_waits_and_is_a_full_lane)
{
	char *text = malloc(100000);

	memset(text, 'x', 100000);
	ck_assert_int_eq(peal_lanes_add(&lanes, 0, text, 100000, false, NULL, now_ms), 0);
	ck_assert_int_eq(add_to(0, "y"), -EBUSY);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(peal_lanes_add(&lanes, 0, strdup("z"), 1, true, NULL, now_ms), 0);
	ck_assert_int_eq(peal_lanes_add(&lanes, 0, strdup("z"), 1, true, NULL, now_ms), -EBUSY);
	peal_lanes_end(&lanes, peal_lanes_next(&lanes, now_ms), PEAL_LANE_DELIVERED);
	ck_assert_int_eq(add_to(0, "y"), 0);
}
END_TEST

UNIT_MAIN_WITH("lanes", begin, end, what_comes_while_a_batch_is_under_way_is_the_next_batch,
	       clients_of_other_lanes_do_not_wait,
	       a_batch_is_sent_again_as_it_was_after_growing_pauses,
	       the_backend_may_ask_for_a_longer_pause,
	       what_is_too_old_goes_and_the_rest_is_another_batch,
	       what_waits_behind_others_that_are_taken_is_not_too_old,
	       a_batch_has_a_hundred_items_and_its_bytes_are_bounded,
	       a_full_lane_takes_no_more_but_some_of_those_that_matter,
	       one_that_is_longer_than_the_ceiling_goes_when_nothing_waits_and_is_a_full_lane)
