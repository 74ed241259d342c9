/*
 * The console page of --demo.
 */
#ifndef PEAL_APP_CONSOLE_H
#define PEAL_APP_CONSOLE_H

#include "place.h"

struct peal_console;

/**
 * peal_console_attach() - serve the page at / and what it loads
 * @place:       where the page is; on a listener of its own it connects to where the clients do
 * @path:        prefix of Socket.IO's URLs
 * @host:        where the node listens for clients
 * @ret_console: receives what the routes need; free it after the node
 *
 * Return: 0; -errno.
 */
int peal_console_attach(const struct peal_place *place, const char *path, const char *host,
			struct peal_console **ret_console) __attribute__((warn_unused_result));
void peal_console_free(struct peal_console *console);

#endif
