#include "engine/addresses.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "engine/admission.h"

/* A bucket holds a second's worth, so it is full again after a second. */
#define BURST_MS 1000
/* The log has one line about all refusals in this time. */
#define SAY_AGAIN_MS 60000

struct entry {
	struct peal_hash_entry by_key;
	size_t clients;
	struct peal_admission bucket;
	struct peal_deadline filling; /* armed while the bucket may not be full */
	char key[8];
};

/* Their length tells the two kinds apart. */
static uint32_t key_of(const char *address, char key[8])
{
	char bytes[16];
	uint32_t length = 0;
	if (inet_pton(AF_INET, address, bytes) == 1)
		length = 4;
	else if (inet_pton(AF_INET6, address, bytes) == 1)
		length = 8; /* the /64 */
	memcpy(key, bytes, length);
	return length;
}

static struct entry *find(const struct peal_addresses *addresses, const char *address)
{
	char key[8];
	uint32_t length = key_of(address, key);
	struct peal_hash_entry *found = peal_hash_find(&addresses->entries, key, length);
	return found ? peal_container(found, struct entry, by_key) : NULL;
}

static void fill_up(const struct peal_addresses *addresses, struct entry *entry)
{
	peal_admission_init(&entry->bucket, addresses->rate, BURST_MS,
			    peal_loop_real_ms(addresses->loop));
}

/* NULL without memory. A new one has no session, and its bucket is full: the caller changes that.
 */
static struct entry *find_or_make(struct peal_addresses *addresses, const char *address)
{
	struct entry *entry = find(addresses, address);
	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->by_key.key = entry->key;
	entry->by_key.key_length = key_of(address, entry->key);
	if (peal_hash_insert(&addresses->entries, &entry->by_key) < 0) {
		free(entry);
		return NULL;
	}
	fill_up(addresses, entry);
	addresses->stats->addresses++;
	return entry;
}

/* Unless there is something to know about it. */
static void forget(struct peal_addresses *addresses, struct entry *entry)
{
	if (entry->clients || peal_deadline_armed(&entry->filling))
		return;
	peal_hash_remove(&addresses->entries, &entry->by_key);
	free(entry);
	addresses->stats->addresses--;
}

static void on_full(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct peal_addresses *addresses =
		peal_container(deadlines, struct peal_addresses, filling);
	addresses->filling_count--;
	forget(addresses, peal_container(deadline, struct entry, filling));
}

/* Have its bucket be full at once. */
static void cut_short(struct peal_addresses *addresses, struct peal_deadline *deadline)
{
	peal_deadline_disarm(deadline);
	fill_up(addresses, peal_container(deadline, struct entry, filling));
	on_full(&addresses->filling, deadline);
}

void peal_addresses_init(struct peal_addresses *addresses, struct peal_loop *loop,
			 struct peal_stats *stats, const struct peal_log *log)
{
	*addresses = (struct peal_addresses){ .loop = loop, .stats = stats, .log = log };
	peal_hash_init(&addresses->entries);
	peal_deadlines_init(&addresses->filling, loop, BURST_MS, true, on_full);
}

/* Call @fn for each entry, which it may free. */
static void for_each(struct peal_addresses *addresses,
		     void (*fn)(struct peal_addresses *, struct entry *))
{
	struct peal_hash_entry *next = peal_hash_next(&addresses->entries, NULL), *at;
	while ((at = next)) {
		next = peal_hash_next(&addresses->entries, at);
		fn(addresses, peal_container(at, struct entry, by_key));
	}
}

static void forget_clients(struct peal_addresses *addresses, struct entry *entry)
{
	entry->clients = 0;
	forget(addresses, entry);
}

static void forget_bucket(struct peal_addresses *addresses, struct entry *entry)
{
	if (peal_deadline_armed(&entry->filling)) {
		cut_short(addresses, &entry->filling);
		return;
	}
	fill_up(addresses, entry);
}

/* Without limits there is no entry, and no need for a table. */
static void give_up_table(struct peal_addresses *addresses)
{
	if (peal_addresses_limited(addresses))
		return;
	peal_hash_deinit(&addresses->entries);
	peal_hash_init(&addresses->entries);
}

void peal_addresses_set_clients(struct peal_addresses *addresses, size_t clients)
{
	addresses->clients = clients;
	if (!clients)
		for_each(addresses, forget_clients);
	give_up_table(addresses);
}

void peal_addresses_set_rate(struct peal_addresses *addresses, unsigned rate)
{
	addresses->rate = rate;
	for_each(addresses, forget_bucket);
	give_up_table(addresses);
}

void peal_addresses_deinit(struct peal_addresses *addresses)
{
	if (!addresses->loop)
		return;
	peal_addresses_set_rate(addresses, 0);
	assert(!addresses->entries.count);
	peal_deadlines_deinit(&addresses->filling);
	peal_hash_deinit(&addresses->entries);
}

/* --- asking --------------------------------------------------------------------------------- */

/* One line, and then none for a minute: whoever is refused may come again a thousand times a
 * second. */
static void say_refused(struct peal_addresses *addresses, const char *address, const char *limit)
{
	uint64_t now_ms = peal_loop_real_ms(addresses->loop);
	addresses->unsaid++;
	if (now_ms < addresses->say_again_ms)
		return;
	peal_log(addresses->log, PEAL_LOG_INFO, "an address is at its limit: sessions refused",
		 PEAL_FIELD_TEXT("address", address), PEAL_FIELD_TEXT("limit", limit),
		 PEAL_FIELD_INT("refused", addresses->unsaid));
	addresses->unsaid = 0;
	addresses->say_again_ms = now_ms + SAY_AGAIN_MS;
}

bool peal_addresses_has_room(struct peal_addresses *addresses, const char *address)
{
	if (!addresses->clients)
		return true;
	const struct entry *entry = find(addresses, address);
	if (!entry || entry->clients < addresses->clients)
		return true;
	addresses->stats->sessions_refused_address_clients++;
	say_refused(addresses, address, "clients");
	return false;
}

int peal_addresses_take(struct peal_addresses *addresses, const char *address)
{
	if (!addresses->rate)
		return 0;
	struct entry *entry = find_or_make(addresses, address);
	if (!entry)
		return -ENOMEM;
	if (!peal_admission_take(&entry->bucket, peal_loop_real_ms(addresses->loop))) {
		addresses->stats->sessions_refused_address_rate++;
		say_refused(addresses, address, "connect rate");
		return PEAL_ADDRESSES_E_TOO_FAST;
	}
	addresses->filling_count += !peal_deadline_armed(&entry->filling);
	peal_deadline_arm(&addresses->filling, &entry->filling);
	if (addresses->filling_count > PEAL_LIMIT_ADDRESSES)
		cut_short(addresses, peal_container(peal_list_first(&addresses->filling.queue),
						    struct peal_deadline, link));
	return 0;
}

int peal_addresses_enter(struct peal_addresses *addresses, const char *address)
{
	if (!addresses->clients)
		return 0;
	struct entry *entry = find_or_make(addresses, address);
	if (!entry)
		return -ENOMEM;
	entry->clients++;
	return 0;
}

void peal_addresses_leave(struct peal_addresses *addresses, const char *address)
{
	if (!addresses->clients)
		return;
	struct entry *entry = find(addresses, address);
	assert(entry && entry->clients);
	entry->clients--;
	forget(addresses, entry);
}
