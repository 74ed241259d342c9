/* The subscriber: what it asks for and when, what it hands on, and that nothing is lost or doubled
 * while that changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/redis/subscriber.h"
#include "base/limits.h"
#include "loop/barrier.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_redis.h"
#include "tests/unit/unit.h"

static struct peal_stats stats, barrier_stats;
static struct fake_clock now;
static struct peal_loop *loop;
static struct peal_barrier barrier;
static struct peal_subscriber *subscriber;
static struct peal_redis_address address;
static char trace[4096], logged[2048];

static void note(const char *text, size_t length)
{
	size_t at = strlen(trace);
	snprintf(trace + at, sizeof(trace) - at, "%.*s ", (int)length, text);
}

/* The messages of the random test are numbers. */
static unsigned *arrived;
static bool is_up;

static void on_message(const struct peal_channel *channel, const void *payload, size_t length,
		       void *userdata)
{
	(void)userdata;
	if (arrived) {
		char text[16] = "";
		memcpy(text, payload, length);
		arrived[atoi(text)]++;
		return;
	}
	note(channel->ns, channel->ns_length);
	note(channel->rest ? channel->rest : "", channel->rest_length);
	note(payload, length);
}

static void on_opened(const char *ns, void *userdata)
{
	(void)userdata;
	if (arrived)
		return;
	note("opened", 6);
	note(ns, strlen(ns));
}

static void on_subscribed(bool yes, const char *why, void *userdata)
{
	(void)userdata;
	is_up = yes;
	if (arrived) {
		if (!yes)
			peal_barrier_let_go(&barrier);
		return;
	}
	note(yes ? "up" : "down", yes ? 2 : 4);
	if (!yes)
		note(why, strlen(why));
}

static uint64_t on_issue(void *userdata)
{
	(void)userdata;
	return peal_barrier_issue(&barrier);
}

static void on_reach(uint64_t number, void *userdata)
{
	(void)userdata;
	peal_barrier_reach(&barrier, number);
}

static void on_log(enum peal_log_level level, const char *message,
		   const struct peal_log_field *fields, size_t count, void *userdata)
{
	(void)level, (void)fields, (void)count, (void)userdata;
	strncat(logged, message, sizeof(logged) - strlen(logged) - 1);
}

static struct peal_log logger = { .level = PEAL_LOG_WARNING, .fn = on_log };

static void set_up(void)
{
	static const struct peal_subscriber_handlers handlers = { on_message, on_opened,
								  on_subscribed, on_issue,
								  on_reach };
	memset(&stats, 0, sizeof(stats));
	now.now_us = 1000000000;
	trace[0] = logged[0] = '\0';
	arrived = NULL;
	ck_assert_int_eq(peal_loop_new(NULL, FAKE_CLOCK(&now), &barrier_stats, &logger, &loop), 0);
	peal_barrier_init(&barrier, loop, &barrier_stats);
	ck_assert_int_eq(peal_subscriber_new(loop, &address, "test", "P", "uid123", &handlers, NULL,
					     &stats, &logger, &subscriber),
			 0);
	peal_subscriber_start(subscriber);
}

static void tear_down(void)
{
	peal_subscriber_free(subscriber);
	peal_barrier_deinit(&barrier);
	peal_loop_free(loop);
	ck_assert_uint_eq(stats.cluster_subscriptions, 0);
}

/* Until nothing is under way any more. */
static void settle(void)
{
	do {
		peal_loop_step(loop);
		fake_redis_work(-1);
		fake_redis_deliver(-1);
		peal_loop_step(loop);
	} while (fake_redis_is_busy());
}

static const char *take_trace(void)
{
	static char taken[sizeof(trace)];
	strcpy(taken, trace);
	trace[0] = '\0';
	return taken;
}

static void open_root(void)
{
	peal_subscriber_open(subscriber, "/");
	fake_redis_connect();
	settle();
	ck_assert_str_eq(take_trace(), "opened / up ");
	fake_redis_commands();
}

static void in_rooms_mode(void)
{
	open_root();
	peal_subscriber_interest(subscriber, "/", PEAL_INTEREST_ROOMS);
	settle();
	fake_redis_commands();
}

static uint64_t join(const char *room)
{
	return peal_subscriber_join(subscriber, "/", room, strlen(room));
}

