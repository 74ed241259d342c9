/*
 * A second opinion: msgpack-c writes random values with the same bytes, and reads the same items
 * from them, and from what is left of them after random damage.
 */
#include "tests/unit/unit.h"

#include <math.h>
#include <msgpack.h>
#include <string.h>

#include "protocol/msgpack.h"

/* The same on each run. */
static uint64_t seed = 1;

static uint64_t any(void)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = seed;
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static size_t below(size_t limit)
{
	return (size_t)(any() % limit);
}

struct pair {
	struct peal_buffer ours;
	msgpack_sbuffer theirs;
	msgpack_packer packer;
};

static void put_bytes(struct pair *pair, bool binary)
{
	static char bytes[70000];
	static const size_t lengths[] = { 0, 1, 31, 32, 255, 256, 65535, 65536 };
	size_t length = below(4) ? below(20) : lengths[below(100) ? below(6) : below(8)];
	for (size_t i = 0; i < length && i < 64; i++)
		bytes[i] = (char)(binary ? any() : 'a' + below(26));
	if (binary) {
		peal_msgpack_put_binary(&pair->ours, bytes, length);
		msgpack_pack_bin(&pair->packer, length);
		msgpack_pack_bin_body(&pair->packer, bytes, length);
	} else {
		peal_msgpack_put_string(&pair->ours, bytes, length);
		msgpack_pack_str(&pair->packer, length);
		msgpack_pack_str_body(&pair->packer, bytes, length);
	}
}

static void put_value(struct pair *pair, int depth)
{
	uint64_t number = any() >> below(64);
	double real = (double)(int64_t)any() / 1e9 + 0.5;
	size_t count = below(50) ? below(5) : below(40);
	switch (below(depth ? 9 : 7)) {
	case 0:
		peal_msgpack_put_nil(&pair->ours);
		msgpack_pack_nil(&pair->packer);
		break;
	case 1:
		peal_msgpack_put_bool(&pair->ours, number & 1);
		if (number & 1)
			msgpack_pack_true(&pair->packer);
		else
			msgpack_pack_false(&pair->packer);
		break;
	case 2:
		peal_msgpack_put_uint(&pair->ours, number);
		msgpack_pack_uint64(&pair->packer, number);
		break;
	case 3:
		peal_msgpack_put_int(&pair->ours, -(int64_t)(number >> 1));
		msgpack_pack_int64(&pair->packer, -(int64_t)(number >> 1));
		break;
	case 4:
		real += real == trunc(real) ? 0.25 : 0;
		peal_msgpack_put_double(&pair->ours, real);
		msgpack_pack_double(&pair->packer, real);
		break;
	case 5:
	case 6:
		put_bytes(pair, below(2));
		break;
	case 7:
		peal_msgpack_put_array(&pair->ours, count);
		msgpack_pack_array(&pair->packer, count);
		while (count--)
			put_value(pair, depth - 1);
		break;
	default:
		peal_msgpack_put_map(&pair->ours, count);
		msgpack_pack_map(&pair->packer, count);
		while (count--) {
			put_bytes(pair, false);
			put_value(pair, depth - 1);
		}
		break;
	}
}

static void pair_init(struct pair *pair)
{
	pair->ours = PEAL_BUFFER(1u << 26);
	msgpack_sbuffer_init(&pair->theirs);
	msgpack_packer_init(&pair->packer, &pair->theirs, msgpack_sbuffer_write);
}

static void pair_deinit(struct pair *pair)
{
	peal_buffer_deinit(&pair->ours);
	msgpack_sbuffer_destroy(&pair->theirs);
}

