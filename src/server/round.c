/*
 * Rounds: acknowledgements that the node waits for.
 *
 * One record per acknowledged emit, found by the id in the client's ACK, and checked against the
 * sockets that were asked: each answers once, others not at all. A round of many keeps waiting when
 * a socket leaves, as the reference does; an emit to one socket ends with it.
 *
 * What responses can grow to: one per asked socket, each at most what a client may send
 * (maxHttpBufferSize), in at most PEAL_LIMIT_PENDING_ACKS rounds per namespace, each with a
 * deadline.
 *
 *   open → ended (no ACK finds it any more, the result is queued) → told and freed
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/json.h"
#include "server/server_private.h"

struct peal_round {
	struct peal_hash_entry entry; /* in the namespace, while it is open */
	uint64_t id;
	struct peal_namespace *ns;
	struct peal_list link;	      /* in the server */
	struct peal_list socket_link; /* in the one socket, unless it is a round of many */
	struct peal_timer timer;
	struct peal_task task;
	peal_acks_fn *acks_fn;
	peal_ack_fn *ack_fn;
	void *userdata;
	bool single, ended;
	enum peal_ack_error error;
	/* References to the sockets that were asked, hashed by their address; bit 0 tells that it
	 * has answered. Afterwards the same memory holds the ids of those that did not. */
	uintptr_t *asked;
	uint32_t asked_capacity; /* a power of two */
	uintptr_t only;		 /* the table of one */
	uint32_t expected, answered, response_capacity;
	struct peal_args **responses;
};

#define ANSWERED ((uintptr_t)1)

static struct peal_socket *socket_of(uintptr_t slot)
{
	return (struct peal_socket *)(slot & ~ANSWERED);
}

/* The slot of a socket, or the free one where it belongs, or NULL when the table is full. */
static uintptr_t *slot_of(uintptr_t *table, uint32_t capacity, const struct peal_socket *socket)
{
	uint32_t at = (uint32_t)(((uint64_t)(uintptr_t)socket * 0x9e3779b97f4a7c15u) >> 32);
	for (uint32_t i = 0; i < capacity; i++, at++) {
		uintptr_t *slot = &table[at & (capacity - 1)];
		if (!*slot || socket_of(*slot) == socket)
			return slot;
	}
	return NULL;
}

