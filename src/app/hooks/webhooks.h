/*
 * Webhooks: the backend is asked about clients that want to connect, and told what clients send and
 * when they leave, with signed POST requests. docs/webhooks.md has what both sides see.
 *
 * Nothing waits for the backend but the client that it is asked about. What waits is bounded; when
 * the backend is away, events and disconnects are kept for a while and then dropped.
 */
#ifndef PEAL_APP_HOOKS_WEBHOOKS_H
#define PEAL_APP_HOOKS_WEBHOOKS_H

#include <peal/namespace.h>

#include "../logging.h"
#include "../metrics.h"
#include "../options.h"
#include "event_rules.h"

struct event_base;
struct peal_webhooks;

/**
 * peal_webhooks_new() - read the settings
 * @logging:      used as long as the result lives
 * @ret_webhooks: receives NULL when there are to be none
 *
 * Return: 0; -errno; PEAL_USAGE_WRONG.
 */
int peal_webhooks_new(const struct peal_settings *settings, struct peal_logging *logging,
		      struct peal_webhooks **ret_webhooks, struct peal_usage *usage)
	__attribute__((warn_unused_result));
/* After the node, before the base. NULL is fine. */
void peal_webhooks_free(struct peal_webhooks *webhooks);

/* To be called once, before the namespaces. NULL is fine. Return: 0; -ENOMEM. */
int peal_webhooks_start(struct peal_webhooks *webhooks, struct event_base *base)
	__attribute__((warn_unused_result));

/**
 * peal_webhooks_attach() - ask and tell about the clients of a namespace
 * @webhooks: NULL is fine
 * @name:     as --namespace has it; "*" for the parent of all that this accepts; borrowed as long
 *            as @webhooks lives
 *
 * To be called after all that may refuse a client or an event.
 *
 * Return: 0; -ENOMEM.
 */
int peal_webhooks_attach(struct peal_webhooks *webhooks, struct peal_namespace *ns,
			 const char *name) __attribute__((warn_unused_result));

/* The events that the backend gets. NULL without webhooks. */
const struct peal_rule_list *peal_webhooks_events(const struct peal_webhooks *webhooks);

/**
 * peal_webhooks_change() - go on with other settings
 * @fresh: made of them; has the ones of before afterwards
 *
 * What is under way ends as it would have.
 *
 * Return: 0; 1 when the secret is another one; -EINVAL when one of both is NULL, and then nothing
 * has changed.
 */
int peal_webhooks_change(struct peal_webhooks *webhooks, struct peal_webhooks *fresh)
	__attribute__((warn_unused_result));

typedef void peal_webhooks_done_fn(void *userdata);
/* The node is closed: @fn runs when nothing waits any more, or after @timeout_ms; maybe before this
 * returns. */
void peal_webhooks_finish(struct peal_webhooks *webhooks, unsigned timeout_ms,
			  peal_webhooks_done_fn *fn, void *userdata);

/* @status: 0: there is no answer. @problem: why, or what makes no sense in it; NULL: nothing. */
typedef void peal_webhooks_probe_fn(long status, const char *problem, void *userdata);
/* Asks the backend as a node would, with no events. @fn runs from the loop, once. Return: 0;
 * -ENOMEM. */
int peal_webhooks_probe(struct peal_webhooks *webhooks, peal_webhooks_probe_fn *fn, void *userdata)
	__attribute__((warn_unused_result));

/* What was counted. Belongs to @webhooks, which is not NULL. */
struct peal_metrics_source *peal_webhooks_metrics(struct peal_webhooks *webhooks);

#endif
