/*
 * Fetching sockets: a snapshot of this node's at the time of the call, what other nodes tell behind
 * it, and then the callback, from the loop.
 *
 *   waiting for the remote → ended (the result is queued, behind joins that came before) → told and
 *   freed
 */
#include <errno.h>
#include <stdlib.h>

#include "server/server_private.h"

struct peal_fetch {
	struct peal_list link; /* in the server */
	struct peal_server *server;
	struct peal_result result;
	peal_sockets_fn *fn;
	void *userdata;
	struct peal_snapshot *snapshot;
	void *remote; /* the cluster's */
	enum peal_ack_error error;
	bool ended;
};

static void fetch_free(struct peal_fetch *fetch)
{
	peal_list_unlink(&fetch->link);
	peal_snapshot_free(fetch->snapshot);
	free(fetch);
}

static void tell_task(struct peal_task *task)
{
	struct peal_fetch *fetch = peal_container(task, struct peal_fetch, result.task);
	const struct peal_socket_info *sockets;
	size_t count;
	peal_snapshot_complete(fetch->snapshot, &sockets, &count);
	if (fetch->fn)
		fetch->fn(fetch->error, sockets, count, fetch->userdata);
	fetch_free(fetch);
}

static void end(struct peal_fetch *fetch, bool local, enum peal_ack_error error)
{
	fetch->ended = true;
	fetch->error = error;
	/* One of this node alone is told at once, and a timeout in time. */
	if (local || error)
		peal_loop_defer(fetch->server->loop, &fetch->result.task);
	else
		peal_result_queue(fetch->server, &fetch->result);
}

static int ask_remote(struct peal_fetch *fetch, struct peal_namespace *ns,
		      const struct peal_target *target, unsigned timeout_ms)
{
	static const struct peal_target everyone;
	const struct peal_remote *remote = ns->server->remote;
	if (!target)
		target = &everyone;
	if (!remote || !remote->fetch || (target->flags & PEAL_LOCAL)) {
		end(fetch, true, PEAL_ACK_OK);
		return 0;
	}
	return remote->fetch(ns, target, timeout_ms, fetch, remote->context);
}

int peal_sockets_fetch(struct peal_namespace *ns, const struct peal_target *target,
		       unsigned timeout_ms, peal_sockets_fn *fn, void *userdata)
{
	int r = peal_namespace_usable(ns, true);
	if (!r)
		r = peal_selection_check(target);
	if (r)
		return r;
	ns = peal_namespace_served(ns);
	struct peal_fetch *fetch = calloc(1, sizeof(*fetch));
	if (!fetch)
		return -ENOMEM;
	fetch->server = ns->server;
	fetch->result.task.fn = tell_task;
	fetch->fn = fn;
	fetch->userdata = userdata;
	peal_list_append(&ns->server->fetches, &fetch->link);
	fetch->snapshot = peal_snapshot_new();
	r = fetch->snapshot ? peal_snapshot_select(fetch->snapshot, ns, target) : -ENOMEM;
	if (!r)
		r = ask_remote(fetch, ns, target, timeout_ms);
	if (r)
		fetch_free(fetch);
	return r;
}

/* --- what comes from other nodes ---------------------------------------------------------------
 */

void **peal_fetch_remote(struct peal_fetch *fetch)
{
	return &fetch->remote;
}

int peal_fetch_remote_add(struct peal_fetch *fetch, const char *node,
			  const struct peal_socket_info *sockets, size_t count)
{
	return fetch->ended ? 0 : peal_snapshot_add(fetch->snapshot, node, sockets, count);
}

void peal_fetch_remote_end(struct peal_fetch *fetch, enum peal_ack_error error)
{
	if (fetch->ended)
		return;
	end(fetch, false, error && fetch->server->freeing ? PEAL_ACK_CLOSED : error);
}

void peal_fetch_forget_remote(struct peal_server *server)
{
	peal_list_each (link, &server->fetches)
		peal_fetch_remote_end(peal_container(link, struct peal_fetch, link),
				      PEAL_ACK_TIMEOUT);
}

void peal_fetch_close_all(struct peal_server *server)
{
	const struct peal_remote *remote = server->remote;
	peal_list_each (link, &server->fetches) {
		struct peal_fetch *fetch = peal_container(link, struct peal_fetch, link);
		if (fetch->ended) {
			peal_result_hurry(&fetch->result);
			continue;
		}
		if (remote && remote->fetch_forget)
			remote->fetch_forget(fetch, remote->context);
		end(fetch, false, PEAL_ACK_CLOSED);
	}
}
