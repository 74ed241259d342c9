/*
 * Client events that Node.js servers of the cluster hear of: as the server-side event "peal:event"
 * with one argument, and with an acknowledgement when the client wants one. docs/webhooks.md has
 * what both sides see.
 *
 * At most once: nothing is kept for a server that is not there.
 */
#ifndef PEAL_APP_HOOKS_FORWARD_H
#define PEAL_APP_HOOKS_FORWARD_H

#include <peal/namespace.h>

#include "../logging.h"
#include "../metrics.h"
#include "../options.h"
#include "event_rules.h"

struct peal_forward;

/**
 * peal_forward_new() - read the settings
 * @logging:     used as long as the result lives
 * @ret_forward: receives NULL when nothing is to be forwarded
 *
 * Return: 0; -errno; PEAL_USAGE_WRONG.
 */
int peal_forward_new(const struct peal_settings *settings, struct peal_logging *logging,
		     struct peal_forward **ret_forward, struct peal_usage *usage)
	__attribute__((warn_unused_result));
/* After the node. NULL is fine. */
void peal_forward_free(struct peal_forward *forward);

/**
 * peal_forward_attach() - forward events of the clients of a namespace
 * @forward: NULL is fine
 * @before:  events that somebody else handles; borrowed as long as @forward lives; NULL: none
 * @name:    as --namespace has it; "*" for the parent of all that this accepts; borrowed too
 *
 * To be called after all that may refuse an event.
 *
 * Return: 0; -ENOMEM.
 */
int peal_forward_attach(struct peal_forward *forward, const struct peal_rule_list *before,
			struct peal_namespace *ns, const char *name)
	__attribute__((warn_unused_result));

/* What was counted. Belongs to @forward, which is not NULL. */
struct peal_metrics_source *peal_forward_metrics(struct peal_forward *forward);

#endif
