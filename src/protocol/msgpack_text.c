/*
 * From MessagePack to JSON text, in one pass and without a tree: the way of every broadcast of
 * another node to the clients of this one.
 *
 * Inside of an array or object the last character that was written tells whether a comma is due:
 * no value ends with a bracket that opens or with a colon.
 */
#include "protocol/msgpack.h"

#include <errno.h>
#include <math.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "protocol/json.h"
#include "protocol/msgpack_private.h"

#define DEPTH (PEAL_LIMIT_JSON_DEPTH - 1)
#define PLACEHOLDER "_placeholder"
/* No other text that is printed here has a space outside of strings, and inside of strings a quote
 * has a backslash in front: so this is found in maps that only look like attachments. */
#define FAKE "\"" PLACEHOLDER "\": true"

struct level {
	uint32_t left; /* elements or pairs that are still to come */
	bool map;
};

struct printer {
	struct peal_msgpack_reader *reader;
	struct peal_buffer *out;
	struct peal_bytes *attachments;
	size_t *attachment_count;
	size_t depth;
	struct level levels[DEPTH];
};

bool peal_msgpack_is_undefined(const struct peal_msgpack_item *item)
{
	return item->type == PEAL_MSGPACK_EXTENSION && item->extension == 0 && item->fixed &&
	       item->length == 1;
}

static void put_integer(struct peal_buffer *out, int64_t value)
{
	const int64_t exact = INT64_C(9007199254740992);
	if (value > exact || value < -exact)
		peal_json_append_double(out, (double)value);
	else
		peal_buffer_append_integer(out, value);
}

static void repair(struct peal_buffer *out, const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
	while (at < end) {
		size_t taken = peal_utf8_sequence(at, end);
		if (taken) {
			peal_buffer_append(out, at, taken);
			at += taken;
		} else {
			peal_buffer_append_text(out, PEAL_UTF8_REPLACEMENT);
			at += peal_utf8_malformed(at, end);
		}
	}
}

static void put_string(struct peal_buffer *out, const char *bytes, size_t length)
{
	if (peal_json_append_checked(out, bytes, length))
		return;
	struct peal_buffer repaired = PEAL_BUFFER(out->ceiling);
	repair(&repaired, bytes, length);
	if (repaired.error)
		out->error = out->error ? out->error : repaired.error;
	else
		peal_json_append_string(out, repaired.bytes, repaired.length);
	peal_buffer_deinit(&repaired);
}

/* --- keys that are no strings --- */

static int text_of_extension(const struct peal_msgpack_item *item, struct peal_buffer *out)
{
	double ms;
	if (peal_msgpack_is_undefined(item)) {
		peal_buffer_append_text(out, "undefined");
	} else if (peal_msgpack_date(item, &ms)) {
		char text[PEAL_MSGPACK_DATE_SIZE];
		peal_buffer_append(out, text, peal_msgpack_date_text(ms, text));
	} else if (item->extension == 0 && !item->fixed) {
		peal_buffer_append_text(out, "[object ArrayBuffer]");
	} else {
		put_integer(out, item->extension);
		peal_buffer_append_char(out, ',');
		repair(out, item->bytes, item->length);
	}
	return 0;
}

static int text_of_array(struct peal_msgpack_reader *reader, uint32_t count,
			 struct peal_buffer *out, size_t depth);

