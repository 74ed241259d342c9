#include "adapters/redis/publisher.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/limits.h"
#include "tests/support/redis_ear.h"
#include "unit.h"

#define TICKETS 20001

static struct redis_world world;
static struct redis_server server;
static struct peal_redis_options options;
static struct peal_redis_address address;
static struct peal_publisher *publisher;
static char url[256];

/* What became of each ticket. */
static unsigned ends[TICKETS];
static enum peal_sent hows[TICKETS];
static uint32_t receivers[TICKETS];
static uint64_t order[TICKETS];
static unsigned ended;
static unsigned connects, losses, counts;
static char lost_why[640], counted_channel[64];
static uint32_t counted;
static bool inside, free_at_end;
/* The barrier. */
static uint64_t issued, in_force;

static void hear(const char *channel, const char *payload, size_t length);
static struct redis_ear ear = { .on_message = hear };
static char heard[TICKETS][24];
static unsigned heard_count;

static void on_sent(uint64_t ticket, enum peal_sent how, uint32_t count, void *userdata)
{
	(void)userdata;
	ck_assert(!inside);
	ck_assert_uint_lt(ticket, TICKETS);
	ends[ticket]++;
	hows[ticket] = how;
	receivers[ticket] = count;
	order[ended++] = ticket;
	if (free_at_end) {
		peal_publisher_free(publisher);
		publisher = NULL;
	}
}

static void on_counted(const char *channel, size_t length, uint32_t count, void *userdata)
{
	(void)userdata;
	ck_assert(!inside);
	snprintf(counted_channel, sizeof(counted_channel), "%.*s", (int)length, channel);
	counted = count;
	counts++;
}

static void on_connected(bool yes, const char *why, void *userdata)
{
	(void)userdata;
	ck_assert(!inside);
	if (yes)
		connects++;
	else
		losses++;
	snprintf(lost_why, sizeof(lost_why), "%s", why);
}

static uint64_t number(void *userdata)
{
	(void)userdata;
	return issued;
}

static bool reached(uint64_t wanted, void *userdata)
{
	(void)userdata;
	return wanted <= in_force;
}

static void hear(const char *channel, const char *payload, size_t length)
{
	(void)channel;
	(void)length;
	if (heard_count < TICKETS)
		snprintf(heard[heard_count], sizeof(*heard), "%s", payload);
	heard_count++;
}

static void before(void)
{
	peal_redis_options_init(&options);
	redis_world_init(&world);
	redis_server_start(&server, false);
	snprintf(url, sizeof(url), "redis://127.0.0.1:%u", server.port);
}

static void begin(void)
{
	static const struct peal_publisher_handlers handlers = { on_sent, on_counted,
								 on_connected };
	char message[512];
	options.url = url;
	int r = peal_redis_address_init(&address, &options, message, sizeof(message));
	ck_assert_msg(r == 0, "%s", message);
	struct peal_publisher_options with = {
		.loop = world.loop,
		.address = &address,
		.client_name = "test",
		.prefix = "socket.io",
		.queue_limit = options.queue_limit,
		.stats = &world.stats,
		.log = &world.log,
		.number = number,
		.reached = reached,
	};
	ck_assert_int_eq(peal_publisher_new(&with, &handlers, NULL, &publisher), 0);
	peal_publisher_start(publisher);
}

static void begin_free(void)
{
	begin();
	peal_publisher_hold(publisher, false);
	WAIT_FOR(&world, connects == 1);
}

static void after(void)
{
	peal_publisher_free(publisher);
	redis_ear_stop(&ear);
	redis_world_deinit(&world);
	peal_redis_address_deinit(&address);
	redis_server_stop(&server);
}

static int send_text(const char *text, unsigned flags, uint64_t ticket, unsigned expires_ms)
{
	struct peal_buffer channel = PEAL_BUFFER(64), payload = PEAL_BUFFER(64u << 20);
	peal_buffer_append_text(&channel, "socket.io#/#");
	peal_buffer_append_text(&payload, text);
	ck_assert_int_eq(peal_buffer_error(&payload), 0);
	inside = true;
	int r = peal_publisher_send(publisher, &channel, &payload, flags, ticket, expires_ms);
	inside = false;
	peal_buffer_deinit(&channel);
	peal_buffer_deinit(&payload);
	return r;
}

static int send_bytes(size_t length, unsigned flags, uint64_t ticket)
{
	char *text = malloc(length + 1);
	memset(text, 'x', length);
	text[length] = '\0';
	int r = send_text(text, flags, ticket, 0);
	free(text);
	return r;
}

