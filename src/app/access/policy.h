/*
 * Which tokens each namespace wants: the settings of the section "Access", read, checked, and with
 * their keys loaded.
 */
#ifndef PEAL_APP_ACCESS_POLICY_H
#define PEAL_APP_ACCESS_POLICY_H

#include "../options.h"
#include "token.h"

/* Keys of one namespace: a few are in use while they are changed. */
#define PEAL_POLICY_KEYS 16

/* Of a namespace that has a key. */
struct peal_policy {
	char *space; /* its name; "*" for those that --namespace "*" accepts */
	struct peal_token_rules rules;
	bool optional; /* a client may come without a token */
};

struct peal_policies {
	struct peal_policy *items;
	size_t count;
};

/**
 * peal_policies_load() - read the settings and the files that they name
 * @policies: receives copies of everything; peal_policies_deinit() in any case
 *
 * Return: 0; -ENOMEM; PEAL_USAGE_WRONG.
 */
int peal_policies_load(const struct peal_settings *settings, struct peal_policies *policies,
		       struct peal_usage *usage) __attribute__((warn_unused_result));
void peal_policies_deinit(struct peal_policies *policies);

/* @space: with or without its slash. Return: NULL for a namespace without a key. */
struct peal_policy *peal_policies_find(const struct peal_policies *policies, const char *space);

#endif
