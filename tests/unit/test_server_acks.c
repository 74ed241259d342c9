/* Acknowledged emits: rounds of many and of one. */
#include "tests/support/server_world.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#include "server/server_private.h"

static struct peal_namespace *io;
static struct peal_socket *a, *b, *c;

static void begin_with_three(void)
{
	begin();
	io = peal_io(world.node);
	a = new_socket();
	b = new_socket();
	c = new_socket();
}

static void say(struct peal_socket *socket, const char *text)
{
	fake_session_say(peal_socket_session(socket), text);
}

START_TEST(should_broadcast_and_expect_multiple_acknowledgements)
{
	begin_with_three();
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 2000, note_acks, NULL, "some event", 1), 0);
	ck_received(a, "420[\"some event\",1]|");
	ck_received(b, "420[\"some event\",1]|");
	ck_received(c, "420[\"some event\",1]|");
	ck_assert_uint_eq(world.stats.rounds, 1);
	say(c, "430[3,\"more\"]");
	say(a, "430[]");
	ck_recorded("");
	say(b, "430[{\"a\":1}]");
	/* Arrival order, the first argument, null for none. */
	ck_recorded("acks error=0 3/3 [3 null {\"a\":1}];");
	ck_assert_uint_eq(world.stats.rounds, 0);
	ck_assert_uint_eq(world.stats.acks_received, 3);
	ck_assert_uint_eq(world.stats.rounds_complete, 1);
	wait_ms(3000);
	ck_recorded("");
	end();
}
END_TEST

static void note_missing(const struct peal_acks *acks, void *userdata)
{
	note_acks(acks, userdata);
	for (size_t i = 0; i < acks->missing_socket_count; i++)
		note("missing %s;", acks->missing_sockets[i]);
}

START_TEST(should_fail_when_a_client_does_not_acknowledge_the_event_in_the_given_delay)
{
	char expected[256];
	begin_with_three();
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 200, note_missing, NULL, "x"), 0);
	say(a, "430[1]");
	wait_ms(190);
	ck_recorded("");
	say(b, "430[2]");
	wait_ms(20);
	snprintf(expected, sizeof(expected), "acks error=1 2/3 [1 2];missing %s;",
		 peal_socket_id(c));
	ck_recorded(expected);
	ck_assert_uint_eq(world.stats.rounds_timed_out, 1);
	/* A late one is ignored. */
	say(c, "430[3]");
	settle();
	ck_recorded("");
	ck_assert_uint_eq(world.stats.acks_unknown, 1);
	ck_assert(peal_socket_connected(c));
	end();
}
END_TEST

START_TEST(should_broadcast_and_return_if_the_packet_is_sent_to_0_client)
{
	begin_with_three();
	ck_assert_int_eq(peal_emit_ack(io, PEAL_TO(.rooms = PEAL_ROOMS("unknown")), 500, note_acks,
				       NULL, "x"),
			 0);
	ck_recorded("");
	settle();
	ck_recorded("acks error=0 0/0 [];");
	end();
}
END_TEST

START_TEST(all_forms_of_the_page_collect_acknowledgements)
{
	begin_with_three();
	struct peal_namespace *other = peal_of(world.node, "/the-namespace");
	struct peal_socket *d = join(open_session(), "/the-namespace");
	peal_socket_join(a, "room123");
	peal_emit_ack(io, PEAL_ALL, 5000, note_acks, "all", "hello", "world");
	peal_emit_ack(io, PEAL_TO(.rooms = PEAL_ROOMS("room123")), 5000, note_acks, "room", "hello",
		      "world");
	peal_socket_broadcast_ack(a, PEAL_ALL, 5000, note_acks, "broadcast", "hello", "world");
	peal_emit_ack(other, PEAL_ALL, 5000, note_acks, "namespace", "hello", "world");
	ck_received(a, "420[\"hello\",\"world\"]|421[\"hello\",\"world\"]|");
	ck_received(b, "420[\"hello\",\"world\"]|422[\"hello\",\"world\"]|");
	/* Each namespace counts for itself. */
	ck_received(d, "42/the-namespace,0[\"hello\",\"world\"]|");
	say(a, "430[1]");
	say(a, "431[2]");
	say(d, "43/the-namespace,0[3]");
	say(b, "430[4]");
	say(c, "430[5]");
	say(b, "432[6]");
	say(c, "432[7]");
	ck_recorded("room error=0 1/1 [2];namespace error=0 1/1 [3];all error=0 3/3 [1 4 5];"
		    "broadcast error=0 2/2 [6 7];");
	end();
}
END_TEST

