/*
 * What waits for Redis: its bytes are counted against the limit, and requests are dropped when they
 * have waited too long.
 */
#include "adapters/redis/publisher_private.h"

/* Expired requests are looked for at most so often. */
#define EXPIRY_MS 20

uint64_t peal_publisher_now_ms(struct peal_publisher *publisher)
{
	peal_loop_enter(publisher->options.loop);
	return peal_loop_now_ms(publisher->options.loop);
}

void peal_publisher_enqueue(struct peal_publisher *publisher, struct peal_publish *item)
{
	peal_list_append(item->flags & PEAL_PUBLISH_URGENT ? &publisher->urgent
							   : &publisher->waiting,
			 &item->link);
	publisher->waiting_count++;
	publisher->waiting_bytes += item->length;
	if (item->flags & PEAL_PUBLISH_VOLATILE)
		peal_list_append(&publisher->volatiles, &item->among_volatile);
}

void peal_publisher_dequeue(struct peal_publisher *publisher, struct peal_publish *item)
{
	peal_list_unlink(&item->link);
	publisher->waiting_count--;
	publisher->waiting_bytes -= item->length;
	peal_list_unlink(&item->among_volatile);
}

static void drop_volatile(struct peal_publisher *publisher, size_t wanted)
{
	struct peal_list *link;
	while (publisher->waiting_bytes + wanted > publisher->options.queue_limit &&
	       (link = peal_list_first(&publisher->volatiles))) {
		struct peal_publish *item =
			peal_container(link, struct peal_publish, among_volatile);
		peal_publisher_dequeue(publisher, item);
		peal_publisher_end(publisher, item, PEAL_SENT_DROPPED, UINT32_MAX);
	}
}

/* Whether it may wait, behind what waits already. */
bool peal_publisher_make_room(struct peal_publisher *publisher, const struct peal_publish *item)
{
	size_t limit = publisher->options.queue_limit;
	if (item->length > limit)
		return false;
	drop_volatile(publisher, item->length);
	return publisher->waiting_bytes + item->length <= limit;
}

/* --- expiry --- */

/* Drop of one list what has expired. Return: when the next one does; 0: none will. */
static uint64_t drop_expired(struct peal_publisher *publisher, struct peal_list *list, uint64_t now)
{
	uint64_t next = 0;
	peal_list_each (link, list) {
		struct peal_publish *item = peal_container(link, struct peal_publish, link);
		if (!item->due_ms)
			continue;
		if (item->due_ms <= now) {
			peal_publisher_dequeue(publisher, item);
			peal_publisher_end(publisher, item, PEAL_SENT_DROPPED, UINT32_MAX);
		} else if (!next || item->due_ms < next) {
			next = item->due_ms;
		}
	}
	return next;
}

static void arm_expiry(struct peal_publisher *publisher, uint64_t due_ms)
{
	uint64_t now = peal_publisher_now_ms(publisher);
	unsigned wait_ms = due_ms > now + EXPIRY_MS ? (unsigned)(due_ms - now) : EXPIRY_MS;
	/* Without memory for a timer expired ones go when the next one is sent. */
	(void)!peal_timer_arm(publisher->options.loop, &publisher->expiry, wait_ms);
}

static void look_for_expired(struct peal_publisher *publisher)
{
	uint64_t now = peal_publisher_now_ms(publisher);
	uint64_t urgent = drop_expired(publisher, &publisher->urgent, now);
	uint64_t next = drop_expired(publisher, &publisher->waiting, now);
	if (urgent && (!next || urgent < next))
		next = urgent;
	if (next)
		arm_expiry(publisher, next);
}

void peal_publisher_on_expiry(struct peal_timer *timer)
{
	look_for_expired(peal_container(timer, struct peal_publisher, expiry));
}

void peal_publisher_watch_expiry(struct peal_publisher *publisher, uint64_t due_ms)
{
	/* A timer that is armed looks at all of them and arms itself again for the next. */
	if (!publisher->expiry.heap_index || publisher->expiry.due_ms > due_ms)
		arm_expiry(publisher, due_ms);
}
