/* The Redis adapter between two nodes, through a real Redis. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "loop/barrier.h"
#include "protocol/args.h"
#include "tests/support/redis_server.h"
#include "tests/unit/unit.h"

#define MOST 16384

struct peer {
	struct peal_adapter *adapter;
	struct peal_adapter_host host;
	struct peal_stats stats;
	struct peal_barrier barrier;
	enum peal_adapter_state state;
	unsigned states, opened, gaps, messages;
	uint64_t gap_from_ms, gap_to_ms;
	bool keeps; /* it does not release what is held */
	/* the last of each */
	enum peal_message_type type;
	char ns[64], event[64], text[256], uid[16], request_id[16];
	unsigned sent;
	uint64_t ticket;
	enum peal_sent how;
	uint32_t receivers;
	bool own;
	unsigned counted;
	unsigned echoes;	  /* own announcements that came back */
	unsigned char seen[MOST]; /* by the number that is the argument */
	struct peer *echoes_to;	  /* sends back to the room that came as argument */
};

static struct redis_server server;
static struct redis_world world;
static struct peer a, b;

static int send_event(struct peer *peer, const char *room, const char *event, const char *json)
{
	struct peal_args args;
	peal_args_init(&args, json, strlen(json), 1, NULL, 0);
	struct peal_message message = {
		.type = PEAL_MESSAGE_BROADCAST,
		.ns = "/",
		.uid = peer->host.uid,
		.request_id = "",
		.to = "",
		.event = event,
		.event_length = strlen(event),
		.args = &args,
		.packet_id = UINT64_MAX,
		.text = "",
	};
	const char *rooms[] = { room };
	if (room)
		message.target.rooms = (struct peal_rooms){ rooms, 1, true };
	int error = peer->adapter->ops->send(peer->adapter, &message, 0, 0);
	peal_args_deinit(&args);
	return error;
}

/* Ask for the rooms of a namespace. */
static int ask(struct peer *peer, const char *ns, const char *request_id, uint64_t ticket,
	       unsigned expires_ms)
{
	const struct peal_message message = {
		.type = PEAL_MESSAGE_ROOMS,
		.ns = ns,
		.uid = peer->host.uid,
		.request_id = request_id,
		.to = "",
		.event = "",
		.packet_id = UINT64_MAX,
		.text = "",
	};
	return peer->adapter->ops->send(peer->adapter, &message, ticket, expires_ms);
}

static void on_message(const struct peal_message *message, void *context)
{
	struct peer *peer = context;
	peer->messages++;
	peer->type = message->type;
	snprintf(peer->ns, sizeof(peer->ns), "%s", message->ns);
	snprintf(peer->event, sizeof(peer->event), "%s", message->event);
	snprintf(peer->uid, sizeof(peer->uid), "%s", message->uid);
	snprintf(peer->request_id, sizeof(peer->request_id), "%s", message->request_id);
	if (message->args && peal_args_count(message->args)) {
		size_t length;
		const char *text = peal_args_item(message->args, 0, &length);
		snprintf(peer->text, sizeof(peer->text), "%.*s", (int)length, text);
		if (atoi(peer->text) > 0 && atoi(peer->text) < MOST)
			peer->seen[atoi(peer->text)]++;
	}
	if (message->type == PEAL_MESSAGE_BROADCAST && peer->echoes_to) {
		char room[sizeof(peer->text) + 1];
		snprintf(room, sizeof(room), "r%s", peer->text);
		ck_assert_int_eq(send_event(peer, room, "echo", peer->text), 0);
	}
	if (message->type == PEAL_MESSAGE_ROOMS) {
		const char *rooms[] = { "one", "two" };
		const struct peal_message answer = {
			.type = PEAL_MESSAGE_ROOMS_LISTED,
			.ns = message->ns,
			.uid = peer->host.uid,
			.request_id = message->request_id,
			.to = message->uid,
			.rooms = { rooms, 2, true },
			.event = "",
			.packet_id = UINT64_MAX,
			.text = "",
		};
		ck_assert_int_eq(peer->adapter->ops->send(peer->adapter, &answer, 0, 0), 0);
	}
}

