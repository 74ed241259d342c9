/* Requests of the poster: what the loop does not wait for while no name server answers, and whom
 * they trust. */
#include "unit.h"

#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/x509_vfy.h>
#include <peal/node.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "app/hooks/poster.h"

/* How long a lookup lasts that nobody ends: a test that waits for it has failed. */
#define LOOKUP_SECONDS 20

static sem_t go;
static atomic_bool looked_up;

static char trusted[256];

/* Functions that libcurl, and the poster, find here instead of in their libraries. This one runs in
 * a thread. */
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

int X509_STORE_load_file(X509_STORE *store, const char *file)
{
	(void)store;
	strcat(trusted, file);
	return 1;
}

int X509_STORE_load_path(X509_STORE *store, const char *folder)
{
	(void)store;
	strcat(trusted, folder);
	return 1;
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
	base = event_base_new();
	ck_assert_int_eq(peal_poster_new(base, 2, &poster), 0);
}

static void end(void)
{
	event_base_free(base);
}

static void on_posted(const struct peal_posted *posted, void *userdata)
{
	ck_assert_int_eq(posted->status, 0);
	ck_assert_ptr_nonnull(posted->error);
	(*(int *)userdata)++;
	event_base_loopbreak(base);
}

static void send_one(const char *url, const char *ca, unsigned timeout_ms, int *count)
{
	struct peal_post post = {
		.url = url,
		.ca = ca,
		.body = strdup("{}"),
		.length = 2,
		.timeout_ms = timeout_ms,
	};

	ck_assert_int_eq(peal_poster_send(poster, &post, on_posted, count), 0);
}

/* The thread ends before the semaphore does. */
static void end_lookup(void)
{
	sem_post(&go);
	while (!atomic_load(&looked_up))
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

START_TEST(a_request_whose_name_is_looked_up_for_too_long_ends_without_it)
{
	int count = 0;

	send_one("http://backend.invalid/", NULL, 50, &count);
	event_base_dispatch(base);
	ck_assert_int_eq(count, 1);
	ck_assert(!atomic_load(&looked_up));
	peal_poster_free(poster);
	end_lookup();
}
END_TEST

static void on_event(evutil_socket_t fd, short events, void *userdata)
{
	(void)fd, (void)events, (void)userdata;
	event_base_loopbreak(base);
}

START_TEST(who_frees_the_poster_does_not_wait_for_names)
{
	const struct timeval soon = { .tv_usec = 50000 };
	int count = 0;

	send_one("http://backend.invalid/", NULL, 60000, &count);
	event_base_once(base, -1, EV_TIMEOUT, on_event, NULL, &soon);
	event_base_dispatch(base);
	peal_poster_free(poster);
	ck_assert_int_eq(count, 0);
	ck_assert(!atomic_load(&looked_up));
	end_lookup();
}
END_TEST

START_TEST(a_file_with_certificates_is_all_that_is_trusted)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), accepted, count = 0;
	char url[64];

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, length), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", ntohs(address.sin_port));
	send_one(url, "one.pem", 60000, &count);
	event_base_once(base, listener, EV_READ, on_event, NULL, NULL);
	event_base_dispatch(base);
	accepted = accept(listener, NULL, NULL);
	/* It greets when it knows whom to trust. */
	event_base_once(base, accepted, EV_READ, on_event, NULL, NULL);
	event_base_dispatch(base);
	ck_assert_int_eq(count, 0);
	ck_assert_str_eq(trusted, "one.pem");
	peal_poster_free(poster);
	close(accepted);
	close(listener);
}
END_TEST

UNIT_MAIN_WITH("poster", begin, end, a_request_whose_name_is_looked_up_for_too_long_ends_without_it,
	       who_frees_the_poster_does_not_wait_for_names,
	       a_file_with_certificates_is_all_that_is_trusted)
