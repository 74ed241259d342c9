/* Members: announcements both ways, who is silent, dead or gone, namespaces that come and go. */
#include "tests/support/fake_adapter.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

static void note_version(const struct peal_cluster_info *info, void *userdata)
{
	*(const char **)userdata = info->members[0].version;
}

/* A full list of the own, as it is published. */
static const char *full(const char *type, int generation, const char *namespaces)
{
	static char text[1024];
	const char *version = NULL;
	peal_cluster_info(world.node, note_version, &version);
	snprintf(text, sizeof(text),
		 "announce {\"uid\":\"owner1\",\"type\":\"%s\",\"generation\":%d,\"load\":0,"
		 "\"name\":\"own\",\"version\":\"%s\",\"namespaces\":[%s]};",
		 type, generation, version, namespaces);
	return text;
}

START_TEST(a_node_announces_what_it_serves_when_its_channels_are_in_force)
{
	begin_cluster();
	ck_asked("open /;");
	/* Connected, but "/" is not subscribed yet. */
	adapter_state(PEAL_ADAPTER_HELD);
	char expected[2048];
	snprintf(expected, sizeof(expected), "%srelease;", full("hello", 1, ""));
	ck_asked(expected);
	adapter_opened("/");
	ck_asked("announce {\"uid\":\"owner1\",\"type\":\"change\",\"generation\":2,\"load\":0,"
		 "\"opened\":[\"/\"],\"closed\":[]};");
	/* Nothing new: nothing is said. */
	adapter_opened("/");
	ck_asked("");
	end_cluster();
}
END_TEST

START_TEST(nothing_is_announced_without_a_connection)
{
	begin_cluster();
	adapter_opened("/");
	wait_ms(4000);
	ck_asked("open /;");
	adapter_state(PEAL_ADAPTER_UP);
	ck_asked(full("hello", 2, "\"/\""));
	adapter_state(PEAL_ADAPTER_DOWN);
	wait_ms(4000);
	ck_asked("");
	end_cluster();
}
END_TEST

START_TEST(a_digest_each_second_tells_the_load_and_not_the_list)
{
	begin_cluster();
	adapter_connects();
	wait_ms(3000);
	ck_assert_uint_eq(asked_times("\"type\":\"digest\",\"generation\":2,\"load\":0}"), 3);
	ck_assert_uint_eq(asked_times("namespaces"), 0);
	end_cluster();
}
END_TEST

START_TEST(a_hello_and_a_question_are_answered_with_the_full_list)
{
	begin_cluster();
	adapter_connects();
	announce("{'uid':'peer_1','type':'hello','generation':1,'load':0,'name':'one',"
		 "'version':'1','namespaces':[]}");
	wait_ms(20);
	ck_asked(full("full", 2, "\"/\""));
	/* In one turn: the answer may leave in the next. */
	for (size_t i = 0; i < 2; i++) {
		const char *text = i ? "{\"uid\":\"peer_3\",\"type\":\"ask\",\"to\":\"owner1\"}"
				     : "{\"uid\":\"peer_2\",\"type\":\"ask\",\"to\":\"owner1\"}";
		const struct peal_message ask = { .type = PEAL_MESSAGE_ANNOUNCE,
						  .ns = "",
						  .uid = "",
						  .request_id = "",
						  .text = text,
						  .text_length = strlen(text) };
		adapter.host->news->message(&ask, adapter.host->context);
	}
	wait_ms(20);
	/* One answer for both. */
	ck_asked(full("full", 2, "\"/\""));
	announce("{'uid':'peer_2','type':'ask','to':'peer_3'}");
	wait_ms(20);
	ck_asked("");
	end_cluster();
}
END_TEST