/* What follows in the reader is this object. */
static void assert_same(struct peal_msgpack_reader *reader, const msgpack_object *object)
{
	struct peal_msgpack_item item;
	ck_assert(peal_msgpack_next(reader, &item));
	switch (object->type) {
	case MSGPACK_OBJECT_NIL:
		ck_assert_int_eq(item.type, PEAL_MSGPACK_NIL);
		break;
	case MSGPACK_OBJECT_BOOLEAN:
		ck_assert_int_eq(item.type, PEAL_MSGPACK_BOOL);
		ck_assert(item.boolean == object->via.boolean);
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		if (object->via.u64 <= INT64_MAX) {
			ck_assert_int_eq(item.type, PEAL_MSGPACK_INT);
			ck_assert((uint64_t)item.integer == object->via.u64);
		} else {
			ck_assert_int_eq(item.type, PEAL_MSGPACK_UINT);
			ck_assert(item.natural == object->via.u64);
		}
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		ck_assert_int_eq(item.type, PEAL_MSGPACK_INT);
		ck_assert(item.integer == object->via.i64);
		break;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		ck_assert_int_eq(item.type, PEAL_MSGPACK_DOUBLE);
		ck_assert(item.number == object->via.f64 ||
			  (isnan(item.number) && isnan(object->via.f64)));
		break;
	case MSGPACK_OBJECT_STR:
		ck_assert_int_eq(item.type, PEAL_MSGPACK_STRING);
		ck_assert_uint_eq(item.length, object->via.str.size);
		ck_assert(!item.length || !memcmp(item.bytes, object->via.str.ptr, item.length));
		break;
	case MSGPACK_OBJECT_BIN:
		ck_assert_int_eq(item.type, PEAL_MSGPACK_BINARY);
		ck_assert_uint_eq(item.length, object->via.bin.size);
		ck_assert(!item.length || !memcmp(item.bytes, object->via.bin.ptr, item.length));
		break;
	case MSGPACK_OBJECT_EXT:
		ck_assert_int_eq(item.type, PEAL_MSGPACK_EXTENSION);
		ck_assert_int_eq(item.extension, object->via.ext.type);
		ck_assert_uint_eq(item.length, object->via.ext.size);
		break;
	case MSGPACK_OBJECT_ARRAY:
		ck_assert_int_eq(item.type, PEAL_MSGPACK_ARRAY);
		ck_assert_uint_eq(item.count, object->via.array.size);
		for (uint32_t i = 0; i < item.count; i++)
			assert_same(reader, &object->via.array.ptr[i]);
		break;
	case MSGPACK_OBJECT_MAP:
		ck_assert_int_eq(item.type, PEAL_MSGPACK_MAP);
		ck_assert_uint_eq(item.count, object->via.map.size);
		for (uint32_t i = 0; i < item.count; i++) {
			assert_same(reader, &object->via.map.ptr[i].key);
			assert_same(reader, &object->via.map.ptr[i].val);
		}
		break;
	}
}

/* Both read one value from the same bytes. */
static void assert_read_alike(const char *bytes, size_t length)
{
	struct peal_msgpack_reader reader = peal_msgpack_reader(bytes, length);
	msgpack_unpacked unpacked;
	size_t offset = 0;
	msgpack_unpacked_init(&unpacked);
	ck_assert_int_eq(msgpack_unpack_next(&unpacked, bytes, length, &offset),
			 MSGPACK_UNPACK_SUCCESS);
	assert_same(&reader, &unpacked.data);
	ck_assert_uint_eq((size_t)((const char *)reader.at - bytes), offset);
	msgpack_unpacked_destroy(&unpacked);
}

START_TEST(random_values_are_written_with_the_same_bytes)
{
	for (int i = 0; i < 5000; i++) {
		struct pair pair;
		pair_init(&pair);
		put_value(&pair, 4);
		ck_assert_int_eq(peal_buffer_error(&pair.ours), 0);
		ck_assert_uint_eq(pair.ours.length, pair.theirs.size);
		ck_assert(!memcmp(pair.ours.bytes, pair.theirs.data, pair.theirs.size));
		pair_deinit(&pair);
	}
}
END_TEST

START_TEST(random_values_are_read_alike)
{
	for (int i = 0; i < 5000; i++) {
		struct pair pair;
		pair_init(&pair);
		put_value(&pair, 4);
		assert_read_alike(pair.theirs.data, pair.theirs.size);
		pair_deinit(&pair);
	}
}
END_TEST

START_TEST(what_survives_damage_is_read_alike)
{
	size_t survived = 0;
	for (int i = 0; i < 20000; i++) {
		struct pair pair;
		pair_init(&pair);
		put_value(&pair, 3);
		for (size_t n = 1 + below(3); n; n--)
			pair.theirs.data[below(pair.theirs.size < 200 ? pair.theirs.size : 200)] =
				(char)any();
		struct peal_msgpack_reader reader =
			peal_msgpack_reader(pair.theirs.data, pair.theirs.size);
		if (peal_msgpack_skip(&reader)) {
			survived++;
			assert_read_alike(pair.theirs.data, pair.theirs.size);
		}
		pair_deinit(&pair);
	}
	ck_assert_uint_gt(survived, 1000);
}
END_TEST

UNIT_MAIN("msgpack_values", random_values_are_written_with_the_same_bytes,
	  random_values_are_read_alike, what_survives_damage_is_read_alike)
