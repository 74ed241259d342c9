/* Events from clients, catch-all listeners, packet middlewares, acknowledging; handler lists. */
#include "tests/support/server_world.h"
#include "tests/unit/unit.h"

#include <errno.h>

#include "server/server_private.h"

static struct peal_namespace *io;

START_TEST(should_receive_events_in_arrival_order)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on(io, "a", note_event, "1"), 0);
	ck_assert_int_eq(peal_on(io, "a", note_event, "2"), 0);
	ck_assert_int_eq(peal_on(io, "b", note_event, "3"), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "42[\"a\",1,\"2\",[3]]");
	fake_session_say(session, "42[\"b\"]");
	fake_session_say(session, "42[\"c\"]");
	fake_session_say(session, "4212[\"a\",null]");
	ck_recorded("1 a[1,\"2\",[3]];2 a[1,\"2\",[3]];3 b[];1 a[null]?;2 a[null]?;");
	ck_assert_uint_eq(world.stats.packets_received, 5);
	end();
}
END_TEST

START_TEST(a_number_as_event_name_is_its_text)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on(io, "1", note_event, NULL), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "42[1,2]");
	fake_session_say(session, "42[\"1\",3]");
	ck_recorded("1[2];1[3];");
	end();
}
END_TEST

START_TEST(names_are_decoded_and_ordinary_ones_of_javascript_are_ordinary)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on(io, "\xc3\xa9\n", note_event, NULL), 0);
	ck_assert_int_eq(peal_on(io, "connection", note_event, NULL), 0);
	ck_assert_int_eq(peal_on(io, "__proto__", note_event, NULL), 0);
	ck_assert_int_eq(peal_on(io, "", note_event, NULL), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "42[\"\\u00e9\\n\"]");
	fake_session_say(session, "42[\"connection\",1]");
	fake_session_say(session, "42[\"__proto__\"]");
	fake_session_say(session, "42[\"\"]");
	ck_recorded("\xc3\xa9\n[];connection[1];__proto__[];[];");
	end();
}
END_TEST

START_TEST(handlers_for_reserved_or_invalid_names_are_refused)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on(io, "disconnect", note_event, NULL), PEAL_EMIT_E_RESERVED);
	ck_assert_int_eq(peal_on(io, "\xff", note_event, NULL), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_on(io, NULL, note_event, NULL), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_on(NULL, "a", note_event, NULL), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_off(io, "a", note_event, NULL), -ENOENT);
	end();
}
END_TEST

static void relay(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	(void)userdata;
	peal_socket_broadcast_args(socket, PEAL_ALL, event->name, event->args);
}

START_TEST(relayed_events_are_sent_as_they_came)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on_any(io, relay, NULL), 0);
	struct peal_socket *a = new_socket(), *b = new_socket();
	struct peal_session *session = peal_socket_session(a);
	fake_session_say(session, "42[\"m\" , 1.50 ,\"\\u00e9\", {\"a\" : 1}]");
	ck_received(b, "42[\"m\",1.50 ,\"\\u00e9\", {\"a\" : 1}]|");
	fake_session_say(session, "451-[\"m\",{\"_placeholder\":true,\"num\":0}]");
	fake_session_say_bytes(session, "\x01\xff", 2);
	ck_received(b, "451-[\"m\",{\"_placeholder\":true,\"num\":0}]|<01ff>|");
	end();
}
END_TEST

/* --- catch-all and middlewares -----------------------------------------------------------------
 */

START_TEST(on_any_should_call_prepend_and_remove_listener)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on_any(io, note_event, "any"), 0);
	ck_assert_int_eq(peal_on(io, "a", note_event, "on"), 0);
	ck_assert_int_eq(peal_prepend_any(io, note_event, "first"), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "42[\"a\"]");
	ck_recorded("first a[];any a[];on a[];");
	ck_assert_int_eq(peal_off_any(io, note_event, "first"), 0);
	ck_assert_int_eq(peal_off_any(io, note_event, "first"), -ENOENT);
	ck_assert_int_eq(peal_off(io, "a", note_event, "on"), 0);
	fake_session_say(session, "42[\"a\"]");
	ck_recorded("any a[];");
	end();
}
END_TEST

static const char *let_pass(struct peal_socket *socket, const struct peal_event *event,
			    void *userdata)
{
	(void)socket;
	note("middleware %s;", event->name);
	return strcmp(event->name, "bad") ? NULL : userdata;
}

