/*
 * MessagePack, both ways (adapters-wire.md §2): a writer that yields the bytes of notepack.io, a
 * forward-only reader with bounds, and the ways between it and JSON text with attachments. No
 * trees: a received broadcast becomes the text that clients get in one pass.
 */
#ifndef PEAL_PROTOCOL_MSGPACK_H
#define PEAL_PROTOCOL_MSGPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "protocol/args.h"

/* --- writing: shortest forms -------------------------------------------------------------------
 */

void peal_msgpack_put_nil(struct peal_buffer *out);
/* What JavaScript means by a value that is missing; peal nodes understand it, and notepack.io. */
void peal_msgpack_put_undefined(struct peal_buffer *out);
void peal_msgpack_put_bool(struct peal_buffer *out, bool value);
void peal_msgpack_put_int(struct peal_buffer *out, int64_t value);
void peal_msgpack_put_uint(struct peal_buffer *out, uint64_t value);
/* As JavaScript's: integral values up to ±(2^53−1) as integers, others as float64. */
void peal_msgpack_put_double(struct peal_buffer *out, double value);
/* @text must be UTF-8. */
void peal_msgpack_put_string(struct peal_buffer *out, const char *text, size_t length);
void peal_msgpack_put_text(struct peal_buffer *out, const char *text);
void peal_msgpack_put_binary(struct peal_buffer *out, const void *bytes, size_t length);
void peal_msgpack_put_array(struct peal_buffer *out, size_t count);
void peal_msgpack_put_map(struct peal_buffer *out, size_t count);

/*
 * Append one value of valid JSON text, or several that are separated by commas, as struct peal_args
 * has them. Objects that stand for an attachment become binary; without attachments there are none,
 * and they are objects like others. Keys keep their order, but the last of several equal ones wins
 * and integer-like ones come first, ascending, as in a JavaScript object. (In absurd nestings of
 * such objects that is left to who reads it, who comes to the same result.) Return: 0; the buffer's
 * error shows there; PEAL_EMIT_E_INVALID for a placeholder without attachment, for more
 * than PEAL_LIMIT_ATTACHMENTS placeholders, and for text that is not valid or too deep.
 */
int peal_msgpack_put_json(struct peal_buffer *out, const char *text, size_t length,
			  const struct peal_bytes *attachments, size_t attachment_count)
	__attribute__((warn_unused_result));

/* --- reading -----------------------------------------------------------------------------------
 */

enum peal_msgpack_type {
	PEAL_MSGPACK_NIL,
	PEAL_MSGPACK_BOOL,
	PEAL_MSGPACK_INT,  /* fits int64_t */
	PEAL_MSGPACK_UINT, /* above it */
	PEAL_MSGPACK_DOUBLE,
	PEAL_MSGPACK_STRING, /* bytes as they came: not necessarily UTF-8 */
	PEAL_MSGPACK_BINARY,
	PEAL_MSGPACK_ARRAY,
	PEAL_MSGPACK_MAP,
	PEAL_MSGPACK_EXTENSION,
};

struct peal_msgpack_item {
	enum peal_msgpack_type type;
	bool boolean;
	int8_t extension; /* its type */
	bool fixed; /* an extension in a form whose length is fixed: to old servers not the same */
	int64_t integer;
	uint64_t natural;
	double number;
	const char *bytes;
	size_t length;	/* of bytes */
	uint32_t count; /* elements, or pairs */
};

struct peal_msgpack_reader {
	const unsigned char *at, *end;
};

static inline struct peal_msgpack_reader peal_msgpack_reader(const void *bytes, size_t length)
{
	return (struct peal_msgpack_reader){ bytes, (const unsigned char *)bytes + length };
}

/* For peal_msgpack_next(): an item of the forms 0xc0 … 0xdf, whose first byte was read. */
bool peal_msgpack_next_long(struct peal_msgpack_reader *reader, unsigned char form,
			    struct peal_msgpack_item *ret_item);