static void on_sent(uint64_t ticket, enum peal_sent how, uint32_t receivers, bool own,
		    void *context)
{
	struct peer *peer = context;
	peer->sent++;
	peer->ticket = ticket;
	peer->how = how;
	peer->receivers = receivers;
	peer->own = own;
}

static void on_receivers(const char *ns, uint32_t receivers, bool own, void *context)
{
	struct peer *peer = context;
	snprintf(peer->ns, sizeof(peer->ns), "%s", ns);
	peer->counted++;
	peer->receivers = receivers;
	peer->own = own;
}

static void on_state(enum peal_adapter_state state, const char *detail, void *context)
{
	struct peer *peer = context;
	ck_assert_ptr_nonnull(detail);
	if (state != peer->state)
		peer->states++;
	peer->state = state;
	if (state == PEAL_ADAPTER_DOWN)
		peal_barrier_let_go(&peer->barrier);
	if (state == PEAL_ADAPTER_HELD && !peer->keeps)
		peer->adapter->ops->release(peer->adapter);
}

static void on_gap(uint64_t from_ms, uint64_t to_ms, void *context)
{
	struct peer *peer = context;
	peer->gaps++;
	peer->gap_from_ms = from_ms;
	peer->gap_to_ms = to_ms;
}

static void on_echo(void *context)
{
	struct peer *peer = context;
	peer->echoes++;
}

static void on_opened(const char *ns, void *context)
{
	struct peer *peer = context;
	(void)ns;
	peer->opened++;
}

static uint64_t on_issue(void *context)
{
	struct peer *peer = context;
	return peal_barrier_issue(&peer->barrier);
}

static void on_reach(uint64_t number, void *context)
{
	struct peer *peer = context;
	peal_barrier_reach(&peer->barrier, number);
}

static const struct peal_adapter_news news = {
	.version = PEAL_ADAPTER_VERSION,
	.message = on_message,
	.sent = on_sent,
	.receivers = on_receivers,
	.state = on_state,
	.echo = on_echo,
	.gap = on_gap,
	.opened = on_opened,
	.issue = on_issue,
	.reach = on_reach,
};

static void begin_with(struct peer *peer, const char *uid, bool keeps, size_t queue_limit)
{
	char url[64], message[256];
	struct peal_redis_options options;
	memset(peer, 0, sizeof(*peer));
	peer->keeps = keeps;
	snprintf(url, sizeof(url), "redis://127.0.0.1:%u", server.port);
	peal_redis_options_init(&options);
	options.url = url;
	if (queue_limit)
		options.queue_limit = queue_limit;
	ck_assert_int_eq(peal_redis_adapter_new(&options, &peer->adapter, message, sizeof(message)),
			 0);
	peal_barrier_init(&peer->barrier, world.loop, &peer->stats);
	peer->host = (struct peal_adapter_host){
		.news = &news,
		.context = peer,
		.base = peal_loop_base(world.loop),
		.loop = world.loop,
		.stats = &peer->stats,
		.log = &world.log,
		.uid = uid,
		.node_name = uid,
	};
	ck_assert_int_eq(peer->adapter->ops->start(peer->adapter, &peer->host), 0);
	peer->adapter->ops->open(peer->adapter, "/");
}

static void begin(struct peer *peer, const char *uid)
{
	begin_with(peer, uid, false, 0);
	WAIT_FOR(&world, peer->state == PEAL_ADAPTER_UP && peer->opened == 1);
}

static void end(struct peer *peer)
{
	if (!peer->adapter)
		return;
	peer->adapter->ops->stop(peer->adapter);
	peal_adapter_free(peer->adapter);
	peal_barrier_deinit(&peer->barrier);
	peer->adapter = NULL;
	ck_assert_uint_eq(peer->stats.cluster_subscriptions, 0);
}

static void set_up(void)
{
	redis_server_start(&server, false);
	redis_world_init(&world);
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
}

static void tear_down(void)
{
	end(&a);
	end(&b);
	redis_world_deinit(&world);
	redis_server_stop(&server);
}

static void set_mode(struct peer *peer, enum peal_interest mode)
{
	peer->adapter->ops->interest(peer->adapter, "/", mode);
}

static uint64_t join(struct peer *peer, const char *room)
{
	return peer->adapter->ops->join(peer->adapter, "/", room, strlen(room));
}

