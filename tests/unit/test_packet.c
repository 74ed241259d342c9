/* Names that the parsers of the reference test under are kept where a test says the same. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "protocol/args.h"
#include "protocol/json.h"
#include "protocol/packet.h"
#include "protocol/text.h"

/* --- Engine.IO -------------------------------------------------------------------------- */

static void assert_engine_packet(const char *text, enum peal_engine_packet_type type, bool base64,
				 const char *data)
{
	struct peal_engine_packet packet;
	ck_assert(peal_engine_packet_decode(text, strlen(text), &packet));
	ck_assert_int_eq(packet.type, type);
	ck_assert(packet.base64 == base64);
	ck_assert_uint_eq(packet.length, strlen(data));
	ck_assert_mem_eq(packet.data, data, strlen(data) + 1);
}

START_TEST(engine_should_decode_a_string)
{
	assert_engine_packet("4test", PEAL_ENGINE_MESSAGE, false, "test");
	assert_engine_packet("4", PEAL_ENGINE_MESSAGE, false, "");
	assert_engine_packet("4\xe2\x82\xac", PEAL_ENGINE_MESSAGE, false, "\xe2\x82\xac");
}
END_TEST

START_TEST(engine_should_decode_all_packet_types)
{
	assert_engine_packet("0{\"sid\":1}", PEAL_ENGINE_OPEN, false, "{\"sid\":1}");
	assert_engine_packet("1", PEAL_ENGINE_CLOSE, false, "");
	assert_engine_packet("2probe", PEAL_ENGINE_PING, false, "probe");
	assert_engine_packet("3probe", PEAL_ENGINE_PONG, false, "probe");
	assert_engine_packet("5", PEAL_ENGINE_UPGRADE, false, "");
	assert_engine_packet("6", PEAL_ENGINE_NOOP, false, "");
}
END_TEST

START_TEST(engine_should_encode_and_decode_a_buffer_as_base64)
{
	char text[1 + PEAL_BASE64_LENGTH(4)], bytes[8];
	struct peal_engine_packet packet;
	text[0] = 'b';
	peal_base64_encode("\x01\x02\x03\x04", 4, text + 1);
	ck_assert_mem_eq(text, "bAQIDBA==", 9);
	ck_assert(peal_engine_packet_decode(text, sizeof(text), &packet));
	ck_assert_int_eq(packet.type, PEAL_ENGINE_MESSAGE);
	ck_assert(packet.base64);
	ck_assert_uint_eq(peal_base64_decode(packet.data, packet.length, bytes), 4);
	ck_assert_mem_eq(bytes, "\x01\x02\x03\x04", 4);
	assert_engine_packet("b", PEAL_ENGINE_MESSAGE, true, "");
}
END_TEST

START_TEST(engine_should_fail_to_decode_a_malformed_packet)
{
	static const char *const malformed[] = {
		"7", "a123", "B", " 4", "\x1e", "-1", "{}", "\xff"
	};
	struct peal_engine_packet packet;
	ck_assert(!peal_engine_packet_decode("", 0, &packet));
	ck_assert(!peal_engine_packet_decode("\0", 1, &packet));
	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
		ck_assert(!peal_engine_packet_decode(malformed[i], strlen(malformed[i]), &packet));
}
END_TEST

static void assert_payload(const char *payload, size_t length, const char *const *units,
			   size_t count)
{
	size_t offset = 0, unit_length;
	const char *unit;
	char *exact = malloc(length ? length : 1);
	memcpy(exact, payload, length);
	for (size_t i = 0; i < count; i++) {
		ck_assert(peal_payload_next(exact, length, &offset, &unit, &unit_length));
		ck_assert_uint_eq(unit_length, strlen(units[i]));
		ck_assert_int_eq(memcmp(unit, units[i], unit_length), 0);
	}
	ck_assert(!peal_payload_next(exact, length, &offset, &unit, &unit_length));
	ck_assert(!peal_payload_next(exact, length, &offset, &unit, &unit_length));
	free(exact);
}

