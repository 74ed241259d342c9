/*
 * What looks at many characters at a time agrees with what looks at one after the other: for each
 * character, at each place, in texts of each length around the steps that are taken.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "protocol/json.h"
#include "protocol/json_scan.h"
#include "protocol/text.h"

#define LONGEST 360

/* Texts end where their allocation does, so that a byte too many is seen. */
static char *memory;

static void begin(void)
{
	memory = malloc(LONGEST);
}

static void end(void)
{
	free(memory);
}

static unsigned char *text_of(size_t length)
{
	return (unsigned char *)memory + LONGEST - length;
}

/* Lengths around the steps: a word, a vector, the near ones and blocks, and what is left behind. */
static size_t next_length(size_t length)
{
	return length < 40 ? length + 1 : length < 84 ? length + 5 : length + 21;
}

static bool stops(unsigned char c, bool ascii)
{
	return c < 0x20 || c == '"' || c == '\\' || (ascii && c >= 0x80);
}

static size_t plain_skip(const unsigned char *at, const unsigned char *end, bool ascii)
{
	size_t skipped = 0;
	while (at + skipped < end && !stops(at[skipped], ascii))
		skipped++;
	return skipped;
}

typedef const unsigned char *skip_fn(const unsigned char *at, const unsigned char *end);

/* Never too far, and never so near that nothing is gained. */
static void check_skip(skip_fn *skip, const unsigned char *at, const unsigned char *end, bool ascii,
		       size_t step)
{
	size_t expected = plain_skip(at, end, ascii), skipped = (size_t)(skip(at, end) - at);
	if (skipped > expected || skipped + step <= expected)
		ck_abort_msg("%zu instead of %zu of %zu", skipped, expected, (size_t)(end - at));
}

static void check_all_skips(const unsigned char *text, size_t length)
{
	const unsigned char *end = text + length;
	check_skip(peal_json_skip_plain, text, end, true, 8);
	check_skip(peal_json_skip_printed, text, end, false, 8);
	check_skip(peal_json_skip_plain_words, text, end, true, 8);
	check_skip(peal_json_skip_printed_words, text, end, false, 8);
#ifdef __SSE2__
	check_skip(peal_json_skip_plain_far, text, end, true, 16);
	check_skip(peal_json_skip_printed_far, text, end, false, 16);
#endif
}

START_TEST(each_character_is_stopped_at_wherever_it_stands)
{
	for (size_t length = 0; length <= LONGEST; length = next_length(length)) {
		unsigned char *text = text_of(length);
		memset(text, 'x', length);
		check_all_skips(text, length);
		for (size_t place = 0; place < length; place++) {
			for (int c = 0; c < 256; c++) {
				text[place] = (unsigned char)c;
				check_all_skips(text, length);
			}
			text[place] = 'x';
		}
	}
}
END_TEST

START_TEST(the_first_of_two_characters_is_stopped_at)
{
	static const unsigned char some[] = { 0x00, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x5b,
					      0x5c, 0x5d, 0x7f, 0x80, 0xa2, 0xdc, 0xff };
	size_t length = 3 * 16;
	unsigned char *text = text_of(length);
	for (size_t a = 0; a < sizeof(some); a++)
		for (size_t b = 0; b < sizeof(some); b++)
			for (size_t i = 0; i < length; i++)
				for (size_t k = 0; k < length; k++) {
					memset(text, 'x', length);
					text[i] = some[a];
					text[k] = some[b];
					check_all_skips(text, length);
				}
}
END_TEST

/* --- printing ---------------------------------------------------------------------------- */

