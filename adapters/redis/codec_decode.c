/*
 * From bytes to messages. Everything is read as MessagePack by one reader that looks forward only;
 * JSON is checked and turned into MessagePack before, which is seldom: broadcasts and
 * acknowledgements never come as JSON.
 *
 * What servers on Node.js tolerate is tolerated: missing options, further keys, keys in any order,
 * the last of several equal ones.
 */
#include "adapters/redis/codec_private.h"

#include <errno.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "protocol/json.h"

/* Buffers that one large message has blown up are not kept. */
#define KEEP_BYTES (1u << 20)

struct peal_decoder *peal_decoder_new(void)
{
	struct peal_decoder *decoder = calloc(1, sizeof(*decoder));
	if (decoder) {
		decoder->text = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES);
		decoder->converted = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES);
		decoder->repaired = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES);
	}
	return decoder;
}

static void clear_buffer(struct peal_buffer *buffer)
{
	if (buffer->capacity > KEEP_BYTES)
		peal_buffer_deinit(buffer);
	peal_buffer_clear(buffer);
}

static void clear(struct peal_decoder *decoder)
{
	/* Who looked at arguments has left parsed ones in them. */
	peal_args_deinit(&decoder->args);
	for (size_t i = 0; i < decoder->answer_count; i++)
		if (decoder->answers[i].cache)
			peal_args_deinit(&decoder->answers[i]);
	decoder->answers = NULL;
	decoder->answer_count = 0;
	peal_arena_clear(&decoder->arena);
	clear_buffer(&decoder->text);
	clear_buffer(&decoder->converted);
	clear_buffer(&decoder->repaired);
	decoder->message = (struct peal_message){ .ns = "",
						  .uid = "",
						  .request_id = "",
						  .to = "",
						  .event = "",
						  .text = "",
						  .packet_id = UINT64_MAX };
}

void peal_decoder_free(struct peal_decoder *decoder)
{
	if (!decoder)
		return;
	clear(decoder);
	peal_arena_deinit(&decoder->arena);
	peal_buffer_deinit(&decoder->text);
	peal_buffer_deinit(&decoder->converted);
	peal_buffer_deinit(&decoder->repaired);
	free(decoder);
}

/* [uid, packet, options] */
static int decode_broadcast(struct peal_decoder *decoder, struct peal_msgpack_reader *reader)
{
	struct peal_msgpack_item item;
	decoder->message.type = PEAL_MESSAGE_BROADCAST;
	if (!peal_msgpack_next(reader, &item) || item.type != PEAL_MSGPACK_ARRAY || item.count < 3)
		return PEAL_CODEC_E_MALFORMED;
	uint32_t more = item.count - 3;
	int r = peal_decode_value(reader, &item);
	if (!r && item.type == PEAL_MSGPACK_STRING)
		r = peal_decode_name(decoder, &item, &decoder->message.uid);
	if (!r)
		r = peal_decode_packet(decoder, reader, "/");
	if (!r)
		r = peal_decode_options(decoder, reader);
	/* It waits for no acknowledgement. */
	decoder->message.timeout_ms = 0;
	while (!r && more--)
		r = peal_decode_skip(reader);
	return r;
}

/* JSON.parse() gets U+FFFD for what is not UTF-8. */
static void repair(struct peal_buffer *out, const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
	while (at < end) {
		const unsigned char *from = at;
		size_t taken;
		while (at < end && (taken = peal_utf8_sequence(at, end)))
			at += taken;
		peal_buffer_append(out, from, (size_t)(at - from));
		if (at < end) {
			peal_buffer_append_text(out, PEAL_UTF8_REPLACEMENT);
			at += peal_utf8_malformed(at, end);
		}
	}
}

