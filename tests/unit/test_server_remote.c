/* What leaves the node: what the remote is told, who waits for it, and what it reports back. */
#include "tests/support/server_world.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "server/peer.h"
#include "server/server_private.h"

static struct peal_namespace *io;
static struct peal_round *asked;
static struct peal_fetch *fetched;
static uint64_t next_number; /* what opening returns; 0: covered */
static int refusal;	     /* what ask and fetch return */

static void note_target(const struct peal_target *target)
{
	for (size_t i = 0; i < target->rooms.count; i++)
		note(" %s", target->rooms.names[i]);
	for (size_t i = 0; i < target->except.count; i++)
		note(" !%s", target->except.names[i]);
	note(";");
}

static uint64_t namespace_opened(struct peal_namespace *ns, void *context)
{
	ck_assert_ptr_eq(context, &world);
	note("open %s;", peal_namespace_name(ns));
	*peal_namespace_remote(ns) = &io;
	return next_number;
}

static void namespace_closed(struct peal_namespace *ns, void *context)
{
	(void)context;
	/* It may be kept longer from inside. */
	peal_namespace_unref(peal_namespace_ref(ns));
	ck_assert_ptr_eq(*peal_namespace_remote(ns), &io);
	note("close %s;", peal_namespace_name(ns));
}

static uint64_t room_opened(struct peal_namespace *ns, const char *room, size_t length,
			    void *context)
{
	(void)ns;
	(void)context;
	note("room %.*s;", (int)length, room);
	return next_number;
}

static void room_closed(struct peal_namespace *ns, const char *room, size_t length, void *context)
{
	(void)ns;
	(void)context;
	note("no room %.*s;", (int)length, room);
}

static void broadcast(struct peal_namespace *ns, const struct peal_target *target,
		      const char *event, size_t event_length, const struct peal_args *args,
		      void *context)
{
	(void)context;
	note("emit %s %.*s[%.*s]", peal_namespace_name(ns), (int)event_length, event,
	     (int)args->length, args->text ? args->text : "");
	note_target(target);
}

static int ask(struct peal_namespace *ns, const struct peal_target *target, const char *event,
	       size_t event_length, const struct peal_args *args, unsigned timeout_ms,
	       struct peal_round *round, void *context)
{
	(void)context;
	(void)args;
	ck_assert_ptr_null(*peal_round_remote(round));
	*peal_round_remote(round) = &asked;
	asked = round;
	note("ask %s %.*s %u", peal_namespace_name(ns), (int)event_length, event, timeout_ms);
	note_target(target);
	return refusal;
}

static void ask_expired(struct peal_round *round, void *context)
{
	(void)context;
	ck_assert_ptr_eq(round, asked);
	ck_assert_ptr_eq(*peal_round_remote(round), &asked);
	note("expired;");
}

static void ask_forget(struct peal_round *round, void *context)
{
	(void)context;
	ck_assert_ptr_eq(round, asked);
	note("forget;");
}

static void join_others(struct peal_namespace *ns, const struct peal_target *target,
			struct peal_rooms rooms, void *context)
{
	(void)context;
	note("join %s %s:", peal_namespace_name(ns), rooms.names[0]);
	note_target(target);
}

static void leave_others(struct peal_namespace *ns, const struct peal_target *target,
			 struct peal_rooms rooms, void *context)
{
	(void)context;
	note("leave %s %s:", peal_namespace_name(ns), rooms.names[0]);
	note_target(target);
}

static void disconnect_others(struct peal_namespace *ns, const struct peal_target *target,
			      bool close, void *context)
{
	(void)context;
	note("disconnect %s%s", peal_namespace_name(ns), close ? " close" : "");
	note_target(target);
}

static int fetch(struct peal_namespace *ns, const struct peal_target *target, unsigned timeout_ms,
		 struct peal_fetch *this_fetch, void *context)
{
	(void)context;
	ck_assert_ptr_null(*peal_fetch_remote(this_fetch));
	fetched = this_fetch;
	note("fetch %s %u", peal_namespace_name(ns), timeout_ms);
	note_target(target);
	return refusal;
}

