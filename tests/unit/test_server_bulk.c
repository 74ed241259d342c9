/* Utility methods: socketsJoin, socketsLeave, disconnectSockets, fetchSockets. */
#include "tests/support/server_world.h"
#include "tests/unit/unit.h"

#include <cjson/cJSON.h>

#include "server/server_private.h"

static struct peal_namespace *io;
static struct peal_socket *a, *b, *c;

static void begin_with_three(void)
{
	begin();
	io = peal_io(world.node);
	a = new_socket();
	b = new_socket();
	c = new_socket();
}

START_TEST(sockets_join_makes_all_or_those_in_a_room_join_the_given_rooms)
{
	begin_with_three();
	peal_socket_join(a, "room1");
	peal_socket_join(b, "room1");
	ck_assert_int_eq(peal_sockets_join(io, PEAL_ALL, PEAL_ROOMS("all")), 0);
	ck_assert(peal_socket_in_room(a, "all"));
	ck_assert(peal_socket_in_room(c, "all"));
	ck_assert_int_eq(peal_sockets_join(io,
					   PEAL_TO(.rooms = PEAL_ROOMS("room1"),
						   .except = PEAL_ROOMS(peal_socket_id(b))),
					   PEAL_ROOMS("x", "y")),
			 0);
	ck_assert(peal_socket_in_room(a, "x") && peal_socket_in_room(a, "y"));
	ck_assert(!peal_socket_in_room(b, "x"));
	ck_assert_uint_eq(world.stats.memberships, 7);
	/* Joining the room that selects does not go on for ever. */
	ck_assert_int_eq(peal_sockets_join(io, PEAL_TO(.rooms = PEAL_ROOMS("all", "x")),
					   PEAL_ROOMS("x", "all", "z")),
			 0);
	ck_assert_uint_eq(world.stats.memberships, 12);
	end();
}
END_TEST

START_TEST(sockets_leave_makes_all_or_those_in_a_room_leave_the_given_rooms)
{
	const char *rooms[4];
	begin_with_three();
	ck_assert_int_eq(peal_sockets_join(io, PEAL_ALL, PEAL_ROOMS("r", "s")), 0);
	ck_assert_int_eq(peal_sockets_leave(io, PEAL_TO(.rooms = PEAL_ROOMS(peal_socket_id(a))),
					    PEAL_ROOMS("r")),
			 0);
	ck_assert(!peal_socket_in_room(a, "r"));
	ck_assert(peal_socket_in_room(b, "r"));
	/* The names may be those of the rooms that go away. */
	ck_assert_uint_eq(peal_socket_rooms(b, rooms, 4), 3);
	ck_assert_int_eq(peal_sockets_leave(io, PEAL_ALL, PEAL_ROOM_LIST(rooms + 1, 2)), 0);
	ck_assert_uint_eq(world.stats.rooms, 0);
	ck_assert_uint_eq(world.stats.memberships, 0);
	ck_assert(peal_socket_in_room(b, peal_socket_id(b)));
	end();
}
END_TEST

START_TEST(disconnect_sockets_makes_all_or_those_in_a_room_disconnect)
{
	begin_with_three();
	ck_assert_int_eq(peal_on_disconnect(io, note_disconnect, NULL), 0);
	peal_socket_join(a, "r");
	peal_emit(io, PEAL_ALL, "bye");
	ck_assert_int_eq(peal_sockets_disconnect(io, PEAL_TO(.rooms = PEAL_ROOMS("r")), false), 0);
	ck_received(a, "42[\"bye\"]|41|");
	ck_assert_int_eq(peal_socket_session(a)->state, FAKE_OPEN);
	ck_recorded("");
	settle();
	ck_recorded("socket disconnect server namespace disconnect;");
	struct peal_session *sessions[] = { peal_socket_session(b), peal_socket_session(c) };
	ck_assert_int_eq(peal_sockets_disconnect(io, PEAL_ALL, true), 0);
	ck_heard(sessions[0], "42[\"bye\"]|41|");
	ck_heard(sessions[1], "42[\"bye\"]|41|");
	ck_assert_int_eq(sessions[0]->state, FAKE_CLOSED);
	settle();
	ck_recorded("socket disconnect server namespace disconnect;"
		    "socket disconnect server namespace disconnect;");
	end();
}
END_TEST

