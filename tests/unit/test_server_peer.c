/* What other nodes do to the clients of this one. */
#include "tests/support/server_world.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "server/peer.h"
#include "server/server_private.h"

static struct peal_namespace *io;

/* Whatever a peer sent must not be told to peers again. */
static void never_broadcast(struct peal_namespace *ns, const struct peal_target *target,
			    const char *event, size_t event_length, const struct peal_args *args,
			    void *context)
{
	(void)ns, (void)target, (void)event, (void)event_length, (void)args, (void)context;
	ck_abort_msg("it was published");
}

static void never_change(struct peal_namespace *ns, const struct peal_target *target,
			 struct peal_rooms rooms, void *context)
{
	(void)ns, (void)target, (void)rooms, (void)context;
	ck_abort_msg("it was published");
}

static void never_disconnect(struct peal_namespace *ns, const struct peal_target *target,
			     bool close, void *context)
{
	(void)ns, (void)target, (void)close, (void)context;
	ck_abort_msg("it was published");
}

static uint64_t issue(struct peal_namespace *ns, const char *room, size_t length, void *context)
{
	(void)ns, (void)room, (void)length, (void)context;
	return peal_barrier_issue(&world.barrier);
}

static const struct peal_remote remote = {
	.room_opened = issue,
	.broadcast = never_broadcast,
	.join = never_change,
	.leave = never_change,
	.disconnect = never_disconnect,
};

static void set_up(void)
{
	begin();
	io = peal_io(world.node);
	peal_server_set_remote(world.server, &remote);
}

static void tear_down(void)
{
	peal_server_set_remote(world.server, NULL);
	end();
}

static const struct peal_target everyone;

static int send_event(const struct peal_target *target, const char *event, uint64_t id,
		      size_t *ret_selected)
{
	struct peal_args args;
	peal_args_init(&args, "1,\"two\"", 7, 2, NULL, 0);
	/* The name is not NUL-terminated. */
	char name[32];
	size_t length = strlen(event);
	memset(name, 'x', sizeof(name));
	memcpy(name, event, length);
	int r = peal_peer_broadcast(io, target, name, length, &args, id, ret_selected);
	peal_args_deinit(&args);
	return r;
}

/* --- events for clients ------------------------------------------------------------------------
 */

START_TEST(a_broadcast_reaches_the_selected_and_says_how_many_they_are)
{
	struct peal_socket *a = new_socket(), *b = new_socket();
	size_t selected = 99;
	ck_assert_int_eq(peal_socket_join(a, "r"), 0);
	peal_barrier_let_go(&world.barrier);
	received(a);
	ck_assert_int_eq(send_event(&everyone, "e", UINT64_MAX, &selected), 0);
	ck_assert_uint_eq(selected, 2);
	ck_received(a, "42[\"e\",1,\"two\"]|");
	ck_received(b, "42[\"e\",1,\"two\"]|");
	ck_assert_int_eq(send_event(PEAL_TO(.rooms = PEAL_ROOMS("r")), "e", UINT64_MAX, &selected),
			 0);
	ck_assert_uint_eq(selected, 1);
	ck_received(b, "");
	ck_assert_int_eq(send_event(PEAL_TO(.except = PEAL_ROOMS("r")), "f", UINT64_MAX, &selected),
			 0);
	ck_assert_uint_eq(selected, 1);
	ck_received(b, "42[\"f\",1,\"two\"]|");
	ck_assert_int_eq(
		send_event(PEAL_TO(.rooms = PEAL_ROOMS("none")), "e", UINT64_MAX, &selected), 0);
	ck_assert_uint_eq(selected, 0);
	ck_assert_uint_eq(world.stats.emits, 0);
}
END_TEST

START_TEST(a_packet_id_of_the_sender_is_kept)
{
	struct peal_socket *a = new_socket();
	size_t selected;
	ck_assert_int_eq(send_event(&everyone, "e", 7, &selected), 0);
	ck_received(a, "427[\"e\",1,\"two\"]|");
}
END_TEST

