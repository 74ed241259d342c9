/*
 * The codec and memory: none is taken for a broadcast once the buffers are there, and a lack of it
 * is told, at each place in turn.
 */
#include "tests/unit/unit.h"

#include <errno.h>

#include "adapters/redis/codec.h"
#include "base/limits.h"
#include "protocol/args.h"
#include "tests/support/scarce_memory.h"
#include "tests/unit/hex_case.h"

/* Two rooms, an exception, text, a map, binary. */
#define BROADCAST                                                                          \
	"93a64a676477373983a47479706502a46461746194a568656c6c6f82a16101a162a3c3a978c40201" \
	"0293cd03e8cb3ff8000000000000c0a36e7370a12f83a5726f6f6d7392a5726f6f6d31a5726f6f6d" \
	"32a665786365707491a5726f6f6d33a5666c61677381a8766f6c6174696c65c3"

struct sample {
	const char *channel, *text, *hex;
};

static const struct sample samples[] = {
	{ "P#/#", NULL, BROADCAST },
	{ "P#/#", NULL, "93a16183a46461746193a16581ff01a2ff62a36e7370a12fa0c080" },
	{ "P-request#/#",
	  "{\"uid\":\"a\",\"requestId\":\"r\",\"type\":2,\"opts\":{\"rooms\":[\"a\",1.5,7],"
	  "\"except\":["
	  "\"b\"]},\"rooms\":[\"c\"]}",
	  NULL },
	{ "P-request#/#",
	  "{\"uid\":\"a\",\"type\":6,\"data\":[\"e\",{\"b\":1,\"2\":[2],\"b\":3},\"\\u00e9\"]}",
	  NULL },
	{ "P-response#/#",
	  "{\"requestId\":\"r\",\"sockets\":[{\"id\":\"a\",\"rooms\":[\"a\",\"b\"],\"data\":{\"x\":"
	  "\"y\xff"
	  "\"}},{\"id\":\"b\"}]}",
	  NULL },
	{ "P-response#/#", NULL,
	  "86a47479706514a9726571756573744964a172a3756964a6616263646566a66e756d62657202a46c617374c3"
	  "a770"
	  "61636b657473942ad40000c0c403010203" },
	{ "P-peal#", "{\"uid\":\"abcdef\",\"name\":\"n1\"}", NULL },
};

#define SAMPLES (sizeof(samples) / sizeof(*samples))

static char *bytes_of(const struct sample *sample, size_t *ret_length)
{
	if (sample->hex)
		return hex_bytes(sample->hex, ret_length);
	*ret_length = strlen(sample->text);
	return strdup(sample->text);
}

static int decode(struct peal_decoder *decoder, const char *name, const char *bytes, size_t length,
		  const struct peal_message **ret_message)
{
	struct peal_channel channel;
	/* No assertion while memory fails: Check needs some for each. */
	if (!peal_channel_parse("P", name, strlen(name), NULL, 0, &channel))
		return -EINVAL;
	return peal_codec_decode(decoder, &channel, bytes, length, ret_message);
}

START_TEST(a_broadcast_that_is_received_takes_no_memory)
{
	struct peal_decoder *decoder = peal_decoder_new();
	const struct peal_message *message;
	size_t length;
	char *bytes = hex_bytes(BROADCAST, &length);
	ck_assert_int_eq(decode(decoder, "P#/#", bytes, length, &message), 0);
	size_t before = scarce.allocations;
	int r = 0;
	for (int i = 0; i < 100; i++)
		r |= decode(decoder, "P#/#", bytes, length, &message);
	size_t after = scarce.allocations;
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(after, before);
	ck_assert_uint_eq(message->args->attachment_count, 1);
	free(bytes);
	peal_decoder_free(decoder);
}
END_TEST

START_TEST(a_broadcast_that_is_sent_takes_no_memory)
{
	struct peal_buffer channel = PEAL_BUFFER(4096), payload = PEAL_BUFFER(4096);
	struct peal_args args;
	static const char text[] = "{\"a\":1,\"b\":[1,2,3]},\"\\u00e9x\",[[],{}]";
	peal_args_init(&args, text, sizeof(text) - 1, 3, NULL, 0);
	struct peal_message message = {
		.type = PEAL_MESSAGE_BROADCAST,
		.ns = "/",
		.uid = "",
		.request_id = "",
		.to = "",
		.event = "hello",
		.event_length = 5,
		.text = "",
		.args = &args,
		.packet_id = UINT64_MAX,
		.target = { .rooms = PEAL_ROOMS("a", "b") },
	};
	ck_assert_int_eq(peal_codec_encode(&message, "P", "abcdef", &channel, &payload), 0);
	size_t before = scarce.allocations;
	int r = 0;
	for (int i = 0; i < 100; i++)
		r |= peal_codec_encode(&message, "P", "abcdef", &channel, &payload);
	size_t after = scarce.allocations;
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(after, before);
	peal_buffer_deinit(&channel);
	peal_buffer_deinit(&payload);
}
END_TEST

