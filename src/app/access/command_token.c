/*
 * `peal token`: a token for trying out, as a backend would sign it.
 *
 * What is printed has gone through the same checks as on a node, so nothing is printed that a node
 * with the same key would refuse.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../command_private.h"
#include "../option_private.h"
#include "../secret.h"
#include "base64url.h"
#include "members.h"
#include "token.h"

#define EXPIRES_DEFAULT 3600
#define EXPIRES_CEILING 31536000

/* --- the key --------------------------------------------------------------------------------- */

static int load(const struct peal_command *command, struct peal_key *key, struct peal_usage *usage)
{
	const char *variable = getenv("PEAL_AUTH_SECRET");
	char *secret = NULL;
	int r;

	if (command->key)
		return peal_key_load("--key", command->key, true, key, usage);
	if (!command->secret_file)
		return variable && *variable
			       ? peal_key_from_secret("PEAL_AUTH_SECRET", variable, key, usage)
			       : peal_usage_set(usage, "give --key, --secret-file or the variable "
						       "PEAL_AUTH_SECRET");
	r = peal_secret_read("--secret-file", command->secret_file, &secret, usage);
	if (r == 0)
		r = peal_key_from_secret("--secret-file", secret, key, usage);
	peal_secret_free(secret);
	return r;
}

/* --- header and claims ----------------------------------------------------------------------- */

static char *print(cJSON *object, bool complete)
{
	char *text = complete ? cJSON_PrintUnformatted(object) : NULL;

	cJSON_Delete(object);
	return text;
}

static char *make_header(const struct peal_key *key)
{
	cJSON *header = cJSON_CreateObject();
	bool good =
		cJSON_AddStringToObject(header, "alg", peal_key_algorithm_name(key->algorithm)) &&
		cJSON_AddStringToObject(header, "typ", "JWT");

	if (key->kid)
		good = good && cJSON_AddStringToObject(header, "kid", key->kid);
	return print(header, good);
}

static bool add_rooms(cJSON *claims, const struct peal_command *command)
{
	cJSON *rooms;

	if (!command->room_count)
		return true;
	rooms = cJSON_CreateStringArray((const char *const *)command->rooms,
					(int)command->room_count);
	return rooms && cJSON_AddItemToObject(claims, "rooms", rooms);
}

static char *make_claims(const struct peal_command *command, long expires)
{
	double now = (double)time(NULL);
	cJSON *claims = cJSON_CreateObject();
	bool good =
		cJSON_AddStringToObject(claims, "sub", command->user) && add_rooms(claims, command);

	if (command->data)
		good = good && cJSON_AddRawToObject(claims, "data", command->data);
	if (command->issuer)
		good = good && cJSON_AddStringToObject(claims, "iss", command->issuer);
	if (command->audience)
		good = good && cJSON_AddStringToObject(claims, "aud", command->audience);
	good = good && cJSON_AddNumberToObject(claims, "iat", now) &&
	       cJSON_AddNumberToObject(claims, "exp", now + (double)expires);
	return print(claims, good);
}

/* --- the token ------------------------------------------------------------------------------- */

/* Return: NULL without memory. */
static char *sign(const struct peal_key *key, const char *header, const char *claims)
{
	size_t room = PEAL_BASE64URL_ENCODED(strlen(header)) +
		      PEAL_BASE64URL_ENCODED(strlen(claims)) +
		      PEAL_BASE64URL_ENCODED(PEAL_KEY_SIGNATURE_BYTES);
	unsigned char signature[PEAL_KEY_SIGNATURE_BYTES];
	char *token = malloc(room);
	size_t length, signature_length;

	if (!token)
		return NULL;
	length = peal_base64url_encode((const unsigned char *)header, strlen(header), token);
	token[length++] = '.';
	length += peal_base64url_encode((const unsigned char *)claims, strlen(claims),
					token + length);
	if (!peal_key_sign(key, token, length, signature, &signature_length)) {
		free(token);
		return NULL;
	}
	token[length++] = '.';
	peal_base64url_encode(signature, signature_length, token + length);
	return token;
}

static int check(const struct peal_command *command, struct peal_key *key, const char *text)
{
	char sub[] = "sub", rooms[] = "rooms", data[] = "data";
	const struct peal_token_rules rules = {
		.keys = key,
		.key_count = 1,
		.user_claim = sub,
		.rooms_claim = rooms,
		.data_claim = data,
	};
	const char *reason = "no memory";
	struct peal_token token;
	int r = peal_token_check(text, strlen(text), &rules, time(NULL), &token, &reason);

	peal_token_deinit(&token);
	if (r == 0)
		return PEAL_EXIT_ORDERLY;
	return r < 0 ? peal_command_fail(command, "%s", reason)
		     : peal_command_usage(command, "a node would refuse the token: %s", reason);
}

static int make(const struct peal_command *command, struct peal_key *key, long expires)
{
	char *header = make_header(key), *claims = make_claims(command, expires);
	char *text = header && claims ? sign(key, header, claims) : NULL;
	int code = text ? check(command, key, text)
			: peal_command_fail(command, "the token cannot be signed");

	if (code == PEAL_EXIT_ORDERLY)
		puts(text);
	cJSON_free(header);
	cJSON_free(claims);
	free(text);
	return code;
}

/* What cJSON would print as it is. Return: 0; an exit code. */
static int check_texts(const struct peal_command *command)
{
	const char *const texts[] = { command->user, command->issuer, command->audience };
	struct peal_members members;
	int r;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i] && !peal_option_text_valid(texts[i]))
			return peal_command_usage(command, "texts must be UTF-8 without control "
							   "characters");
	for (size_t i = 0; i < command->room_count; i++)
		if (!peal_option_text_valid(command->rooms[i]))
			return peal_command_usage(command, "--room: must be UTF-8 without control "
							   "characters");
	if (!command->data)
		return 0;
	r = peal_members_read(command->data, strlen(command->data), &members);
	peal_members_deinit(&members);
	return r == 0  ? 0
	       : r < 0 ? peal_command_fail(command, "no memory")
		       : peal_command_usage(command, "--data: must be a JSON object");
}

int peal_command_token(const struct peal_command *command)
{
	long expires = command->expires ? strtol(command->expires, NULL, 10) : EXPIRES_DEFAULT;
	struct peal_usage usage = { { 0 } };
	struct peal_key key = { 0 };
	int code = check_texts(command), r;

	if (code)
		return code;
	if (!command->user)
		return peal_command_usage(command, "--user is missing");
	if (expires < 1 || expires > EXPIRES_CEILING)
		return peal_command_usage(command, "--expires: must be 1 to %d seconds",
					  EXPIRES_CEILING);
	if (command->key && command->secret_file)
		return peal_command_usage(command, "--secret-file: --key is given too");
	r = load(command, &key, &usage);
	if (r < 0)
		code = peal_command_fail(command, "%s", strerror(-r));
	else if (r > 0)
		code = peal_command_usage(command, "%s", usage.text);
	else
		code = make(command, &key, expires);
	peal_key_deinit(&key);
	return code;
}
