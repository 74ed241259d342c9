/*
 * Signatures of tokens, by OpenSSL.
 *
 * OpenSSL keeps a queue of errors for each thread, and its TLS takes what others left there for its
 * own. So whatever fails here empties it.
 */
#include "key.h"

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define HS256_BYTES 32
/* Each of the two numbers of a signature of ES256. */
#define ES256_HALF_BYTES 32
/* Both as DER: two integers with a sign byte, in a sequence. */
#define ES256_DER_BYTES (2 + 2 * (2 + 1 + ES256_HALF_BYTES))

const char *peal_key_algorithm_name(enum peal_key_algorithm algorithm)
{
	static const char *const names[PEAL_KEY_ALGORITHMS] = {
		[PEAL_KEY_HS256] = "HS256",
		[PEAL_KEY_RS256] = "RS256",
		[PEAL_KEY_ES256] = "ES256",
	};

	return names[algorithm];
}

void peal_key_deinit(struct peal_key *key)
{
	if (key->secret)
		OPENSSL_cleanse(key->secret, strlen(key->secret));
	free(key->secret);
	free(key->kid);
	EVP_PKEY_free(key->pair);
	*key = (struct peal_key){ 0 };
}

/* --- HS256 ----------------------------------------------------------------------------------- */

static bool make_hmac(const char *secret, const void *bytes, size_t length,
		      unsigned char ret_sum[HS256_BYTES])
{
	unsigned sum_length = 0;

	return HMAC(EVP_sha256(), secret, (int)strlen(secret), bytes, length, ret_sum,
		    &sum_length) &&
	       sum_length == HS256_BYTES;
}

static bool verify_hmac(const struct peal_key *key, const void *bytes, size_t length,
			const unsigned char *signature, size_t signature_length)
{
	unsigned char sum[HS256_BYTES];
	bool good = signature_length == HS256_BYTES && make_hmac(key->secret, bytes, length, sum) &&
		    CRYPTO_memcmp(sum, signature, HS256_BYTES) == 0;

	OPENSSL_cleanse(sum, sizeof(sum));
	return good;
}

/* --- ES256 ----------------------------------------------------------------------------------- */

/* Tokens carry the two numbers one behind the other, OpenSSL wants DER. Return: the length of that;
 * 0 without memory. */
static size_t to_der(const unsigned char signature[2 * ES256_HALF_BYTES],
		     unsigned char der[ES256_DER_BYTES])
{
	BIGNUM *r = BN_bin2bn(signature, ES256_HALF_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(signature + ES256_HALF_BYTES, ES256_HALF_BYTES, NULL);
	ECDSA_SIG *pair = ECDSA_SIG_new();
	int length = 0;

	if (r && s && pair && ECDSA_SIG_set0(pair, r, s) == 1) {
		r = s = NULL;
		length = i2d_ECDSA_SIG(pair, NULL);
		length = length > 0 && length <= ES256_DER_BYTES ? i2d_ECDSA_SIG(pair, &der) : 0;
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	return length > 0 ? (size_t)length : 0;
}

static bool from_der(const unsigned char *der, size_t length,
		     unsigned char ret_signature[2 * ES256_HALF_BYTES])
{
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)length);
	bool good = pair &&
		    BN_bn2binpad(ECDSA_SIG_get0_r(pair), ret_signature, ES256_HALF_BYTES) ==
			    ES256_HALF_BYTES &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(pair), ret_signature + ES256_HALF_BYTES,
				 ES256_HALF_BYTES) == ES256_HALF_BYTES;

	ECDSA_SIG_free(pair);
	return good;
}

/* --- pairs of keys --------------------------------------------------------------------------- */

static bool verify_pair(const struct peal_key *key, const void *bytes, size_t length,
			const unsigned char *signature, size_t signature_length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context &&
		    EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key->pair) == 1 &&
		    EVP_DigestVerify(context, signature, signature_length, bytes, length) == 1;

	EVP_MD_CTX_free(context);
	return good;
}

static bool verify_es256(const struct peal_key *key, const void *bytes, size_t length,
			 const unsigned char *signature, size_t signature_length)
{
	unsigned char der[ES256_DER_BYTES];
	size_t der_length;

	if (signature_length != (size_t)2 * ES256_HALF_BYTES)
		return false;
	der_length = to_der(signature, der);
	return der_length && verify_pair(key, bytes, length, der, der_length);
}

static bool sign_pair(const struct peal_key *key, const void *bytes, size_t length,
		      unsigned char *ret_signature, size_t *ret_length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t room = PEAL_KEY_SIGNATURE_BYTES;
	bool good = context &&
		    EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pair) == 1 &&
		    EVP_DigestSign(context, ret_signature, &room, bytes, length) == 1;

	EVP_MD_CTX_free(context);
	*ret_length = room;
	return good;
}

static bool sign_es256(const struct peal_key *key, const void *bytes, size_t length,
		       unsigned char *ret_signature, size_t *ret_length)
{
	unsigned char der[PEAL_KEY_SIGNATURE_BYTES];
	size_t der_length;

	*ret_length = (size_t)2 * ES256_HALF_BYTES;
	return sign_pair(key, bytes, length, der, &der_length) &&
	       from_der(der, der_length, ret_signature);
}

/* --- all of them ----------------------------------------------------------------------------- */

bool peal_key_verify(const struct peal_key *key, const void *bytes, size_t length,
		     const unsigned char *signature, size_t signature_length)
{
	bool good = false;

	switch (key->algorithm) {
	case PEAL_KEY_HS256:
		good = verify_hmac(key, bytes, length, signature, signature_length);
		break;
	case PEAL_KEY_RS256:
		good = verify_pair(key, bytes, length, signature, signature_length);
		break;
	case PEAL_KEY_ES256:
		good = verify_es256(key, bytes, length, signature, signature_length);
		break;
	case PEAL_KEY_ALGORITHMS:
		break;
	}
	if (!good)
		ERR_clear_error();
	return good;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_secret(const char *a, const char *b)
{
	size_t length = a ? strlen(a) : 0;

	if (!a || !b || length != strlen(b))
		return a == b;
	return CRYPTO_memcmp(a, b, length) == 0;
}

bool peal_key_equal(const struct peal_key *a, const struct peal_key *b)
{
	bool same = a->algorithm == b->algorithm && same_text(a->kid, b->kid) &&
		    same_secret(a->secret, b->secret);

	if (same && a->pair && b->pair)
		same = EVP_PKEY_eq(a->pair, b->pair) == 1;
	ERR_clear_error();
	return same;
}

bool peal_key_sign(const struct peal_key *key, const void *bytes, size_t length,
		   unsigned char ret_signature[PEAL_KEY_SIGNATURE_BYTES], size_t *ret_length)
{
	bool good = false;

	switch (key->algorithm) {
	case PEAL_KEY_HS256:
		*ret_length = HS256_BYTES;
		good = make_hmac(key->secret, bytes, length, ret_signature);
		break;
	case PEAL_KEY_RS256:
		good = sign_pair(key, bytes, length, ret_signature, ret_length);
		break;
	case PEAL_KEY_ES256:
		good = sign_es256(key, bytes, length, ret_signature, ret_length);
		break;
	case PEAL_KEY_ALGORITHMS:
		break;
	}
	if (!good)
		ERR_clear_error();
	return good;
}
