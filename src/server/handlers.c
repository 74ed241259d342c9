/*
 * Lists of application functions, and the public functions that fill them.
 *
 * A list is linked and never unlinks while somebody walks it, so a handler may add and remove
 * handlers, itself included.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/text.h"
#include "server/server_private.h"

int peal_handlers_add(struct peal_handlers *list, peal_handler_fn *fn, void *userdata,
		      bool in_front)
{
	if (!fn)
		return -EINVAL;
	struct peal_handler *handler = malloc(sizeof(*handler));
	if (!handler)
		return -ENOMEM;
	*handler = (struct peal_handler){ .fn = fn, .userdata = userdata };
	if (in_front) {
		handler->next = list->first;
		list->first = handler;
		if (!list->last)
			list->last = handler;
	} else {
		if (list->last)
			list->last->next = handler;
		else
			list->first = handler;
		list->last = handler;
	}
	return 0;
}

static void sweep(struct peal_handlers *list)
{
	struct peal_handler **at = &list->first;
	list->last = NULL;
	list->holes = false;
	while (*at) {
		struct peal_handler *handler = *at;
		if (handler->fn) {
			list->last = handler;
			at = &handler->next;
		} else {
			*at = handler->next;
			free(handler);
		}
	}
}

int peal_handlers_remove(struct peal_handlers *list, peal_handler_fn *fn, const void *userdata)
{
	for (struct peal_handler *handler = list->first; handler; handler = handler->next) {
		if (handler->fn != fn || handler->userdata != userdata)
			continue;
		handler->fn = NULL;
		list->holes = true;
		if (!list->walks)
			sweep(list);
		return 0;
	}
	return -ENOENT;
}

void peal_handlers_deinit(struct peal_handlers *list)
{
	for (struct peal_handler *handler = list->first, *next; handler; handler = next) {
		next = handler->next;
		free(handler);
	}
	*list = (struct peal_handlers){ 0 };
}

void peal_walk_begin(struct peal_walk *walk, struct peal_handlers *first,
		     struct peal_handlers *second)
{
	*walk = (struct peal_walk){ .lists = { first, second } };
	for (unsigned i = 0; i < 2; i++)
		if (walk->lists[i]) {
			walk->lists[i]->walks++;
			walk->start[i] = walk->lists[i]->first;
			walk->stop[i] = walk->lists[i]->last;
		}
}

struct peal_handler *peal_walk_next(struct peal_walk *walk)
{
	while (walk->list < 2) {
		struct peal_handler *stop = walk->stop[walk->list];
		if (walk->at == stop) {
			/* Also where there was none. */
			walk->list++;
			walk->at = NULL;
			continue;
		}
		walk->at = walk->at ? walk->at->next : walk->start[walk->list];
		if (walk->at->fn)
			return walk->at;
	}
	peal_walk_end(walk);
	return NULL;
}

void peal_walk_end(struct peal_walk *walk)
{
	for (unsigned i = 0; i < 2; i++) {
		struct peal_handlers *list = walk->lists[i];
		walk->lists[i] = NULL;
		if (list && --list->walks == 0 && list->holes)
			sweep(list);
	}
	walk->list = 2;
}

/* --- what the application calls ----------------------------------------------------------------
 */

static int add(struct peal_namespace *ns, enum peal_namespace_handlers which, peal_handler_fn *fn,
	       void *userdata, bool in_front)
{
	int r = peal_namespace_check(ns);
	if (r)
		return r;
	return peal_handlers_add(&ns->handlers[which], fn, userdata, in_front);
}

static int take_off(struct peal_namespace *ns, enum peal_namespace_handlers which,
		    peal_handler_fn *fn, void *userdata)
{
	int r = peal_namespace_check(ns);
	if (r)
		return r;
	return peal_handlers_remove(&ns->handlers[which], fn, userdata);
}

int peal_use(struct peal_namespace *ns, peal_middleware_fn *fn, void *userdata)
{
	return add(ns, PEAL_ON_MIDDLEWARE, (peal_handler_fn *)fn, userdata, false);
}

int peal_use_packet(struct peal_namespace *ns, peal_packet_middleware_fn *fn, void *userdata)
{
	return add(ns, PEAL_ON_PACKET, (peal_handler_fn *)fn, userdata, false);
}

int peal_on_connection(struct peal_namespace *ns, peal_connection_fn *fn, void *userdata)
{
	return add(ns, PEAL_ON_CONNECTION, (peal_handler_fn *)fn, userdata, false);
}

int peal_on_disconnecting(struct peal_namespace *ns, peal_disconnect_fn *fn, void *userdata)
{
	return add(ns, PEAL_ON_DISCONNECTING, (peal_handler_fn *)fn, userdata, false);
}

int peal_on_disconnect(struct peal_namespace *ns, peal_disconnect_fn *fn, void *userdata)
{
	return add(ns, PEAL_ON_DISCONNECT, (peal_handler_fn *)fn, userdata, false);
}

int peal_on_any(struct peal_namespace *ns, peal_event_fn *fn, void *userdata)
{
	return add(ns, PEAL_ON_ANY, (peal_handler_fn *)fn, userdata, false);
}