START_TEST(a_timeout_is_required_for_many)
{
	begin_with_three();
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 0, note_acks, NULL, "x"),
			 PEAL_EMIT_E_TIMEOUT_MISSING);
	ck_assert_int_eq(peal_socket_broadcast_ack(a, PEAL_ALL, 0, note_acks, NULL, "x"),
			 PEAL_EMIT_E_TIMEOUT_MISSING);
	ck_assert_int_eq(peal_emit_ack(io, PEAL_ALL, 10, note_acks, NULL, "connect"),
			 PEAL_EMIT_E_RESERVED);
	settle();
	ck_recorded("");
	ck_received(a, "");
	end();
}
END_TEST

START_TEST(acknowledgements_of_those_not_asked_or_twice_do_not_count)
{
	begin_with_three();
	peal_emit_ack(io, PEAL_TO(.except = PEAL_ROOMS(peal_socket_id(c))), 1000, note_acks, NULL,
		      "x");
	say(c, "430[\"wrong\"]");
	say(a, "430[\"first\"]");
	say(a, "430[\"second\"]");
	say(b, "43[\"without id\"]");
	say(b, "431[\"other id\"]");
	say(b, "439007199254740991[\"huge id\"]");
	ck_recorded("");
	say(b, "430");
	ck_recorded("acks error=0 2/2 [\"first\" null];");
	ck_assert_uint_eq(world.stats.acks_unknown, 5);
	ck_assert_uint_eq(world.stats.acks_received, 2);
	ck_assert(peal_socket_connected(c));
	end();
}
END_TEST

START_TEST(a_socket_that_leaves_meanwhile_is_waited_for_and_named)
{
	char expected[256];
	begin_with_three();
	peal_emit_ack(io, PEAL_ALL, 100, note_missing, NULL, "x");
	snprintf(expected, sizeof(expected), "acks error=1 2/3 [1 3];missing %s;",
		 peal_socket_id(b));
	say(a, "430[1]");
	fake_session_close(peal_socket_session(b), "transport close", NULL);
	settle();
	say(c, "430[3]");
	ck_recorded("");
	wait_ms(110);
	ck_recorded(expected);
	end();
}
END_TEST

START_TEST(a_volatile_round_counts_whom_it_was_dropped_for)
{
	begin_with_three();
	peal_socket_session(b)->busy = true;
	peal_emit_ack(io, PEAL_TO(.flags = PEAL_VOLATILE), 100, note_acks, NULL, "x");
	ck_received(b, "");
	say(a, "430[1]");
	say(c, "430[2]");
	wait_ms(110);
	ck_recorded("acks error=1 2/3 [1 2];");
	end();
}
END_TEST

