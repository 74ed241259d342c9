/*
 * The life of a connection: commands and replies, keep-alive, loss.
 *
 * The state is written by peal_redis_enter() alone. Between two attempts and during one a tick
 * looks at the time; while commands may be written a slower pulse does. Neither needs memory, so
 * nothing can keep the connection from coming back. A loss that is noticed while a command is
 * written is told from the loop, later: nobody is called from inside a call.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/redis/connection_private.h"
#include "base/id.h"

#define TICK_MS 50
#define PULSE_MS 500
#define FIRST_BACKOFF_MS 50
/* Without a byte for so long, Redis is asked whether it is there. */
#define IDLE_MS 2000
/* A subscriber asks so often, whatever comes: see peal_redis_connection_heard_ms(). */
#define PROOF_MS 1000
#define READ_BYTES 16384
/* Reads in one turn before others get theirs. */
#define READS_PER_TURN 64

uint64_t peal_redis_now_ms(struct peal_redis_connection *connection)
{
	peal_loop_enter(connection->loop);
	return peal_loop_now_ms(connection->loop);
}

void peal_redis_enter(struct peal_redis_connection *connection, enum peal_redis_state state)
{
	connection->state = state;
	if (state == STOPPED)
		peal_deadline_disarm(&connection->tick);
	else
		peal_deadline_arm(state == READY ? &connection->pulses : &connection->ticks,
				  &connection->tick);
}

/* --- commands --- */

static void fail_later(struct peal_redis_connection *connection, const char *why)
{
	if (peal_task_queued(&connection->failure))
		return;
	snprintf(connection->why, sizeof(connection->why), "%s", why);
	peal_loop_defer(connection->loop, &connection->failure);
}

/* "$5\r\n" and the like; printf() would take most of the time of a publish. */
static void append_head(struct peal_buffer *output, char form, size_t number)
{
	char head[24], *at = head + sizeof(head);
	*--at = '\n';
	*--at = '\r';
	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	*--at = form;
	peal_buffer_append(output, at, (size_t)(head + sizeof(head) - at));
}

static int append(struct peal_redis_connection *connection, size_t count, const char *const *words,
		  const size_t *lengths)
{
	struct peal_buffer *output = &connection->stream.output;
	size_t before = output->length;
	append_head(output, '*', count);
	for (size_t i = 0; i < count; i++) {
		append_head(output, '$', lengths[i]);
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

int peal_redis_say(struct peal_redis_connection *connection, const char *first, const char *second,
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
		connection->owed_ms = peal_redis_now_ms(connection);
	if (peal_redis_stream_flush(&connection->stream)) {
		fail_later(connection, connection->stream.why);
		return false;
	}
	/* While Redis takes what had piled up it is not silent, though it may not answer yet. */
	size_t after = peal_redis_stream_unwritten(&connection->stream);
	if (connection->backlog && after < before)
		connection->owed_ms = peal_redis_now_ms(connection);
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
		peal_redis_fail(connection, why, false);
}

/* --- loss --- */

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
void peal_redis_fail(struct peal_redis_connection *connection, const char *text, bool slowly)
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
	if (was_ready &&
	    peal_redis_now_ms(connection) - connection->ready_ms >= PEAL_LIMIT_REDIS_BACKOFF_MS)
		connection->backoff_ms = FIRST_BACKOFF_MS;
	connection->due_ms = peal_redis_now_ms(connection) + next_wait_ms(connection, slowly);
	peal_redis_enter(connection, WAITING);
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

/* --- replies --- */

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
		peal_redis_take_login_reply(connection, reply);
		return;
	}
	connection->replies++;
	if (!connection->subscriber && connection->replies > connection->commands) {
		peal_redis_fail(connection, "Redis has sent a reply to nothing", false);
		return;
	}
	/* A PING that is refused shows that Redis is there as well. */
	if (connection->ping &&
	    (connection->subscriber ? is_pong(reply) : connection->replies == connection->ping)) {
		connection->ping = 0;
		connection->heard_ms = connection->pinged_ms;
		return;
	}
	connection->handlers.reply(connection, reply, connection->userdata);
}

/* Return: whether to go on reading. */
static bool take_bytes(struct peal_redis_connection *connection, const char *bytes, size_t length)
{
	const struct peal_redis_reply *reply;
	unsigned losses = connection->losses;
	connection->last_byte_ms = peal_redis_now_ms(connection);
	connection->owed_ms = 0;
	int r = peal_redis_reader_feed(connection->reader, bytes, length);
	while (!r && !(r = peal_redis_reader_next(connection->reader, &reply))) {
		take_reply(connection, reply);
		if (connection->dead || connection->losses != losses)
			return false;
	}
	if (r == PEAL_REDIS_READER_E_MORE)
		return true;
	peal_redis_fail(connection,
			r == -ENOMEM			   ? "out of memory"
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
			peal_redis_fail(connection, connection->stream.why, false);
			return;
		}
		if (!take_bytes(connection, bytes, length))
			return;
		/* The kernel had no more. TLS hands out one record after the other. */
		if (length < sizeof(bytes) && !connection->stream.tls)
			return;
		if (peal_loop_turn_is_long(connection->loop))
			break;
	}
	peal_redis_stream_read_later(&connection->stream);
}

static void on_begin(struct peal_task *task)
{
	struct peal_redis_connection *connection =
		peal_container(task, struct peal_redis_connection, begin);
	if (connection->state == WAITING)
		peal_redis_attempt(connection);
}

static void on_stream(struct peal_redis_stream *stream)
{
	struct peal_redis_connection *connection =
		peal_container(stream, struct peal_redis_connection, stream);
	switch (connection->state) {
	case CONNECTING:
	case SECURING:
		peal_redis_attempt_go_on(connection);
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

/* --- time --- */

static void on_tick(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct peal_redis_connection *connection =
		peal_container(deadline, struct peal_redis_connection, tick);
	(void)deadlines;
	if (peal_redis_now_ms(connection) < connection->due_ms) {
		peal_redis_enter(connection, connection->state);
		return;
	}
	if (connection->state == WAITING)
		peal_redis_attempt(connection);
	else
		peal_redis_attempt_expired(connection);
}

static void on_pulse(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct peal_redis_connection *connection =
		peal_container(deadline, struct peal_redis_connection, tick);
	uint64_t now = peal_redis_now_ms(connection);
	uint64_t real_ms = peal_loop_real_ms(connection->loop);
	bool proof = connection->subscriber && real_ms - connection->pinged_ms >= PROOF_MS;
	(void)deadlines;
	if (connection->owed_ms && now - connection->owed_ms >= PEAL_LIMIT_REDIS_SILENCE_MS) {
		peal_redis_fail(connection, "Redis is silent", false);
		return;
	}
	peal_redis_enter(connection, READY);
	if (connection->ping || (!proof && now - connection->last_byte_ms < IDLE_MS))
		return;
	if (peal_redis_say(connection, "PING", NULL, NULL) == 0) {
		connection->ping = connection->commands;
		connection->pinged_ms = real_ms;
	}
}

/* --- making and freeing --- */

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
	peal_redis_enter(connection, WAITING);
	connection->due_ms = peal_redis_now_ms(connection);
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
	peal_redis_enter(connection, STOPPED);
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
