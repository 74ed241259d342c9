/* What is tolerated of others, what is refused, and that nothing malformed is sent. */
#include "tests/unit/codec_case.h"
#include "tests/unit/unit.h"

#include <errno.h>

/* --- what is tolerated --- */

START_TEST(options_may_be_missing_and_keys_in_any_order)
{
	const struct peal_message *message;
	size_t length;
	/* [nil, {x, data, type}, {}], and a fourth element */
	char *bytes = hex_bytes("94c083a178c0a46461746191a165a4747970650280a0", &length);
	ck_assert_int_eq(decode("P#/#", bytes, length, &message), 0);
	ck_assert_str_eq(message->uid, "");
	ck_assert_str_eq(message->event, "e");
	ck_assert(!message->target.rooms.given);
	ck_assert_uint_eq(message->target.flags, 0);
	/* A missing namespace is the main one. */
	ck_assert_int_eq(decode("P#/a#", bytes, length, &message), PEAL_CODEC_E_IGNORED);
	free(bytes);
	message =
		decode_text(REQUEST, "{\"rooms\":[\"a\"],\"more\":{\"x\":[1]},\"opts\":{\"except\":"
				     "null,\"rooms\":[1.5,-3,12345678901]},\"type\":2.0}");
	ck_assert_uint_eq(message->target.rooms.count, 3);
	ck_assert_str_eq(message->target.rooms.names[0], "1.5");
	ck_assert_str_eq(message->target.rooms.names[1], "-3");
	ck_assert_str_eq(message->target.rooms.names[2], "12345678901");
}
END_TEST

START_TEST(the_last_of_equal_keys_wins)
{
	const struct peal_message *message;
	size_t length;
	char *bytes = hex_bytes("93a161"
				"82a46461746193a165c40101c40102"
				"a46461746192a16607"
				"80",
				&length);
	ck_assert_int_eq(decode("P#/#", bytes, length, &message), 0);
	ck_assert_str_eq(message->event, "f");
	assert_text(message->args, "7");
	ck_assert_uint_eq(message->args->attachment_count, 0);
	free(bytes);
}
END_TEST

START_TEST(rooms_that_cannot_exist_here_select_nobody)
{
	const struct peal_message *message = decode_text(
		REQUEST, "{\"requestId\":\"r\",\"type\":5,\"opts\":{\"rooms\":[null,{\"a\":[]}]}}");
	/* It is answered, with nothing, and never becomes everyone. */
	ck_assert_uint_eq(message->target.rooms.count, 1);
	ck_assert_uint_eq(message->target.except.count, 1);
	ck_assert_str_eq(message->target.rooms.names[0], message->target.except.names[0]);
	message = decode_text(REQUEST, "{\"requestId\":\"r\",\"type\":5,\"opts\":{\"rooms\":[\"a\","
				       "\"b\\u0000\",true],\"except\":[false]}}");
	ck_assert_uint_eq(message->target.rooms.count, 1);
	ck_assert_str_eq(message->target.rooms.names[0], "a");
	ck_assert_uint_eq(message->target.except.count, 0);
}
END_TEST

START_TEST(text_that_is_not_utf_8_is_repaired)
{
	const struct peal_message *message =
		decode_text(REQUEST, "{\"type\":6,\"data\":[\"e\xff\",\"a\xc3\"]}");
	ck_assert_str_eq(message->event, "e\357\277\275");
	assert_text(message->args, "\"a\357\277\275\"");
}
END_TEST

START_TEST(awkward_timeouts_are_no_timeout)
{
	static const struct {
		const char *text;
		unsigned timeout_ms;
	} cases[] = { { "-5", 0 },  { "null", 0 },	{ "\"5\"", 0 }, { "1e300", 2147483647 },
		      { "1.9", 1 }, { "4999.5", 4999 }, { "0", 0 } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[256];
		snprintf(text, sizeof(text),
			 "{\"requestId\":\"r\",\"type\":7,\"packet\":{\"data\":[\"e\"]},\"opts\":{"
			 "\"flags\":{\"timeout\":%s}}}",
			 cases[i].text);
		ck_assert_uint_eq(decode_text(REQUEST, text)->timeout_ms, cases[i].timeout_ms);
	}
}
END_TEST

START_TEST(a_map_that_looks_like_an_attachment_is_disarmed_beside_real_ones)
{
	const struct peal_message *message;
	size_t length;
	char *bytes = hex_bytes("93a16181a46461746193a165"
				"82ac5f706c616365686f6c646572c3a36e756d00"
				"c40101"
				"80",
				&length);
	ck_assert_int_eq(decode("P#/#", bytes, length, &message), 0);
	assert_text(message->args, "{\"_placeholder\": null,\"num\":0},{\"_placeholder\":true,"
				   "\"num\":0}");
	free(bytes);
	bytes = hex_bytes("93a16181a46461746192a165"
			  "82ac5f706c616365686f6c646572c3a36e756d00"
			  "80",
			  &length);
	ck_assert_int_eq(decode("P#/#", bytes, length, &message), 0);
	assert_text(message->args, "{\"_placeholder\": true,\"num\":0}");
	ck_assert_uint_eq(message->args->attachment_count, 0);
	free(bytes);
}
END_TEST

