/*
 * A client event as its handlers outside of this node get it.
 *
 * The arguments are passed on as the client wrote them, numbers and all.
 */
#include "forward_event.h"

#include <errno.h>
#include <inttypes.h>
#include <peal/peal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../api_json.h"

/* As many as an event may have. */
#define ATTACHMENTS 10

/* FNV-1a. Ids of sockets are random, so nobody chooses the number. */
uint32_t peal_forward_handler(const char *socket_id)
{
	uint32_t hash = 2166136261u;

	for (; *socket_id; socket_id++)
		hash = (hash ^ (unsigned char)*socket_id) * 16777619u;
	return hash;
}

/* The id of the user is in the data of the socket, where only its token can have put it. */
static void put_user(FILE *stream, const struct peal_socket *socket)
{
	const char *data = peal_socket_data(socket);
	struct peal_piece object = peal_piece_trim(data, strlen(data)), key, value;
	struct peal_piece user = { "null", 4 };
	struct peal_pieces walk;

	if (object.length && *object.at == '{')
		for (walk = peal_piece_into(object); peal_piece_next(&walk, &key, &value);)
			if (peal_piece_is(key, "user") && *value.at == '"')
				user = value;
	fwrite(user.at, 1, user.length, stream);
}

static void put_event(FILE *stream, struct peal_forward_ids *ids, const struct peal_socket *socket,
		      const struct peal_event *event)
{
	const struct peal_namespace *ns = peal_socket_namespace(socket);
	const char *id = peal_socket_id(socket);
	size_t length;
	const char *args = peal_args_text(event->args, &length);

	fprintf(stream, "[{\"id\":\"%016" PRIx64 "-%" PRIu64 "\",\"handler\":%" PRIu32 ",\"node\":",
		ids->node, ++ids->count, peal_forward_handler(id));
	peal_piece_put_string(stream, peal_node_name(peal_namespace_node(ns)));
	fputs(",\"namespace\":", stream);
	peal_piece_put_string(stream, peal_namespace_name(ns));
	fputs(",\"socket\":", stream);
	peal_piece_put_string(stream, id);
	fputs(",\"user\":", stream);
	put_user(stream, socket);
	fputs(",\"event\":", stream);
	peal_piece_put_string(stream, event->name);
	fputs(",\"args\":[", stream);
	fwrite(args, 1, length, stream);
	fputs("]}]", stream);
}

int peal_forward_event(struct peal_forward_ids *ids, const struct peal_socket *socket,
		       const struct peal_event *event, struct peal_args **ret_args)
{
	struct peal_bytes attachments[ATTACHMENTS];
	size_t count = peal_args_attachment_count(event->args), length = 0;
	char *text = NULL;
	FILE *stream;
	int r;

	if (count > ATTACHMENTS)
		return PEAL_EMIT_E_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		attachments[i] = peal_args_attachment(event->args, i);
	stream = open_memstream(&text, &length);
	if (!stream)
		return -ENOMEM;
	put_event(stream, ids, socket, event);
	if (fclose(stream) != 0) {
		free(text);
		return -ENOMEM;
	}
	r = peal_args_new_from_json(text, length, attachments, count, ret_args);
	free(text);
	return r;
}
