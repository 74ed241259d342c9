#include "tests/unit/unit.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "protocol/json.h"

static bool validates(const char *text, size_t length, struct peal_json_facts *ret_facts)
{
	char *exact = calloc(1, length ? length : 1);
	memcpy(exact, text, length);
	bool r = peal_json_validate(exact, length, ret_facts);
	free(exact);
	return r;
}

static struct peal_json_facts facts_of(const char *text)
{
	struct peal_json_facts facts;
	ck_assert_msg(validates(text, strlen(text), &facts), "%s", text);
	return facts;
}

#define assert_valid(text) ck_assert_msg(facts_of(text).type != PEAL_JSON_INVALID, "%s", text)
#define assert_invalid(text)                                                            \
	do {                                                                            \
		struct peal_json_facts unused;                                          \
		ck_assert_msg(!validates(text, sizeof(text) - 1, &unused), "%s", text); \
	} while (0)

START_TEST(every_kind_of_value_is_valid_at_the_top)
{
	ck_assert_int_eq(facts_of("{}").type, PEAL_JSON_OBJECT);
	ck_assert_int_eq(facts_of("[]").type, PEAL_JSON_ARRAY);
	ck_assert_int_eq(facts_of("\"\"").type, PEAL_JSON_STRING);
	ck_assert_int_eq(facts_of("-0").type, PEAL_JSON_NUMBER);
	ck_assert_int_eq(facts_of("true").type, PEAL_JSON_TRUE);
	ck_assert_int_eq(facts_of("false").type, PEAL_JSON_FALSE);
	ck_assert_int_eq(facts_of(" \t\r\nnull\n").type, PEAL_JSON_NULL);
}
END_TEST

START_TEST(space_is_allowed_around_every_token)
{
	assert_valid(" { \"a\" : [ 1 , { } , [ ] ] , \"b\" : \"c\" } ");
	assert_valid("\t[\n1\r,\t2 ]");
	assert_invalid("[1,\f2]");
	assert_invalid("[1,\v2]");
	assert_invalid("\xc2\xa0[]");
	assert_invalid("\xef\xbb\xbf[]");
}
END_TEST

START_TEST(text_that_is_not_one_value_is_invalid)
{
	assert_invalid("");
	assert_invalid(" ");
	assert_invalid("1 2");
	assert_invalid("[] []");
	assert_invalid("[],");
	assert_invalid("{}x");
	assert_invalid("nul");
	assert_invalid("nulll");
	assert_invalid("True");
	assert_invalid("undefined");
	assert_invalid("NaN");
	assert_invalid("'a'");
	assert_invalid("[]\0");
}
END_TEST

START_TEST(brackets_and_commas_must_match)
{
	assert_invalid("[");
	assert_invalid("]");
	assert_invalid("[1");
	assert_invalid("[1,");
	assert_invalid("[1,]");
	assert_invalid("[,1]");
	assert_invalid("[1 2]");
	assert_invalid("[1}");
	assert_invalid("{\"a\":1]");
	assert_invalid("[[]");
	assert_invalid("[]]");
	assert_invalid("{");
	assert_invalid("{\"a\"}");
	assert_invalid("{\"a\":}");
	assert_invalid("{\"a\":1,}");
	assert_invalid("{,}");
	assert_invalid("{a:1}");
	assert_invalid("{1:1}");
	assert_invalid("{\"a\" 1}");
	assert_invalid("{\"a\"::1}");
	assert_invalid("[\"a\":1]");
	assert_invalid("[1,2]/**/");
}
END_TEST

START_TEST(numbers_follow_the_grammar)
{
	static const char *const numbers[] = {
		"0",   "-0",	 "10",	 "-1.5",  "0.25",
		"1e5", "1E+5",	 "1e-5", "1.0e0", "123456789012345678901234567890",
		"0e0", "-0.0e-0"
	};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		assert_valid(numbers[i]);
	assert_invalid("01");
	assert_invalid("-01");
	assert_invalid("-");
	assert_invalid("+1");
	assert_invalid("1.");
	assert_invalid(".5");
	assert_invalid("1.e5");
	assert_invalid("1e");
	assert_invalid("1e+");
	assert_invalid("0x10");
	assert_invalid("1_000");
	assert_invalid("[-]");
	assert_invalid("[1.,2]");
	assert_invalid("--1");
	assert_invalid("Infinity");
	assert_invalid("-Infinity");
}
END_TEST