static size_t plain_print(char *to, const unsigned char *text, size_t length)
{
	static const char escaped[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
	char *out = to;
	*out++ = '"';
	for (size_t i = 0; i < length; i++) {
		const char *found = text[i] ? strchr(escaped, text[i]) : NULL;
		if (found) {
			*out++ = '\\';
			*out++ = letters[found - escaped];
		} else if (text[i] < 0x20) {
			out += sprintf(out, "\\u%04x", text[i]);
		} else {
			*out++ = (char)text[i];
		}
	}
	*out++ = '"';
	return (size_t)(out - to);
}

static void check_print(const unsigned char *text, size_t length)
{
	static char expected[6 * LONGEST + 2];
	struct peal_buffer out = PEAL_BUFFER(sizeof(expected) + 1);
	size_t expected_length = plain_print(expected, text, length);
	bool valid = peal_utf8_valid(text, length);
	peal_buffer_append_char(&out, ',');
	ck_assert(peal_json_append_checked(&out, (const char *)text, length) == valid);
	ck_assert_uint_eq(out.length, valid ? 1 + expected_length : 1);
	ck_assert_uint_eq(strlen(out.bytes), out.length);
	if (valid) {
		ck_assert(!memcmp(out.bytes + 1, expected, expected_length));
		peal_json_append_string(&out, (const char *)text, length);
		ck_assert_uint_eq(out.length, 1 + 2 * expected_length);
		ck_assert(!memcmp(out.bytes + 1 + expected_length, expected, expected_length));
	}
	ck_assert(out.bytes[0] == ',');
	peal_buffer_deinit(&out);
}

START_TEST(each_character_is_printed_wherever_it_stands)
{
	for (size_t length = 0; length <= LONGEST; length = next_length(length) + 3) {
		unsigned char *text = text_of(length);
		memset(text, 'x', length);
		check_print(text, length);
		for (size_t place = 0; place < length; place++) {
			for (int c = 0; c < 256; c += c < 0x24 || c == '[' || c == '\\' ? 1 : 7) {
				text[place] = (unsigned char)c;
				check_print(text, length);
			}
			text[place] = 'x';
		}
	}
}
END_TEST

START_TEST(text_of_all_kinds_is_printed)
{
	static const char *const pieces[] = { "plain",
					      "\"",
					      "\n\n",
					      "\xc3\xa9",
					      "\x01",
					      "\\",
					      "\xe2\x82\xac",
					      "0123456789abcdef",
					      "\xf0\x9f\x98\x80",
					      "\xff" };
	uint32_t chance = 1;
	for (int round = 0; round < 20000; round++) {
		char text[LONGEST] = "";
		size_t length = 0;
		for (int count = round % 23; count > 0; count--) {
			chance = chance * 1664525 + 1013904223;
			const char *piece = pieces[(chance >> 16) % (round % 50 ? 9 : 10)];
			memcpy(text + length, piece, strlen(piece));
			length += strlen(piece);
		}
		memcpy(text_of(length), text, length);
		check_print(text_of(length), length);
	}
}
END_TEST

START_TEST(a_string_that_fits_exactly_is_printed)
{
	static const char text[] = "0123456789abcdef0123456789abcdef\n0123456789abcdef\x01";
	char expected[6 * sizeof(text) + 2];
	size_t length = plain_print(expected, (const unsigned char *)text, sizeof(text) - 1);
	for (size_t ceiling = 0; ceiling < length + 3; ceiling++) {
		struct peal_buffer out = PEAL_BUFFER(ceiling);
		ck_assert(peal_json_append_checked(&out, text, sizeof(text) - 1));
		ck_assert((peal_buffer_error(&out) == 0) == (ceiling >= length));
		peal_buffer_deinit(&out);
	}
}
END_TEST

START_TEST(text_that_is_no_utf8_is_told_even_without_room)
{
	static const char *const texts[] = { "0123456789abcdef\xff", "\n\n\n\n\xff",
					     "\n\xc3\xa9\xff" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		for (size_t ceiling = 0; ceiling < 40; ceiling++) {
			struct peal_buffer out = PEAL_BUFFER(ceiling);
			ck_assert(!peal_json_append_checked(&out, texts[i], strlen(texts[i])));
			peal_buffer_deinit(&out);
		}
}
END_TEST

UNIT_MAIN_WITH("json_scan", begin, end, each_character_is_stopped_at_wherever_it_stands,
	       the_first_of_two_characters_is_stopped_at,
	       each_character_is_printed_wherever_it_stands, text_of_all_kinds_is_printed,
	       a_string_that_fits_exactly_is_printed,
	       text_that_is_no_utf8_is_told_even_without_room)