START_TEST(a_volatile_broadcast_counts_the_busy_as_selected_and_skips_them)
{
	struct peal_socket *a = new_socket();
	size_t selected;
	peal_socket_session(a)->busy = true;
	ck_assert_int_eq(send_event(PEAL_TO(.flags = PEAL_VOLATILE), "e", UINT64_MAX, &selected),
			 0);
	ck_assert_uint_eq(selected, 1);
	ck_received(a, "");
}
END_TEST

START_TEST(a_broadcast_with_too_many_attachments_is_refused)
{
	struct peal_bytes bytes[PEAL_LIMIT_ATTACHMENTS + 1] = { { NULL, 0 } };
	struct peal_args args;
	size_t selected;
	new_socket();
	peal_args_init(&args, "1", 1, 1, bytes, PEAL_LIMIT_ATTACHMENTS + 1);
	ck_assert_int_eq(peal_peer_broadcast(io, &everyone, "e", 1, &args, UINT64_MAX, &selected),
			 PEAL_EMIT_E_TOO_LARGE);
	peal_args_deinit(&args);
}
END_TEST

/* --- asked -------------------------------------------------------------------------------------
 */

static struct peal_asked asked;
static bool forget_at_answer;

static void on_answer(struct peal_asked *this_asked, const struct peal_args *answer)
{
	size_t length;
	ck_assert_ptr_eq(this_asked, &asked);
	const char *text = answer ? peal_args_text(answer, &length) : NULL;
	if (answer)
		note("answer %.*s+%zu;", (int)length, text, peal_args_attachment_count(answer));
	else
		note("answer;");
	if (forget_at_answer)
		peal_peer_forget(this_asked);
}

static void on_done(struct peal_asked *this_asked, bool all_answered)
{
	ck_assert_ptr_null(this_asked->round);
	note(all_answered ? "done;" : "late;");
	/* It may be freed here. */
	memset(this_asked, 0xff, sizeof(*this_asked));
}

static uint32_t ask_all(unsigned timeout_ms)
{
	struct peal_args args;
	uint32_t count = 99;
	asked = (struct peal_asked){ .answer = on_answer, .done = on_done };
	peal_args_init(&args, NULL, 0, 0, NULL, 0);
	ck_assert_int_eq(peal_peer_ask(io, &everyone, "q", 1, &args, timeout_ms, &asked, &count),
			 0);
	peal_args_deinit(&args);
	return count;
}

START_TEST(answers_of_the_asked_are_passed_on_as_they_come)
{
	struct peal_socket *a = new_socket(), *b = new_socket(), *c = new_socket();
	ck_assert_uint_eq(ask_all(1000), 3);
	ck_received(a, "420[\"q\"]|");
	fake_session_say(peal_socket_session(a), "430[\"x\",2]");
	ck_recorded("answer \"x\"+0;");
	/* Twice does not count. */
	fake_session_say(peal_socket_session(a), "430[\"x\"]");
	fake_session_say(peal_socket_session(b), "430[]");
	ck_recorded("answer;");
	fake_session_say(peal_socket_session(c), "461-0[{\"_placeholder\":true,\"num\":0}]");
	fake_session_say_bytes(peal_socket_session(c), "\x01", 1);
	ck_recorded("answer {\"_placeholder\":true,\"num\":0}+1;done;");
	ck_assert_uint_eq(world.stats.rounds, 0);
	wait_ms(2000);
	ck_recorded("");
}
END_TEST

START_TEST(the_asking_ends_with_its_time)
{
	struct peal_socket *a = new_socket();
	ck_assert_uint_eq(ask_all(1000), 1);
	wait_ms(1100);
	ck_recorded("late;");
	fake_session_say(peal_socket_session(a), "430[1]");
	ck_recorded("");
	/* The timeout is the other node's. */
	ck_assert_uint_eq(world.stats.rounds_timed_out, 0);
	ck_assert_uint_eq(world.stats.rounds, 0);
}
END_TEST

START_TEST(with_nobody_to_ask_there_is_no_round)
{
	ck_assert_uint_eq(ask_all(1000), 0);
	ck_assert_ptr_null(asked.round);
	ck_assert_uint_eq(world.stats.rounds, 0);
	wait_ms(1100);
	ck_recorded("");
}
END_TEST

