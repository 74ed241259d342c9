/*
 * Base64 with the standard alphabet and padding.
 */
#include "base64std.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit(char c)
{
	const char *found = c ? strchr(alphabet, c) : NULL;

	return found ? (int)(found - alphabet) : -1;
}

bool peal_base64std_decode(const char *text, unsigned char *ret_bytes, size_t *ret_length)
{
	size_t length = strlen(text), padding = 0, written = 0;

	if (length % 4)
		return false;
	while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < length; i += 4) {
		size_t digits = i + 4 == length ? 4 - padding : 4;
		unsigned bits = 0;

		for (size_t j = 0; j < 4; j++) {
			int value = j < digits ? digit(text[i + j]) : 0;

			if (value < 0)
				return false;
			bits = bits << 6 | (unsigned)value;
		}
		if ((digits == 2 && (bits & 0xffff)) || (digits == 3 && (bits & 0xff)))
			return false;
		for (size_t j = 0; j + 1 < digits; j++)
			ret_bytes[written++] = (unsigned char)(bits >> (16 - 8 * j));
	}
	*ret_length = written;
	return true;
}

void peal_base64std_put(FILE *stream, const void *bytes, size_t length)
{
	const unsigned char *in = bytes;

	for (size_t i = 0; i < length; i += 3) {
		size_t rest = length - i < 3 ? length - i : 3;
		unsigned bits = (unsigned)in[i] << 16 | (rest > 1 ? (unsigned)in[i + 1] << 8 : 0) |
				(rest > 2 ? in[i + 2] : 0);

		fputc(alphabet[bits >> 18], stream);
		fputc(alphabet[bits >> 12 & 63], stream);
		fputc(rest > 1 ? alphabet[bits >> 6 & 63] : '=', stream);
		fputc(rest > 2 ? alphabet[bits & 63] : '=', stream);
	}
}
