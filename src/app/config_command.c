/*
 * `peal config`: what the settings come to and where each is from, whether a file is right, and the
 * reference page. It judges what `peal serve` judges before it begins, and starts nothing.
 */
#include "config_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command_private.h"
#include "option_private.h"
#include "prepare.h"

/* What is asked for; the other arguments are settings. */
struct order {
	bool json, check, reference;
	char **settings;
};

void peal_config_command_help(void)
{
	printf("Usage: peal config [--json] [SETTINGS]\n"
	       "       peal config --check [FILE] [SETTINGS]\n"
	       "       peal config --reference\n"
	       "\n"
	       "Prints the settings that `peal serve` would run with, and where each is from: a "
	       "flag,\n"
	       "a variable, a line of the config file, or the default. Secrets are shown as "
	       "\"(set)\".\n"
	       "SETTINGS are the flags of serve; `peal serve --help` lists them.\n"
	       "\n"
	       "  --json          an object by key: value, origin, place or file and line, reload\n"
	       "  --check [FILE]  print nothing but one line: whether serve would begin with this "
	       "config\n"
	       "                  file, the variables that are set, and the flags\n"
	       "  --reference     print the list of settings for docs/configuration.md\n"
	       "\n"
	       "Exit status: 0 when the settings are right, 1 after a failure, 2 when they are "
	       "not: "
	       "a\n"
	       "line on standard error then says where, which key, and what was expected.\n");
}

/* --- reading --------------------------------------------------------------------------------- */

static int fail(const char *text)
{
	fprintf(stderr, "peal config: %s\n", text);
	return PEAL_EXIT_FAILURE;
}

static int misuse(const char *text)
{
	fprintf(stderr, "peal config: %s\nTry `peal config --help`.\n", text);
	return PEAL_EXIT_USAGE;
}

/* Takes the own flags out; "--check FILE" leaves "--config FILE" behind. */
static bool read_order(char **arguments, struct order *order)
{
	size_t count = 0, room = 0;

	while (arguments[room])
		room++;
	order->settings = calloc(2 * room + 1, sizeof(*order->settings));
	if (!order->settings)
		return false;
	for (; *arguments; arguments++) {
		if (!strcmp(*arguments, "--json")) {
			order->json = true;
		} else if (!strcmp(*arguments, "--reference")) {
			order->reference = true;
		} else if (!strcmp(*arguments, "--check")) {
			order->check = true;
			if (arguments[1] && strncmp(arguments[1], "--", 2) != 0) {
				order->settings[count++] = (char *)"--config";
				order->settings[count++] = *++arguments;
			}
		} else if (!strncmp(*arguments, "--check=", 8)) {
			order->check = true;
			order->settings[count++] = (char *)"--config";
			order->settings[count++] = *arguments + 8;
		} else {
			order->settings[count++] = *arguments;
		}
	}
	return true;
}

/* --- printing -------------------------------------------------------------------------------- */

typedef void put_fn(FILE *stream, const struct peal_option *option,
		    const struct peal_settings *settings);

/* A cell, with nothing in it that a terminal would obey. */
static void add_cell(struct peal_table *table, put_fn *put, const struct peal_option *option,
		     const struct peal_settings *settings)
{
	char *text = NULL, *shown = NULL;
	size_t length = 0, shown_length = 0;
	FILE *stream = open_memstream(&text, &length);

	if (stream)
		put(stream, option, settings);
	if (!stream || fclose(stream) != 0) {
		table->failed = true;
		free(text);
		return;
	}
	stream = open_memstream(&shown, &shown_length);
	if (stream)
		peal_command_put_text(stream, text, length);
	if (!stream || fclose(stream) != 0)
		table->failed = true;
	else
		peal_table_add(table, shown);
	free(text);
	free(shown);
}

static int print_table(const struct peal_settings *settings)
{
	struct peal_table table = { .columns = 3 };
	int code;

	peal_table_add(&table, "KEY");
	peal_table_add(&table, "VALUE");
	peal_table_add(&table, "ORIGIN");
	for (const struct peal_option *option = peal_options; option->name; option++) {
		char key[64];

		if (option->kind == PEAL_OPTION_SECTION)
			continue;
		peal_option_spell(PEAL_SPELLING_KEY, option->name, key, sizeof(key));
		peal_table_add(&table, key);
		add_cell(&table, peal_option_put, option, settings);
		add_cell(&table, peal_option_put_origin, option, settings);
	}
	code = table.failed ? PEAL_EXIT_FAILURE : PEAL_EXIT_ORDERLY;
	peal_table_print(&table);
	return code;
}

