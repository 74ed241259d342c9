/* Joining namespaces: CONNECT, middlewares that answer now or later, connect errors, timeout. */
#include "tests/support/server_world.h"
#include "tests/unit/unit.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "server/server_private.h"

static struct peal_next *pending;
static struct peal_socket *pending_socket;

static void on_connection(struct peal_socket *socket, void *userdata)
{
	(void)userdata;
	note("connection connected=%d own=%d;", peal_socket_connected(socket),
	     peal_socket_in_room(socket, peal_socket_id(socket)));
}

static void note_auth(struct peal_socket *socket, void *userdata)
{
	size_t length;
	(void)userdata;
	const struct peal_args *auth = peal_socket_auth(socket);
	const char *text = peal_args_text(auth, &length);
	ck_assert_uint_eq(peal_args_count(auth), 1);
	note("auth=%.*s;", (int)length, text);
}

START_TEST(should_automatically_connect)
{
	begin();
	ck_assert_int_eq(peal_on_connection(peal_io(world.node), on_connection, NULL), 0);
	struct peal_session *session = open_session();
	fake_session_say(session, "40");
	/* Everything has happened in the handler of the message. */
	ck_recorded("connection connected=1 own=1;");
	const char *heard = fake_session_heard(session);
	ck_assert_int_eq(strncmp(heard, "40{\"sid\":\"", 10), 0);
	ck_assert_uint_eq(strlen(heard), strlen("40{\"sid\":\"12345678901234567890\"}|"));
	ck_assert_uint_eq(world.stats.connects, 1);
	ck_assert_uint_eq(world.stats.sockets, 1);
	end();
}
END_TEST

START_TEST(should_allow_connection_to_a_custom_namespace)
{
	begin();
	ck_assert_int_eq(peal_on_connection(peal_of(world.node, "/custom"), on_connection, NULL),
			 0);
	struct peal_session *session = open_session();
	fake_session_say(session, "40/custom,");
	ck_assert_int_eq(strncmp(fake_session_heard(session), "40/custom,{\"sid\":\"", 18), 0);
	/* The comma is optional at the end. */
	session = open_session();
	fake_session_say(session, "40/custom");
	ck_assert_int_eq(strncmp(fake_session_heard(session), "40/custom,{\"sid\":\"", 18), 0);
	ck_recorded("connection connected=1 own=1;connection connected=1 own=1;");
	end();
}
END_TEST

START_TEST(should_be_able_to_equivalently_start_with_empty_or_slash_on_server)
{
	begin();
	ck_assert_ptr_eq(peal_of(world.node, ""), peal_io(world.node));
	ck_assert_ptr_eq(peal_of(world.node, "/"), peal_io(world.node));
	ck_assert_ptr_eq(peal_of(world.node, "abc"), peal_of(world.node, "/abc"));
	ck_assert_str_eq(peal_namespace_name(peal_of(world.node, "abc")), "/abc");
	ck_assert_ptr_eq(peal_namespace_node(peal_io(world.node)), world.node);
	/* "0/" and "0/," both mean the main namespace. */
	struct peal_session *session = open_session();
	fake_session_say(session, "40/,");
	ck_assert_int_eq(strncmp(fake_session_heard(session), "40{", 3), 0);
	end();
}
END_TEST

START_TEST(names_that_are_too_long_or_hold_commas_or_controls_are_no_namespaces)
{
	char name[PEAL_LIMIT_NAME_BYTES + 8];
	begin();
	memset(name, 'a', sizeof(name));
	name[0] = '/';
	name[PEAL_LIMIT_NAME_BYTES + 1] = '\0';
	ck_assert_ptr_null(peal_of(world.node, name));
	ck_assert_ptr_null(peal_of(world.node, name + 1)); /* a slash is added */
	name[PEAL_LIMIT_NAME_BYTES] = '\0';
	ck_assert_ptr_nonnull(peal_of(world.node, name));
	ck_assert_ptr_null(peal_of(world.node, "/a,b"));
	ck_assert_ptr_null(peal_of(world.node, "/a\nb"));
	ck_assert_ptr_null(peal_of(world.node, "/\xff"));
	ck_assert_ptr_null(peal_of(world.node, NULL));
	ck_assert_uint_eq(world.stats.namespaces, 2);
	end();
}
END_TEST

