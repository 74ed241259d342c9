/*
 * Values as they are shown: in tables, logs and JSON. What is secret is never among them, nor a
 * password that stands in a URL.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api_json.h"
#include "option_private.h"
#include "options.h"

#define MASK "(set)"

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_list(const struct peal_settings_list *a, const struct peal_settings_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

bool peal_option_equal(const struct peal_option *option, const struct peal_settings *a,
		       const struct peal_settings *b)
{
	const void *one = (const char *)a + option->offset;
	const void *other = (const char *)b + option->offset;

	switch (option->kind) {
	case PEAL_OPTION_BOOLEAN:
		return *(const bool *)one == *(const bool *)other;
	case PEAL_OPTION_NUMBER:
		return *(const int64_t *)one == *(const int64_t *)other;
	case PEAL_OPTION_TEXT:
		return same_text(*(char *const *)one, *(char *const *)other);
	case PEAL_OPTION_CHOICE:
		return *(const unsigned *)one == *(const unsigned *)other;
	case PEAL_OPTION_LIST:
		return same_list(one, other);
	case PEAL_OPTION_SECTION:
		break;
	}
	return true;
}

static void swap(void *a, void *b, size_t size)
{
	char between[sizeof(struct peal_settings_list)];

	memcpy(between, a, size);
	memcpy(a, b, size);
	memcpy(b, between, size);
}

void peal_option_swap(const struct peal_option *option, struct peal_settings *a,
		      struct peal_settings *b)
{
	static const size_t sizes[] = {
		[PEAL_OPTION_BOOLEAN] = sizeof(bool),
		[PEAL_OPTION_NUMBER] = sizeof(int64_t),
		[PEAL_OPTION_TEXT] = sizeof(char *),
		[PEAL_OPTION_CHOICE] = sizeof(unsigned),
		[PEAL_OPTION_LIST] = sizeof(struct peal_settings_list),
	};
	enum peal_option_id id = peal_option_id(option);

	swap((char *)a + option->offset, (char *)b + option->offset, sizes[option->kind]);
	swap(&a->sources[id], &b->sources[id], sizeof(a->sources[id]));
	swap(&a->places[id], &b->places[id], sizeof(a->places[id]));
	swap(&a->lines[id], &b->lines[id], sizeof(a->lines[id]));
}

/* --- masking --------------------------------------------------------------------------------- */

/*
 * Writes a URL without what lets people in: the password, and what stands behind a question mark.
 * Where the whole URL counts as secret, everything up to the last @ belongs to user and password,
 * however it was written; a name without a password may be a token, and is not shown either.
 */
static void put_url(FILE *stream, const char *url, bool secret)
{
	const char *rest = strstr(url, "://") + 3;
	size_t length = secret ? strlen(rest) : strcspn(rest, "/?#");
	const char *at = memrchr(rest, '@', length), *colon;
	size_t shown;

	fprintf(stream, "%.*s", (int)(rest - url), url);
	if (at) {
		colon = memchr(rest, ':', (size_t)(at - rest));
		if (colon)
			fprintf(stream, "%.*s:", (int)(colon - rest), rest);
		fputs(MASK, stream);
		rest = at;
	}
	shown = strcspn(rest, "?#");
	fprintf(stream, "%.*s", (int)shown, rest);
	if (rest[shown])
		fprintf(stream, "%c" MASK, rest[shown]);
}

static void put_text(FILE *stream, const struct peal_option *option, const char *text)
{
	bool secret = peal_option_secret(option);
	bool url = option->placeholder && !strcmp(option->placeholder, "URL");

	if (strstr(text, "://") && (url || !secret))
		put_url(stream, text, secret);
	else
		fputs(secret ? MASK : text, stream);
}

/* The same as a JSON string. */
static void put_text_json(FILE *stream, const struct peal_option *option, const char *text)
{
	char *shown = NULL;
	size_t length = 0;
	FILE *memory = open_memstream(&shown, &length);

	if (memory)
		put_text(memory, option, text);
	if (!memory || fclose(memory) != 0)
		fputs("null", stream);
	else
		peal_piece_put_string(stream, shown);
	free(shown);
}

/* --- values ---------------------------------------------------------------------------------- */

/* A number below its range is none; its default may be. */
static bool is_none(const struct peal_option *option, const void *setting)
{
	if (option->kind == PEAL_OPTION_NUMBER)
		return *(const int64_t *)setting < option->lowest;
	return option->kind == PEAL_OPTION_TEXT && !*(char *const *)setting;
}

static void put_choice(FILE *stream, const char *choices, unsigned index)
{
	while (index--)
		choices += strcspn(choices, ",") + 1;
	fprintf(stream, "%.*s", (int)strcspn(choices, ","), choices);
}

static void put_list(FILE *stream, const struct peal_option *option,
		     const struct peal_settings_list *list, bool json)
{
	for (size_t i = 0; i < list->count; i++) {
		if (i)
			fputc(',', stream);
		if (json)
			put_text_json(stream, option, list->items[i]);
		else
			put_text(stream, option, list->items[i]);
	}
}

void peal_option_put(FILE *stream, const struct peal_option *option,
		     const struct peal_settings *settings)
{
	const void *setting = (const char *)settings + option->offset;
	const struct peal_settings_list *list = setting;

	if (is_none(option, setting)) {
		fputs("(none)", stream);
		return;
	}
	switch (option->kind) {
	case PEAL_OPTION_BOOLEAN:
		fputs(*(const bool *)setting ? "true" : "false", stream);
		break;
	case PEAL_OPTION_NUMBER:
		fprintf(stream, "%" PRId64, *(const int64_t *)setting);
		break;
	case PEAL_OPTION_TEXT:
		put_text(stream, option, *(char *const *)setting);
		break;
	case PEAL_OPTION_CHOICE:
		put_choice(stream, option->choices, *(const unsigned *)setting);
		break;
	case PEAL_OPTION_LIST:
		if (!list->count)
			fputs("(none)", stream);
		put_list(stream, option, list, false);
		break;
	case PEAL_OPTION_SECTION:
		break;
	}
}

void peal_option_put_json(FILE *stream, const struct peal_option *option,
			  const struct peal_settings *settings)
{
	const void *setting = (const char *)settings + option->offset;

	if (is_none(option, setting)) {
		fputs("null", stream);
	} else if (option->kind == PEAL_OPTION_TEXT) {
		put_text_json(stream, option, *(char *const *)setting);
	} else if (option->kind == PEAL_OPTION_LIST) {
		fputc('[', stream);
		put_list(stream, option, setting, true);
		fputc(']', stream);
	} else if (option->kind == PEAL_OPTION_CHOICE) {
		fputc('"', stream);
		peal_option_put(stream, option, settings);
		fputc('"', stream);
	} else {
		peal_option_put(stream, option, settings);
	}
}

void peal_option_put_origin(FILE *stream, const struct peal_option *option,
			    const struct peal_settings *settings)
{
	enum peal_option_id id = peal_option_id(option);

	switch (settings->sources[id]) {
	case PEAL_SOURCE_DEFAULT:
		fputs("default", stream);
		break;
	case PEAL_SOURCE_CONFIG:
		fprintf(stream, "file %s:%u", settings->config, settings->lines[id]);
		break;
	case PEAL_SOURCE_ENVIRONMENT:
		fprintf(stream, "variable %s", settings->places[id]);
		break;
	case PEAL_SOURCE_FLAG:
		fprintf(stream, "flag %s", settings->places[id]);
		break;
	}
}
