/* The limits of an address at a whole node, through the public headers only. */
#include <errno.h>
#include <stdio.h>
#include "tests/support/node_bench.h"
#include "tests/support/scarce_memory.h"
#include "tests/unit/unit.h"

#define POLLING "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n"
#define UPGRADE(key)                                                        \
	"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n" \
	"Connection: Upgrade\r\nUpgrade: websocket\r\n"                     \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " key "\r\n"
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define CLIENTS 8

static const char *const trusted[] = { "127.0.0.1" };
static struct peal_node_options options;
static struct peal_node *node;
static struct peal_stats stats;
static struct peal_next *asked[CLIENTS];
static size_t asked_count;
static bool closed;

static void set_up(void)
{
	asked_count = 0;
	closed = false;
	bench_options(&options);
	options.trusted_proxies = trusted;
	options.trusted_proxy_count = 1;
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

/* Asks on a connection of its own, as a client of this address. */
static int ask(const char *head, const char *address)
{
	char text[1024];
	int fd = dial(node),
	    length = snprintf(text, sizeof(text), "%sX-Forwarded-For: %s\r\n\r\n", head, address);
	ck_assert_int_eq(send(fd, text, (size_t)length, MSG_NOSIGNAL), length);
	return fd;
}

static unsigned status_of(int fd)
{
	unsigned status = 0;
	ck_assert_int_eq(sscanf(read_until(fd, "\r\n\r\n"), "HTTP/1.1 %u ", &status), 1);
	return status;
}

/* A session, or who is told why not; the connection of an upgrade closes with its end. */
static unsigned come(const char *head, const char *address)
{
	int fd = ask(head, address);
	unsigned status = status_of(fd);
	close(fd);
	return status;
}

static const struct peal_stats *look(void)
{
	peal_node_stats(node, &stats);
	return &stats;
}

/* Come until that is too fast, with a rate of one in a second. Return: the answer. */
static const char *come_too_fast(const char *head)
{
	for (int i = 0; i < 20; i++) {
		int fd = ask(head, "192.0.2.1");
		const char *answer = read_until(fd, "\r\n\r\n");
		close(fd);
		if (!strncmp(answer, "HTTP/1.1 429 Too Many Requests\r\n", 32))
			return answer;
	}
	ck_abort_msg("never too fast");
}

static void wait_for_sessions(uint64_t count)
{
	for (int i = 0; i < 20000 && look()->sessions != count; i++)
		turn();
	ck_assert_uint_eq(stats.sessions, count);
}

/* --- answers -------------------------------------------------------------------------------- */

START_TEST(who_has_too_many_is_answered_429_over_polling_and_websocket)
{
	options.address_clients = 1;
	make();
	ck_assert_uint_eq(come(POLLING, "192.0.2.1"), 200);
	int fd = ask(POLLING "Connection: close\r\n", "192.0.2.1");
	const char *answer = read_until(fd, "}");
	ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 429 Too Many Requests\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "\r\nContent-Type: application/json\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "\r\nRetry-After: 5\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\n{\"code\":3,\"message\":"
					     "\"Too many clients with this address\"}"));
	close(fd);
	fd = ask(UPGRADE(KEY), "192.0.2.1");
	answer = read_until(fd, "with this address");
	ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 429 Too Many Requests\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "\r\nRetry-After: 5\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\nToo many clients with this address"));
	close(fd);
	ck_assert_uint_eq(look()->sessions_refused_address_clients, 2);
	ck_assert_uint_eq(stats.http_refused_429, 2);
	ck_assert_uint_eq(stats.handshakes_refused, 0);
	ck_assert_uint_eq(stats.sessions, 1);
}
END_TEST

START_TEST(who_comes_too_fast_is_answered_429_over_polling_and_websocket)
{
	options.address_connect_rate = 1;
	make();
	const char *answer = come_too_fast(POLLING);
	ck_assert_ptr_nonnull(strstr(answer, "\r\nRetry-After: 1\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\n{\"code\":3,\"message\":"
					     "\"Too many new clients with this address\"}"));
	answer = come_too_fast(UPGRADE(KEY));
	ck_assert_ptr_nonnull(strstr(answer, "\r\nRetry-After: 1\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\nToo many new clients with this address"));
	ck_assert_uint_eq(look()->sessions_refused_address_rate, 2);
	ck_assert_uint_eq(stats.http_refused_429, stats.sessions_refused_address_rate);
	/* A version that is not spoken is refused as such. */
	ck_assert_uint_eq(come("GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: x\r\n",
			       "192.0.2.1"),
			  400);
}
END_TEST

