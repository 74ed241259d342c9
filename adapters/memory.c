/*
 * A cluster within one process.
 *
 * It behaves as Redis does with its subscribers, so that the layers above cannot tell: messages
 * are copies, come from the loop and in order, go to every node that serves the namespace, and the
 * sender learns how many those were. A message is on its way once it was sent; a node that closes
 * the namespace before it was delivered does not get it.
 *
 * Invariant: an adapter is in its hub from start() to stop(), and only then has anything queued.
 */
#include "adapters/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/memory_copy.h"
#include "base/hash.h"
#include "base/list.h"
#include "loop/loop.h"

struct peal_memory_hub {
	struct peal_list adapters; /* those that have started */
	uint64_t sent;
};

struct memory {
	struct peal_adapter adapter;
	struct peal_memory_hub *hub;
	struct peal_list link;
	struct peal_adapter_host host;
	struct peal_hash spaces; /* struct space by name */
	struct peal_list inbox;	 /* struct item */
	struct peal_list outbox; /* what was sent while it is frozen: struct item with a copy */
	struct peal_task task;
	bool up, frozen;
};

/* A namespace that is open. */
struct space {
	struct peal_hash_entry entry;
	bool told; /* news->opened() was called */
	char name[];
};

enum item_kind { ITEM_MESSAGE, ITEM_SENT, ITEM_RECEIVERS };

struct item {
	struct peal_list link;
	enum item_kind kind;
	struct peal_memory_copy *copy; /* a message */
	char to[PEAL_UID_LENGTH + 1];  /* of one in the outbox */
	uint64_t ticket;
	uint32_t receivers;
	bool own;
	char ns[];
};

static struct memory *memory_of(struct peal_adapter *adapter)
{
	return peal_container(adapter, struct memory, adapter);
}

static struct space *space_of(const struct memory *memory, const char *ns)
{
	struct peal_hash_entry *entry = peal_hash_find(&memory->spaces, ns, strlen(ns));
	return entry ? peal_container(entry, struct space, entry) : NULL;
}

static struct item *item_new(enum item_kind kind, const char *ns)
{
	struct item *item = calloc(1, sizeof(*item) + strlen(ns) + 1);
	if (!item)
		return NULL;
	item->kind = kind;
	strcpy(item->ns, ns);
	return item;
}

static void item_free(struct item *item)
{
	peal_memory_copy_unref(item->copy);
	free(item);
}

static void drop_items(struct peal_list *list)
{
	struct peal_list *link;
	while ((link = peal_list_take(list)))
		item_free(peal_container(link, struct item, link));
}

static void wake(struct memory *memory)
{
	if (!memory->frozen && !peal_task_queued(&memory->task))
		peal_loop_defer(memory->host.loop, &memory->task);
}

static void queue(struct memory *memory, struct item *item)
{
	peal_list_append(&memory->inbox, &item->link);
	wake(memory);
}

/* --- sending -----------------------------------------------------------------------------------
 */

static bool is_answer(enum peal_message_type type)
{
	return type >= PEAL_MESSAGE_COUNT && type <= PEAL_MESSAGE_SERVER_ANSWER;
}

/* Does @memory hear this message? */
static bool hears(const struct memory *memory, const struct peal_message *message, const char *to)
{
	if (message->type == PEAL_MESSAGE_ANNOUNCE)
		return true;
	/* Answers come to the one who asked, even if it does not serve the namespace. */
	if (is_answer(message->type) && *to)
		return !strcmp(memory->host.uid, to);
	return space_of(memory, message->ns);
}

static void deliver(struct memory *memory, struct peal_memory_copy *copy)
{
	struct item *item = item_new(ITEM_MESSAGE, copy->message.ns);
	if (!item)
		return; /* as a network loses messages */
	item->copy = copy;
	copy->references++;
	queue(memory, item);
}

