/* The inside of decoding, shared by the codec's files. */
#ifndef PEAL_REDIS_CODEC_PRIVATE_H
#define PEAL_REDIS_CODEC_PRIVATE_H

#include <string.h>

#include "adapters/redis/codec.h"
#include "base/limits.h"
#include "protocol/args.h"
#include "protocol/msgpack.h"

struct peal_arena_block {
	struct peal_arena_block *before;
	size_t size;
	char bytes[] __attribute__((aligned(16)));
};

/* Memory that does not move and is given back all at once; the largest block is kept. */
struct peal_arena {
	struct peal_arena_block *block; /* the newest, and those before it */
	size_t used;			/* of the newest */
};

void peal_arena_deinit(struct peal_arena *arena);
void peal_arena_clear(struct peal_arena *arena);
/* A new block, in which @size bytes have room. False without memory. */
bool peal_arena_grow(struct peal_arena *arena, size_t size);

/* Aligned for pointers, not zeroed. NULL without memory. */
static inline void *peal_arena_take(struct peal_arena *arena, size_t size)
{
	size = (size + 15) & ~(size_t)15;
	if ((!arena->block || arena->block->size - arena->used < size) &&
	    !peal_arena_grow(arena, size))
		return NULL;
	void *taken = arena->block->bytes + arena->used;
	arena->used += size;
	return taken;
}

struct peal_decoder {
	struct peal_message message;
	struct peal_arena arena;
	/* JSON of arguments, acknowledgements, sockets. It moves while it grows, so what points to
	 * it is an offset until the message is complete. */
	struct peal_buffer text;
	struct peal_buffer converted; /* what came as JSON, as MessagePack */
	struct peal_buffer repaired;  /* JSON that was not UTF-8 */
	struct peal_args args;
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args *answers;
	size_t answer_count;
};

/*
 * All of these return 0, -ENOMEM, or a code of enum peal_codec_error.
 */

/* A copy of a string with a NUL behind it, repaired where it is not UTF-8. Malformed: another type,
 * U+0000, too long. */
int peal_decode_name(struct peal_decoder *decoder, const struct peal_msgpack_item *item,
		     const char **ret_name);
/*
 * A list of rooms, at most @limit; nil is none. Numbers become their text. What cannot be the name
 * of a room here is left out, *ret_unusable: and nothing is left.
 */
int peal_decode_rooms(struct peal_decoder *decoder, struct peal_msgpack_reader *reader,
		      size_t limit, struct peal_rooms *ret_rooms, bool *ret_unusable);
/* {rooms, except, flags} */
int peal_decode_options(struct peal_decoder *decoder, struct peal_msgpack_reader *reader);
/* {type, data, id, nsp}. @default_ns: what a missing namespace stands for, NULL: any. */
int peal_decode_packet(struct peal_decoder *decoder, struct peal_msgpack_reader *reader,
		       const char *default_ns);
/* [event, ...args] */
int peal_decode_event(struct peal_decoder *decoder, struct peal_msgpack_reader *reader);

/* A target of nobody: rooms that cannot exist here were asked for. */
void peal_decode_nobody(struct peal_target *target);

/* Called for one pair of a map: moves @reader behind the value. */
typedef int (*peal_decode_pair_fn)(struct peal_decoder *decoder,
				   const struct peal_msgpack_item *key,
				   struct peal_msgpack_reader *reader, void *context);
/* A map, which is malformed when it is another value, or none. Stops at what is not 0. */
int peal_decode_map(struct peal_decoder *decoder, struct peal_msgpack_reader *reader,
		    peal_decode_pair_fn fn, void *context);

/* What the JSON printer returns, in terms of this module. */
int peal_decode_error(int r);
/* Skip a value. */
int peal_decode_skip(struct peal_msgpack_reader *reader);
/* The first item of a value, which is skipped as a whole. */
int peal_decode_value(struct peal_msgpack_reader *reader, struct peal_msgpack_item *ret_item);

static inline bool peal_decode_is(const struct peal_msgpack_item *item, const char *text)
{
	return item->type == PEAL_MSGPACK_STRING && item->length == strlen(text) &&
	       !memcmp(item->bytes, text, item->length);
}

/* null, or what JavaScript has for a value that is missing. */
static inline bool peal_decode_is_none(const struct peal_msgpack_item *item)
{
	return item->type == PEAL_MSGPACK_NIL || peal_msgpack_is_undefined(item);
}
/* A number that is one of 0 … @max. */
bool peal_decode_natural(const struct peal_msgpack_item *item, uint64_t max, uint64_t *ret_value);
/* What JavaScript takes for true. */
bool peal_decode_truth(const struct peal_msgpack_item *item);

/* Whole payloads that are maps. */
int peal_decode_request(struct peal_decoder *decoder, struct peal_msgpack_reader *reader);
int peal_decode_response(struct peal_decoder *decoder, struct peal_msgpack_reader *reader);

#endif
