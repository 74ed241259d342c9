/* What official servers and emitters were seen to publish (adapters-wire.md §15), decoded, and
 * encoded again to the same bytes. */
#include "tests/unit/unit.h"

#include "adapters/redis/codec.h"
#include "base/limits.h"
#include "protocol/args.h"
#include "tests/unit/hex_case.h"

static struct peal_decoder *decoder;

static void before(void)
{
	decoder = peal_decoder_new();
	ck_assert_ptr_nonnull(decoder);
}

static void after(void)
{
	peal_decoder_free(decoder);
}

static const struct peal_message *decode(const char *channel_name, const void *payload,
					 size_t length)
{
	struct peal_channel channel;
	const struct peal_message *message;
	ck_assert(peal_channel_parse("socket.io", channel_name, strlen(channel_name), NULL, 0,
				     &channel));
	ck_assert_int_eq(peal_codec_decode(decoder, &channel, payload, length, &message), 0);
	return message;
}

static void assert_encodes(const struct peal_message *message, const char *uid,
			   const char *channel_name, const void *payload, size_t length)
{
	struct peal_buffer channel = PEAL_BUFFER(4096),
			   bytes = PEAL_BUFFER(PEAL_LIMIT_CLUSTER_MESSAGE_BYTES);
	ck_assert_int_eq(peal_codec_encode(message, "socket.io", uid, &channel, &bytes), 0);
	ck_assert_str_eq(channel.bytes, channel_name);
	char *expected = hex_text(payload, length);
	assert_hex(bytes.bytes, bytes.length, expected);
	free(expected);
	peal_buffer_deinit(&channel);
	peal_buffer_deinit(&bytes);
}

static void assert_args(const struct peal_message *message, const char *event, const char *text)
{
	ck_assert_str_eq(message->event, event);
	ck_assert_uint_eq(message->event_length, strlen(event));
	ck_assert_uint_eq(message->args->length, strlen(text));
	ck_assert_mem_eq(message->args->text, text, strlen(text));
}

/* A captured broadcast, what it says, and its bytes again. */
struct broadcast {
	const char *channel, *hex;
	const char *uid, *ns, *event, *args;
	const char *rooms, *except; /* with commas */
	unsigned flags;
	uint64_t packet_id;
	const char *again; /* other bytes, where the value is not kept as it was */
};

static void assert_rooms(const struct peal_rooms *rooms, const char *expected)
{
	char joined[256] = "";
	for (size_t i = 0; i < rooms->count; i++) {
		strcat(joined, i ? "," : "");
		strcat(joined, rooms->names[i]);
	}
	ck_assert_str_eq(joined, expected);
}

static void check_broadcast(const struct broadcast *broadcast)
{
	size_t length;
	char *payload = hex_bytes(broadcast->hex, &length);
	const struct peal_message *message = decode(broadcast->channel, payload, length);
	ck_assert_int_eq(message->type, PEAL_MESSAGE_BROADCAST);
	ck_assert_str_eq(message->uid, broadcast->uid);
	ck_assert_str_eq(message->ns, broadcast->ns);
	assert_args(message, broadcast->event, broadcast->args);
	assert_rooms(&message->target.rooms, broadcast->rooms);
	ck_assert(message->target.rooms.given == (message->target.rooms.count > 0));
	assert_rooms(&message->target.except, broadcast->except);
	ck_assert_uint_eq(message->target.flags, broadcast->flags);
	ck_assert(message->packet_id == broadcast->packet_id);
	ck_assert(peal_codec_is_from(PEAL_CHANNEL_BROADCAST, payload, length, broadcast->uid,
				     strlen(broadcast->uid)));
	ck_assert(!peal_codec_is_from(PEAL_CHANNEL_BROADCAST, payload, length, "AAAAAA", 6));
	if (broadcast->again) {
		size_t again_length;
		char *again = hex_bytes(broadcast->again, &again_length);
		assert_encodes(message, broadcast->uid, broadcast->channel, again, again_length);
		free(again);
	} else {
		assert_encodes(message, broadcast->uid, broadcast->channel, payload, length);
	}
	free(payload);
}