static void reach(struct peer *peer, uint64_t number)
{
	WAIT_FOR(&world, peal_barrier_reached(&peer->barrier, number));
}

START_TEST(is_held_until_it_is_released)
{
	begin(&b, "BBBBBB");
	begin_with(&a, "AAAAAA", true, 0);
	ck_assert_int_eq(send_event(&a, NULL, "early", "1"), 0);
	WAIT_FOR(&world, a.state == PEAL_ADAPTER_HELD);
	redis_world_rest(&world, 200);
	ck_assert_uint_eq(b.messages, 0);
	a.adapter->ops->release(a.adapter);
	ck_assert_int_eq(a.state, PEAL_ADAPTER_HELD);
	WAIT_FOR(&world, a.state == PEAL_ADAPTER_UP && b.messages == 1);
	ck_assert_str_eq(b.event, "early");
	ck_assert_uint_eq(a.gaps, 0);
}
END_TEST

START_TEST(announcements_do_not_wait_for_the_release)
{
	begin(&b, "BBBBBB");
	begin_with(&a, "AAAAAA", true, 0);
	WAIT_FOR(&world, a.state == PEAL_ADAPTER_HELD);
	const struct peal_message message = { .type = PEAL_MESSAGE_ANNOUNCE,
					      .ns = "",
					      .uid = "AAAAAA",
					      .request_id = "",
					      .to = "",
					      .event = "",
					      .packet_id = UINT64_MAX,
					      .text = "{\"uid\":\"AAAAAA\"}",
					      .text_length = 16 };
	ck_assert_int_eq(a.adapter->ops->send(a.adapter, &message, 0, 0), 0);
	WAIT_FOR(&world, b.messages == 1);
	ck_assert_int_eq(b.type, PEAL_MESSAGE_ANNOUNCE);
	ck_assert_uint_eq(a.messages, 0);
	WAIT_FOR(&world, a.echoes == 1);
	ck_assert_uint_eq(b.echoes, 0);
}
END_TEST

START_TEST(a_broadcast_reaches_the_others_and_its_own_copy_is_dropped_undecoded)
{
	begin(&a, "AAAAAA");
	begin(&b, "BBBBBB");
	ck_assert_int_eq(send_event(&a, NULL, "hello", "\"world\""), 0);
	WAIT_FOR(&world, b.messages == 1 && a.stats.cluster_messages_own == 1);
	ck_assert_str_eq(b.event, "hello");
	ck_assert_str_eq(b.text, "\"world\"");
	ck_assert_str_eq(b.uid, "AAAAAA");
	ck_assert_uint_eq(a.messages, 0);
	ck_assert_uint_eq(a.echoes, 0); /* announcements only */
	WAIT_FOR(&world, a.stats.cluster_published == 1);
}
END_TEST

START_TEST(a_request_tells_how_many_heard_it_and_whether_itself_did)
{
	begin(&a, "AAAAAA");
	begin(&b, "BBBBBB");
	ck_assert_int_eq(ask(&a, "/", "q1", 7, 5000), 0);
	WAIT_FOR(&world, a.sent == 1 && a.messages == 1);
	ck_assert_uint_eq(a.ticket, 7);
	ck_assert_int_eq(a.how, PEAL_SENT_DELIVERED);
	ck_assert_uint_eq(a.receivers, 2);
	ck_assert(a.own);
	ck_assert_int_eq(a.type, PEAL_MESSAGE_ROOMS_LISTED);
	ck_assert_str_eq(a.request_id, "q1");
	a.adapter->ops->count(a.adapter, "/");
	WAIT_FOR(&world, a.counted == 1);
	ck_assert_uint_eq(a.receivers, 2);
	ck_assert_str_eq(a.ns, "/");
}
END_TEST

START_TEST(a_request_that_was_held_was_published_when_its_own_channels_were_there)
{
	begin(&b, "BBBBBB");
	begin_with(&a, "AAAAAA", false, 0);
	ck_assert_int_eq(ask(&a, "/", "q1", 7, 5000), 0);
	WAIT_FOR(&world, a.sent == 1 && a.messages == 1);
	ck_assert_uint_eq(a.receivers, 2);
	ck_assert(a.own);
}
END_TEST

