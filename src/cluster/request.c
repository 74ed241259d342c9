/*
 * Requests of this node to others: ids, deadlines, and when they are over.
 *
 * The table cluster->requests has every request until its end() was called; cluster->tickets those
 * of which the adapter has not told yet what became of their publish. Answers that find no open
 * request are late and change nothing but a counter.
 *
 * A request that was never written (PEAL_SENT_DROPPED) ends at once, without those that were
 * announced or known: they are missing. One that may have been written (PEAL_SENT_IN_DOUBT) waits
 * for its deadline or for all that were announced.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/requests.h"

/* A server that has shown itself in no way yet gets so long after the others. Node.js servers
 * answer within a few milliseconds. */
#define EXTRA_MS 75

static struct peal_request_out *find(const struct peal_cluster *cluster, const char *id)
{
	struct peal_hash_entry *entry = peal_hash_find(&cluster->requests, id, strlen(id));
	return entry ? peal_container(entry, struct peal_request_out, entry) : NULL;
}

/* Those without a name, as far as they matter to this request. */
static const struct peal_tally_others *others_of(const struct peal_request_out *request)
{
	static const struct peal_tally_others nobody = { .strays = UINT32_MAX };
	static const struct peal_tally_others everyone = { .known = UINT32_MAX };
	if (request->kind->everyone)
		return &everyone;
	return request->kind->named_only ? &nobody : &request->space->tally;
}

/* --- who is expected ---------------------------------------------------------------------------
 */

/* Everyone who is announced now; without memory for one, nobody waits for it by name. */
static void expect_members(struct peal_request_out *request)
{
	struct peal_cluster *cluster = request->cluster;
	request->sent = true;
	for (struct peal_hash_entry *entry = NULL;
	     (entry = peal_hash_next(&cluster->members, entry));) {
		struct peal_member *member = peal_container(entry, struct peal_member, entry);
		const char *name = member->name ? member->name : member->uid;
		if (peal_member_serves(member, request->space->name) &&
		    peal_tally_owe(&request->tally, member->uid, name) != 0)
			peal_log(cluster->options.log, PEAL_LOG_ERROR,
				 "no memory to expect a node's answer",
				 PEAL_FIELD_TEXT("name", name));
	}
}

void peal_request_servers(struct peal_request_out *request, struct peal_remote_result *result,
			  const char ***ret_names)
{
	struct peal_tally *tally = &request->tally;
	const char **names = NULL;
	*ret_names = NULL;
	if (!request->space)
		return; /* a node that is alone */
	if (!request->sent)
		expect_members(request);
	/* Who has shown up since it was complete is not missing. */
	bool missing = request->why != PEAL_REQUEST_COMPLETE;
	if (missing)
		result->unnamed_missing_servers =
			peal_tally_unnamed_missing(tally, others_of(request));
	if (missing && tally->owing)
		names = malloc(tally->owing * sizeof(*names));
	if (names)
		result->missing_server_count = peal_tally_missing(tally, names);
	result->missing_servers = names;
	result->servers_answered = (size_t)tally->named_settled + tally->unnamed;
	result->servers_expected = result->servers_answered + result->missing_server_count +
				   result->unnamed_missing_servers;
	*ret_names = names;
}

/* --- the end -----------------------------------------------------------------------------------
 */

static void release(struct peal_request_out *request)
{
	struct peal_cluster *cluster = request->cluster;
	peal_loop_cancel(&request->task);
	peal_timer_disarm(cluster->options.loop, &request->deadline);
	peal_timer_disarm(cluster->options.loop, &request->extra);
	peal_barrier_cancel(&request->waiter);
	peal_hash_remove(&cluster->requests, &request->entry);
	cluster->options.stats->cluster_requests--;
	if (request->space)
		request->space->requests--;
	if (request->ticket)
		peal_hash_remove(&cluster->tickets, &request->ticket_entry);
	peal_tally_deinit(&request->tally);
}

static void learn(struct peal_request_out *request)
{
	struct peal_space *space = request->space;
	if (!space || request->kind->named_only)
		return;
	if (peal_tally_learn(&request->tally, &space->tally,
			     request->waited && !request->kind->probes, request->kind->reliable))
		peal_log(request->cluster->options.log, PEAL_LOG_WARNING,
			 "other servers do not answer and are expected no more",
			 PEAL_FIELD_TEXT("namespace", space->name),
			 PEAL_FIELD_INT("still_expected", space->tally.known));
}

/* It is the first member of what was allocated for it. */
static void request_free(struct peal_request_out *request)
{
	if (request->kind->deinit)
		request->kind->deinit(request);
	free(request);
}

static void finish(struct peal_request_out *request)
{
	request->kind->end(request, request->why);
	learn(request);
	release(request);
	request_free(request);
}

