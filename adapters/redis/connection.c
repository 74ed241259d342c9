/*
 * The life of a connection: attempts, login, commands and replies, keep-alive, loss.
 *
 * The state is written by enter() alone. Between two attempts and during one a tick looks at the
 * time; while commands may be written a slower pulse does. Neither needs memory, so nothing can
 * keep the connection from coming back. A loss that is noticed while a command is written is told
 * from the loop, later: nobody is called from inside a call.
 */
#include "adapters/redis/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "adapters/redis/connection_reader.h"
#include "adapters/redis/connection_resolve.h"
#include "adapters/redis/connection_stream.h"
#include "base/id.h"
#include "base/limits.h"

#define TICK_MS 50
#define PULSE_MS 500
#define FIRST_BACKOFF_MS 50
/* Without a byte for so long, Redis is asked whether it is there. */
#define IDLE_MS 2000
#define READ_BYTES 16384
/* Reads in one turn before others get theirs. */
#define READS_PER_TURN 64
#define WHY_BYTES 640
#define CAUSES 4

enum state {
	STOPPED,    /* not started, or freed */
	WAITING,    /* for the next attempt; tick */
	RESOLVING,  /* the host name; tick */
	CONNECTING, /* to one of the addresses; tick */
	SECURING,   /* TLS handshake; tick */
	LOGIN,	    /* the replies to our own commands; tick */
	READY,	    /* pulse */
};

enum step { STEP_AUTH, STEP_NAME, STEP_ROLE };

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

	enum state state;
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
	uint64_t heard_ms; /* the last byte, by the clock that standstills do not stop */
	bool backlog;	   /* the kernel did not take everything at the last flush */
	uint64_t owed_ms;  /* something was written after the last byte came; 0: no */
	uint64_t commands, replies, ping; /* the number of the command that is a PING; 0: none */

	enum step steps[3];
	unsigned step_count, step;

	struct peal_flusher flusher;
	struct peal_task begin, failure, death;
	char why[WHY_BYTES];	 /* of the failure that is still to be told */
	uint64_t causes[CAUSES]; /* why attempts failed, as far as it was logged */
	unsigned cause_count;
	bool told_database, told_name, told_replica;
};

static void on_stream(struct peal_redis_stream *stream);
static void fail(struct peal_redis_connection *connection, const char *why, bool slowly);

static uint64_t now_ms(struct peal_redis_connection *connection)
{
	peal_loop_enter(connection->loop);
	return peal_loop_now_ms(connection->loop);
}

static void enter(struct peal_redis_connection *connection, enum state state)
{
	connection->state = state;
	if (state == STOPPED)
		peal_deadline_disarm(&connection->tick);
	else
		peal_deadline_arm(state == READY ? &connection->pulses : &connection->ticks,
				  &connection->tick);
}

/* --- commands ----------------------------------------------------------------------------------
 */

static void fail_later(struct peal_redis_connection *connection, const char *why)
{
	if (peal_task_queued(&connection->failure))
		return;
	snprintf(connection->why, sizeof(connection->why), "%s", why);
	peal_loop_defer(connection->loop, &connection->failure);
}

static int append(struct peal_redis_connection *connection, size_t count, const char *const *words,
		  const size_t *lengths)
{
	struct peal_buffer *output = &connection->stream.output;
	size_t before = output->length;
	peal_buffer_append_format(output, "*%zu\r\n", count);
	for (size_t i = 0; i < count; i++) {
		peal_buffer_append_format(output, "$%zu\r\n", lengths[i]);
		peal_buffer_append(output, words[i], lengths[i]);
		peal_buffer_append(output, "\r\n", 2);
	}
	int r = peal_buffer_error(output);
	if (r) {
		/* Half a command must never be written. */
		output->length = before;
		output->error = 0;
		return r;
	}
	connection->commands++;
	connection->stats->cluster_commands++;
	peal_loop_want_flush(connection->loop, &connection->flusher);
	return 0;
}

