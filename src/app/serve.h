/*
 * `peal serve`: one node, from its settings to its orderly end.
 */
#ifndef PEAL_APP_SERVE_H
#define PEAL_APP_SERVE_H

#include "options.h"

/* The exit codes of the program. */
enum {
	PEAL_EXIT_ORDERLY = 0,
	PEAL_EXIT_FAILURE = 1,
	PEAL_EXIT_USAGE = 2,
};

/* Runs until SIGTERM or SIGINT. Return: an exit code; what went wrong is logged. */
int peal_serve(const struct peal_settings *settings);

#endif
