/* The bytes of heads and bodies, without a connection: any split gives the same result. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "http/http.h"
#include "http/parse.h"

#define HOST "Host: localhost\r\n"

/* Scan and parse; the status, or 1 when it is not complete. The strings live until the next call.
 */
static unsigned parse(const char *text, struct peal_http_head *head)
{
	static struct peal_header headers[PEAL_LIMIT_HTTP_HEADERS];
	static char copy[20000];
	struct peal_http_scan scan = { 0 };
	size_t length = strlen(text);
	switch (peal_http_scan(&scan, text, length)) {
	case PEAL_HTTP_SCAN_MORE:
		return 1;
	case PEAL_HTTP_SCAN_BAD:
		return 400;
	}
	*head = (struct peal_http_head){ .headers = headers, .header_capacity = scan.lines - 1 };
	memcpy(copy, text, scan.offset);
	return peal_http_head_parse(head, copy, scan.offset);
}

START_TEST(a_head_is_found_at_any_split)
{
	static const char text[] = "GET / HTTP/1.1\r\n" HOST "X:\r\n\r\nrest";
	size_t head = sizeof(text) - 1 - 4;
	for (size_t first = 0; first < head; first++) {
		for (size_t second = first; second < head; second++) {
			struct peal_http_scan scan = { 0 };
			ck_assert_int_eq(peal_http_scan(&scan, text, first), PEAL_HTTP_SCAN_MORE);
			ck_assert_int_eq(peal_http_scan(&scan, text, second), PEAL_HTTP_SCAN_MORE);
			ck_assert_int_eq(peal_http_scan(&scan, text, sizeof(text) - 1),
					 PEAL_HTTP_SCAN_HEAD);
			ck_assert_uint_eq(scan.offset, head);
			ck_assert_uint_eq(scan.lines, 3);
		}
	}
}
END_TEST

START_TEST(a_head_is_refused_at_its_first_wrong_byte)
{
	static const struct {
		const char *text;
		size_t at; /* with this many bytes it is known */
	} rows[] = {
		{ "x", 1 },
		{ "\n", 1 },
		{ "\r\r", 2 },
		{ "GET /\n", 6 },
		{ "GET /\rx", 7 },
		{ "GET /\r\n x", 8 },
		{ "GET /\r\n\tx", 8 },
		{ "GET /\r\nA: b\n", 12 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct peal_http_scan scan = { 0 };
		ck_assert_int_eq(peal_http_scan(&scan, rows[i].text, rows[i].at - 1),
				 PEAL_HTTP_SCAN_MORE);
		ck_assert_int_eq(peal_http_scan(&scan, rows[i].text, rows[i].at),
				 PEAL_HTTP_SCAN_BAD);
	}
	struct peal_http_scan scan = { 0 };
	ck_assert_int_eq(peal_http_scan(&scan, "GET /\0", 6), PEAL_HTTP_SCAN_BAD);
}
END_TEST

START_TEST(a_head_is_read_into_its_parts)
{
	struct peal_http_head head;
	ck_assert_uint_eq(parse("POST /path?a=1&b=?2 HTTP/1.1\r\n" HOST
				"X-Empty:\r\nX-Blank:  \t \r\nX-Padded: \t a b \t\r\n"
				"Content-Length: 007\r\nx-last: z\r\n\r\n",
				&head),
			  0);
	ck_assert_str_eq(head.method, "POST");
	ck_assert_str_eq(head.url, "/path?a=1&b=?2");
	ck_assert_str_eq(head.query, "a=1&b=?2");
	ck_assert_str_eq(head.host, "localhost");
	ck_assert_uint_eq(head.header_count, 6);
	ck_assert_str_eq(head.headers[0].name, "Host");
	ck_assert_str_eq(head.headers[1].name, "X-Empty");
	ck_assert_str_eq(head.headers[1].value, "");
	ck_assert_str_eq(head.headers[2].name, "X-Blank");
	ck_assert_str_eq(head.headers[2].value, "");
	ck_assert_str_eq(head.headers[3].name, "X-Padded");
	ck_assert_str_eq(head.headers[3].value, "a b");
	ck_assert_str_eq(head.headers[5].name, "x-last");
	ck_assert_str_eq(head.headers[5].value, "z");
	ck_assert_uint_eq(head.content_length, 7);
	ck_assert(head.keep_alive);
	ck_assert(!head.chunked);
	ck_assert(!head.http_1_0);
	ck_assert(!head.websocket);
	ck_assert_uint_eq(parse("GET / HTTP/1.1\r\n" HOST "\r\n", &head), 0);
	ck_assert_str_eq(head.query, "");
	ck_assert_uint_eq(parse("GET / HTTP/1.0\r\n\r\n", &head), 0);
	ck_assert_ptr_null(head.host);
	ck_assert(head.http_1_0);
	ck_assert(!head.keep_alive);
}
END_TEST

START_TEST(what_a_connection_header_asks_for_is_found_among_its_tokens)
{
	static const struct {
		const char *headers;
		bool keep_alive, websocket;
	} rows[] = {
		{ "", true, false },
		{ "Connection: close\r\n", false, false },
		{ "Connection: Keep-Alive , CLOSE\r\n", false, false },
		{ "Connection: closed\r\n", true, false },
		{ "Connection: Upgrade\r\nUpgrade: websocket\r\n", true, true },
		{ "Connection: x\r\nUpgrade: websocket\r\nConnection: a,upgrade ,b\r\n", true,
		  true },
		{ "Connection: upgrade\r\nUpgrade: h2c, WebSocket\r\n", true, true },
		{ "Connection: upgrades\r\nUpgrade: websocket\r\n", true, false },
		{ "Connection: upgrade\r\nUpgrade: websocket2\r\n", true, false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct peal_http_head head;
		char text[300];
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "%s\r\n", rows[i].headers);
		ck_assert_uint_eq(parse(text, &head), 0);
		ck_assert_msg(head.keep_alive == rows[i].keep_alive &&
				      head.websocket == rows[i].websocket,
			      "%s", rows[i].headers);
	}
}
END_TEST

START_TEST(hosts_are_names_or_addresses)
{
	static const char *const good[] = { "",		 "localhost", "a.b:3000", "[::1]:3000",
					    "127.0.0.1", "a_b-c",     "%41" };
	static const char *const bad[] = { "a b", "a/b", "a@b", "\"a\"", "a\\b", "a\xc3\xa4" };
	struct peal_http_head head;
	char text[100];
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
		ck_assert_uint_eq(parse(text, &head), 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]);
		ck_assert_uint_eq(parse(text, &head), 400);
	}
}
END_TEST