/* A command of our own. */
static int say(struct peal_redis_connection *connection, const char *first, const char *second,
	       const char *third)
{
	const char *words[] = { first, second, third };
	size_t lengths[3], count = third ? 3 : second ? 2 : 1;
	for (size_t i = 0; i < count; i++)
		lengths[i] = strlen(words[i]);
	return append(connection, count, words, lengths);
}

int peal_redis_command(struct peal_redis_connection *connection, size_t count,
		       const char *const *words, const size_t *lengths)
{
	if (connection->state != READY || peal_task_queued(&connection->failure))
		return -ENOTCONN;
	int r = append(connection, count, words, lengths);
	if (r != -EMSGSIZE)
		return r;
	fail_later(connection, "Redis does not read what is sent to it");
	return -ENOTCONN;
}

static bool flush(struct peal_flusher *flusher)
{
	struct peal_redis_connection *connection =
		peal_container(flusher, struct peal_redis_connection, flusher);
	if (connection->stream.fd < 0 || connection->state < LOGIN)
		return false;
	size_t before = peal_redis_stream_unwritten(&connection->stream);
	if (before && !connection->owed_ms)
		connection->owed_ms = now_ms(connection);
	if (peal_redis_stream_flush(&connection->stream)) {
		fail_later(connection, connection->stream.why);
		return false;
	}
	/* While Redis takes what had piled up it is not silent, though it may not answer yet. */
	size_t after = peal_redis_stream_unwritten(&connection->stream);
	if (connection->backlog && after < before)
		connection->owed_ms = now_ms(connection);
	connection->backlog = after > 0;
	return false;
}

static void on_failure(struct peal_task *task)
{
	struct peal_redis_connection *connection =
		peal_container(task, struct peal_redis_connection, failure);
	char why[WHY_BYTES];
	memcpy(why, connection->why, sizeof(why));
	if (connection->state >= LOGIN)
		fail(connection, why, false);
}

/* --- loss --------------------------------------------------------------------------------------
 */

/* Whether this was said already since Redis was there last. */
static bool cause_is_new(struct peal_redis_connection *connection, const char *why)
{
	uint64_t hash = 14695981039346656037u;
	for (const unsigned char *c = (const unsigned char *)why; *c; c++)
		hash = (hash ^ *c) * 1099511628211u;
	for (unsigned i = 0; i < CAUSES && i < connection->cause_count; i++)
		if (connection->causes[i] == hash)
			return false;
	connection->causes[connection->cause_count++ % CAUSES] = hash;
	return true;
}

static unsigned next_wait_ms(struct peal_redis_connection *connection, bool slowly)
{
	uint16_t random;
	unsigned wait_ms = slowly ? PEAL_LIMIT_REDIS_BACKOFF_MS : connection->backoff_ms;
	connection->backoff_ms = wait_ms * 2 > PEAL_LIMIT_REDIS_BACKOFF_MS
					 ? PEAL_LIMIT_REDIS_BACKOFF_MS
					 : wait_ms * 2;
	/* Nodes that lost the same Redis do not come back all at once. */
	peal_random_bytes(&random, sizeof(random));
	return wait_ms / 2 + random % (wait_ms / 2 + 1);
}

/* The connection is lost, or the attempt has failed. */
static void fail(struct peal_redis_connection *connection, const char *text, bool slowly)
{
	bool was_ready = connection->state == READY;
	char why[WHY_BYTES];
	snprintf(why, sizeof(why), "%s", text);
	peal_redis_stream_close(&connection->stream);
	peal_redis_reader_free(connection->reader);
	connection->reader = NULL;
	connection->losses++;
	peal_loop_cancel(&connection->failure);
	/* One that is lost again and again right after the login is a failed attempt as well. */
	if (was_ready && now_ms(connection) - connection->ready_ms >= PEAL_LIMIT_REDIS_BACKOFF_MS)
		connection->backoff_ms = FIRST_BACKOFF_MS;
	connection->due_ms = now_ms(connection) + next_wait_ms(connection, slowly);
	enter(connection, WAITING);
	if (was_ready)
		connection->stats->cluster_disconnects++;
	if (was_ready || cause_is_new(connection, why))
		peal_log(connection->log, PEAL_LOG_WARNING,
			 was_ready ? "connection to Redis lost" : "no connection to Redis",
			 PEAL_FIELD_TEXT("redis", connection->address->shown),
			 PEAL_FIELD_TEXT("connection", connection->kind),
			 PEAL_FIELD_TEXT("reason", why));
	if (connection->handlers.lost)
		connection->handlers.lost(connection, why, connection->userdata);
}

