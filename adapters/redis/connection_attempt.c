/*
 * From an address to a connection that takes commands: look the host up, try its addresses one
 * after the other, TLS, log in. Each step has a time of its own.
 */
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "adapters/redis/connection_private.h"

/* --- login --- */

static void fail_login(struct peal_redis_connection *connection, const char *error)
{
	char why[WHY_BYTES];
	peal_redis_explain(error, connection->address->user, NULL, why, sizeof(why));
	peal_redis_fail(connection, why, true);
}

static void become_ready(struct peal_redis_connection *connection)
{
	connection->ready_ms = peal_redis_now_ms(connection);
	connection->commands = connection->replies = connection->ping = 0;
	/* Nothing was asked for that could be missed before. */
	connection->heard_ms = connection->pinged_ms = peal_loop_real_ms(connection->loop);
	connection->cause_count = 0;
	peal_redis_enter(connection, READY);
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

void peal_redis_take_login_reply(struct peal_redis_connection *connection,
				 const struct peal_redis_reply *reply)
{
	const struct peal_redis_value *value = &reply->value;
	enum peal_redis_step step = connection->steps[connection->step++];
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

/* --- attempts --- */

static void log_in(struct peal_redis_connection *connection)
{
	const struct peal_redis_address *address = connection->address;
	int r = 0;
	connection->reader = peal_redis_reader_new();
	connection->step = connection->step_count = 0;
	connection->last_byte_ms = peal_redis_now_ms(connection);
	connection->owed_ms = 0;
	connection->backlog = false;
	connection->due_ms = peal_redis_now_ms(connection) + PEAL_LIMIT_REDIS_SILENCE_MS;
	peal_redis_enter(connection, LOGIN);
	if (!connection->reader) {
		peal_redis_fail(connection, "out of memory", false);
		return;
	}
	if (address->password) {
		connection->steps[connection->step_count++] = STEP_AUTH;
		r = address->user
			    ? peal_redis_say(connection, "AUTH", address->user, address->password)
			    : peal_redis_say(connection, "AUTH", address->password, NULL);
	}
	connection->steps[connection->step_count++] = STEP_NAME;
	if (!r)
		r = peal_redis_say(connection, "CLIENT", "SETNAME", connection->client_name);
	if (!connection->subscriber) {
		connection->steps[connection->step_count++] = STEP_ROLE;
		if (!r)
			r = peal_redis_say(connection, "INFO", "replication", NULL);
	}
	if (r)
		peal_redis_fail(connection, "out of memory", false);
}

static void secure(struct peal_redis_connection *connection)
{
	int r = peal_redis_stream_secure(&connection->stream, connection->address);
	if (!r)
		log_in(connection);
	else if (r == PEAL_REDIS_STREAM_E_BROKEN)
		peal_redis_fail(connection, connection->stream.why, false);
}

static void connected(struct peal_redis_connection *connection)
{
	if (!connection->address->tls) {
		log_in(connection);
		return;
	}
	connection->due_ms = peal_redis_now_ms(connection) + PEAL_LIMIT_REDIS_SILENCE_MS;
	peal_redis_enter(connection, SECURING);
	secure(connection);
}

/* The first address is the one that people expect: its trouble is told, not that of the others. */
static void note_failure(struct peal_redis_connection *connection)
{
	if (connection->next_address == 1)
		snprintf(connection->why, sizeof(connection->why), "%s", connection->stream.why);
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
			connection->due_ms = peal_redis_now_ms(connection) +
					     PEAL_LIMIT_REDIS_SILENCE_MS / addresses->count;
			peal_redis_enter(connection, CONNECTING);
			return;
		}
		note_failure(connection);
	}
	peal_redis_fail(connection, connection->why, false);
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
		peal_redis_fail(connection, why, false);
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

void peal_redis_attempt(struct peal_redis_connection *connection)
{
	const struct peal_redis_address *address = connection->address;
	connection->next_address = 0;
	if (address->path) {
		use_path(connection);
	} else if (!peal_redis_resolve_now(address->host, address->port, &connection->addresses)) {
		connection->due_ms = peal_redis_now_ms(connection) + PEAL_LIMIT_REDIS_SILENCE_MS;
		peal_redis_enter(connection, RESOLVING);
		/* One that hangs is waited for again, so that no more than one thread hangs. */
		if (!connection->lookup &&
		    peal_redis_lookup_new(connection->loop, address->host, address->port, on_lookup,
					  connection, &connection->lookup) < 0)
			peal_redis_fail(connection, "no resources to resolve the host name", false);
		return;
	}
	connect_next(connection);
}

void peal_redis_attempt_go_on(struct peal_redis_connection *connection)
{
	if (connection->state == SECURING) {
		secure(connection);
		return;
	}
	int r = peal_redis_stream_connected(&connection->stream);
	if (!r)
		connected(connection);
	if (r != PEAL_REDIS_STREAM_E_BROKEN)
		return;
	note_failure(connection);
	connect_next(connection);
}

void peal_redis_attempt_expired(struct peal_redis_connection *connection)
{
	switch (connection->state) {
	case RESOLVING:
		peal_redis_fail(connection, "the host name is not resolved in time", false);
		break;
	case CONNECTING:
		snprintf(connection->stream.why, sizeof(connection->stream.why),
			 "connecting takes too long");
		note_failure(connection);
		connect_next(connection);
		break;
	case SECURING:
		peal_redis_fail(connection, "the TLS handshake takes too long", false);
		break;
	case LOGIN:
		peal_redis_fail(connection, "Redis is silent", false);
		break;
	default:
		break;
	}
}
