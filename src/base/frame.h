/*
 * Frames: immutable, refcounted, wire-ready bytes shared by every recipient.
 *
 * One frame is one Engine.IO message unit. Its payload is what a WebSocket message carries ("4" +
 * text, or raw binary), with the unmasked WebSocket header right in front of it, so that one
 * pointer serves all WebSocket clients, and polling takes the payload. A Socket.IO packet with
 * attachments is a run: the text frame and its attachments through `next`, always queued together.
 *
 * Life: peal_frame_new(), write the payload, peal_frame_seal(); nothing changes afterwards but the
 * count and the base64 form that polling makes once when it is first needed.
 */
#ifndef PEAL_BASE_FRAME_H
#define PEAL_BASE_FRAME_H

#include <peal/stats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEAL_FRAME_HEADROOM 10

struct peal_frame {
	uint32_t references;
	uint32_t length;       /* of the payload */
	uint8_t header_length; /* of the WebSocket header, 0 before the seal */
	bool binary;
	bool no_compress;	   /* compress(false) */
	struct peal_frame *next;   /* rest of the run; owned */
	struct peal_frame *base64; /* "b" + base64 of a binary payload, as a text frame; NULL until
				      needed; owned */
	struct peal_stats *stats;
	char bytes[]; /* headroom, payload */
};

/* A frame with room for @capacity bytes of payload; ->length is @capacity and may be lowered before
 * the seal. NULL: no memory. */
struct peal_frame *peal_frame_new(struct peal_stats *stats, bool binary, size_t capacity);
/* A sealed frame with a copy of the payload. */
struct peal_frame *peal_frame_new_copy(struct peal_stats *stats, bool binary, const void *payload,
				       size_t length);
/* Write the WebSocket header in front of the payload. */
void peal_frame_seal(struct peal_frame *frame);
void peal_frame_free(struct peal_frame *frame);

static inline char *peal_frame_payload(struct peal_frame *frame)
{
	return frame->bytes + PEAL_FRAME_HEADROOM;
}

/* The bytes of the whole WebSocket frame; peal_frame_wire_length() of them. */
static inline const char *peal_frame_wire(const struct peal_frame *frame)
{
	return frame->bytes + PEAL_FRAME_HEADROOM - frame->header_length;
}

static inline size_t peal_frame_wire_length(const struct peal_frame *frame)
{
	return (size_t)frame->length + frame->header_length;
}

static inline struct peal_frame *peal_frame_ref(struct peal_frame *frame)
{
	frame->references++;
	return frame;
}

/* Gives up one reference of this frame, and with the last one its reference to the rest of the run.
 */
static inline void peal_frame_unref(struct peal_frame *frame)
{
	if (frame && --frame->references == 0)
		peal_frame_free(frame);
}

#endif
