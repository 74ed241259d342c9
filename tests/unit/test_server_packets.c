/* Units put together to packets, and every input that a client may not send (client-wire.md §3.3).
 */
#include "tests/support/server_world.h"
#include "tests/unit/unit.h"

#include "server/server_private.h"

static void listen(struct peal_namespace *ns)
{
	ck_assert_int_eq(peal_on_any(ns, note_event, NULL), 0);
	ck_assert_int_eq(peal_on_error(ns, note_error, NULL), 0);
	ck_assert_int_eq(peal_on_disconnect(ns, note_disconnect, NULL), 0);
}

/* Outcomes of one unit on a session that has joined "/". */
static void closes(const char *text, const char *record)
{
	struct peal_session *session = open_session();
	struct peal_socket *socket = join(session, "/");
	uint64_t invalid = world.stats.packets_invalid;
	peal_socket_ref(socket);
	clear_record();
	fake_session_say(session, text);
	ck_assert_msg(session->state == FAKE_CLOSED, "%s", text);
	ck_assert_msg(!session->discarded, "%s", text);
	settle();
	ck_heard(session, "");
	ck_assert_msg(!strcmp(world.record, record), "%s: %s", text, world.record);
	ck_assert(!peal_socket_connected(socket));
	ck_assert_uint_eq(world.stats.packets_invalid, invalid + 1);
	peal_socket_unref(socket);
	clear_record();
}

START_TEST(an_undecodable_packet_tells_the_error_and_closes_with_forced_close)
{
	begin();
	listen(peal_io(world.node));
#define INVALID "socket error invalid payload;socket disconnect forced close;"
#define ILLEGAL "socket error illegal attachments;socket disconnect forced close;"
#define UNKNOWN "socket error unknown packet type;socket disconnect forced close;"
	closes("4", UNKNOWN);
	closes("4abc", UNKNOWN);
	closes("47", UNKNOWN);
	closes("42{}", INVALID);
	closes("42[]", INVALID);
	closes("42", INVALID);
	closes("42null", INVALID);
	closes("42[\"a\"", INVALID);
	closes("42[{}]", INVALID);
	closes("42abc[\"a\"]", INVALID);
	closes("42-1[\"a\"]", INVALID);
	closes("421.5[\"a\"]", INVALID);
	closes("42[\"connect\"]", INVALID);
	closes("42[\"connect_error\"]", INVALID);
	closes("42[\"disconnect\"]", INVALID);
	closes("42[\"disconnecting\"]", INVALID);
	closes("42[\"newListener\"]", INVALID);
	closes("42[\"removeListener\"]", INVALID);
	closes("42[\"a\\u0000b\"]", INVALID);
	closes("41{}", INVALID);
	closes("431{}", INVALID);
	closes("40[]", INVALID);
	closes("40null", INVALID);
	closes("40\"a\"", INVALID);
	closes("45[\"a\"]", ILLEGAL);
	closes("450-[\"a\"]", ILLEGAL);
	closes("451[\"a\"]", ILLEGAL);
	closes("451-[\"a\",{\"_placeholder\":true,\"num\":1}]", ILLEGAL);
	closes("451-[\"a\",{\"_placeholder\":true,\"num\":\"0\"}]", ILLEGAL);
	closes("4511-[\"a\"]", "socket error too many attachments;socket disconnect forced close;");
	closes("42/a\x01,[\"a\"]",
	       "socket error invalid namespace;socket disconnect forced close;");
	end();
}
END_TEST

START_TEST(a_packet_that_is_illegal_in_its_state_closes_without_error)
{
	begin();
	listen(peal_io(world.node));
#define FORCED "socket disconnect forced close;"
	closes("40", FORCED);
	closes("44{}", FORCED);
	closes("44\"x\"", FORCED);
	closes("42/other,[\"a\"]", FORCED);
	closes("43/other,1[]", FORCED);
	closes("41/other,", FORCED);
	end();
}
END_TEST

START_TEST(should_close_the_connection_when_receiving_an_event_packet_while_not_connected)
{
	static const char *const packets[] = { "42[\"x\"]", "41", "431[]", "44{}",
					       "4abc",	    "4",  "43",	   "42/x,[1]" };
	begin();
	for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
		struct peal_session *session = open_session();
		fake_session_say(session, packets[i]);
		ck_assert_int_eq(session->state, FAKE_CLOSED);
		ck_assert(!session->discarded);
		ck_heard(session, "");
	}
	end();
}
END_TEST

