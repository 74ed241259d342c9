/* How sockets leave: reasons, order of callbacks, references, shutdown and the end of the node. */
#include "tests/support/server_world.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

static struct peal_namespace *io;

static void listen(struct peal_namespace *ns)
{
	ck_assert_int_eq(peal_on_disconnecting(ns, note_disconnecting, NULL), 0);
	ck_assert_int_eq(peal_on_disconnect(ns, note_disconnect, NULL), 0);
}

static struct peal_socket *named(struct peal_session *session, const char *namespace_name,
				 const char *name)
{
	struct peal_socket *socket = join(session, namespace_name);
	peal_socket_set_userdata(socket, (void *)name);
	return socket;
}

START_TEST(should_disconnect_upon_transport_disconnection_with_its_reason)
{
	static const char *const reasons[][3] = {
		{ "transport close", NULL, "a disconnect transport close;" },
		{ "transport error", "poll connection closed prematurely",
		  "a disconnect transport error (poll connection closed prematurely);" },
		{ "parse error", NULL, "a disconnect parse error;" },
		{ "ping timeout", NULL, "a disconnect ping timeout;" },
		{ "forced close", NULL, "a disconnect forced close;" },
	};
	begin();
	ck_assert_int_eq(peal_on_disconnect(peal_io(world.node), note_disconnect, NULL), 0);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		struct peal_session *session = open_session();
		named(session, "/", "a");
		fake_session_close(session, reasons[i][0], reasons[i][1]);
		settle();
		ck_recorded(reasons[i][2]);
	}
	end();
}
END_TEST

static void see_rooms(struct peal_socket *socket, const char *reason, const char *description,
		      void *userdata)
{
	(void)reason;
	(void)description;
	note("%s rooms=%zu session=%d;", (const char *)userdata, peal_socket_rooms(socket, NULL, 0),
	     peal_socket_session(socket) != NULL);
	ck_assert_ptr_nonnull(peal_socket_handshake(socket));
}

START_TEST(should_fire_a_disconnecting_event_just_before_leaving_all_rooms)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on_disconnecting(io, see_rooms, "disconnecting"), 0);
	ck_assert_int_eq(peal_on_disconnect(io, see_rooms, "disconnect"), 0);
	struct peal_session *session = open_session();
	struct peal_socket *socket = join(session, "/");
	ck_assert_int_eq(peal_socket_join(socket, "a"), 0);
	ck_assert_int_eq(peal_socket_join(socket, "b"), 0);
	fake_session_close(session, "transport close", NULL);
	settle();
	ck_recorded("disconnecting rooms=3 session=1;disconnect rooms=0 session=1;");
	/* The same when the server ends it. */
	socket = new_socket();
	ck_assert_int_eq(peal_socket_join(socket, "a"), 0);
	ck_assert_int_eq(peal_socket_disconnect(socket, false), 0);
	ck_recorded("");
	settle();
	ck_recorded("disconnecting rooms=2 session=1;disconnect rooms=0 session=1;");
	ck_assert_uint_eq(world.stats.rooms, 0);
	end();
}
END_TEST

START_TEST(a_kick_sends_disconnect_and_leaves_the_session_open)
{
	begin();
	io = peal_io(world.node);
	listen(io);
	struct peal_session *session = open_session();
	struct peal_socket *socket = named(session, "/", "a");
	peal_socket_emit(socket, 0, "bye");
	ck_assert_int_eq(peal_socket_disconnect(socket, false), 0);
	ck_assert(!peal_socket_connected(socket));
	ck_heard(session, "42[\"bye\"]|41|");
	settle();
	ck_recorded("a disconnecting server namespace disconnect;"
		    "a disconnect server namespace disconnect;");
	ck_assert_int_eq(session->state, FAKE_OPEN);
	join(session, "/");
	end();
}
END_TEST

START_TEST(should_disconnect_all_namespaces_when_calling_disconnect_true)
{
	begin();
	io = peal_io(world.node);
	struct peal_namespace *custom = peal_of(world.node, "/custom");
	ck_assert_int_eq(peal_on_disconnect(io, note_disconnect, NULL), 0);
	ck_assert_int_eq(peal_on_disconnect(custom, note_disconnect, NULL), 0);
	struct peal_session *session = open_session();
	struct peal_socket *main = named(session, "/", "main");
	named(session, "/custom", "custom");
	ck_assert_int_eq(peal_socket_disconnect(main, true), 0);
	ck_heard(session, "41|41/custom,|");
	ck_assert_int_eq(session->state, FAKE_CLOSED);
	ck_assert(!session->discarded);
	settle();
	ck_recorded("main disconnect server namespace disconnect;"
		    "custom disconnect server namespace disconnect;");
	end();
}
END_TEST