/* --- replies -----------------------------------------------------------------------------------
 */

static void fail_login(struct peal_redis_connection *connection, const char *error)
{
	char why[WHY_BYTES];
	peal_redis_explain(error, connection->address->user, NULL, why, sizeof(why));
	fail(connection, why, true);
}

static void become_ready(struct peal_redis_connection *connection)
{
	connection->ready_ms = now_ms(connection);
	connection->commands = connection->replies = connection->ping = 0;
	connection->cause_count = 0;
	enter(connection, READY);
	peal_log(connection->log, PEAL_LOG_INFO, "connected to Redis",
		 PEAL_FIELD_TEXT("redis", connection->address->shown),
		 PEAL_FIELD_TEXT("connection", connection->kind));
	if (connection->handlers.ready)
		connection->handlers.ready(connection, connection->userdata);
}

/* Without a name it works as well, but any other refusal means that we are not let in. */
static bool name_was_refused(struct peal_redis_connection *connection, const char *error)
{
	if (strncmp(error, "NOPERM", 6) != 0 && strncmp(error, "ERR unknown", 11) != 0)
		return false;
	if (!connection->told_name)
		peal_log(connection->log, PEAL_LOG_INFO, "Redis refuses the name of the connection",
			 PEAL_FIELD_TEXT("connection", connection->kind));
	connection->told_name = true;
	return true;
}

static void look_at_role(struct peal_redis_connection *connection,
			 const struct peal_redis_value *value)
{
	bool replica = value->type == PEAL_REDIS_STRING && strstr(value->bytes, "role:slave");
	bool told = connection->told_replica;
	connection->told_replica = replica;
	if (!replica || told)
		return;
	peal_log(connection->log, PEAL_LOG_WARNING,
		 "this Redis is a replica: what is published here reaches only those who are "
		 "connected to this replica, so all servers must use it, or better the primary",
		 PEAL_FIELD_TEXT("redis", connection->address->shown));
}

static void take_login_reply(struct peal_redis_connection *connection,
			     const struct peal_redis_reply *reply)
{
	const struct peal_redis_value *value = &reply->value;
	enum step step = connection->steps[connection->step++];
	if (step == STEP_ROLE)
		look_at_role(connection, value);
	else if (value->type == PEAL_REDIS_ERROR &&
		 !(step == STEP_NAME && name_was_refused(connection, value->bytes))) {
		fail_login(connection, value->bytes);
		return;
	}
	if (connection->step == connection->step_count)
		become_ready(connection);
}

/* Replies of a subscriber come between messages, so they are known by their form. */
static bool is_pong(const struct peal_redis_reply *reply)
{
	const struct peal_redis_value *value = &reply->value;
	if (value->type == PEAL_REDIS_STATUS)
		return !strcmp(value->bytes, "PONG");
	if (value->type == PEAL_REDIS_ERROR)
		return strstr(value->bytes, "'ping'") != NULL;
	return value->type == PEAL_REDIS_ARRAY && reply->count == 2 &&
	       reply->elements[0].type == PEAL_REDIS_STRING &&
	       !strcmp(reply->elements[0].bytes, "pong");
}

static void take_reply(struct peal_redis_connection *connection,
		       const struct peal_redis_reply *reply)
{
	if (connection->state == LOGIN) {
		take_login_reply(connection, reply);
		return;
	}
	connection->replies++;
	if (!connection->subscriber && connection->replies > connection->commands) {
		fail(connection, "Redis has sent a reply to nothing", false);
		return;
	}
	/* A PING that is refused shows that Redis is there as well. */
	if (connection->ping &&
	    (connection->subscriber ? is_pong(reply) : connection->replies == connection->ping)) {
		connection->ping = 0;
		return;
	}
	connection->handlers.reply(connection, reply, connection->userdata);
}

