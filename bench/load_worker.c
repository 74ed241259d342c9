/*
 * A worker: some thousand clients on one epoll instance. It connects them a few at a time,
 * and takes the packets out of what it reads from them.
 */
#include "load_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

#define CLIENTS_PER_ADDRESS 20000

/* A frame with a mask of zeros: the payload stays readable. */
void load_client_send(struct load_worker *worker, struct load_client *client, const char *text)
{
	unsigned char frame[160] = { 0x81 };
	size_t length = strlen(text);

	(void)worker;
	if (length > 125)
		load_fail("the namespace is too long");
	frame[1] = (unsigned char)(0x80 | length);
	memcpy(frame + 6, text, length);
	if (send(client->fd, frame, 6 + length, MSG_NOSIGNAL) != (ssize_t)(6 + length))
		load_fail("client %zu cannot send: %s", client->number, strerror(errno));
}

static void open_one(struct load_worker *worker)
{
	struct load_client *client = &worker->clients[worker->opened];
	const struct load_options *options = worker->options;
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLOUT, .data.ptr = client };
	const struct sockaddr_in *target;
	int on = 1;

	client->number = worker->first + worker->opened++;
	target = &options->targets[client->number % options->target_count];
	from.sin_addr.s_addr =
		htonl(INADDR_LOOPBACK + 1 + (uint32_t)(client->number / CLIENTS_PER_ADDRESS));
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		load_fail("no socket for client %zu: %s", client->number, strerror(errno));
	setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(client->fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
	    (connect(client->fd, (const struct sockaddr *)target, sizeof(*target)) != 0 &&
	     errno != EINPROGRESS))
		load_fail("client %zu cannot connect: %s", client->number, strerror(errno));
	if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
		load_fail("epoll_ctl: %s", strerror(errno));
}

static void upgrade(struct load_worker *worker, struct load_client *client)
{
	static const char request[] =
		"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };

	if (send(client->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != sizeof(request) - 1)
		load_fail("client %zu cannot connect: %s", client->number, strerror(errno));
	epoll_ctl(worker->epoll, EPOLL_CTL_MOD, client->fd, &event);
	client->stage = LOAD_UPGRADING;
}

/* Take one frame, or the answer to the upgrade. Return: its length; 0: its end has not come. */
static size_t take(struct load_worker *worker, struct load_client *client, char *bytes,
		   size_t length, uint64_t now)
{
	const unsigned char *head = (const unsigned char *)bytes;
	size_t size, header = 2;

	if (client->stage == LOAD_UPGRADING) {
		const char *end = memmem(bytes, length, "\r\n\r\n", 4);

		if (!end)
			return 0;
		if (length < 12 || memcmp(bytes + 9, "101", 3) != 0)
			load_fail("client %zu was refused: %.*s", client->number, 12, bytes);
		client->stage = LOAD_OPENING;
		return (size_t)(end + 4 - bytes);
	}
	if (length < 2)
		return 0;
	size = head[1] & 0x7f;
	if (size >= 126) {
		header = size == 126 ? 4 : 10;
		if (length < header)
			return 0;
		size = 0;
		for (size_t at = 2; at < header; at++)
			size = size << 8 | head[at];
		if (size > LOAD_TEXT)
			load_fail("client %zu got a frame of %zu bytes", client->number, size);
	}
	if (length < header + size)
		return 0;
	if (head[0] == 0x88)
		load_fail("the server closes client %zu", client->number);
	if (head[0] == 0x81)
		load_client_text(worker, client, bytes + header, size, now);
	else if (head[0] == 0x82)
		load_client_binary(worker, client, bytes + header, size, now);
	else if (head[0] != 0x8a && head[0] != 0x89)
		load_fail("client %zu got a frame of type %02x", client->number, head[0]);
	return header + size;
}

static void keep(struct load_client *client, const char *bytes, size_t length)
{
	free(client->kept);
	client->kept = NULL;
	client->kept_length = length;
	if (!length)
		return;
	client->kept = malloc(length);
	if (!client->kept)
		load_fail("no memory");
	memcpy(client->kept, bytes, length);
}

static void on_readable(struct load_worker *worker, struct load_client *client)
{
	size_t have = client->kept_length, at = 0, taken;
	ssize_t length;
	uint64_t now;

	if (have)
		memcpy(worker->bytes, client->kept, have);
	length = recv(client->fd, worker->bytes + have, LOAD_READ_BYTES, 0);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0)
		load_fail("client %zu lost its connection", client->number);
	now = load_now();
	have += (size_t)length;
	while (at < have && (taken = take(worker, client, worker->bytes + at, have - at, now)) > 0)
		at += taken;
	if (have - at || client->kept_length)
		keep(client, worker->bytes + at, have - at);
}

/* Everything that was published is long over: what a client still waits for is lost. */
static void settle(struct load_worker *worker)
{
	uint64_t asked = worker->load->asked;

	if (worker->settled == asked)
		return;
	for (size_t i = 0; i < worker->count; i++)
		load_client_settle(worker, &worker->clients[i]);
	worker->settled = asked;
	worker->seen->settled = asked;
}

static void turn(struct load_worker *worker)
{
	struct epoll_event events[512];
	int count = epoll_wait(worker->epoll, events, 512, 50);

	for (int at = 0; at < count; at++) {
		struct load_client *client = events[at].data.ptr;

		if (client->stage != LOAD_CONNECTING)
			on_readable(worker, client);
		else if (events[at].events & (EPOLLERR | EPOLLHUP))
			load_fail("client %zu was refused", client->number);
		else
			upgrade(worker, client);
	}
	if (!count)
		settle(worker);
}

void load_worker(struct load *load, size_t number, size_t first, size_t count)
{
	struct load_worker *worker = calloc(1, sizeof(*worker));

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!worker || !(worker->clients = calloc(count, sizeof(*worker->clients))))
		load_fail("no memory");
	worker->load = load;
	worker->options = &load->options;
	worker->seen = &load->seen[number];
	worker->first = first;
	worker->count = count;
	worker->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load->options.rooms || load->options.except)
		worker->joins = load_trigger_open(&load->options);
	while (worker->joined < count) {
		while (worker->opened < count &&
		       worker->opened < worker->joined + load->options.at_once)
			open_one(worker);
		turn(worker);
	}
	if (worker->joins)
		load_trigger_read(worker->joins, true);
	worker->seen->joined = count;
	for (;;)
		turn(worker);
}
