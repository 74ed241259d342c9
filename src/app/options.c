/*
 * Where settings come from, and in which order: defaults, the config file, variables, flags.
 *
 * The flags are read first, because they may name the config file, and applied last.
 */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "option_private.h"

/* One flag as it was given; both texts are borrowed or point into `spelled`. */
struct flag {
	const struct peal_option *option;
	char *spelled; /* "--port", for messages; owned */
	const char *value;
};

static void flags_free(struct flag *flags, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(flags[i].spelled);
	free(flags);
}

/* Reads one flag at @argument, with its value from there or from @next. Return: number of arguments
 * taken; below zero; PEAL_USAGE_… is in *ret_wrong. */
static int read_flag(const char *argument, const char *next, struct flag *ret_flag, int *ret_wrong,
		     struct peal_usage *usage)
{
	size_t length = strcspn(argument, "=");
	const char *value = argument[length] ? argument + length + 1 : NULL;
	char *spelled = strndup(argument, length);
	const struct peal_option *option;
	bool negated = false;

	if (!spelled)
		return -ENOMEM;
	ret_flag->spelled = spelled;
	*ret_wrong = 0;
	option = peal_option_find(PEAL_SPELLING_FLAG, spelled);
	if (!option && !strncmp(spelled, "--no-", 5)) {
		char positive[64];

		snprintf(positive, sizeof(positive), "--%s", spelled + 5);
		option = peal_option_find(PEAL_SPELLING_FLAG, positive);
		negated = option && option->kind == PEAL_OPTION_BOOLEAN;
		if (!negated)
			option = NULL;
	}
	ret_flag->option = option;
	if (!option) {
		*ret_wrong = peal_option_unknown(PEAL_SPELLING_FLAG, spelled, spelled, usage);
		return 0;
	}
	if (option->kind == PEAL_OPTION_BOOLEAN) {
		if (negated && value)
			*ret_wrong = peal_usage_set(usage, "%s: takes no value", spelled);
		ret_flag->value = value ? value : negated ? "false" : "true";
		return 1;
	}
	if (value) {
		ret_flag->value = value;
		return 1;
	}
	if (!next || !strncmp(next, "--", 2)) {
		*ret_wrong =
			peal_usage_set(usage, "%s: needs a value (%s)", spelled,
				       option->placeholder ? option->placeholder : option->choices);
		return 0;
	}
	ret_flag->value = next;
	return 2;
}

static int read_flags(char **arguments, struct flag **ret_flags, size_t *ret_count,
		      struct peal_usage *usage)
{
	size_t count = 0, room = 0;
	struct flag *flags;
	int r = 0, wrong = 0;

	while (arguments[room])
		room++;
	flags = calloc(room + 1, sizeof(*flags));
	if (!flags)
		return -ENOMEM;
	for (size_t i = 0; i < room; i += (size_t)r) {
		if (!strcmp(arguments[i], "--help") || !strcmp(arguments[i], "-h")) {
			wrong = PEAL_USAGE_HELP;
			break;
		}
		if (strncmp(arguments[i], "--", 2) != 0 || !arguments[i][2]) {
			wrong = peal_usage_set(usage, "\"%s\" is not expected here", arguments[i]);
			break;
		}
		r = read_flag(arguments[i], arguments[i + 1], &flags[count], &wrong, usage);
		count++;
		if (r < 0 || wrong)
			break;
	}
	if (r < 0 || wrong) {
		flags_free(flags, count);
		return r < 0 ? r : wrong;
	}
	*ret_flags = flags;
	*ret_count = count;
	return 0;
}

static int set_defaults(struct peal_settings *settings, struct peal_usage *usage)
{
	for (const struct peal_option *option = peal_options; option->name; option++) {
		void *setting = (char *)settings + option->offset;
		int r = 0;

		if (option->kind == PEAL_OPTION_BOOLEAN)
			*(bool *)setting = option->number_default;
		else if (option->kind == PEAL_OPTION_NUMBER)
			*(int64_t *)setting = option->number_default;
		else if (option->kind != PEAL_OPTION_SECTION && option->text_default)
			r = peal_option_set(settings, option, PEAL_SOURCE_DEFAULT, option->name,
					    option->text_default, usage);
		if (r)
			return r;
	}
	return 0;
}

