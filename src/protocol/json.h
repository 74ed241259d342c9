/*
 * JSON text: a strict validator that never builds a tree, a splitter, string decoding and encoding.
 * RFC 8259 as JSON.parse() takes it.
 *
 * The server never prints what it relays: it validates the text, finds the event name, and keeps
 * the argument text as it came.
 */
#ifndef PEAL_PROTOCOL_JSON_H
#define PEAL_PROTOCOL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum peal_json_type {
	PEAL_JSON_INVALID,
	PEAL_JSON_OBJECT,
	PEAL_JSON_ARRAY,
	PEAL_JSON_STRING,
	PEAL_JSON_NUMBER,
	PEAL_JSON_TRUE,
	PEAL_JSON_FALSE,
	PEAL_JSON_NULL,
};

/* What a validation found besides validity. */
struct peal_json_facts {
	enum peal_json_type type; /* of the whole */
	size_t items;		  /* of a top-level array */
	size_t depth;		  /* of the deepest nesting; 0 for a scalar */
	/* Objects that JavaScript would take for an attachment: a member "_placeholder" that is
	 * exactly true. Those inside of another one, or in a member that a later one of the same
	 * name replaces, count as well, although JavaScript would not look there. */
	size_t placeholders;
	uint64_t placeholder_max; /* the largest num of them */
	bool placeholder_invalid; /* one of them lacks a num that is an integer of 0 … 2^53−1 */
};

/*
 * Validate a whole text: exactly one value, white space of JSON around it, valid UTF-8 inside
 * strings, at most PEAL_LIMIT_JSON_DEPTH deep. Duplicate keys: JavaScript keeps the last, so the
 * last "_placeholder" and "num" count. Escaped spellings of the keys ("\u005fplaceholder") count as
 * the keys they are.
 */
bool peal_json_validate(const char *text, size_t length, struct peal_json_facts *ret_facts);

/*
 * The end of the value that starts at @at (white space in front is skipped first, *ret_start is
 * where it begins). The text must be valid. For walking arrays: value, comma, value.
 */
const char *peal_json_skip_value(const char *at, const char *end, const char **ret_start);

/* The type of valid text by its first character. */
enum peal_json_type peal_json_type_at(const char *at, const char *end);

/*
 * Decode a JSON string (with its quotes) into UTF-8; @text must be valid. A lone surrogate becomes
 * U+FFFD. Return: 0 and the bytes appended; the buffer's error. *ret_has_nul tells that U+0000 is
 * in it.
 */
int peal_json_decode_string(const char *text, size_t length, struct peal_buffer *out,
			    bool *ret_has_nul);
/* The same into memory of the caller, at most @length − 2 bytes. Return: how many. */
size_t peal_json_decode_string_into(const char *text, size_t length, char *ret_bytes,
				    bool *ret_has_nul);
/* The number that valid JSON text of one is to JavaScript, whatever the locale. */
double peal_json_parse_number(const char *text, size_t length);
/* Whether valid text is an object that stands for an attachment; @ret_num receives its number, or
 * UINT64_MAX when that is none of 0 … 2^53−1. */
bool peal_json_placeholder(const char *text, size_t length, uint64_t *ret_num);

/* Append UTF-8 as a JSON string with quotes, escaped as JSON.stringify() does. The bytes must be
 * valid UTF-8. */
void peal_json_append_string(struct peal_buffer *out, const char *bytes, size_t length);
/* The same for bytes that may be anything. Return: whether they are valid UTF-8; otherwise nothing
 * is appended. */
bool peal_json_append_checked(struct peal_buffer *out, const char *bytes, size_t length)
	__attribute__((warn_unused_result));
/* Append a number as JSON.stringify() prints it: shortest form that reads back, 1e21 and above with
 * exponent, null if not finite. */
void peal_json_append_double(struct peal_buffer *out, double number);

#endif
