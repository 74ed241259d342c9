#include "tests/support/server_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decision.h"
#include "server/server_private.h"

struct world world = {
	.options = { .connect_timeout_ms = 45000,
		     .max_child_namespaces = 10000,
		     .node_name = "node-1" },
};

struct peal_server *peal_node_server(struct peal_node *node)
{
	/* An assertion allocates, which must not fail where tests make that fail. */
	if (node != world.node)
		ck_abort_msg("another node");
	return world.server;
}

static void deliver_decisions(struct peal_task *task)
{
	(void)task;
	peal_decisions_deliver(&world.decisions);
}

static void wake(void *userdata)
{
	(void)userdata;
	if (!peal_task_queued(&world.decisions_task))
		peal_loop_defer(world.loop, &world.decisions_task);
}

void begin(void)
{
	world.node = (struct peal_node *)&world;
	world.log.level = PEAL_LOG_ERROR;
	world.clock.now_us = 1000000;
	world.decisions_task.fn = deliver_decisions;
	ck_assert_int_eq(peal_loop_new(NULL, FAKE_CLOCK(&world.clock), &world.stats, &world.log,
				       &world.loop),
			 0);
	peal_decisions_init(&world.decisions, wake, NULL);
	peal_barrier_init(&world.barrier, world.loop, &world.stats);
	world.options.barrier = &world.barrier;
	ck_assert_int_eq(peal_server_new(world.loop, world.node, &world.decisions, &world.options,
					 &world.stats, &world.log, &world.server),
			 0);
}

void end(void)
{
	peal_server_shut_down(world.server);
	settle();
	/* The node discards all sessions. */
	fake_sessions_discard();
	settle();
	peal_server_free(world.server);
	peal_loop_step(world.loop);
	peal_barrier_deinit(&world.barrier);
	peal_loop_cancel(&world.decisions_task);
	peal_decisions_deinit(&world.decisions);
	peal_loop_free(world.loop);
	ck_assert_uint_eq(fake_sessions_free(), 0);
	ck_assert_uint_eq(world.stats.sockets, 0);
	ck_assert_uint_eq(world.stats.namespaces, 0);
	ck_assert_uint_eq(world.stats.rooms, 0);
	ck_assert_uint_eq(world.stats.memberships, 0);
	ck_assert_uint_eq(world.stats.rounds, 0);
	ck_assert_uint_eq(world.stats.frames, 0);
	ck_assert_uint_eq(world.stats.frame_bytes, 0);
}

void settle(void)
{
	peal_loop_step(world.loop);
}

void wait_ms(unsigned ms)
{
	fake_clock_advance(&world.clock, world.loop, ms);
}

struct peal_session *open_session(void)
{
	return fake_session_open(world.loop, world.server);
}

struct peal_socket *join(struct peal_session *session, const char *name)
{
	char text[1100], id[64] = "";
	bool main = !strcmp(name, "/");
	snprintf(text, sizeof(text), "40%s%s", main ? "" : name, main ? "" : ",");
	fake_session_heard(session);
	fake_session_say(session, text);
	settle();
	const char *sid = strstr(fake_session_heard(session), "{\"sid\":\"");
	ck_assert_ptr_nonnull(sid);
	ck_assert_int_eq(sscanf(sid, "{\"sid\":\"%20[^\"]", id), 1);
	struct peal_socket *socket =
		peal_namespace_socket(peal_namespace_find(world.server, name, strlen(name)), id);
	ck_assert_ptr_nonnull(socket);
	return socket;
}

struct peal_socket *new_socket(void)
{
	return join(open_session(), "/");
}

const char *received(struct peal_socket *socket)
{
	return fake_session_heard(peal_socket_session(socket));
}

/* --- the record --------------------------------------------------------------------------------
 */

void note(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(world.record + world.record_length,
			       sizeof(world.record) - world.record_length, format, arguments);
	va_end(arguments);
	world.record_length += (size_t)length;
	ck_assert_uint_lt(world.record_length, sizeof(world.record));
}

void clear_record(void)
{
	world.record_length = 0;
	world.record[0] = '\0';
}

/* Sockets are told apart by the name that a test gave them as userdata. */
static const char *name_of(struct peal_socket *socket)
{
	const char *name = peal_socket_userdata(socket);
	return name ? name : "socket";
}

static void note_leave(const char *what, struct peal_socket *socket, const char *reason,
		       const char *description)
{
	note("%s %s %s", name_of(socket), what, reason);
	if (description)
		note(" (%s)", description);
	note(";");
}

void note_disconnecting(struct peal_socket *socket, const char *reason, const char *description,
			void *userdata)
{
	(void)userdata;
	note_leave("disconnecting", socket, reason, description);
}

void note_disconnect(struct peal_socket *socket, const char *reason, const char *description,
		     void *userdata)
{
	(void)userdata;
	note_leave("disconnect", socket, reason, description);
}

static void note_args(const struct peal_args *args)
{
	size_t length;
	const char *text = peal_args_text(args, &length);
	note("%.*s", (int)length, length ? text : "");
	for (size_t i = 0; i < peal_args_attachment_count(args); i++) {
		struct peal_bytes bytes = peal_args_attachment(args, i);
		note("<");
		for (size_t byte = 0; byte < bytes.length; byte++)
			note("%02x", ((const unsigned char *)bytes.bytes)[byte]);
		note(">");
	}
}

void note_event(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	const char *handler = userdata;
	(void)socket;
	if (handler)
		note("%s ", handler);
	note("%s[", event->name);
	note_args(event->args);
	note("]%s;", event->wants_ack ? "?" : "");
}

void note_error(struct peal_socket *socket, const char *message, void *userdata)
{
	(void)userdata;
	note("%s error %s;", name_of(socket), message);
}

void note_acks(const struct peal_acks *acks, void *userdata)
{
	const char *name = userdata;
	note("%s error=%d %zu/%zu [", name ? name : "acks", acks->error, acks->clients_answered,
	     acks->clients_expected);
	ck_assert_uint_eq(acks->clients_answered, acks->response_count);
	ck_assert_uint_eq(acks->missing_socket_count,
			  acks->clients_expected - acks->clients_answered);
	ck_assert_uint_eq(acks->servers_expected, 1);
	ck_assert_uint_eq(acks->servers_answered, 1);
	ck_assert_uint_eq(acks->missing_server_count, 0);
	ck_assert_uint_eq(acks->unnamed_missing_servers, 0);
	for (size_t i = 0; i < acks->response_count; i++) {
		ck_assert_uint_eq(peal_args_count(acks->responses[i]), 1);
		note("%s", i ? " " : "");
		note_args(acks->responses[i]);
	}
	note("];");
}

void note_ack(enum peal_ack_error error, const struct peal_args *args, void *userdata)
{
	const char *name = userdata;
	note("%s error=%d", name ? name : "ack", error);
	ck_assert(error ? !args : args != NULL);
	if (args) {
		note(" [");
		note_args(args);
		note("]");
	}
	note(";");
}
