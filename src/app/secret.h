/*
 * Secrets from files.
 */
#ifndef PEAL_APP_SECRET_H
#define PEAL_APP_SECRET_H

#include "options.h"

/**
 * peal_secret_read() - the first line of a file, without its end
 * @flag:     what the message begins with
 * @ret_text: to be freed with peal_secret_free()
 *
 * Return: 0; -ENOMEM; PEAL_USAGE_WRONG.
 */
int peal_secret_read(const char *flag, const char *path, char **ret_text, struct peal_usage *usage)
	__attribute__((warn_unused_result));
/* Wipes it; NULL is fine. */
void peal_secret_free(char *text);

#endif