#define BROADCAST PEAL_PUBLISH_BROADCAST

/* Every broadcast of a test ended in one counter. */
static uint64_t counted_ends(void)
{
	return world.stats.cluster_published + world.stats.cluster_dropped +
	       world.stats.cluster_in_doubt;
}

START_TEST(a_publish_is_delivered_and_tells_its_receivers)
{
	begin_free();
	ck_assert_int_eq(send_text("a", BROADCAST, 1, 0), 0);
	WAIT_FOR(&world, ended == 1);
	ck_assert_int_eq(hows[1], PEAL_SENT_DELIVERED);
	ck_assert_uint_eq(receivers[1], 0);
	redis_ear_start(&ear, &world, &address);
	ck_assert_int_eq(send_text("b", BROADCAST, 2, 0), 0);
	WAIT_FOR(&world, ended == 2 && heard_count == 1);
	ck_assert_uint_eq(receivers[2], 1);
	ck_assert_str_eq(heard[0], "b");
	ck_assert_uint_eq(world.stats.cluster_published, 2);
	ck_assert_uint_eq(world.stats.cluster_published_late, 0);
	ck_assert_uint_eq(peal_publisher_waiting(publisher), 0);
}
END_TEST

START_TEST(many_publishes_keep_their_order_and_end_once)
{
	char text[16];
	begin_free();
	redis_ear_start(&ear, &world, &address);
	for (unsigned i = 1; i < TICKETS; i++) {
		snprintf(text, sizeof(text), "%u", i);
		ck_assert_int_eq(send_text(text, BROADCAST, i, 0), 0);
		if (i % 1000 == 0)
			redis_world_turn(&world);
	}
	WAIT_FOR(&world, ended == TICKETS - 1 && heard_count == TICKETS - 1);
	for (unsigned i = 1; i < TICKETS; i++) {
		snprintf(text, sizeof(text), "%u", i);
		ck_assert_str_eq(heard[i - 1], text);
		ck_assert_uint_eq(ends[i], 1);
		ck_assert_uint_eq(order[i - 1], i);
		ck_assert_int_eq(hows[i], PEAL_SENT_DELIVERED);
		ck_assert_uint_eq(receivers[i], 1);
	}
	ck_assert_uint_eq(world.stats.cluster_published, TICKETS - 1);
}
END_TEST

START_TEST(what_is_published_before_there_is_a_connection_goes_out_late)
{
	begin();
	peal_publisher_hold(publisher, false);
	ck_assert(!peal_publisher_connected(publisher));
	for (unsigned i = 1; i <= 10; i++)
		ck_assert_int_eq(send_text("x", BROADCAST, i, 0), 0);
	ck_assert_int_eq(send_text("request", 0, 11, 0), 0);
	ck_assert_uint_eq(peal_publisher_waiting(publisher), 11);
	WAIT_FOR(&world, ended == 11);
	ck_assert_uint_eq(world.stats.cluster_published, 10);
	ck_assert_uint_eq(world.stats.cluster_published_late, 10);
}
END_TEST

START_TEST(a_hold_keeps_all_but_urgent_ones_back)
{
	begin();
	WAIT_FOR(&world, connects == 1);
	redis_ear_start(&ear, &world, &address);
	ck_assert_int_eq(send_text("held", BROADCAST, 1, 0), 0);
	ck_assert_int_eq(send_text("held too", 0, 2, 0), 0);
	ck_assert_int_eq(send_text("urgent", PEAL_PUBLISH_URGENT, 3, 0), 0);
	WAIT_FOR(&world, ended == 1 && heard_count == 1);
	ck_assert_str_eq(heard[0], "urgent");
	redis_world_rest(&world, 300);
	ck_assert_uint_eq(heard_count, 1);
	peal_publisher_hold(publisher, false);
	WAIT_FOR(&world, ended == 3 && heard_count == 3);
	ck_assert_str_eq(heard[1], "held");
	ck_assert_str_eq(heard[2], "held too");
	ck_assert_uint_eq(world.stats.cluster_published_late, 1);
	peal_publisher_hold(publisher, true);
	ck_assert_int_eq(send_text("held again", BROADCAST, 4, 0), 0);
	redis_world_rest(&world, 200);
	ck_assert_uint_eq(ended, 3);
}
END_TEST

START_TEST(an_urgent_one_passes_what_waits_for_a_connection)
{
	begin();
	peal_publisher_hold(publisher, false);
	ck_assert_int_eq(send_text("first", BROADCAST, 1, 0), 0);
	ck_assert_int_eq(send_text("urgent", PEAL_PUBLISH_URGENT, 2, 0), 0);
	WAIT_FOR(&world, ended == 2);
	ck_assert_uint_eq(order[0], 2);
	ck_assert_uint_eq(order[1], 1);
}
END_TEST