static void fetch_forget(struct peal_fetch *this_fetch, void *context)
{
	(void)context;
	ck_assert_ptr_eq(this_fetch, fetched);
	note("forget fetch;");
}

static const struct peal_remote remote = {
	.namespace_opened = namespace_opened,
	.namespace_closed = namespace_closed,
	.room_opened = room_opened,
	.room_closed = room_closed,
	.broadcast = broadcast,
	.ask = ask,
	.ask_expired = ask_expired,
	.ask_forget = ask_forget,
	.join = join_others,
	.leave = leave_others,
	.disconnect = disconnect_others,
	.fetch = fetch,
	.fetch_forget = fetch_forget,
	.context = &world,
};

static void set_up(void)
{
	world.options.uid = "uidUID";
	next_number = 0;
	refusal = 0;
	clear_record();
	begin();
	io = peal_io(world.node);
	peal_server_set_remote(world.server, &remote);
}

static void tear_down(void)
{
	peal_server_set_remote(world.server, NULL);
	end();
}

/* A round that has a remote part: all that there is to know. */
static void note_result(const struct peal_acks *acks, void *userdata)
{
	(void)userdata;
	note("result %d clients %zu/%zu servers %zu/%zu", acks->error, acks->clients_answered,
	     acks->clients_expected, acks->servers_answered, acks->servers_expected);
	for (size_t i = 0; i < acks->response_count; i++) {
		size_t length;
		const char *text = peal_args_text(acks->responses[i], &length);
		ck_assert_uint_eq(peal_args_count(acks->responses[i]), 1);
		note(" %.*s", (int)length, text);
	}
	for (size_t i = 0; i < acks->missing_server_count; i++)
		note(" -%s", acks->missing_servers[i]);
	if (acks->unnamed_missing_servers)
		note(" -%zu unnamed", acks->unnamed_missing_servers);
	ck_assert_uint_eq(acks->clients_answered, acks->response_count);
	note(";");
}

static void note_sockets(enum peal_ack_error error, const struct peal_socket_info *sockets,
			 size_t count, void *userdata)
{
	(void)userdata;
	note("sockets %d", error);
	for (size_t i = 0; i < count; i++) {
		note(" %s@%s(%s", sockets[i].socket ? "local" : sockets[i].id, sockets[i].node,
		     sockets[i].data);
		for (size_t room = 0; room < sockets[i].room_count; room++)
			if (!sockets[i].socket || room)
				note(",%s", sockets[i].rooms[room]);
		note(")%s", sockets[i].socket ? "" : sockets[i].handshake);
	}
	note(";");
}

static void answer_remotely(const char *json)
{
	struct peal_args args;
	peal_args_init(&args, json, strlen(json), 1, NULL, 0);
	peal_round_remote_answer(asked, &args);
	peal_args_deinit(&args);
}

static const struct peal_remote_result all_well = {
	.complete = true, .clients_expected = 2, .servers_expected = 3, .servers_answered = 3
};

/* --- what is told ------------------------------------------------------------------------------
 */

START_TEST(namespaces_that_clients_can_join_are_told_and_parents_are_not)
{
	peal_of(world.node, "/chat");
	peal_of_pattern(world.node, "^/dyn-");
	ck_recorded("open /chat;");
	join(open_session(), "/dyn-1");
	ck_recorded("open /dyn-1;");
	ck_assert_ptr_eq(peal_server_namespace(world.server, "/chat"),
			 peal_of(world.node, "/chat"));
	ck_assert_ptr_null(peal_server_namespace(world.server, "/none"));
}
END_TEST

static void note_name(struct peal_namespace *ns, void *context)
{
	uint64_t *number = context;
	note("%s;", peal_namespace_name(ns));
	*number = peal_barrier_issue(&world.barrier);
}

