/* What broadcasts, requests and answers have in common: names, rooms, options, packets. */
#include "adapters/redis/codec_private.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/utf8.h"
#include "protocol/json.h"
#include "protocol/text.h"

#define TYPE_EVENT 2
#define TYPE_BINARY_EVENT 5
/* What a timer of JavaScript can wait. */
#define TIMEOUT_MAX 2147483647

int peal_decode_error(int r)
{
	return !r || r == -ENOMEM ? r : PEAL_CODEC_E_MALFORMED;
}

int peal_decode_skip(struct peal_msgpack_reader *reader)
{
	return peal_msgpack_skip(reader) ? 0 : PEAL_CODEC_E_MALFORMED;
}

int peal_decode_value(struct peal_msgpack_reader *reader, struct peal_msgpack_item *ret_item)
{
	return peal_msgpack_next(reader, ret_item) && peal_msgpack_skip_inside(reader, ret_item)
		       ? 0
		       : PEAL_CODEC_E_MALFORMED;
}

int peal_decode_map(struct peal_decoder *decoder, struct peal_msgpack_reader *reader,
		    peal_decode_pair_fn fn, void *context)
{
	struct peal_msgpack_item map, key;
	if (!peal_msgpack_next(reader, &map) || map.type != PEAL_MSGPACK_MAP)
		return PEAL_CODEC_E_MALFORMED;
	for (uint32_t count = map.count; count; count--) {
		int r = peal_decode_value(reader, &key);
		if (!r)
			r = fn(decoder, &key, reader, context);
		if (r)
			return r;
	}
	return 0;
}

bool peal_decode_natural(const struct peal_msgpack_item *item, uint64_t max, uint64_t *ret_value)
{
	uint64_t value;
	if (item->type == PEAL_MSGPACK_INT && item->integer >= 0)
		value = (uint64_t)item->integer;
	else if (item->type == PEAL_MSGPACK_DOUBLE && item->number >= 0 &&
		 item->number <= 9007199254740992.0 && item->number == trunc(item->number))
		value = (uint64_t)item->number;
	else
		return false;
	if (value > max)
		return false;
	*ret_value = value;
	return true;
}

bool peal_decode_truth(const struct peal_msgpack_item *item)
{
	switch (item->type) {
	case PEAL_MSGPACK_NIL:
		return false;
	case PEAL_MSGPACK_BOOL:
		return item->boolean;
	case PEAL_MSGPACK_INT:
		return item->integer != 0;
	case PEAL_MSGPACK_DOUBLE:
		return item->number != 0 && !isnan(item->number);
	case PEAL_MSGPACK_STRING:
		return item->length > 0;
	case PEAL_MSGPACK_EXTENSION:
		return !peal_msgpack_is_undefined(item);
	default:
		return true;
	}
}

/* --- names --- */

static int keep_name(struct peal_decoder *decoder, const char *bytes, size_t length,
		     const char **ret_name)
{
	char *name = peal_arena_take(&decoder->arena, length + 1);
	if (!name)
		return -ENOMEM;
	if (length)
		memcpy(name, bytes, length);
	name[length] = '\0';
	*ret_name = name;
	return 0;
}

/* Only what is short enough to be a name is repaired, so this fits: three bytes for each. */
static size_t repair(const char *bytes, size_t length, char *to)
{
	const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
	size_t written = 0;
	while (at < end) {
		size_t taken = peal_utf8_sequence(at, end);
		if (taken) {
			memcpy(to + written, at, taken);
			written += taken;
			at += taken;
		} else {
			memcpy(to + written, PEAL_UTF8_REPLACEMENT, 3);
			written += 3;
			at += peal_utf8_malformed(at, end);
		}
	}
	return written;
}

int peal_decode_name(struct peal_decoder *decoder, const struct peal_msgpack_item *item,
		     const char **ret_name)
{
	char repaired[3 * PEAL_LIMIT_NAME_BYTES];
	if (item->type != PEAL_MSGPACK_STRING || item->length > PEAL_LIMIT_NAME_BYTES)
		return PEAL_CODEC_E_MALFORMED;
	if (peal_name_valid(item->bytes, item->length))
		return keep_name(decoder, item->bytes, item->length, ret_name);
	size_t length = repair(item->bytes, item->length, repaired);
	return peal_name_valid(repaired, length) ? keep_name(decoder, repaired, length, ret_name)
						 : PEAL_CODEC_E_MALFORMED;
}

