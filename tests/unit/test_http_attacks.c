/*
 * The HTTP server under attack: every hostile or merely unlucky connection gets the stated answer
 * or a close, its handler hears of it once, nothing spins, and nothing is left behind.
 */
#include "tests/support/http_bench.h"
#include "tests/unit/unit.h"

#define HOST "Host: localhost\r\n"
#define GET "GET /t/now HTTP/1.1\r\n"

static struct client *bystander;

/* Every attack happens beside a client that must not notice. */
static void set_up(void)
{
	bench_open(1000, NULL);
	bystander = client_new();
	client_send(bystander, "GET /t/park?bystander HTTP/1.1\r\n" HOST "\r\n");
}

static void tear_down(void)
{
	ck_assert(client_waits(bystander));
	bench_answer_parked(0, "undisturbed");
	ck_assert_uint_eq(client_answer(bystander), 200);
	ck_assert_str_eq(client_header(bystander, "Connection"), "keep-alive");
	client_free(bystander);
	bench_close();
}

static size_t attacker_connections(void)
{
	bench_pump();
	return peal_http_server_connections(bench.server) - 1;
}

/* The attack is answered with @status and a close, and no handler ever hears of it. */
static void refused(const char *bytes, size_t length, unsigned status)
{
	size_t requests = bench.requests;
	struct client *client = client_new();
	client_send_bytes(client, bytes, length);
	unsigned got = client_answer(client);
	ck_assert_msg(got == status, "%u instead of %u for: %.200s", got, status, bytes);
	ck_assert_str_eq(client_header(client, "Connection"), "close");
	ck_assert_str_eq(client_header(client, "Content-Length"), "0");
	bench_check_quiet();
	ck_assert(client_is_closed(client));
	ck_assert(!client->reset);
	ck_assert_uint_eq(bench.requests, requests);
	client_free(client);
	ck_assert_uint_eq(attacker_connections(), 0);
}

static void refused_text(const char *text, unsigned status)
{
	refused(text, strlen(text), status);
}

START_TEST(malformed_heads_get_400_and_a_close)
{
	static const char *const heads[] = {
		/* request lines */
		"\x16\x03\x01\x02",
		"get /t/now HTTP/1.1\r\n" HOST "\r\n",
		"GET  /t/now HTTP/1.1\r\n" HOST "\r\n",
		"GET /t/now  HTTP/1.1\r\n" HOST "\r\n",
		"GET /t/now HTTP/1.1 \r\n" HOST "\r\n",
		"GET\t/t/now HTTP/1.1\r\n" HOST "\r\n",
		" GET /t/now HTTP/1.1\r\n" HOST "\r\n",
		"GET /t/\x01now HTTP/1.1\r\n" HOST "\r\n",
		"GET /t/n\xc3\xb6w HTTP/1.1\r\n" HOST "\r\n",
		"GET /t/now a HTTP/1.1\r\n" HOST "\r\n",
		"GET /t/now\r\n\r\n",
		"GET /t/now HTTP/0.9\r\n" HOST "\r\n",
		"GET /t/now HTTP/1.2\r\n" HOST "\r\n",
		"GET /t/now HTTP/2.0\r\n" HOST "\r\n",
		"GET /t/now HTTP/1.10\r\n" HOST "\r\n",
		"GET /t/now HTTP/11\r\n" HOST "\r\n",
		"GET /t/now http/1.1\r\n" HOST "\r\n",
		"GET t/now HTTP/1.1\r\n" HOST "\r\n",
		"BREW /t/now HTTP/1.1\r\n" HOST "\r\n",
		"CONNECT localhost:80 HTTP/1.1\r\n" HOST "\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		/* line ends */
		"GET /t/now HTTP/1.1\n" HOST "\r\n",
		GET "Host: localhost\n\r\n",
		GET HOST "\n",
		GET "Host: local\rhost\r\n\r\n",
		GET HOST "X: a\r b\r\n\r\n",
		"\nGET /t/now HTTP/1.1\r\n" HOST "\r\n",
		/* headers */
		GET "\r\n",
		GET "Host: a\r\nHost: a\r\n\r\n",
		GET "Host: a b\r\n\r\n",
		GET "Host: a/b\r\n\r\n",
		"GET /t/now HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
		GET HOST "Name : value\r\n\r\n",
		GET HOST "Na me: value\r\n\r\n",
		GET HOST ": value\r\n\r\n",
		GET HOST "Name\r\n\r\n",
		GET HOST "N(ame: value\r\n\r\n",
		GET HOST "N\xc3\xa4me: value\r\n\r\n",
		GET " Host: localhost\r\n\r\n",
		GET HOST "X: one\r\n two\r\n\r\n",
		GET HOST "X: one\r\n\ttwo\r\n\r\n",
		GET HOST "X: a\x01\x62\r\n\r\n",
		GET HOST "X: a\x7f\r\n\r\n",
		/* framing */
		"POST /t/body HTTP/1.1\r\n" HOST
		"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Content-Length: 3 3\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551616\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n",
		"POST /t/body HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST /t/body HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
	};
	set_up();
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		refused_text(heads[i], 400);
	static const char with_nul[] = GET HOST "X: a\0b\r\n\r\n";
	refused(with_nul, sizeof(with_nul) - 1, 400);
	ck_assert_uint_eq(bench.stats.http_bad_requests, sizeof(heads) / sizeof(*heads) + 1);
	tear_down();
}
END_TEST

