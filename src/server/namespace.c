/*
 * Namespaces: the registry, their life, and what dynamic children share with their parent.
 *
 * A namespace made with peal_of() lives as long as the node. A child that a rule made for a client
 * may be cleaned up when its last socket is gone: it leaves the registry, and its memory goes with
 * the last reference. One that the program asked for by name is never cleaned up, since the program
 * holds a plain pointer.
 *
 * A stand-in has a name for what leaves the node, and nothing else: it is in no registry, clients
 * cannot join it, and all who want it for a name share one. When a namespace of that name comes to
 * be beside it, what is done with the stand-in is done with that one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/text.h"
#include "server/server_private.h"

struct peal_namespace *peal_namespace_find(struct peal_server *server, const char *name,
					   size_t length)
{
	struct peal_hash_entry *entry = peal_hash_find(&server->registry, name, length);
	return entry ? peal_container(entry, struct peal_namespace, entry) : NULL;
}

static void announce_task(struct peal_task *task)
{
	peal_namespace_announce(peal_container(task, struct peal_namespace, task));
}

void peal_namespace_announce(struct peal_namespace *ns)
{
	struct peal_walk walk;
	struct peal_handler *handler;
	peal_namespace_ref(ns);
	peal_walk_begin(&walk, &ns->server->new_namespace, NULL);
	while ((handler = peal_walk_next(&walk)))
		((peal_namespace_fn *)handler->fn)(ns, handler->userdata);
	peal_namespace_unref(ns);
}

/* A namespace that is not in the registry, as dynamic parents stay. */
static struct peal_namespace *namespace_new(struct peal_server *server, const char *name,
					    size_t length)
{
	struct peal_namespace *ns = calloc(1, sizeof(*ns) + length + 1);
	if (!ns)
		return NULL;
	memcpy(ns->name, name, length);
	ns->name_length = length;
	ns->server = server;
	ns->references = 1;
	ns->task.fn = announce_task;
	ns->entry.key = ns->name;
	ns->entry.key_length = (uint32_t)length;
	peal_list_init(&ns->children);
	peal_hash_init(&ns->events);
	peal_hash_init(&ns->server_events);
	peal_hash_init(&ns->by_id);
	peal_hash_init(&ns->rooms);
	peal_hash_init(&ns->rounds);
	peal_list_append(&server->namespaces, &ns->link);
	return ns;
}

static void namespace_free(struct peal_namespace *ns)
{
	peal_list_unlink(&ns->link);
	peal_list_unlink(&ns->sibling);
	peal_loop_cancel(&ns->task);
	if (ns->stand_in && ns->server)
		peal_hash_remove(&ns->server->stand_ins, &ns->entry);
	peal_namespace_free_handlers(ns);
	peal_hash_deinit(&ns->by_id);
	peal_hash_deinit(&ns->rooms);
	peal_hash_deinit(&ns->rounds);
	free(ns->sockets);
	free(ns->sessions);
	free(ns);
}

struct peal_namespace *peal_namespace_create(struct peal_server *server,
					     struct peal_namespace *parent, const char *name,
					     size_t length)
{
	struct peal_namespace *ns = namespace_new(server, name, length);
	if (!ns)
		return NULL;
	if (peal_hash_insert(&server->registry, &ns->entry) < 0) {
		namespace_free(ns);
		return NULL;
	}
	ns->registered = true;
	ns->parent = parent;
	if (parent)
		peal_list_append(&parent->children, &ns->sibling);
	server->stats->namespaces++;
	if (server->remote && server->remote->namespace_opened)
		ns->number = server->remote->namespace_opened(ns, server->remote->context);
	return ns;
}

struct peal_namespace *peal_namespace_ref(struct peal_namespace *ns)
{
	ns->references++;
	return ns;
}

void peal_namespace_unref(struct peal_namespace *ns)
{
	if (--ns->references == 0)
		namespace_free(ns);
}

static void take_from_registry(struct peal_namespace *ns)
{
	if (!ns->registered)
		return;
	struct peal_server *server = ns->server;
	ns->registered = false;
	peal_hash_remove(&server->registry, &ns->entry);
	if (server->remote && server->remote->namespace_closed)
		server->remote->namespace_closed(ns, server->remote->context);
	peal_list_unlink(&ns->sibling);
	server->stats->namespaces--;
	if (ns->dynamic)
		server->child_count--;
}

void peal_namespace_settle(struct peal_namespace *ns)
{
	if (ns->live || !ns->dynamic || !ns->registered ||
	    !ns->server->options.cleanup_empty_child_namespaces)
		return;
	take_from_registry(ns);
	peal_namespace_unref(ns);
}

