#include "tests/unit/unit.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "protocol/text.h"

/* The bytes in an allocation of exactly their size, so that a byte too many is seen. */
static bool valid(const char *bytes, size_t length)
{
	char *exact = malloc(length ? length : 1);
	memcpy(exact, bytes, length);
	bool r = peal_utf8_valid(exact, length);
	free(exact);
	return r;
}

START_TEST(every_code_point_but_the_surrogates_is_valid_utf8)
{
	char bytes[4];
	for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
		size_t length = peal_utf8_put(bytes, code_point);
		bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
		if (peal_utf8_valid(bytes, length) == surrogate)
			ck_abort_msg("U+%04X", code_point);
		/* No sequence is valid without its last byte. */
		if (length > 1 && peal_utf8_valid(bytes, length - 1))
			ck_abort_msg("cut U+%04X", code_point);
	}
}
END_TEST

START_TEST(malformed_utf8_is_refused_wherever_it_stands)
{
	static const char *const malformed[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc2",
		"\xc2\x41",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xe2\x82",
		"\xe2\x82\x41",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf0\x9f\x98",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xfe",
		"\xff",
	};
	char text[64];
	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
		for (int before = 0; before < 20; before++)
			for (int after = 0; after < 20; after += 5) {
				int length = snprintf(text, sizeof(text), "%.*s%s%.*s", before,
						      "aaaaaaaaaaaaaaaaaaaa", malformed[i], after,
						      "zzzzzzzzzzzzzzzzzzzz");
				ck_assert(!valid(text, (size_t)length));
			}
}
END_TEST

START_TEST(mixed_text_of_any_length_is_valid)
{
	static const char text[] = "ascii only at first, \xc3\xa9t\xc3\xa9 \xe2\x82\xac"
				   "\xf0\x9f\x98\x80\xf0\x9f\x98\x80 and more ascii behind it";
	for (size_t from = 0; from < sizeof(text); from++)
		for (size_t to = from; to < sizeof(text); to++) {
			bool cut = ((unsigned char)text[from] & 0xc0) == 0x80 ||
				   ((unsigned char)text[to] & 0xc0) == 0x80;
			if (from == to)
				cut = false;
			ck_assert(valid(text + from, to - from) == !cut);
		}
	ck_assert(peal_utf8_valid("a\0b", 3));
}
END_TEST

static bool plainly_valid(const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
	while (at < end) {
		size_t taken = peal_utf8_sequence(at, end);
		if (!taken)
			return false;
		at += taken;
	}
	return true;
}

/* Four bytes, each of which is one of those where something begins or ends, behind and in front of
 * other text, at each place of sixteen. */
START_TEST(many_bytes_at_a_time_are_judged_like_one_after_the_other)
{
	static const unsigned char edges[] = { 0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f,
					       0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
					       0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5 };
	enum { COUNT = sizeof(edges) };
	static const char around[] =
		"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf\xe0\xa0\x80 "
		"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf\xe0\xa0\x80 ";
	const size_t length = 48;
	char *exact = malloc(length);
	for (size_t place = 0; place < 16; place++) {
		/* Text that is well-formed but for the four bytes. */
		memset(exact, 'x', length);
		memcpy(exact + place, around, 16);
		memcpy(exact + place + 20, around,
		       length - place - 20 < 16 ? length - place - 20 : 16);
		if (place > 12)
			memset(exact + place + 20, 'x', length - place - 20);
		for (size_t i = 0; i < (size_t)COUNT * COUNT * COUNT * COUNT; i++) {
			size_t rest = i;
			for (size_t k = 0; k < 4; k++, rest /= COUNT)
				exact[place + 16 + k] = (char)edges[rest % COUNT];
			if (peal_utf8_valid(exact, length) != plainly_valid(exact, length))
				ck_abort_msg("%02x %02x %02x %02x at %zu", exact[place + 16] & 0xff,
					     exact[place + 17] & 0xff, exact[place + 18] & 0xff,
					     exact[place + 19] & 0xff, place);
		}
	}
	free(exact);
}
END_TEST

