#include "engine/outbox.h"

#include <errno.h>
#include <stdlib.h>

/* Chunks kept for the next burst: one for each of 8 192 sessions, 1 MB. */
#define POOL_CEILING 8192

void peal_outbox_pool_deinit(struct peal_outbox_pool *pool)
{
	while (pool->free) {
		struct peal_outbox_chunk *next = pool->free->next;
		free(pool->free);
		pool->free = next;
	}
	pool->free_count = 0;
}

static struct peal_outbox_chunk *chunk_take(struct peal_outbox_pool *pool)
{
	struct peal_outbox_chunk *chunk = pool->free;
	if (chunk) {
		pool->free = chunk->next;
		pool->free_count--;
	} else {
		chunk = malloc(sizeof(*chunk));
	}
	if (chunk)
		chunk->next = NULL;
	return chunk;
}

static void chunk_give(struct peal_outbox_pool *pool, struct peal_outbox_chunk *chunk)
{
	if (pool->free_count >= POOL_CEILING) {
		free(chunk);
		return;
	}
	chunk->next = pool->free;
	pool->free = chunk;
	pool->free_count++;
}

int peal_outbox_push(struct peal_outbox *outbox, struct peal_outbox_pool *pool,
		     struct peal_frame *frame)
{
	uint32_t end = outbox->head_index + outbox->count;
	uint32_t index = end % PEAL_OUTBOX_CHUNK_FRAMES;
	if (!outbox->tail || (index == 0 && end)) {
		struct peal_outbox_chunk *chunk = chunk_take(pool);
		if (!chunk)
			return -ENOMEM;
		if (outbox->tail)
			outbox->tail->next = chunk;
		else
			outbox->head = chunk;
		outbox->tail = chunk;
	}
	outbox->tail->frames[index] = peal_frame_ref(frame);
	outbox->count++;
	outbox->bytes += frame->length;
	pool->stats->outbox_bytes += frame->length;
	return 0;
}

size_t peal_outbox_peek(const struct peal_outbox *outbox, struct peal_frame **ret_frames,
			size_t max)
{
	const struct peal_outbox_chunk *chunk = outbox->head;
	uint32_t index = outbox->head_index;
	size_t count = outbox->count < max ? outbox->count : max;
	for (size_t i = 0; i < count; i++) {
		ret_frames[i] = chunk->frames[index];
		if (++index == PEAL_OUTBOX_CHUNK_FRAMES) {
			index = 0;
			chunk = chunk->next;
		}
	}
	return count;
}

void peal_outbox_pop(struct peal_outbox *outbox, struct peal_outbox_pool *pool, size_t count)
{
	while (count--) {
		struct peal_frame *frame = outbox->head->frames[outbox->head_index];
		outbox->bytes -= frame->length;
		pool->stats->outbox_bytes -= frame->length;
		peal_frame_unref(frame);
		outbox->count--;
		if (++outbox->head_index < PEAL_OUTBOX_CHUNK_FRAMES && outbox->count)
			continue;
		/* The chunk is used up, or nothing is queued any more: give it back. */
		struct peal_outbox_chunk *chunk = outbox->head;
		outbox->head = chunk->next;
		outbox->head_index = 0;
		if (!outbox->head)
			outbox->tail = NULL;
		chunk_give(pool, chunk);
	}
}