/* Return: whether to go on reading. */
static bool take_bytes(struct peal_redis_connection *connection, const char *bytes, size_t length)
{
	const struct peal_redis_reply *reply;
	unsigned losses = connection->losses;
	connection->last_byte_ms = now_ms(connection);
	connection->heard_ms = peal_loop_real_ms(connection->loop);
	connection->owed_ms = 0;
	int r = peal_redis_reader_feed(connection->reader, bytes, length);
	while (!r && !(r = peal_redis_reader_next(connection->reader, &reply))) {
		take_reply(connection, reply);
		if (connection->dead || connection->losses != losses)
			return false;
	}
	if (r == PEAL_REDIS_READER_E_MORE)
		return true;
	fail(connection,
	     r == -ENOMEM			? "out of memory"
	     : r == PEAL_REDIS_READER_E_INVALID ? "what came is no reply of Redis"
						: "a reply is too large or too deep",
	     false);
	return false;
}

static void read_some(struct peal_redis_connection *connection)
{
	char bytes[READ_BYTES];
	for (unsigned i = 0; i < READS_PER_TURN; i++) {
		size_t length = 0;
		int r = peal_redis_stream_read(&connection->stream, bytes, sizeof(bytes), &length);
		if (r == PEAL_REDIS_STREAM_E_WAIT)
			return;
		if (r) {
			fail(connection, connection->stream.why, false);
			return;
		}
		if (!take_bytes(connection, bytes, length))
			return;
		if (peal_loop_turn_is_long(connection->loop))
			break;
	}
	peal_redis_stream_read_later(&connection->stream);
}

/* --- attempts ----------------------------------------------------------------------------------
 */

static void log_in(struct peal_redis_connection *connection)
{
	const struct peal_redis_address *address = connection->address;
	int r = 0;
	connection->reader = peal_redis_reader_new();
	connection->step = connection->step_count = 0;
	connection->last_byte_ms = now_ms(connection);
	connection->owed_ms = 0;
	connection->backlog = false;
	connection->due_ms = now_ms(connection) + PEAL_LIMIT_REDIS_SILENCE_MS;
	enter(connection, LOGIN);
	if (!connection->reader) {
		fail(connection, "out of memory", false);
		return;
	}
	if (address->password) {
		connection->steps[connection->step_count++] = STEP_AUTH;
		r = address->user ? say(connection, "AUTH", address->user, address->password)
				  : say(connection, "AUTH", address->password, NULL);
	}
	connection->steps[connection->step_count++] = STEP_NAME;
	if (!r)
		r = say(connection, "CLIENT", "SETNAME", connection->client_name);
	if (!connection->subscriber) {
		connection->steps[connection->step_count++] = STEP_ROLE;
		if (!r)
			r = say(connection, "INFO", "replication", NULL);
	}
	if (r)
		fail(connection, "out of memory", false);
}

static void secure(struct peal_redis_connection *connection)
{
	int r = peal_redis_stream_secure(&connection->stream, connection->address);
	if (!r)
		log_in(connection);
	else if (r == PEAL_REDIS_STREAM_E_BROKEN)
		fail(connection, connection->stream.why, false);
}

static void connected(struct peal_redis_connection *connection)
{
	if (!connection->address->tls) {
		log_in(connection);
		return;
	}
	connection->due_ms = now_ms(connection) + PEAL_LIMIT_REDIS_SILENCE_MS;
	enter(connection, SECURING);
	secure(connection);
}

/* Try the addresses that are left. */
static void connect_next(struct peal_redis_connection *connection)
{
	struct peal_redis_addresses *addresses = &connection->addresses;
	while (connection->next_address < addresses->count) {
		unsigned i = connection->next_address++;
		int r = peal_redis_stream_connect(&connection->stream,
						  (const struct sockaddr *)&addresses->list[i],
						  addresses->lengths[i]);
		if (!r) {
			connected(connection);
			return;
		}
		if (r == PEAL_REDIS_STREAM_E_WAIT) {
			connection->due_ms =
				now_ms(connection) + PEAL_LIMIT_REDIS_SILENCE_MS / addresses->count;
			enter(connection, CONNECTING);
			return;
		}
	}
	fail(connection, connection->stream.why, false);
}

