/*
 * Namespaces, middlewares and handlers of the test application.
 */
#include "testapp.h"

#include <stdlib.h>
#include <string.h>

#define MUST(call)                      \
	do {                            \
		int result_ = (call);   \
		if (result_)            \
			return result_; \
	} while (0)

void testapp_hold(struct testapp *app, const char *kind, struct peal_next *next)
{
	size_t at = (app->pending_first + app->pending_count++) % TESTAPP_ITEMS;

	app->pending[at].next = next;
	cJSON_AddStringToObject(testapp_entry(app, "pending"), "kind", kind);
}

static void add_rooms(cJSON *entry, const struct peal_socket *socket)
{
	const char *names[64];
	size_t count = peal_socket_rooms(socket, names, 64);
	cJSON *rooms = cJSON_AddArrayToObject(entry, "rooms");

	for (size_t at = 0; at < count && at < 64; at++)
		cJSON_AddItemToArray(rooms, cJSON_CreateString(names[at]));
}

static void on_connection(struct peal_socket *socket, void *userdata)
{
	testapp_socket_entry(userdata, "connection", socket);
	if (strcmp(peal_namespace_name(peal_socket_namespace(socket)), "/custom") == 0)
		peal_socket_emit_args(socket, 0, "auth", peal_socket_auth(socket));
}

static void add_leaving(cJSON *entry, struct peal_socket *socket, const char *reason,
			const char *description)
{
	cJSON_AddStringToObject(entry, "reason", reason);
	cJSON_AddItemToObject(entry, "description",
			      description ? cJSON_CreateString(description) : cJSON_CreateNull());
	add_rooms(entry, socket);
}

static void on_disconnecting(struct peal_socket *socket, const char *reason,
			     const char *description, void *userdata)
{
	add_leaving(testapp_socket_entry(userdata, "disconnecting", socket), socket, reason,
		    description);
}

static void on_disconnect(struct peal_socket *socket, const char *reason, const char *description,
			  void *userdata)
{
	peal_socket_join(socket, "too-late");
	add_leaving(testapp_socket_entry(userdata, "disconnect", socket), socket, reason,
		    description);
}

static void on_error(struct peal_socket *socket, const char *message, void *userdata)
{
	cJSON_AddStringToObject(testapp_socket_entry(userdata, "error", socket), "message",
				message);
}

static void on_room(struct peal_namespace *ns, enum peal_room_change change, const char *room,
		    const char *id, void *userdata)
{
	static const char *const names[] = {
		[PEAL_ROOM_CREATED] = "create-room",
		[PEAL_ROOM_JOINED] = "join-room",
		[PEAL_ROOM_LEFT] = "leave-room",
		[PEAL_ROOM_DELETED] = "delete-room",
	};
	cJSON *entry = testapp_entry(userdata, names[change]);

	cJSON_AddStringToObject(entry, "ns", peal_namespace_name(ns));
	cJSON_AddStringToObject(entry, "room", room);
	if (id)
		cJSON_AddStringToObject(entry, "id", id);
}

static void on_echo(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	if (event->wants_ack)
		peal_reply_args(event, event->args);
	else
		peal_socket_emit_args(socket, 0, userdata, event->args);
}

static void on_twice(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	(void)socket;
	(void)userdata;
	peal_reply(event, 1);
	peal_reply(event, 2);
}

static void on_hold(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	struct testapp *app = userdata;
	struct peal_responder *responder;

	if (app->responder_count < TESTAPP_ITEMS && peal_event_responder(event, &responder) == 0)
		app->responders[app->responder_count++] = responder;
	testapp_socket_entry(app, "held", socket);
}

static void on_join(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	(void)userdata;
	peal_socket_join(socket, peal_args_string(event->args, 0));
	peal_reply(event);
}

static void on_leave(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	(void)userdata;
	peal_socket_leave(socket, peal_args_string(event->args, 0));
	peal_reply(event);
}

/* What a client sent goes to everyone as it came. */
static void on_relay(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	(void)userdata;
	peal_emit_args(peal_socket_namespace(socket), PEAL_ALL, "relayed", event->args);
}

