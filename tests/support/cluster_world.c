#include "tests/support/cluster_world.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct cluster_world world;

struct peal_server *peal_node_server(struct peal_node *node)
{
	return node->server;
}

struct peal_cluster *peal_node_cluster(struct peal_node *node)
{
	return node->cluster;
}

/* --- time --------------------------------------------------------------------------------------
 */

uint64_t world_ms(void)
{
	struct timespec now;
	if (!world.base)
		return world.clock.now_us / 1000;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void wake_up(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what, (void)context;
}

void turn(void)
{
	static const struct timeval soon = { 0, 2000 };
	if (world.base) {
		event_base_once(world.base, -1, EV_TIMEOUT, wake_up, NULL, &soon);
		event_base_loop(world.base, EVLOOP_ONCE);
		return;
	}
	world.clock.now_us += 1000;
	/* A message and its answer within the same millisecond. */
	for (unsigned pass = 0; pass < 3; pass++)
		for (size_t i = 0; i < world.count; i++)
			if (world.nodes[i].loop && !world.nodes[i].stopped)
				peal_loop_step(world.nodes[i].loop);
}

void rest(unsigned ms)
{
	uint64_t until = world_ms() + ms;
	while (world_ms() < until)
		turn();
}

/* --- nodes -------------------------------------------------------------------------------------
 */

static void deliver_decisions(struct peal_task *task)
{
	peal_decisions_deliver(&peal_container(task, struct peal_node, decisions_task)->decisions);
}

static void wake(void *userdata)
{
	struct peal_node *node = userdata;
	if (!peal_task_queued(&node->decisions_task))
		peal_loop_defer(node->loop, &node->decisions_task);
}

void world_begin(bool real)
{
	memset(&world, 0, sizeof(world));
	world.clock.now_us = 1000000;
	world.hub = peal_memory_hub_new();
	if (real)
		world.base = event_base_new();
}

struct peal_node *node_new(bool adapter)
{
	size_t i = world.count++;
	struct peal_node *node = &world.nodes[i];
	ck_assert_uint_lt(i, WORLD_NODES);
	snprintf(node->uid, sizeof(node->uid), "uid%03zu", i + 1);
	snprintf(node->name, sizeof(node->name), "n%zu", i + 1);
	node->log.level = PEAL_LOG_ERROR;
	node->decisions_task.fn = deliver_decisions;
	node->request_timeout_ms = 5000;
	if (adapter)
		node->adapter = world.new_adapter ? world.new_adapter(node->name)
						  : peal_memory_adapter_new(world.hub);
	return node;
}

void node_start(struct peal_node *node)
{
	const struct peal_server_options server = {
		.connect_timeout_ms = 45000,
		.max_child_namespaces = 10000,
		.node_name = node->name,
		.uid = node->uid,
		.barrier = &node->barrier,
	};
	ck_assert_int_eq(peal_loop_new(world.base, world.base ? NULL : FAKE_CLOCK(&world.clock),
				       &node->stats, &node->log, &node->loop),
			 0);
	peal_decisions_init(&node->decisions, wake, node);
	peal_barrier_init(&node->barrier, node->loop, &node->stats);
	ck_assert_int_eq(peal_server_new(node->loop, node, &node->decisions, &server, &node->stats,
					 &node->log, &node->server),
			 0);
	const struct peal_cluster_options cluster = {
		.loop = node->loop,
		.node = node,
		.server = node->server,
		.barrier = &node->barrier,
		.stats = &node->stats,
		.log = &node->log,
		.adapter = node->adapter,
		.uid = node->uid,
		.node_name = node->name,
		.member_timeout_ms = 3000,
		.request_timeout_ms = node->request_timeout_ms,
		.answer_server_events = node->answer_server_events,
	};
	ck_assert_int_eq(peal_cluster_new(&cluster, &node->cluster), 0);
}

static void stop(struct peal_node *node, bool goodbye)
{
	peal_server_shut_down(node->server);
	if (goodbye)
		peal_cluster_leave(node->cluster);
	peal_loop_step(node->loop);
	peal_server_refuse_calls(node->server);
	fake_sessions_discard_of(node->loop);
	peal_loop_step(node->loop);
	peal_cluster_free(node->cluster);
	node->cluster = NULL;
	peal_server_free(node->server);
	peal_loop_step(node->loop);
	peal_barrier_deinit(&node->barrier);
	peal_loop_cancel(&node->decisions_task);
	peal_decisions_deinit(&node->decisions);
	peal_loop_free(node->loop);
	node->loop = NULL;
	ck_assert_uint_eq(node->stats.sockets, 0);
	ck_assert_uint_eq(node->stats.namespaces, 0);
	ck_assert_uint_eq(node->stats.rooms, 0);
	ck_assert_uint_eq(node->stats.rounds, 0);
	ck_assert_uint_eq(node->stats.cluster_requests, 0);
	ck_assert_uint_eq(node->stats.cluster_answering, 0);
	ck_assert_uint_eq(node->stats.cluster_members, 0);
	ck_assert_uint_eq(node->stats.cluster_spaces, 0);
}

void node_free(struct peal_node *node)
{
	stop(node, true);
}

void node_kill(struct peal_node *node)
{
	stop(node, false);
}

void node_freeze(struct peal_node *node, bool frozen)
{
	node->stopped = frozen;
	peal_memory_adapter_freeze(node->adapter, frozen);
}

void world_end(void)
{
	for (size_t i = 0; i < world.count; i++)
		if (world.nodes[i].loop)
			node_free(&world.nodes[i]);
	ck_assert_uint_eq(fake_sessions_free(), 0);
	for (size_t i = 0; i < world.count; i++)
		ck_assert_uint_eq(world.nodes[i].stats.frames, 0);
	peal_memory_hub_free(world.hub);
	if (world.base)
		event_base_free(world.base);
}

static void count_serving(const struct peal_cluster_info *info, void *userdata)
{
	struct {
		const char *ns;
		size_t count;
	} *looking = userdata;
	for (size_t i = 0; i < info->member_count; i++)
		for (size_t ns = 0; ns < info->members[i].namespace_count; ns++)
			looking->count += !strcmp(info->members[i].namespaces[ns], looking->ns);
}

bool all_serve(const char *ns, size_t servers)
{
	for (size_t i = 0; i < world.count; i++) {
		struct {
			const char *ns;
			size_t count;
		} looking = { ns, 0 };
		struct peal_node *node = &world.nodes[i];
		if (!node->loop || !node->adapter)
			continue;
		peal_cluster_info(node, count_serving, &looking);
		if (looking.count != servers)
			return false;
	}
	return true;
}

bool know_each_other(void)
{
	size_t there = 0;
	for (size_t i = 0; i < world.count; i++)
		there += world.nodes[i].loop && world.nodes[i].adapter;
	return all_serve("/", there);
}

void nodes(size_t count)
{
	for (size_t i = 0; i < count; i++)
		node_start(node_new(true));
	UNTIL(know_each_other());
}

/* --- clients -----------------------------------------------------------------------------------
 */

struct peal_session *client(struct peal_node *node, const char *ns)
{
	char text[1100];
	bool main = !strcmp(ns, "/");
	struct peal_session *session = fake_session_open(node->loop, node->server);
	snprintf(text, sizeof(text), "40%s%s", main ? "" : ns, main ? "" : ",");
	fake_session_say(session, text);
	UNTIL(has_heard(session, "{\"sid\":\""));
	return session;
}

struct peal_socket *socket_of(struct peal_node *node, const char *ns, struct peal_session *session)
{
	char id[64] = "";
	const char *sid = strstr(session->sent.bytes, "{\"sid\":\"");
	ck_assert_ptr_nonnull(sid);
	ck_assert_int_eq(sscanf(sid, "{\"sid\":\"%20[^\"]", id), 1);
	struct peal_socket *socket = peal_namespace_socket(peal_of(node, ns), id);
	ck_assert_ptr_nonnull(socket);
	return socket;
}

unsigned times_heard(struct peal_session *session, const char *text)
{
	unsigned count = 0;
	if (!session->sent.length)
		return 0;
	for (const char *at = session->sent.bytes; (at = strstr(at, text)); at++)
		count++;
	return count;
}

bool has_heard(struct peal_session *session, const char *text)
{
	return times_heard(session, text) > 0;
}

void forget_heard(struct peal_session *session)
{
	peal_buffer_clear(&session->sent);
}

bool answer(struct peal_session *session, const char *ns, const char *json)
{
	char beginning[1100], text[65536];
	const char *at, *last = NULL;
	bool main = !strcmp(ns, "/");
	unsigned long long id;
	snprintf(beginning, sizeof(beginning), "42%s%s", main ? "" : ns, main ? "" : ",");
	if (!session->sent.length)
		return false;
	for (at = session->sent.bytes; (at = strstr(at, beginning)); at++)
		if ((at == session->sent.bytes || at[-1] == '|') &&
		    sscanf(at + strlen(beginning), "%llu[", &id) == 1)
			last = at;
	if (!last)
		return false;
	sscanf(last + strlen(beginning), "%llu[", &id);
	snprintf(text, sizeof(text), "43%s%s%llu[%s]", main ? "" : ns, main ? "" : ",", id, json);
	forget_heard(session);
	fake_session_say(session, text);
	return true;
}

/* --- the record --------------------------------------------------------------------------------
 */

void note(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(world.record + world.length, sizeof(world.record) - world.length,
			       format, arguments);
	va_end(arguments);
	world.length += (size_t)length;
	ck_assert_uint_lt(world.length, sizeof(world.record));
}

void clear_record(void)
{
	world.length = 0;
	world.record[0] = '\0';
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In alphabetical order: that of arrival differs from run to run. */
static void note_sorted(const char **texts, size_t count)
{
	qsort(texts, count, sizeof(*texts), compare);
	for (size_t i = 0; i < count; i++)
		note("%s%s", i ? " " : "", texts[i]);
}

void note_acks(const struct peal_acks *acks, void *userdata)
{
	const char *texts[4096];
	const char *who = userdata;
	ck_assert_uint_le(acks->response_count, 4096);
	for (size_t i = 0; i < acks->response_count; i++) {
		size_t length;
		const char *text = peal_args_text(acks->responses[i], &length);
		texts[i] = strndup(text, length);
		ck_assert_uint_eq(peal_args_count(acks->responses[i]), 1);
	}
	note("%s error=%d clients=%zu/%zu servers=%zu/%zu", who ? who : "acks", acks->error,
	     acks->clients_answered, acks->clients_expected, acks->servers_answered,
	     acks->servers_expected);
	if (acks->missing_server_count || acks->unnamed_missing_servers) {
		note(" missing=");
		for (size_t i = 0; i < acks->missing_server_count; i++)
			note("%s,", acks->missing_servers[i]);
		note("%zu", acks->unnamed_missing_servers);
	}
	if (acks->response_count <= 8) {
		note(" [");
		note_sorted(texts, acks->response_count);
		note("]");
	}
	note(";");
	for (size_t i = 0; i < acks->response_count; i++)
		free((char *)texts[i]);
}

void note_sockets(enum peal_ack_error error, const struct peal_socket_info *sockets, size_t count,
		  void *userdata)
{
	const char *nodes_of[4096];
	(void)userdata;
	ck_assert_uint_le(count, 4096);
	for (size_t i = 0; i < count; i++)
		nodes_of[i] = sockets[i].node;
	note("sockets error=%d %zu", error, count);
	if (count <= 8) {
		note(" [");
		note_sorted(nodes_of, count);
		note("]");
	}
	note(";");
}

void note_rooms(enum peal_ack_error error, const char *const *rooms, size_t count, void *userdata)
{
	(void)userdata;
	note("rooms error=%d [", error);
	for (size_t i = 0; i < count; i++)
		note("%s%s", i ? " " : "", rooms[i]);
	note("];");
}

void note_confirmed(size_t confirmed, size_t expected, void *userdata)
{
	(void)userdata;
	note("confirmed %zu/%zu;", confirmed, expected);
}
