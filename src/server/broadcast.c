/*
 * The local half of an emit: select sockets, encode once, fill outboxes.
 *
 * Who was seen already, and who is excepted, is a stamp on the socket, made new for each selection.
 */
#include <errno.h>
#include <string.h>

#include "protocol/text.h"
#include "server/server_private.h"

/* --- selecting ---------------------------------------------------------------------------------
 */

static bool names_fit(const struct peal_rooms *rooms)
{
	if (rooms->count && !rooms->names)
		return false;
	for (size_t i = 0; i < rooms->count; i++)
		if (!rooms->names[i] || !peal_name_valid(rooms->names[i], strlen(rooms->names[i])))
			return false;
	return true;
}

int peal_selection_check(const struct peal_target *target)
{
	if (!target)
		return 0;
	if (target->rooms.given && !target->rooms.count)
		return PEAL_EMIT_E_INVALID;
	return names_fit(&target->rooms) && names_fit(&target->except) ? 0 : PEAL_EMIT_E_INVALID;
}

static void stamp_room(struct peal_namespace *ns, const char *name, uint64_t stamp)
{
	size_t length = strlen(name);
	struct peal_room *room = peal_room_find(ns, name, length);
	struct peal_socket *own = peal_room_own(ns, name, length);
	for (uint32_t i = 0; room && i < room->count; i++)
		room->members[i].socket->stamp = stamp;
	if (own)
		own->stamp = stamp;
}

static inline void select_one(struct peal_socket *socket, uint64_t stamp,
			      void (*each)(struct peal_socket *, void *), void *context)
{
	if (socket->stamp == stamp || socket->state != PEAL_SOCKET_CONNECTED)
		return;
	socket->stamp = stamp;
	each(socket, context);
}

/* So many members ahead the line of one is fetched that select_one() looks at. */
#define AHEAD 8

void peal_select(struct peal_namespace *ns, const struct peal_selection *selection,
		 void (*each)(struct peal_socket *socket, void *context), void *context)
{
	static const struct peal_target everyone;
	const struct peal_target *target = selection->target ? selection->target : &everyone;
	uint64_t stamp = ++ns->server->stamp;

	for (size_t i = 0; i < target->except.count; i++)
		stamp_room(ns, target->except.names[i], stamp);
	if (selection->sender)
		stamp_room(ns, selection->sender, stamp);
	if (!target->rooms.count) {
		for (uint32_t i = 0; i < ns->socket_count; i++)
			select_one(ns->sockets[i], stamp, each, context);
		return;
	}
	for (size_t i = 0; i < target->rooms.count; i++) {
		size_t length = strlen(target->rooms.names[i]);
		struct peal_socket *own = peal_room_own(ns, target->rooms.names[i], length);
		struct peal_room *room = peal_room_find(ns, target->rooms.names[i], length);
		if (own)
			select_one(own, stamp, each, context);
		for (uint32_t member = 0; room && member < room->count; member++) {
			if (member + AHEAD < room->count)
				__builtin_prefetch(room->members[member + AHEAD].socket, 1);
			select_one(room->members[member].socket, stamp, each, context);
		}
	}
}

/* --- delivering --------------------------------------------------------------------------------
 */

/* Return: 0; -ENOMEM. */
static int encode(struct peal_broadcast *broadcast)
{
	if (broadcast->run)
		return 0;
	return peal_encode_event(broadcast->ns,
				 broadcast->round ? peal_round_id(broadcast->round) : broadcast->id,
				 broadcast->event, broadcast->event_length, broadcast->args,
				 broadcast->flags & PEAL_NO_COMPRESS, &broadcast->run);
}

/* With everything that may come to it. */
static void deliver(struct peal_socket *socket, void *context)
{
	struct peal_broadcast *broadcast = context;
	struct peal_stats *stats = broadcast->ns->server->stats;
	if (broadcast->error)
		return;
	broadcast->selected++;
	/* Who is asked counts, even if a volatile packet does not reach it, as in the reference. */
	if (broadcast->round) {
		broadcast->error = peal_round_ask(broadcast->round, socket);
		if (broadcast->error)
			return;
	}
	if ((broadcast->flags & PEAL_VOLATILE) && !peal_session_writable(socket->session)) {
		stats->volatile_dropped++;
		return;
	}
	broadcast->error = encode(broadcast);
	if (broadcast->error || peal_session_queue(socket->session, broadcast->run) < 0)
		return;
	stats->deliveries++;
	if (broadcast->outgoing)
		peal_outgoing_add(broadcast->outgoing, socket);
}

/* All sessions of an array get it, and nothing else has to be done for each. */
static void deliver_all(struct peal_broadcast *broadcast, struct peal_session *const *sessions,
			size_t count)
{
	if (!count || broadcast->error)
		return;
	broadcast->selected += count;
	broadcast->error = encode(broadcast);
	if (broadcast->error)
		return;
	broadcast->ns->server->stats->deliveries +=
		peal_sessions_queue(sessions, count, broadcast->run);
}

/* Sessions that are selected and get the event together. */
struct batch {
	struct peal_broadcast *broadcast;
	size_t count;
	struct peal_session *sessions[32];
};

static void deliver_batch(struct batch *batch)
{
	deliver_all(batch->broadcast, batch->sessions, batch->count);
	batch->count = 0;
}

static void collect(struct peal_socket *socket, void *context)
{
	struct batch *batch = context;
	batch->sessions[batch->count++] = socket->session;
	if (batch->count == sizeof(batch->sessions) / sizeof(*batch->sessions))
		deliver_batch(batch);
}

/* Everyone who is connected, and each of them once. */
static bool is_for_everyone(const struct peal_selection *selection)
{
	const struct peal_target *target = selection->target;
	return !selection->sender && (!target || (!target->rooms.count && !target->except.count));
}

int peal_broadcast_deliver(struct peal_broadcast *broadcast, const struct peal_selection *selection)
{
	struct peal_namespace *ns = broadcast->ns;
	broadcast->outgoing =
		peal_outgoing_new(ns, broadcast->event, broadcast->event_length, broadcast->args);
	if (broadcast->outgoing || broadcast->round || (broadcast->flags & PEAL_VOLATILE)) {
		peal_select(ns, selection, deliver, broadcast);
	} else if (is_for_everyone(selection)) {
		deliver_all(broadcast, ns->sessions, ns->socket_count);
	} else {
		struct batch batch;
		batch.broadcast = broadcast;
		batch.count = 0;
		peal_select(ns, selection, collect, &batch);
		deliver_batch(&batch);
	}
	peal_outgoing_tell(broadcast->outgoing);
	peal_frame_unref(broadcast->run);
	broadcast->run = NULL;
	return broadcast->error;
}
