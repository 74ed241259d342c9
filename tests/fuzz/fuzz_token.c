/*
 * Tokens: any bytes as a token, and any bytes as header and claims of one that is well signed, with
 * a line end between them. A token that is taken says what it may say; any other leaves nothing.
 */
#include "tests/fuzz/fuzz.h"

#include "app/access/base64url.h"
#include "app/access/token.h"
#include "protocol/json.h"
#include "protocol/text.h"

#define NOW 1700000000

static char secret[] = "0123456789abcdef0123456789abcdef";
static char sub[] = "sub", rooms[] = "rooms", data_claim[] = "data", issuer[] = "i";
static char *issuers[] = { issuer };
static struct peal_key key = { .algorithm = PEAL_KEY_HS256, .secret = secret };

static void check_name(const char *name, size_t ceiling)
{
	FUZZ_CHECK(*name && strlen(name) <= ceiling);
	FUZZ_CHECK(peal_utf8_valid(name, strlen(name)));
	for (const unsigned char *c = (const unsigned char *)name; *c; c++)
		FUZZ_CHECK(*c >= 0x20 && *c != 0x7f);
}

static void check_token(const struct peal_token *token)
{
	struct peal_json_facts facts;

	check_name(token->user, PEAL_TOKEN_USER_BYTES);
	FUZZ_CHECK(token->rooms.count <= PEAL_TOKEN_ROOMS);
	for (size_t i = 0; i < token->rooms.count; i++) {
		check_name(token->rooms.items[i], PEAL_TOKEN_ROOM_BYTES);
		FUZZ_CHECK(strncmp(token->rooms.items[i], "user:", 5) != 0);
	}
	FUZZ_CHECK(peal_json_validate(token->data, strlen(token->data), &facts));
	FUZZ_CHECK(facts.type == PEAL_JSON_OBJECT && !strncmp(token->data, "{\"user\":\"", 9));
	FUZZ_CHECK(token->expires > NOW - PEAL_TOKEN_SKEW_SECONDS - 1);
}

static int check(const char *text, size_t length, bool any_issuer)
{
	const struct peal_token_rules rules = {
		.keys = &key,
		.key_count = 1,
		.issuers = { issuers, any_issuer ? 0 : 1 },
		.audiences = { issuers, any_issuer ? 0 : 1 },
		.user_claim = sub,
		.rooms_claim = rooms,
		.data_claim = data_claim,
	};
	char *exact = fuzz_exact(text, length);
	const char *reason = NULL;
	struct peal_token token;
	int r = peal_token_check(exact, length, &rules, NOW, &token, &reason);

	FUZZ_CHECK(r >= 0 && (r == 0) == (reason == NULL));
	if (r == 0)
		check_token(&token);
	peal_token_deinit(&token);
	free(exact);
	return r;
}

static void check_signed(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size), *claims = end ? end + 1 : data + size;
	size_t header_length = (size_t)((end ? end : data + size) - data);
	size_t claims_length = (size_t)(data + size - claims);
	unsigned char signature[PEAL_KEY_SIGNATURE_BYTES];
	size_t signature_length, length;
	char *text = malloc(PEAL_BASE64URL_ENCODED(header_length) +
			    PEAL_BASE64URL_ENCODED(claims_length) +
			    PEAL_BASE64URL_ENCODED(PEAL_KEY_SIGNATURE_BYTES));

	FUZZ_CHECK(text);
	length = peal_base64url_encode(data, header_length, text);
	text[length++] = '.';
	length += peal_base64url_encode(claims, claims_length, text + length);
	FUZZ_CHECK(peal_key_sign(&key, text, length, signature, &signature_length));
	text[length++] = '.';
	length += peal_base64url_encode(signature, signature_length, text + length);
	/* What is wanted by more rules is wanted by fewer. */
	if (check(text, length, false) == 0)
		FUZZ_CHECK(check(text, length, true) == 0);
	free(text);
}

/* What decodes at all is the one text of its bytes. */
static void check_base64url(const char *text, size_t length)
{
	unsigned char *bytes = malloc(PEAL_BASE64URL_DECODED(length));
	char *back = malloc(PEAL_BASE64URL_ENCODED(PEAL_BASE64URL_DECODED(length)));
	size_t decoded;

	FUZZ_CHECK(bytes && back);
	if (peal_base64url_decode(text, length, bytes, &decoded)) {
		FUZZ_CHECK(peal_base64url_encode(bytes, decoded, back) == length);
		FUZZ_CHECK(!memcmp(back, text, length));
	}
	free(bytes);
	free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_base64url((const char *)data, size);
	(void)check((const char *)data, size, true);
	check_signed(data, size);
	return 0;
}
