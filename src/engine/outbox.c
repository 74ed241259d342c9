#include "engine/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* With references of its own to the frames, and room for as many again. NULL: no memory. */
static struct peal_sequence *sequence_new(struct peal_frame *const *frames, uint32_t count)
{
	uint32_t capacity = count < PEAL_SEQUENCE_FRAMES / 2 ? PEAL_SEQUENCE_FRAMES : 2 * count;
	struct peal_sequence *sequence =
		malloc(sizeof(*sequence) + capacity * sizeof(*sequence->frames));
	if (!sequence)
		return NULL;
	*sequence = (struct peal_sequence){ .references = 1, .count = count, .capacity = capacity };
	for (uint32_t i = 0; i < count; i++)
		sequence->frames[i] = peal_frame_ref(frames[i]);
	return sequence;
}

void peal_sequence_free(struct peal_sequence *sequence, struct peal_outbox_pool *pool)
{
	if (pool->newest == sequence)
		pool->newest = NULL;
	for (uint32_t i = 0; i < sequence->count; i++)
		peal_frame_unref(sequence->frames[i]);
	free(sequence);
}

/* Let go of what the queue stands in. */
static void release(struct peal_outbox *outbox, struct peal_outbox_pool *pool)
{
	if (outbox->count == 1)
		peal_frame_unref(outbox->frame);
	else
		peal_sequence_unref(outbox->sequence, pool);
}

int peal_outbox_extend(struct peal_outbox *outbox, struct peal_outbox_pool *pool,
		       struct peal_frame *frame)
{
	struct peal_frame *const *frames = peal_outbox_frames(outbox);
	uint32_t count = outbox->count;
	if (count > 1) {
		struct peal_sequence *sequence = outbox->sequence;
		uint32_t end = outbox->first + count;
		if (end == sequence->count && end < sequence->capacity) {
			sequence->frames[sequence->count++] = peal_frame_ref(frame);
			return 0;
		}
	}
	/* The session before, with the same queue, may have been here just now. */
	struct peal_sequence *sequence = pool->newest;
	if (sequence && sequence->count > count && sequence->frames[count] == frame &&
	    !memcmp(sequence->frames, frames, count * sizeof(*frames))) {
		sequence->references++;
	} else {
		sequence = sequence_new(frames, count);
		if (!sequence)
			return -ENOMEM;
		sequence->frames[sequence->count++] = peal_frame_ref(frame);
		pool->newest = sequence;
	}
	release(outbox, pool);
	outbox->sequence = sequence;
	outbox->first = 0;
	return 0;
}

void peal_outbox_shorten(struct peal_outbox *outbox, struct peal_outbox_pool *pool, size_t count)
{
	if (!count)
		return;
	if (count == outbox->count) {
		struct peal_sequence *sequence = outbox->sequence;
		pool->stats->outbox_bytes -= outbox->bytes;
		*outbox = (struct peal_outbox){ 0 };
		peal_sequence_unref(sequence, pool);
		return;
	}
	struct peal_sequence *sequence = outbox->sequence;
	struct peal_frame **frames = sequence->frames + outbox->first;
	uint32_t left = outbox->count - (uint32_t)count;
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++)
		bytes += frames[i]->length;
	outbox->bytes -= bytes;
	pool->stats->outbox_bytes -= bytes;
	/*
	 * What has left must not be kept in memory by what has not: a slow reader's frames count
	 * against its limit only while they are queued.
	 */
	if (left == 1) {
		outbox->frame = peal_frame_ref(frames[count]);
		outbox->first = 0;
		peal_sequence_unref(sequence, pool);
	} else if (sequence->references == 1) {
		for (size_t i = 0; i < count; i++) {
			peal_frame_unref(frames[i]);
			frames[i] = NULL;
		}
		outbox->first += (uint32_t)count;
	} else {
		struct peal_sequence *own = sequence_new(frames + count, left);
		if (own) {
			outbox->sequence = own;
			outbox->first = 0;
			peal_sequence_unref(sequence, pool);
		} else {
			outbox->first += (uint32_t)count; /* then it is kept */
		}
	}
	outbox->count = left;
}
