#include "tests/unit/unit.h"

#include <string.h>

#include "base/hash.h"
#include "base/id.h"

#define MANY 20000

START_TEST(an_id_is_20_characters_that_need_no_escape_in_a_url)
{
	struct peal_id_generator generator = { 0 };
	char id[PEAL_ID_LENGTH + 1];
	for (int i = 0; i < 1000; i++) {
		peal_id_generate(&generator, id);
		ck_assert_uint_eq(strlen(id), 20);
		ck_assert_uint_eq(strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					     "0123456789-_"),
				  20);
	}
}
END_TEST

START_TEST(the_last_four_characters_are_a_counter_of_the_generator)
{
	struct peal_id_generator a = { 0 }, b = { 0 };
	char id[PEAL_ID_LENGTH + 1];
	peal_id_generate(&a, id);
	ck_assert_str_eq(id + 16, "AAAA");
	peal_id_generate(&a, id);
	ck_assert_str_eq(id + 16, "AAAB");
	peal_id_generate(&b, id);
	ck_assert_str_eq(id + 16, "AAAA");
	a.counter = 0xffffff;
	peal_id_generate(&a, id);
	ck_assert_str_eq(id + 16, "____");
	peal_id_generate(&a, id);
	ck_assert_str_eq(id + 16, "AAAA");
}
END_TEST

START_TEST(ids_are_unique_even_without_their_counter)
{
	struct peal_id_generator generator = { 0 };
	static char ids[MANY][PEAL_ID_LENGTH + 1];
	static struct peal_hash_entry entries[MANY];
	struct peal_hash hash;
	peal_hash_init(&hash);
	for (int i = 0; i < MANY; i++) {
		peal_id_generate(&generator, ids[i]);
		ck_assert_ptr_null(peal_hash_find(&hash, ids[i], 16));
		entries[i].key = ids[i];
		entries[i].key_length = 16;
		ck_assert_int_eq(peal_hash_insert(&hash, &entries[i]), 0);
	}
	peal_hash_deinit(&hash);
}
END_TEST

START_TEST(used_random_bytes_are_wiped_from_the_pool)
{
	struct peal_id_generator generator = { 0 };
	static const unsigned char zeros[12];
	char id[PEAL_ID_LENGTH + 1];
	peal_id_generate(&generator, id);
	ck_assert_uint_eq(generator.pool_left, sizeof(generator.pool) - 12);
	ck_assert_mem_eq(generator.pool + generator.pool_left, zeros, 12);
	ck_assert_mem_ne(generator.pool, zeros, 12);
}
END_TEST

START_TEST(random_bytes_fill_all_of_a_large_buffer)
{
	static unsigned char bytes[100000];
	unsigned histogram[256] = { 0 };
	peal_random_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		histogram[bytes[i]]++;
	/* 390 of each are expected; 200 is ten standard deviations away. */
	for (int i = 0; i < 256; i++)
		ck_assert_uint_gt(histogram[i], 200);
}
END_TEST

UNIT_MAIN("id", an_id_is_20_characters_that_need_no_escape_in_a_url,
	  the_last_four_characters_are_a_counter_of_the_generator,
	  ids_are_unique_even_without_their_counter, used_random_bytes_are_wiped_from_the_pool,
	  random_bytes_fill_all_of_a_large_buffer)
