/*
 * The HTTP server under attack: every hostile or merely unlucky connection gets the stated answer
 * or a close, its handler hears of it once, nothing spins, and nothing is left behind.
 */
#include "tests/support/http_bench.h"
#include "tests/support/http_bystander.h"
#include "tests/unit/unit.h"

#define HOST "Host: localhost\r\n"
#define GET "GET /t/now HTTP/1.1\r\n"

START_TEST(a_client_that_leaves_its_parked_request_is_noticed_at_once)
{
	set_up();
	for (int way = 0; way < 3; way++) {
		struct client *client = client_new();
		client_send(client, "GET /t/park HTTP/1.1\r\n" HOST "\r\n");
		size_t before = bench.aborts[PEAL_HTTP_ABORT_CLOSED];
		if (way == 2)
			shutdown(client->fd, SHUT_WR);
		else
			client_hang_up(client, way == 1);
		bench_pump();
		ck_assert_uint_eq(bench.aborts[PEAL_HTTP_ABORT_CLOSED], before + 1);
		ck_assert_uint_eq(attacker_connections(), 0);
		bench_check_quiet();
		client_free(client);
	}
	tear_down();
}
END_TEST

START_TEST(hang_ups_are_known_before_new_requests_of_the_same_poll)
{
	set_up();
	struct client *next = client_new();
	for (int round = 0; round < 20; round++) {
		struct client *leaving = client_new();
		client_send(leaving, "GET /t/park?left HTTP/1.1\r\n" HOST "\r\n");
		bench.trace[0] = '\0';
		/* The request is sent first, and its connection is older. */
		ck_assert_int_gt(send(next->fd, GET HOST "\r\n", strlen(GET HOST "\r\n"), 0), 0);
		if (round % 2)
			ck_assert_int_eq(send(leaving->fd, "x", 1, 0), 1);
		client_hang_up(leaving, false);
		ck_assert_uint_eq(client_answer(next), 200);
		ck_assert_str_eq(bench.trace, "abort:/t/park?left request:/t/now");
		client_free(leaving);
		bench.parked_count = 1;
	}
	client_free(next);
	tear_down();
}
END_TEST

START_TEST(bytes_behind_a_parked_request_neither_spin_nor_pile_up)
{
	char *text = malloc(PEAL_LIMIT_HTTP_PIPELINE_BYTES + 1);
	memset(text, 'x', PEAL_LIMIT_HTTP_PIPELINE_BYTES + 1);
	set_up();
	struct client *client = client_new();
	client_send(client, "GET /t/park HTTP/1.1\r\n" HOST "\r\n");
	for (int i = 0; i < 10; i++) {
		client_send_bytes(client, text, 1);
		bench_check_quiet();
	}
	client_send_bytes(client, text, PEAL_LIMIT_HTTP_PIPELINE_BYTES - 10);
	bench_check_quiet();
	ck_assert(client_waits(client));
	ck_assert_uint_eq(bench.aborts[PEAL_HTTP_ABORT_CLOSED], 0);
	client_send_bytes(client, text, 1);
	ck_assert_uint_eq(bench.aborts[PEAL_HTTP_ABORT_CLOSED], 1);
	ck_assert(client_is_closed(client));
	client_free(client);
	/* A poked and aborted one is noticed although bytes are in front of the end. */
	client = client_new();
	client_send(client, "GET /t/park HTTP/1.1\r\n" HOST "\r\n");
	client_send_bytes(client, text, 5);
	client_hang_up(client, false);
	bench_pump();
	ck_assert_uint_eq(bench.aborts[PEAL_HTTP_ABORT_CLOSED], 2);
	client_free(client);
	/* And what was sent behind an answered one is read as a request, here a bad one. */
	client = client_new();
	client_send(client, "GET /t/park HTTP/1.1\r\n" HOST "\r\nx");
	bench_answer_parked(3, "fine");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_uint_eq(client_answer(client), 400);
	client_free(client);
	free(text);
	tear_down();
}
END_TEST