START_TEST(a_kick_before_a_lost_connection_keeps_its_reason)
{
	begin();
	io = peal_io(world.node);
	listen(io);
	struct peal_session *session = open_session();
	struct peal_socket *socket = named(session, "/", "a");
	/* The loss is reported first. */
	fake_session_close(session, "transport close", "gone");
	ck_assert_int_eq(peal_socket_disconnect(socket, false), 0);
	settle();
	ck_recorded("a disconnecting server namespace disconnect;"
		    "a disconnect server namespace disconnect;");
	ck_assert_uint_eq(world.stats.disconnects, 1);
	ck_assert_uint_eq(world.stats.disconnects_server, 1);
	ck_assert_uint_eq(world.stats.disconnects_transport_close, 0);
	end();
}
END_TEST

START_TEST(should_not_join_rooms_after_disconnection)
{
	begin();
	struct peal_socket *socket = new_socket();
	ck_assert_int_eq(peal_socket_disconnect(socket, false), 0);
	ck_assert_int_eq(peal_socket_join(socket, "a"), PEAL_EMIT_E_GONE);
	ck_assert_uint_eq(world.stats.rooms, 0);
	end();
}
END_TEST

START_TEST(a_socket_that_is_leaving_is_selected_no_more)
{
	begin();
	io = peal_io(world.node);
	struct peal_session *session = open_session();
	struct peal_socket *socket = join(session, "/");
	ck_assert_int_eq(peal_socket_join(socket, "a"), 0);
	ck_assert_int_eq(peal_socket_disconnect(socket, false), 0);
	ck_heard(session, "41|");
	peal_emit(io, PEAL_ALL, "x");
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS("a")), "x");
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS(peal_socket_id(socket))), "x");
	ck_heard(session, "");
	ck_assert_uint_eq(peal_namespace_socket_count(io), 0);
	ck_assert_ptr_null(peal_namespace_socket(io, peal_socket_id(socket)));
	end();
}
END_TEST

START_TEST(every_call_on_a_gone_socket_is_a_no_op_with_a_code)
{
	const char *rooms[1];
	begin();
	struct peal_socket *other = new_socket();
	struct peal_socket *socket = peal_socket_ref(new_socket());
	ck_assert_int_eq(peal_socket_set_data(socket, "{\"a\":1}"), 0);
	fake_session_close(peal_socket_session(socket), "transport close", NULL);
	settle();
	ck_assert(!peal_socket_connected(socket));
	ck_assert_ptr_null(peal_socket_handshake(socket));
	ck_assert_ptr_null(peal_socket_session(socket));
	ck_assert_uint_eq(strlen(peal_socket_id(socket)), 20);
	ck_assert_str_eq(peal_socket_data(socket), "{\"a\":1}");
	ck_assert_uint_eq(peal_args_count(peal_socket_auth(socket)), 1);
	ck_assert_ptr_eq(peal_socket_namespace(socket), peal_io(world.node));
	ck_assert_int_eq(peal_socket_join(socket, "a"), PEAL_EMIT_E_GONE);
	ck_assert_int_eq(peal_socket_leave(socket, "a"), PEAL_EMIT_E_GONE);
	ck_assert(!peal_socket_in_room(socket, peal_socket_id(socket)));
	ck_assert_uint_eq(peal_socket_rooms(socket, rooms, 1), 0);
	ck_assert_int_eq(peal_socket_emit(socket, 0, "a"), PEAL_EMIT_E_GONE);
	ck_assert_int_eq(peal_socket_emit_ack(socket, 0, 10, note_ack, NULL, "a"),
			 PEAL_EMIT_E_GONE);
	ck_assert_int_eq(peal_socket_broadcast(socket, PEAL_ALL, "a"), PEAL_EMIT_E_GONE);
	ck_assert_int_eq(peal_socket_broadcast_ack(socket, PEAL_ALL, 10, note_acks, NULL, "a"),
			 PEAL_EMIT_E_GONE);
	ck_assert_int_eq(peal_socket_disconnect(socket, true), PEAL_EMIT_E_GONE);
	peal_socket_unref(socket);
	wait_ms(20);
	ck_recorded("");
	ck_received(other, "");
	end();
}
END_TEST

