/*
 * struct peal_args inside: text and attachments, and what was parsed of it on request.
 */
#ifndef PEAL_PROTOCOL_ARGS_H
#define PEAL_PROTOCOL_ARGS_H

#include <peal/args.h>
#include <peal/emit.h>

#include "base/limits.h"

struct peal_args_cache;

struct peal_args {
	const char *text; /* validated elements, separated by commas, no brackets */
	size_t length;
	size_t count;
	const struct peal_bytes *attachments; /* num → bytes */
	size_t attachment_count;
	struct peal_args_cache *cache; /* parsed on request; NULL before */
	void *owned;		       /* the text, when it is ours */
};

/* Borrowing arguments for the time of a callback. Call peal_args_deinit() afterwards. */
void peal_args_init(struct peal_args *args, const char *text, size_t length, size_t count,
		    const struct peal_bytes *attachments, size_t attachment_count);
void peal_args_deinit(struct peal_args *args);

/*
 * Encode C values. @args borrows attachments from @values and owns its text; call
 * peal_args_deinit(). @attachments is room for PEAL_LIMIT_ATTACHMENTS entries that lives as long as
 * @args. Return: 0; -ENOMEM; PEAL_EMIT_E_INVALID; PEAL_EMIT_E_TOO_LARGE.
 */
int peal_args_encode(struct peal_args *args, struct peal_values values,
		     struct peal_bytes *attachments) __attribute__((warn_unused_result));

#endif
