/*
 * The events of --demo: who is connected under which name, and their rooms. demo_broadcast.c has
 * the broadcasts.
 *
 * Everything that a client can grow here has a ceiling in demo_private.h, far below those of the
 * library.
 */
#include "demo.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <peal/peal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo_private.h"

void peal_demo_reply(const struct peal_event *event, cJSON *object)
{
	if (event->wants_ack && object)
		peal_reply(event, object);
	cJSON_Delete(object);
}

cJSON *peal_demo_ok(void)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddTrueToObject(object, "ok");
	return object;
}

cJSON *peal_demo_error(const char *error)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddFalseToObject(object, "ok");
	cJSON_AddStringToObject(object, "error", error);
	return object;
}

bool peal_demo_has_nul(const struct peal_args *args, size_t index)
{
	size_t length, backslashes = 0;
	const char *text = peal_args_item(args, index, &length);

	for (size_t i = 0; text && i + 5 <= length; i++) {
		if (backslashes % 2 && !memcmp(text + i, "u0000", 5))
			return true;
		backslashes = text[i] == '\\' ? backslashes + 1 : 0;
	}
	return false;
}

const char *peal_demo_name(const struct peal_socket *socket)
{
	const struct peal_demo_client *client = peal_socket_userdata(socket);

	return client && client->name[0] ? client->name : peal_socket_id(socket);
}

/* Takes a name, if it is one. It is also put into the socket's data, for whoever lists sockets. */
static bool set_name(struct peal_socket *socket, const char *name)
{
	struct peal_demo_client *client = peal_socket_userdata(socket);
	cJSON *data;
	char *text;

	if (!client || !name || !*name || strlen(name) > PEAL_DEMO_NAME_BYTES)
		return false;
	memcpy(client->name, name, strlen(name) + 1);
	data = cJSON_CreateObject();
	cJSON_AddStringToObject(data, "name", name);
	text = cJSON_PrintUnformatted(data);
	if (text)
		peal_socket_set_data(socket, text);
	cJSON_free(text);
	cJSON_Delete(data);
	return true;
}

static void send_welcome(struct peal_socket *socket)
{
	struct peal_namespace *ns = peal_socket_namespace(socket);
	cJSON *welcome = cJSON_CreateObject(), *limits;

	cJSON_AddStringToObject(welcome, "id", peal_socket_id(socket));
	cJSON_AddStringToObject(welcome, "name", peal_demo_name(socket));
	cJSON_AddStringToObject(welcome, "namespace", peal_namespace_name(ns));
	cJSON_AddStringToObject(welcome, "server", peal_node_name(peal_namespace_node(ns)));
	limits = cJSON_AddObjectToObject(welcome, "limits");
	cJSON_AddNumberToObject(limits, "name", PEAL_DEMO_NAME_BYTES);
	cJSON_AddNumberToObject(limits, "room", PEAL_DEMO_ROOM_BYTES);
	cJSON_AddNumberToObject(limits, "rooms", PEAL_DEMO_ROOMS);
	cJSON_AddNumberToObject(limits, "text", PEAL_DEMO_TEXT_BYTES);
	cJSON_AddNumberToObject(limits, "timeout", PEAL_DEMO_TIMEOUT_MS);
	if (welcome)
		peal_socket_emit(socket, 0, "welcome", welcome);
	cJSON_Delete(welcome);
}

static void on_connection(struct peal_socket *socket, void *userdata)
{
	const struct peal_args *auth = peal_socket_auth(socket);
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(peal_args_json(auth, 0), "name");
	struct peal_demo_client *client = calloc(1, sizeof(*client));

	(void)userdata;
	peal_socket_set_userdata(socket, client);
	if (!peal_demo_has_nul(auth, 0))
		set_name(socket, cJSON_GetStringValue(name));
	send_welcome(socket);
}

static void on_disconnect(struct peal_socket *socket, const char *reason, const char *description,
			  void *userdata)
{
	(void)reason, (void)description, (void)userdata;
	free(peal_socket_userdata(socket));
	peal_socket_set_userdata(socket, NULL);
}

static void on_name(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	cJSON *answer;

	(void)userdata;
	if (set_name(socket, peal_args_string(event->args, 0))) {
		answer = peal_demo_ok();
		cJSON_AddStringToObject(answer, "name", peal_demo_name(socket));
	} else {
		answer = peal_demo_error("a name is a text of 1 to 64 bytes");
	}
	peal_demo_reply(event, answer);
}

/* The answer to join and leave: the rooms that the socket is in now, without that of its own id. */
static cJSON *list_rooms(const struct peal_socket *socket)
{
	const char *rooms[PEAL_DEMO_ROOMS + 1];
	size_t count = peal_socket_rooms(socket, rooms, PEAL_DEMO_ROOMS + 1);
	cJSON *answer = peal_demo_ok();
	cJSON *list = cJSON_AddArrayToObject(answer, "rooms");

	for (size_t i = 1; i < count && i <= PEAL_DEMO_ROOMS; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(rooms[i]));
	return answer;
}

const char *peal_demo_room(const char *room)
{
	return room && *room && strlen(room) <= PEAL_DEMO_ROOM_BYTES ? room : NULL;
}

static void on_join(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	const char *room = peal_demo_room(peal_args_string(event->args, 0));
	cJSON *answer;

	(void)userdata;
	if (!room)
		answer = peal_demo_error(PEAL_DEMO_ROOM_ERROR);
	else if (!peal_socket_in_room(socket, room) &&
		 peal_socket_rooms(socket, NULL, 0) > PEAL_DEMO_ROOMS)
		answer = peal_demo_error("in as many rooms as the demo allows");
	else if (peal_socket_join(socket, room) != 0)
		answer = peal_demo_error("the room cannot be joined");
	else
		answer = list_rooms(socket);
	peal_demo_reply(event, answer);
}

static void on_leave(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	const char *room = peal_demo_room(peal_args_string(event->args, 0));

	(void)userdata;
	/* The room of its own id is how others reach it; leaving it would break that. */
	if (!room || !strcmp(room, peal_socket_id(socket))) {
		peal_demo_reply(event, peal_demo_error(PEAL_DEMO_ROOM_ERROR));
		return;
	}
	peal_socket_leave(socket, room);
	peal_demo_reply(event, list_rooms(socket));
}

int peal_demo_attach(struct peal_namespace *ns)
{
	int r = peal_on_connection(ns, on_connection, NULL);

	if (r == 0)
		r = peal_on_disconnect(ns, on_disconnect, NULL);
	if (r == 0)
		r = peal_on(ns, "name", on_name, NULL);
	if (r == 0)
		r = peal_on(ns, "join", on_join, NULL);
	if (r == 0)
		r = peal_on(ns, "leave", on_leave, NULL);
	if (r == 0)
		r = peal_on(ns, "nodes", peal_demo_on_nodes, NULL);
	if (r == 0)
		r = peal_on(ns, "broadcast", peal_demo_on_broadcast, NULL);
	return r;
}
