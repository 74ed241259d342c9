/*
 * A session's queue of frame references, with a byte count.
 *
 * An idle session has nothing but the struct, and one frame needs nothing more either: its pointer
 * stands in the struct. From the second on the frames stand in a sequence, which is shared by all
 * sessions that were sent the same: who is at the place where the others were, and is given the
 * frame that they were given, takes one step further in their sequence. So the frames of a turn are
 * written down once, for however many sessions, and equal queues are known by one pointer.
 *
 * What stands in a sequence never changes; who is given something else gets one of its own. So what
 * one of them alone was sent, and has read, stays behind the end of the others until they are sent
 * or have read something themselves: at the latest with their next ping, and never more than a
 * queue may hold.
 */
#ifndef PEAL_ENGINE_OUTBOX_H
#define PEAL_ENGINE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/frame.h"

/* Frames of a sequence when it is made; a longer one takes its place when it is full. */
#define PEAL_SEQUENCE_FRAMES 14

struct peal_sequence {
	uint32_t references; /* outboxes, and the joined bytes made of it */
	uint32_t count, capacity;
	struct peal_frame *frames[]; /* NULL: has left the only outbox */
};

/* What the outboxes of an engine have in common. */
struct peal_outbox_pool {
	struct peal_sequence
		*newest; /* others may go over to it; no reference: NULL when it died */
	struct peal_stats *stats;
};

struct peal_outbox {
	union {
		struct peal_frame *frame;	/* when there is one */
		struct peal_sequence *sequence; /* when there are more */
	};
	size_t bytes; /* payload bytes */
	uint32_t count;
	uint32_t first; /* place in the sequence */
};

/* For peal_outbox_push(): there is a frame, and @frame does not stand behind the last. Return: 0;
 * -ENOMEM. */
int peal_outbox_extend(struct peal_outbox *outbox, struct peal_outbox_pool *pool,
		       struct peal_frame *frame) __attribute__((warn_unused_result));
/* For peal_outbox_pop(): some of several frames, or all. */
void peal_outbox_shorten(struct peal_outbox *outbox, struct peal_outbox_pool *pool, size_t count);
void peal_sequence_free(struct peal_sequence *sequence, struct peal_outbox_pool *pool);

static inline void peal_sequence_unref(struct peal_sequence *sequence,
				       struct peal_outbox_pool *pool)
{
	if (--sequence->references == 0)
		peal_sequence_free(sequence, pool);
}

static inline bool peal_outbox_empty(const struct peal_outbox *outbox)
{
	return !outbox->count;
}

/* All of them, ->count; good until something is pushed or popped. */
static inline struct peal_frame *const *peal_outbox_frames(const struct peal_outbox *outbox)
{
	return outbox->count > 1 ? outbox->sequence->frames + outbox->first : &outbox->frame;
}

/* The sequence goes on with @frame where the outbox ends: others were given it already. */
static inline bool peal_outbox_goes_on(const struct peal_outbox *outbox,
				       const struct peal_frame *frame)
{
	const struct peal_sequence *sequence = outbox->sequence;
	uint32_t end = outbox->first + outbox->count;
	return outbox->count > 1 && end < sequence->count && sequence->frames[end] == frame;
}

/* Takes a reference of its own. Return: 0; -ENOMEM, never with an empty outbox. */
static inline __attribute__((warn_unused_result)) int peal_outbox_push(
	struct peal_outbox *outbox, struct peal_outbox_pool *pool, struct peal_frame *frame)
{
	uint32_t count = outbox->count, length = frame->length;
	if (!count) {
		outbox->frame = peal_frame_ref(frame);
	} else if (!peal_outbox_goes_on(outbox, frame)) {
		int r = peal_outbox_extend(outbox, pool, frame);
		if (r < 0)
			return r;
	}
	outbox->count = count + 1;
	outbox->bytes += length;
	pool->stats->outbox_bytes += length;
	return 0;
}

/* Drop the first @count frames. */
static inline void peal_outbox_pop(struct peal_outbox *outbox, struct peal_outbox_pool *pool,
				   size_t count)
{
	if (outbox->count != 1) {
		peal_outbox_shorten(outbox, pool, count);
	} else if (count) {
		struct peal_frame *frame = outbox->frame;
		pool->stats->outbox_bytes -= outbox->bytes;
		*outbox = (struct peal_outbox){ 0 };
		peal_frame_unref(frame);
	}
}

static inline void peal_outbox_clear(struct peal_outbox *outbox, struct peal_outbox_pool *pool)
{
	peal_outbox_pop(outbox, pool, outbox->count);
}

#endif