static void leave(const char *room)
{
	peal_subscriber_leave(subscriber, "/", room, strlen(room));
}

START_TEST(asks_for_requests_when_all_else_is_in_force)
{
	peal_subscriber_open(subscriber, "/");
	fake_redis_connect();
	peal_loop_step(loop);
	ck_assert_str_eq(fake_redis_commands(), "SUBSCRIBE P-response#/# P-response#/#uid123# "
						"P-peal#; PSUBSCRIBE P#/#*");
	fake_redis_work(-1);
	fake_redis_deliver(3);
	peal_loop_step(loop);
	ck_assert_str_eq(fake_redis_commands(), "");
	fake_redis_deliver(-1);
	peal_loop_step(loop);
	ck_assert_str_eq(fake_redis_commands(), "SUBSCRIBE P-request#/#");
	ck_assert(!peal_subscriber_hears_requests(subscriber, "/"));
	ck_assert_str_eq(take_trace(), "");
	settle();
	ck_assert(peal_subscriber_hears_requests(subscriber, "/"));
	ck_assert_str_eq(take_trace(), "opened / up ");
	ck_assert_uint_eq(stats.cluster_subscriptions, 5);
}
END_TEST

START_TEST(a_namespace_opened_later_has_a_number_and_does_not_end_what_is_up)
{
	open_root();
	uint64_t number = peal_subscriber_open(subscriber, "/chat");
	ck_assert_uint_gt(number, 0);
	ck_assert_uint_eq(peal_subscriber_open(subscriber, "/chat"), 0);
	peal_loop_step(loop);
	ck_assert(!peal_barrier_reached(&barrier, number));
	settle();
	ck_assert(peal_barrier_reached(&barrier, number));
	ck_assert_str_eq(take_trace(), "opened /chat ");
}
END_TEST

START_TEST(leaves_requests_first)
{
	open_root();
	peal_subscriber_close(subscriber, "/");
	peal_loop_step(loop);
	ck_assert_str_eq(fake_redis_commands(),
			 "UNSUBSCRIBE P-request#/# P-response#/# P-response#/#uid123#; "
			 "PUNSUBSCRIBE P#/#*");
	ck_assert(!peal_subscriber_hears_requests(subscriber, "/"));
	settle();
	ck_assert_uint_eq(fake_redis_subscriptions(), 1);
	ck_assert_uint_eq(stats.cluster_subscriptions, 1);
}
END_TEST

START_TEST(a_namespace_that_is_closed_and_opened_in_one_turn_stays_subscribed)
{
	open_root();
	peal_subscriber_close(subscriber, "/");
	ck_assert_uint_eq(peal_subscriber_open(subscriber, "/"), 0);
	settle();
	ck_assert_str_eq(fake_redis_commands(), "");
	ck_assert_str_eq(take_trace(), "opened / ");
	ck_assert(peal_subscriber_hears_requests(subscriber, "/"));
}
END_TEST

START_TEST(in_pattern_mode_rooms_cost_nothing_at_redis)
{
	open_root();
	ck_assert_uint_eq(join("a"), 0);
	settle();
	ck_assert_str_eq(fake_redis_commands(), "");
	fake_redis_publish("P#/#", "1");
	fake_redis_publish("P#/#a#", "2");
	fake_redis_publish("P#/#b#", "3");
	fake_redis_publish("P#/#uid123xyz#", "4");
	leave("a");
	fake_redis_publish("P#/#a#", "5");
	fake_redis_deliver(-1);
	ck_assert_str_eq(take_trace(), "/  1 / uid123xyz 4 ");
	ck_assert_uint_eq(stats.cluster_messages_received, 5);
	ck_assert_uint_eq(stats.cluster_messages_useless, 3);
}
END_TEST

START_TEST(in_rooms_mode_the_joins_of_a_turn_are_one_command_and_one_number)
{
	in_rooms_mode();
	uint64_t first = join("a"), second = join("b");
	ck_assert_uint_gt(first, 0);
	ck_assert_uint_eq(first, second);
	ck_assert_uint_eq(join("uid123abc"), 0);
	peal_loop_step(loop);
	ck_assert_str_eq(fake_redis_commands(), "SUBSCRIBE P#/#a# P#/#b#");
	uint64_t third = join("c");
	ck_assert_uint_gt(third, first);
	fake_redis_work(-1);
	fake_redis_deliver(1);
	ck_assert(!peal_barrier_reached(&barrier, first));
	fake_redis_deliver(-1);
	ck_assert(peal_barrier_reached(&barrier, first));
	ck_assert(!peal_barrier_reached(&barrier, third));
	settle();
	ck_assert(peal_barrier_reached(&barrier, third));
	ck_assert_uint_eq(join("a"), 0);
}
END_TEST