START_TEST(a_publish_waits_for_the_numbers_issued_before_it)
{
	begin_free();
	redis_ear_start(&ear, &world, &address);
	ck_assert_int_eq(send_text("before", BROADCAST, 1, 0), 0);
	issued = 5;
	ck_assert_int_eq(send_text("behind 5", BROADCAST, 2, 0), 0);
	issued = 7;
	ck_assert_int_eq(send_text("behind 7", BROADCAST, 3, 0), 0);
	ck_assert_int_eq(send_text("urgent", PEAL_PUBLISH_URGENT, 4, 0), 0);
	WAIT_FOR(&world, heard_count == 2);
	redis_world_rest(&world, 200);
	ck_assert_uint_eq(heard_count, 2);
	ck_assert_str_eq(heard[0], "before");
	ck_assert_str_eq(heard[1], "urgent");
	in_force = 5;
	peal_publisher_look(publisher);
	WAIT_FOR(&world, heard_count == 3);
	redis_world_rest(&world, 200);
	ck_assert_uint_eq(heard_count, 3);
	in_force = 7;
	peal_publisher_look(publisher);
	WAIT_FOR(&world, ended == 4);
	/* That is not the connection's fault. */
	ck_assert_uint_eq(world.stats.cluster_published_late, 0);
}
END_TEST

START_TEST(requests_that_wait_too_long_are_dropped)
{
	begin();
	ck_assert_int_eq(send_text("short", 0, 1, 100), 0);
	ck_assert_int_eq(send_text("long", 0, 2, 60000), 0);
	ck_assert_int_eq(send_text("for ever", BROADCAST, 3, 0), 0);
	ck_assert_int_eq(send_text("shorter", 0, 4, 50), 0);
	WAIT_FOR(&world, ended == 2);
	ck_assert_int_eq(hows[1], PEAL_SENT_DROPPED);
	ck_assert_int_eq(hows[4], PEAL_SENT_DROPPED);
	ck_assert_uint_eq(order[0], 4);
	peal_publisher_hold(publisher, false);
	WAIT_FOR(&world, ended == 4);
	ck_assert_int_eq(hows[2], PEAL_SENT_DELIVERED);
	ck_assert_int_eq(hows[3], PEAL_SENT_DELIVERED);
	ck_assert_uint_eq(world.stats.cluster_dropped, 0);
}
END_TEST

START_TEST(a_full_queue_refuses_what_comes_new)
{
	options.queue_limit = 1000;
	begin();
	ck_assert_int_eq(send_bytes(488, BROADCAST, 1), 0);
	ck_assert_int_eq(send_bytes(488, BROADCAST, 2), 0);
	ck_assert_int_eq(send_bytes(1, BROADCAST, 3), -ENOBUFS);
	ck_assert_int_eq(send_bytes(1, 0, 4), -ENOBUFS);
	ck_assert_int_eq(send_bytes(5000, BROADCAST, 5), -ENOBUFS);
	ck_assert_uint_eq(redis_world_logged(&world, "queue for Redis is full"), 1);
	peal_publisher_hold(publisher, false);
	WAIT_FOR(&world, ended == 2);
	ck_assert_int_eq(hows[1], PEAL_SENT_DELIVERED);
	ck_assert_int_eq(hows[2], PEAL_SENT_DELIVERED);
	ck_assert_uint_eq(ends[3] + ends[4] + ends[5], 0);
	ck_assert_uint_eq(world.stats.cluster_dropped, 2);
	/* Nothing waits now, so the limit is of no concern. */
	ck_assert_int_eq(send_bytes(5000, BROADCAST, 6), 0);
	WAIT_FOR(&world, ended == 3);
}
END_TEST

START_TEST(volatile_ones_make_room_in_a_full_queue)
{
	options.queue_limit = 1000;
	begin();
	ck_assert_int_eq(send_bytes(288, BROADCAST | PEAL_PUBLISH_VOLATILE, 1), 0);
	ck_assert_int_eq(send_bytes(288, BROADCAST, 2), 0);
	ck_assert_int_eq(send_bytes(288, BROADCAST | PEAL_PUBLISH_VOLATILE, 3), 0);
	ck_assert_int_eq(send_bytes(288, BROADCAST, 4), 0);
	WAIT_FOR(&world, ended == 1);
	ck_assert_int_eq(hows[1], PEAL_SENT_DROPPED);
	ck_assert_int_eq(send_bytes(288, BROADCAST, 5), 0);
	WAIT_FOR(&world, ended == 2);
	ck_assert_int_eq(hows[3], PEAL_SENT_DROPPED);
	ck_assert_int_eq(send_bytes(288, BROADCAST, 6), -ENOBUFS);
	peal_publisher_hold(publisher, false);
	WAIT_FOR(&world, ended == 5);
	ck_assert_uint_eq(order[2], 2);
	ck_assert_uint_eq(order[4], 5);
	ck_assert_uint_eq(world.stats.cluster_dropped, 3);
	ck_assert_uint_eq(counted_ends(), 6);
}
END_TEST

