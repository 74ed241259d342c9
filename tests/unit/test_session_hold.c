/* Sessions held behind the barrier: what waits, what does not, in which order it goes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/outbox.h"
#include "engine/transport.h"
#include "tests/support/fake_clock.h"
#include "tests/support/scarce_memory.h"
#include "tests/unit/unit.h"

static struct peal_stats stats;
static struct peal_log silent = { .level = PEAL_LOG_ERROR };
static struct fake_clock now;
static struct peal_loop *loop;
static struct peal_barrier barrier;
static struct peal_engine_context context;
static struct peal_engine *engine;
static struct peal_session *session;

static char wire[65536], heard[4096];
static bool can_write;

static bool recorder_writable(const struct peal_session *s)
{
	(void)s;
	return can_write;
}

static void recorder_flush(struct peal_session *s)
{
	struct peal_frame *const *frames = peal_outbox_frames(&s->outbox);
	if (!can_write)
		return;
	for (size_t i = 0; i < s->outbox.count; i++) {
		strncat(wire, peal_frame_payload(frames[i]), frames[i]->length);
		strcat(wire, "|");
	}
	peal_outbox_clear(&s->outbox, &s->engine->outbox_pool);
	peal_session_drained(s);
}

static bool recorder_finish(struct peal_session *s)
{
	(void)s;
	return can_write;
}

static void recorder_release(struct peal_session *s, enum peal_release how)
{
	(void)s;
	strcat(wire, how == PEAL_RELEASE_SERVER ? "<server>" : "<cut>");
}

static const struct peal_transport recorder = { "recorder", recorder_writable, recorder_flush,
						recorder_finish, recorder_release };

static void on_close(struct peal_session *s, const char *reason, const char *description,
		     void *userdata)
{
	(void)s;
	(void)userdata;
	strcat(heard, reason);
	if (description)
		strcat(strcat(heard, ","), description);
	strcat(heard, ";");
}

static void on_drain(struct peal_session *s, void *userdata)
{
	(void)s;
	(void)userdata;
	strcat(heard, "drain;");
}

static const struct peal_engine_handlers handlers = { .close = on_close, .drain = on_drain };

static void open_session(bool base64)
{
	struct peal_request *request = calloc(1, sizeof(*request));
	request->method = "GET";
	request->url = "/engine.io/?EIO=4";
	request->query = "EIO=4";
	request->address = "127.0.0.1";
	ck_assert_int_eq(peal_session_create(engine, &recorder, request, base64, true, &session),
			 0);
	peal_session_opened(session);
	peal_loop_step(loop);
	wire[0] = heard[0] = '\0';
}

static void set_up(void)
{
	struct peal_engine_options options;
	now.now_us = 1000000;
	can_write = true;
	ck_assert_int_eq(peal_loop_new(NULL, FAKE_CLOCK(&now), &stats, &silent, &loop), 0);
	peal_barrier_init(&barrier, loop, &stats);
	context = (struct peal_engine_context){ .loop = loop,
						.stats = &stats,
						.log = &silent,
						.max_sessions = 10,
						.barrier = &barrier };
	peal_engine_options_init(&options);
	options.outbox_limit = 1u << 20;
	ck_assert_int_eq(peal_engine_create(&context, &options, &handlers, NULL, &engine), 0);
	open_session(false);
}

static void tear_down(void)
{
	peal_engine_discard_all(engine);
	peal_loop_step(loop);
	peal_engine_destroy(engine);
	peal_barrier_deinit(&barrier);
	ck_assert(peal_list_empty(&barrier.waiters));
	peal_loop_free(loop);
	ck_assert_uint_eq(stats.sessions, 0);
	ck_assert_uint_eq(stats.frames, 0);
	ck_assert_uint_eq(stats.frame_bytes, 0);
	ck_assert_uint_eq(stats.outbox_bytes, 0);
}

static void say(const char *text)
{
	ck_assert_int_eq(peal_session_send(session, text, strlen(text), false), 0);
}

/* In as many bytes as it takes; the session may be gone. */
static void send_number(unsigned number)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", number);
	(void)peal_session_send(session, text, (size_t)length, false);
}

