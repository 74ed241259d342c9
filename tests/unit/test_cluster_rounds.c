/*
 * Acknowledged broadcasts of a whole cluster on a clock that the test moves: who is waited for and
 * how long, who is named, and how many messages it takes. Official servers are played by the test.
 */
#include <stdio.h>

#include "base/limits.h"
#include "cluster/cluster_private.h"
#include "protocol/args.h"
#include "tests/support/cluster_world.h"
#include "tests/unit/unit.h"

static void begin(void)
{
	world_begin(false);
}

static struct peal_namespace *io(size_t node)
{
	return peal_io(&world.nodes[node]);
}

/* --- an official server ------------------------------------------------------------------------
 */

/* It knows the wire and nothing of peal: no announcements, no uid in its answers. */
struct official {
	struct peal_adapter *adapter;
	struct peal_adapter_host host;
	struct peal_loop *loop;
	struct peal_stats stats;
	struct peal_log log;
	char uid[PEAL_UID_LENGTH + 1];
	unsigned clients;	  /* that it asks, and that answer at once … */
	unsigned silent;	  /* … but for these */
	bool mute;		  /* a stray subscriber, or frozen */
	unsigned counts, answers; /* what it was told as the one who asks */
	unsigned joined;	  /* answers in one message; 0 is right */
	char request_id[64];
};

static void tell_official(struct official *official, const struct peal_message *request,
			  enum peal_message_type type, uint32_t count)
{
	struct peal_args args;
	const struct peal_args *answers[1] = { &args };
	peal_args_init(&args, "\"official\"", 10, 1, NULL, 0);
	const struct peal_message message = {
		.type = type,
		.ns = request->ns,
		.uid = "",
		.request_id = request->request_id,
		.to = request->uid,
		.event = "",
		.text = "",
		.count = count,
		.counted = true,
		.last = true,
		.answers = answers,
		.answer_count = type == PEAL_MESSAGE_COUNT ? 0 : 1,
	};
	ck_assert_int_eq(official->adapter->ops->send(official->adapter, &message, 0, 0), 0);
	peal_args_deinit(&args);
}

static void official_message(const struct peal_message *message, void *context)
{
	struct official *official = context;
	if (message->type == PEAL_MESSAGE_ASK)
		snprintf(official->request_id, sizeof(official->request_id), "%s",
			 message->request_id);
	if (official->mute)
		return;
	switch (message->type) {
	case PEAL_MESSAGE_ASK:
		tell_official(official, message, PEAL_MESSAGE_COUNT, official->clients);
		for (unsigned i = official->silent; i < official->clients; i++)
			tell_official(official, message, PEAL_MESSAGE_ANSWER, 0);
		break;
	case PEAL_MESSAGE_FETCH:
		tell_official(official, message, PEAL_MESSAGE_FETCHED, 0);
		break;
	case PEAL_MESSAGE_SERVER_EMIT:
		if (*message->request_id)
			tell_official(official, message, PEAL_MESSAGE_SERVER_ANSWER, 0);
		break;
	case PEAL_MESSAGE_COUNT:
		official->counts++;
		break;
	case PEAL_MESSAGE_ANSWER:
		ck_assert_uint_eq(message->answer_count, 1);
		official->answers++;
		break;
	case PEAL_MESSAGE_ANSWERS:
		official->joined++;
		break;
	default:
		break;
	}
}

static void official_sent(uint64_t ticket, enum peal_sent how, uint32_t receivers, bool own,
			  void *context)
{
	(void)ticket, (void)how, (void)receivers, (void)own, (void)context;
}

static void official_receivers(const char *ns, uint32_t receivers, bool own, void *context)
{
	(void)ns, (void)receivers, (void)own, (void)context;
}

static void official_state(enum peal_adapter_state state, const char *detail, void *context)
{
	(void)state, (void)detail, (void)context;
}

static void official_opened(const char *ns, void *context)
{
	(void)ns, (void)context;
}

static const struct peal_adapter_news official_news = {
	.version = PEAL_ADAPTER_VERSION,
	.message = official_message,
	.sent = official_sent,
	.receivers = official_receivers,
	.state = official_state,
	.opened = official_opened,
};

static void official_start(struct official *official, const char *uid)
{
	/* On the loop of the first node: it never stands still. */
	official->loop = world.nodes[0].loop;
	official->adapter = peal_memory_adapter_new(world.hub);
	strcpy(official->uid, uid);
	official->host = (struct peal_adapter_host){ .news = &official_news,
						     .context = official,
						     .loop = official->loop,
						     .stats = &official->stats,
						     .log = &official->log,
						     .uid = official->uid,
						     .node_name = "" };
	ck_assert_int_eq(official->adapter->ops->start(official->adapter, &official->host), 0);
	official->adapter->ops->open(official->adapter, "/");
}

