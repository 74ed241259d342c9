#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define MANY 1000

struct item {
	struct peal_hash_entry entry;
	char key[16];
	int visits;
};

static struct item *make_items(struct peal_hash *hash)
{
	struct item *items = calloc(MANY, sizeof(*items));
	ck_assert_ptr_nonnull(items);
	peal_hash_init(hash);
	for (int i = 0; i < MANY; i++) {
		snprintf(items[i].key, sizeof(items[i].key), "key-%d", i);
		items[i].entry.key = items[i].key;
		items[i].entry.key_length = (uint32_t)strlen(items[i].key);
		ck_assert_int_eq(peal_hash_insert(hash, &items[i].entry), 0);
	}
	ck_assert_uint_eq(hash->count, MANY);
	return items;
}

START_TEST(an_empty_table_finds_nothing)
{
	struct peal_hash hash;
	peal_hash_init(&hash);
	ck_assert_ptr_null(peal_hash_find(&hash, "a", 1));
	ck_assert_ptr_null(peal_hash_next(&hash, NULL));
	peal_hash_deinit(&hash);
}
END_TEST

START_TEST(every_entry_is_found_under_its_key_after_the_table_grew)
{
	struct peal_hash hash;
	struct item *items = make_items(&hash);
	ck_assert_uint_ge(hash.bucket_count, MANY / 2);
	ck_assert_uint_eq(hash.bucket_count & (hash.bucket_count - 1), 0);
	for (int i = 0; i < MANY; i++)
		ck_assert_ptr_eq(peal_hash_find(&hash, items[i].key, strlen(items[i].key)),
				 &items[i].entry);
	ck_assert_ptr_null(peal_hash_find(&hash, "key-1000", 8));
	/* A key is its bytes and its length, not a C string. */
	ck_assert_ptr_null(peal_hash_find(&hash, "key-1", 4));
	ck_assert_ptr_null(peal_hash_find(&hash, "key-1\0", 6));
	peal_hash_deinit(&hash);
	free(items);
}
END_TEST

START_TEST(an_iteration_visits_every_entry_once)
{
	struct peal_hash hash;
	struct item *items = make_items(&hash);
	struct peal_hash_entry *entry = NULL;
	size_t visited = 0;
	while ((entry = peal_hash_next(&hash, entry))) {
		((struct item *)entry)->visits++;
		visited++;
	}
	ck_assert_uint_eq(visited, MANY);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(items[i].visits, 1);
	peal_hash_deinit(&hash);
	free(items);
}
END_TEST

START_TEST(the_current_entry_may_be_removed_after_the_next_was_fetched)
{
	struct peal_hash hash;
	struct item *items = make_items(&hash);
	struct peal_hash_entry *entry = peal_hash_next(&hash, NULL), *next;
	size_t removed = 0;
	for (; entry; entry = next) {
		next = peal_hash_next(&hash, entry);
		peal_hash_remove(&hash, entry);
		removed++;
	}
	ck_assert_uint_eq(removed, MANY);
	ck_assert_uint_eq(hash.count, 0);
	ck_assert_ptr_null(peal_hash_next(&hash, NULL));
	peal_hash_deinit(&hash);
	free(items);
}
END_TEST

START_TEST(removing_an_entry_leaves_the_others)
{
	struct peal_hash hash;
	struct item *items = make_items(&hash);
	for (int i = 0; i < MANY; i += 3)
		peal_hash_remove(&hash, &items[i].entry);
	for (int i = 0; i < MANY; i++) {
		struct peal_hash_entry *found =
			peal_hash_find(&hash, items[i].key, strlen(items[i].key));
		ck_assert_ptr_eq(found, i % 3 ? &items[i].entry : NULL);
	}
	for (int i = 0; i < MANY; i += 3)
		ck_assert_int_eq(peal_hash_insert(&hash, &items[i].entry), 0);
	ck_assert_uint_eq(hash.count, MANY);
	ck_assert_ptr_eq(peal_hash_find(&hash, "key-0", 5), &items[0].entry);
	peal_hash_deinit(&hash);
	free(items);
}
END_TEST

START_TEST(keys_may_be_empty_and_hold_any_byte)
{
	struct peal_hash hash;
	struct item empty = { .entry = { .key = "", .key_length = 0 } };
	struct item binary = { .entry = { .key = "a\0b", .key_length = 3 } };
	peal_hash_init(&hash);
	ck_assert_int_eq(peal_hash_insert(&hash, &empty.entry), 0);
	ck_assert_int_eq(peal_hash_insert(&hash, &binary.entry), 0);
	ck_assert_ptr_eq(peal_hash_find(&hash, "", 0), &empty.entry);
	ck_assert_ptr_eq(peal_hash_find(&hash, "a\0b", 3), &binary.entry);
	ck_assert_ptr_null(peal_hash_find(&hash, "a\0c", 3));
	peal_hash_deinit(&hash);
}
END_TEST

START_TEST(two_tables_hash_the_same_key_differently)
{
	struct peal_hash a, b;
	peal_hash_init(&a);
	peal_hash_init(&b);
	ck_assert(memcmp(a.seed, b.seed, sizeof(a.seed)) != 0);
	ck_assert_uint_ne(peal_siphash(a.seed, "room", 4), peal_siphash(b.seed, "room", 4));
	peal_hash_deinit(&a);
	peal_hash_deinit(&b);
}
END_TEST

START_TEST(siphash_depends_on_every_byte_and_on_the_length)
{
	/* Computed with another implementation of SipHash-1-3: key 00…0f, input 00 01 02 … */
	static const uint64_t expected[] = { 0xabac0158050fc4dc, 0xc9f49bf37d57ca93,
					     0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
					     0xcf75576088d38328, 0xdef9d52f49533b67,
					     0xc50d2b50c59f22a7, 0xd3927d989bb11140,
					     0x369095118d299a8e, 0x25a48eb36c063de4 };
	unsigned char key[16], input[10];
	uint64_t seed[2];
	for (unsigned char i = 0; i < 16; i++)
		key[i] = i;
	for (unsigned char i = 0; i < 10; i++)
		input[i] = i;
	memcpy(seed, key, 16);
	for (size_t i = 0; i < 10; i++)
		ck_assert_uint_eq(peal_siphash(seed, input, i), expected[i]);
}
END_TEST

UNIT_MAIN("hash", an_empty_table_finds_nothing,
	  every_entry_is_found_under_its_key_after_the_table_grew,
	  an_iteration_visits_every_entry_once,
	  the_current_entry_may_be_removed_after_the_next_was_fetched,
	  removing_an_entry_leaves_the_others, keys_may_be_empty_and_hold_any_byte,
	  two_tables_hash_the_same_key_differently, siphash_depends_on_every_byte_and_on_the_length)
