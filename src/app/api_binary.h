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

/* Writes the first argument; null when there is none. */
void peal_api_args_put(FILE *stream, const struct peal_args *args);
/* Writes all arguments, separated by commas. */
void peal_api_args_put_all(FILE *stream, const struct peal_args *args);

#endif
