/*
 * The control routes of the test application: POST /control with one JSON command, GET /stats.
 *
 * The commands and their answers are those of tests/e2e/reference.mjs.
 */
#include "testapp_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void command_answer(struct peal_http_request *request, cJSON *object)
{
	static const struct peal_header type = { "Content-Type", "application/json" };
	char *text = cJSON_PrintUnformatted(object);

	if (request)
		peal_http_reply(request, 200, &type, 1, text, strlen(text));
	free(text);
	cJSON_Delete(object);
}

void command_answer_code(const struct command *command, int code)
{
	static const char *const texts[] = { NULL,	  "reserved",	     "invalid",
					     "too large", "timeout missing", "gone" };
	cJSON *object = cJSON_CreateObject();

	if (code == 0)
		cJSON_AddNullToObject(object, "error");
	else
		cJSON_AddStringToObject(object, "error",
					code > 0 && code < 6 ? texts[code] : "errno");
	command_answer(command->request, object);
}

const cJSON *command_get(const struct command *command, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(command->body, name);
}

const char *command_text(const struct command *command, const char *name)
{
	const cJSON *item = command_get(command, name);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

struct peal_namespace *command_namespace(const struct command *command)
{
	const char *name = command_text(command, "ns");

	if (name && strcmp(name, "<pattern>") == 0)
		return command->app->by_pattern;
	if (name && strcmp(name, "<function>") == 0)
		return command->app->by_function;
	return peal_of(command->app->node, name ? name : "/");
}

static struct peal_socket *socket_of(const struct command *command, const char *member)
{
	const char *id = command_text(command, member);

	return id ? peal_namespace_socket(command_namespace(command), id) : NULL;
}

bool command_is(const struct command *command, const char *name)
{
	return cJSON_IsTrue(command_get(command, name));
}

struct peal_rooms command_rooms(const struct command *command, const char *member,
				const char *names[COMMAND_NAMES])
{
	const cJSON *list = command_get(command, member), *item;
	size_t count = 0;

	if (!list)
		return (struct peal_rooms){ 0 };
	cJSON_ArrayForEach(item, list)
	{
		if (count < COMMAND_NAMES)
			names[count++] = item->valuestring;
	}
	return PEAL_ROOM_LIST(names, count);
}

unsigned command_flags(const struct command *command)
{
	const cJSON *item;
	unsigned flags = 0;

	cJSON_ArrayForEach(item, command_get(command, "flags"))
	{
		if (strcmp(item->valuestring, "local") == 0)
			flags |= PEAL_LOCAL;
		else if (strcmp(item->valuestring, "volatile") == 0)
			flags |= PEAL_VOLATILE;
		else
			flags |= PEAL_NO_COMPRESS;
	}
	return flags;
}

void command_on_acks(const struct peal_acks *acks, void *userdata)
{
	const char *error = peal_ack_strerror(acks->error);
	cJSON *object = cJSON_CreateObject(), *list, *item;

	cJSON_AddItemToObject(object, "error",
			      error ? cJSON_CreateString(error) : cJSON_CreateNull());
	list = cJSON_AddArrayToObject(object, "responses");
	for (size_t at = 0; at < acks->response_count; at++) {
		item = cJSON_CreateObject();
		testapp_pack(item, acks->responses[at]);
		cJSON_AddItemToArray(list, item);
	}
	cJSON_AddNumberToObject(object, "expected", (double)acks->clients_expected);
	cJSON_AddNumberToObject(object, "answered", (double)acks->clients_answered);
	cJSON_AddNumberToObject(object, "servers", (double)acks->servers_expected);
	cJSON_AddNumberToObject(object, "serversAnswered", (double)acks->servers_answered);
	cJSON_AddNumberToObject(object, "unnamedMissing", (double)acks->unnamed_missing_servers);
	list = cJSON_AddArrayToObject(object, "missingServers");
	for (size_t at = 0; at < acks->missing_server_count; at++)
		cJSON_AddItemToArray(list, cJSON_CreateString(acks->missing_servers[at]));
	list = cJSON_AddArrayToObject(object, "missing");
	for (size_t at = 0; at < acks->missing_socket_count; at++)
		cJSON_AddItemToArray(list, cJSON_CreateString(acks->missing_sockets[at]));
	command_answer(userdata, object);
}

static void on_ack(enum peal_ack_error ack_error, const struct peal_args *args, void *userdata)
{
	const char *error = peal_ack_strerror(ack_error);
	cJSON *object = cJSON_CreateObject(), *response;

	cJSON_AddItemToObject(object, "error",
			      error ? cJSON_CreateString(error) : cJSON_CreateNull());
	if (args) {
		response = cJSON_AddObjectToObject(object, "response");
		testapp_pack(response, args);
	} else {
		cJSON_AddNullToObject(object, "response");
	}
	command_answer(userdata, object);
}

static int emit_args(const struct command *command, const struct peal_args *args)
{
	const char *rooms[COMMAND_NAMES], *except[COMMAND_NAMES];
	struct peal_target target = {
		.rooms = command_rooms(command, "rooms", rooms),
		.except = command_rooms(command, "except", except),
		.flags = command_flags(command),
	};
	const char *event = command_text(command, "event");
	const cJSON *timeout = command_get(command, "timeout");
	unsigned ms = timeout ? (unsigned)timeout->valuedouble : 0;
	struct peal_socket *socket;

	if (command_get(command, "direct")) {
		socket = socket_of(command, "direct");
		if (!socket)
			return PEAL_EMIT_E_GONE;
		if (timeout)
			return peal_socket_emit_ack_args(socket, target.flags, ms, on_ack,
							 command->request, event, args);
		return peal_socket_emit_args(socket, target.flags, event, args);
	}
	if (command_get(command, "socket")) {
		socket = socket_of(command, "socket");
		if (!socket)
			return PEAL_EMIT_E_GONE;
		if (timeout)
			return peal_socket_broadcast_ack_args(socket, &target, ms, command_on_acks,
							      command->request, event, args);
		return peal_socket_broadcast_args(socket, &target, event, args);
	}
	if (timeout)
		return peal_emit_ack_args(command_namespace(command), &target, ms, command_on_acks,
					  command->request, event, args);
	return peal_emit_args(command_namespace(command), &target, event, args);
}

static void do_emit(const struct command *command)
{
	struct peal_args *args;
	int result = testapp_unpack(command->body, &args);

	if (result == 0) {
		result = emit_args(command, args);
		peal_args_free(args);
	}
	if (result != 0 || !command_get(command, "timeout"))
		command_answer_code(command, result);
}

/* Join, leave and disconnect: of one socket, or of a target. */
static void do_bulk(const struct command *command)
{
	const char *rooms[COMMAND_NAMES], *except[COMMAND_NAMES], *names[COMMAND_NAMES];
	struct peal_target target = {
		.rooms = command_rooms(command, "rooms", rooms),
		.except = command_rooms(command, "except", except),
		.flags = command_flags(command),
	};
	struct peal_rooms list = command_rooms(command, "names", names);
	const char *verb = command_text(command, "do");
	struct peal_socket *socket = socket_of(command, "direct");
	bool close = cJSON_IsTrue(command_get(command, "close"));
	int result = 0;

	if (command_get(command, "direct")) {
		if (!socket)
			result = PEAL_EMIT_E_GONE;
		else if (strcmp(verb, "disconnect") == 0)
			result = peal_socket_disconnect(socket, close);
		for (size_t at = 0; at < list.count && result == 0; at++)
			result = strcmp(verb, "join") == 0 ? peal_socket_join(socket, names[at])
							   : peal_socket_leave(socket, names[at]);
	} else if (command_is(command, "confirmed")) {
		testapp_cluster_command(command, "confirmed");
		return;
	} else if (strcmp(verb, "join") == 0) {
		result = peal_sockets_join(command_namespace(command), &target, list);
	} else if (strcmp(verb, "leave") == 0) {
		result = peal_sockets_leave(command_namespace(command), &target, list);
	} else {
		result = peal_sockets_disconnect(command_namespace(command), &target, close);
	}
	command_answer_code(command, result);
}

static void on_fetched(enum peal_ack_error error, const struct peal_socket_info *sockets,
		       size_t count, void *userdata)
{
	cJSON *object = cJSON_CreateObject(), *list, *item, *rooms;
	const char *text = peal_ack_strerror(error);

	cJSON_AddItemToObject(object, "error",
			      text ? cJSON_CreateString(text) : cJSON_CreateNull());
	list = cJSON_AddArrayToObject(object, "sockets");
	for (size_t at = 0; at < count; at++) {
		item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "id", sockets[at].id);
		cJSON_AddStringToObject(item, "node", sockets[at].node);
		rooms = cJSON_AddArrayToObject(item, "rooms");
		for (size_t room = 0; room < sockets[at].room_count; room++)
			cJSON_AddItemToArray(rooms, cJSON_CreateString(sockets[at].rooms[room]));
		cJSON_AddRawToObject(item, "data", sockets[at].data);
		cJSON_AddRawToObject(item, "handshake", sockets[at].handshake);
		cJSON_AddItemToArray(list, item);
	}
	command_answer(userdata, object);
}

