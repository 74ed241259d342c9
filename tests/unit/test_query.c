#include "tests/unit/unit.h"

#include <errno.h>
#include <peal/engine.h>
#include <string.h>

#include "base/utf8.h"
#include "protocol/text.h"

static void assert_finds(const char *query, const char *name, const char *expected)
{
	size_t length = strlen(query);
	char *exact = malloc(length ? length : 1);
	memcpy(exact, query, length);
	struct peal_buffer value = PEAL_BUFFER(1000);
	int r = peal_query_find(exact, length, name, &value);
	if (expected) {
		ck_assert_int_eq(r, 0);
		ck_assert_str_eq(value.bytes ? value.bytes : "", expected);
	} else {
		ck_assert_int_eq(r, -ENOENT);
		ck_assert_uint_eq(value.length, 0);
	}
	peal_buffer_deinit(&value);
	free(exact);
}

START_TEST(a_parameter_is_found_by_its_whole_name)
{
	assert_finds("EIO=4&transport=polling&sid=abc", "transport", "polling");
	assert_finds("EIO=4&transport=polling&sid=abc", "sid", "abc");
	assert_finds("EIO=4&transport=polling", "sid", NULL);
	assert_finds("xsid=1&sidx=2", "sid", NULL);
	assert_finds("SID=1", "sid", NULL);
	assert_finds("", "sid", NULL);
}
END_TEST

START_TEST(the_last_of_repeated_parameters_wins)
{
	assert_finds("sid=1&sid=2&x=3", "sid", "2");
	assert_finds("sid=1&sid", "sid", "");
	assert_finds("sid=1&%73id=2", "sid", "2");
}
END_TEST

START_TEST(a_parameter_may_be_empty_or_hold_equal_signs)
{
	assert_finds("sid", "sid", "");
	assert_finds("sid=", "sid", "");
	assert_finds("sid=a=b=", "sid", "a=b=");
	assert_finds("=x", "", "x");
	assert_finds("&&&a=1&&", "", NULL);
	assert_finds("&&&a=1&&", "a", "1");
}
END_TEST

START_TEST(values_are_decoded_as_urlsearchparams_does)
{
	assert_finds("q=a+b%20c", "q", "a b c");
	assert_finds("q=%41%62%7e", "q", "Ab~");
	assert_finds("q=%e2%82%ac%E2%82%AC", "q", "\xe2\x82\xac\xe2\x82\xac");
	/* an escape that is none stays */
	assert_finds("q=100%", "q", "100%");
	assert_finds("q=%zz%4", "q", "%zz%4");
	assert_finds("q=%%41", "q", "%A");
	assert_finds("a%20b=1", "a b", "1");
}
END_TEST

START_TEST(malformed_utf8_in_a_value_is_repaired)
{
	assert_finds("q=%ff", "q", PEAL_UTF8_REPLACEMENT);
	assert_finds("q=a%e2%82b", "q", "a" PEAL_UTF8_REPLACEMENT "b");
	assert_finds("q=%f0%9f%98", "q", PEAL_UTF8_REPLACEMENT);
	assert_finds("q=%ed%a0%80", "q",
		     PEAL_UTF8_REPLACEMENT PEAL_UTF8_REPLACEMENT PEAL_UTF8_REPLACEMENT);
	assert_finds("q=%c3\xa9", "q", "\xc3\xa9");
	assert_finds("%ff=1", PEAL_UTF8_REPLACEMENT, "1");
}
END_TEST

START_TEST(a_value_over_the_ceiling_of_its_buffer_is_an_error)
{
	struct peal_buffer value = PEAL_BUFFER(3);
	ck_assert_int_eq(peal_query_find("q=abcd", 6, "q", &value), -EMSGSIZE);
	peal_buffer_deinit(&value);
	ck_assert_int_eq(peal_query_find("q=abc", 5, "q", &value), 0);
	peal_buffer_deinit(&value);
}
END_TEST

static const struct peal_request request = {
	.method = "GET",
	.url = "/socket.io/?token=a%20b&empty=&nul=a%00b&transport=polling",
	.query = "token=a%20b&empty=&nul=a%00b&transport=polling",
	.headers = (const struct peal_header[]){ { "Host", "localhost" },
						 { "X-Test", "first" },
						 { "x-test", "second" } },
	.header_count = 3,
};

START_TEST(a_request_gives_decoded_query_parameters)
{
	char value[16];
	ck_assert_int_eq(peal_request_query(&request, "token", value, sizeof(value)), 3);
	ck_assert_str_eq(value, "a b");
	ck_assert_int_eq(peal_request_query(&request, "empty", value, sizeof(value)), 0);
	ck_assert_str_eq(value, "");
	ck_assert_int_eq(peal_request_query(&request, "missing", value, sizeof(value)), -ENOENT);
}
END_TEST

START_TEST(a_query_parameter_that_does_not_fit_is_refused_not_cut)
{
	char value[16];
	ck_assert_int_eq(peal_request_query(&request, "token", value, 4), 3);
	ck_assert_int_eq(peal_request_query(&request, "token", value, 3), -ENOSPC);
	ck_assert_int_eq(peal_request_query(&request, "empty", value, 0), -ENOSPC);
	ck_assert_int_eq(peal_request_query(&request, "empty", value, 1), 0);
}
END_TEST

START_TEST(a_query_parameter_with_a_nul_is_refused)
{
	char value[16];
	ck_assert_int_eq(peal_request_query(&request, "nul", value, sizeof(value)), -EINVAL);
	ck_assert_int_eq(peal_request_query(&request, "nul", value, 1), -EINVAL);
}
END_TEST

START_TEST(a_header_is_found_in_any_case_and_the_first_one_counts)
{
	ck_assert_str_eq(peal_request_header(&request, "host"), "localhost");
	ck_assert_str_eq(peal_request_header(&request, "X-TEST"), "first");
	ck_assert_ptr_null(peal_request_header(&request, "X-Tes"));
	ck_assert_ptr_null(peal_request_header(&request, "Origin"));
}
END_TEST

UNIT_MAIN("query", a_parameter_is_found_by_its_whole_name, the_last_of_repeated_parameters_wins,
	  a_parameter_may_be_empty_or_hold_equal_signs, values_are_decoded_as_urlsearchparams_does,
	  malformed_utf8_in_a_value_is_repaired, a_value_over_the_ceiling_of_its_buffer_is_an_error,
	  a_request_gives_decoded_query_parameters,
	  a_query_parameter_that_does_not_fit_is_refused_not_cut,
	  a_query_parameter_with_a_nul_is_refused,
	  a_header_is_found_in_any_case_and_the_first_one_counts)
