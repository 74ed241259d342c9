/*
 * Packets as frames. The text of a packet is put together in one place of memory and never copied
 * again: every recipient gets a pointer to the same run of frames.
 */
#include <errno.h>
#include <string.h>

#include "protocol/json.h"
#include "server/server_private.h"

/* Head of a packet and an escaped event name: every byte of a name may become "\u0000". */
#define HEAD_BYTES (7 * PEAL_LIMIT_NAME_BYTES + 64)

int peal_encode_check(const struct peal_args *args)
{
	if (args->attachment_count > PEAL_LIMIT_ATTACHMENTS ||
	    args->length > PEAL_LIMIT_FRAME_BYTES - HEAD_BYTES)
		return PEAL_EMIT_E_TOO_LARGE;
	for (size_t i = 0; i < args->attachment_count; i++)
		if (args->attachments[i].length > PEAL_LIMIT_FRAME_BYTES)
			return PEAL_EMIT_E_TOO_LARGE;
	return 0;
}

static int add_attachments(struct peal_frame *run, const struct peal_args *args)
{
	for (size_t i = 0; i < args->attachment_count; i++) {
		struct peal_frame *frame = peal_frame_new_copy(
			run->stats, true, args->attachments[i].bytes, args->attachments[i].length);
		if (!frame)
			return -ENOMEM;
		frame->no_compress = run->no_compress;
		run->next = frame;
		run = frame;
	}
	return 0;
}

/* @head ends behind the opening bracket and what stands in front of the arguments. */
static int build(struct peal_stats *stats, struct peal_buffer *head, const struct peal_args *args,
		 bool no_compress, struct peal_frame **ret_run)
{
	struct peal_frame *run = NULL;
	if (!peal_buffer_error(head))
		run = peal_frame_new(stats, false, head->length + args->length + 1);
	if (run) {
		char *at = peal_frame_payload(run);
		memcpy(at, head->bytes, head->length);
		at += head->length;
		if (args->length)
			memcpy(at, args->text, args->length);
		at[args->length] = ']';
		peal_frame_seal(run);
		run->no_compress = no_compress;
	}
	peal_buffer_deinit(head);
	if (!run)
		return -ENOMEM;
	int r = add_attachments(run, args);
	if (r < 0) {
		peal_frame_unref(run);
		return r;
	}
	*ret_run = run;
	return 0;
}

int peal_encode_event(const struct peal_namespace *ns, uint64_t id, const char *event,
		      size_t event_length, const struct peal_args *args, bool no_compress,
		      struct peal_frame **ret_run)
{
	struct peal_buffer head = PEAL_BUFFER(HEAD_BYTES);
	peal_packet_append_head(
		&head, args->attachment_count ? PEAL_PACKET_BINARY_EVENT : PEAL_PACKET_EVENT,
		(unsigned)args->attachment_count, ns->name, ns->name_length, id);
	peal_buffer_append_char(&head, '[');
	peal_json_append_string(&head, event, event_length);
	if (args->count)
		peal_buffer_append_char(&head, ',');
	return build(ns->server->stats, &head, args, no_compress, ret_run);
}

int peal_encode_ack(const struct peal_namespace *ns, uint64_t id, const struct peal_args *args,
		    struct peal_frame **ret_run)
{
	struct peal_buffer head = PEAL_BUFFER(HEAD_BYTES);
	peal_packet_append_head(&head,
				args->attachment_count ? PEAL_PACKET_BINARY_ACK : PEAL_PACKET_ACK,
				(unsigned)args->attachment_count, ns->name, ns->name_length, id);
	peal_buffer_append_char(&head, '[');
	return build(ns->server->stats, &head, args, false, ret_run);
}

int peal_encode_send(struct peal_client *client, enum peal_packet_type type, const char *name,
		     size_t name_length, const char *json, size_t json_length)
{
	struct peal_buffer head = PEAL_BUFFER(HEAD_BYTES + json_length);
	struct peal_frame *frame = NULL;
	peal_packet_append_head(&head, type, 0, name, name_length, PEAL_PACKET_NO_ID);
	if (json_length)
		peal_buffer_append(&head, json, json_length);
	if (!peal_buffer_error(&head))
		frame = peal_frame_new_copy(client->server->stats, false, head.bytes, head.length);
	peal_buffer_deinit(&head);
	if (!frame) {
		/* A client that waits for this packet would wait forever. */
		peal_session_discard(client->session);
		return -EPIPE;
	}
	int r = peal_session_queue(client->session, frame);
	peal_frame_unref(frame);
	return r;
}
