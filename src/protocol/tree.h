/* cJSON trees as JSON text and back, as JavaScript would print and read them. */
#ifndef PEAL_PROTOCOL_TREE_H
#define PEAL_PROTOCOL_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

struct cJSON;

/*
 * Append the compact text of a tree that an application built. Return: true; false when it cannot
 * be encoded: more than @depth deep, a node without a type or without its text, a string that is
 * not UTF-8, a raw node that is not one JSON value. Memory and size show in the buffer.
 */
bool peal_tree_print(struct peal_buffer *out, const struct cJSON *tree, size_t depth);

/*
 * Build the tree of one valid JSON value. Unlike cJSON_Parse() it takes all of JSON: half surrogate
 * pairs become U+FFFD, numbers may be as long as they like, and U+0000, which cJSON cannot hold, is
 * U+FFFD instead of the end of its string. Return: NULL without memory; free with cJSON_Delete().
 */
struct cJSON *peal_tree_parse(const char *text, size_t length);

#endif