START_TEST(binary_responses_keep_the_attachments_of_their_first_argument)
{
	begin_with_three();
	peal_emit_ack(io, PEAL_TO(.except = PEAL_ROOMS(peal_socket_id(c))), 100, note_acks, NULL,
		      "x");
	say(a, "462-0[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
	fake_session_say_bytes(peal_socket_session(a), "\x01", 1);
	fake_session_say_bytes(peal_socket_session(a), "\x02", 1);
	say(b, "461-0[\"text\",{\"_placeholder\":true,\"num\":0}]");
	fake_session_say_bytes(peal_socket_session(b), "\x03", 1);
	ck_recorded("acks error=0 2/2 [{\"_placeholder\":true,\"num\":0}<01> \"text\"];");
	end();
}
END_TEST

START_TEST(a_round_of_1000_is_one_record_and_knows_each)
{
	struct peal_socket *sockets[1000];
	begin();
	io = peal_io(world.node);
	for (size_t i = 0; i < 1000; i++)
		sockets[i] = new_socket();
	uint64_t built = world.stats.frames_built;
	peal_emit_ack(io, PEAL_ALL, 1000, note_missing, NULL, "x");
	ck_assert_uint_eq(world.stats.rounds, 1);
	ck_assert_uint_eq(world.stats.frames_built - built, 1);
	for (size_t i = 0; i < 1000; i++)
		if (i != 700) {
			say(sockets[i], "430[1]");
			say(sockets[i], "430[1]");
		}
	ck_assert_uint_eq(world.stats.acks_received, 999);
	ck_assert_uint_eq(world.stats.acks_unknown, 999);
	wait_ms(1010);
	ck_assert_ptr_nonnull(strstr(world.record, "error=1 999/1000"));
	ck_assert_ptr_nonnull(strstr(world.record, peal_socket_id(sockets[700])));
	end();
}
END_TEST

static void emit_again(const struct peal_acks *acks, void *userdata)
{
	note_acks(acks, userdata);
	if (!strcmp(userdata, "first"))
		peal_emit_ack(io, PEAL_ALL, 100, emit_again, "second", "y");
}

START_TEST(a_result_callback_may_begin_the_next_round)
{
	begin();
	io = peal_io(world.node);
	a = new_socket();
	peal_emit_ack(io, PEAL_ALL, 100, emit_again, "first", "x");
	say(a, "430[1]");
	ck_received(a, "420[\"x\"]|421[\"y\"]|");
	wait_ms(110);
	ck_recorded("first error=0 1/1 [1];second error=1 0/1 [];");
	end();
}
END_TEST

START_TEST(rounds_of_a_namespace_have_a_ceiling)
{
	begin();
	io = peal_io(world.node);
	a = new_socket();
	const struct peal_target *nobody_yet =
		PEAL_TO(.rooms = PEAL_ROOMS(peal_socket_id(a)), .flags = PEAL_VOLATILE);
	peal_socket_session(a)->busy = true;
	for (int i = 0; i < PEAL_LIMIT_PENDING_ACKS; i++)
		ck_assert_int_eq(peal_emit_ack(io, nobody_yet, 1000, NULL, NULL, "x"), 0);
	ck_assert_int_eq(peal_emit_ack(io, nobody_yet, 1000, NULL, NULL, "x"),
			 PEAL_EMIT_E_TOO_LARGE);
	for (int i = 0; i < PEAL_LIMIT_PENDING_ACKS; i++)
		ck_assert_int_eq(peal_socket_emit_ack(a, PEAL_VOLATILE, 1000, NULL, NULL, "x"), 0);
	ck_assert_int_eq(peal_socket_emit_ack(a, PEAL_VOLATILE, 1000, NULL, NULL, "x"),
			 PEAL_EMIT_E_TOO_LARGE);
	wait_ms(1010);
	ck_assert_uint_eq(world.stats.rounds, 0);
	ck_assert_int_eq(peal_emit_ack(io, nobody_yet, 1000, NULL, NULL, "x"), 0);
	end();
}
END_TEST

/* --- one socket --------------------------------------------------------------------------------
 */

START_TEST(should_emit_an_event_and_wait_for_the_acknowledgement)
{
	begin();
	a = new_socket();
	ck_assert_int_eq(peal_socket_emit_ack(a, 0, 0, note_ack, NULL, "hi", "there"), 0);
	ck_received(a, "420[\"hi\",\"there\"]|");
	/* All of its arguments. */
	say(a, "430[1,\"2\"]");
	ck_recorded("ack error=0 [1,\"2\"];");
	say(a, "430[1]");
	ck_recorded("");
	peal_socket_emit_ack(a, 0, 100, note_ack, NULL, "hi");
	say(a, "461-1[{\"_placeholder\":true,\"num\":0}]");
	fake_session_say_bytes(peal_socket_session(a), "\x09", 1);
	ck_recorded("ack error=0 [{\"_placeholder\":true,\"num\":0}<09>];");
	peal_socket_emit_ack(a, 0, 100, note_ack, NULL, "hi");
	say(a, "432[]");
	ck_recorded("ack error=0 [];");
	end();
}
END_TEST

START_TEST(should_timeout_if_the_client_does_not_acknowledge_the_event_in_time)
{
	begin();
	a = new_socket();
	ck_assert_int_eq(peal_socket_emit_ack(a, 0, 50, note_ack, NULL, "x"), 0);
	wait_ms(40);
	ck_recorded("");
	wait_ms(20);
	ck_recorded("ack error=1;");
	say(a, "430[1]");
	wait_ms(100);
	ck_recorded("");
	ck_assert_uint_eq(world.stats.rounds_timed_out, 1);
	end();
}
END_TEST

START_TEST(without_timeout_it_waits_as_long_as_the_socket_is_connected)
{
	begin();
	a = new_socket();
	peal_socket_emit_ack(a, 0, 0, note_ack, "1", "x");
	peal_socket_emit_ack(a, 0, 100000, note_ack, "2", "x");
	wait_ms(50000);
	ck_recorded("");
	peal_socket_disconnect(a, false);
	ck_recorded("");
	settle();
	ck_recorded("1 error=2;2 error=2;");
	ck_assert_uint_eq(world.stats.rounds, 0);
	ck_assert_uint_eq(world.stats.rounds_disconnected, 2);
	end();
}
END_TEST

START_TEST(only_the_asked_socket_can_answer)
{
	begin_with_three();
	peal_socket_emit_ack(a, 0, 100, note_ack, NULL, "x");
	say(b, "430[\"forged\"]");
	ck_recorded("");
	say(a, "430[\"real\"]");
	ck_recorded("ack error=0 [\"real\"];");
	end();
}
END_TEST

static void kick(enum peal_ack_error error, const struct peal_args *args, void *userdata)
{
	note_ack(error, args, NULL);
	peal_socket_disconnect(userdata, true);
}

START_TEST(an_ack_callback_may_disconnect_the_socket)
{
	begin();
	a = new_socket();
	peal_socket_emit_ack(a, 0, 0, kick, a, "x");
	peal_socket_emit_ack(a, 0, 0, note_ack, "other", "x");
	say(a, "430[1]");
	settle();
	ck_recorded("ack error=0 [1];other error=2;");
	end();
}
END_TEST

static struct peal_next *pending;
static struct peal_socket *joining;

static void ask_early(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	(void)userdata;
	joining = socket;
	pending = next;
	ck_assert_int_eq(peal_socket_emit_ack(socket, 0, 0, note_ack, NULL, "early"), 0);
}

START_TEST(an_ack_asked_for_in_a_middleware_ends_with_the_refusal)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_use(io, ask_early, NULL), 0);
	struct peal_session *session = open_session();
	fake_session_say(session, "40");
	peal_next_refuse(pending, "no", NULL);
	settle();
	ck_recorded("ack error=2;");
	fake_session_say(session, "40");
	peal_next_accept(pending);
	settle();
	fake_session_say(session, "431[5]");
	ck_recorded("ack error=0 [5];");
	end();
}
END_TEST

UNIT_MAIN("server_acks", should_broadcast_and_expect_multiple_acknowledgements,
	  should_fail_when_a_client_does_not_acknowledge_the_event_in_the_given_delay,
	  should_broadcast_and_return_if_the_packet_is_sent_to_0_client,
	  all_forms_of_the_page_collect_acknowledgements, a_timeout_is_required_for_many,
	  acknowledgements_of_those_not_asked_or_twice_do_not_count,
	  a_socket_that_leaves_meanwhile_is_waited_for_and_named,
	  a_volatile_round_counts_whom_it_was_dropped_for,
	  binary_responses_keep_the_attachments_of_their_first_argument,
	  a_round_of_1000_is_one_record_and_knows_each, a_result_callback_may_begin_the_next_round,
	  rounds_of_a_namespace_have_a_ceiling,
	  should_emit_an_event_and_wait_for_the_acknowledgement,
	  should_timeout_if_the_client_does_not_acknowledge_the_event_in_time,
	  without_timeout_it_waits_as_long_as_the_socket_is_connected,
	  only_the_asked_socket_can_answer, an_ack_callback_may_disconnect_the_socket,
	  an_ack_asked_for_in_a_middleware_ends_with_the_refusal)