/* Numbers as JavaScript makes strings of them. Malformed: no number. */
static int decode_number_name(struct peal_decoder *decoder, const struct peal_msgpack_item *item,
			      const char **ret_name)
{
	double number;
	if (item->type == PEAL_MSGPACK_INT)
		number = (double)item->integer;
	else if (item->type == PEAL_MSGPACK_UINT)
		number = (double)item->natural;
	else if (item->type == PEAL_MSGPACK_DOUBLE && isfinite(item->number))
		number = item->number;
	else
		return PEAL_CODEC_E_MALFORMED;
	struct peal_buffer text = PEAL_BUFFER(64);
	peal_json_append_double(&text, number);
	int r = peal_buffer_error(&text);
	if (!r)
		r = keep_name(decoder, text.bytes, text.length, ret_name);
	peal_buffer_deinit(&text);
	return peal_decode_error(r);
}

/* Small numbers are the usual ones, and need no buffer. */
static int decode_room(struct peal_decoder *decoder, const struct peal_msgpack_item *item,
		       const char **ret_name)
{
	char digits[24];
	if (item->type == PEAL_MSGPACK_STRING)
		return peal_decode_name(decoder, item, ret_name);
	if (item->type != PEAL_MSGPACK_INT || item->integer > INT32_MAX ||
	    item->integer < INT32_MIN)
		return decode_number_name(decoder, item, ret_name);
	int length = snprintf(digits, sizeof(digits), "%d", (int)item->integer);
	return keep_name(decoder, digits, (size_t)length, ret_name);
}

int peal_decode_rooms(struct peal_decoder *decoder, struct peal_msgpack_reader *reader,
		      size_t limit, struct peal_rooms *ret_rooms, bool *ret_unusable)
{
	struct peal_msgpack_item item;
	*ret_rooms = (struct peal_rooms){ 0 };
	*ret_unusable = false;
	if (!peal_msgpack_next(reader, &item))
		return PEAL_CODEC_E_MALFORMED;
	if (peal_decode_is_none(&item))
		return 0;
	if (item.type != PEAL_MSGPACK_ARRAY || item.count > limit)
		return PEAL_CODEC_E_MALFORMED;
	if (!item.count)
		return 0;
	uint32_t count = item.count;
	const char **names = peal_arena_take(&decoder->arena, count * sizeof(*names));
	size_t usable = 0;
	if (!names)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		int r = peal_decode_value(reader, &item);
		if (r)
			return r;
		r = decode_room(decoder, &item, &names[usable]);
		if (r < 0)
			return r;
		usable += !r;
	}
	*ret_unusable = !usable;
	*ret_rooms = (struct peal_rooms){ names, usable, usable > 0 };
	return 0;
}

void peal_decode_nobody(struct peal_target *target)
{
	static const char *const any[] = { "" };
	target->rooms = (struct peal_rooms){ any, 1, true };
	target->except = target->rooms;
}

/* --- options --- */

static int note_flag(struct peal_decoder *decoder, const struct peal_msgpack_item *key,
		     struct peal_msgpack_reader *reader, void *context)
{
	struct peal_message *message = &decoder->message;
	struct peal_msgpack_item value;
	unsigned *flags = &message->target.flags;
	(void)context;
	int r = peal_decode_value(reader, &value);
	if (r)
		return r;
	if (peal_decode_is(key, "volatile")) {
		*flags &= ~(unsigned)PEAL_VOLATILE;
		*flags |= peal_decode_truth(&value) ? PEAL_VOLATILE : 0;
	} else if (peal_decode_is(key, "compress")) {
		*flags &= ~(unsigned)PEAL_NO_COMPRESS;
		*flags |= value.type == PEAL_MSGPACK_BOOL && !value.boolean ? PEAL_NO_COMPRESS : 0;
	} else if (peal_decode_is(key, "timeout")) {
		double number = value.type == PEAL_MSGPACK_INT	    ? (double)value.integer
				: value.type == PEAL_MSGPACK_DOUBLE ? value.number
								    : 0;
		message->timeout_ms = number >= TIMEOUT_MAX ? TIMEOUT_MAX
				      : number >= 1	    ? (unsigned)number
							    : 0;
	}
	return 0;
}

static int decode_flags(struct peal_decoder *decoder, struct peal_msgpack_reader *reader)
{
	struct peal_msgpack_reader at = *reader;
	struct peal_msgpack_item item;
	decoder->message.target.flags = 0;
	decoder->message.timeout_ms = 0;
	if (peal_msgpack_next(&at, &item) && peal_decode_is_none(&item)) {
		*reader = at;
		return 0;
	}
	return peal_decode_map(decoder, reader, note_flag, NULL);
}