START_TEST(what_was_there_before_the_remote_is_covered_by_the_numbers_issued_in_the_walk)
{
	uint64_t number = 0;
	peal_server_each_namespace(world.server, note_name, &number);
	ck_recorded("/;");
	struct peal_session *session = open_session();
	fake_session_say(session, "40");
	settle();
	ck_assert_int_eq(strncmp(fake_session_heard(session), "hold 1|40{", 10), 0);
	peal_barrier_reach(&world.barrier, number);
}
END_TEST

START_TEST(a_child_that_is_cleaned_up_is_told_as_closed)
{
	struct peal_session *session = open_session();
	peal_of_pattern(world.node, "^/dyn-");
	struct peal_socket *socket = join(session, "/dyn-1");
	ck_assert_int_eq(peal_socket_join(socket, "r"), 0);
	ck_recorded("open /dyn-1;room r;");
	fake_session_say(session, "41/dyn-1,");
	settle();
	ck_recorded("no room r;close /dyn-1;");
	ck_assert_ptr_null(peal_server_namespace(world.server, "/dyn-1"));
}
END_TEST

START_TEST(a_room_is_told_with_its_first_and_its_last_member_and_own_ids_are_not)
{
	struct peal_socket *a = new_socket(), *b = new_socket();
	ck_recorded("");
	ck_assert_int_eq(peal_socket_join(a, "r"), 0);
	ck_assert_int_eq(peal_socket_join(b, "r"), 0);
	ck_recorded("room r;");
	/* What is named like an id of this node is covered with them. */
	ck_assert_int_eq(peal_socket_join(b, peal_socket_id(a)), 0);
	ck_assert_int_eq(peal_socket_leave(b, peal_socket_id(a)), 0);
	ck_recorded("");
	ck_assert_int_eq(peal_socket_leave(a, "r"), 0);
	ck_recorded("");
	fake_session_close(peal_socket_session(b), "transport close", NULL);
	settle();
	ck_recorded("no room r;");
}
END_TEST

START_TEST(ids_of_sockets_begin_with_the_uid_and_differ_behind_it)
{
	struct peal_socket *a = new_socket(), *b = new_socket();
	ck_assert_int_eq(strncmp(peal_socket_id(a), "uidUID", 6), 0);
	ck_assert_int_eq(strncmp(peal_socket_id(b), "uidUID", 6), 0);
	ck_assert_uint_eq(strlen(peal_socket_id(a)), 20);
	ck_assert_str_ne(peal_socket_id(a), peal_socket_id(b));
}
END_TEST

START_TEST(emits_leave_the_node_and_local_ones_do_not)
{
	struct peal_socket *socket = new_socket();
	ck_assert_int_eq(peal_emit(io, PEAL_ALL, "a", 1), 0);
	ck_assert_int_eq(
		peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS("r", "s"), .except = PEAL_ROOMS("t")),
			  "b"),
		0);
	ck_assert_int_eq(peal_emit(io, PEAL_TO(.flags = PEAL_LOCAL), "c"), 0);
	ck_recorded("emit / a[1];emit / b[] r s !t;");
	ck_assert_int_eq(peal_socket_broadcast(socket, PEAL_ALL, "d"), 0);
	char expected[64];
	snprintf(expected, sizeof(expected), "emit / d[] !%s;", peal_socket_id(socket));
	ck_recorded(expected);
	ck_received(socket, "42[\"a\",1]|42[\"c\"]|");
}
END_TEST

START_TEST(bulk_operations_leave_the_node_and_local_ones_do_not)
{
	const struct peal_target *local = PEAL_TO(.flags = PEAL_LOCAL);
	const struct peal_target *in_a = PEAL_TO(.rooms = PEAL_ROOMS("a"));
	ck_assert_int_eq(peal_sockets_join(io, in_a, PEAL_ROOMS("b")), 0);
	ck_assert_int_eq(peal_sockets_leave(io, in_a, PEAL_ROOMS("b")), 0);
	ck_assert_int_eq(peal_sockets_disconnect(io, in_a, true), 0);
	ck_recorded("join / b: a;leave / b: a;disconnect / close a;");
	ck_assert_int_eq(peal_sockets_join(io, local, PEAL_ROOMS("b")), 0);
	ck_assert_int_eq(peal_sockets_leave(io, local, PEAL_ROOMS("b")), 0);
	ck_assert_int_eq(peal_sockets_disconnect(io, local, false), 0);
	ck_recorded("");
}
END_TEST

