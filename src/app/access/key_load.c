/*
 * Keys from the settings and from files. What does not fit its algorithm is refused here, so that
 * nothing is left to find out when a client comes.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../secret.h"
#include "key.h"

/* A certificate with all its extensions is far smaller. */
#define PEM_CEILING 65536
#define KID_BYTES 255
#define RSA_BITS_LOW 2048
#define RSA_BITS_HIGH (8 * PEAL_KEY_SIGNATURE_BYTES)

/* --- secrets --------------------------------------------------------------------------------- */

static int check_secret(const char *flag, const char *secret, struct peal_usage *usage)
{
	/* Everybody may know a public key: as a secret it would let everybody in. */
	if (!strncmp(secret, "-----BEGIN ", 11))
		return peal_usage_set(usage, "%s: HS256 needs a secret, and this is PEM", flag);
	if (strlen(secret) < PEAL_KEY_SECRET_BYTES)
		return peal_usage_set(usage,
				      "%s: the secret of HS256 must have at least %d bytes, as "
				      "`openssl rand -base64 32` makes them",
				      flag, PEAL_KEY_SECRET_BYTES);
	return 0;
}

int peal_key_from_secret(const char *flag, const char *secret, struct peal_key *key,
			 struct peal_usage *usage)
{
	int r = check_secret(flag, secret, usage);

	*key = (struct peal_key){ .algorithm = PEAL_KEY_HS256 };
	if (r != 0)
		return r;
	key->secret = strdup(secret);
	return key->secret ? 0 : -ENOMEM;
}

/* --- PEM ------------------------------------------------------------------------------------- */

static int read_file(const char *flag, const char *path, char *text, size_t *ret_length,
		     struct peal_usage *usage)
{
	FILE *stream = fopen(path, "re");
	int error;

	if (!stream)
		return peal_usage_set(usage, "%s: cannot open \"%s\": %s", flag, path,
				      strerror(errno));
	errno = 0;
	*ret_length = fread(text, 1, PEM_CEILING, stream);
	error = ferror(stream) ? errno : 0;
	fclose(stream);
	if (error)
		return peal_usage_set(usage, "%s: cannot read \"%s\": %s", flag, path,
				      strerror(error));
	if (*ret_length == PEM_CEILING)
		return peal_usage_set(usage, "%s: \"%s\" has %d bytes or more", flag, path,
				      PEM_CEILING);
	return 0;
}

/* Nobody sits in front of a node to type a password. */
static int no_password(char *buffer, int size, int writing, void *userdata)
{
	(void)buffer, (void)size, (void)writing, (void)userdata;
	return -1;
}

static EVP_PKEY *public_of_certificate(BIO *bio)
{
	X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	EVP_PKEY *pair = certificate ? X509_get_pubkey(certificate) : NULL;

	X509_free(certificate);
	return pair;
}

static EVP_PKEY *parse_pem(const char *text, size_t length, bool signing)
{
	EVP_PKEY *pair = NULL;
	BIO *bio = BIO_new_mem_buf(text, (int)length);

	if (!bio)
		return NULL;
	pair = signing ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL)
		       : PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
	if (!pair && !signing && BIO_reset(bio) == 1)
		pair = public_of_certificate(bio);
	BIO_free(bio);
	ERR_clear_error();
	return pair;
}

static int check_pair(const char *flag, const char *path, const struct peal_key *key,
		      struct peal_usage *usage)
{
	char curve[32] = "";
	size_t length;
	int bits;

	if (key->algorithm == PEAL_KEY_ES256) {
		if (EVP_PKEY_get_base_id(key->pair) == EVP_PKEY_EC &&
		    EVP_PKEY_get_group_name(key->pair, curve, sizeof(curve), &length) == 1 &&
		    !strcmp(curve, "prime256v1"))
			return 0;
		ERR_clear_error();
		return peal_usage_set(usage,
				      "%s: the key in \"%s\" is not of the curve P-256, "
				      "which ES256 needs",
				      flag, path);
	}
	if (EVP_PKEY_get_base_id(key->pair) != EVP_PKEY_RSA)
		return peal_usage_set(usage,
				      "%s: the key in \"%s\" is not of RSA, which RS256 "
				      "needs",
				      flag, path);
	bits = EVP_PKEY_get_bits(key->pair);
	if (bits < RSA_BITS_LOW || bits > RSA_BITS_HIGH)
		return peal_usage_set(usage,
				      "%s: the key in \"%s\" has %d bits; RS256 needs %d to "
				      "%d",
				      flag, path, bits, RSA_BITS_LOW, RSA_BITS_HIGH);
	return 0;
}

static int load_pem(const char *flag, const char *path, bool signing, struct peal_key *key,
		    struct peal_usage *usage)
{
	char *text = calloc(1, PEM_CEILING + 1);
	bool private_half;
	size_t length = 0;
	int r;

	if (!text)
		return -ENOMEM;
	r = read_file(flag, path, text, &length, usage);
	if (r == 0) {
		key->pair = parse_pem(text, length, signing);
		private_half = strstr(text, "PRIVATE KEY-----") != NULL;
		if (!signing && private_half)
			r = peal_usage_set(usage,
					   "%s: \"%s\" holds a private key; a node needs only the "
					   "public one, which `openssl pkey -pubout` makes of it",
					   flag, path);
		else if (!key->pair)
			r = peal_usage_set(usage, "%s: \"%s\" holds no %s in PEM%s", flag, path,
					   signing ? "private key" : "public key or certificate",
					   private_half ? " without a password" : "");
		else
			r = check_pair(flag, path, key, usage);
	}
	OPENSSL_cleanse(text, PEM_CEILING);
	free(text);
	return r;
}

/* --- both ------------------------------------------------------------------------------------ */

static bool find_algorithm(const char *text, size_t length, enum peal_key_algorithm *ret_algorithm)
{
	for (unsigned i = 0; i < PEAL_KEY_ALGORITHMS; i++) {
		const char *name = peal_key_algorithm_name((enum peal_key_algorithm)i);

		if (strlen(name) == length && !memcmp(name, text, length)) {
			*ret_algorithm = (enum peal_key_algorithm)i;
			return true;
		}
	}
	return false;
}

static int load_secret(const char *flag, const char *path, struct peal_key *key,
		       struct peal_usage *usage)
{
	int r = peal_secret_read(flag, path, &key->secret, usage);

	return r == 0 ? check_secret(flag, key->secret, usage) : r;
}

int peal_key_load(const char *flag, const char *text, bool signing, struct peal_key *key,
		  struct peal_usage *usage)
{
	const char *colon = strchr(text, ':');
	size_t length = strcspn(text, "@:");

	*key = (struct peal_key){ 0 };
	if (!colon || !colon[1] || !find_algorithm(text, length, &key->algorithm))
		/* Without the text: it may be a secret in the wrong place. */
		return peal_usage_set(usage,
				      "%s: must be ALG:FILE or ALG@KID:FILE, with HS256, RS256 or "
				      "ES256 as ALG",
				      flag);
	if (text[length] == '@') {
		size_t kid = (size_t)(colon - text) - length - 1;

		if (!kid || kid > KID_BYTES)
			return peal_usage_set(usage, "%s: the KID must have 1 to %d bytes", flag,
					      KID_BYTES);
		key->kid = strndup(text + length + 1, kid);
		if (!key->kid)
			return -ENOMEM;
	}
	return key->algorithm == PEAL_KEY_HS256 ? load_secret(flag, colon + 1, key, usage)
						: load_pem(flag, colon + 1, signing, key, usage);
}
