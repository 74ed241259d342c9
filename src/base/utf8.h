/*
 * One UTF-8 sequence at a time. It lives in base because log lines need it as well as the protocol;
 * protocol/utf8.c judges long text by the same rules in vectors.
 */
#ifndef PEAL_BASE_UTF8_H
#define PEAL_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define PEAL_UTF8_REPLACEMENT "\xef\xbf\xbd"

/*
 * Bytes of the well-formed sequence at @at (1 to 4), 0 if it is malformed: overlong, a surrogate,
 * above U+10FFFF, or cut by @end. @at must be in front of @end.
 */
static inline size_t peal_utf8_sequence(const unsigned char *at, const unsigned char *end)
{
	unsigned char first = at[0];
	if (first < 0x80)
		return 1;
	/* The second byte alone tells overlong forms, surrogates and what is too large. */
	unsigned char lowest = 0x80, highest = 0xbf;
	size_t length;
	if (first >= 0xc2 && first <= 0xdf) {
		length = 2;
	} else if (first >= 0xe0 && first <= 0xef) {
		length = 3;
		if (first == 0xe0)
			lowest = 0xa0;
		else if (first == 0xed)
			highest = 0x9f;
	} else if (first >= 0xf0 && first <= 0xf4) {
		length = 4;
		if (first == 0xf0)
			lowest = 0x90;
		else if (first == 0xf4)
			highest = 0x8f;
	} else {
		return 0;
	}
	if ((size_t)(end - at) < length || at[1] < lowest || at[1] > highest)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

/*
 * How many bytes of a malformed sequence one U+FFFD stands for when text is repaired as browsers
 * and Node.js do: the longest beginning of what could have been a sequence, at least one byte.
 */
static inline size_t peal_utf8_malformed(const unsigned char *at, const unsigned char *end)
{
	unsigned char first = at[0], lowest = 0x80, highest = 0xbf;
	size_t length = first >= 0xf0 && first <= 0xf4 ? 4 : first >= 0xe0 && first <= 0xef ? 3 : 1;
	if (first == 0xe0)
		lowest = 0xa0;
	else if (first == 0xed)
		highest = 0x9f;
	else if (first == 0xf0)
		lowest = 0x90;
	else if (first == 0xf4)
		highest = 0x8f;
	size_t taken = 1;
	while (taken < length && at + taken < end && at[taken] >= lowest && at[taken] <= highest) {
		taken++;
		lowest = 0x80;
		highest = 0xbf;
	}
	return taken;
}

/* Write @code_point, which must not be above U+10FFFF, as UTF-8. Return: 1 to 4, the bytes written.
 */
static inline size_t peal_utf8_put(char *to, uint32_t code_point)
{
	unsigned char *out = (unsigned char *)to;
	if (code_point < 0x80) {
		out[0] = (unsigned char)code_point;
		return 1;
	}
	if (code_point < 0x800) {
		out[0] = (unsigned char)(0xc0 | code_point >> 6);
		out[1] = (unsigned char)(0x80 | (code_point & 0x3f));
		return 2;
	}
	if (code_point < 0x10000) {
		out[0] = (unsigned char)(0xe0 | code_point >> 12);
		out[1] = (unsigned char)(0x80 | (code_point >> 6 & 0x3f));
		out[2] = (unsigned char)(0x80 | (code_point & 0x3f));
		return 3;
	}
	out[0] = (unsigned char)(0xf0 | code_point >> 18);
	out[1] = (unsigned char)(0x80 | (code_point >> 12 & 0x3f));
	out[2] = (unsigned char)(0x80 | (code_point >> 6 & 0x3f));
	out[3] = (unsigned char)(0x80 | (code_point & 0x3f));
	return 4;
}

#endif
