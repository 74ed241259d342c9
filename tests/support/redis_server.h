/*
 * A real redis-server on a free port for a test, and a loop on which to talk to it.
 *
 * Each test runs in a process of its own; the server dies with it, also when the test fails. Its
 * configuration and files are in a folder of its own below /tmp, which redis_server_stop() removes.
 */
#ifndef PEAL_TESTS_REDIS_SERVER_H
#define PEAL_TESTS_REDIS_SERVER_H

#include <check.h>
#include <event2/event.h>
#include <peal/redis.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "loop/loop.h"

struct redis_server {
	pid_t pid;	   /* 0: not running */
	uint16_t port;	   /* plain */
	uint16_t tls_port; /* 0: none */
	char dir[64];
	char path[96]; /* of the Unix socket */
};

/* @tls: with certificates made for the test, for localhost and 127.0.0.1, and clients have to show
 * one: ca.pem, cert.pem, key.pem in ->dir; other-ca.pem is of a stranger. */
void redis_server_start(struct redis_server *server, bool tls);
/* On the same ports, after redis_server_kill(). */
void redis_server_start_again(struct redis_server *server);
void redis_server_kill(struct redis_server *server, int signal);
void redis_server_stop(struct redis_server *server);
/* A command in one line, as one types it; the first line of its reply, until the next call. */
const char *redis_server_say(const struct redis_server *server, const char *command);
/* A port that nobody listens on. */
uint16_t free_port(void);

struct redis_world {
	struct peal_loop *loop;
	struct peal_stats stats;
	struct peal_log log;
	char records[65536]; /* what was logged, as text lines */
	size_t length;
};

void redis_world_init(struct redis_world *world);
void redis_world_deinit(struct redis_world *world);
/* How often a text is in the records. */
unsigned redis_world_logged(const struct redis_world *world, const char *text);
/* One turn, waiting for at most 100 ms. */
void redis_world_turn(struct redis_world *world);

/* Turn the loop until something holds; it fails the test after 30 seconds. */
#define WAIT_FOR(world, condition)                                                                 \
	do {                                                                                       \
		uint64_t until_ = now_in_ms() + 30000;                                             \
		while (!(condition)) {                                                             \
			ck_assert_msg(now_in_ms() < until_, "not within 30 s: %s\n%s", #condition, \
				      (world)->records);                                           \
			redis_world_turn(world);                                                   \
		}                                                                                  \
	} while (0)

/* Turn the loop for that long. */
void redis_world_rest(struct redis_world *world, unsigned ms);
uint64_t now_in_ms(void);

#endif