START_TEST(the_auth_payload_is_kept_and_is_an_empty_object_without_one)
{
	begin();
	ck_assert_int_eq(peal_on_connection(peal_io(world.node), note_auth, NULL), 0);
	fake_session_say(open_session(), "40");
	fake_session_say(open_session(), "40{}");
	fake_session_say(open_session(), "40{\"token\":\"123\",\"n\":[1, 2]}");
	ck_recorded("auth={};auth={};auth={\"token\":\"123\",\"n\":[1, 2]};");
	end();
}
END_TEST

static void hide_token(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	(void)userdata;
	note_auth(socket, NULL);
	ck_assert_int_eq(peal_socket_set_auth(socket, "{\"name\":\"a\"}"), 0);
	peal_next_accept(next);
}

START_TEST(another_object_can_take_the_place_of_the_auth_payload)
{
	static const char *const wrong[] = {
		"", "{", "[1]", "1", "null", "{\"a\":1}x", "{\"a\":\"\xff\"}", NULL
	};
	begin();
	struct peal_namespace *io = peal_io(world.node);
	ck_assert_int_eq(peal_use(io, hide_token, NULL), 0);
	ck_assert_int_eq(peal_on_connection(io, note_auth, NULL), 0);
	struct peal_session *session = open_session();
	struct peal_socket *socket = join(session, "/");
	ck_recorded("auth={};auth={\"name\":\"a\"};");
	fake_session_say(open_session(), "40{\"token\":\"123\",\"n\":[1, 2]}");
	settle();
	ck_recorded("auth={\"token\":\"123\",\"n\":[1, 2]};auth={\"name\":\"a\"};");
	/* Also when it is connected, and as often as one likes. */
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_int_eq(peal_socket_set_auth(socket, wrong[i]), PEAL_EMIT_E_INVALID);
	note_auth(socket, NULL);
	ck_assert_int_eq(peal_socket_set_auth(socket, " {\"b\": 1} "), 0);
	ck_assert_double_eq(cJSON_GetNumberValue(cJSON_GetObjectItem(
				    peal_args_json(peal_socket_auth(socket), 0), "b")),
			    1);
	ck_assert_int_eq(peal_socket_set_auth(socket, "{}"), 0);
	note_auth(socket, NULL);
	ck_recorded("auth={\"name\":\"a\"};auth={};");
	/* On one that is gone it does no harm. */
	peal_socket_ref(socket);
	fake_session_close(session, "transport close", NULL);
	settle();
	ck_assert_int_eq(peal_socket_set_auth(socket, "{\"c\":1}"), 0);
	peal_socket_unref(socket);
	end();
}
END_TEST

START_TEST(should_return_error_connecting_to_non_existent_namespace)
{
	begin();
	struct peal_session *session = open_session();
	struct peal_socket *socket = join(session, "/");
	fake_session_say(session, "40/doesnotexist,");
	ck_heard(session, "44/doesnotexist,{\"message\":\"Invalid namespace\"}|");
	/* A query is part of the name. */
	fake_session_say(session, "40/?x=1,");
	ck_heard(session, "44/?x=1,{\"message\":\"Invalid namespace\"}|");
	ck_assert(peal_socket_connected(socket));
	ck_assert_uint_eq(world.stats.connects_refused, 2);
	end();
}
END_TEST

/* --- middlewares -------------------------------------------------------------------------------
 */

static void accepting(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	note("middleware %s connected=%d;", (const char *)userdata, peal_socket_connected(socket));
	peal_next_accept(next);
}

static void refusing(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	const char **refusal = userdata;
	(void)socket;
	note("refusing;");
	peal_next_refuse(next, refusal[0], refusal[1]);
}

static void waiting(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	(void)userdata;
	note("waiting;");
	pending_socket = socket;
	pending = next;
}

START_TEST(middlewares_should_be_called_in_expected_order_and_connection_after_them)
{
	begin();
	struct peal_namespace *io = peal_io(world.node);
	ck_assert_int_eq(peal_use(io, accepting, "1"), 0);
	ck_assert_int_eq(peal_on_connection(io, on_connection, NULL), 0);
	ck_assert_int_eq(peal_use(io, accepting, "2"), 0);
	struct peal_session *session = open_session();
	fake_session_say(session, "40");
	settle();
	ck_recorded("middleware 1 connected=0;middleware 2 connected=0;"
		    "connection connected=1 own=1;");
	ck_assert_int_eq(strncmp(fake_session_heard(session), "40{\"sid\":\"", 10), 0);
	end();
}
END_TEST

