/*
 * SIGHUP: file and variables are read again, and what can change without dropping a client does.
 *
 * The settings that a reload can change belong to groups, and a group is changed as one. What is
 * not in a group stays as it was at the start, also in `settings`, so that the next reload says
 * again what waits for a restart.
 */
#include "reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "node_options.h"
#include "option_private.h"
#include "prepare.h"

/* --- the groups ------------------------------------------------------------------------------ */

/* Makes the settings of a group hold. Return: 0; 1 when something was changed that the settings do
 * not show; below zero when that cannot be done now. */
typedef int group_fn(struct peal_reload *reload, const struct peal_prepared *prepared);

static int change_clients(struct peal_reload *reload, const struct peal_prepared *prepared)
{
	(void)prepared;
	return peal_node_set_max_clients(reload->place->node,
					 (size_t)reload->settings->max_clients);
}

static int change_rate(struct peal_reload *reload, const struct peal_prepared *prepared)
{
	(void)prepared;
	return peal_node_set_connect_rate(reload->place->node,
					  (unsigned)reload->settings->connect_rate);
}

static int change_addresses(struct peal_reload *reload, const struct peal_prepared *prepared)
{
	struct peal_node *node = reload->place->node;
	int r = peal_node_set_address_clients(node, (size_t)reload->settings->address_clients);

	(void)prepared;
	if (r == 0)
		r = peal_node_set_address_connect_rate(
			node, (unsigned)reload->settings->address_connect_rate);
	return r;
}

static int change_access(struct peal_reload *reload, const struct peal_prepared *prepared)
{
	return peal_access_change(*reload->access, prepared->access);
}

static int change_webhooks(struct peal_reload *reload, const struct peal_prepared *prepared)
{
	return peal_webhooks_change(*reload->webhooks, prepared->webhooks);
}

static int change_proxies(struct peal_reload *reload, const struct peal_prepared *prepared)
{
	const struct peal_settings_list *list = &reload->settings->trusted_proxy;

	(void)prepared;
	return peal_node_set_trusted_proxies(reload->place->node, (const char *const *)list->items,
					     list->count);
}

static int change_cors(struct peal_reload *reload, const struct peal_prepared *prepared)
{
	struct peal_node_settings node_settings;
	int r = peal_node_settings_init(&node_settings, reload->settings);

	(void)prepared;
	if (r == 0)
		r = peal_node_set_cors(reload->place->node, &node_settings.options.engine.cors);
	peal_node_settings_deinit(&node_settings);
	return r;
}

static int change_key(struct peal_reload *reload, const struct peal_prepared *prepared)
{
	const char *key = prepared->api_key;
	int r;

	if (*reload->api)
		return peal_api_set_key(*reload->api, key);
	if (!key)
		return 0;
	r = reload->open_api(key, reload->context);
	/* Half of an API lets nobody in. */
	if (r < 0 && *reload->api && peal_api_set_key(*reload->api, NULL) < 0)
		return -ENOMEM;
	return r;
}

/* They are looked at when they are needed. */
static int change_later(struct peal_reload *reload, const struct peal_prepared *prepared)
{
	(void)reload, (void)prepared;
	return 0;
}

/* After the report, which has to be seen: finish() does it. */
static int change_logging(struct peal_reload *reload, const struct peal_prepared *prepared)
{
	(void)reload, (void)prepared;
	return 0;
}

#define GROUPS(X)   \
	X(access)   \
	X(webhooks) \
	X(clients) X(rate) X(addresses) X(proxies) X(cors) X(key) X(logging) X(later)

enum group {
	NO_GROUP,
#define GROUP(name) GROUP_##name,
	GROUPS(GROUP)
#undef GROUP
		GROUP_COUNT
};

static group_fn *const functions[GROUP_COUNT] = {
#define GROUP(name) [GROUP_##name] = change_##name,
	GROUPS(GROUP)
#undef GROUP
};

static const enum group group_of[PEAL_OPTION_ID_COUNT] = {
#define RELOADED(name, group) [PEAL_OPTION_ID_##name] = GROUP_##group,
	PEAL_OPTIONS_RELOADED(RELOADED)
#undef RELOADED
};