/* The next item; the elements of arrays and maps follow as items of their own. False when it is cut
 * off, or a count is larger than the bytes that are left could hold, or it is 0xc1. */
static inline bool peal_msgpack_next(struct peal_msgpack_reader *reader,
				     struct peal_msgpack_item *ret_item)
{
	if (reader->at == reader->end)
		return false;
	unsigned char form = *reader->at++;
	size_t left = (size_t)(reader->end - reader->at);
	if (form >= 0xa0 && form < 0xc0) {
		ret_item->type = PEAL_MSGPACK_STRING;
		ret_item->bytes = (const char *)reader->at;
		ret_item->length = form & 0x1f;
		if (left < ret_item->length)
			return false;
		reader->at += ret_item->length;
		return true;
	}
	if (form < 0x80 || form >= 0xe0) {
		ret_item->type = PEAL_MSGPACK_INT;
		ret_item->integer = (int8_t)form;
		return true;
	}
	if (form >= 0xc0)
		return peal_msgpack_next_long(reader, form, ret_item);
	/* An element needs one byte, a pair two. */
	ret_item->type = form < 0x90 ? PEAL_MSGPACK_MAP : PEAL_MSGPACK_ARRAY;
	ret_item->count = form & 0x0f;
	return left >= (form < 0x90 ? 2 * ret_item->count : ret_item->count);
}
/* Skip the values in an array or map that was read, at most PEAL_LIMIT_CLUSTER_DEPTH deep, and the
 * levels of a message around it. */
bool peal_msgpack_skip_values(struct peal_msgpack_reader *reader,
			      const struct peal_msgpack_item *item);

/* Skip what belongs to an item that was read: nothing, but for arrays and maps. */
static inline bool peal_msgpack_skip_inside(struct peal_msgpack_reader *reader,
					    const struct peal_msgpack_item *item)
{
	return (item->type != PEAL_MSGPACK_ARRAY && item->type != PEAL_MSGPACK_MAP) ||
	       peal_msgpack_skip_values(reader, item);
}

/* Skip one whole value. */
static inline bool peal_msgpack_skip(struct peal_msgpack_reader *reader)
{
	struct peal_msgpack_item item;
	return peal_msgpack_next(reader, &item) && peal_msgpack_skip_inside(reader, &item);
}

/* Whether it is the undefined that peal_msgpack_put_undefined() writes. */
bool peal_msgpack_is_undefined(const struct peal_msgpack_item *item);

/*
 * Append one value as JSON text, as JSON.stringify() would print what notepack.io decodes; binary
 * becomes placeholders, whose bytes are noted in @attachments (borrowed from the input), counting
 * on from *attachment_count, at most PEAL_LIMIT_ATTACHMENTS. Dates become ISO strings, undefined in
 * maps is left out, integers beyond 2^53 lose precision as in JavaScript, text that is not UTF-8 is
 * repaired. Keys may repeat and come as they came: JSON.parse() takes the last and sorts them. At
 * most PEAL_LIMIT_JSON_DEPTH − 1 deep, which leaves one level for the array of arguments. Return:
 * 0; -ENOMEM or -EMSGSIZE of the buffer; -EINVAL when it is malformed or too deep; -E2BIG for too
 * many attachments.
 *
 * A map that only looks like a placeholder is printed as the object that it is, which is right in a
 * packet without attachments. In one with some a client would take it for one of them, or break.
 * Then peal_msgpack_disarm() must be called for all that was printed.
 */
int peal_msgpack_to_json(struct peal_msgpack_reader *reader, struct peal_buffer *out,
			 struct peal_bytes *attachments, size_t *attachment_count)
	__attribute__((warn_unused_result));

/* Maps that look like placeholders in what peal_msgpack_to_json() printed have `"_placeholder":
 * null` from now on instead of true. */
void peal_msgpack_disarm(char *text, size_t length);

#endif