/* --- who waits ---------------------------------------------------------------------------------
 */

START_TEST(who_joins_waits_for_the_number_of_the_room_until_it_is_reached)
{
	struct peal_socket *a = new_socket(), *b = new_socket();
	next_number = peal_barrier_issue(&world.barrier);
	ck_assert_int_eq(peal_socket_join(a, "r"), 0);
	ck_assert_int_eq(peal_socket_emit(a, 0, "joined"), 0);
	ck_received(a, "hold 1|42[\"joined\"]|");
	/* The second is told nothing, but waits for the same. */
	ck_assert_int_eq(peal_sockets_join(io,
					   PEAL_TO(.rooms = PEAL_ROOMS(peal_socket_id(b)),
						   .flags = PEAL_LOCAL),
					   PEAL_ROOMS("r")),
			 0);
	ck_received(b, "hold 1|");
	/* It is there already. */
	ck_assert_int_eq(peal_socket_join(b, "r"), 0);
	ck_received(b, "");
	peal_barrier_reach(&world.barrier, next_number);
	struct peal_socket *c = new_socket();
	ck_assert_int_eq(peal_socket_join(c, "r"), 0);
	ck_received(c, "");
}
END_TEST

START_TEST(who_connects_waits_for_the_number_of_the_namespace)
{
	next_number = peal_barrier_issue(&world.barrier);
	peal_of(world.node, "/late");
	struct peal_session *session = open_session();
	fake_session_say(session, "40/late,");
	settle();
	ck_assert_int_eq(strncmp(fake_session_heard(session), "hold 1|40/late,", 15), 0);
	/* Others are of no concern to it. */
	struct peal_session *other = open_session();
	fake_session_say(other, "40");
	settle();
	ck_assert_int_eq(strncmp(fake_session_heard(other), "40{", 3), 0);
}
END_TEST

START_TEST(results_of_several_servers_wait_for_the_joins_before_them)
{
	uint64_t number = peal_barrier_issue(&world.barrier);
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 5000, note_result, NULL, "q"), 0);
	ck_assert_int_eq(peal_sockets_fetch(io, PEAL_ALL, 0, note_sockets, NULL), 0);
	clear_record();
	answer_remotely("1");
	answer_remotely("2");
	peal_round_remote_end(asked, &all_well);
	peal_fetch_remote_end(fetched, PEAL_ACK_OK);
	/* Later ones are of no concern. */
	peal_barrier_issue(&world.barrier);
	settle();
	ck_recorded("");
	peal_barrier_reach(&world.barrier, number);
	settle();
	ck_recorded("result 0 clients 2/2 servers 4/4 1 2;sockets 0;");
}
END_TEST

START_TEST(local_results_and_timeouts_do_not_wait_for_joins)
{
	struct peal_socket *socket = new_socket();
	const struct peal_target *local = PEAL_TO(.flags = PEAL_LOCAL);
	ck_assert_int_eq(peal_emit_ack(io, local, 5000, note_result, NULL, "q"), 0);
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 500, note_result, NULL, "q"), 0);
	clear_record();
	fake_session_say(peal_socket_session(socket), "430[1]");
	ck_assert_int_eq(peal_sockets_fetch(io, local, 0, note_sockets, NULL), 0);
	peal_barrier_issue(&world.barrier);
	settle();
	ck_recorded("result 0 clients 1/1 servers 1/1 1;sockets 0 local@node-1({});");
	wait_ms(510);
	peal_round_remote_end(asked, &(struct peal_remote_result){ 0 });
	settle();
	ck_recorded("expired;result 1 clients 0/1 servers 1/1;");
}
END_TEST

