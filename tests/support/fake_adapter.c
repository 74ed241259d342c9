#include "tests/support/fake_adapter.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop/barrier.h"

struct fake_adapter adapter;
struct peal_cluster *cluster;
char logged[65536];

static struct peal_barrier barrier;
struct peal_cluster_options cluster_options = {
	.uid = OWN_UID,
	.node_name = "own",
	.member_timeout_ms = 3000,
	.request_timeout_ms = 5000,
};

struct peal_cluster *peal_node_cluster(struct peal_node *node)
{
	ck_assert_ptr_eq(node, world.node);
	return cluster;
}

/* --- the record ------------------------------------------------------------------------------- */

static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	adapter.length +=
		(size_t)vsnprintf(adapter.record + adapter.length,
				  sizeof(adapter.record) - adapter.length, format, arguments);
	va_end(arguments);
	ck_assert_uint_lt(adapter.length, sizeof(adapter.record));
}

const char *asked(void)
{
	static char copy[sizeof(adapter.record)];
	memcpy(copy, adapter.record, adapter.length + 1);
	forget_asked();
	return copy;
}

void forget_asked(void)
{
	adapter.length = 0;
	adapter.record[0] = '\0';
}

size_t asked_times(const char *part)
{
	size_t times = 0;
	for (const char *at = adapter.record; (at = strstr(at, part)); at++)
		times++;
	return times;
}

static void on_log(enum peal_log_level level, const char *message,
		   const struct peal_log_field *fields, size_t count, void *userdata)
{
	size_t length = strlen(logged);
	/* What a test does not look at may get long. */
	if (length > sizeof(logged) / 2)
		length = 0;
	(void)level;
	(void)userdata;
	length += (size_t)snprintf(logged + length, sizeof(logged) - length, "%s", message);
	for (size_t i = 0; i < count; i++)
		length += fields[i].text
				  ? (size_t)snprintf(logged + length, sizeof(logged) - length,
						     " %s=%s", fields[i].key, fields[i].text)
				  : (size_t)snprintf(logged + length, sizeof(logged) - length,
						     " %s=%lld", fields[i].key,
						     (long long)fields[i].number);
	snprintf(logged + length, sizeof(logged) - length, ";");
}

bool was_logged(const char *part)
{
	bool found = strstr(logged, part) != NULL;
	logged[0] = '\0';
	return found;
}

/* --- the adapter ------------------------------------------------------------------------------ */

static void answer_counts(struct peal_task *task)
{
	(void)task;
	while (adapter.asked_count) {
		size_t last = --adapter.asked_count;
		adapter.host->news->receivers(adapter.asked[last], adapter.receivers, !adapter.deaf,
					      adapter.host->context);
	}
}

static int op_start(struct peal_adapter *base, const struct peal_adapter_host *host)
{
	ck_assert_ptr_eq(base, &adapter.base);
	adapter.host = host;
	adapter.started = true;
	adapter.task.fn = answer_counts;
	return 0;
}

static void op_stop(struct peal_adapter *base)
{
	(void)base;
	adapter.started = false;
	peal_loop_cancel(&adapter.task);
}

static void op_free(struct peal_adapter *base)
{
	(void)base;
	ck_assert(!adapter.started);
	ck_assert(!adapter.freed);
	adapter.freed = true;
}

static uint64_t op_open(struct peal_adapter *base, const char *ns)
{
	(void)base;
	put("open %s;", ns);
	return adapter.number;
}

static void op_close(struct peal_adapter *base, const char *ns)
{
	(void)base;
	put("close %s;", ns);
}

static uint64_t op_join(struct peal_adapter *base, const char *ns, const char *room, size_t length)
{
	(void)base;
	put("join %s %.*s;", ns, (int)length, room);
	return adapter.number;
}

static void op_leave(struct peal_adapter *base, const char *ns, const char *room, size_t length)
{
	(void)base;
	put("leave %s %.*s;", ns, (int)length, room);
}

static void op_interest(struct peal_adapter *base, const char *ns, enum peal_interest mode)
{
	(void)base;
	put("%s %s;", mode == PEAL_INTEREST_ROOMS ? "rooms" : "pattern", ns);
}

static void put_rooms(const char *label, struct peal_rooms rooms)
{
	if (!rooms.given)
		return;
	put(" %s", label);
	for (size_t i = 0; i < rooms.count; i++)
		put("%s%s", i ? "," : "=", rooms.names[i]);
}

static int op_send(struct peal_adapter *base, const struct peal_message *message, uint64_t ticket,
		   unsigned expires_ms)
{
	static const char *const names[PEAL_MESSAGE_TYPES] = {
		"broadcast",	 "ask",	     "join",	     "leave",
		"disconnect",	 "fetch",    "rooms",	     "socket ids",
		"server emit",	 "count",    "answer",	     "answers",
		"confirm",	 "fetched",  "rooms listed", "socket ids listed",
		"server answer", "announce",
	};
	(void)base;
	(void)ticket;
	(void)expires_ms;
	if (adapter.refuses)
		return adapter.refuses;
	ck_assert_str_eq(message->uid, OWN_UID);
	ck_assert_ptr_nonnull(message->request_id);
	put("%s", names[message->type]);
	if (message->type == PEAL_MESSAGE_ANNOUNCE) {
		ck_assert_uint_eq(message->text_length, strlen(message->text));
		put(" %s;", message->text);
		return 0;
	}
	put(" %s", message->ns);
	if (message->event && *message->event) {
		ck_assert_uint_eq(message->event_length, strlen(message->event));
		put(" %s", message->event);
	}
	if (message->to && *message->to)
		put(" to=%s", message->to);
	if (*message->request_id)
		put(" id=%s", message->request_id);
	put_rooms("to", message->target.rooms);
	put_rooms("except", message->target.except);
	put_rooms("rooms", message->rooms);
	put("%s%s;", message->wide ? " wide" : "", message->close ? " close" : "");
	return 0;
}