#define assert_units(payload, ...)                                                         \
	assert_payload(payload, sizeof(payload) - 1, (const char *const[]){ __VA_ARGS__ }, \
		       sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

START_TEST(engine_should_decode_a_string_and_buffer_payload)
{
	assert_units("4test\x1e"
		     "bAQIDBA==",
		     "4test", "bAQIDBA==");
	assert_units("4", "4");
	assert_units("0{\"a\":1}\x1e"
		     "1\x1e"
		     "2probe\x1e"
		     "4\xe2\x82\xac\x1e"
		     "6",
		     "0{\"a\":1}", "1", "2probe", "4\xe2\x82\xac", "6");
}
END_TEST

START_TEST(engine_should_fail_to_decode_a_malformed_payload)
{
	struct peal_engine_packet packet;
	size_t offset = 0, length;
	const char *unit;
	/* An empty body or element is a unit, which is no packet. */
	assert_units("", "");
	assert_units("\x1e", "", "");
	assert_units("4a\x1e", "4a", "");
	assert_units("\x1e"
		     "4a",
		     "", "4a");
	assert_units("4a\x1e\x1e"
		     "4b",
		     "4a", "", "4b");
	ck_assert(peal_payload_next("{", 1, &offset, &unit, &length));
	ck_assert(!peal_engine_packet_decode(unit, length, &packet));
	offset = 0;
	ck_assert(peal_payload_next(NULL, 0, &offset, &unit, &length));
	ck_assert_uint_eq(length, 0);
}
END_TEST

/* --- Socket.IO -------------------------------------------------------------------------- */

static enum peal_packet_error decode(const char *text, size_t length, struct peal_packet *packet)
{
	/* Exactly as large, and kept for a while: the packet borrows. */
	static char *kept[256];
	static size_t next;
	char *exact = malloc(length ? length : 1);
	memcpy(exact, text, length);
	free(kept[next % 256]);
	kept[next++ % 256] = exact;
	memset(packet, 0x5a, sizeof(*packet));
	return peal_packet_decode(exact, length, packet);
}

static struct peal_packet decoded(const char *text)
{
	struct peal_packet packet;
	enum peal_packet_error error = decode(text, strlen(text), &packet);
	ck_assert_msg(error == PEAL_PACKET_OK, "%s: %d", text, error);
	return packet;
}

static void assert_error(const char *text, enum peal_packet_error expected)
{
	struct peal_packet packet;
	enum peal_packet_error error = decode(text, strlen(text), &packet);
	ck_assert_msg(error == expected, "%s: %d", text, error);
}

static void assert_slice(const char *slice, size_t length, const char *expected)
{
	ck_assert_uint_eq(length, strlen(expected));
	ck_assert_int_eq(memcmp(slice, expected, length), 0);
}

static void assert_event(const char *text, const char *nsp, uint64_t id, const char *event,
			 const char *args, size_t count)
{
	struct peal_packet packet = decoded(text);
	assert_slice(packet.namespace_name, packet.namespace_length, nsp);
	ck_assert_uint_eq(packet.id, id);
	assert_slice(packet.event, packet.event_length, event);
	ck_assert(packet.event_is_string == (*event == '"'));
	assert_slice(packet.args, packet.args_length, args);
	ck_assert_uint_eq(packet.args_count, count);
}

/* Encode as the server does, compare with the wire, and decode that again. */
static struct peal_packet assert_encodes(enum peal_packet_type type, unsigned attachments,
					 const char *nsp, uint64_t id, const char *json,
					 const char *expected)
{
	struct peal_buffer out = PEAL_BUFFER(10000);
	peal_packet_append_head(&out, type, attachments, nsp, strlen(nsp), id);
	peal_buffer_append_text(&out, json);
	ck_assert_str_eq(out.bytes, expected);
	struct peal_packet packet = decoded(out.bytes + 1);
	ck_assert_int_eq(packet.type, type);
	ck_assert_uint_eq(packet.attachments, attachments);
	ck_assert_uint_eq(packet.id, id);
	assert_slice(packet.namespace_name, packet.namespace_length, nsp);
	if (*json)
		assert_slice(packet.data, packet.data_length, json);
	else
		ck_assert_ptr_null(packet.data);
	peal_buffer_deinit(&out);
	return packet;
}

START_TEST(encodes_connection)
{
	assert_encodes(PEAL_PACKET_CONNECT, 0, "/woot", PEAL_PACKET_NO_ID, "{\"token\":\"123\"}",
		       "40/woot,{\"token\":\"123\"}");
	assert_encodes(PEAL_PACKET_CONNECT, 0, "/", PEAL_PACKET_NO_ID, "{\"sid\":\"abc\"}",
		       "40{\"sid\":\"abc\"}");
	assert_encodes(PEAL_PACKET_CONNECT, 0, "/", PEAL_PACKET_NO_ID, "", "40");
}
END_TEST

START_TEST(encodes_disconnection)
{
	assert_encodes(PEAL_PACKET_DISCONNECT, 0, "/woot", PEAL_PACKET_NO_ID, "", "41/woot,");
	assert_encodes(PEAL_PACKET_DISCONNECT, 0, "/", PEAL_PACKET_NO_ID, "", "41");
}
END_TEST

START_TEST(encodes_an_event)
{
	assert_encodes(PEAL_PACKET_EVENT, 0, "/", PEAL_PACKET_NO_ID, "[\"a\",1,{}]",
		       "42[\"a\",1,{}]");
}
END_TEST

START_TEST(encodes_an_event_with_an_integer_as_event_name)
{
	struct peal_packet packet = assert_encodes(PEAL_PACKET_EVENT, 0, "/", PEAL_PACKET_NO_ID,
						   "[1,\"a\",{}]", "42[1,\"a\",{}]");
	ck_assert(!packet.event_is_string);
	assert_slice(packet.event, packet.event_length, "1");
}
END_TEST

START_TEST(encodes_an_event_with_ack)
{
	assert_encodes(PEAL_PACKET_EVENT, 0, "/test", 1, "[\"a\",1,{}]", "42/test,1[\"a\",1,{}]");
	assert_encodes(PEAL_PACKET_EVENT, 0, "/", 0, "[\"a\"]", "420[\"a\"]");
}
END_TEST

START_TEST(encodes_an_ack)
{
	struct peal_packet packet =
		assert_encodes(PEAL_PACKET_ACK, 0, "/", 123, "[\"a\",1,{}]", "43123[\"a\",1,{}]");
	assert_slice(packet.args, packet.args_length, "\"a\",1,{}");
	ck_assert_uint_eq(packet.args_count, 3);
	assert_encodes(PEAL_PACKET_ACK, 0, "/", 9007199254740991, "[]", "439007199254740991[]");
}
END_TEST

START_TEST(encodes_a_connect_error)
{
	assert_encodes(PEAL_PACKET_CONNECT_ERROR, 0, "/", PEAL_PACKET_NO_ID, "\"Unauthorized\"",
		       "44\"Unauthorized\"");
}
END_TEST

START_TEST(encodes_a_connect_error_with_object)
{
	assert_encodes(PEAL_PACKET_CONNECT_ERROR, 0, "/random", PEAL_PACKET_NO_ID,
		       "{\"message\":\"Invalid namespace\"}",
		       "44/random,{\"message\":\"Invalid namespace\"}");
}
END_TEST

/* An event with C values as arguments, as the server builds it. */
static struct peal_packet assert_binary(enum peal_packet_type type, const char *nsp, uint64_t id,
					const char *event, struct peal_values values,
					const char *expected)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args args;
	char json[500];
	ck_assert_int_eq(peal_args_encode(&args, values, attachments), 0);
	snprintf(json, sizeof(json), "[%s%.*s]", event, (int)args.length, args.text);
	struct peal_packet packet =
		assert_encodes(type, (unsigned)args.attachment_count, nsp, id, json, expected);
	peal_args_deinit(&args);
	return packet;
}

