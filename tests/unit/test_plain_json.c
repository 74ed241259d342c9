/* JSON that every backend can read. */
#include "unit.h"

#include <string.h>

#include "app/hooks/plain_json.h"

static bool plain(const char *text, unsigned depth, char *buffer)
{
	/* Exactly as long, for the tools that watch what is read. */
	char *json = malloc(strlen(text));
	bool is;

	memcpy(json, text, strlen(text));
	is = peal_plain_json(json, strlen(text), depth);
	memcpy(buffer, json, strlen(text));
	buffer[strlen(text)] = '\0';
	free(json);
	return is;
}

static void expect(const char *text, const char *wanted)
{
	char buffer[1000];

	ck_assert_msg(plain(text, 64, buffer), "%s", text);
	ck_assert_str_eq(buffer, wanted);
}

START_TEST(a_half_of_a_surrogate_pair_is_replaced)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{ "\"\\ud83d\"", "\"\\ufffd\"" },
		{ "\"\\uDE00x\"", "\"\\ufffdx\"" },
		{ "[\"\\ud83d\\ud83d\\ude00\\ude00\"]", "[\"\\ufffd\\ud83d\\ude00\\ufffd\"]" },
		{ "{\"\\udfff\":\"\\ud800\\n\"}", "{\"\\ufffd\":\"\\ufffd\\n\"}" },
		{ "\"\\ud83d\\\\ude00\"", "\"\\ufffd\\\\ude00\"" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		expect(cases[i].text, cases[i].wanted);
}
END_TEST

START_TEST(all_else_stays_as_it_was_written)
{
	static const char *const texts[] = {
		"\"\\uD83D\\uDE00\"",
		"\"\\\\ud800\"",
		"\"\\ud7ff\\ue000\\\"\"",
		"{\"a\":[1.50, -0, 1E+2,1e-999,12345678901234567890],\"b\" : {} }",
		"\"[[[[1e999\"",
		"\"größe\"",
		"true",
		"7",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		expect(texts[i], texts[i]);
}
END_TEST

START_TEST(what_some_cannot_read_is_not_plain)
{
	static const char *const texts[] = { "[[[[1]]]]", "{\"a\":[{\"b\":{}}]}", "1e999",
					     "[-1e309]" };
	char buffer[1000], digits[500];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		ck_assert_msg(!plain(texts[i], 3, buffer), "%s", texts[i]);
	ck_assert(plain("[[[1]],[[2]]]", 3, buffer));
	memset(digits, '1', sizeof(digits));
	digits[sizeof(digits) - 1] = '\0';
	ck_assert(!plain(digits, 3, buffer));
}
END_TEST

UNIT_MAIN("plain_json", a_half_of_a_surrogate_pair_is_replaced, all_else_stays_as_it_was_written,
	  what_some_cannot_read_is_not_plain)
