/*
 * MessagePack, written value by value in the shortest form: what notepack.io writes for the same
 * value, byte for byte (adapters-wire.md §2.3). The one difference is integral numbers beyond
 * 2^53, which that library spoils from 2^64 on: they are floats here.
 */
#include "protocol/msgpack.h"

#include <errno.h>
#include <math.h>

#include "protocol/msgpack_private.h"

#define SAFE_INTEGER 9007199254740991.0

/* A byte that tells the form, and a number of @size bytes behind it, the highest first. */
static inline void put_head(struct peal_buffer *out, unsigned char form, uint64_t number,
			    size_t size)
{
	char *head = peal_buffer_reserve(out, size + 1);
	if (!head)
		return;
	for (size_t i = size; i; i--, number >>= 8)
		head[i] = (char)number;
	head[0] = (char)form;
	peal_buffer_wrote(out, size + 1);
}

void peal_msgpack_put_nil(struct peal_buffer *out)
{
	put_head(out, 0xc0, 0, 0);
}

void peal_msgpack_put_undefined(struct peal_buffer *out)
{
	put_head(out, 0xd4, 0, 2);
}

void peal_msgpack_put_bool(struct peal_buffer *out, bool value)
{
	put_head(out, value ? 0xc3 : 0xc2, 0, 0);
}

void peal_msgpack_put_uint(struct peal_buffer *out, uint64_t value)
{
	if (value < 0x80)
		put_head(out, (unsigned char)value, 0, 0);
	else if (value <= UINT8_MAX)
		put_head(out, 0xcc, value, 1);
	else if (value <= UINT16_MAX)
		put_head(out, 0xcd, value, 2);
	else if (value <= UINT32_MAX)
		put_head(out, 0xce, value, 4);
	else
		put_head(out, 0xcf, value, 8);
}

void peal_msgpack_put_int(struct peal_buffer *out, int64_t value)
{
	if (value >= 0)
		peal_msgpack_put_uint(out, (uint64_t)value);
	else if (value >= -0x20)
		put_head(out, (unsigned char)value, 0, 0);
	else if (value >= INT8_MIN)
		put_head(out, 0xd0, (uint64_t)value, 1);
	else if (value >= INT16_MIN)
		put_head(out, 0xd1, (uint64_t)value, 2);
	else if (value >= INT32_MIN)
		put_head(out, 0xd2, (uint64_t)value, 4);
	else
		put_head(out, 0xd3, (uint64_t)value, 8);
}

void peal_msgpack_put_double(struct peal_buffer *out, double value)
{
	if (fabs(value) <= SAFE_INTEGER && value == trunc(value)) {
		peal_msgpack_put_int(out, (int64_t)value);
		return;
	}
	uint64_t bits;
	if (isnan(value))
		bits = UINT64_C(0x7ff8000000000000); /* the one that JavaScript writes */
	else
		memcpy(&bits, &value, sizeof(bits));
	put_head(out, 0xcb, bits, 8);
}

size_t peal_msgpack_string_head(size_t length, unsigned char ret_head[5])
{
	size_t size = length < 0x20 ? 0 : length <= UINT8_MAX ? 1 : length <= UINT16_MAX ? 2 : 4;
	ret_head[0] = size == 0	  ? (unsigned char)(0xa0 | length)
		      : size == 1 ? 0xd9
		      : size == 2 ? 0xda
				  : 0xdb;
	for (size_t i = size; i; i--, length >>= 8)
		ret_head[i] = (unsigned char)length;
	return size + 1;
}

static void put_long_string(struct peal_buffer *out, const char *text, size_t length)
{
	unsigned char head[5];
	if (length > UINT32_MAX) {
		out->error = out->error ? out->error : -EMSGSIZE;
		return;
	}
	size_t size = peal_msgpack_string_head(length, head);
	/* Room for both at once. */
	if (!peal_buffer_reserve(out, size + length))
		return;
	peal_buffer_append(out, head, size);
	peal_buffer_append(out, text, length);
}

void peal_msgpack_put_string(struct peal_buffer *out, const char *text, size_t length)
{
	if (length >= 0x20) {
		put_long_string(out, text, length);
		return;
	}
	char *to = peal_buffer_reserve(out, 1 + length);
	if (!to)
		return;
	*to = (char)(0xa0 | length);
	memcpy(to + 1, text, length);
	peal_buffer_wrote(out, 1 + length);
}

void peal_msgpack_put_text(struct peal_buffer *out, const char *text)
{
	peal_msgpack_put_string(out, text, strlen(text));
}

void peal_msgpack_put_binary(struct peal_buffer *out, const void *bytes, size_t length)
{
	if (length > UINT32_MAX) {
		out->error = out->error ? out->error : -EMSGSIZE;
		return;
	}
	if (length <= UINT8_MAX)
		put_head(out, 0xc4, length, 1);
	else if (length <= UINT16_MAX)
		put_head(out, 0xc5, length, 2);
	else
		put_head(out, 0xc6, length, 4);
	peal_buffer_append(out, bytes, length);
}

/* The heads of arrays and maps differ in their numbers only. */
static void put_count(struct peal_buffer *out, size_t count, unsigned char small,
		      unsigned char medium)
{
	if (count > UINT32_MAX)
		out->error = out->error ? out->error : -EMSGSIZE;
	else if (count < 0x10)
		put_head(out, (unsigned char)(small | count), 0, 0);
	else if (count <= UINT16_MAX)
		put_head(out, medium, count, 2);
	else
		put_head(out, (unsigned char)(medium + 1), count, 4);
}

void peal_msgpack_put_array(struct peal_buffer *out, size_t count)
{
	put_count(out, count, 0x90, 0xdc);
}

void peal_msgpack_put_map(struct peal_buffer *out, size_t count)
{
	put_count(out, count, 0x80, 0xde);
}