START_TEST(encodes_a_buffer)
{
	struct peal_packet packet = assert_binary(
		PEAL_PACKET_BINARY_EVENT, "/cool", 23, "\"a\",", PEAL_VALUES(PEAL_BYTES("abc", 3)),
		"451-/cool,23[\"a\",{\"_placeholder\":true,\"num\":0}]");
	ck_assert_uint_eq(packet.args_count, 1);
}
END_TEST

START_TEST(encodes_several_buffers_among_other_values)
{
	assert_binary(PEAL_PACKET_BINARY_EVENT, "/", PEAL_PACKET_NO_ID, "\"message-with-ack\",",
		      PEAL_VALUES(PEAL_BYTES("\x01\x02\x03", 3), "x", PEAL_BYTES("\x04", 1)),
		      "452-[\"message-with-ack\",{\"_placeholder\":true,\"num\":0},\"x\","
		      "{\"_placeholder\":true,\"num\":1}]");
}
END_TEST

START_TEST(decodes_a_nested_buffer)
{
	struct peal_packet packet = decoded("52-/"
					    "deep,[\"a\",{\"b\":[{\"_placeholder\":true,\"num\":1},"
					    "{\"_placeholder\":true,\"num\":0}]}]");
	ck_assert_int_eq(packet.type, PEAL_PACKET_BINARY_EVENT);
	ck_assert_uint_eq(packet.attachments, 2);
	ck_assert_uint_eq(packet.args_count, 1);
}
END_TEST

