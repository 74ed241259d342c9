/*
 * CORS as the reference's cors package answers (client-wire.md §2.14). A compiled form of struct
 * peal_cors_options.
 */
#ifndef PEAL_HTTP_CORS_H
#define PEAL_HTTP_CORS_H

#include <peal/engine.h>

#include "base/buffer.h"

struct peal_cors;

/* *ret_cors is NULL when the options say off. Return: 0; -ENOMEM; -EINVAL for values with control
 * characters or a missing origin. */
int peal_cors_new(const struct peal_cors_options *options, struct peal_cors **ret_cors)
	__attribute__((warn_unused_result));
void peal_cors_free(struct peal_cors *cors);
/* Append the header lines that every response to @request gets. NULL @cors: none. */
void peal_cors_headers(const struct peal_cors *cors, const struct peal_request *request,
		       struct peal_buffer *lines);
/*
 * When @request is a preflight that is to be answered here, append all its header lines and return
 * the status; otherwise 0.
 */
unsigned peal_cors_preflight(const struct peal_cors *cors, const struct peal_request *request,
			     struct peal_buffer *lines);

#endif