START_TEST(a_request_for_a_namespace_that_is_not_served_gets_its_answers)
{
	begin(&a, "AAAAAA");
	begin(&b, "BBBBBB");
	b.adapter->ops->open(b.adapter, "/other");
	WAIT_FOR(&world, b.opened == 2);
	ck_assert_int_eq(ask(&a, "/other", "q2", 8, 300), 0);
	WAIT_FOR(&world, a.sent == 1 && a.messages == 1);
	ck_assert_int_eq(a.type, PEAL_MESSAGE_ROOMS_LISTED);
	ck_assert_uint_eq(a.receivers, 1);
	ck_assert(!a.own);
	ck_assert_uint_eq(a.opened, 1);
	/* The channels of the answers are left when none can come any more. */
	uint64_t before = a.stats.cluster_subscriptions;
	WAIT_FOR(&world, a.stats.cluster_subscriptions == before - 2);
}
END_TEST

START_TEST(what_is_published_behind_a_join_finds_the_subscription)
{
	begin(&a, "AAAAAA");
	begin(&b, "BBBBBB");
	set_mode(&a, PEAL_INTEREST_ROOMS);
	set_mode(&b, PEAL_INTEREST_ROOMS);
	WAIT_FOR(&world, a.stats.cluster_subscriptions == 6 && b.stats.cluster_subscriptions == 6);
	b.echoes_to = &a;
	for (int i = 1; i <= 300; i++) {
		char room[16], number[16];
		snprintf(room, sizeof(room), "r%d", i);
		snprintf(number, sizeof(number), "%d", i);
		/* Nobody waits here: the adapter puts the publish behind the subscription. */
		ck_assert_uint_gt(join(&a, room), 0);
		ck_assert_int_eq(send_event(&a, NULL, "joined", number), 0);
		if (i % 3 == 0)
			redis_world_turn(&world);
	}
	WAIT_FOR(&world, a.messages == 300);
	for (int i = 1; i <= 300; i++)
		ck_assert_uint_eq(a.seen[i], 1);
	ck_assert_uint_eq(a.stats.barrier_timeouts, 0);
}
END_TEST

START_TEST(every_message_arrives_once_while_the_interest_changes)
{
	begin(&a, "AAAAAA");
	begin(&b, "BBBBBB");
	join(&b, "room");
	enum peal_interest mode = PEAL_INTEREST_PATTERN;
	for (int i = 1; i <= 10000; i++) {
		char number[16];
		snprintf(number, sizeof(number), "%d", i);
		ck_assert_int_eq(send_event(&a, i % 2 ? "room" : NULL, "n", number), 0);
		if (i % 1000 == 500) {
			mode = mode == PEAL_INTEREST_ROOMS ? PEAL_INTEREST_PATTERN
							   : PEAL_INTEREST_ROOMS;
			set_mode(&b, mode);
		}
		if (i % 10 == 0)
			redis_world_turn(&world);
	}
	WAIT_FOR(&world, b.messages >= 10000);
	redis_world_rest(&world, 200);
	for (int i = 1; i <= 10000; i++)
		ck_assert_msg(b.seen[i] == 1, "%d came %d times", i, b.seen[i]);
	ck_assert_uint_eq(b.stats.cluster_interest_changes, 10);
}
END_TEST

static uint64_t wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

