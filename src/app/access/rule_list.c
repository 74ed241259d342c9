/*
 * A setting that is a list of rules for namespaces.
 */
#include "rule_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "space.h"

static int add(const struct peal_settings *settings, const char *flag, const char *item,
	       peal_rule_error_fn *error, struct peal_rule *rule, struct peal_usage *usage)
{
	const char *text = peal_space_split(item, &rule->space), *wrong;

	if (!text)
		return -ENOMEM;
	if (!rule->space)
		rule->space = strdup(PEAL_SPACE_MAIN);
	rule->text = strdup(text);
	if (!rule->space || !rule->text)
		return -ENOMEM;
	wrong = error(text);
	if (wrong)
		return peal_usage_set(usage, "%s: \"%s\" %s", flag, text, wrong);
	if (!peal_space_served(settings, rule->space))
		return peal_usage_set(usage, "%s: %s is not served; name it with --namespace too",
				      flag, rule->space);
	return 0;
}

int peal_rule_list_load(const struct peal_settings *settings, const char *flag,
			const struct peal_settings_list *list, peal_rule_error_fn *error,
			struct peal_rule_list *rules, struct peal_usage *usage)
{
	int r = 0;

	*rules = (struct peal_rule_list){ 0 };
	if (list->count > PEAL_RULE_LIST_CEILING)
		return peal_usage_set(usage, "%s: there are more than %d", flag,
				      PEAL_RULE_LIST_CEILING);
	if (!list->count)
		return 0;
	rules->items = calloc(list->count, sizeof(*rules->items));
	if (!rules->items)
		return -ENOMEM;
	while (r == 0 && rules->count < list->count) {
		r = add(settings, flag, list->items[rules->count], error,
			&rules->items[rules->count], usage);
		rules->count++;
	}
	return r;
}

void peal_rule_list_deinit(struct peal_rule_list *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		free(rules->items[i].space);
		free(rules->items[i].text);
	}
	free(rules->items);
	*rules = (struct peal_rule_list){ 0 };
}