START_TEST(packet_middlewares_should_call_functions_and_pass_errors)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on_any(io, note_event, "any"), 0);
	ck_assert_int_eq(peal_use_packet(io, let_pass, "not allowed"), 0);
	ck_assert_int_eq(peal_use_packet(io, let_pass, "never"), 0);
	ck_assert_int_eq(peal_on_error(io, note_error, NULL), 0);
	ck_assert_int_eq(peal_on(io, "good", note_event, "on"), 0);
	ck_assert_int_eq(peal_on(io, "bad", note_event, "on"), 0);
	struct peal_session *session = open_session();
	struct peal_socket *socket = join(session, "/");
	fake_session_say(session, "42[\"good\"]");
	ck_recorded("any good[];middleware good;middleware good;on good[];");
	fake_session_say(session, "42[\"bad\"]");
	ck_recorded("any bad[];middleware bad;socket error not allowed;");
	ck_assert(peal_socket_connected(socket));
	end();
}
END_TEST

static void kick(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	(void)event;
	(void)userdata;
	note("kick;");
	peal_socket_disconnect(socket, true);
}

START_TEST(an_event_is_dropped_when_a_listener_disconnects_the_socket)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on_any(io, kick, NULL), 0);
	ck_assert_int_eq(peal_on(io, "a", note_event, NULL), 0);
	ck_assert_int_eq(peal_on_disconnect(io, note_disconnect, NULL), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "42[\"a\"]");
	settle();
	ck_recorded("kick;socket disconnect server namespace disconnect;");
	end();
}
END_TEST

/* --- changing lists while they run -------------------------------------------------------------
 */

static void change(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	note_event(socket, event, userdata);
	ck_assert_int_eq(peal_off(io, "a", change, userdata), 0);
	ck_assert_int_eq(peal_off(io, "a", note_event, "next"), 0);
	ck_assert_int_eq(peal_on(io, "a", note_event, "new"), 0);
}

START_TEST(handlers_may_be_removed_and_added_while_they_run)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on(io, "a", note_event, "before"), 0);
	ck_assert_int_eq(peal_on(io, "a", change, "change"), 0);
	ck_assert_int_eq(peal_on(io, "a", note_event, "next"), 0);
	ck_assert_int_eq(peal_on(io, "a", note_event, "last"), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "42[\"a\"]");
	ck_recorded("before a[];change a[];last a[];");
	fake_session_say(session, "42[\"a\"]");
	ck_recorded("before a[];last a[];new a[];");
	end();
}
END_TEST

static void nothing(void)
{
}

static void prepend_to_child(struct peal_socket *socket, const struct peal_event *event,
			     void *userdata)
{
	(void)userdata;
	note("parent %s;", event->name);
	ck_assert_int_eq(peal_prepend_any(peal_socket_namespace(socket), note_event, "in front"),
			 0);
}

START_TEST(a_listener_that_is_prepended_to_a_child_from_its_parent_hears_the_next_event)
{
	begin();
	struct peal_namespace *parent = peal_of_pattern(world.node, "^/d");
	ck_assert_int_eq(peal_on_any(parent, prepend_to_child, NULL), 0);
	ck_assert_int_eq(peal_on_any(peal_of(world.node, "/d"), note_event, "child"), 0);
	struct peal_session *session = open_session();
	join(session, "/d");
	fake_session_say(session, "42/d,[\"x\"]");
	ck_recorded("parent x;child x[];");
	fake_session_say(session, "42/d,[\"y\"]");
	ck_recorded("parent y;in front y[];child y[];");
	end();
}
END_TEST

