/*
 * From messages to bytes: keys in the order in which the servers on Node.js write them, peal's own
 * behind them. Everything is checked before it is written, since a malformed payload ends servers
 * on Node.js: names, numbers, and the JSON that comes from elsewhere.
 */
#include "adapters/redis/codec.h"

#include <errno.h>

#include "adapters/redis/codec_writer.h"
#include "base/limits.h"
#include "protocol/args.h"
#include "protocol/json.h"
#include "protocol/text.h"

#define TYPE_EVENT 2

struct encoding {
	const struct peal_message *message;
	const char *uid;
	bool emitter;
	struct peal_codec_writer writer;
};

/* As peal_name_valid(); there is no U+0000 in front of the end. */
static bool name_valid(const char *name)
{
	if (!name)
		return false;
	size_t length = strlen(name);
	return length <= PEAL_LIMIT_NAME_BYTES && peal_utf8_valid(name, length);
}

static bool rooms_valid(const struct peal_rooms *rooms, size_t limit)
{
	if (rooms->count > limit)
		return false;
	for (size_t i = 0; i < rooms->count; i++)
		if (!name_valid(rooms->names[i]))
			return false;
	return true;
}

static bool text_valid(const char *text)
{
	return peal_utf8_valid(text, strlen(text));
}

static bool sockets_valid(const struct peal_message *message)
{
	for (size_t i = 0; i < message->socket_count; i++) {
		const struct peal_socket_info *socket = &message->sockets[i];
		if (!text_valid(socket->id))
			return false;
		for (size_t k = 0; k < socket->room_count; k++)
			if (!text_valid(socket->rooms[k]))
				return false;
	}
	return true;
}

/* A list that came out empty must never reach everyone. */
static bool target_valid(const struct peal_target *target)
{
	return (target->rooms.count || !target->rooms.given) &&
	       rooms_valid(&target->rooms, PEAL_LIMIT_CLUSTER_ROOMS) &&
	       rooms_valid(&target->except, PEAL_LIMIT_CLUSTER_ROOMS) &&
	       !(target->flags & PEAL_LOCAL);
}

/* --- parts --- */

static inline void put_key_text(struct encoding *encoding, const char *key, const char *text)
{
	peal_codec_key(&encoding->writer, key);
	peal_codec_text(&encoding->writer, text, strlen(text));
}

static inline void put_key_number(struct encoding *encoding, const char *key, uint64_t number)
{
	peal_codec_key(&encoding->writer, key);
	peal_codec_number(&encoding->writer, number);
}

static inline void put_key_bool(struct encoding *encoding, const char *key, bool value)
{
	peal_codec_key(&encoding->writer, key);
	peal_codec_bool(&encoding->writer, value);
}

static inline void put_key_rooms(struct encoding *encoding, const char *key,
				 const struct peal_rooms *rooms)
{
	peal_codec_key(&encoding->writer, key);
	peal_codec_names(&encoding->writer, rooms->names, rooms->count);
}

/* [event, ...args] */
static void put_key_data(struct encoding *encoding)
{
	const struct peal_message *message = encoding->message;
	size_t count = message->args ? message->args->count : 0;
	peal_codec_key(&encoding->writer, "data");
	peal_codec_open_array(&encoding->writer, count + 1);
	peal_codec_text(&encoding->writer, message->event, message->event_length);
	peal_codec_args(&encoding->writer, message->args);
	peal_codec_close_array(&encoding->writer);
}

static void put_packet(struct encoding *encoding)
{
	const struct peal_message *message = encoding->message;
	/* Only a broadcast may carry an id: each server numbers its own questions. */
	bool id = message->type == PEAL_MESSAGE_BROADCAST && message->packet_id != UINT64_MAX;
	peal_codec_open_map(&encoding->writer, 3 + id);
	put_key_number(encoding, "type", TYPE_EVENT);
	put_key_data(encoding);
	if (id)
		put_key_number(encoding, "id", message->packet_id);
	put_key_text(encoding, "nsp", message->ns);
	peal_codec_close_map(&encoding->writer);
}

