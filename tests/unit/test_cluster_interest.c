/* Interest: what a node wants to hear of each namespace, and which emits go to all nodes. */
#include "tests/support/fake_adapter.h"
#include "tests/unit/unit.h"

#include <stdio.h>

/* Only what concerns interest; digests and questions are passed over. */
static bool changed_to(const char *mode)
{
	char expected[64];
	snprintf(expected, sizeof(expected), "%s /;", mode);
	size_t all = asked_times("rooms /;") + asked_times("pattern /;");
	size_t times = asked_times(expected);
	forget_asked();
	return all == 1 && times == 1;
}

static bool unchanged(void)
{
	size_t all = asked_times("rooms /;") + asked_times("pattern /;");
	forget_asked();
	return !all;
}

static void begin_with_rooms(void)
{
	begin_cluster();
	adapter_connects();
	wait_ms(4000);
	ck_assert(changed_to("rooms"));
}

/* Time passes, and a member goes on announcing itself. */
static void pass_with(const char *uid, unsigned seconds)
{
	char text[128];
	snprintf(text, sizeof(text), "{'uid':'%s','type':'digest','generation':2,'load':0}", uid);
	for (unsigned i = 0; i < seconds; i++) {
		announce(text);
		wait_ms(1000);
	}
}

START_TEST(a_namespace_begins_with_everything_and_goes_to_rooms_when_all_are_known)
{
	begin_cluster();
	adapter_connects();
	wait_ms(1500);
	ck_assert(unchanged());
	wait_ms(1000);
	ck_assert(changed_to("rooms"));
	wait_ms(10000);
	ck_assert(unchanged());
	end_cluster();
}
END_TEST

START_TEST(more_receivers_than_known_nodes_keep_everything)
{
	begin_cluster();
	adapter_connects();
	adapter.receivers = 2;
	wait_ms(10000);
	ck_assert(unchanged());
	announce_member("peer_1", "one");
	pass_with("peer_1", 4);
	ck_assert(changed_to("rooms"));
	end_cluster();
}
END_TEST

START_TEST(a_node_that_is_not_subscribed_itself_decides_nothing)
{
	begin_cluster();
	adapter_connects();
	adapter.receivers = 0;
	adapter.deaf = true;
	wait_ms(10000);
	ck_assert(unchanged());
	end_cluster();
}
END_TEST

START_TEST(one_more_receiver_brings_everything_back_at_the_next_look)
{
	begin_with_rooms();
	adapter.receivers = 2;
	wait_ms(1000);
	ck_assert(changed_to("pattern"));
	wait_ms(20000);
	ck_assert(unchanged());
	end_cluster();
}
END_TEST

START_TEST(the_count_of_a_request_brings_everything_back_too)
{
	begin_with_rooms();
	peal_members_counted(cluster, peal_space_find(cluster, "/"), 2, true);
	ck_assert(changed_to("pattern"));
	end_cluster();
}
END_TEST

START_TEST(a_peal_node_that_is_announced_a_little_later_costs_everything_only_for_a_moment)
{
	begin_with_rooms();
	adapter.receivers = 2;
	wait_ms(1000);
	ck_assert(changed_to("pattern"));
	announce_member("peer_1", "one");
	wait_ms(1000);
	ck_assert(changed_to("rooms"));
	pass_with("peer_1", 10);
	ck_assert(unchanged());
	end_cluster();
}
END_TEST

START_TEST(a_frozen_node_alone_changes_nothing)
{
	begin_cluster();
	adapter_connects();
	adapter.receivers = 2;
	announce_member("peer_1", "one");
	pass_with("peer_1", 5);
	ck_assert(changed_to("rooms"));
	wait_ms(10000);
	ck_assert(member("peer_1")->silent);
	ck_assert(unchanged());
	end_cluster();
}
END_TEST

START_TEST(a_killed_node_does_not_hide_a_server_that_nobody_knows)
{
	begin_cluster();
	adapter_connects();
	adapter.receivers = 3;
	announce_member("peer_1", "one");
	pass_with("peer_1", 5);
	ck_assert(unchanged());
	/* As many are left as there are members, for three looks. */
	wait_ms(500);
	announce("{'uid':'peer_1','type':'digest','generation':2,'load':0}");
	adapter.receivers = 2;
	wait_ms(30000);
	ck_assert(unchanged());
	end_cluster();
}
END_TEST