START_TEST(forgotten_answers_go_nowhere)
{
	struct peal_socket *a = new_socket();
	ck_assert_uint_eq(ask_all(1000), 1);
	peal_peer_forget(&asked);
	ck_assert_ptr_null(asked.round);
	peal_peer_forget(&asked);
	fake_session_say(peal_socket_session(a), "430[1]");
	wait_ms(1100);
	ck_recorded("");
	ck_assert_uint_eq(world.stats.rounds, 0);
}
END_TEST

START_TEST(the_asker_may_lose_interest_while_it_hears_an_answer)
{
	struct peal_socket *a = new_socket();
	new_socket();
	forget_at_answer = true;
	ck_assert_uint_eq(ask_all(1000), 2);
	fake_session_say(peal_socket_session(a), "430[1]");
	wait_ms(1100);
	ck_recorded("answer 1+0;");
	/* The last one, too. */
	ck_assert_uint_eq(ask_all(1000), 2);
	fake_session_say(peal_socket_session(a), "431[1]");
	ck_recorded("answer 1+0;");
	ck_assert_uint_eq(world.stats.rounds, 0);
}
END_TEST

START_TEST(a_server_that_is_freed_ends_what_is_asked)
{
	new_socket();
	ck_assert_uint_eq(ask_all(1000), 1);
	tear_down();
	ck_recorded("late;");
	set_up();
}
END_TEST

/* --- bulk operations ---------------------------------------------------------------------------
 */

START_TEST(sockets_join_and_leave_for_a_peer_without_telling_others)
{
	struct peal_socket *a = new_socket();
	const struct peal_target *alone = PEAL_TO(.rooms = PEAL_ROOMS(peal_socket_id(a)));
	size_t selected;
	uint64_t number = 99;
	new_socket();
	ck_assert_int_eq(peal_peer_join(io, alone, PEAL_ROOMS("r", "s"), &selected, &number), 0);
	ck_assert_uint_eq(selected, 1);
	ck_assert_uint_eq(number, 2);
	ck_assert(peal_socket_in_room(a, "s"));
	/* Another that joins the same rooms has the same to wait for. */
	ck_assert_int_eq(peal_peer_join(io, &everyone, PEAL_ROOMS("r"), &selected, &number), 0);
	ck_assert_uint_eq(selected, 2);
	ck_assert_uint_eq(number, 1);
	peal_barrier_reach(&world.barrier, 1);
	ck_assert_int_eq(peal_peer_join(io, &everyone, PEAL_ROOMS("r"), &selected, &number), 0);
	ck_assert_uint_eq(number, 0);
	ck_assert_int_eq(peal_peer_leave(io, alone, PEAL_ROOMS("r", "s"), &selected), 0);
	ck_assert_uint_eq(selected, 1);
	ck_assert(!peal_socket_in_room(a, "r"));
	ck_assert_int_eq(peal_peer_join(io, PEAL_TO(.rooms = PEAL_ROOMS("none")), PEAL_ROOMS("t"),
					&selected, &number),
			 0);
	ck_assert_uint_eq(selected, 0);
	ck_assert_uint_eq(number, 0);
}
END_TEST

START_TEST(sockets_are_disconnected_for_a_peer)
{
	struct peal_socket *a = new_socket();
	struct peal_session *session = peal_socket_session(a);
	size_t selected;
	ck_assert_int_eq(peal_peer_disconnect(io, &everyone, false, &selected), 0);
	ck_assert_uint_eq(selected, 1);
	settle();
	ck_heard(session, "41|");
	ck_assert(peal_session_open(session));
	new_socket();
	ck_assert_int_eq(peal_peer_disconnect(io, &everyone, true, &selected), 0);
	settle();
	ck_assert_uint_eq(world.stats.sockets, 0);
}
END_TEST