static void print_origin_json(const struct peal_option *option,
			      const struct peal_settings *settings)
{
	static const char *const names[] = {
		[PEAL_SOURCE_DEFAULT] = "default",
		[PEAL_SOURCE_CONFIG] = "file",
		[PEAL_SOURCE_ENVIRONMENT] = "variable",
		[PEAL_SOURCE_FLAG] = "flag",
	};
	enum peal_option_id id = peal_option_id(option);
	enum peal_source source = settings->sources[id];

	printf(",\"origin\":\"%s\"", names[source]);
	if (source == PEAL_SOURCE_CONFIG) {
		fputs(",\"file\":", stdout);
		peal_piece_put_string(stdout, settings->config);
		printf(",\"line\":%u", settings->lines[id]);
	} else if (source != PEAL_SOURCE_DEFAULT) {
		fputs(",\"place\":", stdout);
		peal_piece_put_string(stdout, settings->places[id]);
	}
}

static void print_json(const struct peal_settings *settings)
{
	const char *between = "{\n";

	for (const struct peal_option *option = peal_options; option->name; option++) {
		char key[64];

		if (option->kind == PEAL_OPTION_SECTION)
			continue;
		peal_option_spell(PEAL_SPELLING_KEY, option->name, key, sizeof(key));
		printf("%s  \"%s\":{\"value\":", between, key);
		peal_option_put_json(stdout, option, settings);
		print_origin_json(option, settings);
		printf(",\"reload\":%s}", peal_option_reloads(option) ? "true" : "false");
		between = ",\n";
	}
	fputs("\n}\n", stdout);
}

/* --- the command ----------------------------------------------------------------------------- */

static int say_fine(const struct peal_settings *settings)
{
	unsigned counts[PEAL_SOURCE_FLAG + 1] = { 0 };

	for (size_t id = 0; id < PEAL_OPTION_ID_COUNT; id++)
		counts[settings->sources[id]]++;
	if (settings->config) {
		/* The flag or variable that names the file is no setting of the node. */
		counts[settings->sources[PEAL_OPTION_ID_config]]--;
		peal_command_put_text(stdout, settings->config, strlen(settings->config));
		fputs(": ", stdout);
	}
	printf("fine: %u settings from the file, %u from variables, %u from flags\n",
	       counts[PEAL_SOURCE_CONFIG], counts[PEAL_SOURCE_ENVIRONMENT],
	       counts[PEAL_SOURCE_FLAG]);
	return PEAL_EXIT_ORDERLY;
}

static int answer(const struct order *order, const struct peal_settings *settings)
{
	struct peal_logging logging = { .level = PEAL_LOG_ERROR };
	struct peal_prepared prepared;
	struct peal_usage usage = { { 0 } };
	int r = peal_prepare(settings, &logging, &prepared, &usage);

	peal_prepared_deinit(&prepared);
	if (r > 0 && order->check) {
		fprintf(stderr, "%s\n", usage.text);
		return PEAL_EXIT_USAGE;
	}
	if (r)
		return r > 0 ? misuse(usage.text) : fail(strerror(-r));
	if (order->check)
		return say_fine(settings);
	if (!order->json)
		return print_table(settings);
	print_json(settings);
	return PEAL_EXIT_ORDERLY;
}

static int run(const struct order *order)
{
	struct peal_settings settings;
	struct peal_usage usage;
	int code, r;

	if (order->reference) {
		if (order->check || order->json || *order->settings)
			return misuse("--reference goes with nothing else");
		peal_settings_reference(stdout);
		return PEAL_EXIT_ORDERLY;
	}
	if (order->check && order->json)
		return misuse("--json: does nothing with --check");
	r = peal_settings_load(order->settings, environ, &settings, &usage);
	if (r == 0) {
		code = answer(order, &settings);
	} else if (r == PEAL_USAGE_HELP) {
		peal_config_command_help();
		code = PEAL_EXIT_ORDERLY;
	} else if (r == PEAL_USAGE_WRONG && order->check) {
		fprintf(stderr, "%s\n", usage.text);
		code = PEAL_EXIT_USAGE;
	} else {
		code = r > 0 ? misuse(usage.text) : fail(strerror(-r));
	}
	peal_settings_deinit(&settings);
	return code;
}

int peal_config_command(char **arguments)
{
	struct order order = { 0 };
	int code = read_order(arguments, &order) ? run(&order) : fail("no memory");

	free(order.settings);
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == PEAL_EXIT_ORDERLY)
		code = fail("cannot write to standard output");
	return code;
}
