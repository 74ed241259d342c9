/* A node that sends its clients away, and one that lets them in at a rate, through the public
 * headers only. */
#include <stdio.h>
#include "tests/support/node_bench.h"
#include "tests/unit/unit.h"

#define CLIENTS 24
static struct peal_node_options options;
static struct peal_node *node;
static struct peal_stats stats;
static char heard[4096];
static int fds[CLIENTS];

static void set_up(void)
{
	heard[0] = '\0';
	bench_options(&options);
	options.name = "test";
}

static void tear_down(void)
{
	peal_node_free(node);
	node = NULL;
	event_base_free(base);
}

static void make(void)
{
	ck_assert_int_eq(peal_node_new(&options, &node), 0);
	ck_assert_int_eq(peal_node_listen(node), 0);
}

static void request(int fd, const char *method, const char *sid, const char *body)
{
	char text[1024];
	snprintf(text, sizeof(text),
		 "%s /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n"
		 "Content-Length: %zu\r\n\r\n%s",
		 method, sid, strlen(body), body);
	say(fd, text);
}

static void on_disconnect(struct peal_socket *socket, const char *reason, const char *description,
			  void *userdata)
{
	(void)socket, (void)description, (void)userdata;
	strcat(strcat(heard, reason), ";");
}

START_TEST(a_session_that_is_sent_away_gets_what_is_queued_and_no_disconnect_packet)
{
	char sid[21];
	make();
	ck_assert_int_eq(peal_on_disconnect(peal_io(node), on_disconnect, NULL), 0);
	int fd = dial(node), other = dial(node);
	strcpy(sid, open_polling(fd, BENCH_HANDSHAKE));
	request(other, "POST", sid, "40");
	read_until(other, "\r\n\r\nok");
	request(fd, "GET", sid, "");
	read_until(fd, "40{");
	/* No GET is parked: the event waits for the next one, and the end waits for it. */
	ck_assert_int_eq(peal_emit(peal_io(node), PEAL_ALL, "last", "words"), 0);
	ck_assert_uint_eq(peal_node_drain_sessions(node, 5), 0);
	ck_assert_str_eq(heard, "");
	turn();
	ck_assert_str_eq(heard, "server shutting down;");
	request(fd, "GET", sid, "");
	read_until(fd, "42[\"last\",\"words\"]");
	request(fd, "GET", sid, "");
	const char *answer = read_until(fd, "\r\n\r\n6");
	ck_assert_ptr_null(strstr(strstr(answer, "\r\n\r\n"), "41"));
	peal_node_stats(node, &stats);
	ck_assert_uint_eq(stats.draining, 1);
	ck_assert_uint_eq(stats.sessions_drained, 1);
	ck_assert(!peal_node_ready(node));
	for (int i = 0; i < 1000 && stats.sessions; i++) {
		turn();
		peal_node_stats(node, &stats);
	}
	ck_assert_uint_eq(stats.sessions, 0);
	close(fd);
	close(other);
}
END_TEST

static bool is_alive(const char *sid)
{
	int fd = dial(node);
	request(fd, "POST", sid, "40");
	bool yes = strstr(read_until(fd, "\r\n\r\n"), " 200 ") != NULL;
	close(fd);
	return yes;
}

START_TEST(as_many_as_asked_for_go_without_regard_to_their_age)
{
	char sids[CLIENTS][21];
	size_t oldest = 0;
	make();
	for (size_t i = 0; i < CLIENTS; i++) {
		fds[i] = dial(node);
		strcpy(sids[i], open_polling(fds[i], BENCH_HANDSHAKE));
	}
	ck_assert_uint_eq(peal_node_drain_sessions(node, 0), CLIENTS);
	ck_assert_uint_eq(peal_node_drain_sessions(node, CLIENTS / 2), CLIENTS / 2);
	/* Those who go have no GET parked, and are closing until they fetch their end. */
	for (size_t i = 0; i < CLIENTS; i++)
		request(fds[i], "GET", sids[i], "");
	for (int i = 0; i < 20; i++)
		turn();
	peal_node_stats(node, &stats);
	ck_assert_uint_eq(stats.sessions, CLIENTS / 2);
	for (size_t i = 0; i < CLIENTS / 2; i++)
		oldest += is_alive(sids[i]);
	/* One in a million runs is so uneven by chance. */
	ck_assert_uint_ne(oldest, 0);
	ck_assert_uint_ne(oldest, CLIENTS / 2);
	ck_assert_uint_eq(peal_node_drain_sessions(node, CLIENTS), 0);
	for (size_t i = 0; i < CLIENTS; i++)
		close(fds[i]);
}
END_TEST

static void on_connection(struct peal_session *session, void *userdata)
{
	(void)session, (void)userdata;
}

START_TEST(sessions_of_a_bare_engine_go_too)
{
	static const struct peal_engine_handlers handlers = { .connection = on_connection };
	struct peal_engine_options bare;
	struct peal_engine *engine;
	make();
	peal_engine_options_init(&bare);
	ck_assert_int_eq(peal_engine_new(node, &bare, &handlers, NULL, &engine), 0);
	int fd = dial(node);
	say(fd, "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(fd, "maxPayload");
	ck_assert_uint_eq(peal_node_drain_sessions(node, 0), 1);
	ck_assert_uint_eq(peal_node_drain_sessions(node, 1), 0);
	close(fd);
}
END_TEST

START_TEST(new_sessions_come_in_at_the_rate_and_known_ones_pass)
{
	char sid[21];
	options.connect_rate = 1;
	make();
	int fd = dial(node), other = dial(node);
	strcpy(sid, open_polling(fd, BENCH_HANDSHAKE));
	for (int i = 0; i < 3; i++) {
		say(other, BENCH_HANDSHAKE);
		const char *answer = read_until(other, "}");
		ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 503"));
		ck_assert_ptr_nonnull(strstr(answer, "Retry-After: 1\r\n"));
		ck_assert_ptr_nonnull(strstr(answer, "{\"code\":3,\"message\":\"Bad request\"}"));
	}
	say(other, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: "
		   "Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	const char *answer = read_until(other, "Bad request");
	ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 503"));
	ck_assert_ptr_nonnull(strstr(answer, "Retry-After: 1\r\n"));
	close(other);
	/* The one that is in goes on. */
	for (int i = 0; i < 3; i++) {
		request(fd, "POST", sid, i ? "42[\"x\"]" : "40");
		read_until(fd, "\r\n\r\nok");
	}
	/* A version that is not spoken is refused as such, and takes nobody's place. */
	other = dial(node);
	say(other, "GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(other, "{\"code\":5,");
	peal_node_stats(node, &stats);
	ck_assert_uint_eq(stats.sessions_refused_rate, 4);
	ck_assert_uint_eq(stats.sessions, 1);
	close(fd);
	close(other);
}
END_TEST

START_TEST(a_rate_beyond_all_reason_is_refused)
{
	options.connect_rate = 1000001;
	options.log_level = PEAL_LOG_ERROR;
	ck_assert_int_eq(peal_node_new(&options, &node), PEAL_NODE_E_OPTION);
}
END_TEST

UNIT_MAIN_WITH("node_drain", set_up, tear_down,
	       a_session_that_is_sent_away_gets_what_is_queued_and_no_disconnect_packet,
	       as_many_as_asked_for_go_without_regard_to_their_age,
	       sessions_of_a_bare_engine_go_too,
	       new_sessions_come_in_at_the_rate_and_known_ones_pass,
	       a_rate_beyond_all_reason_is_refused)
