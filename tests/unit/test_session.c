/* Engine.IO sessions over a transport that only records: heartbeat, queue, closing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/outbox.h"
#include "engine/transport.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/unit.h"

static struct peal_stats stats;
static struct peal_log silent = { .level = PEAL_LOG_ERROR };
static struct fake_clock now;
static struct peal_loop *loop;
static struct peal_engine_context context;
static struct peal_engine *engine;
static struct peal_session *session;

/* What the transport was given, packets separated by '|', and what the application heard. */
static char wire[65536], heard[4096];
static size_t writes, finishes;
static bool can_write, can_finish;

static bool recorder_writable(const struct peal_session *s)
{
	(void)s;
	return can_write;
}

static void recorder_flush(struct peal_session *s)
{
	struct peal_frame *const *frames = peal_outbox_frames(&s->outbox);
	size_t count = s->outbox.count;
	if (!can_write)
		return;
	for (size_t i = 0; i < count; i++) {
		strncat(wire, peal_frame_payload(frames[i]), frames[i]->length);
		strcat(wire, "|");
	}
	writes++;
	peal_outbox_pop(&s->outbox, &s->engine->outbox_pool, count);
	if (peal_outbox_empty(&s->outbox))
		peal_session_drained(s);
}

static bool recorder_finish(struct peal_session *s)
{
	(void)s;
	finishes++;
	return can_finish;
}

static void recorder_release(struct peal_session *s, enum peal_release how)
{
	(void)s;
	strcat(wire, how == PEAL_RELEASE_CLIENT	  ? "<client>"
		     : how == PEAL_RELEASE_SERVER ? "<server>"
						  : "<cut>");
}

static const struct peal_transport recorder = { "recorder", recorder_writable, recorder_flush,
						recorder_finish, recorder_release };

static void on_connection(struct peal_session *s, void *userdata)
{
	(void)s;
	(void)userdata;
	strcat(heard, "open;");
}

static void on_message(struct peal_session *s, const void *data, size_t length, bool binary,
		       void *userdata)
{
	(void)s;
	(void)userdata;
	strcat(heard, binary ? "binary:" : "text:");
	strncat(heard, data, length);
	strcat(heard, ";");
}

static void on_close(struct peal_session *s, const char *reason, const char *description,
		     void *userdata)
{
	(void)s;
	(void)userdata;
	strcat(heard, reason);
	if (description) {
		strcat(heard, ",");
		strcat(heard, description);
	}
	strcat(heard, ";");
}

static const struct peal_engine_handlers handlers = { on_connection, on_message, on_close, NULL };

static struct peal_request *make_request(void)
{
	struct peal_request *request = calloc(1, sizeof(*request));
	request->method = "GET";
	request->url = "/engine.io/?EIO=4";
	request->query = "EIO=4";
	request->address = "127.0.0.1";
	return request;
}

static void open_session(bool base64)
{
	ck_assert_int_eq(
		peal_session_create(engine, &recorder, make_request(), base64, true, &session), 0);
	peal_session_opened(session);
	peal_loop_step(loop);
}

static void set_up_with(struct peal_engine_options *options)
{
	memset(&stats, 0, sizeof(stats));
	memset(&context, 0, sizeof(context));
	wire[0] = heard[0] = '\0';
	writes = finishes = 0;
	can_write = can_finish = true;
	now.now_us = 5000000000;
	ck_assert_int_eq(peal_loop_new(NULL, FAKE_CLOCK(&now), &stats, &silent, &loop), 0);
	context.loop = loop;
	context.stats = &stats;
	context.log = &silent;
	context.max_sessions = 10;
	ck_assert_int_eq(peal_engine_create(&context, options, &handlers, NULL, &engine), 0);
	open_session(false);
}

static void set_up(void)
{
	struct peal_engine_options options;
	peal_engine_options_init(&options);
	options.ping_interval_ms = 600;
	options.ping_timeout_ms = 400;
	options.outbox_limit = 1000;
	set_up_with(&options);
}

