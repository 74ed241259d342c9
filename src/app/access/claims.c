/*
 * What a token says, once its signature was found good. A claim of the wrong form is a mistake of
 * whoever signs, and is refused rather than read some other way.
 */
#include "claims.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The end of the year 9999. Beyond it a time is in milliseconds by mistake, and would never come.
 */
#define TIME_CEILING 253402300799.0
/* Numbers that JavaScript and all others hold exactly. */
#define USER_DIGITS 15

static int refuse(const char **ret_reason, const char *reason)
{
	*ret_reason = reason;
	return PEAL_TOKEN_E_INVALID;
}

/* --- may it be used? ------------------------------------------------------------------------- */

static bool in_list(const struct peal_token_list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->items[i], text))
			return true;
	return false;
}

/* Is the string in the list? Return: 0; -ENOMEM. */
static int find_string(struct peal_piece value, const struct peal_token_list *list, bool *ret_found)
{
	char *text = *value.at == '"' ? peal_piece_string(value) : NULL;

	*ret_found = text && in_list(list, text);
	if (*value.at == '"' && !text && errno == ENOMEM)
		return -ENOMEM;
	free(text);
	return 0;
}

static int check_issuer(const struct peal_members *claims, const struct peal_token_list *issuers,
			const char **ret_reason)
{
	struct peal_piece value;
	bool found = false;

	if (!issuers->count)
		return 0;
	if (peal_members_find(claims, "iss", &value) && find_string(value, issuers, &found) < 0)
		return -ENOMEM;
	return found ? 0 : refuse(ret_reason, "iss is none of the issuers");
}

static int check_audience(const struct peal_members *claims,
			  const struct peal_token_list *audiences, const char **ret_reason)
{
	struct peal_piece value, item;
	struct peal_pieces walk;
	bool found = false;

	if (!audiences->count)
		return 0;
	if (!peal_members_find(claims, "aud", &value))
		return refuse(ret_reason, "aud is missing");
	if (*value.at != '[') {
		if (find_string(value, audiences, &found) < 0)
			return -ENOMEM;
	} else {
		for (walk = peal_piece_into(value); !found && peal_piece_next(&walk, NULL, &item);)
			if (find_string(item, audiences, &found) < 0)
				return -ENOMEM;
	}
	return found ? 0 : refuse(ret_reason, "aud has none of the audiences");
}

static bool read_time(struct peal_piece value, double *ret_time)
{
	char text[32];

	if ((*value.at < '0' || *value.at > '9') && *value.at != '-')
		return false;
	if (value.length >= sizeof(text))
		return false;
	memcpy(text, value.at, value.length);
	text[value.length] = '\0';
	*ret_time = strtod(text, NULL);
	return isfinite(*ret_time) && fabs(*ret_time) <= TIME_CEILING;
}

/* A time that must not be ahead, if the token has it. */
static int check_begin(const struct peal_members *claims, const char *claim, int64_t now,
		       const char **ret_reason)
{
	struct peal_piece value;
	double time;

	if (!peal_members_find(claims, claim, &value))
		return 0;
	if (!read_time(value, &time))
		return refuse(ret_reason, "nbf or iat is not a time in seconds");
	if (time <= (double)now + PEAL_TOKEN_SKEW_SECONDS)
		return 0;
	*ret_reason = "nbf or iat is ahead";
	return PEAL_TOKEN_E_EARLY;
}

static int check_end(const struct peal_members *claims, int64_t now, int64_t *ret_expires,
		     const char **ret_reason)
{
	struct peal_piece value;
	double time;

	if (!peal_members_find(claims, "exp", &value))
		return refuse(ret_reason, "exp is missing");
	if (!read_time(value, &time))
		return refuse(ret_reason, "exp is not a time in seconds");
	*ret_expires = (int64_t)floor(time);
	if ((double)now < time + PEAL_TOKEN_SKEW_SECONDS)
		return 0;
	*ret_reason = "exp is over";
	return PEAL_TOKEN_E_EXPIRED;
}

int peal_claims_check(const struct peal_members *claims, const struct peal_token_rules *rules,
		      int64_t now, int64_t *ret_expires, const char **ret_reason)
{
	int r = check_issuer(claims, &rules->issuers, ret_reason);

	if (r == 0)
		r = check_audience(claims, &rules->audiences, ret_reason);
	if (r == 0)
		r = check_end(claims, now, ret_expires, ret_reason);
	if (r == 0)
		r = check_begin(claims, "nbf", now, ret_reason);
	if (r == 0)
		r = check_begin(claims, "iat", now, ret_reason);
	return r;
}

/* --- what does it say? ----------------------------------------------------------------------- */

/* No control characters: neither those of ASCII nor U+0080 to U+009F. It is UTF-8. */
static bool is_printable(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0))
			return false;
	return true;
}