/* --- rounds ------------------------------------------------------------------------------------
 */

START_TEST(a_round_is_told_when_both_parts_have_ended)
{
	struct peal_socket *socket = new_socket();
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 5000, note_result, NULL, "q"), 0);
	ck_recorded("ask / q 5000;");
	ck_received(socket, "420[\"q\"]|");
	answer_remotely("\"one\"");
	fake_session_say(peal_socket_session(socket), "430[\"here\",2]");
	peal_round_remote_answer(asked, NULL);
	settle();
	ck_recorded("");
	peal_round_remote_end(asked, &all_well);
	ck_recorded("");
	settle();
	ck_recorded("result 0 clients 3/3 servers 4/4 \"one\" \"here\" null;");
}
END_TEST

START_TEST(the_local_part_may_end_last)
{
	struct peal_socket *socket = new_socket();
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 5000, note_result, NULL, "q"), 0);
	clear_record();
	answer_remotely("1");
	answer_remotely("2");
	peal_round_remote_end(asked, &all_well);
	/* Nothing more is taken from there. */
	answer_remotely("3");
	peal_round_remote_end(asked, &all_well);
	settle();
	ck_recorded("");
	fake_session_say(peal_socket_session(socket), "430[3]");
	settle();
	ck_recorded("result 0 clients 3/3 servers 4/4 1 2 3;");
}
END_TEST

START_TEST(without_local_clients_the_remote_part_alone_decides)
{
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 5000, note_result, NULL, "q"), 0);
	clear_record();
	settle();
	ck_recorded("");
	answer_remotely("1");
	answer_remotely("2");
	peal_round_remote_end(asked, &all_well);
	settle();
	ck_recorded("result 0 clients 2/2 servers 4/4 1 2;");
}
END_TEST

START_TEST(a_local_round_never_asks_the_remote)
{
	struct peal_socket *socket = new_socket();
	ck_assert_int_eq(
		peal_emit_ack(io, PEAL_TO(.flags = PEAL_LOCAL), 5000, note_result, NULL, "q"), 0);
	ck_recorded("");
	fake_session_say(peal_socket_session(socket), "430[3]");
	ck_recorded("result 0 clients 1/1 servers 1/1 3;");
}
END_TEST

START_TEST(at_the_deadline_the_remote_is_asked_for_what_there_is)
{
	struct peal_socket *socket = new_socket();
	const char *const names[] = { "node-2", "node-3" };
	const struct peal_remote_result result = { .clients_expected = 2,
						   .servers_expected = 4,
						   .servers_answered = 1,
						   .missing_servers = names,
						   .missing_server_count = 2,
						   .unnamed_missing_servers = 1 };
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 500, note_result, NULL, "q"), 0);
	clear_record();
	answer_remotely("1");
	wait_ms(490);
	ck_recorded("");
	wait_ms(20);
	ck_recorded("expired;");
	/* Too late. */
	fake_session_say(peal_socket_session(socket), "430[3]");
	settle();
	ck_recorded("");
	answer_remotely("2");
	peal_round_remote_end(asked, &result);
	settle();
	ck_recorded("result 1 clients 2/3 servers 2/5 1 2 -node-2 -node-3 -1 unnamed;");
	ck_assert_uint_eq(world.stats.rounds_timed_out, 1);
	ck_assert_uint_eq(world.stats.acks_unknown, 1);
}
END_TEST

START_TEST(a_local_client_that_is_silent_makes_a_timeout_of_a_complete_remote_part)
{
	new_socket();
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 500, note_result, NULL, "q"), 0);
	clear_record();
	answer_remotely("1");
	answer_remotely("2");
	peal_round_remote_end(asked, &all_well);
	wait_ms(600);
	ck_recorded("result 1 clients 2/3 servers 4/4 1 2;");
}
END_TEST