#define ck_wire(expected)                         \
	do {                                      \
		peal_loop_step(loop);             \
		ck_assert_str_eq(wire, expected); \
		wire[0] = '\0';                   \
	} while (0)

START_TEST(what_is_queued_after_a_hold_waits_and_what_was_queued_before_does_not)
{
	uint64_t number = peal_barrier_issue(&barrier);
	say("before");
	peal_session_hold(session, number);
	say("one");
	say("two");
	ck_wire("4before|");
	ck_assert_uint_eq(peal_session_queued_bytes(session), 8);
	ck_assert_uint_eq(stats.outbox_bytes, 8);
	peal_barrier_reach(&barrier, number);
	ck_wire("4one|4two|");
	ck_assert_uint_eq(peal_session_queued_bytes(session), 0);
	ck_assert_ptr_null(session->held);
	say("after");
	ck_wire("4after|");
}
END_TEST

START_TEST(a_number_that_is_reached_holds_nothing)
{
	uint64_t number = peal_barrier_issue(&barrier);
	peal_barrier_reach(&barrier, number);
	peal_session_hold(session, number);
	peal_session_hold(session, 0);
	ck_assert_ptr_null(session->held);
	say("at once");
	ck_wire("4at once|");
}
END_TEST

START_TEST(each_hold_is_for_what_comes_after_it)
{
	uint64_t first = peal_barrier_issue(&barrier), second = peal_barrier_issue(&barrier);
	peal_session_hold(session, first);
	say("a");
	peal_session_hold(session, second);
	say("b");
	/* It stands behind a later number already. */
	peal_session_hold(session, first);
	say("c");
	ck_wire("");
	peal_barrier_reach(&barrier, first);
	ck_wire("4a|");
	peal_barrier_reach(&barrier, second);
	ck_wire("4b|4c|");
}
END_TEST

START_TEST(holds_without_packets_between_them_are_one)
{
	uint64_t first = peal_barrier_issue(&barrier), second = peal_barrier_issue(&barrier);
	uint64_t third = peal_barrier_issue(&barrier);
	peal_session_hold(session, first);
	peal_session_hold(session, second);
	say("x");
	peal_session_hold(session, third);
	peal_barrier_reach(&barrier, first);
	ck_wire("");
	peal_barrier_reach(&barrier, second);
	ck_wire("4x|");
	/* Held still, with nothing to hold. */
	ck_assert(!peal_session_writable(session));
	peal_barrier_reach(&barrier, third);
	ck_assert(peal_session_writable(session));
}
END_TEST

START_TEST(order_holds_when_the_outbox_is_not_empty_at_the_release)
{
	uint64_t number = peal_barrier_issue(&barrier);
	can_write = false;
	say("0");
	peal_session_hold(session, number);
	for (unsigned i = 1; i <= 40; i++) {
		char text[8];
		snprintf(text, sizeof(text), "%u", i);
		say(text);
	}
	peal_barrier_reach(&barrier, number);
	say("last");
	ck_wire("");
	can_write = true;
	peal_session_mark_dirty(session);
	ck_wire("40|41|42|43|44|45|46|47|48|49|410|411|412|413|414|415|416|417|418|419|420|421|422|"
		"423|424|425|426|427|428|429|430|431|432|433|434|435|436|437|438|439|440|4last|");
}
END_TEST

START_TEST(heartbeats_do_not_wait)
{
	/* The barrier would give up long before a ping is due: it is told later each time. */
	uint64_t number = peal_barrier_issue(&barrier);
	for (unsigned i = 0; i < 60; i++) {
		peal_session_hold(session, number);
		if (!i)
			say("waits");
		fake_clock_advance(&now, loop, 500);
		uint64_t next = peal_barrier_issue(&barrier);
		peal_session_hold(session, next);
		say("x");
		peal_barrier_reach(&barrier, number);
		number = next;
	}
	ck_assert_ptr_nonnull(strstr(wire, "|2|"));
	ck_assert_ptr_nonnull(session->held);
	peal_session_receive_text(session, "3", 1);
	ck_assert(peal_session_open(session));
}
END_TEST

