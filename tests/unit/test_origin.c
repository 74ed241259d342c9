/* Origins and patterns of them: what is one, and what two readers might take for another. */
#include "unit.h"

#include <string.h>

#include "app/access/origin.h"

static void written_as(const char *text, bool pattern, const char *expected)
{
	char origin[PEAL_ORIGIN_BYTES];
	bool is_one = peal_origin_write(text, pattern, origin);

	ck_assert_msg(is_one == (expected != NULL), "%s", text);
	if (expected)
		ck_assert_str_eq(origin, expected);
}

START_TEST(an_origin_is_written_in_one_way)
{
	static const char *const origins[][2] = {
		{ "https://example.org", "https://example.org" },
		{ "HTTPS://Example.ORG", "https://example.org" },
		{ "https://example.org:443", "https://example.org" },
		{ "http://example.org:443", "http://example.org:443" },
		{ "http://example.org:80", "http://example.org" },
		{ "HTTP://example.org:80", "http://example.org" },
		{ "https://example.org:80", "https://example.org:80" },
		{ "ftp://example.org:80", "ftp://example.org:80" },
		{ "http://localhost:65535", "http://localhost:65535" },
		{ "http://127.0.0.1:1", "http://127.0.0.1:1" },
		{ "http://[::1]:3000", "http://[::1]:3000" },
		{ "https://[2001:DB8::1]:443", "https://[2001:db8::1]" },
		{ "https://xn--gre-6ka8i.example", "https://xn--gre-6ka8i.example" },
		{ "capacitor://localhost", "capacitor://localhost" },
		{ "chrome-extension://abc_d", "chrome-extension://abc_d" },
		{ "null", "null" },
		{ "file://", "file://" },
	};

	for (size_t i = 0; i < sizeof(origins) / sizeof(*origins); i++) {
		written_as(origins[i][0], false, origins[i][1]);
		written_as(origins[i][0], true, origins[i][1]);
	}
}
END_TEST

START_TEST(anything_else_is_no_origin)
{
	static const char *const texts[] = {
		"",
		"*",
		"https",
		"https:",
		"https:/",
		"https://",
		"https://:443",
		"://example.org",
		"//example.org",
		"example.org",
		"1http://example.org",
		" https://example.org",
		"https://example.org ",
		"https://example.org\t",
		"https://example.org/",
		"https://example.org/a",
		"https://example.org?a",
		"https://example.org#a",
		"https://example.org\\a",
		"https://example.org:",
		"https://example.org:0",
		"https://example.org:0443",
		"https://example.org:+443",
		"https://example.org: 443",
		"https://example.org:443a",
		"https://example.org:65536",
		"https://example.org:99999999999999999999",
		"https://example.org:443:443",
		"https://user@example.org",
		"https://user:443@example.org",
		"https://example.org.",
		"https://.example.org",
		"https://example..org",
		"https://.",
		"https://example.org,https://example.com",
		"https://example.org https://example.com",
		"https://ex%61mple.org",
		"https://gr\xc3\xb6\xc3\x9fte.example",
		"https://example\xe3\x80\x82org",
		"https://[::1",
		"https://[]",
		"https://[::1]x",
		"https://[example.org]",
		"https://::1",
		"Null",
		"null ",
		"null,null",
		"null://",
		"file:",
		"file:///",
		"file:///home",
		"https://a.*.example.org",
		"https://*example.org",
		"https://*",
		"https://*.",
		"https://*.org",
		"https://**.example.org",
		"https://*.*.example.org",
		"*://example.org",
		"https://example.org:*",
	};
	char longest[PEAL_ORIGIN_BYTES + 1];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		written_as(texts[i], false, NULL);
		written_as(texts[i], true, NULL);
		ck_assert_ptr_nonnull(peal_origin_error(texts[i]));
	}
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "https://", 8);
	longest[PEAL_ORIGIN_BYTES] = '\0';
	written_as(longest, false, NULL);
	longest[PEAL_ORIGIN_BYTES - 1] = '\0';
	written_as(longest, false, longest);
}
END_TEST

START_TEST(a_star_is_one_label_of_a_pattern)
{
	static const struct {
		const char *pattern, *origin;
		bool matches;
	} cases[] = {
		{ "https://*.example.org", "https://a.example.org", true },
		{ "https://*.example.org", "https://A-b_9.Example.org:443", true },
		{ "HTTPS://*.Example.org:443", "https://xn--a.example.org", true },
		{ "https://*.example.org:8443", "https://a.example.org:8443", true },
		{ "https://*.example.org", "https://example.org", false },
		{ "https://*.example.org", "https://a.b.example.org", false },
		{ "https://*.example.org", "https://aexample.org", false },
		{ "https://*.example.org", "https://a.example.org.evil.net", false },
		{ "https://*.example.org", "https://a.example.orgevil.net", false },
		{ "https://*.example.org", "https://a.example.org:8443", false },
		{ "https://*.example.org", "http://a.example.org", false },
		{ "https://*.example.org", "https://a.evil.net", false },
		{ "https://*.example.org", "https://[::1]", false },
		{ "https://*.example.org", "null", false },
		{ "https://example.org", "https://example.org", true },
		{ "https://example.org", "https://a.example.org", false },
		{ "null", "null", true },
		{ "null", "file://", false },
	};

	written_as("https://*.example.org", false, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char pattern[PEAL_ORIGIN_BYTES], origin[PEAL_ORIGIN_BYTES];

		ck_assert_ptr_null(peal_origin_error(cases[i].pattern));
		ck_assert(peal_origin_write(cases[i].pattern, true, pattern));
		ck_assert(peal_origin_write(cases[i].origin, false, origin));
		ck_assert_msg(peal_origin_matches(pattern, origin) == cases[i].matches, "%s on %s",
			      pattern, origin);
	}
}
END_TEST

UNIT_MAIN("origin", an_origin_is_written_in_one_way, anything_else_is_no_origin,
	  a_star_is_one_label_of_a_pattern)