static void do_fetch(const struct command *command)
{
	const char *rooms[COMMAND_NAMES], *except[COMMAND_NAMES];
	struct peal_target target = {
		.rooms = command_rooms(command, "rooms", rooms),
		.except = command_rooms(command, "except", except),
		.flags = command_flags(command),
	};
	int result = peal_sockets_fetch(command_namespace(command), &target, 0, on_fetched,
					command->request);

	if (result != 0)
		command_answer_code(command, result);
}

static bool add_room(const char *room, size_t members, bool own_id, void *userdata)
{
	if (!own_id)
		cJSON_AddNumberToObject(userdata, room, (double)members);
	return true;
}

static void do_rooms(const struct command *command)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddNullToObject(object, "error");
	peal_namespace_each_room(command_namespace(command), add_room,
				 cJSON_AddObjectToObject(object, "rooms"));
	command_answer(command->request, object);
}

static void do_data(const struct command *command)
{
	struct peal_socket *socket = socket_of(command, "direct");
	char *json = cJSON_PrintUnformatted(command_get(command, "data"));

	command_answer_code(command,
			    socket ? peal_socket_set_data(socket, json) : PEAL_EMIT_E_GONE);
	free(json);
}

static void do_of(const struct command *command)
{
	command_answer_code(command, peal_of(command->app->node, command_text(command, "name"))
					     ? 0
					     : PEAL_EMIT_E_INVALID);
}