static void tell_others(struct peal_socket *socket, const char *reason, const char *description,
			void *userdata)
{
	(void)reason;
	(void)description;
	ck_assert_int_eq(peal_socket_broadcast(socket, PEAL_ALL, (const char *)userdata), 0);
	/* But nothing reaches the socket itself. */
	ck_assert_int_eq(peal_socket_emit(socket, 0, "x"), PEAL_EMIT_E_GONE);
}

START_TEST(the_others_can_be_told_from_the_disconnect_callbacks)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on_disconnecting(io, tell_others, "leaving"), 0);
	ck_assert_int_eq(peal_on_disconnect(io, tell_others, "left"), 0);
	struct peal_socket *a = new_socket(), *b = new_socket();
	fake_session_close(peal_socket_session(a), "transport close", NULL);
	settle();
	ck_received(b, "42[\"leaving\"]|42[\"left\"]|");
	end();
}
END_TEST

static void kick_other(struct peal_socket *socket, const char *reason, const char *description,
		       void *userdata)
{
	struct peal_socket **other = userdata;
	(void)socket;
	(void)reason;
	(void)description;
	if (*other)
		peal_socket_disconnect(*other, true);
	*other = NULL;
}

START_TEST(disconnect_callbacks_may_disconnect_others_of_the_same_session)
{
	struct peal_socket *other;
	begin();
	io = peal_io(world.node);
	struct peal_namespace *custom = peal_of(world.node, "/custom");
	ck_assert_int_eq(peal_on_disconnect(io, kick_other, &other), 0);
	ck_assert_int_eq(peal_on_disconnect(io, note_disconnect, NULL), 0);
	ck_assert_int_eq(peal_on_disconnect(custom, note_disconnect, NULL), 0);
	struct peal_session *session = open_session();
	named(session, "/", "main");
	other = named(session, "/custom", "custom");
	fake_session_close(session, "transport close", NULL);
	settle();
	ck_recorded("main disconnect transport close;"
		    "custom disconnect server namespace disconnect;");
	end();
}
END_TEST

START_TEST(should_ignore_a_packet_received_after_disconnection)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on_any(io, note_event, NULL), 0);
	struct peal_session *session = open_session();
	struct peal_socket *socket = join(session, "/");
	peal_socket_disconnect(socket, true);
	fake_session_say(session, "42[\"x\"]");
	settle();
	ck_recorded("");
	end();
}
END_TEST

START_TEST(a_client_over_the_outbox_limit_leaves_with_the_engines_reason)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on_disconnect(io, note_disconnect, NULL), 0);
	struct peal_socket *slow = new_socket(), *good = new_socket();
	peal_socket_session(slow)->full = true;
	ck_assert_int_eq(peal_emit(io, PEAL_ALL, "x"), 0);
	ck_received(good, "42[\"x\"]|");
	ck_recorded("");
	settle();
	ck_recorded("socket disconnect transport error (outbox limit exceeded);");
	ck_assert_uint_eq(world.stats.deliveries, 1);
	end();
}
END_TEST

/* --- shutdown ----------------------------------------------------------------------------------
 */

static struct peal_next *pending;

static void keep_waiting(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	(void)socket;
	(void)userdata;
	pending = next;
}

START_TEST(a_shutdown_tells_server_shutting_down_without_packets)
{
	begin();
	io = peal_io(world.node);
	listen(io);
	struct peal_session *session = open_session();
	named(session, "/", "a");
	ck_assert_int_eq(peal_use(io, keep_waiting, NULL), 0);
	struct peal_session *joining = open_session();
	fake_session_say(joining, "40");
	peal_server_shut_down(world.server);
	peal_server_shut_down(world.server);
	ck_recorded("");
	peal_next_accept(pending);
	settle();
	ck_recorded("a disconnecting server shutting down;a disconnect server shutting down;");
	ck_heard(session, "");
	ck_heard(joining, "");
	/* The sessions are the node's to close; nothing is taken any more. */
	fake_session_say(session, "40");
	settle();
	ck_heard(session, "");
	ck_assert(open_session()->discarded);
	end();
}
END_TEST

START_TEST(the_disconnect_callbacks_run_even_if_the_session_is_reported_first)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on_disconnect(io, see_rooms, "disconnect"), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	fake_session_close(session, "transport close", NULL);
	peal_server_shut_down(world.server);
	settle();
	ck_recorded("disconnect rooms=0 session=1;");
	end();
}
END_TEST

static struct peal_socket *kept;
static int code;

