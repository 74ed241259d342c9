/* Patterns of names: what they match, and that the quick way finds what the slow one finds. */
#include "unit.h"

#include <string.h>

#include "app/access/pattern.h"

START_TEST(a_pattern_is_text_stars_and_users)
{
	static const struct {
		const char *pattern, *user, *name;
		bool matches;
	} cases[] = {
		{ "a", NULL, "a", true },
		{ "a", NULL, "ab", false },
		{ "a", NULL, "", false },
		{ "*", NULL, "a", true },
		{ "*", NULL, "", false },
		{ "*", NULL, "a:b", false },
		{ "*:*", NULL, "a:b", true },
		{ "*:*", NULL, "a:b:c", false },
		{ "*:*", NULL, "::", false },
		{ "a*b", NULL, "ab", false },
		{ "a*b", NULL, "abbb", true },
		{ "a*bc*d", NULL, "abbcbcdd", true },
		{ "*a*", NULL, "aaa", true },
		{ "*a*", NULL, "aa", false },
		{ "{user}", "a", "a", true },
		{ "{user}", NULL, "{user}", false },
		{ "{user}", "*", "a", false },
		{ "*-{user}", "a-a", "a-a-a", true },
		{ "*-{user}", "a-a", "a-a", false },
		{ "{user}*", "a:b", "a:bc", true },
		{ "*", NULL, "a\x1f", false },
		{ "*", NULL, "a\x7f", false },
		{ "*", NULL, "a\xc2\x80", false },
		{ "*", NULL, "a\xc2\xa0", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_msg(peal_pattern_matches(cases[i].pattern, cases[i].user,
						   cases[i].name) == cases[i].matches,
			      "%s on %s", cases[i].pattern, cases[i].name);
}
END_TEST

/* Tries everything. */
static bool matches_slowly(const char *pattern, const char *name)
{
	if (!*pattern)
		return !*name;
	if (*pattern != '*')
		return *pattern == *name && matches_slowly(pattern + 1, name + 1);
	while (*name && *name++ != ':')
		if (matches_slowly(pattern + 1, name))
			return true;
	return false;
}

/* A text for each number. */
static void spell(unsigned number, const char *characters, char *text)
{
	unsigned base = (unsigned)strlen(characters);

	while (number) {
		*text++ = characters[(number - 1) % base];
		number = (number - 1) / base;
	}
	*text = '\0';
}

START_TEST(short_patterns_match_what_a_search_of_all_ways_finds)
{
	char pattern[16], name[16];
	unsigned matched = 0;

	for (unsigned p = 1; p < 1365; p++) {
		spell(p, "ab:*", pattern);
		if (peal_pattern_error(pattern))
			continue;
		for (unsigned n = 0; n < 1093; n++) {
			bool expected;

			spell(n, "ab:", name);
			expected = matches_slowly(pattern, name);
			matched += expected;
			ck_assert_msg(peal_pattern_matches(pattern, NULL, name) == expected,
				      "%s on %s", pattern, name);
		}
	}
	ck_assert_uint_gt(matched, 5000);
}
END_TEST

START_TEST(a_pattern_that_means_nothing_has_an_error)
{
	char longest[PEAL_PATTERN_BYTES + 2];

	memset(longest, 'a', sizeof(longest));
	longest[PEAL_PATTERN_BYTES + 1] = '\0';
	ck_assert_ptr_nonnull(peal_pattern_error(longest));
	ck_assert_ptr_null(peal_pattern_error(longest + 1));
	ck_assert_ptr_nonnull(peal_pattern_error(""));
	ck_assert_ptr_nonnull(peal_pattern_error("a**"));
	ck_assert_ptr_nonnull(peal_pattern_error("{"));
	ck_assert_ptr_nonnull(peal_pattern_error("{users}"));
	ck_assert_ptr_nonnull(peal_pattern_error("{user"));
	ck_assert_ptr_null(peal_pattern_error("*{user}*{user}*:*:*:*"));
	ck_assert_ptr_nonnull(peal_pattern_error("*{user}*{user}*:*:*:*:*"));
	ck_assert_ptr_null(peal_pattern_error("a}"));
	ck_assert_ptr_nonnull(peal_pattern_error("a\x1f*"));
	ck_assert_ptr_nonnull(peal_pattern_error("a\xc2\x9f*"));
	ck_assert_ptr_null(peal_pattern_error("a\xc2\xa0*"));
}
END_TEST

UNIT_MAIN("pattern", a_pattern_is_text_stars_and_users,
	  short_patterns_match_what_a_search_of_all_ways_finds,
	  a_pattern_that_means_nothing_has_an_error)