START_TEST(a_room_that_is_joined_again_soon_is_never_left)
{
	in_rooms_mode();
	join("a");
	settle();
	fake_redis_commands();
	leave("a");
	fake_clock_advance(&now, loop, PEAL_LIMIT_REDIS_LINGER_MS / 2);
	ck_assert_uint_eq(join("a"), 0);
	fake_clock_advance(&now, loop, PEAL_LIMIT_REDIS_LINGER_MS * 2);
	ck_assert_str_eq(fake_redis_commands(), "");
	leave("a");
	fake_redis_publish("P#/#a#", "1");
	fake_redis_deliver(-1);
	ck_assert_uint_eq(stats.cluster_messages_useless, 1);
	fake_clock_advance(&now, loop, PEAL_LIMIT_REDIS_LINGER_MS + 20);
	ck_assert_str_eq(fake_redis_commands(), "UNSUBSCRIBE P#/#a#");
	/* And once more while that is under way. */
	uint64_t number = join("a");
	ck_assert_uint_gt(number, 0);
	settle();
	ck_assert(peal_barrier_reached(&barrier, number));
	fake_redis_publish("P#/#a#", "2");
	fake_redis_deliver(-1);
	ck_assert_str_eq(take_trace(), "/ a 2 ");
}
END_TEST

START_TEST(a_join_that_was_taken_back_in_the_same_turn_still_reaches_its_number)
{
	in_rooms_mode();
	uint64_t number = join("a");
	leave("a");
	settle();
	ck_assert_str_eq(fake_redis_commands(), "");
	ck_assert(peal_barrier_reached(&barrier, number));
}
END_TEST

START_TEST(makes_the_new_mode_before_it_breaks_the_old_one)
{
	open_root();
	join("a");
	peal_subscriber_interest(subscriber, "/", PEAL_INTEREST_ROOMS);
	peal_loop_step(loop);
	ck_assert_str_eq(fake_redis_commands(), "SUBSCRIBE P#/# P#/#a#; PSUBSCRIBE P#/#uid123*");
	fake_redis_work(-1);
	fake_redis_deliver(2);
	peal_loop_step(loop);
	ck_assert_str_eq(fake_redis_commands(), "");
	fake_redis_deliver(-1);
	peal_loop_step(loop);
	ck_assert_str_eq(fake_redis_commands(), "PUNSUBSCRIBE P#/#*");
	settle();
	peal_subscriber_interest(subscriber, "/", PEAL_INTEREST_PATTERN);
	peal_loop_step(loop);
	ck_assert_str_eq(fake_redis_commands(), "PSUBSCRIBE P#/#*");
	settle();
	ck_assert_str_eq(fake_redis_commands(),
			 "UNSUBSCRIBE P#/# P#/#a#; PUNSUBSCRIBE P#/#uid123*");
	ck_assert_uint_eq(stats.cluster_interest_changes, 2);
}
END_TEST

START_TEST(copies_are_dropped_and_equal_messages_are_not)
{
	open_root();
	join("a");
	peal_subscriber_interest(subscriber, "/", PEAL_INTEREST_ROOMS);
	peal_loop_step(loop);
	fake_redis_work(-1);
	ck_assert_int_eq(fake_redis_publish("P#/#a#", "same"), 2);
	ck_assert_int_eq(fake_redis_publish("P#/#a#", "same"), 2);
	ck_assert_int_eq(fake_redis_publish("P#/#a#", "same"), 2);
	fake_redis_deliver(-1);
	ck_assert_str_eq(take_trace(), "/ a same / a same / a same ");
	ck_assert_uint_eq(stats.cluster_messages_repeated, 3);
	ck_assert_uint_eq(stats.cluster_messages_received, 6);
}
END_TEST

