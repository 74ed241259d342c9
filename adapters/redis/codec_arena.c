/* The memory of a decoder: names and lists of one message. In steady state one block is used again
 * and again. */
#include "adapters/redis/codec_private.h"

#include <stdlib.h>

#define FIRST_BYTES 4096
/* A larger block is not kept for the next message. */
#define KEEP_BYTES (1u << 20)

static void free_blocks(struct peal_arena_block *block)
{
	while (block) {
		struct peal_arena_block *before = block->before;
		free(block);
		block = before;
	}
}

void peal_arena_deinit(struct peal_arena *arena)
{
	free_blocks(arena->block);
	*arena = (struct peal_arena){ 0 };
}

void peal_arena_clear(struct peal_arena *arena)
{
	arena->used = 0;
	if (!arena->block)
		return;
	free_blocks(arena->block->before);
	arena->block->before = NULL;
	if (arena->block->size > KEEP_BYTES) {
		free(arena->block);
		arena->block = NULL;
	}
}

bool peal_arena_grow(struct peal_arena *arena, size_t size)
{
	/* Each block is at least twice as large as the one before, so the newest is the largest. */
	size_t wanted = arena->block ? 2 * arena->block->size : FIRST_BYTES;
	if (wanted < size)
		wanted = size;
	struct peal_arena_block *block = malloc(sizeof(*block) + wanted);
	if (!block)
		return false;
	block->before = arena->block;
	block->size = wanted;
	arena->block = block;
	arena->used = 0;
	return true;
}
