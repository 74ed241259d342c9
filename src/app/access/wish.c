/*
 * The rooms that a client names in a request of its own, and the answers.
 */
#include "wish.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <peal/peal.h>
#include <stdlib.h>
#include <string.h>

#include "token.h"

#define NAME_BYTES PEAL_TOKEN_ROOM_BYTES

const struct peal_refusal peal_refusal_no_memory = { "internal", "the node has no memory" };
const struct peal_refusal peal_refusal_no_rule = { "forbidden", "there is no rule that allows it" };

static const struct peal_refusal invalid = {
	"invalid", "rooms are one name of 1 to 1024 bytes, or a list of 1 to 100 of them"
};

/* --- reading --------------------------------------------------------------------------------- */

int peal_wish_name(struct peal_piece piece, char **ret_name)
{
	size_t length;
	char *name;

	/* Each character is 6 bytes at most when it is escaped. */
	if (*piece.at != '"' || piece.length > 6 * NAME_BYTES + 2)
		return 1;
	name = peal_piece_string(piece);
	if (!name)
		return errno ? -ENOMEM : 1;
	length = strlen(name);
	if (!length || length > NAME_BYTES) {
		free(name);
		return 1;
	}
	*ret_name = name;
	return 0;
}

/* Return: what is wrong; NULL when it was added, or was there already. */
static const struct peal_refusal *add(struct peal_wish *wish, struct peal_piece piece)
{
	char *room;
	int r = peal_wish_name(piece, &room);

	if (r != 0)
		return r < 0 ? &peal_refusal_no_memory : &invalid;
	for (size_t i = 0; i < wish->count; i++) {
		if (!strcmp(wish->rooms[i], room)) {
			free(room);
			return NULL;
		}
	}
	wish->rooms[wish->count++] = room;
	return NULL;
}

const struct peal_refusal *peal_wish_read(const struct peal_args *args, struct peal_wish *wish)
{
	const struct peal_refusal *refusal = NULL;
	struct peal_piece argument, item;
	struct peal_pieces walk;
	size_t items = 0;

	wish->count = 0;
	argument.at = peal_args_item(args, 0, &argument.length);
	if (!argument.at)
		return &invalid;
	if (*argument.at != '[')
		return add(wish, argument);
	for (walk = peal_piece_into(argument); !refusal && peal_piece_next(&walk, NULL, &item);)
		refusal = ++items > PEAL_WISH_ROOMS ? &invalid : add(wish, item);
	return refusal || wish->count ? refusal : &invalid;
}

/* --- answers --------------------------------------------------------------------------------- */

static void refuse(const struct peal_event *event, const struct peal_refusal *refusal)
{
	cJSON *answer = cJSON_CreateObject(), *error;

	cJSON_AddFalseToObject(answer, "ok");
	error = cJSON_AddObjectToObject(answer, "error");
	cJSON_AddStringToObject(error, "code", refusal->code);
	cJSON_AddStringToObject(error, "message", refusal->message);
	if (answer)
		peal_reply(event, answer);
	cJSON_Delete(answer);
}

static void confirm(const struct peal_event *event, const struct peal_wish *wish)
{
	cJSON *answer = cJSON_CreateObject(), *rooms;

	cJSON_AddTrueToObject(answer, "ok");
	rooms = cJSON_AddArrayToObject(answer, "rooms");
	for (size_t i = 0; i < wish->count; i++)
		cJSON_AddItemToArray(rooms, cJSON_CreateString(wish->rooms[i]));
	if (answer)
		peal_reply(event, answer);
	cJSON_Delete(answer);
}

void peal_wish_answer(const struct peal_event *event, const struct peal_refusal *refusal,
		      struct peal_wish *wish)
{
	if (event->wants_ack && refusal)
		refuse(event, refusal);
	else if (event->wants_ack)
		confirm(event, wish);
	for (size_t i = 0; i < wish->count; i++)
		free(wish->rooms[i]);
}