START_TEST(an_outage_is_a_gap_and_everything_works_again_after_it)
{
	begin(&a, "AAAAAA");
	begin(&b, "BBBBBB");
	set_mode(&b, PEAL_INTEREST_ROOMS);
	reach(&b, join(&b, "room"));
	redis_world_rest(&world, 100);
	uint64_t killed_ms = wall_ms();
	redis_server_kill(&server, SIGKILL);
	WAIT_FOR(&world, a.state == PEAL_ADAPTER_DOWN && b.state == PEAL_ADAPTER_DOWN);
	/* Nobody waits for a connection that is gone. */
	ck_assert_uint_eq(join(&b, "later"), 0);
	ck_assert_int_eq(send_event(&a, "room", "held", "1"), 0);
	redis_server_start_again(&server);
	WAIT_FOR(&world, a.state == PEAL_ADAPTER_UP && b.state == PEAL_ADAPTER_UP);
	WAIT_FOR(&world, b.gaps == 1 && a.gaps == 1);
	ck_assert_uint_le(b.gap_from_ms, killed_ms + 1);
	ck_assert_uint_gt(b.gap_to_ms, killed_ms);
	ck_assert_uint_le(b.gap_to_ms, wall_ms());
	ck_assert_uint_eq(b.stats.cluster_gaps, 1);
	ck_assert_uint_ge(b.stats.cluster_gap_ms, b.gap_to_ms - killed_ms);
	ck_assert_int_eq(send_event(&a, "room", "again", "2"), 0);
	ck_assert_int_eq(send_event(&a, "later", "again", "3"), 0);
	WAIT_FOR(&world, b.seen[2] && b.seen[3]);
	ck_assert_uint_eq(b.seen[2], 1);
	ck_assert_uint_eq(b.seen[3], 1);
	ck_assert_uint_eq(a.stats.cluster_published_late + a.stats.cluster_in_doubt +
				  a.stats.cluster_dropped,
			  1);
	ck_assert_uint_ge(b.opened, 2);
}
END_TEST

START_TEST(a_lost_subscriber_alone_is_an_outage_too)
{
	begin(&a, "AAAAAA");
	begin(&b, "BBBBBB");
	reach(&b, join(&b, "room"));
	unsigned states = b.states;
	redis_server_say(&server, "CLIENT KILL TYPE pubsub");
	WAIT_FOR(&world, b.gaps == 1 && b.state == PEAL_ADAPTER_UP && a.state == PEAL_ADAPTER_UP);
	ck_assert_uint_ge(b.states, states + 3);
	ck_assert_uint_le(b.gap_from_ms, b.gap_to_ms);
	ck_assert_int_eq(send_event(&a, "room", "again", "1"), 0);
	WAIT_FOR(&world, b.seen[1]);
	redis_world_rest(&world, 100);
	ck_assert_uint_eq(b.seen[1], 1);
	/* And a lost publisher is an outage without a gap: nothing was missed. */
	redis_server_say(&server, "CLIENT KILL TYPE normal");
	WAIT_FOR(&world, b.stats.cluster_disconnects >= 2 && a.stats.cluster_disconnects >= 2);
	WAIT_FOR(&world, a.state == PEAL_ADAPTER_UP && b.state == PEAL_ADAPTER_UP);
	ck_assert_uint_eq(b.gaps, 1);
	ck_assert_int_eq(send_event(&a, "room", "again", "2"), 0);
	WAIT_FOR(&world, b.seen[2]);
}
END_TEST

START_TEST(a_frozen_redis_is_given_up_and_the_gap_begins_before_it)
{
	begin(&b, "BBBBBB");
	set_mode(&b, PEAL_INTEREST_ROOMS);
	WAIT_FOR(&world, b.stats.cluster_subscriptions == 6);
	redis_world_rest(&world, 100);
	uint64_t frozen_ms = wall_ms();
	redis_server_kill(&server, SIGSTOP);
	/* A join waits, but not for ever. */
	uint64_t number = join(&b, "room");
	ck_assert_uint_gt(number, 0);
	reach(&b, number);
	ck_assert_int_eq(b.state, PEAL_ADAPTER_UP);
	WAIT_FOR(&world, b.state == PEAL_ADAPTER_DOWN);
	redis_server_kill(&server, SIGCONT);
	WAIT_FOR(&world, b.state == PEAL_ADAPTER_UP && b.gaps == 1);
	ck_assert_uint_le(b.gap_from_ms, frozen_ms + 1);
	ck_assert_uint_ge(b.gap_to_ms - b.gap_from_ms, PEAL_LIMIT_BARRIER_MS);
}
END_TEST

