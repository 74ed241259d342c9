/*
 * The namespaces of a node, as the settings name them.
 */
#include "serve_namespaces.h"

#include <errno.h>
#include <peal/peal.h>
#include <string.h>

#include "demo.h"

struct making {
	struct peal_node *node;
	struct event_base *base;
	const struct peal_settings *settings;
	const struct peal_prepared *prepared;
	struct peal_logging *logging;
};

/* Who may refuse an event comes before who sends it on. */
static int attach(const struct making *making, struct peal_namespace *ns, const char *name)
{
	const struct peal_prepared *prepared = making->prepared;
	int r = making->settings->demo ? peal_demo_attach(ns) : 0;

	if (r == 0)
		r = peal_access_attach(prepared->access, making->base, ns, name);
	if (r == 0)
		r = peal_webhooks_attach(prepared->webhooks, ns, name);
	if (r == 0)
		r = peal_forward_attach(prepared->forward, peal_webhooks_events(prepared->webhooks),
					ns, name);
	return r;
}

static int serve_one(const struct making *making, const char *name)
{
	struct peal_namespace *ns = !strcmp(name, "*") ? peal_of_pattern(making->node, "^/")
						       : peal_of(making->node, name);

	if (!ns) {
		peal_logging_say(making->logging, PEAL_LOG_ERROR, "the namespace cannot be served",
				 PEAL_LOGGING_TEXT("namespace", name));
		return -EINVAL;
	}
	return attach(making, ns, name);
}

/* A name that is there twice would get its handlers twice. */
static bool is_repeated(const struct peal_settings_list *names, size_t index)
{
	const char *name = names->items[index] + (names->items[index][0] == '/');

	for (size_t i = 0; i < index; i++)
		if (!strcmp(names->items[i] + (names->items[i][0] == '/'), name))
			return true;
	return !*name; /* the main namespace */
}

int peal_serve_namespaces(struct peal_node *node, struct event_base *base,
			  const struct peal_settings *settings,
			  const struct peal_prepared *prepared, struct peal_logging *logging)
{
	const struct making making = { node, base, settings, prepared, logging };
	const struct peal_settings_list *names = &settings->namespace;
	int r = peal_webhooks_start(prepared->webhooks, base);

	if (r == 0)
		r = attach(&making, peal_io(node), "/");

	/* Fixed names first: one that exists is not left to the rule of *. */
	for (int pass = 0; pass <= 1; pass++) {
		for (size_t i = 0; r == 0 && i < names->count; i++) {
			bool any = !strcmp(names->items[i], "*");

			if (any == (pass == 1) && !is_repeated(names, i))
				r = serve_one(&making, names->items[i]);
		}
	}
	return r;
}
