/*
 * A cluster of whole nodes in one process, for tests of what they do together: each has a loop, a
 * server on a fake engine, a barrier and a cluster layer of its own. What is between them is given
 * by the test: memory with a clock that the test moves, or Redis with the real one.
 *
 * Each test runs in a process of its own, so the world is global.
 */
#ifndef PEAL_TESTS_CLUSTER_WORLD_H
#define PEAL_TESTS_CLUSTER_WORLD_H

#include <check.h>
#include <string.h>

#include "adapters/memory.h"
#include "base/decision.h"
#include "cluster/cluster.h"
#include "server/server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_engine.h"

#define WORLD_NODES 8

struct peal_node {
	struct peal_loop *loop;
	struct peal_stats stats;
	struct peal_log log;
	struct peal_decisions decisions;
	struct peal_task decisions_task;
	struct peal_barrier barrier;
	struct peal_server *server;
	struct peal_cluster *cluster;
	struct peal_adapter *adapter;
	char uid[PEAL_UID_LENGTH + 1], name[16];
	unsigned request_timeout_ms; /* changed before node_start() */
	bool answer_server_events;
	bool stopped; /* its loop does not run: SIGSTOP */
};

struct cluster_world {
	struct fake_clock clock;
	struct event_base *base; /* NULL: the fake clock */
	struct peal_memory_hub *hub;
	struct peal_node nodes[WORLD_NODES];
	size_t count;
	/* Makes the adapter of a node; NULL: of the hub. */
	struct peal_adapter *(*new_adapter)(const char *name);
	char record[65536]; /* what note() wrote */
	size_t length;
};

extern struct cluster_world world;

/* @real: real time, on one event_base. */
void world_begin(bool real);
/* Close what is open and check that nothing is left. */
void world_end(void);
/* A node more; @adapter false: alone. node_start() is to be called. */
struct peal_node *node_new(bool adapter);
void node_start(struct peal_node *node);
/* So many nodes that know each other. */
void nodes(size_t count);
void node_free(struct peal_node *node);
/* Without a goodbye, as a process that was killed. */
void node_kill(struct peal_node *node);
/* As SIGSTOP and SIGCONT. With memory only. */
void node_freeze(struct peal_node *node, bool frozen);
bool know_each_other(void);
/* Everyone announces the namespace to everyone. */
bool all_serve(const char *ns, size_t servers);

/* Time goes on. */
void rest(unsigned ms);
/* One step of it. */
void turn(void);
uint64_t world_ms(void);
/* Time goes on until something holds; it fails the test after 30 seconds. */
#define UNTIL(condition)                                                                       \
	do {                                                                                   \
		uint64_t until_ = world_ms() + 30000;                                          \
		while (!(condition)) {                                                         \
			ck_assert_msg(world_ms() < until_, "not within 30 s: %s", #condition); \
			turn();                                                                \
		}                                                                              \
	} while (0)

/* A client that has joined @ns. */
struct peal_session *client(struct peal_node *node, const char *ns);
struct peal_socket *socket_of(struct peal_node *node, const char *ns, struct peal_session *session);
/* The client has heard @text since the last look; nothing is forgotten. */
bool has_heard(struct peal_session *session, const char *text);
unsigned times_heard(struct peal_session *session, const char *text);
void forget_heard(struct peal_session *session);
/* Answer the event of the namespace @ns that the client heard last, with a JSON value or nothing.
 * False when there was none that wants an answer. */
bool answer(struct peal_session *session, const char *ns, const char *json);

void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The record must be this; it is cleared. */
#define ck_recorded(expected)                             \
	do {                                              \
		ck_assert_str_eq(world.record, expected); \
		clear_record();                           \
	} while (0)
void clear_record(void);
/* Callbacks that record, and count in ->length. */
void note_acks(const struct peal_acks *acks, void *userdata);
void note_sockets(enum peal_ack_error error, const struct peal_socket_info *sockets, size_t count,
		  void *userdata);
void note_rooms(enum peal_ack_error error, const char *const *rooms, size_t count, void *userdata);
void note_confirmed(size_t confirmed, size_t expected, void *userdata);

#endif
