/* Tokens: what is taken, and all that is refused, however well it is signed. */
#include "unit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "app/access/base64url.h"
#include "app/access/token.h"

#define NOW 1700000000
#define SECRET "0123456789abcdef0123456789abcdef"
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS "{\"sub\":\"alice\",\"exp\":1700000100}"

static char secret[] = SECRET, other_secret[] = "another secret of thirty-two bytes";
static char sub[] = "sub", rooms[] = "rooms", data[] = "data";
static struct peal_key hs256 = { .algorithm = PEAL_KEY_HS256, .secret = secret };

static const char *reason;
static struct peal_token token;

static struct peal_token_rules rules_of(struct peal_key *keys, size_t count)
{
	return (struct peal_token_rules){
		.keys = keys,
		.key_count = count,
		.user_claim = sub,
		.rooms_claim = rooms,
		.data_claim = data,
	};
}

/* Signs any two texts, whatever they say. */
static char *sign(const struct peal_key *key, const char *header, const char *claims)
{
	static char text[65536];
	unsigned char signature[PEAL_KEY_SIGNATURE_BYTES];
	size_t signature_length;
	size_t length = peal_base64url_encode((const unsigned char *)header, strlen(header), text);

	text[length++] = '.';
	length +=
		peal_base64url_encode((const unsigned char *)claims, strlen(claims), text + length);
	ck_assert(peal_key_sign(key, text, length, signature, &signature_length));
	text[length++] = '.';
	peal_base64url_encode(signature, signature_length, text + length);
	return text;
}

static int check_with(const struct peal_token_rules *rules, const char *text)
{
	reason = NULL;
	peal_token_deinit(&token);
	int r = peal_token_check(text, strlen(text), rules, NOW, &token, &reason);
	ck_assert_int_ge(r, 0);
	ck_assert_int_eq(r == 0, reason == NULL);
	return r;
}

static int check(const char *text)
{
	struct peal_token_rules rules = rules_of(&hs256, 1);
	return check_with(&rules, text);
}

static int check_claims(const char *claims)
{
	return check(sign(&hs256, HEADER, claims));
}

static int check_header(const char *header)
{
	return check(sign(&hs256, header, CLAIMS));
}

static void free_token(void)
{
	peal_token_deinit(&token);
}

/* The same claims with some more. */
static int check_more(const char *more)
{
	static char claims[32768];
	snprintf(claims, sizeof(claims), "{\"sub\":\"alice\",\"exp\":1700000100,%s}", more);
	return check_claims(claims);
}

static int check_less(const char *claims_without_exp)
{
	static char claims[32768];
	snprintf(claims, sizeof(claims), "{\"exp\":1700000100%s}", claims_without_exp);
	return check_claims(claims);
}

/* --- what is taken -----------------------------------------------------------------------------
 */

START_TEST(a_token_says_who_where_and_until_when)
{
	ck_assert_int_eq(check_more("\"rooms\":[\"a\",\"b \\u00e9\"],"
				    "\"data\":{\"name\":\"A\",\"n\":[1,{\"x\":null}]}"),
			 0);
	ck_assert_str_eq(token.user, "alice");
	ck_assert_uint_eq(token.rooms.count, 2);
	ck_assert_str_eq(token.rooms.items[0], "a");
	ck_assert_str_eq(token.rooms.items[1], "b é");
	ck_assert_str_eq(token.data, "{\"user\":\"alice\",\"name\":\"A\",\"n\":[1,{\"x\":null}]}");
	ck_assert_int_eq(token.expires, 1700000100);

	ck_assert_int_eq(check_claims(CLAIMS), 0);
	ck_assert_uint_eq(token.rooms.count, 0);
	ck_assert_str_eq(token.data, "{\"user\":\"alice\"}");

	ck_assert_int_eq(check_more("\"data\":{ \n }"), 0);
	ck_assert_str_eq(token.data, "{\"user\":\"alice\"}");
}
END_TEST

