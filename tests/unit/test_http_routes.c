/* Routes: pages and APIs of the application on the node's listener, and mounting. */
#include "tests/support/http_bench.h"
#include "tests/unit/unit.h"

#define HOST "Host: localhost\r\n"

static struct peal_http_request *held;
static size_t calls;
static char body_seen[200];

static void reply_at_once(struct peal_http_request *request, void *userdata)
{
	static const struct peal_header headers[] = { { "Content-Type", "text/css" },
						      { "Content-Length", "999" },
						      { "Connection", "close" } };
	calls++;
	peal_http_reply(request, 200, headers, 3, userdata, strlen(userdata));
}

static void hold(struct peal_http_request *request, void *userdata)
{
	size_t length;
	(void)userdata;
	calls++;
	held = request;
	const void *body = peal_http_request_body(request, &length);
	snprintf(body_seen, sizeof(body_seen), "%.*s", (int)length, (const char *)body);
}

static void open_with_routes(void)
{
	bench_open(100, NULL);
	held = NULL;
	calls = 0;
	ck_assert_int_eq(peal_http_server_route(bench.server, "/style.css", "GET", 0, reply_at_once,
						(void *)"p{}"),
			 0);
	ck_assert_int_eq(
		peal_http_server_route(bench.server, "/hold", "POST, GET,DELETE", 10, hold, NULL),
		0);
	ck_assert_int_eq(peal_http_server_route(bench.server, "/t/cors/page", "GET", 0,
						reply_at_once, (void *)"page"),
			 0);
}