static void put_key_flags(struct encoding *encoding)
{
	unsigned flags = encoding->message->target.flags;
	unsigned timeout_ms =
		encoding->message->type == PEAL_MESSAGE_ASK ? encoding->message->timeout_ms : 0;
	peal_codec_key(&encoding->writer, "flags");
	peal_codec_open_map(&encoding->writer, !!(flags & PEAL_VOLATILE) +
						       !!(flags & PEAL_NO_COMPRESS) + !!timeout_ms);
	if (flags & PEAL_VOLATILE)
		put_key_bool(encoding, "volatile", true);
	if (flags & PEAL_NO_COMPRESS)
		put_key_bool(encoding, "compress", false);
	if (timeout_ms)
		put_key_number(encoding, "timeout", timeout_ms);
	peal_codec_close_map(&encoding->writer);
}

static void put_options(struct encoding *encoding, bool flags)
{
	const struct peal_target *target = &encoding->message->target;
	peal_codec_open_map(&encoding->writer, 2 + flags);
	put_key_rooms(encoding, "rooms", &target->rooms);
	if (flags && encoding->emitter)
		put_key_flags(encoding);
	put_key_rooms(encoding, "except", &target->except);
	if (flags && !encoding->emitter)
		put_key_flags(encoding);
	peal_codec_close_map(&encoding->writer);
}

/* --- requests --- */

static int put_broadcast(struct encoding *encoding)
{
	peal_codec_open_array(&encoding->writer, 3);
	peal_codec_text(&encoding->writer, encoding->uid, strlen(encoding->uid));
	put_packet(encoding);
	put_options(encoding, true);
	peal_codec_close_array(&encoding->writer);
	return 0;
}

static int put_ask(struct encoding *encoding)
{
	const struct peal_message *message = encoding->message;
	peal_codec_open_map(&encoding->writer, 5 + message->peal);
	put_key_text(encoding, "uid", encoding->uid);
	put_key_text(encoding, "requestId", message->request_id);
	put_key_number(encoding, "type", 7);
	peal_codec_key(&encoding->writer, "packet");
	put_packet(encoding);
	peal_codec_key(&encoding->writer, "opts");
	put_options(encoding, true);
	if (message->peal)
		put_key_number(encoding, "peal", 1);
	peal_codec_close_map(&encoding->writer);
	return 0;
}

/* JOIN, LEAVE, DISCONNECT, FETCH, ROOMS: always JSON. */
static int put_request(struct encoding *encoding)
{
	const struct peal_message *message = encoding->message;
	enum peal_message_type type = message->type;
	peal_codec_open_map(&encoding->writer, 0);
	/* These do not say that an emitter sent them. */
	if (!encoding->emitter)
		put_key_text(encoding, "uid", encoding->uid);
	if (*message->request_id && type != PEAL_MESSAGE_DISCONNECT)
		put_key_text(encoding, "requestId", message->request_id);
	put_key_number(encoding, "type",
		       type == PEAL_MESSAGE_ROOMS	 ? 1
		       : type == PEAL_MESSAGE_JOIN	 ? 2
		       : type == PEAL_MESSAGE_LEAVE	 ? 3
		       : type == PEAL_MESSAGE_DISCONNECT ? 4
							 : 5);
	if (type != PEAL_MESSAGE_ROOMS) {
		peal_codec_key(&encoding->writer, "opts");
		put_options(encoding, false);
	}
	if (type == PEAL_MESSAGE_JOIN || type == PEAL_MESSAGE_LEAVE)
		put_key_rooms(encoding, "rooms", &message->rooms);
	if (type == PEAL_MESSAGE_DISCONNECT)
		put_key_bool(encoding, "close", message->close);
	if (type == PEAL_MESSAGE_FETCH && message->peal)
		put_key_number(encoding, "peal", 1);
	peal_codec_close_map(&encoding->writer);
	return 0;
}

static int put_server_emit(struct encoding *encoding)
{
	bool asks = *encoding->message->request_id;
	peal_codec_open_map(&encoding->writer, 3 + asks);
	put_key_text(encoding, "uid", encoding->uid);
	if (asks)
		put_key_text(encoding, "requestId", encoding->message->request_id);
	put_key_number(encoding, "type", 6);
	put_key_data(encoding);
	peal_codec_close_map(&encoding->writer);
	return 0;
}

/* --- answers --- */

/* Servers on Node.js do not tell who answers, and do not look at it. */
static bool tells_uid(const struct encoding *encoding)
{
	return *encoding->uid;
}

static int put_count(struct encoding *encoding)
{
	peal_codec_open_map(&encoding->writer, 0);
	put_key_number(encoding, "type", 8);
	put_key_text(encoding, "requestId", encoding->message->request_id);
	put_key_number(encoding, "clientCount", encoding->message->count);
	if (tells_uid(encoding))
		put_key_text(encoding, "uid", encoding->uid);
	peal_codec_close_map(&encoding->writer);
	return 0;
}

