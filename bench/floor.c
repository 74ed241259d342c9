/*
 * The floor: the least that a server can do. It takes Socket.IO clients over WebSocket, subscribes
 * to the main namespace's broadcasts in Redis, and writes each to every client with one send();
 * with --joined, all that came with one read from Redis goes out in one send(). It has no rooms, no
 * heartbeat, and believes what it reads.
 *
 * usage: floor --port P --redis redis://ADDRESS:PORT [--joined] [--drop-one]; prints
 * `listening PORT`. --drop-one leaves out one message for one client, for the tests of the load.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 60000
#define REDIS_BYTES (4 << 20)
#define DROPPED 3 /* which message --drop-one leaves out */

struct client {
	int fd;
	size_t place; /* in the list of those that are joined */
	bool joined, waiting;
	char *rest; /* what the kernel did not take */
	size_t rest_length;
};

struct floor {
	int epoll, listener, redis;
	bool join_buffers, drop_one;
	struct client *joined[CLIENTS];
	size_t count;
	uint64_t messages, ids;
	char *in; /* from Redis, not yet taken */
	size_t in_length;
	char *out; /* frames that go to each client */
	size_t out_length;
};

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "floor: ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n");
	exit(1);
}

static void watch(struct floor *floor, int fd, void *owner, uint32_t events, int how)
{
	struct epoll_event event = { .events = events, .data.ptr = owner };

	if (epoll_ctl(floor->epoll, how, fd, &event) != 0)
		fail("epoll_ctl: %s", strerror(errno));
}

static void drop(struct floor *floor, struct client *client)
{
	if (client->joined) {
		floor->joined[client->place] = floor->joined[--floor->count];
		floor->joined[client->place]->place = client->place;
	}
	close(client->fd);
	free(client->rest);
	free(client);
}

