/*
 * The namespaces of a node, as the settings name them.
 */
#ifndef PEAL_APP_SERVE_NAMESPACES_H
#define PEAL_APP_SERVE_NAMESPACES_H

#include <peal/node.h>

#include "logging.h"
#include "options.h"
#include "prepare.h"

struct event_base;

/* Makes them, with the handlers that they get. Return: 0; -errno, with a line in the log where the
 * name is the reason. */
int peal_serve_namespaces(struct peal_node *node, struct event_base *base,
			  const struct peal_settings *settings,
			  const struct peal_prepared *prepared, struct peal_logging *logging)
	__attribute__((warn_unused_result));

#endif