START_TEST(each_byte_is_taken_where_it_may_stand_and_nowhere_else)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	struct peal_http_head head;
	char text[100];
	/* Behind nothing, and behind more than is looked at in one go. */
	for (int before = 0; before < 20; before++) {
		for (int byte = 1; byte < 256; byte++) {
			bool letter = strchr(letters, byte) != NULL;
			bool token = letter || strchr("!#$%&'*+-.^_`|~", byte) != NULL;
			bool host = letter || strchr("-._~%!$&'()*+,;=:[]", byte) != NULL;
			bool value = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
			/* These end the name, the value or its line. */
			bool ends = byte == '\r' || byte == '\n';
			snprintf(text, sizeof(text), "%.*s%c", before, letters, byte);
			ck_assert_int_eq(peal_http_name_valid(text), token);
			ck_assert_int_eq(peal_http_value_valid(text), value);
			if (ends)
				continue;
			snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "%.*s%cx: y\r\n\r\n",
				 before, letters, byte);
			if (byte != ':')
				ck_assert_uint_eq(parse(text, &head), token ? 0 : 400);
			snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "x: %.*s%cy\r\n\r\n",
				 before, letters, byte);
			ck_assert_uint_eq(parse(text, &head), value ? 0 : 400);
			snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a%.*s%cy\r\n\r\n",
				 before, letters, byte);
			ck_assert_uint_eq(parse(text, &head), host ? 0 : 400);
			snprintf(text, sizeof(text),
				 "GET / HTTP/1.1\r\n" HOST "Origin: %.*s%cy\r\n\r\n", before,
				 letters, byte);
			ck_assert_uint_eq(parse(text, &head), 0);
			ck_assert(head.origin);
		}
	}
	ck_assert(!peal_http_name_valid(""));
	ck_assert(peal_http_value_valid(""));
}
END_TEST

/* Decode @text as a chunked body in pieces of @step bytes. Return: the last result. */
static int decode(const char *text, size_t step, char *out, size_t *ret_used)
{
	struct peal_http_head head = { .chunked = true };
	struct peal_http_body body;
	size_t length = strlen(text), at = 0, got = 0;
	int result = PEAL_HTTP_BODY_MORE;
	peal_http_body_init(&body, &head);
	while (at < length && result != PEAL_HTTP_BODY_END && result != PEAL_HTTP_BODY_BAD) {
		size_t piece = length - at < step ? length - at : step, used = 0, size = 0;
		const char *data = NULL;
		result = peal_http_body_step(&body, text + at, piece, &used, &data, &size);
		ck_assert_uint_le(used, piece);
		if (result == PEAL_HTTP_BODY_DATA) {
			memcpy(out + got, data, size);
			got += size;
		}
		at += used;
	}
	out[got] = '\0';
	*ret_used = at;
	return result;
}