/* ANSWER and SERVER_ANSWER; without a value there is no key. */
static int put_answer(struct encoding *encoding)
{
	const struct peal_message *message = encoding->message;
	bool server = message->type == PEAL_MESSAGE_SERVER_ANSWER;
	const struct peal_args *answer = message->answers[0];
	peal_codec_open_map(&encoding->writer, 2 + !!answer + tells_uid(encoding));
	put_key_number(encoding, "type", server ? 6 : 9);
	put_key_text(encoding, "requestId", message->request_id);
	if (answer) {
		peal_codec_key(&encoding->writer, server ? "data" : "packet");
		peal_codec_args(&encoding->writer, answer);
	}
	if (tells_uid(encoding))
		put_key_text(encoding, "uid", encoding->uid);
	peal_codec_close_map(&encoding->writer);
	return 0;
}

static int put_answers(struct encoding *encoding)
{
	const struct peal_message *message = encoding->message;
	peal_codec_open_map(&encoding->writer, 6 + message->counted);
	put_key_number(encoding, "type", 20);
	put_key_text(encoding, "requestId", message->request_id);
	put_key_text(encoding, "uid", encoding->uid);
	put_key_number(encoding, "number", message->number);
	put_key_bool(encoding, "last", message->last);
	if (message->counted)
		put_key_number(encoding, "count", message->count);
	peal_codec_key(&encoding->writer, "packets");
	peal_codec_open_array(&encoding->writer, message->answer_count);
	for (size_t i = 0; i < message->answer_count; i++) {
		if (message->answers[i])
			peal_codec_args(&encoding->writer, message->answers[i]);
		else
			peal_codec_undefined(&encoding->writer);
	}
	peal_codec_close_array(&encoding->writer);
	peal_codec_close_map(&encoding->writer);
	return 0;
}

static inline void put_key_json(struct encoding *encoding, const char *key, const char *text)
{
	if (!text || !*text)
		text = "{}";
	peal_codec_key(&encoding->writer, key);
	peal_codec_json(&encoding->writer, text, strlen(text));
}

static void put_socket(struct encoding *encoding, const struct peal_socket_info *socket)
{
	peal_codec_open_map(&encoding->writer, 4);
	put_key_text(encoding, "id", socket->id);
	put_key_json(encoding, "handshake", socket->handshake);
	peal_codec_key(&encoding->writer, "rooms");
	peal_codec_names(&encoding->writer, socket->rooms, socket->room_count);
	put_key_json(encoding, "data", socket->data);
	peal_codec_close_map(&encoding->writer);
}

/* CONFIRM, ROOMS_LISTED, SOCKET_IDS_LISTED, FETCHED: told apart by what they hold. */
static int put_listed(struct encoding *encoding)
{
	const struct peal_message *message = encoding->message;
	enum peal_message_type type = message->type;
	bool part = type == PEAL_MESSAGE_FETCHED && (message->number || !message->last);
	peal_codec_open_map(&encoding->writer,
			    1 + (type != PEAL_MESSAGE_CONFIRM) + tells_uid(encoding) + 2 * part);
	put_key_text(encoding, "requestId", message->request_id);
	if (tells_uid(encoding))
		put_key_text(encoding, "uid", encoding->uid);
	if (part) {
		put_key_number(encoding, "number", message->number);
		put_key_bool(encoding, "last", message->last);
	}
	if (type == PEAL_MESSAGE_ROOMS_LISTED || type == PEAL_MESSAGE_SOCKET_IDS_LISTED)
		put_key_rooms(encoding, type == PEAL_MESSAGE_ROOMS_LISTED ? "rooms" : "sockets",
			      &message->rooms);
	if (type == PEAL_MESSAGE_FETCHED) {
		peal_codec_key(&encoding->writer, "sockets");
		peal_codec_open_array(&encoding->writer, message->socket_count);
		for (size_t i = 0; i < message->socket_count; i++)
			put_socket(encoding, &message->sockets[i]);
		peal_codec_close_array(&encoding->writer);
	}
	peal_codec_close_map(&encoding->writer);
	return 0;
}

/* The object as it is. Receivers look for the sender at its beginning. */
static int put_announcement(struct encoding *encoding)
{
	const struct peal_message *message = encoding->message;
	struct peal_json_facts facts;
	if (!peal_json_validate(message->text, message->text_length, &facts) ||
	    facts.type != PEAL_JSON_OBJECT || *message->text != '{')
		return PEAL_EMIT_E_INVALID;
	peal_buffer_append(encoding->writer.out, message->text, message->text_length);
	return 0;
}