static void do_namespaces(const struct command *command)
{
	cJSON *object = cJSON_CreateObject();
	struct peal_stats stats;

	peal_node_stats(command->app->node, &stats);
	cJSON_AddNullToObject(object, "error");
	cJSON_AddNumberToObject(object, "count", (double)stats.namespaces);
	command_answer(command->request, object);
}

static void do_events(const struct command *command)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddNullToObject(object, "error");
	cJSON_AddItemReferenceToObject(object, "events", command->app->log);
	command_answer(command->request, object);
}

static void do_next(const struct command *command)
{
	struct testapp *app = command->app;
	const cJSON *accept = command_get(command, "accept"), *data = command_get(command, "data");
	cJSON *object = cJSON_CreateObject();
	struct peal_next *next;
	char *json = NULL;

	if (app->pending_count == 0) {
		cJSON_AddStringToObject(object, "error", "nothing pending");
		command_answer(command->request, object);
		return;
	}
	cJSON_AddNullToObject(object, "error");
	next = app->pending[app->pending_first].next;
	app->pending_first = (app->pending_first + 1) % TESTAPP_ITEMS;
	app->pending_count--;
	if (data)
		json = cJSON_PrintUnformatted(data);
	if (!accept || cJSON_IsTrue(accept))
		peal_next_accept(next);
	else
		peal_next_refuse(next, command_text(command, "message"), json);
	free(json);
	command_answer(command->request, object);
}

