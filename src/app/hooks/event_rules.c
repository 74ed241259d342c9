/*
 * Which client events are meant by a setting.
 */
#include "event_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../access/pattern.h"
#include "../access/space.h"

/* Events of peal itself begin so, and are nobody's but peal's. */
#define OWN_EVENTS "peal:"

static int add(const struct peal_settings *settings, enum peal_option_id id, const char *item,
	       struct peal_event_rules *rules, struct peal_usage *usage)
{
	struct peal_event_rule *rule = &rules->items[rules->count];
	const char *pattern = peal_space_split(item, &rule->space), *error;

	if (!pattern)
		return -ENOMEM;
	rules->count++;
	if (!rule->space)
		rule->space = strdup(PEAL_SPACE_MAIN);
	rule->pattern = strdup(pattern);
	if (!rule->space || !rule->pattern)
		return -ENOMEM;
	error = peal_pattern_error(pattern);
	if (!error && strchr(pattern, '{'))
		error = "has {user}, which is for names of rooms";
	if (!error && !strncmp(pattern, OWN_EVENTS, strlen(OWN_EVENTS)))
		error = "begins with peal:, as only events of peal itself do";
	if (error)
		return peal_usage_at(usage, settings, id, "\"%s\" %s", pattern, error);
	if (!peal_space_served(settings, rule->space))
		return peal_usage_at(usage, settings, id,
				     "%s is not served; name it with --namespace too", rule->space);
	return 0;
}

int peal_event_rules_load(const struct peal_settings *settings, enum peal_option_id id,
			  const struct peal_settings_list *list, struct peal_event_rules *rules,
			  struct peal_usage *usage)
{
	int r = 0;

	*rules = (struct peal_event_rules){ 0 };
	if (!list->count)
		return 0;
	rules->items = calloc(list->count, sizeof(*rules->items));
	if (!rules->items)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = add(settings, id, list->items[i], rules, usage);
	return r;
}

void peal_event_rules_deinit(struct peal_event_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		free(rules->items[i].space);
		free(rules->items[i].pattern);
	}
	free(rules->items);
	*rules = (struct peal_event_rules){ 0 };
}

bool peal_event_rules_match(const struct peal_event_rules *rules, const char *space,
			    const char *event)
{
	if (!strncmp(event, OWN_EVENTS, strlen(OWN_EVENTS)))
		return false;
	for (size_t i = 0; i < rules->count; i++)
		if (peal_space_same(rules->items[i].space, space) &&
		    peal_pattern_matches(rules->items[i].pattern, NULL, event))
			return true;
	return false;
}
