/*
 * The list of settings in --help, from the table.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "option_private.h"
#include "options.h"

#define COLUMN 38
#define WIDTH 100

static void print_wrapped(FILE *stream, const char *text, size_t column)
{
	while (*text) {
		size_t length = strcspn(text, " ");

		if (column + 1 + length > WIDTH) {
			fprintf(stream, "\n%*s", COLUMN, "");
			column = COLUMN;
		} else if (column > COLUMN) {
			fputc(' ', stream);
			column++;
		}
		fprintf(stream, "%.*s", (int)length, text);
		column += length;
		text += length;
		while (*text == ' ')
			text++;
	}
	fputc('\n', stream);
}

/* Range and default in words. */
static void describe(const struct peal_option *option, char *buffer, size_t size)
{
	const char *unit = option->unit ? option->unit : "";
	const char *space = option->unit ? " " : "";

	switch (option->kind) {
	case PEAL_OPTION_BOOLEAN:
		snprintf(buffer, size, "(default: %s)", option->number_default ? "on" : "off");
		break;
	case PEAL_OPTION_NUMBER:
		if (option->number_default < option->lowest)
			snprintf(buffer, size, "(%" PRId64 " to %" PRId64 "%s%s; default: none)",
				 option->lowest, option->highest, space, unit);
		else
			snprintf(buffer, size,
				 "(%" PRId64 " to %" PRId64 "; default: %" PRId64 "%s%s)",
				 option->lowest, option->highest, option->number_default, space,
				 unit);
		break;
	case PEAL_OPTION_CHOICE:
		snprintf(buffer, size, "(default: %s)", option->text_default);
		break;
	case PEAL_OPTION_LIST:
		snprintf(buffer, size, "(repeatable; default: %s)",
			 option->text_default ? option->text_default : "none");
		break;
	default:
		if (option->text_default)
			snprintf(buffer, size, "(default: %s)", option->text_default);
		else
			snprintf(buffer, size, "(default: none)");
	}
}

static void print_option(FILE *stream, const struct peal_option *option)
{
	char spelled[64], head[160], words[128], text[1024];
	int length;

	peal_option_spell(PEAL_SPELLING_FLAG, option->name, spelled, sizeof(spelled));
	if (option->kind == PEAL_OPTION_BOOLEAN)
		snprintf(head, sizeof(head), "%s, --no-%s", spelled, spelled + 2);
	else if (option->kind == PEAL_OPTION_CHOICE)
		snprintf(head, sizeof(head), "%s %s", spelled, option->choices);
	else
		snprintf(head, sizeof(head), "%s %s", spelled, option->placeholder);
	for (char *c = head; option->kind == PEAL_OPTION_CHOICE && *c; c++)
		*c = *c == ',' ? '|' : *c;
	describe(option, words, sizeof(words));
	snprintf(text, sizeof(text), "%s %s%s", option->description, words,
		 peal_option_reloads(option) ? " [reload]" : "");

	length = fprintf(stream, "  %s", head);
	if (length > COLUMN - 2)
		fprintf(stream, "\n%*s", COLUMN, "");
	else
		fprintf(stream, "%*s", COLUMN - length, "");
	print_wrapped(stream, text, COLUMN);
}

void peal_settings_help(FILE *stream)
{
	for (const struct peal_option *option = peal_options; option->name; option++) {
		if (option->kind == PEAL_OPTION_SECTION)
			fprintf(stream, "\n%s\n", option->name);
		else
			print_option(stream, option);
	}
}