static void keep(struct floor *floor, struct client *client, const char *bytes, size_t length)
{
	client->rest = realloc(client->rest, client->rest_length + length);
	if (!client->rest)
		fail("no memory");
	memcpy(client->rest + client->rest_length, bytes, length);
	client->rest_length += length;
	if (!client->waiting)
		watch(floor, client->fd, client, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
	client->waiting = true;
}

static void send_bytes(struct floor *floor, struct client *client, const char *bytes, size_t length)
{
	ssize_t sent = 0;

	if (!client->rest_length)
		sent = send(client->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		sent = 0; /* A broken connection is noticed when it is read. */
	if ((size_t)sent < length)
		keep(floor, client, bytes + sent, length - (size_t)sent);
}

static void send_rest(struct floor *floor, struct client *client)
{
	ssize_t sent =
		send(client->fd, client->rest, client->rest_length, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent <= 0)
		return;
	client->rest_length -= (size_t)sent;
	memmove(client->rest, client->rest + sent, client->rest_length);
	if (client->rest_length)
		return;
	free(client->rest);
	client->rest = NULL;
	client->waiting = false;
	watch(floor, client->fd, client, EPOLLIN, EPOLL_CTL_MOD);
}

static void send_text(struct floor *floor, struct client *client, const char *text)
{
	char frame[256];
	int length = snprintf(frame, sizeof(frame), "%c%c%s", 0x81, (char)strlen(text), text);

	if (strlen(text) > 125)
		fail("a packet is too long");
	send_bytes(floor, client, frame, (size_t)length);
}

static void on_upgrade(struct floor *floor, struct client *client)
{
	/* The answer to the key of RFC 6455's example, which is the one that the load uses. */
	static const char answer[] =
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
	char packet[126];

	send_bytes(floor, client, answer, sizeof(answer) - 1);
	snprintf(packet, sizeof(packet),
		 "0{\"sid\":\"%llu\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,"
		 "\"maxPayload\":1000000}",
		 (unsigned long long)++floor->ids);
	send_text(floor, client, packet);
}

static void on_client(struct floor *floor, struct client *client)
{
	char bytes[2048], packet[64];
	ssize_t length = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0) {
		drop(floor, client);
		return;
	}
	if (memmem(bytes, (size_t)length, "Sec-WebSocket-Key", 17)) {
		on_upgrade(floor, client);
	} else if (!client->joined && length >= 8 && floor->count < CLIENTS) {
		snprintf(packet, sizeof(packet), "40{\"sid\":\"s%llu\"}",
			 (unsigned long long)++floor->ids);
		send_text(floor, client, packet);
		client->joined = true;
		client->place = floor->count;
		floor->joined[floor->count++] = client;
	}
}

static void on_connection(struct floor *floor)
{
	int fd, on = 1;

	while ((fd = accept4(floor->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct client *client = calloc(1, sizeof(*client));

		if (!client)
			fail("no memory");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		client->fd = fd;
		watch(floor, fd, client, EPOLLIN, EPOLL_CTL_ADD);
	}
}

static void send_out(struct floor *floor)
{
	for (size_t i = 0; i < floor->count; i++) {
		if (floor->drop_one && floor->messages == DROPPED && i == 0)
			continue;
		send_bytes(floor, floor->joined[i], floor->out, floor->out_length);
	}
	floor->out_length = 0;
}

/* Append the frame of a text to what goes out. */
static void add_frame(struct floor *floor, uint64_t number, const char *padding, size_t length)
{
	unsigned char *at;
	char head[64];
	size_t head_length = (size_t)snprintf(head, sizeof(head), "42[\"bench\",%llu,\"",
					      (unsigned long long)number);
	size_t size = head_length + length + 2;

	floor->out = realloc(floor->out, floor->out_length + size + 10);
	if (!floor->out)
		fail("no memory");
	at = (unsigned char *)floor->out + floor->out_length;
	*at++ = 0x81;
	if (size < 126) {
		*at++ = (unsigned char)size;
	} else {
		int bytes = size < 65536 ? 2 : 8;

		*at++ = bytes == 2 ? 126 : 127;
		while (bytes > 0)
			*at++ = (unsigned char)((uint64_t)size >> (8 * --bytes));
	}
	memcpy(at, head, head_length);
	memcpy(at + head_length, padding, length);
	memcpy(at + head_length + length, "\"]", 2);
	floor->out_length = (size_t)(at + size - (unsigned char *)floor->out);
}

/* A number in network order. */
static uint64_t read_number(const unsigned char **at, int bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | *(*at)++;
	return value;
}

/* Take the number and the padding out of the emitter's message. */
static void on_message(struct floor *floor, const char *bytes, size_t length)
{
	const unsigned char *at = memmem(bytes, length,
					 "\xa5"
					 "bench",
					 6);
	const unsigned char *end = (const unsigned char *)bytes + length;
	uint64_t number, size;

	if (!at || end - at < 16)
		return;
	at += 6;
	number = *at++;
	if (number >= 0xcc && number <= 0xcf)
		number = read_number(&at, 1 << (number - 0xcc));
	size = *at++;
	size = size >= 0xd9 && size <= 0xdb ? read_number(&at, 1 << (size - 0xd9)) : size & 31;
	if (at > end || size > (size_t)(end - at))
		return;
	add_frame(floor, number, (const char *)at, size);
	floor->messages++;
	if (!floor->join_buffers)
		send_out(floor);
}

/*
 * Take one push: *3 and three bulk strings, or two and a number for the answer to SUBSCRIBE.
 * Return: its length; 0: its end has not come.
 */
static size_t take_push(struct floor *floor, const char *bytes, size_t length)
{
	const char *at = bytes, *end = bytes + length, *line;
	const char *text = NULL;
	size_t size = 0;

	for (int part = 0; part < 4; part++) {
		line = memchr(at, '\n', (size_t)(end - at));
		if (!line)
			return 0;
		if (*at == '-')
			fail("Redis refuses: %.*s", (int)(line - at), at);
		if (*at == '$') {
			size = strtoull(at + 1, NULL, 10);
			if ((size_t)(end - line - 1) < size + 2)
				return 0;
			text = line + 1;
			at = text + size + 2;
		} else {
			text = NULL;
			at = line + 1;
		}
	}
	if (text)
		on_message(floor, text, size);
	return (size_t)(at - bytes);
}

static void on_redis(struct floor *floor)
{
	size_t at = 0, taken;
	ssize_t length = recv(floor->redis, floor->in + floor->in_length,
			      REDIS_BYTES - floor->in_length, MSG_DONTWAIT);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0)
		fail("Redis is gone");
	floor->in_length += (size_t)length;
	while (at < floor->in_length &&
	       (taken = take_push(floor, floor->in + at, floor->in_length - at)) > 0)
		at += taken;
	memmove(floor->in, floor->in + at, floor->in_length - at);
	floor->in_length -= at;
	if (floor->out_length)
		send_out(floor);
}

static void subscribe(struct floor *floor, const char *url)
{
	static const char command[] = "*2\r\n$9\r\nSUBSCRIBE\r\n$12\r\nsocket.io#/#\r\n";
	struct sockaddr_in address = { .sin_family = AF_INET };
	char host[32];
	unsigned port;

	if (sscanf(url, "redis://%31[0-9.]:%u", host, &port) != 2 || port > 65535 ||
	    inet_pton(AF_INET, host, &address.sin_addr) != 1)
		fail("%s is not the address of a Redis", url);
	address.sin_port = htons((uint16_t)port);
	floor->redis = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	floor->in = malloc(REDIS_BYTES);
	if (floor->redis < 0 || !floor->in ||
	    connect(floor->redis, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    send(floor->redis, command, sizeof(command) - 1, MSG_NOSIGNAL) < 0)
		fail("cannot reach %s: %s", url, strerror(errno));
	watch(floor, floor->redis, &floor->redis, EPOLLIN, EPOLL_CTL_ADD);
}

static void listen_on(struct floor *floor, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t length = sizeof(address);
	int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	floor->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(floor->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (floor->listener < 0 ||
	    bind(floor->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(floor->listener, 1024) != 0 ||
	    getsockname(floor->listener, (struct sockaddr *)&address, &length) != 0)
		fail("cannot listen: %s", strerror(errno));
	watch(floor, floor->listener, &floor->listener, EPOLLIN, EPOLL_CTL_ADD);
	printf("listening %u\n", ntohs(address.sin_port));
	fflush(stdout);
}

static void turn(struct floor *floor)
{
	struct epoll_event events[512];
	int count = epoll_wait(floor->epoll, events, 512, -1);

	for (int i = 0; i < count; i++) {
		void *owner = events[i].data.ptr;

		if (owner == &floor->redis) {
			on_redis(floor);
		} else if (owner == &floor->listener) {
			on_connection(floor);
		} else {
			if (events[i].events & EPOLLOUT)
				send_rest(floor, owner);
			if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				on_client(floor, owner);
		}
	}
}

static const struct option words[] = {
	{ "port", required_argument, NULL, 'p' },
	{ "redis", required_argument, NULL, 'r' },
	{ "joined", no_argument, NULL, 'j' },
	{ "drop-one", no_argument, NULL, 'd' },
	{ NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
	static struct floor floor;
	const char *redis = NULL;
	struct rlimit limit;
	int option, port = 0;

	while ((option = getopt_long(argc, argv, "", words, NULL)) >= 0) {
		if (option == 'p')
			port = atoi(optarg);
		else if (option == 'r')
			redis = optarg;
		else if (option == 'j')
			floor.join_buffers = true;
		else if (option == 'd')
			floor.drop_one = true;
		else
			return 2;
	}
	if (optind < argc || !redis || port < 0 || port > 65535) {
		fprintf(stderr, "usage: floor --port P --redis redis://ADDRESS:PORT [--joined]\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max < CLIENTS + 64 ? limit.rlim_max : CLIENTS + 64;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	floor.epoll = epoll_create1(EPOLL_CLOEXEC);
	subscribe(&floor, redis);
	listen_on(&floor, (uint16_t)port);
	for (;;)
		turn(&floor);
}
