/*
 * Which tokens each namespace wants.
 *
 * An item of a list may begin with a namespace and a blank. A key without one is for the main
 * namespace; any other item without one is for every namespace with a key that has no item of its
 * own.
 */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../secret.h"
#include "space.h"

#define CLAIM_BYTES 255

struct peal_policy *peal_policies_find(const struct peal_policies *policies, const char *space)
{
	for (size_t i = 0; i < policies->count; i++)
		if (peal_space_same(policies->items[i].space, space))
			return &policies->items[i];
	return NULL;
}

/* --- keys ------------------------------------------------------------------------------------ */

static int add_policy(struct peal_policies *policies, const char *space,
		      struct peal_policy **ret_policy)
{
	struct peal_policy *items =
		realloc(policies->items, (policies->count + 1) * sizeof(*items));
	struct peal_policy *policy;

	if (!items)
		return -ENOMEM;
	policies->items = items;
	policy = &items[policies->count];
	*policy = (struct peal_policy){ .space = strdup(space) };
	if (!policy->space)
		return -ENOMEM;
	policies->count++;
	*ret_policy = policy;
	return 0;
}

/* Takes the key in any case. */
static int add_key(const struct peal_settings *settings, struct peal_policies *policies,
		   const char *flag, const char *space, struct peal_key *key,
		   struct peal_usage *usage)
{
	struct peal_policy *policy = peal_policies_find(policies, space);
	struct peal_key *keys;
	int r = 0;

	if (!peal_space_served(settings, space))
		r = peal_usage_set(usage, "%s: %s is not served; name it with --namespace too",
				   flag, space);
	else if (!policy)
		r = add_policy(policies, space, &policy);
	if (r == 0 && policy->rules.key_count == PEAL_POLICY_KEYS)
		r = peal_usage_set(usage, "%s: more than %d keys for %s", flag, PEAL_POLICY_KEYS,
				   space);
	if (r == 0) {
		keys = realloc(policy->rules.keys, (policy->rules.key_count + 1) * sizeof(*keys));
		if (keys) {
			policy->rules.keys = keys;
			keys[policy->rules.key_count++] = *key;
			return 0;
		}
		r = -ENOMEM;
	}
	peal_key_deinit(key);
	return r;
}

static int load_secret(const struct peal_settings *settings, struct peal_policies *policies,
		       struct peal_usage *usage)
{
	const char *flag = settings->auth_secret_file ? "--auth-secret-file" : "--auth-secret";
	char *secret = NULL;
	struct peal_key key;
	int r;

	if (settings->auth_secret && settings->auth_secret_file)
		return peal_usage_set(usage,
				      "%s: --auth-secret is given too; one of them is "
				      "enough",
				      flag);
	if (!settings->auth_secret && !settings->auth_secret_file)
		return 0;
	if (settings->auth_secret_file) {
		r = peal_secret_read(flag, settings->auth_secret_file, &secret, usage);
		if (r != 0)
			return r;
	}
	r = peal_key_from_secret(flag, secret ? secret : settings->auth_secret, &key, usage);
	peal_secret_free(secret);
	return r == 0 ? add_key(settings, policies, flag, PEAL_SPACE_MAIN, &key, usage) : r;
}

static int load_key(const struct peal_settings *settings, const char *item,
		    struct peal_policies *policies, struct peal_usage *usage)
{
	struct peal_key key;
	char *space;
	const char *text = peal_space_split(item, &space);
	int r;

	if (!text)
		return -ENOMEM;
	r = peal_key_load("--auth-key", text, false, &key, usage);
	if (r == 0)
		r = add_key(settings, policies, "--auth-key", space ? space : PEAL_SPACE_MAIN, &key,
			    usage);
	else
		peal_key_deinit(&key);
	free(space);
	return r;
}

/* --- the other lists ------------------------------------------------------------------------- */