START_TEST(the_names_of_claims_are_those_of_the_rules)
{
	char user[] = "https://a.example/uid", where[] = "groups", what[] = "profile";
	struct peal_token_rules rules = rules_of(&hs256, 1);

	rules.user_claim = user;
	rules.rooms_claim = where;
	rules.data_claim = what;
	ck_assert_int_eq(
		check_with(&rules, sign(&hs256, HEADER,
					"{\"sub\":1.5,\"rooms\":7,\"data\":7,\"exp\":1700000100,"
					"\"https:\\/\\/a.example\\/uid\":42,\"groups\":[\"g\"],"
					"\"profile\":{\"a\":1}}")),
		0);
	ck_assert_str_eq(token.user, "42");
	ck_assert_str_eq(token.rooms.items[0], "g");
	ck_assert_str_eq(token.data, "{\"user\":\"42\",\"a\":1}");
}
END_TEST

START_TEST(base64url_has_one_text_for_each_value)
{
	unsigned char bytes[64], back[PEAL_BASE64URL_DECODED(PEAL_BASE64URL_ENCODED(64))];
	char text[PEAL_BASE64URL_ENCODED(64)];
	size_t length;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 37 + 250);
	for (size_t i = 0; i <= sizeof(bytes); i++) {
		size_t written = peal_base64url_encode(bytes, i, text);
		ck_assert_uint_eq(strlen(text), written);
		ck_assert_uint_lt(written, PEAL_BASE64URL_ENCODED(i));
		ck_assert(peal_base64url_decode(text, written, back, &length));
		ck_assert_uint_eq(length, i);
		ck_assert_mem_eq(back, bytes, i);
	}
	/* Padding, the other alphabet, a length of no bytes, bits left over, blanks. */
	static const char *const wrong[] = { "YQ==", "YWI=", "+/+/", "A",   "AAAAA", "YR",
					     "YWJ",  "Y Q",  "YQ\n", "YQ%", "Y\xc3Q" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert(!peal_base64url_decode(wrong[i], strlen(wrong[i]), back, &length));
	ck_assert(!peal_base64url_decode("YQ\0A", 4, back, &length));
}
END_TEST

/* --- forged ------------------------------------------------------------------------------------
 */

START_TEST(a_token_with_any_character_changed_is_refused)
{
	char good[512];

	snprintf(good, sizeof(good), "%s", sign(&hs256, HEADER, CLAIMS));
	ck_assert_int_eq(check(good), 0);
	for (size_t i = 0; i < strlen(good); i++) {
		static const char others[] = "AB.=-";
		char changed[512];

		for (size_t j = 0; j < sizeof(others) - 1; j++) {
			memcpy(changed, good, sizeof(good));
			changed[i] = others[j];
			if (changed[i] != good[i])
				ck_assert_int_eq(check(changed), PEAL_TOKEN_E_INVALID);
		}
	}
}
END_TEST

START_TEST(a_token_that_is_cut_anywhere_is_refused)
{
	char good[512], cut[512];

	snprintf(good, sizeof(good), "%s", sign(&hs256, HEADER, CLAIMS));
	for (size_t i = strlen(good); i > 0; i--) {
		/* What the last check left in memory must not fill the gap. */
		ck_assert_int_eq(check(good), 0);
		snprintf(cut, sizeof(cut), "%.*s", (int)i - 1, good);
		ck_assert_int_eq(check(cut), PEAL_TOKEN_E_INVALID);
	}
}
END_TEST

START_TEST(what_is_not_three_parts_is_refused)
{
	static const char *const wrong[] = { "",     ".",    "..",	"...",	"a.b", "a..b",
					     ".a.b", "a.b.", "a.b.c.d", "\xff", "{}",  "null" };
	char text[1024];
	const char *good = sign(&hs256, HEADER, CLAIMS);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_int_eq(check(wrong[i]), PEAL_TOKEN_E_INVALID);
	static const char *const around[] = { " %s", "%s ",  "%s\n", "%s.",
					      ".%s", "%s.x", "%s=",  "Bearer %s" };
	for (size_t i = 0; i < sizeof(around) / sizeof(*around); i++) {
		good = sign(&hs256, HEADER, CLAIMS);
		snprintf(text, sizeof(text), around[i], good);
		ck_assert_int_eq(check(text), PEAL_TOKEN_E_INVALID);
	}
}
END_TEST

START_TEST(another_secret_is_refused)
{
	struct peal_key other = { .algorithm = PEAL_KEY_HS256, .secret = other_secret };

	ck_assert_int_eq(check(sign(&other, HEADER, CLAIMS)), PEAL_TOKEN_E_INVALID);
}
END_TEST

