/* The place of a whole node in a cluster, through the public headers only: whose adapter it is, how
 * it joins, is named, and leaves. */
#include <errno.h>
#include <event2/event.h>
#include <peal/peal.h>
#include <stdio.h>
#include <string.h>
#include "tests/unit/unit.h"

static struct event_base *base;
static struct peal_memory_hub *hub;
static struct peal_node_options options;
static char heard[4096];

static void set_up(void)
{
	base = event_base_new();
	hub = peal_memory_hub_new();
	ck_assert_ptr_nonnull(hub);
	peal_node_options_init(&options);
	options.port = 0;
	options.base = base;
	options.log_level = PEAL_LOG_ERROR;
}

static void tear_down(void)
{
	peal_memory_hub_free(hub);
	event_base_free(base);
}

static struct peal_node *make(const char *name)
{
	struct peal_node *node = NULL;
	options.name = name;
	options.adapter = peal_memory_adapter_new(hub);
	ck_assert_ptr_nonnull(options.adapter);
	ck_assert_int_eq(peal_node_new(&options, &node), 0);
	return node;
}

static void turn(unsigned ms)
{
	const struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	event_base_loopexit(base, &time);
	event_base_dispatch(base);
}

static void note_members(const struct peal_cluster_info *info, void *userdata)
{
	char *text = userdata;
	*text = '\0';
	for (size_t i = 0; i < info->member_count; i++) {
		ck_assert_uint_eq(strlen(info->members[i].uid), PEAL_UID_LENGTH);
		strcat(strcat(text, i ? " " : ""), info->members[i].name);
	}
}

static const char *members_of(struct peal_node *node)
{
	static char text[1024];
	peal_cluster_info(node, note_members, text);
	return text;
}

/* Turns until the members are these; a test that never gets there runs into its time limit. */
static void await_members(struct peal_node *node, const char *expected)
{
	while (strcmp(members_of(node), expected) != 0)
		turn(10);
}

START_TEST(nodes_of_one_hub_know_each_other_until_one_is_closed)
{
	struct peal_node *one = make("one"), *two = make("two"), *three = make("three");
	await_members(one, "one three two");
	await_members(two, "two one three");
	ck_assert_int_eq(peal_node_close(two, 1000, NULL, NULL), 0);
	await_members(one, "one three");
	await_members(three, "three one");
	peal_node_free(two);
	/* One that is freed without a word says goodbye as well. */
	peal_node_free(three);
	await_members(one, "one");
	peal_node_free(one);
}
END_TEST

START_TEST(a_node_is_ready_when_it_has_joined)
{
	struct peal_node *node = make("one");
	ck_assert_int_eq(peal_node_listen(node), 0);
	ck_assert(!peal_node_ready(node));
	while (!peal_node_ready(node))
		turn(10);
	peal_node_free(node);
}
END_TEST

START_TEST(a_node_without_an_adapter_is_ready_at_once)
{
	struct peal_node *node = NULL;
	ck_assert_int_eq(peal_node_new(&options, &node), 0);
	ck_assert_int_eq(peal_node_listen(node), 0);
	ck_assert(peal_node_ready(node));
	peal_node_free(node);
}
END_TEST

START_TEST(a_node_without_a_name_is_known_by_its_host_and_port)
{
	struct peal_node *one = make("one"), *two = make(NULL);
	char expected[512];
	turn(10);
	ck_assert_int_eq(peal_node_listen(two), 0);
	ck_assert_ptr_nonnull(strchr(peal_node_name(two), ':'));
	snprintf(expected, sizeof(expected), "one %s", peal_node_name(two));
	await_members(one, expected);
	peal_node_free(two);
	peal_node_free(one);
}
END_TEST

static void count_namespaces(const struct peal_cluster_info *info, void *userdata)
{
	size_t *count = userdata;
	*count = info->member_count == 2 ? info->members[1].namespace_count : 0;
}

START_TEST(thousands_of_namespaces_are_announced)
{
	struct peal_node *one = make("one"), *two = make("two");
	size_t count = 0;
	await_members(one, "one two");
	for (unsigned i = 0; i < 5000; i++) {
		char name[16];
		snprintf(name, sizeof(name), "/%u", i);
		ck_assert_ptr_nonnull(peal_of(two, name));
	}
	while (count < 5001) {
		turn(10);
		peal_cluster_info(one, count_namespaces, &count);
	}
	/* Who comes later hears of them as well. */
	struct peal_node *late = make("late");
	count = 0;
	peal_node_free(one);
	while (count < 5001) {
		turn(10);
		peal_cluster_info(late, count_namespaces, &count);
	}
	peal_node_free(late);
	peal_node_free(two);
}
END_TEST

