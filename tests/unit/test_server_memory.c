/*
 * The server and memory: what it allocates for a delivery, and that it survives when there is none,
 * at each place in turn.
 */
#include "tests/support/scarce_memory.h"
#include "tests/support/server_world.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "server/peer.h"
#include "server/server_private.h"

static struct peal_namespace *io, *parent;
static struct peal_session *sessions[4];
static struct peal_socket *neighbour;
static struct peal_session *neighbour_session;

static void count_acks(const struct peal_acks *acks, void *userdata)
{
	(void)acks;
	++*(size_t *)userdata;
}

static void count_ack(enum peal_ack_error error, const struct peal_args *args, void *userdata)
{
	(void)error;
	(void)args;
	++*(size_t *)userdata;
}

static void count_sockets(enum peal_ack_error error, const struct peal_socket_info *sockets,
			  size_t count, void *userdata)
{
	(void)error;
	(void)sockets;
	(void)count;
	++*(size_t *)userdata;
}

static void accept_all(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	(void)userdata;
	(void)!peal_socket_join(socket, "early");
	if (peal_args_count(peal_socket_auth(socket)) == 1)
		peal_next_accept(next);
}

static void accept_name(const char *name, const struct peal_args *auth, struct peal_next *next,
			void *userdata)
{
	(void)auth;
	(void)userdata;
	if (strstr(name, "no"))
		peal_next_refuse(next, "no", "{}");
	else
		peal_next_accept(next);
}

static void on_event(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	struct peal_responder *responder;
	(void)userdata;
	(void)peal_socket_broadcast_args(socket, PEAL_ALL, event->name, event->args);
	if (event->wants_ack && peal_event_responder(event, &responder) == 0)
		(void)peal_respond(responder, "x", PEAL_BYTES("\x01", 1));
}

static void ignore_event(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	(void)socket;
	(void)event;
	(void)userdata;
}

static void ignore_room(struct peal_namespace *ns, enum peal_room_change change, const char *room,
			const char *id, void *userdata)
{
	(void)ns;
	(void)change;
	(void)room;
	(void)id;
	(void)userdata;
}

/* Something of everything. Return: how many one-shot callbacks are due. */
static size_t live(size_t *called)
{
	size_t due = 0;
	fake_session_say(sessions[0], "40{\"token\":1}");
	fake_session_say(sessions[1], "40/dynamic,{\"token\":1}");
	fake_session_say(sessions[2], "40/no,");
	fake_session_say(sessions[3], "40");
	settle();
	fake_session_say(sessions[0], "42[\"e\",1,{}]");
	fake_session_say(sessions[0], "427[\"e\",1,{}]");
	fake_session_say(sessions[1], "451-/dynamic,1[\"e\",{\"_placeholder\":true,\"num\":0}]");
	fake_session_say_bytes(sessions[1], "abc", 3);
	for (uint32_t i = 0; i < io->socket_count; i++)
		(void)peal_socket_join(io->sockets[i], i % 2 ? "odd" : "even");
	due += peal_emit_ack(io, PEAL_ALL, 50, count_acks, called, "x", PEAL_BYTES("1", 1)) == 0;
	due += peal_socket_emit_ack(neighbour, 0, 50, count_ack, called, "x", 1.5) == 0;
	due += peal_socket_emit_ack(neighbour, 0, 0, count_ack, called, "x", "y") == 0;
	fake_session_say(sessions[0], "430[{\"a\":1}]");
	fake_session_say(neighbour_session, "461-0[{\"_placeholder\":true,\"num\":0}]");
	fake_session_say_bytes(neighbour_session, "1", 1);
	fake_session_say(neighbour_session, "431[2]");
	(void)peal_emit(parent, PEAL_ALL, "to children");
	(void)peal_sockets_join(io, PEAL_ALL, PEAL_ROOMS("a", "b"));
	due += peal_sockets_fetch(io, PEAL_ALL, 0, count_sockets, called) == 0;
	(void)peal_sockets_leave(io, PEAL_TO(.rooms = PEAL_ROOMS("a")), PEAL_ROOMS("b"));
	(void)peal_socket_set_data(neighbour, "{\"a\":1}");
	if (peal_socket_set_auth(neighbour, "{\"b\":1}") == 0)
		peal_args_json(peal_socket_auth(neighbour), 0);
	settle();
	(void)peal_sockets_disconnect(io, PEAL_TO(.rooms = PEAL_ROOMS("odd")), true);
	fake_session_close(sessions[0], "transport close", NULL);
	wait_ms(60);
	return due;
}

