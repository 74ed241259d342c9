/* Dynamic namespaces: rules, parents and children, clean-up, races. */
#include "tests/support/server_world.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#include "server/server_private.h"

static struct peal_next *pending;

static void on_new(struct peal_namespace *ns, void *userdata)
{
	(void)userdata;
	note("new %s;", peal_namespace_name(ns));
}

static void on_connection(struct peal_socket *socket, void *userdata)
{
	note("%s%s;", userdata ? (const char *)userdata : "",
	     peal_namespace_name(peal_socket_namespace(socket)));
}

static struct peal_namespace *find(const char *name)
{
	return peal_namespace_find(world.server, name, strlen(name));
}

START_TEST(should_allow_connections_to_dynamic_namespaces_with_a_regex_and_emit_in_a_room)
{
	begin();
	struct peal_namespace *parent = peal_of_pattern(world.node, "^/dynamic-[0-9]+$");
	ck_assert_ptr_nonnull(parent);
	ck_assert_int_eq(peal_on_connection(parent, on_connection, NULL), 0);
	struct peal_session *session = open_session();
	struct peal_socket *socket = join(session, "/dynamic-101");
	ck_recorded("/dynamic-101;");
	peal_socket_join(socket, "r");
	peal_emit(parent, PEAL_TO(.rooms = PEAL_ROOMS("r")), "hi");
	ck_heard(session, "42/dynamic-101,[\"hi\"]|");
	fake_session_say(session, "40/dynamic-x,");
	ck_heard(session, "44/dynamic-x,{\"message\":\"Invalid namespace\"}|");
	ck_assert_uint_eq(peal_namespace_socket_count(parent), 1);
	end();
}
END_TEST

START_TEST(a_pattern_that_is_no_expression_makes_no_rule)
{
	begin();
	ck_assert_ptr_null(peal_of_pattern(world.node, "(["));
	ck_assert_ptr_null(peal_of_pattern(world.node, NULL));
	ck_assert_ptr_null(peal_of_function(world.node, NULL, NULL));
	struct peal_session *session = open_session();
	fake_session_say(session, "40/x,");
	ck_heard(session, "44/x,{\"message\":\"Invalid namespace\"}|");
	end();
}
END_TEST

static void decide(const char *name, const struct peal_args *auth, struct peal_next *next,
		   void *userdata)
{
	size_t length;
	const char *text = peal_args_text(auth, &length);
	note("%s %s %.*s;", (const char *)userdata, name, (int)length, text);
	if (!strcmp(userdata, "later"))
		pending = next;
	else if (strcmp(userdata, "no"))
		peal_next_accept(next);
	else
		peal_next_refuse(next, "ignored", NULL);
}

START_TEST(should_allow_connections_to_dynamic_namespaces_with_a_function)
{
	begin();
	peal_of_function(world.node, decide, "no");
	struct peal_namespace *parent = peal_of_function(world.node, decide, "yes");
	peal_of_function(world.node, decide, "never");
	ck_assert_int_eq(peal_on_connection(parent, on_connection, "of parent "), 0);
	struct peal_session *session = open_session();
	fake_session_say(session, "40/any,{\"token\":1}");
	settle();
	ck_recorded("no /any {\"token\":1};yes /any {\"token\":1};of parent /any;");
	ck_assert_int_eq(strncmp(fake_session_heard(session), "40/any,{", 8), 0);
	/* It exists now: nobody is asked again. */
	fake_session_say(open_session(), "40/any,");
	settle();
	ck_recorded("of parent /any;");
	end();
}
END_TEST

START_TEST(should_disallow_connections_when_no_dynamic_namespace_matches)
{
	begin();
	ck_assert_ptr_nonnull(peal_of_pattern(world.node, "^/dynamic-"));
	ck_assert_ptr_nonnull(peal_of_function(world.node, decide, "no"));
	struct peal_session *session = open_session();
	fake_session_say(session, "40/abc,");
	settle();
	ck_recorded("no /abc {};");
	ck_heard(session, "44/abc,{\"message\":\"Invalid namespace\"}|");
	ck_assert_ptr_null(find("/abc"));
	end();
}
END_TEST

