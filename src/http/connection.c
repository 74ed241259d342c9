/*
 * One connection: reading, the state machine, closing.
 *
 * Reading never stops while a client can leave: what is not wanted yet is kept up to a limit, what
 * is not wanted at all is thrown away, so that the end of the stream is always seen and level-
 * triggered readiness never repeats itself. Reading rests only while input waits for its turn.
 *
 * New requests are handed over by peal_http_connection_process() alone, which runs behind all that
 * was readable in this turn. Handlers are never called from the functions that answer.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/private.h"

/* Between the limit for waiting bytes and this, there is room for one read and one head. */
#define READ_BYTES sizeof(((struct peal_http_server *)0)->scratch)
#define INPUT_CEILING (PEAL_LIMIT_HTTP_PIPELINE_BYTES + PEAL_LIMIT_HTTP_HEAD_BYTES + 2 * READ_BYTES)

static void on_event(evutil_socket_t fd, short what, void *userdata);

size_t peal_http_connection_unread(const struct peal_http_connection *connection)
{
	return connection->input.length - connection->input_used;
}

const char *peal_http_connection_bytes(const struct peal_http_connection *connection)
{
	return connection->input.bytes ? connection->input.bytes + connection->input_used : "";
}

static bool is_ready(const struct peal_http_connection *connection)
{
	return peal_list_linked(&connection->ready);
}

bool peal_http_connection_idle(const struct peal_http_connection *connection)
{
	return connection->state == PEAL_HTTP_HEAD && !is_ready(connection) &&
	       peal_http_connection_unread(connection) == 0;
}

void peal_http_connection_arm_pace(struct peal_http_connection *connection)
{
	struct peal_http_server *server = connection->server;
	peal_deadline_arm(peal_http_output_pending(connection) ? &server->writes
							       : &server->body_idles,
			  &connection->deadline);
}

void peal_http_connection_enter(struct peal_http_connection *connection, enum peal_http_state state)
{
	struct peal_http_server *server = connection->server;
	connection->state = (uint8_t)state;
	switch (state) {
	case PEAL_HTTP_HEAD:
		memset(&connection->scan, 0, sizeof(connection->scan));
		connection->discarded = 0;
		connection->kept_alive = peal_http_connection_unread(connection) == 0;
		peal_deadline_disarm(&connection->body_deadline);
		peal_deadline_arm(connection->kept_alive ? &server->keep_alives : &server->heads,
				  &connection->deadline);
		break;
	case PEAL_HTTP_ASKED:
	case PEAL_HTTP_DEAD:
		peal_deadline_disarm(&connection->deadline);
		peal_deadline_disarm(&connection->body_deadline);
		break;
	case PEAL_HTTP_BODY:
		peal_deadline_arm(&server->body_idles, &connection->deadline);
		peal_deadline_arm(&server->bodies, &connection->body_deadline);
		break;
	case PEAL_HTTP_ANSWERED:
		peal_http_connection_arm_pace(connection);
		if (!peal_deadline_armed(&connection->body_deadline) &&
		    !peal_http_body_ended(&connection->body))
			peal_deadline_arm(&server->bodies, &connection->body_deadline);
		break;
	case PEAL_HTTP_LINGER:
		connection->discarded = 0;
		peal_deadline_disarm(&connection->body_deadline);
		peal_deadline_arm(&server->lingers, &connection->deadline);
		break;
	case PEAL_HTTP_FOREIGN:
		peal_deadline_arm(&server->foreign_upgrades, &connection->deadline);
		break;
	}
}

