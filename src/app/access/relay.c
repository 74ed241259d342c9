/*
 * Events that clients send on to rooms that they are in.
 *
 * A request is done as a whole or not at all. The arguments are passed on as the client wrote them,
 * numbers and all.
 */
#include "relay.h"

#include <errno.h>
#include <peal/peal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../api_binary.h"
#include "identity.h"
#include "pattern.h"
#include "rules.h"
#include "space.h"
#include "wish.h"

static const struct peal_refusal
	no_name = { "invalid",
		    "behind the rooms the name of an event is needed, with 1 to 1024 bytes" },
	no_data = { "invalid", "the arguments hold what looks like binary data and is none" },
	own_room = { "forbidden", "nobody else is in the room that is the client's id" },
	not_there = { "forbidden", "the client is not in each of the rooms" },
	too_large = { "too_large", "the event is too large" };

/* --- what is allowed ------------------------------------------------------------------------- */

const char *peal_relay_error(const char *pattern)
{
	if (peal_pattern_is_own(pattern))
		return PEAL_PATTERN_OWN_ERROR;
	if (peal_event_is_reserved(pattern))
		return "is a reserved name, which no event may have";
	return peal_pattern_error(pattern);
}

static bool is_allowed(const struct peal_rules_space *space, const char *user, const char *name)
{
	const struct peal_rule_list *list = &space->rules->emit;

	if (peal_pattern_is_own(name) || peal_event_is_reserved(name))
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (peal_space_same(list->items[i].space, space->name) &&
		    peal_pattern_matches(list->items[i].text, user, name))
			return true;
	return false;
}

static const struct peal_refusal *judge(const struct peal_rules_space *space,
					const struct peal_socket *socket, const char *name,
					const struct peal_wish *wish)
{
	const struct peal_refusal *refusal = NULL;
	char *user;

	if (peal_identity_user_text(socket, &user) < 0)
		return &peal_refusal_no_memory;
	if (!is_allowed(space, user, name))
		refusal = &peal_refusal_no_rule;
	free(user);
	for (size_t i = 0; !refusal && i < wish->count; i++) {
		if (!strcmp(wish->rooms[i], peal_socket_id(socket)))
			refusal = &own_room;
		else if (!peal_socket_in_room(socket, wish->rooms[i]))
			refusal = &not_there;
	}
	return refusal;
}

/* --- the event ------------------------------------------------------------------------------- */

static const struct peal_refusal *read_name(const struct peal_args *args, char **ret_name)
{
	struct peal_piece piece;
	int r;

	piece.at = peal_args_item(args, 1, &piece.length);
	if (!piece.at)
		return &no_name;
	r = peal_wish_name(piece, ret_name);
	return r == 0 ? NULL : r < 0 ? &peal_refusal_no_memory : &no_name;
}

/* What stands behind the rooms and the name, and then who sent it. */
static void put(FILE *stream, const struct peal_socket *socket, const struct peal_args *args)
{
	struct peal_piece user;
	size_t length;
	const char *text = peal_args_text(args, &length), *end = text + length;
	const char *rest = peal_args_item(args, 2, &length);

	fputc('[', stream);
	if (rest) {
		fwrite(rest, 1, (size_t)(end - rest), stream);
		fputc(',', stream);
	}
	fputs("{\"socket\":", stream);
	peal_piece_put_string(stream, peal_socket_id(socket));
	fputs(",\"user\":", stream);
	if (peal_identity_user(socket, &user))
		fwrite(user.at, 1, user.length, stream);
	else
		fputs("null", stream);
	fputs("}]", stream);
}

/* Return: 0; -ENOMEM; a code of enum peal_emit_error. */
static int build(const struct peal_socket *socket, const struct peal_args *args,
		 struct peal_args **ret_args)
{
	size_t count = peal_args_attachment_count(args), length, total;
	char *text = NULL;
	FILE *stream;
	int r;

	peal_args_text(args, &total);
	for (size_t i = 0; i < count; i++)
		total += peal_args_attachment(args, i).length;
	if (total > PEAL_RELAY_BYTES)
		return PEAL_EMIT_E_TOO_LARGE;
	stream = open_memstream(&text, &length);
	if (!stream)
		return -ENOMEM;
	put(stream, socket, args);
	if (fclose(stream) != 0) {
		free(text);
		return -ENOMEM;
	}
	r = peal_api_args_wrap(text, length, args, ret_args);
	free(text);
	return r;
}

static const struct peal_refusal *relay(struct peal_socket *socket, const struct peal_args *args,
					const char *name, const struct peal_wish *wish)
{
	const char *const *rooms = (const char *const *)wish->rooms;
	struct peal_args *event;
	int r = build(socket, args, &event);

	if (r == 0) {
		r = peal_socket_broadcast_args(
			socket, PEAL_TO(.rooms = PEAL_ROOM_LIST(rooms, wish->count)), name, event);
		peal_args_free(event);
	}
	switch (r) {
	case 0:
		return NULL;
	case PEAL_EMIT_E_INVALID:
		return &no_data;
	case PEAL_EMIT_E_TOO_LARGE:
		return &too_large;
	default:
		return &peal_refusal_no_memory;
	}
}

void peal_relay_on_emit(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	const struct peal_refusal *refusal;
	struct peal_wish wish;
	char *name = NULL;

	refusal = peal_wish_read(event->args, &wish);
	if (!refusal)
		refusal = read_name(event->args, &name);
	if (!refusal)
		refusal = judge(userdata, socket, name, &wish);
	if (!refusal)
		refusal = relay(socket, event->args, name, &wish);
	peal_wish_answer(event, refusal, &wish);
	free(name);
}