START_TEST(the_algorithm_is_that_of_the_key)
{
	static const char *const wrong[] = {
		"{\"typ\":\"JWT\"}",	      "{\"alg\":\"none\"}",	  "{\"alg\":\"hs256\"}",
		"{\"alg\":\"HS384\"}",	      "{\"alg\":\"RS256\"}",	  "{\"alg\":null}",
		"{\"alg\":[\"HS256\"]}",      "{\"alg\":\"HS256 \"}",	  "{\"alg\":\"\"}",
		"{\"alg\":\"HS256\\u0000\"}", "{\"Alg\":\"HS256\"}",	  "{\"alg\":{}}",
		"{\"alg\":\"HS\"}",	      "{\"alg\":\"HS256HS256\"}",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_msg(check_header(wrong[i]) == PEAL_TOKEN_E_INVALID, "%s", wrong[i]);
	ck_assert_int_eq(check_header("{\"alg\":\"HS256\"}"), 0);
	ck_assert_int_eq(check_header("{\"alg\":\"\\u0048S256\"}"), 0);
}
END_TEST

START_TEST(the_public_key_is_no_secret)
{
	struct peal_key rs256 = { .algorithm = PEAL_KEY_RS256, .pair = EVP_RSA_gen(2048) };
	struct peal_key es256 = { .algorithm = PEAL_KEY_ES256, .pair = EVP_EC_gen("P-256") };
	struct peal_key *const pairs[] = { &rs256, &es256 };
	struct peal_token_rules rules;

	for (size_t i = 0; i < 2; i++) {
		BIO *bio = BIO_new(BIO_s_mem());
		char pem[4096];
		int length;

		ck_assert(PEM_write_bio_PUBKEY(bio, pairs[i]->pair));
		length = BIO_read(bio, pem, sizeof(pem) - 1);
		ck_assert_int_gt(length, 0);
		pem[length] = '\0';
		BIO_free(bio);
		struct peal_key forger = { .algorithm = PEAL_KEY_HS256, .secret = pem };
		rules = rules_of(pairs[i], 1);
		const char *name = peal_key_algorithm_name(pairs[i]->algorithm);
		char header[64];
		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", name);
		ck_assert_int_eq(check_with(&rules, sign(&forger, HEADER, CLAIMS)),
				 PEAL_TOKEN_E_INVALID);
		ck_assert_int_eq(check_with(&rules, sign(&forger, header, CLAIMS)),
				 PEAL_TOKEN_E_INVALID);
		ck_assert_int_eq(check_with(&rules, sign(pairs[i], header, CLAIMS)), 0);
		/* Nor is the signature of one algorithm one of the other. */
		ck_assert_int_eq(check_with(&rules, sign(pairs[1 - i], header, CLAIMS)),
				 PEAL_TOKEN_E_INVALID);
	}
	peal_key_deinit(&rs256);
	peal_key_deinit(&es256);
}
END_TEST

/* A token of ES256 with another signature. */
static int check_es256(struct peal_key *key, const unsigned char *signature, size_t length)
{
	struct peal_token_rules rules = rules_of(key, 1);
	char *text = sign(key, "{\"alg\":\"ES256\"}", CLAIMS);

	peal_base64url_encode(signature, length, strrchr(text, '.') + 1);
	return check_with(&rules, text);
}

START_TEST(a_signature_of_es256_has_64_bytes)
{
	struct peal_key key = { .algorithm = PEAL_KEY_ES256, .pair = EVP_EC_gen("P-256") };
	unsigned char signature[PEAL_KEY_SIGNATURE_BYTES] = { 0 }, der[128];
	size_t length, der_length = sizeof(der);
	char *text = sign(&key, "{\"alg\":\"ES256\"}", CLAIMS);
	size_t signed_length = (size_t)(strrchr(text, '.') - text);
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	ck_assert(peal_base64url_decode(text + signed_length + 1, strlen(text + signed_length + 1),
					signature, &length));
	ck_assert_uint_eq(length, 64);
	ck_assert_int_eq(check_es256(&key, signature, 64), 0);
	for (length = 1; length < 130; length++)
		if (length != 64)
			ck_assert_int_eq(check_es256(&key, signature, length),
					 PEAL_TOKEN_E_INVALID);
	/* As OpenSSL writes it. */
	ck_assert_int_eq(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key.pair), 1);
	ck_assert_int_eq(
		EVP_DigestSign(context, der, &der_length, (unsigned char *)text, signed_length), 1);
	EVP_MD_CTX_free(context);
	ck_assert_int_eq(check_es256(&key, der, der_length), PEAL_TOKEN_E_INVALID);
	/* Zero, as in CVE-2022-21449, and numbers above the order. */
	memset(signature, 0, sizeof(signature));
	ck_assert_int_eq(check_es256(&key, signature, 64), PEAL_TOKEN_E_INVALID);
	memset(signature, 0xff, sizeof(signature));
	ck_assert_int_eq(check_es256(&key, signature, 64), PEAL_TOKEN_E_INVALID);
	peal_key_deinit(&key);
}
END_TEST