void peal_http_connection_watch(struct peal_http_connection *connection)
{
	short wanted = 0;
	bool rests = is_ready(connection) &&
		     peal_http_connection_unread(connection) > PEAL_LIMIT_HTTP_PIPELINE_BYTES;
	if (connection->state != PEAL_HTTP_DEAD) {
		if (!connection->eof && !rests)
			wanted |= EV_READ;
		if (peal_http_output_pending(connection))
			wanted |= EV_WRITE;
	}
	if (wanted == connection->watched)
		return;
	if (connection->watched)
		event_del(&connection->event);
	connection->watched = wanted;
	if (!wanted)
		return;
	event_assign(&connection->event, peal_loop_base(connection->server->loop), connection->fd,
		     (short)(wanted | EV_PERSIST), on_event, connection);
	if (event_add(&connection->event, NULL) != 0) {
		connection->watched = 0;
		connection->broken = connection->eof = true;
		peal_http_connection_ready(connection);
	}
}

static void on_death(struct peal_task *task)
{
	free(peal_container(task, struct peal_http_connection, death));
}

int peal_http_connection_new(struct peal_http_server *server, int fd,
			     const struct sockaddr_storage *peer)
{
	struct peal_http_connection *connection = calloc(1, sizeof(*connection));
	if (!connection)
		return -ENOMEM;
	connection->server = server;
	connection->fd = fd;
	connection->input.ceiling = INPUT_CEILING;
	connection->has_address = peal_http_address_of(peer, &connection->address);
	connection->death.fn = on_death;
	peal_list_append(&server->connections, &connection->link);
	server->connection_count++;
	server->stats->http_connections++;
	peal_http_connection_enter(connection, PEAL_HTTP_HEAD);
	/* A new one has not earned the right to be idle: it is never among the keep-alives. */
	connection->kept_alive = false;
	peal_deadline_arm(&server->heads, &connection->deadline);
	peal_http_connection_watch(connection);
	return 0;
}

void peal_http_connection_close(struct peal_http_connection *connection)
{
	struct peal_http_server *server = connection->server;
	if (connection->state == PEAL_HTTP_DEAD)
		return;
	peal_http_connection_enter(connection, PEAL_HTTP_DEAD);
	peal_http_connection_watch(connection);
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
	peal_list_unlink(&connection->link);
	peal_list_unlink(&connection->ready);
	peal_buffer_deinit(&connection->input);
	peal_buffer_deinit(&connection->output);
	connection->input_used = connection->output_used = 0;
	server->connection_count--;
	server->stats->http_connections--;
	peal_loop_reap(server->loop, &connection->death);
}

void peal_http_connection_abort(struct peal_http_connection *connection, enum peal_http_abort why)
{
	struct peal_http_request *request = connection->request;
	if (request)
		peal_http_request_detach(request);
	peal_http_connection_close(connection);
	if (!request)
		return;
	request->handler->on_abort(request, why, request->context);
	peal_http_request_release(request);
}

int peal_http_connection_take(struct peal_http_connection *connection)
{
	int fd = connection->fd;
	if (connection->watched)
		event_del(&connection->event);
	connection->watched = 0;
	connection->fd = -1;
	peal_http_connection_close(connection);
	return fd;
}

void peal_http_connection_ready(struct peal_http_connection *connection)
{
	if (connection->processing || connection->state == PEAL_HTTP_DEAD)
		return;
	if (!is_ready(connection))
		peal_list_append(&connection->server->ready, &connection->ready);
	peal_http_server_wake(connection->server);
}

void peal_http_connection_ignore(struct peal_http_connection *connection)
{
	peal_http_connection_enter(connection, PEAL_HTTP_FOREIGN);
}

/* --- events --------------------------------------------------------------------------------- */

/* Return: bytes read; 0 at the end of the stream or without news (see eof). */
static size_t read_bytes(struct peal_http_connection *connection)
{
	struct peal_http_server *server = connection->server;
	ssize_t got = recv(connection->fd, server->scratch, sizeof(server->scratch), MSG_DONTWAIT);
	server->stats->http_reads++;
	if (got > 0)
		return (size_t)got;
	if (got == 0) {
		connection->eof = true;
	} else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
		connection->eof = connection->broken = true;
	}
	return 0;
}