/* Redis drops a client that does not read for @still_ms, and what it reads at last is old. */
static void be_dropped_by_redis(unsigned still_ms)
{
	static char command[50100];
	begin(&b, "BBBBBB");
	redis_server_say(&server, "CONFIG SET client-output-buffer-limit \"pubsub 65536 65536 1\"");
	redis_world_rest(&world, 100);
	uint64_t stopped_ms = wall_ms();
	snprintf(command, sizeof(command), "PUBLISH socket.io#/# %050000d", 0);
	uint64_t give_up_ms = now_in_ms() + 20000;
	while (strcmp(redis_server_say(&server, command), ":0") && now_in_ms() < give_up_ms)
		continue;
	usleep(1000 * still_ms);
	uint64_t went_on_ms = wall_ms();
	WAIT_FOR(&world, b.gaps == 1);
	ck_assert_uint_le(b.gap_from_ms, stopped_ms + 1);
	ck_assert_uint_ge(b.gap_to_ms, went_on_ms);
}

START_TEST(the_gap_of_a_node_that_stood_still_begins_before_the_standstill)
{
	be_dropped_by_redis(PEAL_LIMIT_STANDSTILL_MS + 500);
}
END_TEST

START_TEST(the_gap_of_a_node_that_read_too_slowly_begins_with_what_was_dropped)
{
	be_dropped_by_redis(300);
}
END_TEST

START_TEST(a_request_that_finds_the_queue_full_is_told_as_dropped)
{
	begin_with(&a, "AAAAAA", true, 4096);
	WAIT_FOR(&world, a.state == PEAL_ADAPTER_HELD);
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(send_event(&a, NULL, "fill", "1"), 0);
	ck_assert_uint_gt(a.stats.cluster_dropped, 0);
	ck_assert_int_eq(ask(&a, "/", "q3", 9, 0), 0);
	ck_assert_uint_eq(a.sent, 0);
	WAIT_FOR(&world, a.sent == 1);
	ck_assert_int_eq(a.how, PEAL_SENT_DROPPED);
	ck_assert_uint_eq(a.ticket, 9);
}
END_TEST

START_TEST(missing_rights_are_explained_and_tried_again)
{
	redis_server_say(&server, "ACL SETUSER default resetchannels &socket.io*");
	begin_with(&a, "AAAAAA", false, 0);
	WAIT_FOR(&world, redis_world_logged(&world, "refused a subscription"));
	ck_assert_int_eq(a.state, PEAL_ADAPTER_DOWN);
	redis_server_say(&server, "ACL SETUSER default allchannels");
	WAIT_FOR(&world, a.state == PEAL_ADAPTER_UP);
}
END_TEST

START_TEST(options_that_are_not_valid_are_named)
{
	struct peal_redis_options options;
	struct peal_adapter *adapter = NULL;
	char message[256] = "";
	peal_redis_options_init(&options);
	options.prefix = "";
	ck_assert_int_eq(peal_redis_adapter_new(&options, &adapter, message, sizeof(message)),
			 PEAL_REDIS_E_OPTION);
	ck_assert_ptr_nonnull(strstr(message, "prefix"));
	peal_redis_options_init(&options);
	options.url = "http://127.0.0.1";
	ck_assert_int_eq(peal_redis_adapter_new(&options, &adapter, message, sizeof(message)),
			 PEAL_REDIS_E_OPTION);
	ck_assert_ptr_null(adapter);
}
END_TEST

UNIT_MAIN_WITH("redis_adapter", set_up, tear_down, is_held_until_it_is_released,
	       announcements_do_not_wait_for_the_release,
	       a_broadcast_reaches_the_others_and_its_own_copy_is_dropped_undecoded,
	       a_request_tells_how_many_heard_it_and_whether_itself_did,
	       a_request_that_was_held_was_published_when_its_own_channels_were_there,
	       a_request_for_a_namespace_that_is_not_served_gets_its_answers,
	       what_is_published_behind_a_join_finds_the_subscription,
	       every_message_arrives_once_while_the_interest_changes,
	       an_outage_is_a_gap_and_everything_works_again_after_it,
	       a_lost_subscriber_alone_is_an_outage_too,
	       a_frozen_redis_is_given_up_and_the_gap_begins_before_it,
	       the_gap_of_a_node_that_stood_still_begins_before_the_standstill,
	       the_gap_of_a_node_that_read_too_slowly_begins_with_what_was_dropped,
	       a_request_that_finds_the_queue_full_is_told_as_dropped,
	       missing_rights_are_explained_and_tried_again, options_that_are_not_valid_are_named)
