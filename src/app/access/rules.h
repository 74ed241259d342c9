/*
 * From which pages clients may come, and what they may do by themselves: join and leave rooms, with
 * the events `peal:join` and `peal:leave`, and send events to rooms that they are in, with
 * `peal:emit`. docs/events.md is their reference.
 *
 * What no rule allows is refused, and told so. Rules never lead into the rooms of users (user:ID)
 * and the rooms that are the id of a socket: who is in one of those gets what is meant for somebody
 * else.
 */
#ifndef PEAL_APP_ACCESS_RULES_H
#define PEAL_APP_ACCESS_RULES_H

#include <peal/namespace.h>

#include "../logging.h"
#include "rule_list.h"

struct peal_rules {
	struct peal_logging *logging;
	struct peal_rule_list origins, join, emit;
	size_t client_rooms;
	struct peal_rules_space *spaces;
};

/* A namespace that has been attached. */
struct peal_rules_space {
	struct peal_rules_space *next;
	const struct peal_rules *rules;
	char *name;
};

/**
 * peal_rules_load() - read the settings
 * @logging: used as long as the rules live
 * @rules:   receives copies; peal_rules_deinit() in any case, after the node
 *
 * Return: 0; -ENOMEM; PEAL_USAGE_WRONG.
 */
int peal_rules_load(const struct peal_settings *settings, struct peal_logging *logging,
		    struct peal_rules *rules, struct peal_usage *usage)
	__attribute__((warn_unused_result));
void peal_rules_deinit(struct peal_rules *rules);

/**
 * peal_rules_attach() - have a namespace look at where clients come from, and let them use the
 * events
 * @rules: stays where it is as long as the node lives
 * @name:  as --namespace has it
 *
 * Return: 0; -ENOMEM.
 */
int peal_rules_attach(struct peal_rules *rules, struct peal_namespace *ns, const char *name)
	__attribute__((warn_unused_result));

/* Lets two change places, for a reload. Namespaces stay with @rules. */
void peal_rules_exchange(struct peal_rules *rules, struct peal_rules *fresh);

#endif