START_TEST(a_killed_redis_leaves_what_was_written_in_doubt)
{
	begin_free();
	redis_server_kill(&server, SIGSTOP);
	for (unsigned i = 1; i <= 100; i++)
		ck_assert_int_eq(send_text("x", BROADCAST, i, 0), 0);
	redis_world_rest(&world, 100);
	redis_server_kill(&server, SIGKILL);
	WAIT_FOR(&world, ended == 100);
	for (unsigned i = 1; i <= 100; i++) {
		ck_assert_uint_eq(ends[i], 1);
		ck_assert_int_eq(hows[i], PEAL_SENT_IN_DOUBT);
		ck_assert_uint_eq(receivers[i], UINT32_MAX);
	}
	ck_assert_uint_eq(world.stats.cluster_in_doubt, 100);
	ck_assert_uint_ge(losses, 1);
	for (unsigned i = 101; i <= 200; i++)
		ck_assert_int_eq(send_text("y", BROADCAST, i, 0), 0);
	redis_server_start_again(&server);
	WAIT_FOR(&world, ended == 200);
	for (unsigned i = 101; i <= 200; i++)
		ck_assert_int_eq(hows[i], PEAL_SENT_DELIVERED);
	ck_assert_uint_eq(world.stats.cluster_published_late, 100);
	ck_assert_uint_eq(counted_ends(), 200);
	ck_assert_uint_eq(world.stats.cluster_disconnects, 1);
}
END_TEST

START_TEST(nothing_comes_twice_or_out_of_order_while_redis_comes_and_goes)
{
	char text[16];
	unsigned sent = 0;
	begin_free();
	redis_ear_start(&ear, &world, &address);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 40; i++) {
			snprintf(text, sizeof(text), "%u", ++sent);
			ck_assert_int_eq(send_text(text, BROADCAST, sent, 0), 0);
			redis_world_turn(&world);
			if (i == 20)
				redis_server_kill(&server, SIGKILL);
		}
		ear.hears = false;
		redis_server_start_again(&server);
		WAIT_FOR(&world, peal_publisher_connected(publisher) && ear.hears);
	}
	WAIT_FOR(&world, ended == sent);
	for (unsigned i = 1; i <= sent; i++)
		ck_assert_uint_eq(ends[i], 1);
	int last = 0;
	for (unsigned i = 0; i < heard_count; i++) {
		ck_assert_int_gt(atoi(heard[i]), last);
		last = atoi(heard[i]);
	}
	ck_assert_uint_eq(counted_ends(), sent);
}
END_TEST

START_TEST(a_hung_redis_does_not_hang_the_publisher)
{
	begin_free();
	redis_server_kill(&server, SIGSTOP);
	/* More than the kernel takes, so that some of it waits here. */
	for (unsigned i = 1; i <= 14; i++)
		ck_assert_int_eq(send_bytes(1000000, BROADCAST, i), 0);
	redis_world_rest(&world, 200);
	ck_assert_uint_gt(peal_publisher_waiting(publisher), 0);
	WAIT_FOR(&world, losses >= 1);
	redis_server_kill(&server, SIGCONT);
	WAIT_FOR(&world, ended == 14);
	ck_assert_uint_gt(world.stats.cluster_in_doubt, 0);
	ck_assert_uint_gt(world.stats.cluster_published_late, 0);
	ck_assert_uint_eq(counted_ends(), 14);
	/* What came first is in doubt, what came behind is late: no mixture. */
	for (unsigned i = 1; i < 14; i++)
		ck_assert(hows[i] == PEAL_SENT_IN_DOUBT || hows[i + 1] == PEAL_SENT_DELIVERED);
}
END_TEST