START_TEST(a_server_that_is_missing_makes_a_timeout_of_a_complete_local_part)
{
	const struct peal_remote_result result = { .servers_expected = 1,
						   .unnamed_missing_servers = 1 };
	struct peal_socket *socket = new_socket();
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 500, note_result, NULL, "q"), 0);
	clear_record();
	peal_round_remote_end(asked, &result);
	settle();
	/* The local part goes on. */
	ck_recorded("");
	fake_session_say(peal_socket_session(socket), "430[3]");
	settle();
	ck_recorded("result 1 clients 1/1 servers 1/2 3 -1 unnamed;");
}
END_TEST

START_TEST(what_the_remote_refuses_is_what_the_call_returns)
{
	refusal = PEAL_EMIT_E_TOO_LARGE;
	new_socket();
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 500, note_result, NULL, "q"),
			 PEAL_EMIT_E_TOO_LARGE);
	ck_assert_int_eq(peal_sockets_fetch(io, PEAL_ALL, 0, NULL, NULL), PEAL_EMIT_E_TOO_LARGE);
	clear_record();
	wait_ms(1000);
	ck_recorded("");
	ck_assert_uint_eq(world.stats.rounds, 0);
}
END_TEST

START_TEST(a_round_outlives_its_namespace)
{
	struct peal_session *session = open_session();
	peal_of_pattern(world.node, "^/dyn-");
	struct peal_socket *socket = join(session, "/dyn-1");
	ck_assert_int_eq(
		peal_emit_ack(peal_socket_namespace(socket), PEAL_ALL, 500, note_result, NULL, "q"),
		0);
	clear_record();
	fake_session_say(session, "41/dyn-1,");
	settle();
	ck_recorded("close /dyn-1;");
	wait_ms(600);
	ck_recorded("expired;");
	peal_round_remote_end(asked, &(struct peal_remote_result){ .complete = true });
	settle();
	ck_recorded("result 1 clients 0/1 servers 1/1;");
}
END_TEST

START_TEST(when_the_remote_goes_open_rounds_and_fetches_end)
{
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 500, note_result, NULL, "q"), 0);
	ck_assert_int_eq(peal_sockets_fetch(io, PEAL_ALL, 0, NULL, NULL), 0);
	clear_record();
	peal_server_set_remote(world.server, NULL);
	settle();
	ck_recorded("result 1 clients 0/0 servers 1/1;");
}
END_TEST

/* --- fetch -------------------------------------------------------------------------------------
 */

START_TEST(fetched_sockets_are_those_of_this_node_and_then_the_others)
{
	char id[] = "other-1", room[] = "x", data[] = "{\"a\":1}", node[] = "node-2";
	const char *rooms[] = { "y", room };
	const struct peal_socket_info others[] = {
		{ .id = id, .rooms = rooms, .room_count = 2, .data = data, .handshake = "{}" },
		{ .id = "other-2", .data = "{}", .handshake = "{\"h\":1}" },
	};
	struct peal_socket *socket = new_socket();
	ck_assert_int_eq(peal_socket_join(socket, "r"), 0);
	clear_record();
	ck_assert_int_eq(
		peal_sockets_fetch(io, PEAL_TO(.rooms = PEAL_ROOMS("r")), 700, note_sockets, NULL),
		0);
	ck_recorded("fetch / 700 r;");
	settle();
	ck_recorded("");
	ck_assert_int_eq(peal_fetch_remote_add(fetched, node, others, 1), 0);
	/* Everything was copied. */
	id[0] = room[0] = data[1] = node[0] = '!';
	ck_assert_int_eq(peal_fetch_remote_add(fetched, "", others + 1, 1), 0);
	peal_fetch_remote_end(fetched, PEAL_ACK_TIMEOUT);
	ck_recorded("");
	settle();
	ck_recorded("sockets 1 local@node-1({},r) other-1@node-2({\"a\":1},y,x){} "
		    "other-2@({}){\"h\":1};");
}
END_TEST

