/*
 * What the settings say about webhooks.
 */
#ifndef PEAL_APP_HOOKS_WEBHOOK_SETTINGS_H
#define PEAL_APP_HOOKS_WEBHOOK_SETTINGS_H

#include "../options.h"
#include "event_rules.h"
#include "signature.h"

struct peal_webhook_settings {
	char *url, *ca; /* no CA: those of the system */
	struct peal_signature_secret secret;
	unsigned timeout_ms, connections;
	uint64_t keep_ms;
	size_t queue_bytes;
	bool allow_unavailable; /* let clients in that could not be asked about */
	struct peal_rule_list events;
	struct peal_settings_list connects, disconnects; /* namespaces */
};

/**
 * peal_webhook_settings_load() - read and check them
 * @result: receives copies; peal_webhook_settings_deinit() in any case; its URL is NULL when there
 *          are to be no webhooks
 *
 * Return: 0; -ENOMEM; PEAL_USAGE_WRONG.
 */
int peal_webhook_settings_load(const struct peal_settings *settings,
			       struct peal_webhook_settings *result, struct peal_usage *usage)
	__attribute__((warn_unused_result));
void peal_webhook_settings_deinit(struct peal_webhook_settings *result);

/* Is the namespace in a list of them? @space: as --namespace has it. */
bool peal_webhook_space(const struct peal_settings_list *list, const char *space);

#endif
