/*
 * `peal serve`: one node, from its settings to its orderly end.
 */
#ifndef PEAL_APP_SERVE_H
#define PEAL_APP_SERVE_H

#include "command.h"
#include "options.h"

/* Has SIGHUP wait, so that one between the reading of the settings and the loop is not lost, and
 * none before or after it ends the process. */
void peal_hold_hangup(bool hold);

/*
 * Runs until SIGTERM or SIGINT. SIGHUP settles the settings anew and changes those in @settings
 * that hold from then on; @flags win again. Return: an exit code; what went wrong is logged.
 */
int peal_serve(struct peal_settings *settings, const struct peal_flags *flags);

#endif
