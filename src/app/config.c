/*
 * The config file: one flat JSON object whose keys are settings.
 *
 * cJSON builds the values but forgets where they stood, so a scan of our own finds the line of each
 * key; both walk the keys in the order of the file.
 */
#include "config.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
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

/* In characters, from 1. */
static unsigned column_at(const struct file *file, const char *position)
{
	unsigned column = 1;

	while (position > file->text && position[-1] != '\n')
		column += ((unsigned char)*--position & 0xc0) != 0x80;
	return column;
}

static int read_file(struct file *file, struct peal_usage *usage)
{
	FILE *stream = fopen(file->path, "re");
	int r = 0;

	if (!stream)
		return peal_usage_set(usage, "%s: cannot open the config file: %s", file->path,
				      strerror(errno));
	file->text = malloc(FILE_CEILING + 1);
	if (!file->text) {
		fclose(stream);
		return -ENOMEM;
	}
	file->length = fread(file->text, 1, FILE_CEILING + 1, stream);
	if (ferror(stream))
		r = peal_usage_set(usage, "%s: cannot read the config file: %s", file->path,
				   strerror(errno));
	else if (file->length > FILE_CEILING)
		r = peal_usage_set(usage, "%s: the config file is larger than %u bytes", file->path,
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
	return peal_usage_set(usage, "%s:%u:%u: U+0000 is not allowed", file->path,
			      line_at(file, found), column_at(file, found));
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
	switch (option->kind) {
	case PEAL_OPTION_BOOLEAN:
		return peal_usage_set(usage, "%s: must be true or false", where);
	case PEAL_OPTION_NUMBER:
		return peal_usage_set(usage,
				      "%s: must be a whole number from %" PRId64 " to %" PRId64
				      "%s%s, without quotation marks",
				      where, option->lowest, option->highest,
				      option->unit ? " " : "", option->unit ? option->unit : "");
	case PEAL_OPTION_CHOICE:
		return peal_usage_set(usage, "%s: must be a string, one of %s", where,
				      option->choices);
	case PEAL_OPTION_LIST:
		return peal_usage_set(usage, "%s: must be a string or an array of strings%s%s",
				      where, option->choices ? " of " : "",
				      option->choices ? option->choices : "");
	default:
		return peal_usage_set(usage, "%s: must be a string", where);
	}
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

/* Some write {"cors": {"origin": …}} for what is "corsOrigin". */
static int unknown_key(const cJSON *item, const char *where, struct peal_usage *usage)
{
	const cJSON *member = cJSON_IsObject(item) ? item->child : NULL;
	char flat[64];

	if (member && *member->string) {
		snprintf(flat, sizeof(flat), "%.31s%c%.31s", item->string,
			 toupper((unsigned char)*member->string), member->string + 1);
		if (peal_option_find(PEAL_SPELLING_KEY, flat))
			return peal_usage_set(usage,
					      "%s: there is no such setting; settings are not "
					      "nested: did you mean %s?",
					      where, flat);
	}
	return peal_option_unknown(PEAL_SPELLING_KEY, where, item->string, usage);
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
		char where[1024];
		int r;

		snprintf(where, sizeof(where), "%s:%u: \"%.64s\"", file->path, line, item->string);
		if (!option)
			return unknown_key(item, where, usage);
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
		settings->lines[peal_option_id(option)] = line;
	}
	return 0;
}

/* Does a string begin before @at, and not end? The text is valid JSON up to there. */
static bool in_string(const struct file *file, const char *at)
{
	bool within = false;

	for (const char *c = file->text; c < at; c++) {
		if (*c == '"')
			within = !within;
		else if (*c == '\\' && within)
			c++;
	}
	return within;
}

static const char *skip_back(const struct file *file, const char *at)
{
	while (at > file->text && strchr(" \t\r\n", at[-1]))
		at--;
	return at;
}

/* What is probably wrong where the grammar ends. */
static const char *guess(const struct file *file, const char *at)
{
	const char *before = skip_back(file, at);
	char last = before > file->text ? before[-1] : '\0';

	if (in_string(file, at))
		return *at == '\\' ? "JSON has no such escape" : "this string does not end";
	if (!*at)
		return "the file ends before the JSON is complete";
	if ((*at == '}' || *at == ']') && last == ',')
		return "there is a comma in front of it, and nothing behind that";
	if (*at == '/' || *at == '#')
		return "JSON has no comments";
	if (*at == '\'')
		return "strings stand in double quotation marks";
	if (*at == '"' && last && !strchr("{[,:", last))
		return "a comma or colon is missing in front of it";
	if (last && strchr("{,", last))
		return "a string in double quotation marks is expected";
	return "this cannot stand here";
}

/* Nothing is quoted but one character: the rest of the line may be a secret. */
static int explain(const struct file *file, const char *at, struct peal_usage *usage)
{
	const char *why;

	/* cJSON has gone one too far where it misses the string of a key. */
	if (at > file->text && !in_string(file, at) && !strchr(" \t\r\n", at[-1])) {
		const char *before = skip_back(file, at - 1);

		if (before > file->text && strchr("{,", before[-1]))
			at--;
	}
	why = guess(file, at);
	if (*at > ' ' && *at < 0x7f)
		return peal_usage_set(usage, "%s:%u:%u: not valid JSON at '%c': %s", file->path,
				      line_at(file, at), column_at(file, at), *at, why);
	return peal_usage_set(usage, "%s:%u:%u: not valid JSON: %s", file->path, line_at(file, at),
			      column_at(file, at), why);
}

static int parse(const struct file *file, struct peal_settings *settings, struct peal_usage *usage)
{
	const char *end = file->text;
	cJSON *root = cJSON_ParseWithLengthOpts(file->text, file->length + 1, &end, 1);
	int r;

	if (!root)
		return explain(file, end, usage);
	if (cJSON_IsObject(root))
		r = set_all(file, root, settings, usage);
	else
		r = peal_usage_set(usage, "%s:1:1: must hold one JSON object", file->path);
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