/* --- reading --------------------------------------------------------------------------------- */

/* To open a pipe would stop the node, with all its clients, until somebody writes to it. */
static int check_file(const struct peal_settings *settings, enum peal_option_id id,
		      const char *path, struct peal_usage *usage)
{
	struct stat info;

	if (!path || stat(path, &info) < 0 || S_ISREG(info.st_mode))
		return 0;
	return peal_usage_at(usage, settings, id,
			     "\"%s\" is no regular file, and can only be read at the start", path);
}

/* Items such as "RS256:key.pem" of a list; where the name of the file begins is not decided here.
 */
static int check_items(const struct peal_settings *settings, const struct peal_option *option,
		       struct peal_usage *usage)
{
	const struct peal_settings_list *list =
		(const struct peal_settings_list *)((const char *)settings + option->offset);
	int r = 0;

	for (size_t i = 0; i < list->count; i++)
		for (const char *at = strchr(list->items[i], ':'); r == 0 && at;
		     at = strchr(at + 1, ':'))
			r = check_file(settings, peal_option_id(option), at + 1, usage);
	return r;
}

static int check_files(const struct peal_settings *settings, struct peal_usage *usage)
{
	int r = 0;

	for (const struct peal_option *option = peal_options; r == 0 && option->name; option++) {
		const char *const *path =
			(const char *const *)((const char *)settings + option->offset);
		const char *file = option->placeholder ? strstr(option->placeholder, "FILE") : NULL;

		if (file && option->kind == PEAL_OPTION_TEXT)
			r = check_file(settings, peal_option_id(option), *path, usage);
		else if (file && option->kind == PEAL_OPTION_LIST)
			r = check_items(settings, option, usage);
	}
	return r;
}

/* Exchanges what a reload can change. */
static void exchange(struct peal_settings *a, struct peal_settings *b)
{
	for (const struct peal_option *option = peal_options; option->name; option++)
		if (option->kind != PEAL_OPTION_SECTION && group_of[peal_option_id(option)])
			peal_option_swap(option, a, b);
}

/* Loads and judges everything; then `settings` has the new values of what can change, and @next the
 * old ones, and the new ones of the rest. */
static int load(struct peal_reload *reload, struct peal_settings *next,
		struct peal_prepared *prepared, struct peal_usage *usage)
{
	int r = check_file(reload->settings, PEAL_OPTION_ID_config, reload->settings->config,
			   usage);

	if (r == 0)
		r = peal_settings_settle(reload->flags, reload->environment, next, usage);
	if (r == 0)
		r = check_files(next, usage);
	if (r == 0)
		r = peal_prepare(next, reload->logging, prepared, usage);
	if (r)
		return r;
	/* Each setting is fine, but a new one may not go with an old one that stays. */
	exchange(reload->settings, next);
	r = peal_settings_check(reload->settings, usage);
	if (r)
		exchange(reload->settings, next);
	return r;
}

/* --- changing and telling -------------------------------------------------------------------- */

static void say(struct peal_reload *reload, enum peal_log_level level, const char *message,
		const struct peal_option *option, const struct peal_settings *from)
{
	char key[64], *value = NULL, *origin = NULL;
	size_t length;
	FILE *stream = open_memstream(&value, &length);

	if (stream) {
		peal_option_put(stream, option, from);
		fclose(stream);
	}
	stream = open_memstream(&origin, &length);
	if (stream) {
		peal_option_put_origin(stream, option, from);
		fclose(stream);
	}
	peal_option_spell(PEAL_SPELLING_KEY, option->name, key, sizeof(key));
	peal_logging_say(reload->logging, level, message, PEAL_LOGGING_TEXT("key", key),
			 PEAL_LOGGING_TEXT("value", value ? value : ""),
			 PEAL_LOGGING_TEXT("origin", origin ? origin : ""));
	free(value);
	free(origin);
}

/* Calls the functions of the groups in which something differs. Files with keys may have changed,
 * which no setting shows. */