static void official_stop(struct official *official)
{
	official->adapter->ops->stop(official->adapter);
	peal_adapter_free(official->adapter);
	official->adapter = NULL;
}

static struct official official, another;

static void end(void)
{
	if (official.adapter)
		official_stop(&official);
	if (another.adapter)
		official_stop(&another);
	world_end();
}

/* --- rounds ------------------------------------------------------------------------------------
 */

/* An acknowledged broadcast of the first node that nobody's client is asked by but an official
 * server's. Return: how long it took. */
static uint64_t a_round(unsigned timeout_ms)
{
	uint64_t began = world_ms();
	clear_record();
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, timeout_ms, note_acks, NULL, "ask"), 0);
	UNTIL(world.length);
	return world_ms() - began;
}

START_TEST(a_round_of_peal_nodes_waits_for_nothing)
{
	nodes(3);
	ck_assert_uint_lt(a_round(5000), 20);
	ck_recorded("acks error=0 clients=0/0 servers=3/3 [];");
}
END_TEST

START_TEST(a_frozen_node_is_named)
{
	nodes(3);
	node_freeze(&world.nodes[2], true);
	uint64_t took = a_round(2000);
	ck_recorded("acks error=1 clients=0/0 servers=2/3 missing=n3,0 [];");
	ck_assert_uint_ge(took, 2000);
	ck_assert_uint_le(took, 2000 + 60);
	node_freeze(&world.nodes[2], false);
	rest(100);
}
END_TEST

START_TEST(a_node_that_was_frozen_for_long_is_named_too)
{
	nodes(3);
	node_freeze(&world.nodes[2], true);
	rest(10000);
	a_round(5000);
	ck_recorded("acks error=1 clients=0/0 servers=2/3 missing=n3,0 [];");
	node_freeze(&world.nodes[2], false);
	rest(1500);
	a_round(5000);
	ck_recorded("acks error=0 clients=0/0 servers=3/3 [];");
}
END_TEST

START_TEST(answers_of_a_node_that_thaws_late_do_not_touch_another_round)
{
	nodes(2);
	node_freeze(&world.nodes[1], true);
	a_round(500);
	ck_recorded("acks error=1 clients=0/0 servers=1/2 missing=n2,0 [];");
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 5000, note_acks, NULL, "ask"), 0);
	rest(10);
	node_freeze(&world.nodes[1], false);
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=0/0 servers=2/2 [];");
	rest(50);
	ck_assert_uint_eq(world.nodes[0].stats.cluster_answers_late, 1);
}
END_TEST

START_TEST(a_node_that_is_killed_delays_the_round_by_the_member_timeout_at_most)
{
	nodes(3);
	uint64_t began = world_ms();
	node_freeze(&world.nodes[2], true);
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 5000, note_acks, NULL, "ask"), 0);
	rest(20);
	node_kill(&world.nodes[2]);
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=0/0 servers=2/2 [];");
	ck_assert_uint_le(world_ms() - began, 3300);
}
END_TEST

START_TEST(a_node_that_was_killed_before_delays_nothing)
{
	nodes(3);
	node_kill(&world.nodes[2]);
	ck_assert_uint_lt(a_round(5000), 20);
	ck_recorded("acks error=0 clients=0/0 servers=2/2 [];");
}
END_TEST

START_TEST(clients_of_a_killed_node_are_missing_and_not_waited_for_without_end)
{
	nodes(2);
	struct peal_session *session = client(&world.nodes[1], "/");
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 20000, note_acks, NULL, "ask"), 0);
	uint64_t began = world_ms();
	UNTIL(has_heard(session, "ask"));
	rest(200);
	node_kill(&world.nodes[1]);
	UNTIL(world.length);
	ck_recorded("acks error=1 clients=0/1 servers=2/2 [];");
	ck_assert_uint_le(world_ms() - began, 5000);
}
END_TEST

START_TEST(a_node_that_joins_in_the_middle_changes_nothing)
{
	nodes(2);
	struct peal_session *session = client(&world.nodes[1], "/");
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 5000, note_acks, NULL, "ask"), 0);
	rest(20);
	node_start(node_new(true));
	UNTIL(know_each_other());
	ck_assert(answer(session, "/", "1"));
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=1/1 servers=2/2 [1];");
}
END_TEST

