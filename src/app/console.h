/*
 * The console page of --demo.
 */
#ifndef PEAL_APP_CONSOLE_H
#define PEAL_APP_CONSOLE_H

#include <peal/node.h>

struct peal_console;

/**
 * peal_console_attach() - serve the page at / and what it loads
 * @path:        prefix of Socket.IO's URLs
 * @ret_console: receives what the routes need; free it after the node
 *
 * Return: 0; -errno.
 */
int peal_console_attach(struct peal_node *node, const char *path, struct peal_console **ret_console)
	__attribute__((warn_unused_result));
void peal_console_free(struct peal_console *console);

#endif