START_TEST(should_only_call_connection_after_lengthy_fns)
{
	begin();
	struct peal_namespace *io = peal_io(world.node);
	ck_assert_int_eq(peal_use(io, waiting, NULL), 0);
	ck_assert_int_eq(peal_on_connection(io, on_connection, NULL), 0);
	struct peal_session *session = open_session();
	fake_session_say(session, "40");
	wait_ms(300);
	ck_recorded("waiting;");
	ck_heard(session, "");
	ck_assert(!peal_socket_connected(pending_socket));
	ck_assert_uint_eq(peal_namespace_socket_count(io), 0);
	peal_next_accept(pending);
	/* Not from inside the answer. */
	ck_recorded("");
	settle();
	ck_recorded("connection connected=1 own=1;");
	end();
}
END_TEST

START_TEST(should_pass_errors_and_objects)
{
	static const char *refusals[][2] = {
		{ "Authentication error", NULL },
		{ "Authentication error", "{\"a\":\"b\",\"c\":3}" },
		{ "said \"no\"\n", "not JSON" },
		{ NULL, NULL },
		{ "\xff", NULL },
	};
	static const char *answers[] = {
		"44{\"message\":\"Authentication error\"}|",
		"44{\"message\":\"Authentication error\",\"data\":{\"a\":\"b\",\"c\":3}}|",
		"44{\"message\":\"said \\\"no\\\"\\n\"}|",
		"44{\"message\":\"Forbidden\"}|",
		"44{\"message\":\"Forbidden\"}|",
	};
	const char *refusal[2];
	begin();
	struct peal_namespace *io = peal_io(world.node);
	ck_assert_int_eq(peal_use(io, refusing, refusal), 0);
	ck_assert_int_eq(peal_use(io, accepting, "never"), 0);
	ck_assert_int_eq(peal_on_connection(io, on_connection, NULL), 0);
	struct peal_session *session = open_session();
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		memcpy(refusal, refusals[i], sizeof(refusal));
		fake_session_say(session, "40");
		settle();
		ck_heard(session, answers[i]);
		ck_recorded("refusing;");
	}
	ck_assert_uint_eq(world.stats.connects_refused, 5);
	end();
}
END_TEST

START_TEST(middlewares_should_work_with_a_custom_namespace)
{
	static const char *refusal[2] = { "nope", NULL };
	begin();
	ck_assert_int_eq(peal_use(peal_of(world.node, "/chat"), refusing, refusal), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "40/chat,");
	settle();
	ck_heard(session, "44/chat,{\"message\":\"nope\"}|");
	end();
}
END_TEST

START_TEST(a_middleware_should_be_ignored_if_socket_gets_closed)
{
	begin();
	struct peal_namespace *io = peal_io(world.node);
	ck_assert_int_eq(peal_use(io, waiting, NULL), 0);
	ck_assert_int_eq(peal_on_connection(io, on_connection, NULL), 0);
	ck_assert_int_eq(peal_on_disconnect(io, note_disconnect, NULL), 0);
	struct peal_session *session = open_session();
	fake_session_say(session, "40");
	peal_socket_ref(pending_socket);
	fake_session_close(session, "transport close", NULL);
	settle();
	ck_assert_ptr_null(peal_socket_handshake(pending_socket));
	peal_next_accept(pending);
	settle();
	ck_recorded("waiting;");
	ck_assert_uint_eq(world.stats.connects, 0);
	peal_socket_unref(pending_socket);

	/* Closed by this side, but not yet reported. */
	session = open_session();
	session->cannot_close = true;
	fake_session_say(session, "40");
	peal_session_shutdown(session);
	peal_next_refuse(pending, "too late", NULL);
	settle();
	ck_heard(session, "");
	end();
}
END_TEST

static void join_and_refuse(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	(void)userdata;
	ck_assert_int_eq(peal_socket_join(socket, "room1"), 0);
	ck_assert(peal_socket_in_room(socket, "room1"));
	note("rooms=%zu;", peal_socket_rooms(socket, NULL, 0));
	pending_socket = peal_socket_ref(socket);
	peal_next_refuse(next, "nope", NULL);
}

static void accept_and_add(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	(void)socket;
	note("%s;", (const char *)userdata);
	ck_assert_int_eq(peal_use(peal_io(world.node), accept_and_add, "added"), 0);
	peal_next_accept(next);
}

