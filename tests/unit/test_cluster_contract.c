/*
 * What every adapter has to make possible: the same behaviours of several nodes, run in memory and
 * through a real Redis.
 */
#include <stdio.h>

#include "tests/support/cluster_world.h"
#include "tests/support/redis_server.h"
#include "tests/unit/unit.h"

static struct redis_server redis;

static struct peal_adapter *through_redis(const char *name)
{
	struct peal_redis_options options;
	struct peal_adapter *adapter = NULL;
	char url[64], message[256] = "";
	(void)name;
	snprintf(url, sizeof(url), "redis://127.0.0.1:%u", redis.port);
	peal_redis_options_init(&options);
	options.url = url;
	ck_assert_msg(peal_redis_adapter_new(&options, &adapter, message, sizeof(message)) == 0,
		      "%s", message);
	return adapter;
}

static void begin_memory(void)
{
	world_begin(false);
}

static void begin_redis(void)
{
	redis_server_start(&redis, false);
	world_begin(true);
	world.new_adapter = through_redis;
}

static void end(void)
{
	world_end();
	if (redis.pid)
		redis_server_stop(&redis);
}

static struct peal_namespace *io(size_t node)
{
	return peal_io(&world.nodes[node]);
}

static struct peal_session *clients[3];

/* Three nodes with a client each. */
static void three_nodes(void)
{
	nodes(3);
	for (size_t i = 0; i < 3; i++)
		clients[i] = client(&world.nodes[i], "/");
}

/* Have the client of each node join a room of its own name: a, b, c. */
static void join_rooms(void)
{
	static const char *const rooms[] = { "a", "b", "c" };
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(
			peal_socket_join(socket_of(&world.nodes[i], "/", clients[i]), rooms[i]), 0);
	for (size_t i = 0; i < 3; i++)
		forget_heard(clients[i]);
}

/* --- events for clients --- */

START_TEST(an_event_for_everyone_reaches_the_clients_of_every_node_once)
{
	three_nodes();
	ck_assert_int_eq(peal_emit(io(0), PEAL_ALL, "hello", "world", 1), 0);
	for (size_t i = 0; i < 3; i++)
		UNTIL(has_heard(clients[i], "42[\"hello\",\"world\",1]|"));
	rest(50);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(times_heard(clients[i], "hello"), 1);
}
END_TEST

START_TEST(an_event_for_one_room_reaches_its_members_wherever_they_are)
{
	three_nodes();
	join_rooms();
	rest(50);
	peal_emit(io(0), PEAL_TO(.rooms = PEAL_ROOMS("b")), "to_b");
	peal_emit(io(1), PEAL_TO(.rooms = PEAL_ROOMS("b")), "to_b_too");
	UNTIL(has_heard(clients[1], "to_b\"") && has_heard(clients[1], "to_b_too"));
	rest(50);
	ck_assert(!has_heard(clients[0], "to_b"));
	ck_assert(!has_heard(clients[2], "to_b"));
}
END_TEST

START_TEST(several_rooms_and_exceptions_select_each_member_once)
{
	three_nodes();
	join_rooms();
	for (size_t i = 0; i < 3; i++)
		peal_socket_join(socket_of(&world.nodes[i], "/", client(&world.nodes[i], "/")),
				 "d");
	rest(50);
	peal_emit(io(2),
		  PEAL_TO(.rooms = PEAL_ROOMS("a", "b", "c"), .except = PEAL_ROOMS("b", "d")),
		  "some");
	UNTIL(has_heard(clients[0], "some") && has_heard(clients[2], "some"));
	rest(50);
	ck_assert_uint_eq(times_heard(clients[0], "some"), 1);
	ck_assert_uint_eq(times_heard(clients[1], "some"), 0);
	ck_assert_uint_eq(times_heard(clients[2], "some"), 1);
}
END_TEST