START_TEST(the_longest_timeout_of_all_is_one)
{
	nodes(2);
	struct peal_session *session = client(&world.nodes[1], "/");
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, UINT32_MAX, note_acks, NULL, "ask"), 0);
	rest(3000);
	ck_recorded("");
	ck_assert(answer(session, "/", "1"));
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=1/1 servers=2/2 [1];");
}
END_TEST

/* --- official servers --- */

START_TEST(an_official_server_is_found_and_then_waited_for_by_number)
{
	nodes(2);
	official.clients = 2;
	official_start(&official, "NODEJS");
	ck_assert_uint_lt(a_round(5000), 150);
	ck_recorded("acks error=0 clients=2/2 servers=3/3 [\"official\" \"official\"];");
	ck_assert_uint_lt(a_round(5000), 20);
	ck_recorded("acks error=0 clients=2/2 servers=3/3 [\"official\" \"official\"];");
}
END_TEST

static void note_unnamed(const struct peal_cluster_info *info, void *userdata)
{
	*(size_t *)userdata = info->unnamed;
}

START_TEST(an_official_server_that_has_answered_is_listed_at_once)
{
	size_t unnamed = 0;
	nodes(2);
	rest(1500);
	official_start(&official, "NODEJS");
	a_round(5000);
	peal_cluster_info(&world.nodes[0], note_unnamed, &unnamed);
	ck_assert_uint_eq(unnamed, 1);
	official_stop(&official);
	a_round(5000);
	peal_cluster_info(&world.nodes[0], note_unnamed, &unnamed);
	ck_assert_uint_eq(unnamed, 0);
}
END_TEST

START_TEST(a_frozen_official_server_is_unnamed_missing)
{
	nodes(2);
	official_start(&official, "NODEJS");
	a_round(1000);
	official.mute = true;
	ck_assert_uint_ge(a_round(1000), 1000);
	ck_recorded("acks error=1 clients=0/0 servers=2/3 missing=1 [];");
	official.mute = false;
	ck_assert_uint_lt(a_round(1000), 20);
	ck_recorded("acks error=0 clients=0/0 servers=3/3 [];");
}
END_TEST

START_TEST(one_of_two_official_servers_that_goes_is_not_missed)
{
	nodes(2);
	official_start(&official, "NODEJ1");
	official_start(&another, "NODEJ2");
	a_round(1000);
	ck_recorded("acks error=0 clients=0/0 servers=4/4 [];");
	official_stop(&another);
	ck_assert_uint_lt(a_round(1000), 20);
	ck_recorded("acks error=0 clients=0/0 servers=3/3 [];");
}
END_TEST

START_TEST(a_client_of_an_official_server_that_does_not_answer_is_missing)
{
	nodes(1);
	official.clients = 3;
	official.silent = 1;
	official_start(&official, "NODEJS");
	ck_assert_uint_ge(a_round(700), 700);
	ck_recorded("acks error=1 clients=2/3 servers=2/2 [\"official\" \"official\"];");
}
END_TEST

START_TEST(a_stray_subscriber_delays_one_round_a_little)
{
	nodes(3);
	official.mute = true;
	official_start(&official, "STRAY1");
	uint64_t first = a_round(5000);
	ck_recorded("acks error=0 clients=0/0 servers=3/3 [];");
	ck_assert_uint_lt(first, 150);
	ck_assert_uint_ge(first, 50);
	for (int i = 0; i < 20; i++) {
		ck_assert_uint_lt(a_round(5000), 20);
		ck_recorded("acks error=0 clients=0/0 servers=3/3 [];");
	}
}
END_TEST

START_TEST(official_servers_get_a_count_and_one_message_for_each_answer)
{
	struct peal_session *sessions[3];
	const struct peal_args *nothing;
	struct peal_args *args = NULL;
	nodes(1);
	official_start(&official, "NODEJS");
	for (size_t i = 0; i < 3; i++)
		sessions[i] = client(&world.nodes[0], "/");
	ck_assert_int_eq(peal_args_new(PEAL_VALUES("x"), &args), 0);
	nothing = args;
	const struct peal_message message = {
		.type = PEAL_MESSAGE_ASK,
		.ns = "/",
		.uid = "NODEJS",
		.request_id = "abc",
		.to = "",
		.event = "ask",
		.event_length = 3,
		.text = "",
		.args = nothing,
		.timeout_ms = 1000,
		.packet_id = UINT64_MAX,
	};
	ck_assert_int_eq(official.adapter->ops->send(official.adapter, &message, 0, 0), 0);
	UNTIL(official.counts == 1);
	ck_assert(answer(sessions[0], "/", "1"));
	ck_assert(answer(sessions[1], "/", "2"));
	UNTIL(official.answers == 2);
	ck_assert_uint_eq(world.nodes[0].stats.cluster_answering, 1);
	/* The third is forgotten at the deadline that came with the request. */
	rest(1100);
	ck_assert_uint_eq(world.nodes[0].stats.cluster_answering, 0);
	answer(sessions[2], "/", "3");
	rest(50);
	ck_assert_uint_eq(official.answers, 2);
	ck_assert_uint_eq(official.counts, 1);
	ck_assert_uint_eq(official.joined, 0);
	peal_args_free(args);
}
END_TEST