static void read_and_throw_away(struct peal_http_connection *connection)
{
	connection->discarded += read_bytes(connection);
	if (connection->eof || connection->discarded > PEAL_LIMIT_HTTP_LINGER_BYTES)
		peal_http_connection_close(connection);
}

static void read_input(struct peal_http_connection *connection)
{
	size_t got;
	do {
		got = read_bytes(connection);
		peal_buffer_append(&connection->input, connection->server->scratch, got);
		if (peal_buffer_error(&connection->input))
			connection->eof = connection->broken = true;
		/* A client that waits for an answer may have left behind what it sent. */
	} while (got && connection->state == PEAL_HTTP_ASKED && !connection->eof &&
		 peal_http_connection_unread(connection) <= PEAL_LIMIT_HTTP_PIPELINE_BYTES);
}

static void on_readable(struct peal_http_connection *connection)
{
	size_t before = peal_http_connection_unread(connection);
	if (connection->state == PEAL_HTTP_LINGER || connection->state == PEAL_HTTP_FOREIGN) {
		read_and_throw_away(connection);
		return;
	}
	read_input(connection);
	size_t unread = peal_http_connection_unread(connection);
	bool too_much = unread > PEAL_LIMIT_HTTP_PIPELINE_BYTES;
	bool waits = connection->state == PEAL_HTTP_ASKED ||
		     (connection->state == PEAL_HTTP_ANSWERED && !connection->close_after &&
		      peal_http_body_ended(&connection->body));
	/* What came before the end of the stream is still to be worked on. */
	bool gone = connection->broken || (connection->eof && !is_ready(connection) &&
					   connection->state != PEAL_HTTP_ANSWERED);
	if (gone || (too_much && waits)) {
		peal_http_connection_abort(connection, PEAL_HTTP_ABORT_CLOSED);
		return;
	}
	if (!before && unread && connection->kept_alive) {
		connection->kept_alive = false;
		peal_deadline_arm(&connection->server->heads, &connection->deadline);
	}
	if (connection->state != PEAL_HTTP_ASKED)
		peal_http_connection_ready(connection);
}

static void on_writable(struct peal_http_connection *connection)
{
	if (peal_http_output_flush(connection) && connection->state == PEAL_HTTP_ANSWERED)
		peal_deadline_arm(&connection->server->writes, &connection->deadline);
	if (connection->broken)
		peal_http_connection_abort(connection, PEAL_HTTP_ABORT_CLOSED);
	else if (!peal_http_output_pending(connection))
		peal_http_connection_ready(connection);
}

static void on_event(evutil_socket_t fd, short what, void *userdata)
{
	struct peal_http_connection *connection = userdata;
	(void)fd;
	/* Before the turn begins, so that the end of the turn comes behind the new requests. */
	if (what & EV_READ)
		peal_http_server_wake(connection->server);
	peal_loop_enter(connection->server->loop);
	if (what & EV_WRITE && peal_http_output_pending(connection))
		on_writable(connection);
	if (what & EV_READ && connection->state != PEAL_HTTP_DEAD && !connection->eof)
		on_readable(connection);
	if (connection->state != PEAL_HTTP_DEAD)
		peal_http_connection_watch(connection);
}

/* --- deadlines ------------------------------------------------------------------------------ */

void peal_http_on_head_deadline(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct peal_http_connection *connection =
		peal_container(deadline, struct peal_http_connection, deadline);
	if (is_ready(connection))
		peal_deadline_arm(deadlines, deadline); /* what came in time is not looked at yet */
	else if (peal_http_connection_unread(connection))
		peal_http_refuse(connection, 408);
	else
		peal_http_connection_close(connection);
}

void peal_http_on_close_deadline(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	(void)deadlines;
	peal_http_connection_abort(peal_container(deadline, struct peal_http_connection, deadline),
				   PEAL_HTTP_ABORT_CLOSED);
}