START_TEST(equal_messages_right_before_and_after_a_change_are_no_copies)
{
	open_root();
	join("a");
	/* Through the pattern only … */
	fake_redis_publish("P#/#a#", "same");
	peal_subscriber_interest(subscriber, "/", PEAL_INTEREST_ROOMS);
	peal_loop_step(loop);
	fake_redis_work(-1);
	fake_redis_deliver(-1);
	peal_loop_step(loop);
	/* … through both, through the channel only. */
	ck_assert_int_eq(fake_redis_publish("P#/#a#", "same"), 2);
	fake_redis_work(-1);
	ck_assert_int_eq(fake_redis_publish("P#/#a#", "same"), 1);
	fake_redis_deliver(-1);
	ck_assert_str_eq(take_trace(), "/ a same / a same / a same ");
	ck_assert_uint_eq(stats.cluster_messages_repeated, 1);
}
END_TEST

START_TEST(an_equal_message_through_another_subscription_is_no_copy_after_a_change)
{
	char room[32];
	in_rooms_mode();
	for (int i = 0; i < 600; i++) {
		snprintf(room, sizeof(room), "%d", i);
		join(room);
	}
	settle();
	peal_subscriber_interest(subscriber, "/", PEAL_INTEREST_PATTERN);
	peal_loop_step(loop);
	/* Through the channel, before the pattern is there … */
	ck_assert_int_eq(fake_redis_publish("P#/#0#", "same"), 1);
	fake_redis_work(-1);
	fake_redis_deliver(-1);
	peal_loop_step(loop);
	/* … and through the pattern, while others of the rooms are still subscribed. */
	fake_redis_work(1);
	ck_assert_int_eq(fake_redis_publish("P#/#0#", "same"), 1);
	fake_redis_deliver(-1);
	ck_assert_str_eq(take_trace(), "/ 0 same / 0 same ");
}
END_TEST

START_TEST(everything_comes_again_after_a_reconnection_requests_last)
{
	in_rooms_mode();
	join("a");
	join("gone");
	settle();
	leave("gone");
	settle();
	fake_redis_commands();
	uint64_t number = join("b");
	peal_loop_step(loop);
	fake_redis_commands();
	fake_redis_lose("cable");
	ck_assert_str_eq(take_trace(), "down cable ");
	ck_assert(!peal_subscriber_hears_requests(subscriber, "/"));
	ck_assert_uint_eq(stats.cluster_subscriptions, 0);
	/* Nobody waits for a connection that is gone. */
	ck_assert_uint_eq(join("c"), 0);
	ck_assert(!peal_barrier_reached(&barrier, number));
	fake_redis_connect();
	uint64_t later = join("d");
	ck_assert_uint_gt(later, number);
	peal_loop_step(loop);
	const char *commands = fake_redis_commands();
	ck_assert_ptr_nonnull(strstr(commands, "P#/#a#"));
	ck_assert_ptr_nonnull(strstr(commands, "P#/#b#"));
	ck_assert_ptr_nonnull(strstr(commands, "P#/#c#"));
	ck_assert_ptr_nonnull(strstr(commands, "P#/#d#"));
	ck_assert_ptr_null(strstr(commands, "gone"));
	ck_assert_ptr_null(strstr(commands, "P#/#*"));
	ck_assert_ptr_null(strstr(commands, "P-request"));
	settle();
	ck_assert_str_eq(fake_redis_commands(), "SUBSCRIBE P-request#/#");
	ck_assert_str_eq(take_trace(), "opened / up ");
	ck_assert(peal_barrier_reached(&barrier, later));
}
END_TEST

START_TEST(one_refused_name_does_not_spoil_the_others)
{
	in_rooms_mode();
	fake_redis_refuse("P#/#secret#");
	join("a");
	join("secret");
	uint64_t number = join("b");
	settle();
	fake_redis_publish("P#/#a#", "1");
	fake_redis_publish("P#/#b#", "2");
	fake_redis_deliver(-1);
	ck_assert_str_eq(take_trace(), "/ a 1 / b 2 ");
	ck_assert_ptr_nonnull(strstr(logged, "refused"));
	ck_assert(peal_barrier_reached(&barrier, number));
	/* What may not be subscribed by name is heard with all the others. */
	ck_assert_int_eq(fake_redis_publish("P#/#secret#", "3"), 1);
	fake_redis_deliver(-1);
	ck_assert_str_eq(take_trace(), "/ secret 3 ");
	fake_redis_commands();
	fake_clock_advance(&now, loop, 5000);
	settle();
	ck_assert_str_eq(fake_redis_commands(), "");
	peal_subscriber_interest(subscriber, "/", PEAL_INTEREST_ROOMS);
	settle();
	ck_assert_str_eq(fake_redis_commands(), "");
}
END_TEST