/* What String() makes of a value. */
static int text_of(struct peal_msgpack_reader *reader, const struct peal_msgpack_item *item,
		   struct peal_buffer *out, size_t depth)
{
	switch (item->type) {
	case PEAL_MSGPACK_NIL:
		peal_buffer_append_text(out, "null");
		return 0;
	case PEAL_MSGPACK_BOOL:
		peal_buffer_append_text(out, item->boolean ? "true" : "false");
		return 0;
	case PEAL_MSGPACK_INT:
		put_integer(out, item->integer);
		return 0;
	case PEAL_MSGPACK_UINT:
		peal_json_append_double(out, (double)item->natural);
		return 0;
	case PEAL_MSGPACK_DOUBLE:
		if (isnan(item->number))
			peal_buffer_append_text(out, "NaN");
		else if (isinf(item->number))
			peal_buffer_append_text(out, item->number < 0 ? "-Infinity" : "Infinity");
		else
			peal_json_append_double(out, item->number);
		return 0;
	case PEAL_MSGPACK_STRING:
	case PEAL_MSGPACK_BINARY:
		repair(out, item->bytes, item->length);
		return 0;
	case PEAL_MSGPACK_ARRAY:
		return text_of_array(reader, item->count, out, depth);
	case PEAL_MSGPACK_MAP:
		peal_buffer_append_text(out, "[object Object]");
		for (uint64_t i = 0; i < 2 * (uint64_t)item->count; i++)
			if (!peal_msgpack_skip(reader))
				return -EINVAL;
		return 0;
	case PEAL_MSGPACK_EXTENSION:
		return text_of_extension(item, out);
	}
	return -EINVAL;
}

/* As join() does it: nothing for null. */
static int text_of_array(struct peal_msgpack_reader *reader, uint32_t count,
			 struct peal_buffer *out, size_t depth)
{
	struct peal_msgpack_item item;
	if (depth == DEPTH)
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		if (i)
			peal_buffer_append_char(out, ',');
		if (!peal_msgpack_next(reader, &item))
			return -EINVAL;
		if (item.type == PEAL_MSGPACK_NIL || peal_msgpack_is_undefined(&item))
			continue;
		int r = text_of(reader, &item, out, depth + 1);
		if (r)
			return r;
	}
	return 0;
}

static int put_strange_key(struct printer *printer, const struct peal_msgpack_item *item)
{
	struct peal_buffer text = PEAL_BUFFER(printer->out->ceiling);
	int r = text_of(printer->reader, item, &text, printer->depth);
	if (!r)
		r = peal_buffer_error(&text);
	if (!r)
		peal_json_append_string(printer->out, text.bytes ? text.bytes : "", text.length);
	peal_buffer_deinit(&text);
	return r;
}

/* --- values --- */

static int put_binary(struct printer *printer, const char *bytes, size_t length)
{
	size_t num = *printer->attachment_count;
	if (num == PEAL_LIMIT_ATTACHMENTS)
		return -E2BIG;
	printer->attachments[num] = (struct peal_bytes){ bytes, length };
	*printer->attachment_count = num + 1;
	peal_buffer_append_text(printer->out, "{\"" PLACEHOLDER "\":true,\"num\":");
	put_integer(printer->out, (int64_t)num);
	peal_buffer_append_char(printer->out, '}');
	return 0;
}

static int put_extension(struct printer *printer, const struct peal_msgpack_item *item)
{
	double ms;
	if (peal_msgpack_is_undefined(item)) {
		peal_buffer_append_text(printer->out, "null");
		return 0;
	}
	if (peal_msgpack_date(item, &ms)) {
		char text[PEAL_MSGPACK_DATE_SIZE];
		if (isnan(ms)) {
			peal_buffer_append_text(printer->out, "null");
			return 0;
		}
		peal_json_append_string(printer->out, text, peal_msgpack_date_iso(ms, text));
		return 0;
	}
	/* What old servers send for an ArrayBuffer. */
	if (item->extension == 0 && !item->fixed)
		return put_binary(printer, item->bytes, item->length);
	peal_buffer_append_char(printer->out, '[');
	put_integer(printer->out, item->extension);
	peal_buffer_append_char(printer->out, ',');
	int r = put_binary(printer, item->bytes, item->length);
	peal_buffer_append_char(printer->out, ']');
	return r;
}

static int open_level(struct printer *printer, uint32_t count, bool map)
{
	if (printer->depth == DEPTH)
		return -EINVAL;
	printer->levels[printer->depth++] = (struct level){ count, map };
	peal_buffer_append_char(printer->out, map ? '{' : '[');
	return 0;
}