START_TEST(a_middleware_that_adds_another_adds_it_for_those_who_connect_later)
{
	begin();
	ck_assert_int_eq(peal_use(peal_io(world.node), accept_and_add, "first"), 0);
	struct peal_session *session = open_session();
	fake_session_say(session, "40");
	settle();
	ck_recorded("first;");
	ck_assert_int_eq(strncmp(fake_session_heard(session), "40{", 3), 0);
	fake_session_say(open_session(), "40");
	settle();
	ck_recorded("first;added;");
	end();
}
END_TEST

START_TEST(should_leave_all_rooms_joined_after_a_middleware_failure)
{
	begin();
	ck_assert_int_eq(peal_use(peal_io(world.node), join_and_refuse, NULL), 0);
	fake_session_say(open_session(), "40");
	ck_assert_uint_eq(world.stats.rooms, 1);
	settle();
	ck_recorded("rooms=1;");
	ck_assert_uint_eq(world.stats.rooms, 0);
	ck_assert_uint_eq(world.stats.memberships, 0);
	ck_assert_int_eq(peal_socket_join(pending_socket, "room1"), PEAL_EMIT_E_GONE);
	peal_socket_unref(pending_socket);
	end();
}
END_TEST

static void emit_and_join(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	(void)userdata;
	ck_assert_int_eq(peal_socket_emit(socket, 0, "early", 1), 0);
	ck_assert_int_eq(peal_socket_join(socket, "room"), 0);
	/* It is no broadcast target yet. */
	ck_assert_int_eq(peal_emit(peal_io(world.node), PEAL_ALL, "nobody"), 0);
	ck_assert_int_eq(
		peal_emit(peal_io(world.node), PEAL_TO(.rooms = PEAL_ROOMS("room")), "nobody"), 0);
	pending = next;
}

START_TEST(what_a_middleware_emits_precedes_connect_and_broadcasts_do_not_reach_it)
{
	begin();
	struct peal_namespace *io = peal_io(world.node);
	ck_assert_int_eq(peal_use(io, emit_and_join, NULL), 0);
	struct peal_session *session = open_session();
	fake_session_say(session, "40");
	ck_heard(session, "42[\"early\",1]|");
	peal_next_accept(pending);
	settle();
	ck_assert_int_eq(strncmp(fake_session_heard(session), "40{", 3), 0);
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS("room")), "now");
	ck_heard(session, "42[\"now\"]|");
	end();
}
END_TEST

/* --- protocol of the session -------------------------------------------------------------------
 */

START_TEST(should_close_the_connection_when_receiving_several_connect_packets)
{
	begin();
	ck_assert_int_eq(peal_on_disconnect(peal_io(world.node), note_disconnect, NULL), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "40");
	settle();
	ck_recorded("socket disconnect forced close;");
	ck_heard(session, "");
	ck_assert_int_eq(session->state, FAKE_CLOSED);
	ck_assert(!session->discarded);
	ck_assert_uint_eq(world.stats.packets_invalid, 1);
	end();
}
END_TEST

START_TEST(a_second_connect_while_the_first_is_pending_is_a_duplicate)
{
	begin();
	struct peal_namespace *io = peal_io(world.node);
	ck_assert_int_eq(peal_use(io, waiting, NULL), 0);
	ck_assert_int_eq(peal_on_connection(io, on_connection, NULL), 0);
	struct peal_session *session = open_session();
	fake_session_say(session, "40");
	fake_session_say(session, "40");
	ck_assert_int_eq(session->state, FAKE_CLOSED);
	settle();
	peal_next_accept(pending);
	settle();
	ck_recorded("waiting;");
	ck_assert_uint_eq(world.stats.connects, 0);
	end();
}
END_TEST

START_TEST(an_event_behind_connect_is_delivered_when_joined_and_closes_while_pending)
{
	begin();
	struct peal_namespace *io = peal_io(world.node);
	ck_assert_int_eq(peal_on(io, "hello", note_event, NULL), 0);
	struct peal_session *session = open_session();
	fake_session_say(session, "40");
	fake_session_say(session, "42[\"hello\",1]");
	ck_recorded("hello[1];");
	ck_assert_int_eq(peal_use(io, waiting, NULL), 0);
	session = open_session();
	fake_session_say(session, "40");
	fake_session_say(session, "42[\"hello\",2]");
	ck_recorded("waiting;");
	ck_assert_int_eq(session->state, FAKE_CLOSED);
	end();
}
END_TEST

