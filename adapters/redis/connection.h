/*
 * One connection to Redis: connect, TLS, log in, name, keep alive, reconnect. hiredis' reader over
 * a socket of our own (docs/decisions/0006-connections-to-redis.md); only connection_*.c know them.
 *
 * A hung Redis is noticed: after PEAL_LIMIT_REDIS_SILENCE_MS without a byte while a reply or a PING
 * is due the connection is given up. A reply that cannot be parsed, is larger or has more elements
 * than its ceiling closes the connection. It reconnects by itself, with backoff of at most a second
 * and jitter, until it is stopped.
 */
#ifndef PEAL_REDIS_CONNECTION_H
#define PEAL_REDIS_CONNECTION_H

#include "adapters/redis/address.h"
#include "base/log.h"
#include "loop/loop.h"

struct peal_redis_connection;

enum peal_redis_type {
	PEAL_REDIS_STRING,
	PEAL_REDIS_INTEGER,
	PEAL_REDIS_NIL,
	PEAL_REDIS_STATUS,
	PEAL_REDIS_ERROR,
	PEAL_REDIS_ARRAY,
};

struct peal_redis_value {
	enum peal_redis_type type;
	const char *bytes; /* NUL-terminated; of STRING, STATUS, ERROR */
	size_t length;
	int64_t integer;
};

/* A reply: a value, or a flat array of values (deeper ones are not used here and close the
 * connection). Lives until the handler returns. */
struct peal_redis_reply {
	struct peal_redis_value value;
	const struct peal_redis_value *elements; /* of an ARRAY */
	size_t count;
};

struct peal_redis_handlers {
	/* Connected, logged in, named: commands may be written. */
	void (*ready)(struct peal_redis_connection *connection, void *userdata);
	/* A reply, in order; those to the connection's own commands (AUTH, CLIENT SETNAME, PING)
	 * are not shown. */
	void (*reply)(struct peal_redis_connection *connection,
		      const struct peal_redis_reply *reply, void *userdata);
	/* The connection was lost, or could not be made; another attempt follows. @why is a text
	 * for people. */
	void (*lost)(struct peal_redis_connection *connection, const char *why, void *userdata);
};

/* @kind: "publish" or "subscribe", for logs and the client name. @subscriber: PING has the reply
 * form of a subscriber. @address is borrowed for life. */
int peal_redis_connection_new(struct peal_loop *loop, const struct peal_redis_address *address,
			      const char *kind, bool subscriber, const char *client_name,
			      const struct peal_redis_handlers *handlers, void *userdata,
			      struct peal_stats *stats, const struct peal_log *log,
			      struct peal_redis_connection **ret_connection)
	__attribute__((warn_unused_result));
/* Begin to connect; from the loop. */
void peal_redis_connection_start(struct peal_redis_connection *connection);
/* What is written and was not taken by the kernel yet gets one more try; no handler runs from here
 * on. */
void peal_redis_connection_free(struct peal_redis_connection *connection);
bool peal_redis_connection_is_ready(const struct peal_redis_connection *connection);
/* What was published after that time may have been missed, by peal_loop_real_ms(), also of a
 * connection that is lost since: the time of the last PING that was answered. Not that of the last
 * byte, which may have been under way for long when the network or this node is slow. 0: never
 * connected. */
uint64_t peal_redis_connection_heard_ms(const struct peal_redis_connection *connection);

/* Append a command; written at the end of the turn, joined with the others of the turn. Return: 0;
 * -ENOMEM; -ENOTCONN. */
int peal_redis_command(struct peal_redis_connection *connection, size_t count,
		       const char *const *words, const size_t *lengths);
/* Bytes that the kernel has not taken. */
size_t peal_redis_connection_unwritten(const struct peal_redis_connection *connection);

/* What to tell an operator about an error reply: NOPERM and unknown commands name the ACL line that
 * would help, with the prefix of the channels. Writes at most @size bytes. */
void peal_redis_explain(const char *error, const char *user, const char *prefix, char *text,
			size_t size);

#endif