static void change(struct peal_reload *reload, const struct peal_settings *old,
		   const struct peal_prepared *prepared, int results[GROUP_COUNT])
{
	bool differs[GROUP_COUNT] = {
		[GROUP_key] = true, [GROUP_access] = true, [GROUP_webhooks] = true
	};

	for (const struct peal_option *option = peal_options; option->name; option++)
		if (option->kind != PEAL_OPTION_SECTION &&
		    !peal_option_equal(option, reload->settings, old))
			differs[group_of[peal_option_id(option)]] = true;
	for (size_t group = NO_GROUP + 1; group < GROUP_COUNT; group++)
		results[group] = differs[group] ? functions[group](reload, prepared) : 0;
}

struct sums {
	unsigned changed, restart;
};

static void tell_keys(struct peal_reload *reload, const char *key, struct sums *sums)
{
	peal_logging_say(reload->logging, PEAL_LOG_INFO,
			 "setting changed: its file has another key",
			 PEAL_LOGGING_TEXT("key", key));
	sums->changed++;
}

static void tell(struct peal_reload *reload, struct peal_settings *next,
		 const int results[GROUP_COUNT], struct sums *sums)
{
	bool told[GROUP_COUNT] = { false };

	for (const struct peal_option *option = peal_options; option->name; option++) {
		enum group group;

		if (option->kind == PEAL_OPTION_SECTION ||
		    peal_option_equal(option, reload->settings, next))
			continue;
		group = group_of[peal_option_id(option)];
		told[group] = true;
		if (group && results[group] >= 0) {
			say(reload, PEAL_LOG_INFO, "setting changed", option, reload->settings);
			sums->changed++;
			continue;
		}
		/* It goes on with the old one. */
		if (group)
			peal_option_swap(option, reload->settings, next);
		say(reload, PEAL_LOG_WARNING, "setting changes with the next start only", option,
		    next);
		sums->restart++;
	}
	if (results[GROUP_key] == 1 && !told[GROUP_key])
		tell_keys(reload, "apiKeyFile", sums);
	if (results[GROUP_access] == 1 && !told[GROUP_access])
		tell_keys(reload, reload->settings->auth_key.count ? "authKey" : "authSecretFile",
			  sums);
	if (results[GROUP_webhooks] == 1 && !told[GROUP_webhooks])
		tell_keys(reload, "webhookSecretFile", sums);
}

static void set_logging(struct peal_reload *reload, enum peal_log_level level)
{
	reload->logging->level = level;
	peal_node_set_log_level(reload->place->node, level);
}

static void finish(struct peal_reload *reload, struct peal_settings *next,
		   const struct peal_prepared *prepared)
{
	enum peal_log_level level = (enum peal_log_level)reload->settings->log_level;
	int results[GROUP_COUNT];
	struct sums sums = { 0 };

	/* Who changes the level sees it, whether he changes it up or down. */
	if (level > reload->logging->level)
		set_logging(reload, level);
	change(reload, next, prepared, results);
	tell(reload, next, results, &sums);
	peal_logging_say(reload->logging, PEAL_LOG_INFO, "configuration reloaded",
			 PEAL_LOGGING_NUMBER("changed", sums.changed),
			 PEAL_LOGGING_NUMBER("restart", sums.restart));
	set_logging(reload, level);
	reload->logging->json = reload->settings->log_format == 1;
}

void peal_reload(struct peal_reload *reload)
{
	struct peal_settings next = { 0 };
	struct peal_prepared prepared = { 0 };
	struct peal_usage usage = { { 0 } };
	int r = load(reload, &next, &prepared, &usage);

	if (r == 0)
		finish(reload, &next, &prepared);
	else
		peal_logging_say(reload->logging, PEAL_LOG_ERROR,
				 "configuration not reloaded, nothing was changed",
				 PEAL_LOGGING_TEXT("error", r < 0 ? strerror(-r) : usage.text));
	peal_prepared_deinit(&prepared);
	peal_settings_deinit(&next);
}
