/*
 * Signatures of webhooks.
 */
#include "signature.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "../base64std.h"

#define PREFIX "whsec_"
#define SUM_BYTES 32

bool peal_signature_secret(const char *text, struct peal_signature_secret *ret_secret)
{
	unsigned char bytes[PEAL_SIGNATURE_SECRET_MOST + 3];
	size_t length = 0;
	bool good;

	if (!strncmp(text, PREFIX, strlen(PREFIX)))
		text += strlen(PREFIX);
	good = strlen(text) / 4 * 3 <= sizeof(bytes) &&
	       peal_base64std_decode(text, bytes, &length) &&
	       length >= PEAL_SIGNATURE_SECRET_LEAST && length <= PEAL_SIGNATURE_SECRET_MOST;
	if (good) {
		memcpy(ret_secret->bytes, bytes, length);
		ret_secret->length = length;
	}
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return good;
}

void peal_signature_secret_wipe(struct peal_signature_secret *secret)
{
	OPENSSL_cleanse(secret, sizeof(*secret));
}

/* HMAC(), but of several pieces: the body is not copied. */
static bool make_sum(const struct peal_signature_secret *secret, const char *head, const char *body,
		     size_t length, unsigned char sum[SUM_BYTES])
{
	EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, secret->bytes, secret->length);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t room = SUM_BYTES;
	bool good = key && context &&
		    EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
		    EVP_DigestSignUpdate(context, head, strlen(head)) == 1 &&
		    EVP_DigestSignUpdate(context, body, length) == 1 &&
		    EVP_DigestSignFinal(context, sum, &room) == 1 && room == SUM_BYTES;

	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	/* TLS would take what is left in the queue of this thread for its own. */
	if (!good)
		ERR_clear_error();
	return good;
}

bool peal_signature(const struct peal_signature_secret *secret, const char *id, int64_t timestamp,
		    const char *body, size_t length, char ret_text[PEAL_SIGNATURE_BYTES])
{
	unsigned char sum[SUM_BYTES];
	char head[128];

	snprintf(head, sizeof(head), "%s.%" PRId64 ".", id, timestamp);
	if (!make_sum(secret, head, body, length, sum))
		return false;
	memcpy(ret_text, "v1,", 3);
	EVP_EncodeBlock((unsigned char *)ret_text + 3, sum, SUM_BYTES);
	return true;
}