START_TEST(without_the_right_to_the_own_pattern_everything_is_heard_also_after_a_reconnection)
{
	in_rooms_mode();
	join("a");
	settle();
	fake_redis_lose("cable");
	fake_redis_refuse("P#/#uid123*");
	take_trace();
	fake_redis_connect();
	settle();
	ck_assert_ptr_nonnull(strstr(trace, "opened / up "));
	fake_redis_publish("P#/#a#", "1");
	fake_redis_publish("P#/#uid123x#", "2");
	take_trace();
	fake_redis_deliver(-1);
	ck_assert_str_eq(take_trace(), "/ a 1 / uid123x 2 ");
}
END_TEST

START_TEST(a_refused_channel_keeps_the_node_down_until_it_is_allowed)
{
	fake_redis_refuse("P-peal#");
	peal_subscriber_open(subscriber, "/");
	fake_redis_connect();
	settle();
	ck_assert_ptr_nonnull(strstr(trace, "NOPERM"));
	ck_assert_ptr_null(strstr(trace, "up"));
	fake_redis_refuse(NULL);
	take_trace();
	fake_clock_advance(&now, loop, 1100);
	settle();
	ck_assert_str_eq(take_trace(), "up ");
}
END_TEST

START_TEST(names_that_look_like_patterns_are_escaped)
{
	peal_subscriber_open(subscriber, "/a*b[c]?\\d");
	fake_redis_connect();
	settle();
	ck_assert_ptr_nonnull(strstr(fake_redis_commands(), "P#/a\\*b\\[c\\]\\?\\\\d#*"));
	take_trace();
	ck_assert_int_eq(fake_redis_publish("P#/a*b[c]?\\d#", "1"), 1);
	ck_assert_int_eq(fake_redis_publish("P#/aXb[c]?\\d#", "2"), 0);
	fake_redis_deliver(-1);
	ck_assert_str_eq(take_trace(), "/a*b[c]?\\d  1 ");
}
END_TEST

START_TEST(namespaces_may_hold_the_separator)
{
	peal_subscriber_open(subscriber, "/a");
	peal_subscriber_open(subscriber, "/a#b");
	fake_redis_connect();
	settle();
	take_trace();
	/* Both patterns match; only one of the namespaces has the room. */
	peal_subscriber_join(subscriber, "/a#b", "r", 1);
	ck_assert_int_eq(fake_redis_publish("P#/a#b#r#", "1"), 2);
	fake_redis_deliver(-1);
	ck_assert_str_eq(take_trace(), "/a#b r 1 ");
	/* The room "b" of the one is the channel of the other: each gets it as its own. */
	peal_subscriber_join(subscriber, "/a", "b", 1);
	peal_subscriber_interest(subscriber, "/a", PEAL_INTEREST_ROOMS);
	peal_subscriber_interest(subscriber, "/a#b", PEAL_INTEREST_ROOMS);
	settle();
	ck_assert_int_eq(fake_redis_publish("P#/a#b#", "2"), 1);
	fake_redis_deliver(-1);
	const char *told = take_trace();
	ck_assert_ptr_nonnull(strstr(told, "/a b 2 "));
	ck_assert_ptr_nonnull(strstr(told, "/a#b  2 "));
	/* And the one does not take it away from the other. */
	peal_subscriber_close(subscriber, "/a");
	settle();
	ck_assert_int_eq(fake_redis_publish("P#/a#b#", "3"), 1);
	fake_redis_deliver(-1);
	ck_assert_str_eq(take_trace(), "/a#b  3 ");
}
END_TEST

