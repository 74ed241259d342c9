/*
 * Which rooms clients may join and leave by themselves.
 *
 * A request is done as a whole or not at all.
 */
#include "rules.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <peal/peal.h>
#include <stdlib.h>
#include <string.h>

#include "../api_json.h"
#include "identity.h"
#include "pattern.h"
#include "space.h"
#include "token.h"

#define ROOM_BYTES PEAL_TOKEN_ROOM_BYTES
/* Ids of sockets, here and on Node.js servers. */
#define ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define ID_LENGTH 20

struct peal_rules_space {
	struct peal_rules_space *next;
	const struct peal_rules *rules;
	char *name;
};

/* The rooms that a client asks for. */
struct wish {
	char *rooms[PEAL_RULES_ROOMS];
	size_t count;
};

/* --- answers --------------------------------------------------------------------------------- */

struct refusal {
	const char *code, *message;
};

static const struct refusal
	invalid = { "invalid",
		    "one argument is needed: the name of a room, or a list of 1 to 100" },
	forbidden = { "forbidden", "there is no rule that allows it" },
	too_many = { "too_many_rooms", "the client would be in more rooms than it may" },
	internal = { "internal", "the node has no memory" };

static void refuse(const struct peal_event *event, const struct refusal *refusal)
{
	cJSON *answer, *error;

	if (!event->wants_ack)
		return;
	answer = cJSON_CreateObject();
	cJSON_AddFalseToObject(answer, "ok");
	error = cJSON_AddObjectToObject(answer, "error");
	cJSON_AddStringToObject(error, "code", refusal->code);
	cJSON_AddStringToObject(error, "message", refusal->message);
	if (answer)
		peal_reply(event, answer);
	cJSON_Delete(answer);
}

static void confirm(const struct peal_event *event, const struct wish *wish)
{
	cJSON *answer, *rooms;

	if (!event->wants_ack)
		return;
	answer = cJSON_CreateObject();
	cJSON_AddTrueToObject(answer, "ok");
	rooms = cJSON_AddArrayToObject(answer, "rooms");
	for (size_t i = 0; i < wish->count; i++)
		cJSON_AddItemToArray(rooms, cJSON_CreateString(wish->rooms[i]));
	if (answer)
		peal_reply(event, answer);
	cJSON_Delete(answer);
}

/* --- what is wished -------------------------------------------------------------------------- */

static void wish_deinit(struct wish *wish)
{
	for (size_t i = 0; i < wish->count; i++)
		free(wish->rooms[i]);
}

/* Return: what is wrong; NULL when it was added, or was there already. */
static const struct refusal *add_room(struct wish *wish, struct peal_piece piece)
{
	char *room;

	/* Each character is 6 bytes at most when it is escaped. */
	if (*piece.at != '"' || piece.length > 6 * ROOM_BYTES + 2)
		return &invalid;
	room = peal_piece_string(piece);
	if (!room)
		return errno ? &internal : &invalid;
	for (size_t i = 0; i < wish->count; i++) {
		if (!strcmp(wish->rooms[i], room)) {
			free(room);
			return NULL;
		}
	}
	if (!*room || strlen(room) > ROOM_BYTES || wish->count == PEAL_RULES_ROOMS) {
		free(room);
		return &invalid;
	}
	wish->rooms[wish->count++] = room;
	return NULL;
}

static const struct refusal *read_wish(const struct peal_event *event, struct wish *wish)
{
	const struct refusal *refusal = NULL;
	struct peal_piece argument = { 0 }, item;
	struct peal_pieces walk;
	size_t items = 0;

	wish->count = 0;
	if (peal_args_count(event->args) != 1)
		return &invalid;
	argument.at = peal_args_item(event->args, 0, &argument.length);
	if (*argument.at != '[')
		return add_room(wish, argument);
	for (walk = peal_piece_into(argument); !refusal && peal_piece_next(&walk, NULL, &item);)
		refusal = ++items > PEAL_RULES_ROOMS ? &invalid : add_room(wish, item);
	return refusal || wish->count ? refusal : &invalid;
}

/* --- what is allowed ------------------------------------------------------------------------- */

/* Return: 0 with NULL for a client without one; -ENOMEM. */
static int find_user(const struct peal_socket *socket, char **ret_user)
{
	struct peal_piece user;

	*ret_user = NULL;
	if (!peal_identity_user(socket, &user))
		return 0;
	*ret_user = peal_piece_string(user);
	return *ret_user ? 0 : -ENOMEM;
}

static bool looks_like_id(const char *room)
{
	return strlen(room) == ID_LENGTH && strspn(room, ID_CHARACTERS) == ID_LENGTH;
}

static bool is_allowed(const struct peal_rule *rule, const char *space, const char *user,
		       const char *room)
{
	if (!peal_space_same(rule->space ? rule->space : PEAL_SPACE_MAIN, space))
		return false;
	/* Who wrote a literal name meant this room. */
	if (looks_like_id(room) && !peal_pattern_is_literal(rule->pattern))
		return false;
	return peal_pattern_matches(rule->pattern, user, room);
}

static bool may_join(const struct peal_rules_space *space, const struct peal_socket *socket,
		     const char *user, const char *room)
{
	const struct peal_rule_list *list = &space->rules->join;

	if (!strncmp(room, PEAL_TOKEN_USER_ROOM, strlen(PEAL_TOKEN_USER_ROOM)) ||
	    !strcmp(room, peal_socket_id(socket)))
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (is_allowed(&list->items[i], space->name, user, room))
			return true;
	return false;
}