static void publish(struct memory *memory, struct peal_memory_copy *copy, const char *to,
		    uint64_t ticket)
{
	uint32_t receivers = 0;
	bool own = false;
	if (copy->message.type != PEAL_MESSAGE_ANNOUNCE)
		memory->hub->sent++;
	if (copy->message.type == PEAL_MESSAGE_BROADCAST)
		memory->host.stats->cluster_published++;
	peal_list_each (link, &memory->hub->adapters) {
		struct memory *other = peal_container(link, struct memory, link);
		if (!hears(other, &copy->message, to))
			continue;
		receivers++;
		if (other == memory) {
			own = true;
			memory->host.stats->cluster_messages_received++;
			memory->host.stats->cluster_messages_own++;
		} else {
			deliver(other, copy);
		}
	}
	struct item *item = ticket ? item_new(ITEM_SENT, "") : NULL;
	if (!item)
		return;
	item->ticket = ticket;
	item->receivers = receivers;
	item->own = own;
	queue(memory, item);
}

static int op_send(struct peal_adapter *adapter, const struct peal_message *message,
		   uint64_t ticket, unsigned expires_ms)
{
	struct memory *memory = memory_of(adapter);
	const char *to = message->to ? message->to : "";
	(void)expires_ms; /* nothing ever waits */
	struct peal_memory_copy *copy = peal_memory_copy_new(message);
	if (!copy)
		return -ENOMEM;
	if (!memory->frozen) {
		publish(memory, copy, to, ticket);
		peal_memory_copy_unref(copy);
		return 0;
	}
	struct item *item = item_new(ITEM_MESSAGE, message->ns);
	if (!item) {
		peal_memory_copy_unref(copy);
		return -ENOMEM;
	}
	item->copy = copy;
	item->ticket = ticket;
	strncpy(item->to, to, PEAL_UID_LENGTH);
	peal_list_append(&memory->outbox, &item->link);
	return 0;
}

static void op_count(struct peal_adapter *adapter, const char *ns)
{
	struct memory *memory = memory_of(adapter);
	struct item *item = item_new(ITEM_RECEIVERS, ns);
	if (!item)
		return;
	peal_list_each (link, &memory->hub->adapters) {
		if (space_of(peal_container(link, struct memory, link), ns))
			item->receivers++;
	}
	item->own = space_of(memory, ns);
	queue(memory, item);
}

/* --- news --------------------------------------------------------------------------------------
 */

static void tell_message(struct memory *memory, const struct item *item)
{
	const struct peal_message *message = &item->copy->message;
	struct peal_stats *stats = memory->host.stats;
	if (message->type != PEAL_MESSAGE_ANNOUNCE && !is_answer(message->type) &&
	    !space_of(memory, message->ns))
		return;
	stats->cluster_messages_received++;
	memory->host.news->message(message, memory->host.context);
}

static void tell_opened(struct memory *memory)
{
	struct peal_hash_entry *entry = NULL;
	while ((entry = peal_hash_next(&memory->spaces, entry))) {
		struct space *space = peal_container(entry, struct space, entry);
		if (space->told)
			continue;
		space->told = true;
		memory->host.news->opened(space->name, memory->host.context);
		entry = NULL; /* it may have opened and closed others */
	}
}

static void tell(struct peal_task *task)
{
	struct memory *memory = peal_container(task, struct memory, task);
	const struct peal_adapter_news *news = memory->host.news;
	struct peal_list *link;
	/* Those that are there now: whoever answers at once must not keep the loop here. */
	struct peal_list now;
	peal_list_init(&now);
	while ((link = peal_list_take(&memory->inbox)))
		peal_list_append(&now, link);
	if (!memory->up) {
		memory->up = true;
		news->state(PEAL_ADAPTER_UP, "in memory", memory->host.context);
	}
	tell_opened(memory);
	while ((link = peal_list_take(&now))) {
		struct item *item = peal_container(link, struct item, link);
		if (!memory->up)
			; /* stopped by one before */
		else if (item->kind == ITEM_MESSAGE)
			tell_message(memory, item);
		else if (item->kind == ITEM_SENT)
			news->sent(item->ticket, PEAL_SENT_DELIVERED, item->receivers, item->own,
				   memory->host.context);
		else
			news->receivers(item->ns, item->receivers, item->own, memory->host.context);
		item_free(item);
	}
}

