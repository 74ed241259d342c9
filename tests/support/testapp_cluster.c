/*
 * The commands about the cluster: who is in it, events between servers, joins that are confirmed,
 * and namespaces that this node does not serve.
 */
#include "testapp_command.h"

#include <peal/cluster.h>
#include <stdlib.h>
#include <string.h>

static void add_member(cJSON *list, const struct peal_member_info *member)
{
	cJSON *item = cJSON_CreateObject(), *names;

	cJSON_AddStringToObject(item, "name", member->name);
	cJSON_AddStringToObject(item, "uid", member->uid);
	cJSON_AddStringToObject(item, "version", member->version);
	cJSON_AddBoolToObject(item, "self", member->self);
	cJSON_AddBoolToObject(item, "silent", member->silent);
	cJSON_AddNumberToObject(item, "clients", (double)member->clients);
	cJSON_AddNumberToObject(item, "seen", (double)member->seen_ms);
	names = cJSON_AddArrayToObject(item, "namespaces");
	for (size_t at = 0; at < member->namespace_count; at++)
		cJSON_AddItemToArray(names, cJSON_CreateString(member->namespaces[at]));
	cJSON_AddItemToArray(list, item);
}

static void add_info(const struct peal_cluster_info *info, void *userdata)
{
	static const char *const states[] = {
		[PEAL_ADAPTER_DOWN] = "down",
		[PEAL_ADAPTER_HELD] = "held",
		[PEAL_ADAPTER_UP] = "up",
	};
	cJSON *object = userdata, *list;

	cJSON_AddStringToObject(object, "adapter", info->adapter);
	cJSON_AddStringToObject(object, "state", states[info->state]);
	cJSON_AddStringToObject(object, "detail", info->detail ? info->detail : "");
	list = cJSON_AddArrayToObject(object, "members");
	for (size_t at = 0; at < info->member_count; at++)
		add_member(list, &info->members[at]);
	cJSON_AddNumberToObject(object, "unnamed", (double)info->unnamed);
	cJSON_AddNumberToObject(object, "gapFrom", (double)info->gap_from_ms);
	cJSON_AddNumberToObject(object, "gapTo", (double)info->gap_to_ms);
}

static void do_cluster(const struct command *command)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddNullToObject(object, "error");
	peal_cluster_info(command->app->node, add_info, object);
	command_answer(command->request, object);
}

/* A handler of other servers' events, and what it answers. */
struct server_handler {
	struct server_handler *next;
	struct testapp *app;
	struct peal_args *answer; /* NULL: never */
};

static void on_server_event(struct peal_namespace *ns, const struct peal_event *event,
			    void *userdata)
{
	struct server_handler *handler = userdata;
	cJSON *entry = testapp_entry(handler->app, "server-event");

	cJSON_AddStringToObject(entry, "ns", peal_namespace_name(ns));
	cJSON_AddStringToObject(entry, "event", event->name);
	cJSON_AddBoolToObject(entry, "wants", event->wants_ack);
	testapp_pack(entry, event->args);
	if (event->wants_ack && handler->answer)
		peal_reply_args(event, handler->answer);
}

static void do_on_server(const struct command *command)
{
	struct server_handler *handler = calloc(1, sizeof(*handler));
	cJSON *body;
	int result = 0;

	handler->app = command->app;
	handler->next = command->app->server_handlers;
	command->app->server_handlers = handler;
	if (command_get(command, "answer")) {
		body = cJSON_CreateObject();
		cJSON_AddItemReferenceToObject(body, "args",
					       (cJSON *)command_get(command, "answer"));
		if (command_get(command, "attachments"))
			cJSON_AddItemReferenceToObject(
				body, "attachments", (cJSON *)command_get(command, "attachments"));
		result = testapp_unpack(body, &handler->answer);
		cJSON_Delete(body);
	}
	if (result == 0)
		result = peal_on_server_event(command_namespace(command),
					      command_text(command, "event"), on_server_event,
					      handler);
	command_answer_code(command, result);
}

void testapp_cluster_free(struct testapp *app)
{
	struct server_handler *handler;

	while ((handler = app->server_handlers)) {
		app->server_handlers = handler->next;
		peal_args_free(handler->answer);
		free(handler);
	}
}

/* The namespace of the command; with "remote" one that this node need not serve. */
static struct peal_namespace *hold_namespace(const struct command *command)
{
	if (command_is(command, "remote"))
		return peal_of_remote(command->app->node, command_text(command, "ns"));
	return command_namespace(command);
}

