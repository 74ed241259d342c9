/*
 * Answers of other servers. Most have no type: what they hold tells what they are. Texts of many
 * values are printed one behind the other; what points to them is an offset until all are there.
 */
#include "adapters/redis/codec_private.h"

#include <errno.h>
#include <string.h>

enum wire_type {
	WIRE_NONE = -1,
	WIRE_SERVER_ANSWER = 6,
	WIRE_COUNT = 8,
	WIRE_ANSWER = 9,
	WIRE_ANSWERS = 20, /* between peal nodes */
};

struct response {
	int64_t type;
	bool has_count, has_total;
	uint64_t count, total; /* clientCount; count, of ANSWERS */
	uint64_t number;
	bool last;
	struct peal_msgpack_reader packet, data, sockets, rooms, packets; /* ->at: NULL if none */
};

static int note(struct peal_decoder *decoder, const struct peal_msgpack_item *key,
		struct peal_msgpack_reader *reader, void *context)
{
	struct response *response = context;
	struct peal_msgpack_reader value = *reader;
	struct peal_msgpack_item item;
	uint64_t number;
	int r = peal_decode_value(reader, &item);
	if (r)
		return r;
	if (peal_msgpack_is_undefined(&item))
		value.at = NULL;
	if (peal_decode_is(key, "type")) {
		response->type = peal_decode_natural(&item, INT32_MAX, &number) ? (int64_t)number
										: INT64_MAX;
	} else if (peal_decode_is(key, "requestId")) {
		if (item.type == PEAL_MSGPACK_STRING)
			return peal_decode_name(decoder, &item, &decoder->message.request_id);
	} else if (peal_decode_is(key, "uid")) {
		if (item.type == PEAL_MSGPACK_STRING)
			return peal_decode_name(decoder, &item, &decoder->message.uid);
	} else if (peal_decode_is(key, "clientCount")) {
		response->has_count = peal_decode_natural(&item, UINT32_MAX, &response->count);
	} else if (peal_decode_is(key, "count")) {
		response->has_total = peal_decode_natural(&item, UINT32_MAX, &response->total);
		return response->has_total ? 0 : PEAL_CODEC_E_MALFORMED;
	} else if (peal_decode_is(key, "number")) {
		if (!peal_decode_natural(&item, UINT32_MAX, &response->number))
			return PEAL_CODEC_E_MALFORMED;
	} else if (peal_decode_is(key, "last")) {
		response->last = peal_decode_truth(&item);
	} else if (peal_decode_is(key, "packet")) {
		response->packet = value;
	} else if (peal_decode_is(key, "data")) {
		response->data = value;
	} else if (peal_decode_is(key, "sockets")) {
		response->sockets = value;
	} else if (peal_decode_is(key, "rooms")) {
		response->rooms = value;
	} else if (peal_decode_is(key, "packets")) {
		response->packets = value;
	}
	return 0;
}

/* --- acknowledgements --- */

static int decode_answer(struct peal_decoder *decoder, struct peal_msgpack_reader *reader,
			 struct peal_args *args)
{
	struct peal_buffer *text = &decoder->text;
	size_t from = text->length, attachment_count = 0;
	struct peal_bytes *attachments = NULL;
	int r = peal_msgpack_to_json(reader, text, decoder->attachments, &attachment_count);
	if (r)
		return peal_decode_error(r);
	if (attachment_count) {
		attachments =
			peal_arena_take(&decoder->arena, attachment_count * sizeof(*attachments));
		if (!attachments)
			return -ENOMEM;
		memcpy(attachments, decoder->attachments, attachment_count * sizeof(*attachments));
		peal_msgpack_disarm(text->bytes + from, text->length - from);
	}
	peal_args_init(args, (const char *)from, text->length - from, 1, attachments,
		       attachment_count);
	return 0;
}

