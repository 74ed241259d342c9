/*
 * MessagePack, read item by item. Nothing is copied: strings and bytes point into the input. Every
 * length is compared with what is left of the input before it is believed.
 */
#include "protocol/msgpack.h"

#include "base/limits.h"

/* Values as deep as they may be, and what messages put around them. */
#define DEPTH (PEAL_LIMIT_CLUSTER_DEPTH + 8)

static uint64_t number_at(const unsigned char *at, size_t size)
{
	uint64_t number = 0;
	while (size--)
		number = number << 8 | *at++;
	return number;
}

/* The number of @size bytes that follows the first byte; moves behind it. */
static bool take_number(struct peal_msgpack_reader *reader, size_t size, uint64_t *ret_number)
{
	if ((size_t)(reader->end - reader->at) < size)
		return false;
	*ret_number = number_at(reader->at, size);
	reader->at += size;
	return true;
}

static bool take_bytes(struct peal_msgpack_reader *reader, uint64_t length,
		       struct peal_msgpack_item *item)
{
	if ((uint64_t)(reader->end - reader->at) < length)
		return false;
	item->bytes = (const char *)reader->at;
	item->length = (size_t)length;
	reader->at += length;
	return true;
}

/* An element needs one byte, a pair two. */
static bool take_count(struct peal_msgpack_reader *reader, uint64_t count, bool map,
		       struct peal_msgpack_item *item)
{
	item->type = map ? PEAL_MSGPACK_MAP : PEAL_MSGPACK_ARRAY;
	item->count = (uint32_t)count;
	return (uint64_t)(reader->end - reader->at) >= (map ? 2 * count : count);
}

static bool take_string(struct peal_msgpack_reader *reader, uint64_t length,
			struct peal_msgpack_item *item)
{
	item->type = PEAL_MSGPACK_STRING;
	return take_bytes(reader, length, item);
}

static bool take_extension(struct peal_msgpack_reader *reader, uint64_t length, bool fixed,
			   struct peal_msgpack_item *item)
{
	uint64_t type;
	if (!take_number(reader, 1, &type))
		return false;
	item->type = PEAL_MSGPACK_EXTENSION;
	item->extension = (int8_t)(uint8_t)type;
	item->fixed = fixed;
	return take_bytes(reader, length, item);
}

static void set_integer(struct peal_msgpack_item *item, int64_t value)
{
	item->type = PEAL_MSGPACK_INT;
	item->integer = value;
}

static void set_natural(struct peal_msgpack_item *item, uint64_t value)
{
	if (value <= INT64_MAX) {
		set_integer(item, (int64_t)value);
		return;
	}
	item->type = PEAL_MSGPACK_UINT;
	item->natural = value;
}

static void set_double(struct peal_msgpack_item *item, uint64_t bits, bool narrow)
{
	item->type = PEAL_MSGPACK_DOUBLE;
	if (narrow) {
		uint32_t half = (uint32_t)bits;
		float number;
		memcpy(&number, &half, sizeof(number));
		item->number = (double)number;
	} else {
		memcpy(&item->number, &bits, sizeof(item->number));
	}
}

bool peal_msgpack_next_long(struct peal_msgpack_reader *reader, unsigned char form,
			    struct peal_msgpack_item *item)
{
	uint64_t number = 0;
	switch (form) {
	case 0xc0:
		item->type = PEAL_MSGPACK_NIL;
		return true;
	case 0xc2:
	case 0xc3:
		item->type = PEAL_MSGPACK_BOOL;
		item->boolean = form == 0xc3;
		return true;
	case 0xc4:
	case 0xc5:
	case 0xc6:
		item->type = PEAL_MSGPACK_BINARY;
		return take_number(reader, (size_t)1 << (form - 0xc4), &number) &&
		       take_bytes(reader, number, item);
	case 0xc7:
	case 0xc8:
	case 0xc9:
		return take_number(reader, (size_t)1 << (form - 0xc7), &number) &&
		       take_extension(reader, number, false, item);
	case 0xca:
	case 0xcb:
		if (!take_number(reader, form == 0xca ? 4 : 8, &number))
			return false;
		set_double(item, number, form == 0xca);
		return true;
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
		if (!take_number(reader, (size_t)1 << (form - 0xcc), &number))
			return false;
		set_natural(item, number);
		return true;
	case 0xd0:
		if (!take_number(reader, 1, &number))
			return false;
		set_integer(item, (int8_t)(uint8_t)number);
		return true;
	case 0xd1:
		if (!take_number(reader, 2, &number))
			return false;
		set_integer(item, (int16_t)(uint16_t)number);
		return true;
	case 0xd2:
		if (!take_number(reader, 4, &number))
			return false;
		set_integer(item, (int32_t)(uint32_t)number);
		return true;
	case 0xd3:
		if (!take_number(reader, 8, &number))
			return false;
		set_integer(item, (int64_t)number);
		return true;
	case 0xd4:
	case 0xd5:
	case 0xd6:
	case 0xd7:
	case 0xd8:
		return take_extension(reader, UINT64_C(1) << (form - 0xd4), true, item);
	case 0xd9:
	case 0xda:
	case 0xdb:
		return take_number(reader, (size_t)1 << (form - 0xd9), &number) &&
		       take_string(reader, number, item);
	case 0xdc:
	case 0xdd:
		return take_number(reader, form == 0xdc ? 2 : 4, &number) &&
		       take_count(reader, number, false, item);
	case 0xde:
	case 0xdf:
		return take_number(reader, form == 0xde ? 2 : 4, &number) &&
		       take_count(reader, number, true, item);
	default: /* 0xc1 is nothing */
		return false;
	}
}

static uint64_t values_in(const struct peal_msgpack_item *item)
{
	return item->type == PEAL_MSGPACK_MAP	  ? 2 * (uint64_t)item->count
	       : item->type == PEAL_MSGPACK_ARRAY ? item->count
						  : 0;
}

bool peal_msgpack_skip_values(struct peal_msgpack_reader *reader,
			      const struct peal_msgpack_item *first)
{
	/* Of each open array or map, the values that are still to come. */
	uint64_t left[DEPTH];
	struct peal_msgpack_item item;
	size_t depth = 0;
	left[depth++] = values_in(first);
	do {
		while (left[depth - 1]) {
			left[depth - 1]--;
			if (!peal_msgpack_next(reader, &item))
				return false;
			if (item.type != PEAL_MSGPACK_ARRAY && item.type != PEAL_MSGPACK_MAP)
				continue;
			if (depth == DEPTH)
				return false;
			left[depth++] = values_in(&item);
		}
	} while (--depth);
	return true;
}