static void prepare(void)
{
	begin();
	io = peal_io(world.node);
	parent = peal_of_function(world.node, accept_name, NULL);
	for (size_t i = 0; i < 4; i++)
		sessions[i] = open_session();
	neighbour = peal_socket_ref(new_socket());
	neighbour_session = peal_socket_session(neighbour);
	ck_assert_int_eq(peal_use(io, accept_all, NULL), 0);
	ck_assert_int_eq(peal_use(parent, accept_all, NULL), 0);
	ck_assert_int_eq(peal_on_any(io, on_event, NULL), 0);
	ck_assert_int_eq(peal_on(parent, "e", on_event, NULL), 0);
	ck_assert_int_eq(peal_on_any_outgoing(io, ignore_event, NULL), 0);
	ck_assert_int_eq(peal_on_room(io, ignore_room, NULL), 0);
}

START_TEST(without_memory_calls_fail_sessions_may_close_and_nothing_is_lost_or_left)
{
	world.options.cleanup_empty_child_namespaces = true;
	for (size_t nth = 1;; nth++) {
		size_t called = 0, due;
		prepare();
		scarce.failed = false;
		scarce.failing = nth;
		due = live(&called);
		scarce.failing = 0;
		end();
		/* Each call that returned 0 has had its callback, once. */
		ck_assert_msg(called == due, "allocation %zu: %zu of %zu", nth, called, due);
		peal_socket_unref(neighbour);
		if (!scarce.failed) {
			/* All of them were tried. */
			ck_assert_uint_gt(nth, 100);
			ck_assert_uint_eq(due, 4);
			break;
		}
	}
}
END_TEST

/* --- with other nodes --------------------------------------------------------------------------
 */

static struct peal_round *asked_round;
static struct peal_fetch *asked_fetch;
static size_t answers;

static int ask_others(struct peal_namespace *ns, const struct peal_target *target,
		      const char *event, size_t event_length, const struct peal_args *args,
		      unsigned timeout_ms, struct peal_round *round, void *context)
{
	(void)ns, (void)target, (void)event, (void)event_length, (void)args, (void)timeout_ms;
	(void)context;
	asked_round = round;
	return 0;
}

static int fetch_from_others(struct peal_namespace *ns, const struct peal_target *target,
			     unsigned timeout_ms, struct peal_fetch *fetch, void *context)
{
	(void)ns, (void)target, (void)timeout_ms, (void)context;
	asked_fetch = fetch;
	return 0;
}

static void broadcast_to_others(struct peal_namespace *ns, const struct peal_target *target,
				const char *event, size_t event_length,
				const struct peal_args *args, void *context)
{
	(void)ns, (void)target, (void)event, (void)event_length, (void)args, (void)context;
}

static const struct peal_remote others = { .ask = ask_others,
					   .fetch = fetch_from_others,
					   .broadcast = broadcast_to_others };

static void on_asked_answer(struct peal_asked *asked, const struct peal_args *answer)
{
	(void)asked;
	(void)answer;
}

static void on_asked_done(struct peal_asked *asked, bool all_answered)
{
	(void)all_answered;
	asked->done = NULL; /* once */
}

static void on_server_reply(struct peal_server_reply *reply, const struct peal_args *answer)
{
	(void)reply;
	(void)answer;
	answers++;
}

static void on_server_event(struct peal_namespace *ns, const struct peal_event *event,
			    void *userdata)
{
	struct peal_responder *responder;
	(void)ns;
	(void)userdata;
	if (peal_event_responder(event, &responder) == 0)
		(void)peal_respond(responder, "x", PEAL_BYTES("\x01", 1));
}

