/*
 * A setting that is a list of "[NS ]TEXT" items: each is a rule for one namespace, which is the
 * main one when the item names none.
 */
#ifndef PEAL_APP_ACCESS_RULE_LIST_H
#define PEAL_APP_ACCESS_RULE_LIST_H

#include "../options.h"

/* Of one setting: each rule may be looked at for each event. */
#define PEAL_RULE_LIST_CEILING 256

struct peal_rule {
	char *space; /* as --namespace has it; "*" for all that this accepts */
	char *text;
};

struct peal_rule_list {
	struct peal_rule *items;
	size_t count;
};

/* Return: what is wrong with a text, as the end of a sentence about it; NULL when it is fine. */
typedef const char *peal_rule_error_fn(const char *text);

/**
 * peal_rule_list_load() - read and check the items
 * @flag:  of the setting, for messages
 * @error: judges each text
 * @rules: receives copies; peal_rule_list_deinit() in any case
 *
 * Return: 0; -ENOMEM; PEAL_USAGE_WRONG.
 */
int peal_rule_list_load(const struct peal_settings *settings, const char *flag,
			const struct peal_settings_list *list, peal_rule_error_fn *error,
			struct peal_rule_list *rules, struct peal_usage *usage)
	__attribute__((warn_unused_result));
void peal_rule_list_deinit(struct peal_rule_list *rules);

#endif
