/*
 * Which client events are meant by a setting that is a list of "[NS ]PATTERN" items.
 *
 * A pattern is one of access/pattern.h without {user}. Events whose names begin with "peal:" are
 * peal's own and never meant.
 */
#ifndef PEAL_APP_HOOKS_EVENT_RULES_H
#define PEAL_APP_HOOKS_EVENT_RULES_H

#include "../options.h"

struct peal_event_rule {
	char *space, *pattern;
};

struct peal_event_rules {
	struct peal_event_rule *items;
	size_t count;
};

/**
 * peal_event_rules_load() - read and check the items
 * @id:    of the setting, for messages
 * @rules: receives copies; peal_event_rules_deinit() in any case
 *
 * Return: 0; -ENOMEM; PEAL_USAGE_WRONG.
 */
int peal_event_rules_load(const struct peal_settings *settings, enum peal_option_id id,
			  const struct peal_settings_list *list, struct peal_event_rules *rules,
			  struct peal_usage *usage) __attribute__((warn_unused_result));
void peal_event_rules_deinit(struct peal_event_rules *rules);

/* @space: as --namespace has it; "*" for all that this accepts. */
bool peal_event_rules_match(const struct peal_event_rules *rules, const char *space,
			    const char *event);

#endif
