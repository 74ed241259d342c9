/*
 * A wheel of deadlines in seconds.
 */
#include "expiry.h"

#include <string.h>

static void put(struct peal_expiry_entry **head, struct peal_expiry_entry *entry)
{
	entry->next = *head;
	entry->link = head;
	if (entry->next)
		entry->next->link = &entry->next;
	*head = entry;
}

static void take(struct peal_expiry_entry *entry)
{
	*entry->link = entry->next;
	if (entry->next)
		entry->next->link = entry->link;
	entry->next = NULL;
	entry->link = NULL;
}

static struct peal_expiry_entry **slot_of(struct peal_expiry *wheel, int64_t second)
{
	return &wheel->slots[(uint64_t)second % PEAL_EXPIRY_SLOTS];
}

void peal_expiry_init(struct peal_expiry *wheel, int64_t now)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->second = now;
}

void peal_expiry_add(struct peal_expiry *wheel, struct peal_expiry_entry *entry, int64_t at)
{
	entry->at = at;
	/* One that is over already stands where the wheel looks next. */
	put(slot_of(wheel, at > wheel->second ? at : wheel->second), entry);
	wheel->count++;
}

void peal_expiry_remove(struct peal_expiry *wheel, struct peal_expiry_entry *entry)
{
	if (!entry->link)
		return;
	take(entry);
	wheel->count--;
}

static void collect(struct peal_expiry *wheel, int64_t now)
{
	struct peal_expiry_entry *entry = *slot_of(wheel, wheel->second), *next;

	for (; entry; entry = next) {
		next = entry->next;
		if (entry->at > now)
			continue;
		take(entry);
		put(&wheel->due, entry);
	}
}

struct peal_expiry_entry *peal_expiry_next(struct peal_expiry *wheel, int64_t now)
{
	struct peal_expiry_entry *entry;

	/* A clock that jumped: every slot is looked at once, whichever way. */
	if (now - wheel->second >= PEAL_EXPIRY_SLOTS || wheel->second - now > 1)
		wheel->second = now - PEAL_EXPIRY_SLOTS + 1;
	for (; !wheel->due && wheel->second <= now; wheel->second++)
		collect(wheel, now);
	entry = wheel->due;
	if (entry)
		peal_expiry_remove(wheel, entry);
	return entry;
}
