/*
 * From the program's settings to the options of a node.
 */
#ifndef PEAL_APP_NODE_OPTIONS_H
#define PEAL_APP_NODE_OPTIONS_H

#include <peal/node.h>

#include "options.h"

struct peal_node_settings {
	struct peal_node_options options; /* borrows from the settings */
	char *methods, *allowed_headers, *exposed_headers;
};

/* Return: 0; -ENOMEM. peal_node_settings_deinit() in any case. */
int peal_node_settings_init(struct peal_node_settings *node, const struct peal_settings *settings)
	__attribute__((warn_unused_result));
void peal_node_settings_deinit(struct peal_node_settings *node);

#endif
