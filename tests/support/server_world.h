/*
 * A server on a fake engine and a fake clock, and a record of what it told, for its unit tests.
 *
 *   begin();
 *   struct peal_session *session = open_session();
 *   struct peal_socket *socket = join(session, "/");
 *   …
 *   end();  // frees the server and checks that nothing is left
 *
 * Each test runs in a process of its own, so the world is global.
 */
#ifndef PEAL_TESTS_SERVER_WORLD_H
#define PEAL_TESTS_SERVER_WORLD_H

#include <check.h>
#include <peal/socket.h>
#include <string.h>

#include "base/decision.h"
#include "loop/barrier.h"
#include "server/server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_engine.h"

struct world {
	struct fake_clock clock;
	struct peal_loop *loop;
	struct peal_stats stats;
	struct peal_log log;
	struct peal_decisions decisions;
	struct peal_task decisions_task;
	struct peal_barrier barrier; /* nothing is outstanding unless a test issues a number */
	struct peal_server *server;
	struct peal_server_options options; /* to be changed before begin() */
	struct peal_node *node;
	char record[65536];
	size_t record_length;
};

extern struct world world;

void begin(void);
/* Close what is open, free the server, check the gauges. */
void end(void);
/* Run what is due now. */
void settle(void);
void wait_ms(unsigned ms);

struct peal_session *open_session(void);
/* Join a namespace as a client does; the CONNECT reply is taken. Fails the test when refused. */
struct peal_socket *join(struct peal_session *session, const char *name);
/* A session of its own for a socket of "/". */
struct peal_socket *new_socket(void);
/* What the client of a socket has received since the last look. */
const char *received(struct peal_socket *socket);

/* Append to the record. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The record must be this; it is cleared. */
#define ck_recorded(expected)                             \
	do {                                              \
		ck_assert_str_eq(world.record, expected); \
		clear_record();                           \
	} while (0)
void clear_record(void);

/* The client must have received exactly this since the last look. */
#define ck_heard(session, expected) ck_assert_str_eq(fake_session_heard(session), expected)
#define ck_received(socket, expected) ck_assert_str_eq(received(socket), expected)

/* Callbacks that record. */
void note_disconnecting(struct peal_socket *socket, const char *reason, const char *description,
			void *userdata);
void note_disconnect(struct peal_socket *socket, const char *reason, const char *description,
		     void *userdata);
void note_event(struct peal_socket *socket, const struct peal_event *event, void *userdata);
void note_error(struct peal_socket *socket, const char *message, void *userdata);
void note_acks(const struct peal_acks *acks, void *userdata);
void note_ack(enum peal_ack_error error, const struct peal_args *args, void *userdata);

#endif
