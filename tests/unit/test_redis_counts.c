/* Counts of subscribers: all that are asked for in a turn, in few commands. */
#include "tests/support/redis_server.h"
#include "tests/unit/unit.h"

#include <signal.h>

#include "adapters/redis/counts.h"

#define NAMESPACES 5000

static struct redis_server server;
static struct redis_world world;
static struct peal_redis_address address;
static struct peal_publisher *publisher;
static struct peal_redis_counts counts;
static bool connected;
static unsigned answered;
static uint32_t last;

static void on_sent(uint64_t ticket, enum peal_sent how, uint32_t receivers, void *userdata)
{
	(void)ticket, (void)how, (void)receivers, (void)userdata;
}

/* They come in the order of the questions. */
static void on_counted(const char *channel, size_t length, uint32_t receivers, void *userdata)
{
	char expected[64];
	int size = snprintf(expected, sizeof(expected), "p-request#/%u#", answered);
	(void)userdata;
	ck_assert_uint_eq(length, size);
	ck_assert(!memcmp(channel, expected, length));
	answered++;
	last = receivers;
}

static void on_connected(bool yes, const char *why, void *userdata)
{
	(void)why, (void)userdata;
	connected = yes;
}

static void set_up(void)
{
	static const struct peal_publisher_handlers handlers = { on_sent, on_counted,
								 on_connected };
	struct peal_redis_options options;
	char url[64], message[256];
	redis_server_start(&server, false);
	redis_world_init(&world);
	snprintf(url, sizeof(url), "redis://127.0.0.1:%u", server.port);
	peal_redis_options_init(&options);
	options.url = url;
	ck_assert_int_eq(peal_redis_address_init(&address, &options, message, sizeof(message)), 0);
	const struct peal_publisher_options with = {
		.loop = world.loop,
		.address = &address,
		.client_name = "test",
		.prefix = "p",
		.queue_limit = options.queue_limit,
		.stats = &world.stats,
		.log = &world.log,
	};
	ck_assert_int_eq(peal_publisher_new(&with, &handlers, NULL, &publisher), 0);
	peal_redis_counts_init(&counts, world.loop, publisher);
	peal_publisher_start(publisher);
	WAIT_FOR(&world, connected);
}

static void tear_down(void)
{
	peal_redis_counts_deinit(&counts);
	peal_publisher_free(publisher);
	redis_world_deinit(&world);
	peal_redis_address_deinit(&address);
	redis_server_stop(&server);
}

static void ask_all(unsigned most)
{
	answered = 0;
	for (unsigned i = 0; i < most; i++) {
		char name[32];
		snprintf(name, sizeof(name), "/%u", i);
		peal_redis_counts_ask(&counts, "p", name);
	}
}

START_TEST(thousands_of_namespaces_are_counted_with_few_commands)
{
	uint64_t before = world.stats.cluster_commands;
	ask_all(NAMESPACES);
	WAIT_FOR(&world, answered == NAMESPACES);
	/* And a PING, if that was due. */
	ck_assert_uint_le(world.stats.cluster_commands - before,
			  NAMESPACES / PEAL_REDIS_COUNTS + 2);
	ck_assert_uint_eq(last, 0);
	/* Again: nothing of before is asked twice. */
	ask_all(3);
	WAIT_FOR(&world, answered == 3);
	redis_world_rest(&world, 100);
	ck_assert_uint_eq(answered, 3);
}
END_TEST

START_TEST(what_was_asked_without_a_connection_is_not_answered_later)
{
	redis_server_kill(&server, SIGKILL);
	WAIT_FOR(&world, !connected);
	ask_all(10);
	redis_world_rest(&world, 100);
	redis_server_start_again(&server);
	WAIT_FOR(&world, connected);
	redis_world_rest(&world, 100);
	ck_assert_uint_eq(answered, 0);
	ask_all(1);
	WAIT_FOR(&world, answered == 1);
}
END_TEST

START_TEST(what_is_still_to_be_asked_goes_with_the_adapter)
{
	ask_all(10);
}
END_TEST

UNIT_MAIN_WITH("redis_counts", set_up, tear_down,
	       thousands_of_namespaces_are_counted_with_few_commands,
	       what_was_asked_without_a_connection_is_not_answered_later,
	       what_is_still_to_be_asked_goes_with_the_adapter)