START_TEST(a_snapshot_keeps_what_it_shows)
{
	struct peal_socket *a = new_socket();
	struct peal_snapshot *snapshot;
	const struct peal_socket_info *infos;
	size_t count;
	ck_assert_int_eq(peal_socket_join(a, "r"), 0);
	ck_assert_int_eq(peal_socket_set_data(a, "[1]"), 0);
	ck_assert_int_eq(peal_peer_fetch(io, &everyone, &snapshot, &infos, &count), 0);
	fake_session_close(peal_socket_session(a), "transport close", NULL);
	settle();
	ck_assert_uint_eq(count, 1);
	ck_assert_ptr_eq(infos[0].socket, a);
	ck_assert_str_eq(infos[0].node, "node-1");
	ck_assert_str_eq(infos[0].data, "[1]");
	ck_assert_uint_eq(infos[0].room_count, 2);
	ck_assert_str_eq(infos[0].rooms[0], infos[0].id);
	ck_assert_str_eq(infos[0].rooms[1], "r");
	ck_assert_ptr_nonnull(strstr(infos[0].handshake, "\"address\":\"127.0.0.1\""));
	peal_snapshot_free(snapshot);
	ck_assert_int_eq(peal_peer_fetch(io, &everyone, &snapshot, &infos, &count), 0);
	ck_assert_uint_eq(count, 0);
	peal_snapshot_free(snapshot);
	peal_snapshot_free(NULL);
}
END_TEST

/* --- events between servers --------------------------------------------------------------------
 */

static struct peal_server_reply reply;
static struct peal_responder *responder;

static void on_reply(struct peal_server_reply *this_reply, const struct peal_args *answer)
{
	size_t length;
	ck_assert_ptr_eq(this_reply, &reply);
	const char *text = answer ? peal_args_text(answer, &length) : NULL;
	if (answer)
		note("reply %.*s;", (int)length, text);
	else
		note("reply;");
	/* It may be freed here. */
	memset(this_reply, 0xff, sizeof(*this_reply));
}

static void answer_it(struct peal_namespace *ns, const struct peal_event *event, void *userdata)
{
	(void)userdata;
	ck_assert_ptr_eq(ns, io);
	note("%s %zu%s;", event->name, peal_args_count(event->args), event->wants_ack ? "?" : "");
	int r = peal_reply(event, "pong", 2);
	note("%d;", r);
}

static void keep_it(struct peal_namespace *ns, const struct peal_event *event, void *userdata)
{
	(void)ns;
	(void)userdata;
	ck_assert_int_eq(peal_event_responder(event, &responder), 0);
	ck_assert_int_eq(peal_reply(event, 1), PEAL_EMIT_E_INVALID);
}

static void forget_it(struct peal_namespace *ns, const struct peal_event *event, void *userdata)
{
	(void)ns;
	(void)userdata;
	peal_server_reply_forget(&reply);
	ck_assert_int_eq(peal_reply(event, 1), PEAL_EMIT_E_GONE);
}

static size_t ping(bool wants_reply)
{
	struct peal_args args;
	peal_args_init(&args, "1,2", 3, 2, NULL, 0);
	peal_server_reply_init(&reply, on_reply);
	size_t count = peal_peer_server_event(io, "ping", &args, wants_reply ? &reply : NULL);
	peal_args_deinit(&args);
	return count;
}

START_TEST(an_event_of_another_server_runs_its_handlers_and_is_answered_once)
{
	ck_assert_uint_eq(ping(true), 0);
	ck_recorded("");
	ck_assert_int_eq(peal_on_server_event(io, "ping", answer_it, NULL), 0);
	ck_assert_uint_eq(ping(true), 1);
	ck_recorded("ping 2?;reply \"pong\";0;");
	ck_assert_int_eq(peal_on_server_event(io, "ping", answer_it, NULL), 0);
	ck_assert_uint_eq(ping(true), 2);
	ck_recorded("ping 2?;reply \"pong\";0;ping 2?;2;");
	ck_assert_uint_eq(ping(false), 2);
	ck_recorded("ping 2;2;ping 2;2;");
	/* Events of clients are another thing. */
	struct peal_socket *socket = new_socket();
	fake_session_say(peal_socket_session(socket), "42[\"ping\"]");
	ck_recorded("");
}
END_TEST

