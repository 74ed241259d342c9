/*
 * The config file: one flat JSON object whose keys are settings.
 *
 * cJSON builds the values but forgets where they stood, so a scan of our own finds the line of each
 * key; both walk the keys in the order of the file.
 */
#include "config.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far more than all settings together need. */
#define FILE_CEILING (1u << 20)

struct file {
	const char *path;
	char *text; /* NUL-terminated */
	size_t length;
};

static unsigned line_at(const struct file *file, const char *position)
{
	unsigned line = 1;

	for (const char *c = file->text; c < position && c < file->text + file->length; c++)
		line += *c == '\n';
	return line;
}

static int read_file(struct file *file, struct peal_usage *usage)
{
	FILE *stream = fopen(file->path, "re");
	int r = 0;

	if (!stream)
		return peal_usage_set(usage, "--config: cannot open \"%s\": %s", file->path,
				      strerror(errno));
	file->text = malloc(FILE_CEILING + 1);
	if (!file->text) {
		fclose(stream);
		return -ENOMEM;
	}
	file->length = fread(file->text, 1, FILE_CEILING + 1, stream);
	if (ferror(stream))
		r = peal_usage_set(usage, "--config: cannot read \"%s\": %s", file->path,
				   strerror(errno));
	else if (file->length > FILE_CEILING)
		r = peal_usage_set(usage, "--config: \"%s\" is larger than %u bytes", file->path,
				   FILE_CEILING);
	else
		file->text[file->length] = '\0';
	fclose(stream);
	return r;
}

/* cJSON would end a text at U+0000, in the file or escaped, and nobody would see what was lost. */
static int refuse_nul(const struct file *file, struct peal_usage *usage)
{
	const char *found = memchr(file->text, '\0', file->length);

	if (!found)
		found = strstr(file->text, "\\u0000");
	if (!found)
		return 0;
	return peal_usage_set(usage, "%s:%u: U+0000 is not allowed", file->path,
			      line_at(file, found));
}

/* Steps to the next key of the outer object. The text is valid JSON. */
struct key_scan {
	const char *at;
	unsigned depth;
	bool expect_key;
};

static const char *next_key(struct key_scan *scan)
{
	for (; *scan->at; scan->at++) {
		const char *start = scan->at;

		switch (*scan->at) {
		case '{':
		case '[':
			scan->depth++;
			scan->expect_key = scan->depth == 1;
			break;
		case '}':
		case ']':
			scan->depth--;
			break;
		case ',':
			scan->expect_key = scan->depth == 1;
			break;
		case '"':
			for (scan->at++; *scan->at && *scan->at != '"'; scan->at++)
				if (*scan->at == '\\' && scan->at[1])
					scan->at++;
			if (scan->depth == 1 && scan->expect_key) {
				scan->expect_key = false;
				scan->at += *scan->at != '\0';
				return start;
			}
			if (!*scan->at)
				return NULL;
			break;
		}
	}
	return NULL;
}

static int wrong_type(const struct peal_option *option, const char *where, struct peal_usage *usage)
{
	static const char *const wanted[] = {
		[PEAL_OPTION_BOOLEAN] = "true or false",
		[PEAL_OPTION_NUMBER] = "a number",
		[PEAL_OPTION_TEXT] = "a string",
		[PEAL_OPTION_CHOICE] = "a string",
		[PEAL_OPTION_LIST] = "a string or an array of strings",
	};

	return peal_usage_set(usage, "%s: must be %s", where, wanted[option->kind]);
}

static int set_number(struct peal_settings *settings, const struct peal_option *option,
		      const char *where, double number, struct peal_usage *usage)
{
	char text[64];

	/* What is not whole, or beyond what a double holds exactly, keeps its form and is refused
	 * with the range. */
	if (number >= 0 && number < 9e15 && floor(number) == number)
		snprintf(text, sizeof(text), "%.0f", number);
	else
		snprintf(text, sizeof(text), "%.17g", number);
	return peal_option_set(settings, option, PEAL_SOURCE_CONFIG, where, text, usage);
}