static void try_calls(struct peal_socket *socket, const char *reason, const char *description,
		      void *userdata)
{
	(void)socket;
	(void)reason;
	(void)description;
	(void)userdata;
	code = peal_emit(io, PEAL_ALL, "x");
}

START_TEST(one_shot_callbacks_run_from_the_free_at_the_latest_and_calls_are_refused)
{
	begin();
	io = peal_io(world.node);
	struct peal_socket *a = new_socket(), *b = new_socket();
	kept = peal_socket_ref(a);
	ck_assert_int_eq(peal_socket_emit_ack(a, 0, 0, note_ack, "single", "x"), 0);
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 1000, note_acks, "round", "x"), 0);
	(void)b;
	peal_server_shut_down(world.server);
	settle();
	/* One socket ends with it, a round of many waits. */
	ck_recorded("single error=2;");
	fake_sessions_discard();
	settle();
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 1000, note_acks, "empty", "x"), 0);
	ck_assert_int_eq(peal_on_disconnect(io, try_calls, NULL), 0);
	peal_server_free(world.server);
	ck_recorded("empty error=0 0/0 [];round error=3 0/2 [];");
	ck_assert_int_eq(code, 0);

	/* A reference that outlives the server is harmless. */
	ck_assert_int_eq(peal_socket_emit(kept, 0, "x"), PEAL_EMIT_E_GONE);
	ck_assert_int_eq(peal_emit(peal_socket_namespace(kept), PEAL_ALL, "x"), -ESHUTDOWN);
	ck_assert_ptr_null(peal_namespace_node(peal_socket_namespace(kept)));
	peal_socket_unref(kept);
	peal_loop_step(world.loop);
	peal_decisions_deinit(&world.decisions);
	peal_loop_free(world.loop);
	ck_assert_uint_eq(fake_sessions_free(), 0);
	ck_assert_uint_eq(world.stats.rounds, 0);
	ck_assert_uint_eq(world.stats.namespaces, 0);
}
END_TEST

START_TEST(sessions_that_are_left_at_the_free_are_told_and_their_calls_refused)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on_disconnect(io, try_calls, NULL), 0);
	ck_assert_int_eq(peal_on_disconnect(io, note_disconnect, NULL), 0);
	struct peal_session *session = open_session();
	join(session, "/");
	peal_server_free(world.server);
	ck_recorded("socket disconnect server shutting down;");
	ck_assert_int_eq(code, -ESHUTDOWN);
	session->state = FAKE_CLOSED; /* nobody is there to be told */
	peal_loop_step(world.loop);
	peal_decisions_deinit(&world.decisions);
	peal_loop_free(world.loop);
	ck_assert_uint_eq(fake_sessions_free(), 0);
}
END_TEST

START_TEST(should_be_able_to_use_an_ack_result_that_shares_userdata_with_the_socket)
{
	begin();
	io = peal_io(world.node);
	listen(io);
	struct peal_session *session = open_session();
	struct peal_socket *socket = named(session, "/", "a");
	ck_assert_int_eq(peal_socket_emit_ack(socket, 0, 0, note_ack, "ack", "x"), 0);
	fake_session_close(session, "transport close", NULL);
	settle();
	ck_recorded("ack error=2;a disconnecting transport close;a disconnect transport close;");
	end();
}
END_TEST

UNIT_MAIN("server_leave", should_disconnect_upon_transport_disconnection_with_its_reason,
	  should_fire_a_disconnecting_event_just_before_leaving_all_rooms,
	  a_kick_sends_disconnect_and_leaves_the_session_open,
	  should_disconnect_all_namespaces_when_calling_disconnect_true,
	  a_kick_before_a_lost_connection_keeps_its_reason,
	  should_not_join_rooms_after_disconnection, a_socket_that_is_leaving_is_selected_no_more,
	  every_call_on_a_gone_socket_is_a_no_op_with_a_code,
	  the_others_can_be_told_from_the_disconnect_callbacks,
	  disconnect_callbacks_may_disconnect_others_of_the_same_session,
	  should_ignore_a_packet_received_after_disconnection,
	  a_client_over_the_outbox_limit_leaves_with_the_engines_reason,
	  a_shutdown_tells_server_shutting_down_without_packets,
	  the_disconnect_callbacks_run_even_if_the_session_is_reported_first,
	  one_shot_callbacks_run_from_the_free_at_the_latest_and_calls_are_refused,
	  sessions_that_are_left_at_the_free_are_told_and_their_calls_refused,
	  should_be_able_to_use_an_ack_result_that_shares_userdata_with_the_socket)