START_TEST(a_slow_reader_gets_all_of_a_large_answer_and_spins_nothing)
{
	set_up();
	struct client *client = client_new_with_buffer(4096);
	client_send(client, "GET /t/big HTTP/1.1\r\n" HOST "\r\n");
	bench_check_quiet();
	/* One byte behind a request whose answer is not read. */
	client_send(client, "G");
	bench_check_quiet();
	bench_advance(PEAL_LIMIT_HTTP_WRITE_IDLE_MS - 1000);
	ck_assert_uint_eq(attacker_connections(), 1);
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_uint_eq(client->body_length, BENCH_BIG);
	ck_assert_mem_eq(client->body, bench.big, BENCH_BIG);
	client_send(client, "ET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "/t/now");
	client_free(client);
	tear_down();
}
END_TEST

START_TEST(an_answer_that_is_never_read_is_given_up)
{
	set_up();
	for (int way = 0; way < 2; way++) {
		struct client *client = client_new_with_buffer(4096);
		client_send(client, "GET /t/big HTTP/1.1\r\n" HOST "\r\n");
		if (way)
			shutdown(client->fd, SHUT_WR);
		bench_check_quiet();
		ck_assert_uint_eq(attacker_connections(), 1);
		bench_advance(PEAL_LIMIT_HTTP_WRITE_IDLE_MS + 100);
		ck_assert_uint_eq(attacker_connections(), 0);
		client_free(client);
		/* Or the client goes before. */
		client = client_new_with_buffer(4096);
		client_send(client, "GET /t/big HTTP/1.1\r\n" HOST "\r\n");
		client_hang_up(client, way);
		bench_pump();
		client_free(client);
		bench_advance(PEAL_LIMIT_HTTP_WRITE_IDLE_MS + 100);
		ck_assert_uint_eq(attacker_connections(), 0);
	}
	tear_down();
}
END_TEST

START_TEST(a_flood_of_requests_whose_answers_are_not_read_is_closed)
{
	static const char request[] = "GET /t/big HTTP/1.1\r\n" HOST "\r\n";
	set_up();
	struct client *client = client_new_with_buffer(4096);
	size_t sent = 0;
	for (int i = 0; i < 100000 && attacker_connections(); i++) {
		ssize_t n =
			send(client->fd, request, sizeof(request) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
	}
	ck_assert_uint_eq(attacker_connections(), 0);
	ck_assert_uint_eq(bench.requests, 2);
	ck_assert_uint_gt(sent, PEAL_LIMIT_HTTP_PIPELINE_BYTES);
	client_free(client);
	tear_down();
}
END_TEST

START_TEST(slow_heads_get_408_however_they_trickle)
{
	set_up();
	struct client *client = client_new();
	client_send(client, "GET /t/now HTTP/1.1\r\nX: ");
	for (int i = 0; i < 9; i++) {
		bench_advance(PEAL_LIMIT_HTTP_HEAD_MS / 10);
		client_send(client, "x");
		ck_assert(client_waits(client));
	}
	bench_check_quiet();
	bench_advance(PEAL_LIMIT_HTTP_HEAD_MS / 10 + 100);
	ck_assert_uint_eq(client_answer(client), 408);
	ck_assert(client_is_closed(client));
	client_free(client);
	/* Behind an earlier request the time begins with the first byte. */
	client = client_new();
	client_send(client, GET HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	bench_advance(PEAL_LIMIT_HTTP_KEEP_ALIVE_MS - 100);
	client_send(client, "GET");
	bench_advance(PEAL_LIMIT_HTTP_HEAD_MS - 100);
	ck_assert(client_waits(client));
	bench_advance(200);
	ck_assert_uint_eq(client_answer(client), 408);
	client_free(client);
	/* A connection that says nothing, or nothing but empty lines, just ends. */
	client = client_new();
	struct client *blank = client_new();
	for (int i = 0; i < 9; i++) {
		bench_advance(PEAL_LIMIT_HTTP_HEAD_MS / 10);
		client_send(blank, "\r\n");
	}
	bench_advance(PEAL_LIMIT_HTTP_HEAD_MS / 10 + 100);
	ck_assert(client_is_closed(client));
	ck_assert(client_is_closed(blank));
	client_free(client);
	client_free(blank);
	ck_assert_uint_eq(attacker_connections(), 0);
	tear_down();
}
END_TEST

START_TEST(slow_bodies_are_aborted_with_408)
{
	set_up();
	struct client *client = client_new();
	client_send(client, "POST /t/body HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nx");
	bench_check_quiet();
	bench_advance(PEAL_LIMIT_HTTP_BODY_IDLE_MS - 100);
	ck_assert(client_waits(client));
	bench_advance(200);
	ck_assert_uint_eq(client_answer(client), 408);
	ck_assert_uint_eq(bench.aborts[PEAL_HTTP_ABORT_CLOSED], 1);
	ck_assert(client_is_closed(client));
	client_free(client);
	/* Trickling helps for a minute. */
	client = client_new();
	client_send(client, "POST /t/body HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n");
	for (int i = 0; i < 5; i++) {
		bench_advance(PEAL_LIMIT_HTTP_BODY_MS / 6);
		client_send(client, "x");
		ck_assert(client_waits(client));
	}
	bench_advance(PEAL_LIMIT_HTTP_BODY_MS / 6 + 100);
	ck_assert_uint_eq(client_answer(client), 408);
	ck_assert_uint_eq(bench.aborts[PEAL_HTTP_ABORT_CLOSED], 2);
	client_free(client);
	/* The rest of a body that nobody wants: the answer is out, so only the close remains. */
	client = client_new();
	client_send(client, "POST /t/early HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	bench_advance(PEAL_LIMIT_HTTP_BODY_IDLE_MS + 100);
	ck_assert(client_is_closed(client));
	client_free(client);
	ck_assert_uint_eq(attacker_connections(), 0);
	tear_down();
}
END_TEST

START_TEST(an_aborted_upload_is_noticed_at_once)
{
	set_up();
	for (int way = 0; way < 3; way++) {
		struct client *client = client_new();
		client_send(client,
			    "POST /t/body HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nx");
		if (way == 2)
			shutdown(client->fd, SHUT_WR);
		else
			client_hang_up(client, way == 1);
		bench_pump();
		ck_assert_uint_eq(bench.aborts[PEAL_HTTP_ABORT_CLOSED], (size_t)way + 1);
		ck_assert_uint_eq(attacker_connections(), 0);
		client_free(client);
	}
	tear_down();
}
END_TEST

START_TEST(connections_that_end_before_a_request_leave_nothing)
{
	static const char *const starts[] = { "", "G", GET, "\r\n\r" };
	set_up();
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		for (int way = 0; way < 3; way++) {
			struct client *client = client_new();
			client_send(client, starts[i]);
			if (way == 2)
				shutdown(client->fd, SHUT_WR);
			else
				client_hang_up(client, way == 1);
			ck_assert_uint_eq(attacker_connections(), 0);
			bench_check_quiet();
			client_free(client);
		}
	}
	tear_down();
}
END_TEST

START_TEST(a_refused_client_that_never_closes_is_closed_in_the_end)
{
	char *text = calloc(1, 1 << 20);
	set_up();
	struct client *client = client_new();
	client_send(client, "nonsense");
	ck_assert_uint_eq(client_answer(client), 400);
	ck_assert_uint_eq(attacker_connections(), 1);
	bench_check_quiet();
	client_send(client, GET HOST "\r\n");
	ck_assert_uint_eq(bench.requests, 1);
	bench_advance(PEAL_LIMIT_HTTP_LINGER_MS + 100);
	ck_assert_uint_eq(attacker_connections(), 0);
	client_free(client);
	/* One that sends without end earlier. */
	client = client_new();
	client_send(client, "nonsense");
	ck_assert_uint_eq(client_answer(client), 400);
	for (int i = 0; i < 8; i++)
		client_send_bytes(client, text, 1 << 20);
	ck_assert_uint_eq(attacker_connections(), 0);
	client_free(client);
	free(text);
	tear_down();
}
END_TEST

START_TEST(a_parked_request_with_an_unread_body_is_bounded)
{
	char *text = calloc(1, 1 << 20);
	set_up();
	struct client *client = client_new();
	client_send(client, "POST /t/park HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n");
	client_send_bytes(client, text, 1000000);
	ck_assert_uint_eq(bench.aborts[PEAL_HTTP_ABORT_CLOSED], 1);
	ck_assert_uint_eq(attacker_connections(), 0);
	client_free(client);
	free(text);
	tear_down();
}
END_TEST

/* A number of its own, so that a failure can be run again. */
static uint32_t random_state;

static uint32_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

START_TEST(mutated_traffic_leaves_nothing_behind)
{
	static const char valid[] =
		GET HOST "\r\n"
			 "POST /t/body HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
			 "POST /t/body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
			 "5;a=b\r\nhello\r\n0\r\nT: x\r\n\r\n"
			 "POST /t/early HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
			 "GET /t/chunked HTTP/1.1\r\n" HOST "Origin: http://a\r\n\r\n"
			 "HEAD /t/cors/ HTTP/1.1\r\n" HOST "Origin: http://a\r\n\r\n"
			 "GET /t/refuse HTTP/1.1\r\n" HOST
			 "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
	set_up();
	for (uint32_t seed = 1; seed <= 3000; seed++) {
		char text[sizeof(valid)];
		size_t length = sizeof(valid) - 1;
		random_state = seed;
		memcpy(text, valid, sizeof(valid));
		for (uint32_t i = next_random() % 8; i > 0; i--) {
			static const char spice[] = "\r\n\0 :;,0159afGHPT/\x80\xff";
			size_t at = next_random() % length;
			switch (next_random() % 3) {
			case 0:
				text[at] = spice[next_random() % (sizeof(spice) - 1)];
				break;
			case 1:
				text[at] = (char)next_random();
				break;
			default:
				memmove(text + at, text + at + 1, length - at - 1);
				length--;
			}
		}
		struct client *client = client_new();
		size_t cut = next_random() % length;
		/* The server may have closed in the middle. */
		(void)!send(client->fd, text, cut, MSG_NOSIGNAL);
		bench_pump();
		(void)!send(client->fd, text + cut, length - cut, MSG_NOSIGNAL);
		bench_pump();
		client_hang_up(client, seed % 2);
		client_free(client);
		if (seed % 100 == 0) {
			bench_check_quiet();
			ck_assert_uint_eq(attacker_connections(), 0);
		}
	}
	tear_down();
}
END_TEST

UNIT_MAIN("http_attacks", a_client_that_leaves_its_parked_request_is_noticed_at_once,
	  hang_ups_are_known_before_new_requests_of_the_same_poll,
	  bytes_behind_a_parked_request_neither_spin_nor_pile_up,
	  a_slow_reader_gets_all_of_a_large_answer_and_spins_nothing,
	  an_answer_that_is_never_read_is_given_up,
	  a_flood_of_requests_whose_answers_are_not_read_is_closed,
	  slow_heads_get_408_however_they_trickle, slow_bodies_are_aborted_with_408,
	  an_aborted_upload_is_noticed_at_once, connections_that_end_before_a_request_leave_nothing,
	  a_refused_client_that_never_closes_is_closed_in_the_end,
	  a_parked_request_with_an_unread_body_is_bounded, mutated_traffic_leaves_nothing_behind)
