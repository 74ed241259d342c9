/* Counts what turns bytes into structs and back: messages between nodes, and a client's request. */
#include <string.h>

#include "adapters/redis/codec.h"
#include "http/parse.h"
#include "tests/budget/budget.h"
#include "tests/budget/rig.h"

/* --- the wire between the nodes ---------------------------------------------------------- */

/* What a node sends to the one that asked, with the acknowledgements of its clients. */
static void count_answers(struct peal_decoder *decoder, struct peal_buffer *name,
			  struct peal_buffer *payload)
{
	enum { ANSWERS = 1000 };
	static const struct peal_args *answers[ANSWERS];
	const struct peal_message *received;
	struct peal_channel channel;
	struct peal_args *args = NULL;
	rig_require(!peal_args_new(PEAL_VALUES("ok"), &args), "no memory");
	for (size_t i = 0; i < ANSWERS; i++)
		answers[i] = args;
	const struct peal_message message = {
		.type = PEAL_MESSAGE_ANSWERS,
		.ns = "/",
		.uid = "other1",
		.request_id = "0123456789abcdef",
		.to = "budget",
		.event = "",
		.packet_id = UINT64_MAX,
		.text = "",
		.answers = answers,
		.answer_count = ANSWERS,
		.count = ANSWERS,
		.counted = true,
		.last = true,
	};
	int r = 0;
	for (size_t pass = 0; pass < 2; pass++) {
		count_begin();
		r |= peal_codec_encode(&message, "socket.io", "other1", name, payload);
		if (pass)
			count_end("acknowledgement encoded for the cluster", ANSWERS);
	}
	rig_require(
		!r && peal_channel_parse("socket.io", name->bytes, name->length, "/", 1, &channel),
		"answers were not encoded");
	for (size_t pass = 0; pass < 2; pass++) {
		count_begin();
		r |= peal_codec_decode(decoder, &channel, payload->bytes, payload->length,
				       &received);
		if (pass)
			count_end("acknowledgement of the cluster decoded", ANSWERS);
	}
	rig_require(!r && received->answer_count == ANSWERS, "answers were not decoded");
	peal_args_free(args);
}

void count_codec(void)
{
	enum { TIMES = 1000 };
	const struct peal_message *received;
	struct peal_channel channel;
	struct peal_args *args = NULL;
	struct peal_buffer name = PEAL_BUFFER(4096), payload = PEAL_BUFFER(1 << 20);
	struct peal_decoder *decoder = peal_decoder_new();
	rig_require(decoder && !peal_args_new(PEAL_VALUES(PADDING), &args), "no memory");
	const struct peal_message message = {
		.type = PEAL_MESSAGE_BROADCAST,
		.ns = "/",
		.uid = "",
		.request_id = "",
		.to = "",
		.event = "bench",
		.event_length = 5,
		.args = args,
		.packet_id = UINT64_MAX,
		.text = "",
	};
	int r = peal_codec_encode(&message, "socket.io", "other1", &name, &payload);
	count_begin();
	for (size_t i = 0; i < TIMES; i++)
		r |= peal_codec_encode(&message, "socket.io", "other1", &name, &payload);
	count_end("broadcast encoded for the cluster", TIMES);
	rig_require(!r, "a message was not encoded");

	rig_require(peal_channel_parse("socket.io", name.bytes, name.length, "/", 1, &channel) &&
			    !peal_codec_decode(decoder, &channel, payload.bytes, payload.length,
					       &received),
		    "a message was not decoded");
	count_begin();
	for (size_t i = 0; i < TIMES; i++) {
		r |= peal_codec_is_from(PEAL_CHANNEL_BROADCAST, payload.bytes, payload.length,
					"budget", 6);
		r |= peal_codec_decode(decoder, &channel, payload.bytes, payload.length, &received);
	}
	count_end("broadcast of the cluster decoded", TIMES);
	rig_require(!r && received->event_length == 5, "a message was not decoded");

	r = 1;
	count_begin();
	for (size_t i = 0; i < TIMES; i++)
		r &= peal_codec_is_from(PEAL_CHANNEL_BROADCAST, payload.bytes, payload.length,
					"other1", 6);
	count_end("own broadcast of the cluster dropped", TIMES);
	rig_require(r, "an own message was not recognized");

	count_answers(decoder, &name, &payload);
	peal_args_free(args);
	peal_decoder_free(decoder);
	peal_buffer_deinit(&name);
	peal_buffer_deinit(&payload);
}

/* --- requests ---------------------------------------------------------------------------- */

/* What a browser sends to open a WebSocket. */
void count_request(void)
{
	static const char request[] =
		"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
		"Host: example.com:3000\r\n"
		"Connection: Upgrade\r\n"
		"Pragma: no-cache\r\n"
		"Cache-Control: no-cache\r\n"
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101\r\n"
		"Upgrade: websocket\r\n"
		"Origin: https://example.com\r\n"
		"Sec-WebSocket-Version: 13\r\n"
		"Accept-Encoding: gzip, deflate, br\r\n"
		"Accept-Language: en-US,en;q=0.9\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
		"\r\n";
	struct peal_header headers[32];
	bool good = true;
	for (size_t pass = 0; pass < 2; pass++) {
		count_begin();
		for (size_t i = 0; i < 100; i++) {
			char bytes[sizeof(request)];
			struct peal_http_scan scan = { 0 };
			struct peal_http_head head = { .headers = headers, .header_capacity = 32 };
			memcpy(bytes, request, sizeof(request));
			good &= peal_http_scan(&scan, bytes, sizeof(request) - 1) ==
				PEAL_HTTP_SCAN_HEAD;
			good &= !peal_http_head_parse(&head, bytes, scan.offset) && head.websocket;
		}
		if (pass)
			count_end("request for a WebSocket read", 100);
	}
	rig_require(good, "a request was refused");
	count_open(request, sizeof(request) - 1);
}
