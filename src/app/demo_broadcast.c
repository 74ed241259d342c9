/*
 * The demo's event `broadcast`: to everyone, to everyone else or to a room, with or without asking
 * for acknowledgements.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <peal/peal.h>
#include <stdlib.h>
#include <string.h>

#include "demo_private.h"

/* What one call of `broadcast` asks for; borrowed from the event. */
struct order {
	const char *to, *room, *text, *event;
	const cJSON *args;
	unsigned timeout_ms; /* 0: no acknowledgements */
	bool local;	     /* only clients of this node */
};

/* An acknowledged broadcast under way. */
struct round {
	struct peal_socket *sender; /* referenced */
	struct peal_namespace *ns;
	struct peal_responder *responder; /* NULL when the sender asked for no answer */
};

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

/* Return: NULL, or what is wrong with the order. */
static const char *read_order(const struct peal_args *args, struct order *order)
{
	const cJSON *object = peal_args_json(args, 0);
	const cJSON *timeout = cJSON_GetObjectItemCaseSensitive(object, "timeout");
	const cJSON *local = cJSON_GetObjectItemCaseSensitive(object, "local");

	if (!cJSON_IsObject(object))
		return "broadcast needs an object";
	if (peal_demo_has_nul(args, 0))
		return "U+0000 is not allowed";
	*order = (struct order){
		.to = text_of(object, "to"),
		.room = text_of(object, "room"),
		.text = text_of(object, "text"),
		.event = text_of(object, "event"),
		.args = cJSON_GetObjectItemCaseSensitive(object, "args"),
	};
	if (!order->to || (strcmp(order->to, "everyone") != 0 && strcmp(order->to, "others") != 0 &&
			   strcmp(order->to, "room") != 0))
		return "to must be everyone, others or room";
	if (!strcmp(order->to, "room") && !peal_demo_room(order->room))
		return PEAL_DEMO_ROOM_ERROR;
	if (!order->event)
		order->event = "message";
	if (!*order->event || strlen(order->event) > PEAL_DEMO_EVENT_BYTES)
		return "event must be a text of 1 to 64 bytes";
	if (order->text && strlen(order->text) > PEAL_DEMO_TEXT_BYTES)
		return "text is longer than 4096 bytes";
	if (order->args &&
	    (!cJSON_IsArray(order->args) || cJSON_GetArraySize(order->args) > PEAL_DEMO_ARGS))
		return "args must be an array of at most 16";
	if (local && !cJSON_IsBool(local))
		return "local must be true or false";
	order->local = cJSON_IsTrue(local);
	if (timeout && !cJSON_IsNull(timeout)) {
		double ms = cJSON_IsNumber(timeout) ? timeout->valuedouble : 0;

		if (!(ms >= 1 && ms <= PEAL_DEMO_TIMEOUT_MS))
			return "timeout must be 1 to 60000 ms";
		order->timeout_ms = (unsigned)ms;
	}
	return NULL;
}

/* The one argument of a message, as an array. */
static cJSON *make_message(const struct peal_socket *socket, const struct order *order)
{
	cJSON *list = cJSON_CreateArray(), *message = cJSON_CreateObject();

	cJSON_AddStringToObject(message, "from", peal_socket_id(socket));
	cJSON_AddStringToObject(message, "name", peal_demo_name(socket));
	cJSON_AddStringToObject(message, "text", order->text ? order->text : "");
	cJSON_AddStringToObject(message, "to", order->to);
	if (!strcmp(order->to, "room"))
		cJSON_AddStringToObject(message, "room", order->room);
	cJSON_AddItemToArray(list, message);
	return list;
}

/* What the receivers get. Attachments of the event are passed on: the placeholders in `args` name
 * them. */
static int make_args(const struct peal_socket *socket, const struct peal_event *event,
		     const struct order *order, struct peal_args **ret_args)
{
	struct peal_bytes attachments[PEAL_DEMO_ARGS];
	size_t count = order->args ? peal_args_attachment_count(event->args) : 0;
	cJSON *message = order->args ? NULL : make_message(socket, order);
	char *text = cJSON_PrintUnformatted(order->args ? order->args : message);
	int r;

	cJSON_Delete(message);
	if (!text)
		return -ENOMEM;
	if (count > PEAL_DEMO_ARGS)
		count = PEAL_DEMO_ARGS;
	for (size_t i = 0; i < count; i++)
		attachments[i] = peal_args_attachment(event->args, i);
	r = peal_args_new_from_json(text, strlen(text), attachments, count, ret_args);
	cJSON_free(text);
	return r;
}

static void list_responses(cJSON *answer, const struct peal_acks *acks)
{
	cJSON *list = cJSON_AddArrayToObject(answer, "responses");
	size_t bytes = 0;

	for (size_t i = 0; i < acks->response_count && i < PEAL_DEMO_LISTED; i++) {
		size_t length;
		const char *text = peal_args_item(acks->responses[i], 0, &length);

		bytes += text ? length : 0;
		if (bytes > PEAL_DEMO_ANSWER_BYTES)
			break;
		cJSON_AddItemToArray(list, text ? cJSON_ParseWithLength(text, length)
						: cJSON_CreateNull());
	}
}

static void list_missing(cJSON *answer, const struct peal_acks *acks, struct peal_namespace *ns)
{
	cJSON *list = cJSON_AddArrayToObject(answer, "missing");

	for (size_t i = 0; i < acks->missing_socket_count && i < PEAL_DEMO_LISTED; i++) {
		const char *id = acks->missing_sockets[i];
		const struct peal_socket *socket = peal_namespace_socket(ns, id);
		cJSON *item = cJSON_CreateObject();

		cJSON_AddStringToObject(item, "id", id);
		if (socket)
			cJSON_AddStringToObject(item, "name", peal_demo_name(socket));
		cJSON_AddItemToArray(list, item);
	}
}

