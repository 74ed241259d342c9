/*
 * Hash table of intrusive entries under byte-string keys. Entries chain, the table doubles, keys
 * are hashed with SipHash and a random key of the table, since clients choose room names. The
 * entry's owner keeps the key's bytes alive.
 */
#ifndef PEAL_BASE_HASH_H
#define PEAL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct peal_hash_entry {
	struct peal_hash_entry *next;
	const char *key;
	uint32_t key_length;
	uint32_t hash;
};

struct peal_hash {
	struct peal_hash_entry **buckets;
	size_t bucket_count; /* a power of two, 0 before the first insertion */
	size_t count;
	uint64_t seed[2];
};

void peal_hash_init(struct peal_hash *hash);
/* Frees the buckets; the entries belong to others. */
void peal_hash_deinit(struct peal_hash *hash);
struct peal_hash_entry *peal_hash_find(const struct peal_hash *hash, const char *key,
				       size_t length);
/* Insert under entry->key, entry->key_length; the key must not be present. Return: 0; -ENOMEM. */
int peal_hash_insert(struct peal_hash *hash, struct peal_hash_entry *entry)
	__attribute__((warn_unused_result));
void peal_hash_remove(struct peal_hash *hash, struct peal_hash_entry *entry);
/* Iterate: start with NULL. The current entry may be removed after the next one was fetched. */
struct peal_hash_entry *peal_hash_next(const struct peal_hash *hash,
				       const struct peal_hash_entry *entry);
/* SipHash-1-3 of bytes under a key of 128 bits. */
uint64_t peal_siphash(const uint64_t seed[2], const void *bytes, size_t length);

#endif
