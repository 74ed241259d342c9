/*
 * A worker: some thousand clients on one epoll instance. It connects them a few at a time, joins
 * them, answers pings, and checks each message that comes: is it the one that must come next, and
 * has it the bytes that it must have.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

#define READ_BYTES (256 * 1024)
#define CLIENTS_PER_ADDRESS 20000

enum stage { CONNECTING, UPGRADING, OPENING, JOINING, JOINED };

struct client {
	int fd;
	enum stage stage;
	size_t number;
	uint64_t next; /* the message that must come next */
	char *kept;    /* the beginning of something whose end has not come */
	size_t kept_length;
};

struct worker {
	struct load *load;
	const struct load_options *options;
	struct load_seen *seen;
	struct load_trigger *joins; /* NULL: no rooms */
	struct client *clients;
	size_t first, count, opened, joined;
	int epoll;
	uint64_t settled;
	uint64_t text_number; /* the message of @text */
	size_t text_length;
	char text[LOAD_TEXT];
	char bytes[READ_BYTES + LOAD_TEXT + 16];
};

/* A frame with a mask of zeros: the payload stays readable. */
static void send_text(const struct client *client, const char *text)
{
	unsigned char frame[160] = { 0x81 };
	size_t length = strlen(text);

	if (length > 125)
		load_fail("the namespace is too long");
	frame[1] = (unsigned char)(0x80 | length);
	memcpy(frame + 6, text, length);
	if (send(client->fd, frame, 6 + length, MSG_NOSIGNAL) != (ssize_t)(6 + length))
		load_fail("client %zu cannot send: %s", client->number, strerror(errno));
}