START_TEST(a_held_session_is_not_writable)
{
	uint64_t number = peal_barrier_issue(&barrier);
	ck_assert(peal_session_writable(session));
	peal_session_hold(session, number);
	ck_assert(!peal_session_writable(session));
	peal_barrier_reach(&barrier, number);
	ck_assert(peal_session_writable(session));
}
END_TEST

START_TEST(an_orderly_close_waits_for_what_is_held)
{
	uint64_t number = peal_barrier_issue(&barrier);
	peal_session_hold(session, number);
	say("goodbye");
	ck_assert(!peal_session_shutdown(session));
	peal_session_mark_dirty(session);
	ck_wire("");
	ck_assert_str_eq(heard, "");
	peal_barrier_reach(&barrier, number);
	ck_wire("4goodbye|<server>");
	ck_assert_str_eq(heard, "forced close;");
}
END_TEST

START_TEST(an_orderly_close_does_not_wait_when_nothing_is_held)
{
	peal_session_hold(session, peal_barrier_issue(&barrier));
	ck_assert(peal_session_shutdown(session));
	ck_wire("<server>");
	ck_assert_str_eq(heard, "forced close;");
}
END_TEST

START_TEST(a_close_drops_what_is_held)
{
	uint64_t number = peal_barrier_issue(&barrier);
	peal_session_hold(session, number);
	say("never");
	peal_session_discard(session);
	ck_wire("<server>");
	ck_assert(peal_list_empty(&barrier.waiters));
	peal_barrier_reach(&barrier, number);
	ck_wire("");
	ck_assert_uint_eq(stats.outbox_bytes, 0);
}
END_TEST

START_TEST(the_application_is_not_told_of_a_drain_while_packets_are_held)
{
	uint64_t number = peal_barrier_issue(&barrier);
	say("out");
	peal_session_hold(session, number);
	say("held");
	ck_wire("4out|");
	ck_assert_str_eq(heard, "");
	peal_barrier_reach(&barrier, number);
	ck_wire("4held|");
	ck_assert_str_eq(heard, "drain;");
}
END_TEST

START_TEST(what_is_held_counts_against_the_outbox_limit)
{
	char text[1001];
	memset(text, 'x', 1000);
	text[1000] = '\0';
	peal_session_hold(session, peal_barrier_issue(&barrier));
	int r = 0;
	unsigned count = 0;
	while (r == 0 && count < 2000) {
		r = peal_session_send(session, text, 1000, false);
		count++;
	}
	ck_assert_int_eq(r, -EPIPE);
	ck_assert_uint_gt(count, 1000);
	ck_assert_uint_le(count, 1u << 20 >> 9);
	ck_assert_uint_eq(stats.sessions_closed_outbox, 1);
	ck_wire("<cut>");
	ck_assert_str_eq(heard, "transport error,outbox limit exceeded;");
}
END_TEST

START_TEST(a_client_with_too_many_held_frames_is_let_go_and_counted)
{
	size_t queued = 0;
	can_write = false;
	peal_session_hold(session, peal_barrier_issue(&barrier));
	for (unsigned i = 0; i < PEAL_LIMIT_HELD_FRAMES; i++)
		say("");
	ck_assert_ptr_nonnull(session->held);
	ck_assert(peal_outbox_empty(&session->outbox));
	ck_assert_uint_eq(stats.barrier_timeouts, 0);
	say("");
	ck_assert_ptr_null(session->held);
	ck_assert_uint_eq(stats.barrier_timeouts, 1);
	queued = session->outbox.count;
	ck_assert_uint_eq(queued, PEAL_LIMIT_HELD_FRAMES + 1);
	ck_assert(peal_list_empty(&barrier.waiters));
}
END_TEST