START_TEST(who_is_not_known_or_has_another_list_is_asked_for_it)
{
	begin_cluster();
	adapter_connects();
	announce("{'uid':'peer_1','type':'digest','generation':3,'load':0}");
	ck_asked("announce {\"uid\":\"owner1\",\"type\":\"ask\",\"to\":\"peer_1\"};");
	ck_assert_uint_eq(member_count(), 0);
	announce_member("peer_1", "one");
	announce("{'uid':'peer_1','type':'digest','generation':2,'load':8}");
	ck_asked("");
	ck_assert_uint_eq(member("peer_1")->clients, 8);
	announce("{'uid':'peer_1','type':'digest','generation':4,'load':8}");
	ck_asked("announce {\"uid\":\"owner1\",\"type\":\"ask\",\"to\":\"peer_1\"};");
	announce("{'uid':'peer_1','type':'change','generation':6,'opened':['/x'],'closed':[]}");
	ck_assert(!peal_member_serves(member("peer_1"), "/x"));
	end_cluster();
}
END_TEST

START_TEST(a_change_opens_and_closes_namespaces_of_a_member)
{
	begin_cluster();
	adapter_connects();
	announce_member("peer_1", "one");
	ck_assert(peal_member_serves(member("peer_1"), "/"));
	announce("{'uid':'peer_1','type':'change','generation':3,'load':1,'opened':['/a','/b'],"
		 "'closed':['/']}");
	ck_assert(!peal_member_serves(member("peer_1"), "/"));
	ck_assert(peal_member_serves(member("peer_1"), "/a"));
	ck_assert(peal_member_serves(member("peer_1"), "/b"));
	ck_asked("");
	end_cluster();
}
END_TEST

START_TEST(a_goodbye_ends_a_membership)
{
	begin_cluster();
	adapter_connects();
	announce_member("peer_1", "one");
	announce_member("peer_2", "two");
	ck_assert_uint_eq(member_count(), 2);
	announce("{'uid':'peer_1','type':'goodbye'}");
	ck_assert_uint_eq(member_count(), 1);
	ck_assert_ptr_null(member("peer_1"));
	ck_assert(was_logged("a node has left the cluster name=one uid=peer_1 reason=goodbye;"));
	announce("{'uid':'peer_9','type':'goodbye'}");
	ck_assert_uint_eq(member_count(), 1);
	end_cluster();
}
END_TEST

START_TEST(who_announces_nothing_for_the_member_timeout_is_silent_until_it_is_heard_again)
{
	begin_cluster();
	adapter_connects();
	adapter.receivers = 2;
	announce_member("peer_1", "one");
	wait_ms(2900);
	ck_assert(!member("peer_1")->silent);
	wait_ms(200);
	ck_assert(member("peer_1")->silent);
	ck_assert(was_logged("a node is silent name=one uid=peer_1"));
	/* Redis still counts it: it is frozen. */
	wait_ms(20000);
	ck_assert_uint_eq(member_count(), 1);
	announce("{'uid':'peer_1','type':'digest','generation':2,'load':0}");
	ck_assert(!member("peer_1")->silent);
	ck_assert(was_logged("a silent node is back name=one"));
	wait_ms(2900);
	ck_assert(!member("peer_1")->silent);
	end_cluster();
}
END_TEST

START_TEST(a_silent_member_that_redis_does_not_count_is_dead)
{
	begin_cluster();
	adapter_connects();
	adapter.receivers = 1;
	announce_member("peer_1", "one");
	wait_ms(2900);
	ck_assert_uint_eq(member_count(), 1);
	/* At most a little more than the member timeout. */
	wait_ms(200);
	ck_assert_uint_eq(member_count(), 0);
	ck_assert(was_logged("a node has left the cluster name=one uid=peer_1 reason=dead;"));
	end_cluster();
}
END_TEST