/* A string of 1 to @ceiling bytes. Return: 0; -ENOMEM; PEAL_TOKEN_E_INVALID. */
static int read_name(struct peal_piece value, size_t ceiling, char **ret_text)
{
	char *text;

	if (*value.at != '"')
		return PEAL_TOKEN_E_INVALID;
	text = peal_piece_string(value);
	if (!text)
		return errno ? -ENOMEM : PEAL_TOKEN_E_INVALID;
	if (!*text || strlen(text) > ceiling || !is_printable(text)) {
		free(text);
		return PEAL_TOKEN_E_INVALID;
	}
	*ret_text = text;
	return 0;
}

/* A whole number is fine too: many databases count their users. */
static bool is_number(struct peal_piece value)
{
	for (size_t i = 0; i < value.length; i++)
		if (value.at[i] < '0' || value.at[i] > '9')
			return false;
	return value.length <= USER_DIGITS;
}

int peal_claims_user(struct peal_piece value, char **ret_user)
{
	if (!is_number(value))
		return read_name(value, PEAL_TOKEN_USER_BYTES, ret_user);
	*ret_user = strndup(value.at, value.length);
	return *ret_user ? 0 : -ENOMEM;
}

static int read_user(const struct peal_members *claims, const char *claim, char **ret_user,
		     const char **ret_reason)
{
	struct peal_piece value;
	int r;

	if (!peal_members_find(claims, claim, &value))
		return refuse(ret_reason, "the claim of the user is missing");
	r = peal_claims_user(value, ret_user);
	return r > 0 ? refuse(ret_reason, "the claim of the user is not a text of 1 to 255 bytes "
					  "without control characters, nor a whole number")
		     : r;
}

static int read_room(struct peal_piece item, struct peal_token_list *rooms)
{
	char *room;
	int r = read_name(item, PEAL_TOKEN_ROOM_BYTES, &room);

	if (r != 0)
		return r;
	if (rooms->count == PEAL_TOKEN_ROOMS ||
	    !strncmp(room, PEAL_TOKEN_USER_ROOM, strlen(PEAL_TOKEN_USER_ROOM)))
		r = PEAL_TOKEN_E_INVALID;
	else
		r = peal_token_list_add(rooms, room);
	free(room);
	return r;
}

int peal_claims_rooms(struct peal_piece value, struct peal_token_list *rooms)
{
	struct peal_piece item;
	struct peal_pieces walk;
	int r = 0;

	if (*value.at != '[')
		return PEAL_TOKEN_E_INVALID;
	for (walk = peal_piece_into(value); r == 0 && peal_piece_next(&walk, NULL, &item);)
		r = read_room(item, rooms);
	return r;
}

static int read_rooms(const struct peal_members *claims, const char *claim,
		      struct peal_token_list *rooms, const char **ret_reason)
{
	struct peal_piece value;
	int r;

	if (!peal_members_find(claims, claim, &value))
		return 0;
	r = peal_claims_rooms(value, rooms);
	return r > 0 ? refuse(ret_reason,
			      "the claim of the rooms is not an array of up to 100 texts of 1 to "
			      "1024 bytes without control characters and without user: in front")
		     : r;
}

bool peal_claims_has_user(struct peal_piece object)
{
	struct peal_pieces walk = peal_piece_into(object);
	struct peal_piece key, value;

	while (peal_piece_next(&walk, &key, &value))
		if (peal_piece_is(key, "user"))
			return true;
	return false;
}

static int read_data(const struct peal_members *claims, const char *claim, const char *user,
		     char **ret_data, const char **ret_reason)
{
	struct peal_piece value = { "{}", 2 }, inside;
	char *text = NULL;
	size_t length = 0;
	FILE *stream;

	if (peal_members_find(claims, claim, &value) && *value.at != '{')
		return refuse(ret_reason, "the claim of the data is not an object");
	if (peal_claims_has_user(value))
		return refuse(ret_reason, "the claim of the data has a member user");
	stream = open_memstream(&text, &length);
	if (!stream)
		return -ENOMEM;
	fputs("{\"user\":", stream);
	peal_piece_put_string(stream, user);
	inside = peal_piece_trim(value.at + 1, value.length - 2);
	if (inside.length)
		fprintf(stream, ",%.*s", (int)inside.length, inside.at);
	fputc('}', stream);
	if (fclose(stream) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret_data = text;
	return 0;
}

int peal_claims_read(const struct peal_members *claims, const struct peal_token_rules *rules,
		     struct peal_token *token, const char **ret_reason)
{
	int r = read_user(claims, rules->user_claim, &token->user, ret_reason);

	if (r == 0)
		r = read_rooms(claims, rules->rooms_claim, &token->rooms, ret_reason);
	if (r == 0)
		r = read_data(claims, rules->data_claim, token->user, &token->data, ret_reason);
	return r;
}