START_TEST(what_comes_for_a_session_is_not_held_up)
{
	char head[512], sid[21];
	options.address_clients = 1;
	make();
	int fd = ask(POLLING, "192.0.2.1");
	memcpy(sid, strstr(read_until(fd, "maxPayload"), "\"sid\":\"") + 7, 20);
	sid[20] = '\0';
	close(fd);
	ck_assert_uint_eq(come(POLLING, "192.0.2.1"), 429);
	snprintf(head, sizeof(head),
		 "GET /socket.io/?EIO=4&transport=websocket&sid=%s HTTP/1.1\r\nHost: x\r\n"
		 "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		 "Sec-WebSocket-Key: " KEY "\r\n",
		 sid);
	ck_assert_uint_eq(come(head, "192.0.2.1"), 101);
	snprintf(head, sizeof(head),
		 "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n"
		 "Content-Length: 1\r\n",
		 sid);
	fd = ask(head, "192.0.2.1");
	ck_assert_int_eq(send(fd, "1", 1, MSG_NOSIGNAL), 1);
	ck_assert_uint_eq(status_of(fd), 200);
	wait_for_sessions(0);
	close(fd);
}
END_TEST

/* --- beside the limits of the node ---------------------------------------------------------- */

START_TEST(who_is_refused_for_his_address_takes_nothing_from_the_rate_of_all)
{
	options.connect_rate = 20; /* two at once */
	options.address_connect_rate = 1;
	options.address_clients = 1;
	make();
	ck_assert_uint_eq(come(POLLING, "192.0.2.1"), 200);
	for (int i = 0; i < 30; i++)
		ck_assert_uint_eq(come(POLLING, "192.0.2.1"), 429);
	/* It has a place again, and its bucket is what it fails for. */
	ck_assert_int_eq(peal_node_set_address_clients(node, 100), 0);
	for (int i = 0; i < 30; i++) {
		unsigned status = come(POLLING, "192.0.2.1");
		ck_assert(status == 429 || status == 200); /* after a second */
	}
	ck_assert_uint_eq(look()->sessions_refused_rate, 0);
}
END_TEST

START_TEST(who_is_refused_for_the_rate_of_all_keeps_his_own)
{
	unsigned in = 0;
	options.connect_rate = 1;
	options.address_connect_rate = 5;
	make();
	ck_assert_uint_eq(come(POLLING, "192.0.2.1"), 200);
	for (int i = 0; i < 30; i++)
		in += come(POLLING, "192.0.2.2") == 200;
	ck_assert_uint_eq(look()->sessions_refused_rate, 30 - in);
	ck_assert_int_eq(peal_node_set_connect_rate(node, 0), 0);
	for (int i = 0; i < 5 - (int)in; i++)
		ck_assert_uint_eq(come(POLLING, "192.0.2.2"), 200);
	ck_assert_uint_eq(look()->sessions_refused_address_rate, 0);
}
END_TEST

/* --- places --------------------------------------------------------------------------------- */

START_TEST(a_handshake_that_fails_takes_no_place)
{
	options.address_clients = 1;
	make();
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(come(UPGRADE("bad"), "192.0.2.1"), 400);
	ck_assert_uint_eq(look()->addresses, 0);
	/* The connection ends, and with it the session. */
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(come(UPGRADE(KEY), "192.0.2.1"), 101);
		wait_for_sessions(0);
	}
	ck_assert_uint_eq(look()->addresses, 0);
}
END_TEST

static void on_asked(const struct peal_request *request, struct peal_next *next, void *userdata)
{
	(void)request, (void)userdata;
	asked[asked_count++] = next;
}

static void wait_for_asked(size_t count)
{
	for (int i = 0; i < 20000 && asked_count < count; i++)
		turn();
	ck_assert_uint_eq(asked_count, count);
}

START_TEST(who_waits_for_the_hook_has_a_place_until_it_has_answered)
{
	options.address_clients = 2;
	options.engine.allow_request = on_asked;
	make();
	int one = ask(POLLING, "192.0.2.1"), two = ask(POLLING, "192.0.2.1");
	wait_for_asked(2);
	ck_assert_uint_eq(come(POLLING, "192.0.2.1"), 429);
	peal_next_refuse(asked[0], "no", NULL);
	ck_assert_uint_eq(status_of(one), 403);
	peal_next_accept(asked[1]);
	ck_assert_uint_eq(status_of(two), 200);
	/* A client that has left is as good as there until then. */
	close(ask(POLLING, "192.0.2.1"));
	wait_for_asked(3);
	for (int i = 0; i < 20; i++)
		turn();
	ck_assert_uint_eq(come(POLLING, "192.0.2.1"), 429);
	peal_next_accept(asked[2]);
	close(one);
	one = ask(POLLING, "192.0.2.1");
	wait_for_asked(4);
	/* With fewer places it is too many when it is accepted. */
	ck_assert_int_eq(peal_node_set_address_clients(node, 1), 0);
	peal_next_accept(asked[3]);
	ck_assert_uint_eq(status_of(one), 429);
	ck_assert_uint_eq(look()->sessions, 1);
	close(one);
	close(two);
}
END_TEST

