/* What can be changed while a node runs, through the public headers only. */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <peal/peal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tests/unit/unit.h"

static struct event_base *base;
static struct peal_node *node;
static char address[64];

/* Tells who asked. */
static void on_who(struct peal_http_request *request, void *userdata)
{
	(void)userdata;
	strcpy(address, peal_http_request_info(request)->address);
	peal_http_reply(request, 200, NULL, 0, "who", 3);
}

static void set_up(void)
{
	struct peal_node_options options;
	base = event_base_new();
	peal_node_options_init(&options);
	options.port = 0;
	options.base = base;
	options.max_clients = 100;
	options.log_level = PEAL_LOG_ERROR;
	options.engine.cors.origin = PEAL_CORS_FIXED;
	options.engine.cors.origins = (const char *const[]){ "https://first.example" };
	options.engine.cors.origin_count = 1;
	ck_assert_int_eq(peal_node_new(&options, &node), 0);
	ck_assert_int_eq(peal_http_route(node, "/who", "GET", 0, on_who, NULL), 0);
	ck_assert_int_eq(peal_node_listen(node), 0);
}

static void tear_down(void)
{
	peal_node_free(node);
	event_base_free(base);
}

/* One request on a connection of its own. Return: what came, valid until the next call. */
static const char *ask(const char *path)
{
	static char text[4096];
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(peal_node_port(node)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t have = 0;
	ssize_t n = -1;
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	snprintf(text, sizeof(text),
		 "GET %s HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\n"
		 "Connection: close\r\n\r\n",
		 path);
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	for (int i = 0; n != 0 && i < 20000; i++) {
		n = recv(fd, text + have, sizeof(text) - 1 - have, MSG_DONTWAIT);
		if (n > 0)
			have += (size_t)n;
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(n < 0 ? 500 : 0);
	}
	text[have] = '\0';
	ck_assert_int_eq(n, 0);
	close(fd);
	return text;
}

#define OPEN "/socket.io/?EIO=4&transport=polling"

START_TEST(other_proxies_are_believed_from_now_on)
{
	const char *const networks[] = { "10.0.0.0/8", "127.0.0.0/8" };
	ask("/who");
	ck_assert_str_eq(address, "127.0.0.1");
	ck_assert_int_eq(peal_node_set_trusted_proxies(node, networks, 2), 0);
	ask("/who");
	ck_assert_str_eq(address, "203.0.113.9");
	ck_assert_int_eq(peal_node_set_trusted_proxies(node, NULL, 0), 0);
	ask("/who");
	ck_assert_str_eq(address, "127.0.0.1");
}
END_TEST

START_TEST(proxies_with_a_mistake_change_nothing)
{
	const char *const good[] = { "127.0.0.0/8" }, *const bad[] = { "::1", "127.0.0.0/33" };
	ck_assert_int_eq(peal_node_set_trusted_proxies(node, good, 1), 0);
	ck_assert_int_eq(peal_node_set_trusted_proxies(node, bad, 2), -EINVAL);
	ask("/who");
	ck_assert_str_eq(address, "203.0.113.9");
}
END_TEST

START_TEST(other_cors_headers_are_sent_from_now_on)
{
	struct peal_cors_options cors = { .origin = PEAL_CORS_ANY, .max_age_seconds = -1 };
	ck_assert_ptr_nonnull(strstr(ask(OPEN), "Access-Control-Allow-Origin: https://first."));
	ck_assert_int_eq(peal_node_set_cors(node, &cors), 0);
	ck_assert_ptr_nonnull(strstr(ask(OPEN), "Access-Control-Allow-Origin: *\r\n"));
	cors.origin = PEAL_CORS_OFF;
	ck_assert_int_eq(peal_node_set_cors(node, &cors), 0);
	ck_assert_ptr_null(strstr(ask(OPEN), "Access-Control"));
	cors.origin = PEAL_CORS_ANY;
	ck_assert_int_eq(peal_node_set_cors(node, &cors), 0);
	ck_assert_ptr_nonnull(strstr(ask(OPEN), "Access-Control-Allow-Origin: *\r\n"));
}
END_TEST

START_TEST(cors_headers_with_a_mistake_change_nothing)
{
	struct peal_cors_options cors = { .origin = PEAL_CORS_ANY, .methods = "GET\r\nX-Evil: 1" };
	ck_assert_int_eq(peal_node_set_cors(node, &cors), -EINVAL);
	cors = (struct peal_cors_options){ .origin = PEAL_CORS_LIST };
	ck_assert_int_eq(peal_node_set_cors(node, &cors), -EINVAL);
	ck_assert_ptr_nonnull(strstr(ask(OPEN), "Access-Control-Allow-Origin: https://first."));
}
END_TEST

START_TEST(another_number_of_clients_counts_from_now_on)
{
	struct peal_stats stats;
	ck_assert_ptr_nonnull(strstr(ask(OPEN), " 200 "));
	ck_assert_int_eq(peal_node_set_max_clients(node, 1), 0);
	ck_assert_ptr_nonnull(strstr(ask(OPEN), " 503 "));
	ck_assert_int_eq(peal_node_set_max_clients(node, 2), 0);
	ck_assert_ptr_nonnull(strstr(ask(OPEN), " 200 "));
	ck_assert_ptr_nonnull(strstr(ask(OPEN), " 503 "));
	ck_assert_int_eq(peal_node_set_max_clients(node, 1), 0);
	peal_node_stats(node, &stats);
	ck_assert_uint_eq(stats.sessions, 2); /* nobody had to go */
}
END_TEST

START_TEST(another_rate_of_connects_counts_from_now_on)
{
	ck_assert_int_eq(peal_node_set_connect_rate(node, 1000001), -EINVAL);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_nonnull(strstr(ask(OPEN), " 200 "));
	/* One at a time and one a second. */
	ck_assert_int_eq(peal_node_set_connect_rate(node, 1), 0);
	ck_assert_ptr_nonnull(strstr(ask(OPEN), " 200 "));
	ck_assert_ptr_nonnull(strstr(ask(OPEN), " 503 "));
	ck_assert_int_eq(peal_node_set_connect_rate(node, 0), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_nonnull(strstr(ask(OPEN), " 200 "));
}
END_TEST

START_TEST(more_clients_than_files_are_refused)
{
	ck_assert_int_eq(peal_node_set_max_clients(node, 0), -EINVAL);
	ck_assert_int_eq(peal_node_set_max_clients(node, SIZE_MAX), -EMFILE);
	ck_assert_int_eq(peal_node_set_max_clients(node, 10000001), -EMFILE);
	ck_assert_ptr_nonnull(strstr(ask(OPEN), " 200 "));
}
END_TEST

static void on_closed(struct peal_node *which, void *userdata)
{
	(void)which, (void)userdata;
	event_base_loopbreak(base);
}

START_TEST(a_node_that_is_closed_has_nothing_to_change)
{
	const struct peal_cors_options cors = { .origin = PEAL_CORS_ANY };
	int r;
	ck_assert_int_eq(peal_node_close(node, 0, on_closed, NULL), 0);
	event_base_dispatch(base);
	r = peal_node_set_cors(node, &cors);
	ck_assert(r == 0 || r == -ESHUTDOWN);
	r = peal_node_set_trusted_proxies(node, NULL, 0);
	ck_assert(r == 0 || r == -ESHUTDOWN);
	ck_assert_int_eq(peal_node_set_max_clients(node, 5), 0);
}
END_TEST

UNIT_MAIN_WITH("node_change", set_up, tear_down, other_proxies_are_believed_from_now_on,
	       proxies_with_a_mistake_change_nothing, other_cors_headers_are_sent_from_now_on,
	       cors_headers_with_a_mistake_change_nothing,
	       another_number_of_clients_counts_from_now_on,
	       another_rate_of_connects_counts_from_now_on, more_clients_than_files_are_refused,
	       a_node_that_is_closed_has_nothing_to_change)
