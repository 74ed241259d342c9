/* What peal nodes tell each other, on which channels, and the forms of old servers. */
#include "tests/unit/codec_case.h"
#include "tests/unit/unit.h"

/* --- channels --- */

static void assert_channel(const char *name, const char *ns, enum peal_channel_kind kind,
			   const char *expected_ns, const char *expected_rest)
{
	struct peal_channel channel;
	ck_assert(peal_channel_parse("socket.io", name, strlen(name), ns, ns ? strlen(ns) : 0,
				     &channel));
	ck_assert_int_eq(channel.kind, kind);
	ck_assert_uint_eq(channel.ns_length, strlen(expected_ns));
	ck_assert_mem_eq(channel.ns, expected_ns, channel.ns_length);
	if (expected_rest) {
		ck_assert_ptr_nonnull(channel.rest);
		ck_assert_uint_eq(channel.rest_length, strlen(expected_rest));
		ck_assert_mem_eq(channel.rest, expected_rest, channel.rest_length);
	} else {
		ck_assert_ptr_null(channel.rest);
	}
}

START_TEST(channels_are_taken_apart)
{
	assert_channel("socket.io#/#", NULL, PEAL_CHANNEL_BROADCAST, "/", NULL);
	assert_channel("socket.io#/admin#a b#", NULL, PEAL_CHANNEL_BROADCAST, "/admin", "a b");
	assert_channel("socket.io#/#a#b#", NULL, PEAL_CHANNEL_BROADCAST, "/", "a#b");
	assert_channel("socket.io#/##", NULL, PEAL_CHANNEL_BROADCAST, "/", "");
	assert_channel("socket.io-request#/#", NULL, PEAL_CHANNEL_REQUEST, "/", NULL);
	assert_channel("socket.io-response#/x#", NULL, PEAL_CHANNEL_RESPONSE, "/x", NULL);
	assert_channel("socket.io-response#/x#Jgdw79#", NULL, PEAL_CHANNEL_RESPONSE, "/x",
		       "Jgdw79");
	assert_channel("socket.io-peal#", NULL, PEAL_CHANNEL_PEAL, "", NULL);
}
END_TEST

START_TEST(a_namespace_that_is_known_may_hold_the_separator)
{
	assert_channel("socket.io#/a#b#", "/a#b", PEAL_CHANNEL_BROADCAST, "/a#b", NULL);
	assert_channel("socket.io#/a#b#", "/a", PEAL_CHANNEL_BROADCAST, "/a", "b");
	assert_channel("socket.io#/a#b#c#", "/a#b", PEAL_CHANNEL_BROADCAST, "/a#b", "c");
}
END_TEST

START_TEST(foreign_channels_are_none_of_ours)
{
	static const char *const names[] = { "",
					     "socket.io",
					     "socket.io#",
					     "socket.io#/",
					     "socket.iox#/#",
					     "socket.io#admin#",
					     "socket.io#/#room",
					     "socket.io-request#/#x#",
					     "socket.io-peal#x",
					     "socket.io-other#/#" };
	struct peal_channel channel;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		ck_assert_msg(!peal_channel_parse("socket.io", names[i], strlen(names[i]), NULL, 0,
						  &channel),
			      "%s", names[i]);
	ck_assert(!peal_channel_parse("socket.io", "socket.io#/ab#", 14, "/a", 2, &channel));
}
END_TEST

START_TEST(one_room_has_a_channel_unless_the_broadcast_is_wide)
{
	struct peal_message message =
		MESSAGE(.type = PEAL_MESSAGE_BROADCAST, .event = "e", .event_length = 1,
			.target = { .rooms = PEAL_ROOMS("a#b"), .except = PEAL_ROOMS("x", "y") });
	encode(&message);
	ck_assert_str_eq(channel_name.bytes, "P#/#a#b#");
	message.wide = true;
	encode(&message);
	ck_assert_str_eq(channel_name.bytes, "P#/#");
	message.wide = false;
	message.target.rooms = PEAL_ROOMS("a", "b");
	encode(&message);
	ck_assert_str_eq(channel_name.bytes, "P#/#");
}
END_TEST

/* --- what peal adds --- */

START_TEST(answers_go_to_who_asked_and_tell_who_answers)
{
	assert_json(
		&MESSAGE(.type = PEAL_MESSAGE_COUNT, .to = "abcdef", .request_id = "r", .count = 7),
		"P-response#/#abcdef#",
		"{\"type\":8,\"requestId\":\"r\",\"clientCount\":7,\"uid\":\"Jgdw79\"}");
	assert_json(&MESSAGE(.type = PEAL_MESSAGE_COUNT, .request_id = "r"), RESPONSE,
		    "{\"type\":8,\"requestId\":\"r\",\"clientCount\":0,\"uid\":\"Jgdw79\"}");
	assert_json(&MESSAGE(.type = PEAL_MESSAGE_CONFIRM, .to = "abcdef", .request_id = "r"),
		    "P-response#/#abcdef#", "{\"requestId\":\"r\",\"uid\":\"Jgdw79\"}");
	const struct peal_message *received =
		decode_text(RESPONSE, "{\"requestId\":\"r\",\"uid\":\"Jgdw79\"}");
	ck_assert_int_eq(received->type, PEAL_MESSAGE_CONFIRM);
	ck_assert_str_eq(received->uid, UID);
}
END_TEST