/* What this node asks others. Return: how many one-shot callbacks are due. */
static size_t live_asking(size_t *called)
{
	static const char *const names[] = { "node-2", "node-3" };
	static const char *const rooms[] = { "r" };
	static const char placeholder[] = "{\"_placeholder\":true,\"num\":0}";
	const struct peal_remote_result result = { .clients_expected = 2,
						   .servers_expected = 2,
						   .missing_servers = names,
						   .missing_server_count = 2 };
	const struct peal_socket_info info = {
		.id = "id", .data = "{}", .handshake = "{}", .rooms = rooms, .room_count = 1
	};
	const struct peal_bytes bytes = { "1", 1 };
	size_t due = 0;
	struct peal_namespace *far = peal_of_remote(world.node, "/far");
	if (far) {
		(void)peal_emit(far, PEAL_TO(.except = PEAL_ROOMS("a")), "x", 1);
		peal_of_remote_release(far);
	}
	(void)peal_socket_broadcast(neighbour, PEAL_TO(.except = PEAL_ROOMS("a")), "x");
	if (peal_emit_ack(io, PEAL_ALL, 50, count_acks, called, "x") == 0) {
		struct peal_args answer;
		due++;
		peal_args_init(&answer, placeholder, strlen(placeholder), 1, &bytes, 1);
		peal_round_remote_answer(asked_round, &answer);
		peal_round_remote_answer(asked_round, NULL);
		peal_round_remote_end(asked_round, &result);
		peal_args_deinit(&answer);
	}
	if (peal_sockets_fetch(io, PEAL_ALL, 0, count_sockets, called) == 0) {
		due++;
		(void)!peal_fetch_remote_add(asked_fetch, "node-2", &info, 1);
		peal_fetch_remote_end(asked_fetch, PEAL_ACK_OK);
	}
	return due;
}

/* What others ask this node. Return: whether all of it has ended. */
static bool live_answering(void)
{
	struct peal_asked asked = { .answer = on_asked_answer, .done = on_asked_done };
	struct peal_server_reply reply;
	struct peal_snapshot *snapshot;
	const struct peal_target everyone = { 0 };
	const struct peal_socket_info *infos;
	struct peal_args args;
	uint32_t asked_count;
	size_t count;
	uint64_t number;
	peal_args_init(&args, "1", 1, 1, NULL, 0);
	(void)!peal_peer_broadcast(io, &everyone, "e", 1, &args, UINT64_MAX, &count);
	(void)!peal_peer_ask(io, &everyone, "e", 1, &args, 40, &asked, &asked_count);
	fake_session_say(neighbour_session, "431[1]");
	(void)!peal_peer_join(io, &everyone, PEAL_ROOMS("p", "q"), &count, &number);
	(void)!peal_peer_leave(io, &everyone, PEAL_ROOMS("p"), &count);
	if (peal_peer_fetch(io, &everyone, &snapshot, &infos, &count) == 0)
		peal_snapshot_free(snapshot);
	peal_server_reply_init(&reply, on_server_reply);
	(void)!peal_peer_server_event(io, "e", &args, &reply);
	peal_server_reply_forget(&reply);
	peal_args_deinit(&args);
	wait_ms(100);
	(void)!peal_peer_disconnect(io, &everyone, true, &count);
	/* Assertions allocate as well. */
	return !asked.round;
}

START_TEST(without_memory_nothing_between_nodes_is_lost_or_left)
{
	for (size_t nth = 1;; nth++) {
		size_t called = 0, due;
		begin();
		io = peal_io(world.node);
		neighbour = peal_socket_ref(new_socket());
		neighbour_session = peal_socket_session(neighbour);
		peal_server_set_remote(world.server, &others);
		ck_assert_int_eq(peal_on_server_event(io, "e", on_server_event, NULL), 0);
		answers = 0;
		scarce.failed = false;
		scarce.failing = nth;
		due = live_asking(&called);
		bool ended = live_answering();
		scarce.failing = 0;
		ck_assert(ended);
		peal_server_set_remote(world.server, NULL);
		end();
		ck_assert_msg(called == due, "allocation %zu: %zu of %zu", nth, called, due);
		ck_assert_uint_le(answers, 1);
		peal_socket_unref(neighbour);
		if (!scarce.failed) {
			ck_assert_uint_gt(nth, 30);
			ck_assert_uint_eq(due, 2);
			ck_assert_uint_eq(answers, 1);
			break;
		}
	}
}
END_TEST

