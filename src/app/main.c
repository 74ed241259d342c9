/*
 * The program `peal`: its commands.
 */
#include <peal/node.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "config_command.h"
#include "doctor.h"
#include "options.h"
#include "serve.h"

static void print_help(FILE *stream)
{
	fputs("peal - a Socket.IO cluster node\n"
	      "\n"
	      "  peal serve [SETTINGS]   run a node until SIGTERM or SIGINT\n"
	      "  peal serve --help       list all settings\n"
	      "  peal config [SETTINGS]  show the settings and where they are from, or check them\n"
	      "  peal token              make a token for trying out, see `peal token --help`\n"
	      "  peal doctor [SETTINGS]  look at what a node with these settings will find\n"
	      "  peal help [COMMAND]     this text, or that of a command\n"
	      "  peal --version          print the version\n"
	      "\n"
	      "With a running node that has an API key, and through it with its cluster:\n"
	      "\n",
	      stream);
	peal_command_list(stream);
	fputs("\n"
	      "Exit status: 0 after an orderly end, 1 after a failure, 2 when a command or "
	      "setting\n"
	      "is not understood, 3 when time ran out and what was printed is not all.\n",
	      stream);
}

static void print_serve_help(FILE *stream)
{
	fputs("Usage: peal serve [SETTINGS]\n"
	      "\n"
	      "Every setting is a flag, a variable and a key of the config file: --ping-interval "
	      "10000\n"
	      "is PEAL_PING_INTERVAL=10000 and {\"pingInterval\": 10000}. A flag wins over a "
	      "variable,\n"
	      "a variable over the config file. An empty variable counts as not set. Lists are "
	      "given\n"
	      "by repeating the flag, with commas, or as arrays in the config file. A setting "
	      "that\n"
	      "is not understood ends the program with status 2; `peal config` shows what holds.\n"
	      "\n"
	      "SIGHUP reads file and variables again. What is marked [reload] changes at once, the "
	      "rest\n"
	      "with the next start, and the log says which; a file with a mistake changes "
	      "nothing.\n",
	      stream);
	peal_settings_help(stream);
	fputs("\n"
	      "Beside Socket.IO the node answers /healthz, /readyz and /metrics, and with an API "
	      "key\n"
	      "/api, which the other commands use.\n"
	      "\n"
	      "SIGTERM and SIGINT close orderly: no new sessions, and the clients reconnect by\n"
	      "themselves, to another node. A second signal ends the program at once.\n"
	      "\n"
	      "Exit status: 0 after an orderly end, 1 after a failure, 2 when a command or "
	      "setting\n"
	      "is not understood.\n",
	      stream);
}

static int serve(char **arguments)
{
	struct peal_settings settings = { 0 };
	struct peal_flags *flags = NULL;
	struct peal_usage usage;
	int code, r;

	peal_hold_hangup(true);
	r = peal_flags_read(arguments, &flags, &usage);
	if (r == 0)
		r = peal_settings_settle(flags, environ, &settings, &usage);
	if (r == 0) {
		code = peal_serve(&settings, flags);
	} else if (r == PEAL_USAGE_HELP) {
		print_serve_help(stdout);
		code = PEAL_EXIT_ORDERLY;
	} else if (r == PEAL_USAGE_WRONG) {
		fprintf(stderr, "peal: %s\nTry `peal serve --help`.\n", usage.text);
		code = PEAL_EXIT_USAGE;
	} else {
		fprintf(stderr, "peal: %s\n", strerror(-r));
		code = PEAL_EXIT_FAILURE;
	}
	peal_settings_deinit(&settings);
	peal_flags_free(flags);
	return code;
}

int main(int count, char **arguments)
{
	const char *command = count > 1 ? arguments[1] : "";

	if (!strcmp(command, "serve"))
		return serve(arguments + 2);
	if (!strcmp(command, "help") && count > 2 && !strcmp(arguments[2], "serve")) {
		print_serve_help(stdout);
		return PEAL_EXIT_ORDERLY;
	}
	if (!strcmp(command, "config"))
		return peal_config_command(arguments + 2);
	if (!strcmp(command, "help") && count > 2 && !strcmp(arguments[2], "config")) {
		peal_config_command_help();
		return PEAL_EXIT_ORDERLY;
	}
	if (!strcmp(command, "doctor"))
		return peal_doctor_run(arguments + 2);
	if (!strcmp(command, "help") && count > 2 && !strcmp(arguments[2], "doctor"))
		return peal_doctor_run((char *[]){ "--help", NULL });
	if (peal_command_known(command))
		return peal_command_run(command, arguments + 2);
	if (!strcmp(command, "help") && count > 2 && peal_command_known(arguments[2])) {
		peal_command_help(arguments[2]);
		return PEAL_EXIT_ORDERLY;
	}
	if (!strcmp(command, "help") || !strcmp(command, "--help") || !strcmp(command, "-h")) {
		print_help(stdout);
		return PEAL_EXIT_ORDERLY;
	}
	if (!strcmp(command, "--version")) {
		printf("peal %s\n", peal_version());
		return PEAL_EXIT_ORDERLY;
	}
	if (*command)
		fprintf(stderr, "peal: there is no command \"%s\"\n\n", command);
	print_help(stderr);
	return PEAL_EXIT_USAGE;
}
