/*
 * What is judged beyond the settings themselves before a node begins: the files that they name, and
 * what only the adapter knows. `peal serve`, a reload and `peal config` ask the same.
 */
#ifndef PEAL_APP_PREPARE_H
#define PEAL_APP_PREPARE_H

#include <peal/adapter.h>

#include "access/access.h"
#include "hooks/forward.h"
#include "hooks/webhooks.h"
#include "logging.h"
#include "options.h"

struct peal_prepared {
	char *api_key;			/* from wherever; NULL: none */
	struct peal_access *access;	/* goes after the node and before the base */
	struct peal_forward *forward;	/* goes after the node; NULL: nothing is forwarded */
	struct peal_webhooks *webhooks; /* as `access`, and after `forward`; NULL: there are none */
	struct peal_adapter *adapter;	/* NULL: the node is alone; whoever takes it clears this */
};

/* @logging: used as long as the result lives. Return: 0; -ENOMEM; PEAL_USAGE_WRONG.
 * peal_prepared_deinit() in any case. */
int peal_prepare(const struct peal_settings *settings, struct peal_logging *logging,
		 struct peal_prepared *prepared, struct peal_usage *usage)
	__attribute__((warn_unused_result));
void peal_prepared_deinit(struct peal_prepared *prepared);

#endif
