/* Requests that are malformed, ambiguous or too large get the stated answer and a close. */
#include "tests/support/http_bench.h"
#include "tests/support/http_bystander.h"
#include "tests/unit/unit.h"

#define HOST "Host: localhost\r\n"
#define GET "GET /t/now HTTP/1.1\r\n"

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
		GET HOST "Origin: http://a\r\nOrigin: http://a\r\n\r\n",
		GET HOST "ORIGIN:\r\norigin: http://a\r\n\r\n",
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
	static char text[200000];
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

UNIT_MAIN("http_refusals", malformed_heads_get_400_and_a_close,
	  an_origin_with_control_characters_is_left_to_the_handler, oversized_heads_get_431_or_414,
	  malformed_chunks_get_400_and_the_handler_hears_of_it,
	  endless_chunk_extensions_and_trailers_are_cut_off,
	  bytes_behind_a_request_that_closes_are_never_a_request)
