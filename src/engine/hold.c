/*
 * Packets that wait behind the barrier, for one session.
 *
 * A session that nothing holds has one NULL pointer for it. A held one has a queue of parts, each
 * with a number of the barrier and what was queued after the hold that named it. The numbers rise
 * from part to part, so the first is the only one that has to wait: those behind it are looked at
 * when it goes. What leaves a part goes to the end of the outbox, so the order never changes.
 *
 * Invariant: while session->held is not NULL it has at least one part, and its waiter is linked.
 */
#include "engine/hold.h"

#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"

struct part {
	struct peal_list link;
	uint64_t number;
	struct peal_outbox frames;
};

struct peal_held {
	struct peal_barrier_waiter waiter; /* for the first part */
	struct peal_session *session;
	struct peal_list parts;
	size_t count, bytes; /* of frames, in all parts */
};

static struct part *first_part(const struct peal_held *held)
{
	return peal_container(held->parts.next, struct part, link);
}

static struct part *last_part(const struct peal_held *held)
{
	return peal_container(held->parts.previous, struct part, link);
}

static void part_free(struct peal_session *session, struct part *part)
{
	peal_list_unlink(&part->link);
	peal_outbox_clear(&part->frames, &session->engine->outbox_pool);
	free(part);
}

/* Return: 0; -ENOMEM. */
static int move_to_outbox(struct peal_session *session, struct part *part)
{
	struct peal_outbox_pool *pool = &session->engine->outbox_pool;
	if (peal_outbox_empty(&session->outbox)) {
		session->outbox = part->frames;
		part->frames = (struct peal_outbox){ 0 };
		return 0;
	}
	struct peal_frame *const *frames = peal_outbox_frames(&part->frames);
	for (uint32_t i = 0; i < part->frames.count; i++)
		if (peal_outbox_push(&session->outbox, pool, frames[i]) < 0)
			return -ENOMEM;
	peal_outbox_clear(&part->frames, pool);
	return 0;
}

/* Let the first parts go, as many as have nothing to wait for any more; all with @all. */
static void release(struct peal_held *held, bool all)
{
	struct peal_session *session = held->session;
	struct peal_barrier *barrier = session->engine->context->barrier;
	while (!peal_list_empty(&held->parts)) {
		struct part *part = first_part(held);
		if (!all && !peal_barrier_reached(barrier, part->number)) {
			peal_barrier_wait(barrier, &held->waiter, part->number);
			break;
		}
		held->count -= part->frames.count;
		held->bytes -= part->frames.bytes;
		int r = move_to_outbox(session, part);
		part_free(session, part);
		if (r < 0) {
			peal_session_close_for(session, "transport error", "out of memory",
					       PEAL_RELEASE_CUT);
			return;
		}
	}
	if (peal_list_empty(&held->parts)) {
		session->held = NULL;
		free(held);
	}
	if (!peal_outbox_empty(&session->outbox))
		peal_session_mark_dirty(session);
}

static void on_reached(struct peal_barrier_waiter *waiter)
{
	release(peal_container(waiter, struct peal_held, waiter), false);
}

/* A new part at the end, with its queue when there is none yet. Return: 0; -ENOMEM. */
static int add_part(struct peal_session *session, uint64_t number)
{
	struct peal_held *held = session->held;
	struct part *part = calloc(1, sizeof(*part));
	if (!part)
		return -ENOMEM;
	part->number = number;
	if (!held) {
		held = calloc(1, sizeof(*held));
		if (!held) {
			free(part);
			return -ENOMEM;
		}
		held->session = session;
		held->waiter.fn = on_reached;
		peal_list_init(&held->parts);
		session->held = held;
		peal_barrier_wait(session->engine->context->barrier, &held->waiter, number);
	}
	peal_list_append(&held->parts, &part->link);
	return 0;
}

void peal_session_hold(struct peal_session *session, uint64_t number)
{
	struct peal_barrier *barrier = session->engine->context->barrier;
	struct peal_held *held = session->held;
	if (!barrier || session->state != PEAL_SESSION_OPEN ||
	    peal_barrier_reached(barrier, number))
		return;
	struct part *last = held ? last_part(held) : NULL;
	if (last && last->number >= number)
		return;
	if (last && !last->frames.count) {
		/* Nothing waits for the smaller number alone. */
		last->number = number;
		if (last == first_part(held)) {
			peal_barrier_cancel(&held->waiter);
			peal_barrier_wait(barrier, &held->waiter, number);
		}
		return;
	}
	/* A client that is told of the room too early may miss something, and never know. */
	if (add_part(session, number) < 0)
		peal_session_close_for(session, "transport error", "out of memory",
				       PEAL_RELEASE_CUT);
}

int peal_held_push(struct peal_session *session, struct peal_frame *frame)
{
	struct peal_held *held = session->held;
	int r = peal_outbox_push(&last_part(held)->frames, &session->engine->outbox_pool, frame);
	if (r < 0)
		return r;
	held->count++;
	held->bytes += frame->length;
	return 0;
}

void peal_held_settle(struct peal_session *session)
{
	if (!session->held || session->held->count <= PEAL_LIMIT_HELD_FRAMES)
		return;
	session->engine->context->stats->barrier_timeouts++;
	peal_barrier_cancel(&session->held->waiter);
	release(session->held, true);
}

size_t peal_held_count(const struct peal_session *session)
{
	return session->held ? session->held->count : 0;
}

size_t peal_held_bytes(const struct peal_session *session)
{
	return session->held ? session->held->bytes : 0;
}

void peal_held_drop(struct peal_session *session)
{
	struct peal_held *held = session->held;
	if (!held)
		return;
	session->held = NULL;
	peal_barrier_cancel(&held->waiter);
	while (!peal_list_empty(&held->parts))
		part_free(session, first_part(held));
	free(held);
}
