/*
 * Names and base64. Everything here sees bytes straight from the network, so nothing is assumed
 * about them.
 */
#include "protocol/text.h"

#include <stdint.h>
#include <string.h>

#include "base/limits.h"

bool peal_name_valid(const char *name, size_t length)
{
	return length <= PEAL_LIMIT_NAME_BYTES && (!length || !memchr(name, '\0', length)) &&
	       peal_utf8_valid(name, length);
}

void peal_base64_encode(const void *bytes, size_t length, char *ret_text)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *at = bytes;
	for (; length >= 3; at += 3, length -= 3, ret_text += 4) {
		uint32_t group = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
		ret_text[0] = alphabet[group >> 18];
		ret_text[1] = alphabet[group >> 12 & 63];
		ret_text[2] = alphabet[group >> 6 & 63];
		ret_text[3] = alphabet[group & 63];
	}
	if (!length)
		return;
	uint32_t group = (uint32_t)at[0] << 16 | (length == 2 ? (uint32_t)at[1] << 8 : 0);
	ret_text[0] = alphabet[group >> 18];
	ret_text[1] = alphabet[group >> 12 & 63];
	ret_text[2] = length == 2 ? alphabet[group >> 6 & 63] : '=';
	ret_text[3] = '=';
}

/* The value of a base64 character plus one, so that characters of neither alphabet are zero. */
static const unsigned char base64_values[256] = {
	['A'] = 1,  ['B'] = 2,	['C'] = 3,  ['D'] = 4,	['E'] = 5,  ['F'] = 6,	['G'] = 7,
	['H'] = 8,  ['I'] = 9,	['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
	['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
	['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
	['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
	['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
	['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
	['-'] = 63, ['/'] = 64, ['_'] = 64,
};

size_t peal_base64_decode(const char *text, size_t length, void *ret_bytes)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + length;
	unsigned char *out = ret_bytes;
	uint32_t group = 0;
	unsigned have = 0;
	while (at < end) {
		/* Groups without junk, which is what clients send. */
		while (!have && end - at >= 4) {
			uint32_t a = base64_values[at[0]], b = base64_values[at[1]];
			uint32_t c = base64_values[at[2]], d = base64_values[at[3]];
			if (!a || !b || !c || !d)
				break;
			group = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
			*out++ = (unsigned char)(group >> 16);
			*out++ = (unsigned char)(group >> 8);
			*out++ = (unsigned char)group;
			at += 4;
		}
		if (at == end || *at == '=')
			break;
		unsigned value = base64_values[*at++];
		if (!value)
			continue;
		group = group << 6 | (value - 1);
		if (++have == 4) {
			*out++ = (unsigned char)(group >> 16);
			*out++ = (unsigned char)(group >> 8);
			*out++ = (unsigned char)group;
			have = 0;
		}
	}
	if (have == 2) {
		*out++ = (unsigned char)(group >> 4);
	} else if (have == 3) {
		*out++ = (unsigned char)(group >> 10);
		*out++ = (unsigned char)(group >> 2);
	}
	return (size_t)(out - (unsigned char *)ret_bytes);
}