START_TEST(a_local_fetch_asks_nobody)
{
	new_socket();
	ck_assert_int_eq(
		peal_sockets_fetch(io, PEAL_TO(.flags = PEAL_LOCAL), 0, note_sockets, NULL), 0);
	settle();
	ck_recorded("sockets 0 local@node-1({});");
}
END_TEST

/* --- stand-ins ---------------------------------------------------------------------------------
 */

START_TEST(a_stand_in_reaches_other_nodes_and_nothing_here)
{
	struct peal_namespace *far = peal_of_remote(world.node, "far");
	ck_assert_ptr_nonnull(far);
	ck_assert(peal_namespace_is_stand_in(far));
	ck_assert_str_eq(peal_namespace_name(far), "/far");
	ck_assert_uint_eq(world.stats.namespaces, 1);
	ck_assert_ptr_null(peal_server_namespace(world.server, "/far"));
	ck_assert_int_eq(peal_emit(far, PEAL_ALL, "e"), 0);
	ck_assert_int_eq(peal_sockets_join(far, PEAL_ALL, PEAL_ROOMS("r")), 0);
	ck_assert_int_eq(peal_sockets_leave(far, PEAL_ALL, PEAL_ROOMS("r")), 0);
	ck_assert_int_eq(peal_sockets_disconnect(far, PEAL_ALL, false), 0);
	ck_recorded("emit /far e[];join /far r:;leave /far r:;disconnect /far;");
	ck_assert_int_eq(peal_sockets_fetch(far, PEAL_ALL, 0, note_sockets, NULL), 0);
	peal_fetch_remote_end(fetched, PEAL_ACK_OK);
	ck_assert_int_eq(peal_emit_ack(far, PEAL_ALL, 500, note_result, NULL, "q"), 0);
	/* The round keeps it. */
	peal_of_remote_release(far);
	answer_remotely("1");
	answer_remotely("2");
	peal_round_remote_end(asked, &all_well);
	settle();
	ck_recorded("fetch /far 0;ask /far q 500;sockets 0;result 0 clients 2/2 servers 4/4 1 2;");
}
END_TEST

START_TEST(all_stand_ins_of_a_name_are_one)
{
	struct peal_namespace *one = peal_of_remote(world.node, "/far");
	struct peal_namespace *two = peal_of_remote(world.node, "far");
	ck_assert_ptr_eq(one, two);
	peal_of_remote_release(one);
	ck_assert_ptr_eq(peal_of_remote(world.node, "/far"), two);
	peal_of_remote_release(two);
	peal_of_remote_release(two);
	ck_assert_uint_eq(world.server->stand_ins.count, 0);
	peal_of_remote_release(NULL);
}
END_TEST

START_TEST(a_served_namespace_needs_no_stand_in)
{
	struct peal_namespace *chat = peal_of(world.node, "/chat");
	ck_assert_ptr_eq(peal_of_remote(world.node, "chat"), chat);
	ck_assert(!peal_namespace_is_stand_in(chat));
	peal_of_remote_release(chat);
	ck_assert_ptr_eq(peal_of(world.node, "/chat"), chat);
}
END_TEST

START_TEST(names_that_cannot_be_are_refused)
{
	char name[PEAL_LIMIT_NAME_BYTES + 2];
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ck_assert_ptr_null(peal_of_remote(world.node, NULL));
	ck_assert_ptr_null(peal_of_remote(world.node, "/a,b"));
	ck_assert_ptr_null(peal_of_remote(world.node, "/a\n"));
	ck_assert_ptr_null(peal_of_remote(world.node, "/\xff"));
	ck_assert_ptr_null(peal_of_remote(world.node, name));
}
END_TEST

START_TEST(clients_cannot_join_a_stand_in)
{
	struct peal_namespace *far = peal_of_remote(world.node, "/far");
	struct peal_session *session = open_session();
	fake_session_say(session, "40/far,");
	settle();
	ck_heard(session, "44/far,{\"message\":\"Invalid namespace\"}|");
	/* Made by now, the namespace is one of its own, and the stand-in stands for it. */
	struct peal_namespace *own = peal_of(world.node, "/far");
	ck_assert_ptr_ne(own, far);
	struct peal_socket *socket = join(session, "/far");
	ck_assert_int_eq(peal_emit(far, PEAL_ALL, "e"), 0);
	ck_received(socket, "42/far,[\"e\"]|");
	peal_of_remote_release(far);
}
END_TEST

