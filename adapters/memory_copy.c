/*
 * Deep copies of messages. Every piece is an allocation of its own: this is no path that has to be
 * fast, and the sanitizers see each byte that is read beyond its end.
 */
#include "adapters/memory_copy.h"

#include <stdlib.h>
#include <string.h>

static bool more(void *array, size_t count)
{
	void **at = array;
	if (count & (count - 1))
		return true;
	void *larger = realloc(*at, (count ? count * 2 : 1) * sizeof(void *));
	if (!larger)
		return false;
	*at = larger;
	return true;
}

static void *keep(struct peal_memory_copy *copy, const void *bytes, size_t length)
{
	void *piece = malloc(length ? length : 1);
	if (!piece || !more(&copy->owned, copy->owned_count)) {
		free(piece);
		copy->failed = true;
		return NULL;
	}
	copy->owned[copy->owned_count++] = piece;
	if (length)
		memcpy(piece, bytes, length);
	return piece;
}

static const char *keep_text(struct peal_memory_copy *copy, const char *text)
{
	const char *piece = text ? keep(copy, text, strlen(text) + 1) : NULL;
	return piece ? piece : "";
}

static const char *const *keep_names(struct peal_memory_copy *copy, const char *const *names,
				     size_t count)
{
	const char **piece = keep(copy, names, count * sizeof(*names));
	for (size_t i = 0; piece && i < count; i++)
		piece[i] = keep_text(copy, names[i]);
	return piece;
}

static struct peal_rooms keep_rooms(struct peal_memory_copy *copy, struct peal_rooms rooms)
{
	rooms.names = keep_names(copy, rooms.names, rooms.count);
	return rooms;
}

static const struct peal_args *keep_args(struct peal_memory_copy *copy,
					 const struct peal_args *args)
{
	struct peal_args *piece = NULL;
	if (!args)
		return NULL;
	if (!more(&copy->args, copy->args_count) || peal_args_copy(args, &piece) < 0) {
		copy->failed = true;
		return NULL;
	}
	copy->args[copy->args_count++] = piece;
	return piece;
}

static const struct peal_args *const *keep_answers(struct peal_memory_copy *copy,
						   const struct peal_args *const *answers,
						   size_t count)
{
	const struct peal_args **piece = keep(copy, answers, count * sizeof(*answers));
	for (size_t i = 0; piece && i < count; i++)
		piece[i] = keep_args(copy, answers[i]);
	return piece;
}

static const struct peal_socket_info *keep_sockets(struct peal_memory_copy *copy,
						   const struct peal_socket_info *sockets,
						   size_t count)
{
	struct peal_socket_info *piece = keep(copy, sockets, count * sizeof(*sockets));
	for (size_t i = 0; piece && i < count; i++) {
		const struct peal_socket_info *socket = &sockets[i];
		piece[i] = (struct peal_socket_info){
			.id = keep_text(copy, socket->id),
			.node = "",
			.rooms = keep_names(copy, socket->rooms, socket->room_count),
			.room_count = socket->room_count,
			.data = keep_text(copy, socket->data),
			.handshake = keep_text(copy, socket->handshake),
		};
	}
	return piece;
}

/* Only these carry flags on the wire. */
static bool has_flags(enum peal_message_type type)
{
	return type == PEAL_MESSAGE_BROADCAST || type == PEAL_MESSAGE_ASK;
}

static void fill(struct peal_memory_copy *copy, const struct peal_message *from)
{
	struct peal_message *to = &copy->message;
	*to = *from;
	to->ns = keep_text(copy, from->ns);
	to->uid = keep_text(copy, from->uid);
	to->request_id = keep_text(copy, from->request_id);
	to->to = "";
	to->wide = false;
	to->target.rooms = keep_rooms(copy, from->target.rooms);
	to->target.except = keep_rooms(copy, from->target.except);
	to->target.flags = has_flags(from->type) ? from->target.flags & ~(unsigned)PEAL_LOCAL : 0;
	to->rooms = keep_rooms(copy, from->rooms);
	char *event = keep(copy, from->event ? from->event : "", from->event_length + 1);
	if (event)
		event[from->event_length] = '\0';
	to->event = event ? event : "";
	to->args = keep_args(copy, from->args);
	to->answers = keep_answers(copy, from->answers, from->answer_count);
	to->sockets = keep_sockets(copy, from->sockets, from->socket_count);
	char *text = keep(copy, from->text ? from->text : "", from->text_length + 1);
	if (text)
		text[from->text_length] = '\0';
	to->text = text ? text : "";
}

struct peal_memory_copy *peal_memory_copy_new(const struct peal_message *message)
{
	struct peal_memory_copy *copy = calloc(1, sizeof(*copy));
	if (!copy)
		return NULL;
	copy->references = 1;
	fill(copy, message);
	if (copy->failed) {
		peal_memory_copy_unref(copy);
		return NULL;
	}
	return copy;
}

void peal_memory_copy_unref(struct peal_memory_copy *copy)
{
	if (!copy || --copy->references)
		return;
	for (size_t i = 0; i < copy->owned_count; i++)
		free(copy->owned[i]);
	for (size_t i = 0; i < copy->args_count; i++)
		peal_args_free(copy->args[i]);
	free(copy->owned);
	free(copy->args);
	free(copy);
}