START_TEST(a_route_answers_its_exact_path_with_or_without_a_query)
{
	open_with_routes();
	struct client *client = client_new();
	client_send(client, "GET /style.css?v=1 HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "p{}");
	ck_assert_str_eq(client_header(client, "Content-Type"), "text/css");
	/* These are the server's to say. */
	ck_assert_str_eq(client_header(client, "Content-Length"), "3");
	ck_assert_str_eq(client_header(client, "Connection"), "keep-alive");
	client_send(client, "GET /style.cssx HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 404);
	client_send(client, "HEAD /style.css HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer_to(client, true), 200);
	ck_assert_str_eq(client_header(client, "Content-Length"), "3");
	ck_assert(client_waits(client));
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(other_methods_get_405_with_the_allowed_ones)
{
	open_with_routes();
	struct client *client = client_new();
	client_send(client, "POST /style.css HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi");
	ck_assert_uint_eq(client_answer(client), 405);
	ck_assert_str_eq(client_header(client, "Allow"), "GET, HEAD");
	client_send(client, "PUT /hold HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 405);
	ck_assert_str_eq(client_header(client, "Allow"), "POST, GET, HEAD, DELETE");
	ck_assert_uint_eq(calls, 0);
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(a_route_is_called_when_the_body_is_complete)
{
	open_with_routes();
	struct client *client = client_new();
	client_send(client, "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n01234");
	ck_assert_uint_eq(calls, 0);
	client_send(client, "56789");
	ck_assert_uint_eq(calls, 1);
	ck_assert_str_eq(body_seen, "0123456789");
	ck_assert_str_eq(peal_http_request_info(held)->method, "POST");
	ck_assert_str_eq(peal_http_request_info(held)->address, "127.0.0.1");
	peal_http_reply(held, 201, NULL, 0, "made", 4);
	ck_assert_uint_eq(client_answer(client), 201);
	ck_assert_str_eq(client->body, "made");
	client_send(client, "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n0123456789A");
	ck_assert_uint_eq(client_answer(client), 413);
	ck_assert_uint_eq(calls, 1);
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(a_reply_is_legal_after_the_client_left)
{
	open_with_routes();
	struct client *client = client_new();
	client_send(client, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	client_hang_up(client, false);
	client_free(client);
	ck_assert_uint_eq(bench.stats.http_connections, 0);
	ck_assert_str_eq(peal_http_request_info(held)->url, "/hold");
	peal_http_reply(held, 200, NULL, 0, "void", 4);
	bench_close();
}
END_TEST

START_TEST(a_reply_is_legal_after_the_server_is_gone)
{
	open_with_routes();
	struct client *client = client_new(), *gone = client_new();
	client_send(gone, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	struct peal_http_request *first = held;
	client_hang_up(gone, true);
	client_free(gone);
	client_send(client, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	peal_http_server_free(bench.server);
	bench.server = NULL;
	client_free(client);
	bench_close();
	peal_http_reply(first, 200, NULL, 0, "void", 4);
	peal_http_reply(held, 200, NULL, 0, "void", 4);
}
END_TEST

START_TEST(an_invalid_reply_becomes_500)
{
	static const struct peal_header bad[] = {
		{ "X: 1\r\nY", "a" }, { "", "a" }, { "X", "a\r\nSet-Cookie: b" }, { "X", "a\x7f" }
	};
	open_with_routes();
	struct client *client = client_new();
	for (size_t i = 0; i <= sizeof(bad) / sizeof(*bad); i++) {
		client_send(client, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
		if (i == sizeof(bad) / sizeof(*bad))
			peal_http_reply(held, 100, NULL, 0, "body", 4);
		else
			peal_http_reply(held, 200, &bad[i], 1, "body", 4);
		ck_assert_uint_eq(client_answer(client), 500);
		ck_assert_str_eq(client->body, "");
		ck_assert_ptr_null(client_header(client, "Set-Cookie"));
	}
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(answers_without_a_body_have_no_length)
{
	open_with_routes();
	struct client *client = client_new();
	client_send(client, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	peal_http_reply(held, 204, NULL, 0, "ignored", 7);
	ck_assert_uint_eq(client_answer(client), 204);
	ck_assert_ptr_null(client_header(client, "Content-Length"));
	ck_assert(client_waits(client));
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(a_route_under_a_prefix_gets_its_cors_headers_and_goes_first)
{
	open_with_routes();
	struct client *client = client_new();
	client_send(client, "GET /t/cors/page HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "page");
	ck_assert_str_eq(client_header(client, "Access-Control-Allow-Origin"), "*");
	client_send(client, "OPTIONS /t/cors/page HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 204);
	client_send(client, "DELETE /t/cors/page HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 405);
	ck_assert_str_eq(client_header(client, "Access-Control-Allow-Origin"), "*");
	/* An upgrade is none of its business. */
	client_send(client, "GET /t/cors/page HTTP/1.1\r\n" HOST
			    "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "/t/cors/page");
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(routes_and_mounts_that_make_no_sense_are_refused)
{
	open_with_routes();
	static const char *const paths[] = { "", "hold", "/a?b", "/a b", "/a\n" };
	static const char *const methods[] = { "", "get", "GET,", ",GET", "GET POST", "GET;POST" };
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		ck_assert_int_eq(
			peal_http_server_route(bench.server, paths[i], "GET", 0, hold, NULL),
			-EINVAL);
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		ck_assert_int_eq(
			peal_http_server_route(bench.server, "/new", methods[i], 0, hold, NULL),
			-EINVAL);
	ck_assert_int_eq(peal_http_server_route(bench.server, "/hold", "PUT", 0, hold, NULL),
			 -EEXIST);
	ck_assert_int_eq(peal_http_server_mount(bench.server, "/t/", &bench_handler, NULL, NULL),
			 -EEXIST);
	bench_close();
}
END_TEST

START_TEST(a_reply_waits_for_the_subscriptions_before_it_and_for_no_later_ones)
{
	char name[] = "X-Name", value[] = "value", body[] = "joined";
	const struct peal_header header = { name, value };
	open_with_routes();
	struct client *client = client_new(), *other = client_new();
	client_send(client, "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	uint64_t number = peal_barrier_issue(&bench.barrier);
	peal_http_reply(held, 200, &header, 1, body, strlen(body));
	/* All of it was copied. */
	name[0] = value[0] = body[0] = '!';
	peal_barrier_issue(&bench.barrier);
	ck_assert(client_waits(client));
	/* A mounted handler answers at once. */
	client_send(other, "GET /t/x HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(other), 200);
	peal_barrier_reach(&bench.barrier, number);
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "joined");
	ck_assert_str_eq(client_header(client, "X-Name"), "value");
	/* The connection goes on. */
	peal_barrier_let_go(&bench.barrier);
	client_send(client, "GET /style.css HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(client), 200);
	ck_assert_str_eq(client->body, "p{}");
	client_free(client);
	client_free(other);
	bench_close();
}
END_TEST

START_TEST(a_client_may_leave_while_its_reply_waits)
{
	open_with_routes();
	struct client *client = client_new();
	client_send(client, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	uint64_t number = peal_barrier_issue(&bench.barrier);
	peal_http_reply(held, 200, NULL, 0, "void", 4);
	client_hang_up(client, true);
	bench_pump();
	peal_barrier_reach(&bench.barrier, number);
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(the_server_may_be_freed_while_replies_wait)
{
	open_with_routes();
	struct client *client = client_new(), *gone = client_new();
	client_send(gone, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	peal_barrier_issue(&bench.barrier);
	peal_http_reply(held, 200, NULL, 0, "void", 4);
	client_hang_up(gone, true);
	client_send(client, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	peal_http_reply(held, 200, NULL, 0, "void", 4);
	ck_assert_uint_eq(bench.stats.barrier_waits, 2);
	client_free(client);
	client_free(gone);
	bench_close();
}
END_TEST

START_TEST(replies_that_are_too_much_to_keep_do_not_wait)
{
	open_with_routes();
	struct client *client = client_new(), *other = client_new();
	size_t length = PEAL_LIMIT_HTTP_WAITING_BYTES / 2 + 1;
	char *body = calloc(1, length);
	client_send(client, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	struct peal_http_request *first = held;
	client_send(other, "DELETE /hold HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_ptr_ne(held, first);
	peal_barrier_issue(&bench.barrier);
	peal_http_reply(first, 200, NULL, 0, body, length);
	peal_http_reply(held, 500, NULL, 0, body, length);
	ck_assert_uint_eq(bench.stats.barrier_waits, 1);
	free(body);
	client_free(client);
	client_free(other);
	bench_close();
}
END_TEST

static bool let_in(struct peal_http_request *request, void *userdata)
{
	(void)userdata;
	return !strcmp(peal_http_request_info(request)->query, "in");
}

static bool turn_away(struct peal_http_request *request, void *userdata)
{
	if (let_in(request, userdata))
		return true;
	peal_http_reply(request, 401, NULL, 0, "no", 2);
	return false;
}

static bool think_about_it(struct peal_http_request *request, void *userdata)
{
	(void)userdata;
	held = request;
	return false;
}

START_TEST(a_gate_is_asked_before_the_body)
{
	open_with_routes();
	ck_assert_int_eq(peal_http_server_gate(bench.server, "/held", turn_away), -ENOENT);
	ck_assert_int_eq(peal_http_server_gate(bench.server, "/hold", turn_away), 0);
	struct client *client = client_new();
	client_send(client, "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n");
	ck_assert_uint_eq(client_answer(client), 401);
	ck_assert_uint_eq(calls, 0);
	/* What comes late is no request. */
	client_send(client, "hello");
	client_send(client, "POST /hold?in HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
	ck_assert_uint_eq(calls, 1);
	ck_assert_str_eq(body_seen, "hello");
	peal_http_reply(held, 200, NULL, 0, "yes", 3);
	ck_assert_uint_eq(client_answer(client), 200);
	client_free(client);
	bench_close();
}
END_TEST

START_TEST(a_gate_may_answer_later_and_into_the_void)
{
	open_with_routes();
	ck_assert_int_eq(peal_http_server_gate(bench.server, "/hold", think_about_it), 0);
	struct client *client = client_new(), *gone = client_new();
	client_send(client, "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhe");
	client_send(client, "llo");
	peal_http_reply(held, 401, NULL, 0, "no", 2);
	ck_assert_uint_eq(client_answer(client), 401);
	client_send(gone, "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhe");
	client_hang_up(gone, true);
	peal_http_reply(held, 401, NULL, 0, "no", 2);
	ck_assert_uint_eq(calls, 0);
	client_free(client);
	client_free(gone);
	bench_close();
}
END_TEST

UNIT_MAIN("http_routes", a_route_answers_its_exact_path_with_or_without_a_query,
	  other_methods_get_405_with_the_allowed_ones, a_route_is_called_when_the_body_is_complete,
	  a_reply_is_legal_after_the_client_left, a_reply_is_legal_after_the_server_is_gone,
	  an_invalid_reply_becomes_500, answers_without_a_body_have_no_length,
	  a_route_under_a_prefix_gets_its_cors_headers_and_goes_first,
	  routes_and_mounts_that_make_no_sense_are_refused,
	  a_reply_waits_for_the_subscriptions_before_it_and_for_no_later_ones,
	  a_client_may_leave_while_its_reply_waits, the_server_may_be_freed_while_replies_wait,
	  replies_that_are_too_much_to_keep_do_not_wait, a_gate_is_asked_before_the_body,
	  a_gate_may_answer_later_and_into_the_void)
