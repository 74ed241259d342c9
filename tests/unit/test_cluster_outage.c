/* Outages: what waits for whom, for how long, and what is told about it. */
#include "tests/support/fake_adapter.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static void digest_of(const char *uid)
{
	char text[128];
	snprintf(text, sizeof(text), "{'uid':'%s','type':'digest','generation':2,'load':0}", uid);
	announce(text);
}

/* A member, known to adapter and node. */
static void begin_with_member(void)
{
	begin_cluster();
	adapter_connects();
	adapter.receivers = 2;
	announce_member("peer_1", "one");
	wait_ms(1100);
	digest_of("peer_1");
	was_logged("");
}

START_TEST(the_first_connection_waits_for_nobody)
{
	begin_cluster();
	ck_assert_uint_eq(world.stats.cluster_up, 0);
	adapter_state(PEAL_ADAPTER_HELD);
	ck_assert_uint_eq(asked_times("\"type\":\"hello\""), 1);
	ck_assert_uint_eq(asked_times("release;"), 1);
	ck_assert_uint_eq(world.stats.cluster_up, 0);
	adapter_state(PEAL_ADAPTER_UP);
	ck_assert_uint_eq(world.stats.cluster_up, 1);
	end_cluster();
}
END_TEST

START_TEST(a_node_settles_a_moment_after_its_first_connection)
{
	begin_cluster();
	wait_ms(1000);
	ck_assert(!peal_cluster_settled(cluster));
	adapter_connects();
	ck_assert(!peal_cluster_settled(cluster));
	wait_ms(250);
	ck_assert(peal_cluster_settled(cluster));
	/* For good. */
	adapter_state(PEAL_ADAPTER_DOWN);
	wait_ms(10000);
	ck_assert(peal_cluster_settled(cluster));
	end_cluster();
}
END_TEST

START_TEST(a_node_that_finds_nobody_settles_after_some_seconds)
{
	begin_cluster();
	wait_ms(4900);
	ck_assert(!peal_cluster_settled(cluster));
	wait_ms(200);
	ck_assert(peal_cluster_settled(cluster));
	ck_assert(was_logged("no connection to the other nodes yet"));
	end_cluster();
}
END_TEST

START_TEST(after_an_outage_publishes_wait_for_the_members_of_before)
{
	begin_with_member();
	adapter_state(PEAL_ADAPTER_DOWN);
	ck_assert_uint_eq(world.stats.cluster_up, 0);
	ck_assert(was_logged("the connection to the other nodes is lost"));
	wait_ms(2000);
	forget_asked();
	adapter_state(PEAL_ADAPTER_HELD);
	ck_assert_uint_eq(asked_times("\"type\":\"hello\""), 1);
	wait_ms(1000);
	ck_assert_uint_eq(asked_times("release;"), 0);
	announce_member("peer_1", "one");
	ck_assert_uint_eq(asked_times("release;"), 1);
	ck_assert(was_logged("the other nodes are back"));
	end_cluster();
}
END_TEST

START_TEST(after_an_outage_publishes_wait_for_as_many_receivers_as_before)
{
	begin_with_member();
	adapter.receivers = 4;
	wait_ms(1000);
	digest_of("peer_1");
	adapter_state(PEAL_ADAPTER_DOWN);
	adapter.receivers = 3;
	wait_ms(2000);
	forget_asked();
	adapter_state(PEAL_ADAPTER_HELD);
	announce_member("peer_1", "one");
	wait_ms(1000);
	ck_assert_uint_eq(asked_times("release;"), 0);
	adapter.receivers = 4;
	wait_ms(200);
	ck_assert_uint_eq(asked_times("release;"), 1);
	end_cluster();
}
END_TEST

START_TEST(publishes_wait_five_seconds_at_most)
{
	begin_with_member();
	adapter_state(PEAL_ADAPTER_DOWN);
	adapter.receivers = 1;
	wait_ms(1000);
	forget_asked();
	adapter_state(PEAL_ADAPTER_HELD);
	wait_ms(4900);
	ck_assert_uint_eq(asked_times("release;"), 0);
	wait_ms(200);
	ck_assert_uint_eq(asked_times("release;"), 1);
	ck_assert(was_logged("not all of the other nodes are back"));
	end_cluster();
}
END_TEST

START_TEST(a_second_outage_within_the_first_changes_nothing_about_what_there_was)
{
	begin_with_member();
	adapter_state(PEAL_ADAPTER_DOWN);
	adapter.receivers = 1;
	adapter_state(PEAL_ADAPTER_HELD);
	wait_ms(500);
	adapter_state(PEAL_ADAPTER_DOWN);
	wait_ms(500);
	forget_asked();
	adapter_state(PEAL_ADAPTER_HELD);
	announce_member("peer_1", "one");
	wait_ms(1000);
	ck_assert_uint_eq(asked_times("release;"), 0);
	adapter.receivers = 2;
	wait_ms(200);
	ck_assert_uint_eq(asked_times("release;"), 1);
	end_cluster();
}
END_TEST