START_TEST(should_emit_a_new_namespace_event)
{
	begin();
	ck_assert_int_eq(peal_on_new_namespace(world.node, on_new, NULL), 0);
	peal_of(world.node, "/nsp");
	peal_of(world.node, "/nsp");
	/* Not from inside the call. */
	ck_recorded("");
	settle();
	ck_recorded("new /nsp;");
	peal_of_pattern(world.node, "^/dynamic-");
	fake_session_say(open_session(), "40/dynamic-1,");
	ck_recorded("new /dynamic-1;");
	ck_assert_uint_eq(world.stats.namespaces, 3);
	end();
}
END_TEST

static void set_up(struct peal_namespace *ns, void *userdata)
{
	(void)userdata;
	ck_assert_int_eq(peal_on_connection(ns, on_connection, "own "), 0);
}

START_TEST(what_new_namespace_sets_up_holds_for_the_first_client_after_the_parents)
{
	begin();
	struct peal_namespace *parent = peal_of_pattern(world.node, "^/d");
	ck_assert_int_eq(peal_on_new_namespace(world.node, set_up, NULL), 0);
	ck_assert_int_eq(peal_on_connection(parent, on_connection, "parent "), 0);
	join(open_session(), "/d1");
	ck_recorded("parent /d1;own /d1;");
	/* Handlers added to the parent later hold as well. */
	ck_assert_int_eq(peal_on_connection(parent, on_connection, "late "), 0);
	ck_assert_int_eq(peal_on(parent, "e", note_event, "parent"), 0);
	ck_assert_int_eq(peal_on(find("/d1"), "e", note_event, "child"), 0);
	ck_assert_int_eq(peal_on_any(parent, note_event, "any"), 0);
	struct peal_session *session = open_session();
	join(session, "/d1");
	fake_session_say(session, "42/d1,[\"e\"]");
	ck_recorded("parent /d1;late /d1;own /d1;any e[];parent e[];child e[];");
	end();
}
END_TEST

START_TEST(should_handle_race_conditions_with_dynamic_namespaces)
{
	begin();
	struct peal_namespace *parent = peal_of_function(world.node, decide, "later");
	ck_assert_int_eq(peal_on_new_namespace(world.node, on_new, NULL), 0);
	struct peal_session *first = open_session(), *second = open_session();
	fake_session_say(first, "40/dynamic-101,");
	struct peal_next *first_next = pending;
	fake_session_say(second, "40/dynamic-101,");
	clear_record();
	peal_next_accept(pending);
	peal_next_accept(first_next);
	settle();
	ck_recorded("new /dynamic-101;");
	ck_assert_uint_eq(peal_namespace_socket_count(find("/dynamic-101")), 2);
	peal_emit(parent, PEAL_ALL, "x");
	ck_assert_ptr_nonnull(strstr(fake_session_heard(first), "42/dynamic-101,[\"x\"]|"));
	ck_assert_ptr_nonnull(strstr(fake_session_heard(second), "42/dynamic-101,[\"x\"]|"));
	/* The program may be faster as well. */
	struct peal_session *third = open_session();
	fake_session_say(third, "40/dynamic-102,");
	struct peal_namespace *fixed = peal_of(world.node, "/dynamic-102");
	peal_next_accept(pending);
	settle();
	ck_assert_uint_eq(peal_namespace_socket_count(fixed), 1);
	/* And a client that left is not waited for. */
	fake_session_say(third, "40/dynamic-103,");
	fake_session_close(third, "transport close", NULL);
	settle();
	peal_next_accept(pending);
	settle();
	ck_assert_ptr_null(find("/dynamic-103"));
	end();
}
END_TEST

