/*
 * `peal serve`: one node, from its settings to its orderly end.
 */
#ifndef PEAL_APP_SERVE_H
#define PEAL_APP_SERVE_H

#include "command.h"
#include "options.h"

/* Runs until SIGTERM or SIGINT. Return: an exit code; what went wrong is logged. */
int peal_serve(const struct peal_settings *settings);

#endif
