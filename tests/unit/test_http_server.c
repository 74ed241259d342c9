/* HTTP/1.1 as clients use it: answers, keep-alive, pipelining, bodies, upgrades, the ceiling. */
#include "tests/support/http_bench.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#define HOST "Host: localhost\r\n"

START_TEST(an_answer_has_a_length_a_date_and_keeps_the_connection)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "GET /t/now?a=1 HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "/t/now?a=1");
	ck_assert_ptr_nonnull(strstr(client->head, "HTTP/1.1 200 OK\r\n"));
	ck_assert_str_eq(client_header(client, "Content-Type"), "text/plain");
	ck_assert_str_eq(client_header(client, "Content-Length"), "10");
	ck_assert_str_eq(client_header(client, "Connection"), "keep-alive");
	ck_assert_str_eq(client_header(client, "Keep-Alive"), "timeout=5");
	const char *date = client_header(client, "Date");
	ck_assert_ptr_nonnull(date);
	ck_assert_uint_eq(strlen(date), 29);
	ck_assert_str_eq(date + 25, " GMT");
	client_send(client, "GET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_uint_eq(bench.stats.http_requests, 2);
	ck_assert_uint_eq(bench.stats.http_connections, 1);
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(a_foreign_path_gets_404_with_an_empty_body)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "GET /t HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 404);
	ck_assert_str_eq(client->body, "");
	client_send(client, "POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbodyGET /t/now "
			    "HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 404);
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_uint_eq(bench.requests, 1);
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(head_gets_the_length_without_the_body)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "HEAD /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer_to(client, true), 200);
	ck_assert_str_eq(client_header(client, "Content-Length"), "6");
	client_send(client, "GET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "/t/now");
	client_send(client, "HEAD /t/chunked HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer_to(client, true), 200);
	ck_assert_ptr_null(client_header(client, "Content-Length"));
	ck_assert(client_waits(client));
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(http_1_0_closes_unless_it_asks_otherwise_and_never_gets_chunks)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "GET /t/now HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client_header(client, "Connection"), "keep-alive");
	client_send(client, "GET /t/now HTTP/1.0\r\n\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client_header(client, "Connection"), "close");
	ck_assert(client_is_closed(client));
	client_free(client);
	client = client_new();
	client_send(client, "GET /t/chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "chunky");
	ck_assert_ptr_null(client_header(client, "Transfer-Encoding"));
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(a_chunked_answer_ends_with_an_empty_chunk_and_keeps_the_connection)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "GET /t/chunked HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "6\r\nchunky\r\n0\r\n\r\n");
	ck_assert_str_eq(client_header(client, "Transfer-Encoding"), "chunked");
	ck_assert_ptr_null(client_header(client, "Content-Length"));
	client_send(client, "GET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(a_head_may_come_byte_by_byte_and_behind_an_empty_line)
{
	static const char text[] = "\r\nGET /t/now HTTP/1.1\r\n" HOST "\r\n";
	bench_open(100, NULL);
	struct client *client = client_new();
	for (size_t i = 0; text[i]; i++) {
		ck_assert(client_waits(client));
		client_send_bytes(client, text + i, 1);
	}
	ck_assert_uint_eq(client_answer(client), 200);
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(bodies_come_counted_or_chunked_in_any_pieces)
{
	static const char chunked[] =
		"POST /t/body HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n"
		"3;name=\"value\"\r\nabc\r\n00A\r\n0123456789\r\n"
		"0\r\nTrailer: thrown away\r\n\r\n";
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "POST /t/body HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhe");
	ck_assert(client_waits(client));
	client_send(client, "llo");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "hello");
	client_send(client, chunked);
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "abc0123456789");
	for (size_t i = 0; chunked[i]; i++)
		client_send_bytes(client, chunked + i, 1);
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "abc0123456789");
	client_send(client, "POST /t/body HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "");
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(exactly_the_limit_is_a_body_and_one_byte_more_is_413)
{
	char head[200], body[1002];
	bench_open(100, NULL);
	memset(body, 'x', sizeof(body));
	for (int chunked = 0; chunked <= 1; chunked++) {
		struct client *client = client_new();
		for (size_t size = 1000; size <= 1001; size++) {
			if (chunked)
				snprintf(head, sizeof(head),
					 "POST /t/body HTTP/1.1\r\n" HOST
					 "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
					 size);
			else
				snprintf(head, sizeof(head),
					 "POST /t/body HTTP/1.1\r\n" HOST
					 "Content-Length: %zu\r\n\r\n",
					 size);
			client_send(client, head);
			client_send_bytes(client, body, size);
			if (chunked)
				client_send(client, "\r\n0\r\n\r\n");
			ck_assert_uint_eq(client_answer(client), size == 1000 ? 200 : 413);
		}
		ck_assert_str_eq(client_header(client, "Connection"), "close");
		ck_assert_str_eq(client->body, "");
		ck_assert(client_is_closed(client));
		client_free(client);
	}
	ck_assert_uint_eq(bench.aborts[PEAL_HTTP_ABORT_TOO_LARGE], 2);
	bench_close();
}
END_TEST

START_TEST(a_large_announced_body_is_refused_before_it_is_sent)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "POST /t/body HTTP/1.1\r\n" HOST "Content-Length: 4000000000\r\n\r\n");
	ck_assert_uint_eq(client_answer(client), 413);
	ck_assert_uint_eq(bench.aborts[PEAL_HTTP_ABORT_TOO_LARGE], 1);
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(a_large_upload_is_received_whole)
{
	size_t size = 1000000;
	char *body = malloc(size);
	bench_open(100, NULL);
	for (size_t i = 0; i < size; i++)
		body[i] = (char)('a' + i % 19);
	struct client *client = client_new();
	client_send(client, "POST /t/upload HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n");
	ck_assert_uint_eq(client_send_bytes(client, body, size), size);
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_uint_eq(client->body_length, size);
	ck_assert_mem_eq(client->body, body, size);
	client_free(client);
	free(body);
	bench_close();
}
END_TEST

START_TEST(a_client_that_waits_for_continue_gets_it_when_the_body_is_wanted)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "POST /t/body HTTP/1.1\r\n" HOST
			    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	ck_assert_uint_eq(client_answer(client), 100);
	client_send(client, "hi");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "hi");
	/* Not wanted: whether the body comes cannot be known, so this is the last answer. */
	client_send(client, "POST /t/early HTTP/1.1\r\n" HOST
			    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client_header(client, "Connection"), "close");
	client_free(client);
	client = client_new();
	client_send(client, "POST /t/body HTTP/1.1\r\n" HOST
			    "Expect: something\r\nContent-Length: 2\r\n\r\n");
	ck_assert_uint_eq(client_answer(client), 417);
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "POST /t/body?1 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\none"
			    "GET /t/park?2 HTTP/1.1\r\n" HOST "\r\n"
			    "POST /t/body?3 HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nthree"
			    "GET /t/now?4 HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "one");
	ck_assert(client_waits(client));
	ck_assert_uint_eq(bench.requests, 2);
	bench_answer_parked(0, "two");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "two");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "three");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "/t/now?4");
	ck_assert_str_eq(bench.trace, "request:/t/body?1 body:/t/body?1 request:/t/park?2 "
				      "request:/t/body?3 body:/t/body?3 request:/t/now?4");
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(more_pipelined_requests_than_fit_into_a_turn_are_all_answered)
{
	static const char request[] = "GET /t/now HTTP/1.1\r\n" HOST "\r\n";
	bench_open(100, NULL);
	struct client *client = client_new();
	for (int round = 0; round < 4; round++) {
		char text[500 * sizeof(request)];
		size_t length = 0;
		for (int i = 0; i < 500; i++) {
			memcpy(text + length, request, sizeof(request) - 1);
			length += sizeof(request) - 1;
		}
		ck_assert_uint_eq(client_send_bytes(client, text, length), length);
		for (int i = 0; i < 500; i++)
			ck_assert_uint_eq(client_answer(client), 200);
	}
	/* What was sent before the end of the stream is answered, too. */
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(send(client->fd, request, sizeof(request) - 1, 0),
				 sizeof(request) - 1);
	shutdown(client->fd, SHUT_WR);
	for (int i = 0; i < 50; i++)
		ck_assert_uint_eq(client_answer(client), 200);
	ck_assert(client_is_closed(client));
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(an_early_answer_leaves_the_connection_usable)
{
	char *text = malloc(70000);
	int head = sprintf(text, "POST /t/early HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\n");
	bench_open(100, NULL);
	struct client *client = client_new();
	memset(text + head, 'x', 60000);
	client_send_bytes(client, text, (size_t)head + 100);
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client_header(client, "Connection"), "keep-alive");
	client_send_bytes(client, text + head, 59900);
	client_send(client, "GET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "/t/now");
	/* The same with chunks, in one piece. */
	client_send(client, "POST /t/early HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
			    "2\r\nab\r\n0\r\n\r\nGET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "/t/now");
	client_free(client);
	free(text);
	bench_close();
}
END_TEST

START_TEST(an_early_answer_to_a_large_body_reaches_the_client_before_the_close)
{
	size_t size = 2000000;
	char *body = calloc(1, size);
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "POST /t/early HTTP/1.1\r\n" HOST "Content-Length: 2000000\r\n\r\n");
	ck_assert_uint_eq(client_send_bytes(client, body, size), size);
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client_header(client, "Connection"), "close");
	ck_assert(client_is_closed(client));
	ck_assert(!client->reset);
	client_free(client);
	client = client_new();
	client_send(client, "POST /t/early HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
			    "1E8480\r\n");
	ck_assert_uint_eq(client_send_bytes(client, body, size), size);
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert(client_is_closed(client));
	ck_assert(!client->reset);
	client_free(client);
	free(body);
	bench_close();
}
END_TEST

START_TEST(a_dropped_request_closes_without_an_answer)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "GET /t/drop HTTP/1.1\r\n" HOST "\r\n");
	ck_assert(client_is_closed(client));
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(an_idle_connection_is_closed_after_the_announced_time)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "GET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	bench_advance(PEAL_LIMIT_HTTP_KEEP_ALIVE_MS - 100);
	ck_assert(client_waits(client));
	bench_advance(200);
	ck_assert(client_is_closed(client));
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(a_parked_request_waits_without_a_limit_of_time)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "GET /t/park HTTP/1.1\r\n" HOST "\r\n");
	bench_advance(300000);
	ck_assert(client_waits(client));
	bench_answer_parked(0, "late");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "late");
	client_free(client);
	bench_close();
}
END_TEST