START_TEST(of_several_silent_members_the_oldest_is_given_up_first)
{
	begin_cluster();
	adapter_connects();
	adapter.silent = true;
	announce_member("peer_1", "one");
	wait_ms(100);
	announce_member("peer_2", "two");
	wait_ms(100);
	announce_member("peer_3", "three");
	wait_ms(4000);
	ck_assert(member("peer_3")->silent);
	struct peal_space *space = peal_space_find(cluster, "/");
	peal_members_counted(cluster, space, 4, true);
	peal_members_counted(cluster, space, UINT32_MAX, true);
	ck_assert_uint_eq(member_count(), 3);
	peal_members_counted(cluster, space, 3, true);
	ck_assert_uint_eq(member_count(), 2);
	ck_assert_ptr_null(member("peer_1"));
	/* One of the two receivers has no name: it explains nobody. */
	space->tally.known = 1;
	peal_members_counted(cluster, space, 3, true);
	ck_assert_ptr_null(member("peer_2"));
	ck_assert_ptr_nonnull(member("peer_3"));
	end_cluster();
}
END_TEST

START_TEST(a_low_count_does_not_touch_members_that_are_heard)
{
	begin_cluster();
	adapter_connects();
	announce_member("peer_1", "one");
	peal_members_counted(cluster, peal_space_find(cluster, "/"), 0, false);
	ck_assert_uint_eq(member_count(), 1);
	end_cluster();
}
END_TEST

START_TEST(a_silent_member_goes_after_a_minute_in_any_case)
{
	begin_cluster();
	adapter_connects();
	adapter.receivers = 2;
	announce_member("peer_1", "one");
	wait_ms(59500);
	ck_assert_uint_eq(member_count(), 1);
	wait_ms(2000);
	ck_assert_uint_eq(member_count(), 0);
	end_cluster();
}
END_TEST

START_TEST(a_node_that_stood_still_calls_nobody_silent)
{
	begin_cluster();
	adapter_connects();
	adapter.receivers = 1;
	announce_member("peer_1", "one");
	wait_ms(2000);
	fake_clock_jump(&world.clock, world.loop, 10000);
	wait_ms(2500);
	ck_assert(!member("peer_1")->silent);
	wait_ms(2000);
	ck_assert_uint_eq(member_count(), 0);
	end_cluster();
}
END_TEST

START_TEST(a_malformed_announcement_changes_nothing)
{
	static const char *const texts[] = {
		"",
		"null",
		"[]",
		"{}",
		"{'uid':'peer_1'}",
		"{'uid':'peer_1','type':'nonsense'}",
		"{'uid':'peer_1','type':'full'}",
		"{'uid':'peer_1','type':'full','name':'','version':'1','namespaces':[]}",
		"{'uid':'peer_1','type':'full','name':7,'version':'1','namespaces':[]}",
		"{'uid':'peer1','type':'full','name':'one','version':'1','namespaces':[]}",
		"{'uid':'peer_ü','type':'full','name':'one','version':'1','namespaces':[]}",
		"{'uid':'owner1','type':'full','name':'one','version':'1','namespaces':[]}",
		"{'uid':'peer_1','type':'change','generation':-1}",
		"{'uid':'peer_1','type':'full','name':'one','version':'1','namespaces':[[[[[]]]]]}",
		"{'uid':'peer_1','type':'full','name':'one','version':'1','namespaces':['/'}",
		"{'uid':'peer_1','type':'goodbye'} {}",
	};
	begin_cluster();
	adapter_connects();
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		announce(texts[i]);
	ck_assert_uint_eq(member_count(), 0);
	ck_assert_uint_gt(world.stats.cluster_messages_invalid, 4);
	end_cluster();
}
END_TEST

START_TEST(names_that_no_namespace_can_have_are_passed_over)
{
	begin_cluster();
	adapter_connects();
	announce("{'uid':'peer_1','type':'full','generation':1,'name':'one','version':'1',"
		 "'namespaces':['/','',7,null,'x',{},'/ok']}");
	ck_assert_uint_eq(member("peer_1")->serves.count, 2);
	announce("{'uid':'peer_2','type':'full','generation':1e99,'name':'two','version':'1',"
		 "'namespaces':7,'load':-5}");
	ck_assert_uint_eq(member("peer_2")->serves.count, 0);
	ck_assert_uint_eq(member("peer_2")->clients, 0);
	end_cluster();
}
END_TEST

