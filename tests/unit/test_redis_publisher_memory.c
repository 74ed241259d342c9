/*
 * The way to Redis without memory, at each place in turn: whatever fails, each publish that was
 * accepted ends once, and the connection comes back.
 */
#include "adapters/redis/publisher.h"

#include <errno.h>
#include <string.h>

#include "tests/support/redis_server.h"
#include "tests/support/scarce_memory.h"
#include "unit.h"

#define MESSAGES 5

/* Check allocates for what it checks; that is none of the places. */
#define CHECK(condition)                                 \
	do {                                             \
		size_t failing_ = scarce.failing;        \
		bool holds_ = (condition);               \
		scarce.failing = 0;                      \
		ck_assert_msg(holds_, "%s", #condition); \
		scarce.failing = failing_;               \
	} while (0)

#define WAIT_UNTIL(condition)                                \
	do {                                                 \
		uint64_t until_ = now_in_ms() + 30000;       \
		while (!(condition) && now_in_ms() < until_) \
			redis_world_turn(&world);            \
		CHECK(condition);                            \
	} while (0)

static struct redis_world world;
static struct redis_server server;
static char url[64];
static unsigned ends[MESSAGES], counts;

static void on_sent(uint64_t ticket, enum peal_sent how, uint32_t receivers, void *userdata)
{
	(void)how;
	(void)receivers;
	(void)userdata;
	ends[ticket - 1]++;
}

static void on_counted(const char *channel, size_t length, uint32_t receivers, void *userdata)
{
	(void)channel;
	(void)length;
	(void)receivers;
	(void)userdata;
	counts++;
}

static void publish_all(struct peal_publisher *publisher, bool *accepted)
{
	struct peal_buffer channel = PEAL_BUFFER(64), payload = PEAL_BUFFER(64);
	const char *channels[] = { "a" };
	size_t lengths[] = { 1 };
	peal_buffer_append_text(&channel, "a");
	peal_buffer_append_text(&payload, "b");
	for (unsigned i = 0; i < MESSAGES; i++) {
		int r = peal_buffer_error(&channel) || peal_buffer_error(&payload)
				? -ENOMEM
				: peal_publisher_send(publisher, &channel, &payload,
						      PEAL_PUBLISH_BROADCAST, i + 1, 60000);
		CHECK(!r || r == -ENOMEM);
		accepted[i] = !r;
	}
	peal_publisher_count(publisher, channels, lengths, 1);
	peal_buffer_deinit(&channel);
	peal_buffer_deinit(&payload);
}

static unsigned ended(void)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < MESSAGES; i++)
		sum += ends[i];
	return sum;
}

/* Return: whether there was a place to fail at. */
static bool try_at(size_t place)
{
	static const struct peal_publisher_handlers handlers = { on_sent, on_counted, NULL };
	struct peal_redis_options options;
	struct peal_redis_address address;
	struct peal_publisher *publisher;
	bool early[MESSAGES] = { false }, late[MESSAGES] = { false };
	char message[256];
	unsigned accepted = 0;
	peal_redis_options_init(&options);
	options.url = url;
	world.stats = (struct peal_stats){ 0 };
	scarce.failed = false;
	scarce.failing = place;
	memset(ends, 0, sizeof(ends));
	int r = peal_redis_address_init(&address, &options, message, sizeof(message));
	CHECK(!r || r == -ENOMEM);
	if (r)
		return scarce.failed;
	struct peal_publisher_options with = { .loop = world.loop,
					       .address = &address,
					       .prefix = "socket.io",
					       .queue_limit = 1000,
					       .stats = &world.stats,
					       .log = &world.log };
	r = peal_publisher_new(&with, &handlers, NULL, &publisher);
	CHECK(!r || r == -ENOMEM);
	if (!r) {
		peal_publisher_hold(publisher, false);
		peal_publisher_start(publisher);
		publish_all(publisher, early);
		WAIT_UNTIL(peal_publisher_connected(publisher));
		for (unsigned i = 0; i < MESSAGES; i++)
			accepted += early[i];
		WAIT_UNTIL(ended() == accepted);
		WAIT_UNTIL(peal_publisher_connected(publisher));
		publish_all(publisher, late);
		for (unsigned i = 0; i < MESSAGES; i++)
			accepted += late[i];
		WAIT_UNTIL(ended() == accepted && !peal_publisher_waiting(publisher));
		for (unsigned i = 0; i < MESSAGES; i++)
			CHECK(ends[i] == (unsigned)early[i] + late[i]);
		/* What was not taken is the caller's to count. */
		CHECK(world.stats.cluster_published + world.stats.cluster_dropped +
			      world.stats.cluster_in_doubt ==
		      accepted);
		peal_publisher_free(publisher);
	}
	scarce.failing = 0;
	redis_world_turn(&world);
	peal_redis_address_deinit(&address);
	return scarce.failed;
}

START_TEST(memory_may_run_out_anywhere)
{
	size_t place = 1;
	redis_world_init(&world);
	redis_server_start(&server, false);
	snprintf(url, sizeof(url), "redis://127.0.0.1:%u", server.port);
	while (try_at(place))
		place++;
	/* Address, publisher, connection, commands, queue, replies. */
	ck_assert_uint_gt(place, 20);
	ck_assert_uint_gt(counts, 0);
	redis_world_deinit(&world);
	redis_server_stop(&server);
}
END_TEST

UNIT_MAIN("redis_publisher_memory", memory_may_run_out_anywhere)