static void finish_task(struct peal_task *task)
{
	finish(peal_container(task, struct peal_request_out, task));
}

void peal_request_end(struct peal_request_out *request, enum peal_request_end why)
{
	if (request->ending)
		return;
	request->ending = true;
	request->why = why;
	peal_loop_defer(request->cluster->options.loop, &request->task);
}

void peal_request_forget(struct peal_request_out *request)
{
	release(request);
	request_free(request);
}

enum peal_ack_error peal_request_error(enum peal_request_end why, bool failed)
{
	if (why == PEAL_REQUEST_CLOSED)
		return PEAL_ACK_CLOSED;
	return why == PEAL_REQUEST_COMPLETE && !failed ? PEAL_ACK_OK : PEAL_ACK_TIMEOUT;
}

static void on_deadline(struct peal_timer *timer)
{
	struct peal_request_out *request = peal_container(timer, struct peal_request_out, deadline);
	peal_request_end(request, PEAL_REQUEST_MISSING);
}

static void on_extra(struct peal_timer *timer)
{
	struct peal_request_out *request = peal_container(timer, struct peal_request_out, extra);
	request->waited = true;
	peal_request_look(request);
}

/* There may be servers that nobody knows yet. */
static void wait_for_others(struct peal_request_out *request)
{
	struct peal_cluster *cluster = request->cluster;
	if (request->kind->probes) {
		if (!request->probing)
			request->waited = peal_probe(cluster, request->space,
						     cluster->options.request_timeout_ms) != 0;
		request->probing = true;
	} else if (!request->extra.heap_index) {
		request->waited =
			peal_timer_arm(cluster->options.loop, &request->extra, EXTRA_MS) < 0;
	}
}

void peal_requests_probed(struct peal_cluster *cluster, struct peal_space *space)
{
	for (struct peal_hash_entry *entry = NULL;
	     (entry = peal_hash_next(&cluster->requests, entry));) {
		struct peal_request_out *request =
			peal_container(entry, struct peal_request_out, entry);
		if (request->space != space || !request->probing || request->waited)
			continue;
		request->waited = true;
		peal_request_look(request);
	}
}

void peal_request_look(struct peal_request_out *request)
{
	if (request->ending || peal_list_linked(&request->waiter.link))
		return;
	if (!request->space) {
		peal_request_end(request, PEAL_REQUEST_COMPLETE);
		return;
	}
	struct peal_tally_state state = peal_tally_look(&request->tally, others_of(request));
	if (state.servers && state.others && !request->waited)
		wait_for_others(request);
	if (state.servers && state.clients && (!state.others || request->waited))
		peal_request_end(request, state.all ? PEAL_REQUEST_COMPLETE : PEAL_REQUEST_MISSING);
}

/* --- the beginning -----------------------------------------------------------------------------
 */

static void make_id(struct peal_request_out *request)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char bytes[PEAL_REQUEST_ID_LENGTH];
	do {
		peal_random_bytes(bytes, sizeof(bytes));
		for (size_t i = 0; i < sizeof(bytes); i++)
			request->id[i] = letters[bytes[i] & 63];
	} while (find(request->cluster, request->id));
}

struct peal_message peal_request_message(const struct peal_cluster *cluster,
					 enum peal_message_type type, const char *ns)
{
	return (struct peal_message){
		.type = type,
		.ns = ns,
		.uid = cluster->options.uid,
		.request_id = "",
		.to = "",
		.event = "",
		.packet_id = UINT64_MAX,
		.text = "",
	};
}

static int enter(struct peal_request_out *request)
{
	struct peal_cluster *cluster = request->cluster;
	make_id(request);
	request->entry.key = request->id;
	request->entry.key_length = PEAL_REQUEST_ID_LENGTH;
	if (peal_hash_insert(&cluster->requests, &request->entry) < 0)
		return -ENOMEM;
	if (request->space) {
		request->ticket = ++cluster->next_ticket;
		request->ticket_entry.key = (const char *)&request->ticket;
		request->ticket_entry.key_length = sizeof(request->ticket);
		if (peal_hash_insert(&cluster->tickets, &request->ticket_entry) < 0) {
			peal_hash_remove(&cluster->requests, &request->entry);
			return -ENOMEM;
		}
		request->space->requests++;
	}
	cluster->options.stats->cluster_requests++;
	peal_tally_init(&request->tally);
	return 0;
}

static void on_barrier(struct peal_barrier_waiter *waiter)
{
	peal_request_look(peal_container(waiter, struct peal_request_out, waiter));
}

static void wait_for_barrier(struct peal_request_out *request)
{
	struct peal_barrier *barrier = request->cluster->options.barrier;
	request->waiter.fn = on_barrier;
	if (!peal_barrier_reached(barrier, barrier->issued))
		peal_barrier_wait(barrier, &request->waiter, barrier->issued);
}