/* @count values; one that is missing is a NULL among the answers. */
static int decode_answers(struct peal_decoder *decoder, struct peal_msgpack_reader *reader,
			  size_t count)
{
	struct peal_message *message = &decoder->message;
	struct peal_args *args = peal_arena_take(&decoder->arena, count * sizeof(*args));
	const struct peal_args **answers =
		peal_arena_take(&decoder->arena, count * sizeof(*answers));
	if (!args || !answers)
		return -ENOMEM;
	decoder->answers = args;
	for (size_t i = 0; i < count; i++) {
		struct peal_msgpack_reader at = *reader;
		struct peal_msgpack_item item;
		args[i] = (struct peal_args){ 0 };
		decoder->answer_count = i + 1;
		answers[i] = NULL;
		if (peal_msgpack_next(&at, &item) && peal_msgpack_is_undefined(&item)) {
			*reader = at;
			continue;
		}
		int r = decode_answer(decoder, reader, &args[i]);
		if (r)
			return r;
		answers[i] = &args[i];
	}
	for (size_t i = 0; i < count; i++)
		if (answers[i])
			args[i].text = decoder->text.bytes + (size_t)args[i].text;
	message->answers = answers;
	message->answer_count = count;
	return 0;
}

/* ANSWER, SERVER_ANSWER: of one, which may have no value. */
static int decode_one(struct peal_decoder *decoder, struct peal_msgpack_reader value)
{
	static const struct peal_args *const nothing[] = { NULL };
	if (value.at)
		return decode_answers(decoder, &value, 1);
	decoder->message.answers = nothing;
	decoder->message.answer_count = 1;
	return 0;
}

static int decode_batch(struct peal_decoder *decoder, struct response *response)
{
	struct peal_message *message = &decoder->message;
	struct peal_msgpack_item item;
	if (!response->packets.at || !*message->uid)
		return PEAL_CODEC_E_IGNORED;
	message->type = PEAL_MESSAGE_ANSWERS;
	message->number = (uint32_t)response->number;
	message->last = response->last;
	message->counted = response->has_total;
	message->count = (uint32_t)response->total;
	if (!peal_msgpack_next(&response->packets, &item) || item.type != PEAL_MSGPACK_ARRAY ||
	    item.count > PEAL_LIMIT_CLUSTER_ANSWERS)
		return PEAL_CODEC_E_MALFORMED;
	return decode_answers(decoder, &response->packets, item.count);
}

/* --- lists --- */

/* JSON with a NUL behind it; *ret_text is an offset. */
static int decode_text(struct peal_decoder *decoder, struct peal_msgpack_reader *reader,
		       const char **ret_text)
{
	struct peal_buffer *text = &decoder->text;
	size_t attachment_count = 0, from = text->length;
	int r = peal_msgpack_to_json(reader, text, decoder->attachments, &attachment_count);
	if (!r) {
		peal_buffer_append(text, "", 1);
		r = peal_buffer_error(text);
	}
	if (!r)
		*ret_text = (const char *)from;
	return peal_decode_error(r);
}

struct socket {
	struct peal_socket_info *info;
	struct peal_rooms rooms;
};

static int note_socket(struct peal_decoder *decoder, const struct peal_msgpack_item *key,
		       struct peal_msgpack_reader *reader, void *context)
{
	struct socket *socket = context;
	struct peal_msgpack_reader at = *reader;
	struct peal_msgpack_item value;
	bool unusable;
	if (!peal_msgpack_next(&at, &value))
		return PEAL_CODEC_E_MALFORMED;
	if (peal_msgpack_is_undefined(&value)) {
		*reader = at;
		return 0;
	}
	if (peal_decode_is(key, "id")) {
		*reader = at;
		return peal_decode_name(decoder, &value, &socket->info->id);
	}
	if (peal_decode_is(key, "rooms"))
		return peal_decode_rooms(decoder, reader, PEAL_LIMIT_CLUSTER_ROOMS, &socket->rooms,
					 &unusable);
	if (peal_decode_is(key, "data"))
		return decode_text(decoder, reader, &socket->info->data);
	if (peal_decode_is(key, "handshake"))
		return decode_text(decoder, reader, &socket->info->handshake);
	return peal_decode_skip(reader);
}

static int decode_socket(struct peal_decoder *decoder, struct peal_msgpack_reader *reader,
			 struct peal_socket_info *info)
{
	struct socket socket = { .info = info };
	int r = peal_decode_map(decoder, reader, note_socket, &socket);
	if (r)
		return r;
	info->rooms = socket.rooms.names;
	info->room_count = socket.rooms.count;
	return info->id ? 0 : PEAL_CODEC_E_MALFORMED;
}