static void on_lookup(const struct peal_redis_addresses *addresses, const char *error,
		      void *userdata)
{
	struct peal_redis_connection *connection = userdata;
	char why[WHY_BYTES];
	bool wanted = connection->state == RESOLVING;
	connection->addresses = *addresses;
	snprintf(why, sizeof(why), "%s", error ? error : "");
	peal_redis_lookup_free(connection->lookup);
	connection->lookup = NULL;
	/* The attempt may have been given up meanwhile; the next one looks again. */
	if (wanted && error)
		fail(connection, why, false);
	else if (wanted)
		connect_next(connection);
}

static void use_path(struct peal_redis_connection *connection)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	/* Its length was checked with the address. */
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", connection->address->path);
	memcpy(&connection->addresses.list[0], &to, sizeof(to));
	connection->addresses.lengths[0] = sizeof(to);
	connection->addresses.count = 1;
}

static void attempt(struct peal_redis_connection *connection)
{
	const struct peal_redis_address *address = connection->address;
	connection->next_address = 0;
	if (address->path) {
		use_path(connection);
	} else if (!peal_redis_resolve_now(address->host, address->port, &connection->addresses)) {
		connection->due_ms = now_ms(connection) + PEAL_LIMIT_REDIS_SILENCE_MS;
		enter(connection, RESOLVING);
		/* One that hangs is waited for again, so that no more than one thread hangs. */
		if (!connection->lookup &&
		    peal_redis_lookup_new(connection->loop, address->host, address->port, on_lookup,
					  connection, &connection->lookup) < 0)
			fail(connection, "no resources to resolve the host name", false);
		return;
	}
	connect_next(connection);
}

static void on_begin(struct peal_task *task)
{
	struct peal_redis_connection *connection =
		peal_container(task, struct peal_redis_connection, begin);
	if (connection->state == WAITING)
		attempt(connection);
}

static void on_stream(struct peal_redis_stream *stream)
{
	struct peal_redis_connection *connection =
		peal_container(stream, struct peal_redis_connection, stream);
	int r;
	switch (connection->state) {
	case CONNECTING:
		r = peal_redis_stream_connected(stream);
		if (!r)
			connected(connection);
		else if (r == PEAL_REDIS_STREAM_E_BROKEN)
			connect_next(connection);
		break;
	case SECURING:
		secure(connection);
		break;
	case LOGIN:
	case READY:
		/* What Redis said before it closed is read even if nothing can be written. */
		if (peal_redis_stream_unwritten(stream))
			peal_loop_want_flush(connection->loop, &connection->flusher);
		read_some(connection);
		break;
	default:
		break;
	}
}

/* --- time --------------------------------------------------------------------------------------
 */

static void on_tick(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct peal_redis_connection *connection =
		peal_container(deadline, struct peal_redis_connection, tick);
	(void)deadlines;
	if (now_ms(connection) < connection->due_ms) {
		enter(connection, connection->state);
		return;
	}
	switch (connection->state) {
	case WAITING:
		attempt(connection);
		break;
	case RESOLVING:
		fail(connection, "the host name is not resolved in time", false);
		break;
	case CONNECTING:
		snprintf(connection->stream.why, sizeof(connection->stream.why),
			 "connecting takes too long");
		connect_next(connection);
		break;
	case SECURING:
		fail(connection, "the TLS handshake takes too long", false);
		break;
	case LOGIN:
		fail(connection, "Redis is silent", false);
		break;
	default:
		break;
	}
}

static void on_pulse(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct peal_redis_connection *connection =
		peal_container(deadline, struct peal_redis_connection, tick);
	uint64_t now = now_ms(connection);
	(void)deadlines;
	if (connection->owed_ms && now - connection->owed_ms >= PEAL_LIMIT_REDIS_SILENCE_MS) {
		fail(connection, "Redis is silent", false);
		return;
	}
	enter(connection, READY);
	if (connection->ping || now - connection->last_byte_ms < IDLE_MS)
		return;
	if (say(connection, "PING", NULL, NULL) == 0)
		connection->ping = connection->commands;
}