START_TEST(an_announcement_of_too_many_parts_is_refused)
{
	begin_cluster();
	adapter_connects();
	struct peal_buffer text = PEAL_BUFFER(1 << 20);
	peal_buffer_append_text(&text, "{'uid':'peer_1','type':'full','generation':1,'name':'one',"
				       "'version':'1','namespaces':['/'");
	for (unsigned i = 0; i < PEAL_LIMIT_CLUSTER_SPACES + 100; i++)
		peal_buffer_append_format(&text, ",'/%u'", i);
	peal_buffer_append_text(&text, "]}");
	announce(text.bytes);
	peal_buffer_deinit(&text);
	ck_assert_uint_eq(member_count(), 0);
	ck_assert_uint_eq(world.stats.cluster_messages_invalid, 1);
	end_cluster();
}
END_TEST

START_TEST(there_are_at_most_so_many_members)
{
	begin_cluster();
	adapter_connects();
	for (unsigned i = 0; i < PEAL_LIMIT_CLUSTER_MEMBERS + 10; i++) {
		char uid[16], name[16];
		snprintf(uid, sizeof(uid), "p%05u", i);
		snprintf(name, sizeof(name), "node %u", i);
		announce_member(uid, name);
	}
	ck_assert_uint_eq(member_count(), PEAL_LIMIT_CLUSTER_MEMBERS);
	forget_asked();
	announce("{'uid':'peer_1','type':'digest','generation':3,'load':0}");
	ck_asked("");
	end_cluster();
}
END_TEST

START_TEST(two_nodes_of_one_name_are_logged)
{
	begin_cluster();
	adapter_connects();
	announce_member("peer_1", "one");
	ck_assert(!was_logged("two nodes have the same name"));
	announce_member("peer_2", "one");
	ck_assert(was_logged("two nodes have the same name name=one uid=peer_2 other_uid=peer_1;"));
	announce_member("peer_2", "one");
	ck_assert(!was_logged("two nodes have the same name"));
	announce_member("peer_3", "own");
	ck_assert(was_logged("two nodes have the same name name=own uid=peer_3 other_uid=owner1;"));
	end_cluster();
}
END_TEST

START_TEST(a_node_that_leaves_says_goodbye_before_it_leaves_its_channels)
{
	begin_cluster();
	adapter_connects();
	peal_cluster_leave(cluster);
	ck_asked("announce {\"uid\":\"owner1\",\"type\":\"goodbye\"};close /;");
	wait_ms(3000);
	peal_emit(peal_io(world.node), PEAL_ALL, "bye");
	ck_asked("broadcast / bye;");
	end_cluster();
}
END_TEST

START_TEST(behind_its_goodbye_a_node_announces_nothing)
{
	begin_cluster();
	adapter_connects();
	ck_assert_ptr_nonnull(peal_of(world.node, "/late"));
	adapter.host->news->opened("/late", adapter.host->context);
	announce("{'uid':'peer_1','type':'ask','to':'owner1'}");
	peal_cluster_leave(cluster);
	forget_asked();
	announce("{'uid':'peer_2','type':'digest','generation':3,'load':0}");
	wait_ms(3000);
	ck_asked("");
	end_cluster();
}
END_TEST

START_TEST(a_new_name_is_announced)
{
	begin_cluster();
	adapter_connects();
	peal_cluster_renamed(cluster);
	ck_asked(full("full", 3, "\"/\""));
	end_cluster();
}
END_TEST

/* --- namespaces --- */

static void accept_name(const char *name, const struct peal_args *auth, struct peal_next *next,
			void *userdata)
{
	(void)name;
	(void)auth;
	(void)userdata;
	peal_next_accept(next);
}

static struct peal_session *open_child(void)
{
	struct peal_session *session = open_session();
	join(session, "/child");
	return session;
}