START_TEST(encodes_a_binary_ack_with_buffer)
{
	struct peal_packet packet = assert_binary(
		PEAL_PACKET_BINARY_ACK, "/back", 127, "", PEAL_VALUES("a", PEAL_BYTES("xxx", 3)),
		"461-/back,127[\"a\",{\"_placeholder\":true,\"num\":0}]");
	ck_assert_uint_eq(packet.args_count, 2);
	assert_binary(
		PEAL_PACKET_BINARY_ACK, "/", 789, "",
		PEAL_VALUES(PEAL_BYTES("1", 1), PEAL_BYTES("2", 1)),
		"462-789[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
}
END_TEST

START_TEST(an_attachment_with_an_invalid_num_attribute_is_an_error_if_it_is_a_string)
{
	assert_error("51-[\"hello\",{\"_placeholder\":true,\"num\":\"splice\"}]",
		     PEAL_PACKET_E_ATTACHMENTS);
}
END_TEST

START_TEST(an_attachment_with_an_invalid_num_attribute_is_an_error_if_it_is_out_of_bound)
{
	assert_error("51-[\"hello\",{\"_placeholder\":true,\"num\":1}]", PEAL_PACKET_E_ATTACHMENTS);
	assert_error("51-[\"hello\",{\"_placeholder\":true,\"num\":-1}]",
		     PEAL_PACKET_E_ATTACHMENTS);
	assert_error("61-1[{\"a\":[{\"_placeholder\":true,\"num\":1}]}]",
		     PEAL_PACKET_E_ATTACHMENTS);
	assert_error("51-[\"hello\",{\"_placeholder\":true}]", PEAL_PACKET_E_ATTACHMENTS);
}
END_TEST

START_TEST(a_binary_event_without_attachments_is_an_error)
{
	assert_error("50-[\"hello\"]", PEAL_PACKET_E_ATTACHMENTS);
	assert_error("50-[\"hello\",{\"_placeholder\":true,\"num\":0}]", PEAL_PACKET_E_ATTACHMENTS);
}
END_TEST

START_TEST(decodes_a_bad_binary_packet)
{
	assert_error("5", PEAL_PACKET_E_ATTACHMENTS);
	assert_error("5-", PEAL_PACKET_E_ATTACHMENTS);
	assert_error("5[\"a\"]", PEAL_PACKET_E_ATTACHMENTS);
	assert_error("51", PEAL_PACKET_E_ATTACHMENTS);
	assert_error("51[\"a\"]", PEAL_PACKET_E_ATTACHMENTS);
	assert_error("5a-[\"a\"]", PEAL_PACKET_E_ATTACHMENTS);
	assert_error("5-1-[\"a\"]", PEAL_PACKET_E_ATTACHMENTS);
	assert_error("6\0"
		     "1-[]",
		     PEAL_PACKET_E_ATTACHMENTS);
	/* digits only, unlike the reference */
	assert_error("51.0-[\"a\"]", PEAL_PACKET_E_ATTACHMENTS);
	assert_error("51e0-[\"a\"]", PEAL_PACKET_E_ATTACHMENTS);
	assert_error("50x1-[\"a\"]", PEAL_PACKET_E_ATTACHMENTS);
	assert_error("5 1-[\"a\"]", PEAL_PACKET_E_ATTACHMENTS);
	assert_error("51-", PEAL_PACKET_E_PAYLOAD);
}
END_TEST

START_TEST(too_many_attachments_are_an_error)
{
	ck_assert_uint_eq(decoded("510-[\"a\"]").attachments, 10);
	assert_error("511-[\"a\"]", PEAL_PACKET_E_TOO_MANY_ATTACHMENTS);
	assert_error("599999999999999999999999999999-[\"a\"]", PEAL_PACKET_E_TOO_MANY_ATTACHMENTS);
	assert_error("54294967297-[\"a\"]", PEAL_PACKET_E_TOO_MANY_ATTACHMENTS);
}
END_TEST

START_TEST(throws_an_error_upon_parsing_error)
{
	static const char *const invalid[] = { "442[\"some\",\"data\"",
					       "0/admin,\"invalid\"",
					       "0[]",
					       "0null",
					       "1/admin,{}",
					       "1[]",
					       "2/admin,\"invalid",
					       "2/admin,{}",
					       "2[{\"toString\":\"foo\"}]",
					       "2[true]",
					       "2[null]",
					       "2[[]]",
					       "2[\"connect\"]",
					       "2[\"disconnect\",\"123\"]",
					       "2[]",
					       "2{}",
					       "2",
					       "2/admin,",
					       "2null",
					       "2\"a\"",
					       "3{}",
					       "31{}",
					       "3null",
					       "4",
					       "4[]",
					       "4null",
					       "41",
					       "2abc[\"a\"]",
					       "2-1[\"a\"]",
					       "21.5[\"a\"]",
					       "2[\"a\"]x",
					       "2[\"a\"",
					       "2[\"\xff\"]",
					       "2[\"a\",]" };
	for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++)
		assert_error(invalid[i], PEAL_PACKET_E_PAYLOAD);
	assert_error("999", PEAL_PACKET_E_TYPE);
	assert_error("7", PEAL_PACKET_E_TYPE);
	assert_error("abc", PEAL_PACKET_E_TYPE);
	assert_error("", PEAL_PACKET_E_TYPE);
	assert_error(" 2[\"a\"]", PEAL_PACKET_E_TYPE);
}
END_TEST