static void tear_down(void)
{
	peal_engine_discard_all(engine);
	peal_loop_step(loop);
	ck_assert_uint_eq(peal_engine_session_count(engine), 0);
	peal_engine_destroy(engine);
	peal_loop_free(loop);
	ck_assert_uint_eq(stats.sessions, 0);
	ck_assert_uint_eq(stats.frames, 0);
	ck_assert_uint_eq(stats.frame_bytes, 0);
	ck_assert_uint_eq(stats.outbox_bytes, 0);
}

static void receive(const char *text)
{
	peal_session_receive_text(session, text, strlen(text));
}

static void forget(void)
{
	wire[0] = heard[0] = '\0';
}

START_TEST(announces_exactly_the_five_keys_in_order)
{
	char expected[256];
	snprintf(expected, sizeof(expected),
		 "0{\"sid\":\"%s\",\"upgrades\":[\"websocket\"],\"pingInterval\":600,"
		 "\"pingTimeout\":400,"
		 "\"maxPayload\":1000000}|",
		 peal_session_sid(session));
	ck_assert_str_eq(wire, expected);
	ck_assert_uint_eq(strlen(peal_session_sid(session)), 20);
	ck_assert_str_eq(heard, "open;");
}
END_TEST

START_TEST(sends_a_ping_after_the_interval_and_closes_when_no_pong_comes)
{
	forget();
	fake_clock_advance(&now, loop, 599);
	ck_assert_str_eq(wire, "");
	fake_clock_advance(&now, loop, 1);
	ck_assert_str_eq(wire, "2|");
	fake_clock_advance(&now, loop, 399);
	ck_assert_str_eq(heard, "");
	fake_clock_advance(&now, loop, 1);
	ck_assert_str_eq(heard, "ping timeout;");
	ck_assert_str_eq(wire, "2|<server>");
}
END_TEST

START_TEST(counts_the_next_interval_from_the_pong)
{
	fake_clock_advance(&now, loop, 600);
	fake_clock_advance(&now, loop, 200);
	receive("3");
	forget();
	fake_clock_advance(&now, loop, 599);
	ck_assert_str_eq(wire, "");
	fake_clock_advance(&now, loop, 1);
	ck_assert_str_eq(wire, "2|");
}
END_TEST

START_TEST(a_pong_that_nobody_asked_for_restarts_the_interval)
{
	fake_clock_advance(&now, loop, 500);
	receive("3");
	forget();
	fake_clock_advance(&now, loop, 599);
	ck_assert_str_eq(wire, "");
	fake_clock_advance(&now, loop, 1);
	ck_assert_str_eq(wire, "2|");
}
END_TEST

/* The example of the specification: ping at 600, events at 700 and 850, closed at 1100. */
START_TEST(puts_the_pong_deadline_off_once_per_ping_when_another_packet_comes)
{
	fake_clock_advance(&now, loop, 700);
	receive("4a");
	fake_clock_advance(&now, loop, 150);
	receive("4b");
	forget();
	fake_clock_advance(&now, loop, 249);
	ck_assert_str_eq(heard, "");
	fake_clock_advance(&now, loop, 1);
	ck_assert_str_eq(heard, "ping timeout;");
}
END_TEST

START_TEST(a_standstill_closes_nobody_and_pings_at_once)
{
	fake_clock_advance(&now, loop, 650); /* a ping is out */
	receive("3");
	fake_clock_advance(&now, loop, 590);
	forget();
	fake_clock_jump(&now, loop, 60000);
	ck_assert_str_eq(heard, "");
	ck_assert_str_eq(wire, "2|");
	fake_clock_advance(&now, loop, 390);
	ck_assert_str_eq(heard, "");
	receive("3");
	fake_clock_advance(&now, loop, 590);
	ck_assert_str_eq(heard, "");
}
END_TEST

START_TEST(a_standstill_while_a_pong_is_awaited_gives_its_time_back)
{
	fake_clock_advance(&now, loop, 600);
	fake_clock_jump(&now, loop, 60000);
	ck_assert_str_eq(heard, "open;");
	receive("3");
	fake_clock_advance(&now, loop, 500);
	ck_assert_str_eq(heard, "open;");
}
END_TEST

START_TEST(makes_one_write_of_everything_queued_in_a_turn)
{
	forget();
	size_t before = writes;
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(peal_session_send(session, "x", 1, false), 0);
	peal_loop_step(loop);
	ck_assert_uint_eq(writes, before + 1);
	ck_assert_str_eq(wire, "4x|4x|4x|4x|4x|4x|4x|4x|");
}
END_TEST

