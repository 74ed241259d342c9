/*
 * Acknowledgements of this node's clients that another node asked for.
 *
 * A peal node gets them joined, by the schedule of batch.h, the number of clients with the first
 * part. An official server gets the number of clients at once and a message for each answer. The
 * record goes when all have answered or at the deadline that came with the request, so a node that
 * asked and died leaves nothing here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/batch.h"
#include "cluster/requests.h"

struct answering {
	struct peal_answering answering;
	struct peal_asked asked;
	struct peal_timer timer; /* of the next part */
	struct peal_batch batch;
	bool peal;
	bool counted; /* the number of clients was told */
	uint32_t count;
	uint32_t number; /* of the next part */
	struct peal_args **held;
	size_t held_count, held_capacity, held_bytes;
	char *ns, *request_id, *to;
};

bool peal_answering_enter(struct peal_cluster *cluster, struct peal_answering *answering,
			  void (*fn)(struct peal_answering *answering))
{
	struct peal_stats *stats = cluster->options.stats;
	if (stats->cluster_answering >= PEAL_LIMIT_CLUSTER_REQUESTS)
		return false;
	stats->cluster_answering++;
	answering->cluster = cluster;
	answering->free = fn;
	peal_list_append(&cluster->answering, &answering->link);
	return true;
}

void peal_answering_leave(struct peal_answering *answering)
{
	answering->cluster->options.stats->cluster_answering--;
	peal_list_unlink(&answering->link);
}

void peal_answers_close(struct peal_cluster *cluster)
{
	struct peal_list *link;
	while ((link = peal_list_first(&cluster->answering))) {
		struct peal_answering *answering =
			peal_container(link, struct peal_answering, link);
		answering->free(answering);
	}
}

static void drop_held(struct answering *answering)
{
	for (size_t i = 0; i < answering->held_count; i++)
		peal_args_free(answering->held[i]);
	answering->held_count = answering->held_bytes = 0;
}

static void answering_free(struct peal_answering *base)
{
	struct answering *answering = peal_container(base, struct answering, answering);
	peal_peer_forget(&answering->asked);
	peal_timer_disarm(base->cluster->options.loop, &answering->timer);
	peal_answering_leave(base);
	drop_held(answering);
	free(answering->held);
	free(answering->ns);
	free(answering->request_id);
	free(answering->to);
	free(answering);
}

static struct peal_message message_of(const struct answering *answering,
				      enum peal_message_type type)
{
	const struct peal_message request = { .ns = answering->ns,
					      .request_id = answering->request_id,
					      .uid = answering->to };
	return peal_reply_message(answering->answering.cluster, &request, type);
}

/* --- to a peal node ----------------------------------------------------------------------------
 */

static void send_part(struct answering *answering, bool last)
{
	struct peal_cluster *cluster = answering->answering.cluster;
	struct peal_message message = message_of(answering, PEAL_MESSAGE_ANSWERS);
	message.counted = !answering->counted;
	message.count = message.counted ? answering->count : 0;
	message.number = answering->number++;
	message.last = last;
	message.answers = (const struct peal_args *const *)answering->held;
	message.answer_count = answering->held_count;
	answering->counted = true;
	peal_timer_disarm(cluster->options.loop, &answering->timer);
	cluster->options.stats->cluster_batches++;
	peal_reply_send(cluster, &message);
	drop_held(answering);
}

static void on_timer(struct peal_timer *timer)
{
	send_part(peal_container(timer, struct answering, timer), false);
}

/* Have the next part leave in @ms, or before. */
static void send_in(struct answering *answering, unsigned ms)
{
	struct peal_loop *loop = answering->answering.cluster->options.loop;
	if (answering->timer.heap_index && answering->timer.due_ms <= peal_loop_now_ms(loop) + ms)
		return;
	if (peal_timer_arm(loop, &answering->timer, ms) < 0)
		send_part(answering, false);
}

static size_t size_of(const struct peal_args *answer)
{
	size_t bytes = 16, length;
	if (!answer)
		return bytes;
	peal_args_text(answer, &length);
	bytes += length;
	for (size_t i = 0; i < peal_args_attachment_count(answer); i++)
		bytes += peal_args_attachment(answer, i).length;
	return bytes;
}

/* Without memory the client counts as one that did not answer. */
static void hold(struct answering *answering, const struct peal_args *answer)
{
	struct peal_args *copy = NULL;
	if (answering->held_count == answering->held_capacity) {
		size_t capacity = answering->held_capacity ? answering->held_capacity * 2 : 16;
		void *held = realloc(answering->held, capacity * sizeof(*answering->held));
		if (!held)
			return;
		answering->held = held;
		answering->held_capacity = capacity;
	}
	if (answer && peal_args_copy(answer, &copy) < 0)
		return;
	answering->held[answering->held_count++] = copy;
	answering->held_bytes += size_of(answer);
}