static void release_namespace(const struct command *command, struct peal_namespace *ns)
{
	if (command_is(command, "remote") && ns)
		peal_of_remote_release(ns);
}

static unsigned timeout_of(const struct command *command)
{
	const cJSON *timeout = command_get(command, "timeout");

	return timeout ? (unsigned)timeout->valuedouble : 0;
}

static void do_server_emit(const struct command *command)
{
	struct peal_namespace *ns = hold_namespace(command);
	const char *event = command_text(command, "event");
	bool ack = command_is(command, "ack");
	struct peal_args *args;
	int result = testapp_unpack(command->body, &args);

	if (result == 0) {
		if (ack)
			result = peal_server_emit_ack_args(ns, timeout_of(command), command_on_acks,
							   command->request, event, args);
		else
			result = peal_server_emit_args(ns, event, args);
		peal_args_free(args);
	}
	release_namespace(command, ns);
	if (result != 0 || !ack)
		command_answer_code(command, result);
}

/* An emit to a namespace that this node need not serve. */
static void do_remote_emit(const struct command *command)
{
	const char *rooms[COMMAND_NAMES], *except[COMMAND_NAMES];
	struct peal_target target = {
		.rooms = command_rooms(command, "rooms", rooms),
		.except = command_rooms(command, "except", except),
		.flags = command_flags(command),
	};
	struct peal_namespace *ns = peal_of_remote(command->app->node, command_text(command, "ns"));
	const char *event = command_text(command, "event");
	struct peal_args *args;
	int result = testapp_unpack(command->body, &args);

	if (result == 0) {
		if (command_get(command, "timeout"))
			result = peal_emit_ack_args(ns, &target, timeout_of(command),
						    command_on_acks, command->request, event, args);
		else
			result = peal_emit_args(ns, &target, event, args);
		peal_args_free(args);
	}
	peal_of_remote_release(ns);
	if (result != 0 || !command_get(command, "timeout"))
		command_answer_code(command, result);
}

static void on_rooms(enum peal_ack_error error, const char *const *rooms, size_t count,
		     void *userdata)
{
	const char *text = peal_ack_strerror(error);
	cJSON *object = cJSON_CreateObject(), *list;

	cJSON_AddItemToObject(object, "error",
			      text ? cJSON_CreateString(text) : cJSON_CreateNull());
	list = cJSON_AddArrayToObject(object, "rooms");
	for (size_t at = 0; at < count; at++)
		cJSON_AddItemToArray(list, cJSON_CreateString(rooms[at]));
	command_answer(userdata, object);
}

static void do_all_rooms(const struct command *command)
{
	struct peal_namespace *ns = hold_namespace(command);
	int result = peal_rooms_fetch(ns, timeout_of(command), on_rooms, command->request);

	release_namespace(command, ns);
	if (result != 0)
		command_answer_code(command, result);
}

static void on_confirmed(size_t confirmed, size_t expected, void *userdata)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddNullToObject(object, "error");
	cJSON_AddNumberToObject(object, "confirmed", (double)confirmed);
	cJSON_AddNumberToObject(object, "expected", (double)expected);
	command_answer(userdata, object);
}

/* A join or leave that answers when the other peal nodes have it. */
static void do_confirmed(const struct command *command)
{
	const char *rooms[COMMAND_NAMES], *except[COMMAND_NAMES], *names[COMMAND_NAMES];
	struct peal_target target = {
		.rooms = command_rooms(command, "rooms", rooms),
		.except = command_rooms(command, "except", except),
	};
	struct peal_rooms list = command_rooms(command, "names", names);
	struct peal_namespace *ns = hold_namespace(command);
	int result;

	if (strcmp(command_text(command, "do"), "join") == 0)
		result = peal_sockets_join_confirmed(ns, &target, list, on_confirmed,
						     command->request);
	else
		result = peal_sockets_leave_confirmed(ns, &target, list, on_confirmed,
						      command->request);
	release_namespace(command, ns);
	if (result != 0)
		command_answer_code(command, result);
}

bool testapp_cluster_command(const struct command *command, const char *name)
{
	static const struct {
		const char *name;
		void (*fn)(const struct command *command);
	} commands[] = {
		{ "cluster", do_cluster },	   { "on-server", do_on_server },
		{ "server-emit", do_server_emit }, { "remote-emit", do_remote_emit },
		{ "all-rooms", do_all_rooms },	   { "confirmed", do_confirmed },
	};

	for (size_t at = 0; at < sizeof(commands) / sizeof(commands[0]); at++) {
		if (strcmp(commands[at].name, name) == 0) {
			commands[at].fn(command);
			return true;
		}
	}
	return false;
}