START_TEST(a_member_that_says_goodbye_is_not_waited_for)
{
	begin_with_member();
	adapter.receivers = 1;
	wait_ms(1100);
	adapter_state(PEAL_ADAPTER_DOWN);
	forget_asked();
	adapter_state(PEAL_ADAPTER_HELD);
	wait_ms(500);
	ck_assert_uint_eq(asked_times("release;"), 0);
	announce("{'uid':'peer_1','type':'goodbye'}");
	wait_ms(200);
	ck_assert_uint_eq(asked_times("release;"), 1);
	end_cluster();
}
END_TEST

START_TEST(nobody_falls_silent_while_this_node_cannot_hear)
{
	begin_with_member();
	adapter.receivers = 1;
	adapter_state(PEAL_ADAPTER_DOWN);
	wait_ms(30000);
	ck_assert(!member("peer_1")->silent);
	adapter_state(PEAL_ADAPTER_HELD);
	wait_ms(2900);
	ck_assert(!member("peer_1")->silent);
	wait_ms(1000);
	ck_assert_uint_eq(member_count(), 0);
	end_cluster();
}
END_TEST

START_TEST(an_outage_is_summed_up_when_it_is_over)
{
	begin_with_member();
	adapter_state(PEAL_ADAPTER_DOWN);
	world.stats.cluster_dropped += 3;
	wait_ms(2000);
	adapter_state(PEAL_ADAPTER_HELD);
	announce_member("peer_1", "one");
	wait_ms(200);
	adapter_state(PEAL_ADAPTER_UP);
	world.stats.cluster_published_late += 5;
	world.stats.cluster_in_doubt += 1;
	world.stats.cluster_gap_ms += 2200;
	wait_ms(1500);
	ck_assert(!was_logged("the outage is over"));
	wait_ms(2000);
	ck_assert(was_logged("the outage is over down_ms=2000 held_ms=200 published_late=5 "
			     "dropped=3 in_doubt=1 gap_ms=2200;"));
	wait_ms(10000);
	ck_assert(!was_logged("the outage is over"));
	end_cluster();
}
END_TEST

static bool waits;

static void wait_no_more(struct peal_barrier_waiter *waiter)
{
	(void)waiter;
	waits = false;
}

START_TEST(nobody_waits_for_subscriptions_of_a_connection_that_is_lost)
{
	begin_with_member();
	struct peal_barrier_waiter waiter = { .fn = wait_no_more };
	peal_barrier_wait(cluster_options.barrier, &waiter,
			  adapter.host->news->issue(adapter.host->context));
	waits = true;
	wait_ms(100);
	ck_assert(waits);
	adapter_state(PEAL_ADAPTER_DOWN);
	ck_assert(!waits);
	ck_assert_uint_eq(world.stats.barrier_timeouts, 1);
	end_cluster();
}
END_TEST

static void note_gap(const struct peal_cluster_info *info, void *userdata)
{
	(void)userdata;
	note("%d %s %llu %llu", info->state, info->detail, (unsigned long long)info->gap_from_ms,
	     (unsigned long long)info->gap_to_ms);
}

START_TEST(the_last_gap_and_the_state_are_shown)
{
	begin_with_member();
	adapter_state(PEAL_ADAPTER_DOWN);
	adapter.host->news->gap(1000, 3000, adapter.host->context);
	clear_record();
	peal_cluster_info(world.node, note_gap, NULL);
	ck_recorded("0 because 1000 3000");
	ck_assert(was_logged("this node may have missed messages of other nodes from_ms=1000 "
			     "to_ms=3000 ms=2000;"));
	end_cluster();
}
END_TEST

START_TEST(local_clients_are_served_while_there_is_no_connection)
{
	begin_with_member();
	struct peal_socket *socket = new_socket();
	received(socket);
	adapter_state(PEAL_ADAPTER_DOWN);
	forget_asked();
	peal_emit(peal_io(world.node), PEAL_ALL, "hi");
	ck_received(socket, "42[\"hi\"]|");
	/* The adapter keeps it for later. */
	ck_asked("broadcast / hi;");
	ck_assert_ptr_nonnull(new_socket());
	end_cluster();
}
END_TEST

UNIT_MAIN("cluster outage", the_first_connection_waits_for_nobody,
	  a_node_settles_a_moment_after_its_first_connection,
	  a_node_that_finds_nobody_settles_after_some_seconds,
	  after_an_outage_publishes_wait_for_the_members_of_before,
	  after_an_outage_publishes_wait_for_as_many_receivers_as_before,
	  publishes_wait_five_seconds_at_most,
	  a_second_outage_within_the_first_changes_nothing_about_what_there_was,
	  a_member_that_says_goodbye_is_not_waited_for,
	  nobody_falls_silent_while_this_node_cannot_hear, an_outage_is_summed_up_when_it_is_over,
	  nobody_waits_for_subscriptions_of_a_connection_that_is_lost,
	  the_last_gap_and_the_state_are_shown,
	  local_clients_are_served_while_there_is_no_connection)