/* --- whose adapter --- */

static unsigned freed;

static int refuse(struct peal_adapter *adapter, const struct peal_adapter_host *host)
{
	(void)adapter, (void)host;
	return -ENOENT;
}

static void count_free(struct peal_adapter *adapter)
{
	(void)adapter;
	freed++;
}

START_TEST(an_adapter_is_taken_also_when_the_node_cannot_be_made)
{
	const struct peal_adapter_ops ops = { .version = PEAL_ADAPTER_VERSION,
					      .start = refuse,
					      .free = count_free };
	struct peal_adapter adapter = { .ops = &ops, .name = "refuses" };
	struct peal_node *node = NULL;
	options.adapter = &adapter;
	/* Its start fails. */
	ck_assert_int_eq(peal_node_new(&options, &node), -ENOENT);
	ck_assert_uint_eq(freed, 1);
	/* It is not started at all. */
	options.max_clients = 0;
	ck_assert_int_eq(peal_node_new(&options, &node), PEAL_NODE_E_OPTION);
	ck_assert_uint_eq(freed, 2);
	ck_assert_ptr_null(node);
}
END_TEST

START_TEST(an_adapter_of_another_version_is_refused)
{
	const struct peal_adapter_ops ops = { .version = PEAL_ADAPTER_VERSION + 1 };
	struct peal_adapter adapter = { .ops = &ops, .name = "old" };
	struct peal_node *node = NULL;
	options.adapter = &adapter;
	options.log_level = PEAL_LOG_ERROR;
	ck_assert_int_eq(peal_node_new(&options, &node), PEAL_NODE_E_OPTION);
}
END_TEST

static void note_fields(enum peal_log_level level, const char *message,
			const struct peal_log_field *fields, size_t count, void *userdata)
{
	(void)level, (void)message, (void)userdata;
	for (size_t i = 0; i < count; i++)
		strcat(strcat(heard, fields[i].text), ";");
}

START_TEST(timeouts_of_the_cluster_that_are_out_of_range_are_named)
{
	struct peal_node *node = NULL;
	const struct peal_node_options good = options;
	options.log = note_fields;
	options.member_timeout_ms = 1000;
	ck_assert_int_eq(peal_node_new(&options, &node), PEAL_NODE_E_OPTION);
	options = good;
	options.log = note_fields;
	options.request_timeout_ms = 0;
	ck_assert_int_eq(peal_node_new(&options, &node), PEAL_NODE_E_OPTION);
	ck_assert_str_eq(heard, "member_timeout_ms;request_timeout_ms;");
	ck_assert_uint_eq(good.member_timeout_ms, 3000);
	ck_assert_uint_eq(good.request_timeout_ms, 5000);
}
END_TEST

/* --- what is under way when a node is freed --- */

static void count_acks(const struct peal_acks *acks, void *userdata)
{
	ck_assert_int_ne(acks->error, PEAL_ACK_OK);
	++*(unsigned *)userdata;
}

START_TEST(a_round_that_waits_for_others_ends_with_its_node)
{
	struct peal_node *one = make("one"), *two = make("two");
	unsigned ended = 0;
	await_members(one, "one two");
	ck_assert_int_eq(peal_emit_ack(peal_io(one), PEAL_ALL, 60000, count_acks, &ended, "hi"), 0);
	peal_node_free(one);
	ck_assert_uint_eq(ended, 1);
	peal_node_free(two);
}
END_TEST

UNIT_MAIN_WITH("node cluster", set_up, tear_down,
	       nodes_of_one_hub_know_each_other_until_one_is_closed,
	       a_node_is_ready_when_it_has_joined, a_node_without_an_adapter_is_ready_at_once,
	       a_node_without_a_name_is_known_by_its_host_and_port,
	       thousands_of_namespaces_are_announced,
	       an_adapter_is_taken_also_when_the_node_cannot_be_made,
	       an_adapter_of_another_version_is_refused,
	       timeouts_of_the_cluster_that_are_out_of_range_are_named,
	       a_round_that_waits_for_others_ends_with_its_node)