START_TEST(an_event_for_the_id_of_a_socket_reaches_it_from_any_node)
{
	char id[64];
	three_nodes();
	snprintf(id, sizeof(id), "%s", peal_socket_id(socket_of(&world.nodes[1], "/", clients[1])));
	peal_emit(io(0), PEAL_TO(.rooms = PEAL_ROOMS(id)), "yours");
	UNTIL(has_heard(clients[1], "yours"));
	rest(50);
	ck_assert(!has_heard(clients[0], "yours") && !has_heard(clients[2], "yours"));
}
END_TEST

START_TEST(a_local_event_stays_on_the_node)
{
	three_nodes();
	peal_emit(io(0), PEAL_TO(.flags = PEAL_LOCAL), "only_here");
	peal_emit(io(0), PEAL_ALL, "everywhere");
	UNTIL(has_heard(clients[1], "everywhere") && has_heard(clients[2], "everywhere"));
	ck_assert(has_heard(clients[0], "only_here"));
	ck_assert(!has_heard(clients[1], "only_here") && !has_heard(clients[2], "only_here"));
}
END_TEST

START_TEST(what_one_node_emits_arrives_in_that_order)
{
	char expected[8192] = "";
	three_nodes();
	forget_heard(clients[1]);
	for (int i = 0; i < 200; i++) {
		peal_emit(io(0), PEAL_ALL, "n", i);
		snprintf(expected + strlen(expected), 32, "42[\"n\",%d]|", i);
	}
	UNTIL(has_heard(clients[1], "[\"n\",199]"));
	ck_assert_str_eq(fake_session_heard(clients[1]), expected);
}
END_TEST

START_TEST(binary_reaches_other_nodes_whole)
{
	three_nodes();
	peal_emit(io(0), PEAL_ALL, "bytes", PEAL_BYTES("\x00\x01\xff", 3), "and text");
	UNTIL(has_heard(clients[1], "<0001ff>|"));
	ck_assert(has_heard(clients[1], "451-[\"bytes\",{\"_placeholder\":true,\"num\":0},\"and "
					"text\"]|<0001ff>|"));
}
END_TEST

START_TEST(a_namespace_does_not_hear_another)
{
	nodes(2);
	peal_of(&world.nodes[0], "/chat");
	peal_of(&world.nodes[1], "/chat");
	UNTIL(all_serve("/chat", 2));
	struct peal_session *chat = client(&world.nodes[1], "/chat");
	struct peal_session *main = client(&world.nodes[1], "/");
	peal_emit(peal_of(&world.nodes[0], "/chat"), PEAL_ALL, "hello");
	UNTIL(has_heard(chat, "42/chat,[\"hello\"]"));
	rest(50);
	ck_assert(!has_heard(main, "hello"));
}
END_TEST

/* --- acknowledgements --- */

static void answer_all(const char *json)
{
	for (size_t i = 0; i < 3; i++)
		UNTIL(answer(clients[i], "/", json));
}

START_TEST(acknowledgements_of_all_nodes_come_together)
{
	three_nodes();
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 5000, note_acks, NULL, "ask", 1), 0);
	UNTIL(answer(clients[0], "/", "1"));
	UNTIL(answer(clients[1], "/", "\"two\",2"));
	UNTIL(answer(clients[2], "/", ""));
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=3/3 servers=3/3 [\"two\" 1 null];");
}
END_TEST

START_TEST(an_acknowledged_event_that_selects_nobody_completes_at_once)
{
	three_nodes();
	uint64_t began = world_ms();
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_TO(.rooms = PEAL_ROOMS("nobody")), 20000,
				       note_acks, NULL, "ask"),
			 0);
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=0/0 servers=3/3 [];");
	ck_assert_uint_lt(world_ms() - began, 15000);
}
END_TEST

START_TEST(a_client_that_does_not_answer_is_missing_at_the_deadline)
{
	three_nodes();
	peal_emit_ack(io(0), PEAL_ALL, 300, note_acks, NULL, "ask");
	UNTIL(answer(clients[0], "/", "1"));
	UNTIL(answer(clients[1], "/", "2"));
	UNTIL(world.length);
	ck_recorded("acks error=1 clients=2/3 servers=3/3 [1 2];");
}
END_TEST