static int grow(struct peal_round *round)
{
	uint32_t capacity = round->asked_capacity < 8 ? 16 : round->asked_capacity * 2;
	uintptr_t *table = calloc(capacity, sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (uint32_t i = 0; i < round->asked_capacity; i++)
		if (round->asked[i])
			*slot_of(table, capacity, socket_of(round->asked[i])) = round->asked[i];
	if (round->asked != &round->only)
		free(round->asked);
	round->asked = table;
	round->asked_capacity = capacity;
	return 0;
}

int peal_round_ask(struct peal_round *round, struct peal_socket *socket)
{
	if (round->expected && round->expected >= round->asked_capacity / 2) {
		int r = grow(round);
		if (r < 0)
			return r;
	}
	*slot_of(round->asked, round->asked_capacity, socket) = (uintptr_t)peal_socket_ref(socket);
	round->expected++;
	return 0;
}

/* --- ending and telling ------------------------------------------------------------------------
 */

static void round_free(struct peal_round *round)
{
	peal_list_unlink(&round->link);
	peal_list_unlink(&round->socket_link);
	for (uint32_t i = 0; i < round->asked_capacity; i++)
		peal_socket_unref(socket_of(round->asked[i]));
	if (round->asked != &round->only)
		free(round->asked);
	for (uint32_t i = 0; round->responses && i < round->answered; i++)
		peal_args_free(round->responses[i]);
	free(round->responses);
	peal_namespace_unref(round->ns);
	free(round);
}

static void end(struct peal_round *round, enum peal_ack_error error)
{
	struct peal_namespace *ns = round->ns;
	round->ended = true;
	round->error = error;
	peal_timer_disarm(ns->server->loop, &round->timer);
	peal_hash_remove(&ns->rounds, &round->entry);
	ns->server->stats->rounds--;
	if (round->single)
		socket_of(round->only)->open_acks--;
	else
		ns->broadcast_rounds--;
}

static void end_later(struct peal_round *round, enum peal_ack_error error)
{
	end(round, error);
	peal_loop_defer(round->ns->server->loop, &round->task);
}

/* Turn the table into a list of the ids of those that did not answer, in place. */
static size_t list_missing(struct peal_round *round)
{
	size_t count = 0;
	for (uint32_t i = 0; i < round->asked_capacity; i++) {
		uintptr_t slot = round->asked[i];
		round->asked[i] = 0;
		if (slot & ANSWERED)
			peal_socket_unref(socket_of(slot));
		else if (slot)
			round->asked[count++] = (uintptr_t)socket_of(slot)->id;
	}
	return count;
}

static void tell_many(struct peal_round *round)
{
	size_t missing = list_missing(round);
	struct peal_acks acks = {
		.error = round->error,
		.responses = (const struct peal_args *const *)round->responses,
		.response_count = round->answered,
		.clients_expected = round->expected,
		.clients_answered = round->answered,
		.servers_expected = 1,
		.servers_answered = 1,
		.missing_sockets = (const char *const *)round->asked,
		.missing_socket_count = missing,
	};
	if (round->acks_fn)
		round->acks_fn(&acks, round->userdata);
	for (size_t i = 0; i < missing; i++)
		round->asked[i] =
			(uintptr_t)peal_container(round->asked[i], struct peal_socket, id);
}

/* @args is the acknowledgement of a single one, NULL when it has failed. */
static void tell(struct peal_round *round, const struct peal_args *args)
{
	peal_loop_cancel(&round->task);
	if (!round->single)
		tell_many(round);
	else if (round->ack_fn)
		round->ack_fn(round->error, args, round->userdata);
	round_free(round);
}

static void tell_task(struct peal_task *task)
{
	tell(peal_container(task, struct peal_round, task), NULL);
}

static void on_deadline(struct peal_timer *timer)
{
	struct peal_round *round = peal_container(timer, struct peal_round, timer);
	round->ns->server->stats->rounds_timed_out++;
	end_later(round, PEAL_ACK_TIMEOUT);
}

/* --- making one --------------------------------------------------------------------------------
 */

static int round_new(struct peal_namespace *ns, unsigned timeout_ms, void *userdata, bool single,
		     struct peal_round **ret_round)
{
	struct peal_round *round = calloc(1, sizeof(*round));
	if (!round)
		return -ENOMEM;
	round->id = ns->next_ack_id;
	round->entry.key = (const char *)&round->id;
	round->entry.key_length = sizeof(round->id);
	round->timer.fn = on_deadline;
	round->task.fn = tell_task;
	round->userdata = userdata;
	round->single = single;
	round->asked = &round->only;
	round->asked_capacity = 1;
	int r = peal_hash_insert(&ns->rounds, &round->entry);
	if (r < 0) {
		free(round);
		return r;
	}
	if (timeout_ms)
		r = peal_timer_arm(ns->server->loop, &round->timer, timeout_ms);
	if (r < 0) {
		peal_hash_remove(&ns->rounds, &round->entry);
		free(round);
		return r;
	}
	ns->next_ack_id++;
	ns->server->stats->rounds++;
	round->ns = peal_namespace_ref(ns);
	peal_list_append(&ns->server->rounds, &round->link);
	*ret_round = round;
	return 0;
}

int peal_round_new(struct peal_namespace *ns, unsigned timeout_ms, peal_acks_fn *fn, void *userdata,
		   struct peal_round **ret_round)
{
	if (ns->broadcast_rounds >= PEAL_LIMIT_PENDING_ACKS)
		return PEAL_EMIT_E_TOO_LARGE;
	int r = round_new(ns, timeout_ms, userdata, false, ret_round);
	if (r)
		return r;
	(*ret_round)->acks_fn = fn;
	ns->broadcast_rounds++;
	return 0;
}

int peal_round_new_single(struct peal_socket *socket, unsigned timeout_ms, peal_ack_fn *fn,
			  void *userdata, struct peal_round **ret_round)
{
	if (socket->open_acks >= PEAL_LIMIT_PENDING_ACKS)
		return PEAL_EMIT_E_TOO_LARGE;
	int r = round_new(socket->ns, timeout_ms, userdata, true, ret_round);
	if (r)
		return r;
	struct peal_round *round = *ret_round;
	round->ack_fn = fn;
	round->only = (uintptr_t)peal_socket_ref(socket);
	round->expected = 1;
	socket->open_acks++;
	peal_list_append(&socket->rounds, &round->socket_link);
	return 0;
}

uint64_t peal_round_id(const struct peal_round *round)
{
	return round->id;
}

void peal_round_start(struct peal_round *round)
{
	if (!round->expected)
		end_later(round, PEAL_ACK_OK);
}

void peal_round_abandon(struct peal_round *round)
{
	end(round, PEAL_ACK_OK);
	round_free(round);
}

/* --- an acknowledgement came -------------------------------------------------------------------
 */

static struct peal_round *find(struct peal_socket *socket, uint64_t id, uintptr_t **ret_slot)
{
	struct peal_hash_entry *entry =
		peal_hash_find(&socket->ns->rounds, (const char *)&id, sizeof(id));
	if (!entry)
		return NULL;
	struct peal_round *round = peal_container(entry, struct peal_round, entry);
	*ret_slot = slot_of(round->asked, round->asked_capacity, socket);
	/* Not asked, or answered already. */
	if (!*ret_slot || !**ret_slot || (**ret_slot & ANSWERED))
		return NULL;
	return round;
}

/* Keep the first argument with the attachments that it names; null when there is none. */
static int keep_response(struct peal_round *round, const struct peal_packet *packet,
			 const struct peal_bytes *attachments)
{
	const char *start = "null", *finish = start + 4;
	struct peal_json_facts facts;
	size_t attachment_count = 0;
	struct peal_args first;

	if (round->answered == round->response_capacity) {
		uint32_t capacity = round->response_capacity ? round->response_capacity * 2 : 8;
		void *responses = realloc(round->responses, capacity * sizeof(*round->responses));
		if (!responses)
			return -ENOMEM;
		round->responses = responses;
		round->response_capacity = capacity;
	}
	if (packet->args_count)
		finish = peal_json_skip_value(packet->args, packet->args + packet->args_length,
					      &start);
	if (packet->attachments && peal_json_validate(start, (size_t)(finish - start), &facts) &&
	    facts.placeholders)
		attachment_count = (size_t)facts.placeholder_max + 1;
	peal_args_init(&first, start, (size_t)(finish - start), 1, attachments, attachment_count);
	int r = peal_args_copy(&first, &round->responses[round->answered]);
	peal_args_deinit(&first);
	return r;
}

static void answer_single(struct peal_round *round, const struct peal_packet *packet,
			  const struct peal_bytes *attachments)
{
	struct peal_args args;
	peal_args_init(&args, packet->args, packet->args_length, packet->args_count, attachments,
		       packet->attachments);
	round->answered = 1;
	end(round, PEAL_ACK_OK);
	tell(round, &args);
	peal_args_deinit(&args);
}

void peal_round_receive(struct peal_socket *socket, const struct peal_packet *packet,
			const struct peal_bytes *attachments)
{
	struct peal_stats *stats = socket->ns->server->stats;
	uintptr_t *slot;
	struct peal_round *round =
		packet->id == PEAL_PACKET_NO_ID ? NULL : find(socket, packet->id, &slot);
	if (!round) {
		stats->acks_unknown++;
		return;
	}
	stats->acks_received++;
	if (round->single) {
		answer_single(round, packet, attachments);
		return;
	}
	/* Without memory it counts as not answered. */
	if (keep_response(round, packet, attachments) < 0)
		return;
	*slot |= ANSWERED;
	if (++round->answered == round->expected) {
		end(round, PEAL_ACK_OK);
		tell(round, NULL);
	}
}

/* --- endings from outside ----------------------------------------------------------------------
 */

void peal_round_socket_left(struct peal_socket *socket)
{
	peal_list_each (link, &socket->rounds) {
		struct peal_round *round = peal_container(link, struct peal_round, socket_link);
		if (!round->ended)
			end_later(round, PEAL_ACK_DISCONNECTED);
	}
}

void peal_round_tell_socket(struct peal_socket *socket)
{
	struct peal_list *link;
	while ((link = peal_list_first(&socket->rounds))) {
		struct peal_round *round = peal_container(link, struct peal_round, socket_link);
		assert(round->ended);
		tell(round, NULL);
	}
}

void peal_round_close_all(struct peal_server *server)
{
	peal_list_each (link, &server->rounds) {
		struct peal_round *round = peal_container(link, struct peal_round, link);
		if (!round->ended)
			end_later(round, PEAL_ACK_CLOSED);
	}
}