static void answer_peal(struct answering *answering, const struct peal_args *answer)
{
	struct peal_loop *loop = answering->answering.cluster->options.loop;
	bool first = !answering->held_count;
	hold(answering, answer);
	if (answering->held_bytes >= PEAL_LIMIT_BATCH_BYTES)
		send_part(answering, false);
	else if (first && answering->held_count)
		send_in(answering, peal_batch_wait(&answering->batch, peal_loop_now_ms(loop)));
}

/* --- to an official server ---------------------------------------------------------------------
 */

static void send_count(struct answering *answering)
{
	struct peal_message message = message_of(answering, PEAL_MESSAGE_COUNT);
	message.count = answering->count;
	message.counted = true;
	answering->counted = true;
	peal_reply_send(answering->answering.cluster, &message);
}

static void answer_official(struct answering *answering, const struct peal_args *answer)
{
	struct peal_message message = message_of(answering, PEAL_MESSAGE_ANSWER);
	message.answers = &answer;
	message.answer_count = 1;
	peal_reply_send(answering->answering.cluster, &message);
}

/* --- both --------------------------------------------------------------------------------------
 */

static void on_answer(struct peal_asked *asked, const struct peal_args *answer)
{
	struct answering *answering = peal_container(asked, struct answering, asked);
	if (answering->peal)
		answer_peal(answering, answer);
	else
		answer_official(answering, answer);
}

static void on_done(struct peal_asked *asked, bool all_answered)
{
	struct answering *answering = peal_container(asked, struct answering, asked);
	(void)all_answered; /* who asked can count */
	if (answering->peal)
		send_part(answering, true);
	answering_free(&answering->answering);
}

/* Its clients leave now: no more of them will answer. */
static void goodbye(struct peal_answering *base)
{
	struct answering *answering = peal_container(base, struct answering, answering);
	if (answering->peal)
		send_part(answering, true);
	answering_free(base);
}

void peal_answers_goodbye(struct peal_cluster *cluster)
{
	peal_list_each (link, &cluster->answering) {
		struct peal_answering *answering =
			peal_container(link, struct peal_answering, link);
		if (answering->goodbye)
			answering->goodbye(answering);
	}
}

static struct answering *answering_new(struct peal_cluster *cluster,
				       const struct peal_message *message)
{
	struct answering *answering = calloc(1, sizeof(*answering));
	if (!answering)
		return NULL;
	if (!peal_answering_enter(cluster, &answering->answering, answering_free)) {
		free(answering);
		return NULL;
	}
	answering->answering.goodbye = goodbye;
	answering->asked.answer = on_answer;
	answering->asked.done = on_done;
	answering->timer.fn = on_timer;
	/* Joined acknowledgements go to the one who asked, never to all. */
	answering->peal = message->peal && *message->uid;
	answering->ns = strdup(message->ns);
	answering->request_id = strdup(message->request_id);
	answering->to = strdup(message->uid);
	if (!answering->ns || !answering->request_id || !answering->to) {
		answering_free(&answering->answering);
		return NULL;
	}
	return answering;
}

/* Nobody was asked. */
static void answer_zero(struct peal_cluster *cluster, const struct peal_message *request)
{
	bool peal = request->peal && *request->uid;
	struct peal_message message = peal_reply_message(
		cluster, request, peal ? PEAL_MESSAGE_ANSWERS : PEAL_MESSAGE_COUNT);
	message.counted = true;
	if (peal)
		cluster->options.stats->cluster_batches++;
	peal_reply_send(cluster, &message);
}

void peal_answer_ask(struct peal_cluster *cluster, const struct peal_message *message)
{
	struct peal_namespace *ns = peal_server_namespace(cluster->options.server, message->ns);
	unsigned timeout_ms =
		message->timeout_ms ? message->timeout_ms : cluster->options.request_timeout_ms;
	if (!ns) {
		answer_zero(cluster, message);
		return;
	}
	struct answering *answering = answering_new(cluster, message);
	if (!answering) {
		peal_reply_cannot(cluster, message);
		return;
	}
	int r = peal_peer_ask(ns, &message->target, message->event, message->event_length,
			      message->args, timeout_ms, &answering->asked, &answering->count);
	if (r != 0 || !answering->count) {
		answering_free(&answering->answering);
		if (r != 0) {
			peal_reply_cannot(cluster, message);
			return;
		}
		cluster->options.stats->cluster_messages_useless++;
		answer_zero(cluster, message);
		return;
	}
	if (!answering->peal) {
		send_count(answering);
		return;
	}
	peal_batch_begin(&answering->batch, peal_loop_now_ms(cluster->options.loop), timeout_ms);
	send_in(answering, PEAL_BATCH_COUNT_MS);
}
