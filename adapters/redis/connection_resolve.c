/* The lookup in a thread. The loop waits for the thread at an eventfd. */
#include "adapters/redis/connection_resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STACK_BYTES (512 * 1024)

/* What thread and loop share. The thread writes the result before it writes to the descriptor. */
struct shared {
	atomic_int users;
	int fd;
	uint16_t port;
	struct peal_redis_addresses addresses;
	int error; /* of getaddrinfo() */
	char host[];
};

struct peal_redis_lookup {
	struct peal_loop *loop;
	struct shared *shared;
	struct event *event;
	peal_redis_lookup_fn *fn;
	void *userdata;
};

static void add_ipv4(struct peal_redis_addresses *addresses, struct in_addr ip, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = ip };
	memcpy(&addresses->list[addresses->count], &in, sizeof(in));
	addresses->lengths[addresses->count++] = sizeof(in);
}

static void add_ipv6(struct peal_redis_addresses *addresses, struct in6_addr ip, uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(port),
				    .sin6_addr = ip };
	memcpy(&addresses->list[addresses->count], &in6, sizeof(in6));
	addresses->lengths[addresses->count++] = sizeof(in6);
}

bool peal_redis_resolve_now(const char *host, uint16_t port,
			    struct peal_redis_addresses *ret_addresses)
{
	struct peal_redis_addresses addresses = { .count = 0 };
	struct in_addr ipv4;
	struct in6_addr ipv6;
	if (inet_pton(AF_INET, host, &ipv4) == 1) {
		add_ipv4(&addresses, ipv4, port);
	} else if (inet_pton(AF_INET6, host, &ipv6) == 1) {
		add_ipv6(&addresses, ipv6, port);
	} else if (!strcasecmp(host, "localhost")) {
		ipv4.s_addr = htonl(INADDR_LOOPBACK);
		add_ipv4(&addresses, ipv4, port);
		add_ipv6(&addresses, in6addr_loopback, port);
	} else {
		return false;
	}
	*ret_addresses = addresses;
	return true;
}

static void release(struct shared *shared)
{
	if (atomic_fetch_sub(&shared->users, 1) != 1)
		return;
	close(shared->fd);
	free(shared);
}

static void *look_up(void *userdata)
{
	struct shared *shared = userdata;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *found = NULL;
	char port[8];
	snprintf(port, sizeof(port), "%u", shared->port);
	shared->error = getaddrinfo(shared->host, port, &hints, &found);
	for (struct addrinfo *it = found; it; it = it->ai_next) {
		struct peal_redis_addresses *to = &shared->addresses;
		if (to->count == PEAL_REDIS_ADDRESSES || it->ai_addrlen > sizeof(*to->list))
			break;
		memcpy(&to->list[to->count], it->ai_addr, it->ai_addrlen);
		to->lengths[to->count++] = it->ai_addrlen;
	}
	if (found)
		freeaddrinfo(found);
	/* It cannot block: nobody else writes. */
	uint64_t one = 1;
	if (write(shared->fd, &one, sizeof(one)) < 0)
		shared->error = EAI_SYSTEM;
	release(shared);
	return NULL;
}

static void on_found(evutil_socket_t fd, short what, void *userdata)
{
	struct peal_redis_lookup *lookup = userdata;
	struct shared *shared = lookup->shared;
	uint64_t count;
	(void)what;
	peal_loop_enter(lookup->loop);
	/* Reading also orders what the thread wrote before what is read here. */
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return;
	char error[128];
	snprintf(error, sizeof(error), "the host name cannot be resolved: %s",
		 shared->error ? gai_strerror(shared->error) : "it has no address");
	lookup->fn(&shared->addresses, shared->addresses.count ? NULL : error, lookup->userdata);
}

static int start_thread(struct shared *shared)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, before;
	int r = pthread_attr_init(&attributes);
	if (r)
		return -r;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	/* Signals are for the application's threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, &attributes, look_up, shared);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -r;
}

int peal_redis_lookup_new(struct peal_loop *loop, const char *host, uint16_t port,
			  peal_redis_lookup_fn *fn, void *userdata,
			  struct peal_redis_lookup **ret_lookup)
{
	struct peal_redis_lookup *lookup = calloc(1, sizeof(*lookup));
	struct shared *shared = calloc(1, sizeof(*shared) + strlen(host) + 1);
	int r = -ENOMEM;
	if (!lookup || !shared) {
		free(shared);
		free(lookup);
		return r;
	}
	*lookup = (struct peal_redis_lookup){
		.loop = loop, .shared = shared, .fn = fn, .userdata = userdata
	};
	strcpy(shared->host, host);
	shared->port = port;
	shared->users = 1;
	shared->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (shared->fd < 0)
		r = -errno;
	else
		lookup->event =
			event_new(peal_loop_base(loop), shared->fd, EV_READ, on_found, lookup);
	if (lookup->event && event_add(lookup->event, NULL) == 0) {
		shared->users = 2;
		r = start_thread(shared);
		if (!r) {
			*ret_lookup = lookup;
			return 0;
		}
		shared->users = 1;
	}
	peal_redis_lookup_free(lookup);
	return r;
}

void peal_redis_lookup_free(struct peal_redis_lookup *lookup)
{
	if (!lookup)
		return;
	if (lookup->event)
		event_free(lookup->event);
	release(lookup->shared);
	free(lookup);
}