static const struct refusal *judge(const struct peal_rules_space *space,
				   const struct peal_socket *socket, const struct wish *wish)
{
	const struct refusal *refusal = NULL;
	char *user;

	if (find_user(socket, &user) < 0)
		return &internal;
	for (size_t i = 0; !refusal && i < wish->count; i++)
		if (!may_join(space, socket, user, wish->rooms[i]))
			refusal = &forbidden;
	free(user);
	return refusal;
}

/* --- the events ------------------------------------------------------------------------------ */

static const struct refusal *join(const struct peal_rules_space *space, struct peal_socket *socket,
				  const struct wish *wish)
{
	/* One of them is its own id. */
	size_t after = peal_socket_rooms(socket, NULL, 0) - 1;
	bool fresh[PEAL_RULES_ROOMS];

	for (size_t i = 0; i < wish->count; i++) {
		fresh[i] = !peal_socket_in_room(socket, wish->rooms[i]);
		after += fresh[i];
	}
	if (after > space->rules->client_rooms)
		return &too_many;
	for (size_t i = 0; i < wish->count; i++) {
		if (peal_socket_join(socket, wish->rooms[i]) == 0)
			continue;
		while (i--)
			if (fresh[i])
				peal_socket_leave(socket, wish->rooms[i]);
		return &internal;
	}
	return NULL;
}

static void on_join(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	const struct peal_rules_space *space = userdata;
	const struct refusal *refusal;
	struct wish wish;

	refusal = read_wish(event, &wish);
	if (!refusal)
		refusal = judge(space, socket, &wish);
	if (!refusal)
		refusal = join(space, socket, &wish);
	if (refusal)
		refuse(event, refusal);
	else
		confirm(event, &wish);
	wish_deinit(&wish);
}

/* What it may not join, such as the rooms of its token, it may not leave. */
static void on_leave(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	const struct peal_rules_space *space = userdata;
	const struct refusal *refusal;
	struct wish wish;

	refusal = read_wish(event, &wish);
	if (!refusal)
		refusal = judge(space, socket, &wish);
	for (size_t i = 0; !refusal && i < wish.count; i++)
		peal_socket_leave(socket, wish.rooms[i]);
	if (refusal)
		refuse(event, refusal);
	else
		confirm(event, &wish);
	wish_deinit(&wish);
}

/* --- set up ---------------------------------------------------------------------------------- */

static int load_rule(const struct peal_settings *settings, const char *flag, const char *item,
		     struct peal_rule *rule, struct peal_usage *usage)
{
	const char *pattern = peal_space_split(item, &rule->space), *error;

	rule->pattern = pattern ? strdup(pattern) : NULL;
	if (!rule->pattern)
		return -ENOMEM;
	error = peal_pattern_error(pattern);
	if (error)
		return peal_usage_set(usage, "%s: the pattern \"%s\" %s", flag, pattern, error);
	if (rule->space && !peal_space_served(settings, rule->space))
		return peal_usage_set(usage, "%s: %s is not served; name it with --namespace too",
				      flag, rule->space);
	return 0;
}

static int load_list(const struct peal_settings *settings, const char *flag,
		     const struct peal_settings_list *list, struct peal_rule_list *rules,
		     struct peal_usage *usage)
{
	int r = 0;

	if (list->count > PEAL_RULES_CEILING)
		return peal_usage_set(usage, "%s: more than %d patterns", flag, PEAL_RULES_CEILING);
	if (!list->count)
		return 0;
	rules->items = calloc(list->count, sizeof(*rules->items));
	if (!rules->items)
		return -ENOMEM;
	while (r == 0 && rules->count < list->count) {
		r = load_rule(settings, flag, list->items[rules->count],
			      &rules->items[rules->count], usage);
		rules->count++;
	}
	return r;
}

/* A rule for what is never allowed would do nothing. */
static int check_join(const struct peal_rule_list *list, struct peal_usage *usage)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strncmp(list->items[i].pattern, PEAL_TOKEN_USER_ROOM,
			     strlen(PEAL_TOKEN_USER_ROOM)))
			return peal_usage_set(usage,
					      "--allow-join: the pattern \"%s\" is about rooms "
					      "of users, into which only tokens lead",
					      list->items[i].pattern);
	return 0;
}

int peal_rules_load(const struct peal_settings *settings, struct peal_rules *rules,
		    struct peal_usage *usage)
{
	int r;

	*rules = (struct peal_rules){ .client_rooms = (size_t)settings->client_rooms };
	r = load_list(settings, "--allow-join", &settings->allow_join, &rules->join, usage);
	return r == 0 ? check_join(&rules->join, usage) : r;
}

static void free_list(struct peal_rule_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].space);
		free(list->items[i].pattern);
	}
	free(list->items);
}

void peal_rules_deinit(struct peal_rules *rules)
{
	while (rules->spaces) {
		struct peal_rules_space *space = rules->spaces;

		rules->spaces = space->next;
		free(space->name);
		free(space);
	}
	free_list(&rules->join);
	*rules = (struct peal_rules){ 0 };
}

int peal_rules_attach(struct peal_rules *rules, struct peal_namespace *ns, const char *name)
{
	struct peal_rules_space *space = calloc(1, sizeof(*space));
	int r;

	if (!space)
		return -ENOMEM;
	*space = (struct peal_rules_space){ rules->spaces, rules, strdup(name) };
	rules->spaces = space;
	if (!space->name)
		return -ENOMEM;
	r = peal_on(ns, "peal:join", on_join, space);
	return r == 0 ? peal_on(ns, "peal:leave", on_leave, space) : r;
}

void peal_rules_exchange(struct peal_rules *rules, struct peal_rules *fresh)
{
	struct peal_rules between = *rules;

	rules->join = fresh->join;
	rules->client_rooms = fresh->client_rooms;
	fresh->join = between.join;
	fresh->client_rooms = between.client_rooms;
}
