/*
 * From which pages clients may come: with rules for a namespace, one whose session was opened by a
 * request with another Origin gets the connect error "unauthorized" with the code
 * "origin_not_allowed". A request without Origin is let in.
 */
#ifndef PEAL_APP_ACCESS_ARRIVAL_H
#define PEAL_APP_ACCESS_ARRIVAL_H

#include <peal/namespace.h>

#include "rules.h"

/* Reads the setting. Return: 0; -ENOMEM; PEAL_USAGE_WRONG. @origins: peal_rule_list_deinit() in any
 * case. */
int peal_arrival_load(const struct peal_settings *settings, struct peal_rule_list *origins,
		      struct peal_usage *usage) __attribute__((warn_unused_result));

/* Says in the log when other namespaces have rules and this one has none: who lists origins for one
 * may think that they are for all. */
void peal_arrival_warn(const struct peal_rules_space *space);

/* It is a peal_middleware_fn; @userdata is the struct peal_rules_space. */
void peal_arrival_on_connect(struct peal_socket *socket, struct peal_next *next, void *userdata);

#endif