START_TEST(a_list_of_handlers_survives_random_changes_during_walks)
{
	static char names[64];
	struct peal_handlers list = { 0 };
	bool there[64] = { false };
	srandom(3);
	for (int round = 0; round < 3000; round++) {
		struct peal_walk walk;
		struct peal_handler *handler;
		size_t expected = 0, seen = 0;
		for (size_t i = 0; i < 64; i++)
			expected += there[i];
		bool quiet = round % 3 == 0;
		peal_walk_begin(&walk, NULL, &list);
		while ((handler = peal_walk_next(&walk))) {
			ck_assert(there[(char *)handler->userdata - names]);
			seen++;
			size_t at = (size_t)random() % 64;
			if (quiet)
				continue;
			if (there[at])
				ck_assert_int_eq(peal_handlers_remove(&list, nothing, &names[at]),
						 0);
			else
				ck_assert_int_eq(
					peal_handlers_add(&list, nothing, &names[at], random() % 2),
					0);
			there[at] = !there[at];
			if (random() % 16 == 0) {
				peal_walk_end(&walk);
				break;
			}
		}
		if (quiet)
			ck_assert_uint_eq(seen, expected);
		size_t at = (size_t)random() % 64;
		if (!there[at]) {
			ck_assert_int_eq(peal_handlers_add(&list, nothing, &names[at], false), 0);
			there[at] = true;
		}
		ck_assert_uint_eq(list.walks, 0);
	}
	peal_handlers_deinit(&list);
}
END_TEST

/* --- acknowledging -----------------------------------------------------------------------------
 */

static struct peal_responder *responder;
static int code, second_code;

static void reply_same(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	(void)socket;
	(void)userdata;
	code = peal_reply_args(event, event->args);
	second_code = peal_reply(event, "again");
}

START_TEST(should_receive_events_with_args_and_callback)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on(io, "a", reply_same, NULL), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "42456[\"a\",1,\"2\",{\"3\":[false]}]");
	ck_heard(session, "43456[1,\"2\",{\"3\":[false]}]|");
	ck_assert_int_eq(code, 0);
	ck_assert_int_eq(second_code, PEAL_EMIT_E_INVALID);
	fake_session_say(session, "42[\"a\"]");
	ck_heard(session, "");
	ck_assert_int_eq(code, PEAL_EMIT_E_INVALID);
	/* Binary goes back as binary. */
	fake_session_say(session,
			 "452-789[\"a\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":"
			 "true,\"num\":1}]");
	fake_session_say_bytes(session, "\x01", 1);
	fake_session_say_bytes(session, "\x02", 1);
	ck_heard(session, "462-789[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,"
			  "\"num\":1}]|<01>|<02>|");
	ck_assert_ptr_nonnull(peal_of(world.node, "/n"));
	ck_assert_int_eq(peal_on(peal_of(world.node, "/n"), "a", reply_same, NULL), 0);
	join(session, "/n");
	fake_session_say(session, "42/n,0[\"a\"]");
	ck_heard(session, "43/n,0[]|");
	end();
}
END_TEST

static void reply_bad_then_good(struct peal_socket *socket, const struct peal_event *event,
				void *userdata)
{
	(void)socket;
	(void)userdata;
	code = peal_reply(event, "\xff");
	second_code = peal_reply(event, 1, PEAL_TRUE, "x");
}

START_TEST(a_reply_that_cannot_be_encoded_may_be_tried_again)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on(io, "a", reply_bad_then_good, NULL), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "421[\"a\"]");
	ck_heard(session, "431[1,true,\"x\"]|");
	ck_assert_int_eq(code, PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(second_code, 0);
	end();
}
END_TEST

static void take_responder(struct peal_socket *socket, const struct peal_event *event,
			   void *userdata)
{
	(void)socket;
	(void)userdata;
	code = peal_event_responder(event, &responder);
	struct peal_responder *another;
	second_code = peal_event_responder(event, &another);
}

START_TEST(a_responder_answers_later_and_once)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on(io, "a", take_responder, NULL), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "427[\"a\"]");
	ck_assert_int_eq(code, 0);
	ck_assert_int_eq(second_code, PEAL_EMIT_E_INVALID);
	ck_heard(session, "");
	wait_ms(100);
	ck_assert_int_eq(peal_respond(responder, "later", PEAL_BYTES("\x07", 1)), 0);
	ck_heard(session, "461-7[\"later\",{\"_placeholder\":true,\"num\":0}]|<07>|");
	fake_session_say(session, "42[\"a\"]");
	ck_assert_int_eq(code, PEAL_EMIT_E_INVALID);
	fake_session_say(session, "428[\"a\"]");
	peal_responder_free(responder);
	peal_responder_free(NULL);
	ck_heard(session, "");
	end();
}
END_TEST

