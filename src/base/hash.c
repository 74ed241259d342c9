#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"

static inline uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
	v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

uint64_t peal_siphash(const uint64_t seed[2], const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
			  seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573 };
	uint64_t last = (uint64_t)length << 56;
	for (; length >= 8; at += 8, length -= 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < length; i++)
		last |= (uint64_t)at[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_round(v), sip_round(v), sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void peal_hash_init(struct peal_hash *hash)
{
	*hash = (struct peal_hash){ 0 };
	peal_random_bytes(hash->seed, sizeof(hash->seed));
}

void peal_hash_deinit(struct peal_hash *hash)
{
	free(hash->buckets);
	*hash = (struct peal_hash){ 0 };
}

struct peal_hash_entry *peal_hash_find(const struct peal_hash *hash, const char *key, size_t length)
{
	if (!hash->count)
		return NULL;
	uint32_t value = (uint32_t)peal_siphash(hash->seed, key, length);
	struct peal_hash_entry *entry = hash->buckets[value & (hash->bucket_count - 1)];
	for (; entry; entry = entry->next)
		if (entry->hash == value && entry->key_length == length &&
		    !memcmp(entry->key, key, length))
			return entry;
	return NULL;
}

static int grow(struct peal_hash *hash)
{
	size_t count = hash->bucket_count ? hash->bucket_count * 2 : 8;
	struct peal_hash_entry **buckets = calloc(count, sizeof(*buckets));
	if (!buckets)
		return hash->bucket_count ? 0 : -ENOMEM; /* longer chains are no failure */
	for (size_t i = 0; i < hash->bucket_count; i++)
		for (struct peal_hash_entry *entry = hash->buckets[i], *next; entry; entry = next) {
			next = entry->next;
			entry->next = buckets[entry->hash & (count - 1)];
			buckets[entry->hash & (count - 1)] = entry;
		}
	free(hash->buckets);
	hash->buckets = buckets;
	hash->bucket_count = count;
	return 0;
}

int peal_hash_insert(struct peal_hash *hash, struct peal_hash_entry *entry)
{
	if (hash->count >= hash->bucket_count) {
		int r = grow(hash);
		if (r < 0)
			return r;
	}
	entry->hash = (uint32_t)peal_siphash(hash->seed, entry->key, entry->key_length);
	struct peal_hash_entry **bucket = &hash->buckets[entry->hash & (hash->bucket_count - 1)];
	entry->next = *bucket;
	*bucket = entry;
	hash->count++;
	return 0;
}

void peal_hash_remove(struct peal_hash *hash, struct peal_hash_entry *entry)
{
	struct peal_hash_entry **at = &hash->buckets[entry->hash & (hash->bucket_count - 1)];
	for (; *at != entry; at = &(*at)->next)
		;
	*at = entry->next;
	entry->next = NULL;
	hash->count--;
}

struct peal_hash_entry *peal_hash_next(const struct peal_hash *hash,
				       const struct peal_hash_entry *entry)
{
	size_t bucket = 0;
	if (entry) {
		if (entry->next)
			return entry->next;
		bucket = (entry->hash & (hash->bucket_count - 1)) + 1;
	}
	for (; bucket < hash->bucket_count; bucket++)
		if (hash->buckets[bucket])
			return hash->buckets[bucket];
	return NULL;
}
