#include "tests/unit/unit.h"

#include <errno.h>

#include "base/buffer.h"

START_TEST(what_is_appended_is_there_and_ends_with_a_nul)
{
	struct peal_buffer buffer = PEAL_BUFFER(1000);
	peal_buffer_append_text(&buffer, "hello");
	peal_buffer_append_char(&buffer, ' ');
	peal_buffer_append(&buffer, "world\0!", 7);
	ck_assert_int_eq(peal_buffer_error(&buffer), 0);
	ck_assert_uint_eq(buffer.length, 13);
	ck_assert_mem_eq(buffer.bytes, "hello world\0!\0", 14);
	peal_buffer_deinit(&buffer);
	ck_assert_ptr_null(buffer.bytes);
	ck_assert_uint_eq(buffer.ceiling, 1000);
}
END_TEST

START_TEST(a_buffer_grows_up_to_its_ceiling_exactly)
{
	struct peal_buffer buffer = PEAL_BUFFER(300);
	for (int i = 0; i < 300; i++)
		peal_buffer_append_char(&buffer, (char)('a' + i % 26));
	ck_assert_int_eq(peal_buffer_error(&buffer), 0);
	ck_assert_uint_eq(buffer.length, 300);
	for (int i = 0; i < 300; i++)
		ck_assert_int_eq(buffer.bytes[i], 'a' + i % 26);
	peal_buffer_append_char(&buffer, 'x');
	ck_assert_int_eq(peal_buffer_error(&buffer), -EMSGSIZE);
	ck_assert_uint_eq(buffer.length, 300);
	peal_buffer_deinit(&buffer);
}
END_TEST

START_TEST(the_first_failure_sticks_until_the_buffer_is_cleared)
{
	struct peal_buffer buffer = PEAL_BUFFER(4);
	peal_buffer_append_text(&buffer, "abc");
	peal_buffer_append_text(&buffer, "def");
	ck_assert_int_eq(peal_buffer_error(&buffer), -EMSGSIZE);
	peal_buffer_append_text(&buffer, "g");
	ck_assert_uint_eq(buffer.length, 3);
	ck_assert_ptr_null(peal_buffer_reserve(&buffer, 0));
	peal_buffer_clear(&buffer);
	peal_buffer_append_text(&buffer, "defg");
	ck_assert_int_eq(peal_buffer_error(&buffer), 0);
	ck_assert_str_eq(buffer.bytes, "defg");
	peal_buffer_deinit(&buffer);
}
END_TEST

START_TEST(a_length_near_the_largest_size_does_not_wrap_around)
{
	struct peal_buffer buffer = PEAL_BUFFER(100);
	peal_buffer_append_text(&buffer, "abc");
	ck_assert_ptr_null(peal_buffer_reserve(&buffer, SIZE_MAX));
	ck_assert_int_eq(peal_buffer_error(&buffer), -EMSGSIZE);
	peal_buffer_clear(&buffer);
	ck_assert_ptr_null(peal_buffer_reserve(&buffer, SIZE_MAX - 1));
	peal_buffer_deinit(&buffer);
}
END_TEST

START_TEST(formatted_text_is_appended_and_bounded_by_the_ceiling)
{
	struct peal_buffer buffer = PEAL_BUFFER(12);
	peal_buffer_append_format(&buffer, "%d-%s", 42, "abc");
	ck_assert_str_eq(buffer.bytes, "42-abc");
	peal_buffer_append_format(&buffer, "%s", "defghi");
	ck_assert_str_eq(buffer.bytes, "42-abcdefghi");
	peal_buffer_append_format(&buffer, "%d", 1);
	ck_assert_int_eq(peal_buffer_error(&buffer), -EMSGSIZE);
	ck_assert_str_eq(buffer.bytes, "42-abcdefghi");
	peal_buffer_deinit(&buffer);
}
END_TEST

START_TEST(numbers_are_appended_in_decimal)
{
	struct peal_buffer buffer = PEAL_BUFFER(1000);
	peal_buffer_append_natural(&buffer, 0);
	peal_buffer_append_char(&buffer, ' ');
	peal_buffer_append_natural(&buffer, UINT64_MAX);
	peal_buffer_append_char(&buffer, ' ');
	peal_buffer_append_integer(&buffer, 1090);
	peal_buffer_append_char(&buffer, ' ');
	peal_buffer_append_integer(&buffer, -1);
	peal_buffer_append_char(&buffer, ' ');
	peal_buffer_append_integer(&buffer, INT64_MAX);
	peal_buffer_append_char(&buffer, ' ');
	peal_buffer_append_integer(&buffer, INT64_MIN);
	ck_assert_str_eq(buffer.bytes, "0 18446744073709551615 1090 -1 9223372036854775807 "
				       "-9223372036854775808");
	peal_buffer_deinit(&buffer);
}
END_TEST

START_TEST(reserved_room_may_be_written_directly)
{
	struct peal_buffer buffer = PEAL_BUFFER(1000);
	char *to = peal_buffer_reserve(&buffer, 200);
	ck_assert_ptr_nonnull(to);
	memset(to, 'z', 200);
	buffer.length += 200;
	peal_buffer_append_text(&buffer, "end");
	ck_assert_uint_eq(buffer.length, 203);
	ck_assert_str_eq(buffer.bytes + 199, "zend");
	peal_buffer_deinit(&buffer);
}
END_TEST

START_TEST(appending_nothing_to_an_empty_buffer_is_no_failure)
{
	struct peal_buffer buffer = PEAL_BUFFER(0);
	peal_buffer_append(&buffer, NULL, 0);
	peal_buffer_append_text(&buffer, "");
	ck_assert_int_eq(peal_buffer_error(&buffer), 0);
	ck_assert_uint_eq(buffer.length, 0);
	peal_buffer_deinit(&buffer);
	peal_buffer_deinit(&buffer);
}
END_TEST

UNIT_MAIN("buffer", what_is_appended_is_there_and_ends_with_a_nul,
	  a_buffer_grows_up_to_its_ceiling_exactly,
	  the_first_failure_sticks_until_the_buffer_is_cleared,
	  a_length_near_the_largest_size_does_not_wrap_around,
	  formatted_text_is_appended_and_bounded_by_the_ceiling, numbers_are_appended_in_decimal,
	  reserved_room_may_be_written_directly, appending_nothing_to_an_empty_buffer_is_no_failure)
