/*
 * Base64 with the alphabet of URLs and without padding, as tokens use it. Strict: there is one way
 * to write a value, so a token cannot be changed without its signature noticing.
 */
#ifndef PEAL_APP_ACCESS_BASE64URL_H
#define PEAL_APP_ACCESS_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

/* What a text of @length characters may decode to, at most. */
#define PEAL_BASE64URL_DECODED(length) ((length) / 4 * 3 + 3)
/* What @length bytes are encoded to, with the NUL. */
#define PEAL_BASE64URL_ENCODED(length) (((length) + 2) / 3 * 4 + 1)

/* Return: false for another character, padding, a length that no bytes have, and bits left over. */
bool peal_base64url_decode(const char *text, size_t length, unsigned char *ret_bytes,
			   size_t *ret_length);
/* Writes the text and a NUL. Return: its length. */
size_t peal_base64url_encode(const unsigned char *bytes, size_t length, char *ret_text);

#endif