START_TEST(a_peal_node_that_asks_marks_its_questions)
{
	struct peal_message message =
		MESSAGE(.type = PEAL_MESSAGE_FETCH, .request_id = "r", .peal = true);
	assert_json(&message, REQUEST,
		    "{\"uid\":\"Jgdw79\",\"requestId\":\"r\",\"type\":5,\"opts\":{\"rooms\":[],"
		    "\"except\":[]},\"peal\":1}");
	ck_assert(pass(&message)->peal);
	message.peal = false;
	ck_assert(!pass(&message)->peal);
	message = MESSAGE(.type = PEAL_MESSAGE_ASK, .request_id = "r", .peal = true, .event = "e",
			  .event_length = 1, .timeout_ms = 5000,
			  .target = { .flags = PEAL_VOLATILE });
	const struct peal_message *received = pass(&message);
	ck_assert(received->peal);
	ck_assert_uint_eq(received->timeout_ms, 5000);
	ck_assert_uint_eq(received->target.flags, PEAL_VOLATILE);
}
END_TEST

START_TEST(joins_that_want_a_confirmation_carry_an_id_beside_the_options)
{
	struct peal_message message =
		MESSAGE(.type = PEAL_MESSAGE_JOIN, .request_id = "r",
			.target = { .rooms = PEAL_ROOMS("a") }, .rooms = PEAL_ROOMS("b"));
	assert_json(
		&message, REQUEST,
		"{\"uid\":\"Jgdw79\",\"requestId\":\"r\",\"type\":2,\"opts\":{\"rooms\":[\"a\"],"
		"\"except\":[]},\"rooms\":[\"b\"]}");
	ck_assert(!pass(&message)->old);
}
END_TEST

START_TEST(joined_acknowledgements_keep_what_was_missing)
{
	struct peal_bytes bytes[] = { { "\1\2\3", 3 } };
	struct peal_args number, null, binary;
	peal_args_init(&number, "42", 2, 1, NULL, 0);
	peal_args_init(&null, "null", 4, 1, NULL, 0);
	peal_args_init(&binary, "[{\"_placeholder\":true,\"num\":0}]", 31, 1, bytes, 1);
	const struct peal_args *answers[] = { &number, NULL, &null, &binary };
	struct peal_message message =
		MESSAGE(.type = PEAL_MESSAGE_ANSWERS, .to = "abcdef", .request_id = "r",
			.answers = answers, .answer_count = 4, .number = 3, .last = true,
			.counted = true, .count = 9);
	const struct peal_message *received = pass(&message);
	ck_assert_str_eq(channel_name.bytes, "P-response#/#abcdef#");
	ck_assert_str_eq(received->uid, UID);
	ck_assert_uint_eq(received->number, 3);
	ck_assert(received->last && received->counted);
	ck_assert_uint_eq(received->count, 9);
	ck_assert_uint_eq(received->answer_count, 4);
	assert_text(received->answers[0], "42");
	ck_assert_ptr_null(received->answers[1]);
	assert_text(received->answers[2], "null");
	assert_text(received->answers[3], "[{\"_placeholder\":true,\"num\":0}]");
	ck_assert_uint_eq(received->answers[3]->attachment_count, 1);
	ck_assert_uint_eq(received->answers[3]->attachments[0].length, 3);

	message.answer_count = 0;
	message.counted = message.last = false;
	received = pass(&message);
	ck_assert_uint_eq(received->answer_count, 0);
	ck_assert(!received->counted && !received->last);
}
END_TEST

START_TEST(each_of_many_acknowledgements_can_be_parsed_by_its_receiver)
{
	enum { MANY = 3000 };
	static struct peal_args args[MANY];
	static const struct peal_args *answers[MANY];
	static char texts[MANY][16];
	for (int i = 0; i < MANY; i++) {
		snprintf(texts[i], sizeof(texts[i]), "\"%d\"", i);
		peal_args_init(&args[i], texts[i], strlen(texts[i]), 1, NULL, 0);
		answers[i] = &args[i];
	}
	const struct peal_message *received =
		pass(&MESSAGE(.type = PEAL_MESSAGE_ANSWERS, .to = "abcdef", .request_id = "r",
			      .answers = answers, .answer_count = MANY));
	ck_assert_uint_eq(received->answer_count, MANY);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(atoi(peal_args_string(received->answers[i], 0)), i);
}
END_TEST