START_TEST(is_not_writable_from_the_enqueue_until_the_flush)
{
	ck_assert(peal_session_writable(session));
	ck_assert_int_eq(peal_session_send(session, "x", 1, false), 0);
	ck_assert(!peal_session_writable(session));
	peal_loop_step(loop);
	ck_assert(peal_session_writable(session));
	can_write = false;
	ck_assert(!peal_session_writable(session));
}
END_TEST

START_TEST(closes_a_session_whose_outbox_passes_its_limit)
{
	char bytes[400] = { 0 };
	can_write = false;
	memset(bytes, 'x', sizeof(bytes));
	forget();
	ck_assert_int_eq(peal_session_send(session, bytes, sizeof(bytes), false), 0);
	ck_assert_int_eq(peal_session_send(session, bytes, sizeof(bytes), false), 0);
	ck_assert_int_eq(peal_session_send(session, bytes, sizeof(bytes), false), -EPIPE);
	/* Never from inside of the call. */
	ck_assert_str_eq(heard, "");
	ck_assert_int_eq(peal_session_send(session, "x", 1, false), -EPIPE);
	peal_loop_step(loop);
	ck_assert_str_eq(heard, "transport error,outbox limit exceeded;");
	ck_assert_str_eq(wire, "<cut>");
	ck_assert_uint_eq(stats.sessions_closed_outbox, 1);
	ck_assert_uint_eq(stats.outbox_bytes, 0);
}
END_TEST

START_TEST(empty_messages_fill_an_outbox_as_well)
{
	can_write = false;
	int sent = 0;
	while (sent < 1000 && peal_session_send(session, "", 0, true) == 0)
		sent++;
	ck_assert_int_eq(sent, 1000 / PEAL_LIMIT_OUTBOX_FRAME_BYTES);
	ck_assert_uint_eq(stats.sessions_closed_outbox, 1);
}
END_TEST

START_TEST(flushes_the_queue_before_an_orderly_close)
{
	forget();
	ck_assert_int_eq(peal_session_send(session, "last", 4, false), 0);
	ck_assert(!peal_session_shutdown(session));
	ck_assert_int_eq(peal_session_send(session, "never", 5, false), -EPIPE);
	receive("4ignored");
	peal_loop_step(loop);
	ck_assert_str_eq(wire, "4last|<server>");
	ck_assert_str_eq(heard, "forced close;");
}
END_TEST

START_TEST(closes_at_once_when_nothing_is_queued)
{
	forget();
	ck_assert(peal_session_shutdown(session));
	ck_assert_str_eq(heard, "");
	peal_loop_step(loop);
	ck_assert_str_eq(heard, "forced close;");
}
END_TEST

START_TEST(gives_up_an_orderly_close_after_its_grace)
{
	can_finish = false;
	ck_assert(!peal_session_shutdown(session));
	forget();
	/* The heartbeat is alive while it waits. */
	for (int i = 0; i < 29; i++) {
		fake_clock_advance(&now, loop, 1000);
		if (!*heard)
			continue;
		break;
	}
	ck_assert_str_eq(heard, "ping timeout;");
}
END_TEST

START_TEST(drops_the_queue_when_it_is_discarded)
{
	forget();
	ck_assert_int_eq(peal_session_send(session, "never", 5, false), 0);
	peal_session_discard(session);
	peal_loop_step(loop);
	ck_assert_str_eq(wire, "<server>");
	ck_assert_str_eq(heard, "forced close;");
}
END_TEST

START_TEST(delivers_text_and_binary_messages)
{
	forget();
	receive("4hello");
	receive("bAAE=");
	peal_session_receive_binary(session, "raw", 3);
	receive("4");
	ck_assert_mem_eq(heard, "text:hello;binary:", 18);
	ck_assert_uint_eq(stats.messages_received, 4);
}
END_TEST

START_TEST(closes_with_parse_error_on_a_malformed_packet)
{
	forget();
	receive("abc");
	peal_loop_step(loop);
	ck_assert_str_eq(heard, "parse error;");
	ck_assert_str_eq(wire, "<server>");
}
END_TEST

