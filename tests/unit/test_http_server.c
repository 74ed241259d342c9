/* HTTP/1.1 as clients use it: answers, keep-alive, pipelining, bodies. */
#include "tests/support/http_bench.h"
#include "tests/unit/unit.h"

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
	  a_parked_request_waits_without_a_limit_of_time)