START_TEST(should_attach_a_child_namespace_to_its_parent_upon_manual_creation)
{
	begin();
	struct peal_namespace *parent = peal_of_pattern(world.node, "^/chat");
	ck_assert_int_eq(peal_on_connection(parent, on_connection, "parent "), 0);
	struct peal_namespace *child = peal_of(world.node, "/chat1");
	struct peal_session *session = open_session();
	join(session, "/chat1");
	ck_recorded("parent /chat1;");
	peal_emit(parent, PEAL_ALL, "x");
	ck_heard(session, "42/chat1,[\"x\"]|");
	ck_assert_ptr_eq(find("/chat1"), child);
	end();
}
END_TEST

static void kick_all(struct peal_namespace *ns, void *userdata)
{
	(void)ns;
	peal_socket_disconnect(*(struct peal_socket **)userdata, true);
}

START_TEST(a_new_namespace_callback_may_end_the_session_that_asks)
{
	struct peal_socket *socket;
	world.options.cleanup_empty_child_namespaces = true;
	begin();
	peal_of_pattern(world.node, "^/d");
	struct peal_session *session = open_session();
	socket = join(session, "/");
	ck_assert_int_eq(peal_on_new_namespace(world.node, kick_all, &socket), 0);
	fake_session_say(session, "40/d1,");
	ck_heard(session, "41|");
	settle();
	ck_assert_ptr_null(find("/d1"));
	end();
}
END_TEST

/* Ends the session that asks, by another of its sockets or with all others, and looks at what it
 * was given afterwards. */
static void decide_and_end(const char *name, const struct peal_args *auth, struct peal_next *next,
			   void *userdata)
{
	size_t length;
	if (userdata)
		ck_assert_int_eq(peal_socket_disconnect(userdata, true), 0);
	else
		peal_server_shut_down(world.server);
	const char *text = peal_args_text(auth, &length);
	note("%s %.*s;", name, (int)length, text);
	peal_next_accept(next);
}

START_TEST(a_rule_may_end_the_session_that_asks)
{
	begin();
	struct peal_session *session = open_session();
	struct peal_socket *socket = join(session, "/");
	peal_of_function(world.node, decide_and_end, socket);
	fake_session_say(session, "40/any,{\"token\":1}");
	ck_recorded("/any {\"token\":1};");
	settle();
	ck_assert_ptr_null(find("/any"));
	ck_heard(session, "41|");
	end();
}
END_TEST

START_TEST(a_rule_may_close_the_node)
{
	begin();
	peal_of_function(world.node, decide_and_end, NULL);
	fake_session_say(open_session(), "40/any,{\"token\":1}");
	ck_recorded("/any {\"token\":1};");
	settle();
	ck_assert_ptr_null(find("/any"));
	end();
}
END_TEST

START_TEST(more_children_than_the_cap_are_invalid_namespaces)
{
	char text[32], expected[64];
	world.options.max_child_namespaces = 3;
	begin();
	peal_of_pattern(world.node, "^/d");
	struct peal_session *session = open_session();
	for (int i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "40/d%d,", i);
		fake_session_say(session, text);
		snprintf(expected, sizeof(expected), "44/d%d,{\"message\":\"Invalid namespace\"}|",
			 i);
		ck_assert_int_eq(strcmp(fake_session_heard(session), expected) == 0, i >= 3);
	}
	/* The program's own do not count. */
	ck_assert_ptr_nonnull(peal_of(world.node, "/d9"));
	ck_assert_ptr_nonnull(peal_of(world.node, "/d0"));
	fake_session_say(session, "40/d4,");
	ck_assert_int_eq(strncmp(fake_session_heard(session), "40/d4,{", 7), 0);
	end();
}
END_TEST

