/*
 * Signatures of webhooks, as the Standard Webhooks specification 1.0 has them: the backend checks
 * them with any of its libraries, or with a few lines.
 *
 *   webhook-signature: v1,BASE64(HMAC-SHA256(secret, id "." timestamp "." body))
 */
#ifndef PEAL_APP_HOOKS_SIGNATURE_H
#define PEAL_APP_HOOKS_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The specification wants secrets of so many bytes. */
#define PEAL_SIGNATURE_SECRET_LEAST 24
#define PEAL_SIGNATURE_SECRET_MOST 64
/* "v1," and 32 bytes as base64, with the NUL. */
#define PEAL_SIGNATURE_BYTES 48

struct peal_signature_secret {
	unsigned char bytes[PEAL_SIGNATURE_SECRET_MOST];
	size_t length;
};

/* @text: base64, with or without whsec_ in front. Return: false when it is no such secret. */
bool peal_signature_secret(const char *text, struct peal_signature_secret *ret_secret);
void peal_signature_secret_wipe(struct peal_signature_secret *secret);

/* @timestamp: seconds since 1970. Return: false without memory. */
bool peal_signature(const struct peal_signature_secret *secret, const char *id, int64_t timestamp,
		    const char *body, size_t length, char ret_text[PEAL_SIGNATURE_BYTES])
	__attribute__((warn_unused_result));

#endif
