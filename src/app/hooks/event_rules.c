/*
 * Which client events are meant by a setting.
 */
#include "event_rules.h"

#include <string.h>

#include "../access/pattern.h"
#include "../access/space.h"

const char *peal_event_rule_error(const char *pattern)
{
	const char *error = peal_pattern_error(pattern);

	if (!error && strchr(pattern, '{'))
		error = "has {user}, which is for names of rooms";
	if (!error && peal_pattern_is_own(pattern))
		error = PEAL_PATTERN_OWN_ERROR;
	return error;
}

bool peal_event_rules_match(const struct peal_rule_list *rules, const char *space,
			    const char *event)
{
	if (peal_pattern_is_own(event))
		return false;
	for (size_t i = 0; i < rules->count; i++)
		if (peal_space_same(rules->items[i].space, space) &&
		    peal_pattern_matches(rules->items[i].text, NULL, event))
			return true;
	return false;
}
