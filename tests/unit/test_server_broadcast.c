/* Broadcasting: who receives, flags, encoding once, what leaves the node. */
#include "tests/support/server_world.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"

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

/* Exactly these received it. */
static void reached(const char *text, bool by_a, bool by_b, bool by_c)
{
	ck_received(a, by_a ? text : "");
	ck_received(b, by_b ? text : "");
	ck_received(c, by_c ? text : "");
}

START_TEST(emits_to_a_namespace)
{
	begin_with_three();
	struct peal_namespace *test = peal_of(world.node, "/test");
	struct peal_socket *other = join(open_session(), "/test");
	ck_assert_int_eq(peal_emit(test, PEAL_ALL, "a", "b"), 0);
	reached("", 0, 0, 0);
	ck_received(other, "42/test,[\"a\",\"b\"]|");
	ck_assert_int_eq(peal_emit(io, PEAL_ALL, "a"), 0);
	reached("42[\"a\"]|", 1, 1, 1);
	ck_received(other, "");
	end();
}
END_TEST

START_TEST(emits_binary_data_to_a_namespace)
{
	begin_with_three();
	ck_assert_int_eq(
		peal_emit(io, PEAL_ALL, "bin", PEAL_BYTES("\x01\x02", 2), "x", PEAL_BYTES(NULL, 0)),
		0);
	reached("452-[\"bin\",{\"_placeholder\":true,\"num\":0},\"x\",{\"_placeholder\":true,"
		"\"num\":"
		"1}]|<0102>|<>|",
		1, 1, 1);
	ck_assert_ptr_eq(peal_socket_session(a)->last, peal_socket_session(b)->last);
	end();
}
END_TEST

START_TEST(emits_to_the_rest)
{
	begin_with_three();
	ck_assert_int_eq(peal_socket_broadcast(a, PEAL_ALL, "a", "b"), 0);
	reached("42[\"a\",\"b\"]|", 0, 1, 1);
	end();
}
END_TEST

START_TEST(emits_to_rooms_avoiding_dupes)
{
	begin_with_three();
	peal_socket_join(a, "woot");
	peal_socket_join(a, "test");
	peal_socket_join(b, "third");
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS("woot", "test", "woot", "unknown")), "x");
	reached("42[\"x\"]|", 1, 0, 0);
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS("woot", "third")), "x");
	reached("42[\"x\"]|", 1, 1, 0);
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS(peal_socket_id(a), "woot")), "x");
	reached("42[\"x\"]|", 1, 0, 0);
	ck_assert_uint_eq(world.stats.deliveries, 4);
	end();
}
END_TEST

START_TEST(broadcasts_to_rooms_never_to_the_sender)
{
	begin_with_three();
	peal_socket_join(a, "r");
	peal_socket_join(b, "r");
	peal_socket_broadcast(a, PEAL_TO(.rooms = PEAL_ROOMS("r")), "x");
	reached("42[\"x\"]|", 0, 1, 0);
	peal_socket_broadcast(a, PEAL_TO(.rooms = PEAL_ROOMS(peal_socket_id(a))), "x");
	reached("", 0, 0, 0);
	peal_socket_broadcast(a, PEAL_TO(.except = PEAL_ROOMS(peal_socket_id(c))), "x");
	reached("42[\"x\"]|", 0, 1, 0);
	end();
}
END_TEST

START_TEST(should_exclude_specific_sockets_and_rooms_when_broadcasting)
{
	begin_with_three();
	peal_socket_join(a, "r");
	peal_socket_join(b, "r");
	peal_socket_join(b, "x");
	peal_emit(io, PEAL_TO(.except = PEAL_ROOMS(peal_socket_id(b))), "e");
	reached("42[\"e\"]|", 1, 0, 1);
	peal_emit(io, PEAL_TO(.except = PEAL_ROOMS("r")), "e");
	reached("42[\"e\"]|", 0, 0, 1);
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS("r"), .except = PEAL_ROOMS("x")), "e");
	reached("42[\"e\"]|", 1, 0, 0);
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS("r"), .except = PEAL_ROOMS("r")), "e");
	reached("", 0, 0, 0);
	/* An empty except is normal. */
	ck_assert_int_eq(peal_emit(io, PEAL_TO(.except = PEAL_ROOM_LIST(NULL, 0)), "e"), 0);
	reached("42[\"e\"]|", 1, 1, 1);
	end();
}
END_TEST