START_TEST(a_parent_takes_no_round_and_no_fetch)
{
	begin();
	struct peal_namespace *parent = peal_of_pattern(world.node, "^/d");
	join(open_session(), "/d1");
	ck_assert_int_eq(peal_emit_ack(parent, PEAL_ALL, 10, note_acks, NULL, "x"),
			 PEAL_EMIT_E_INVALID);
	ck_assert_int_eq(peal_sockets_fetch(parent, PEAL_ALL, 0, NULL, NULL), PEAL_EMIT_E_INVALID);
	end();
}
END_TEST

START_TEST(bulk_operations_on_a_parent_reach_all_children)
{
	begin();
	struct peal_namespace *parent = peal_of_pattern(world.node, "^/d");
	struct peal_socket *a = join(open_session(), "/d1"), *b = join(open_session(), "/d2");
	ck_assert_int_eq(peal_sockets_join(parent, PEAL_ALL, PEAL_ROOMS("r")), 0);
	ck_assert(peal_socket_in_room(a, "r") && peal_socket_in_room(b, "r"));
	ck_assert_int_eq(peal_sockets_disconnect(parent, PEAL_ALL, false), 0);
	ck_received(a, "41/d1,|");
	ck_received(b, "41/d2,|");
	end();
}
END_TEST

/* --- clean-up ----------------------------------------------------------------------------------
 */

START_TEST(should_clean_up_namespace_when_on_and_there_are_no_more_sockets)
{
	world.options.cleanup_empty_child_namespaces = true;
	begin();
	struct peal_namespace *parent = peal_of_pattern(world.node, "^/chat");
	ck_assert_int_eq(peal_on_disconnect(parent, note_disconnect, NULL), 0);
	struct peal_session *session = open_session(), *other = open_session();
	join(session, "/chat");
	join(other, "/chat");
	fake_session_say(session, "41/chat,");
	ck_assert_ptr_nonnull(find("/chat"));
	fake_session_close(other, "transport close", NULL);
	settle();
	ck_recorded("socket disconnect client namespace disconnect;"
		    "socket disconnect transport close;");
	ck_assert_ptr_null(find("/chat"));
	ck_assert_uint_eq(world.stats.namespaces, 1);
	/* A client may connect to it again. */
	join(session, "/chat");
	ck_assert_ptr_nonnull(find("/chat"));
	end();
}
END_TEST

START_TEST(should_not_clean_up_when_off_or_not_dynamic_or_named_by_the_program)
{
	begin();
	peal_of_pattern(world.node, "^/chat");
	struct peal_session *session = open_session();
	join(session, "/chat");
	fake_session_say(session, "41/chat,");
	settle();
	ck_assert_ptr_nonnull(find("/chat"));
	end();

	world.options.cleanup_empty_child_namespaces = true;
	begin();
	peal_of_pattern(world.node, "^/chat");
	peal_of(world.node, "/fixed");
	session = open_session();
	join(session, "/fixed");
	join(session, "/chat1");
	join(session, "/chat2");
	struct peal_namespace *named = peal_of(world.node, "/chat2");
	fake_session_close(session, "transport close", NULL);
	settle();
	ck_assert_ptr_nonnull(find("/fixed"));
	ck_assert_ptr_null(find("/chat1"));
	ck_assert_ptr_eq(find("/chat2"), named);
	end();
}
END_TEST

static void answer(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	const bool *accept = userdata;
	(void)socket;
	if (*accept)
		peal_next_accept(next);
	else
		peal_next_refuse(next, "no", NULL);
}

START_TEST(clean_up_when_a_client_is_rejected_in_middleware)
{
	static bool accept;
	for (int on = 0; on < 2; on++) {
		world.options.cleanup_empty_child_namespaces = on;
		begin();
		struct peal_namespace *parent = peal_of_pattern(world.node, "^/chat");
		ck_assert_int_eq(peal_use(parent, answer, &accept), 0);
		struct peal_session *session = open_session();
		accept = false;
		fake_session_say(session, "40/chat,");
		settle();
		ck_heard(session, "44/chat,{\"message\":\"no\"}|");
		ck_assert_int_eq(find("/chat") == NULL, on);
		/* Not when there are others. */
		accept = true;
		join(open_session(), "/chat");
		accept = false;
		fake_session_say(session, "40/chat,");
		settle();
		ck_assert_ptr_nonnull(find("/chat"));
		end();
	}
}
END_TEST