START_TEST(should_resume_decoding_after_an_error)
{
	/* No state is kept between units, so there is nothing to destroy. */
	assert_error("51-[\"hello\"", PEAL_PACKET_E_PAYLOAD);
	assert_event("2[\"hello\"]", "/", PEAL_PACKET_NO_ID, "\"hello\"", "", 0);
}
END_TEST

START_TEST(a_failed_decoding_leaves_the_result_untouched)
{
	struct peal_packet packet, before;
	memset(&before, 0x5a, sizeof(before));
	ck_assert_int_eq(decode("2/admin,{}", 10, &packet), PEAL_PACKET_E_PAYLOAD);
	ck_assert_mem_eq(&packet, &before, sizeof(packet));
}
END_TEST

START_TEST(should_ensure_that_a_packet_is_valid)
{
	/* CONNECT: an object or nothing */
	ck_assert_ptr_null(decoded("0").data);
	ck_assert_ptr_nonnull(decoded("0{}").data);
	ck_assert_ptr_nonnull(decoded("0/nsp,{\"a\":1}").data);
	assert_error("0\"a\"", PEAL_PACKET_E_PAYLOAD);
	assert_error("0true", PEAL_PACKET_E_PAYLOAD);
	/* DISCONNECT: nothing */
	ck_assert_ptr_null(decoded("1").data);
	/* CONNECT_ERROR: text or an object */
	ck_assert_ptr_nonnull(decoded("4{}").data);
	ck_assert_ptr_nonnull(decoded("4\"x\"").data);
	assert_error("4null", PEAL_PACKET_E_PAYLOAD);
	/* EVENT: a name first */
	ck_assert_ptr_nonnull(decoded("2[\"\"]").event);
	ck_assert_ptr_nonnull(decoded("2[-1.5e3]").event);
	/* ACK: an array, or nothing, which is an empty one */
	ck_assert_uint_eq(decoded("31[]").args_count, 0);
	struct peal_packet packet = decoded("31");
	ck_assert_uint_eq(packet.id, 1);
	ck_assert_uint_eq(packet.args_count, 0);
	ck_assert_uint_eq(packet.args_length, 0);
	ck_assert_ptr_nonnull(packet.args);
}
END_TEST