static int put_value(struct printer *printer)
{
	struct peal_msgpack_item item;
	if (!peal_msgpack_next(printer->reader, &item))
		return -EINVAL;
	switch (item.type) {
	case PEAL_MSGPACK_NIL:
		peal_buffer_append(printer->out, "null", 4);
		return 0;
	case PEAL_MSGPACK_BOOL:
		peal_buffer_append_text(printer->out, item.boolean ? "true" : "false");
		return 0;
	case PEAL_MSGPACK_INT:
		put_integer(printer->out, item.integer);
		return 0;
	case PEAL_MSGPACK_UINT:
		peal_json_append_double(printer->out, (double)item.natural);
		return 0;
	case PEAL_MSGPACK_DOUBLE:
		peal_json_append_double(printer->out, item.number);
		return 0;
	case PEAL_MSGPACK_STRING:
		put_string(printer->out, item.bytes, item.length);
		return 0;
	case PEAL_MSGPACK_BINARY:
		return put_binary(printer, item.bytes, item.length);
	case PEAL_MSGPACK_ARRAY:
	case PEAL_MSGPACK_MAP:
		return open_level(printer, item.count, item.type == PEAL_MSGPACK_MAP);
	case PEAL_MSGPACK_EXTENSION:
		return put_extension(printer, &item);
	}
	return -EINVAL;
}

static void put_comma(struct peal_buffer *out)
{
	char last = out->length ? out->bytes[out->length - 1] : '[';
	if (last != '[' && last != '{')
		peal_buffer_append_char(out, ',');
}

/* A key with its colon. *ret_left_out: the value was undefined, so both are gone. */
static int put_key(struct printer *printer, bool *ret_left_out)
{
	struct peal_buffer *out = printer->out;
	struct peal_msgpack_item key, value;
	size_t before = out->length;
	int r = 0;

	if (!peal_msgpack_next(printer->reader, &key))
		return -EINVAL;
	put_comma(out);
	if (key.type == PEAL_MSGPACK_STRING)
		put_string(out, key.bytes, key.length);
	else
		r = put_strange_key(printer, &key);
	if (r)
		return r;
	peal_buffer_append_char(out, ':');
	const struct peal_msgpack_reader *reader = printer->reader;
	if (reader->at < reader->end && *reader->at == 0xc3 && key.type == PEAL_MSGPACK_STRING &&
	    key.length == strlen(PLACEHOLDER) && !memcmp(key.bytes, PLACEHOLDER, key.length))
		peal_buffer_append_char(out, ' ');
	struct peal_msgpack_reader ahead = *reader;
	*ret_left_out = reader->at < reader->end && *reader->at >= 0xc7 && *reader->at <= 0xd4 &&
			peal_msgpack_next(&ahead, &value) && peal_msgpack_is_undefined(&value);
	if (*ret_left_out) {
		*printer->reader = ahead;
		if (!out->error)
			out->length = before;
	}
	return 0;
}

int peal_msgpack_to_json(struct peal_msgpack_reader *reader, struct peal_buffer *out,
			 struct peal_bytes *attachments, size_t *attachment_count)
{
	/* The levels are not touched before they are opened. */
	struct printer printer;
	printer.reader = reader;
	printer.out = out;
	printer.attachments = attachments;
	printer.attachment_count = attachment_count;
	printer.depth = 0;

	int r = put_value(&printer);
	while (!r && printer.depth && !out->error) {
		struct level *level = &printer.levels[printer.depth - 1];
		bool left_out = false;
		if (!level->left) {
			peal_buffer_append_char(out, level->map ? '}' : ']');
			printer.depth--;
			continue;
		}
		level->left--;
		if (level->map)
			r = put_key(&printer, &left_out);
		else
			put_comma(out);
		if (!r && !left_out)
			r = put_value(&printer);
	}
	return r ? r : peal_buffer_error(out);
}

void peal_msgpack_disarm(char *text, size_t length)
{
	char *end = text + length;
	while ((text = memmem(text, (size_t)(end - text), FAKE, strlen(FAKE)))) {
		text += strlen(FAKE);
		memcpy(text - 4, "null", 4);
	}
}
