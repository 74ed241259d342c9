/*
 * Rules of dynamic namespaces. A pattern is a POSIX extended regular expression, which has no state
 * between matches (the global and sticky flags that make JavaScript's flaky do not exist).
 */
#include <regex.h>
#include <stdlib.h>

#include "server/server_private.h"

struct peal_rule *peal_rule_new(const char *pattern, peal_namespace_rule_fn *fn, void *userdata)
{
	struct peal_rule *rule = calloc(1, sizeof(*rule));
	if (!rule)
		return NULL;
	rule->fn = fn;
	rule->userdata = userdata;
	if (!pattern)
		return rule;
	regex_t *expression = calloc(1, sizeof(*expression));
	if (!expression || regcomp(expression, pattern, REG_EXTENDED | REG_NOSUB)) {
		free(expression);
		free(rule);
		return NULL;
	}
	rule->pattern = expression;
	return rule;
}

bool peal_rule_matches(const struct peal_rule *rule, const char *name)
{
	return regexec(rule->pattern, name, 0, NULL, 0) == 0;
}

void peal_rule_free(struct peal_rule *rule)
{
	if (rule->pattern) {
		regfree(rule->pattern);
		free(rule->pattern);
	}
	free(rule);
}