START_TEST(should_close_a_client_without_namespace)
{
	begin();
	struct peal_session *session = open_session();
	wait_ms(44900);
	ck_assert_int_eq(session->state, FAKE_OPEN);
	wait_ms(200);
	ck_assert_int_eq(session->state, FAKE_CLOSED);
	ck_assert(!session->discarded);
	ck_heard(session, "");
	end();
}
END_TEST

START_TEST(the_connect_timeout_ends_a_middleware_that_never_answers)
{
	begin();
	ck_assert_int_eq(peal_use(peal_io(world.node), waiting, NULL), 0);
	struct peal_session *session = open_session();
	session->cannot_close = true;
	fake_session_say(session, "40");
	wait_ms(45000);
	ck_assert_int_eq(session->state, FAKE_CLOSING);
	peal_next_accept(pending);
	settle();
	ck_assert_uint_eq(world.stats.connects, 0);
	end();
}
END_TEST

START_TEST(the_first_join_cancels_the_connect_timeout_for_good)
{
	begin();
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_say(session, "41");
	wait_ms(60000);
	ck_assert_int_eq(session->state, FAKE_OPEN);
	join(session, "/");
	end();
}
END_TEST

START_TEST(a_session_joins_at_most_as_many_namespaces_as_the_limit_says)
{
	char name[32];
	begin();
	struct peal_session *session = open_session();
	for (int i = 0; i < PEAL_LIMIT_NAMESPACES_PER_SESSION; i++) {
		snprintf(name, sizeof(name), "/n%d", i);
		ck_assert_ptr_nonnull(peal_of(world.node, name));
		join(session, name);
	}
	fake_session_say(session, "40");
	ck_assert_int_eq(session->state, FAKE_CLOSED);
	end();
}
END_TEST

START_TEST(should_work_with_of_and_many_sockets)
{
	begin();
	struct peal_session *session = open_session();
	ck_assert_ptr_nonnull(peal_of(world.node, "/chat"));
	ck_assert_ptr_nonnull(peal_of(world.node, "/news"));
	struct peal_socket *main = join(session, "/");
	struct peal_socket *chat = join(session, "/chat");
	struct peal_socket *news = join(session, "/news");
	ck_assert_str_ne(peal_socket_id(main), peal_socket_id(chat));
	ck_assert_str_ne(peal_socket_id(chat), peal_socket_id(news));
	ck_assert_ptr_eq(peal_socket_session(main), session);
	ck_assert_ptr_eq(peal_socket_namespace(chat), peal_of(world.node, "/chat"));
	peal_emit(peal_of(world.node, "/chat"), PEAL_ALL, "a", 1);
	peal_emit(peal_io(world.node), PEAL_ALL, "b");
	peal_socket_emit(news, 0, "c");
	ck_heard(session, "42/chat,[\"a\",1]|42[\"b\"]|42/news,[\"c\"]|");
	end();
}
END_TEST

UNIT_MAIN("server_connect", should_automatically_connect,
	  should_allow_connection_to_a_custom_namespace,
	  should_be_able_to_equivalently_start_with_empty_or_slash_on_server,
	  names_that_are_too_long_or_hold_commas_or_controls_are_no_namespaces,
	  the_auth_payload_is_kept_and_is_an_empty_object_without_one,
	  another_object_can_take_the_place_of_the_auth_payload,
	  should_return_error_connecting_to_non_existent_namespace,
	  middlewares_should_be_called_in_expected_order_and_connection_after_them,
	  should_only_call_connection_after_lengthy_fns, should_pass_errors_and_objects,
	  middlewares_should_work_with_a_custom_namespace,
	  a_middleware_should_be_ignored_if_socket_gets_closed,
	  a_middleware_that_adds_another_adds_it_for_those_who_connect_later,
	  should_leave_all_rooms_joined_after_a_middleware_failure,
	  what_a_middleware_emits_precedes_connect_and_broadcasts_do_not_reach_it,
	  should_close_the_connection_when_receiving_several_connect_packets,
	  a_second_connect_while_the_first_is_pending_is_a_duplicate,
	  an_event_behind_connect_is_delivered_when_joined_and_closes_while_pending,
	  should_close_a_client_without_namespace,
	  the_connect_timeout_ends_a_middleware_that_never_answers,
	  the_first_join_cancels_the_connect_timeout_for_good,
	  a_session_joins_at_most_as_many_namespaces_as_the_limit_says,
	  should_work_with_of_and_many_sockets)