START_TEST(fetched_sockets_come_in_parts_to_those_who_know_parts)
{
	const char *const rooms[] = { "id1", "room" };
	const struct peal_socket_info sockets[] = {
		{ .id = "id1", .rooms = rooms, .room_count = 2, .data = "{\"n\":1}" },
		{ .id = "id2", .rooms = rooms, .room_count = 0, .handshake = "{\"a\":[]}" }
	};
	struct peal_message message =
		MESSAGE(.type = PEAL_MESSAGE_FETCHED, .request_id = "r", .to = "abcdef",
			.sockets = sockets, .socket_count = 2, .last = true);
	assert_json(
		&message, "P-response#/#abcdef#",
		"{\"requestId\":\"r\",\"uid\":\"Jgdw79\",\"sockets\":["
		"{\"id\":\"id1\",\"handshake\":{},\"rooms\":[\"id1\",\"room\"],\"data\":{\"n\":1}},"
		"{\"id\":\"id2\",\"handshake\":{\"a\":[]},\"rooms\":[],\"data\":{}}]}");
	message.number = 2;
	message.last = false;
	const struct peal_message *received = pass(&message);
	ck_assert_uint_eq(received->number, 2);
	ck_assert(!received->last);
	ck_assert_uint_eq(received->socket_count, 2);
	ck_assert_str_eq(received->sockets[0].rooms[1], "room");
	ck_assert_str_eq(received->sockets[0].data, "{\"n\":1}");
	ck_assert_str_eq(received->sockets[1].data, "{}");
	ck_assert_str_eq(received->sockets[1].handshake, "{\"a\":[]}");
}
END_TEST

START_TEST(data_that_is_too_deep_for_json_goes_as_messagepack)
{
	char data[2 * PEAL_LIMIT_JSON_DEPTH];
	size_t depth = PEAL_LIMIT_JSON_DEPTH - 1;
	memset(data, '[', depth);
	memset(data + depth, ']', depth);
	data[2 * depth] = '\0';
	const struct peal_socket_info socket = { .id = "id", .data = data, .handshake = "{}" };
	const struct peal_message *received =
		pass(&MESSAGE(.type = PEAL_MESSAGE_FETCHED, .request_id = "r", .last = true,
			      .sockets = &socket, .socket_count = 1));
	ck_assert_str_eq(received->sockets[0].data, data);
}
END_TEST

START_TEST(events_for_servers_with_binary_go_as_messagepack)
{
	struct peal_bytes bytes[] = { { "\xff", 1 } };
	struct peal_args args;
	peal_args_init(&args, "1,{\"_placeholder\":true,\"num\":0}", 31, 2, bytes, 1);
	const struct peal_message *received =
		pass(&MESSAGE(.type = PEAL_MESSAGE_SERVER_EMIT, .event = "e", .event_length = 1,
			      .args = &args));
	ck_assert_int_ne(payload.bytes[0], '{');
	ck_assert_uint_eq(received->args->count, 2);
	ck_assert_uint_eq(received->args->attachment_count, 1);

	struct peal_args answer;
	peal_args_init(&answer, "{\"_placeholder\":true,\"num\":0}", 29, 1, bytes, 1);
	const struct peal_args *answers[] = { &answer };
	received = pass(&MESSAGE(.type = PEAL_MESSAGE_SERVER_ANSWER, .request_id = "r",
				 .answers = answers, .answer_count = 1));
	ck_assert_uint_eq(received->answers[0]->attachment_count, 1);
}
END_TEST

START_TEST(announcements_are_kept_as_text)
{
	static const char text[] = "{\"uid\":\"Jgdw79\",\"name\":\"n1\",\"x\":[1, 2]}";
	struct peal_message message = MESSAGE(.type = PEAL_MESSAGE_ANNOUNCE, .text = text,
					      .text_length = sizeof(text) - 1);
	message.ns = "";
	const struct peal_message *received = pass(&message);
	ck_assert_str_eq(channel_name.bytes, "P-peal#");
	ck_assert_str_eq(received->text, text);
	ck_assert_uint_eq(received->text_length, sizeof(text) - 1);
	ck_assert_str_eq(received->uid, UID);
	ck_assert(peal_codec_is_from(PEAL_CHANNEL_PEAL, payload.bytes, payload.length, UID, 6));
	ck_assert(
		!peal_codec_is_from(PEAL_CHANNEL_PEAL, payload.bytes, payload.length, "Jgdw7", 5));
	ck_assert_int_eq(error_of("P-peal#", "[]"), PEAL_CODEC_E_MALFORMED);
	ck_assert_int_eq(error_of("P-peal#", "{\"uid\":"), PEAL_CODEC_E_MALFORMED);
}
END_TEST

