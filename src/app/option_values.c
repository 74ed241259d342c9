/*
 * The table itself, and the way from a text to a setting.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "option_private.h"
#include "options.h"

/* A list longer than this is a mistake in a script. */
#define LIST_CEILING 4096

#define OFFSET(name) offsetof(struct peal_settings, name)
#define SECTION(title) { .kind = PEAL_OPTION_SECTION, .name = title },
#define BOOLEAN(id, value, about)      \
	{ .kind = PEAL_OPTION_BOOLEAN, \
	  .name = #id,                 \
	  .number_default = value,     \
	  .description = about,        \
	  .offset = OFFSET(id) },
#define NUMBER(id, holder, of, value, low, high, about) \
	{ .kind = PEAL_OPTION_NUMBER,                   \
	  .name = #id,                                  \
	  .placeholder = holder,                        \
	  .unit = of,                                   \
	  .number_default = value,                      \
	  .lowest = low,                                \
	  .highest = high,                              \
	  .description = about,                         \
	  .offset = OFFSET(id) },
#define TEXT(id, holder, value, about) \
	{ .kind = PEAL_OPTION_TEXT,    \
	  .name = #id,                 \
	  .placeholder = holder,       \
	  .text_default = value,       \
	  .description = about,        \
	  .offset = OFFSET(id) },
#define CHOICE(id, all, value, about) \
	{ .kind = PEAL_OPTION_CHOICE, \
	  .name = #id,                \
	  .choices = all,             \
	  .text_default = value,      \
	  .description = about,       \
	  .offset = OFFSET(id) },
#define LIST(id, holder, all, value, about) \
	{ .kind = PEAL_OPTION_LIST,         \
	  .name = #id,                      \
	  .placeholder = holder,            \
	  .choices = all,                   \
	  .text_default = value,            \
	  .description = about,             \
	  .offset = OFFSET(id) },

/* clang-format off */
const struct peal_option peal_options[] = {
	PEAL_OPTIONS(SECTION, BOOLEAN, NUMBER, TEXT, CHOICE, LIST)
	{ .name = NULL },
};

#define NO_SECTION(title)
#define TABLE_INDEX(name, ...) [PEAL_OPTION_ID_##name] = #name,
static const char *const ids[PEAL_OPTION_ID_COUNT] = {
	PEAL_OPTIONS(NO_SECTION, TABLE_INDEX, TABLE_INDEX, TABLE_INDEX, TABLE_INDEX, TABLE_INDEX)
};
/* clang-format on */

enum peal_option_id peal_option_id(const struct peal_option *option)
{
	unsigned id = 0;

	while (strcmp(ids[id], option->name) != 0)
		id++;
	return (enum peal_option_id)id;
}

/* A message is one line, whatever somebody has put into a name. */
static int tame(struct peal_usage *usage)
{
	for (char *c = usage->text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return PEAL_USAGE_WRONG;
}

int peal_usage_set(struct peal_usage *usage, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(usage->text, sizeof(usage->text), format, arguments);
	va_end(arguments);
	return tame(usage);
}

const char *peal_settings_place(const struct peal_settings *settings, enum peal_option_id id,
				char *buffer, size_t size)
{
	if (settings->places[id])
		return settings->places[id];
	peal_option_spell(PEAL_SPELLING_FLAG, ids[id], buffer, size);
	return buffer;
}

int peal_usage_at(struct peal_usage *usage, const struct peal_settings *settings,
		  enum peal_option_id id, const char *format, ...)
{
	char flag[64];
	const char *place = peal_settings_place(settings, id, flag, sizeof(flag));
	int length = snprintf(usage->text, sizeof(usage->text), "%s: ", place);
	va_list arguments;

	if (length >= (int)sizeof(usage->text))
		return tame(usage);
	va_start(arguments, format);
	vsnprintf(usage->text + length, sizeof(usage->text) - (size_t)length, format, arguments);
	va_end(arguments);
	return tame(usage);
}

void peal_usage_locate(struct peal_usage *usage, const struct peal_settings *settings)
{
	struct peal_usage before = *usage;
	size_t length = strcspn(before.text, ":");
	const struct peal_option *option;
	const char *place;

	if (!before.text[length])
		return;
	before.text[length] = '\0';
	option = peal_option_find(PEAL_SPELLING_FLAG, before.text);
	place = option ? settings->places[peal_option_id(option)] : NULL;
	if (place)
		peal_usage_set(usage, "%s:%s", place, before.text + length + 1);
}

static void list_clear(struct peal_settings_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct peal_settings_list){ 0 };
}

