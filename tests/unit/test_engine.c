/*
 * A bare engine over real sockets: what hooks and handlers may do to the sessions, requests and
 * connections at hand, and sessions that end in the middle of something.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/session.h"
#include "node/node_private.h"
#include "tests/support/node_bench.h"
#include "tests/unit/unit.h"

static struct peal_node *node;
static struct peal_engine *engine;
static struct peal_engine_options options;
static struct peal_engine_handlers handlers;
static struct peal_session *session; /* the one opened last, until it is closed */
static struct peal_next *waiting;
static char heard[4096];
static unsigned hooks;

static void on_connection(struct peal_session *s, void *userdata)
{
	(void)userdata;
	session = s;
	strcat(heard, "open;");
}

static void on_message(struct peal_session *s, const void *data, size_t length, bool binary,
		       void *userdata)
{
	(void)s, (void)binary, (void)userdata;
	strncat(heard, data, length);
	strcat(heard, ";");
}

static void on_close(struct peal_session *s, const char *reason, const char *description,
		     void *userdata)
{
	(void)description, (void)userdata;
	if (s == session)
		session = NULL;
	strcat(heard, reason);
	strcat(heard, ";");
}

static void set_up(void)
{
	struct peal_node_options all;
	session = NULL;
	waiting = NULL;
	heard[0] = '\0';
	hooks = 0;
	handlers = (struct peal_engine_handlers){ on_connection, on_message, on_close, NULL };
	peal_engine_options_init(&options);
	bench_options(&all);
	ck_assert_int_eq(peal_node_new(&all, &node), 0);
	ck_assert_int_eq(peal_node_listen(node), 0);
}

static void make(void)
{
	ck_assert_int_eq(peal_engine_new(node, &options, &handlers, NULL, &engine), 0);
}

static void turns(int count)
{
	while (count--)
		turn();
}

/* Nothing of the clients stays behind. */
static void tear_down(void)
{
	struct peal_stats stats;
	peal_node_close(node, 50, NULL, NULL);
	do {
		turn();
		peal_node_stats(node, &stats);
	} while (stats.sessions || stats.http_connections || stats.websocket_connections);
	ck_assert_uint_eq(stats.sessions_websocket, 0);
	ck_assert_uint_eq(stats.outbox_bytes, 0);
	peal_node_free(node);
	event_base_free(base);
}

#define POLL "GET /engine.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: x\r\n\r\n"
#define UPGRADE                                                                             \
	"GET /engine.io/?EIO=4&transport=websocket%s%s HTTP/1.1\r\nHost: x\r\nConnection: " \
	"Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " \
	"dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

#define HANDSHAKE "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n"

/* @sid NULL: a new session. */
static void ask(int fd, const char *format, const char *sid)
{
	char request[512];
	snprintf(request, sizeof(request), format, sid ? "&sid=" : "", sid ? sid : "");
	say(fd, request);
}

/* A short text message of a client, masked with zeros, at @to. Return: its length. */
static size_t frame(char *to, const char *text)
{
	size_t length = strlen(text);
	to[0] = (char)0x81;
	to[1] = (char)(0x80 | length);
	memset(to + 2, 0, 4);
	memcpy(to + 6, text, length);
	return 6 + length;
}