START_TEST(a_bad_target_reaches_nobody)
{
	const char *const null_inside[] = { "r", NULL };
	begin_with_three();
	peal_socket_join(a, "r");
	const struct peal_target targets[] = {
		{ .rooms = PEAL_ROOM_LIST(NULL, 0) },
		{ .rooms = PEAL_ROOM_LIST(NULL, 2) },
		{ .rooms = { NULL, 1, false } },
		{ .rooms = PEAL_ROOM_LIST(null_inside, 2) },
		{ .rooms = PEAL_ROOMS("r", "\xff") },
		{ .except = PEAL_ROOM_LIST(null_inside, 2) },
		{ .except = PEAL_ROOMS("\xff") },
		{ .rooms = PEAL_ROOMS("r"), .except = PEAL_ROOM_LIST(NULL, 1) },
	};
	size_t count = sizeof(targets) / sizeof(*targets);
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(peal_emit(io, &targets[i], "x"), PEAL_EMIT_E_INVALID);
		ck_assert_int_eq(peal_socket_broadcast(a, &targets[i], "x"), PEAL_EMIT_E_INVALID);
		ck_assert_int_eq(peal_emit_ack(io, &targets[i], 10, note_acks, NULL, "x"),
				 PEAL_EMIT_E_INVALID);
	}
	reached("", 0, 0, 0);
	ck_assert_uint_eq(world.stats.emits_failed, 3 * count);
	ck_assert_uint_eq(world.stats.emits, 0);
	end();
}
END_TEST

START_TEST(should_throw_on_reserved_event)
{
	static const char *const names[] = { "connect",	      "connect_error", "disconnect",
					     "disconnecting", "newListener",   "removeListener" };
	begin_with_three();
	for (size_t i = 0; i < 6; i++) {
		ck_assert_int_eq(peal_emit(io, PEAL_ALL, names[i]), PEAL_EMIT_E_RESERVED);
		ck_assert_int_eq(peal_socket_emit(a, 0, names[i]), PEAL_EMIT_E_RESERVED);
		ck_assert(peal_event_is_reserved(names[i]));
	}
	ck_assert(!peal_event_is_reserved("connection") && !peal_event_is_reserved("Connect") &&
		  !peal_event_is_reserved("") && !peal_event_is_reserved(NULL));
	ck_assert_int_eq(peal_emit(io, PEAL_ALL, NULL), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_emit(io, PEAL_ALL, "\xff"), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_emit(NULL, PEAL_ALL, "a"), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_emit(io, PEAL_ALL, "a", "\xff"), PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_emit_args(io, PEAL_ALL, "a", NULL), PEAL_EMIT_E_INVALID);
	reached("", 0, 0, 0);
	end();
}
END_TEST

START_TEST(what_is_larger_than_a_frame_may_be_is_refused)
{
	begin_with_three();
	size_t size = (size_t)PEAL_LIMIT_FRAME_BYTES + 1;
	/* Never touched: the sizes alone decide. */
	char *huge = malloc(size);
	ck_assert_int_eq(peal_emit(io, PEAL_ALL, "x", PEAL_BYTES(huge, size)),
			 PEAL_EMIT_E_TOO_LARGE);
	free(huge);
	struct peal_arg many[11];
	for (int i = 0; i < 11; i++)
		many[i] = PEAL_BYTES("x", 1);
	ck_assert_int_eq(peal_emit_values(io, PEAL_ALL, "x", (struct peal_values){ many, 11 }),
			 PEAL_EMIT_E_TOO_LARGE);
	ck_assert_int_eq(peal_emit_values(io, PEAL_ALL, "x", (struct peal_values){ many, 10 }), 0);
	ck_assert_uint_eq(peal_socket_session(a)->units, 12);
	end();
}
END_TEST

START_TEST(names_and_arguments_are_escaped_as_json)
{
	begin_with_three();
	peal_emit(io, PEAL_ALL, "say \"hi\"\n", "\xc3\xa9\x01", 1.5, PEAL_NULL, PEAL_TRUE,
		  PEAL_JSON("{\"a\":[]}"));
	reached("42[\"say \\\"hi\\\"\\n\",\"\xc3\xa9\\u0001\",1.5,null,true,{\"a\":[]}]|", 1, 1, 1);
	end();
}
END_TEST

/* --- flags -------------------------------------------------------------------------------------
 */

START_TEST(should_not_emit_volatile_event_after_regular_event)
{
	begin_with_three();
	peal_socket_session(a)->flushes = true;
	peal_emit(io, PEAL_ALL, "n");
	peal_emit(io, PEAL_TO(.flags = PEAL_VOLATILE), "v");
	ck_received(a, "42[\"n\"]|");
	ck_received(b, "42[\"n\"]|42[\"v\"]|");
	ck_assert_uint_eq(world.stats.volatile_dropped, 1);
	end();
}
END_TEST

