/* Connections as such: upgrades, the ceiling, descriptors, closing, who the client is. */
#include "tests/support/http_bench.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sys/resource.h>

#define HOST "Host: localhost\r\n"
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

/* Those that wait in the listener's queue. */
static void connect_many(int *fds, size_t count)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(peal_http_server_port(bench.server)),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	for (size_t i = 0; i < count; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_ge(fds[i], 0);
		ck_assert_int_eq(connect(fds[i], (struct sockaddr *)&address, sizeof(address)), 0);
	}
}

START_TEST(connections_are_accepted_whether_they_come_alone_or_together)
{
	static const size_t waves[] = { 1, 1, 1, 2, 1, 1, 100, 1, 3, 1, 1 };
	int fds[200];
	size_t count = 0;
	bench_open(1000, NULL);
	for (size_t i = 0; i < sizeof(waves) / sizeof(*waves); i++) {
		connect_many(fds + count, waves[i]);
		count += waves[i];
		/* Each time the loop turns until nothing is left. */
		for (int turn = 0; turn < 3; turn++)
			event_base_loop(peal_loop_base(bench.loop), EVLOOP_NONBLOCK);
		ck_assert_uint_eq(bench.stats.http_connections, count);
	}
	while (count)
		close(fds[--count]);
	bench_close();
}
END_TEST

START_TEST(those_that_wait_do_not_come_in_one_by_one_while_requests_are_handled)
{
	static const char request[] = "GET /t/now HTTP/1.1\r\n" HOST "\r\n";
	int fds[60];
	bench_open(1000, NULL);
	struct client *client = client_new();
	client_free(client_new());
	connect_many(fds, 60);
	/* A request behind the listener makes another turn of the same look at the network. */
	ck_assert_int_gt(send(client->fd, request, sizeof(request) - 1, 0), 0);
	for (int i = 0; i < 60; i++)
		ck_assert_int_gt(send(fds[i], request, sizeof(request) - 1, 0), 0);
	for (int look = 0; look < 6; look++)
		event_base_loop(peal_loop_base(bench.loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(bench.stats.http_connections, 61);
	for (int i = 0; i < 60; i++)
		close(fds[i]);
	client_free(client);
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
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(next, 0);
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
	/* Valgrind makes the limit up: it accepts, closes, and reports that it could not. */
	unsigned status = client_answer(second);
	const char *preload = getenv("LD_PRELOAD");
	bool valgrind = preload && strstr(preload, "valgrind");
	ck_assert_uint_eq(status, valgrind ? 0 : 200);
	struct client *third = client_new();
	client_send(third, "GET /t/now HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_uint_eq(client_answer(third), 200);
	client_free(third);
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
		{ "127.0.0.1", "X-Forwarded-For: 255.100.99.10\r\n", "255.100.99.10 plain" },
		{ "127.0.0.1", "X-Forwarded-For: 109.9.0.200\r\n", "109.9.0.200 plain" },
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

UNIT_MAIN("http_connections", an_upgrade_hands_out_the_socket_even_on_a_used_connection,
	  bytes_behind_an_upgrade_are_reported,
	  an_upgrade_on_a_foreign_path_is_left_alone_for_a_second,
	  other_upgrades_are_plain_requests, over_the_ceiling_the_oldest_idle_connection_makes_room,
	  connections_are_accepted_whether_they_come_alone_or_together,
	  those_that_wait_do_not_come_in_one_by_one_while_requests_are_handled,
	  without_descriptors_the_listener_rests_and_comes_back,
	  closing_ends_idle_connections_now_and_busy_ones_after_their_answer,
	  freeing_the_server_tells_the_handlers, a_proxy_that_is_trusted_says_who_the_client_is,
	  a_bad_address_block_is_refused, a_host_that_is_none_cannot_be_listened_on)
