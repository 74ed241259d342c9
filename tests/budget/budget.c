/*
 * Does each thing that has a budget a known number of times, and has callgrind write down the
 * instructions of each under its name. Prints how often each was done, what can be counted without
 * callgrind, and the sizes of the objects of a client, as one JSON object. tests/budget/run reads
 * both. The argument is the beginning of the sequence of random bytes, 0 when there is none.
 */
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "engine/transport.h"
#include "http/private.h"
#include "server/server_private.h"
#include "tests/budget/budget.h"
#include "tests/budget/rig.h"

static struct {
	const char *name;
	uint64_t times;
} measures[64];
static size_t measure_count;

void count_begin(void)
{
	CALLGRIND_START_INSTRUMENTATION;
	CALLGRIND_ZERO_STATS;
}

void count_end(const char *name, uint64_t times)
{
	CALLGRIND_DUMP_STATS_AT(name);
	CALLGRIND_STOP_INSTRUMENTATION;
	measures[measure_count].name = name;
	measures[measure_count++].times = times;
}

/* --- messages ---------------------------------------------------------------------------- */

/* Events with @text to all, @in_flight in each turn. */
static void deliver_text(const char *text, size_t turns, size_t in_flight)
{
	for (size_t turn = 0; turn < turns; turn++) {
		for (size_t i = 0; i < in_flight; i++)
			peal_emit(rig.io, PEAL_ALL, "bench", text);
		rig_turn();
	}
}

static void deliver(size_t turns, size_t in_flight)
{
	deliver_text(PADDING, turns, in_flight);
}

static double writes_one, writes_eight;

static void count_deliveries(void)
{
	enum { TURNS = 20 };
	uint64_t before, writes;
	deliver(2, 8);

	before = rig.stats.deliveries, writes = rig.writes;
	count_begin();
	deliver(TURNS, 1);
	count_end("delivery, one per turn", TURNS * rig.count);
	rig_require(rig.stats.deliveries - before == TURNS * rig.count, "not all were reached");
	writes_one = (double)(rig.writes - writes) / (double)(TURNS * rig.count);

	writes = rig.writes;
	count_begin();
	deliver(TURNS, 8);
	count_end("delivery, eight per turn", 8 * TURNS * rig.count);
	writes_eight = (double)(rig.writes - writes) / (double)(8 * TURNS * rig.count);

	count_begin();
	for (size_t i = 0; i < 1000; i++)
		peal_emit(rig.io, PEAL_TO(.rooms = PEAL_ROOMS("nobody")), "bench", PADDING);
	rig_turn();
	count_end("emit that nobody receives", 1000);

	for (size_t i = 0; i < rig.count; i++)
		peal_socket_emit(rig.sockets[i], 0, "bench", PADDING);
	rig_turn();
	count_begin();
	for (size_t i = 0; i < rig.count; i++)
		peal_socket_emit(rig.sockets[i], 0, "bench", PADDING);
	rig_turn();
	count_end("emit to one client", rig.count);
}

/* A longer text, and binary data. */
static char long_text[16385], middle_text[1025];

/* To all; the first turns are for the pools. */
static void count_delivery_of(const char *text, size_t in_flight, const char *name)
{
	enum { TURNS = 10 };
	uint64_t before, bytes;
	deliver_text(text, 2, in_flight);
	before = rig.stats.deliveries, bytes = rig.bytes;
	count_begin();
	deliver_text(text, TURNS, in_flight);
	count_end(name, TURNS * in_flight * rig.count);
	rig_require(rig.stats.deliveries - before == TURNS * in_flight * rig.count &&
			    rig.bytes - bytes > TURNS * in_flight * rig.count * strlen(text),
		    "not all were reached");
}

/* A broadcast to many costs as much for each as one to few. */
static void count_deliveries_to_many(void)
{
	enum { TURNS = 4 };
	deliver(1, 8);
	count_begin();
	deliver(TURNS, 1);
	count_end("delivery, one per turn, 10 000 clients", TURNS * rig.count);
	count_begin();
	deliver(TURNS, 8);
	count_end("delivery, eight per turn, 10 000 clients", 8 * TURNS * rig.count);
}

static void count_larger_deliveries(void)
{
	enum { TIMES = 100 };
	memset(long_text, 'x', sizeof(long_text) - 1);
	memset(middle_text, 'x', sizeof(middle_text) - 1);
	count_delivery_of(middle_text, 1, "delivery of 1 KB, one per turn");
	count_delivery_of(middle_text, 8, "delivery of 1 KB, eight per turn");
	count_delivery_of(long_text, 1, "delivery of 16 KB, one per turn");
	count_delivery_of(long_text, 8, "delivery of 16 KB, eight per turn");
	for (size_t pass = 0; pass < 2; pass++) {
		count_begin();
		for (size_t i = 0; i < TIMES; i++) {
			peal_socket_emit(rig.sockets[i], 0, "bench", long_text);
			rig_turn();
		}
		/* The first pass is for the pools. */
		if (pass)
			count_end("emit of 16 KB to one client", TIMES);
	}

	deliver(1, 1);
	count_begin();
	for (size_t i = 0; i < 10; i++) {
		peal_emit(rig.io, PEAL_ALL, "bench", PEAL_BYTES(long_text, 32));
		rig_turn();
	}
	count_end("delivery of a binary event", 10 * rig.count);
}