START_TEST(strings_hold_what_json_parse_takes)
{
	assert_valid("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uABCD\"");
	/* half surrogate pairs, DEL and the line separators of JavaScript are fine */
	assert_valid("\"\\ud800\"");
	assert_valid("\"\\udc00\\ud800\"");
	assert_valid("\"\x7f\xe2\x80\xa8\xe2\x80\xa9\"");
	assert_valid("\"\\u0000\"");
	assert_invalid("\"");
	assert_invalid("\"abc");
	assert_invalid("\"\\\"");
	assert_invalid("\"\\x41\"");
	assert_invalid("\"\\u12\"");
	assert_invalid("\"\\u12g4\"");
	assert_invalid("\"\\u");
	assert_invalid("\"\\");
	assert_invalid("\"\\U0041\"");
}
END_TEST

START_TEST(raw_control_characters_in_strings_are_invalid)
{
	char text[32];
	struct peal_json_facts facts;
	for (int c = 0; c < 0x80; c++)
		for (int before = 0; before < 10; before++) {
			memset(text, 'x', sizeof(text));
			text[0] = '"';
			text[1 + before] = (char)c;
			text[20] = '"';
			bool expected = c >= 0x20 && c != '"' && c != '\\';
			ck_assert_msg(validates(text, 21, &facts) == expected, "%d at %d", c,
				      before);
		}
}
END_TEST