START_TEST(closes_when_the_client_pings)
{
	forget();
	receive("2");
	peal_loop_step(loop);
	ck_assert_str_eq(heard, "transport error,invalid heartbeat direction;");
}
END_TEST

START_TEST(closes_when_the_client_says_so)
{
	forget();
	receive("1");
	receive("4late");
	peal_loop_step(loop);
	ck_assert_str_eq(heard, "transport close;");
	ck_assert_str_eq(wire, "<client>");
}
END_TEST

START_TEST(sends_binary_as_base64_to_a_client_that_cannot_take_it)
{
	peal_session_discard(session);
	peal_loop_step(loop);
	open_session(true);
	forget();
	ck_assert_int_eq(peal_session_send(session, "\x01\x02\x03", 3, true), 0);
	peal_loop_step(loop);
	ck_assert_str_eq(wire, "bAQID|");
}
END_TEST

START_TEST(refuses_text_that_is_not_utf8)
{
	ck_assert_int_eq(peal_session_send(session, "\xff", 1, false), -EINVAL);
}
END_TEST

START_TEST(queues_a_run_of_frames_together)
{
	struct peal_frame *run = peal_frame_new_copy(&stats, false, "451-[]", 6);
	run->next = peal_frame_new_copy(&stats, true, "AB", 2);
	forget();
	ck_assert_int_eq(peal_session_queue(session, run), 0);
	peal_frame_unref(run);
	peal_loop_step(loop);
	ck_assert_str_eq(wire, "451-[]|AB|");
}
END_TEST

/* A transport that only counts, for many sessions. */
static void counter_flush(struct peal_session *s)
{
	writes += s->outbox.count > 0;
	peal_outbox_clear(&s->outbox, &s->engine->outbox_pool);
}

static void counter_release(struct peal_session *s, enum peal_release how)
{
	(void)s;
	(void)how;
}

static const struct peal_transport counter = { "counter", recorder_writable, counter_flush,
					       recorder_finish, counter_release };

static struct peal_session *open_counted(void)
{
	struct peal_session *opened;
	ck_assert_int_eq(
		peal_session_create(engine, &counter, make_request(), false, true, &opened), 0);
	peal_session_opened(opened);
	forget();
	return opened;
}

/* More than one turn flushes them. */
START_TEST(who_is_closed_while_many_are_queued_is_left_out_and_nobody_else)
{
	enum { COUNT = 1500 };
	static struct peal_session *sessions[COUNT];
	for (size_t i = 0; i < COUNT; i++)
		sessions[i] = open_counted();
	peal_loop_step(loop);
	for (size_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < COUNT; i++)
			ck_assert_int_eq(peal_session_send(sessions[i], "x", 1, false), 0);
		for (size_t i = round; i < COUNT; i += 7) {
			peal_session_discard(sessions[i]);
			sessions[i] = open_counted();
		}
		writes = 0;
		peal_loop_step(loop);
		/* What was sent to those that are left, and the handshakes of the new ones. */
		ck_assert_uint_eq(writes, COUNT);
		ck_assert_uint_eq(stats.outbox_bytes, 0);
		ck_assert_uint_eq(stats.sessions, COUNT + 1);
	}
	for (size_t i = 0; i < COUNT; i++) {
		peal_session_discard(sessions[i]);
		peal_loop_step(loop);
		forget();
	}
}
END_TEST

static int bad_id(const struct peal_request *request, char buffer[64], void *userdata)
{
	(void)request;
	(void)userdata;
	strcpy(buffer, "not/url safe");
	return 0;
}

START_TEST(refuses_an_id_that_cannot_stand_in_a_url)
{
	struct peal_session *other;
	engine->options.generate_id = bad_id;
	ck_assert_int_eq(
		peal_session_create(engine, &recorder, make_request(), false, true, &other),
		-EEXIST);
}
END_TEST

