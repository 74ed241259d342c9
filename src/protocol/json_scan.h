/*
 * Eight characters of a JSON string at a time. Private to the JSON files: validator and printer
 * stop at the same characters.
 */
#ifndef PEAL_PROTOCOL_JSON_SCAN_H
#define PEAL_PROTOCOL_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PEAL_EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* The high bit of each byte that is zero. Bytes in front of a found one are exact, those behind it
 * may be wrong, which does no harm to who looks for the first. */
static inline uint64_t peal_zero_bytes(uint64_t word)
{
	return (word - PEAL_EACH_BYTE(1)) & ~word & PEAL_EACH_BYTE(0x80);
}

/* Not zero when one of eight characters must be escaped: quote, backslash, below U+0020. */
static inline uint64_t peal_json_escapes(uint64_t word)
{
	uint64_t controls = (word - PEAL_EACH_BYTE(0x20)) & ~word & PEAL_EACH_BYTE(0x80);
	return controls | peal_zero_bytes(word ^ PEAL_EACH_BYTE('"')) |
	       peal_zero_bytes(word ^ PEAL_EACH_BYTE('\\'));
}

/* How many bytes are in front of the first found one; 0 where the byte order does not tell. */
static inline size_t peal_first_found(uint64_t found)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (size_t)__builtin_ctzll(found) / 8;
#else
	(void)found;
	return 0;
#endif
}

/* The first character at or behind @at that is not plain ASCII inside a string, or a little
 * earlier. */
static inline const unsigned char *peal_json_skip_plain(const unsigned char *at,
							const unsigned char *end)
{
	while (end - at >= 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		uint64_t found = peal_json_escapes(word) | (word & PEAL_EACH_BYTE(0x80));
		if (found)
			return at + peal_first_found(found);
		at += 8;
	}
	return at;
}

/* The same, but what is not ASCII is plain, too. */
static inline const unsigned char *peal_json_skip_printed(const unsigned char *at,
							  const unsigned char *end)
{
	while (end - at >= 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		uint64_t found = peal_json_escapes(word);
		if (found)
			return at + peal_first_found(found);
		at += 8;
	}
	return at;
}

#endif