START_TEST(an_origin_with_control_characters_is_left_to_the_handler)
{
	set_up();
	struct client *client = client_new();
	client_send(client, GET HOST "Origin: http://a\x01\x7f\r\n\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	/* Bytes above ASCII are nobody's business here. */
	client_send(client, GET HOST "X-Name: \xc3\xa4\xff\r\n\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	client_free(client);
	tear_down();
}
END_TEST

START_TEST(oversized_heads_get_431_or_414)
{
	char *text = malloc(200000);
	set_up();
	memset(text, 'x', 200000);
	memcpy(text, "GET /t/now?", 11);
	refused(text, 200000, 414);
	memcpy(text, GET HOST "X: ", strlen(GET HOST "X: "));
	refused(text, 200000, 431);
	/* Exactly the limit is fine. */
	memset(text, 'x', 20000);
	memcpy(text, GET HOST "X: ", strlen(GET HOST "X: "));
	memcpy(text + PEAL_LIMIT_HTTP_HEAD_BYTES - 4, "\r\n\r\n", 4);
	struct client *client = client_new();
	client_send_bytes(client, text, PEAL_LIMIT_HTTP_HEAD_BYTES);
	ck_assert_uint_eq(client_answer(client), 200);
	client_free(client);
	memcpy(text + PEAL_LIMIT_HTTP_HEAD_BYTES - 4, "xx\r\n\r\n", 6);
	refused(text, PEAL_LIMIT_HTTP_HEAD_BYTES + 2, 431);
	/* The number of headers. */
	for (int count = 99; count <= 101; count++) {
		size_t length = (size_t)sprintf(text, GET HOST);
		for (int i = 1; i < count; i++)
			length += (size_t)sprintf(text + length, "X%d: 1\r\n", i);
		length += (size_t)sprintf(text + length, "\r\n");
		if (count == 101) {
			refused(text, length, 431);
			break;
		}
		client = client_new();
		client_send_bytes(client, text, length);
		ck_assert_uint_eq(client_answer(client), 200);
		client_free(client);
	}
	free(text);
	tear_down();
}
END_TEST

START_TEST(malformed_chunks_get_400_and_the_handler_hears_of_it)
{
	static const char *const bodies[] = {
		"x\r\n",
		"\r\n",
		"3 \r\nabc\r\n",
		" 3\r\nabc\r\n",
		"3\nabc\r\n",
		"3\r\nabcd\r\n",
		"3\r\nabcxx",
		"3\r\nabc\n",
		"-3\r\nabc",
		"0x3\r\nabc",
		"3;a\x01\r\nabc",
		"1000000000000000\r\n",
		"0\r\nX: 1\n",
		"0\r\n\r\r",
		"3\rxabc",
		";a\r\n",
		"3\r\nabc\rx0",
		"0\r\nX: a\rb\r\n",
		"0\r\nX: \x02\r\n",
	};
	char text[300];
	set_up();
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct client *client = client_new();
		snprintf(text, sizeof(text),
			 "POST /t/body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%s",
			 bodies[i]);
		client_send(client, text);
		ck_assert_msg(client_answer(client) == 400, "%s", bodies[i]);
		ck_assert_uint_eq(bench.aborts[PEAL_HTTP_ABORT_BAD_BODY], i + 1);
		ck_assert(client_is_closed(client));
		client_free(client);
	}
	ck_assert_uint_eq(bench.bodies, 0);
	/* In a body that nobody wants, too, but its answer is out. */
	struct client *client = client_new();
	client_send(client, "POST /t/early HTTP/1.1\r\n" HOST
			    "Transfer-Encoding: chunked\r\n\r\nx\r\n" GET HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert(client_is_closed(client));
	client_free(client);
	tear_down();
}
END_TEST

START_TEST(endless_chunk_extensions_and_trailers_are_cut_off)
{
	char *text = malloc(40000);
	set_up();
	memset(text, 'x', 40000);
	for (int i = 0; i < 2; i++) {
		struct client *client = client_new();
		client_send(client,
			    "POST /t/body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
		client_send(client, i ? "1;" : "0\r\n");
		client_send_bytes(client, text, 40000);
		ck_assert_uint_eq(client_answer(client), 400);
		client_free(client);
	}
	ck_assert_uint_eq(bench.aborts[PEAL_HTTP_ABORT_BAD_BODY], 2);
	free(text);
	tear_down();
}
END_TEST

START_TEST(bytes_behind_a_request_that_closes_are_never_a_request)
{
	set_up();
	struct client *client = client_new();
	client_send(client, "GET /t/now HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
			    "GET /t/park HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client_header(client, "Connection"), "close");
	ck_assert(client_is_closed(client));
	ck_assert(!client->reset);
	ck_assert_uint_eq(bench.requests, 2); /* with the bystander's */
	client_free(client);
	tear_down();
}
END_TEST

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

UNIT_MAIN("http_attacks", malformed_heads_get_400_and_a_close,
	  an_origin_with_control_characters_is_left_to_the_handler, oversized_heads_get_431_or_414,
	  malformed_chunks_get_400_and_the_handler_hears_of_it,
	  endless_chunk_extensions_and_trailers_are_cut_off,
	  bytes_behind_a_request_that_closes_are_never_a_request,
	  a_client_that_leaves_its_parked_request_is_noticed_at_once,
	  hang_ups_are_known_before_new_requests_of_the_same_poll,
	  bytes_behind_a_parked_request_neither_spin_nor_pile_up,
	  a_slow_reader_gets_all_of_a_large_answer_and_spins_nothing,
	  an_answer_that_is_never_read_is_given_up,
	  a_flood_of_requests_whose_answers_are_not_read_is_closed,
	  slow_heads_get_408_however_they_trickle, slow_bodies_are_aborted_with_408,
	  an_aborted_upload_is_noticed_at_once, connections_that_end_before_a_request_leave_nothing,
	  a_refused_client_that_never_closes_is_closed_in_the_end,
	  a_parked_request_with_an_unread_body_is_bounded, mutated_traffic_leaves_nothing_behind)