START_TEST(should_emit_only_one_consecutive_volatile_event_with_binary)
{
	begin_with_three();
	struct peal_session *session = peal_socket_session(a);
	session->flushes = true;
	peal_socket_emit(a, PEAL_VOLATILE, "v", 1, PEAL_BYTES("\x01", 1));
	peal_socket_emit(a, PEAL_VOLATILE, "v", 2, PEAL_BYTES("\x01", 1));
	ck_assert_int_eq(peal_socket_emit(a, 0, "n"), 0);
	peal_socket_emit(a, PEAL_VOLATILE, "v", 3);
	ck_heard(session, "451-[\"v\",1,{\"_placeholder\":true,\"num\":0}]|<01>|42[\"n\"]|");
	fake_session_flush(session);
	peal_socket_emit(a, PEAL_VOLATILE, "v", 4);
	ck_heard(session, "42[\"v\",4]|");
	ck_assert_uint_eq(world.stats.volatile_dropped, 2);
	end();
}
END_TEST

START_TEST(a_volatile_broadcast_without_a_writable_recipient_builds_no_frame)
{
	begin_with_three();
	uint64_t built = world.stats.frames_built;
	peal_socket_session(a)->busy = true;
	peal_socket_session(b)->busy = true;
	peal_socket_session(c)->busy = true;
	peal_emit(io, PEAL_TO(.flags = PEAL_VOLATILE), "v");
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS("nobody")), "x");
	ck_assert_uint_eq(world.stats.frames_built, built);
	end();
}
END_TEST

START_TEST(compression_is_enabled_by_default_and_disabled_for_all_frames_of_a_packet)
{
	begin_with_three();
	struct peal_session *session = peal_socket_session(a);
	peal_emit(io, PEAL_ALL, "x", PEAL_BYTES("1", 1));
	ck_assert(!session->last->no_compress);
	ck_assert(!session->last->next->no_compress);
	peal_emit(io, PEAL_TO(.flags = PEAL_NO_COMPRESS), "x", PEAL_BYTES("1", 1));
	ck_assert(session->last->no_compress);
	ck_assert(session->last->next->no_compress);
	peal_socket_emit(a, PEAL_NO_COMPRESS, "x");
	ck_assert(session->last->no_compress);
	end();
}
END_TEST

/* --- encode once -------------------------------------------------------------------------------
 */

START_TEST(a_broadcast_to_1000_sockets_builds_one_frame)
{
	begin();
	io = peal_io(world.node);
	struct peal_socket *sockets[1000];
	for (size_t i = 0; i < 1000; i++) {
		sockets[i] = new_socket();
		peal_socket_join(sockets[i], "all");
		peal_socket_join(sockets[i], i % 2 ? "odd" : "even");
	}
	uint64_t built = world.stats.frames_built;
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS("all", "odd", "even")), "x", 1);
	ck_assert_uint_eq(world.stats.frames_built - built, 1);
	ck_assert_uint_eq(world.stats.deliveries, 1000);
	for (size_t i = 0; i < 1000; i++) {
		ck_received(sockets[i], "42[\"x\",1]|");
		ck_assert_ptr_eq(peal_socket_session(sockets[i])->last,
				 peal_socket_session(sockets[0])->last);
	}
	end();
}
END_TEST

START_TEST(should_precompute_the_websocket_frame_when_broadcasting)
{
	begin_with_three();
	peal_emit(io, PEAL_ALL, "x");
	const struct peal_frame *frame = peal_socket_session(a)->last;
	ck_assert_uint_eq(frame->header_length, 2);
	ck_assert_mem_eq(peal_frame_wire(frame),
			 "\x81\x07"
			 "42[\"x\"]",
			 9);
	end();
}
END_TEST

START_TEST(emits_of_one_turn_arrive_in_the_order_of_the_calls)
{
	begin_with_three();
	peal_emit(io, PEAL_ALL, "1");
	peal_socket_emit(a, 0, "2");
	peal_socket_broadcast(b, PEAL_ALL, "3");
	peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS(peal_socket_id(a))), "4");
	ck_received(a, "42[\"1\"]|42[\"2\"]|42[\"3\"]|42[\"4\"]|");
	end();
}
END_TEST

START_TEST(an_emit_to_a_closed_session_is_gone)
{
	begin_with_three();
	peal_session_shutdown(peal_socket_session(a));
	ck_assert_int_eq(peal_socket_emit(a, 0, "x"), PEAL_EMIT_E_GONE);
	ck_assert_int_eq(peal_socket_emit(NULL, 0, "x"), PEAL_EMIT_E_GONE);
	ck_assert_uint_eq(world.stats.emits_failed, 1);
	end();
}
END_TEST

