/*
 * Names of settings in their three spellings, and what to say about a name that is none.
 */
#include <ctype.h>
#include <string.h>

#include "options.h"
#include "option_private.h"

/* No name of the table or of a setting that is not built comes near this. */
#define NAME_SIZE 64

static const struct {
	const char *name, *reason;
} not_built[] = {
#define NOT_BUILT(name, reason) { name, reason },
	PEAL_OPTIONS_NOT_BUILT(NOT_BUILT)
#undef NOT_BUILT
};

static const struct {
	const char *variable, *name;
} variables[] = {
#define VARIABLE(variable, name) { variable, name },
	PEAL_OPTIONS_VARIABLES(VARIABLE)
#undef VARIABLE
};

static const char *const secrets[] = {
#define SECRET(name) name,
	PEAL_OPTIONS_SECRET(SECRET)
#undef SECRET
};

const char *peal_option_other_variable(const struct peal_option *option)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		if (!strcmp(variables[i].name, option->name))
			return variables[i].variable;
	return NULL;
}

static const char *const reloaded[] = {
#define RELOADED(name, group) #name,
	PEAL_OPTIONS_RELOADED(RELOADED)
#undef RELOADED
};

bool peal_option_reloads(const struct peal_option *option)
{
	for (size_t i = 0; i < sizeof(reloaded) / sizeof(*reloaded); i++)
		if (!strcmp(reloaded[i], option->name))
			return true;
	return false;
}

bool peal_option_secret(const struct peal_option *option)
{
	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
		if (!strcmp(secrets[i], option->name))
			return true;
	return false;
}

static const struct peal_option *find_by_name(const char *name)
{
	for (const struct peal_option *option = peal_options; option->name; option++)
		if (option->kind != PEAL_OPTION_SECTION && !strcmp(option->name, name))
			return option;
	return NULL;
}

void peal_option_spell(enum peal_spelling spelling, const char *name, char *buffer, size_t size)
{
	static const char *const prefixes[] = { "--", "PEAL_", "" };
	size_t length = 0;
	bool raise = false;

	for (const char *c = prefixes[spelling]; *c && length + 1 < size; c++)
		buffer[length++] = *c;
	for (const char *c = name; *c && length + 1 < size; c++) {
		if (spelling == PEAL_SPELLING_KEY && *c == '_')
			raise = true;
		else if (spelling == PEAL_SPELLING_FLAG)
			buffer[length++] = *c == '_' ? '-' : *c;
		else if (spelling == PEAL_SPELLING_VARIABLE || raise)
			buffer[length++] = (char)toupper((unsigned char)*c), raise = false;
		else
			buffer[length++] = *c;
	}
	buffer[length] = '\0';
}

const struct peal_option *peal_option_find(enum peal_spelling spelling, const char *text)
{
	char spelled[NAME_SIZE];

	for (size_t i = 0;
	     spelling == PEAL_SPELLING_VARIABLE && i < sizeof(variables) / sizeof(*variables); i++)
		if (!strcmp(variables[i].variable, text))
			return find_by_name(variables[i].name);
	for (const struct peal_option *option = peal_options; option->name; option++) {
		if (option->kind == PEAL_OPTION_SECTION)
			continue;
		peal_option_spell(spelling, option->name, spelled, sizeof(spelled));
		if (!strcmp(spelled, text))
			return option;
	}
	return NULL;
}

/* Reduces a name in any spelling to its letters and digits, so that spellings compare. */
static void reduce(const char *text, char reduced[NAME_SIZE])
{
	size_t length = 0;

	for (; *text && length + 1 < NAME_SIZE; text++)
		if (isalnum((unsigned char)*text))
			reduced[length++] = (char)tolower((unsigned char)*text);
	reduced[length] = '\0';
}

/* Number of characters to insert, remove or replace to make one text of the other. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NAME_SIZE];
	size_t length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < length; j++) {
			unsigned best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (diagonal + 1 < best)
				best = diagonal + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j + 1] = best;
		}
	}
	return row[length];
}

/* The option whose name is nearest, if it is near enough to be what was meant. */
static const struct peal_option *nearest(const char *reduced)
{
	unsigned limit = (unsigned)strlen(reduced) / 4 + 1, least = limit + 1;
	const struct peal_option *found = NULL;
	char other[NAME_SIZE];

	for (const struct peal_option *option = peal_options; option->name; option++) {
		if (option->kind == PEAL_OPTION_SECTION)
			continue;
		reduce(option->name, other);
		unsigned steps = distance(reduced, other);
		if (steps < least)
			least = steps, found = option;
	}
	return found;
}

static const char *reason_not_built(const char *reduced)
{
	char other[NAME_SIZE];

	for (size_t i = 0; i < sizeof(not_built) / sizeof(*not_built); i++) {
		reduce(not_built[i].name, other);
		if (!strcmp(reduced, other))
			return not_built[i].reason;
	}
	return NULL;
}

/* The part of a spelled name behind its prefix; *ret_negated tells a --no- flag. */
static const char *bare(enum peal_spelling spelling, const char *text, bool *ret_negated)
{
	*ret_negated = false;
	if (spelling == PEAL_SPELLING_VARIABLE)
		return text + strlen("PEAL_");
	if (spelling != PEAL_SPELLING_FLAG)
		return text;
	while (*text == '-')
		text++;
	if (!strncmp(text, "no-", 3)) {
		*ret_negated = true;
		text += 3;
	}
	return text;
}

bool peal_option_resembles(enum peal_spelling spelling, const char *text)
{
	char reduced[NAME_SIZE];
	bool negated;

	reduce(bare(spelling, text, &negated), reduced);
	return reason_not_built(reduced) || nearest(reduced);
}

int peal_option_unknown(enum peal_spelling spelling, const char *where, const char *text,
			struct peal_usage *usage)
{
	char reduced[NAME_SIZE], spelled[NAME_SIZE];
	const struct peal_option *option;
	const char *reason;
	bool negated;

	reduce(bare(spelling, text, &negated), reduced);
	reason = reason_not_built(reduced);
	if (reason)
		return peal_usage_set(usage, "%s: %s", where, reason);
	option = nearest(reduced);
	if (!option)
		return peal_usage_set(usage, "%s: there is no such setting", where);
	peal_option_spell(spelling, option->name, spelled, sizeof(spelled));
	if (negated && option->kind == PEAL_OPTION_BOOLEAN)
		return peal_usage_set(usage, "%s: there is no such setting; did you mean --no-%s?",
				      where, spelled + 2);
	return peal_usage_set(usage, "%s: there is no such setting; did you mean %s?", where,
			      spelled);
}