START_TEST(an_event_is_split_into_name_and_arguments)
{
	assert_event("2[\"a\"]", "/", PEAL_PACKET_NO_ID, "\"a\"", "", 0);
	assert_event("2[\"a\",1]", "/", PEAL_PACKET_NO_ID, "\"a\"", "1", 1);
	assert_event("2456[\"message-with-ack\",1,\"2\",{\"3\":[false]}]", "/", 456,
		     "\"message-with-ack\"", "1,\"2\",{\"3\":[false]}", 3);
	assert_event("2/nsp,0[\"a,b\",[1,2]]", "/nsp", 0, "\"a,b\"", "[1,2]", 1);
	assert_event("2[1,2]", "/", PEAL_PACKET_NO_ID, "1", "2", 1);
	assert_event("2[\"a\\\"]\",\"]\"]", "/", PEAL_PACKET_NO_ID, "\"a\\\"]\"", "\"]\"", 1);
}
END_TEST

START_TEST(white_space_of_json_is_not_passed_on)
{
	assert_event("2 [ \"a\" , 1 , { } ] ", "/", PEAL_PACKET_NO_ID, "\"a\"", "1 , { }", 2);
	assert_event("21\n[\t\"a\"\r]", "/", 1, "\"a\"", "", 0);
	struct peal_packet packet = decoded("31 [ ] ");
	ck_assert_uint_eq(packet.args_length, 0);
	ck_assert_uint_eq(packet.args_count, 0);
}
END_TEST

START_TEST(the_namespace_runs_to_the_comma_or_the_end)
{
	struct peal_packet packet = decoded("0/admin");
	assert_slice(packet.namespace_name, packet.namespace_length, "/admin");
	packet = decoded("0/admin,");
	assert_slice(packet.namespace_name, packet.namespace_length, "/admin");
	packet = decoded("0/custom?x=1,{}");
	assert_slice(packet.namespace_name, packet.namespace_length, "/custom?x=1");
	packet = decoded("0/");
	assert_slice(packet.namespace_name, packet.namespace_length, "/");
	packet = decoded("0/,");
	assert_slice(packet.namespace_name, packet.namespace_length, "/");
	packet = decoded("0/caf\xc3\xa9,");
	assert_slice(packet.namespace_name, packet.namespace_length, "/caf\xc3\xa9");
	/* without a comma all of it is the name, and an event without payload is left */
	assert_error("2/admin[\"a\"]", PEAL_PACKET_E_PAYLOAD);
}
END_TEST

