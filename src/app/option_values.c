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

int peal_usage_set(struct peal_usage *usage, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(usage->text, sizeof(usage->text), format, arguments);
	va_end(arguments);
	return PEAL_USAGE_WRONG;
}

static void list_clear(struct peal_settings_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct peal_settings_list){ 0 };
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

int peal_option_set(struct peal_settings *settings, const struct peal_option *option,
		    enum peal_source source, const char *where, const char *text,
		    struct peal_usage *usage)
{
	void *setting = (char *)settings + option->offset;
	enum peal_source *known = &settings->sources[peal_option_id(option)];
	int r = 0;

	if (option->kind == PEAL_OPTION_LIST && *known != source)
		list_clear(setting);
	if (!text) {
		*known = source;
		return 0;
	}
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
		free(*old);
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
	if (r == 0)
		*known = source;
	return r;
}

void peal_settings_deinit(struct peal_settings *settings)
{
	for (const struct peal_option *option = peal_options; option->name; option++) {
		void *setting = (char *)settings + option->offset;

		if (option->kind == PEAL_OPTION_TEXT)
			free(*(char **)setting);
		else if (option->kind == PEAL_OPTION_LIST)
			list_clear(setting);
	}
	free(settings->foreign_variables.items);
	*settings = (struct peal_settings){ 0 };
}
