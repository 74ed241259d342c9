/*
 * Many idle Socket.IO clients in one process, for measuring what they cost the server.
 *
 * usage: idle_clients PORT COUNT STEP; opens COUNT WebSocket clients that join the main namespace,
 * a few at a time, prints `connected N` after every STEP and waits then for a line on standard
 * input. They answer pings until standard input ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define AT_ONCE 50

enum stage { CONNECTING, UPGRADING, JOINING, JOINED };

struct client {
	int fd;
	enum stage stage;
};

struct crowd {
	int epoll;
	uint16_t port;
	size_t count, step, opened, joined;
	struct client *clients;
};

static void fail(const char *what)
{
	fprintf(stderr, "idle_clients: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A masked frame with a mask of zeros: the payload stays readable. */
static void send_text(const struct client *client, const char *text)
{
	unsigned char frame[64] = { 0x81 };
	size_t length = strlen(text);

	frame[1] = (unsigned char)(0x80 | length);
	memcpy(frame + 6, text, length);
	if (send(client->fd, frame, 6 + length, MSG_NOSIGNAL) != (ssize_t)(6 + length))
		fail("send");
}

static void open_one(struct crowd *crowd)
{
	struct client *client = &crowd->clients[crowd->opened++];
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(crowd->port) };
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = client };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (client->fd < 0)
		fail("socket");
	if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0 &&
	    errno != EINPROGRESS)
		fail("connect");
	if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
		fail("epoll_ctl");
}

static void upgrade(struct crowd *crowd, struct client *client)
{
	static const char request[] =
		"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };

	if (send(client->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != sizeof(request) - 1)
		fail("send");
	epoll_ctl(crowd->epoll, EPOLL_CTL_MOD, client->fd, &event);
	client->stage = UPGRADING;
}

static void on_readable(struct crowd *crowd, struct client *client)
{
	static const char ping[] = { (char)0x81, 1, '2' };
	char bytes[2048];
	ssize_t length = recv(client->fd, bytes, sizeof(bytes), 0);

	if (length <= 0) {
		fprintf(stderr, "idle_clients: the server closed a connection\n");
		exit(1);
	}
	if (client->stage == UPGRADING && memmem(bytes, (size_t)length, "maxPayload", 10)) {
		send_text(client, "40");
		client->stage = JOINING;
	} else if (client->stage == JOINING && memmem(bytes, (size_t)length, "40{", 3)) {
		client->stage = JOINED;
		crowd->joined++;
	}
	if (memmem(bytes, (size_t)length, ping, sizeof(ping)))
		send_text(client, "3");
}

/* Serve the connections; -1 waits for an event. */
static void turn(struct crowd *crowd, int timeout_ms)
{
	struct epoll_event events[256];
	int count = epoll_wait(crowd->epoll, events, 256, timeout_ms);

	for (int at = 0; at < count; at++) {
		struct client *client = events[at].data.ptr;

		if (client->stage == CONNECTING && events[at].events & EPOLLOUT)
			upgrade(crowd, client);
		else if (events[at].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			on_readable(crowd, client);
	}
}

/* Tell the test, and answer pings until it says go on. Return: false at the end of standard input.
 */
static bool pause_for_test(struct crowd *crowd)
{
	char line[16];
	ssize_t length;

	printf("connected %zu\n", crowd->joined);
	fflush(stdout);
	for (;;) {
		length = read(STDIN_FILENO, line, sizeof(line));
		if (length > 0)
			return true;
		if (length == 0)
			return false;
		if (errno != EAGAIN && errno != EINTR)
			fail("read");
		turn(crowd, 20);
	}
}

int main(int argc, char **argv)
{
	struct crowd crowd = { .epoll = epoll_create1(0) };
	struct rlimit limit;

	if (argc != 4) {
		fprintf(stderr, "usage: idle_clients PORT COUNT STEP\n");
		return 2;
	}
	crowd.port = (uint16_t)atoi(argv[1]);
	crowd.count = (size_t)atoi(argv[2]);
	crowd.step = (size_t)atoi(argv[3]);
	crowd.clients = calloc(crowd.count, sizeof(*crowd.clients));
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		fail("setrlimit");
	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	for (size_t end = crowd.step; end <= crowd.count; end += crowd.step) {
		while (crowd.joined < end) {
			while (crowd.opened < end && crowd.opened < crowd.joined + AT_ONCE)
				open_one(&crowd);
			turn(&crowd, -1);
		}
		if (!pause_for_test(&crowd))
			break;
	}
	while (pause_for_test(&crowd))
		;
	free(crowd.clients);
	return 0;
}