/* Secrets do not stay behind in memory that is free. */
static void text_clear(const struct peal_option *option, char **text)
{
	if (*text && peal_option_secret(option))
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

/* Position of an item among choices that are separated by commas, or below zero. */
static int find_choice(const char *choices, const char *text, size_t length)
{
	for (int index = 0;; index++) {
		size_t span = strcspn(choices, ",");

		if (span == length && !memcmp(choices, text, length))
			return index;
		if (!choices[span])
			return -1;
		choices += span + 1;
	}
}

static int list_add(struct peal_settings_list *list, const char *text, size_t length)
{
	char **items = realloc(list->items, (list->count + 1) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->count] = strndup(text, length);
	if (!items[list->count])
		return -ENOMEM;
	list->count++;
	return 0;
}

static int set_list(const struct peal_option *option, struct peal_settings_list *list,
		    const char *where, const char *text, struct peal_usage *usage)
{
	for (;;) {
		size_t span = strcspn(text, ","), length = span;
		const char *item = text;
		int r;

		while (length && (*item == ' ' || *item == '\t'))
			item++, length--;
		while (length && (item[length - 1] == ' ' || item[length - 1] == '\t'))
			length--;
		if (!length)
			return peal_usage_set(usage, "%s: an item of the list is empty", where);
		if (option->choices && find_choice(option->choices, item, length) < 0)
			return peal_usage_set(usage, "%s: \"%.*s\" is not one of %s", where,
					      (int)length, item, option->choices);
		if (list->count == LIST_CEILING)
			return peal_usage_set(usage, "%s: more than %d items", where, LIST_CEILING);
		r = list_add(list, item, length);
		if (r < 0)
			return r;
		if (!text[span])
			return 0;
		text += span + 1;
	}
}

static int set_boolean(bool *setting, const char *where, const char *text, struct peal_usage *usage)
{
	if (!strcmp(text, "1") || !strcmp(text, "true"))
		*setting = true;
	else if (!strcmp(text, "0") || !strcmp(text, "false"))
		*setting = false;
	else
		return peal_usage_set(usage, "%s: \"%s\" is not one of true, false, 1, 0", where,
				      text);
	return 0;
}

static int set_number(const struct peal_option *option, int64_t *setting, const char *where,
		      const char *text, struct peal_usage *usage)
{
	bool digits = *text != '\0' && strlen(text) <= 18;

	for (const char *c = text; *c; c++)
		digits = digits && *c >= '0' && *c <= '9';
	int64_t number = digits ? strtoll(text, NULL, 10) : -1;
	if (number < option->lowest || number > option->highest)
		return peal_usage_set(usage,
				      "%s: \"%s\" is not a whole number from %" PRId64
				      " to %" PRId64 "%s%s",
				      where, text, option->lowest, option->highest,
				      option->unit ? " " : "", option->unit ? option->unit : "");
	*setting = number;
	return 0;
}

/* Remembers where a setting is from. */
static int keep_source(struct peal_settings *settings, const struct peal_option *option,
		       enum peal_source source, const char *where)
{
	enum peal_option_id id = peal_option_id(option);
	char *place = source == PEAL_SOURCE_DEFAULT ? NULL : strdup(where);

	if (!place && source != PEAL_SOURCE_DEFAULT)
		return -ENOMEM;
	free(settings->places[id]);
	settings->places[id] = place;
	settings->sources[id] = source;
	return 0;
}

int peal_option_set(struct peal_settings *settings, const struct peal_option *option,
		    enum peal_source source, const char *where, const char *text,
		    struct peal_usage *usage)
{
	void *setting = (char *)settings + option->offset;
	int r = 0;

	if (option->kind == PEAL_OPTION_LIST && settings->sources[peal_option_id(option)] != source)
		list_clear(setting);
	if (!text)
		return keep_source(settings, option, source, where);
	if (!peal_option_text_valid(text))
		return peal_usage_set(usage, "%s: must be UTF-8 without control characters", where);
	switch (option->kind) {
	case PEAL_OPTION_BOOLEAN:
		r = set_boolean(setting, where, text, usage);
		break;
	case PEAL_OPTION_NUMBER:
		r = set_number(option, setting, where, text, usage);
		break;
	case PEAL_OPTION_TEXT: {
		char *copy = strdup(text), **old = setting;

		if (!copy)
			return -ENOMEM;
		text_clear(option, old);
		*old = copy;
		break;
	}
	case PEAL_OPTION_CHOICE: {
		int index = find_choice(option->choices, text, strlen(text));

		if (index < 0)
			return peal_usage_set(usage, "%s: \"%s\" is not one of %s", where, text,
					      option->choices);
		*(unsigned *)setting = (unsigned)index;
		break;
	}
	case PEAL_OPTION_LIST:
		r = set_list(option, setting, where, text, usage);
		break;
	case PEAL_OPTION_SECTION:
		break;
	}
	return r ? r : keep_source(settings, option, source, where);
}

void peal_settings_deinit(struct peal_settings *settings)
{
	for (const struct peal_option *option = peal_options; option->name; option++) {
		void *setting = (char *)settings + option->offset;

		if (option->kind == PEAL_OPTION_TEXT)
			text_clear(option, setting);
		else if (option->kind == PEAL_OPTION_LIST)
			list_clear(setting);
	}
	for (size_t id = 0; id < PEAL_OPTION_ID_COUNT; id++)
		free(settings->places[id]);
	free(settings->foreign_variables.items);
	*settings = (struct peal_settings){ 0 };
}