START_TEST(an_id_begins_with_the_prefix_and_a_dot)
{
	struct peal_engine_options options;
	struct peal_engine *other;
	peal_engine_options_init(&options);
	char prefix[] = "n1_-abcdefghijkl";
	options.sid_prefix = prefix;
	ck_assert_int_eq(peal_engine_create(&context, &options, &handlers, NULL, &other), 0);
	/* It was copied. */
	memset(prefix, '!', 16);
	struct peal_session *first, *second;
	ck_assert_int_eq(peal_session_create(other, &recorder, make_request(), false, true, &first),
			 0);
	ck_assert_int_eq(
		peal_session_create(other, &recorder, make_request(), false, true, &second), 0);
	const char *sid = peal_session_sid(first);
	ck_assert_int_eq(strncmp(sid, "n1_-abcdefghijkl.", 17), 0);
	ck_assert_uint_eq(strlen(sid), 17 + 20);
	ck_assert_ptr_null(strchr(sid + 17, '.'));
	ck_assert_str_ne(sid, peal_session_sid(second));
	ck_assert_ptr_eq(peal_engine_find(other, sid, strlen(sid)), first);
	ck_assert_ptr_null(peal_engine_find(other, sid + 17, 20));
	peal_engine_discard_all(other);
	peal_loop_step(loop);
	peal_engine_destroy(other);
}
END_TEST

static void unheard(enum peal_log_level level, const char *message,
		    const struct peal_log_field *fields, size_t count, void *userdata)
{
	(void)level, (void)message, (void)fields, (void)count, (void)userdata;
}

START_TEST(refuses_options_out_of_range)
{
	struct peal_engine_options options;
	struct peal_engine *other;
	struct peal_log quiet = { .fn = unheard };
	context.log = &quiet;
	peal_engine_options_init(&options);
	options.ping_interval_ms = 0;
	ck_assert_int_eq(peal_engine_create(&context, &options, &handlers, NULL, &other), -EINVAL);
	static const char *const prefixes[] = { "", "a.b", "a b", "\xc3\xa9", "12345678901234567" };
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		peal_engine_options_init(&options);
		options.sid_prefix = prefixes[i];
		ck_assert_int_eq(peal_engine_create(&context, &options, &handlers, NULL, &other),
				 -EINVAL);
	}
	peal_engine_options_init(&options);
	options.sid_prefix = "n1";
	options.generate_id = bad_id;
	ck_assert_int_eq(peal_engine_create(&context, &options, &handlers, NULL, &other), -EINVAL);
	peal_engine_options_init(&options);
	options.path = "engine.io";
	ck_assert_int_eq(peal_engine_create(&context, &options, &handlers, NULL, &other), -EINVAL);
	peal_engine_options_init(&options);
	options.outbox_limit = SIZE_MAX;
	ck_assert_int_eq(peal_engine_create(&context, &options, &handlers, NULL, &other), -EINVAL);
	peal_engine_options_init(&options);
	options.transports = 4;
	ck_assert_int_eq(peal_engine_create(&context, &options, &handlers, NULL, &other), -EINVAL);
	context.log = &silent;
}
END_TEST

UNIT_MAIN_WITH("session", set_up, tear_down, announces_exactly_the_five_keys_in_order,
	       sends_a_ping_after_the_interval_and_closes_when_no_pong_comes,
	       counts_the_next_interval_from_the_pong,
	       a_pong_that_nobody_asked_for_restarts_the_interval,
	       puts_the_pong_deadline_off_once_per_ping_when_another_packet_comes,
	       a_standstill_closes_nobody_and_pings_at_once,
	       a_standstill_while_a_pong_is_awaited_gives_its_time_back,
	       makes_one_write_of_everything_queued_in_a_turn,
	       is_not_writable_from_the_enqueue_until_the_flush,
	       closes_a_session_whose_outbox_passes_its_limit,
	       empty_messages_fill_an_outbox_as_well, flushes_the_queue_before_an_orderly_close,
	       closes_at_once_when_nothing_is_queued, gives_up_an_orderly_close_after_its_grace,
	       drops_the_queue_when_it_is_discarded, delivers_text_and_binary_messages,
	       closes_with_parse_error_on_a_malformed_packet, closes_when_the_client_pings,
	       closes_when_the_client_says_so,
	       sends_binary_as_base64_to_a_client_that_cannot_take_it,
	       refuses_text_that_is_not_utf8, queues_a_run_of_frames_together,
	       who_is_closed_while_many_are_queued_is_left_out_and_nobody_else,
	       refuses_an_id_that_cannot_stand_in_a_url, an_id_begins_with_the_prefix_and_a_dot,
	       refuses_options_out_of_range)