#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"

START_TEST(an_upgrade_hands_out_the_socket_even_on_a_used_connection)
{
	char text[16] = "";
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "GET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	client_send(client, "GET /t/socket HTTP/1.1\r\n" HOST UPGRADE "\r\n");
	ck_assert_uint_eq(bench.taken, 1);
	ck_assert(!bench.early_bytes);
	ck_assert_uint_eq(bench.stats.http_connections, 0);
	ck_assert_str_eq(bench.socket_headers, "X-Extra: 1\r\n");
	int on = 0;
	socklen_t length = sizeof(on);
	ck_assert(fcntl(bench.socket, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(bench.socket, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(getsockopt(bench.socket, IPPROTO_TCP, TCP_NODELAY, &on, &length), 0);
	ck_assert_int_ne(on, 0);
	/* Nobody else reads it any more. */
	client_send(client, "raw");
	struct pollfd poll_fd = { bench.socket, POLLIN, 0 };
	ck_assert_int_eq(poll(&poll_fd, 1, 5000), 1);
	ck_assert_int_eq(recv(bench.socket, text, sizeof(text), 0), 3);
	ck_assert_str_eq(text, "raw");
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(bytes_behind_an_upgrade_are_reported)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "GET /t/refuse HTTP/1.1\r\n" HOST UPGRADE "\r\nearly");
	ck_assert(bench.early_bytes);
	ck_assert_uint_eq(client_answer(client), 400);
	ck_assert_str_eq(client_header(client, "Content-type"), "text/html");
	ck_assert_str_eq(client_header(client, "Connection"), "close");
	ck_assert_str_eq(client->body, "No socket");
	ck_assert(client_is_closed(client));
	client_free(client);
	client = client_new();
	client_send(client, "GET /t/refuse HTTP/1.1\r\n" HOST UPGRADE "Content-Length: 5\r\n\r\n");
	ck_assert(bench.early_bytes);
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(an_upgrade_on_a_foreign_path_is_left_alone_for_a_second)
{
	bench_open(100, NULL);
	struct client *client = client_new();
	client_send(client, "GET /elsewhere HTTP/1.1\r\n" HOST UPGRADE "\r\n");
	bench_advance(PEAL_LIMIT_HTTP_FOREIGN_UPGRADE_MS - 100);
	ck_assert(client_waits(client));
	client_send(client, "GET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert(client_waits(client));
	bench_check_quiet();
	bench_advance(200);
	ck_assert(client_is_closed(client));
	ck_assert_uint_eq(bench.requests, 0);
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(other_upgrades_are_plain_requests)
{
	static const char *const requests[] = {
		"GET /t/now HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
		"GET /t/now HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n\r\n",
		"GET /t/now HTTP/1.1\r\n" HOST "Connection: upgrade\r\n\r\n",
		"POST /t/now HTTP/1.1\r\n" HOST UPGRADE "\r\n",
		"GET /t/now HTTP/1.0\r\n" UPGRADE "\r\n",
	};
	bench_open(100, NULL);
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		struct client *client = client_new();
		client_send(client, requests[i]);
		ck_assert_uint_eq(client_answer(client), 200);
		client_free(client);
	}
	bench_close();
}
END_TEST

START_TEST(over_the_ceiling_the_oldest_idle_connection_makes_room)
{
	bench_open(3, NULL);
	struct client *parked = client_new(), *old = client_new(), *young = client_new();
	client_send(parked, "GET /t/park HTTP/1.1\r\n" HOST "\r\n");
	client_send(old, "GET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(old), 200);
	bench_advance(10);
	client_send(young, "GET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(young), 200);
	struct client *third = client_new();
	ck_assert(client_is_closed(old));
	ck_assert(client_waits(young));
	client_send(third, "GET /t/park HTTP/1.1\r\n" HOST "\r\n");
	struct client *fourth = client_new();
	ck_assert(client_is_closed(young));
	/* Now nobody is idle. */
	client_send(fourth, "GET /t/park HTTP/1.1\r\n" HOST "\r\n");
	struct client *fifth = client_new();
	ck_assert(client_is_closed(fifth));
	ck_assert_uint_eq(bench.stats.http_connections_refused, 1);
	ck_assert_uint_eq(bench.stats.http_connections, 3);
	ck_assert(client_waits(parked));
	client_free(parked);
	client_free(old);
	client_free(young);
	client_free(third);
	client_free(fourth);
	client_free(fifth);
	bench_close();
}
END_TEST

START_TEST(without_descriptors_the_listener_rests_and_comes_back)
{
	struct rlimit before, few;
	bench_open(100, NULL);
	struct client *first = client_new();
	client_send(first, "GET /t/park HTTP/1.1\r\n" HOST "\r\n");
	/* The client's own descriptor is the last one that fits. */
	int next = dup(0);
	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)next + 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	struct client *second = client_new();
	bench_check_quiet();
	/* It looks again and again, but says so once. */
	bench_advance(10 * PEAL_LIMIT_HTTP_ACCEPT_RETRY_MS);
	ck_assert_uint_eq(bench.logged, 1);
	ck_assert_uint_eq(bench.stats.http_connections, 1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	bench_advance(PEAL_LIMIT_HTTP_ACCEPT_RETRY_MS + 10);
	client_send(second, "GET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(second), 200);
	client_free(first);
	client_free(second);
	bench_close();
}
END_TEST

START_TEST(closing_ends_idle_connections_now_and_busy_ones_after_their_answer)
{
	bench_open(100, NULL);
	struct client *idle = client_new(), *busy = client_new(), *late = client_new();
	uint16_t port = peal_http_server_port(bench.server);
	client_send(idle, "GET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(idle), 200);
	client_send(busy, "GET /t/park HTTP/1.1\r\n" HOST "\r\n");
	client_send(late, "GET /t/now HTTP/1.1\r\n");
	peal_http_server_close(bench.server);
	ck_assert(client_is_closed(idle));
	ck_assert(client_waits(busy));
	bench_answer_parked(0, "bye");
	ck_assert_uint_eq(client_answer(busy), 200);
	ck_assert_str_eq(client_header(busy, "Connection"), "close");
	ck_assert(client_is_closed(busy));
	client_send(late, HOST "\r\n");
	ck_assert_uint_eq(client_answer(late), 200);
	ck_assert(client_is_closed(late));
	ck_assert_uint_eq(peal_http_server_connections(bench.server), 0);
	/* Nobody listens. */
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_lt(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	client_free(idle);
	client_free(busy);
	client_free(late);
	bench_close();
}
END_TEST

START_TEST(freeing_the_server_tells_the_handlers)
{
	bench_open(100, NULL);
	struct client *parked = client_new(), *uploading = client_new();
	client_send(parked, "GET /t/park HTTP/1.1\r\n" HOST "\r\n");
	client_send(uploading, "POST /t/body HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhe");
	peal_http_server_free(bench.server);
	bench.server = NULL;
	ck_assert_uint_eq(bench.aborts[PEAL_HTTP_ABORT_SERVER], 2);
	ck_assert(client_is_closed(parked));
	client_free(parked);
	client_free(uploading);
	bench_close();
}
END_TEST

START_TEST(a_proxy_that_is_trusted_says_who_the_client_is)
{
	static const struct {
		const char *trusted, *headers, *address;
	} rows[] = {
		{ NULL, "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n",
		  "127.0.0.1 plain" },
		{ "10.0.0.0/8", "X-Forwarded-For: 1.2.3.4\r\n", "127.0.0.1 plain" },
		{ "127.0.0.0/8", "", "127.0.0.1 plain" },
		{ "127.0.0.0/8", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: HTTPS\r\n",
		  "1.2.3.4 secure" },
		{ "127.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.2.3.4,127.0.0.1\r\n", "1.2.3.4 plain" },
		{ "127.0.0.1", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4\r\n",
		  "1.2.3.4 plain" },
		{ "127.0.0.1", "X-Forwarded-For: [2001:db8::1]:99\r\n", "2001:db8::1 plain" },
		{ "127.0.0.1", "X-Forwarded-For: 1.2.3.4:99\r\n", "1.2.3.4 plain" },
		{ "127.0.0.1", "X-Forwarded-For: 1.2.3.4, <script>\r\n", "127.0.0.1 plain" },
		{ "127.0.0.1", "X-Forwarded-For: ,\r\n", "127.0.0.1 plain" },
		{ "127.0.0.1", "X-Forwarded-Proto: https, http\r\n", "127.0.0.1 plain" },
		{ "::ffff:127.0.0.1", "X-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4 plain" },
		{ "0.0.0.0/0", "X-Forwarded-For: 1.2.3.4, 5.6.7.8\r\n", "1.2.3.4 plain" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[300];
		bench_open(10, rows[i].trusted);
		struct client *client = client_new();
		snprintf(text, sizeof(text), "GET /t/address HTTP/1.1\r\n" HOST "%s\r\n",
			 rows[i].headers);
		client_send(client, text);
		ck_assert_uint_eq(client_answer(client), 200);
		ck_assert_str_eq(client->body, rows[i].address);
		client_free(client);
		bench_close();
	}
}
END_TEST

START_TEST(a_bad_address_block_is_refused)
{
	static const char *const bad[] = { "",		 "10.0.0.0/33", "10.0.0.0/",   "10.0.0/8",
					   "::1/129",	 "localhost",	"10.0.0.0/-1", "1.2.3.4/8x",
					   "1.2.3.4/008" };
	struct peal_stats stats = { 0 };
	struct peal_log log = { .level = PEAL_LOG_ERROR };
	struct peal_loop *loop;
	struct peal_http_server *server = NULL;
	ck_assert_int_eq(peal_loop_new(NULL, NULL, &stats, &log, &loop), 0);
	for (size_t i = 0; i + 1 < sizeof(bad) / sizeof(*bad); i++) {
		struct peal_http_options options = { .max_connections = 1,
						     .trusted_proxies = &bad[i],
						     .trusted_proxy_count = 1 };
		ck_assert_int_eq(peal_http_server_new(loop, &options, &stats, &log, &server),
				 -EINVAL);
		ck_assert_ptr_null(server);
	}
	peal_loop_free(loop);
}
END_TEST

START_TEST(a_host_that_is_none_cannot_be_listened_on)
{
	bench_open(10, NULL);
	struct peal_http_options options = { .max_connections = 1 };
	struct peal_http_server *server;
	ck_assert_int_eq(
		peal_http_server_new(bench.loop, &options, &bench.stats, &bench.log, &server), 0);
	ck_assert_int_eq(peal_http_server_listen(server, "not a host", 0), -EINVAL);
	ck_assert_int_eq(
		peal_http_server_listen(server, "127.0.0.1", peal_http_server_port(bench.server)),
		-EADDRINUSE);
	ck_assert_uint_eq(peal_http_server_port(server), 0);
	peal_http_server_free(server);
	bench_close();
}
END_TEST

UNIT_MAIN("http_server", an_answer_has_a_length_a_date_and_keeps_the_connection,
	  a_foreign_path_gets_404_with_an_empty_body, head_gets_the_length_without_the_body,
	  http_1_0_closes_unless_it_asks_otherwise_and_never_gets_chunks,
	  a_chunked_answer_ends_with_an_empty_chunk_and_keeps_the_connection,
	  a_head_may_come_byte_by_byte_and_behind_an_empty_line,
	  bodies_come_counted_or_chunked_in_any_pieces,
	  exactly_the_limit_is_a_body_and_one_byte_more_is_413,
	  a_large_announced_body_is_refused_before_it_is_sent, a_large_upload_is_received_whole,
	  a_client_that_waits_for_continue_gets_it_when_the_body_is_wanted,
	  pipelined_requests_are_answered_in_order,
	  more_pipelined_requests_than_fit_into_a_turn_are_all_answered,
	  an_early_answer_leaves_the_connection_usable,
	  an_early_answer_to_a_large_body_reaches_the_client_before_the_close,
	  a_dropped_request_closes_without_an_answer,
	  an_idle_connection_is_closed_after_the_announced_time,
	  a_parked_request_waits_without_a_limit_of_time,
	  an_upgrade_hands_out_the_socket_even_on_a_used_connection,
	  bytes_behind_an_upgrade_are_reported,
	  an_upgrade_on_a_foreign_path_is_left_alone_for_a_second,
	  other_upgrades_are_plain_requests, over_the_ceiling_the_oldest_idle_connection_makes_room,
	  without_descriptors_the_listener_rests_and_comes_back,
	  closing_ends_idle_connections_now_and_busy_ones_after_their_answer,
	  freeing_the_server_tells_the_handlers, a_proxy_that_is_trusted_says_who_the_client_is,
	  a_bad_address_block_is_refused, a_host_that_is_none_cannot_be_listened_on)
