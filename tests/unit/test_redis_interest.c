/* Rooms or pattern: what the subscriber hands on, and that nothing is lost or doubled while that
 * changes. */
#include "tests/unit/subscriber_case.h"

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

UNIT_MAIN_WITH("redis_interest", set_up, tear_down, in_pattern_mode_rooms_cost_nothing_at_redis,
	       makes_the_new_mode_before_it_breaks_the_old_one,
	       copies_are_dropped_and_equal_messages_are_not,
	       equal_messages_right_before_and_after_a_change_are_no_copies,
	       an_equal_message_through_another_subscription_is_no_copy_after_a_change,
	       without_the_right_to_the_own_pattern_everything_is_heard_also_after_a_reconnection,
	       namespaces_may_hold_the_separator, nothing_is_lost_or_doubled_while_the_mode_changes)