START_TEST(binary_acknowledgements_cross_nodes)
{
	static const unsigned char bytes[] = { 0xca, 0xfe };
	three_nodes();
	peal_emit_ack(io(0),
		      PEAL_TO(.rooms = PEAL_ROOMS(
				      peal_socket_id(socket_of(&world.nodes[1], "/", clients[1])))),
		      5000, note_acks, NULL, "ask");
	UNTIL(has_heard(clients[1], "[\"ask\"]"));
	ck_assert(has_heard(clients[1], "420[\"ask\"]"));
	fake_session_say(clients[1], "461-0[{\"_placeholder\":true,\"num\":0}]");
	fake_session_say_bytes(clients[1], bytes, sizeof(bytes));
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=1/1 servers=3/3 [{\"_placeholder\":true,\"num\":0}];");
}
END_TEST

START_TEST(local_acknowledgements_end_with_the_last_local_answer)
{
	three_nodes();
	peal_emit_ack(io(0), PEAL_TO(.flags = PEAL_LOCAL), 20000, note_acks, NULL, "ask");
	UNTIL(answer(clients[0], "/", "1"));
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=1/1 servers=1/1 [1];");
	ck_assert(!has_heard(clients[1], "ask"));
}
END_TEST

START_TEST(a_namespace_that_two_of_three_nodes_serve_completes)
{
	nodes(3);
	struct peal_namespace *chat = peal_of(&world.nodes[0], "/chat");
	peal_of(&world.nodes[1], "/chat");
	UNTIL(all_serve("/chat", 2));
	clients[1] = client(&world.nodes[1], "/chat");
	peal_emit_ack(chat, PEAL_ALL, 20000, note_acks, NULL, "ask");
	UNTIL(answer(clients[1], "/chat", "1"));
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=1/1 servers=2/2 [1];");
}
END_TEST

START_TEST(a_node_that_said_goodbye_is_not_waited_for)
{
	three_nodes();
	node_free(&world.nodes[2]);
	UNTIL(know_each_other());
	peal_emit_ack(io(0), PEAL_ALL, 20000, note_acks, NULL, "ask");
	UNTIL(answer(clients[0], "/", "1"));
	UNTIL(answer(clients[1], "/", "2"));
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=2/2 servers=2/2 [1 2];");
}
END_TEST

START_TEST(rounds_under_way_do_not_disturb_each_other)
{
	three_nodes();
	peal_emit_ack(io(0), PEAL_TO(.rooms = PEAL_ROOMS("nobody")), 20000, note_acks, "first",
		      "one");
	peal_emit_ack(io(1), PEAL_ALL, 20000, note_acks, "second", "two");
	answer_all("\"two\"");
	UNTIL(strstr(world.record, "second"));
	UNTIL(strstr(world.record, "first"));
	ck_assert_ptr_nonnull(strstr(world.record, "first error=0 clients=0/0 servers=3/3 [];"));
	ck_assert_ptr_nonnull(strstr(
		world.record, "second error=0 clients=3/3 servers=3/3 [\"two\" \"two\" \"two\"];"));
}
END_TEST

START_TEST(many_rounds_that_time_out_leave_nothing)
{
	three_nodes();
	for (size_t i = 0; i < 1000; i++)
		ck_assert_int_eq(peal_emit_ack(io(i % 3), PEAL_ALL, 200, NULL, NULL, "ask"), 0);
	UNTIL(has_heard(clients[0], "ask") && has_heard(clients[1], "ask"));
	ck_assert_uint_gt(world.nodes[0].stats.cluster_requests, 0);
	rest(500);
	for (size_t i = 0; i < 3; i++) {
		UNTIL(!world.nodes[i].stats.rounds);
		UNTIL(!world.nodes[i].stats.cluster_requests);
		UNTIL(!world.nodes[i].stats.cluster_answering);
	}
}
END_TEST

/* --- bulk operations --- */

START_TEST(sockets_of_all_nodes_join_and_leave)
{
	three_nodes();
	ck_assert_int_eq(peal_sockets_join_confirmed(io(0), PEAL_ALL, PEAL_ROOMS("x", "y"),
						     note_confirmed, NULL),
			 0);
	UNTIL(world.length);
	ck_recorded("confirmed 2/2;");
	peal_emit(io(1), PEAL_TO(.rooms = PEAL_ROOMS("x")), "first");
	for (size_t i = 0; i < 3; i++)
		UNTIL(has_heard(clients[i], "first"));
	ck_assert_int_eq(peal_sockets_leave_confirmed(io(2), PEAL_TO(.rooms = PEAL_ROOMS("y")),
						      PEAL_ROOMS("x"), note_confirmed, NULL),
			 0);
	UNTIL(world.length);
	ck_recorded("confirmed 2/2;");
	peal_emit(io(1), PEAL_TO(.rooms = PEAL_ROOMS("x")), "second");
	peal_emit(io(1), PEAL_TO(.rooms = PEAL_ROOMS("y")), "third");
	for (size_t i = 0; i < 3; i++) {
		UNTIL(has_heard(clients[i], "third"));
		ck_assert(!has_heard(clients[i], "second"));
	}
}
END_TEST

START_TEST(a_join_and_an_emit_of_the_same_node_stay_in_order)
{
	three_nodes();
	for (int i = 0; i < 20; i++) {
		char room[16];
		snprintf(room, sizeof(room), "room%d", i);
		peal_sockets_join(io(0), PEAL_ALL, PEAL_ROOMS(room));
		peal_emit(io(0), PEAL_TO(.rooms = PEAL_ROOMS(room)), "n", i);
	}
	for (size_t i = 0; i < 3; i++) {
		UNTIL(has_heard(clients[i], "[\"n\",19]"));
		ck_assert_uint_eq(times_heard(clients[i], "[\"n\","), 20);
	}
}
END_TEST

START_TEST(a_local_join_is_confirmed_without_others)
{
	three_nodes();
	peal_sockets_join_confirmed(io(0), PEAL_TO(.flags = PEAL_LOCAL), PEAL_ROOMS("x"),
				    note_confirmed, NULL);
	UNTIL(world.length);
	ck_recorded("confirmed 0/0;");
	peal_emit(io(0), PEAL_TO(.rooms = PEAL_ROOMS("x")), "in_x");
	peal_emit(io(0), PEAL_ALL, "all");
	UNTIL(has_heard(clients[1], "all"));
	ck_assert(has_heard(clients[0], "in_x") && !has_heard(clients[1], "in_x"));
}
END_TEST

START_TEST(sockets_of_all_nodes_are_disconnected)
{
	three_nodes();
	join_rooms();
	peal_sockets_disconnect(io(0), PEAL_TO(.rooms = PEAL_ROOMS("b", "c")), false);
	UNTIL(has_heard(clients[1], "41|") && has_heard(clients[2], "41|"));
	ck_assert(!has_heard(clients[0], "41|"));
}
END_TEST

/* --- looking around --- */

START_TEST(fetching_finds_the_sockets_of_all_nodes)
{
	three_nodes();
	ck_assert_int_eq(peal_sockets_fetch(io(0), PEAL_ALL, 0, note_sockets, NULL), 0);
	UNTIL(world.length);
	ck_recorded("sockets error=0 3 [n1 n2 n3];");
	join_rooms();
	rest(50);
	peal_sockets_fetch(io(0), PEAL_TO(.rooms = PEAL_ROOMS("b")), 0, note_sockets, NULL);
	UNTIL(world.length);
	ck_recorded("sockets error=0 1 [n2];");
	peal_sockets_fetch(io(0), PEAL_TO(.flags = PEAL_LOCAL), 0, note_sockets, NULL);
	UNTIL(world.length);
	ck_recorded("sockets error=0 1 [n1];");
}
END_TEST

START_TEST(a_large_fetch_comes_in_parts_and_whole)
{
	nodes(2);
	for (size_t i = 0; i < 1203; i++) {
		struct peal_session *session =
			fake_session_open(world.nodes[1].loop, world.nodes[1].server);
		fake_session_say(session, "40");
	}
	UNTIL(world.nodes[1].stats.sockets == 1203);
	peal_sockets_fetch(io(0), PEAL_ALL, 20000, note_sockets, NULL);
	UNTIL(world.length);
	ck_recorded("sockets error=0 1203;");
}
END_TEST

START_TEST(rooms_of_all_nodes_are_listed_once_without_ids)
{
	three_nodes();
	join_rooms();
	peal_socket_join(socket_of(&world.nodes[1], "/", clients[1]), "a");
	rest(50);
	ck_assert_int_eq(peal_rooms_fetch(io(2), 0, note_rooms, NULL), 0);
	UNTIL(world.length);
	ck_recorded("rooms error=0 [a b c];");
}
END_TEST

/* --- servers --- */

static const char *name_of(struct peal_namespace *ns)
{
	return peal_namespace_node(ns)->name;
}

static void on_server_event(struct peal_namespace *ns, const struct peal_event *event,
			    void *userdata)
{
	size_t length;
	const char *text = peal_args_text(event->args, &length);
	(void)ns, (void)userdata;
	note("%s %s[%.*s]%s;", name_of(ns), event->name, (int)length, text,
	     event->wants_ack ? "?" : "");
	if (event->wants_ack)
		peal_reply(event, name_of(ns));
}

START_TEST(an_event_for_servers_reaches_the_others_and_no_client)
{
	three_nodes();
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(peal_on_server_event(io(i), "ping", on_server_event, NULL), 0);
	ck_assert_int_eq(peal_server_emit(io(0), "ping", 1, "x"), 0);
	UNTIL(world.length);
	rest(50);
	ck_recorded("n2 ping[1,\"x\"];");
	for (size_t i = 0; i < 3; i++)
		ck_assert(!has_heard(clients[i], "ping"));
}
END_TEST

START_TEST(servers_answer_an_event)
{
	three_nodes();
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(peal_on_server_event(io(i), "ping", on_server_event, NULL), 0);
	ck_assert_int_eq(peal_server_emit_ack(io(0), 0, note_acks, NULL, "ping"), 0);
	UNTIL(strstr(world.record, "acks"));
	ck_assert_ptr_nonnull(
		strstr(world.record, "acks error=0 clients=0/0 servers=2/2 [\"n2\" \"n3\"];"));
}
END_TEST

START_TEST(a_server_that_does_not_answer_an_event_is_named)
{
	three_nodes();
	ck_assert_int_eq(peal_on_server_event(io(1), "ping", on_server_event, NULL), 0);
	peal_server_emit_ack(io(0), 300, note_acks, NULL, "ping");
	UNTIL(strstr(world.record, "acks"));
	ck_assert_ptr_nonnull(strstr(
		world.record, "acks error=1 clients=0/0 servers=1/2 missing=n3,0 [\"n2\"];"));
}
END_TEST

START_TEST(a_program_answers_events_that_nobody_handles)
{
	for (size_t i = 0; i < 2; i++) {
		struct peal_node *node = node_new(true);
		node->answer_server_events = true;
		node_start(node);
	}
	UNTIL(know_each_other());
	peal_server_emit_ack(io(0), 20000, note_acks, NULL, "ping");
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=0/0 servers=1/1 [null];");
}
END_TEST

static struct peal_responder *responder;

static void answer_later(struct peal_namespace *ns, const struct peal_event *event, void *userdata)
{
	(void)ns, (void)userdata;
	ck_assert_int_eq(peal_event_responder(event, &responder), 0);
}

START_TEST(a_server_may_answer_an_event_later)
{
	nodes(2);
	ck_assert_int_eq(peal_on_server_event(io(1), "ping", answer_later, NULL), 0);
	peal_server_emit_ack(io(0), 20000, note_acks, NULL, "ping");
	UNTIL(responder);
	rest(100);
	ck_recorded("");
	ck_assert_int_eq(peal_respond(responder, "late"), 0);
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=0/0 servers=1/1 [\"late\"];");
}
END_TEST

START_TEST(a_server_that_answers_after_the_end_changes_nothing)
{
	nodes(2);
	ck_assert_int_eq(peal_on_server_event(io(1), "ping", answer_later, NULL), 0);
	peal_server_emit_ack(io(0), 100, note_acks, NULL, "ping");
	UNTIL(world.length);
	ck_recorded("acks error=1 clients=0/0 servers=0/1 missing=n2,0 [];");
	ck_assert_int_eq(peal_respond(responder, "late"), 0);
	UNTIL(world.nodes[0].stats.cluster_answers_late == 1);
	ck_recorded("");
}
END_TEST

/* --- namespaces that are not served --- */

START_TEST(a_node_emits_to_a_namespace_that_it_does_not_serve)
{
	nodes(2);
	peal_of(&world.nodes[1], "/chat");
	UNTIL(all_serve("/chat", 1));
	clients[1] = client(&world.nodes[1], "/chat");
	struct peal_namespace *chat = peal_of_remote(&world.nodes[0], "/chat");
	ck_assert_int_eq(peal_emit(chat, PEAL_ALL, "hello"), 0);
	UNTIL(has_heard(clients[1], "42/chat,[\"hello\"]"));
	ck_assert_int_eq(peal_emit_ack(chat, PEAL_ALL, 20000, note_acks, NULL, "ask"), 0);
	UNTIL(answer(clients[1], "/chat", "1"));
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=1/1 servers=2/2 [1];");
	ck_assert_int_eq(peal_sockets_fetch(chat, PEAL_ALL, 20000, note_sockets, NULL), 0);
	UNTIL(world.length);
	ck_recorded("sockets error=0 1 [n2];");
	ck_assert_int_eq(
		peal_sockets_join_confirmed(chat, PEAL_ALL, PEAL_ROOMS("x"), note_confirmed, NULL),
		0);
	UNTIL(world.length);
	ck_recorded("confirmed 1/1;");
	ck_assert_int_eq(peal_rooms_fetch(chat, 20000, note_rooms, NULL), 0);
	UNTIL(world.length);
	ck_recorded("rooms error=0 [x];");
	peal_of_remote_release(chat);
}
END_TEST

/* --- alone --- */

START_TEST(a_node_without_adapter_is_a_cluster_of_one)
{
	node_start(node_new(false));
	struct peal_namespace *ns = io(0);
	clients[0] = client(&world.nodes[0], "/");
	peal_emit_ack(ns, PEAL_ALL, 20000, note_acks, NULL, "ask");
	UNTIL(answer(clients[0], "/", "1"));
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=1/1 servers=1/1 [1];");
	ck_assert_int_eq(peal_server_emit(ns, "ping"), 0);
	ck_assert_int_eq(peal_server_emit_ack(ns, 0, note_acks, NULL, "ping"), 0);
	ck_recorded("");
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=0/0 servers=0/0 [];");
	peal_sockets_join_confirmed(ns, PEAL_ALL, PEAL_ROOMS("x"), note_confirmed, NULL);
	UNTIL(world.length);
	ck_recorded("confirmed 0/0;");
	peal_rooms_fetch(ns, 0, note_rooms, NULL);
	UNTIL(world.length);
	ck_recorded("rooms error=0 [x];");
}
END_TEST

START_TEST(what_cannot_be_sent_is_refused)
{
	nodes(1);
	struct peal_namespace *parent = peal_of_pattern(&world.nodes[0], "^/dynamic-");
	ck_assert_int_eq(peal_server_emit(io(0), "connection"), PEAL_EMIT_E_RESERVED);
	ck_assert_int_eq(peal_server_emit(io(0), "\xff"), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_server_emit(parent, "ping"), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_server_emit_ack(parent, 0, note_acks, NULL, "ping"),
			 PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_rooms_fetch(parent, 0, note_rooms, NULL), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_sockets_join_confirmed(io(0), PEAL_TO(.rooms = PEAL_ROOMS()),
						     PEAL_ROOMS("x"), note_confirmed, NULL),
			 PEAL_EMIT_E_INVALID);
	rest(50);
	ck_recorded("");
}
END_TEST

START_TEST(what_is_under_way_ends_with_the_node)
{
	three_nodes();
	ck_assert_int_eq(peal_on_server_event(io(1), "ping", answer_later, NULL), 0);
	peal_emit_ack(io(0), PEAL_ALL, 20000, note_acks, NULL, "ask");
	peal_server_emit_ack(io(0), 20000, note_acks, "servers", "ping");
	UNTIL(responder && has_heard(clients[1], "ask"));
	node_free(&world.nodes[0]);
	ck_assert_ptr_nonnull(strstr(world.record, "acks error=3"));
	ck_assert_ptr_nonnull(strstr(world.record, "servers error=3"));
	/* And the one that owes an answer may go first. */
	node_free(&world.nodes[1]);
	peal_responder_free(responder);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_event_for_everyone_reaches_the_clients_of_every_node_once,
		an_event_for_one_room_reaches_its_members_wherever_they_are,
		several_rooms_and_exceptions_select_each_member_once,
		an_event_for_the_id_of_a_socket_reaches_it_from_any_node,
		a_local_event_stays_on_the_node,
		what_one_node_emits_arrives_in_that_order,
		binary_reaches_other_nodes_whole,
		a_namespace_does_not_hear_another,
		acknowledgements_of_all_nodes_come_together,
		an_acknowledged_event_that_selects_nobody_completes_at_once,
		a_client_that_does_not_answer_is_missing_at_the_deadline,
		binary_acknowledgements_cross_nodes,
		local_acknowledgements_end_with_the_last_local_answer,
		a_namespace_that_two_of_three_nodes_serve_completes,
		a_node_that_said_goodbye_is_not_waited_for,
		rounds_under_way_do_not_disturb_each_other,
		many_rounds_that_time_out_leave_nothing,
		sockets_of_all_nodes_join_and_leave,
		a_join_and_an_emit_of_the_same_node_stay_in_order,
		a_local_join_is_confirmed_without_others,
		sockets_of_all_nodes_are_disconnected,
		fetching_finds_the_sockets_of_all_nodes,
		a_large_fetch_comes_in_parts_and_whole,
		rooms_of_all_nodes_are_listed_once_without_ids,
		an_event_for_servers_reaches_the_others_and_no_client,
		servers_answer_an_event,
		a_server_that_does_not_answer_an_event_is_named,
		a_program_answers_events_that_nobody_handles,
		a_server_may_answer_an_event_later,
		a_server_that_answers_after_the_end_changes_nothing,
		a_node_emits_to_a_namespace_that_it_does_not_serve,
		a_node_without_adapter_is_a_cluster_of_one,
		what_cannot_be_sent_is_refused,
		what_is_under_way_ends_with_the_node,
	};
	Suite *suite = suite_create("cluster_contract");
	TCase *memory = tcase_create("in memory"), *through = tcase_create("through Redis");
	tcase_add_checked_fixture(memory, begin_memory, end);
	tcase_add_checked_fixture(through, begin_redis, end);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		tcase_add_test(memory, tests[i]);
		tcase_add_test(through, tests[i]);
	}
	tcase_set_timeout(memory, 60);
	tcase_set_timeout(through, 60);
	suite_add_tcase(suite, memory);
	suite_add_tcase(suite, through);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
