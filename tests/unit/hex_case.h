/* Bytes of tests are written as hexadecimal digits: as they were captured, or as the specification
 * prints them. */
#ifndef PEAL_TESTS_HEX_CASE_H
#define PEAL_TESTS_HEX_CASE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

/* The bytes of @hex in an allocation of exactly their size, so that a sanitizer sees one byte too
 * much. */
static inline char *hex_bytes(const char *hex, size_t *ret_length)
{
	size_t length = strlen(hex) / 2;
	char *bytes = malloc(length ? length : 1);
	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(peal_hex_value(hex[2 * i]) << 4 | peal_hex_value(hex[2 * i + 1]));
	*ret_length = length;
	return bytes;
}

/* The digits of @bytes; free(). */
static inline char *hex_text(const void *bytes, size_t length)
{
	char *text = malloc(2 * length + 1);
	ck_assert_ptr_nonnull(text);
	text[0] = '\0';
	for (size_t i = 0; i < length; i++)
		snprintf(text + 2 * i, 3, "%02x", ((const unsigned char *)bytes)[i]);
	return text;
}

static inline void assert_hex(const void *bytes, size_t length, const char *expected)
{
	char *text = hex_text(bytes, length);
	ck_assert_str_eq(text, expected);
	free(text);
}

#endif
