/*
 * Which client events are meant by a setting.
 */
#include "event_rules.h"

#include <string.h>

#include "../access/pattern.h"
#include "../access/space.h"

/* Events of peal itself begin so, and are nobody's but peal's. */
#define OWN_EVENTS "peal:"

const char *peal_event_rule_error(const char *pattern)
{
	const char *error = peal_pattern_error(pattern);

	if (!error && strchr(pattern, '{'))
		error = "has {user}, which is for names of rooms";
	if (!error && !strncmp(pattern, OWN_EVENTS, strlen(OWN_EVENTS)))
		error = "begins with peal:, as only events of peal itself do";
	return error;
}

bool peal_event_rules_match(const struct peal_rule_list *rules, const char *space,
			    const char *event)
{
	if (!strncmp(event, OWN_EVENTS, strlen(OWN_EVENTS)))
		return false;
	for (size_t i = 0; i < rules->count; i++)
		if (peal_space_same(rules->items[i].space, space) &&
		    peal_pattern_matches(rules->items[i].text, NULL, event))
			return true;
	return false;
}
