/*
 * The codec of the Redis adapter: the first byte of the input chooses the channel, the rest is the
 * payload. What can be decoded keeps the promises of struct peal_message, can be encoded again
 * (when its type is one that is sent), and comes out of that as it went in.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "adapters/redis/codec.h"
#include "base/limits.h"
#include "protocol/args.h"
#include "protocol/json.h"
#include "protocol/text.h"

#define UID "Jgdw79"

static void check_name(const char *name)
{
	FUZZ_CHECK(name);
	FUZZ_CHECK(peal_name_valid(name, strlen(name)));
}

static void check_rooms(const struct peal_rooms *rooms)
{
	FUZZ_CHECK(rooms->given == (rooms->count > 0));
	for (size_t i = 0; i < rooms->count; i++)
		check_name(rooms->names[i]);
}

static void check_json(const char *text, size_t length)
{
	struct peal_json_facts facts;
	FUZZ_CHECK(peal_json_validate(text, length, &facts));
}

static void check_args(const struct peal_args *args)
{
	struct peal_json_facts facts;
	struct peal_buffer text = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES);
	peal_buffer_append_char(&text, '[');
	peal_buffer_append(&text, args->text, args->length);
	peal_buffer_append_char(&text, ']');
	FUZZ_CHECK(peal_json_validate(text.bytes, text.length, &facts));
	FUZZ_CHECK(facts.items == args->count);
	FUZZ_CHECK(args->attachment_count <= PEAL_LIMIT_ATTACHMENTS);
	if (args->attachment_count) {
		FUZZ_CHECK(facts.placeholders == args->attachment_count);
		FUZZ_CHECK(!facts.placeholder_invalid &&
			   facts.placeholder_max < args->attachment_count);
	}
	size_t sum = 0;
	for (size_t i = 0; i < args->attachment_count; i++)
		for (size_t j = 0; j < args->attachments[i].length; j++)
			sum += ((const unsigned char *)args->attachments[i].bytes)[j];
	FUZZ_CHECK(sum <= SIZE_MAX / 2);
	peal_buffer_deinit(&text);
}

static void check_message(const struct peal_message *message)
{
	check_name(message->ns);
	check_name(message->uid);
	check_name(message->request_id);
	check_name(message->to);
	check_name(message->event);
	check_rooms(&message->target.rooms);
	check_rooms(&message->target.except);
	check_rooms(&message->rooms);
	FUZZ_CHECK(strlen(message->event) == message->event_length);
	if (message->args)
		check_args(message->args);
	for (size_t i = 0; i < message->answer_count; i++) {
		if (!message->answers[i])
			continue;
		FUZZ_CHECK(message->answers[i]->count == 1);
		check_args(message->answers[i]);
		(void)peal_args_string(message->answers[i], 0);
	}
	for (size_t i = 0; i < message->socket_count; i++) {
		const struct peal_socket_info *socket = &message->sockets[i];
		check_name(socket->id);
		FUZZ_CHECK(socket->node && !*socket->node && !socket->socket);
		check_json(socket->data, strlen(socket->data));
		check_json(socket->handshake, strlen(socket->handshake));
		for (size_t j = 0; j < socket->room_count; j++)
			check_name(socket->rooms[j]);
	}
	if (message->type == PEAL_MESSAGE_ANNOUNCE)
		check_json(message->text, message->text_length);
}

/* Types without an answer to them are only received. */
static bool sent_by_peal(const struct peal_message *message)
{
	return message->type != PEAL_MESSAGE_SOCKET_IDS;
}

static const struct peal_message *decode(struct peal_decoder *decoder, const char *name,
					 const struct peal_buffer *payload)
{
	const struct peal_message *message;
	struct peal_channel channel;
	FUZZ_CHECK(peal_channel_parse("P", name, strlen(name), NULL, 0, &channel));
	FUZZ_CHECK(
		!peal_codec_decode(decoder, &channel, payload->bytes, payload->length, &message));
	return message;
}

