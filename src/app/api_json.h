/*
 * Pieces of JSON text.
 *
 * The API passes arguments on as they came, numbers and all, so it works on the text and not on a
 * tree. Nothing here checks the grammar: bodies of requests have gone through
 * peal_args_new_from_json(). Answers that a command gets have not; whatever they are made of,
 * nothing is read beyond a piece, and each walk ends.
 */
#ifndef PEAL_APP_API_JSON_H
#define PEAL_APP_API_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* One value, without white space around it. */
struct peal_piece {
	const char *at;
	size_t length;
};

/* Steps through the members of an object or the items of an array. */
struct peal_pieces {
	const char *at, *end;
};

struct peal_piece peal_piece_trim(const char *text, size_t length);
struct peal_pieces peal_piece_into(struct peal_piece container);
/* Return: false at the end. @ret_key is NULL for arrays. */
bool peal_piece_next(struct peal_pieces *walk, struct peal_piece *ret_key,
		     struct peal_piece *ret_value);

/* Is the string, which may be written with escapes, this ASCII text? */
bool peal_piece_is(struct peal_piece string, const char *text);
/* The string as UTF-8. Return: NULL for one with U+0000 or half a surrogate pair, and without
 * memory (errno is ENOMEM then, else 0). */
char *peal_piece_string(struct peal_piece string);
/* Return: false for what is no whole number of 0 … 999 999 999. */
bool peal_piece_natural(struct peal_piece number, unsigned *ret_number);

/* Writes a text as a JSON string. */
void peal_piece_put_string(FILE *stream, const char *text);

#endif