START_TEST(what_refers_to_a_cleaned_up_namespace_stays_valid)
{
	world.options.cleanup_empty_child_namespaces = true;
	begin();
	peal_of_pattern(world.node, "^/chat");
	struct peal_session *session = open_session();
	struct peal_socket *socket = peal_socket_ref(join(session, "/chat"));
	struct peal_namespace *old = peal_socket_namespace(socket);
	ck_assert_int_eq(peal_emit_ack(old, PEAL_ALL, 100, note_acks, NULL, "x"), 0);
	fake_session_say(session, "41/chat,");
	ck_assert_ptr_null(find("/chat"));
	join(session, "/chat");
	ck_assert_ptr_ne(find("/chat"), old);
	ck_assert_str_eq(peal_namespace_name(peal_socket_namespace(socket)), "/chat");
	ck_assert_int_eq(peal_emit(old, PEAL_ALL, "nobody"), 0);
	ck_heard(session, "");
	peal_socket_unref(socket);
	wait_ms(110);
	ck_recorded("acks error=1 0/1 [];");
	end();
}
END_TEST

static void list(const struct peal_namespace_info *info, void *userdata)
{
	/* They come in no order. */
	if (!strcmp(info->name, userdata))
		note("%s %d %zu %zu;", info->name, info->dynamic, info->sockets, info->rooms);
}

START_TEST(tells_of_each_namespace_and_who_made_it)
{
	static const char *const names[] = { "/", "/dynamic-1", "/named", "/_0" };
	begin();
	ck_assert_ptr_nonnull(peal_of_pattern(world.node, "^/dynamic-"));
	ck_assert_ptr_nonnull(peal_of(world.node, "/named"));
	struct peal_session *session = open_session();
	struct peal_socket *socket = join(session, "/dynamic-1");
	peal_socket_join(socket, "a");
	peal_socket_join(socket, "b");
	join(session, "/named");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		peal_namespaces(world.node, list, (void *)names[i]);
	ck_recorded("/ 0 0 0;/dynamic-1 1 1 2;/named 0 1 0;");
	/* The program holds it from now on. */
	ck_assert_ptr_nonnull(peal_of(world.node, "/dynamic-1"));
	peal_namespaces(world.node, list, (void *)names[1]);
	ck_recorded("/dynamic-1 0 1 2;");
	end();
}
END_TEST

UNIT_MAIN("server_namespaces",
	  should_allow_connections_to_dynamic_namespaces_with_a_regex_and_emit_in_a_room,
	  a_pattern_that_is_no_expression_makes_no_rule,
	  should_allow_connections_to_dynamic_namespaces_with_a_function,
	  should_disallow_connections_when_no_dynamic_namespace_matches,
	  should_emit_a_new_namespace_event,
	  what_new_namespace_sets_up_holds_for_the_first_client_after_the_parents,
	  should_handle_race_conditions_with_dynamic_namespaces,
	  should_attach_a_child_namespace_to_its_parent_upon_manual_creation,
	  a_new_namespace_callback_may_end_the_session_that_asks,
	  a_rule_may_end_the_session_that_asks, a_rule_may_close_the_node,
	  more_children_than_the_cap_are_invalid_namespaces, a_parent_takes_no_round_and_no_fetch,
	  bulk_operations_on_a_parent_reach_all_children,
	  should_clean_up_namespace_when_on_and_there_are_no_more_sockets,
	  should_not_clean_up_when_off_or_not_dynamic_or_named_by_the_program,
	  clean_up_when_a_client_is_rejected_in_middleware,
	  what_refers_to_a_cleaned_up_namespace_stays_valid,
	  tells_of_each_namespace_and_who_made_it)
