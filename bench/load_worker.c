/*
 * A worker: some thousand clients on one epoll instance. It connects them a few at a time,
 * reads what comes, and closes them all when it is told to.
 */
#include "load_client.h"

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

#define CLIENTS_PER_ADDRESS 20000
#define STALLED_BYTES 4096
#define SETTLE_MS 5 /* without anything that comes */

void load_client_send(struct load_worker *worker, struct load_client *client, const char *text)
{
	worker->transport->send(worker, client, text);
}

/*
 * One loopback address for as many clients as it has ports. The load's id is in it: ports of the
 * clients of loads that have ended stay taken for a while.
 */
static uint32_t address_of(const struct load_worker *worker, const struct load_client *client)
{
	uint32_t load = 1 + (uint32_t)worker->load->process % 250;

	return 0x7f000001 + (load << 16) + (uint32_t)(client->number / CLIENTS_PER_ADDRESS);
}

static void open_one(struct load_worker *worker)
{
	struct load_client *client = &worker->clients[worker->opened];
	const struct load_options *options = worker->options;
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLOUT, .data.ptr = client };
	const struct sockaddr_in *target;
	int on = 1, small = STALLED_BYTES;

	client->number = worker->first + worker->opened++;
	target = &options->targets[client->number % options->target_count];
	from.sin_addr.s_addr = htonl(address_of(worker, client));
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		load_fail("no socket for client %zu: %s", client->number, strerror(errno));
	setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (client->number < options->stalled)
		setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (bind(client->fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
	    (connect(client->fd, (const struct sockaddr *)target, sizeof(*target)) != 0 &&
	     errno != EINPROGRESS))
		load_fail("client %zu cannot connect: %s", client->number, strerror(errno));
	if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
		load_fail("epoll_ctl: %s", strerror(errno));
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

/* Return: bytes that were read, 0: none for now, -1: the server has closed. */
static ssize_t receive(struct load_client *client, char *bytes, size_t length)
{
	ssize_t got = recv(client->fd, bytes, length, 0);

	if (got > 0)
		return got;
	return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void on_readable(struct load_worker *worker, struct load_client *client)
{
	size_t have = client->kept_length, at = 0, taken;
	ssize_t length;
	uint64_t now;

	if (have)
		memcpy(worker->bytes, client->kept, have);
	length = receive(client, worker->bytes + have, LOAD_READ_BYTES);
	if (!length)
		return;
	if (length < 0)
		load_fail("client %zu lost its connection", client->number);
	now = load_now();
	have += (size_t)length;
	while (at < have && (taken = worker->transport->take(worker, client, worker->bytes + at,
							     have - at, now)) > 0)
		at += taken;
	if (have - at > LOAD_UNIT)
		load_fail("client %zu got a packet of %zu bytes", client->number, have - at);
	if (have - at || client->kept_length)
		keep(client, worker->bytes + at, have - at);
	if (client->stage == LOAD_JOINED && client->number < worker->options->stalled)
		epoll_ctl(worker->epoll, EPOLL_CTL_DEL, client->fd, NULL);
}

static void on_writable(struct load_worker *worker, struct load_client *client)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };

	epoll_ctl(worker->epoll, EPOLL_CTL_MOD, client->fd, &event);
	worker->transport->open(worker, client);
}

static void end(struct load_worker *worker, struct load_client *client)
{
	close(client->fd);
	client->fd = -1;
	worker->seen->left++;
}

/* Nobody waits for what still comes; the server's end of the connection does count. */
static void on_leaving(struct load_worker *worker, struct load_client *client)
{
	if (receive(client, worker->bytes, LOAD_READ_BYTES) < 0)
		end(worker, client);
}

/* All at once. Who never reads will not see the end, and is not waited for. */
static void leave(struct load_worker *worker)
{
	for (size_t i = 0; i < worker->count; i++) {
		struct load_client *client = &worker->clients[i];

		client->stage = LOAD_LEAVING;
		if (client->number < worker->options->stalled) {
			end(worker, client);
			continue;
		}
		if (worker->transport->close)
			worker->transport->close(worker, client);
		shutdown(client->fd, SHUT_WR);
	}
	worker->leaving = true;
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

static void on_event(struct load_worker *worker, struct load_client *client, uint32_t events)
{
	eventfd_t times;

	if (!client)
		eventfd_read(worker->load->wake[worker->number], &times);
	else if (client->stage == LOAD_LEAVING)
		on_leaving(worker, client);
	else if (client->stage != LOAD_CONNECTING)
		on_readable(worker, client);
	else if (events & (EPOLLERR | EPOLLHUP))
		load_fail("client %zu was refused", client->number);
	else
		on_writable(worker, client);
}

static void turn(struct load_worker *worker)
{
	bool asked = worker->settled != worker->load->asked;
	struct epoll_event events[512];
	int count = epoll_wait(worker->epoll, events, 512, asked ? SETTLE_MS : -1);

	for (int at = 0; at < count; at++)
		on_event(worker, events[at].data.ptr, events[at].events);
	if (!count)
		settle(worker);
	if (worker->load->leaving && !worker->leaving)
		leave(worker);
}

/* This worker's share of the clients that may connect: all shares together are as many. */
static size_t allowed(const struct load_worker *worker)
{
	uint64_t all = worker->load->allowed, workers = worker->options->workers;

	return all * (worker->number + 1) / workers - all * worker->number / workers;
}

static void connect_all(struct load_worker *worker)
{
	while (worker->joined < worker->count) {
		while (worker->opened < allowed(worker) &&
		       worker->opened < worker->joined + worker->options->at_once)
			open_one(worker);
		turn(worker);
	}
	if (worker->joins)
		load_trigger_read(worker->joins, true);
	worker->seen->joined = worker->count;
}

void load_worker(struct load *load, size_t number, size_t first, size_t count)
{
	struct load_worker *worker = calloc(1, sizeof(*worker));
	struct epoll_event event = { .events = EPOLLIN };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != load->process)
		_exit(2); /* It ended before it could be asked for that signal. */
	if (!worker || !(worker->clients = calloc(count, sizeof(*worker->clients))))
		load_fail("no memory");
	worker->load = load;
	worker->options = &load->options;
	worker->transport = load->options.polling ? &load_polling : &load_websocket;
	worker->seen = &load->seen[number];
	worker->number = number;
	worker->first = first;
	worker->count = count;
	worker->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, load->wake[number], &event) != 0)
		load_fail("epoll_ctl: %s", strerror(errno));
	if (load->options.rooms || load->options.except)
		worker->joins = load_trigger_open(&load->options);
	connect_all(worker);
	for (;;)
		turn(worker);
}