START_TEST(a_child_that_nobody_could_join_for_want_of_memory_is_cleaned_up)
{
	world.options.cleanup_empty_child_namespaces = true;
	begin();
	ck_assert_ptr_nonnull(peal_of_pattern(world.node, "^/child"));
	for (size_t nth = 1;; nth++) {
		struct peal_session *session = open_session();
		scarce.failed = false;
		scarce.failing = nth;
		fake_session_say(session, "40/child,");
		scarce.failing = 0;
		settle();
		if (!scarce.failed) {
			ck_assert_uint_eq(world.stats.namespaces, 2);
			break;
		}
		fake_session_close(session, "transport close", NULL);
		settle();
		ck_assert_msg(world.stats.namespaces == 1, "allocation %zu", nth);
	}
	end();
}
END_TEST

START_TEST(a_server_that_cannot_be_made_says_so)
{
	struct peal_server *server;
	begin();
	for (size_t nth = 1;; nth++) {
		scarce.failed = false;
		scarce.failing = nth;
		int r = peal_server_new(world.loop, world.node, &world.decisions, &world.options,
					&world.stats, &world.log, &server);
		scarce.failing = 0;
		if (!scarce.failed) {
			ck_assert_int_eq(r, 0);
			peal_server_free(server);
			break;
		}
		ck_assert_int_eq(r, -ENOMEM);
	}
	end();
}
END_TEST

START_TEST(a_broadcast_allocates_nothing_per_recipient)
{
	begin();
	io = peal_io(world.node);
	for (size_t i = 0; i < 1000; i++) {
		struct peal_socket *socket = new_socket();
		ck_assert_int_eq(peal_socket_join(socket, "room"), 0);
		/* The recorder's own memory does not count. */
		ck_assert_ptr_nonnull(
			peal_buffer_reserve(&peal_socket_session(socket)->sent, 4096));
	}
	size_t before = scarce.allocations;
	ck_assert_int_eq(peal_emit(io, PEAL_ALL, "event", 1, "two"), 0);
	size_t everyone = scarce.allocations - before;
	before = scarce.allocations;
	ck_assert_int_eq(peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS("room")), "event", 1, "two"), 0);
	size_t room = scarce.allocations - before;
	/* The arguments, the head of the packet, the frame. */
	ck_assert_uint_le(everyone, 8);
	ck_assert_uint_le(room, 8);
	ck_assert_uint_eq(world.stats.deliveries, 2000);
	end();
}
END_TEST

START_TEST(joining_and_leaving_allocate_nothing_per_membership_in_the_long_run)
{
	enum { MEMBERS = 4096 };
	static struct peal_socket *sockets[MEMBERS];
	begin();
	for (size_t i = 0; i < MEMBERS; i++)
		sockets[i] = new_socket();
	int r = 0; /* assertions allocate as well */
	size_t before = scarce.allocations;
	for (size_t i = 0; i < MEMBERS; i++)
		r |= peal_socket_join(sockets[i], "room");
	/* One array per socket, and the room's own, which doubles. */
	ck_assert_uint_le(scarce.allocations - before, MEMBERS + 32);
	before = scarce.allocations;
	for (size_t i = 0; i < MEMBERS; i++)
		r |= peal_socket_leave(sockets[i], "room");
	ck_assert_uint_le(scarce.allocations - before, 32);
	ck_assert_int_eq(r, 0);
	end();
}
END_TEST

START_TEST(an_idle_client_costs_the_server_less_than_600_bytes)
{
	printf("# client %zu, socket %zu, member %zu + %zu, room %zu, namespace %zu bytes\n",
	       sizeof(struct peal_client), sizeof(struct peal_socket), sizeof(struct peal_member),
	       sizeof(struct peal_membership), sizeof(struct peal_room),
	       sizeof(struct peal_namespace));
	/* Two allocations, their heads, and pointers in the namespace's two arrays and its hash. */
	ck_assert_uint_lt(sizeof(struct peal_client) + sizeof(struct peal_socket) + 2 * 16 +
				  2 * 2 * 8 + 2 * 8,
			  600);
}
END_TEST

UNIT_MAIN("server_memory", without_memory_calls_fail_sessions_may_close_and_nothing_is_lost_or_left,
	  without_memory_nothing_between_nodes_is_lost_or_left,
	  a_child_that_nobody_could_join_for_want_of_memory_is_cleaned_up,
	  a_server_that_cannot_be_made_says_so, a_broadcast_allocates_nothing_per_recipient,
	  joining_and_leaving_allocate_nothing_per_membership_in_the_long_run,
	  an_idle_client_costs_the_server_less_than_600_bytes)