START_TEST(a_server_that_nobody_knows_in_the_place_of_a_killed_node_brings_everything_back)
{
	begin_cluster();
	adapter_connects();
	adapter.receivers = 2;
	announce_member("peer_1", "one");
	pass_with("peer_1", 5);
	ck_assert(changed_to("rooms"));
	announce("{'uid':'peer_1','type':'digest','generation':2,'load':0}");
	adapter.receivers = 1;
	wait_ms(1000);
	ck_assert(unchanged());
	adapter.receivers = 2;
	wait_ms(1000);
	ck_assert(changed_to("pattern"));
	wait_ms(30000);
	ck_assert(unchanged());
	end_cluster();
}
END_TEST

START_TEST(a_crowd_is_not_explained_by_one_that_goes)
{
	begin_cluster();
	adapter_connects();
	adapter.receivers = 2;
	announce_member("peer_1", "one");
	pass_with("peer_1", 5);
	ck_assert(changed_to("rooms"));
	announce("{'uid':'peer_1','type':'digest','generation':2,'load':0}");
	adapter.receivers = 3;
	wait_ms(1000);
	ck_assert(changed_to("pattern"));
	announce("{'uid':'peer_1','type':'digest','generation':2,'load':0}");
	adapter.receivers = 2;
	wait_ms(30000);
	ck_assert(unchanged());
	end_cluster();
}
END_TEST

START_TEST(a_stranger_brings_everything_back_at_once)
{
	begin_with_rooms();
	hear_broadcast("node-1", "/", "hi");
	ck_assert(changed_to("pattern"));
	/* As long as it is heard now and then. */
	for (unsigned i = 0; i < 10; i++) {
		wait_ms(2000);
		hear_broadcast("node-1", "/", "hi");
	}
	ck_assert(unchanged());
	wait_ms(9000);
	ck_assert(changed_to("rooms"));
	end_cluster();
}
END_TEST

START_TEST(an_answer_without_a_name_is_of_a_stranger)
{
	begin_with_rooms();
	hear((struct peal_message){ .type = PEAL_MESSAGE_COUNT, .ns = "/", .request_id = "none" });
	ck_assert(changed_to("pattern"));
	end_cluster();
}
END_TEST

START_TEST(members_emitters_and_requests_without_a_name_are_no_strangers)
{
	begin_cluster();
	adapter_connects();
	adapter.receivers = 2;
	announce_member("peer_1", "one");
	pass_with("peer_1", 5);
	ck_assert(changed_to("rooms"));
	hear_broadcast("peer_1", "/", "hi");
	hear_broadcast("emitter", "/", "hi");
	hear((struct peal_message){
		.type = PEAL_MESSAGE_JOIN, .ns = "/", .rooms = PEAL_ROOMS("r") });
	ck_assert(unchanged());
	/* What a node that left has sent before is still on its way. */
	announce("{'uid':'peer_1','type':'goodbye'}");
	hear_broadcast("peer_1", "/", "hi");
	ck_assert(unchanged());
	end_cluster();
}
END_TEST

START_TEST(a_stranger_that_turns_out_to_be_a_peal_node_is_forgiven)
{
	begin_with_rooms();
	adapter.receivers = 2;
	hear_broadcast("peer_1", "/", "hi");
	ck_assert(changed_to("pattern"));
	announce_member("peer_1", "one");
	wait_ms(1100);
	ck_assert(changed_to("rooms"));
	end_cluster();
}
END_TEST

START_TEST(one_of_two_strangers_that_is_forgiven_is_not_enough)
{
	begin_with_rooms();
	adapter.receivers = 2;
	hear_broadcast("peer_1", "/", "hi");
	hear_broadcast("node-1", "/", "hi");
	ck_assert(changed_to("pattern"));
	announce_member("peer_1", "one");
	wait_ms(2000);
	ck_assert(unchanged());
	end_cluster();
}
END_TEST

START_TEST(an_interest_that_the_operator_chose_never_changes)
{
	adapter.base.interest = PEAL_INTEREST_ROOMS;
	begin_cluster();
	ck_assert(changed_to("rooms"));
	adapter_connects();
	adapter.receivers = 5;
	wait_ms(5000);
	hear_broadcast("node-1", "/", "hi");
	ck_assert(unchanged());
	end_cluster();
}
END_TEST

START_TEST(pattern_is_how_it_begins)
{
	adapter.base.interest = PEAL_INTEREST_PATTERN;
	begin_cluster();
	adapter_connects();
	wait_ms(10000);
	ck_assert(unchanged());
	end_cluster();
}
END_TEST

/* --- wide --- */