static void check_way_back(struct peal_decoder *decoder, const struct peal_message *received)
{
	struct peal_buffer channel = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES),
			   again_channel = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES),
			   payload = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES),
			   again = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES),
			   third = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES);
	struct peal_message message = *received;
	enum peal_message_type type = message.type;
	if (type >= PEAL_MESSAGE_COUNT && type < PEAL_MESSAGE_ANNOUNCE)
		message.to = "abcdef";
	FUZZ_CHECK(!peal_codec_encode(&message, "P", UID, &channel, &payload));
	if (type != PEAL_MESSAGE_ANNOUNCE)
		FUZZ_CHECK(*payload.bytes != ' ');
	received = decode(decoder, channel.bytes, &payload);
	check_message(received);
	FUZZ_CHECK(received->type == type);
	if (type != PEAL_MESSAGE_ANNOUNCE)
		FUZZ_CHECK(!strcmp(received->uid, UID));
	if (type <= PEAL_MESSAGE_SERVER_EMIT)
		FUZZ_CHECK(peal_codec_is_from(type == PEAL_MESSAGE_BROADCAST
						      ? PEAL_CHANNEL_BROADCAST
						      : PEAL_CHANNEL_REQUEST,
					      payload.bytes, payload.length, UID, 6));
	message = *received;
	if (type >= PEAL_MESSAGE_COUNT && type < PEAL_MESSAGE_ANNOUNCE)
		message.to = "abcdef";
	FUZZ_CHECK(!peal_codec_encode(&message, "P", UID, &again_channel, &again));
	FUZZ_CHECK(!strcmp(channel.bytes, again_channel.bytes));
	/* Attachments under a key that came twice are gone after the first time, and others have
	 * their numbers. */
	FUZZ_CHECK(again.length <= payload.length);
	received = decode(decoder, channel.bytes, &again);
	message = *received;
	if (type >= PEAL_MESSAGE_COUNT && type < PEAL_MESSAGE_ANNOUNCE)
		message.to = "abcdef";
	FUZZ_CHECK(!peal_codec_encode(&message, "P", UID, &again_channel, &third));
	FUZZ_CHECK(third.length == again.length && !memcmp(third.bytes, again.bytes, again.length));
	peal_buffer_deinit(&channel);
	peal_buffer_deinit(&again_channel);
	peal_buffer_deinit(&payload);
	peal_buffer_deinit(&again);
	peal_buffer_deinit(&third);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "P#/#", "P#/#room#", "P-request#/#", "P-response#/#",
					     "P-peal#" };
	const struct peal_message *message;
	struct peal_channel channel;
	if (!size)
		return 0;
	const char *name = names[*data % (sizeof(names) / sizeof(*names))];
	struct peal_decoder *decoder = peal_decoder_new();
	FUZZ_CHECK(decoder);
	FUZZ_CHECK(peal_channel_parse("P", name, strlen(name), NULL, 0, &channel));
	char *payload = fuzz_exact(data + 1, size - 1);
	(void)peal_codec_is_from(channel.kind, payload, size - 1, UID, 6);
	int r = peal_codec_decode(decoder, &channel, payload, size - 1, &message);
	FUZZ_CHECK(r >= 0);
	if (!r) {
		check_message(message);
		if (sent_by_peal(message))
			check_way_back(decoder, message);
	}
	free(payload);

	/* Names of channels are bytes of others, too. */
	payload = fuzz_exact(data, size);
	if (peal_channel_parse("P", payload, size, NULL, 0, &channel)) {
		FUZZ_CHECK(
			channel.kind == PEAL_CHANNEL_PEAL ||
			(channel.ns >= payload && channel.ns + channel.ns_length < payload + size));
		if (channel.rest)
			FUZZ_CHECK(channel.rest + channel.rest_length < payload + size);
	}
	free(payload);
	peal_decoder_free(decoder);
	return 0;
}