int peal_prepend_any(struct peal_namespace *ns, peal_event_fn *fn, void *userdata)
{
	return add(ns, PEAL_ON_ANY, (peal_handler_fn *)fn, userdata, true);
}

int peal_off_any(struct peal_namespace *ns, peal_event_fn *fn, void *userdata)
{
	return take_off(ns, PEAL_ON_ANY, (peal_handler_fn *)fn, userdata);
}

int peal_on_any_outgoing(struct peal_namespace *ns, peal_event_fn *fn, void *userdata)
{
	return add(ns, PEAL_ON_ANY_OUTGOING, (peal_handler_fn *)fn, userdata, false);
}

int peal_prepend_any_outgoing(struct peal_namespace *ns, peal_event_fn *fn, void *userdata)
{
	return add(ns, PEAL_ON_ANY_OUTGOING, (peal_handler_fn *)fn, userdata, true);
}

int peal_off_any_outgoing(struct peal_namespace *ns, peal_event_fn *fn, void *userdata)
{
	return take_off(ns, PEAL_ON_ANY_OUTGOING, (peal_handler_fn *)fn, userdata);
}

int peal_on_error(struct peal_namespace *ns, peal_error_fn *fn, void *userdata)
{
	return add(ns, PEAL_ON_ERROR, (peal_handler_fn *)fn, userdata, false);
}

int peal_on_room(struct peal_namespace *ns, peal_room_fn *fn, void *userdata)
{
	return add(ns, PEAL_ON_ROOM, (peal_handler_fn *)fn, userdata, false);
}

int peal_on_new_namespace(struct peal_node *node, peal_namespace_fn *fn, void *userdata)
{
	struct peal_server *server = peal_node_server(node);
	if (!server || server->freeing)
		return -ESHUTDOWN;
	return peal_handlers_add(&server->new_namespace, (peal_handler_fn *)fn, userdata, false);
}

/* --- handlers of one event ---------------------------------------------------------------------
 */

struct event_handlers {
	struct peal_hash_entry entry;
	struct peal_handlers list;
	char name[];
};

struct peal_handlers *peal_event_handlers(const struct peal_hash *events, const char *name,
					  size_t length)
{
	struct peal_hash_entry *entry = peal_hash_find(events, name, length);
	return entry ? &peal_container(entry, struct event_handlers, entry)->list : NULL;
}

static int add_for_event(struct peal_hash *events, const char *event, peal_handler_fn *fn,
			 void *userdata)
{
	size_t length = strlen(event);
	struct peal_handlers *list = peal_event_handlers(events, event, length);
	if (!list) {
		struct event_handlers *handlers = calloc(1, sizeof(*handlers) + length + 1);
		if (!handlers)
			return -ENOMEM;
		memcpy(handlers->name, event, length);
		handlers->entry.key = handlers->name;
		handlers->entry.key_length = (uint32_t)length;
		int r = peal_hash_insert(events, &handlers->entry);
		if (r < 0) {
			free(handlers);
			return r;
		}
		list = &handlers->list;
	}
	return peal_handlers_add(list, fn, userdata, false);
}

int peal_on(struct peal_namespace *ns, const char *event, peal_event_fn *fn, void *userdata)
{
	int r = peal_namespace_check(ns);
	if (r)
		return r;
	if (!event || !peal_name_valid(event, strlen(event)))
		return PEAL_EMIT_E_INVALID;
	if (peal_event_reserved(event, strlen(event)))
		return PEAL_EMIT_E_RESERVED;
	return add_for_event(&ns->events, event, (peal_handler_fn *)fn, userdata);
}

int peal_on_server_event(struct peal_namespace *ns, const char *event, peal_server_event_fn *fn,
			 void *userdata)
{
	static const char *const reserved[] = { "connect", "connection", "new_namespace", NULL };
	int r = peal_namespace_check(ns);
	if (r)
		return r;
	if (!event || !peal_name_valid(event, strlen(event)))
		return PEAL_EMIT_E_INVALID;
	for (size_t i = 0; reserved[i]; i++)
		if (!strcmp(event, reserved[i]))
			return PEAL_EMIT_E_RESERVED;
	return add_for_event(&ns->server_events, event, (peal_handler_fn *)fn, userdata);
}

int peal_off(struct peal_namespace *ns, const char *event, peal_event_fn *fn, void *userdata)
{
	int r = peal_namespace_check(ns);
	if (r)
		return r;
	struct peal_handlers *list =
		event ? peal_event_handlers(&ns->events, event, strlen(event)) : NULL;
	return list ? peal_handlers_remove(list, (peal_handler_fn *)fn, userdata) : -ENOENT;
}

static void free_events(struct peal_hash *events)
{
	struct peal_hash_entry *entry;
	while ((entry = peal_hash_next(events, NULL))) {
		struct event_handlers *handlers =
			peal_container(entry, struct event_handlers, entry);
		peal_hash_remove(events, entry);
		peal_handlers_deinit(&handlers->list);
		free(handlers);
	}
	peal_hash_deinit(events);
}

void peal_namespace_free_handlers(struct peal_namespace *ns)
{
	for (unsigned i = 0; i < PEAL_ON_COUNT; i++)
		peal_handlers_deinit(&ns->handlers[i]);
	free_events(&ns->events);
	free_events(&ns->server_events);
}