START_TEST(a_dynamic_namespace_is_left_some_seconds_after_it_was_empty)
{
	world.options.cleanup_empty_child_namespaces = true;
	begin_cluster();
	adapter_connects();
	ck_assert_ptr_nonnull(peal_of_function(world.node, accept_name, NULL));
	struct peal_session *session = open_child();
	ck_asked("open /child;");
	adapter_opened("/child");
	ck_assert_uint_eq(asked_times("\"opened\":[\"/child\"],\"closed\":[]"), 1);
	fake_session_close(session, "transport close", NULL);
	settle();
	wait_ms(4000);
	ck_assert_uint_eq(asked_times("close"), 1);
	wait_ms(1500);
	ck_assert_uint_eq(asked_times("\"opened\":[],\"closed\":[\"/child\"]"), 1);
	ck_assert_uint_eq(asked_times("close /child"), 0);
	wait_ms(1500);
	ck_assert_uint_eq(asked_times("close /child;"), 1);
	ck_assert_ptr_null(peal_space_find(cluster, "/child"));
	end_cluster();
}
END_TEST

START_TEST(a_dynamic_namespace_that_comes_back_was_never_left)
{
	world.options.cleanup_empty_child_namespaces = true;
	begin_cluster();
	adapter_connects();
	ck_assert_ptr_nonnull(peal_of_function(world.node, accept_name, NULL));
	struct peal_session *session = open_child();
	adapter_opened("/child");
	fake_session_close(session, "transport close", NULL);
	settle();
	wait_ms(3000);
	forget_asked();
	session = open_child();
	wait_ms(20000);
	ck_assert_uint_eq(asked_times("open"), 0);
	ck_assert_uint_eq(asked_times("close"), 0);
	/* Withdrawn already, but not left yet. */
	fake_session_close(session, "transport close", NULL);
	for (unsigned i = 0; i < 100 && !asked_times("\"closed\":[\"/child\"]"); i++)
		wait_ms(100);
	ck_assert_uint_eq(asked_times("\"closed\":[\"/child\"]"), 1);
	forget_asked();
	open_child();
	settle();
	ck_assert_uint_eq(asked_times("\"opened\":[\"/child\"]"), 1);
	wait_ms(20000);
	ck_assert_uint_eq(asked_times("open /child"), 0);
	ck_assert_uint_eq(asked_times("close /child"), 0);
	end_cluster();
}
END_TEST

START_TEST(who_joins_a_namespace_waits_until_it_is_in_force)
{
	begin_cluster();
	adapter_connects();
	peal_barrier_issue(cluster->options.barrier);
	adapter.number = peal_barrier_issue(cluster->options.barrier);
	struct peal_namespace *ns = peal_of(world.node, "/a");
	ck_assert_uint_eq(cluster->remote.namespace_opened(ns, cluster), 2);
	adapter_opened("/a");
	ck_assert_uint_eq(cluster->remote.namespace_opened(ns, cluster), 0);
	end_cluster();
}
END_TEST

START_TEST(rooms_are_told_to_the_adapter_with_their_first_and_last_member)
{
	begin_cluster();
	adapter_connects();
	struct peal_socket *first = new_socket(), *second = new_socket();
	peal_socket_join(first, "r");
	peal_socket_join(second, "r");
	ck_asked("join / r;");
	peal_socket_leave(first, "r");
	ck_asked("");
	peal_socket_leave(second, "r");
	ck_asked("leave / r;");
	end_cluster();
}
END_TEST

/* --- messages --- */

START_TEST(a_broadcast_of_another_node_reaches_the_local_clients)
{
	begin_cluster();
	adapter_connects();
	struct peal_socket *socket = new_socket();
	received(socket);
	hear_broadcast("peer_1", "/", "hi");
	ck_received(socket, "42[\"hi\"]|");
	ck_assert_uint_eq(world.stats.cluster_messages_useless, 0);
	ck_asked("");
	end_cluster();
}
END_TEST