/* --- what is not --- */

START_TEST(malformed_broadcasts_are_refused)
{
	static const char *const cases[] = {
		"",
		"c0",
		"7b7d", /* JSON is never looked for here */
		"90",
		"92a16181a46461746191a165",
		"93a161c080",		  /* no packet */
		"93a1618080",		  /* no data */
		"93a16181a464617461c080", /* data that is no array */
		"93a16181a46461746190"
		"80",					      /* without an event */
		"93a16181a46461746191c080",		      /* an event that is no text */
		"93a16181a46461746191a16590",		      /* options that are no map */
		"93a16181a46461746191a16581a5726f6f6d73a161", /* rooms that are no list */
		"93a16182a46461746191a165a4747970650380",     /* another type of packet */
		"93a16181a46461746191a1658000",		      /* something behind it */
		"93a16181a46461746191a3610062"
		"80", /* U+0000 in the event */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_msg(error_of_hex("P#/#", cases[i]) == PEAL_CODEC_E_MALFORMED, "%s",
			      cases[i]);
}
END_TEST

START_TEST(malformed_requests_and_answers_are_refused)
{
	static const char *const requests[] = {
		"",
		"{",
		"[]",
		"{\"type\":2,\"opts\":[],\"rooms\":[]}",
		"{\"type\":2,\"opts\":{},\"rooms\":\"a\"}",
		"{\"type\":6,\"data\":{}}",
		"{\"type\":6,\"data\":[]}",
		"{\"type\":1,\"requestId\":\"a\"}x",
		" {\"type\":1,\"requestId\":\"a\"}",
	};
	static const char *const answers[] = {
		"{\"type\":8,\"requestId\":\"r\"}",
		"{\"type\":8,\"requestId\":\"r\",\"clientCount\":-1}",
		"{\"type\":8,\"requestId\":\"r\",\"clientCount\":4294967296}",
		"{\"type\":8,\"requestId\":\"r\",\"clientCount\":\"1\"}",
		"{\"requestId\":\"r\",\"sockets\":{}}",
		"{\"requestId\":\"r\",\"sockets\":[5]}",
		"{\"requestId\":\"r\",\"sockets\":[{\"data\":{}}]}",
		"{\"requestId\":\"r\",\"rooms\":\"a\"}",
		"{\"type\":20,\"uid\":\"a\",\"requestId\":\"r\",\"packets\":5}",
	};
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		ck_assert_msg(error_of(REQUEST, requests[i]) == PEAL_CODEC_E_MALFORMED, "%s",
			      requests[i]);
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		ck_assert_msg(error_of(RESPONSE, answers[i]) == PEAL_CODEC_E_MALFORMED, "%s",
			      answers[i]);
}
END_TEST

START_TEST(what_concerns_nobody_here_is_ignored)
{
	static const char other_namespace[] = "{\"type\":7,\"requestId\":\"r\",\"packet\":{"
					      "\"data\":[\"e\"],\"nsp\":\"/x\"},\"opts\":{}}";
	static const char *const requests[] = {
		"{}",
		"{\"type\":10,\"requestId\":\"r\"}",
		"{\"type\":\"2\"}",
		"{\"type\":0}",
		"{\"type\":1,\"requestId\":\"\"}",
		"{\"type\":2}",
		"{\"type\":2,\"opts\":{}}",
		"{\"type\":2,\"sid\":\"s\"}",
		"{\"type\":4}",
		"{\"type\":5,\"opts\":{}}",
		"{\"type\":5,\"requestId\":\"r\"}",
		"{\"type\":6}",
		"{\"type\":7,\"requestId\":\"r\",\"opts\":{}}",
		other_namespace,
	};
	static const char *const answers[] = {
		"{}",
		"{\"type\":8,\"clientCount\":1}",
		"{\"type\":3,\"requestId\":\"r\"}",
		"{\"type\":20,\"requestId\":\"r\",\"packets\":[]}",
		"{\"type\":20,\"requestId\":\"r\",\"uid\":\"a\"}",
	};
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		ck_assert_msg(error_of(REQUEST, requests[i]) == PEAL_CODEC_E_IGNORED, "%s",
			      requests[i]);
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		ck_assert_msg(error_of(RESPONSE, answers[i]) == PEAL_CODEC_E_IGNORED, "%s",
			      answers[i]);
}
END_TEST

static void assert_refused(const struct peal_message *message)
{
	ck_assert_int_eq(peal_codec_encode(message, "P", UID, &channel_name, &payload),
			 PEAL_EMIT_E_INVALID);
}

START_TEST(nothing_malformed_is_published)
{
	struct peal_args two;
	peal_args_init(&two, "1,2", 3, 2, NULL, 0);
	const struct peal_args *answers[] = { &two };
	const char *const missing[] = { NULL };
	struct peal_message good = MESSAGE(.type = PEAL_MESSAGE_BROADCAST, .event = "e",
					   .event_length = 1),
			    message = good;
	encode(&message);
	message.target.rooms = (struct peal_rooms){ missing, 0, true };
	assert_refused(&message); /* an empty list is not everyone */
	message.target.rooms = (struct peal_rooms){ missing, 1, true };
	assert_refused(&message);
	message.target.rooms = PEAL_ROOMS("a\xff");
	assert_refused(&message);
	message = good;
	message.target.except = PEAL_ROOMS("\xc3");
	assert_refused(&message);
	message = good;
	message.target.flags = PEAL_LOCAL;
	assert_refused(&message);
	message = good;
	message.event = "a\xff";
	message.event_length = 2;
	assert_refused(&message);
	message = good;
	message.ns = "admin";
	assert_refused(&message);
	message = good;
	message.type = PEAL_MESSAGE_ASK; /* without a request id */
	assert_refused(&message);
	message.type = PEAL_MESSAGE_SOCKET_IDS; /* received only */
	message.request_id = "r";
	assert_refused(&message);
	assert_refused(&MESSAGE(.type = PEAL_MESSAGE_ANSWER, .request_id = "r", .answers = answers,
				.answer_count = 1));
	assert_refused(&MESSAGE(.type = PEAL_MESSAGE_ANSWER, .request_id = "r"));
	assert_refused(&MESSAGE(.type = PEAL_MESSAGE_ANSWERS, .request_id = "r"));
	assert_refused(&MESSAGE(.type = PEAL_MESSAGE_ANNOUNCE, .text = "[]", .text_length = 2));
	assert_refused(&MESSAGE(.type = PEAL_MESSAGE_TYPES));
	ck_assert_int_eq(peal_codec_encode(&MESSAGE(.type = PEAL_MESSAGE_ROOMS, .request_id = "r"),
					   "P", "emitter", &channel_name, &payload),
			 PEAL_EMIT_E_INVALID);
}
END_TEST

START_TEST(json_that_is_broken_is_never_published)
{
	const struct peal_socket_info broken[] = { { .id = "a", .data = "{\"a\":" },
						   { .id = "a", .data = "}," },
						   { .id = "a", .handshake = "x" } };
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
		assert_refused(&MESSAGE(.type = PEAL_MESSAGE_FETCHED, .request_id = "r",
					.sockets = &broken[i], .socket_count = 1));
}
END_TEST

START_TEST(names_of_fetched_sockets_that_are_not_utf8_are_never_published)
{
	const char *rooms[] = { "r", "\xff" };
	const struct peal_socket_info broken[] = { { .id = "a\xc3" },
						   { .id = "a", .rooms = rooms, .room_count = 2 } };
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
		assert_refused(&MESSAGE(.type = PEAL_MESSAGE_FETCHED, .request_id = "r",
					.sockets = &broken[i], .socket_count = 1));
}
END_TEST

START_TEST(what_is_larger_than_a_message_may_be_is_refused)
{
	struct peal_buffer small = PEAL_BUFFER(64);
	struct peal_args args;
	char text[130];
	memset(text, 'a', sizeof(text));
	text[0] = text[sizeof(text) - 1] = '"';
	peal_args_init(&args, text, sizeof(text), 1, NULL, 0);
	struct peal_message message = MESSAGE(.type = PEAL_MESSAGE_BROADCAST, .event = "e",
					      .event_length = 1, .args = &args);
	ck_assert_int_eq(peal_codec_encode(&message, "P", UID, &channel_name, &small), -EMSGSIZE);
	peal_buffer_deinit(&small);
}
END_TEST

UNIT_MAIN_WITH("codec_refusals", before, after, options_may_be_missing_and_keys_in_any_order,
	       the_last_of_equal_keys_wins, rooms_that_cannot_exist_here_select_nobody,
	       text_that_is_not_utf_8_is_repaired, awkward_timeouts_are_no_timeout,
	       a_map_that_looks_like_an_attachment_is_disarmed_beside_real_ones,
	       malformed_broadcasts_are_refused, malformed_requests_and_answers_are_refused,
	       what_concerns_nobody_here_is_ignored, nothing_malformed_is_published,
	       json_that_is_broken_is_never_published,
	       names_of_fetched_sockets_that_are_not_utf8_are_never_published,
	       what_is_larger_than_a_message_may_be_is_refused)