struct peal_cluster *peal_cluster_of(const struct peal_namespace *ns)
{
	return peal_node_cluster(peal_namespace_node(ns));
}

int peal_request_room(struct peal_cluster *cluster, const char *ns)
{
	if (cluster->requests.count >= PEAL_LIMIT_CLUSTER_REQUESTS ||
	    (cluster->adapter && !peal_space_get(cluster, ns)))
		return PEAL_EMIT_E_TOO_LARGE;
	return 0;
}

/* Everything but the memory is undone on failure. */
static int begin(struct peal_request_out *request, struct peal_message *message,
		 unsigned timeout_ms)
{
	struct peal_cluster *cluster = request->cluster;
	if (cluster->requests.count >= PEAL_LIMIT_CLUSTER_REQUESTS)
		return PEAL_EMIT_E_TOO_LARGE;
	if (!timeout_ms)
		timeout_ms = cluster->options.request_timeout_ms;
	/* Whoever adds to it does not overflow. */
	if (timeout_ms > INT32_MAX)
		timeout_ms = INT32_MAX;
	if (cluster->adapter && !request->kind->local) {
		request->space = peal_space_get(cluster, message->ns);
		if (!request->space)
			return PEAL_EMIT_E_TOO_LARGE;
	}
	int r = enter(request);
	if (r < 0)
		return r;
	message->request_id = request->id;
	r = peal_timer_arm(cluster->options.loop, &request->deadline, timeout_ms);
	if (r == 0 && request->space)
		r = cluster->adapter->ops->send(cluster->adapter, message, request->ticket,
						timeout_ms);
	if (r != 0)
		release(request);
	return r == -EMSGSIZE ? PEAL_EMIT_E_TOO_LARGE : r;
}

int peal_request_new(struct peal_request_out *request, const struct peal_request_kind *kind,
		     struct peal_cluster *cluster, struct peal_message *message,
		     unsigned timeout_ms)
{
	*request = (struct peal_request_out){
		.kind = kind,
		.cluster = cluster,
		.type = message->type,
		.deadline.fn = on_deadline,
		.extra.fn = on_extra,
		.task.fn = finish_task,
	};
	int r = begin(request, message, timeout_ms);
	if (r != 0) {
		request_free(request);
		return r;
	}
	if (kind->barrier)
		wait_for_barrier(request);
	if (!request->space)
		peal_request_look(request);
	return 0;
}

void peal_requests_sent(struct peal_cluster *cluster, uint64_t ticket, enum peal_sent how,
			uint32_t receivers, bool own)
{
	struct peal_hash_entry *entry =
		peal_hash_find(&cluster->tickets, (const char *)&ticket, sizeof(ticket));
	if (!entry)
		return;
	struct peal_request_out *request =
		peal_container(entry, struct peal_request_out, ticket_entry);
	peal_hash_remove(&cluster->tickets, entry);
	request->ticket = 0;
	if (request->ending)
		return;
	/* First the dead, then who is expected. */
	if (how == PEAL_SENT_DELIVERED)
		peal_members_counted(cluster, request->space, receivers, own);
	expect_members(request);
	if (how == PEAL_SENT_DROPPED) {
		peal_request_end(request, PEAL_REQUEST_MISSING);
		return;
	}
	peal_tally_published(&request->tally, how == PEAL_SENT_DELIVERED ? receivers : UINT32_MAX,
			     own);
	peal_request_look(request);
}

void peal_requests_member_changed(struct peal_cluster *cluster, struct peal_member *member,
				  bool gone)
{
	size_t buckets;
	/* A request may end by it, but from the loop. It may also begin another, to find out who is
	 * there: when the table has grown by that, some were passed over. */
	do {
		buckets = cluster->requests.bucket_count;
		for (struct peal_hash_entry *entry = NULL;
		     (entry = peal_hash_next(&cluster->requests, entry));) {
			struct peal_request_out *request =
				peal_container(entry, struct peal_request_out, entry);
			if (!request->space ||
			    (!gone && peal_member_serves(member, request->space->name)))
				continue;
			peal_tally_gone(&request->tally, member->uid);
			peal_request_look(request);
		}
	} while (buckets != cluster->requests.bucket_count);
}

/* --- an answer came ----------------------------------------------------------------------------
 */

static bool answers(enum peal_message_type type, enum peal_message_type request)
{
	switch (type) {
	case PEAL_MESSAGE_COUNT:
	case PEAL_MESSAGE_ANSWER:
	case PEAL_MESSAGE_ANSWERS:
		return request == PEAL_MESSAGE_ASK;
	case PEAL_MESSAGE_CONFIRM:
		return request == PEAL_MESSAGE_JOIN || request == PEAL_MESSAGE_LEAVE;
	case PEAL_MESSAGE_FETCHED:
	case PEAL_MESSAGE_SOCKET_IDS_LISTED: /* on the wire an empty list is both */
		return request == PEAL_MESSAGE_FETCH;
	case PEAL_MESSAGE_ROOMS_LISTED:
		return request == PEAL_MESSAGE_ROOMS;
	case PEAL_MESSAGE_SERVER_ANSWER:
		return request == PEAL_MESSAGE_SERVER_EMIT;
	default:
		return false;
	}
}

