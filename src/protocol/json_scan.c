/*
 * Text that is plain beyond its first characters: some vectors one by one, since most strings end
 * soon, then blocks, then what is left.
 */
#include "protocol/json_scan.h"

#ifdef __SSE2__

static inline const unsigned char *skip_blocks(const unsigned char *at, const unsigned char *end,
					       bool ascii)
{
	for (size_t left = (size_t)(end - at) / PEAL_JSON_BLOCK; left; left--) {
		__m128i bytes[PEAL_JSON_BLOCK / 16];
		for (size_t i = 0; i < PEAL_JSON_BLOCK / 16; i++)
			bytes[i] = peal_json_load(at + 16 * i);
		if (peal_json_block_stops(bytes, ascii))
			break;
		at += PEAL_JSON_BLOCK;
	}
	return at;
}

static inline const unsigned char *skip(const unsigned char *at, const unsigned char *end,
					bool ascii)
{
	const unsigned char *stop = end;
	if (end - at >= PEAL_JSON_NEAR + PEAL_JSON_BLOCK)
		stop = at + PEAL_JSON_NEAR;
	for (;;) {
		for (; stop - at >= 16; at += 16) {
			unsigned found = peal_json_stops(peal_json_load(at), ascii);
			if (found)
				return at + __builtin_ctz(found);
		}
		if (stop == end)
			return at;
		at = skip_blocks(at, end, ascii);
		stop = end;
	}
}

const unsigned char *peal_json_skip_plain_far(const unsigned char *at, const unsigned char *end)
{
	return skip(at, end, true);
}

const unsigned char *peal_json_skip_printed_far(const unsigned char *at, const unsigned char *end)
{
	return skip(at, end, false);
}

#endif