START_TEST(bulk_operations_refuse_bad_targets_and_names)
{
	const char *const null_inside[] = { "r", NULL };
	const struct peal_target empty = { .rooms = PEAL_ROOM_LIST(NULL, 0) };
	begin_with_three();
	ck_assert_int_eq(peal_sockets_join(io, &empty, PEAL_ROOMS("r")), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_sockets_leave(io, &empty, PEAL_ROOMS("r")), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_sockets_disconnect(io, &empty, true), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_sockets_fetch(io, &empty, 0, NULL, NULL), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_sockets_join(io, PEAL_ALL, PEAL_ROOM_LIST(null_inside, 2)),
			 PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_sockets_join(io, PEAL_ALL, PEAL_ROOMS("\xff")), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_sockets_join(NULL, PEAL_ALL, PEAL_ROOMS("r")), PEAL_EMIT_E_INVALID);
	/* No rooms to join are nothing to do. */
	ck_assert_int_eq(peal_sockets_join(io, PEAL_ALL, PEAL_ROOM_LIST(NULL, 0)), 0);
	ck_assert_uint_eq(world.stats.memberships, 0);
	ck_assert_uint_eq(peal_namespace_socket_count(io), 3);
	end();
}
END_TEST

/* --- fetch -------------------------------------------------------------------------------------
 */

static void note_sockets(enum peal_ack_error error, const struct peal_socket_info *sockets,
			 size_t count, void *userdata)
{
	(void)userdata;
	note("error=%d", error);
	for (size_t i = 0; i < count; i++) {
		const struct peal_socket_info *info = &sockets[i];
		ck_assert_str_eq(info->node, "node-1");
		ck_assert_str_eq(info->id, peal_socket_id(info->socket));
		ck_assert_str_eq(info->rooms[0], info->id);
		note(" %s data=%s rooms=", (const char *)peal_socket_userdata(info->socket),
		     info->data);
		for (size_t room = 1; room < info->room_count; room++)
			note("%s,", info->rooms[room]);
	}
	note(";");
}

START_TEST(fetch_sockets_returns_all_or_those_in_the_given_room)
{
	begin_with_three();
	peal_socket_set_userdata(a, "a");
	peal_socket_set_userdata(b, "b");
	peal_socket_set_userdata(c, "c");
	peal_socket_join(a, "r");
	peal_socket_join(a, "s");
	ck_assert_int_eq(peal_socket_set_data(b, "{\"name\":\"B\"}"), 0);
	ck_assert_int_eq(peal_socket_set_data(b, "{bad"), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_sockets_fetch(io, PEAL_ALL, 0, note_sockets, NULL), 0);
	ck_recorded("");
	settle();
	ck_recorded(
		"error=0 a data={} rooms=r,s, b data={\"name\":\"B\"} rooms= c data={} rooms=;");
	ck_assert_int_eq(
		peal_sockets_fetch(io, PEAL_TO(.rooms = PEAL_ROOMS("r")), 0, note_sockets, NULL),
		0);
	/* A snapshot: what happens before it is told does not change it. */
	peal_socket_leave(a, "s");
	fake_session_close(peal_socket_session(a), "transport close", NULL);
	settle();
	ck_recorded("error=0 a data={} rooms=r,s,;");
	ck_assert_int_eq(
		peal_sockets_fetch(io, PEAL_TO(.rooms = PEAL_ROOMS("none")), 0, note_sockets, NULL),
		0);
	settle();
	ck_recorded("error=0;");
	end();
}
END_TEST