/* --- headers -----------------------------------------------------------------------------------
 */

START_TEST(headers_that_two_readers_would_read_differently_are_refused)
{
	static const char *const wrong[] = {
		"{\"alg\":\"HS256\",\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}",
		"{\"alg\":\"HS256\",\"x\":{\"a\":1,\"a\":2}}",
		"{\"alg\":\"HS256\",\"x\":[[{\"a\":1,\"\\u0061\":2}]]}",
		"{\"alg\":\"HS256\",\"x\\u0000\":1}",
		"{\"alg\":\"HS256\",\"\\ud800\":1}",
		"{\"alg\":\"HS256\"}{}",
		"{\"alg\":\"HS256\"},{}",
		"{\"alg\":\"HS256\",}",
		"{\"alg\":\"HS256\"",
		"[{\"alg\":\"HS256\"}]",
		"\"HS256\"",
		"{'alg':'HS256'}",
		"{\"alg\":\"HS256\",\"x\":\"\xff\"}",
		"{\"alg\":\"HS256\",\"x\":\"\x01\"}",
		"{\"alg\":\"HS256\",\"x\":01}",
		"{\"alg\":\"HS256\",\"x\":NaN}",
		"\xef\xbb\xbf{\"alg\":\"HS256\"}",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_msg(check_header(wrong[i]) == PEAL_TOKEN_E_INVALID, "%s", wrong[i]);
}
END_TEST

START_TEST(a_header_that_demands_to_be_understood_is_refused)
{
	ck_assert_int_eq(check_header("{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}"),
			 PEAL_TOKEN_E_INVALID);
	ck_assert_int_eq(check_header("{\"alg\":\"HS256\",\"crit\":[]}"), PEAL_TOKEN_E_INVALID);
	ck_assert_int_eq(check_header("{\"alg\":\"HS256\",\"crit\":null}"), PEAL_TOKEN_E_INVALID);
	ck_assert_int_eq(check_header("{\"alg\":\"HS256\",\"other\":[\"b64\"]}"), 0);
}
END_TEST

START_TEST(tokens_of_other_types_are_refused)
{
	static const char *const good[] = { "JWT", "jwt", "at+jwt", "AT+JWT",
					    "application/at+jwt" };
	static const char *const wrong[] = { "\"secevent+jwt\"",
					     "\"\"",
					     "\"JWE\"",
					     "1",
					     "null",
					     "\"J\\u0057T\"",
					     "\"a text that is far longer than a type\"" };
	char header[128];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"typ\":\"%s\"}", good[i]);
		ck_assert_int_eq(check_header(header), 0);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"typ\":%s}", wrong[i]);
		ck_assert_int_eq(check_header(header), PEAL_TOKEN_E_INVALID);
	}
}
END_TEST