/* The items of a list for one namespace: its own, or else those without a namespace. */
static int gather(const struct peal_settings_list *list, const char *space,
		  struct peal_token_list *found)
{
	for (int general = 0; general <= 1 && !found->count; general++) {
		for (size_t i = 0; i < list->count; i++) {
			char *own;
			const char *value = peal_space_split(list->items[i], &own);
			bool meant = own ? !general && peal_space_same(own, space) : general == 1;
			int r = value ? 0 : -ENOMEM;

			if (r == 0 && meant)
				r = peal_token_list_add(found, value);
			free(own);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static bool is_claim(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= 0x20 || *c >= 0x7f)
			return false;
	return *text && strlen(text) <= CLAIM_BYTES;
}

static int find_claim(const struct peal_settings_list *list, const char *flag, const char *fallback,
		      const char *space, char **ret_claim, struct peal_usage *usage)
{
	struct peal_token_list found = { 0 };
	const char *claim;
	int r = gather(list, space, &found);

	claim = found.count ? found.items[0] : fallback;
	if (r == 0 && found.count > 1)
		r = peal_usage_set(usage, "%s: is given more than once for %s", flag, space);
	else if (r == 0 && !is_claim(claim))
		r = peal_usage_set(usage, "%s: must be 1 to %d characters of ASCII, without blanks",
				   flag, CLAIM_BYTES);
	if (r == 0) {
		*ret_claim = strdup(claim);
		r = *ret_claim ? 0 : -ENOMEM;
	}
	peal_token_list_deinit(&found);
	return r;
}

static int fill(const struct peal_settings *settings, struct peal_policy *policy,
		struct peal_usage *usage)
{
	struct peal_token_rules *rules = &policy->rules;
	int r = gather(&settings->auth_issuer, policy->space, &rules->issuers);

	if (r == 0)
		r = gather(&settings->auth_audience, policy->space, &rules->audiences);
	if (r == 0)
		r = find_claim(&settings->auth_user_claim, "--auth-user-claim", "sub",
			       policy->space, &rules->user_claim, usage);
	if (r == 0)
		r = find_claim(&settings->auth_rooms_claim, "--auth-rooms-claim", "rooms",
			       policy->space, &rules->rooms_claim, usage);
	if (r == 0)
		r = find_claim(&settings->auth_data_claim, "--auth-data-claim", "data",
			       policy->space, &rules->data_claim, usage);
	return r;
}

/* An item for a namespace without a key would do nothing. */
static int check_spaces(const struct peal_settings_list *list, const char *flag,
			const struct peal_policies *policies, struct peal_usage *usage)
{
	for (size_t i = 0; i < list->count; i++) {
		char *space;
		const char *value = peal_space_split(list->items[i], &space);
		int r = 0;

		if (!value)
			return -ENOMEM;
		if (space && !peal_policies_find(policies, space))
			r = peal_usage_set(usage,
					   "%s: does nothing for %s, which has no "
					   "--auth-key",
					   flag, space);
		free(space);
		if (r)
			return r;
	}
	return 0;
}

static int allow_without(const struct peal_settings_list *list, struct peal_policies *policies,
			 struct peal_usage *usage)
{
	for (size_t i = 0; i < list->count; i++) {
		struct peal_policy *policy = peal_policies_find(policies, list->items[i]);

		if (!policy)
			return peal_usage_set(usage,
					      "--auth-optional: does nothing for %s, which has no "
					      "--auth-key",
					      list->items[i]);
		policy->optional = true;
	}
	return 0;
}

/* Without any key nothing else of the section means anything. */
static int refuse_all(const struct peal_settings *s, struct peal_usage *usage)
{
	const char *flag = PEAL_GIVEN(s, auth_issuer)	     ? "--auth-issuer"
			   : PEAL_GIVEN(s, auth_audience)    ? "--auth-audience"
			   : PEAL_GIVEN(s, auth_user_claim)  ? "--auth-user-claim"
			   : PEAL_GIVEN(s, auth_rooms_claim) ? "--auth-rooms-claim"
			   : PEAL_GIVEN(s, auth_data_claim)  ? "--auth-data-claim"
			   : PEAL_GIVEN(s, auth_optional)    ? "--auth-optional"
							     : NULL;

	return flag ? peal_usage_set(usage, "%s: does nothing without --auth-key or --auth-secret",
				     flag)
		    : 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int settle(const struct peal_settings *settings, struct peal_policies *policies,
		  struct peal_usage *usage)
{
	const struct {
		const struct peal_settings_list *list;
		const char *flag;
	} lists[] = {
		{ &settings->auth_issuer, "--auth-issuer" },
		{ &settings->auth_audience, "--auth-audience" },
		{ &settings->auth_user_claim, "--auth-user-claim" },
		{ &settings->auth_rooms_claim, "--auth-rooms-claim" },
		{ &settings->auth_data_claim, "--auth-data-claim" },
	};
	int r = 0;

	if (!policies->count)
		return refuse_all(settings, usage);
	if (settings->demo)
		return peal_usage_set(usage, "--demo: lets any client broadcast to all others, "
					     "which no --auth-key would stop; use one of them");
	for (size_t i = 0; r == 0 && i < sizeof(lists) / sizeof(*lists); i++)
		r = check_spaces(lists[i].list, lists[i].flag, policies, usage);
	if (r == 0)
		r = allow_without(&settings->auth_optional, policies, usage);
	for (size_t i = 0; r == 0 && i < policies->count; i++)
		r = fill(settings, &policies->items[i], usage);
	return r;
}

int peal_policies_load(const struct peal_settings *settings, struct peal_policies *policies,
		       struct peal_usage *usage)
{
	int r;

	*policies = (struct peal_policies){ 0 };
	r = load_secret(settings, policies, usage);
	for (size_t i = 0; r == 0 && i < settings->auth_key.count; i++)
		r = load_key(settings, settings->auth_key.items[i], policies, usage);
	return r == 0 ? settle(settings, policies, usage) : r;
}

void peal_policies_deinit(struct peal_policies *policies)
{
	for (size_t i = 0; i < policies->count; i++) {
		struct peal_token_rules *rules = &policies->items[i].rules;

		for (size_t j = 0; j < rules->key_count; j++)
			peal_key_deinit(&rules->keys[j]);
		free(rules->keys);
		peal_token_list_deinit(&rules->issuers);
		peal_token_list_deinit(&rules->audiences);
		free(rules->user_claim);
		free(rules->rooms_claim);
		free(rules->data_claim);
		free(policies->items[i].space);
	}
	free(policies->items);
	*policies = (struct peal_policies){ 0 };
}

static bool same_keys(const struct peal_token_rules *a, const struct peal_token_rules *b)
{
	if (a->key_count != b->key_count)
		return false;
	for (size_t i = 0; i < a->key_count; i++)
		if (!peal_key_equal(&a->keys[i], &b->keys[i]))
			return false;
	return true;
}

int peal_policies_exchange(struct peal_policies *a, struct peal_policies *b)
{
	int differ = 0;

	if (a->count != b->count)
		return -EINVAL;
	for (size_t i = 0; i < a->count; i++)
		if (!peal_policies_find(b, a->items[i].space))
			return -EINVAL;
	for (size_t i = 0; i < a->count; i++) {
		struct peal_policy *one = &a->items[i];
		struct peal_policy *other = peal_policies_find(b, one->space);
		struct peal_policy between = *one;

		differ |= !same_keys(&one->rules, &other->rules);
		*one = *other;
		*other = between;
	}
	return differ;
}