static uint64_t a_server_event(unsigned timeout_ms)
{
	uint64_t began = world_ms();
	clear_record();
	ck_assert_int_eq(peal_server_emit_ack(io(0), timeout_ms, note_acks, NULL, "ping"), 0);
	UNTIL(world.length);
	return world_ms() - began;
}

START_TEST(an_official_server_that_nobody_has_met_answers_a_server_event)
{
	nodes(1);
	official_start(&official, "NODEJS");
	a_server_event(5000);
	ck_recorded("acks error=0 clients=0/0 servers=1/1 [\"official\"];");
}
END_TEST

START_TEST(a_stray_subscriber_is_no_server_that_owes_an_answer)
{
	nodes(1);
	official.mute = true;
	official_start(&official, "STRAY1");
	ck_assert_uint_lt(a_server_event(5000), 1000);
	ck_recorded("acks error=0 clients=0/0 servers=0/0 [];");
}
END_TEST

static void note_one(enum peal_ack_error error, const struct peal_args *answer, void *userdata)
{
	size_t length = 0;
	const char *text = answer ? peal_args_text(answer, &length) : "";
	(void)userdata;
	note("one error=%d %.*s;", error, (int)length, text);
}

static void reply_at_once(struct peal_namespace *ns, const struct peal_event *event, void *userdata)
{
	(void)ns, (void)userdata;
	ck_assert_int_eq(peal_reply(event, "peal"), 0);
}

static void nodes_that_answer(size_t count)
{
	nodes(count);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(peal_on_server_event(io(i), "ping", reply_at_once, NULL), 0);
}

/* Asks the servers, of which the peal nodes answer at once. Return: how long it took. */
static uint64_t one_answer(unsigned timeout_ms)
{
	struct peal_args none;
	uint64_t began = world_ms();
	clear_record();
	peal_args_init(&none, "", 0, 0, NULL, 0);
	ck_assert_int_eq(peal_server_ask_args(io(0), timeout_ms, note_one, NULL, "ping", &none), 0);
	UNTIL(world.length);
	peal_args_deinit(&none);
	return world_ms() - began;
}

START_TEST(the_first_answer_of_an_official_server_ends_the_wait_for_one)
{
	nodes_that_answer(3);
	official_start(&official, "NODEJS");
	another.mute = true; /* it leaves the work to the other one */
	official_start(&another, "NODEJ2");
	ck_assert_uint_lt(one_answer(5000), 20);
	ck_recorded("one error=0 \"official\";");
	/* Again, now that one of them is known and the other one is not. */
	ck_assert_uint_lt(one_answer(5000), 20);
	ck_recorded("one error=0 \"official\";");
	clear_record();
	rest(6000);
	ck_recorded("");
}
END_TEST

START_TEST(whoever_could_answer_is_waited_for_however_often_it_was_silent)
{
	nodes_that_answer(2);
	official.mute = true;
	official_start(&official, "NODEJS");
	a_round(5000); /* it counts as a stray subscriber from here on */
	for (int i = 0; i < 7; i++) {
		ck_assert_uint_ge(one_answer(300), 300);
		ck_recorded("one error=1 ;");
	}
	official.mute = false;
	one_answer(300);
	ck_recorded("one error=0 \"official\";");
}
END_TEST

START_TEST(without_official_servers_nobody_is_waited_for)
{
	nodes_that_answer(3);
	ck_assert_uint_lt(one_answer(5000), 20);
	ck_recorded("one error=0 ;");
}
END_TEST