void peal_namespace_orphan(struct peal_namespace *ns)
{
	bool own = ns->registered || ns->is_parent;
	struct peal_list *child;
	while ((child = peal_list_take(&ns->children)))
		peal_container(child, struct peal_namespace, sibling)->parent = NULL;
	take_from_registry(ns);
	if (ns->stand_in)
		peal_hash_remove(&ns->server->stand_ins, &ns->entry);
	peal_list_unlink(&ns->link);
	peal_list_unlink(&ns->sibling);
	peal_loop_cancel(&ns->task);
	ns->server = NULL;
	ns->parent = NULL;
	/* Those that were cleaned up have lost the registry's reference already. */
	if (own)
		peal_namespace_unref(ns);
}

int peal_namespace_check(const struct peal_namespace *ns)
{
	if (!ns)
		return PEAL_EMIT_E_INVALID;
	return !ns->server || ns->server->freeing ? -ESHUTDOWN : 0;
}

int peal_namespace_usable(const struct peal_namespace *ns, bool no_parents)
{
	int r = peal_namespace_check(ns);
	return r || !no_parents || !ns->is_parent ? r : PEAL_EMIT_E_INVALID;
}

struct peal_namespace *peal_namespace_served(struct peal_namespace *ns)
{
	struct peal_namespace *served = NULL;
	if (ns->stand_in)
		served = peal_namespace_find(ns->server, ns->name, ns->name_length);
	return served ? served : ns;
}

struct peal_namespace *peal_server_namespace(struct peal_server *server, const char *name)
{
	return peal_namespace_find(server, name, strlen(name));
}

void peal_server_each_namespace(struct peal_server *server,
				void (*fn)(struct peal_namespace *ns, void *context), void *context)
{
	const struct peal_barrier *barrier = server->options.barrier;
	struct peal_hash_entry *entry = NULL;
	while ((entry = peal_hash_next(&server->registry, entry))) {
		struct peal_namespace *ns = peal_container(entry, struct peal_namespace, entry);
		uint64_t issued = barrier ? barrier->issued : 0;
		fn(ns, context);
		/* What was there before the remote is opened here: its number is not returned. */
		if (barrier && barrier->issued != issued)
			ns->number = barrier->issued;
	}
}

bool peal_namespace_is_stand_in(const struct peal_namespace *ns)
{
	return ns->stand_in;
}

void **peal_namespace_remote(struct peal_namespace *ns)
{
	return &ns->remote;
}

void peal_walk_namespace(struct peal_walk *walk, struct peal_namespace *ns,
			 enum peal_namespace_handlers which)
{
	peal_walk_begin(walk, ns->parent ? &ns->parent->handlers[which] : NULL,
			&ns->handlers[which]);
}

bool peal_namespace_has(const struct peal_namespace *ns, enum peal_namespace_handlers which)
{
	return ns->handlers[which].first || (ns->parent && ns->parent->handlers[which].first);
}

/* --- rules -------------------------------------------------------------------------------------
 */

static struct peal_namespace *add_rule(struct peal_server *server, struct peal_rule *rule)
{
	char name[32];
	int length = snprintf(name, sizeof(name), "/_%zu", server->rule_count);
	struct peal_rule **rules =
		realloc(server->rules, (server->rule_count + 1) * sizeof(*server->rules));
	if (!rules)
		return NULL;
	server->rules = rules;
	rule->parent = namespace_new(server, name, (size_t)length);
	if (!rule->parent)
		return NULL;
	rule->parent->is_parent = true;
	rules[server->rule_count++] = rule;
	return rule->parent;
}

static struct peal_namespace *of_rule(struct peal_node *node, const char *pattern,
				      peal_namespace_rule_fn *fn, void *userdata)
{
	struct peal_server *server = peal_node_server(node);
	if (!server || server->freeing)
		return NULL;
	struct peal_rule *rule = peal_rule_new(pattern, fn, userdata);
	if (!rule)
		return NULL;
	struct peal_namespace *parent = add_rule(server, rule);
	if (!parent)
		peal_rule_free(rule);
	return parent;
}

struct peal_namespace *peal_of_pattern(struct peal_node *node, const char *pattern)
{
	return pattern ? of_rule(node, pattern, NULL, NULL) : NULL;
}

struct peal_namespace *peal_of_function(struct peal_node *node, peal_namespace_rule_fn *fn,
					void *userdata)
{
	return fn ? of_rule(node, NULL, fn, userdata) : NULL;
}

/* --- what the application calls ----------------------------------------------------------------
 */