/* The payload as valid JSON, which is a copy if it had to be repaired. */
static int take_json(struct peal_decoder *decoder, const char **payload, size_t *length)
{
	struct peal_json_facts facts;
	if (!peal_json_validate(*payload, *length, &facts)) {
		repair(&decoder->repaired, *payload, *length);
		int r = peal_buffer_error(&decoder->repaired);
		if (r)
			return peal_decode_error(r);
		if (!decoder->repaired.length ||
		    !peal_json_validate(decoder->repaired.bytes, decoder->repaired.length, &facts))
			return PEAL_CODEC_E_MALFORMED;
		*payload = decoder->repaired.bytes;
		*length = decoder->repaired.length;
	}
	/* White space in front is not allowed: the first character tells JSON from MessagePack. */
	return **payload == '{' ? 0 : PEAL_CODEC_E_MALFORMED;
}

static int convert(struct peal_decoder *decoder, const char *payload, size_t length)
{
	int r = take_json(decoder, &payload, &length);
	if (r)
		return r;
	if (peal_msgpack_put_json(&decoder->converted, payload, length, NULL, 0))
		return PEAL_CODEC_E_MALFORMED;
	return peal_decode_error(peal_buffer_error(&decoder->converted));
}

static int note_sender(struct peal_decoder *decoder, const struct peal_msgpack_item *key,
		       struct peal_msgpack_reader *reader, void *context)
{
	struct peal_msgpack_item value;
	(void)context;
	int r = peal_decode_value(reader, &value);
	if (!r && peal_decode_is(key, "uid"))
		r = peal_decode_name(decoder, &value, &decoder->message.uid);
	return r;
}

/* What members tell each other is kept as text; only who tells it is looked for. */
static int decode_announcement(struct peal_decoder *decoder, const char *payload, size_t length)
{
	struct peal_message *message = &decoder->message;
	int r = take_json(decoder, &payload, &length);
	if (r)
		return r;
	r = convert(decoder, payload, length);
	if (r)
		return r;
	struct peal_msgpack_reader reader =
		peal_msgpack_reader(decoder->converted.bytes, decoder->converted.length);
	r = peal_decode_map(decoder, &reader, note_sender, NULL);
	if (r)
		return r;
	char *text = peal_arena_take(&decoder->arena, length + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, payload, length);
	text[length] = '\0';
	message->type = PEAL_MESSAGE_ANNOUNCE;
	message->text = text;
	message->text_length = length;
	return 0;
}

static int decode_named(struct peal_decoder *decoder, enum peal_channel_kind kind,
			struct peal_msgpack_reader *reader)
{
	return kind == PEAL_CHANNEL_REQUEST ? peal_decode_request(decoder, reader)
					    : peal_decode_response(decoder, reader);
}

int peal_codec_decode(struct peal_decoder *decoder, const struct peal_channel *channel,
		      const void *payload, size_t length, const struct peal_message **ret_message)
{
	struct peal_msgpack_reader reader = peal_msgpack_reader(payload, length);
	int r;

	clear(decoder);
	if (!length || length > PEAL_LIMIT_CLUSTER_MESSAGE_BYTES)
		return PEAL_CODEC_E_MALFORMED;
	char *ns = peal_arena_take(&decoder->arena, channel->ns_length + 1);
	if (!ns)
		return -ENOMEM;
	memcpy(ns, channel->ns, channel->ns_length);
	ns[channel->ns_length] = '\0';
	decoder->message.ns = ns;

	if (channel->kind == PEAL_CHANNEL_PEAL) {
		r = decode_announcement(decoder, payload, length);
		if (!r)
			*ret_message = &decoder->message;
		return r;
	}
	if (channel->kind == PEAL_CHANNEL_BROADCAST) {
		r = decode_broadcast(decoder, &reader);
	} else if (*(const char *)payload == '{') {
		r = convert(decoder, payload, length);
		if (r)
			return r;
		reader = peal_msgpack_reader(decoder->converted.bytes, decoder->converted.length);
		r = decode_named(decoder, channel->kind, &reader);
	} else {
		r = decode_named(decoder, channel->kind, &reader);
	}
	if (r)
		return r;
	if (reader.at != reader.end)
		return PEAL_CODEC_E_MALFORMED;
	*ret_message = &decoder->message;
	return 0;
}