START_TEST(responding_after_the_session_closed_or_the_namespace_was_left_is_dropped)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on(io, "a", take_responder, NULL), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "421[\"a\"]");
	fake_session_say(session, "41");
	ck_assert_int_eq(peal_respond(responder), PEAL_EMIT_E_GONE);
	join(session, "/");
	fake_session_say(session, "421[\"a\"]");
	fake_session_close(session, "transport close", NULL);
	settle();
	ck_assert_int_eq(peal_respond(responder, 1), PEAL_EMIT_E_GONE);
	session = open_session();
	join(session, "/");
	fake_session_say(session, "421[\"a\"]");
	end();
	/* Even after the server is gone. */
	ck_assert_int_eq(peal_respond(responder, 1), PEAL_EMIT_E_GONE);
}
END_TEST

/* --- outgoing ----------------------------------------------------------------------------------
 */

static void note_outgoing(struct peal_socket *socket, const struct peal_event *event,
			  void *userdata)
{
	note("%s ", (const char *)peal_socket_userdata(socket));
	note_event(socket, event, userdata);
	ck_assert_int_eq(peal_reply(event, 1), PEAL_EMIT_E_INVALID);
}

START_TEST(on_any_outgoing_should_call_listener_for_emits_and_broadcasts_once_per_socket)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on_any_outgoing(io, note_outgoing, NULL), 0);
	struct peal_socket *a = new_socket(), *b = new_socket();
	peal_socket_set_userdata(a, "a");
	peal_socket_set_userdata(b, "b");
	peal_socket_emit(a, 0, "one", 1);
	peal_emit(io, PEAL_ALL, "all", PEAL_BYTES("\x01", 1));
	peal_socket_broadcast(a, PEAL_ALL, "others");
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS("nobody")), "nobody");
	/* None of them runs inside an emit. */
	ck_recorded("");
	settle();
	ck_recorded("a one[1];a all[{\"_placeholder\":true,\"num\":0}<01>];"
		    "b all[{\"_placeholder\":true,\"num\":0}<01>];b others[];");
	/* A volatile packet that is dropped is not told, a socket that left meanwhile is. */
	peal_socket_session(a)->busy = true;
	peal_emit(io, PEAL_TO(.flags = PEAL_VOLATILE), "v");
	fake_session_close(peal_socket_session(b), "transport close", NULL);
	settle();
	ck_recorded("b v[];");
	end();
}
END_TEST

START_TEST(on_any_outgoing_should_prepend_and_remove_listener_and_never_see_acks)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on_any_outgoing(io, note_event, "2"), 0);
	ck_assert_int_eq(peal_prepend_any_outgoing(io, note_event, "1"), 0);
	ck_assert_int_eq(peal_on(io, "a", reply_same, NULL), 0);
	struct peal_socket *a = new_socket();
	peal_socket_emit(a, 0, "x");
	fake_session_say(peal_socket_session(a), "421[\"a\"]");
	settle();
	ck_recorded("1 x[];2 x[];");
	ck_assert_int_eq(peal_off_any_outgoing(io, note_event, "1"), 0);
	ck_assert_int_eq(peal_off_any_outgoing(io, note_event, "2"), 0);
	peal_socket_emit(a, 0, "x");
	settle();
	ck_recorded("");
	end();
}
END_TEST

UNIT_MAIN("server_events", should_receive_events_in_arrival_order,
	  a_number_as_event_name_is_its_text,
	  names_are_decoded_and_ordinary_ones_of_javascript_are_ordinary,
	  handlers_for_reserved_or_invalid_names_are_refused, relayed_events_are_sent_as_they_came,
	  on_any_should_call_prepend_and_remove_listener,
	  packet_middlewares_should_call_functions_and_pass_errors,
	  an_event_is_dropped_when_a_listener_disconnects_the_socket,
	  handlers_may_be_removed_and_added_while_they_run,
	  a_listener_that_is_prepended_to_a_child_from_its_parent_hears_the_next_event,
	  a_list_of_handlers_survives_random_changes_during_walks,
	  should_receive_events_with_args_and_callback,
	  a_reply_that_cannot_be_encoded_may_be_tried_again, a_responder_answers_later_and_once,
	  responding_after_the_session_closed_or_the_namespace_was_left_is_dropped,
	  on_any_outgoing_should_call_listener_for_emits_and_broadcasts_once_per_socket,
	  on_any_outgoing_should_prepend_and_remove_listener_and_never_see_acks)
