/*
 * Arguments with binary in JSON: {"$binary":"base64"} at any depth, both ways.
 */
#ifndef PEAL_APP_API_BINARY_H
#define PEAL_APP_API_BINARY_H

#include <peal/args.h>

#include "api_json.h"

/**
 * peal_api_args_read() - the arguments that a JSON array stands for
 * @ret_wrong: receives what is wrong with it, when the return is above zero
 *
 * Return: 0; -ENOMEM; a code of enum peal_emit_error.
 */
int peal_api_args_read(struct peal_piece array, struct peal_args **ret_args, const char **ret_wrong)
	__attribute__((warn_unused_result));

/**
 * peal_api_args_wrap() - arguments around those of somebody else
 * @text:   a JSON array, in which the placeholders of @inside stand as they were
 * @inside: whose attachments they are
 *
 * Return: 0; -ENOMEM; PEAL_EMIT_E_TOO_LARGE; PEAL_EMIT_E_INVALID.
 */
int peal_api_args_wrap(const char *text, size_t length, const struct peal_args *inside,
		       struct peal_args **ret_args) __attribute__((warn_unused_result));

/* Writes the first argument; null when there is none. */
void peal_api_args_put(FILE *stream, const struct peal_args *args);
/* Writes all arguments, separated by commas. */
void peal_api_args_put_all(FILE *stream, const struct peal_args *args);

#endif