START_TEST(long_text_is_judged_up_to_its_end)
{
	static const char *const pieces[] = { "x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };
	for (size_t i = 0; i < 4; i++)
		for (size_t first = 0; first < 4; first++) {
			char text[700] = "";
			strcpy(text, pieces[first]);
			while (strlen(text) < 690)
				strcat(text, pieces[i]);
			for (size_t length = 0; length < 690; length++)
				ck_assert(valid(text, length) == plainly_valid(text, length));
			for (size_t at = 0; at < 690; at++) {
				char kept = text[at];
				text[at] = (char)0xff;
				ck_assert(!valid(text, 690));
				text[at] = kept;
			}
		}
}
END_TEST

START_TEST(a_name_is_bounded_and_holds_no_nul)
{
	static char name[PEAL_LIMIT_NAME_BYTES + 1];
	memset(name, 'n', sizeof(name));
	ck_assert(peal_name_valid("room", 4));
	ck_assert(peal_name_valid("", 0));
	ck_assert(peal_name_valid("\xf0\x9f\x98\x80", 4));
	ck_assert(peal_name_valid(name, PEAL_LIMIT_NAME_BYTES));
	ck_assert(!peal_name_valid(name, PEAL_LIMIT_NAME_BYTES + 1));
	ck_assert(!peal_name_valid("a\0b", 3));
	ck_assert(!peal_name_valid("\0", 1));
	ck_assert(!peal_name_valid("\xff", 1));
}
END_TEST

static void assert_encodes(const char *bytes, const char *expected)
{
	char text[64];
	size_t length = PEAL_BASE64_LENGTH(strlen(bytes));
	ck_assert_uint_eq(length, strlen(expected));
	text[length] = '!';
	peal_base64_encode(bytes, strlen(bytes), text);
	ck_assert_mem_eq(text, expected, length);
	ck_assert_int_eq(text[length], '!');
}

START_TEST(base64_is_encoded_with_padding)
{
	assert_encodes("", "");
	assert_encodes("f", "Zg==");
	assert_encodes("fo", "Zm8=");
	assert_encodes("foo", "Zm9v");
	assert_encodes("foob", "Zm9vYg==");
	assert_encodes("\xfb\xff\xfe", "+//+");
}
END_TEST

static void assert_decodes(const char *text, const char *expected)
{
	size_t length = strlen(text);
	char *exact = malloc(length ? length : 1), *bytes = malloc(length / 4 * 3 + 3);
	memcpy(exact, text, length);
	size_t decoded = peal_base64_decode(exact, length, bytes);
	ck_assert_uint_eq(decoded, strlen(expected));
	if (decoded)
		ck_assert_mem_eq(bytes, expected, decoded);
	free(exact);
	free(bytes);
}

START_TEST(base64_is_decoded_as_leniently_as_node_does)
{
	assert_decodes("", "");
	assert_decodes("Zm9vYmFy", "foobar");
	assert_decodes("Zg==", "f");
	assert_decodes("Zm8=", "fo");
	/* padding is optional */
	assert_decodes("Zg", "f");
	assert_decodes("Zm8", "fo");
	/* both alphabets */
	assert_decodes("+//+", "\xfb\xff\xfe");
	assert_decodes("-__-", "\xfb\xff\xfe");
	/* characters of neither are skipped */
	assert_decodes("Zm\n9v Ym\tFy", "foobar");
	assert_decodes("Zm#9v\xc3\xa9YmFy", "foobar");
	/* six bits alone are nothing */
	assert_decodes("Z", "");
	assert_decodes("Zm9vZ", "foo");
	/* the first '=' ends it */
	assert_decodes("Zg==Zg==", "f");
	assert_decodes("Zg=Zg", "f");
	assert_decodes("=Zm9v", "");
	assert_decodes("Zm9v====Zm9v", "foo");
	assert_decodes("Zm9=v", "fo");
}
END_TEST

START_TEST(what_is_encoded_as_base64_decodes_to_itself)
{
	unsigned char bytes[300], decoded[310];
	char text[PEAL_BASE64_LENGTH(300)];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + i / 5);
	for (size_t length = 0; length <= sizeof(bytes); length++) {
		peal_base64_encode(bytes, length, text);
		ck_assert_uint_eq(peal_base64_decode(text, PEAL_BASE64_LENGTH(length), decoded),
				  length);
		ck_assert_int_eq(memcmp(decoded, bytes, length), 0);
	}
}
END_TEST

UNIT_MAIN("text", every_code_point_but_the_surrogates_is_valid_utf8,
	  malformed_utf8_is_refused_wherever_it_stands, mixed_text_of_any_length_is_valid,
	  many_bytes_at_a_time_are_judged_like_one_after_the_other,
	  long_text_is_judged_up_to_its_end, a_name_is_bounded_and_holds_no_nul,
	  base64_is_encoded_with_padding, base64_is_decoded_as_leniently_as_node_does,
	  what_is_encoded_as_base64_decodes_to_itself)