static void say_frame(int fd, const char *text)
{
	char bytes[256];
	size_t length = frame(bytes, text);
	ck_assert_int_eq(send(fd, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* --- hooks --------------------------------------------------------------------------------- */

static void count_headers(const struct peal_request *request, bool initial,
			  struct peal_response_headers *headers, void *userdata)
{
	(void)request, (void)userdata;
	hooks++;
	ck_assert_int_eq(
		peal_response_headers_add(headers, initial ? "X-Initial" : "X-Each", "yes"), 0);
}

START_TEST(calls_no_hook_from_inside_of_a_close)
{
	options.headers = count_headers;
	make();
	int fd = dial(node);
	const char *sid = open_polling(fd, HANDSHAKE);
	ask(fd, POLL, sid);
	turns(20);
	unsigned before = hooks;
	peal_session_close(session);
	ck_assert_uint_eq(hooks, before);
	ck_assert_ptr_nonnull(strstr(read_until(fd, "\r\n\r\n1"), "X-Each: yes\r\n"));
	ck_assert_uint_eq(hooks, before);
	turns(5);
	ck_assert_str_eq(heard, "open;forced close;");
	close(fd);
}
END_TEST

static bool close_initial, close_each;

static void close_in_headers(const struct peal_request *request, bool initial,
			     struct peal_response_headers *headers, void *userdata)
{
	(void)request, (void)headers, (void)userdata;
	if (initial ? close_initial : close_each)
		peal_node_close(node, 100, NULL, NULL);
}

START_TEST(a_hook_may_close_the_node_under_a_new_polling_session)
{
	options.headers = close_in_headers;
	close_initial = true;
	make();
	int fd = dial(node);
	ask(fd, POLL, NULL);
	read_until(fd, "HTTP/1.1 503");
	close(fd);
	turns(20);
	ck_assert_str_eq(heard, "");
}
END_TEST

START_TEST(a_hook_may_close_the_node_under_a_new_websocket_session)
{
	options.headers = close_in_headers;
	close_initial = true;
	make();
	int fd = dial(node);
	ask(fd, UPGRADE, NULL);
	read_until(fd, "HTTP/1.1 503");
	close(fd);
	turns(20);
	ck_assert_str_eq(heard, "");
}
END_TEST

START_TEST(a_hook_may_close_the_node_under_a_poll)
{
	options.headers = close_in_headers;
	close_initial = close_each = false;
	make();
	int fd = dial(node);
	const char *sid = open_polling(fd, HANDSHAKE);
	close_each = true;
	ask(fd, POLL, sid);
	read_until(fd, "\r\n\r\n1");
	close(fd);
	turns(20);
	ck_assert_str_eq(heard, "open;forced close;");
}
END_TEST

START_TEST(a_hook_may_close_the_node_under_an_upgrade)
{
	options.headers = close_in_headers;
	close_initial = close_each = false;
	make();
	int fd = dial(node), candidate = dial(node);
	const char *sid = open_polling(fd, HANDSHAKE);
	close_each = true;
	ask(candidate, UPGRADE, sid);
	turns(20);
	/* Whatever became of it, the session is gone and the connection follows. */
	(void)!send(candidate, "\x81\x86\0\0\0\0002probe", 12, MSG_NOSIGNAL);
	turns(20);
	ck_assert_str_eq(heard, "open;forced close;");
	close(candidate);
	close(fd);
}
END_TEST

static int close_in_generate(const struct peal_request *request, char buffer[64], void *userdata)
{
	(void)request, (void)userdata;
	strcpy(buffer, "id");
	peal_node_close(node, 100, NULL, NULL);
	return 0;
}

START_TEST(a_session_whose_id_generator_closes_the_node_is_not_opened)
{
	options.generate_id = close_in_generate;
	make();
	int fd = dial(node);
	ask(fd, UPGRADE, NULL);
	read_until(fd, "HTTP/1.1 503");
	turns(5);
	ck_assert_str_eq(heard, "");
	close(fd);
}
END_TEST

START_TEST(counts_no_session_that_never_opened)
{
	struct peal_stats stats;
	options.outbox_limit = 10; /* not even the handshake */
	make();
	int fd = dial(node);
	ask(fd, UPGRADE, NULL);
	read_until(fd, "HTTP/1.1 503");
	peal_node_stats(node, &stats);
	ck_assert_uint_eq(stats.sessions_websocket, 0);
	close(fd);
}
END_TEST

static void allow_later(const struct peal_request *request, struct peal_next *next, void *userdata)
{
	char verdict[16];
	(void)userdata;
	if (peal_request_query(request, "later", verdict, sizeof(verdict)) < 0)
		peal_next_accept(next);
	else
		waiting = next;
}

static void accept_on_message(struct peal_session *s, const void *data, size_t length, bool binary,
			      void *userdata)
{
	on_message(s, data, length, binary, userdata);
	if (length == 6 && !memcmp(data, "accept", 6))
		peal_next_accept(waiting);
}

START_TEST(a_websocket_may_be_accepted_while_another_is_being_read)
{
	char bytes[1024];
	size_t length = 0;
	options.allow_request = allow_later;
	handlers.message = accept_on_message;
	make();
	int fd = dial(node), other = dial(node);
	ask(fd, UPGRADE, NULL);
	read_until(fd, "maxPayload");
	ask(other, UPGRADE, "&later=1"); /* an empty sid is none */
	for (int i = 0; i < 10000 && !waiting; i++)
		turn();
	ck_assert_ptr_nonnull(waiting);
	heard[0] = '\0';
	length += frame(bytes + length, "4accept");
	for (int i = 0; i < 20; i++)
		length += frame(bytes + length, "4the rest of what came");
	ck_assert_int_eq(send(fd, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
	read_until(other, "maxPayload");
	turns(20);
	size_t rest = 0;
	for (const char *at = heard; (at = strstr(at, "the rest of what came;")); at++)
		rest++;
	ck_assert_msg(rest == 20, "%s", heard);
	ck_assert_ptr_null(strstr(heard, "transport"));
	close(fd);
	close(other);
}
END_TEST

START_TEST(counts_text_that_is_not_utf8_as_malformed)
{
	struct peal_stats stats;
	char request[256];
	make();
	int fd = dial(node);
	snprintf(request, sizeof(request),
		 "POST /engine.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n"
		 "Content-Length: 2\r\n\r\n4\xff",
		 open_polling(fd, HANDSHAKE));
	say(fd, request);
	read_until(fd, "\r\n\r\nok");
	turns(5);
	ck_assert_str_eq(heard, "open;parse error;");
	peal_node_stats(node, &stats);
	ck_assert_uint_eq(stats.sessions_closed_parse_error, 1);
	close(fd);
}
END_TEST

/* --- upgrades ------------------------------------------------------------------------------ */

START_TEST(an_orderly_close_goes_over_the_websocket_of_an_upgrade_that_ends_meanwhile)
{
	make();
	int fd = dial(node), candidate = dial(node);
	ask(candidate, UPGRADE, open_polling(fd, HANDSHAKE));
	read_until(candidate, "\r\n\r\n");
	say_frame(candidate, "2probe");
	read_until(candidate, "3probe");
	/* The client has had its last poll answered, and its 5 is on the way. */
	ck_assert_int_eq(peal_session_send(session, "goodbye", 7, false), 0);
	peal_session_close(session);
	turns(5);
	say_frame(candidate, "5");
	read_until(candidate, "\x81\x08"
			      "4goodbye"
			      "\x88");
	turns(5);
	ck_assert_str_eq(heard, "open;forced close;");
	close(candidate);
	close(fd);
}
END_TEST

START_TEST(a_candidate_that_probes_without_reading_is_given_up)
{
	enum { EACH = 200 };
	static char bytes[EACH * 12];
	size_t length = 0;
	make();
	int fd = dial(node), candidate = dial(node);
	ask(candidate, UPGRADE, open_polling(fd, HANDSHAKE));
	read_until(candidate, "\r\n\r\n");
	for (int i = 0; i < EACH; i++)
		length += frame(bytes + length, "2probe");
	size_t at = 0;
	/* Until the kernel takes no more, and as much again. */
	struct peal_stats stats = { 0 };
	for (int i = 0, rest = 2000; i < 1000000 && rest; i++) {
		ssize_t n = send(candidate, bytes + at, length - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			at = (at + (size_t)n) % length;
		event_base_loop(base, EVLOOP_NONBLOCK);
		peal_node_stats(node, &stats);
		rest -= stats.writes_partial > 0;
	}
	ck_assert_uint_gt(stats.writes_partial, 0);
	/* One that did not fit, and the close frame behind it. */
	ck_assert_uint_le(stats.writes_partial, 2);
	ck_assert_str_eq(heard, "open;");
	close(candidate);
	close(fd);
}
END_TEST

/* --- behind the barrier -------------------------------------------------------------------- */

START_TEST(a_poll_stays_parked_while_packets_are_held)
{
	make();
	char more[512], byte;
	int fd = dial(node);
	snprintf(more, sizeof(more), POLL, "&sid=", open_polling(fd, HANDSHAKE));
	uint64_t number = peal_barrier_issue(&node->barrier);
	peal_session_hold(session, number);
	ck_assert_int_eq(peal_session_send(session, "one", 3, false), 0);
	ck_assert_int_eq(peal_session_send(session, "two", 3, false), 0);
	say(fd, more);
	turns(20);
	ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	peal_barrier_reach(&node->barrier, number);
	read_until(fd, "4one\x1e"
		       "4two");
	close(fd);
}
END_TEST

START_TEST(what_is_held_goes_over_the_websocket_of_an_upgrade_that_ends_meanwhile)
{
	make();
	int fd = dial(node), candidate = dial(node);
	ask(candidate, UPGRADE, open_polling(fd, HANDSHAKE));
	read_until(candidate, "\r\n\r\n");
	uint64_t number = peal_barrier_issue(&node->barrier);
	ck_assert_int_eq(peal_session_send(session, "before", 6, false), 0);
	peal_session_hold(session, number);
	ck_assert_int_eq(peal_session_send(session, "held", 4, false), 0);
	/* The upgrade does not wait. */
	say_frame(candidate, "2probe");
	read_until(candidate, "3probe");
	say_frame(candidate, "5");
	read_until(candidate, "\x81\x07"
			      "4before");
	ck_assert_str_eq(peal_session_transport(session), "websocket");
	peal_barrier_reach(&node->barrier, number);
	read_until(candidate, "\x81\x05"
			      "4held");
	close(candidate);
	close(fd);
}
END_TEST

START_TEST(an_orderly_close_of_a_websocket_waits_for_what_is_held)
{
	make();
	char byte;
	int fd = dial(node);
	ask(fd, UPGRADE, NULL);
	read_until(fd, "maxPayload\":1000000}");
	uint64_t number = peal_barrier_issue(&node->barrier);
	peal_session_hold(session, number);
	ck_assert_int_eq(peal_session_send(session, "goodbye", 7, false), 0);
	peal_session_close(session);
	turns(20);
	ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_str_eq(heard, "open;");
	peal_barrier_reach(&node->barrier, number);
	read_until(fd, "\x81\x08"
		       "4goodbye"
		       "\x88");
	turns(5);
	ck_assert_str_eq(heard, "open;forced close;");
	close(fd);
}
END_TEST

START_TEST(a_client_that_leaves_takes_what_is_held_with_it)
{
	make();
	int fd = dial(node);
	ask(fd, UPGRADE, NULL);
	read_until(fd, "maxPayload\":1000000}");
	peal_session_hold(session, peal_barrier_issue(&node->barrier));
	ck_assert_int_eq(peal_session_send(session, "nobody", 6, false), 0);
	close(fd);
	turns(20);
	ck_assert_str_eq(heard, "open;transport close;");
	ck_assert(peal_list_empty(&node->barrier.waiters));
}
END_TEST

START_TEST(a_sid_with_a_prefix_opens_polls_and_upgrades)
{
	char sid[32];
	options.sid_prefix = "n10";
	make();
	int fd = dial(node), candidate = dial(node);
	ask(fd, POLL, NULL);
	memcpy(sid, strstr(read_until(fd, "maxPayload\":1000000}"), "\"sid\":\"") + 7, 24);
	sid[24] = '\0';
	ck_assert_int_eq(strncmp(sid, "n10.", 4), 0);
	ck_assert_str_eq(peal_session_sid(session), sid);
	ck_assert_int_eq(peal_session_send(session, "hello", 5, false), 0);
	ask(fd, POLL, sid);
	read_until(fd, "4hello");
	/* Neither another prefix nor none. */
	sid[2] = '1';
	ask(fd, POLL, sid);
	read_until(fd, "Session ID unknown");
	ask(fd, POLL, sid + 4);
	read_until(fd, "Session ID unknown");
	sid[2] = '0';
	ask(candidate, UPGRADE, sid);
	read_until(candidate, "\r\n\r\n");
	say_frame(candidate, "2probe");
	read_until(candidate, "3probe");
	say_frame(candidate, "5");
	turns(5);
	ck_assert_str_eq(peal_session_transport(session), "websocket");
	close(candidate);
	close(fd);
}
END_TEST

UNIT_MAIN_WITH("engine", set_up, tear_down, calls_no_hook_from_inside_of_a_close,
	       a_hook_may_close_the_node_under_a_new_polling_session,
	       a_hook_may_close_the_node_under_a_new_websocket_session,
	       a_hook_may_close_the_node_under_a_poll, a_hook_may_close_the_node_under_an_upgrade,
	       a_session_whose_id_generator_closes_the_node_is_not_opened,
	       counts_no_session_that_never_opened, counts_text_that_is_not_utf8_as_malformed,
	       a_websocket_may_be_accepted_while_another_is_being_read,
	       an_orderly_close_goes_over_the_websocket_of_an_upgrade_that_ends_meanwhile,
	       a_candidate_that_probes_without_reading_is_given_up,
	       a_poll_stays_parked_while_packets_are_held,
	       what_is_held_goes_over_the_websocket_of_an_upgrade_that_ends_meanwhile,
	       an_orderly_close_of_a_websocket_waits_for_what_is_held,
	       a_client_that_leaves_takes_what_is_held_with_it,
	       a_sid_with_a_prefix_opens_polls_and_upgrades)
