/* Outboxes that share what is queued. */
#include <errno.h>
#include <string.h>

#include "engine/outbox.h"
#include "tests/support/scarce_memory.h"
#include "tests/unit/unit.h"

static struct peal_stats stats;
static struct peal_outbox_pool pool;

static void set_up(void)
{
	memset(&stats, 0, sizeof(stats));
	pool = (struct peal_outbox_pool){ .stats = &stats };
	scarce = (struct scarce_memory){ 0 };
}

static void tear_down(void)
{
	ck_assert_ptr_null(pool.newest);
	ck_assert_uint_eq(stats.outbox_bytes, 0);
	ck_assert_uint_eq(stats.frames, 0);
}

static struct peal_frame *make(size_t number)
{
	struct peal_frame *frame = peal_frame_new_copy(&stats, false, &number, sizeof(number));
	ck_assert_ptr_nonnull(frame);
	return frame;
}

static void push(struct peal_outbox *outbox, struct peal_frame *frame)
{
	ck_assert_int_eq(peal_outbox_push(outbox, &pool, frame), 0);
}

/* A frame that nobody else has. */
static void push_own(struct peal_outbox *outbox, size_t number)
{
	struct peal_frame *frame = make(number);
	push(outbox, frame);
	peal_frame_unref(frame);
}

static void push_all(struct peal_outbox *outboxes, size_t count, size_t number)
{
	struct peal_frame *frame = make(number);
	for (size_t i = 0; i < count; i++)
		push(&outboxes[i], frame);
	peal_frame_unref(frame);
}

static void clear_all(struct peal_outbox *outboxes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		peal_outbox_clear(&outboxes[i], &pool);
}

static size_t number_of(struct peal_frame *frame)
{
	size_t number;
	memcpy(&number, peal_frame_payload(frame), sizeof(number));
	return number;
}

/* A model: what goes in comes out in order, whatever the sizes of the bites. */
START_TEST(an_outbox_keeps_order_over_its_sequences)
{
	struct peal_outbox outbox = { 0 };
	struct peal_frame *frames[200];
	unsigned pushed = 0, popped = 0;
	for (unsigned i = 0; i < 200; i++)
		frames[i] = peal_frame_new_copy(&stats, false, &(char){ (char)i }, 1);
	srand(3);
	while (popped < 200) {
		for (int n = rand() % 40; n > 0 && pushed < 200; n--)
			ck_assert_int_eq(peal_outbox_push(&outbox, &pool, frames[pushed++]), 0);
		struct peal_frame *const *seen = peal_outbox_frames(&outbox);
		size_t count = (size_t)rand() % 50;
		count = count < outbox.count ? count : outbox.count;
		for (size_t i = 0; i < count; i++)
			ck_assert_ptr_eq(seen[i], frames[popped + i]);
		ck_assert_uint_eq(outbox.bytes, pushed - popped);
		peal_outbox_pop(&outbox, &pool, count);
		popped += (unsigned)count;
	}
	ck_assert(peal_outbox_empty(&outbox));
	ck_assert_ptr_null(outbox.sequence);
	for (unsigned i = 0; i < 200; i++)
		peal_frame_unref(frames[i]);
}
END_TEST

START_TEST(one_frame_needs_no_memory)
{
	struct peal_outbox outbox = { 0 };
	struct peal_frame *frame = make(1);
	/* Check allocates as well, so nothing is checked in between. */
	size_t before = scarce.allocations;
	int r = peal_outbox_push(&outbox, &pool, frame);
	struct peal_frame *queued = peal_outbox_frames(&outbox)[0];
	peal_outbox_pop(&outbox, &pool, 1);
	size_t after = scarce.allocations;
	ck_assert_int_eq(r, 0);
	ck_assert_ptr_eq(queued, frame);
	ck_assert_uint_eq(after, before);
	peal_frame_unref(frame);
}
END_TEST

START_TEST(who_was_sent_the_same_shares_one_sequence)
{
	struct peal_outbox outboxes[100] = { 0 };
	for (size_t number = 0; number < 8; number++)
		push_all(outboxes, 100, number);
	for (size_t i = 0; i < 100; i++) {
		ck_assert_uint_eq(outboxes[i].count, 8);
		ck_assert_ptr_eq(outboxes[i].sequence, outboxes[0].sequence);
	}
	ck_assert_uint_eq(outboxes[0].sequence->references, 100);
	/* A longer one takes the place of one that is full, for all of them. */
	for (size_t number = 8; number < 100; number++)
		push_all(outboxes, 100, number);
	for (size_t i = 0; i < 100; i++)
		ck_assert_ptr_eq(outboxes[i].sequence, outboxes[0].sequence);
	clear_all(outboxes, 100);
}
END_TEST

START_TEST(who_is_sent_something_else_goes_a_way_of_its_own)
{
	struct peal_outbox outboxes[3] = { 0 };
	static const size_t expected[3][4] = { { 1, 2, 4 }, { 1, 2, 3, 4 }, { 1, 2, 4 } };
	push_all(outboxes, 3, 1);
	push_all(outboxes, 3, 2);
	push_own(&outboxes[1], 3);
	push_all(outboxes, 3, 4);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(outboxes[i].count, i == 1 ? 4 : 3);
		for (size_t k = 0; k < outboxes[i].count; k++)
			ck_assert_uint_eq(number_of(peal_outbox_frames(&outboxes[i])[k]),
					  expected[i][k]);
	}
	ck_assert_ptr_ne(outboxes[0].sequence, outboxes[1].sequence);
	ck_assert_ptr_eq(outboxes[0].sequence, outboxes[2].sequence);
	clear_all(outboxes, 3);
}
END_TEST