START_TEST(messages_that_select_nobody_are_counted)
{
	begin_cluster();
	adapter_connects();
	hear_broadcast("peer_1", "/", "hi");
	hear_broadcast("peer_1", "/elsewhere", "hi");
	hear((struct peal_message){
		.type = PEAL_MESSAGE_JOIN, .ns = "/", .uid = "peer_1", .rooms = PEAL_ROOMS("r") });
	hear((struct peal_message){ .type = PEAL_MESSAGE_DISCONNECT, .ns = "/", .uid = "peer_1" });
	ck_assert_uint_eq(world.stats.cluster_messages_useless, 4);
	end_cluster();
}
END_TEST

START_TEST(other_nodes_may_join_leave_and_disconnect_local_sockets)
{
	begin_cluster();
	adapter_connects();
	struct peal_socket *socket = new_socket();
	received(socket);
	peal_socket_ref(socket);
	hear((struct peal_message){
		.type = PEAL_MESSAGE_JOIN, .ns = "/", .rooms = PEAL_ROOMS("r", "s") });
	ck_assert(peal_socket_in_room(socket, "r"));
	hear((struct peal_message){ .type = PEAL_MESSAGE_LEAVE,
				    .ns = "/",
				    .target = { .rooms = PEAL_ROOMS("s") },
				    .rooms = PEAL_ROOMS("r") });
	ck_assert(!peal_socket_in_room(socket, "r"));
	hear((struct peal_message){ .type = PEAL_MESSAGE_DISCONNECT,
				    .ns = "/",
				    .target = { .rooms = PEAL_ROOMS("s") } });
	ck_assert(!peal_socket_connected(socket));
	peal_socket_unref(socket);
	/* Nothing of it goes back to the others. */
	ck_assert_uint_eq(asked_times("disconnect"), 0);
	ck_assert_uint_eq(world.stats.cluster_messages_useless, 0);
	end_cluster();
}
END_TEST

START_TEST(what_the_application_does_is_published_unless_it_is_local)
{
	begin_cluster();
	adapter_connects();
	struct peal_namespace *io = peal_io(world.node);
	peal_emit(io, PEAL_ALL, "a");
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS("x", "y"), .except = PEAL_ROOMS("z")), "b");
	peal_emit(io, PEAL_TO(.flags = PEAL_LOCAL), "c");
	ck_asked("broadcast / a;broadcast / b to=x,y except=z;");
	peal_sockets_join(io, PEAL_TO(.rooms = PEAL_ROOMS("x")), PEAL_ROOMS("n"));
	peal_sockets_leave(io, PEAL_ALL, PEAL_ROOMS("n"));
	peal_sockets_disconnect(io, PEAL_ALL, true);
	peal_sockets_disconnect(io, PEAL_TO(.flags = PEAL_LOCAL), true);
	ck_asked("join / to=x rooms=n;leave / rooms=n;disconnect / close;");
	end_cluster();
}
END_TEST

START_TEST(a_broadcast_that_the_adapter_refuses_is_counted_as_dropped)
{
	begin_cluster();
	adapter_connects();
	adapter.refuses = -ENOMEM;
	ck_assert_int_eq(peal_emit(peal_io(world.node), PEAL_ALL, "a"), 0);
	ck_assert_uint_eq(world.stats.cluster_dropped, 1);
	end_cluster();
}
END_TEST

/* --- info --- */

static void note_info(const struct peal_cluster_info *info, void *userdata)
{
	(void)userdata;
	note("%s state=%d (%s) unnamed=%zu", info->adapter, info->state, info->detail,
	     info->unnamed);
	for (size_t i = 0; i < info->member_count; i++) {
		const struct peal_member_info *each = &info->members[i];
		note("; %s %s%s%s %llu", each->name, each->uid, each->self ? " self" : "",
		     each->silent ? " silent" : "", (unsigned long long)each->clients);
		for (size_t k = 0; k < each->namespace_count; k++)
			note(" %s", each->namespaces[k]);
	}
}