START_TEST(strings_must_be_utf8)
{
	assert_valid("\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
	assert_valid("{\"\xc3\xa9\":1}");
	assert_invalid("\"\xff\"");
	assert_invalid("\"\xc3\"");
	assert_invalid("\"\xc3");
	assert_invalid("\"\xed\xa0\x80\"");
	assert_invalid("\"\xc0\x80\"");
	assert_invalid("\"abcdefgh\xe2\x82\"");
	assert_invalid("{\"\xff\":1}");
	assert_invalid("[\xc3\xa9]");
}
END_TEST

START_TEST(nesting_ends_at_the_limit)
{
	static char text[2 * PEAL_LIMIT_JSON_DEPTH + 2];
	struct peal_json_facts facts;
	size_t depth = PEAL_LIMIT_JSON_DEPTH;
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	ck_assert(validates(text, 2 * depth, &facts));
	ck_assert_uint_eq(facts.depth, depth);
	depth++;
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	ck_assert(!validates(text, 2 * depth, &facts));
	ck_assert(!validates(text, depth, &facts));
}
END_TEST

START_TEST(facts_tell_items_and_depth)
{
	ck_assert_uint_eq(facts_of("[]").items, 0);
	ck_assert_uint_eq(facts_of(" [ ] ").items, 0);
	ck_assert_uint_eq(facts_of("[1]").items, 1);
	ck_assert_uint_eq(facts_of("[[1,2,3],{\"a\":1,\"b\":2},\"x,y\"]").items, 3);
	ck_assert_uint_eq(facts_of("[[],[]]").items, 2);
	ck_assert_uint_eq(facts_of("{\"a\":1,\"b\":2}").items, 0);
	ck_assert_uint_eq(facts_of("1").depth, 0);
	ck_assert_uint_eq(facts_of("[]").depth, 1);
	ck_assert_uint_eq(facts_of("[{\"a\":[]},[]]").depth, 3);
}
END_TEST

START_TEST(placeholders_are_found_at_any_depth)
{
	struct peal_json_facts facts = facts_of(
		"[{\"_placeholder\":true,\"num\":0},{\"a\":[{\"num\":7,\"_placeholder\":true}]}]");
	ck_assert_uint_eq(facts.placeholders, 2);
	ck_assert_uint_eq(facts.placeholder_max, 7);
	ck_assert(!facts.placeholder_invalid);
}
END_TEST

START_TEST(only_an_object_that_says_exactly_true_is_a_placeholder)
{
	ck_assert_uint_eq(facts_of("[\"_placeholder\",true]").placeholders, 0);
	ck_assert_uint_eq(facts_of("{\"_placeholder\":1,\"num\":0}").placeholders, 0);
	ck_assert_uint_eq(facts_of("{\"_placeholder\":\"true\",\"num\":0}").placeholders, 0);
	ck_assert_uint_eq(facts_of("{\"_placeholder\":false,\"num\":0}").placeholders, 0);
	ck_assert_uint_eq(facts_of("{\"_placeholder\":[true],\"num\":0}").placeholders, 0);
	ck_assert_uint_eq(facts_of("{\"_Placeholder\":true,\"num\":0}").placeholders, 0);
	ck_assert_uint_eq(facts_of("{\"a\":\"_placeholder\",\"num\":true}").placeholders, 0);
	ck_assert_uint_eq(facts_of("{\"_placeholder\":{\"x\":true}}").placeholders, 0);
}
END_TEST

START_TEST(the_last_of_duplicate_keys_counts)
{
	ck_assert_uint_eq(facts_of("{\"_placeholder\":true,\"_placeholder\":false}").placeholders,
			  0);
	struct peal_json_facts facts = facts_of(
		"{\"num\":5,\"_placeholder\":false,\"_placeholder\":true,\"num\":\"x\",\"num\":2}");
	ck_assert_uint_eq(facts.placeholders, 1);
	ck_assert_uint_eq(facts.placeholder_max, 2);
	ck_assert(!facts.placeholder_invalid);
	ck_assert(facts_of("{\"_placeholder\":true,\"num\":1,\"num\":[]}").placeholder_invalid);
	ck_assert(facts_of("{\"_placeholder\":true,\"num\":1,\"num\":{\"num\":1}}")
			  .placeholder_invalid);
}
END_TEST

START_TEST(escaped_keys_count_as_the_keys_they_are)
{
	struct peal_json_facts facts =
		facts_of("{\"\\u005fplacehol\\u0064er\":true,\"n\\u0075m\":3}");
	ck_assert_uint_eq(facts.placeholders, 1);
	ck_assert_uint_eq(facts.placeholder_max, 3);
	facts = facts_of("{\"\\u005f\\u0070\\u006c\\u0061\\u0063\\u0065\\u0068\\u006f\\u006c\\u0064"
			 "\\u0065\\u0072\":true,\"\\u006e\\u0075\\u006d\":4}");
	ck_assert_uint_eq(facts.placeholders, 1);
	ck_assert_uint_eq(facts.placeholder_max, 4);
	ck_assert_uint_eq(facts_of("{\"\\u005fplaceholder\\u0000\":true}").placeholders, 0);
}
END_TEST

START_TEST(a_num_must_be_an_integer_from_zero_up)
{
	static const char *const wrong[] = { "\"0\"", "-1",  "0.5", "1e-1",  "null",
					     "true",  "[0]", "{}",  "1e400", "9007199254740992" };
	char text[80];
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(text, sizeof(text), "{\"_placeholder\":true,\"num\":%s}", wrong[i]);
		ck_assert_msg(facts_of(text).placeholder_invalid, "%s", text);
		snprintf(text, sizeof(text), "{\"num\":%s,\"_placeholder\":true}", wrong[i]);
		ck_assert_msg(facts_of(text).placeholder_invalid, "%s", text);
	}
	ck_assert(facts_of("{\"_placeholder\":true}").placeholder_invalid);
	ck_assert(!facts_of("{\"_placeholder\":true,\"num\":-0}").placeholder_invalid);
	ck_assert_uint_eq(facts_of("{\"_placeholder\":true,\"num\":2.0}").placeholder_max, 2);
	ck_assert_uint_eq(facts_of("{\"_placeholder\":true,\"num\":1e2}").placeholder_max, 100);
	ck_assert_uint_eq(
		facts_of("{\"_placeholder\":true,\"num\":9007199254740991}").placeholder_max,
		9007199254740991);
}
END_TEST

START_TEST(one_object_can_be_asked_whether_it_is_a_placeholder)
{
	uint64_t num;
	static const char yes[] = " { \"x\":{\"num\":5},\"num\" : 3 , \"_placeholder\" : true } ";
	static const char no[] = "{\"a\":{\"_placeholder\":true,\"num\":0}}";
	static const char bad[] = "{\"_placeholder\":true,\"num\":\"0\"}";
	ck_assert(peal_json_placeholder(yes, sizeof(yes) - 1, &num));
	ck_assert_uint_eq(num, 3);
	ck_assert(!peal_json_placeholder(no, sizeof(no) - 1, &num));
	ck_assert(!peal_json_placeholder("{}", 2, &num));
	ck_assert(!peal_json_placeholder("[]", 2, &num));
	ck_assert(peal_json_placeholder(bad, sizeof(bad) - 1, &num));
	ck_assert_uint_eq(num, UINT64_MAX);
}
END_TEST

