/*
 * The list of settings in docs/configuration.md, from the table.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "option_private.h"
#include "options.h"

#define WIDTH 120

static void print_wrapped(FILE *stream, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t length = strcspn(text, " ");

		if (column && column + 1 + length > WIDTH) {
			fputc('\n', stream);
			column = 0;
		} else if (column) {
			fputc(' ', stream);
			column++;
		}
		for (size_t i = 0; i < length; i++)
			fprintf(stream, strchr("*<[]", text[i]) ? "\\%c" : "%c", text[i]);
		column += length;
		text += length;
		while (*text == ' ')
			text++;
	}
	fputc('\n', stream);
}

/* What the value must be. */
static void put_type(FILE *stream, const struct peal_option *option)
{
	const char *choices = option->choices;

	switch (option->kind) {
	case PEAL_OPTION_BOOLEAN:
		fputs("true or false", stream);
		break;
	case PEAL_OPTION_NUMBER:
		fprintf(stream, "whole number, %" PRId64 " to %" PRId64 "%s%s", option->lowest,
			option->highest, option->unit ? " " : "", option->unit ? option->unit : "");
		break;
	case PEAL_OPTION_TEXT:
		fputs("text", stream);
		break;
	case PEAL_OPTION_CHOICE:
		fputs("one of", stream);
		break;
	case PEAL_OPTION_LIST:
		fputs(choices ? "list of" : "list of texts", stream);
		break;
	case PEAL_OPTION_SECTION:
		break;
	}
	while (choices) {
		size_t span = strcspn(choices, ",");

		fprintf(stream, " `%.*s`%s", (int)span, choices, choices[span] ? "," : "");
		choices = choices[span] ? choices + span + 1 : NULL;
	}
}

static void put_default(FILE *stream, const struct peal_option *option)
{
	if (option->kind == PEAL_OPTION_BOOLEAN)
		fprintf(stream, "default `%s`", option->number_default ? "true" : "false");
	else if (option->kind == PEAL_OPTION_NUMBER && option->number_default >= option->lowest)
		fprintf(stream, "default `%" PRId64 "`", option->number_default);
	else if (option->kind != PEAL_OPTION_NUMBER && option->text_default)
		fprintf(stream, "default `%s`", option->text_default);
	else
		fputs("no default", stream);
}

static void print_option(FILE *stream, const struct peal_option *option)
{
	char key[64], flag[64], variable[64];

	peal_option_spell(PEAL_SPELLING_KEY, option->name, key, sizeof(key));
	peal_option_spell(PEAL_SPELLING_FLAG, option->name, flag, sizeof(flag));
	peal_option_spell(PEAL_SPELLING_VARIABLE, option->name, variable, sizeof(variable));
	fprintf(stream, "\n### %s\n\n`%s", key, flag);
	if (option->kind == PEAL_OPTION_BOOLEAN)
		fprintf(stream, "`, `--no-%s`", flag + 2);
	else
		fprintf(stream, " %s`", option->placeholder ? option->placeholder : "CHOICE");
	fprintf(stream, " · `%s`", variable);
	if (peal_option_other_variable(option))
		fprintf(stream, " or `%s`", peal_option_other_variable(option));
	fputs(" · ", stream);
	put_type(stream, option);
	fputs(" · ", stream);
	put_default(stream, option);
	fputs(peal_option_reloads(option) ? " · **reload**\n\n" : "\n\n", stream);
	print_wrapped(stream, option->description);
}

void peal_settings_reference(FILE *stream)
{
	for (const struct peal_option *option = peal_options; option->name; option++) {
		if (option->kind == PEAL_OPTION_SECTION)
			fprintf(stream, "%s## %s\n", option == peal_options ? "" : "\n",
				option->name);
		else
			print_option(stream, option);
	}
}