static void on_kick(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	(void)userdata;
	peal_socket_disconnect(socket, peal_args_bool(event->args, 0, false));
}

static void add_text(cJSON *object, const char *name, const char *text)
{
	cJSON_AddItemToObject(object, name, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static void on_whoami(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	const struct peal_request *handshake = peal_socket_handshake(socket);
	cJSON *who = cJSON_CreateObject();
	char color[200];
	const char *auth;
	size_t length;
	char *copy;

	(void)userdata;
	auth = peal_args_item(peal_socket_auth(socket), 0, &length);
	copy = strndup(auth, length);
	cJSON_AddStringToObject(who, "id", peal_socket_id(socket));
	cJSON_AddRawToObject(who, "auth", copy);
	cJSON_AddBoolToObject(who, "xdomain", handshake->xdomain);
	cJSON_AddBoolToObject(who, "secure", handshake->secure);
	cJSON_AddStringToObject(who, "address", handshake->address);
	add_text(who, "color",
		 peal_request_query(handshake, "color", color, sizeof(color)) >= 0 ? color : NULL);
	add_text(who, "header", peal_request_header(handshake, "X-Test"));
	cJSON_AddStringToObject(who, "url", handshake->url);
	cJSON_AddStringToObject(who, "transport",
				peal_session_transport(peal_socket_session(socket)));
	peal_reply(event, who);
	cJSON_Delete(who);
	free(copy);
}

static const char *packet_middleware(struct peal_socket *socket, const struct peal_event *event,
				     void *userdata)
{
	(void)socket;
	(void)userdata;
	return strcmp(event->name, "forbidden") == 0 ? "forbidden event" : NULL;
}

static void on_forbidden(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	(void)event;
	testapp_socket_entry(userdata, "forbidden-handled", socket);
}

static void any_entry(struct testapp *app, const char *e, struct peal_socket *socket,
		      const struct peal_event *event)
{
	cJSON *entry = testapp_socket_entry(app, e, socket);

	cJSON_AddStringToObject(entry, "event", event->name);
	testapp_pack(entry, event->args);
}

#define ANY_HANDLER(name, text)                                                      \
	static void name(struct peal_socket *socket, const struct peal_event *event, \
			 void *userdata)                                             \
	{                                                                            \
		any_entry(userdata, text, socket, event);                            \
	}
ANY_HANDLER(on_any, "any")
ANY_HANDLER(on_any_first, "any-first")
ANY_HANDLER(on_any_removed, "any-removed")
ANY_HANDLER(on_out, "out")
ANY_HANDLER(on_out_first, "out-first")

static int serve(struct testapp *app, struct peal_namespace *ns)
{
	MUST(peal_on_connection(ns, on_connection, app));
	MUST(peal_on_disconnecting(ns, on_disconnecting, app));
	MUST(peal_on_disconnect(ns, on_disconnect, app));
	MUST(peal_on_error(ns, on_error, app));
	MUST(peal_on_room(ns, on_room, app));
	MUST(peal_use_packet(ns, packet_middleware, app));
	MUST(peal_on(ns, "echo", on_echo, "echo-back"));
	MUST(peal_on(ns, "message", on_echo, "message-back"));
	MUST(peal_on(ns, "message-with-ack", on_echo, "message-back"));
	MUST(peal_on(ns, "twice", on_twice, app));
	MUST(peal_on(ns, "hold", on_hold, app));
	MUST(peal_on(ns, "join", on_join, app));
	MUST(peal_on(ns, "leave", on_leave, app));
	MUST(peal_on(ns, "kick", on_kick, app));
	MUST(peal_on(ns, "relay", on_relay, app));
	MUST(peal_on(ns, "whoami", on_whoami, app));
	MUST(peal_on(ns, "forbidden", on_forbidden, app));
	return 0;
}

static int serve_any(struct testapp *app, struct peal_namespace *ns)
{
	MUST(peal_on_any(ns, on_any, app));
	MUST(peal_prepend_any(ns, on_any_first, app));
	MUST(peal_on_any(ns, on_any_removed, app));
	MUST(peal_off_any(ns, on_any_removed, app));
	MUST(peal_on_any_outgoing(ns, on_out, app));
	MUST(peal_prepend_any_outgoing(ns, on_out_first, app));
	MUST(peal_on_any_outgoing(ns, on_any_removed, app));
	MUST(peal_off_any_outgoing(ns, on_any_removed, app));
	return 0;
}

static void order_first(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	cJSON *entry = testapp_socket_entry(userdata, "first", socket);

	cJSON_AddBoolToObject(entry, "connected", peal_socket_connected(socket));
	peal_next_accept(next);
}

static void order_second(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	cJSON *entry;

	peal_socket_join(socket, "joined-early");
	peal_socket_emit(socket, 0, "early", 1);
	entry = testapp_socket_entry(userdata, "second", socket);
	cJSON_AddBoolToObject(entry, "connected", peal_socket_connected(socket));
	peal_next_accept(next);
}

static void refuse_with_data(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	(void)userdata;
	peal_socket_join(socket, "lost");
	peal_next_refuse(next, "not authorized", "{\"content\":\"later\"}");
}

static void unreachable(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	(void)socket;
	testapp_entry(userdata, "unreachable");
	peal_next_accept(next);
}

static void refuse_plain(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	(void)socket;
	(void)userdata;
	peal_next_refuse(next, "nope", NULL);
}

static void decide_later(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	(void)socket;
	testapp_hold(userdata, "middleware", next);
}

static void pattern_middleware(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	const cJSON *auth = peal_args_json(peal_socket_auth(socket), 0);

	(void)userdata;
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(auth, "bad")))
		peal_next_refuse(next, "bad", NULL);
	else
		peal_next_accept(next);
}

