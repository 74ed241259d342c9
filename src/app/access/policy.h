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

/**
 * peal_policies_exchange() - let two that are for the same namespaces change places
 *
 * Who holds a policy of @a finds the rules of @b in it.
 *
 * Return: 0; 1 when their keys differ; -EINVAL for other namespaces, and then nothing has changed.
 */
int peal_policies_exchange(struct peal_policies *a, struct peal_policies *b)
	__attribute__((warn_unused_result));

/* @space: with or without its slash. Return: NULL for a namespace without a key. */
struct peal_policy *peal_policies_find(const struct peal_policies *policies, const char *space);

#endif