START_TEST(keys_are_tried_in_their_order_and_by_their_name)
{
	char kid_a[] = "a", kid_b[] = "b/2024";
	struct peal_key keys[] = {
		{ .algorithm = PEAL_KEY_HS256, .secret = secret, .kid = kid_a },
		{ .algorithm = PEAL_KEY_HS256, .secret = other_secret, .kid = kid_b },
	};
	struct peal_token_rules rules = rules_of(keys, 2);

	ck_assert_int_eq(
		check_with(&rules, sign(&keys[0], "{\"alg\":\"HS256\",\"kid\":\"a\"}", CLAIMS)), 0);
	ck_assert_int_eq(
		check_with(&rules,
			   sign(&keys[1], "{\"alg\":\"HS256\",\"kid\":\"b\\/2024\"}", CLAIMS)),
		0);
	static const char *const wrong[] = {
		"{\"alg\":\"HS256\",\"kid\":\"b/2024\"}", /* the other one's name */
		"{\"alg\":\"HS256\",\"kid\":\"c\"}",	    "{\"alg\":\"HS256\",\"kid\":\"\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a\\u0000\"}", "{\"alg\":\"HS256\",\"kid\":1}",
		"{\"alg\":\"HS256\",\"kid\":[\"a\"]}",	    HEADER,
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_int_eq(check_with(&rules, sign(&keys[0], wrong[i], CLAIMS)),
				 PEAL_TOKEN_E_INVALID);
	/* Without names both are tried, whatever the token names. */
	keys[0].kid = keys[1].kid = NULL;
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(check_with(&rules, sign(&keys[i], HEADER, CLAIMS)), 0);
		ck_assert_int_eq(check_with(&rules, sign(&keys[i], wrong[1], CLAIMS)), 0);
	}
	rules.key_count = 0;
	ck_assert_int_eq(check_with(&rules, sign(&keys[0], HEADER, CLAIMS)), PEAL_TOKEN_E_INVALID);
}
END_TEST

/* --- times -------------------------------------------------------------------------------------
 */

START_TEST(a_token_ends_30_seconds_after_exp)
{
	static const struct {
		const char *exp;
		int expected;
	} cases[] = {
		{ "1700000001", 0 },
		{ "1700000000", 0 },
		{ "1699999971", 0 },
		{ "1699999970.5", 0 },
		{ "1699999970", PEAL_TOKEN_E_EXPIRED },
		{ "1699999969", PEAL_TOKEN_E_EXPIRED },
		{ "0", PEAL_TOKEN_E_EXPIRED },
		{ "-1", PEAL_TOKEN_E_EXPIRED },
		{ "1.7000001e9", 0 },
		{ "253402300799", 0 },
		{ "253402300800", PEAL_TOKEN_E_INVALID },
		{ "1700000100000", PEAL_TOKEN_E_INVALID }, /* milliseconds */
		{ "1e400", PEAL_TOKEN_E_INVALID },
		{ "-1e400", PEAL_TOKEN_E_INVALID },
		{ "1700000100.00000000000000000000000000000", PEAL_TOKEN_E_INVALID },
		{ "\"1700000100\"", PEAL_TOKEN_E_INVALID },
		{ "null", PEAL_TOKEN_E_INVALID },
		{ "true", PEAL_TOKEN_E_INVALID },
		{ "[1700000100]", PEAL_TOKEN_E_INVALID },
		{ "{}", PEAL_TOKEN_E_INVALID },
	};
	char claims[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(claims, sizeof(claims), "{\"sub\":\"a\",\"exp\":%s}", cases[i].exp);
		ck_assert_msg(check_claims(claims) == cases[i].expected, "%s", cases[i].exp);
	}
	ck_assert_int_eq(check_claims("{\"sub\":\"a\"}"), PEAL_TOKEN_E_INVALID);
	ck_assert_int_eq(check_claims("{\"sub\":\"a\",\"EXP\":1700000100}"), PEAL_TOKEN_E_INVALID);
}
END_TEST

START_TEST(a_token_begins_30_seconds_before_nbf_and_iat)
{
	static const char *const claims[] = { "nbf", "iat" };
	static const struct {
		const char *time;
		int expected;
	} cases[] = {
		{ "1600000000", 0 },
		{ "1700000030", 0 },
		{ "1700000031", PEAL_TOKEN_E_EARLY },
		{ "1700000030.5", PEAL_TOKEN_E_EARLY },
		{ "253402300799", PEAL_TOKEN_E_EARLY },
		{ "1700000000000", PEAL_TOKEN_E_INVALID },
		{ "\"1600000000\"", PEAL_TOKEN_E_INVALID },
		{ "null", PEAL_TOKEN_E_INVALID },
	};
	char more[64];

	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < sizeof(cases) / sizeof(*cases); j++) {
			snprintf(more, sizeof(more), "\"%s\":%s", claims[i], cases[j].time);
			ck_assert_msg(check_more(more) == cases[j].expected, "%s", more);
		}
	}
}
END_TEST

