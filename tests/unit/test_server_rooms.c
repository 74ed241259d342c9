/* Rooms: memberships against a simple model, notifications and their order, own-id rooms. */
#include "tests/support/server_world.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#include "server/server_private.h"

static struct peal_namespace *io;

static void on_room(struct peal_namespace *ns, enum peal_room_change change, const char *room,
		    const char *id, void *userdata)
{
	static const char *const verbs[] = { "create", "join", "leave", "delete" };
	(void)userdata;
	ck_assert_ptr_eq(ns, io);
	ck_assert_int_eq(id == NULL, change == PEAL_ROOM_CREATED || change == PEAL_ROOM_DELETED);
	note("%s %s;", verbs[change], strlen(room) == PEAL_ID_LENGTH ? "own" : room);
}

static void on_connection(struct peal_socket *socket, void *userdata)
{
	(void)socket;
	(void)userdata;
	note("connection;");
}

START_TEST(room_events_come_in_order_and_only_for_changes)
{
	begin();
	io = peal_io(world.node);
	ck_assert_int_eq(peal_on_room(io, on_room, NULL), 0);
	ck_assert_int_eq(peal_on_connection(io, on_connection, NULL), 0);
	ck_assert_int_eq(peal_on_disconnecting(io, note_disconnecting, NULL), 0);
	ck_assert_int_eq(peal_on_disconnect(io, note_disconnect, NULL), 0);
	struct peal_socket *a = new_socket(), *b = new_socket();
	ck_recorded("create own;join own;connection;create own;join own;connection;");
	ck_assert_int_eq(peal_socket_join(a, "r"), 0);
	ck_assert_int_eq(peal_socket_join(a, "r"), 0);
	ck_assert_int_eq(peal_socket_join(b, "r"), 0);
	ck_recorded("");
	settle();
	ck_recorded("create r;join r;join r;");
	ck_assert_int_eq(peal_socket_leave(a, "r"), 0);
	ck_assert_int_eq(peal_socket_leave(a, "r"), 0);
	ck_assert_int_eq(peal_socket_leave(a, "unknown"), 0);
	settle();
	ck_recorded("leave r;");
	fake_session_close(peal_socket_session(b), "transport close", NULL);
	settle();
	ck_recorded("socket disconnecting transport close;leave own;delete own;leave r;delete r;"
		    "socket disconnect transport close;");
	end();
}
END_TEST

static void emit_on_join(struct peal_namespace *ns, enum peal_room_change change, const char *room,
			 const char *id, void *userdata)
{
	(void)room;
	(void)userdata;
	if (change == PEAL_ROOM_JOINED)
		peal_socket_emit(peal_namespace_socket(ns, id), 0, "joined");
}

START_TEST(what_the_join_of_the_own_room_triggers_precedes_connect)
{
	begin();
	ck_assert_int_eq(peal_on_room(peal_io(world.node), emit_on_join, NULL), 0);
	struct peal_session *session = open_session();
	fake_session_say(session, "40");
	ck_assert_int_eq(strncmp(fake_session_heard(session), "42[\"joined\"]|40{", 16), 0);
	end();
}
END_TEST

START_TEST(the_own_id_room_can_be_left_and_joined_again)
{
	begin();
	io = peal_io(world.node);
	struct peal_socket *a = new_socket();
	const char *id = peal_socket_id(a);
	ck_assert_int_eq(peal_socket_leave(a, id), 0);
	ck_assert(!peal_socket_in_room(a, id));
	ck_assert_uint_eq(peal_socket_rooms(a, NULL, 0), 0);
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS(id)), "x");
	ck_received(a, "");
	ck_assert_int_eq(peal_socket_join(a, id), 0);
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS(id)), "x");
	ck_received(a, "42[\"x\"]|");
	ck_assert_uint_eq(world.stats.rooms, 0);
	ck_assert_uint_eq(world.stats.memberships, 0);
	end();
}
END_TEST

static bool count_room(const char *room, size_t members, bool own_id, void *userdata)
{
	const char *shown = userdata;
	if (!own_id || (shown && !strcmp(room, shown)))
		note("%s=%zu%s;", own_id ? "own" : room, members, own_id ? "!" : "");
	return true;
}

START_TEST(a_room_of_anothers_id_is_one_room_with_its_own)
{
	begin();
	io = peal_io(world.node);
	struct peal_socket *a = new_socket(), *b = new_socket();
	char id[32];
	strcpy(id, peal_socket_id(a));
	ck_assert_int_eq(peal_on_room(io, on_room, NULL), 0);
	ck_assert_int_eq(peal_socket_join(b, id), 0);
	settle();
	ck_recorded("join own;");
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS(id)), "x");
	ck_received(a, "42[\"x\"]|");
	ck_received(b, "42[\"x\"]|");
	/* The sender's own-id room is excepted with all its members. */
	peal_socket_broadcast(a, PEAL_ALL, "y");
	ck_received(b, "");
	peal_namespace_each_room(io, count_room, id);
	ck_recorded("own=2!;");
	ck_assert_int_eq(peal_socket_leave(a, id), 0);
	settle();
	ck_recorded("leave own;");
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS(id)), "z");
	ck_received(a, "");
	ck_received(b, "42[\"z\"]|");
	peal_namespace_each_room(io, count_room, NULL);
	ck_assert_ptr_nonnull(strstr(world.record, "=1;"));
	clear_record();
	ck_assert_int_eq(peal_socket_leave(b, id), 0);
	settle();
	ck_recorded("leave own;delete own;");
	end();
}
END_TEST

