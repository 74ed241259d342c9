/*
 * The inside of a connection, shared by connection.c (commands, replies, loss, time) and
 * connection_attempt.c (the way from an address to a login).
 */
#ifndef PEAL_REDIS_CONNECTION_PRIVATE_H
#define PEAL_REDIS_CONNECTION_PRIVATE_H

#include "adapters/redis/connection.h"
#include "adapters/redis/connection_reader.h"
#include "adapters/redis/connection_resolve.h"
#include "adapters/redis/connection_stream.h"
#include "base/limits.h"

/* Room for a reason, for people. */
#define WHY_BYTES 640
#define CAUSES 4

enum peal_redis_state {
	STOPPED,    /* not started, or freed */
	WAITING,    /* for the next attempt; tick */
	RESOLVING,  /* the host name; tick */
	CONNECTING, /* to one of the addresses; tick */
	SECURING,   /* TLS handshake; tick */
	LOGIN,	    /* the replies to our own commands; tick */
	READY,	    /* pulse */
};

enum peal_redis_step { STEP_AUTH, STEP_NAME, STEP_ROLE };

struct peal_redis_connection {
	struct peal_loop *loop;
	const struct peal_redis_address *address;
	const char *kind;
	char *client_name;
	bool subscriber;
	bool dead;
	struct peal_redis_handlers handlers;
	void *userdata;
	struct peal_stats *stats;
	const struct peal_log *log;

	enum peal_redis_state state;
	unsigned losses; /* changes whenever what was read before is of no use any more */
	struct peal_redis_stream stream;
	struct peal_redis_reader *reader;
	struct peal_redis_lookup *lookup;
	struct peal_redis_addresses addresses;
	unsigned next_address;

	struct peal_deadlines ticks, pulses;
	struct peal_deadline tick;
	uint64_t due_ms; /* of the state, when it ticks */
	unsigned backoff_ms;
	uint64_t ready_ms, last_byte_ms;
	/* The last PING, and the last one that was answered, by the clock that standstills do not
	 * stop. */
	uint64_t pinged_ms, heard_ms;
	bool backlog;	  /* the kernel did not take everything at the last flush */
	uint64_t owed_ms; /* something was written after the last byte came; 0: no */
	uint64_t commands, replies, ping; /* the number of the command that is a PING; 0: none */

	enum peal_redis_step steps[3];
	unsigned step_count, step;

	struct peal_flusher flusher;
	struct peal_task begin, failure, death;
	char why[WHY_BYTES];	 /* of the failure that is still to be told */
	uint64_t causes[CAUSES]; /* why attempts failed, as far as it was logged */
	unsigned cause_count;
	bool told_database, told_name, told_replica;
};

/* Change the state, and what looks at the time for it. */
void peal_redis_enter(struct peal_redis_connection *connection, enum peal_redis_state state);
uint64_t peal_redis_now_ms(struct peal_redis_connection *connection);
/* The connection is lost, or the attempt has failed; another one follows, late when it would only
 * fail again. */
void peal_redis_fail(struct peal_redis_connection *connection, const char *why, bool slowly);
/* A command of our own; @second and @third may be NULL. Return: as peal_redis_command(). */
int peal_redis_say(struct peal_redis_connection *connection, const char *first, const char *second,
		   const char *third);

/* connection_attempt.c: begin an attempt; go on when the socket or the time says so; a reply to the
 * login. */
void peal_redis_attempt(struct peal_redis_connection *connection);
void peal_redis_attempt_go_on(struct peal_redis_connection *connection);
void peal_redis_attempt_expired(struct peal_redis_connection *connection);
void peal_redis_take_login_reply(struct peal_redis_connection *connection,
				 const struct peal_redis_reply *reply);

#endif