static void look_at_handshake(enum peal_ack_error error, const struct peal_socket_info *sockets,
			      size_t count, void *userdata)
{
	cJSON **handshake = userdata;
	ck_assert_int_eq(error, PEAL_ACK_OK);
	ck_assert_uint_eq(count, 1);
	*handshake = cJSON_ParseWithOpts(sockets[0].handshake, NULL, true);
	ck_assert_ptr_nonnull(*handshake);
}

static const char *text_of(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

START_TEST(fetched_sockets_carry_the_handshake_of_the_reference)
{
	static const char *const keys[] = { "headers", "time", "address", "xdomain", "secure",
					    "issued",  "url",  "query",	  "auth" };
	cJSON *handshake = NULL;
	begin();
	io = peal_io(world.node);
	struct peal_session *session = open_session();
	fake_session_say(session, "40{\"token\":\"x\"}");
	ck_assert_int_eq(peal_sockets_fetch(io, PEAL_ALL, 0, look_at_handshake, &handshake), 0);
	settle();
	const cJSON *item = handshake->child;
	for (size_t i = 0; i < 9; i++, item = item->next)
		ck_assert_str_eq(item->string, keys[i]);
	ck_assert_ptr_null(item);
	const cJSON *headers = cJSON_GetObjectItemCaseSensitive(handshake, "headers");
	ck_assert_int_eq(cJSON_GetArraySize(headers), 2);
	ck_assert_str_eq(text_of(headers, "host"), "localhost:3000");
	ck_assert_str_eq(text_of(headers, "x-custom"), "one, two");
	ck_assert_str_eq(text_of(handshake, "time"),
			 "Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)");
	ck_assert_str_eq(text_of(handshake, "address"), "127.0.0.1");
	ck_assert(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(handshake, "xdomain")));
	ck_assert_double_eq(
		cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(handshake, "issued")),
		1700000000123.0);
	const cJSON *query = cJSON_GetObjectItemCaseSensitive(handshake, "query");
	ck_assert_str_eq(text_of(query, "EIO"), "4");
	ck_assert_str_eq(text_of(query, "key "), "caf\xc3\xa9");
	/* Of two with one name the last counts, for readers of JSON too. */
	ck_assert_str_eq(cJSON_GetArrayItem(query, 3)->string, "a");
	ck_assert_str_eq(cJSON_GetArrayItem(query, 3)->valuestring, "2");
	ck_assert_str_eq(text_of(cJSON_GetObjectItemCaseSensitive(handshake, "auth"), "token"),
			 "x");
	cJSON_Delete(handshake);
	/* Of the auth payload there is what the application has left. */
	ck_assert_int_eq(peal_socket_set_auth(io->sockets[0], "{\"name\":\"y\"}"), 0);
	ck_assert_int_eq(peal_sockets_fetch(io, PEAL_ALL, 0, look_at_handshake, &handshake), 0);
	settle();
	const cJSON *auth = cJSON_GetObjectItemCaseSensitive(handshake, "auth");
	ck_assert_int_eq(cJSON_GetArraySize(auth), 1);
	ck_assert_str_eq(text_of(auth, "name"), "y");
	cJSON_Delete(handshake);
	end();
}
END_TEST

START_TEST(a_hostile_query_stays_valid_json)
{
	cJSON *handshake = NULL;
	begin();
	io = peal_io(world.node);
	struct peal_session *session = open_session();
	session->request.query = "a=%ff%22&&=&%00=%e2%82&b=\xff\xfe+x&c";
	session->request.url = "/\"\xff";
	static const struct peal_header headers[] = { { "X\"", "\xe9\x01\"" } };
	session->request.headers = headers;
	session->request.header_count = 1;
	join(session, "/");
	ck_assert_int_eq(peal_sockets_fetch(io, PEAL_ALL, 0, look_at_handshake, &handshake), 0);
	settle();
	const cJSON *query = cJSON_GetObjectItemCaseSensitive(handshake, "query");
	ck_assert_str_eq(text_of(query, "a"), "\xef\xbf\xbd\"");
	ck_assert_str_eq(text_of(query, "b"), "\xef\xbf\xbd\xef\xbf\xbd x");
	ck_assert_str_eq(text_of(query, "c"), "");
	ck_assert_str_eq(text_of(cJSON_GetObjectItemCaseSensitive(handshake, "headers"), "x\""),
			 "\xc3\xa9\x01\"");
	cJSON_Delete(handshake);
	end();
}
END_TEST

