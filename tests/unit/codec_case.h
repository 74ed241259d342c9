/* A decoder and buffers for tests of the codec, and messages in and out of them. */
#ifndef PEAL_TESTS_CODEC_CASE_H
#define PEAL_TESTS_CODEC_CASE_H

#include "tests/unit/unit.h"

#include "adapters/redis/codec.h"
#include "base/limits.h"
#include "protocol/args.h"
#include "tests/unit/hex_case.h"

#define UID "Jgdw79"
#define REQUEST "P-request#/#"
#define RESPONSE "P-response#/#"

static struct peal_decoder *decoder;
static struct peal_buffer channel_name, payload;

static inline void before(void)
{
	decoder = peal_decoder_new();
	ck_assert_ptr_nonnull(decoder);
	channel_name = PEAL_BUFFER(4096);
	payload = PEAL_BUFFER(PEAL_LIMIT_CLUSTER_MESSAGE_BYTES);
}

static inline void after(void)
{
	peal_decoder_free(decoder);
	peal_buffer_deinit(&channel_name);
	peal_buffer_deinit(&payload);
}

static inline int decode(const char *name, const void *bytes, size_t length,
			 const struct peal_message **ret_message)
{
	struct peal_channel channel;
	char *exact = malloc(length ? length : 1);
	memcpy(exact, bytes, length);
	ck_assert(peal_channel_parse("P", name, strlen(name), NULL, 0, &channel));
	int r = peal_codec_decode(decoder, &channel, exact, length, ret_message);
	free(exact);
	return r;
}

static inline const struct peal_message *decode_text(const char *name, const char *text)
{
	const struct peal_message *message;
	ck_assert_msg(!decode(name, text, strlen(text), &message), "%s", text);
	return message;
}

static inline int error_of(const char *name, const char *text)
{
	const struct peal_message *message;
	return decode(name, text, strlen(text), &message);
}

static inline int error_of_hex(const char *name, const char *hex)
{
	const struct peal_message *message;
	size_t length;
	char *bytes = hex_bytes(hex, &length);
	int r = decode(name, bytes, length, &message);
	free(bytes);
	return r;
}

/* Text is never NULL, "" stands for none. */
static inline struct peal_message *filled(struct peal_message *message)
{
	const char **texts[] = { &message->ns, &message->uid,	&message->request_id,
				 &message->to, &message->event, &message->text };
	if (!message->ns)
		message->ns = "/";
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (!*texts[i])
			*texts[i] = "";
	message->packet_id = UINT64_MAX;
	return message;
}

#define MESSAGE(...) (*filled(&(struct peal_message){ __VA_ARGS__ }))

static inline void encode(const struct peal_message *message)
{
	ck_assert_int_eq(peal_codec_encode(message, "P", UID, &channel_name, &payload), 0);
}

static inline void assert_json(const struct peal_message *message, const char *name,
			       const char *json)
{
	encode(message);
	ck_assert_str_eq(channel_name.bytes, name);
	ck_assert_str_eq(payload.bytes, json);
}

/* Encoded and decoded again. */
static inline const struct peal_message *pass(const struct peal_message *message)
{
	const struct peal_message *received;
	encode(message);
	ck_assert_int_eq(decode(channel_name.bytes, payload.bytes, payload.length, &received), 0);
	ck_assert_int_eq(received->type, message->type);
	ck_assert_str_eq(received->ns, message->ns);
	ck_assert_str_eq(received->request_id, message->request_id);
	return received;
}

static inline void assert_text(const struct peal_args *args, const char *text)
{
	ck_assert_uint_eq(args->length, strlen(text));
	ck_assert_mem_eq(args->text, text, strlen(text));
}

#endif