START_TEST(an_array_is_walked_value_by_value)
{
	static const char text[] = " \"a,]\\\"\" , [1,[2,\"]\"]] ,{\"k\":[\"}\"]}, -1.5e3 ,null";
	static const char *const values[] = { "\"a,]\\\"\"", "[1,[2,\"]\"]]", "{\"k\":[\"}\"]}",
					      "-1.5e3", "null" };
	const char *at = text, *end = text + sizeof(text) - 1, *start;
	for (size_t i = 0; i < 5; i++) {
		at = peal_json_skip_value(at, end, &start);
		ck_assert_uint_eq((size_t)(at - start), strlen(values[i]));
		ck_assert_mem_eq(start, values[i], strlen(values[i]));
		while (at < end && (*at == ' ' || *at == ','))
			at++;
	}
	ck_assert_ptr_eq(at, end);
}
END_TEST

static void assert_decodes(const char *text, const char *expected, size_t length, bool nul)
{
	struct peal_buffer out = PEAL_BUFFER(1000);
	bool has_nul = !nul;
	ck_assert_int_eq(peal_json_decode_string(text, strlen(text), &out, &has_nul), 0);
	ck_assert_uint_eq(out.length, length);
	ck_assert_mem_eq(out.bytes, expected, length + 1);
	ck_assert(has_nul == nul);
	peal_buffer_deinit(&out);
}