START_TEST(c1_a_broadcast_to_all)
{
	check_broadcast(&(struct broadcast){ .channel = "socket.io#/#",
					     .hex = "93a64a676477373983a47479706502a46461746194a568"
						    "656c6c6f01a1329103a36e7370a12f83a5726f6f"
						    "6d7390a665786365707490a5666c61677380",
					     .uid = "Jgdw79",
					     .ns = "/",
					     .event = "hello",
					     .args = "1,\"2\",[3]",
					     .rooms = "",
					     .except = "",
					     .packet_id = UINT64_MAX });
}
END_TEST

START_TEST(c2_a_broadcast_to_one_room)
{
	check_broadcast(&(struct broadcast){ .channel = "socket.io#/#room1#",
					     .hex = "93a64a676477373983a47479706502a46461746191a568"
						    "656c6c6fa36e7370a12f83a5726f6f6d7391a572"
						    "6f6f6d31a665786365707490a5666c61677380",
					     .uid = "Jgdw79",
					     .ns = "/",
					     .event = "hello",
					     .args = "",
					     .rooms = "room1",
					     .except = "",
					     .packet_id = UINT64_MAX });
}
END_TEST

START_TEST(c3_a_broadcast_to_two_rooms_with_an_exception)
{
	check_broadcast(&(struct broadcast){
		.channel = "socket.io#/#",
		.hex = "93a64a676477373983a47479706502a46461746191a568656c6c6fa36e7370a12f83a5726f6"
		       "f6d7392a572"
		       "6f6f6d31a5726f6f6d32a665786365707491a5726f6f6d33a5666c61677380",
		.uid = "Jgdw79",
		.ns = "/",
		.event = "hello",
		.args = "",
		.rooms = "room1,room2",
		.except = "room3",
		.packet_id = UINT64_MAX });
}
END_TEST

START_TEST(c4_flags)
{
	check_broadcast(&(struct broadcast){
		.channel = "socket.io#/#",
		.hex = "93a64a676477373983a47479706502a46461746191a568656c6c6fa36e7370a12f83a5726f6"
		       "f6d7390a665"
		       "786365707490a5666c61677382a8766f6c6174696c65c3a8636f6d7072657373c2",
		.uid = "Jgdw79",
		.ns = "/",
		.event = "hello",
		.args = "",
		.rooms = "",
		.except = "",
		.flags = PEAL_VOLATILE | PEAL_NO_COMPRESS,
		.packet_id = UINT64_MAX });
}
END_TEST

START_TEST(c5_a_room_that_is_a_number_becomes_text)
{
	check_broadcast(&(struct broadcast){ .channel = "socket.io#/#123#",
					     .hex = "93a64a676477373983a47479706502a46461746191a568"
						    "656c6c6fa36e7370a12f83a5726f6f6d73917ba6"
						    "65786365707490a5666c61677380",
					     .uid = "Jgdw79",
					     .ns = "/",
					     .event = "hello",
					     .args = "",
					     .rooms = "123",
					     .except = "",
					     .packet_id = UINT64_MAX,
					     .again = "93a64a676477373983a47479706502a46461746191a5"
						      "68656c6c6fa36e7370a12f83a5726f6f6d7391a3"
						      "313233a665786365707490a5666c61677380" });
}
END_TEST

START_TEST(c6_another_namespace)
{
	check_broadcast(&(struct broadcast){ .channel = "socket.io#/admin#",
					     .hex = "93a641394a6a353983a47479706502a46461746191a178"
						    "a36e7370a62f61646d696e83a5726f6f6d7390a6"
						    "65786365707490a5666c61677380",
					     .uid = "A9Jj59",
					     .ns = "/admin",
					     .event = "x",
					     .args = "",
					     .rooms = "",
					     .except = "",
					     .packet_id = UINT64_MAX });
}
END_TEST

