/*
 * Which rooms clients may join and leave by themselves. relay.c has what they may send there, and
 * arrival.c from which pages they may come.
 *
 * A request is done as a whole or not at all.
 */
#include "rules.h"

#include <errno.h>
#include <peal/peal.h>
#include <stdlib.h>
#include <string.h>

#include "arrival.h"
#include "identity.h"
#include "pattern.h"
#include "relay.h"
#include "space.h"
#include "token.h"
#include "wish.h"

/* Ids of sockets, here and on Node.js servers. */
#define ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define ID_LENGTH 20

static const struct peal_refusal
	one_argument = { "invalid", "one argument is needed: a room, or a list of them" },
	too_many = { "too_many_rooms", "the client would be in more rooms than it may" };

/* --- what is allowed ------------------------------------------------------------------------- */

static bool is_of_user(const char *room)
{
	return !strncmp(room, PEAL_TOKEN_USER_ROOM, strlen(PEAL_TOKEN_USER_ROOM));
}

static bool looks_like_id(const char *room)
{
	return strlen(room) == ID_LENGTH && strspn(room, ID_CHARACTERS) == ID_LENGTH;
}

static bool is_allowed(const struct peal_rule *rule, const char *space, const char *user,
		       const char *room)
{
	if (!peal_space_same(rule->space, space))
		return false;
	/* Who wrote a literal name meant this room. */
	if (looks_like_id(room) && !peal_pattern_is_literal(rule->text))
		return false;
	return peal_pattern_matches(rule->text, user, room);
}

static bool may_join(const struct peal_rules_space *space, const struct peal_socket *socket,
		     const char *user, const char *room)
{
	const struct peal_rule_list *list = &space->rules->join;

	if (is_of_user(room) || !strcmp(room, peal_socket_id(socket)))
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (is_allowed(&list->items[i], space->name, user, room))
			return true;
	return false;
}

static const struct peal_refusal *judge(const struct peal_rules_space *space,
					const struct peal_socket *socket,
					const struct peal_wish *wish)
{
	const struct peal_refusal *refusal = NULL;
	char *user;

	if (peal_identity_user_text(socket, &user) < 0)
		return &peal_refusal_no_memory;
	for (size_t i = 0; !refusal && i < wish->count; i++)
		if (!may_join(space, socket, user, wish->rooms[i]))
			refusal = &peal_refusal_no_rule;
	free(user);
	return refusal;
}

/* What the client asks for, if it may. */
static const struct peal_refusal *read_wish(const struct peal_rules_space *space,
					    const struct peal_socket *socket,
					    const struct peal_event *event, struct peal_wish *wish)
{
	const struct peal_refusal *refusal = peal_wish_read(event->args, wish);

	if (!refusal && peal_args_count(event->args) > 1)
		refusal = &one_argument;
	return refusal ? refusal : judge(space, socket, wish);
}

/* --- the events ------------------------------------------------------------------------------ */

static const struct peal_refusal *join(const struct peal_rules_space *space,
				       struct peal_socket *socket, const struct peal_wish *wish)
{
	/* One of them is its own id. */
	size_t after = peal_socket_rooms(socket, NULL, 0) - 1;
	bool fresh[PEAL_WISH_ROOMS];

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
		return &peal_refusal_no_memory;
	}
	return NULL;
}

static void on_join(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	const struct peal_rules_space *space = userdata;
	struct peal_wish wish;
	const struct peal_refusal *refusal = read_wish(space, socket, event, &wish);

	peal_wish_answer(event, refusal ? refusal : join(space, socket, &wish), &wish);
}

/* What it may not join, such as the rooms of its token, it may not leave. */
static void on_leave(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	struct peal_wish wish;
	const struct peal_refusal *refusal = read_wish(userdata, socket, event, &wish);

	for (size_t i = 0; !refusal && i < wish.count; i++)
		peal_socket_leave(socket, wish.rooms[i]);
	peal_wish_answer(event, refusal, &wish);
}

/* --- set up ---------------------------------------------------------------------------------- */

/* A rule for what is never allowed would do nothing. */
static const char *join_error(const char *pattern)
{
	return is_of_user(pattern) ? "is about rooms of users, into which only tokens lead"
				   : peal_pattern_error(pattern);
}

int peal_rules_load(const struct peal_settings *settings, struct peal_logging *logging,
		    struct peal_rules *rules, struct peal_usage *usage)
{
	int r;

	*rules = (struct peal_rules){
		.logging = logging,
		.client_rooms = (size_t)settings->client_rooms,
	};
	r = peal_arrival_load(settings, &rules->origins, usage);
	if (r == 0)
		r = peal_rule_list_load(settings, "--allow-join", &settings->allow_join, join_error,
					&rules->join, usage);
	return r == 0 ? peal_rule_list_load(settings, "--allow-emit", &settings->allow_emit,
					    peal_relay_error, &rules->emit, usage)
		      : r;
}

void peal_rules_deinit(struct peal_rules *rules)
{
	while (rules->spaces) {
		struct peal_rules_space *space = rules->spaces;

		rules->spaces = space->next;
		free(space->name);
		free(space);
	}
	peal_rule_list_deinit(&rules->origins);
	peal_rule_list_deinit(&rules->join);
	peal_rule_list_deinit(&rules->emit);
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
	peal_arrival_warn(space);
	r = peal_use(ns, peal_arrival_on_connect, space);
	if (r == 0)
		r = peal_on(ns, "peal:join", on_join, space);
	if (r == 0)
		r = peal_on(ns, "peal:leave", on_leave, space);
	return r == 0 ? peal_on(ns, "peal:emit", peal_relay_on_emit, space) : r;
}

void peal_rules_exchange(struct peal_rules *rules, struct peal_rules *fresh)
{
	struct peal_rules between = *rules;

	*rules = *fresh;
	*fresh = between;
	fresh->spaces = rules->spaces;
	rules->spaces = between.spaces;
	for (const struct peal_rules_space *space = rules->spaces; space; space = space->next)
		peal_arrival_warn(space);
}
