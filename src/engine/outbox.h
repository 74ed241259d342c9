/*
 * A session's queue of frame references, with a byte count.
 *
 * Memory is attached only while something is queued: chunks come from a pool that all outboxes of
 * an engine share, so an idle session costs nothing but the struct and a busy one does not call
 * malloc on the normal path.
 */
#ifndef PEAL_ENGINE_OUTBOX_H
#define PEAL_ENGINE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/frame.h"

#define PEAL_OUTBOX_CHUNK_FRAMES 15

struct peal_outbox_chunk {
	struct peal_outbox_chunk *next;
	struct peal_frame *frames[PEAL_OUTBOX_CHUNK_FRAMES];
};

struct peal_outbox_pool {
	struct peal_outbox_chunk *free;
	size_t free_count;
	struct peal_stats *stats;
};

struct peal_outbox {
	struct peal_outbox_chunk *head, *tail;
	uint32_t head_index; /* of the first frame in the first chunk */
	uint32_t count;
	size_t bytes; /* payload bytes */
};

void peal_outbox_pool_deinit(struct peal_outbox_pool *pool);

/* Takes a reference of its own. Return: 0; -ENOMEM. */
int peal_outbox_push(struct peal_outbox *outbox, struct peal_outbox_pool *pool,
		     struct peal_frame *frame) __attribute__((warn_unused_result));
/* The first @max frames, still owned by the outbox. Return: how many there are. */
size_t peal_outbox_peek(const struct peal_outbox *outbox, struct peal_frame **ret_frames,
			size_t max);
/* Drop the first @count frames. */
void peal_outbox_pop(struct peal_outbox *outbox, struct peal_outbox_pool *pool, size_t count);

static inline bool peal_outbox_empty(const struct peal_outbox *outbox)
{
	return !outbox->count;
}

static inline void peal_outbox_clear(struct peal_outbox *outbox, struct peal_outbox_pool *pool)
{
	peal_outbox_pop(outbox, pool, outbox->count);
}

#endif
