/*
 * Where settings come from, and in which order: defaults, the config file, variables, flags.
 *
 * The flags are read first, because they may name the config file, and applied last. They are kept
 * as they were given, so that a reload can apply them again.
 */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "option_private.h"

/* One flag as it was given. */
struct flag {
	const struct peal_option *option;
	char *spelled; /* "--port", for messages */
	char *value;
};

struct peal_flags {
	size_t count;
	struct flag items[];
};

void peal_flags_free(struct peal_flags *flags)
{
	for (size_t i = 0; flags && i < flags->count; i++) {
		free(flags->items[i].spelled);
		if (flags->items[i].value)
			explicit_bzero(flags->items[i].value, strlen(flags->items[i].value));
		free(flags->items[i].value);
	}
	free(flags);
}

/* The option of a flag, which may be the negation of one. */
static const struct peal_option *find_flag(const char *spelled, bool *ret_negated)
{
	const struct peal_option *option = peal_option_find(PEAL_SPELLING_FLAG, spelled);
	char positive[64];

	*ret_negated = false;
	if (option || strncmp(spelled, "--no-", 5) != 0)
		return option;
	snprintf(positive, sizeof(positive), "--%s", spelled + 5);
	option = peal_option_find(PEAL_SPELLING_FLAG, positive);
	if (!option || option->kind != PEAL_OPTION_BOOLEAN)
		return NULL;
	*ret_negated = true;
	return option;
}

/* Copies a value. What the list of processes shows is the memory of the arguments itself. */
static int keep_value(struct flag *flag, const char *value, bool given)
{
	flag->value = strdup(value);
	if (!flag->value)
		return -ENOMEM;
	if (given && peal_option_secret(flag->option))
		memset((char *)value, '*', strlen(value));
	return 0;
}

/* Reads one flag at @argument, with its value from there or from @next. Return: number of arguments
 * taken; below zero; PEAL_USAGE_… is in *ret_wrong. */
static int read_flag(char *argument, char *next, struct flag *flag, int *ret_wrong,
		     struct peal_usage *usage)
{
	size_t length = strcspn(argument, "=");
	const char *value = argument[length] ? argument + length + 1 : NULL;
	const struct peal_option *option;
	bool negated;
	int r;

	flag->spelled = strndup(argument, length);
	if (!flag->spelled)
		return -ENOMEM;
	*ret_wrong = 0;
	option = flag->option = find_flag(flag->spelled, &negated);
	if (!option) {
		*ret_wrong = peal_option_unknown(PEAL_SPELLING_FLAG, flag->spelled, flag->spelled,
						 usage);
		return 0;
	}
	if (option->kind == PEAL_OPTION_BOOLEAN) {
		if (negated && value)
			*ret_wrong = peal_usage_set(usage, "%s: takes no value", flag->spelled);
		r = keep_value(flag, value ? value : negated ? "false" : "true", value != NULL);
		return r < 0 ? r : 1;
	}
	if (value) {
		r = keep_value(flag, value, true);
		return r < 0 ? r : 1;
	}
	if (!next || !strncmp(next, "--", 2)) {
		*ret_wrong =
			peal_usage_set(usage, "%s: needs a value (%s)", flag->spelled,
				       option->placeholder ? option->placeholder : option->choices);
		return 0;
	}
	r = keep_value(flag, next, true);
	return r < 0 ? r : 2;
}

int peal_flags_read(char **arguments, struct peal_flags **ret_flags, struct peal_usage *usage)
{
	struct peal_flags *flags;
	int r = 0, wrong = 0;
	size_t room = 0;

	while (arguments[room])
		room++;
	flags = calloc(1, sizeof(*flags) + room * sizeof(*flags->items));
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
		r = read_flag(arguments[i], arguments[i + 1], &flags->items[flags->count++], &wrong,
			      usage);
		if (r < 0 || wrong)
			break;
	}
	if (r < 0 || wrong) {
		peal_flags_free(flags);
		return r < 0 ? r : wrong;
	}
	*ret_flags = flags;
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

/* The config file that flags or, without one there, the environment name. */
static const char *find_config(const struct peal_flags *flags, char **environment)
{
	const char *path = NULL;

	for (; environment && *environment; environment++)
		if (!strncmp(*environment, "PEAL_CONFIG=", 12) && (*environment)[12])
			path = *environment + 12;
	for (size_t i = 0; i < flags->count; i++)
		if (!strcmp(flags->items[i].option->name, "config"))
			path = flags->items[i].value;
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

int peal_settings_settle(const struct peal_flags *flags, char **environment,
			 struct peal_settings *settings, struct peal_usage *usage)
{
	const char *config = find_config(flags, environment);
	int r;

	*settings = (struct peal_settings){ 0 };
	*usage = (struct peal_usage){ { 0 } };
	r = set_defaults(settings, usage);
	if (r == 0 && config)
		r = peal_config_load(config, settings, usage);
	if (r == 0)
		r = set_from_environment(settings, environment, usage);
	for (size_t i = 0; r == 0 && i < flags->count; i++) {
		const struct flag *flag = &flags->items[i];

		r = peal_option_set(settings, flag->option, PEAL_SOURCE_FLAG, flag->spelled,
				    flag->value, usage);
	}
	if (r == 0)
		r = peal_settings_check(settings, usage);
	return r ? r : end_path(&settings->path);
}

int peal_settings_load(char **arguments, char **environment, struct peal_settings *settings,
		       struct peal_usage *usage)
{
	struct peal_flags *flags = NULL;
	int r;

	*settings = (struct peal_settings){ 0 };
	r = peal_flags_read(arguments, &flags, usage);
	if (r == 0)
		r = peal_settings_settle(flags, environment, settings, usage);
	peal_flags_free(flags);
	return r;
}