static void receive_from_all(void)
{
	static const char event[] = "42[\"bench\",\"" PADDING "\"]";
	for (size_t i = 0; i < rig.count; i++) {
		rig_say(i, event, sizeof(event) - 1);
		rig_turn();
	}
}

static void count_received(void)
{
	receive_from_all();
	uint64_t before = rig.received;
	count_begin();
	receive_from_all();
	count_end("received message", rig.count);
	rig_require(rig.received - before == rig.count, "not all were received");

	static char event[sizeof(long_text) + 32];
	size_t length = (size_t)snprintf(event, sizeof(event), "42[\"bench\",\"%s\"]", long_text);
	count_begin();
	for (size_t i = 0; i < 100; i++) {
		rig_say(i, event, length);
		rig_turn();
	}
	count_end("received message of 16 KB", 100);
}

/* All clients have connected at the same time of the clock, so their pings are due together. */
static void count_heartbeat(void)
{
	uint64_t writes;
	fake_clock_advance(&rig.clock, rig.loop, 24990);
	writes = rig.writes;
	count_begin();
	fake_clock_advance(&rig.clock, rig.loop, 10);
	for (size_t i = 0; i < rig.count; i++) {
		rig_say(i, "3", 1);
		rig_turn();
	}
	count_end("ping and pong", rig.count);
	rig_require(rig.writes - writes == rig.count, "not all got a ping");
}

/* --- acknowledgements -------------------------------------------------------------------- */

static void on_acks(const struct peal_acks *acks, void *userdata)
{
	(void)userdata;
	if (!acks->error)
		rig.answers += acks->response_count;
}

static void ask(void)
{
	rig_require(!peal_emit_ack(rig.io, PEAL_ALL, 5000, on_acks, NULL, "bench", PADDING),
		    "nobody could be asked");
	rig_turn();
}

/* All clients answer the question that was written last. */
static void answer(const char *text, size_t length)
{
	for (size_t i = 0; i < rig.count; i++) {
		rig_say(i, text, length);
		rig_turn();
	}
}

static size_t make_answer(char *text, size_t size)
{
	unsigned long long id;
	rig_require(sscanf(rig.last, "42%llu[", &id) == 1, "the question has no id");
	return (size_t)snprintf(text, size, "43%llu[\"ok\"]", id);
}

static void count_acknowledgements(void)
{
	char text[64];
	ask();
	answer(text, make_answer(text, sizeof(text)));
	uint64_t before = rig.answers;

	count_begin();
	ask();
	count_end("question with an acknowledgement, for each client", rig.count);

	size_t length = make_answer(text, sizeof(text));
	count_begin();
	answer(text, length);
	count_end("acknowledgement", rig.count);
	rig_require(rig.answers - before == rig.count, "not all have answered");
}

/* --- rooms ------------------------------------------------------------------------------- */

/* Rooms that are measured, and clients for each of them. */
#define MEASURED 100
#define IN_ROOM 10
#define MEMBERS (RIG_CLIENTS - MEASURED * IN_ROOM)

static const char *room_name(size_t room)
{
	static char name[16];
	snprintf(name, sizeof(name), "room-%06zu", room);
	return name;
}

static char names[MEASURED][16];

/* Each room below @count that is not there yet gets a member; every @step-th one, from @first on,
 * gets ten. */
static void fill_rooms(size_t from, size_t count, size_t first, size_t step)
{
	for (size_t room = from; room < count; room++)
		peal_socket_join(rig.sockets[room % 5000], room_name(room));
	for (size_t i = 0; i < MEASURED; i++) {
		strcpy(names[i], room_name(first + i * step));
		for (size_t k = 1; k < IN_ROOM; k++)
			peal_socket_join(rig.sockets[MEMBERS + i * IN_ROOM + k], names[i]);
	}
}

static void join_all(size_t first_client)
{
	for (size_t i = 0; i < MEASURED * IN_ROOM; i++)
		peal_socket_join(rig.sockets[first_client + i], names[i % MEASURED]);
}

static void leave_all(size_t first_client)
{
	for (size_t i = 0; i < MEASURED * IN_ROOM; i++)
		peal_socket_leave(rig.sockets[first_client + i], names[i % MEASURED]);
}

/* Clients from @first_client on, which are in no room, join the measured ones, each one of them,
 * and leave again. */