START_TEST(a_namespace_that_is_too_long_or_holds_control_characters_is_an_error)
{
	char text[PEAL_LIMIT_NAME_BYTES + 10];
	struct peal_packet packet;
	memset(text, 'n', sizeof(text));
	memcpy(text, "0/", 2);
	ck_assert_int_eq(decode(text, 1 + PEAL_LIMIT_NAME_BYTES, &packet), PEAL_PACKET_OK);
	ck_assert_uint_eq(packet.namespace_length, PEAL_LIMIT_NAME_BYTES);
	ck_assert_int_eq(decode(text, 2 + PEAL_LIMIT_NAME_BYTES, &packet), PEAL_PACKET_E_NAMESPACE);
	assert_error("0/a\nb,", PEAL_PACKET_E_NAMESPACE);
	assert_error("0/a\x7f", PEAL_PACKET_E_NAMESPACE);
	assert_error("0/a\xff", PEAL_PACKET_E_NAMESPACE);
	ck_assert_int_eq(decode("0/a\0b,", 6, &packet), PEAL_PACKET_E_NAMESPACE);
}
END_TEST

START_TEST(an_id_is_digits_up_to_2_to_the_53)
{
	assert_event("2007[\"a\"]", "/", 7, "\"a\"", "", 0);
	assert_event("29007199254740991[\"a\"]", "/", 9007199254740991, "\"a\"", "", 0);
	assert_error("29007199254740992[\"a\"]", PEAL_PACKET_E_ID);
	assert_error("299999999999999999999999999999[\"a\"]", PEAL_PACKET_E_ID);
	assert_error("318446744073709551616[]", PEAL_PACKET_E_ID);
	ck_assert_uint_eq(decoded("3[]").id, PEAL_PACKET_NO_ID);
}
END_TEST

START_TEST(reserved_event_names_are_refused_however_they_are_spelled)
{
	static const char *const reserved[] = {
		"connect",	 "connect_error", "disconnect",
		"disconnecting", "newListener",	  "removeListener"
	};
	char text[60];
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++) {
		ck_assert(peal_event_reserved(reserved[i], strlen(reserved[i])));
		snprintf(text, sizeof(text), "2[\"%s\"]", reserved[i]);
		assert_error(text, PEAL_PACKET_E_PAYLOAD);
		snprintf(text, sizeof(text), "2[\"\\u00%02x%s\"]", (unsigned)reserved[i][0],
			 reserved[i] + 1);
		assert_error(text, PEAL_PACKET_E_PAYLOAD);
	}
	assert_error("51-[\"connect\"]", PEAL_PACKET_E_PAYLOAD);
}
END_TEST

START_TEST(names_that_only_look_reserved_are_ordinary)
{
	static const char *const ordinary[] = { "connection",	"error",    "message", "__proto__",
						"constructor",	"Connect",  "connec",  "connect ",
						"reconnecting", "toString", "" };
	char text[60];
	for (size_t i = 0; i < sizeof(ordinary) / sizeof(*ordinary); i++) {
		ck_assert(!peal_event_reserved(ordinary[i], strlen(ordinary[i])));
		snprintf(text, sizeof(text), "2[\"%s\"]", ordinary[i]);
		ck_assert(decoded(text).event_is_string);
	}
}
END_TEST

START_TEST(an_event_name_over_the_ceiling_or_with_a_nul_is_an_error)
{
	char text[7 * PEAL_LIMIT_NAME_BYTES + 20];
	struct peal_packet packet;
	assert_error("2[\"a\\u0000b\"]", PEAL_PACKET_E_PAYLOAD);
	for (size_t over = 0; over < 2; over++) {
		enum peal_packet_error expected = over ? PEAL_PACKET_E_PAYLOAD : PEAL_PACKET_OK;
		size_t name = PEAL_LIMIT_NAME_BYTES + over, length = 0;
		/* plain, escaped (six characters for one byte each), and as a number */
		length = (size_t)snprintf(text, sizeof(text), "2[\"%0*d\"]", (int)name, 7);
		ck_assert_int_eq(decode(text, length, &packet), expected);
		length = (size_t)snprintf(text, sizeof(text), "2[\"");
		for (size_t i = 0; i < name; i++)
			length += (size_t)snprintf(text + length, sizeof(text) - length, "\\u0061");
		length += (size_t)snprintf(text + length, sizeof(text) - length, "\"]");
		ck_assert_int_eq(decode(text, length, &packet), expected);
		length = (size_t)snprintf(text, sizeof(text), "2[1%0*d]", (int)name - 1, 7);
		ck_assert_int_eq(decode(text, length, &packet), expected);
	}
}
END_TEST

