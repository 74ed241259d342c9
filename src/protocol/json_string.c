/* JSON strings, in and out. */
#include "protocol/json.h"

#include <string.h>

#include "base/utf8.h"
#include "protocol/json_scan.h"
#include "protocol/text.h"

static uint32_t hex_value(char c)
{
	return (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

static uint32_t four_digits(const char *at)
{
	return hex_value(at[0]) << 12 | hex_value(at[1]) << 8 | hex_value(at[2]) << 4 |
	       hex_value(at[3]);
}

/* The code point of the \u escape at *at, which moves behind it, and behind the other half of a
 * surrogate pair. Half a pair alone becomes U+FFFD. */
static uint32_t decode_unicode(const char **at, const char *end)
{
	uint32_t unit = four_digits(*at + 2);
	*at += 6;
	if (unit < 0xd800 || unit > 0xdfff)
		return unit;
	if (unit < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
		uint32_t low = four_digits(*at + 2);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*at += 6;
			return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return 0xfffd;
}

static char plain_escape(char c)
{
	switch (c) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return c;
	}
}

size_t peal_json_decode_string_into(const char *text, size_t length, char *ret_bytes,
				    bool *ret_has_nul)
{
	const char *at = text + 1, *end = text + length - 1;
	char *out = ret_bytes;

	*ret_has_nul = false;
	while (at < end) {
		const char *escape = memchr(at, '\\', (size_t)(end - at));
		size_t plain = (size_t)((escape ? escape : end) - at);
		memcpy(out, at, plain);
		out += plain;
		at += plain;
		if (!escape)
			break;
		if (at[1] == 'u') {
			uint32_t code_point = decode_unicode(&at, end);
			if (!code_point)
				*ret_has_nul = true;
			out += peal_utf8_put(out, code_point);
		} else {
			*out++ = plain_escape(at[1]);
			at += 2;
		}
	}
	return (size_t)(out - ret_bytes);
}

int peal_json_decode_string(const char *text, size_t length, struct peal_buffer *out,
			    bool *ret_has_nul)
{
	char *to = peal_buffer_reserve(out, length - 2);
	if (to) {
		out->length += peal_json_decode_string_into(text, length, to, ret_has_nul);
		out->bytes[out->length] = '\0';
	}
	return peal_buffer_error(out);
}

/* The escape of a character that needs one. Return: its length, at most 6. */
static size_t put_escape(char *to, unsigned char c)
{
	static const char letters[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
	};
	static const char digits[] = "0123456789abcdef";
	char letter = c >= 0x20 ? (char)c : letters[c];
	to[0] = '\\';
	if (letter) {
		to[1] = letter;
		return 2;
	}
	memcpy(to + 1, "u00", 3);
	to[4] = digits[c >> 4];
	to[5] = digits[c & 15];
	return 6;
}

static inline bool is_plain(unsigned char c, bool ascii)
{
	return c >= 0x20 && c != '"' && c != '\\' && (!ascii || c < 0x80);
}

#ifdef __SSE2__

/* Copy blocks without a character that stops, or the one that does as well: that is written over.
 * Return: how many bytes do not stop. */
static __attribute__((noinline)) size_t copy_blocks(char *to, const unsigned char *at,
						    const unsigned char *end, bool ascii)
{
	size_t length = (size_t)(end - at), copied = 0;
	for (; length - copied >= PEAL_JSON_BLOCK; copied += PEAL_JSON_BLOCK) {
		__m128i bytes[PEAL_JSON_BLOCK / 16];
		for (size_t i = 0; i < PEAL_JSON_BLOCK / 16; i++) {
			bytes[i] = peal_json_load(at + copied + 16 * i);
			_mm_storeu_si128((__m128i *)(to + copied + 16 * i), bytes[i]);
		}
		if (peal_json_block_stops(bytes, ascii))
			break;
	}
	return copied;
}

/* Copy from *at to *to, and move both, up to what is not plain or to the last bytes in front of
 * @end. Room for all of them must be there. Return: whether it is known that **at is not plain. */
static inline bool copy_vectors(char **to, const unsigned char **at, const unsigned char *end,
				bool ascii)
{
	const unsigned char *stop = end;
	if (end - *at >= PEAL_JSON_NEAR + PEAL_JSON_BLOCK)
		stop = *at + PEAL_JSON_NEAR;
	for (;;) {
		for (; stop - *at >= 16; *at += 16, *to += 16) {
			__m128i bytes = peal_json_load(*at);
			_mm_storeu_si128((__m128i *)*to, bytes);
			unsigned found = peal_json_stops(bytes, ascii);
			if (found) {
				*at += __builtin_ctz(found);
				*to += __builtin_ctz(found);
				return true;
			}
		}
		if (stop == end)
			return false;
		size_t copied = copy_blocks(*to, *at, end, ascii);
		*at += copied;
		*to += copied;
		stop = end;
	}
}

#endif

/* Copy from @at to *to, which moves, up to the first character that is not plain. Room for all of
 * them must be there. */
static inline const unsigned char *copy_plain(char **to, const unsigned char *at,
					      const unsigned char *end, bool ascii)
{
	char *out = *to;
	bool found = false;
#ifdef __SSE2__
	found = copy_vectors(&out, &at, end, ascii);
#endif
	while (!found && end - at >= 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		memcpy(out, &word, 8);
		if (peal_json_escapes(word) || (ascii && word & PEAL_EACH_BYTE(0x80)))
			break;
		at += 8;
		out += 8;
	}
	while (!found && at < end && is_plain(*at, ascii))
		*out++ = (char)*at++;
	*to = out;
	return at;
}

/* @checked: the bytes are known to be UTF-8. Return: whether they are. */
static bool append_string(struct peal_buffer *out, const char *bytes, size_t length, bool checked)
{
	const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
	size_t before = out->length;

	/* Room for the usual case at once, without escapes; each escape asks for what it adds. */
	char *to = peal_buffer_reserve(out, length + 2);
	if (!to)
		return checked || peal_utf8_valid(bytes, length);
	*to++ = '"';
	for (;;) {
		at = checked ? copy_plain(&to, at, end, false) : copy_plain(&to, at, end, true);
		if (at == end)
			break;
		if (*at >= 0x80) {
			checked = peal_utf8_valid(at, (size_t)(end - at));
			if (checked)
				continue;
			out->length = before;
			out->bytes[before] = '\0';
			return false;
		}
		char escape[6];
		size_t escape_length = put_escape(escape, *at++);
		out->length = (size_t)(to - out->bytes);
		to = peal_buffer_reserve(out, escape_length + (size_t)(end - at) + 1);
		if (!to)
			return checked || peal_utf8_valid(at, (size_t)(end - at));
		memcpy(to, escape, escape_length);
		to += escape_length;
	}
	*to++ = '"';
	*to = '\0';
	out->length = (size_t)(to - out->bytes);
	return true;
}

void peal_json_append_string(struct peal_buffer *out, const char *bytes, size_t length)
{
	append_string(out, bytes, length, true);
}

bool peal_json_append_checked(struct peal_buffer *out, const char *bytes, size_t length)
{
	return append_string(out, bytes, length, false);
}