/* --- issuer and audience -----------------------------------------------------------------------
 */

static char issuer[] = "https://a.example", second_issuer[] = "b";

START_TEST(the_issuer_must_be_one_of_those_that_are_set)
{
	char *issuers[] = { issuer, second_issuer };
	struct peal_token_rules rules = rules_of(&hs256, 1);
	static const struct {
		const char *claims;
		int expected;
	} cases[] = {
		{ "{\"sub\":\"a\",\"exp\":1700000100,\"iss\":\"https:\\/\\/a.example\"}", 0 },
		{ "{\"sub\":\"a\",\"exp\":1700000100,\"iss\":\"b\"}", 0 },
		{ "{\"sub\":\"a\",\"exp\":1700000100}", PEAL_TOKEN_E_INVALID },
		{ "{\"sub\":\"a\",\"exp\":1700000100,\"iss\":\"c\"}", PEAL_TOKEN_E_INVALID },
		{ "{\"sub\":\"a\",\"exp\":1700000100,\"iss\":\"b\\u0000\"}", PEAL_TOKEN_E_INVALID },
		{ "{\"sub\":\"a\",\"exp\":1700000100,\"iss\":\"https://a.example/\"}",
		  PEAL_TOKEN_E_INVALID },
		{ "{\"sub\":\"a\",\"exp\":1700000100,\"iss\":[\"b\"]}", PEAL_TOKEN_E_INVALID },
		{ "{\"sub\":\"a\",\"exp\":1700000100,\"iss\":null}", PEAL_TOKEN_E_INVALID },
		/* Whose it is matters more than how old it is. */
		{ "{\"sub\":\"a\",\"exp\":1,\"iss\":\"c\"}", PEAL_TOKEN_E_INVALID },
	};

	rules.issuers = (struct peal_token_list){ issuers, 2 };
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_msg(check_with(&rules, sign(&hs256, HEADER, cases[i].claims)) ==
				      cases[i].expected,
			      "%s", cases[i].claims);
}
END_TEST

START_TEST(the_audience_must_have_one_of_those_that_are_set)
{
	char *audiences[] = { issuer, second_issuer };
	struct peal_token_rules rules = rules_of(&hs256, 1);
	static const struct {
		const char *aud;
		int expected;
	} cases[] = {
		{ "\"b\"", 0 },
		{ "[\"x\",\"b\"]", 0 },
		{ "[1,{},[\"b\"],\"b\"]", 0 },
		{ "\"x\"", PEAL_TOKEN_E_INVALID },
		{ "[]", PEAL_TOKEN_E_INVALID },
		{ "[\"x\",[\"b\"]]", PEAL_TOKEN_E_INVALID },
		{ "{\"b\":\"b\"}", PEAL_TOKEN_E_INVALID },
		{ "null", PEAL_TOKEN_E_INVALID },
		{ "\"\"", PEAL_TOKEN_E_INVALID },
	};
	char claims[128];

	rules.audiences = (struct peal_token_list){ audiences, 2 };
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(claims, sizeof(claims), "{\"sub\":\"a\",\"exp\":1700000100,\"aud\":%s}",
			 cases[i].aud);
		ck_assert_msg(check_with(&rules, sign(&hs256, HEADER, claims)) == cases[i].expected,
			      "%s", claims);
	}
	ck_assert_int_eq(check_with(&rules, sign(&hs256, HEADER, CLAIMS)), PEAL_TOKEN_E_INVALID);
}
END_TEST

/* --- claims ------------------------------------------------------------------------------------
 */