START_TEST(keeps_track_of_rooms_and_deletes_empty_rooms)
{
	const char *rooms[4];
	begin();
	io = peal_io(world.node);
	struct peal_socket *a = new_socket();
	ck_assert_int_eq(peal_socket_join(a, "a"), 0);
	ck_assert_int_eq(peal_socket_join(a, "b"), 0);
	ck_assert_int_eq(peal_socket_join(a, "c"), 0);
	ck_assert_uint_eq(peal_socket_rooms(a, rooms, 4), 4);
	ck_assert_str_eq(rooms[0], peal_socket_id(a));
	ck_assert_str_eq(rooms[1], "a");
	ck_assert_str_eq(rooms[3], "c");
	/* Fewer than there are. */
	ck_assert_uint_eq(peal_socket_rooms(a, rooms, 2), 4);
	ck_assert_int_eq(peal_socket_leave(a, "b"), 0);
	ck_assert(!peal_socket_in_room(a, "b"));
	ck_assert(peal_socket_in_room(a, "a"));
	ck_assert(peal_socket_in_room(a, "c"));
	ck_assert_uint_eq(world.stats.rooms, 2);
	peal_namespace_each_room(io, count_room, NULL);
	ck_assert(!strcmp(world.record, "a=1;c=1;") || !strcmp(world.record, "c=1;a=1;"));
	end();
}
END_TEST

START_TEST(rooms_of_two_namespaces_are_apart)
{
	begin();
	struct peal_namespace *other = peal_of(world.node, "/other");
	struct peal_session *session = open_session();
	struct peal_socket *a = join(session, "/"), *b = join(session, "/other");
	ck_assert_int_eq(peal_socket_join(a, "r"), 0);
	ck_assert_int_eq(peal_socket_join(b, "r"), 0);
	peal_emit(other, PEAL_TO(.rooms = PEAL_ROOMS("r")), "x");
	ck_heard(session, "42/other,[\"x\"]|");
	end();
}
END_TEST

START_TEST(bad_names_and_too_many_rooms_are_refused)
{
	char name[PEAL_LIMIT_NAME_BYTES + 2];
	begin();
	struct peal_socket *a = new_socket();
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(peal_socket_join(a, name), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_socket_join(a, name + 1), 0);
	ck_assert_int_eq(peal_socket_join(a, NULL), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_socket_leave(a, NULL), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_socket_join(a, "\xc0"), PEAL_EMIT_E_INVALID);
	ck_assert(!peal_socket_in_room(a, NULL));
	for (int i = 1; i < PEAL_LIMIT_ROOMS_PER_SOCKET; i++) {
		snprintf(name, sizeof(name), "room%d", i);
		ck_assert_int_eq(peal_socket_join(a, name), 0);
	}
	ck_assert_int_eq(peal_socket_join(a, "one more"), PEAL_EMIT_E_TOO_LARGE);
	ck_assert_int_eq(peal_socket_join(a, "room1"), 0);
	ck_assert_uint_eq(world.stats.rooms, PEAL_LIMIT_ROOMS_PER_SOCKET);
	end();
}
END_TEST

static void join_other_and_leave(struct peal_socket *socket, const char *reason,
				 const char *description, void *userdata)
{
	const char *rooms[8];
	(void)reason;
	(void)description;
	if (socket == userdata)
		return;
	size_t count = peal_socket_rooms(socket, rooms, 8);
	ck_assert_uint_eq(count, 2);
	ck_assert_int_eq(peal_socket_leave(socket, rooms[1]), 0);
	ck_assert_int_eq(peal_socket_join(socket, "late"), PEAL_EMIT_E_GONE);
	ck_assert_int_eq(peal_socket_join(userdata, "r"), 0);
}

START_TEST(rooms_may_change_in_a_disconnecting_callback)
{
	begin();
	io = peal_io(world.node);
	struct peal_socket *a = new_socket(), *b = new_socket();
	ck_assert_int_eq(peal_socket_join(a, "r"), 0);
	ck_assert_int_eq(peal_on_disconnecting(io, join_other_and_leave, b), 0);
	ck_assert_int_eq(peal_on_room(io, on_room, NULL), 0);
	peal_socket_disconnect(a, false);
	settle();
	ck_recorded("leave r;delete r;create r;join r;leave own;delete own;");
	ck_assert_uint_eq(world.stats.memberships, 1);
	end();
}
END_TEST

/* --- model -------------------------------------------------------------------------------------
 */

enum { SOCKETS = 24, ROOMS = 16 };

static bool model[SOCKETS][ROOMS];
static struct peal_socket *sockets[SOCKETS];

static const char *room_name(int room)
{
	static char name[8];
	snprintf(name, sizeof(name), "r%d", room);
	return name;
}