START_TEST(a_close_that_has_to_wait_is_forced_server_close_at_once)
{
	begin();
	listen(peal_io(world.node));
	ck_assert_ptr_nonnull(peal_of(world.node, "/custom"));
	listen(peal_of(world.node, "/custom"));
	struct peal_session *session = open_session();
	join(session, "/");
	join(session, "/custom");
	session->cannot_close = true;
	fake_session_say(session, "44{}");
	settle();
	ck_recorded("socket disconnect forced server close;socket disconnect forced server close;");
	ck_assert_int_eq(session->state, FAKE_CLOSING);
	fake_session_close(session, "forced close", NULL);
	settle();
	ck_recorded("");
	end();
}
END_TEST

START_TEST(an_undecodable_packet_is_forced_close_even_if_the_close_has_to_wait)
{
	begin();
	listen(peal_io(world.node));
	listen(peal_of(world.node, "/custom"));
	struct peal_session *session = open_session();
	join(session, "/");
	join(session, "/custom");
	session->cannot_close = true;
	fake_session_say(session, "4abc");
	settle();
	ck_recorded("socket error unknown packet type;socket error unknown packet type;");
	/* Nothing that follows is looked at. */
	fake_session_say(session, "42[\"x\"]");
	fake_session_close(session, "forced close", NULL);
	settle();
	ck_recorded("socket disconnect forced close;socket disconnect forced close;");
	end();
}
END_TEST

START_TEST(should_not_crash_when_receiving_an_error_packet_without_handler)
{
	begin();
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "44\"error\"");
	settle();
	ck_assert_int_eq(session->state, FAKE_CLOSED);
	end();
}
END_TEST

START_TEST(other_sessions_are_not_affected)
{
	begin();
	struct peal_socket *other = new_socket();
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "4abc");
	settle();
	ck_assert(peal_socket_connected(other));
	peal_emit(peal_io(world.node), PEAL_ALL, "on");
	ck_received(other, "42[\"on\"]|");
	end();
}
END_TEST

START_TEST(a_disconnect_of_one_namespace_leaves_the_others)
{
	begin();
	listen(peal_of(world.node, "/custom"));
	struct peal_session *session = open_session();
	struct peal_socket *main = join(session, "/");
	join(session, "/custom");
	fake_session_say(session, "41/custom,");
	ck_recorded("socket disconnect client namespace disconnect;");
	ck_heard(session, "");
	ck_assert(peal_socket_connected(main));
	/* It may come back. */
	join(session, "/custom");
	end();
}
END_TEST

/* --- binary ------------------------------------------------------------------------------------
 */

START_TEST(should_receive_events_with_binary_data)
{
	begin();
	listen(peal_io(world.node));
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "452-[\"a\",{\"_placeholder\":true,\"num\":1},[{\"_placeholder\":"
				  "true,\"num\":0}]]");
	ck_recorded("");
	fake_session_say_bytes(session, "\x01\x02", 2);
	ck_recorded("");
	fake_session_say_bytes(session, "", 0);
	ck_recorded("a[{\"_placeholder\":true,\"num\":1},[{\"_placeholder\":true,\"num\":0}]"
		    "<0102><>];");
	/* An attachment may be unused, and the packet is for a namespace. */
	listen(peal_of(world.node, "/custom"));
	join(session, "/custom");
	fake_session_say(session, "451-/custom,7[\"b\"]");
	fake_session_say_bytes(session, "\xff", 1);
	ck_recorded("b[<ff>]?;");
	end();
}
END_TEST

START_TEST(placeholders_inside_a_plain_event_are_ordinary_objects)
{
	begin();
	listen(peal_io(world.node));
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "42[\"a\",{\"_placeholder\":true,\"num\":5}]");
	ck_recorded("a[{\"_placeholder\":true,\"num\":5}];");
	end();
}
END_TEST