START_TEST(a_stand_in_may_be_released_after_the_server_is_gone)
{
	/* The fixture frees the server; so does this, and what is left must not touch it. */
	struct peal_namespace *far = peal_of_remote(world.node, "/far");
	ck_assert_int_eq(peal_namespace_usable(far, true), 0);
	peal_server_set_remote(world.server, NULL);
	end();
	ck_assert_int_eq(peal_emit(far, PEAL_ALL, "e"), -ESHUTDOWN);
	peal_of_remote_release(far);
	set_up();
}
END_TEST

START_TEST(what_is_open_when_the_server_is_freed_is_forgotten_and_told)
{
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 500, note_result, NULL, "q"), 0);
	ck_assert_int_eq(peal_sockets_fetch(io, PEAL_ALL, 0, note_sockets, NULL), 0);
	clear_record();
	end();
	ck_recorded("forget;forget fetch;result 3 clients 0/0 servers 1/1;sockets 3;");
	set_up();
}
END_TEST

START_TEST(parents_are_not_usable_where_one_namespace_is_needed)
{
	struct peal_namespace *parent = peal_of_pattern(world.node, "^/p");
	ck_assert_int_eq(peal_namespace_usable(parent, true), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_namespace_usable(parent, false), 0);
	ck_assert_int_eq(peal_namespace_usable(NULL, false), PEAL_EMIT_E_INVALID);
}
END_TEST

static void set_up_with_cleanup(void)
{
	world.options.cleanup_empty_child_namespaces = true;
	set_up();
}

UNIT_MAIN_WITH("server_remote", set_up_with_cleanup, tear_down,
	       namespaces_that_clients_can_join_are_told_and_parents_are_not,
	       what_was_there_before_the_remote_is_covered_by_the_numbers_issued_in_the_walk,
	       a_child_that_is_cleaned_up_is_told_as_closed,
	       a_room_is_told_with_its_first_and_its_last_member_and_own_ids_are_not,
	       ids_of_sockets_begin_with_the_uid_and_differ_behind_it,
	       emits_leave_the_node_and_local_ones_do_not,
	       bulk_operations_leave_the_node_and_local_ones_do_not,
	       who_joins_waits_for_the_number_of_the_room_until_it_is_reached,
	       who_connects_waits_for_the_number_of_the_namespace,
	       results_of_several_servers_wait_for_the_joins_before_them,
	       local_results_and_timeouts_do_not_wait_for_joins,
	       a_round_is_told_when_both_parts_have_ended, the_local_part_may_end_last,
	       without_local_clients_the_remote_part_alone_decides,
	       a_local_round_never_asks_the_remote,
	       at_the_deadline_the_remote_is_asked_for_what_there_is,
	       a_local_client_that_is_silent_makes_a_timeout_of_a_complete_remote_part,
	       a_server_that_is_missing_makes_a_timeout_of_a_complete_local_part,
	       what_the_remote_refuses_is_what_the_call_returns, a_round_outlives_its_namespace,
	       when_the_remote_goes_open_rounds_and_fetches_end,
	       fetched_sockets_are_those_of_this_node_and_then_the_others,
	       a_local_fetch_asks_nobody, a_stand_in_reaches_other_nodes_and_nothing_here,
	       all_stand_ins_of_a_name_are_one, a_served_namespace_needs_no_stand_in,
	       names_that_cannot_be_are_refused, clients_cannot_join_a_stand_in,
	       a_stand_in_may_be_released_after_the_server_is_gone,
	       what_is_open_when_the_server_is_freed_is_forgotten_and_told,
	       parents_are_not_usable_where_one_namespace_is_needed)
