/* What the MessagePack files share among themselves. */
#ifndef PEAL_PROTOCOL_MSGPACK_PRIVATE_H
#define PEAL_PROTOCOL_MSGPACK_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/msgpack.h"

/* The head of a string of that length. Return: its bytes, 1 to 5. */
size_t peal_msgpack_string_head(size_t length, unsigned char ret_head[5]);

/* A key and its value in what is written; the value ends where the next member begins. */
struct peal_msgpack_member {
	size_t at; /* of the key */
	size_t value;
	uint64_t index; /* of a key that is an array index */
	uint32_t order; /* 0, 1, … as they came */
};

/* Write the map at @head, which is the last in @out, once more if its members are not as JavaScript
 * would have them. Without memory it stays as it is. Return: whether it was written again. */
bool peal_msgpack_put_right(struct peal_buffer *out, size_t head,
			    struct peal_msgpack_member *members, size_t count);

#define PEAL_MSGPACK_DATE_SIZE 96

/* Whether an extension is a point in time: the timestamps of today and the form that old servers
 * send. *ret_ms: milliseconds since 1970 as in a Date of JavaScript, NaN for what it cannot hold.
 */
bool peal_msgpack_date(const struct peal_msgpack_item *item, double *ret_ms);
/* As toISOString(); @ms must not be NaN. Return: characters written, without the NUL. */
size_t peal_msgpack_date_iso(double ms, char ret_text[PEAL_MSGPACK_DATE_SIZE]);
/* As toString() in UTC. */
size_t peal_msgpack_date_text(double ms, char ret_text[PEAL_MSGPACK_DATE_SIZE]);

#endif
