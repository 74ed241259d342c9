/*
 * Base64 with the alphabet of URLs and without padding.
 */
#include "base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool peal_base64url_decode(const char *text, size_t length, unsigned char *ret_bytes,
			   size_t *ret_length)
{
	size_t written = 0;
	unsigned bits = 0, have = 0;

	if (length % 4 == 1)
		return false;
	for (size_t i = 0; i < length; i++) {
		int value = digit(text[i]);

		if (value < 0)
			return false;
		bits = (bits << 6 | (unsigned)value) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			ret_bytes[written++] = (unsigned char)(bits >> have);
		}
	}
	if (bits & ((1u << have) - 1))
		return false;
	*ret_length = written;
	return true;
}

size_t peal_base64url_encode(const unsigned char *bytes, size_t length, char *ret_text)
{
	size_t written = 0;
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < length; i++) {
		bits = (bits << 8 | bytes[i]) & 0xffff;
		for (have += 8; have >= 6; have -= 6)
			ret_text[written++] = alphabet[bits >> (have - 6) & 63];
	}
	if (have)
		ret_text[written++] = alphabet[bits << (6 - have) & 63];
	ret_text[written] = '\0';
	return written;
}