START_TEST(chunks_are_decoded_at_any_split)
{
	static const char text[] = "1\r\na\r\n0b;x=\"y\";z\r\nbcdefghijkl\r\n3\r\nmno\r\n"
				   "000\r\nA: b\r\nC:\r\n\r\nGET /";
	char out[100];
	size_t used;
	for (size_t step = 1; step < sizeof(text); step++) {
		ck_assert_int_eq(decode(text, step, out, &used), PEAL_HTTP_BODY_END);
		ck_assert_str_eq(out, "abcdefghijklmno");
		ck_assert_uint_eq(used, sizeof(text) - 1 - strlen("GET /"));
	}
}
END_TEST

START_TEST(a_chunk_larger_than_any_limit_is_refused)
{
	char out[100];
	size_t used;
	ck_assert_int_eq(decode("0000000000000001\r\n", 1, out, &used), PEAL_HTTP_BODY_BAD);
	ck_assert_int_eq(decode("fffffffffffffff\r\n", 1, out, &used), PEAL_HTTP_BODY_MORE);
	ck_assert_int_eq(decode("ffffffffffffffff\r\n", 1, out, &used), PEAL_HTTP_BODY_BAD);
}
END_TEST

START_TEST(a_counted_body_ends_where_it_says)
{
	struct peal_http_head head = { .content_length = 5 };
	struct peal_http_body body;
	const char *data;
	size_t used, length;
	peal_http_body_init(&body, &head);
	ck_assert(!peal_http_body_ended(&body));
	ck_assert_int_eq(peal_http_body_step(&body, "hel", 3, &used, &data, &length),
			 PEAL_HTTP_BODY_DATA);
	ck_assert_int_eq(peal_http_body_step(&body, "", 0, &used, &data, &length),
			 PEAL_HTTP_BODY_MORE);
	ck_assert_int_eq(peal_http_body_step(&body, "loGET", 5, &used, &data, &length),
			 PEAL_HTTP_BODY_DATA);
	ck_assert_uint_eq(used, 2);
	ck_assert_uint_eq(length, 2);
	ck_assert(peal_http_body_ended(&body));
	ck_assert_int_eq(peal_http_body_step(&body, "GET", 3, &used, &data, &length),
			 PEAL_HTTP_BODY_END);
	ck_assert_uint_eq(used, 0);
	head.content_length = 0;
	peal_http_body_init(&body, &head);
	ck_assert(peal_http_body_ended(&body));
}
END_TEST

START_TEST(a_copy_of_a_request_stands_alone)
{
	struct peal_header headers[] = { { "Host", "localhost" }, { "X", "" } };
	char url[] = "/a?b=c";
	struct peal_request request = { .method = "GET",
					.url = url,
					.query = url + 3,
					.address = "127.0.0.1",
					.secure = true,
					.issued_ms = 7,
					.headers = headers,
					.header_count = 2 };
	struct peal_request *copy = peal_request_copy(&request);
	ck_assert_ptr_nonnull(copy);
	memset(url, 'x', sizeof(url));
	memset(headers, 0, sizeof(headers));
	ck_assert_str_eq(copy->url, "/a?b=c");
	ck_assert_str_eq(copy->query, "b=c");
	ck_assert_str_eq(copy->address, "127.0.0.1");
	ck_assert(copy->secure);
	ck_assert_uint_eq(copy->issued_ms, 7);
	ck_assert_uint_eq(copy->header_count, 2);
	ck_assert_str_eq(copy->headers[0].value, "localhost");
	ck_assert_str_eq(copy->headers[1].name, "X");
	ck_assert_str_eq(copy->headers[1].value, "");
	free(copy);

	/* An application's own may have its query elsewhere, or none. */
	request = (struct peal_request){
		.method = "GET", .url = "/a", .query = "d=e", .address = "::1"
	};
	copy = peal_request_copy(&request);
	ck_assert_ptr_nonnull(copy);
	ck_assert_str_eq(copy->url, "/a");
	ck_assert_str_eq(copy->query, "d=e");
	ck_assert_str_eq(copy->address, "::1");
	free(copy);
}
END_TEST

UNIT_MAIN("http_parse", a_head_is_found_at_any_split, a_head_is_refused_at_its_first_wrong_byte,
	  a_head_is_read_into_its_parts,
	  what_a_connection_header_asks_for_is_found_among_its_tokens, hosts_are_names_or_addresses,
	  each_byte_is_taken_where_it_may_stand_and_nowhere_else, chunks_are_decoded_at_any_split,
	  a_chunk_larger_than_any_limit_is_refused, a_counted_body_ends_where_it_says,
	  a_copy_of_a_request_stands_alone)