START_TEST(nobody_waits_longer_than_the_barrier_allows)
{
	peal_session_hold(session, peal_barrier_issue(&barrier));
	say("late");
	fake_clock_advance(&now, loop, PEAL_LIMIT_BARRIER_MS - 100);
	ck_wire("");
	fake_clock_advance(&now, loop, 200);
	ck_wire("4late|");
	ck_assert_uint_ge(stats.barrier_timeouts, 1);
}
END_TEST

START_TEST(attachments_keep_their_place_and_form)
{
	uint64_t number = peal_barrier_issue(&barrier);
	peal_session_discard(session);
	peal_loop_step(loop);
	open_session(true);
	peal_session_hold(session, number);
	say("head");
	ck_assert_int_eq(peal_session_send(session, "\x01\x02\x03", 3, true), 0);
	say("tail");
	peal_barrier_reach(&barrier, number);
	ck_wire("4head|bAQID|4tail|");
}
END_TEST

/* Without memory the client goes; it never gets less than it should, or something out of order. */
START_TEST(without_memory_a_held_session_closes_and_nothing_is_left_or_out_of_order)
{
	bool failed = true;
	for (size_t nth = 1; failed; nth++) {
		uint64_t first = peal_barrier_issue(&barrier), second;
		char expected[1024] = "";
		can_write = false;
		scarce.failing = nth;
		for (unsigned i = 0; i < 20; i++)
			send_number(i);
		peal_session_hold(session, first);
		for (unsigned i = 20; i < 60; i++)
			send_number(i);
		second = peal_barrier_issue(&barrier);
		peal_session_hold(session, second);
		for (unsigned i = 60; i < 80; i++)
			send_number(i);
		peal_barrier_reach(&barrier, first);
		peal_barrier_reach(&barrier, second);
		failed = !scarce.failing;
		scarce.failing = 0;
		ck_assert(peal_list_empty(&barrier.waiters));
		can_write = true;
		if (peal_session_open(session))
			peal_session_mark_dirty(session);
		peal_loop_step(loop);
		if (!failed) {
			ck_assert_uint_gt(nth, 5);
			for (unsigned i = 0; i < 80; i++)
				sprintf(expected + strlen(expected), "4%u|", i);
			ck_assert_str_eq(wire, expected);
			break;
		}
		if (!strcmp(heard, "drain;")) {
			/* One message could not be made at all, which its sender was told. */
			int last = -1, lost = 0, number, used;
			for (const char *at = wire; sscanf(at, "4%d|%n", &number, &used) == 1;
			     at += used) {
				ck_assert_int_gt(number, last);
				lost += number - last - 1;
				last = number;
			}
			ck_assert_int_eq(lost + 79 - last, 1);
		} else {
			ck_assert_str_eq(heard, "transport error,out of memory;");
			open_session(false);
		}
		ck_assert_uint_eq(stats.outbox_bytes, 0);
		wire[0] = heard[0] = '\0';
	}
}
END_TEST

UNIT_MAIN_WITH("session_hold", set_up, tear_down,
	       what_is_queued_after_a_hold_waits_and_what_was_queued_before_does_not,
	       a_number_that_is_reached_holds_nothing, each_hold_is_for_what_comes_after_it,
	       holds_without_packets_between_them_are_one,
	       order_holds_when_the_outbox_is_not_empty_at_the_release, heartbeats_do_not_wait,
	       a_held_session_is_not_writable, an_orderly_close_waits_for_what_is_held,
	       an_orderly_close_does_not_wait_when_nothing_is_held, a_close_drops_what_is_held,
	       the_application_is_not_told_of_a_drain_while_packets_are_held,
	       what_is_held_counts_against_the_outbox_limit,
	       a_client_with_too_many_held_frames_is_let_go_and_counted,
	       nobody_waits_longer_than_the_barrier_allows, attachments_keep_their_place_and_form,
	       without_memory_a_held_session_closes_and_nothing_is_left_or_out_of_order)
