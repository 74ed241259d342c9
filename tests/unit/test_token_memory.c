/* A token that is checked while memory fails, at each place in turn: it is never good by that. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "app/access/base64url.h"
#include "app/access/token.h"
#include "tests/support/scarce_memory.h"

#define NOW 1700000000
/* Far more than a check allocates. */
#define MOST 2000

static char secret[] = "0123456789abcdef0123456789abcdef", kid[] = "k";
static char sub[] = "sub", rooms[] = "rooms", data[] = "data", issuer[] = "i", audience[] = "a";

static char *make(char *text)
{
	static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k\"}";
	static const char claims[] =
		"{\"sub\":\"alice\",\"exp\":1700000100,\"rooms\":[\"x\",\"y\"],\"iss\":\"i\","
		"\"aud\":[\"b\",\"a\"],\"data\":{\"p\":{\"q\":[1,2]}}}";
	const struct peal_key key = { .algorithm = PEAL_KEY_HS256, .secret = secret };
	unsigned char signature[PEAL_KEY_SIGNATURE_BYTES];
	size_t length, signature_length;

	length = peal_base64url_encode((const unsigned char *)header, strlen(header), text);
	text[length++] = '.';
	length +=
		peal_base64url_encode((const unsigned char *)claims, strlen(claims), text + length);
	ck_assert(peal_key_sign(&key, text, length, signature, &signature_length));
	text[length++] = '.';
	peal_base64url_encode(signature, signature_length, text + length);
	return text;
}

START_TEST(a_check_without_memory_says_so_and_leaves_nothing_behind)
{
	struct peal_key key = { .algorithm = PEAL_KEY_HS256, .secret = secret, .kid = kid };
	char *issuers[] = { issuer }, *audiences[] = { audience };
	const struct peal_token_rules rules = {
		.keys = &key,
		.key_count = 1,
		.issuers = { issuers, 1 },
		.audiences = { audiences, 1 },
		.user_claim = sub,
		.rooms_claim = rooms,
		.data_claim = data,
	};
	struct peal_token token;
	const char *reason;
	char text[1024];
	size_t nth = 1, failures = 0;

	make(text);
	for (bool failed = true; failed && nth < MOST; nth++) {
		scarce.failing = nth;
		int r = peal_token_check(text, strlen(text), &rules, NOW, &token, &reason);
		failed = !scarce.failing;
		scarce.failing = 0;
		failures += failed;
		ck_assert_int_eq(r, failed ? -ENOMEM : 0);
		if (!failed)
			ck_assert_uint_eq(token.rooms.count, 2);
		peal_token_deinit(&token);
	}
	ck_assert_uint_lt(nth, MOST);
	ck_assert_uint_gt(failures, 20);
}
END_TEST

UNIT_MAIN("token_memory", a_check_without_memory_says_so_and_leaves_nothing_behind)
