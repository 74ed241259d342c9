/*
 * The outside of a token: its three parts, its header, its signature. claims.c has the inside.
 */
#include "token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64url.h"
#include "claims.h"
#include "members.h"

/* An algorithm, a type, the name of a key, perhaps a URL: more is no header of an honest token, and
 * it is read before anything was checked. */
#define HEADER_CEILING 1024

struct part {
	const char *at;
	size_t length;
};

struct parts {
	struct part header, payload, signature;
	size_t signed_length; /* header, dot and payload */
};

static int refuse(const char **ret_reason, const char *reason)
{
	*ret_reason = reason;
	return PEAL_TOKEN_E_INVALID;
}

static bool split(const char *text, size_t length, struct parts *parts)
{
	const char *end = text + length;
	const char *first = memchr(text, '.', length);
	const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;

	if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
		return false;
	parts->header = (struct part){ text, (size_t)(first - text) };
	parts->payload = (struct part){ first + 1, (size_t)(second - first - 1) };
	parts->signature = (struct part){ second + 1, (size_t)(end - second - 1) };
	parts->signed_length = (size_t)(second - text);
	return parts->header.length && parts->payload.length && parts->signature.length;
}

/* --- the header ------------------------------------------------------------------------------ */

/* Tokens for other purposes are signed by the same keys: RFC 8725, 3.11. */
static bool is_type_known(struct peal_piece type)
{
	static const char *const known[] = { "JWT", "at+jwt", "application/at+jwt" };
	char text[32];

	if (*type.at != '"' || type.length < 2 || type.length - 2 >= sizeof(text))
		return false;
	memcpy(text, type.at + 1, type.length - 2);
	text[type.length - 2] = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcasecmp(text, known[i]))
			return true;
	return false;
}

/* Is it a string, and this text? A kid may have any characters. */
static int is_text(struct peal_piece value, const char *text, bool *ret_same)
{
	char *string = *value.at == '"' ? peal_piece_string(value) : NULL;

	*ret_same = string && !strcmp(string, text);
	if (*value.at == '"' && !string && errno == ENOMEM)
		return -ENOMEM;
	free(string);
	return 0;
}

static int is_key_meant(const struct peal_members *header, const struct peal_key *key,
			bool *ret_meant)
{
	struct peal_piece value;
	int r;

	*ret_meant = false;
	if (!peal_members_find(header, "alg", &value))
		return 0;
	r = is_text(value, peal_key_algorithm_name(key->algorithm), ret_meant);
	if (r < 0 || !*ret_meant || !key->kid)
		return r;
	*ret_meant = false;
	return peal_members_find(header, "kid", &value) ? is_text(value, key->kid, ret_meant) : 0;
}

static int check_header(const struct peal_members *header, const char **ret_reason)
{
	struct peal_piece value;

	/* It would name what must be understood, and there is nothing of that kind here. */
	if (peal_members_find(header, "crit", &value))
		return refuse(ret_reason, "the header has crit");
	if (peal_members_find(header, "typ", &value) && !is_type_known(value))
		return refuse(ret_reason, "it is of another type than JWT");
	return 0;
}

static int read_header(const struct part *part, struct peal_members *header,
		       const char **ret_reason)
{
	unsigned char json[PEAL_BASE64URL_DECODED(HEADER_CEILING)];
	size_t length;
	int r;

	*header = (struct peal_members){ 0 };
	if (part->length > HEADER_CEILING)
		return refuse(ret_reason, "the header is too long");
	if (!peal_base64url_decode(part->at, part->length, json, &length))
		return refuse(ret_reason, "the header is not base64url");
	r = peal_members_read(json, length, header);
	if (r > 0)
		return refuse(ret_reason, "the header is not a plain JSON object");
	return r < 0 ? r : check_header(header, ret_reason);
}

/* --- the signature --------------------------------------------------------------------------- */

static int check_signature(const char *text, const struct parts *parts,
			   const struct peal_members *header, const struct peal_token_rules *rules,
			   const char **ret_reason)
{
	unsigned char
		signature[PEAL_BASE64URL_DECODED(PEAL_BASE64URL_ENCODED(PEAL_KEY_SIGNATURE_BYTES))];
	bool meant, any = false;
	size_t length;

	if (parts->signature.length >= PEAL_BASE64URL_ENCODED(PEAL_KEY_SIGNATURE_BYTES))
		return refuse(ret_reason, "the signature is too long");
	if (!peal_base64url_decode(parts->signature.at, parts->signature.length, signature,
				   &length))
		return refuse(ret_reason, "the signature is not base64url");
	for (size_t i = 0; i < rules->key_count; i++) {
		int r = is_key_meant(header, &rules->keys[i], &meant);

		if (r < 0)
			return r;
		if (meant &&
		    peal_key_verify(&rules->keys[i], text, parts->signed_length, signature, length))
			return 0;
		any = any || meant;
	}
	return refuse(ret_reason,
		      any ? "the signature is wrong" : "no key has its algorithm and key id");
}

/* --- all of it ------------------------------------------------------------------------------- */

static int read_claims(const struct part *part, const struct peal_token_rules *rules, int64_t now,
		       struct peal_token *token, const char **ret_reason)
{
	unsigned char *json = malloc(PEAL_BASE64URL_DECODED(part->length));
	struct peal_members claims = { 0 };
	size_t length;
	int r;

	if (!json)
		return -ENOMEM;
	if (peal_base64url_decode(part->at, part->length, json, &length)) {
		r = peal_members_read(json, length, &claims);
		if (r > 0)
			r = refuse(ret_reason, "the claims are not a plain JSON object");
	} else {
		r = refuse(ret_reason, "the claims are not base64url");
	}
	free(json);
	if (r == 0)
		r = peal_claims_check(&claims, rules, now, &token->expires, ret_reason);
	if (r == 0)
		r = peal_claims_read(&claims, rules, token, ret_reason);
	peal_members_deinit(&claims);
	return r;
}

int peal_token_check(const char *text, size_t length, const struct peal_token_rules *rules,
		     int64_t now, struct peal_token *token, const char **ret_reason)
{
	struct peal_members header = { 0 };
	struct parts parts;
	int r;

	*token = (struct peal_token){ 0 };
	if (length > PEAL_TOKEN_BYTES)
		return refuse(ret_reason, "it is too long");
	if (!split(text, length, &parts))
		return refuse(ret_reason, "it is not three parts with dots between");
	r = read_header(&parts.header, &header, ret_reason);
	if (r == 0)
		r = check_signature(text, &parts, &header, rules, ret_reason);
	peal_members_deinit(&header);
	return r == 0 ? read_claims(&parts.payload, rules, now, token, ret_reason) : r;
}

void peal_token_deinit(struct peal_token *token)
{
	free(token->user);
	free(token->data);
	peal_token_list_deinit(&token->rooms);
	*token = (struct peal_token){ 0 };
}

int peal_token_list_add(struct peal_token_list *list, const char *text)
{
	char **items = realloc(list->items, (list->count + 1) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->count] = strdup(text);
	if (!items[list->count])
		return -ENOMEM;
	list->count++;
	return 0;
}

void peal_token_list_deinit(struct peal_token_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct peal_token_list){ 0 };
}
