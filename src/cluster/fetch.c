/*
 * Fetching the sockets of other nodes, and finding out who is there without a name, which is a
 * fetch of nobody.
 */
#include <errno.h>
#include <stdlib.h>

#include "cluster/requests.h"

struct fetching {
	struct peal_request_out request;
	struct peal_fetch *fetch; /* NULL once it is told, or gone */
	bool failed;		  /* what came is more than is kept */
};

static struct fetching *fetching_of(struct peal_request_out *request)
{
	return peal_container(request, struct fetching, request);
}

static void receive(struct peal_request_out *request, const struct peal_message *message)
{
	struct fetching *fetching = fetching_of(request);
	const struct peal_member *member =
		*message->uid ? peal_member_find(request->cluster, message->uid) : NULL;
	const char *name = member && member->name ? member->name : "";
	if (message->type != PEAL_MESSAGE_FETCHED)
		return; /* an empty list of ids is the same on the wire */
	if (peal_fetch_remote_add(fetching->fetch, name, message->sockets, message->socket_count))
		fetching->failed = true;
}

static void end(struct peal_request_out *request, enum peal_request_end why)
{
	struct fetching *fetching = fetching_of(request);
	struct peal_fetch *fetch = fetching->fetch;
	fetching->fetch = NULL;
	*peal_fetch_remote(fetch) = NULL;
	peal_fetch_remote_end(fetch, peal_request_error(why, fetching->failed));
}

static const struct peal_request_kind fetch_kind = {
	.reliable = true,
	.receive = receive,
	.end = end,
};

static int remote_fetch(struct peal_namespace *ns, const struct peal_target *target,
			unsigned timeout_ms, struct peal_fetch *fetch, void *context)
{
	struct peal_cluster *cluster = context;
	struct peal_message message =
		peal_request_message(cluster, PEAL_MESSAGE_FETCH, peal_namespace_name(ns));
	struct fetching *fetching = calloc(1, sizeof(*fetching));
	if (!fetching)
		return -ENOMEM;
	message.target = *target;
	message.peal = true;
	fetching->fetch = fetch;
	int r = peal_request_new(&fetching->request, &fetch_kind, cluster, &message, timeout_ms);
	if (r == 0)
		*peal_fetch_remote(fetch) = fetching;
	return r;
}

static void remote_fetch_forget(struct peal_fetch *fetch, void *context)
{
	struct fetching *fetching = *peal_fetch_remote(fetch);
	(void)context;
	if (!fetching)
		return;
	*peal_fetch_remote(fetch) = NULL;
	peal_request_forget(&fetching->request);
}

void peal_fetch_fill(struct peal_remote *remote)
{
	remote->fetch = remote_fetch;
	remote->fetch_forget = remote_fetch_forget;
}

/* --- who is there? -----------------------------------------------------------------------------
 */

static void probe_end(struct peal_request_out *request, enum peal_request_end why)
{
	if (why != PEAL_REQUEST_CLOSED)
		peal_requests_probed(request->cluster, request->space);
}

static const struct peal_request_kind probe_kind = {
	.reliable = true,
	.end = probe_end,
};

int peal_probe(struct peal_cluster *cluster, struct peal_space *space, unsigned timeout_ms)
{
	/* A room that nobody is in: its name is new each time. */
	char room[2 * PEAL_ID_LENGTH + 1];
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[PEAL_ID_LENGTH];
	peal_random_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		room[2 * i] = digits[bytes[i] >> 4];
		room[2 * i + 1] = digits[bytes[i] & 15];
	}
	room[sizeof(room) - 1] = '\0';
	struct peal_message message =
		peal_request_message(cluster, PEAL_MESSAGE_FETCH, space->name);
	struct peal_request_out *probe = calloc(1, sizeof(*probe));
	if (!probe)
		return -ENOMEM;
	message.target.rooms = PEAL_ROOMS(room);
	message.peal = true;
	return peal_request_new(probe, &probe_kind, cluster, &message, timeout_ms);
}