START_TEST(a_broadcast_from_a_socket_that_is_gone_counts_as_failed)
{
	begin_with_three();
	peal_socket_ref(a);
	ck_assert_int_eq(peal_socket_disconnect(a, false), 0);
	settle();
	ck_assert_int_eq(peal_socket_broadcast(a, PEAL_ALL, "x"), PEAL_EMIT_E_GONE);
	ck_assert_int_eq(peal_socket_broadcast_ack(a, PEAL_ALL, 10, NULL, NULL, "x"),
			 PEAL_EMIT_E_GONE);
	ck_assert_int_eq(peal_socket_broadcast(NULL, PEAL_ALL, "x"), PEAL_EMIT_E_GONE);
	ck_assert_uint_eq(world.stats.emits_failed, 2);
	peal_socket_unref(a);
	end();
}
END_TEST

/* --- what leaves the node ----------------------------------------------------------------------
 */

static void remote_broadcast(struct peal_namespace *ns, const struct peal_target *target,
			     const char *event, size_t event_length, const struct peal_args *args,
			     void *context)
{
	size_t length;
	const char *text = peal_args_text(args, &length);
	/* The local clients were queued before. */
	note("%s%s %.*s[%.*s] heard=%zu rooms=", (const char *)context, peal_namespace_name(ns),
	     (int)event_length, event, (int)length, text, peal_socket_session(b)->units);
	for (size_t i = 0; i < target->rooms.count; i++)
		note("%s ", target->rooms.names[i]);
	note("except=");
	for (size_t i = 0; i < target->except.count; i++)
		note("%s ", strcmp(target->except.names[i], peal_socket_id(a))
				    ? target->except.names[i]
				    : "sender");
	note("flags=%u;", target->flags);
}

START_TEST(what_is_not_local_is_published_after_the_local_delivery)
{
	static const struct peal_remote remote = { .broadcast = remote_broadcast,
						   .context = "remote" };
	begin_with_three();
	peal_server_set_remote(world.server, &remote);
	peal_socket_session(b)->units = 0;
	peal_emit(io, PEAL_ALL, "x", 1);
	ck_recorded("remote/ x[1] heard=1 rooms=except=flags=0;");
	peal_emit(io,
		  PEAL_TO(.rooms = PEAL_ROOMS("r"), .except = PEAL_ROOMS("s"),
			  .flags = PEAL_VOLATILE),
		  "x");
	ck_recorded("remote/ x[] heard=1 rooms=r except=s flags=2;");
	peal_socket_broadcast(a, PEAL_TO(.except = PEAL_ROOMS("s")), "y");
	ck_recorded("remote/ y[] heard=2 rooms=except=s sender flags=0;");
	peal_socket_broadcast(a, PEAL_ALL, "y");
	ck_recorded("remote/ y[] heard=3 rooms=except=sender flags=0;");
	peal_emit(io, PEAL_TO(.flags = PEAL_LOCAL), "z");
	peal_socket_broadcast(a, PEAL_TO(.flags = PEAL_LOCAL), "z");
	peal_socket_emit(b, 0, "z");
	ck_assert_int_eq(peal_emit(io, PEAL_TO(.rooms = PEAL_ROOM_LIST(NULL, 0)), "x"),
			 PEAL_EMIT_E_INVALID);
	ck_recorded("");
	peal_server_set_remote(world.server, NULL);
	peal_emit(io, PEAL_ALL, "x");
	ck_recorded("");
	end();
}
END_TEST

UNIT_MAIN("server_broadcast", emits_to_a_namespace, emits_binary_data_to_a_namespace,
	  emits_to_the_rest, emits_to_rooms_avoiding_dupes, broadcasts_to_rooms_never_to_the_sender,
	  should_exclude_specific_sockets_and_rooms_when_broadcasting, a_bad_target_reaches_nobody,
	  should_throw_on_reserved_event, what_is_larger_than_a_frame_may_be_is_refused,
	  names_and_arguments_are_escaped_as_json,
	  should_not_emit_volatile_event_after_regular_event,
	  should_emit_only_one_consecutive_volatile_event_with_binary,
	  a_volatile_broadcast_without_a_writable_recipient_builds_no_frame,
	  compression_is_enabled_by_default_and_disabled_for_all_frames_of_a_packet,
	  a_broadcast_to_1000_sockets_builds_one_frame,
	  should_precompute_the_websocket_frame_when_broadcasting,
	  emits_of_one_turn_arrive_in_the_order_of_the_calls, an_emit_to_a_closed_session_is_gone,
	  a_broadcast_from_a_socket_that_is_gone_counts_as_failed,
	  what_is_not_local_is_published_after_the_local_delivery)