START_TEST(names_of_server_events_are_checked)
{
	ck_assert_int_eq(peal_on_server_event(io, "connect", answer_it, NULL),
			 PEAL_EMIT_E_RESERVED);
	ck_assert_int_eq(peal_on_server_event(io, "connection", answer_it, NULL),
			 PEAL_EMIT_E_RESERVED);
	ck_assert_int_eq(peal_on_server_event(io, "new_namespace", answer_it, NULL),
			 PEAL_EMIT_E_RESERVED);
	ck_assert_int_eq(peal_on_server_event(io, NULL, answer_it, NULL), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_on_server_event(io, "\xff", answer_it, NULL), PEAL_EMIT_E_INVALID);
	/* Reserved for clients only. */
	ck_assert_int_eq(peal_on_server_event(io, "disconnect", answer_it, NULL), 0);
}
END_TEST

START_TEST(a_server_event_may_be_answered_later_with_one_value)
{
	ck_assert_int_eq(peal_on_server_event(io, "ping", keep_it, NULL), 0);
	ck_assert_uint_eq(ping(true), 1);
	ck_assert_int_eq(peal_respond(responder, PEAL_BYTES("\x01\x02", 2), 3), 0);
	ck_recorded("reply {\"_placeholder\":true,\"num\":0};");
	ck_assert_uint_eq(ping(true), 1);
	ck_assert_int_eq(peal_respond(responder), 0);
	ck_recorded("reply;");
	ck_assert_uint_eq(ping(true), 1);
	peal_responder_free(responder);
	ck_recorded("");
}
END_TEST

START_TEST(an_answer_after_the_asking_server_gave_up_goes_nowhere)
{
	ck_assert_int_eq(peal_on_server_event(io, "ping", keep_it, NULL), 0);
	ck_assert_uint_eq(ping(true), 1);
	peal_server_reply_forget(&reply);
	memset(&reply, 0xff, sizeof(reply));
	ck_assert_int_eq(peal_respond(responder, 1), PEAL_EMIT_E_GONE);
	ck_recorded("");
}
END_TEST

START_TEST(a_reply_may_be_forgotten_from_inside_of_a_handler)
{
	ck_assert_int_eq(peal_on_server_event(io, "ping", forget_it, NULL), 0);
	ck_assert_uint_eq(ping(true), 1);
	ck_recorded("");
}
END_TEST

START_TEST(a_responder_outlives_the_server)
{
	ck_assert_int_eq(peal_on_server_event(io, "ping", keep_it, NULL), 0);
	ck_assert_uint_eq(ping(true), 1);
	peal_server_reply_forget(&reply);
	tear_down();
	ck_assert_int_eq(peal_respond(responder, 1), PEAL_EMIT_E_GONE);
	set_up();
}
END_TEST

UNIT_MAIN_WITH("server_peer", set_up, tear_down,
	       a_broadcast_reaches_the_selected_and_says_how_many_they_are,
	       a_packet_id_of_the_sender_is_kept,
	       a_volatile_broadcast_counts_the_busy_as_selected_and_skips_them,
	       a_broadcast_with_too_many_attachments_is_refused,
	       answers_of_the_asked_are_passed_on_as_they_come, the_asking_ends_with_its_time,
	       with_nobody_to_ask_there_is_no_round, forgotten_answers_go_nowhere,
	       the_asker_may_lose_interest_while_it_hears_an_answer,
	       a_server_that_is_freed_ends_what_is_asked,
	       sockets_join_and_leave_for_a_peer_without_telling_others,
	       sockets_are_disconnected_for_a_peer, a_snapshot_keeps_what_it_shows,
	       an_event_of_another_server_runs_its_handlers_and_is_answered_once,
	       names_of_server_events_are_checked,
	       a_server_event_may_be_answered_later_with_one_value,
	       an_answer_after_the_asking_server_gave_up_goes_nowhere,
	       a_reply_may_be_forgotten_from_inside_of_a_handler, a_responder_outlives_the_server)