static void count_unnamed(struct peal_request_out *request, const struct peal_message *message)
{
	struct peal_tally *tally = &request->tally;
	if (message->type == PEAL_MESSAGE_ANSWER) {
		peal_tally_unnamed_answers(tally, 1);
		return;
	}
	if (message->type == PEAL_MESSAGE_COUNT)
		peal_tally_unnamed_count(tally, message->count);
	else
		peal_tally_unnamed(tally);
	peal_interest_stranger(request->cluster, request->space);
	/* From now on as many are waited for. */
	if (tally->unnamed > request->space->tally.known)
		request->space->tally.known = tally->unnamed;
}

static int count_named(struct peal_request_out *request, const struct peal_message *message)
{
	struct peal_tally *tally = &request->tally;
	const char *uid = message->uid;
	int r = 0;
	if (message->type == PEAL_MESSAGE_COUNT)
		return peal_tally_count(tally, uid, message->count);
	if (message->type == PEAL_MESSAGE_ANSWERS || message->type == PEAL_MESSAGE_FETCHED)
		r = peal_tally_part(tally, uid, message->number, message->last);
	else if (message->type != PEAL_MESSAGE_ANSWER)
		r = peal_tally_part(tally, uid, 0, true);
	if (r != 0)
		return r;
	/* A second count in a later part is none. */
	if (message->type == PEAL_MESSAGE_ANSWERS && message->counted)
		r = peal_tally_count(tally, uid, message->count);
	peal_tally_answers(tally, uid, message->answer_count);
	return r == PEAL_TALLY_REPEATED ? 0 : r;
}

static void receive_answer(struct peal_cluster *cluster, const struct peal_message *message)
{
	struct peal_request_out *request = find(cluster, message->request_id);
	int r = 0;
	if (!request || request->ending || !request->space ||
	    strcmp(request->space->name, message->ns) != 0) {
		struct peal_space *space = peal_space_find(cluster, message->ns);
		cluster->options.stats->cluster_answers_late++;
		/* Somebody is there after all; who answers a server event late proves nothing. */
		if (space && !*message->uid && message->type != PEAL_MESSAGE_ANSWER &&
		    message->type != PEAL_MESSAGE_SERVER_ANSWER)
			peal_tally_late(&space->tally);
		return;
	}
	if (!answers(message->type, request->type))
		return;
	if (*message->uid)
		r = count_named(request, message);
	else
		count_unnamed(request, message);
	if (r == PEAL_TALLY_REPEATED)
		cluster->options.stats->cluster_answers_repeated++;
	if (r != 0)
		return;
	if (request->kind->receive)
		request->kind->receive(request, message);
	peal_request_look(request);
}

void peal_requests_receive(struct peal_cluster *cluster, const struct peal_message *message)
{
	switch (message->type) {
	case PEAL_MESSAGE_ASK:
		peal_answer_ask(cluster, message);
		break;
	case PEAL_MESSAGE_FETCH:
		peal_reply_fetch(cluster, message);
		break;
	case PEAL_MESSAGE_ROOMS:
		peal_reply_rooms(cluster, message);
		break;
	case PEAL_MESSAGE_SOCKET_IDS:
		peal_reply_socket_ids(cluster, message);
		break;
	case PEAL_MESSAGE_SERVER_EMIT:
		peal_reply_server_event(cluster, message);
		break;
	default:
		receive_answer(cluster, message);
	}
}

/* --- all of them -------------------------------------------------------------------------------
 */

int peal_requests_init(struct peal_cluster *cluster)
{
	peal_hash_init(&cluster->requests);
	peal_hash_init(&cluster->tickets);
	peal_list_init(&cluster->answering);
	return 0;
}

void peal_requests_close(struct peal_cluster *cluster)
{
	struct peal_hash_entry *entry;
	peal_answers_close(cluster);
	while ((entry = peal_hash_next(&cluster->requests, NULL))) {
		struct peal_request_out *request =
			peal_container(entry, struct peal_request_out, entry);
		if (!request->ending)
			request->why = PEAL_REQUEST_CLOSED;
		request->ending = true;
		finish(request);
	}
	peal_hash_deinit(&cluster->requests);
	peal_hash_deinit(&cluster->tickets);
}

void peal_requests_fill(struct peal_remote *remote)
{
	peal_ask_fill(remote);
	peal_fetch_fill(remote);
}
