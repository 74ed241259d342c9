/* The subscriber: what it asks for and when, and what it does about rooms, refusals and ceilings.
 */
#include "tests/unit/subscriber_case.h"

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

UNIT_MAIN_WITH("redis_subscriber", set_up, tear_down, asks_for_requests_when_all_else_is_in_force,
	       a_namespace_opened_later_has_a_number_and_does_not_end_what_is_up,
	       leaves_requests_first,
	       a_namespace_that_is_closed_and_opened_in_one_turn_stays_subscribed,
	       in_rooms_mode_the_joins_of_a_turn_are_one_command_and_one_number,
	       a_room_that_is_joined_again_soon_is_never_left,
	       a_join_that_was_taken_back_in_the_same_turn_still_reaches_its_number,
	       everything_comes_again_after_a_reconnection_requests_last,
	       one_refused_name_does_not_spoil_the_others,
	       a_refused_channel_keeps_the_node_down_until_it_is_allowed,
	       names_that_look_like_patterns_are_escaped,
	       answers_of_a_namespace_that_is_not_served_are_heard_for_a_while,
	       thousands_of_rooms_are_few_commands,
	       rooms_that_are_left_linger_in_a_number_that_has_a_ceiling,
	       the_number_of_namespaces_has_a_ceiling_and_is_complained_about_once)
