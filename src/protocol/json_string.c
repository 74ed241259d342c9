/* JSON strings, in and out. */
#include "protocol/json.h"

#include <string.h>

#include "base/utf8.h"
#include "protocol/json_scan.h"

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

void peal_json_append_string(struct peal_buffer *out, const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes, *end = at + length;

	/* Room for the usual case at once, without escapes. */
	if (!peal_buffer_reserve(out, length + 2))
		return;
	peal_buffer_append_char(out, '"');
	while (at < end) {
		const unsigned char *from = at;
		at = peal_json_skip_printed(at, end);
		while (at < end && *at >= 0x20 && *at != '"' && *at != '\\')
			at++;
		peal_buffer_append(out, from, (size_t)(at - from));
		if (at == end)
			break;
		static const char letters[0x20] = {
			['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
		};
		char letter = *at >= 0x20 ? (char)*at : letters[*at];
		if (letter) {
			peal_buffer_append(out, (char[]){ '\\', letter }, 2);
		} else {
			static const char digits[] = "0123456789abcdef";
			peal_buffer_append(
				out,
				(char[]){ '\\', 'u', '0', '0', digits[*at >> 4], digits[*at & 15] },
				6);
		}
		at++;
	}
	peal_buffer_append_char(out, '"');
}