START_TEST(claims_that_two_readers_would_read_differently_are_refused)
{
	static const char *const wrong[] = {
		"\"sub\":\"bob\"",
		"\"\\u0073ub\":\"bob\"",
		"\"data\":{\"a\":1,\"a\":2}",
		"\"x\":[{\"b\":{\"c\":1,\"c\":1}}]",
		"\"x\":\"\xc3\x28\"",
		"\"x\":\"\n\"",
		"\"x\\u0000\":1",
		"\"data\":{\"_placeholder\":true,\"num\":0}",
		"\"x\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_msg(check_more(wrong[i]) == PEAL_TOKEN_E_INVALID, "%s", wrong[i]);
	ck_assert_int_eq(check_more("\"x\":[[[[[[[1]]]]]]],\"y\":[{\"a\":1},{\"a\":1}]"), 0);
	static const char *const whole[] = { "[]", "1", "null", "\"\"", "{}{}", "{},{}", "", " " };
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		ck_assert_int_eq(check_claims(whole[i]), PEAL_TOKEN_E_INVALID);
}
END_TEST

START_TEST(claims_with_very_many_members_are_refused)
{
	char more[8192] = "\"x\":1";
	size_t length = strlen(more);

	for (unsigned i = 0; i < 300; i++)
		length += (size_t)sprintf(more + length, ",\"k%u\":1", i);
	ck_assert_int_eq(check_more(more), PEAL_TOKEN_E_INVALID);
	ck_assert_str_eq(reason, "the claims are not a plain JSON object");
}
END_TEST

START_TEST(a_user_is_a_text_or_a_whole_number)
{
	char claims[1024], user[300];

	ck_assert_int_eq(check_less(",\"sub\":42"), 0);
	ck_assert_str_eq(token.user, "42");
	ck_assert_str_eq(token.data, "{\"user\":\"42\"}");
	ck_assert_int_eq(check_less(",\"sub\":\"a \\\"b\\\" \\\\ \\u20ac\""), 0);
	ck_assert_str_eq(token.user, "a \"b\" \\ €");
	ck_assert_str_eq(token.data, "{\"user\":\"a \\\"b\\\" \\\\ €\"}");
	static const char *const wrong[] = {
		"",
		",\"sub\":\"\"",
		",\"sub\":null",
		",\"sub\":-1",
		",\"sub\":1.5",
		",\"sub\":1e3",
		",\"sub\":true",
		",\"sub\":[\"a\"]",
		",\"sub\":{}",
		",\"sub\":\"a\\u0000b\"",
		",\"sub\":\"a\\nb\"",
		",\"sub\":\"\\u007f\"",
		",\"sub\":\"\\u0085\"",
		",\"sub\":\"\\ud800\"",
		",\"sub\":1234567890123456",
		",\"Sub\":\"a\"",
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_msg(check_less(wrong[i]) == PEAL_TOKEN_E_INVALID, "%s", wrong[i]);
	for (size_t length = 255; length <= 256; length++) {
		memset(user, 'x', length);
		user[length] = '\0';
		snprintf(claims, sizeof(claims), ",\"sub\":\"%s\"", user);
		ck_assert_int_eq(check_less(claims), length == 255 ? 0 : PEAL_TOKEN_E_INVALID);
	}
}
END_TEST

START_TEST(rooms_are_few_plain_texts_and_never_those_of_users)
{
	char more[8192] = "\"rooms\":[\"r0\"", room[1100];
	size_t length = strlen(more);

	static const char *const wrong[] = {
		"\"rooms\":\"a\"",
		"\"rooms\":null",
		"\"rooms\":{}",
		"\"rooms\":[1]",
		"\"rooms\":[[\"a\"]]",
		"\"rooms\":[\"a\",null]",
		"\"rooms\":[\"\"]",
		"\"rooms\":[\"a\\u0000\"]",
		"\"rooms\":[\"a\\r\\nb\"]",
		"\"rooms\":[\"\\u001b[0m\"]",
		"\"rooms\":[\"\\u009b\"]",
		"\"rooms\":[\"\\udc00\"]",
		"\"rooms\":[\"user:bob\"]",
		"\"rooms\":[\"\\u0075ser:bob\"]",
		"\"rooms\":[\"user:alice\"]",
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_msg(check_more(wrong[i]) == PEAL_TOKEN_E_INVALID, "%s", wrong[i]);
	ck_assert_int_eq(check_more("\"rooms\":[]"), 0);
	ck_assert_int_eq(check_more("\"rooms\":[\"users:bob\",\"User:bob\",\"*\",\"a,b#c\"]"), 0);
	ck_assert_uint_eq(token.rooms.count, 4);

	for (unsigned i = 1; i < 100; i++)
		length += (size_t)sprintf(more + length, ",\"r%u\"", i);
	sprintf(more + length, "]");
	ck_assert_int_eq(check_more(more), 0);
	ck_assert_uint_eq(token.rooms.count, 100);
	sprintf(more + length, ",\"r100\"]");
	ck_assert_int_eq(check_more(more), PEAL_TOKEN_E_INVALID);

	for (size_t bytes = 1024; bytes <= 1025; bytes++) {
		memset(room, 'x', bytes);
		room[bytes] = '\0';
		snprintf(more, sizeof(more), "\"rooms\":[\"%s\"]", room);
		ck_assert_int_eq(check_more(more), bytes == 1024 ? 0 : PEAL_TOKEN_E_INVALID);
	}
}
END_TEST

START_TEST(data_is_an_object_without_a_user)
{
	static const char *const wrong[] = { "\"data\":[]",
					     "\"data\":null",
					     "\"data\":\"{}\"",
					     "\"data\":1",
					     "\"data\":{\"user\":\"bob\"}",
					     "\"data\":{\"a\":1,\"\\u0075ser\":\"bob\"}" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_msg(check_more(wrong[i]) == PEAL_TOKEN_E_INVALID, "%s", wrong[i]);
	ck_assert_int_eq(check_more("\"data\":{\"a\":{\"user\":\"bob\"},\"b\":\"%s\"}"), 0);
	ck_assert_str_eq(token.data, "{\"user\":\"alice\",\"a\":{\"user\":\"bob\"},\"b\":\"%s\"}");
}
END_TEST

/* --- sizes -------------------------------------------------------------------------------------
 */

START_TEST(a_token_may_have_8192_bytes_and_a_header_1024)
{
	static char more[16384], header[16384], pad[8192];
	size_t fits = 0;

	for (size_t length = 5800; length < 6200; length++) {
		memset(pad, 'x', length);
		pad[length] = '\0';
		snprintf(more, sizeof(more), "{\"sub\":\"a\",\"exp\":1700000100,\"x\":\"%s\"}",
			 pad);
		const char *text = sign(&hs256, HEADER, more);
		bool good = strlen(text) <= PEAL_TOKEN_BYTES;

		ck_assert_int_eq(check(text), good ? 0 : PEAL_TOKEN_E_INVALID);
		if (!good)
			ck_assert_str_eq(reason, "it is too long");
		fits += good;
	}
	ck_assert(fits > 0 && fits < 400);
	for (size_t length = 700; length < 800; length++) {
		memset(pad, 'x', length);
		pad[length] = '\0';
		snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"x\":\"%s\"}", pad);
		ck_assert_int_eq(check_header(header),
				 (strlen(header) * 4 + 2) / 3 <= 1024 ? 0 : PEAL_TOKEN_E_INVALID);
	}
	memset(pad, 'A', sizeof(pad) - 1);
	pad[sizeof(pad) - 1] = '\0';
	/* A signature beyond all bounds. */
	char *text = sign(&hs256, HEADER, CLAIMS);
	snprintf(strrchr(text, '.') + 1, 4000, "%.*s", 3000, pad);
	ck_assert_int_eq(check(text), PEAL_TOKEN_E_INVALID);
	ck_assert_str_eq(reason, "the signature is too long");
}
END_TEST

UNIT_MAIN_WITH("token", NULL, free_token, a_token_says_who_where_and_until_when,
	       the_names_of_claims_are_those_of_the_rules, base64url_has_one_text_for_each_value,
	       a_token_with_any_character_changed_is_refused,
	       a_token_that_is_cut_anywhere_is_refused, what_is_not_three_parts_is_refused,
	       another_secret_is_refused, the_algorithm_is_that_of_the_key,
	       the_public_key_is_no_secret, a_signature_of_es256_has_64_bytes,
	       headers_that_two_readers_would_read_differently_are_refused,
	       a_header_that_demands_to_be_understood_is_refused, tokens_of_other_types_are_refused,
	       keys_are_tried_in_their_order_and_by_their_name, a_token_ends_30_seconds_after_exp,
	       a_token_begins_30_seconds_before_nbf_and_iat,
	       the_issuer_must_be_one_of_those_that_are_set,
	       the_audience_must_have_one_of_those_that_are_set,
	       claims_that_two_readers_would_read_differently_are_refused,
	       claims_with_very_many_members_are_refused, a_user_is_a_text_or_a_whole_number,
	       rooms_are_few_plain_texts_and_never_those_of_users, data_is_an_object_without_a_user,
	       a_token_may_have_8192_bytes_and_a_header_1024)