static void open_one(struct worker *worker)
{
	struct client *client = &worker->clients[worker->opened];
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

static void upgrade(struct worker *worker, struct client *client)
{
	static const char request[] =
		"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };

	if (send(client->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != sizeof(request) - 1)
		load_fail("client %zu cannot connect: %s", client->number, strerror(errno));
	epoll_ctl(worker->epoll, EPOLL_CTL_MOD, client->fd, &event);
	client->stage = UPGRADING;
}

static uint64_t after(const struct worker *worker, uint64_t number, const struct client *client)
{
	do
		number++;
	while (!load_is_for(worker->options, number, client->number));
	return number;
}

static void join_rooms(struct worker *worker, const struct client *client, const char *text)
{
	const struct load_options *options = worker->options;
	const char *id = strstr(text, "\"sid\":\"");
	char name[65] = "";

	if (!id || sscanf(id + 7, "%64[^\"]", name) != 1)
		load_fail("client %zu got no id", client->number);
	for (size_t room = 0; room < options->rooms; room++) {
		if (load_is_for(options, room, client->number))
			load_trigger_join(worker->joins, name, room);
	}
}

static void on_connect(struct worker *worker, struct client *client, const char *text)
{
	if (worker->joins)
		join_rooms(worker, client, text);
	client->stage = JOINED;
	client->next = 0;
	client->next = after(worker, 0, client);
	worker->joined++;
	worker->seen->connected = worker->joined;
}

/* Count a delivery; who counts the last one of a message tells the first process. */
static void count(struct worker *worker, uint64_t number, uint64_t now)
{
	struct load_slot *slot = load_slot(worker->load, number);

	worker->seen->deliveries++;
	if (slot->number != number)
		return; /* It was given up a long time ago. */
	load_latency_add(worker->seen, now - slot->published_ns);
	if (atomic_fetch_add(&slot->received, 1) + 1 == slot->expected &&
	    eventfd_write(worker->load->done, 1) != 0)
		load_fail("eventfd: %s", strerror(errno));
}

static void check_text(struct worker *worker, uint64_t number, const char *text, size_t length)
{
	if (worker->text_number != number) {
		worker->text_length = load_packet_text(worker->options, number, worker->text);
		worker->text_number = number;
	}
	if (length != worker->text_length || memcmp(text, worker->text, length) != 0)
		worker->seen->corrupt++;
}

static void on_message(struct worker *worker, struct client *client, const char *text,
		       size_t length, uint64_t now)
{
	const char *at = memmem(text, length < 200 ? length : 200, "[\"bench\",", 9);
	uint64_t number = at ? strtoull(at + 9, NULL, 10) : 0;

	if (!number) {
		worker->seen->corrupt++;
		return;
	}
	if (number < client->next || number > worker->load->last ||
	    !load_is_for(worker->options, number, client->number)) {
		worker->seen->out_of_order++;
		return;
	}
	for (; client->next < number; client->next = after(worker, client->next, client))
		worker->seen->lost++;
	check_text(worker, number, text, length);
	client->next = after(worker, number, client);
	count(worker, number, now);
}

static void on_text(struct worker *worker, struct client *client, const char *text, size_t length,
		    uint64_t now)
{
	const char *namespace = worker->options->namespace;
	char packet[130];

	if (length == 1 && *text == '2') {
		send_text(client, "3");
	} else if (client->stage == OPENING && *text == '0') {
		bool main = !strcmp(namespace, "/");

		snprintf(packet, sizeof(packet), "40%.100s%s", main ? "" : namespace,
			 main ? "" : ",");
		send_text(client, packet);
		client->stage = JOINING;
	} else if (client->stage == JOINING && length > 2 && !memcmp(text, "40", 2)) {
		char copy[256];

		snprintf(copy, sizeof(copy), "%.*s", length < 255 ? (int)length : 255, text);
		on_connect(worker, client, copy);
	} else if (client->stage == JOINED && length > 2 && !memcmp(text, "42", 2)) {
		on_message(worker, client, text, length, now);
	} else if (length != 1 || *text != '6') {
		load_fail("client %zu did not expect: %.*s", client->number,
			  length < 80 ? (int)length : 80, text);
	}
}

/* Take one frame, or the answer to the upgrade. Return: its length; 0: its end has not come. */
static size_t take(struct worker *worker, struct client *client, char *bytes, size_t length,
		   uint64_t now)
{
	const unsigned char *head = (const unsigned char *)bytes;
	size_t size, header = 2;

	if (client->stage == UPGRADING) {
		const char *end = memmem(bytes, length, "\r\n\r\n", 4);

		if (!end)
			return 0;
		if (length < 12 || memcmp(bytes + 9, "101", 3) != 0)
			load_fail("client %zu was refused: %.*s", client->number, 12, bytes);
		client->stage = OPENING;
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
		on_text(worker, client, bytes + header, size, now);
	else if (head[0] != 0x8a && head[0] != 0x89)
		load_fail("client %zu got a frame of type %02x", client->number, head[0]);
	return header + size;
}

static void keep(struct client *client, const char *bytes, size_t length)
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

static void on_readable(struct worker *worker, struct client *client)
{
	size_t have = client->kept_length, at = 0, taken;
	ssize_t length;
	uint64_t now;

	if (have)
		memcpy(worker->bytes, client->kept, have);
	length = recv(client->fd, worker->bytes + have, READ_BYTES, 0);
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
static void settle(struct worker *worker)
{
	uint64_t asked = worker->load->asked;

	if (worker->settled == asked)
		return;
	for (size_t i = 0; i < worker->count; i++) {
		struct client *client = &worker->clients[i];

		for (; client->next <= worker->load->last;
		     client->next = after(worker, client->next, client))
			worker->seen->lost++;
	}
	worker->settled = asked;
	worker->seen->settled = asked;
}

static void turn(struct worker *worker)
{
	struct epoll_event events[512];
	unsigned nap_us = worker->options->nap_us;
	int count = epoll_wait(worker->epoll, events, 512, nap_us ? 0 : 50);

	for (int at = 0; at < count; at++) {
		struct client *client = events[at].data.ptr;

		if (client->stage != CONNECTING)
			on_readable(worker, client);
		else if (events[at].events & (EPOLLERR | EPOLLHUP))
			load_fail("client %zu was refused", client->number);
		else
			upgrade(worker, client);
	}
	if (!count)
		settle(worker);
	/* Who sleeps here and not in epoll_wait() is not woken by those who send. */
	if (nap_us && count < 512)
		usleep(nap_us);
}

void load_worker(struct load *load, size_t number, size_t first, size_t count)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!worker || !(worker->clients = calloc(count, sizeof(*worker->clients))))
		load_fail("no memory");
	worker->load = load;
	worker->options = &load->options;
	worker->seen = &load->seen[number];
	worker->first = first;
	worker->count = count;
	worker->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load->options.rooms)
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