START_TEST(c7_the_boundaries_of_integers)
{
	check_broadcast(&(struct broadcast){
		.channel = "socket.io#/#",
		.hex = "93a64a676477373983a47479706502a464617461dc001ba174c0c0c3c2007fcc80ccffcd010"
		       "0cdffffce00"
		       "010000ceffffffffcf0000000100000000cf001fffffffffffffffe0d0dfd080d1ff7fd1800"
		       "0d2ffff7fff"
		       "d280000000d3ffffffff7fffffffcb3ff8000000000000cb7ff8000000000000cb7ff000000"
		       "0000000a36e"
		       "7370a12f83a5726f6f6d7390a665786365707490a5666c61677380",
		.uid = "Jgdw79",
		.ns = "/",
		.event = "t",
		.args = "null,null,true,false,0,127,128,255,256,65535,65536,4294967295,4294967296,"
			"9007199254740991,-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-"
			"2147483649,1.5,null,"
			"null",
		.rooms = "",
		.except = "",
		.packet_id = UINT64_MAX,
		/* What JSON does not know is null from here on. */
		.again = "93a64a676477373983a47479706502a464617461dc001ba174c0c0c3c2007fcc80ccffcd0"
			 "100cdffffce"
			 "00010000ceffffffffcf0000000100000000cf001fffffffffffffffe0d0dfd080d1ff7fd"
			 "18000d2ffff"
			 "7fffd280000000d3ffffffff7fffffffcb3ff8000000000000c0c0a36e7370a12f83a5726"
			 "f6f6d7390a6"
			 "65786365707490a5666c61677380" });
}
END_TEST

START_TEST(c8_a_request_for_acknowledgements)
{
	static const char hex[] = "85a3756964a62d3577385f75a9726571756573744964a654397155454ca47479"
				  "706507a67061636b657483a4747970"
				  "6502a46461746192a461636b3107a36e7370a12fa46f70747383a5726f6f6d73"
				  "90a665786365707490a5666c616773"
				  "81a774696d656f7574cd012c";
	size_t length;
	char *payload = hex_bytes(hex, &length);
	const struct peal_message *message = decode("socket.io-request#/#", payload, length);
	ck_assert_int_eq(message->type, PEAL_MESSAGE_ASK);
	ck_assert_str_eq(message->uid, "-5w8_u");
	ck_assert_str_eq(message->request_id, "T9qUEL");
	ck_assert_uint_eq(message->timeout_ms, 300);
	ck_assert(!message->peal);
	ck_assert(!message->target.rooms.given);
	assert_args(message, "ack1", "7");
	ck_assert(peal_codec_is_from(PEAL_CHANNEL_REQUEST, payload, length, "-5w8_u", 6));
	ck_assert(!peal_codec_is_from(PEAL_CHANNEL_REQUEST, payload, length, "-5w8_v", 6));
	assert_encodes(message, "-5w8_u", "socket.io-request#/#", payload, length);
	free(payload);
}
END_TEST

/* An answer on the shared channel that does not tell who answers, as official servers send it. */
static void check_answer(const char *hex, const char *request_id, const char *value,
			 size_t attachments)
{
	size_t length;
	char *payload = hex_bytes(hex, &length);
	const struct peal_message *message = decode("socket.io-response#/#", payload, length);
	ck_assert_int_eq(message->type, PEAL_MESSAGE_ANSWER);
	ck_assert_str_eq(message->uid, "");
	ck_assert_str_eq(message->request_id, request_id);
	ck_assert_uint_eq(message->answer_count, 1);
	if (value) {
		ck_assert_uint_eq(message->answers[0]->count, 1);
		ck_assert_uint_eq(message->answers[0]->length, strlen(value));
		ck_assert_mem_eq(message->answers[0]->text, value, strlen(value));
		ck_assert_uint_eq(message->answers[0]->attachment_count, attachments);
	} else {
		ck_assert_ptr_null(message->answers[0]);
	}
	assert_encodes(message, "", "socket.io-response#/#", payload, length);
	free(payload);
}

START_TEST(c9_an_acknowledgement)
{
	check_answer("83a47479706509a9726571756573744964a654397155454ca67061636b65742a", "T9qUEL",
		     "42", 0);
}
END_TEST

START_TEST(c10_an_acknowledgement_without_a_value)
{
	check_answer("82a47479706509a9726571756573744964a6704c39463846", "pL9F8F", NULL, 0);
}
END_TEST

START_TEST(c11_a_binary_acknowledgement)
{
	check_answer("83a47479706509a9726571756573744964a64b6e34415566a67061636b6574c40109",
		     "Kn4AUf", "{\"_placeholder\":true,\"num\":0}", 1);
}
END_TEST

