/* Sessions over real WebSocket connections: what was queued for each is what its client reads. */
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/barrier.h"
#include "transport/transports.h"
#include "tests/unit/unit.h"

enum { CLIENTS = 24 };

static struct peal_stats stats;
static void unheard(enum peal_log_level level, const char *message,
		    const struct peal_log_field *fields, size_t count, void *userdata)
{
	(void)level, (void)message, (void)fields, (void)count, (void)userdata;
}
static struct peal_log silent = { .fn = unheard };
static struct event_base *base;
static struct peal_loop *loop;
static struct peal_barrier barrier;
static struct peal_websockets *websockets;
static struct peal_engine_context context;
static struct peal_engine *engine;

/* A client, and the model of what it is to get. */
static struct client {
	struct peal_session *session; /* NULL: told that it has closed */
	int fd;			      /* -1: none */
	bool upgraded;		      /* has read the 101 */
	bool stalled;
	bool closing, gone; /* orderly; in any other way, so that a beginning is enough */
	char last[4];
	char *expected;
	size_t length, capacity, received, closed; /* bytes; of the close frame */
} clients[CLIENTS];

static void expect(struct client *client, const struct peal_frame *frame)
{
	size_t length = peal_frame_wire_length(frame);
	if (client->length + length > client->capacity) {
		client->capacity = 2 * (client->length + length);
		client->expected = realloc(client->expected, client->capacity);
	}
	memcpy(client->expected + client->length, peal_frame_wire(frame), length);
	client->length += length;
}

/* One frame, or a packet with attachments. */
static struct peal_frame *make_run(void)
{
	static const size_t sizes[] = { 0, 5, 32, 125, 126, 1000, 16384, 30000, 65532, 70000 };
	struct peal_frame *first = NULL, **at = &first;
	for (int parts = rand() % 6 ? 1 : 3; parts; parts--, at = &(*at)->next) {
		size_t length = sizes[rand() % (rand() % 4 ? 5 : 10)];
		*at = peal_frame_new(&stats, first != NULL, length);
		memset(peal_frame_payload(*at), 'a' + rand() % 26, length);
		peal_frame_seal(*at);
	}
	return first;
}

static void queue_to(struct client *const *to, size_t count)
{
	struct peal_session *sessions[CLIENTS];
	struct peal_frame *run = make_run();
	for (size_t i = 0; i < count; i++)
		sessions[i] = to[i]->session;
	if (rand() % 2)
		(void)peal_sessions_queue(sessions, count, run);
	else
		for (size_t i = 0; i < count; i++)
			(void)peal_session_queue(sessions[i], run);
	for (size_t i = 0; i < count; i++)
		for (struct peal_frame *frame = run; frame && !to[i]->closing; frame = frame->next)
			expect(to[i], frame);
	peal_frame_unref(run);
}

static void on_close(struct peal_session *session, const char *reason, const char *description,
		     void *userdata)
{
	struct client *client = peal_session_userdata(session);
	(void)reason, (void)description, (void)userdata;
	client->session = NULL;
}

/* In the middle of a flush. */
static void on_drain(struct peal_session *session, void *userdata)
{
	struct client *client = peal_session_userdata(session);
	(void)userdata;
	if (rand() % 8 == 0)
		queue_to(&client, 1);
}

static const struct peal_engine_handlers handlers = { .close = on_close, .drain = on_drain };

static void open_client(struct client *client, int room)
{
	struct peal_request *request = calloc(1, sizeof(*request));
	int fds[2];
	*request = (struct peal_request){ .method = "GET", .address = "127.0.0.1" };
	free(client->expected);
	*client = (struct client){ 0 };
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	client->fd = fds[1];
	ck_assert_int_eq(peal_session_create(engine, &peal_websocket_transport, request, false,
					     false, &client->session),
			 0);
	peal_session_set_userdata(client->session, client);
	expect(client, peal_outbox_frames(&client->session->outbox)[0]);
	struct peal_websocket *websocket =
		peal_websocket_adopt(websockets, fds[0], "dGhlIHNhbXBsZSBub25jZQ==", NULL, 1000,
				     &peal_websocket_session_handler, client->session);
	ck_assert_ptr_nonnull(websocket);
	peal_websocket_attach(client->session, websocket);
	peal_session_opened(client->session);
}