/* --- the table --- */

enum format {
	FORMAT_JSON,
	FORMAT_MSGPACK,
	FORMAT_EITHER, /* JSON, which holds text of others; MessagePack when that has attachments,
			  or is too deep */
};

enum needs {
	NEEDS_TARGET = 1 << 0,
	NEEDS_EVENT = 1 << 2,
	NEEDS_REQUEST_ID = 1 << 3,
	NEEDS_ANSWER = 1 << 4,	/* exactly one, NULL or with one item */
	NEEDS_ANSWERS = 1 << 5, /* any number of such */
	FOR_EMITTERS = 1 << 6,
	ANSWERS_ONE = 1 << 7, /* goes to who asked */
};

static const struct kind {
	int (*put)(struct encoding *encoding);
	const char *channel; /* behind the prefix */
	enum format format;
	unsigned needs;
} kinds[PEAL_MESSAGE_TYPES] = {
	[PEAL_MESSAGE_BROADCAST] = { put_broadcast, "#", FORMAT_MSGPACK,
				     NEEDS_TARGET | NEEDS_EVENT | FOR_EMITTERS },
	[PEAL_MESSAGE_ASK] = { put_ask, "-request#", FORMAT_MSGPACK,
			       NEEDS_TARGET | NEEDS_EVENT | NEEDS_REQUEST_ID },
	[PEAL_MESSAGE_JOIN] = { put_request, "-request#", FORMAT_JSON,
				NEEDS_TARGET | FOR_EMITTERS },
	[PEAL_MESSAGE_LEAVE] = { put_request, "-request#", FORMAT_JSON,
				 NEEDS_TARGET | FOR_EMITTERS },
	[PEAL_MESSAGE_DISCONNECT] = { put_request, "-request#", FORMAT_JSON,
				      NEEDS_TARGET | FOR_EMITTERS },
	[PEAL_MESSAGE_FETCH] = { put_request, "-request#", FORMAT_JSON,
				 NEEDS_TARGET | NEEDS_REQUEST_ID },
	[PEAL_MESSAGE_ROOMS] = { put_request, "-request#", FORMAT_JSON, NEEDS_REQUEST_ID },
	[PEAL_MESSAGE_SERVER_EMIT] = { put_server_emit, "-request#", FORMAT_EITHER,
				       NEEDS_EVENT | FOR_EMITTERS },
	[PEAL_MESSAGE_COUNT] = { put_count, "-response#", FORMAT_JSON,
				 NEEDS_REQUEST_ID | ANSWERS_ONE },
	[PEAL_MESSAGE_ANSWER] = { put_answer, "-response#", FORMAT_MSGPACK,
				  NEEDS_REQUEST_ID | NEEDS_ANSWER | ANSWERS_ONE },
	[PEAL_MESSAGE_ANSWERS] = { put_answers, "-response#", FORMAT_MSGPACK,
				   NEEDS_REQUEST_ID | NEEDS_ANSWERS | ANSWERS_ONE },
	[PEAL_MESSAGE_CONFIRM] = { put_listed, "-response#", FORMAT_JSON,
				   NEEDS_REQUEST_ID | ANSWERS_ONE },
	[PEAL_MESSAGE_FETCHED] = { put_listed, "-response#", FORMAT_EITHER,
				   NEEDS_REQUEST_ID | ANSWERS_ONE },
	[PEAL_MESSAGE_ROOMS_LISTED] = { put_listed, "-response#", FORMAT_JSON,
					NEEDS_REQUEST_ID | ANSWERS_ONE },
	[PEAL_MESSAGE_SOCKET_IDS_LISTED] = { put_listed, "-response#", FORMAT_JSON,
					     NEEDS_REQUEST_ID | ANSWERS_ONE },
	[PEAL_MESSAGE_SERVER_ANSWER] = { put_answer, "-response#", FORMAT_EITHER,
					 NEEDS_REQUEST_ID | NEEDS_ANSWER | ANSWERS_ONE },
	[PEAL_MESSAGE_ANNOUNCE] = { put_announcement, "-peal#", FORMAT_JSON, 0 },
};

static bool answers_valid(const struct peal_message *message)
{
	for (size_t i = 0; i < message->answer_count; i++)
		if (message->answers[i] && message->answers[i]->count != 1)
			return false;
	return true;
}