/* Every entry knows its index in the other array, and the counts are those of the model. */
static void check_model(void)
{
	size_t memberships = 0, rooms = 0;
	for (int room = 0; room < ROOMS; room++) {
		size_t members = 0;
		for (int s = 0; s < SOCKETS; s++) {
			bool in = sockets[s] && model[s][room];
			members += in;
			ck_assert_int_eq(peal_socket_in_room(sockets[s], room_name(room)), in);
		}
		const char *name = room_name(room);
		struct peal_room *real = peal_room_find(io, name, strlen(name));
		ck_assert_uint_eq(real ? real->count : 0, members);
		for (uint32_t i = 0; real && i < real->count; i++) {
			struct peal_member *member = &real->members[i];
			struct peal_membership *back =
				&member->socket->memberships[member->index_in_socket];
			ck_assert_ptr_eq(back->room, real);
			ck_assert_uint_eq(back->index_in_room, i);
		}
		memberships += members;
		rooms += members > 0;
	}
	for (int s = 0; s < SOCKETS; s++) {
		for (uint32_t i = 0; sockets[s] && i < sockets[s]->membership_count; i++) {
			struct peal_membership *membership = &sockets[s]->memberships[i];
			struct peal_member *back =
				&membership->room->members[membership->index_in_room];
			ck_assert_ptr_eq(back->socket, sockets[s]);
			ck_assert_uint_eq(back->index_in_socket, i);
		}
	}
	ck_assert_uint_eq(world.stats.memberships, memberships);
	ck_assert_uint_eq(world.stats.rooms, rooms);
}

/* A random target reaches exactly whom the model says, each once. */
static void check_broadcast(void)
{
	char names[6][8];
	const char *to[3], *except[3];
	int to_rooms[3], except_rooms[3];
	size_t to_count = (size_t)random() % 4, except_count = (size_t)random() % 4;
	for (size_t i = 0; i < to_count; i++) {
		to_rooms[i] = (int)(random() % ROOMS);
		to[i] = strcpy(names[i], room_name(to_rooms[i]));
	}
	for (size_t i = 0; i < except_count; i++) {
		except_rooms[i] = (int)(random() % ROOMS);
		except[i] = strcpy(names[3 + i], room_name(except_rooms[i]));
	}
	struct peal_target target = { .except = PEAL_ROOM_LIST(except, except_count) };
	if (to_count)
		target.rooms = PEAL_ROOM_LIST(to, to_count);
	uint64_t built = world.stats.frames_built;
	ck_assert_int_eq(peal_emit(io, &target, "e"), 0);
	size_t reached = 0;
	for (int s = 0; s < SOCKETS; s++) {
		if (!sockets[s])
			continue;
		bool selected = !to_count;
		for (size_t i = 0; i < to_count; i++)
			selected |= model[s][to_rooms[i]];
		for (size_t i = 0; i < except_count; i++)
			selected &= !model[s][except_rooms[i]];
		ck_received(sockets[s], selected ? "42[\"e\"]|" : "");
		reached += selected;
	}
	ck_assert_uint_eq(world.stats.frames_built - built, reached > 0);
}

START_TEST(memberships_agree_with_a_simple_model_under_random_changes)
{
	begin();
	io = peal_io(world.node);
	srandom(7);
	for (int step = 0; step < 6000; step++) {
		int s = (int)(random() % SOCKETS), room = (int)(random() % ROOMS);
		long choice = random() % 20;
		if (!sockets[s]) {
			sockets[s] = new_socket();
			memset(model[s], 0, sizeof(model[s]));
		} else if (choice == 0) {
			fake_session_close(peal_socket_session(sockets[s]), "transport close",
					   NULL);
			settle();
			sockets[s] = NULL;
		} else if (choice < 12) {
			ck_assert_int_eq(peal_socket_join(sockets[s], room_name(room)), 0);
			model[s][room] = true;
		} else {
			ck_assert_int_eq(peal_socket_leave(sockets[s], room_name(room)), 0);
			model[s][room] = false;
		}
		if (step % 10 == 0)
			check_model();
		if (step % 7 == 0)
			check_broadcast();
	}
	end();
}
END_TEST

START_TEST(a_membership_costs_at_most_32_bytes)
{
	ck_assert_uint_le(sizeof(struct peal_member) + sizeof(struct peal_membership), 32);
	ck_assert_uint_le(sizeof(struct peal_socket), 256);
	ck_assert_uint_le(sizeof(struct peal_client), 128);
}
END_TEST

UNIT_MAIN("server_rooms", room_events_come_in_order_and_only_for_changes,
	  what_the_join_of_the_own_room_triggers_precedes_connect,
	  the_own_id_room_can_be_left_and_joined_again,
	  a_room_of_anothers_id_is_one_room_with_its_own,
	  keeps_track_of_rooms_and_deletes_empty_rooms, rooms_of_two_namespaces_are_apart,
	  bad_names_and_too_many_rooms_are_refused, rooms_may_change_in_a_disconnecting_callback,
	  memberships_agree_with_a_simple_model_under_random_changes,
	  a_membership_costs_at_most_32_bytes)