void peal_memory_adapter_freeze(struct peal_adapter *adapter, bool frozen)
{
	struct memory *memory = memory_of(adapter);
	struct peal_list *link;
	memory->frozen = frozen;
	if (frozen) {
		peal_loop_cancel(&memory->task);
		return;
	}
	while ((link = peal_list_take(&memory->outbox))) {
		struct item *item = peal_container(link, struct item, link);
		publish(memory, item->copy, item->to, item->ticket);
		item_free(item);
	}
	wake(memory);
}

/* --- life --------------------------------------------------------------------------------------
 */

static int op_start(struct peal_adapter *adapter, const struct peal_adapter_host *host)
{
	struct memory *memory = memory_of(adapter);
	memory->host = *host;
	peal_list_append(&memory->hub->adapters, &memory->link);
	wake(memory);
	return 0;
}

static void op_stop(struct peal_adapter *adapter)
{
	struct memory *memory = memory_of(adapter);
	struct peal_hash_entry *entry;
	memory->up = false;
	peal_list_unlink(&memory->link);
	peal_loop_cancel(&memory->task);
	drop_items(&memory->inbox);
	drop_items(&memory->outbox);
	while ((entry = peal_hash_next(&memory->spaces, NULL))) {
		peal_hash_remove(&memory->spaces, entry);
		free(peal_container(entry, struct space, entry));
	}
}

static void op_free(struct peal_adapter *adapter)
{
	struct memory *memory = memory_of(adapter);
	peal_hash_deinit(&memory->spaces);
	free(memory);
}

static uint64_t op_open(struct peal_adapter *adapter, const char *ns)
{
	struct memory *memory = memory_of(adapter);
	size_t length = strlen(ns);
	struct space *space;
	if (space_of(memory, ns))
		return 0;
	space = calloc(1, sizeof(*space) + length + 1);
	if (!space)
		return 0;
	memcpy(space->name, ns, length + 1);
	space->entry.key = space->name;
	space->entry.key_length = (uint32_t)length;
	if (peal_hash_insert(&memory->spaces, &space->entry) < 0) {
		free(space);
		return 0;
	}
	wake(memory);
	return 0;
}

static void op_close(struct peal_adapter *adapter, const char *ns)
{
	struct memory *memory = memory_of(adapter);
	struct space *space = space_of(memory, ns);
	if (!space)
		return;
	peal_hash_remove(&memory->spaces, &space->entry);
	free(space);
}

static void op_interest(struct peal_adapter *adapter, const char *ns, enum peal_interest mode)
{
	/* It hears everything, always. */
	(void)adapter, (void)ns, (void)mode;
}

static void op_release(struct peal_adapter *adapter)
{
	(void)adapter; /* it never holds anything */
}

static const struct peal_adapter_ops memory_ops = {
	.version = PEAL_ADAPTER_VERSION,
	.start = op_start,
	.stop = op_stop,
	.free = op_free,
	.open = op_open,
	.close = op_close,
	.interest = op_interest,
	.send = op_send,
	.count = op_count,
	.release = op_release,
};

struct peal_adapter *peal_memory_adapter_new(struct peal_memory_hub *hub)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	if (!memory)
		return NULL;
	memory->adapter = (struct peal_adapter){ .ops = &memory_ops, .name = "memory" };
	memory->hub = hub;
	memory->task.fn = tell;
	peal_hash_init(&memory->spaces);
	peal_list_init(&memory->inbox);
	peal_list_init(&memory->outbox);
	return &memory->adapter;
}

struct peal_memory_hub *peal_memory_hub_new(void)
{
	struct peal_memory_hub *hub = calloc(1, sizeof(*hub));
	if (hub)
		peal_list_init(&hub->adapters);
	return hub;
}

void peal_memory_hub_free(struct peal_memory_hub *hub)
{
	free(hub);
}

uint64_t peal_memory_hub_sent(const struct peal_memory_hub *hub)
{
	return hub->sent;
}