static void function_rule(const char *name, const struct peal_args *auth, struct peal_next *next,
			  void *userdata)
{
	const cJSON *tree = peal_args_json(auth, 0);

	if (strcmp(name, "/function-later") == 0)
		testapp_hold(userdata, "rule", next);
	else if (strncmp(name, "/function-", 10) == 0 &&
		 cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "ok")))
		peal_next_accept(next);
	else
		peal_next_refuse(next, NULL, NULL);
}

static void on_new_namespace(struct peal_namespace *ns, void *userdata)
{
	cJSON_AddStringToObject(testapp_entry(userdata, "new-namespace"), "ns",
				peal_namespace_name(ns));
}

int testapp_serve_all(struct testapp *app)
{
	static const char *const names[] = { "/",	 "/custom",	   "/any",    "/order",
					     "/refused", "/refused-plain", "/delayed" };

	const cJSON *chosen = cJSON_GetObjectItemCaseSensitive(app->settings, "namespaces"), *name;

	MUST(peal_on_new_namespace(app->node, on_new_namespace, app));
	if (chosen) {
		cJSON_ArrayForEach(name, chosen)
			MUST(serve(app, peal_of(app->node, name->valuestring)));
		return 0;
	}
	for (size_t at = 0; at < sizeof(names) / sizeof(names[0]); at++)
		MUST(serve(app, peal_of(app->node, names[at])));
	MUST(serve_any(app, peal_of(app->node, "/any")));
	MUST(peal_use(peal_of(app->node, "/order"), order_first, app));
	MUST(peal_use(peal_of(app->node, "/order"), order_second, app));
	MUST(peal_use(peal_of(app->node, "/refused"), refuse_with_data, app));
	MUST(peal_use(peal_of(app->node, "/refused"), unreachable, app));
	MUST(peal_use(peal_of(app->node, "/refused-plain"), refuse_plain, app));
	MUST(peal_use(peal_of(app->node, "/delayed"), decide_later, app));
	app->by_pattern = peal_of_pattern(app->node, "^/dynamic-[0-9]+$");
	app->by_function = peal_of_function(app->node, function_rule, app);
	MUST(peal_use(app->by_pattern, pattern_middleware, app));
	MUST(serve(app, app->by_pattern));
	return serve(app, app->by_function);
}
