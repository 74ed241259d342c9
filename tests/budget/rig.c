#include "tests/budget/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <valgrind/callgrind.h>

#include "engine/transport.h"
#include "protocol/text.h"
#include "transport/transports.h"

struct rig rig;

void rig_require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "the budget cannot be counted: %s\n", what);
	exit(1);
}

/* --- chance ------------------------------------------------------------------------------ */

/*
 * The linker puts this in the place of getrandom(), so that ids and the keys of the hash tables are
 * the same in each run.
 */

ssize_t __wrap_getrandom(void *bytes, size_t length, unsigned flags);

ssize_t __wrap_getrandom(void *bytes, size_t length, unsigned flags)
{
	unsigned char *at = bytes;
	(void)flags;
	/* The kernel does this elsewhere, in none of the node's instructions. */
	CALLGRIND_TOGGLE_COLLECT;
	for (size_t i = 0; i < length; i++) {
		/* splitmix64 */
		uint64_t mixed = rig.chance += 0x9e3779b97f4a7c15;
		mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
		mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
		at[i] = (unsigned char)(mixed >> 56);
	}
	CALLGRIND_TOGGLE_COLLECT;
	return (ssize_t)length;
}

/* --- the connections, in the place of websocket.c ---------------------------------------- */

bool peal_websocket_ready(struct peal_websocket *websocket)
{
	return !websocket->choked;
}

bool peal_websocket_write(struct peal_websocket *websocket, const void *bytes, size_t length)
{
	/* One write is looked at in each turn: the header of a short frame has two bytes. */
	if (websocket == &rig.websockets[0] && length > 2 && length < sizeof(rig.last)) {
		memcpy(rig.last, (const char *)bytes + 2, length - 2);
		rig.last[length - 2] = '\0';
	}
	rig.writes++;
	rig.bytes += length;
	return true;
}

void peal_websocket_close(struct peal_websocket *websocket)
{
	websocket->handler = NULL;
}

void peal_websocket_cut(struct peal_websocket *websocket)
{
	websocket->handler = NULL;
}

/* --- the node ---------------------------------------------------------------------------- */

struct peal_server *peal_node_server(struct peal_node *node)
{
	(void)node;
	return rig.server;
}

static void deliver_decisions(struct peal_task *task)
{
	(void)task;
	peal_decisions_deliver(&rig.decisions);
}

static void wake(void *userdata)
{
	(void)userdata;
	if (!peal_task_queued(&rig.decisions_task))
		peal_loop_defer(rig.loop, &rig.decisions_task);
}

static void on_connection(struct peal_socket *socket, void *userdata)
{
	(void)userdata;
	rig.sockets[rig.count] = socket;
}

static void on_event(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	(void)socket, (void)event, (void)userdata;
	rig.received++;
}

void rig_begin(void)
{
	static const struct peal_server_options server = {
		.connect_timeout_ms = 45000,
		.max_child_namespaces = 10000,
		.node_name = "node-1",
		.uid = "budget",
		.barrier = &rig.barrier,
	};
	struct peal_engine_options engine;
	rig.clock.now_us = 1000000;
	rig.log.level = PEAL_LOG_ERROR;
	rig.decisions_task.fn = deliver_decisions;
	rig_require(!peal_loop_new(NULL, FAKE_CLOCK(&rig.clock), &rig.stats, &rig.log, &rig.loop),
		    "no loop");
	peal_decisions_init(&rig.decisions, wake, NULL);
	peal_barrier_init(&rig.barrier, rig.loop, &rig.stats);
	rig_require(!peal_server_new(rig.loop, (struct peal_node *)&rig, &rig.decisions, &server,
				     &rig.stats, &rig.log, &rig.server),
		    "no server");
	rig.context = (struct peal_engine_context){
		.loop = rig.loop,
		.stats = &rig.stats,
		.log = &rig.log,
		.max_sessions = RIG_CLIENTS,
		.barrier = &rig.barrier,
	};
	peal_engine_options_init(&engine);
	engine.path = "/socket.io/";
	rig_require(!peal_engine_create(&rig.context, &engine, &peal_server_engine_handlers,
					rig.server, &rig.engine),
		    "no engine");
	rig.io = peal_io((struct peal_node *)&rig);
	rig_require(!peal_on_connection(rig.io, on_connection, NULL) &&
			    !peal_on(rig.io, "bench", on_event, NULL),
		    "no handlers");
}

void rig_end(void)
{
	peal_server_shut_down(rig.server);
	rig_turn();
	peal_engine_discard_all(rig.engine);
	rig_turn();
	peal_server_free(rig.server);
	rig_turn();
	peal_engine_destroy(rig.engine);
	peal_barrier_deinit(&rig.barrier);
	peal_loop_cancel(&rig.decisions_task);
	peal_decisions_deinit(&rig.decisions);
	peal_loop_free(rig.loop);
	rig_require(!rig.stats.sessions && !rig.stats.sockets && !rig.stats.rooms &&
			    !rig.stats.memberships && !rig.stats.frames && !rig.stats.outbox_bytes,
		    "something was left at the end");
}

void rig_turn(void)
{
	peal_loop_step(rig.loop);
}

void rig_say(size_t client, const char *text, size_t length)
{
	struct peal_websocket *websocket = &rig.websockets[client];
	/* As a connection does before it hands a message on. */
	rig_require(peal_utf8_valid(text, length), "a message is no UTF-8");
	websocket->handler->message(websocket, text, length, false);
}

static struct peal_request *new_request(void)
{
	struct peal_request *request = calloc(1, sizeof(*request));
	rig_require(request != NULL, "no memory");
	request->method = "GET";
	request->url = "/socket.io/?EIO=4&transport=websocket";
	request->query = "EIO=4&transport=websocket";
	request->address = "127.0.0.1";
	return request;
}

static void connect_one(void)
{
	struct peal_websocket *websocket = &rig.websockets[rig.count];
	struct peal_session *session;
	rig_require(!peal_session_create(rig.engine, &peal_websocket_transport, new_request(),
					 false, false, &session),
		    "a session was refused");
	websocket->handler = &peal_websocket_session_handler;
	websocket->context = session;
	peal_websocket_attach(session, websocket);
	peal_session_opened(session);
	rig_turn();
	rig_say(rig.count, "40", 2);
	rig_turn();
	rig_require(rig.sockets[rig.count] != NULL, "a client was not connected");
	rig.count++;
}

void rig_connect_until(size_t count)
{
	while (rig.count < count)
		connect_one();
}

void rig_disconnect_from(size_t first)
{
	for (size_t i = first; i < rig.count; i++) {
		struct peal_websocket *websocket = &rig.websockets[i];
		websocket->handler->ended(websocket, PEAL_WEBSOCKET_CLOSED, NULL);
		rig_turn();
	}
}
