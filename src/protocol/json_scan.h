/*
 * Many characters of a JSON string at a time: 16 with SSE2, which each x86-64 has, otherwise 8.
 * Private to the protocol: validator and printers stop at the same characters.
 *
 * Flipping the bit 0x02 of a character puts the quote right behind the control characters and takes
 * none of them out of their place, so that one comparison finds both.
 */
#ifndef PEAL_PROTOCOL_JSON_SCAN_H
#define PEAL_PROTOCOL_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* --- eight at a time, for any processor -------------------------------------------------- */

#define PEAL_EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* The high bit of each byte that is below @c, which is at most 0x80, for bytes below 0x80. Bytes in
 * front of a found one are exact, those behind it may be wrong, which does no harm to who looks for
 * the first. */
static inline uint64_t peal_bytes_below(uint64_t word, unsigned char c)
{
	return (word - PEAL_EACH_BYTE(c)) & ~word & PEAL_EACH_BYTE(0x80);
}

/* Not zero when one of eight characters must be escaped: quote, backslash, below U+0020. */
static inline uint64_t peal_json_escapes(uint64_t word)
{
	return peal_bytes_below(word ^ PEAL_EACH_BYTE(0x02), 0x21) |
	       peal_bytes_below(word ^ PEAL_EACH_BYTE('\\'), 1);
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

static inline const unsigned char *peal_json_skip_plain_words(const unsigned char *at,
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

static inline const unsigned char *peal_json_skip_printed_words(const unsigned char *at,
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

/* --- sixteen at a time ------------------------------------------------------------------- */

#ifdef __SSE2__

/* The first character at or behind @at that stops, or one of the last fifteen. */
const unsigned char *peal_json_skip_plain_far(const unsigned char *at, const unsigned char *end);
const unsigned char *peal_json_skip_printed_far(const unsigned char *at, const unsigned char *end);

static inline __m128i peal_json_load(const unsigned char *at)
{
	return _mm_loadu_si128((const __m128i *)at);
}

/* A bit for each of sixteen characters that is not plain ASCII inside a string. Compared with a
 * sign, what is not ASCII is below everything. */
static inline unsigned peal_json_not_plain(__m128i bytes)
{
	__m128i low =
		_mm_cmplt_epi8(_mm_xor_si128(bytes, _mm_set1_epi8(0x02)), _mm_set1_epi8(0x21));
	__m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, backslash));
}

/* A bit for each of sixteen characters that must be escaped. */
static inline unsigned peal_json_not_printed(__m128i bytes)
{
	__m128i flipped = _mm_xor_si128(bytes, _mm_set1_epi8(0x02));
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(flipped, _mm_set1_epi8(0x20)), flipped);
	__m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, backslash));
}

/* A bit for each of sixteen characters to stop at. */
static inline unsigned peal_json_stops(__m128i bytes, bool ascii)
{
	return ascii ? peal_json_not_plain(bytes) : peal_json_not_printed(bytes);
}

/* How much is looked at before a string counts as a long one, which is looked at in blocks. */
#define PEAL_JSON_NEAR 64
#define PEAL_JSON_BLOCK 128
/*
 * Whether one of 128 characters is not printed as it is, or not @ascii. The smallest of eight
 * vectors tells for all of them. With the highest bit flipped, what is not ASCII is below what is.
 */
static inline bool peal_json_block_stops(const __m128i bytes[PEAL_JSON_BLOCK / 16], bool ascii)
{
	const unsigned char flip = ascii ? 0x82 : 0x02;
	const __m128i flips = _mm_set1_epi8((char)flip);
	const __m128i backslash = _mm_set1_epi8((char)('\\' ^ flip));
	const __m128i highest = _mm_set1_epi8((char)(0x22 ^ flip));
	__m128i lowest = _mm_set1_epi8((char)0xff), nearest = lowest;
	for (size_t i = 0; i < PEAL_JSON_BLOCK / 16; i++) {
		__m128i flipped = _mm_xor_si128(bytes[i], flips);
		lowest = _mm_min_epu8(lowest, flipped);
		nearest = _mm_min_epu8(nearest, _mm_sub_epi8(flipped, backslash));
	}
	return _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(lowest, highest), lowest),
					      _mm_cmpeq_epi8(nearest, _mm_setzero_si128())));
}

#endif

/* --- what the others call ---------------------------------------------------------------- */

/* The first character at or behind @at that is not plain ASCII inside a string, or a little
 * earlier. */
static inline const unsigned char *peal_json_skip_plain(const unsigned char *at,
							const unsigned char *end)
{
#ifdef __SSE2__
	if (end - at >= 16) {
		unsigned found = peal_json_not_plain(peal_json_load(at));
		if (found)
			return at + __builtin_ctz(found);
		at = peal_json_skip_plain_far(at + 16, end);
	}
#endif
	return peal_json_skip_plain_words(at, end);
}

/* The same, but what is not ASCII is plain, too. */
static inline const unsigned char *peal_json_skip_printed(const unsigned char *at,
							  const unsigned char *end)
{
#ifdef __SSE2__
	if (end - at >= 16) {
		unsigned found = peal_json_not_printed(peal_json_load(at));
		if (found)
			return at + __builtin_ctz(found);
		at = peal_json_skip_printed_far(at + 16, end);
	}
#endif
	return peal_json_skip_printed_words(at, end);
}

#endif
