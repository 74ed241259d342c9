/*
 * Rounds: acknowledgements that the node waits for.
 *
 * One record per acknowledged emit, found by the id in the client's ACK, and checked against the
 * sockets that were asked: each answers once, others not at all. A round of many keeps waiting when
 * a socket leaves, as the reference does; an emit to one socket ends with it.
 *
 * The same record serves three: a broadcast of this node, one socket, and the clients of this node
 * that another one asks (struct peal_asked, whose answers are passed on and not kept). The first
 * may have a remote part besides the local one; it is told when both have ended.
 *
 * What responses can grow to: one per asked socket, each at most what a client may send
 * (maxHttpBufferSize), and what other nodes send within PEAL_LIMIT_CLUSTER_ANSWERS and
 * PEAL_LIMIT_CLUSTER_ANSWER_BYTES, in at most PEAL_LIMIT_PENDING_ACKS rounds per namespace, each
 * with a deadline.
 *
 *   asking → waiting for the remote (no ACK finds it any more) → ended (the result is queued)
 *   → told and freed
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/round.h"

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
	for (uint32_t i = 0; i < round->response_count; i++)
		peal_args_free(round->responses[i]);
	free(round->responses);
	if (round->remote)
		free(round->remote->missing_servers);
	free(round->remote);
	peal_namespace_unref(round->ns);
	free(round);
}

void peal_round_end_local(struct peal_round *round)
{
	if (round->local_ended)
		return;
	round->local_ended = true;
	peal_hash_remove(&round->ns->rounds, &round->entry);
}

static void end(struct peal_round *round, enum peal_ack_error error)
{
	struct peal_namespace *ns = round->ns;
	peal_round_end_local(round);
	round->ended = true;
	round->error = error;
	peal_timer_disarm(ns->server->loop, &round->timer);
	ns->server->stats->rounds--;
	if (round->single)
		socket_of(round->only)->open_acks--;
	else
		ns->broadcast_rounds--;
}

void peal_round_end_later(struct peal_round *round, enum peal_ack_error error)
{
	end(round, error);
	if (!round->asked_for)
		peal_count_round(round->ns->server->stats, error);
	/* A local round ends with its last answer, and a timeout is told in time. */
	if (!round->remote || error)
		peal_loop_defer(round->ns->server->loop, &round->result.task);
	else
		peal_result_queue(round->ns->server, &round->result);
}

/* Whether anything is missing of what the parts of a round, which have ended, should have brought.
 */
