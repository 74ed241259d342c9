/*
 * A client event as its handlers outside of this node get it.
 *
 * The arguments are passed on as the client wrote them, numbers and all.
 */
#include "event_json.h"

#include <errno.h>
#include <inttypes.h>
#include <peal/peal.h>
#include <stdlib.h>
#include <sys/random.h>

#include "../access/identity.h"
#include "../api_binary.h"
#include "../api_json.h"

int peal_event_ids_init(struct peal_event_ids *ids)
{
	*ids = (struct peal_event_ids){ 0 };
	return getrandom(&ids->node, sizeof(ids->node), 0) < 0 ? -errno : 0;
}

void peal_event_id(struct peal_event_ids *ids, char buffer[PEAL_EVENT_ID_BYTES])
{
	snprintf(buffer, PEAL_EVENT_ID_BYTES, "%016" PRIx64 "-%" PRIu64, ids->node, ++ids->count);
}

/* FNV-1a. Ids of sockets are random, so nobody chooses the number. */
uint32_t peal_event_handler(const char *socket_id)
{
	uint32_t hash = 2166136261u;

	for (; *socket_id; socket_id++)
		hash = (hash ^ (unsigned char)*socket_id) * 16777619u;
	return hash;
}

void peal_event_put_client(FILE *stream, const char *id, const struct peal_socket *socket)
{
	const struct peal_namespace *ns = peal_socket_namespace(socket);
	const char *socket_id = peal_socket_id(socket);
	struct peal_piece user;

	fprintf(stream, "\"id\":\"%s\",\"handler\":%" PRIu32 ",\"node\":", id,
		peal_event_handler(socket_id));
	peal_piece_put_string(stream, peal_node_name(peal_namespace_node(ns)));
	fputs(",\"namespace\":", stream);
	peal_piece_put_string(stream, peal_namespace_name(ns));
	fputs(",\"socket\":", stream);
	peal_piece_put_string(stream, socket_id);
	fputs(",\"user\":", stream);
	if (peal_identity_user(socket, &user))
		fwrite(user.at, 1, user.length, stream);
	else
		fputs("null", stream);
}

void peal_event_put(FILE *stream, const struct peal_event *event)
{
	fputs("\"event\":", stream);
	peal_piece_put_string(stream, event->name);
	fputs(",\"args\":[", stream);
	peal_api_args_put_all(stream, event->args);
	fputc(']', stream);
}

/* The attachments stay where they are. */
static void put_argument(FILE *stream, struct peal_event_ids *ids, const struct peal_socket *socket,
			 const struct peal_event *event)
{
	char id[PEAL_EVENT_ID_BYTES];
	size_t length;
	const char *args = peal_args_text(event->args, &length);

	peal_event_id(ids, id);
	fputs("[{", stream);
	peal_event_put_client(stream, id, socket);
	fputs(",\"event\":", stream);
	peal_piece_put_string(stream, event->name);
	fputs(",\"args\":[", stream);
	fwrite(args, 1, length, stream);
	fputs("]}]", stream);
}

int peal_event_args(struct peal_event_ids *ids, const struct peal_socket *socket,
		    const struct peal_event *event, struct peal_args **ret_args)
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream;
	int r;

	stream = open_memstream(&text, &length);
	if (!stream)
		return -ENOMEM;
	put_argument(stream, ids, socket, event);
	if (fclose(stream) != 0) {
		free(text);
		return -ENOMEM;
	}
	r = peal_api_args_wrap(text, length, event->args, ret_args);
	free(text);
	return r;
}
