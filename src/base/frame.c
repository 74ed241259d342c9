#include "base/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct peal_frame *peal_frame_new(struct peal_stats *stats, bool binary, size_t capacity)
{
	if (capacity > UINT32_MAX - 64)
		return NULL;
	struct peal_frame *frame = malloc(sizeof(*frame) + PEAL_FRAME_HEADROOM + capacity);
	if (!frame)
		return NULL;
	*frame = (struct peal_frame){
		.references = 1, .length = (uint32_t)capacity, .binary = binary, .stats = stats
	};
	stats->frames++;
	stats->frames_built++;
	return frame;
}

struct peal_frame *peal_frame_new_copy(struct peal_stats *stats, bool binary, const void *payload,
				       size_t length)
{
	struct peal_frame *frame = peal_frame_new(stats, binary, length);
	if (!frame)
		return NULL;
	if (length)
		memcpy(peal_frame_payload(frame), payload, length);
	peal_frame_seal(frame);
	return frame;
}

void peal_frame_seal(struct peal_frame *frame)
{
	assert(!frame->header_length);
	unsigned char first = frame->binary ? 0x82 : 0x81;
	uint32_t length = frame->length;
	if (length < 126) {
		frame->header_length = 2;
		unsigned char *header = (unsigned char *)peal_frame_payload(frame) - 2;
		header[0] = first;
		header[1] = (unsigned char)length;
	} else if (length < 65536) {
		frame->header_length = 4;
		unsigned char *header = (unsigned char *)peal_frame_payload(frame) - 4;
		header[0] = first;
		header[1] = 126;
		header[2] = (unsigned char)(length >> 8);
		header[3] = (unsigned char)length;
	} else {
		frame->header_length = 10;
		unsigned char *header = (unsigned char *)peal_frame_payload(frame) - 10;
		header[0] = first;
		header[1] = 127;
		memset(header + 2, 0, 4);
		for (int i = 0; i < 4; i++)
			header[6 + i] = (unsigned char)(length >> (24 - 8 * i));
	}
	frame->stats->frame_bytes += length;
}

void peal_frame_free(struct peal_frame *frame)
{
	while (frame) {
		struct peal_frame *next = frame->next;
		if (frame->header_length)
			frame->stats->frame_bytes -= frame->length;
		frame->stats->frames--;
		peal_frame_unref(frame->base64);
		free(frame);
		frame = next && --next->references == 0 ? next : NULL;
	}
}