static void emit_to(const char *room)
{
	forget_asked();
	peal_emit(peal_io(world.node), PEAL_TO(.rooms = PEAL_ROOMS(room)), "e");
}

START_TEST(after_a_remote_join_emits_to_that_room_go_to_all_nodes_for_two_seconds)
{
	begin_cluster();
	adapter_connects();
	peal_sockets_join(peal_io(world.node), PEAL_ALL, PEAL_ROOMS("r"));
	emit_to("r");
	ck_asked("broadcast / e to=r wide;");
	emit_to("s");
	ck_asked("broadcast / e to=s;");
	/* More rooms than one go there anyway. */
	peal_emit(peal_io(world.node), PEAL_TO(.rooms = PEAL_ROOMS("r", "s")), "e");
	ck_asked("broadcast / e to=r,s;");
	wait_ms(1900);
	emit_to("r");
	ck_asked("broadcast / e to=r wide;");
	wait_ms(200);
	emit_to("r");
	ck_asked("broadcast / e to=r;");
	end_cluster();
}
END_TEST

START_TEST(a_second_join_makes_it_longer)
{
	begin_cluster();
	adapter_connects();
	peal_sockets_join(peal_io(world.node), PEAL_ALL, PEAL_ROOMS("r", "s"));
	wait_ms(1500);
	peal_sockets_join(peal_io(world.node), PEAL_ALL, PEAL_ROOMS("r"));
	wait_ms(1500);
	emit_to("r");
	ck_asked("broadcast / e to=r wide;");
	emit_to("s");
	ck_asked("broadcast / e to=s;");
	end_cluster();
}
END_TEST

START_TEST(more_rooms_than_can_be_remembered_make_all_emits_wide)
{
	begin_cluster();
	adapter_connects();
	for (unsigned i = 0; i < PEAL_LIMIT_WIDE_ROOMS + 1; i++) {
		char room[16];
		snprintf(room, sizeof(room), "r%u", i);
		peal_sockets_join(peal_io(world.node), PEAL_ALL, PEAL_ROOMS(room));
	}
	emit_to("elsewhere");
	ck_asked("broadcast / e to=elsewhere wide;");
	wait_ms(2100);
	emit_to("r1");
	ck_asked("broadcast / e to=r1;");
	ck_assert_uint_eq(peal_space_find(cluster, "/")->wide_count, 0);
	end_cluster();
}
END_TEST

START_TEST(a_join_in_a_namespace_that_is_not_served_makes_its_emits_wide)
{
	begin_cluster();
	adapter_connects();
	struct peal_namespace *remote = peal_of_remote(world.node, "/far");
	peal_sockets_join(remote, PEAL_ALL, PEAL_ROOMS("r"));
	forget_asked();
	peal_emit(remote, PEAL_TO(.rooms = PEAL_ROOMS("r")), "e");
	ck_asked("broadcast /far e to=r wide;");
	peal_of_remote_release(remote);
	wait_ms(4000);
	ck_assert_ptr_null(peal_space_find(cluster, "/far"));
	ck_assert_uint_eq(asked_times("open"), 0);
	end_cluster();
}
END_TEST

UNIT_MAIN("cluster interest",
	  a_namespace_begins_with_everything_and_goes_to_rooms_when_all_are_known,
	  more_receivers_than_known_nodes_keep_everything,
	  a_node_that_is_not_subscribed_itself_decides_nothing,
	  one_more_receiver_brings_everything_back_at_the_next_look,
	  the_count_of_a_request_brings_everything_back_too,
	  a_peal_node_that_is_announced_a_little_later_costs_everything_only_for_a_moment,
	  a_frozen_node_alone_changes_nothing,
	  a_killed_node_does_not_hide_a_server_that_nobody_knows,
	  a_server_that_nobody_knows_in_the_place_of_a_killed_node_brings_everything_back,
	  a_crowd_is_not_explained_by_one_that_goes, a_stranger_brings_everything_back_at_once,
	  an_answer_without_a_name_is_of_a_stranger,
	  members_emitters_and_requests_without_a_name_are_no_strangers,
	  a_stranger_that_turns_out_to_be_a_peal_node_is_forgiven,
	  one_of_two_strangers_that_is_forgiven_is_not_enough,
	  an_interest_that_the_operator_chose_never_changes, pattern_is_how_it_begins,
	  after_a_remote_join_emits_to_that_room_go_to_all_nodes_for_two_seconds,
	  a_second_join_makes_it_longer, more_rooms_than_can_be_remembered_make_all_emits_wide,
	  a_join_in_a_namespace_that_is_not_served_makes_its_emits_wide)