enum peal_ack_error peal_round_error(const struct peal_round *round)
{
	bool complete =
		round->answered == round->expected && (!round->remote || round->remote->complete);
	if (complete)
		return PEAL_ACK_OK;
	return round->ns->server->freeing ? PEAL_ACK_CLOSED : PEAL_ACK_TIMEOUT;
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
	static const struct peal_round_part nobody;
	const struct peal_round_part *remote = round->remote ? round->remote : &nobody;
	size_t missing = list_missing(round);
	struct peal_acks acks = {
		.error = round->error,
		.responses = (const struct peal_args *const *)round->responses,
		.response_count = round->response_count,
		.clients_expected = round->expected + remote->clients_expected,
		.clients_answered = round->response_count,
		.servers_expected = 1 + remote->servers_expected,
		.servers_answered = 1 + remote->servers_answered,
		.missing_servers = remote->missing_servers,
		.missing_server_count = remote->missing_server_count,
		.unnamed_missing_servers = remote->unnamed_missing,
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
	peal_result_cancel(&round->result);
	if (!round->single)
		tell_many(round);
	else if (round->ack_fn)
		round->ack_fn(round->error, args, round->userdata);
	round_free(round);
}

static void tell_task(struct peal_task *task)
{
	tell(peal_container(task, struct peal_round, result.task), NULL);
}

/* The part of the asked clients of this node ends for one that asks from elsewhere. */
static void end_asked(struct peal_round *round, bool all_answered)
{
	struct peal_asked *asked = round->asked_for;
	end(round, all_answered ? PEAL_ACK_OK : PEAL_ACK_TIMEOUT);
	round_free(round);
	asked->round = NULL;
	asked->done(asked, all_answered);
}

/* From the loop only, where the application may be called. */
static void end_now(struct peal_round *round, enum peal_ack_error error)
{
	peal_round_end_later(round, error);
	/* Unless it has to wait for a join. */
	if (peal_task_queued(&round->result.task))
		tell(round, NULL);
}

static void on_deadline(struct peal_timer *timer)
{
	struct peal_round *round = peal_container(timer, struct peal_round, timer);
	const struct peal_remote *remote = round->ns->server->remote;
	if (round->asked_for) {
		end_asked(round, false);
		return;
	}
	if (!peal_round_waits(round)) {
		peal_round_end_later(round, PEAL_ACK_TIMEOUT);
		return;
	}
	peal_round_end_local(round);
	if (remote && remote->ask_expired)
		remote->ask_expired(round, remote->context);
	else
		peal_round_remote_end(round, &(struct peal_remote_result){ 0 });
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
	round->result.task.fn = tell_task;
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

uint32_t peal_round_asked(const struct peal_round *round)
{
	return round->expected;
}

void peal_round_set_asked(struct peal_round *round, struct peal_asked *asked)
{
	round->asked_for = asked;
	asked->round = round;
}

void peal_round_start(struct peal_round *round)
{
	if (round->expected)
		return;
	if (peal_round_waits(round))
		peal_round_end_local(round);
	else
		peal_round_end_later(round, peal_round_error(round));
}

void peal_round_abandon(struct peal_round *round)
{
	end(round, PEAL_ACK_OK);
	round->asked_for = NULL;
	if (!round->telling)
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

int peal_round_keep(struct peal_round *round, const struct peal_args *answer)
{
	if (round->response_count == round->response_capacity) {
		uint32_t capacity = round->response_capacity ? round->response_capacity * 2 : 8;
		void *responses = realloc(round->responses, capacity * sizeof(*round->responses));
		if (!responses)
			return -ENOMEM;
		round->responses = responses;
		round->response_capacity = capacity;
	}
	struct peal_args null;
	peal_args_init(&null, "null", 4, 1, NULL, 0);
	int r = peal_args_copy(answer ? answer : &null, &round->responses[round->response_count]);
	peal_args_deinit(&null);
	if (r == 0)
		round->response_count++;
	return r;
}

/* One of many clients has answered. */
static void answer_one(struct peal_round *round, uintptr_t *slot, const struct peal_args *args)
{
	struct peal_asked *asked = round->asked_for;
	struct peal_args first;
	bool any = peal_answer_first(args, &first);
	const struct peal_args *answer = any ? &first : NULL;
	/* Without memory it counts as not answered. */
	int r = asked ? 0 : peal_round_keep(round, answer);
	if (r == 0) {
		*slot |= ANSWERED;
		round->answered++;
		round->telling = true;
		if (asked)
			asked->answer(asked, answer);
		round->telling = false;
	}
	if (any)
		peal_args_deinit(&first);
	if (round->ended) {
		/* Who heard of it has lost interest. */
		round_free(round);
		return;
	}
	if (r < 0 || round->answered < round->expected)
		return;
	if (asked)
		end_asked(round, true);
	else if (peal_round_waits(round))
		peal_round_end_local(round);
	else
		end_now(round, peal_round_error(round));
}

static void answer_single(struct peal_round *round, const struct peal_args *args)
{
	round->answered = 1;
	end(round, PEAL_ACK_OK);
	peal_count_round(round->ns->server->stats, PEAL_ACK_OK);
	tell(round, args);
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
	struct peal_args args;
	stats->acks_received++;
	peal_args_init(&args, packet->args, packet->args_length, packet->args_count, attachments,
		       packet->attachments);
	if (round->single)
		answer_single(round, &args);
	else
		answer_one(round, slot, &args);
	peal_args_deinit(&args);
}

/* --- endings from outside ----------------------------------------------------------------------
 */

void peal_round_socket_left(struct peal_socket *socket)
{
	peal_list_each (link, &socket->rounds) {
		struct peal_round *round = peal_container(link, struct peal_round, socket_link);
		if (!round->ended)
			peal_round_end_later(round, PEAL_ACK_DISCONNECTED);
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

/* Return: true when it is gone. */
static bool close_one(struct peal_round *round)
{
	const struct peal_remote *remote = round->ns->server->remote;
	if (round->ended) {
		peal_result_hurry(&round->result);
		return false;
	}
	if (round->asked_for) {
		end_asked(round, false);
		return true;
	}
	if (peal_round_waits(round)) {
		round->remote->open = false;
		if (remote && remote->ask_forget)
			remote->ask_forget(round, remote->context);
	}
	peal_round_end_later(round, PEAL_ACK_CLOSED);
	return false;
}

void peal_round_close_all(struct peal_server *server)
{
	struct peal_list *link = server->rounds.next;
	while (link != &server->rounds) {
		struct peal_round *round = peal_container(link, struct peal_round, link);
		/* What hears of the end of one may forget others: from the front again then. */
		link = link->next;
		if (close_one(round))
			link = server->rounds.next;
	}
}
