/*
 * The commands that speak with a node: emit, sockets, rooms, nodes, count, join, leave and
 * disconnect. They use nothing but the HTTP API, and `emit --redis` nothing but the emitter.
 */
#ifndef PEAL_APP_COMMAND_H
#define PEAL_APP_COMMAND_H

#include <stdbool.h>

/* The exit codes of the program. */
enum {
	PEAL_EXIT_ORDERLY = 0,
	PEAL_EXIT_FAILURE = 1,
	PEAL_EXIT_USAGE = 2,
	PEAL_EXIT_PARTIAL = 3, /* time ran out, and what had come by then was printed */
};

/* Is it one of these commands? */
bool peal_command_known(const char *name);
/* @arguments: those behind the name. Return: an exit code. */
int peal_command_run(const char *name, char **arguments);
/* The help of one command, or the lines of all for the help of the program. */
void peal_command_help(const char *name);
void peal_command_list(void *stream);

#endif
