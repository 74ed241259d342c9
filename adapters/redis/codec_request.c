/* Requests of other servers (adapters-wire.md §4.4): what they hold is collected first, since the
 * type that tells what to make of it may come last. */
#include "adapters/redis/codec_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum wire_type {
	WIRE_SOCKETS = 0,
	WIRE_ALL_ROOMS = 1,
	WIRE_JOIN = 2,
	WIRE_LEAVE = 3,
	WIRE_DISCONNECT = 4,
	WIRE_FETCH = 5,
	WIRE_SERVER_EMIT = 6,
	WIRE_BROADCAST = 7,
};

/* A value where it begins; ->at is NULL when there is none. */
struct request {
	uint64_t type;
	struct peal_msgpack_reader options, packet, data, rooms, sid, room;
	bool close, peal;
};

static bool has(const struct peal_msgpack_reader *value)
{
	return value->at;
}

static int note(struct peal_decoder *decoder, const struct peal_msgpack_item *key,
		struct peal_msgpack_reader *reader, void *context)
{
	struct request *request = context;
	struct peal_msgpack_reader value = *reader;
	struct peal_msgpack_item item;
	int r = peal_decode_value(reader, &item);
	if (r)
		return r;
	if (peal_decode_is_none(&item))
		value.at = NULL;
	if (peal_decode_is(key, "type")) {
		if (!peal_decode_natural(&item, UINT32_MAX, &request->type))
			request->type = UINT64_MAX;
	} else if (peal_decode_is(key, "uid")) {
		if (item.type == PEAL_MSGPACK_STRING)
			return peal_decode_name(decoder, &item, &decoder->message.uid);
	} else if (peal_decode_is(key, "requestId")) {
		if (item.type == PEAL_MSGPACK_STRING)
			return peal_decode_name(decoder, &item, &decoder->message.request_id);
	} else if (peal_decode_is(key, "opts")) {
		request->options = value;
	} else if (peal_decode_is(key, "packet")) {
		request->packet = value;
	} else if (peal_decode_is(key, "data")) {
		request->data = value;
	} else if (peal_decode_is(key, "rooms")) {
		request->rooms = value;
	} else if (peal_decode_is(key, "sid")) {
		request->sid = value;
	} else if (peal_decode_is(key, "room")) {
		request->room = value;
	} else if (peal_decode_is(key, "close")) {
		request->close = peal_decode_truth(&item);
	} else if (peal_decode_is(key, "peal")) {
		request->peal = peal_decode_truth(&item);
	}
	return 0;
}

/* The list of one name that the old forms have: a socket, or a room. */
static int decode_single(struct peal_decoder *decoder, struct peal_msgpack_reader value,
			 struct peal_rooms *ret_rooms)
{
	struct peal_msgpack_item item;
	const char **names = peal_arena_take(&decoder->arena, sizeof(*names));
	char digits[24];
	if (!names)
		return -ENOMEM;
	if (!peal_msgpack_next(&value, &item))
		return PEAL_CODEC_E_MALFORMED;
	if (item.type == PEAL_MSGPACK_INT) {
		item.type = PEAL_MSGPACK_STRING;
		item.length = (size_t)snprintf(digits, sizeof(digits), "%" PRId64, item.integer);
		item.bytes = digits;
	}
	int r = peal_decode_name(decoder, &item, names);
	if (!r)
		*ret_rooms = (struct peal_rooms){ names, 1, true };
	return r;
}

/* JOIN, LEAVE, DISCONNECT: for all that the options select, or in the old form for one socket. */
static int decode_bulk(struct peal_decoder *decoder, struct request *request,
		       enum peal_message_type type)
{
	struct peal_message *message = &decoder->message;
	bool rooms = type != PEAL_MESSAGE_DISCONNECT, unusable;
	int r;
	message->type = type;
	message->close = request->close;
	if (has(&request->options)) {
		if (rooms && !has(&request->rooms))
			return PEAL_CODEC_E_IGNORED;
		r = peal_decode_options(decoder, &request->options);
		if (!r && rooms)
			r = peal_decode_rooms(decoder, &request->rooms, PEAL_LIMIT_CLUSTER_ROOMS,
					      &message->rooms, &unusable);
		return r;
	}
	if (!has(&request->sid) || (rooms && !has(&request->room)))
		return PEAL_CODEC_E_IGNORED;
	message->old = true;
	r = decode_single(decoder, request->sid, &message->target.rooms);
	if (!r && rooms)
		r = decode_single(decoder, request->room, &message->rooms);
	return r;
}

static int decode_fetch(struct peal_decoder *decoder, struct request *request)
{
	decoder->message.type = PEAL_MESSAGE_FETCH;
	decoder->message.peal = request->peal;
	if (!has(&request->options))
		return PEAL_CODEC_E_IGNORED;
	return peal_decode_options(decoder, &request->options);
}

static int decode_ask(struct peal_decoder *decoder, struct request *request)
{
	decoder->message.type = PEAL_MESSAGE_ASK;
	decoder->message.peal = request->peal;
	if (!has(&request->options) || !has(&request->packet))
		return PEAL_CODEC_E_IGNORED;
	int r = peal_decode_packet(decoder, &request->packet, NULL);
	/* Each server numbers its own questions. */
	decoder->message.packet_id = UINT64_MAX;
	return r ? r : peal_decode_options(decoder, &request->options);
}

static int decode_socket_ids(struct peal_decoder *decoder, struct request *request)
{
	bool nobody = false;
	int r = 0;
	decoder->message.type = PEAL_MESSAGE_SOCKET_IDS;
	if (has(&request->rooms))
		r = peal_decode_rooms(decoder, &request->rooms, PEAL_LIMIT_CLUSTER_ROOMS,
				      &decoder->message.target.rooms, &nobody);
	if (nobody)
		peal_decode_nobody(&decoder->message.target);
	return r;
}

int peal_decode_request(struct peal_decoder *decoder, struct peal_msgpack_reader *reader)
{
	struct request request = { .type = UINT64_MAX };
	struct peal_message *message = &decoder->message;
	int r = peal_decode_map(decoder, reader, note, &request);
	if (r)
		return r;
	bool asks = *message->request_id;
	switch (request.type) {
	case WIRE_SOCKETS:
		return asks ? decode_socket_ids(decoder, &request) : PEAL_CODEC_E_IGNORED;
	case WIRE_ALL_ROOMS:
		message->type = PEAL_MESSAGE_ROOMS;
		return asks ? 0 : PEAL_CODEC_E_IGNORED;
	case WIRE_JOIN:
		return decode_bulk(decoder, &request, PEAL_MESSAGE_JOIN);
	case WIRE_LEAVE:
		return decode_bulk(decoder, &request, PEAL_MESSAGE_LEAVE);
	case WIRE_DISCONNECT:
		return decode_bulk(decoder, &request, PEAL_MESSAGE_DISCONNECT);
	case WIRE_FETCH:
		return asks ? decode_fetch(decoder, &request) : PEAL_CODEC_E_IGNORED;
	case WIRE_SERVER_EMIT:
		message->type = PEAL_MESSAGE_SERVER_EMIT;
		return has(&request.data) ? peal_decode_event(decoder, &request.data)
					  : PEAL_CODEC_E_IGNORED;
	case WIRE_BROADCAST:
		return asks ? decode_ask(decoder, &request) : PEAL_CODEC_E_IGNORED;
	default:
		return PEAL_CODEC_E_IGNORED;
	}
}
