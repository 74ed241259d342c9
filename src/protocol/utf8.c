/*
 * UTF-8 validation. Most of what clients send is ASCII, which is passed over in large steps. With
 * SSE2, other text is judged 16 bytes at a time; one sequence at a time is the way of processors
 * without it, of short texts and of the ends of long ones.
 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "protocol/text.h"

#ifdef __SSE2__
#include <emmintrin.h>

#define VECTOR 16
#define BLOCK (8 * VECTOR)

static inline __m128i load(const unsigned char *at)
{
	return _mm_loadu_si128((const __m128i *)at);
}

static inline __m128i each(unsigned char c)
{
	return _mm_set1_epi8((char)c);
}

/* The first byte at or behind @at that is not ASCII, or @end. What is between @from and @at may be
 * read once more. */
static const unsigned char *skip_ascii(const unsigned char *from, const unsigned char *at,
				       const unsigned char *end)
{
	for (size_t left = (size_t)(end - at) / BLOCK; left; left--) {
		__m128i all = load(at);
		for (size_t i = VECTOR; i < BLOCK; i += VECTOR)
			all = _mm_or_si128(all, load(at + i));
		if (_mm_movemask_epi8(all))
			break;
		at += BLOCK;
	}
	while (end - at >= VECTOR) {
		unsigned found = (unsigned)_mm_movemask_epi8(load(at));
		if (found)
			return at + __builtin_ctz(found);
		at += VECTOR;
	}
	if (at < end && end - from >= VECTOR) {
		unsigned found = (unsigned)_mm_movemask_epi8(load(end - VECTOR));
		found &= ~0u << (VECTOR - (end - at));
		return found ? end - VECTOR + __builtin_ctz(found) : end;
	}
	if (end - at >= 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		if (!(word & 0x8080808080808080))
			at += 8;
	}
	while (at < end && *at < 0x80)
		at++;
	return at;
}

/* Not zero in the bytes of @at that follow @first although they are outside of @lowest … @highest;
 * they are known to be between 0x80 and 0xbf, or the text is malformed anyway. */
static inline __m128i outside(__m128i before, __m128i bytes, unsigned char first,
			      unsigned char lowest, unsigned char highest)
{
	__m128i wrong = lowest > 0x80 ? _mm_cmplt_epi8(bytes, each(lowest))
				      : _mm_cmpgt_epi8(bytes, each(highest));
	return _mm_and_si128(_mm_cmpeq_epi8(before, each(first)), wrong);
}

/*
 * Whether 16 bytes go on in a well-formed way from the three in front of them, which must be there.
 * A byte continues a sequence exactly when one of the three begins one that reaches up to it.
 */
static inline bool goes_on(const unsigned char *at)
{
	__m128i bytes = load(at), before = load(at - 1);
	__m128i reached = _mm_or_si128(_mm_or_si128(_mm_subs_epu8(before, each(0xbf)),
						    _mm_subs_epu8(load(at - 2), each(0xdf))),
				       _mm_subs_epu8(load(at - 3), each(0xef)));
	__m128i not_reached = _mm_cmpeq_epi8(reached, _mm_setzero_si128());
	__m128i continues = _mm_cmplt_epi8(bytes, each(0xc0));
	__m128i wrong = _mm_cmpeq_epi8(not_reached, continues);
	/* 0xc0, 0xc1 and what is above 0xf4 begin nothing. */
	wrong = _mm_or_si128(wrong, _mm_cmpeq_epi8(_mm_and_si128(bytes, each(0xfe)), each(0xc0)));
	wrong = _mm_or_si128(wrong,
			     _mm_cmpgt_epi8(_mm_subs_epu8(bytes, each(0xf4)), _mm_setzero_si128()));
	/* Overlong forms, surrogates, above U+10FFFF. */
	wrong = _mm_or_si128(wrong, outside(before, bytes, 0xe0, 0xa0, 0xbf));
	wrong = _mm_or_si128(wrong, outside(before, bytes, 0xed, 0x80, 0x9f));
	wrong = _mm_or_si128(wrong, outside(before, bytes, 0xf0, 0x90, 0xbf));
	wrong = _mm_or_si128(wrong, outside(before, bytes, 0xf4, 0x80, 0x8f));
	return !_mm_movemask_epi8(wrong);
}

/* The beginning of the sequence that is not complete in front of @at, or @at. */
static const unsigned char *begun(const unsigned char *at)
{
	if (at[-1] >= 0xc0)
		return at - 1;
	if (at[-2] >= 0xe0)
		return at - 2;
	if (at[-3] >= 0xf0)
		return at - 3;
	return at;
}

/* Behind well-formed sequences from @at on, where one begins and three bytes are in front, as far
 * as they can be judged in steps; NULL when the text is malformed. */
static const unsigned char *skip_other(const unsigned char *at, const unsigned char *end)
{
	while (end - at >= VECTOR) {
		if (!goes_on(at))
			return NULL;
		at += VECTOR;
		if (!_mm_movemask_epi8(load(at - VECTOR)))
			return at;
	}
	return begun(at);
}

#else

static const unsigned char *skip_ascii(const unsigned char *from, const unsigned char *at,
				       const unsigned char *end)
{
	(void)from;
	while (end - at >= 16) {
		uint64_t words[2];
		memcpy(words, at, 16);
		if ((words[0] | words[1]) & 0x8080808080808080)
			break;
		at += 16;
	}
	while (at < end && *at < 0x80)
		at++;
	return at;
}

static const unsigned char *skip_other(const unsigned char *at, const unsigned char *end)
{
	(void)end;
	return at;
}

#endif

bool peal_utf8_valid(const void *bytes, size_t length)
{
	const unsigned char *from = bytes, *at = from, *end = at + length;
	for (;;) {
		at = skip_ascii(from, at, end);
		if (at == end)
			return true;
		/* Text that is not ASCII comes in runs. */
		while (at < end && *at >= 0x80) {
			size_t taken = peal_utf8_sequence(at, end);
			if (!taken)
				return false;
			at += taken;
			if (end - at >= 16 && at - from >= 3 && !(at = skip_other(at, end)))
				return false;
		}
	}
}