static void count_rooms(size_t first_client, const char *join, const char *leave,
			const char *broadcast, const char *except)
{
	uint64_t before = rig.stats.deliveries;
	count_begin();
	for (size_t i = 0; i < MEASURED; i++) {
		peal_emit(rig.io, PEAL_TO(.rooms = PEAL_ROOMS(names[i])), "bench", PADDING);
		rig_turn();
	}
	count_end(broadcast, MEASURED);
	rig_require(rig.stats.deliveries - before == MEASURED * IN_ROOM, "a room has not ten");

	count_begin();
	for (size_t i = 0; i < MEASURED; i++) {
		const char *other = names[(i + 1) % MEASURED];
		peal_emit(rig.io,
			  PEAL_TO(.rooms = PEAL_ROOMS(names[i]), .except = PEAL_ROOMS(other)),
			  "bench", PADDING);
		rig_turn();
	}
	count_end(except, MEASURED);

	/* Other clients do it first, so that malloc has been through the same. */
	join_all(first_client + MEASURED * IN_ROOM);
	leave_all(first_client + MEASURED * IN_ROOM);
	count_begin();
	join_all(first_client);
	count_end(join, MEASURED * IN_ROOM);
	count_begin();
	leave_all(first_client);
	count_end(leave, MEASURED * IN_ROOM);
}

/* Rooms of one client, who makes and ends them. */
static void count_new_rooms(void)
{
	enum { NEW = 1000 };
	static char fresh[NEW][16];
	for (size_t i = 0; i < NEW; i++)
		snprintf(fresh[i], sizeof(fresh[i]), "new-%06zu", i);
	for (size_t pass = 0; pass < 2; pass++) {
		count_begin();
		for (size_t i = 0; i < NEW; i++)
			peal_socket_join(rig.sockets[5000 + i], fresh[i]);
		if (pass)
			count_end("join that makes a room", NEW);
		count_begin();
		for (size_t i = 0; i < NEW; i++)
			peal_socket_leave(rig.sockets[5000 + i], fresh[i]);
		if (pass)
			count_end("leave that ends a room", NEW);
	}
}

static void count_all_rooms(void)
{
	fill_rooms(0, MEASURED, 0, 1);
	count_rooms(5000, "join, 100 rooms", "leave, 100 rooms", "broadcast to ten, 100 rooms",
		    "broadcast to ten except ten, 100 rooms");
	fill_rooms(MEASURED, 100000, 500, 1000);
	rig_require(rig.stats.rooms == 100000, "not all rooms are there");
	count_rooms(7000, "join, 100 000 rooms", "leave, 100 000 rooms",
		    "broadcast to ten, 100 000 rooms",
		    "broadcast to ten except ten, 100 000 rooms");
	count_new_rooms();
}

/* --- the report -------------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t bytes;
} sizes[] = {
	{ "struct peal_frame", sizeof(struct peal_frame) },
	{ "struct peal_session", sizeof(struct peal_session) },
	{ "struct peal_sequence",
	  sizeof(struct peal_sequence) + PEAL_SEQUENCE_FRAMES * sizeof(struct peal_frame *) },
	{ "struct peal_websocket", sizeof(struct peal_websocket) },
	{ "struct peal_client", sizeof(struct peal_client) },
	{ "struct peal_socket", sizeof(struct peal_socket) },
	{ "struct peal_room", sizeof(struct peal_room) },
	{ "struct peal_membership", sizeof(struct peal_membership) },
	{ "struct peal_member", sizeof(struct peal_member) },
	{ "struct peal_http_connection", sizeof(struct peal_http_connection) },
};

static void report(void)
{
#if defined(NDEBUG) && defined(__OPTIMIZE__)
	const char *release = "true";
#else
	const char *release = "false";
#endif
	printf("{\n\"toolchain\": \"%s, glibc %s\",\n\"release\": %s,\n\"times\": {",
#ifdef __clang__
	       __VERSION__,
#else
	       "gcc " __VERSION__,
#endif
	       gnu_get_libc_version(), release);
	for (size_t i = 0; i < measure_count; i++)
		printf("%s\n  \"%s\": %llu", i ? "," : "", measures[i].name,
		       (unsigned long long)measures[i].times);
	printf("\n},\n\"writes\": {\n  \"write per delivery, one per turn\": %.6f,\n"
	       "  \"write per delivery, eight per turn\": %.6f\n},\n\"sizes\": {",
	       writes_one, writes_eight);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		printf("%s\n  \"%s\": %zu", i ? "," : "", sizes[i].name, sizes[i].bytes);
	printf("\n}\n}\n");
}

/*
 * The windows of connects that are counted hold no doubling of a hash table, which would be shared
 * by a different number of connects in each.
 */
int main(int argc, char **argv)
{
	rig.chance = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	rig_begin();
	rig_connect_until(600);
	count_begin();
	rig_connect_until(1000);
	count_end("connect, 1 000 clients", 400);
	count_deliveries();
	count_larger_deliveries();
	count_received();
	count_heartbeat();
	count_acknowledgements();
	count_request();
	count_codec();
	rig_connect_until(RIG_CLIENTS - 400);
	count_begin();
	rig_connect_until(RIG_CLIENTS);
	count_end("connect, 10 000 clients", 400);
	count_deliveries_to_many();
	count_all_rooms();
	count_begin();
	rig_disconnect_from(RIG_CLIENTS - 400);
	count_end("disconnect, 10 000 clients", 400);
	count_polling();
	report();
	rig_end();
	return 0;
}