START_TEST(one_answer_is_told_of_once_when_the_node_goes)
{
	struct peal_args none;
	nodes(1);
	official.mute = true;
	official_start(&official, "NODEJS");
	clear_record();
	peal_args_init(&none, "", 0, 0, NULL, 0);
	ck_assert_int_eq(peal_server_ask_args(io(0), 5000, note_one, NULL, "ping", &none), 0);
	ck_assert_int_eq(peal_server_ask_args(io(0), 0, note_one, NULL, "connect", &none),
			 PEAL_EMIT_E_RESERVED);
	peal_args_deinit(&none);
	official_stop(&official);
	node_free(&world.nodes[0]);
	ck_recorded("one error=3 ;");
}
END_TEST

/* --- how many messages it takes --- */

#define MANY 1000

static struct peal_session *many[3][MANY];

static void many_clients(void)
{
	nodes(3);
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < MANY; k++) {
			many[i][k] = fake_session_open(world.nodes[i].loop, world.nodes[i].server);
			fake_session_say(many[i][k], "40");
		}
	rest(20);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(world.nodes[i].stats.sockets, MANY);
		for (size_t k = 0; k < MANY; k++)
			forget_heard(many[i][k]);
	}
}

START_TEST(three_thousand_answers_at_once_take_at_most_ten_messages)
{
	many_clients();
	uint64_t sent = peal_memory_hub_sent(world.hub);
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 5000, note_acks, NULL, "ask"), 0);
	rest(5);
	/* Within a tenth of a second. */
	for (size_t k = 0; k < MANY; k++) {
		for (size_t i = 0; i < 3; i++)
			ck_assert(answer(many[i][k], "/", "1"));
		if (k % 10 == 9)
			rest(1);
	}
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=3000/3000 servers=3/3;");
	ck_assert_uint_le(peal_memory_hub_sent(world.hub) - sent, 10);
}
END_TEST

START_TEST(three_thousand_answers_over_five_seconds_take_at_most_thirty_messages)
{
	many_clients();
	uint64_t sent = peal_memory_hub_sent(world.hub);
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 5000, note_acks, NULL, "ask"), 0);
	rest(1);
	uint64_t began = world_ms();
	for (size_t k = 0; k < MANY; k++) {
		while (world_ms() < began + k * 4950 / MANY)
			turn();
		for (size_t i = 0; i < 3; i++)
			ck_assert(answer(many[i][k], "/", "1"));
	}
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=3000/3000 servers=3/3;");
	ck_assert_uint_le(peal_memory_hub_sent(world.hub) - sent, 30);
	ck_assert_uint_ge(peal_memory_hub_sent(world.hub) - sent, 10);
}
END_TEST

START_TEST(an_answer_does_not_wait_long_when_it_comes_early)
{
	nodes(2);
	struct peal_session *first = client(&world.nodes[1], "/");
	struct peal_session *second = client(&world.nodes[1], "/");
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 5000, note_acks, NULL, "ask"), 0);
	uint64_t began = world_ms();
	rest(2);
	ck_assert(answer(first, "/", "1"));
	ck_assert(answer(second, "/", "2"));
	UNTIL(world.length);
	/* The last client has answered: at once. */
	ck_assert_uint_le(world_ms() - began, 10);
}
END_TEST

START_TEST(the_number_of_clients_is_told_before_any_of_them_answers)
{
	nodes(2);
	client(&world.nodes[1], "/");
	uint64_t sent = peal_memory_hub_sent(world.hub);
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 5000, note_acks, NULL, "ask"), 0);
	rest(90);
	ck_assert_uint_eq(peal_memory_hub_sent(world.hub) - sent, 1);
	rest(20);
	ck_assert_uint_eq(peal_memory_hub_sent(world.hub) - sent, 2);
	rest(1000);
	ck_assert_uint_eq(peal_memory_hub_sent(world.hub) - sent, 2);
	rest(4200);
	/* The last part, at the deadline, although there is nothing in it. */
	ck_assert_uint_eq(peal_memory_hub_sent(world.hub) - sent, 3);
	ck_recorded("acks error=1 clients=0/1 servers=2/2 [];");
}
END_TEST

START_TEST(large_answers_leave_before_their_time)
{
	static char large[60002];
	nodes(2);
	memset(large, 'x', sizeof(large) - 1);
	large[0] = large[sizeof(large) - 2] = '"';
	struct peal_session *sessions[6];
	for (size_t i = 0; i < 6; i++)
		sessions[i] = client(&world.nodes[1], "/");
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 5000, NULL, NULL, "ask"), 0);
	rest(1);
	uint64_t sent = peal_memory_hub_sent(world.hub);
	for (size_t i = 0; i < 5; i++)
		ck_assert(answer(sessions[i], "/", large));
	ck_assert_uint_eq(peal_memory_hub_sent(world.hub) - sent, 1);
	UNTIL(!world.nodes[0].stats.rounds);
}
END_TEST