static bool message_valid(const struct peal_message *message, const char *uid, unsigned needs)
{
	if (!name_valid(uid) || !name_valid(message->request_id) || !name_valid(message->to))
		return false;
	if (message->type == PEAL_MESSAGE_ANNOUNCE)
		return true;
	if (!name_valid(message->ns) || *message->ns != '/')
		return false;
	if ((needs & NEEDS_TARGET) && !target_valid(&message->target))
		return false;
	/* A server has as many rooms as clients, and must answer. */
	size_t limit =
		(needs & ANSWERS_ONE) ? PEAL_LIMIT_CLUSTER_ANSWERS : PEAL_LIMIT_CLUSTER_ROOMS;
	if (!rooms_valid(&message->rooms, limit))
		return false;
	if ((needs & NEEDS_EVENT) &&
	    (!message->event || !peal_name_valid(message->event, message->event_length)))
		return false;
	if ((needs & NEEDS_REQUEST_ID) && !*message->request_id)
		return false;
	if ((needs & NEEDS_ANSWER) && message->answer_count != 1)
		return false;
	if ((needs & (NEEDS_ANSWER | NEEDS_ANSWERS)) && !answers_valid(message))
		return false;
	if (!sockets_valid(message))
		return false;
	/* What only peal nodes understand goes to one that has told its uid. */
	return message->type != PEAL_MESSAGE_ANSWERS || (*message->to && *uid);
}

static void put_channel(struct peal_buffer *channel, const struct peal_message *message,
			const char *prefix, const struct kind *kind)
{
	peal_buffer_append_text(channel, prefix);
	peal_buffer_append_text(channel, kind->channel);
	if (message->type == PEAL_MESSAGE_ANNOUNCE)
		return;
	peal_buffer_append_text(channel, message->ns);
	peal_buffer_append_char(channel, '#');
	const char *rest = NULL;
	if (message->type == PEAL_MESSAGE_BROADCAST && message->target.rooms.count == 1 &&
	    !message->wide)
		rest = message->target.rooms.names[0];
	/* A server that has told its uid hears its own channel, and the others need not look. */
	if ((kind->needs & ANSWERS_ONE) && *message->to)
		rest = message->to;
	if (rest) {
		peal_buffer_append_text(channel, rest);
		peal_buffer_append_char(channel, '#');
	}
}

static bool has_attachments(const struct peal_message *message)
{
	const struct peal_args *args = message->args;
	if (message->type == PEAL_MESSAGE_SERVER_ANSWER)
		args = message->answers[0];
	return args && args->attachment_count;
}

static int put_payload(struct encoding *encoding, const struct kind *kind, bool binary)
{
	struct peal_buffer *payload = encoding->writer.out;
	peal_buffer_clear(payload);
	encoding->writer.binary = binary;
	encoding->writer.error = 0;
	int r = kind->put(encoding);
	if (!r)
		r = peal_buffer_error(payload);
	return r ? r : encoding->writer.error;
}

int peal_codec_encode(const struct peal_message *message, const char *prefix, const char *uid,
		      struct peal_buffer *channel, struct peal_buffer *payload)
{
	struct encoding encoding = { .message = message,
				     .uid = uid,
				     .emitter = !strcmp(uid, "emitter"),
				     .writer = { .out = payload } };
	struct peal_json_facts facts;

	peal_buffer_clear(channel);
	peal_buffer_clear(payload);
	if ((unsigned)message->type >= PEAL_MESSAGE_TYPES)
		return PEAL_EMIT_E_INVALID;
	const struct kind *kind = &kinds[message->type];
	if (!kind->put || !message_valid(message, uid, kind->needs) ||
	    (encoding.emitter && !(kind->needs & FOR_EMITTERS)))
		return PEAL_EMIT_E_INVALID;
	put_channel(channel, message, prefix, kind);
	int r = peal_buffer_error(channel);
	if (r)
		return r;
	bool either = kind->format == FORMAT_EITHER;
	bool binary = kind->format == FORMAT_MSGPACK || (either && has_attachments(message));
	r = put_payload(&encoding, kind, binary);
	/* All its parts are valid: if the whole is not, it is too deep. */
	if (!r && either && !binary && !peal_json_validate(payload->bytes, payload->length, &facts))
		r = put_payload(&encoding, kind, true);
	if (!r && payload->length > PEAL_LIMIT_CLUSTER_MESSAGE_BYTES)
		r = -EMSGSIZE;
	return r;
}