START_TEST(c12_a_packet_that_carries_an_id)
{
	check_broadcast(&(struct broadcast){
		.channel = "socket.io#/#LdC5LxSjVVf_1PGWAAAG#",
		.hex = "93a6756d354c375684a47479706502a46461746191a171a2696400a36e7370a12f83a5726f6"
		       "f6d7391b44c"
		       "6443354c78536a5656665f3150475741414147a665786365707490a5666c61677380",
		.uid = "um5L7V",
		.ns = "/",
		.event = "q",
		.args = "",
		.rooms = "LdC5LxSjVVf_1PGWAAAG",
		.except = "",
		.packet_id = 0 });
}
END_TEST

START_TEST(e1_an_emitter_with_its_order_of_keys)
{
	check_broadcast(&(struct broadcast){ .channel = "socket.io#/#",
					     .hex = "93a7656d697474657283a47479706502a46461746194a5"
						    "68656c6c6f01c40101c0a36e7370a12f83a5726f"
						    "6f6d7390a5666c61677380a665786365707490",
					     .uid = "emitter",
					     .ns = "/",
					     .event = "hello",
					     .args = "1,{\"_placeholder\":true,\"num\":0},null",
					     .rooms = "",
					     .except = "",
					     .packet_id = UINT64_MAX });
}
END_TEST

/* Captured JSON; the channel of answers is the shared one. */
static const struct peal_message *check_json(const char *channel, const char *uid, const char *json)
{
	char *exact = malloc(strlen(json));
	memcpy(exact, json, strlen(json));
	const struct peal_message *message = decode(channel, exact, strlen(json));
	free(exact);
	assert_encodes(message, uid, channel, json, strlen(json));
	return message;
}

#define REQUEST "socket.io-request#/#"
#define RESPONSE "socket.io-response#/#"

