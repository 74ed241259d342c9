/*
 * A bench for whole nodes: an event_base whose turns the test gives, and clients on real sockets
 * that share its thread.
 */
#ifndef PEAL_TESTS_NODE_BENCH_H
#define PEAL_TESTS_NODE_BENCH_H

#include <arpa/inet.h>
#include <check.h>
#include <event2/event.h>
#include <peal/peal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BENCH_HANDSHAKE "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n"

static struct event_base *base;

static inline void turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
	usleep(500);
}

/* Options of a node on @base, on any port, that says nothing. */
static inline void bench_options(struct peal_node_options *options)
{
	base = event_base_new();
	peal_node_options_init(options);
	options->port = 0;
	options->base = base;
	options->log_level = PEAL_LOG_ERROR;
}

static inline int dial_port(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline int dial(const struct peal_node *to)
{
	return dial_port(peal_node_port(to));
}

static inline void say(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Read until @end shows up or the connection ends, for at most ten seconds. Return: what came,
 * valid until the next call. */
static inline const char *read_until(int fd, const char *end)
{
	static char text[65536];
	size_t have = 0;
	for (int i = 0; i < 20000; i++) {
		ssize_t n = recv(fd, text + have, sizeof(text) - 1 - have, MSG_DONTWAIT);
		if (n > 0)
			have += (size_t)n;
		text[have] = '\0';
		if (n == 0 || memmem(text, have, end, strlen(end)))
			break;
		turn();
	}
	ck_assert_msg(memmem(text, have, end, strlen(end)), "wanted %s, got: %s", end, text);
	return text;
}

/* Open a polling session by a request. Return: its sid, valid until the next call. */
static inline const char *open_polling(int fd, const char *request)
{
	static char sid[21];
	say(fd, request);
	const char *at = strstr(read_until(fd, "maxPayload\":1000000}"), "\"sid\":\"");
	ck_assert_ptr_nonnull(at);
	memcpy(sid, at + 7, 20);
	return sid;
}

#endif
