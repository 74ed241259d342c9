/*
 * Joins and leaves that are confirmed: whoever is told may emit to the room through any node.
 *
 * Two things are waited for: that the other peal nodes say that they have done it, and that this
 * node's own subscriptions are in force. Neither takes more than CONFIRM_MS.
 */
#include <errno.h>
#include <stdlib.h>

#include "cluster/requests.h"

#define CONFIRM_MS 1000

struct confirmed {
	struct peal_request_out request;
	peal_confirmed_fn *fn;
	void *userdata;
};

static struct confirmed *confirmed_of(struct peal_request_out *request)
{
	return peal_container(request, struct confirmed, request);
}

static void end(struct peal_request_out *request, enum peal_request_end why)
{
	struct confirmed *confirmed = confirmed_of(request);
	struct peal_remote_result result = { 0 };
	const char **names = NULL;
	(void)why;
	peal_request_servers(request, &result, &names);
	if (confirmed->fn)
		confirmed->fn(result.servers_answered, result.servers_expected,
			      confirmed->userdata);
	free(names);
}

static const struct peal_request_kind confirm_kind = {
	.named_only = true,
	.barrier = true,
	.end = end,
};
static const struct peal_request_kind local_kind = {
	.named_only = true,
	.barrier = true,
	.local = true,
	.end = end,
};

static int change(struct peal_namespace *ns, const struct peal_target *target,
		  struct peal_rooms rooms, bool join, peal_confirmed_fn *fn, void *userdata)
{
	int r = peal_namespace_usable(ns, true);
	if (r)
		return r;
	struct peal_cluster *cluster = peal_cluster_of(ns);
	struct peal_target here = target ? *target : (struct peal_target){ 0 };
	bool local = (here.flags & PEAL_LOCAL) || !rooms.count;
	struct confirmed *confirmed = calloc(1, sizeof(*confirmed));
	if (!confirmed)
		return -ENOMEM;
	confirmed->fn = fn;
	confirmed->userdata = userdata;
	here.flags |= PEAL_LOCAL;
	r = join ? peal_sockets_join(ns, &here, rooms) : peal_sockets_leave(ns, &here, rooms);
	if (r != 0) {
		free(confirmed);
		return r;
	}
	struct peal_message message = peal_request_message(
		cluster, join ? PEAL_MESSAGE_JOIN : PEAL_MESSAGE_LEAVE, peal_namespace_name(ns));
	message.target = here;
	message.target.flags = 0;
	message.rooms = rooms;
	r = peal_request_new(&confirmed->request, local ? &local_kind : &confirm_kind, cluster,
			     &message, CONFIRM_MS);
	if (r == 0 && join && confirmed->request.space)
		peal_interest_joined_remotely(cluster, confirmed->request.space, rooms);
	return r;
}

int peal_sockets_join_confirmed(struct peal_namespace *ns, const struct peal_target *target,
				struct peal_rooms rooms, peal_confirmed_fn *fn, void *userdata)
{
	return change(ns, target, rooms, true, fn, userdata);
}

int peal_sockets_leave_confirmed(struct peal_namespace *ns, const struct peal_target *target,
				 struct peal_rooms rooms, peal_confirmed_fn *fn, void *userdata)
{
	return change(ns, target, rooms, false, fn, userdata);
}