/* Try with the first allocation failing, then the second, until none does any more. */
static size_t exhaust_decoding(const struct sample *sample)
{
	size_t length, places = 0;
	char *bytes = bytes_of(sample, &length);
	for (scarce.failed = true; scarce.failed; places++) {
		const struct peal_message *message;
		struct peal_decoder *decoder = peal_decoder_new();
		scarce.failed = false;
		scarce.failing = places + 1;
		int r = decode(decoder, sample->channel, bytes, length, &message);
		scarce.failing = 0;
		/* Putting an object right may be left out for the lack of it. */
		ck_assert(!r || (scarce.failed && r == -ENOMEM));
		ck_assert_int_eq(decode(decoder, sample->channel, bytes, length, &message), 0);
		peal_decoder_free(decoder);
	}
	free(bytes);
	return places;
}

START_TEST(a_lack_of_memory_while_decoding_is_told)
{
	for (size_t i = 0; i < SAMPLES; i++)
		ck_assert_uint_gt(exhaust_decoding(&samples[i]), 1);
	scarce.failing = 1;
	struct peal_decoder *decoder = peal_decoder_new();
	ck_assert_ptr_null(decoder);
}
END_TEST

static size_t exhaust_encoding(struct peal_message *message)
{
	size_t places = 0;
	for (scarce.failed = true; scarce.failed; places++) {
		struct peal_buffer channel = PEAL_BUFFER(4096), payload = PEAL_BUFFER(1 << 20);
		scarce.failed = false;
		scarce.failing = places + 1;
		int r = peal_codec_encode(message, "P", "abcdef", &channel, &payload);
		scarce.failing = 0;
		ck_assert(!r || (scarce.failed && r == -ENOMEM));
		peal_buffer_deinit(&channel);
		peal_buffer_deinit(&payload);
	}
	return places;
}

START_TEST(a_lack_of_memory_while_encoding_is_told)
{
	for (size_t i = 0; i < SAMPLES; i++) {
		struct peal_decoder *decoder = peal_decoder_new();
		const struct peal_message *received;
		size_t length;
		char *bytes = bytes_of(&samples[i], &length);
		ck_assert_int_eq(decode(decoder, samples[i].channel, bytes, length, &received), 0);
		struct peal_message message = *received;
		if (message.type >= PEAL_MESSAGE_COUNT && message.type < PEAL_MESSAGE_ANNOUNCE)
			message.to = "abcdef";
		ck_assert_uint_gt(exhaust_encoding(&message), 1);
		free(bytes);
		peal_decoder_free(decoder);
	}
}
END_TEST

/* More arrays and keys than fit the stack. */
START_TEST(a_lack_of_memory_for_large_values_is_told)
{
	struct peal_args args;
	struct peal_buffer text = PEAL_BUFFER(1 << 20);
	peal_buffer_append_char(&text, '{');
	for (int i = 0; i < 200; i++)
		peal_buffer_append_format(&text, "%s\"k%d\":[%d]", i ? "," : "", i % 150, i);
	peal_buffer_append_char(&text, '}');
	peal_args_init(&args, text.bytes, text.length, 1, NULL, 0);
	struct peal_message message = {
		.type = PEAL_MESSAGE_BROADCAST,
		.ns = "/",
		.uid = "",
		.request_id = "",
		.to = "",
		.event = "e",
		.event_length = 1,
		.text = "",
		.args = &args,
		.packet_id = UINT64_MAX,
	};
	ck_assert_uint_gt(exhaust_encoding(&message), 5);
	peal_buffer_deinit(&text);
}
END_TEST

UNIT_MAIN("codec_memory", a_broadcast_that_is_received_takes_no_memory,
	  a_broadcast_that_is_sent_takes_no_memory, a_lack_of_memory_while_decoding_is_told,
	  a_lack_of_memory_while_encoding_is_told, a_lack_of_memory_for_large_values_is_told)
