/*
 * Which client events are meant by a setting that is a list of "[NS ]PATTERN" items.
 *
 * A pattern is one of access/pattern.h without {user}. Events whose names begin with "peal:" are
 * peal's own and never meant.
 */
#ifndef PEAL_APP_HOOKS_EVENT_RULES_H
#define PEAL_APP_HOOKS_EVENT_RULES_H

#include <stdbool.h>

#include "../access/rule_list.h"

/* What is wrong with a pattern? It is a peal_rule_error_fn. */
const char *peal_event_rule_error(const char *pattern);

/* @space: as --namespace has it; "*" for all that this accepts. */
bool peal_event_rules_match(const struct peal_rule_list *rules, const char *space,
			    const char *event);

#endif