START_TEST(a_node_that_cannot_ask_its_clients_is_missing)
{
	nodes(2);
	struct peal_session *session = client(&world.nodes[1], "/");
	size_t answering = world.nodes[1].stats.cluster_answering;
	world.nodes[1].stats.cluster_answering = PEAL_LIMIT_CLUSTER_REQUESTS;
	a_round(500);
	world.nodes[1].stats.cluster_answering = answering;
	ck_recorded("acks error=1 clients=0/0 servers=1/2 missing=n2,0 [];");
	ck_assert(!has_heard(session, "ask"));
}
END_TEST

START_TEST(what_a_node_holds_leaves_before_its_goodbye)
{
	nodes(2);
	struct peal_session *sessions[3];
	for (size_t i = 0; i < 3; i++)
		sessions[i] = client(&world.nodes[1], "/");
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 5000, note_acks, NULL, "ask"), 0);
	for (size_t i = 0; i < 2; i++) {
		rest(20);
		ck_assert(answer(sessions[i], "/", "1"));
	}
	/* The second waits for forty milliseconds. */
	node_free(&world.nodes[1]);
	UNTIL(world.length);
	ck_recorded("acks error=1 clients=2/3 servers=2/2 [1 1];");
}
END_TEST

/* --- the rest --- */

START_TEST(a_node_that_cannot_say_who_is_there_tells_so)
{
	nodes(2);
	/* It is the one who asks that is cut off: nothing leaves and nothing comes. */
	peal_memory_adapter_freeze(world.nodes[0].adapter, true);
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 500, note_acks, NULL, "ask"), 0);
	ck_assert_int_eq(peal_server_emit_ack(io(0), 500, note_acks, "servers", "ping"), 0);
	ck_assert_int_eq(peal_sockets_fetch(io(0), PEAL_ALL, 500, note_sockets, NULL), 0);
	ck_assert_int_eq(peal_rooms_fetch(io(0), 500, note_rooms, NULL), 0);
	rest(600);
	ck_assert_ptr_nonnull(
		strstr(world.record, "acks error=1 clients=0/0 servers=1/2 missing=n2,0 [];"));
	ck_assert_ptr_nonnull(
		strstr(world.record, "servers error=1 clients=0/0 servers=0/1 missing=n2,0 [];"));
	ck_assert_ptr_nonnull(strstr(world.record, "sockets error=1 0 [];"));
	ck_assert_ptr_nonnull(strstr(world.record, "rooms error=1 [];"));
	ck_assert_uint_eq(world.nodes[0].stats.cluster_requests, 0);
}
END_TEST

START_TEST(requests_under_way_have_a_ceiling)
{
	int r = 0;
	size_t i = 0;
	nodes(1);
	for (; r == 0 && i < 200000; i++)
		r = peal_server_emit_ack(io(0), 5000, NULL, NULL, "ping");
	ck_assert_int_eq(r, PEAL_EMIT_E_TOO_LARGE);
	ck_assert_uint_eq(i, 65537);
	rest(10);
	ck_assert_uint_eq(world.nodes[0].stats.cluster_requests, 0);
}
END_TEST

START_TEST(an_ask_over_the_ceiling_of_requests_reaches_no_client)
{
	int r = 0;
	nodes(1);
	struct peal_session *session = client(&world.nodes[0], "/");
	for (size_t i = 0; r == 0 && i < 200000; i++)
		r = peal_server_emit_ack(io(0), 5000, NULL, NULL, "ping");
	ck_assert_int_eq(r, PEAL_EMIT_E_TOO_LARGE);
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 500, note_acks, NULL, "ask"),
			 PEAL_EMIT_E_TOO_LARGE);
	ck_assert_int_eq(
		peal_emit_ack(io(0), PEAL_TO(.flags = PEAL_LOCAL), 500, NULL, NULL, "here"), 0);
	rest(10);
	ck_recorded("");
	ck_assert(!has_heard(session, "ask"));
	ck_assert(has_heard(session, "here"));
	ck_assert_uint_eq(world.nodes[0].stats.rounds, 1);
}
END_TEST

START_TEST(a_join_is_confirmed_within_a_second_though_a_node_is_frozen)
{
	nodes(3);
	node_freeze(&world.nodes[2], true);
	uint64_t began = world_ms();
	ck_assert_int_eq(
		peal_sockets_join_confirmed(io(0), PEAL_ALL, PEAL_ROOMS("x"), note_confirmed, NULL),
		0);
	UNTIL(world.length);
	ck_recorded("confirmed 1/2;");
	ck_assert_uint_le(world_ms() - began, 1010);
	node_freeze(&world.nodes[2], false);
	rest(10);
}
END_TEST