START_TEST(missing_rights_drop_and_are_explained_once)
{
	redis_server_say(&server, "ACL SETUSER alice on >pw resetchannels +@all");
	snprintf(url, sizeof(url), "redis://alice:pw@127.0.0.1:%u", server.port);
	begin_free();
	for (unsigned i = 1; i <= 50; i++)
		ck_assert_int_eq(send_text("x", BROADCAST, i, 0), 0);
	WAIT_FOR(&world, ended == 50);
	for (unsigned i = 1; i <= 50; i++)
		ck_assert_int_eq(hows[i], PEAL_SENT_DROPPED);
	ck_assert_uint_eq(world.stats.cluster_dropped, 50);
	ck_assert_uint_eq(redis_world_logged(&world, "ACL SETUSER alice"), 1);
	redis_server_say(&server, "ACL SETUSER alice allchannels");
	ck_assert_int_eq(send_text("x", BROADCAST, 51, 0), 0);
	WAIT_FOR(&world, ended == 51);
	ck_assert_int_eq(hows[51], PEAL_SENT_DELIVERED);
}
END_TEST

START_TEST(a_disabled_command_is_explained)
{
	redis_server_say(&server, "ACL SETUSER default -publish");
	begin_free();
	ck_assert_int_eq(send_text("x", BROADCAST, 1, 0), 0);
	WAIT_FOR(&world, ended == 1);
	ck_assert_int_eq(hows[1], PEAL_SENT_DROPPED);
	ck_assert_uint_eq(redis_world_logged(&world, "ACL SETUSER default"), 1);
}
END_TEST

START_TEST(receivers_of_channels_are_counted)
{
	const char *channels[] = { "socket.io-request#/#", "nobody" };
	size_t lengths[] = { 20, 6 };
	begin();
	peal_publisher_count(publisher, channels, lengths, 2);
	WAIT_FOR(&world, connects == 1);
	ck_assert_uint_eq(counts, 0);
	/* Held publishes do not hold it up. */
	ck_assert_int_eq(send_text("held", BROADCAST, 1, 0), 0);
	peal_publisher_count(publisher, channels, lengths, 2);
	WAIT_FOR(&world, counts == 2);
	ck_assert_str_eq(counted_channel, "nobody");
	ck_assert_uint_eq(counted, 0);
	redis_server_say(&server, "ACL SETUSER default -pubsub");
	peal_publisher_count(publisher, channels, lengths, 2);
	peal_publisher_hold(publisher, false);
	WAIT_FOR(&world, ended == 1);
	ck_assert_uint_eq(counts, 2);
	ck_assert_int_eq(hows[1], PEAL_SENT_DELIVERED);
}
END_TEST

START_TEST(what_is_left_at_the_end_is_counted_without_news)
{
	begin();
	WAIT_FOR(&world, connects == 1);
	for (unsigned i = 1; i <= 5; i++)
		ck_assert_int_eq(send_text("held", BROADCAST, i, 0), 0);
	ck_assert_int_eq(send_text("goodbye", PEAL_PUBLISH_URGENT | BROADCAST, 6, 0), 0);
	peal_publisher_free(publisher);
	publisher = NULL;
	redis_world_rest(&world, 100);
	ck_assert_uint_eq(ended, 0);
	ck_assert_uint_eq(world.stats.cluster_dropped, 5);
	ck_assert_uint_eq(world.stats.cluster_in_doubt, 1);
}
END_TEST

START_TEST(it_may_be_freed_in_its_own_handler)
{
	begin_free();
	free_at_end = true;
	for (unsigned i = 1; i <= 5; i++)
		ck_assert_int_eq(send_text("x", BROADCAST, i, 0), 0);
	WAIT_FOR(&world, ended == 1);
	redis_world_rest(&world, 100);
	ck_assert_uint_eq(ended, 1);
}
END_TEST

UNIT_MAIN_WITH("redis_publisher", before, after, a_publish_is_delivered_and_tells_its_receivers,
	       many_publishes_keep_their_order_and_end_once,
	       what_is_published_before_there_is_a_connection_goes_out_late,
	       a_hold_keeps_all_but_urgent_ones_back,
	       an_urgent_one_passes_what_waits_for_a_connection,
	       a_publish_waits_for_the_numbers_issued_before_it,
	       requests_that_wait_too_long_are_dropped, a_full_queue_refuses_what_comes_new,
	       volatile_ones_make_room_in_a_full_queue,
	       a_killed_redis_leaves_what_was_written_in_doubt,
	       nothing_comes_twice_or_out_of_order_while_redis_comes_and_goes,
	       a_hung_redis_does_not_hang_the_publisher, missing_rights_drop_and_are_explained_once,
	       a_disabled_command_is_explained, receivers_of_channels_are_counted,
	       what_is_left_at_the_end_is_counted_without_news, it_may_be_freed_in_its_own_handler)
