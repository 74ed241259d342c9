/*
 * What other nodes have sent, for the clients of this one. It goes through the same functions as
 * what the application asks for, with the one difference that nobody is told of it again. Names and
 * targets were checked by the codec.
 */
#include <errno.h>
#include <stdlib.h>

#include "server/server_private.h"

/* For one that does not tell how long it waits. */
#define ASKED_MS 5000

static int deliver(struct peal_broadcast *broadcast, const struct peal_target *target)
{
	int r = peal_namespace_check(broadcast->ns);
	if (!r)
		r = peal_encode_check(broadcast->args);
	if (r)
		return r;
	broadcast->flags = target ? target->flags : 0;
	return peal_broadcast_deliver(broadcast, &(struct peal_selection){ .target = target });
}

int peal_peer_broadcast(struct peal_namespace *ns, const struct peal_target *target,
			const char *event, size_t event_length, const struct peal_args *args,
			uint64_t packet_id, size_t *ret_selected)
{
	struct peal_broadcast broadcast = {
		.ns = ns,
		.event = event,
		.event_length = event_length,
		.args = args,
		.id = packet_id,
	};
	int r = deliver(&broadcast, target);
	*ret_selected = broadcast.selected;
	return r;
}

int peal_peer_ask(struct peal_namespace *ns, const struct peal_target *target, const char *event,
		  size_t event_length, const struct peal_args *args, unsigned timeout_ms,
		  struct peal_asked *asked, uint32_t *ret_count)
{
	struct peal_broadcast broadcast = {
		.ns = ns,
		.event = event,
		.event_length = event_length,
		.args = args,
	};
	asked->round = NULL;
	int r = peal_namespace_check(ns);
	if (!r)
		r = peal_round_new(ns, timeout_ms ? timeout_ms : ASKED_MS, NULL, NULL,
				   &broadcast.round);
	if (r)
		return r;
	r = deliver(&broadcast, target);
	uint32_t count = peal_round_asked(broadcast.round);
	if (r || !count) {
		peal_round_abandon(broadcast.round);
		if (!r)
			*ret_count = 0;
		return r;
	}
	peal_round_set_asked(broadcast.round, asked);
	*ret_count = count;
	return 0;
}

void peal_peer_forget(struct peal_asked *asked)
{
	struct peal_round *round = asked->round;
	asked->round = NULL;
	if (round)
		peal_round_abandon(round);
}

/* --- bulk operations ---------------------------------------------------------------------------
 */

int peal_peer_join(struct peal_namespace *ns, const struct peal_target *target,
		   struct peal_rooms rooms, size_t *ret_selected, uint64_t *ret_number)
{
	struct peal_bulk bulk = { .ns = ns, .target = target, .from_peer = true };
	int r = peal_bulk_change_rooms(&bulk, rooms, true);
	*ret_selected = bulk.selected;
	*ret_number = bulk.number;
	return r;
}

int peal_peer_leave(struct peal_namespace *ns, const struct peal_target *target,
		    struct peal_rooms rooms, size_t *ret_selected)
{
	struct peal_bulk bulk = { .ns = ns, .target = target, .from_peer = true };
	int r = peal_bulk_change_rooms(&bulk, rooms, false);
	*ret_selected = bulk.selected;
	return r;
}

int peal_peer_disconnect(struct peal_namespace *ns, const struct peal_target *target, bool close,
			 size_t *ret_selected)
{
	struct peal_bulk bulk = { .ns = ns, .target = target, .from_peer = true };
	int r = peal_bulk_disconnect(&bulk, close);
	*ret_selected = bulk.selected;
	return r;
}

/* --- fetch -------------------------------------------------------------------------------------
 */

int peal_peer_fetch(struct peal_namespace *ns, const struct peal_target *target,
		    struct peal_snapshot **ret_snapshot,
		    const struct peal_socket_info **ret_sockets, size_t *ret_count)
{
	int r = peal_namespace_check(ns);
	if (r)
		return r;
	struct peal_snapshot *snapshot = peal_snapshot_new();
	if (!snapshot)
		return -ENOMEM;
	r = peal_snapshot_select(snapshot, ns, target);
	if (r) {
		peal_snapshot_free(snapshot);
		return r;
	}
	peal_snapshot_complete(snapshot, ret_sockets, ret_count);
	*ret_snapshot = snapshot;
	return 0;
}