START_TEST(text_while_attachments_are_awaited_closes)
{
	begin();
	listen(peal_io(world.node));
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "452-[\"a\"]");
	fake_session_say_bytes(session, "x", 1);
	fake_session_say(session, "42[\"b\"]");
	settle();
	ck_recorded("socket error got plaintext data when reconstructing a packet;"
		    "socket disconnect forced close;");
	end();
}
END_TEST

START_TEST(should_error_with_raw_binary)
{
	begin();
	listen(peal_io(world.node));
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say_bytes(session, "x", 1);
	settle();
	ck_recorded("socket error got binary data when not reconstructing a packet;"
		    "socket disconnect forced close;");
	/* Before joining, too. */
	session = open_session();
	fake_session_say_bytes(session, "x", 1);
	ck_assert_int_eq(session->state, FAKE_CLOSED);
	end();
}
END_TEST

START_TEST(a_session_that_closes_amid_a_binary_packet_leaves_nothing)
{
	begin();
	listen(peal_io(world.node));
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "453-[\"a\"]");
	fake_session_say_bytes(session, "abc", 3);
	fake_session_close(session, "transport close", NULL);
	settle();
	ck_recorded("socket disconnect transport close;");
	end();
}
END_TEST

START_TEST(a_binary_packet_for_a_namespace_that_was_left_meanwhile_closes)
{
	begin();
	listen(peal_io(world.node));
	struct peal_session *session = open_session();
	struct peal_socket *socket = join(session, "/");
	fake_session_say(session, "451-[\"a\"]");
	peal_socket_disconnect(socket, false);
	fake_session_say_bytes(session, "x", 1);
	settle();
	ck_recorded("socket disconnect server namespace disconnect;");
	ck_assert_int_eq(session->state, FAKE_CLOSED);
	end();
}
END_TEST

START_TEST(random_units_close_at_most_their_own_session)
{
	static const char *const parts[] = {
		"4",	     "0", "1",	  "2",
		"3",	     "5", "6",	  "1-",
		"/a,",	     "/", "[",	  "]",
		"\"a\"",     ",", "{}",	  "null",
		"\"num\"",   ":", "true", "{",
		"}",	     "7", "\\",	  "\x80",
		"[\"x\",1]", "-", "\"",	  "{\"_placeholder\":true,\"num\":0}"
	};
	char text[256];
	begin();
	srandom(1);
	listen(peal_io(world.node));
	ck_assert_ptr_nonnull(peal_of(world.node, "/a"));
	struct peal_socket *neighbour = new_socket();
	struct peal_session *session = open_session();
	for (int round = 0; round < 20000; round++) {
		if (session->state != FAKE_OPEN) {
			settle();
			session = open_session();
			fake_session_say(session, "40");
		}
		if (random() % 8 == 0) {
			fake_session_say_bytes(session, "bytes", (size_t)(random() % 6));
			continue;
		}
		strcpy(text, "4");
		for (long count = random() % 8; count > 0; count--)
			strcat(text, parts[(size_t)random() % (sizeof(parts) / sizeof(*parts))]);
		/* Text that is not UTF-8 never leaves the engine. */
		if (!strchr(text, '\x80'))
			fake_session_say(session, text);
		clear_record();
	}
	ck_assert(peal_socket_connected(neighbour));
	end();
}
END_TEST

UNIT_MAIN("server_packets", an_undecodable_packet_tells_the_error_and_closes_with_forced_close,
	  a_packet_that_is_illegal_in_its_state_closes_without_error,
	  should_close_the_connection_when_receiving_an_event_packet_while_not_connected,
	  a_close_that_has_to_wait_is_forced_server_close_at_once,
	  an_undecodable_packet_is_forced_close_even_if_the_close_has_to_wait,
	  should_not_crash_when_receiving_an_error_packet_without_handler,
	  other_sessions_are_not_affected, a_disconnect_of_one_namespace_leaves_the_others,
	  should_receive_events_with_binary_data,
	  placeholders_inside_a_plain_event_are_ordinary_objects,
	  text_while_attachments_are_awaited_closes, should_error_with_raw_binary,
	  a_session_that_closes_amid_a_binary_packet_leaves_nothing,
	  a_binary_packet_for_a_namespace_that_was_left_meanwhile_closes,
	  random_units_close_at_most_their_own_session)