START_TEST(answers_of_a_namespace_that_is_not_served_are_heard_for_a_while)
{
	open_root();
	uint64_t number = peal_subscriber_hear_answers(subscriber, "/other", 2000);
	ck_assert_uint_gt(number, 0);
	settle();
	ck_assert(peal_barrier_reached(&barrier, number));
	ck_assert_str_eq(fake_redis_commands(),
			 "SUBSCRIBE P-response#/other# P-response#/other#uid123#");
	ck_assert_uint_eq(peal_subscriber_hear_answers(subscriber, "/other", 5000), 0);
	ck_assert_uint_eq(peal_subscriber_hear_answers(subscriber, "/other", 100), 0);
	fake_redis_publish("P-response#/other#uid123#", "x");
	fake_redis_deliver(-1);
	ck_assert_str_eq(take_trace(), "/other uid123 x ");
	ck_assert(!peal_subscriber_hears_requests(subscriber, "/other"));
	fake_clock_advance(&now, loop, 4500);
	ck_assert_str_eq(fake_redis_commands(), "");
	fake_clock_advance(&now, loop, 1000);
	ck_assert_str_eq(fake_redis_commands(),
			 "UNSUBSCRIBE P-response#/other# P-response#/other#uid123#");
}
END_TEST

START_TEST(thousands_of_rooms_are_few_commands)
{
	in_rooms_mode();
	char room[32];
	for (int i = 0; i < 4000; i++) {
		snprintf(room, sizeof(room), "room %d", i);
		join(room);
	}
	uint64_t number = join("last");
	settle();
	ck_assert(peal_barrier_reached(&barrier, number));
	ck_assert_uint_eq(stats.cluster_subscriptions, 4001 + 6);
	unsigned commands = 0;
	for (const char *at = fake_redis_commands(); (at = strstr(at, "SUBSCRIBE ")); at++)
		commands++;
	ck_assert_uint_le(commands, 10);
}
END_TEST

START_TEST(rooms_that_are_left_linger_in_a_number_that_has_a_ceiling)
{
	char room[32];
	in_rooms_mode();
	for (int i = 0; i <= PEAL_LIMIT_REDIS_LINGERING_ROOMS; i++) {
		snprintf(room, sizeof(room), "%d", i);
		join(room);
	}
	settle();
	uint64_t subscriptions = stats.cluster_subscriptions;
	fake_redis_commands();
	for (int i = 0; i <= PEAL_LIMIT_REDIS_LINGERING_ROOMS; i++) {
		snprintf(room, sizeof(room), "%d", i);
		leave(room);
	}
	peal_loop_step(loop);
	ck_assert_str_eq(fake_redis_commands(), "UNSUBSCRIBE P#/#10000#");
	ck_assert_uint_eq(stats.cluster_subscriptions, subscriptions - 1);
	fake_clock_advance(&now, loop, PEAL_LIMIT_REDIS_LINGER_MS + 20);
	settle();
	ck_assert_uint_eq(stats.cluster_subscriptions, 6);
	ck_assert_uint_eq(fake_redis_subscriptions(), 6);
}
END_TEST

START_TEST(the_number_of_namespaces_has_a_ceiling_and_is_complained_about_once)
{
	char ns[32];
	fake_redis_connect();
	for (int i = 0; i < PEAL_LIMIT_CLUSTER_SPACES; i++) {
		snprintf(ns, sizeof(ns), "/%d", i);
		ck_assert_uint_gt(peal_subscriber_open(subscriber, ns), 0);
	}
	ck_assert_str_eq(logged, "");
	ck_assert_uint_eq(peal_subscriber_open(subscriber, "/more"), 0);
	ck_assert_uint_eq(peal_subscriber_hear_answers(subscriber, "/more", 1000), 0);
	ck_assert_str_eq(logged, "no room for another namespace in the cluster");
	peal_subscriber_close(subscriber, "/0");
	ck_assert_uint_gt(peal_subscriber_open(subscriber, "/more"), 0);
}
END_TEST

/*
 * Everything at once, in random order: rooms come and go, the mode changes, the server works and
 * delivers in pieces. Whatever was published to a room whose joining was covered, and to all, must
 * arrive exactly once, and nothing may arrive twice.
 */
enum { ROOMS = 6, MESSAGES = 4000 };