START_TEST(the_members_are_listed_by_name_with_this_node_first)
{
	begin_cluster();
	adapter_connects();
	announce_member("peer_2", "b");
	announce_member("peer_1", "a");
	adapter.receivers = 4;
	wait_ms(1000);
	clear_record();
	peal_cluster_info(world.node, note_info, NULL);
	ck_recorded("fake state=2 (because) unnamed=1; own owner1 self 0 /; a peer_1 5 /; "
		    "b peer_2 5 /");
	end_cluster();
}
END_TEST

START_TEST(a_node_without_adapter_is_a_cluster_of_one)
{
	begin();
	cluster_options.loop = world.loop;
	cluster_options.node = world.node;
	cluster_options.server = world.server;
	cluster_options.stats = &world.stats;
	cluster_options.log = &world.log;
	ck_assert_int_eq(peal_cluster_new(&cluster_options, &cluster), 0);
	ck_assert(peal_cluster_settled(cluster));
	ck_assert_uint_eq(world.stats.cluster_up, 1);
	peal_io(world.node);
	clear_record();
	peal_cluster_info(world.node, note_info, NULL);
	ck_recorded("memory state=2 () unnamed=0; own owner1 self 0 /");
	peal_cluster_renamed(cluster);
	peal_cluster_leave(cluster);
	peal_cluster_free(cluster);
	end();
}
END_TEST

START_TEST(an_adapter_of_another_version_is_refused_uncalled)
{
	struct peal_adapter_ops ops = { .version = PEAL_ADAPTER_VERSION + 1 };
	struct peal_adapter other = { .ops = &ops, .name = "other" };
	begin();
	cluster_options.log = &world.log;
	cluster_options.stats = &world.stats;
	cluster_options.adapter = &other;
	world.log.level = PEAL_LOG_ERROR + 1;
	ck_assert_int_lt(peal_cluster_new(&cluster_options, &cluster), 0);
	end();
}
END_TEST

UNIT_MAIN("cluster members", a_node_announces_what_it_serves_when_its_channels_are_in_force,
	  nothing_is_announced_without_a_connection,
	  a_digest_each_second_tells_the_load_and_not_the_list,
	  a_hello_and_a_question_are_answered_with_the_full_list,
	  who_is_not_known_or_has_another_list_is_asked_for_it,
	  a_change_opens_and_closes_namespaces_of_a_member, a_goodbye_ends_a_membership,
	  who_announces_nothing_for_the_member_timeout_is_silent_until_it_is_heard_again,
	  a_silent_member_that_redis_does_not_count_is_dead,
	  of_several_silent_members_the_oldest_is_given_up_first,
	  a_low_count_does_not_touch_members_that_are_heard,
	  a_silent_member_goes_after_a_minute_in_any_case,
	  a_node_that_stood_still_calls_nobody_silent, a_malformed_announcement_changes_nothing,
	  names_that_no_namespace_can_have_are_passed_over,
	  an_announcement_of_too_many_parts_is_refused, there_are_at_most_so_many_members,
	  two_nodes_of_one_name_are_logged,
	  a_node_that_leaves_says_goodbye_before_it_leaves_its_channels,
	  behind_its_goodbye_a_node_announces_nothing, a_new_name_is_announced,
	  a_dynamic_namespace_is_left_some_seconds_after_it_was_empty,
	  a_dynamic_namespace_that_comes_back_was_never_left,
	  who_joins_a_namespace_waits_until_it_is_in_force,
	  who_joins_a_namespace_waits_until_it_is_in_force,
	  rooms_are_told_to_the_adapter_with_their_first_and_last_member,
	  a_broadcast_of_another_node_reaches_the_local_clients,
	  messages_that_select_nobody_are_counted,
	  other_nodes_may_join_leave_and_disconnect_local_sockets,
	  what_the_application_does_is_published_unless_it_is_local,
	  a_broadcast_that_the_adapter_refuses_is_counted_as_dropped,
	  the_members_are_listed_by_name_with_this_node_first,
	  a_node_without_adapter_is_a_cluster_of_one,
	  an_adapter_of_another_version_is_refused_uncalled)
