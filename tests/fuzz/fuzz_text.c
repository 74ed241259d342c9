/* UTF-8, base64 and queries: agreement with plain code, and decode(encode(x)) is x. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "protocol/text.h"

/* Decodes to code points and compares with what UTF-8 allows, instead of ranges of bytes. */
static bool plain_utf8_valid(const unsigned char *at, size_t length)
{
	static const uint32_t lowest[] = { 0, 0x80, 0x800, 0x10000 };
	for (size_t i = 0; i < length;) {
		unsigned char first = at[i++];
		int more = first < 0x80	      ? 0
			   : first >> 5 == 6  ? 1
			   : first >> 4 == 14 ? 2
			   : first >> 3 == 30 ? 3
					      : -1;
		if (more < 0)
			return false;
		uint32_t code_point = more ? first & (0x3f >> more) : first;
		for (int k = 0; k < more; k++) {
			if (i == length || at[i] >> 6 != 2)
				return false;
			code_point = code_point << 6 | (at[i++] & 0x3f);
		}
		if (code_point < lowest[more] || code_point > 0x10ffff ||
		    (code_point >= 0xd800 && code_point <= 0xdfff))
			return false;
	}
	return true;
}

/* Long enough for all steps, and behind text of other lengths. */
static void check_repeated(const char *text, size_t size)
{
	static const char *const front[] = { "", "x", "\xc3\xa9", "x\xe2\x82\xac" };
	for (size_t i = 0; i < sizeof(front) / sizeof(*front); i++) {
		struct peal_buffer all = PEAL_BUFFER(4 * size + 8);
		peal_buffer_append_text(&all, front[i]);
		for (int k = 0; k < 4; k++)
			peal_buffer_append(&all, text, size);
		char *exact = fuzz_exact(all.bytes, all.length);
		FUZZ_CHECK(peal_utf8_valid(exact, all.length) ==
			   plain_utf8_valid((unsigned char *)exact, all.length));
		free(exact);
		peal_buffer_deinit(&all);
	}
}

static void check_base64(const char *bytes, size_t size)
{
	size_t length = PEAL_BASE64_LENGTH(size);
	char *text = malloc(length ? length : 1), *decoded = malloc(length / 4 * 3 + 3);
	peal_base64_encode(bytes, size, text);
	FUZZ_CHECK(peal_base64_decode(text, length, decoded) == size);
	FUZZ_CHECK(!memcmp(decoded, bytes, size));
	free(text);
	free(decoded);

	/* Any text decodes to something within the promised size, which encodes to a form of it. */
	decoded = malloc(size / 4 * 3 + 3);
	size_t found = peal_base64_decode(bytes, size, decoded);
	FUZZ_CHECK(found <= size / 4 * 3 + 3);
	length = PEAL_BASE64_LENGTH(found);
	text = malloc(length ? length : 1);
	peal_base64_encode(decoded, found, text);
	char *again = malloc(length / 4 * 3 + 3);
	FUZZ_CHECK(peal_base64_decode(text, length, again) == found);
	FUZZ_CHECK(!memcmp(again, decoded, found));
	free(decoded);
	free(again);
	free(text);
}

/* The input as a whole query: what is found is UTF-8. */
static void check_query(const char *query, size_t size)
{
	static const char *const names[] = { "sid", "transport", "", "a b", "\xc3\xa9" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct peal_buffer value = PEAL_BUFFER(3 * size);
		int r = peal_query_find(query, size, names[i], &value);
		FUZZ_CHECK(r == 0 || r == -ENOENT);
		FUZZ_CHECK(r == 0 || value.length == 0);
		FUZZ_CHECK(plain_utf8_valid((unsigned char *)value.bytes, value.length));
		peal_buffer_deinit(&value);
	}
}

/* The input as a value that is escaped in full: it is found again, the last one wins. */
static void check_escaped_value(const char *bytes, size_t size)
{
	struct peal_buffer query = PEAL_BUFFER(3 * size + 100), value = PEAL_BUFFER(3 * size);
	peal_buffer_append_text(&query, "x=1&sid=first&s%69d=");
	for (size_t i = 0; i < size; i++)
		peal_buffer_append_format(&query, "%%%02x", (unsigned char)bytes[i]);
	peal_buffer_append_text(&query, "&y=2");
	char *exact = fuzz_exact(query.bytes, query.length);
	FUZZ_CHECK(!peal_query_find(exact, query.length, "sid", &value));
	if (plain_utf8_valid((const unsigned char *)bytes, size)) {
		FUZZ_CHECK(value.length == size);
		FUZZ_CHECK(!size || !memcmp(value.bytes, bytes, size));
	} else {
		FUZZ_CHECK(strstr(value.bytes, "\xef\xbf\xbd") ||
			   memchr(value.bytes, 0, value.length));
	}
	free(exact);
	peal_buffer_deinit(&query);
	peal_buffer_deinit(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_exact(data, size);
	bool valid = plain_utf8_valid(data, size);
	FUZZ_CHECK(peal_utf8_valid(text, size) == valid);
	FUZZ_CHECK(peal_name_valid(text, size) ==
		   (valid && size <= 1024 && !memchr(text, '\0', size)));
	check_repeated(text, size);
	check_base64(text, size);
	check_query(text, size);
	check_escaped_value(text, size);
	free(text);
	return 0;
}