START_TEST(should_find_all_clients_in_a_namespace)
{
	begin_with_three();
	ck_assert_uint_eq(peal_namespace_socket_count(io), 3);
	ck_assert_ptr_eq(peal_namespace_socket(io, peal_socket_id(b)), b);
	ck_assert_ptr_null(peal_namespace_socket(io, "unknown"));
	ck_assert_ptr_null(peal_namespace_socket(io, NULL));
	fake_session_close(peal_socket_session(a), "transport close", NULL);
	settle();
	ck_assert_uint_eq(peal_namespace_socket_count(io), 2);
	ck_assert_ptr_eq(peal_namespace_socket(io, peal_socket_id(c)), c);
	end();
}
END_TEST

/* --- what leaves the node ----------------------------------------------------------------------
 */

static void note_remote(const char *what, const struct peal_target *target, struct peal_rooms rooms)
{
	note("%s to=%s", what, target->rooms.count ? target->rooms.names[0] : "all");
	for (size_t i = 0; i < rooms.count; i++)
		note(" %s", rooms.names[i]);
	note(";");
}

static void remote_join(struct peal_namespace *ns, const struct peal_target *target,
			struct peal_rooms rooms, void *context)
{
	(void)ns;
	(void)context;
	ck_assert(peal_socket_in_room(a, rooms.names[0]));
	note_remote("join", target, rooms);
}

static void remote_leave(struct peal_namespace *ns, const struct peal_target *target,
			 struct peal_rooms rooms, void *context)
{
	(void)ns;
	(void)context;
	note_remote("leave", target, rooms);
}

static void remote_disconnect(struct peal_namespace *ns, const struct peal_target *target,
			      bool close, void *context)
{
	(void)ns;
	(void)context;
	note_remote(close ? "close" : "disconnect", target, (struct peal_rooms){ 0 });
}

START_TEST(bulk_operations_that_are_not_local_are_published)
{
	static const struct peal_remote remote = { .join = remote_join,
						   .leave = remote_leave,
						   .disconnect = remote_disconnect };
	begin_with_three();
	peal_server_set_remote(world.server, &remote);
	peal_sockets_join(io, PEAL_ALL, PEAL_ROOMS("r", "s"));
	peal_sockets_leave(io, PEAL_TO(.rooms = PEAL_ROOMS("r")), PEAL_ROOMS("s"));
	peal_sockets_disconnect(io, PEAL_TO(.rooms = PEAL_ROOMS("none")), false);
	peal_sockets_disconnect(io, PEAL_TO(.rooms = PEAL_ROOMS("none")), true);
	ck_recorded("join to=all r s;leave to=r s;disconnect to=none;close to=none;");
	peal_sockets_join(io, PEAL_TO(.flags = PEAL_LOCAL), PEAL_ROOMS("t"));
	peal_sockets_leave(io, PEAL_TO(.flags = PEAL_LOCAL), PEAL_ROOMS("t"));
	peal_sockets_disconnect(io, PEAL_TO(.flags = PEAL_LOCAL), false);
	peal_emit(io, PEAL_ALL, "x");
	ck_recorded("");
	end();
}
END_TEST

UNIT_MAIN("server_bulk", sockets_join_makes_all_or_those_in_a_room_join_the_given_rooms,
	  sockets_leave_makes_all_or_those_in_a_room_leave_the_given_rooms,
	  disconnect_sockets_makes_all_or_those_in_a_room_disconnect,
	  bulk_operations_refuse_bad_targets_and_names,
	  fetch_sockets_returns_all_or_those_in_the_given_room,
	  fetched_sockets_carry_the_handshake_of_the_reference, a_hostile_query_stays_valid_json,
	  should_find_all_clients_in_a_namespace, bulk_operations_that_are_not_local_are_published)