static void op_count(struct peal_adapter *base, const char *ns)
{
	(void)base;
	adapter.counts++;
	if (adapter.silent)
		return;
	ck_assert_uint_lt(adapter.asked_count, 16);
	snprintf(adapter.asked[adapter.asked_count++], 64, "%s", ns);
	if (!peal_task_queued(&adapter.task))
		peal_loop_defer(world.loop, &adapter.task);
}

static void op_release(struct peal_adapter *base)
{
	(void)base;
	put("release;");
	adapter.holds = false;
}

static const struct peal_adapter_ops ops = {
	.version = PEAL_ADAPTER_VERSION,
	.start = op_start,
	.stop = op_stop,
	.free = op_free,
	.open = op_open,
	.close = op_close,
	.join = op_join,
	.leave = op_leave,
	.interest = op_interest,
	.send = op_send,
	.count = op_count,
	.release = op_release,
};

/* --- the world -------------------------------------------------------------------------------- */

void begin_cluster(void)
{
	world.options.barrier = &barrier;
	world.options.uid = OWN_UID;
	begin();
	world.log = (struct peal_log){ PEAL_LOG_INFO, on_log, NULL };
	peal_barrier_init(&barrier, world.loop, &world.stats);
	adapter.base.ops = &ops;
	adapter.base.name = "fake";
	adapter.receivers = 1;
	cluster_options.loop = world.loop;
	cluster_options.node = world.node;
	cluster_options.server = world.server;
	cluster_options.barrier = &barrier;
	cluster_options.stats = &world.stats;
	cluster_options.log = &world.log;
	cluster_options.adapter = &adapter.base;
	ck_assert_ptr_nonnull(peal_io(world.node));
	ck_assert_int_eq(peal_cluster_new(&cluster_options, &cluster), 0);
}

void end_cluster(void)
{
	peal_server_shut_down(world.server);
	peal_cluster_leave(cluster);
	settle();
	peal_cluster_free(cluster);
	cluster = NULL;
	ck_assert(adapter.freed || !cluster_options.adapter);
	ck_assert_uint_eq(world.stats.cluster_members, 0);
	ck_assert_uint_eq(world.stats.cluster_spaces, 0);
	ck_assert_uint_eq(world.stats.cluster_requests, 0);
	ck_assert_uint_eq(world.stats.cluster_answering, 0);
	peal_barrier_deinit(&barrier);
	end();
}

void adapter_state(enum peal_adapter_state state)
{
	adapter.host->news->state(state, "because", adapter.host->context);
	settle();
}

void adapter_opened(const char *ns)
{
	adapter.host->news->opened(ns, adapter.host->context);
	settle();
}

void adapter_connects(void)
{
	adapter_opened("/");
	adapter_state(PEAL_ADAPTER_HELD);
	adapter_state(PEAL_ADAPTER_UP);
	forget_asked();
}

void hear(struct peal_message message)
{
	const char **texts[] = { &message.ns, &message.uid,   &message.request_id,
				 &message.to, &message.event, &message.text };
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (!*texts[i])
			*texts[i] = "";
	adapter.host->news->message(&message, adapter.host->context);
	settle();
}

void announce(const char *text)
{
	char *json = strdup(text);
	ck_assert_ptr_nonnull(json);
	for (char *at = json; *at; at++)
		if (*at == '\'')
			*at = '"';
	hear((struct peal_message){
		.type = PEAL_MESSAGE_ANNOUNCE, .text = json, .text_length = strlen(json) });
	free(json);
}

void announce_member(const char *uid, const char *name)
{
	char text[512];
	snprintf(text, sizeof(text),
		 "{'uid':'%s','type':'full','generation':2,'load':5,'name':'%s',"
		 "'version':'9.9','namespaces':['/']}",
		 uid, name);
	announce(text);
}

void hear_broadcast(const char *uid, const char *ns, const char *event)
{
	struct peal_args *args;
	ck_assert_int_eq(peal_args_new((struct peal_values){ 0 }, &args), 0);
	hear((struct peal_message){ .type = PEAL_MESSAGE_BROADCAST,
				    .args = args,
				    .ns = ns,
				    .uid = uid,
				    .event = event,
				    .event_length = strlen(event),
				    .packet_id = UINT64_MAX });
	peal_args_free(args);
}

struct peal_member *member(const char *uid)
{
	return peal_member_find(cluster, uid);
}

size_t member_count(void)
{
	ck_assert_uint_eq(world.stats.cluster_members, cluster->member_count);
	return cluster->member_count;
}