START_TEST(j_fetching_sockets)
{
	const struct peal_message *message =
		check_json(REQUEST, "-5w8_u",
			   "{\"uid\":\"-5w8_u\",\"requestId\":\"tq8NX1\",\"type\":5,\"opts\":{"
			   "\"rooms\":[\"room1\"],"
			   "\"except\":[]}}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_FETCH);
	ck_assert_str_eq(message->uid, "-5w8_u");
	ck_assert_str_eq(message->request_id, "tq8NX1");
	assert_rooms(&message->target.rooms, "room1");
}
END_TEST

START_TEST(j_fetched_sockets)
{
	const struct peal_message *message = check_json(
		RESPONSE, "",
		"{\"requestId\":\"tq8NX1\",\"sockets\":[{\"id\":\"0tzXMBrKHm5X4qE6AAAB\","
		"\"handshake\":{"
		"\"headers\":{},\"time\":\"Sun Nov 22 2026 08:00:32 GMT+0000 (Coordinated "
		"Universal "
		"Time)\",\"address\":\"127.0.0.1\",\"xdomain\":false,\"secure\":false,\"issued\":"
		"1795334432741,\"url\":\"/socket.io/"
		"?EIO=4&transport=websocket\",\"query\":{\"EIO\":\"4\","
		"\"transport\":\"websocket\"},\"auth\":{}},\"rooms\":[\"0tzXMBrKHm5X4qE6AAAB\","
		"\"room1\"],"
		"\"data\":{\"n\":1}}]}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_FETCHED);
	ck_assert_uint_eq(message->socket_count, 1);
	const struct peal_socket_info *socket = &message->sockets[0];
	ck_assert_str_eq(socket->id, "0tzXMBrKHm5X4qE6AAAB");
	ck_assert_uint_eq(socket->room_count, 2);
	ck_assert_str_eq(socket->rooms[1], "room1");
	ck_assert_str_eq(socket->data, "{\"n\":1}");
	ck_assert_str_eq(socket->node, "");
	ck_assert(message->last);
}
END_TEST

START_TEST(j_all_rooms)
{
	const struct peal_message *message = check_json(
		REQUEST, "-5w8_u", "{\"uid\":\"-5w8_u\",\"requestId\":\"sr1pd1\",\"type\":1}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_ROOMS);
	message = check_json(
		RESPONSE, "",
		"{\"requestId\":\"sr1pd1\",\"rooms\":[\"0tzXMBrKHm5X4qE6AAAB\",\"room1\"]}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_ROOMS_LISTED);
	assert_rooms(&message->rooms, "0tzXMBrKHm5X4qE6AAAB,room1");
}
END_TEST

START_TEST(j_joining_leaving_and_disconnecting)
{
	const struct peal_message *message = check_json(REQUEST, "-5w8_u",
							"{\"uid\":\"-5w8_u\",\"type\":2,\"opts\":{"
							"\"rooms\":[\"room1\"],\"except\":[\"e\"]},"
							"\"rooms\":[\"j1\",\"j2\"]}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_JOIN);
	assert_rooms(&message->rooms, "j1,j2");
	assert_rooms(&message->target.except, "e");
	message = check_json(REQUEST, "-5w8_u",
			     "{\"uid\":\"-5w8_u\",\"type\":3,\"opts\":{\"rooms\":[],\"except\":[]},"
			     "\"rooms\":[\"j1\"]}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_LEAVE);
	ck_assert(!message->target.rooms.given);
	message = check_json(
		REQUEST, "-5w8_u",
		"{\"uid\":\"-5w8_u\",\"type\":4,\"opts\":{\"rooms\":[\"room1\"],\"except\":[]},"
		"\"close\":true}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_DISCONNECT);
	ck_assert(message->close);
}
END_TEST

START_TEST(j_events_for_servers_and_their_answers)
{
	const struct peal_message *message =
		check_json(REQUEST, "-5w8_u",
			   "{\"uid\":\"-5w8_u\",\"requestId\":\"Nznnlq\",\"type\":6,\"data\":["
			   "\"sse\",\"x\"]}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_SERVER_EMIT);
	assert_args(message, "sse", "\"x\"");
	check_json(REQUEST, "-5w8_u", "{\"uid\":\"-5w8_u\",\"type\":6,\"data\":[\"sse\"]}");
	message = check_json(RESPONSE, "",
			     "{\"type\":6,\"requestId\":\"Nznnlq\",\"data\":{\"ok\":1}}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_SERVER_ANSWER);
	ck_assert_mem_eq(message->answers[0]->text, "{\"ok\":1}", 8);
	message = check_json(RESPONSE, "", "{\"type\":6,\"requestId\":\"Nznnlq\"}");
	ck_assert_ptr_null(message->answers[0]);
}
END_TEST

START_TEST(j_a_count_of_clients)
{
	const struct peal_message *message =
		check_json(RESPONSE, "", "{\"type\":8,\"requestId\":\"T9qUEL\",\"clientCount\":1}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_COUNT);
	ck_assert_uint_eq(message->count, 1);
}
END_TEST

START_TEST(emitters_ask_without_a_uid)
{
	check_json(REQUEST, "emitter",
		   "{\"type\":2,\"opts\":{\"rooms\":[],\"except\":[]},\"rooms\":[\"a\"]}");
	check_json(REQUEST, "emitter",
		   "{\"type\":3,\"opts\":{\"rooms\":[\"x\"],\"except\":[]},\"rooms\":[\"a\"]}");
	check_json(REQUEST, "emitter",
		   "{\"type\":4,\"opts\":{\"rooms\":[],\"except\":[]},\"close\":false}");
	check_json(REQUEST, "emitter", "{\"uid\":\"emitter\",\"type\":6,\"data\":[\"hi\",1]}");
}
END_TEST

UNIT_MAIN_WITH("codec_fixtures", before, after, c1_a_broadcast_to_all, c2_a_broadcast_to_one_room,
	       c3_a_broadcast_to_two_rooms_with_an_exception, c4_flags,
	       c5_a_room_that_is_a_number_becomes_text, c6_another_namespace,
	       c7_the_boundaries_of_integers, c8_a_request_for_acknowledgements,
	       c9_an_acknowledgement, c10_an_acknowledgement_without_a_value,
	       c11_a_binary_acknowledgement, c12_a_packet_that_carries_an_id,
	       e1_an_emitter_with_its_order_of_keys, j_fetching_sockets, j_fetched_sockets,
	       j_all_rooms, j_joining_leaving_and_disconnecting,
	       j_events_for_servers_and_their_answers, j_a_count_of_clients,
	       emitters_ask_without_a_uid)