static void do_respond(const struct command *command)
{
	struct testapp *app = command->app;
	struct peal_args *args;
	int result = testapp_unpack(command->body, &args);

	if (result == 0) {
		for (size_t at = 0; at < app->responder_count; at++)
			peal_respond_args(app->responders[at], args);
		app->responder_count = 0;
		peal_args_free(args);
	}
	command_answer_code(command, result);
}

static void do_session(const struct command *command)
{
	struct testapp *app = command->app;
	cJSON *object = cJSON_CreateObject();
	const char *sid = command_text(command, "sid"), *text = command_text(command, "text");
	const char *hex = command_text(command, "hex");
	struct peal_session *session = NULL;
	unsigned char *bytes;
	size_t length;

	for (size_t at = 0; at < app->session_count; at++) {
		if (strcmp(peal_session_sid(app->sessions[at]), sid) == 0)
			session = app->sessions[at];
	}
	if (session) {
		cJSON_AddNullToObject(object, "error");
		cJSON_AddStringToObject(object, "transport", peal_session_transport(session));
		if (text)
			peal_session_send(session, text, strlen(text), false);
		if (hex) {
			bytes = testapp_from_hex(hex, &length);
			peal_session_send(session, bytes, length, true);
			free(bytes);
		}
		if (cJSON_IsTrue(command_get(command, "close")))
			peal_session_close(session);
	} else {
		cJSON_AddStringToObject(object, "error", "gone");
	}
	command_answer(command->request, object);
}

static void do_close(const struct command *command)
{
	command_answer_code(
		command, peal_node_after(command->app->node, 50, testapp_shutdown, command->app));
}

static void do_several(const struct command *command);

static const struct {
	const char *name;
	void (*fn)(const struct command *command);
} commands[] = {
	{ "emit", do_emit },	   { "several", do_several },
	{ "join", do_bulk },	   { "leave", do_bulk },
	{ "disconnect", do_bulk }, { "fetch", do_fetch },
	{ "rooms", do_rooms },	   { "data", do_data },
	{ "of", do_of },	   { "namespaces", do_namespaces },
	{ "events", do_events },   { "next", do_next },
	{ "respond", do_respond }, { "session", do_session },
	{ "close", do_close },
};

static void run(const struct command *command)
{
	const char *name = command_text(command, "do");

	for (size_t at = 0; name && at < sizeof(commands) / sizeof(commands[0]); at++) {
		if (strcmp(commands[at].name, name) == 0) {
			commands[at].fn(command);
			return;
		}
	}
	if (!name || !testapp_cluster_command(command, name))
		command_answer_code(command, PEAL_EMIT_E_INVALID);
}

/* All in one turn of the loop. */
static void do_several(const struct command *command)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, command_get(command, "commands"))
		run(&(struct command){ .app = command->app, .body = item });
	command_answer_code(command, 0);
}

static void on_control(struct peal_http_request *request, void *userdata)
{
	struct command command = { .app = userdata, .request = request };
	const char *bytes;
	size_t length;
	cJSON *body;

	bytes = peal_http_request_body(request, &length);
	body = cJSON_ParseWithLength(bytes, length);
	command.body = body;
	run(&command);
	cJSON_Delete(body);
}

static void on_stats(struct peal_http_request *request, void *userdata)
{
	struct testapp *app = userdata;
	cJSON *object = cJSON_CreateObject();
	struct peal_stats stats;

	peal_node_stats(app->node, &stats);
#define ADD(kind, name, description) cJSON_AddNumberToObject(object, #name, (double)stats.name);
	PEAL_STATS(ADD)
#undef ADD
	command_answer(request, object);
}

int testapp_control(struct testapp *app)
{
	int result = peal_http_route(app->node, "/control", "POST", 4 << 20, on_control, app);

	if (result == 0)
		result = peal_http_route(app->node, "/stats", "GET", 0, on_stats, app);
	return result;
}