static void live(unsigned seed, bool outages)
{
	struct {
		bool joined;
		uint64_t number;
	} rooms[ROOMS] = { 0 };
	static struct {
		int room;
		bool must;
	} sent[MESSAGES];
	arrived = calloc(MESSAGES, sizeof(*arrived));
	srand(seed);
	peal_subscriber_open(subscriber, "/");
	fake_redis_connect();
	settle();
	int messages = 0;
	bool connected = true;
	while (messages < MESSAGES) {
		char room[16], channel[32], payload[16];
		int which = rand() % ROOMS;
		snprintf(room, sizeof(room), "r%d", which);
		switch (rand() % 12) {
		case 0:
			if (!rooms[which].joined) {
				rooms[which].joined = true;
				rooms[which].number = join(room);
			}
			break;
		case 1:
			if (rooms[which].joined && rand() % 4 == 0) {
				/* What is on its way then may be dropped. */
				for (int i = 0; i < messages; i++) {
					if (sent[i].room == which && !arrived[i])
						sent[i].must = false;
				}
				rooms[which].joined = false;
				leave(room);
			}
			break;
		case 2:
			peal_subscriber_interest(subscriber, "/",
						 rand() % 2 ? PEAL_INTEREST_ROOMS
							    : PEAL_INTEREST_PATTERN);
			break;
		case 3:
			fake_redis_work(1);
			break;
		case 4:
			fake_redis_deliver(rand() % 5);
			break;
		case 5:
			peal_loop_step(loop);
			break;
		case 6:
			if (rand() % 20 == 0)
				fake_clock_advance(&now, loop, 100);
			if (!outages || rand() % 20)
				break;
			/* What is on its way is lost, and what comes until all is in force again.
			 */
			for (int i = 0; i < messages; i++) {
				if (!arrived[i])
					sent[i].must = false;
			}
			if (connected)
				fake_redis_lose("cable");
			else
				fake_redis_connect();
			connected = !connected;
			break;
		default:
			snprintf(payload, sizeof(payload), "%d", messages);
			sent[messages].room = rand() % 3 ? which : -1;
			if (sent[messages].room < 0)
				snprintf(channel, sizeof(channel), "P#/#");
			else
				snprintf(channel, sizeof(channel), "P#/#%s#", room);
			sent[messages].must =
				is_up && (sent[messages].room < 0 ||
					  (rooms[which].joined &&
					   peal_barrier_reached(&barrier, rooms[which].number)));
			fake_redis_publish(channel, payload);
			messages++;
			break;
		}
	}
	settle();
	for (int i = 0; i < MESSAGES; i++) {
		ck_assert_uint_le(arrived[i], 1);
		if (sent[i].must)
			ck_assert_uint_eq(arrived[i], 1);
	}
	if (!outages) {
		ck_assert_uint_gt(stats.cluster_messages_repeated, 0);
		ck_assert_uint_eq(barrier_stats.barrier_timeouts, 0);
	}
	free(arrived);
	arrived = NULL;
}

START_TEST(nothing_is_lost_or_doubled_while_the_mode_changes)
{
	for (unsigned seed = 1; seed <= 30; seed++) {
		if (seed > 1)
			set_up();
		live(seed, seed > 15);
		if (seed < 30)
			tear_down();
	}
}
END_TEST

UNIT_MAIN_WITH("redis_subscriber", set_up, tear_down, asks_for_requests_when_all_else_is_in_force,
	       a_namespace_opened_later_has_a_number_and_does_not_end_what_is_up,
	       leaves_requests_first,
	       a_namespace_that_is_closed_and_opened_in_one_turn_stays_subscribed,
	       in_pattern_mode_rooms_cost_nothing_at_redis,
	       in_rooms_mode_the_joins_of_a_turn_are_one_command_and_one_number,
	       a_room_that_is_joined_again_soon_is_never_left,
	       a_join_that_was_taken_back_in_the_same_turn_still_reaches_its_number,
	       makes_the_new_mode_before_it_breaks_the_old_one,
	       copies_are_dropped_and_equal_messages_are_not,
	       equal_messages_right_before_and_after_a_change_are_no_copies,
	       an_equal_message_through_another_subscription_is_no_copy_after_a_change,
	       everything_comes_again_after_a_reconnection_requests_last,
	       one_refused_name_does_not_spoil_the_others,
	       without_the_right_to_the_own_pattern_everything_is_heard_also_after_a_reconnection,
	       a_refused_channel_keeps_the_node_down_until_it_is_allowed,
	       names_that_look_like_patterns_are_escaped, namespaces_may_hold_the_separator,
	       answers_of_a_namespace_that_is_not_served_are_heard_for_a_while,
	       thousands_of_rooms_are_few_commands,
	       rooms_that_are_left_linger_in_a_number_that_has_a_ceiling,
	       the_number_of_namespaces_has_a_ceiling_and_is_complained_about_once,
	       nothing_is_lost_or_doubled_while_the_mode_changes)