static void add_counts(cJSON *answer, const char *key, size_t expected, size_t answered)
{
	cJSON *counts = cJSON_AddObjectToObject(answer, key);

	cJSON_AddNumberToObject(counts, "expected", (double)expected);
	cJSON_AddNumberToObject(counts, "answered", (double)answered);
}

static cJSON *make_answer(const struct peal_acks *acks, struct peal_namespace *ns)
{
	const char *error = peal_ack_strerror(acks->error);
	cJSON *answer = cJSON_CreateObject(), *servers;

	cJSON_AddBoolToObject(answer, "ok", !error);
	cJSON_AddItemToObject(answer, "error",
			      error ? cJSON_CreateString(error) : cJSON_CreateNull());
	list_responses(answer, acks);
	add_counts(answer, "clients", acks->clients_expected, acks->clients_answered);
	add_counts(answer, "servers", acks->servers_expected, acks->servers_answered);
	list_missing(answer, acks, ns);
	servers = cJSON_AddArrayToObject(answer, "missingServers");
	for (size_t i = 0; i < acks->missing_server_count && i < PEAL_DEMO_LISTED; i++)
		cJSON_AddItemToArray(servers, cJSON_CreateString(acks->missing_servers[i]));
	cJSON_AddNumberToObject(answer, "unnamedMissing", (double)acks->unnamed_missing_servers);
	return answer;
}

static void round_free(struct round *round)
{
	struct peal_demo_client *client = peal_socket_userdata(round->sender);

	if (client)
		client->rounds--;
	peal_responder_free(round->responder);
	peal_socket_unref(round->sender);
	free(round);
}

static void on_acks(const struct peal_acks *acks, void *userdata)
{
	struct round *round = userdata;

	/* When the node is being freed there is nobody left to tell. */
	if (round->responder && acks->error != PEAL_ACK_CLOSED) {
		cJSON *answer = make_answer(acks, round->ns);

		if (answer) {
			peal_respond(round->responder, answer);
			round->responder = NULL;
		}
		cJSON_Delete(answer);
	}
	round_free(round);
}

static int round_new(struct peal_socket *socket, const struct peal_event *event,
		     struct round **ret_round)
{
	struct peal_demo_client *client = peal_socket_userdata(socket);
	struct round *round = calloc(1, sizeof(*round));

	if (!round || !client ||
	    (event->wants_ack && peal_event_responder(event, &round->responder) != 0)) {
		free(round);
		return -ENOMEM;
	}
	round->sender = peal_socket_ref(socket);
	round->ns = peal_socket_namespace(socket);
	client->rounds++;
	*ret_round = round;
	return 0;
}

/* The three targets, each with and without acknowledgements. */
static int emit(struct peal_socket *socket, const struct order *order, const struct peal_args *args,
		struct round *round)
{
	struct peal_namespace *ns = peal_socket_namespace(socket);
	const struct peal_target target = {
		.rooms = !strcmp(order->to, "room") ? PEAL_ROOMS(order->room)
						    : (struct peal_rooms){ 0 },
		.flags = order->local ? PEAL_LOCAL : 0,
	};

	if (!strcmp(order->to, "others"))
		return round ? peal_socket_broadcast_ack_args(socket, &target, order->timeout_ms,
							      on_acks, round, order->event, args)
			     : peal_socket_broadcast_args(socket, &target, order->event, args);
	return round ? peal_emit_ack_args(ns, &target, order->timeout_ms, on_acks, round,
					  order->event, args)
		     : peal_emit_args(ns, &target, order->event, args);
}

static const char *error_text(int code)
{
	switch (code) {
	case PEAL_EMIT_E_RESERVED:
		return "the event's name is reserved";
	case PEAL_EMIT_E_TOO_LARGE:
		return "the message is too large";
	case PEAL_EMIT_E_INVALID:
		return "a name or an argument cannot be sent";
	default:
		return "the node cannot send now";
	}
}

void peal_demo_on_broadcast(struct peal_socket *socket, const struct peal_event *event,
			    void *userdata)
{
	const struct peal_demo_client *client = peal_socket_userdata(socket);
	struct peal_args *args = NULL;
	struct round *round = NULL;
	struct order order;
	const char *wrong = read_order(event->args, &order);
	int r;

	(void)userdata;
	if (!wrong && order.timeout_ms && client && client->rounds >= PEAL_DEMO_ROUNDS)
		wrong = "too many broadcasts wait for acknowledgements";
	if (wrong) {
		peal_demo_reply(event, peal_demo_error(wrong));
		return;
	}
	r = make_args(socket, event, &order, &args);
	if (r == 0 && order.timeout_ms)
		r = round_new(socket, event, &round);
	if (r == 0)
		r = emit(socket, &order, args, round);
	peal_args_free(args);
	if (r == 0 && round)
		return; /* on_acks() answers */
	if (r != 0 && round && round->responder) {
		cJSON *answer = peal_demo_error(error_text(r));

		if (answer) {
			peal_respond(round->responder, answer);
			round->responder = NULL;
		}
		cJSON_Delete(answer);
	} else {
		peal_demo_reply(event, r == 0 ? peal_demo_ok() : peal_demo_error(error_text(r)));
	}
	if (round)
		round_free(round);
}
