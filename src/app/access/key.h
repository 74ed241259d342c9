/*
 * Keys that sign and verify tokens. Each is made for one algorithm by the configuration, and is
 * read once.
 */
#ifndef PEAL_APP_ACCESS_KEY_H
#define PEAL_APP_ACCESS_KEY_H

#include "../options.h"

struct evp_pkey_st;

enum peal_key_algorithm { PEAL_KEY_HS256, PEAL_KEY_RS256, PEAL_KEY_ES256, PEAL_KEY_ALGORITHMS };

/* RS256 with the longest key that is taken, 8192 bits. */
#define PEAL_KEY_SIGNATURE_BYTES 1024
/* RFC 7518, 3.2: as long as the hash. */
#define PEAL_KEY_SECRET_BYTES 32

struct peal_key {
	enum peal_key_algorithm algorithm;
	char *kid;		  /* NULL: for every token, whatever key it names */
	char *secret;		  /* of HS256 */
	struct evp_pkey_st *pair; /* of the others; often only the public half */
};

/* "HS256" and so on. */
const char *peal_key_algorithm_name(enum peal_key_algorithm algorithm);

/**
 * peal_key_load() - a key as the settings name it
 * @flag:    what a message begins with
 * @text:    "ALG[@KID]:FILE": a secret in the first line of the file, or PEM
 * @signing: the private half is wanted; otherwise the public one, alone or in a certificate, and a
 *           private key is refused, because a node does not need it
 *
 * Return: 0; -ENOMEM; PEAL_USAGE_WRONG. peal_key_deinit() in any case.
 */
int peal_key_load(const char *flag, const char *text, bool signing, struct peal_key *key,
		  struct peal_usage *usage) __attribute__((warn_unused_result));
/* A key of HS256; @secret is copied. Return: as above. */
int peal_key_from_secret(const char *flag, const char *secret, struct peal_key *key,
			 struct peal_usage *usage) __attribute__((warn_unused_result));
void peal_key_deinit(struct peal_key *key);
/* Do both accept the same tokens? */
bool peal_key_equal(const struct peal_key *a, const struct peal_key *b);

/* Is it the signature of these bytes by this key? Also false without memory. */
bool peal_key_verify(const struct peal_key *key, const void *bytes, size_t length,
		     const unsigned char *signature, size_t signature_length);
/* Return: false without memory, or when the key has no private half. */
bool peal_key_sign(const struct peal_key *key, const void *bytes, size_t length,
		   unsigned char ret_signature[PEAL_KEY_SIGNATURE_BYTES], size_t *ret_length);

#endif
