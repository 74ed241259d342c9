#include "tests/unit/unit.h"

#include <string.h>

#include "base/frame.h"

static void assert_gone(const struct peal_stats *stats)
{
	ck_assert_uint_eq(stats->frames, 0);
	ck_assert_uint_eq(stats->frame_bytes, 0);
}

/* Seal a frame of this length and compare what stands in front of its payload. */
static void assert_header(size_t length, bool binary, const char *header, size_t header_length)
{
	struct peal_stats stats = { 0 };
	char *payload = malloc(length + 1);
	memset(payload, 'p', length + 1);
	struct peal_frame *frame = peal_frame_new_copy(&stats, binary, payload, length);
	ck_assert_ptr_nonnull(frame);
	ck_assert_uint_eq(stats.frames, 1);
	ck_assert_uint_eq(stats.frames_built, 1);
	ck_assert_uint_eq(stats.frame_bytes, length);
	ck_assert_uint_eq(frame->header_length, header_length);
	ck_assert_uint_eq(peal_frame_wire_length(frame), header_length + length);
	ck_assert_mem_eq(peal_frame_wire(frame), header, header_length);
	ck_assert_ptr_eq(peal_frame_wire(frame) + header_length, peal_frame_payload(frame));
	ck_assert_int_eq(memcmp(peal_frame_payload(frame), payload, length), 0);
	peal_frame_unref(frame);
	assert_gone(&stats);
	free(payload);
}

START_TEST(an_empty_frame_is_sealed_with_a_header_of_two_bytes)
{
	assert_header(0, false, "\x81\x00", 2);
	assert_header(0, true, "\x82\x00", 2);
}
END_TEST

START_TEST(a_frame_of_125_bytes_has_its_length_in_the_second_byte)
{
	assert_header(125, false, "\x81\x7d", 2);
}
END_TEST

START_TEST(a_frame_from_126_to_65535_bytes_has_a_length_of_16_bits)
{
	assert_header(126, false, "\x81\x7e\x00\x7e", 4);
	assert_header(65535, true, "\x82\x7e\xff\xff", 4);
}
END_TEST

START_TEST(a_frame_from_65536_bytes_has_a_length_of_64_bits)
{
	assert_header(65536, false, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
	assert_header(0x123456, true, "\x82\x7f\x00\x00\x00\x00\x00\x12\x34\x56", 10);
}
END_TEST

START_TEST(the_length_may_be_lowered_before_the_seal)
{
	struct peal_stats stats = { 0 };
	struct peal_frame *frame = peal_frame_new(&stats, false, 1000);
	ck_assert_uint_eq(frame->length, 1000);
	ck_assert_uint_eq(stats.frame_bytes, 0);
	memcpy(peal_frame_payload(frame), "4hello", 6);
	frame->length = 6;
	peal_frame_seal(frame);
	ck_assert_mem_eq(peal_frame_wire(frame),
			 "\x81\x06"
			 "4hello",
			 8);
	ck_assert_uint_eq(stats.frame_bytes, 6);
	peal_frame_unref(frame);
	assert_gone(&stats);
}
END_TEST

START_TEST(a_frame_lives_until_its_last_reference_is_given_up)
{
	struct peal_stats stats = { 0 };
	struct peal_frame *frame = peal_frame_new_copy(&stats, false, "2", 1);
	ck_assert_ptr_eq(peal_frame_ref(frame), frame);
	peal_frame_ref(frame);
	peal_frame_unref(frame);
	peal_frame_unref(frame);
	ck_assert_uint_eq(stats.frames, 1);
	ck_assert_mem_eq(peal_frame_payload(frame), "2", 1);
	peal_frame_unref(frame);
	assert_gone(&stats);
	peal_frame_unref(NULL);
}
END_TEST

START_TEST(a_run_goes_with_its_first_frame)
{
	struct peal_stats stats = { 0 };
	struct peal_frame *text = peal_frame_new_copy(&stats, false, "452-[]", 6);
	text->next = peal_frame_new_copy(&stats, true, "ab", 2);
	text->next->next = peal_frame_new_copy(&stats, true, "cde", 3);
	ck_assert_uint_eq(stats.frames, 3);
	ck_assert_uint_eq(stats.frame_bytes, 11);
	peal_frame_unref(text);
	assert_gone(&stats);
}
END_TEST

START_TEST(the_rest_of_a_run_outlives_its_head_while_it_is_referenced)
{
	struct peal_stats stats = { 0 };
	struct peal_frame *text = peal_frame_new_copy(&stats, false, "451-[]", 6);
	struct peal_frame *rest = peal_frame_new_copy(&stats, true, "ab", 2);
	text->next = rest;
	peal_frame_ref(rest);
	peal_frame_unref(text);
	ck_assert_uint_eq(stats.frames, 1);
	ck_assert_uint_eq(stats.frame_bytes, 2);
	ck_assert_mem_eq(peal_frame_payload(rest), "ab", 2);
	peal_frame_unref(rest);
	assert_gone(&stats);
}
END_TEST

START_TEST(the_base64_form_goes_with_its_frame)
{
	struct peal_stats stats = { 0 };
	struct peal_frame *frame = peal_frame_new_copy(&stats, true, "\x01", 1);
	frame->base64 = peal_frame_new_copy(&stats, false, "bAQ==", 5);
	ck_assert_uint_eq(stats.frames, 2);
	peal_frame_unref(frame);
	assert_gone(&stats);
}
END_TEST

START_TEST(a_frame_that_was_never_sealed_can_be_given_up)
{
	struct peal_stats stats = { 0 };
	peal_frame_unref(peal_frame_new(&stats, false, 50));
	assert_gone(&stats);
	ck_assert_uint_eq(stats.frames_built, 1);
}
END_TEST

START_TEST(a_frame_too_large_for_its_length_is_refused)
{
	struct peal_stats stats = { 0 };
	ck_assert_ptr_null(peal_frame_new(&stats, false, UINT32_MAX));
	assert_gone(&stats);
	ck_assert_uint_eq(stats.frames_built, 0);
}
END_TEST

UNIT_MAIN("frame", an_empty_frame_is_sealed_with_a_header_of_two_bytes,
	  a_frame_of_125_bytes_has_its_length_in_the_second_byte,
	  a_frame_from_126_to_65535_bytes_has_a_length_of_16_bits,
	  a_frame_from_65536_bytes_has_a_length_of_64_bits,
	  the_length_may_be_lowered_before_the_seal,
	  a_frame_lives_until_its_last_reference_is_given_up, a_run_goes_with_its_first_frame,
	  the_rest_of_a_run_outlives_its_head_while_it_is_referenced,
	  the_base64_form_goes_with_its_frame, a_frame_that_was_never_sealed_can_be_given_up,
	  a_frame_too_large_for_its_length_is_refused)