/* Its frames count against the limit of a slow reader only while they are queued. */
START_TEST(what_has_left_an_outbox_is_not_kept_by_what_has_not)
{
	struct peal_outbox outboxes[2] = { 0 };
	for (size_t number = 0; number < 50; number++)
		push_all(outboxes, 2, number);
	peal_outbox_pop(&outboxes[0], &pool, 40);
	ck_assert_uint_eq(stats.frames, 50);
	peal_outbox_pop(&outboxes[1], &pool, 30);
	ck_assert_uint_eq(stats.frames, 20);
	peal_outbox_pop(&outboxes[1], &pool, 1);
	ck_assert_uint_eq(stats.frames, 19);
	/* Down to one, up again. */
	peal_outbox_pop(&outboxes[1], &pool, 18);
	peal_outbox_clear(&outboxes[0], &pool);
	ck_assert_uint_eq(stats.frames, 1);
	push_own(&outboxes[1], 50);
	ck_assert_uint_eq(number_of(peal_outbox_frames(&outboxes[1])[0]), 49);
	ck_assert_uint_eq(number_of(peal_outbox_frames(&outboxes[1])[1]), 50);
	clear_all(outboxes, 2);
}
END_TEST

START_TEST(without_memory_a_push_fails_and_changes_nothing_and_a_pop_succeeds)
{
	struct peal_outbox outboxes[2] = { 0 };
	struct peal_frame *frame = make(99);
	for (size_t number = 0; number < 14; number++)
		push_all(outboxes, 2, number);
	scarce.failing = 1;
	ck_assert_int_eq(peal_outbox_push(&outboxes[0], &pool, frame), -ENOMEM);
	ck_assert_uint_eq(outboxes[0].count, 14);
	ck_assert_uint_eq(outboxes[0].bytes, 14 * sizeof(size_t));
	scarce.failing = 1;
	peal_outbox_pop(&outboxes[0], &pool, 5);
	ck_assert(scarce.failed);
	ck_assert_uint_eq(outboxes[0].count, 9);
	ck_assert_uint_eq(number_of(peal_outbox_frames(&outboxes[0])[0]), 5);
	ck_assert_uint_eq(number_of(peal_outbox_frames(&outboxes[0])[8]), 13);
	scarce.failing = 0;
	push(&outboxes[0], frame);
	ck_assert_ptr_eq(peal_outbox_frames(&outboxes[0])[9], frame);
	ck_assert_uint_eq(number_of(peal_outbox_frames(&outboxes[1])[0]), 0);
	clear_all(outboxes, 2);
	peal_frame_unref(frame);
}
END_TEST

/* Many that are sent the same and other things, and read as they like: each has its own order. */
START_TEST(shared_outboxes_are_as_if_each_stood_alone)
{
	enum { COUNT = 20, QUEUE = 4000 };
	static struct peal_outbox outboxes[COUNT];
	static size_t model[COUNT][QUEUE], head[COUNT], tail[COUNT];
	srand(5);
	for (size_t number = 1; number < QUEUE; number++) {
		struct peal_frame *frame = make(number);
		unsigned share = (unsigned)rand() % 8;
		for (size_t i = 0; i < COUNT; i++) {
			/* Mostly all, sometimes some, sometimes one. */
			if (share == 0 ? rand() % 2 : share == 1 ? i != number % COUNT : 0)
				continue;
			push(&outboxes[i], frame);
			model[i][tail[i]++] = number;
		}
		peal_frame_unref(frame);
		for (size_t i = 0; i < COUNT; i++) {
			/* The first few are slow. */
			if (rand() % (i < 5 ? 20 : 2))
				continue;
			size_t count = outboxes[i].count;
			if (rand() % 3 == 0 && count)
				count = (size_t)rand() % count;
			scarce.failing = rand() % 4 == 0;
			peal_outbox_pop(&outboxes[i], &pool, count);
			scarce.failing = 0;
			head[i] += count;
		}
		uint64_t bytes = 0;
		for (size_t i = 0; i < COUNT; i++) {
			ck_assert_uint_eq(outboxes[i].count, tail[i] - head[i]);
			ck_assert_uint_eq(outboxes[i].bytes, outboxes[i].count * sizeof(size_t));
			bytes += outboxes[i].bytes;
			for (size_t k = 0; k < outboxes[i].count; k++)
				ck_assert_uint_eq(number_of(peal_outbox_frames(&outboxes[i])[k]),
						  model[i][head[i] + k]);
		}
		ck_assert_uint_eq(stats.outbox_bytes, bytes);
	}
	clear_all(outboxes, COUNT);
}
END_TEST

UNIT_MAIN_WITH("outbox", set_up, tear_down, an_outbox_keeps_order_over_its_sequences,
	       one_frame_needs_no_memory, who_was_sent_the_same_shares_one_sequence,
	       who_is_sent_something_else_goes_a_way_of_its_own,
	       what_has_left_an_outbox_is_not_kept_by_what_has_not,
	       without_memory_a_push_fails_and_changes_nothing_and_a_pop_succeeds,
	       shared_outboxes_are_as_if_each_stood_alone)
