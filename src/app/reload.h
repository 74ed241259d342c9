/*
 * SIGHUP: file and variables are read again, and what can change without dropping a client does.
 */
#ifndef PEAL_APP_RELOAD_H
#define PEAL_APP_RELOAD_H

#include "access/access.h"
#include "api.h"
#include "hooks/webhooks.h"
#include "logging.h"
#include "options.h"
#include "place.h"

/* What a reload looks at and what it changes; all borrowed. */
struct peal_reload {
	struct peal_settings *settings; /* what holds now */
	const struct peal_flags *flags; /* they win again */
	char **environment;
	struct peal_logging *logging;
	const struct peal_place *place;
	struct peal_api **api;				 /* NULL there until the first key comes */
	int (*open_api)(const char *key, void *context); /* makes it. Return: 0; -errno */
	void *context;
	struct peal_access **access;
	struct peal_webhooks **webhooks;
};

/*
 * Loads everything anew. With a mistake anywhere nothing is changed; otherwise each setting that
 * differs is changed or left until the next start, and the log says which, by key.
 */
void peal_reload(struct peal_reload *reload);

#endif