/* --- making and freeing ------------------------------------------------------------------------
 */

static void on_death(struct peal_task *task)
{
	struct peal_redis_connection *connection =
		peal_container(task, struct peal_redis_connection, death);
	peal_deadlines_deinit(&connection->ticks);
	peal_deadlines_deinit(&connection->pulses);
	peal_redis_reader_free(connection->reader);
	peal_redis_stream_deinit(&connection->stream);
	free(connection->client_name);
	free(connection);
}

/* Redis wants printable characters without blanks. */
static char *make_name(const char *client_name, const char *kind)
{
	char *name;
	if (asprintf(&name, "%s-%s", client_name ? client_name : "peal", kind) < 0)
		return NULL;
	for (char *c = name; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '-';
	return name;
}

int peal_redis_connection_new(struct peal_loop *loop, const struct peal_redis_address *address,
			      const char *kind, bool subscriber, const char *client_name,
			      const struct peal_redis_handlers *handlers, void *userdata,
			      struct peal_stats *stats, const struct peal_log *log,
			      struct peal_redis_connection **ret_connection)
{
	struct peal_redis_connection *connection = calloc(1, sizeof(*connection));
	char *name = make_name(client_name, kind);
	if (!connection || !name) {
		free(connection);
		free(name);
		return -ENOMEM;
	}
	*connection = (struct peal_redis_connection){
		.loop = loop,
		.address = address,
		.kind = kind,
		.client_name = name,
		.subscriber = subscriber,
		.handlers = *handlers,
		.userdata = userdata,
		.stats = stats,
		.log = log,
		.backoff_ms = FIRST_BACKOFF_MS,
		.flusher = { .fn = flush },
		.begin = { .fn = on_begin },
		.failure = { .fn = on_failure },
		.death = { .fn = on_death },
	};
	peal_redis_stream_init(&connection->stream, loop, on_stream);
	peal_deadlines_init(&connection->ticks, loop, TICK_MS, false, on_tick);
	peal_deadlines_init(&connection->pulses, loop, PULSE_MS, false, on_pulse);
	peal_loop_add_flusher(loop, &connection->flusher);
	*ret_connection = connection;
	return 0;
}

void peal_redis_connection_start(struct peal_redis_connection *connection)
{
	if (connection->state != STOPPED || connection->dead)
		return;
	if (connection->address->database && !connection->subscriber && !connection->told_database)
		peal_log(connection->log, PEAL_LOG_INFO,
			 "the number of a database in the URL is ignored: publish and subscribe of "
			 "Redis know none",
			 PEAL_FIELD_TEXT("redis", connection->address->shown));
	connection->told_database = true;
	/* The first attempt begins from the loop, so that nobody is called from here. */
	enter(connection, WAITING);
	connection->due_ms = now_ms(connection);
	peal_loop_defer(connection->loop, &connection->begin);
}

void peal_redis_connection_free(struct peal_redis_connection *connection)
{
	if (!connection || connection->dead)
		return;
	connection->dead = true;
	if (connection->state == READY && peal_redis_stream_flush(&connection->stream) != 0)
		peal_log(connection->log, PEAL_LOG_DEBUG, "last commands were not written",
			 PEAL_FIELD_TEXT("connection", connection->kind));
	enter(connection, STOPPED);
	peal_redis_stream_close(&connection->stream);
	peal_redis_lookup_free(connection->lookup);
	connection->lookup = NULL;
	peal_loop_remove_flusher(&connection->flusher);
	peal_loop_cancel(&connection->failure);
	peal_loop_cancel(&connection->begin);
	peal_loop_reap(connection->loop, &connection->death);
}

bool peal_redis_connection_is_ready(const struct peal_redis_connection *connection)
{
	return connection->state == READY;
}

uint64_t peal_redis_connection_heard_ms(const struct peal_redis_connection *connection)
{
	return connection->heard_ms;
}

size_t peal_redis_connection_unwritten(const struct peal_redis_connection *connection)
{
	return peal_redis_stream_unwritten(&connection->stream);
}