START_TEST(a_join_is_confirmed_when_the_own_subscriptions_are_in_force)
{
	nodes(2);
	uint64_t number = peal_barrier_issue(&world.nodes[0].barrier);
	ck_assert_int_eq(
		peal_sockets_join_confirmed(io(0), PEAL_ALL, PEAL_ROOMS("x"), note_confirmed, NULL),
		0);
	rest(300);
	ck_recorded("");
	peal_barrier_reach(&world.nodes[0].barrier, number);
	rest(5);
	ck_recorded("confirmed 1/1;");
}
END_TEST

/* --- answers that are wrong ---
 */

/* What a peal node answers, said by the test in the name of @uid. */
static void say_answers(struct official *from, const char *uid, const char *request_id,
			enum peal_message_type type, uint32_t number, bool last, uint32_t count)
{
	struct peal_args args;
	const struct peal_args *answers[1] = { &args };
	peal_args_init(&args, "1", 1, 1, NULL, 0);
	const struct peal_message message = {
		.type = type,
		.ns = "/",
		.uid = uid,
		.request_id = request_id,
		.to = world.nodes[0].uid,
		.event = "",
		.text = "",
		.count = count,
		.counted = number == 0,
		.number = number,
		.last = last,
		.answers = answers,
		.answer_count = 1,
	};
	ck_assert_int_eq(from->adapter->ops->send(from->adapter, &message, 0, 0), 0);
	peal_args_deinit(&args);
}

START_TEST(a_part_that_comes_twice_counts_once)
{
	nodes(1);
	official.mute = true; /* it speaks below */
	official_start(&official, "OTHER1");
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 5000, note_acks, NULL, "ask"), 0);
	rest(5);
	for (int i = 0; i < 2; i++)
		say_answers(&official, "OTHER1", official.request_id, PEAL_MESSAGE_ANSWERS, 0,
			    false, 3);
	rest(5);
	ck_recorded("");
	say_answers(&official, "OTHER1", official.request_id, PEAL_MESSAGE_ANSWERS, 1, false, 0);
	say_answers(&official, "OTHER1", official.request_id, PEAL_MESSAGE_ANSWERS, 0, false, 3);
	rest(5);
	ck_recorded("");
	say_answers(&official, "OTHER1", official.request_id, PEAL_MESSAGE_ANSWERS, 2, true, 0);
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=3/3 servers=2/2 [1 1 1];");
	ck_assert_uint_eq(world.nodes[0].stats.cluster_answers_repeated, 2);
}
END_TEST

START_TEST(answers_that_fit_no_request_change_nothing)
{
	nodes(2);
	struct peal_session *session = client(&world.nodes[1], "/");
	official_start(&official, "OTHER1");
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 5000, note_acks, NULL, "ask"), 0);
	rest(5);
	for (int type = PEAL_MESSAGE_COUNT; type <= PEAL_MESSAGE_SERVER_ANSWER; type++) {
		say_answers(&official, "OTHER1", "nobody", type, 0, true, 7);
		say_answers(&official, "", "", type, 0, true, 7);
		if (type > PEAL_MESSAGE_ANSWERS)
			say_answers(&official, "OTHER1", official.request_id, type, 0, true, 7);
	}
	rest(200);
	ck_recorded("");
	ck_assert(answer(session, "/", "1"));
	UNTIL(world.length);
	ck_recorded("acks error=0 clients=1/1 servers=3/3 [1];");
	ck_assert_uint_gt(world.nodes[0].stats.cluster_answers_late, 0);
}
END_TEST

START_TEST(a_complete_round_misses_nobody_who_shows_up_behind_it)
{
	nodes(2);
	official.mute = true;
	official_start(&official, "STRAY1");
	a_round(5000);
	a_round(5000);
	clear_record();
	ck_assert_int_eq(peal_emit_ack(io(0), PEAL_ALL, 5000, note_acks, NULL, "ask"), 0);
	/* The last answer is on its way, and right behind it one that shows a server. */
	peal_loop_step(world.nodes[1].loop);
	say_answers(&official, "", "nobody", PEAL_MESSAGE_COUNT, 0, true, 0);
	ck_recorded("");
	UNTIL(world.length);
	ck_assert_uint_eq(world.nodes[0].stats.cluster_answers_late, 1);
	ck_recorded("acks error=0 clients=0/0 servers=2/2 [];");
}
END_TEST

