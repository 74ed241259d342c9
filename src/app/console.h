/*
 * The pages: the live view of --console, and the client of --demo, which has it beside it.
 */
#ifndef PEAL_APP_CONSOLE_H
#define PEAL_APP_CONSOLE_H

#include <stdbool.h>

#include "place.h"

struct peal_console;

/**
 * peal_console_attach_live() - serve the live view at /console and what it loads
 * @place:   where /api and /metrics are too
 * @at_root: serve it at / as well
 *
 * Return: 0; -errno.
 */
int peal_console_attach_live(const struct peal_place *place, bool at_root)
	__attribute__((warn_unused_result));

/**
 * peal_console_attach_demo() - serve the client of --demo at / and what it loads; after the live
 * view, whose style it has
 * @place:       where the page is; on a listener of its own it connects to where the clients do
 * @path:        prefix of Socket.IO's URLs
 * @host:        where the node listens for clients
 * @ret_console: receives what the routes need; free it after the node
 *
 * Return: 0; -errno.
 */
int peal_console_attach_demo(const struct peal_place *place, const char *path, const char *host,
			     struct peal_console **ret_console) __attribute__((warn_unused_result));
void peal_console_free(struct peal_console *console);

#endif