static void hang_up(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

static void read_byte(struct client *client, char byte)
{
	static const unsigned char echo[] = { 0x88, 0x80, 0, 0, 0, 0 };
	if (!client->upgraded) {
		memmove(client->last, client->last + 1, 3);
		client->last[3] = byte;
		client->upgraded = !memcmp(client->last, "\r\n\r\n", 4);
	} else if (!client->closed && client->received < client->length &&
		   client->expected[client->received] == byte) {
		client->received++;
	} else {
		/* Nothing but a close frame may come in its place, and nothing behind that. */
		if (client->closed > 1 || byte != "\x88\x00"[client->closed])
			ck_abort_msg("byte %zu of %zu is not what was queued", client->received,
				     client->length);
		if (++client->closed == 2)
			(void)!send(client->fd, echo, sizeof(echo), MSG_NOSIGNAL);
	}
}

static void read_client(struct client *client, size_t max)
{
	static char bytes[200000];
	if (client->fd < 0)
		return;
	ssize_t n = recv(client->fd, bytes, max, MSG_DONTWAIT);
	for (ssize_t i = 0; i < n; i++)
		read_byte(client, bytes[i]);
	if (n > 0 || (n < 0 && errno == EAGAIN))
		return;
	if (client->closing && !client->gone) {
		ck_assert_uint_eq(client->received, client->length);
		ck_assert_uint_eq(client->closed, 2);
	}
	hang_up(client);
}

static void turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void set_up(void)
{
	struct peal_engine_options options;
	memset(&stats, 0, sizeof(stats));
	base = event_base_new();
	ck_assert_int_eq(peal_loop_new(base, NULL, &stats, &silent, &loop), 0);
	peal_barrier_init(&barrier, loop, &stats);
	ck_assert_int_eq(peal_websockets_new(loop, 256, &stats, &silent, &websockets), 0);
	context = (struct peal_engine_context){
		.loop = loop, .stats = &stats, .log = &silent, .barrier = &barrier
	};
	peal_engine_options_init(&options);
	options.outbox_limit = 1500000;
	ck_assert_int_eq(peal_engine_create(&context, &options, &handlers, NULL, &engine), 0);
	for (size_t i = 0; i < CLIENTS; i++)
		clients[i] = (struct client){ .fd = -1 };
	srand(11);
}

static void tear_down(void)
{
	for (size_t i = 0; i < CLIENTS; i++)
		hang_up(&clients[i]);
	peal_engine_discard_all(engine);
	for (int i = 0; i < 10000 && stats.websocket_connections; i++)
		turn();
	ck_assert_uint_eq(peal_engine_session_count(engine), 0);
	peal_engine_destroy(engine);
	peal_barrier_deinit(&barrier);
	peal_websockets_free(websockets);
	peal_loop_free(loop);
	event_base_free(base);
	for (size_t i = 0; i < CLIENTS; i++)
		free(clients[i].expected);
	ck_assert_uint_eq(stats.frames, 0);
	ck_assert_uint_eq(stats.outbox_bytes, 0);
	ck_assert_uint_eq(stats.sessions_websocket, 0);
	ck_assert_uint_eq(stats.websocket_connections, 0);
}

/* Up to eight events to everyone, to some or to one. */
static void emit_to_some(void)
{
	unsigned share = (unsigned)rand() % 4;
	for (int n = rand() % 8; n >= 0; n--) {
		struct client *to[CLIENTS];
		size_t count = 0;
		for (size_t i = 0; i < CLIENTS; i++)
			if (clients[i].session &&
			    (share > 1 || rand() % (share ? 2 : CLIENTS) == 0))
				to[count++] = &clients[i];
		queue_to(to, count);
	}
}

static void change(struct client *client)
{
	uint64_t number;
	switch (rand() % 10) {
	case 0:
		client->closing = true;
		(void)peal_session_shutdown(client->session);
		break;
	case 1:
		if (rand() % 2)
			peal_session_discard(client->session);
		else
			hang_up(client);
		break;
	case 2:
	case 3:
	case 4:
		client->stalled = !client->stalled;
		break;
	case 5:
	case 6:
	case 7:
		number = peal_barrier_issue(&barrier);
		for (size_t i = 0; i < CLIENTS; i++)
			if (clients[i].session && rand() % 4 == 0)
				peal_session_hold(clients[i].session, number);
		break;
	default:
		peal_barrier_reach(&barrier, (barrier.reached + barrier.issued + 1) / 2);
	}
}

START_TEST(each_client_reads_what_was_queued_for_it_whatever_it_and_others_do)
{
	for (int step = 0; step < 3000; step++) {
		struct client *client = &clients[rand() % CLIENTS];
		if (!client->session && client->fd < 0)
			open_client(client, rand() % 2 ? 4096 : 200000);
		if (rand() % 2)
			emit_to_some();
		if (client->session && rand() % 4 == 0)
			change(client);
		/* Who was closed for its limit, say, does not get the rest. */
		for (size_t i = 0; i < CLIENTS; i++)
			if (clients[i].session && clients[i].session->state == PEAL_SESSION_CLOSED)
				clients[i].closing = clients[i].gone = true;
		turn();
		for (size_t i = 0; i < CLIENTS; i++)
			if (!clients[i].stalled && rand() % 2)
				read_client(&clients[i], 1 + (size_t)rand() % 100000);
	}
	peal_barrier_let_go(&barrier);
	size_t missing = 1;
	for (int pass = 0; pass < 10000 && missing; pass++) {
		missing = 0;
		turn();
		for (size_t i = 0; i < CLIENTS; i++) {
			read_client(&clients[i], 100000);
			if (clients[i].session && !clients[i].closing && clients[i].fd >= 0)
				missing += clients[i].length - clients[i].received;
		}
	}
	ck_assert_uint_eq(missing, 0);
	/* All that can happen to them did. */
	ck_assert_uint_gt(stats.writes_partial, 0);
	ck_assert_uint_gt(stats.sessions_closed_outbox, 0);
	ck_assert_uint_gt(stats.barrier_waits, 0);
}
END_TEST

/* Or the draining of a queue would take time by the square of its length. */
START_TEST(what_is_left_of_the_long_queue_of_a_slow_reader_is_not_copied_at_each_write)
{
	struct client *client = &clients[0];
	open_client(client, 4096);
	struct peal_session *session = client->session;
	for (size_t number = 0; number < 30000; number++) {
		struct peal_frame *frame =
			peal_frame_new_copy(&stats, false, "4twenty bytes or so", 19);
		ck_assert_int_eq(peal_session_queue(session, frame), 0);
		expect(client, frame);
		peal_frame_unref(frame);
	}
	const struct peal_sequence *sequence = session->outbox.sequence;
	size_t writes = stats.writes;
	while (session->outbox.count > 1) {
		ck_assert_ptr_eq(session->outbox.sequence, sequence);
		turn();
		read_client(client, 100000);
	}
	ck_assert_uint_gt(stats.writes, writes + 5);
}
END_TEST

UNIT_MAIN_WITH("websocket_sessions", set_up, tear_down,
	       each_client_reads_what_was_queued_for_it_whatever_it_and_others_do,
	       what_is_left_of_the_long_queue_of_a_slow_reader_is_not_copied_at_each_write)
