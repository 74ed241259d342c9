/* UTF-8, base64 and URL decoding. No I/O, no clock. */
#ifndef PEAL_PROTOCOL_TEXT_H
#define PEAL_PROTOCOL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. Fast on ASCII. */
bool peal_utf8_valid(const void *bytes, size_t length);

/* A room, event or namespace name from outside: up to PEAL_LIMIT_NAME_BYTES bytes of UTF-8 without
 * U+0000. Names may be empty in JavaScript; here too. */
bool peal_name_valid(const char *name, size_t length);

#define PEAL_BASE64_LENGTH(n) (((n) + 2) / 3 * 4)
/* Standard alphabet with padding; writes PEAL_BASE64_LENGTH(length) characters, no NUL. */
void peal_base64_encode(const void *bytes, size_t length, char *ret_text);
/*
 * As lenient as Node.js: both alphabets, padding optional, characters of neither are skipped, the
 * first '=' ends it. Writes at most length / 4 * 3 + 3 bytes and returns how many.
 */
size_t peal_base64_decode(const char *text, size_t length, void *ret_bytes);

/*
 * The last value of a parameter in a query string, decoded as URLSearchParams does (percent, plus;
 * invalid escapes stay). Return: 0 and the value appended to @value; -ENOENT; the buffer's error.
 */
int peal_query_find(const char *query, size_t length, const char *name, struct peal_buffer *value);

#endif