static void count_one(const struct peal_acks *acks, void *userdata)
{
	ck_assert_uint_eq(acks->missing_server_count, 0);
	++*(size_t *)userdata;
}

START_TEST(a_node_that_dies_holds_up_none_of_many_requests)
{
	size_t told = 0;
	nodes(2);
	official.mute = true;
	official_start(&official, "STRAY1");
	node_freeze(&world.nodes[1], true);
	/* Each finds out who is there by another request, which makes the table grow. */
	for (size_t i = 0; i < 60; i++)
		ck_assert_int_eq(peal_server_emit_ack(io(0), 20000, count_one, &told, "ping"), 0);
	rest(100);
	node_kill(&world.nodes[1]);
	peal_member_remove(world.nodes[0].cluster,
			   peal_member_find(world.nodes[0].cluster, world.nodes[1].uid), "dead");
	rest(200);
	ck_assert_uint_eq(told, 60);
}
END_TEST

START_TEST(joined_answers_never_go_to_everyone)
{
	struct peal_args args;
	nodes(1);
	struct peal_session *session = client(&world.nodes[0], "/");
	official_start(&official, "OTHER1");
	peal_args_init(&args, "1", 1, 1, NULL, 0);
	/* It says that it is a peal node, but not which. */
	const struct peal_message message = {
		.type = PEAL_MESSAGE_ASK,
		.ns = "/",
		.uid = "",
		.request_id = "abc",
		.to = "",
		.event = "ask",
		.event_length = 3,
		.text = "",
		.args = &args,
		.timeout_ms = 1000,
		.packet_id = UINT64_MAX,
		.peal = true,
	};
	ck_assert_int_eq(official.adapter->ops->send(official.adapter, &message, 0, 0), 0);
	UNTIL(official.counts);
	ck_assert(answer(session, "/", "1"));
	UNTIL(official.answers);
	rest(50);
	ck_assert_uint_eq(official.joined, 0);
	peal_args_deinit(&args);
}
END_TEST

UNIT_MAIN_WITH("cluster_rounds", begin, end, a_round_of_peal_nodes_waits_for_nothing,
	       a_frozen_node_is_named, a_node_that_was_frozen_for_long_is_named_too,
	       answers_of_a_node_that_thaws_late_do_not_touch_another_round,
	       a_node_that_is_killed_delays_the_round_by_the_member_timeout_at_most,
	       a_node_that_was_killed_before_delays_nothing,
	       clients_of_a_killed_node_are_missing_and_not_waited_for_without_end,
	       a_node_that_joins_in_the_middle_changes_nothing, the_longest_timeout_of_all_is_one,
	       an_official_server_is_found_and_then_waited_for_by_number,
	       an_official_server_that_has_answered_is_listed_at_once,
	       a_frozen_official_server_is_unnamed_missing,
	       one_of_two_official_servers_that_goes_is_not_missed,
	       a_client_of_an_official_server_that_does_not_answer_is_missing,
	       a_stray_subscriber_delays_one_round_a_little,
	       official_servers_get_a_count_and_one_message_for_each_answer,
	       an_official_server_that_nobody_has_met_answers_a_server_event,
	       a_stray_subscriber_is_no_server_that_owes_an_answer,
	       the_first_answer_of_an_official_server_ends_the_wait_for_one,
	       whoever_could_answer_is_waited_for_however_often_it_was_silent,
	       without_official_servers_nobody_is_waited_for,
	       one_answer_is_told_of_once_when_the_node_goes,
	       three_thousand_answers_at_once_take_at_most_ten_messages,
	       three_thousand_answers_over_five_seconds_take_at_most_thirty_messages,
	       an_answer_does_not_wait_long_when_it_comes_early,
	       the_number_of_clients_is_told_before_any_of_them_answers,
	       large_answers_leave_before_their_time, a_node_that_cannot_ask_its_clients_is_missing,
	       what_a_node_holds_leaves_before_its_goodbye,
	       a_node_that_cannot_say_who_is_there_tells_so, requests_under_way_have_a_ceiling,
	       an_ask_over_the_ceiling_of_requests_reaches_no_client,
	       a_join_is_confirmed_within_a_second_though_a_node_is_frozen,
	       a_join_is_confirmed_when_the_own_subscriptions_are_in_force,
	       a_part_that_comes_twice_counts_once, answers_that_fit_no_request_change_nothing,
	       a_complete_round_misses_nobody_who_shows_up_behind_it,
	       a_node_that_dies_holds_up_none_of_many_requests, joined_answers_never_go_to_everyone)