static int decode_sockets(struct peal_decoder *decoder, struct peal_msgpack_reader *reader,
			  size_t count)
{
	struct peal_message *message = &decoder->message;
	struct peal_socket_info *infos = peal_arena_take(&decoder->arena, count * sizeof(*infos));
	const char *empty = (const char *)decoder->text.length;
	if (!infos)
		return -ENOMEM;
	peal_buffer_append(&decoder->text, "{}", 3);
	for (size_t i = 0; i < count; i++) {
		infos[i] =
			(struct peal_socket_info){ .node = "", .data = empty, .handshake = empty };
		int r = decode_socket(decoder, reader, &infos[i]);
		if (r)
			return r;
	}
	if (decoder->text.error)
		return peal_decode_error(decoder->text.error);
	for (size_t i = 0; i < count; i++) {
		infos[i].data = decoder->text.bytes + (size_t)infos[i].data;
		infos[i].handshake = decoder->text.bytes + (size_t)infos[i].handshake;
	}
	message->sockets = infos;
	message->socket_count = count;
	return 0;
}

/* FETCHED, or SOCKET_IDS_LISTED when the first is a string. */
static int decode_socket_list(struct peal_decoder *decoder, struct response *response)
{
	struct peal_message *message = &decoder->message;
	struct peal_msgpack_reader at = response->sockets;
	struct peal_msgpack_item list, first;
	bool unusable;
	if (!peal_msgpack_next(&at, &list) || list.type != PEAL_MSGPACK_ARRAY)
		return PEAL_CODEC_E_MALFORMED;
	struct peal_msgpack_reader elements = at;
	if (list.count && peal_msgpack_next(&at, &first) && first.type == PEAL_MSGPACK_STRING) {
		message->type = PEAL_MESSAGE_SOCKET_IDS_LISTED;
		return peal_decode_rooms(decoder, &response->sockets, PEAL_LIMIT_CLUSTER_ANSWERS,
					 &message->rooms, &unusable);
	}
	if (list.count > PEAL_LIMIT_CLUSTER_ANSWERS)
		return PEAL_CODEC_E_MALFORMED;
	message->type = PEAL_MESSAGE_FETCHED;
	message->number = (uint32_t)response->number;
	message->last = response->last;
	return decode_sockets(decoder, &elements, list.count);
}

static int decode_untyped(struct peal_decoder *decoder, struct response *response)
{
	struct peal_message *message = &decoder->message;
	struct peal_msgpack_item item;
	bool unusable;
	if (response->sockets.at)
		return decode_socket_list(decoder, response);
	if (response->rooms.at) {
		struct peal_msgpack_reader at = response->rooms;
		message->type = PEAL_MESSAGE_ROOMS_LISTED;
		if (!peal_msgpack_next(&at, &item) || item.type != PEAL_MSGPACK_ARRAY)
			return PEAL_CODEC_E_MALFORMED;
		return peal_decode_rooms(decoder, &response->rooms, PEAL_LIMIT_CLUSTER_ANSWERS,
					 &message->rooms, &unusable);
	}
	message->type = PEAL_MESSAGE_CONFIRM;
	return 0;
}

int peal_decode_response(struct peal_decoder *decoder, struct peal_msgpack_reader *reader)
{
	struct response response = { .type = WIRE_NONE, .last = true };
	struct peal_message *message = &decoder->message;
	int r = peal_decode_map(decoder, reader, note, &response);
	if (r)
		return r;
	if (!*message->request_id)
		return PEAL_CODEC_E_IGNORED;
	switch (response.type) {
	case WIRE_NONE:
		return decode_untyped(decoder, &response);
	case WIRE_SERVER_ANSWER:
		message->type = PEAL_MESSAGE_SERVER_ANSWER;
		return decode_one(decoder, response.data);
	case WIRE_COUNT:
		message->type = PEAL_MESSAGE_COUNT;
		message->count = (uint32_t)response.count;
		return response.has_count ? 0 : PEAL_CODEC_E_MALFORMED;
	case WIRE_ANSWER:
		message->type = PEAL_MESSAGE_ANSWER;
		return decode_one(decoder, response.packet);
	case WIRE_ANSWERS:
		return decode_batch(decoder, &response);
	default:
		return PEAL_CODEC_E_IGNORED;
	}
}