START_TEST(placeholders_in_a_plain_event_or_ack_are_ordinary_objects)
{
	assert_event("2[\"a\",{\"_placeholder\":true,\"num\":5}]", "/", PEAL_PACKET_NO_ID, "\"a\"",
		     "{\"_placeholder\":true,\"num\":5}", 1);
	ck_assert_uint_eq(decoded("31[{\"_placeholder\":true,\"num\":\"x\"}]").args_count, 1);
	ck_assert_uint_eq(decoded("0{\"_placeholder\":true}").attachments, 0);
}
END_TEST

START_TEST(attachments_may_be_used_in_any_order_twice_or_not_at_all)
{
	ck_assert_uint_eq(decoded("52-[\"a\"]").attachments, 2);
	decoded("52-[\"a\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":1}]");
	decoded("61-[{\"num\":0.0,\"_placeholder\":true}]");
	decoded("51-[\"a\",{\"_placeholder\":\"true\",\"num\":7}]");
}
END_TEST

START_TEST(every_error_has_the_message_of_the_reference)
{
	ck_assert_ptr_null(peal_packet_strerror(PEAL_PACKET_OK));
	ck_assert_str_eq(peal_packet_strerror(PEAL_PACKET_E_TYPE), "unknown packet type");
	ck_assert_str_eq(peal_packet_strerror(PEAL_PACKET_E_ATTACHMENTS), "illegal attachments");
	ck_assert_str_eq(peal_packet_strerror(PEAL_PACKET_E_TOO_MANY_ATTACHMENTS),
			 "too many attachments");
	ck_assert_str_eq(peal_packet_strerror(PEAL_PACKET_E_ID), "invalid payload");
	ck_assert_str_eq(peal_packet_strerror(PEAL_PACKET_E_PAYLOAD), "invalid payload");
	ck_assert_str_eq(peal_packet_strerror(PEAL_PACKET_E_NAMESPACE), "invalid namespace");
}
END_TEST

UNIT_MAIN("packet", engine_should_decode_a_string, engine_should_decode_all_packet_types,
	  engine_should_encode_and_decode_a_buffer_as_base64,
	  engine_should_fail_to_decode_a_malformed_packet,
	  engine_should_decode_a_string_and_buffer_payload,
	  engine_should_fail_to_decode_a_malformed_payload, encodes_connection,
	  encodes_disconnection, encodes_an_event, encodes_an_event_with_an_integer_as_event_name,
	  encodes_an_event_with_ack, encodes_an_ack, encodes_a_connect_error,
	  encodes_a_connect_error_with_object, encodes_a_buffer,
	  encodes_several_buffers_among_other_values, decodes_a_nested_buffer,
	  encodes_a_binary_ack_with_buffer,
	  an_attachment_with_an_invalid_num_attribute_is_an_error_if_it_is_a_string,
	  an_attachment_with_an_invalid_num_attribute_is_an_error_if_it_is_out_of_bound,
	  a_binary_event_without_attachments_is_an_error, decodes_a_bad_binary_packet,
	  too_many_attachments_are_an_error, throws_an_error_upon_parsing_error,
	  should_resume_decoding_after_an_error, a_failed_decoding_leaves_the_result_untouched,
	  should_ensure_that_a_packet_is_valid, an_event_is_split_into_name_and_arguments,
	  white_space_of_json_is_not_passed_on, the_namespace_runs_to_the_comma_or_the_end,
	  a_namespace_that_is_too_long_or_holds_control_characters_is_an_error,
	  an_id_is_digits_up_to_2_to_the_53,
	  reserved_event_names_are_refused_however_they_are_spelled,
	  names_that_only_look_reserved_are_ordinary,
	  an_event_name_over_the_ceiling_or_with_a_nul_is_an_error,
	  placeholders_in_a_plain_event_or_ack_are_ordinary_objects,
	  attachments_may_be_used_in_any_order_twice_or_not_at_all,
	  every_error_has_the_message_of_the_reference)