START_TEST(a_string_is_decoded_to_utf8)
{
	assert_decodes("\"\"", "", 0, false);
	assert_decodes("\"plain \xc3\xa9\"", "plain \xc3\xa9", 8, false);
	assert_decodes("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8, false);
	assert_decodes("\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac", 6, false);
	assert_decodes("\"x\\ud83d\\ude00y\"", "x\xf0\x9f\x98\x80y", 6, false);
	assert_decodes("\"a\\u0000b\"", "a\0b", 3, true);
}
END_TEST

START_TEST(a_lone_surrogate_decodes_to_the_replacement_character)
{
	assert_decodes("\"\\ud800\"", "\xef\xbf\xbd", 3, false);
	assert_decodes("\"\\udc00x\"", "\xef\xbf\xbdx", 4, false);
	assert_decodes("\"\\ud800\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7, false);
	assert_decodes("\"\\ud800\\u0041\"",
		       "\xef\xbf\xbd"
		       "A",
		       4, false);
	assert_decodes("\"\\ud800\\n\"", "\xef\xbf\xbd\n", 4, false);
	assert_decodes("\"\\ud83d\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd", 6, false);
}
END_TEST

static void assert_prints_string(const char *bytes, size_t length, const char *expected)
{
	struct peal_buffer out = PEAL_BUFFER(1000);
	peal_json_append_string(&out, bytes, length);
	ck_assert_int_eq(peal_buffer_error(&out), 0);
	ck_assert_str_eq(out.bytes, expected);
	peal_buffer_deinit(&out);
}

START_TEST(a_string_is_escaped_as_json_stringify_does)
{
	assert_prints_string("", 0, "\"\"");
	assert_prints_string("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
	assert_prints_string("\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\"");
	assert_prints_string("\0\x01\x0b\x1f\x7f", 5, "\"\\u0000\\u0001\\u000b\\u001f\x7f\"");
	assert_prints_string("\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80", 9,
			     "\"\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\"");
	assert_prints_string("12345678\n12345678123456781\x02", 27,
			     "\"12345678\\n12345678123456781\\u0002\"");
}
END_TEST

START_TEST(every_character_survives_printing_and_decoding)
{
	char bytes[0x80 + 8], decoded[sizeof(bytes)];
	for (size_t shift = 0; shift < 8; shift++) {
		struct peal_buffer out = PEAL_BUFFER(2000);
		struct peal_json_facts facts;
		bool has_nul;
		memset(bytes, 'x', shift);
		for (size_t c = 0; c < 0x80; c++)
			bytes[shift + c] = (char)c;
		peal_json_append_string(&out, bytes, shift + 0x80);
		ck_assert(validates(out.bytes, out.length, &facts));
		size_t length =
			peal_json_decode_string_into(out.bytes, out.length, decoded, &has_nul);
		ck_assert_uint_eq(length, shift + 0x80);
		ck_assert_mem_eq(decoded, bytes, length);
		ck_assert(has_nul);
		peal_buffer_deinit(&out);
	}
}
END_TEST

static void assert_prints(double number, const char *expected)
{
	struct peal_buffer out = PEAL_BUFFER(100);
	peal_json_append_double(&out, number);
	ck_assert_str_eq(out.bytes, expected);
	peal_buffer_deinit(&out);
}

START_TEST(numbers_print_as_in_javascript)
{
	assert_prints(0, "0");
	assert_prints(-0.0, "0");
	assert_prints(1, "1");
	assert_prints(-1.5, "-1.5");
	assert_prints(0.1, "0.1");
	assert_prints(0.1 + 0.2, "0.30000000000000004");
	assert_prints(1.0 / 3, "0.3333333333333333");
	assert_prints(100, "100");
	assert_prints(123456789.125, "123456789.125");
	assert_prints(9007199254740991, "9007199254740991");
	assert_prints(9007199254740993.0, "9007199254740992");
	assert_prints(123456789012345680000.0, "123456789012345680000");
	assert_prints(1e20, "100000000000000000000");
	assert_prints(1e21, "1e+21");
	assert_prints(1.5e300, "1.5e+300");
	assert_prints(0.000001, "0.000001");
	assert_prints(0.00000123, "0.00000123");
	assert_prints(1e-7, "1e-7");
	assert_prints(1.5e-10, "1.5e-10");
	assert_prints(5e-324, "5e-324");
	assert_prints(DBL_MIN, "2.2250738585072014e-308");
	assert_prints(-DBL_MAX, "-1.7976931348623157e+308");
	/* below a power of two the closest of the shortest forms belongs to the neighbour */
	assert_prints(0x1p-44, "5.684341886080802e-14");
	assert_prints(0x1p-1074 * 3, "1.5e-323");
	assert_prints(0x1p89, "6.189700196426902e+26");
}
END_TEST

START_TEST(numbers_that_json_does_not_know_print_as_null)
{
	assert_prints(NAN, "null");
	assert_prints(INFINITY, "null");
	assert_prints(-INFINITY, "null");
}
END_TEST

static double parsed(const char *text)
{
	return peal_json_parse_number(text, strlen(text));
}

START_TEST(numbers_are_read_as_in_javascript)
{
	ck_assert(parsed("0") == 0);
	ck_assert(signbit(parsed("-0")));
	ck_assert(parsed("-12.5e1") == -125);
	ck_assert(parsed("0.1") == 0.1);
	ck_assert(parsed("1E2") == 100);
	ck_assert(parsed("1e+2") == 100);
	ck_assert(parsed("9007199254740993") == 9007199254740992);
	ck_assert(parsed("1e400") == HUGE_VAL);
	ck_assert(parsed("-1e99999999999999999999") == -HUGE_VAL);
	ck_assert(parsed("1e-400") == 0);
	ck_assert(parsed("1e-99999999999999999999") == 0);
	ck_assert(parsed("0e99999999999999999999") == 0);
	ck_assert(parsed("5e-324") == 0x1p-1074);
}
END_TEST

START_TEST(digits_far_behind_still_decide_the_rounding)
{
	static char text[3000];
	/* Exactly between two numbers it is rounded to even, with one digit more up. */
	memset(text, '0', sizeof(text));
	memcpy(text, "9007199254740993.", 17);
	ck_assert(peal_json_parse_number(text, 2000) == 9007199254740992);
	text[1999] = '1';
	ck_assert(peal_json_parse_number(text, 2000) == 9007199254740994);
	/* Zeros in front and an exponent that takes them back. */
	memset(text, '0', sizeof(text));
	text[1] = '.';
	memcpy(text + 2000, "125e1999", 8);
	ck_assert(peal_json_parse_number(text, 2008) == 1.25);
}
END_TEST

UNIT_MAIN("json", every_kind_of_value_is_valid_at_the_top, space_is_allowed_around_every_token,
	  text_that_is_not_one_value_is_invalid, brackets_and_commas_must_match,
	  numbers_follow_the_grammar, strings_hold_what_json_parse_takes,
	  raw_control_characters_in_strings_are_invalid, strings_must_be_utf8,
	  nesting_ends_at_the_limit, facts_tell_items_and_depth,
	  placeholders_are_found_at_any_depth,
	  only_an_object_that_says_exactly_true_is_a_placeholder, the_last_of_duplicate_keys_counts,
	  escaped_keys_count_as_the_keys_they_are, a_num_must_be_an_integer_from_zero_up,
	  one_object_can_be_asked_whether_it_is_a_placeholder, an_array_is_walked_value_by_value,
	  a_string_is_decoded_to_utf8, a_lone_surrogate_decodes_to_the_replacement_character,
	  a_string_is_escaped_as_json_stringify_does,
	  every_character_survives_printing_and_decoding, numbers_print_as_in_javascript,
	  numbers_that_json_does_not_know_print_as_null, numbers_are_read_as_in_javascript,
	  digits_far_behind_still_decide_the_rounding)