START_TEST(own_messages_are_known_by_their_head)
{
	struct peal_message broadcast = MESSAGE(.type = PEAL_MESSAGE_BROADCAST, .event = "e",
						.event_length = 1),
			    join = MESSAGE(.type = PEAL_MESSAGE_JOIN),
			    ask = MESSAGE(.type = PEAL_MESSAGE_ASK, .request_id = "r", .event = "e",
					  .event_length = 1);
	encode(&broadcast);
	ck_assert(
		peal_codec_is_from(PEAL_CHANNEL_BROADCAST, payload.bytes, payload.length, UID, 6));
	for (size_t i = 0; i < 8; i++)
		ck_assert(!peal_codec_is_from(PEAL_CHANNEL_BROADCAST, payload.bytes, i, UID, 6));
	encode(&join);
	ck_assert(peal_codec_is_from(PEAL_CHANNEL_REQUEST, payload.bytes, payload.length, UID, 6));
	for (size_t i = 0; i < 15; i++)
		ck_assert(!peal_codec_is_from(PEAL_CHANNEL_REQUEST, payload.bytes, i, UID, 6));
	encode(&ask);
	ck_assert(peal_codec_is_from(PEAL_CHANNEL_REQUEST, payload.bytes, payload.length, UID, 6));
}
END_TEST

/* --- old forms --- */

START_TEST(requests_of_old_servers_are_understood)
{
	const struct peal_message *message = decode_text(
		REQUEST, "{\"uid\":\"a\",\"requestId\":\"r\",\"type\":0,\"rooms\":[\"x\",5]}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_SOCKET_IDS);
	ck_assert_str_eq(message->target.rooms.names[1], "5");
	message =
		decode_text(REQUEST, "{\"uid\":\"a\",\"requestId\":\"r\",\"type\":2,\"sid\":\"s\","
				     "\"room\":\"x\"}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_JOIN);
	ck_assert(message->old);
	ck_assert_str_eq(message->target.rooms.names[0], "s");
	ck_assert_str_eq(message->rooms.names[0], "x");
	message =
		decode_text(REQUEST, "{\"uid\":\"a\",\"requestId\":\"r\",\"type\":3,\"sid\":\"s\","
				     "\"room\":7}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_LEAVE);
	ck_assert_str_eq(message->rooms.names[0], "7");
	message =
		decode_text(REQUEST, "{\"uid\":\"a\",\"requestId\":\"r\",\"type\":4,\"sid\":\"s\","
				     "\"close\":true}");
	ck_assert_int_eq(message->type, PEAL_MESSAGE_DISCONNECT);
	ck_assert(message->old && message->close);

	assert_json(&MESSAGE(.type = PEAL_MESSAGE_SOCKET_IDS_LISTED, .request_id = "r",
			     .rooms = PEAL_ROOMS("s1", "s2")),
		    RESPONSE,
		    "{\"requestId\":\"r\",\"uid\":\"Jgdw79\",\"sockets\":[\"s1\",\"s2\"]}");
	message = decode_text(RESPONSE, payload.bytes);
	ck_assert_int_eq(message->type, PEAL_MESSAGE_SOCKET_IDS_LISTED);
	ck_assert_uint_eq(message->rooms.count, 2);
}
END_TEST

START_TEST(a_server_with_very_many_rooms_can_list_them)
{
	enum { MANY = PEAL_LIMIT_CLUSTER_ROOMS + 1 };
	static const char *names[MANY];
	for (size_t i = 0; i < MANY; i++)
		names[i] = "room";
	const struct peal_message *received =
		pass(&MESSAGE(.type = PEAL_MESSAGE_ROOMS_LISTED, .request_id = "r",
			      .rooms = PEAL_ROOM_LIST(names, MANY)));
	ck_assert_uint_eq(received->rooms.count, MANY);
}
END_TEST

UNIT_MAIN_WITH("codec_messages", before, after, a_server_with_very_many_rooms_can_list_them,
	       channels_are_taken_apart, a_namespace_that_is_known_may_hold_the_separator,
	       foreign_channels_are_none_of_ours,
	       one_room_has_a_channel_unless_the_broadcast_is_wide,
	       answers_go_to_who_asked_and_tell_who_answers,
	       a_peal_node_that_asks_marks_its_questions,
	       joins_that_want_a_confirmation_carry_an_id_beside_the_options,
	       joined_acknowledgements_keep_what_was_missing,
	       each_of_many_acknowledgements_can_be_parsed_by_its_receiver,
	       fetched_sockets_come_in_parts_to_those_who_know_parts,
	       data_that_is_too_deep_for_json_goes_as_messagepack,
	       events_for_servers_with_binary_go_as_messagepack, announcements_are_kept_as_text,
	       own_messages_are_known_by_their_head, requests_of_old_servers_are_understood)