static int set_list(struct peal_settings *settings, const struct peal_option *option,
		    const char *where, const cJSON *array, struct peal_usage *usage)
{
	int r = peal_option_set(settings, option, PEAL_SOURCE_CONFIG, where, NULL, usage);

	for (const cJSON *item = array->child; r == 0 && item; item = item->next)
		r = cJSON_IsString(item) ? peal_option_set(settings, option, PEAL_SOURCE_CONFIG,
							   where, item->valuestring, usage)
					 : wrong_type(option, where, usage);
	return r;
}

static int set_key(struct peal_settings *settings, const struct peal_option *option,
		   const char *where, const cJSON *value, struct peal_usage *usage)
{
	bool string = option->kind != PEAL_OPTION_BOOLEAN && option->kind != PEAL_OPTION_NUMBER;

	if (option->kind == PEAL_OPTION_BOOLEAN && cJSON_IsBool(value))
		return peal_option_set(settings, option, PEAL_SOURCE_CONFIG, where,
				       cJSON_IsTrue(value) ? "true" : "false", usage);
	if (option->kind == PEAL_OPTION_NUMBER && cJSON_IsNumber(value))
		return set_number(settings, option, where, value->valuedouble, usage);
	if (string && cJSON_IsString(value))
		return peal_option_set(settings, option, PEAL_SOURCE_CONFIG, where,
				       value->valuestring, usage);
	if (option->kind == PEAL_OPTION_LIST && cJSON_IsArray(value))
		return set_list(settings, option, where, value, usage);
	return wrong_type(option, where, usage);
}

static int set_all(const struct file *file, const cJSON *root, struct peal_settings *settings,
		   struct peal_usage *usage)
{
	unsigned lines[PEAL_OPTION_ID_COUNT] = { 0 };
	struct key_scan scan = { .at = file->text };

	for (const cJSON *item = root->child; item; item = item->next) {
		const char *position = next_key(&scan);
		unsigned line = line_at(file, position ? position : file->text);
		const struct peal_option *option =
			peal_option_find(PEAL_SPELLING_KEY, item->string);
		char where[512];
		int r;

		snprintf(where, sizeof(where), "%s:%u: \"%.64s\"", file->path, line, item->string);
		if (!option)
			return peal_option_unknown(PEAL_SPELLING_KEY, where, item->string, usage);
		if (peal_option_id(option) == PEAL_OPTION_ID_config)
			return peal_usage_set(usage, "%s: a config file cannot name another",
					      where);
		if (lines[peal_option_id(option)])
			return peal_usage_set(usage, "%s: is there twice, first in line %u", where,
					      lines[peal_option_id(option)]);
		lines[peal_option_id(option)] = line;
		r = set_key(settings, option, where, item, usage);
		if (r)
			return r;
	}
	return 0;
}

static int parse(const struct file *file, struct peal_settings *settings, struct peal_usage *usage)
{
	const char *end = file->text;
	cJSON *root = cJSON_ParseWithLengthOpts(file->text, file->length + 1, &end, 1);
	int r;

	if (!root) {
		int near = (int)strcspn(end, "\r\n");

		return peal_usage_set(usage, "%s:%u: not valid JSON at \"%.*s\"", file->path,
				      line_at(file, end), near < 40 ? near : 40, end);
	}
	if (cJSON_IsObject(root))
		r = set_all(file, root, settings, usage);
	else
		r = peal_usage_set(usage, "%s:1: must hold one JSON object", file->path);
	cJSON_Delete(root);
	return r;
}

int peal_config_load(const char *path, struct peal_settings *settings, struct peal_usage *usage)
{
	struct file file = { .path = path };
	int r = read_file(&file, usage);

	if (r == 0)
		r = refuse_nul(&file, usage);
	if (r == 0)
		r = parse(&file, settings, usage);
	free(file.text);
	return r;
}