static int note_foreign(struct peal_settings_list *foreign, char *variable)
{
	char **items = realloc(foreign->items, (foreign->count + 1) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	foreign->items = items;
	items[foreign->count++] = variable;
	return 0;
}

/* An empty variable counts as not set: that is how many tools write "nothing". */
static int set_from_environment(struct peal_settings *settings, char **environment,
				struct peal_usage *usage)
{
	for (; environment && *environment; environment++) {
		size_t length = strcspn(*environment, "=");
		const struct peal_option *option;
		char name[64];
		int r;

		if (strncmp(*environment, "PEAL_", 5) != 0 || !(*environment)[length] ||
		    !(*environment)[length + 1])
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)length, *environment);
		option = peal_option_find(PEAL_SPELLING_VARIABLE, name);
		if (option && settings->sources[peal_option_id(option)] == PEAL_SOURCE_ENVIRONMENT)
			r = peal_usage_set(usage, "%s: another variable sets the same", name);
		else if (option)
			r = peal_option_set(settings, option, PEAL_SOURCE_ENVIRONMENT, name,
					    *environment + length + 1, usage);
		else if (!strcmp(name, PEAL_OPTION_URL_VARIABLE))
			r = 0;
		else if (peal_option_resembles(PEAL_SPELLING_VARIABLE, name))
			r = peal_option_unknown(PEAL_SPELLING_VARIABLE, name, name, usage);
		else
			r = note_foreign(&settings->foreign_variables, *environment);
		if (r)
			return r;
	}
	return 0;
}

/* What the list of processes shows is the memory of the arguments itself. */
static void hide_secrets(const struct flag *flags, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (peal_option_secret(flags[i].option))
			memset((char *)flags[i].value, '*', strlen(flags[i].value));
}

/* The config file that flags or, without one there, the environment name. */
static const char *find_config(const struct flag *flags, size_t count, char **environment)
{
	const char *path = NULL;

	for (; environment && *environment; environment++)
		if (!strncmp(*environment, "PEAL_CONFIG=", 12) && (*environment)[12])
			path = *environment + 12;
	for (size_t i = 0; i < count; i++)
		if (!strcmp(flags[i].option->name, "config"))
			path = flags[i].value;
	return path;
}

/* As Socket.IO: the path ends with a slash, whether it was written or not. */
static int end_path(char **path)
{
	size_t length = strlen(*path);
	char *longer;

	if (length && (*path)[length - 1] == '/')
		return 0;
	longer = realloc(*path, length + 2);
	if (!longer)
		return -ENOMEM;
	memcpy(longer + length, "/", 2);
	*path = longer;
	return 0;
}

int peal_settings_load(char **arguments, char **environment, struct peal_settings *settings,
		       struct peal_usage *usage)
{
	struct flag *flags = NULL;
	const char *config;
	size_t count = 0;
	int r;

	*settings = (struct peal_settings){ 0 };
	*usage = (struct peal_usage){ { 0 } };
	r = read_flags(arguments, &flags, &count, usage);
	if (r)
		return r;
	r = set_defaults(settings, usage);
	config = find_config(flags, count, environment);
	if (r == 0 && config)
		r = peal_config_load(config, settings, usage);
	if (r == 0)
		r = set_from_environment(settings, environment, usage);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = peal_option_set(settings, flags[i].option, PEAL_SOURCE_FLAG, flags[i].spelled,
				    flags[i].value, usage);
	hide_secrets(flags, count);
	flags_free(flags, count);
	if (r == 0)
		r = peal_settings_check(settings, usage);
	return r ? r : end_path(&settings->path);
}