/* @context: whether rooms are given that no room here can have as name. */
static int note_option(struct peal_decoder *decoder, const struct peal_msgpack_item *key,
		       struct peal_msgpack_reader *reader, void *context)
{
	struct peal_target *target = &decoder->message.target;
	bool *nobody = context, unusable;
	if (peal_decode_is(key, "rooms"))
		return peal_decode_rooms(decoder, reader, PEAL_LIMIT_CLUSTER_ROOMS, &target->rooms,
					 nobody);
	if (peal_decode_is(key, "except"))
		return peal_decode_rooms(decoder, reader, PEAL_LIMIT_CLUSTER_ROOMS, &target->except,
					 &unusable);
	if (peal_decode_is(key, "flags"))
		return decode_flags(decoder, reader);
	return peal_decode_skip(reader);
}

int peal_decode_options(struct peal_decoder *decoder, struct peal_msgpack_reader *reader)
{
	bool nobody = false;
	int r = peal_decode_map(decoder, reader, note_option, &nobody);
	if (!r && nobody)
		peal_decode_nobody(&decoder->message.target);
	return r;
}

/* --- packets --- */

int peal_decode_event(struct peal_decoder *decoder, struct peal_msgpack_reader *reader)
{
	struct peal_message *message = &decoder->message;
	struct peal_buffer *text = &decoder->text;
	struct peal_msgpack_item item;
	size_t attachment_count = 0;

	if (!peal_msgpack_next(reader, &item) || item.type != PEAL_MSGPACK_ARRAY || !item.count)
		return PEAL_CODEC_E_MALFORMED;
	uint32_t count = item.count - 1;
	if (!peal_msgpack_next(reader, &item))
		return PEAL_CODEC_E_MALFORMED;
	int r = decode_room(decoder, &item, &message->event);
	if (r)
		return r;
	message->event_length = strlen(message->event);
	/* The last of several data wins. */
	peal_buffer_clear(text);
	for (uint32_t i = 0; i < count; i++) {
		if (i)
			peal_buffer_append_char(text, ',');
		r = peal_msgpack_to_json(reader, text, decoder->attachments, &attachment_count);
		if (r)
			return peal_decode_error(r);
	}
	if (attachment_count)
		peal_msgpack_disarm(text->bytes, text->length);
	peal_args_deinit(&decoder->args);
	peal_args_init(&decoder->args, text->length ? text->bytes : "", text->length, count,
		       decoder->attachments, attachment_count);
	message->args = &decoder->args;
	return 0;
}

static bool is_ns(const struct peal_msgpack_item *item, const char *ns)
{
	/* Names come without the slash from nobody, but "" is "/". */
	if (item->type == PEAL_MSGPACK_STRING && !item->length)
		return !strcmp(ns, "/");
	return peal_decode_is(item, ns);
}

struct packet {
	bool has_data;
	bool same; /* it is for the namespace of the channel */
};

static int note_packet(struct peal_decoder *decoder, const struct peal_msgpack_item *key,
		       struct peal_msgpack_reader *reader, void *context)
{
	struct peal_message *message = &decoder->message;
	struct packet *packet = context;
	struct peal_msgpack_item value;
	uint64_t number;
	if (peal_decode_is(key, "data")) {
		packet->has_data = true;
		return peal_decode_event(decoder, reader);
	}
	int r = peal_decode_value(reader, &value);
	if (r)
		return r;
	if (peal_decode_is(key, "nsp") && value.type != PEAL_MSGPACK_NIL) {
		packet->same = is_ns(&value, message->ns);
	} else if (peal_decode_is(key, "id")) {
		message->packet_id = UINT64_MAX;
		if (peal_decode_natural(&value, UINT64_MAX - 1, &number))
			message->packet_id = number;
	} else if (peal_decode_is(key, "type")) {
		if (!peal_decode_natural(&value, UINT64_MAX, &number) ||
		    (number != TYPE_EVENT && number != TYPE_BINARY_EVENT))
			return PEAL_CODEC_E_MALFORMED;
	}
	return 0;
}

int peal_decode_packet(struct peal_decoder *decoder, struct peal_msgpack_reader *reader,
		       const char *default_ns)
{
	struct packet packet = { .same = !default_ns || !strcmp(default_ns, decoder->message.ns) };
	decoder->message.packet_id = UINT64_MAX;
	int r = peal_decode_map(decoder, reader, note_packet, &packet);
	if (r)
		return r;
	if (!packet.same)
		return PEAL_CODEC_E_IGNORED;
	return packet.has_data ? 0 : PEAL_CODEC_E_MALFORMED;
}
