/*
 * From which pages clients may come.
 */
#include "arrival.h"

#include <peal/peal.h>
#include <string.h>

#include "origin.h"
#include "refuse.h"
#include "space.h"

static bool has_origins(const struct peal_rules_space *space)
{
	const struct peal_rule_list *list = &space->rules->origins;

	for (size_t i = 0; i < list->count; i++)
		if (peal_space_same(list->items[i].space, space->name))
			return true;
	return false;
}

static bool may_come_from(const struct peal_rules_space *space, const char *text)
{
	const struct peal_rule_list *list = &space->rules->origins;
	char origin[PEAL_ORIGIN_BYTES];

	if (!has_origins(space))
		return true;
	if (!peal_origin_write(text, false, origin))
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (peal_space_same(list->items[i].space, space->name) &&
		    peal_origin_matches(list->items[i].text, origin))
			return true;
	return false;
}

/* Programs have no origin to tell, and browsers leave it out where page and node have the same. */
void peal_arrival_on_connect(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	const struct peal_rules_space *space = userdata;
	const struct peal_request *request = peal_socket_handshake(socket);
	const char *origin = request ? peal_request_header(request, "origin") : NULL;

	if (!origin || may_come_from(space, origin))
		peal_next_accept(next);
	else
		peal_refuse(space->rules->logging, socket, next,
			    PEAL_REFUSE_DATA("origin_not_allowed"), "its origin is not allowed");
}

void peal_arrival_warn(const struct peal_rules_space *space)
{
	if (space->rules->origins.count && !has_origins(space))
		peal_logging_say(
			space->rules->logging, PEAL_LOG_WARNING,
			"a namespace has no allowed origin: pages of any may connect to it",
			PEAL_LOGGING_TEXT("namespace", space->name));
}

int peal_arrival_load(const struct peal_settings *settings, struct peal_rule_list *origins,
		      struct peal_usage *usage)
{
	int r = peal_rule_list_load(settings, "--allow-origin", &settings->allow_origin,
				    peal_origin_error, origins, usage);

	for (size_t i = 0; r == 0 && i < origins->count; i++) {
		char origin[PEAL_ORIGIN_BYTES];

		/* It has none of the errors, and does not grow. */
		if (peal_origin_write(origins->items[i].text, true, origin))
			strcpy(origins->items[i].text, origin);
	}
	return r;
}