struct peal_namespace *peal_io(struct peal_node *node)
{
	struct peal_server *server = peal_node_server(node);
	return server ? server->io : NULL;
}

static bool name_fits(const char *name, size_t length)
{
	if (!peal_name_valid(name, length))
		return false;
	for (size_t i = 0; i < length; i++)
		if (name[i] == ',' || (unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return true;
}

/* The name with its leading slash. Return: its length; 0 when it is not valid. */
static size_t complete_name(const char *given, char ret_name[PEAL_LIMIT_NAME_BYTES + 2])
{
	if (!given)
		return 0;
	size_t slash = given[0] != '/';
	size_t length = strnlen(given, PEAL_LIMIT_NAME_BYTES + 1);
	if (length + slash > PEAL_LIMIT_NAME_BYTES)
		return 0;
	ret_name[0] = '/';
	memcpy(ret_name + slash, given, length);
	length += slash;
	ret_name[length] = '\0';
	return name_fits(ret_name, length) ? length : 0;
}

struct peal_namespace *peal_of(struct peal_node *node, const char *given)
{
	struct peal_server *server = peal_node_server(node);
	char name[PEAL_LIMIT_NAME_BYTES + 2];
	size_t length = complete_name(given, name);
	if (!server || server->freeing || !length)
		return NULL;

	struct peal_namespace *ns = peal_namespace_find(server, name, length);
	if (ns) {
		/* The program holds a pointer from now on: it is not cleaned up any more. */
		if (ns->dynamic) {
			ns->dynamic = false;
			server->child_count--;
		}
		return ns;
	}
	struct peal_namespace *parent = NULL;
	for (size_t i = 0; i < server->rule_count && !parent; i++)
		if (server->rules[i]->pattern && peal_rule_matches(server->rules[i], name))
			parent = server->rules[i]->parent;
	ns = peal_namespace_create(server, parent, name, length);
	if (ns && server->new_namespace.first)
		peal_loop_defer(server->loop, &ns->task);
	return ns;
}

struct peal_namespace *peal_of_remote(struct peal_node *node, const char *given)
{
	struct peal_server *server = peal_node_server(node);
	char name[PEAL_LIMIT_NAME_BYTES + 2];
	size_t length = complete_name(given, name);
	if (!server || server->freeing || !length)
		return NULL;
	struct peal_namespace *ns = peal_namespace_find(server, name, length);
	if (ns)
		return peal_namespace_ref(ns);
	struct peal_hash_entry *entry = peal_hash_find(&server->stand_ins, name, length);
	if (entry)
		return peal_namespace_ref(peal_container(entry, struct peal_namespace, entry));
	ns = namespace_new(server, name, length);
	if (!ns)
		return NULL;
	if (peal_hash_insert(&server->stand_ins, &ns->entry) < 0) {
		namespace_free(ns);
		return NULL;
	}
	ns->stand_in = true;
	return ns;
}

void peal_of_remote_release(struct peal_namespace *ns)
{
	if (ns)
		peal_namespace_unref(ns);
}

const char *peal_namespace_name(const struct peal_namespace *ns)
{
	return ns->name;
}

struct peal_node *peal_namespace_node(const struct peal_namespace *ns)
{
	return ns->server ? ns->server->node : NULL;
}

void peal_namespaces(struct peal_node *node, peal_namespaces_fn *fn, void *userdata)
{
	struct peal_server *server = peal_node_server(node);
	struct peal_hash_entry *entry = NULL;
	while (server && (entry = peal_hash_next(&server->registry, entry))) {
		const struct peal_namespace *ns =
			peal_container(entry, struct peal_namespace, entry);
		const struct peal_namespace_info info = {
			.name = ns->name,
			.dynamic = ns->dynamic,
			.sockets = ns->socket_count,
			.rooms = ns->rooms.count,
		};
		fn(&info, userdata);
	}
}

size_t peal_namespace_socket_count(const struct peal_namespace *ns)
{
	size_t count = ns->socket_count;
	peal_list_each (link, (struct peal_list *)&ns->children)
		count += peal_container(link, struct peal_namespace, sibling)->socket_count;
	return count;
}

struct peal_socket *peal_namespace_socket(struct peal_namespace *ns, const char *id)
{
	struct peal_hash_entry *entry = id ? peal_hash_find(&ns->by_id, id, strlen(id)) : NULL;
	if (!entry)
		return NULL;
	struct peal_socket *socket = peal_container(entry, struct peal_socket, by_id);
	return socket->state == PEAL_SOCKET_CONNECTED ? socket : NULL;
}
