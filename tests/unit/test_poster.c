/* Requests of the poster, while no name server answers. */
#include "unit.h"

#include <event2/event.h>
#include <netdb.h>
#include <peal/node.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "app/hooks/poster.h"

/* How long a lookup lasts that nobody ends: a test that waits for it has failed. */
#define LOOKUP_SECONDS 20

static sem_t go;
static atomic_bool looked_up;

/* Those of the C library and of peal, which are not linked. libcurl calls the former in a thread.
 */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret_addresses)
{
	struct timespec until;

	(void)name, (void)service, (void)hints, (void)ret_addresses;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LOOKUP_SECONDS;
	(void)sem_timedwait(&go, &until);
	atomic_store(&looked_up, true);
	return EAI_AGAIN;
}

const char *peal_version(void)
{
	return "0";
}

static struct event_base *base;
static struct peal_poster *poster;

static void begin(void)
{
	sem_init(&go, 0, 0);
	atomic_store(&looked_up, false);
	base = event_base_new();
	ck_assert_int_eq(peal_poster_new(base, 2, &poster), 0);
}

/* The thread ends before the semaphore does. */
static void end(void)
{
	sem_post(&go);
	while (!atomic_load(&looked_up))
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	event_base_free(base);
}

static void send_one(unsigned timeout_ms, peal_posted_fn *fn, void *userdata)
{
	struct peal_post post = {
		.url = "http://backend.invalid/",
		.body = strdup("{}"),
		.length = 2,
		.timeout_ms = timeout_ms,
	};

	ck_assert_int_eq(peal_poster_send(poster, &post, fn, userdata), 0);
}

static void on_posted(const struct peal_posted *posted, void *userdata)
{
	ck_assert_int_eq(posted->status, 0);
	ck_assert_ptr_nonnull(posted->error);
	(*(int *)userdata)++;
	event_base_loopbreak(base);
}

START_TEST(a_request_whose_name_is_looked_up_for_too_long_ends_without_it)
{
	int count = 0;

	send_one(50, on_posted, &count);
	event_base_dispatch(base);
	ck_assert_int_eq(count, 1);
	ck_assert(!atomic_load(&looked_up));
	peal_poster_free(poster);
}
END_TEST

static void on_time(evutil_socket_t fd, short events, void *userdata)
{
	(void)fd, (void)events, (void)userdata;
	event_base_loopbreak(base);
}

START_TEST(who_frees_the_poster_does_not_wait_for_names)
{
	const struct timeval soon = { .tv_usec = 50000 };
	int count = 0;

	send_one(60000, on_posted, &count);
	event_base_once(base, -1, EV_TIMEOUT, on_time, NULL, &soon);
	event_base_dispatch(base);
	peal_poster_free(poster);
	ck_assert_int_eq(count, 0);
	ck_assert(!atomic_load(&looked_up));
}
END_TEST

UNIT_MAIN_WITH("poster", begin, end, a_request_whose_name_is_looked_up_for_too_long_ends_without_it,
	       who_frees_the_poster_does_not_wait_for_names)