START_TEST(who_is_there_counts_when_the_limit_comes)
{
	options.engine.allow_request = on_asked;
	make();
	int fds[3];
	for (size_t i = 0; i < 3; i++)
		fds[i] = ask(POLLING, "192.0.2.1");
	wait_for_asked(3);
	peal_next_accept(asked[0]);
	ck_assert_uint_eq(status_of(fds[0]), 200);
	ck_assert_uint_eq(look()->addresses, 0);
	ck_assert_int_eq(peal_node_set_address_clients(node, 3), 0);
	ck_assert_uint_eq(come(POLLING, "192.0.2.1"), 429);
	peal_next_refuse(asked[1], NULL, NULL);
	ck_assert_uint_eq(status_of(fds[1]), 403);
	int fd = ask(POLLING, "192.0.2.1");
	wait_for_asked(4);
	ck_assert_uint_eq(come(POLLING, "192.0.2.1"), 429);
	ck_assert_int_eq(peal_node_set_address_clients(node, 0), 0);
	ck_assert_uint_eq(look()->addresses, 0);
	close(ask(POLLING, "192.0.2.1"));
	wait_for_asked(5);
	close(fd);
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
}
END_TEST

static void on_closed(struct peal_node *which, void *userdata)
{
	(void)which, (void)userdata;
	closed = true;
}

START_TEST(after_the_close_no_address_is_known)
{
	char address[32];
	int fds[CLIENTS];
	options.address_clients = 2;
	make();
	for (int i = 0; i < CLIENTS; i++) {
		snprintf(address, sizeof(address), "192.0.2.%d", i / 2);
		fds[i] = ask(i % 2 ? POLLING : UPGRADE(KEY), address);
		ck_assert_uint_eq(status_of(fds[i]), i % 2 ? 200 : 101);
	}
	ck_assert_uint_eq(look()->addresses, CLIENTS / 2);
	ck_assert_uint_eq(peal_node_drain_sessions(node, CLIENTS / 2), CLIENTS / 2);
	ck_assert_int_eq(peal_node_close(node, 100, on_closed, NULL), 0);
	for (int i = 0; i < 20000 && !closed; i++)
		turn();
	ck_assert(closed);
	ck_assert_uint_eq(look()->sessions, 0);
	ck_assert_uint_eq(stats.addresses, 0);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
}
END_TEST

/* --- options -------------------------------------------------------------------------------- */

START_TEST(a_rate_of_an_address_beyond_all_reason_is_refused)
{
	options.address_connect_rate = 1000001;
	ck_assert_int_eq(peal_node_new(&options, &node), PEAL_NODE_E_OPTION);
	options.address_connect_rate = 1000000;
	make();
	ck_assert_int_eq(peal_node_set_address_connect_rate(node, 1000001), -EINVAL);
	ck_assert_int_eq(peal_node_set_address_connect_rate(node, 1), 0);
	come_too_fast(POLLING);
	ck_assert_int_eq(peal_node_set_address_connect_rate(node, 0), 0);
	ck_assert_uint_eq(come(POLLING, "192.0.2.1"), 200);
	ck_assert_uint_eq(look()->addresses, 0);
}
END_TEST

START_TEST(without_memory_to_count_who_is_there_the_limit_does_not_come)
{
	int r;
	make();
	ck_assert_uint_eq(come(POLLING, "192.0.2.1"), 200);
	ck_assert_uint_eq(come(POLLING, "192.0.2.2"), 200);
	/* Two entries, and a table of them. */
	for (size_t failing = 1; failing <= 3; failing++) {
		scarce.failing = failing;
		r = peal_node_set_address_clients(node, 1);
		scarce.failing = 0;
		ck_assert_int_eq(r, -ENOMEM);
		ck_assert_uint_eq(look()->addresses, 0);
		ck_assert_uint_eq(come(POLLING, "192.0.2.1"), 200);
	}
	ck_assert_int_eq(peal_node_set_address_clients(node, 1), 0);
	ck_assert_uint_eq(look()->addresses, 2);
	ck_assert_uint_eq(come(POLLING, "192.0.2.1"), 429);
}
END_TEST

UNIT_MAIN_WITH("node_addresses", set_up, tear_down,
	       who_has_too_many_is_answered_429_over_polling_and_websocket,
	       who_comes_too_fast_is_answered_429_over_polling_and_websocket,
	       what_comes_for_a_session_is_not_held_up,
	       who_is_refused_for_his_address_takes_nothing_from_the_rate_of_all,
	       who_is_refused_for_the_rate_of_all_keeps_his_own,
	       a_handshake_that_fails_takes_no_place,
	       who_waits_for_the_hook_has_a_place_until_it_has_answered,
	       who_is_there_counts_when_the_limit_comes, after_the_close_no_address_is_known,
	       a_rate_of_an_address_beyond_all_reason_is_refused,
	       without_memory_to_count_who_is_there_the_limit_does_not_come)
