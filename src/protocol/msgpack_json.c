/*
 * From JSON text to MessagePack, with the bytes that notepack.io writes for what JSON.parse() makes
 * of that text.
 *
 * Two passes, none of which looks back. The survey notes for each array and object, in the order in
 * which they open, how many values it has, and whether it stands for an attachment: MessagePack
 * needs to know that in front. It is made when the first of them opens, so text without any is
 * looked at once. The other pass writes. An object whose keys a JavaScript object
 * would not keep as they are is put right when it closes, in what was written.
 */
#include "protocol/msgpack.h"

#include <errno.h>
#include <peal/emit.h>
#include <stdlib.h>

#include "base/limits.h"
#include "protocol/json.h"
#include "protocol/json_scan.h"
#include "protocol/msgpack_private.h"

#define DEPTH PEAL_LIMIT_JSON_DEPTH
/* Objects that are put right are moved; nested ones again and again. This often the length of the
 * text may be moved in all: what clients send must not cost the square of it. */
#define MOVES 4

struct container {
	uint32_t count;
	uint32_t end; /* where it ends in the text */
	bool placeholder;
	bool has_num;
	uint32_t num; /* UINT32_MAX: none that fits */
};

/* Arrays that grow; the first elements need no memory. */
struct pile {
	void *items;
	size_t count, capacity, size;
	void *inside;
	bool failed;
};

static void *pile_add(struct pile *pile)
{
	if (pile->count == pile->capacity) {
		size_t capacity = 2 * pile->capacity;
		void *items = realloc(pile->items == pile->inside ? NULL : pile->items,
				      capacity * pile->size);
		if (!items) {
			pile->failed = true;
			return NULL;
		}
		if (pile->items == pile->inside)
			memcpy(items, pile->inside, pile->count * pile->size);
		pile->items = items;
		pile->capacity = capacity;
	}
	return (char *)pile->items + pile->count++ * pile->size;
}

static void pile_deinit(struct pile *pile)
{
	if (pile->items != pile->inside)
		free(pile->items);
}

#define PILE(array)                               \
	((struct pile){ .items = (array),         \
			.inside = (array),        \
			.size = sizeof(*(array)), \
			.capacity = sizeof(array) / sizeof(*(array)) })

struct input {
	const char *text, *at, *end;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool skip_space(struct input *input)
{
	while (input->at < input->end && is_space(*input->at))
		input->at++;
	return input->at < input->end;
}

/* Moves behind the string at ->at. Return: whether it has an end; its length includes quotes. */
static bool take_string(struct input *input, const char **ret_start, size_t *ret_length,
			bool *ret_escaped)
{
	const unsigned char *at = (const unsigned char *)input->at + 1;
	const unsigned char *end = (const unsigned char *)input->end;
	*ret_escaped = false;
	for (;;) {
		at = peal_json_skip_printed(at, end);
		while (at < end && *at != '"' && *at != '\\')
			at++;
		if (at >= end)
			return false;
		if (*at == '"')
			break;
		*ret_escaped = true;
		at += 2;
	}
	*ret_start = input->at;
	*ret_length = (size_t)((const char *)at + 1 - input->at);
	input->at = (const char *)at + 1;
	return true;
}

/* Moves behind the number or word at ->at; false if there is none. */
static bool take_word(struct input *input, const char **ret_start, size_t *ret_length)
{
	const char *at = input->at;
	while (at < input->end && !is_space(*at) && !strchr(",:]}[{\"", *at))
		at++;
	*ret_start = input->at;
	*ret_length = (size_t)(at - input->at);
	input->at = at;
	return *ret_length > 0;
}

/* --- the survey --- */

enum key { KEY_OTHER, KEY_PLACEHOLDER, KEY_NUM };

static enum key key_of(const char *start, size_t length, bool escaped)
{
	/* The longest spelling has six characters for one. */
	char decoded[6 * 16];
	if (escaped && length <= sizeof(decoded)) {
		bool has_nul;
		length = peal_json_decode_string_into(start, length, decoded, &has_nul);
		start = decoded;
	} else {
		start++;
		length -= 2;
	}
	if (length == 12 && !memcmp(start, "_placeholder", 12))
		return KEY_PLACEHOLDER;
	return length == 3 && !memcmp(start, "num", 3) ? KEY_NUM : KEY_OTHER;
}

static uint32_t num_of(const char *start, size_t length, size_t attachment_count)
{
	if (*start != '-' && (*start < '0' || *start > '9'))
		return UINT32_MAX;
	double number = peal_json_parse_number(start, length);
	return number >= 0 && number < (double)attachment_count &&
			       number == (double)(uint32_t)number
		       ? (uint32_t)number
		       : UINT32_MAX;
}

static void note_member(struct container *object, enum key key, char first)
{
	if (key == KEY_PLACEHOLDER)
		object->placeholder = first == 't';
	else if (key == KEY_NUM)
		object->num = UINT32_MAX;
}

/* Count what each array and object from here on holds. */
static bool survey(struct input input, size_t attachment_count, struct pile *containers)
{
	uint32_t open[DEPTH]; /* their places in @containers */
	bool objects[DEPTH];
	size_t depth = 0;
	enum key key = KEY_OTHER;
	bool expect_key = false;
	const char *start;
	size_t length;
	bool escaped;

	while (skip_space(&input)) {
		struct container *all = containers->items;
		struct container *top = depth ? &all[open[depth - 1]] : NULL;
		char c = *input.at;
		if (c == ',') {
			input.at++;
			expect_key = depth && objects[depth - 1];
			continue;
		}
		if (c == '}' || c == ']') {
			if (!depth || objects[depth - 1] != (c == '}'))
				return false;
			input.at++;
			top->end = (uint32_t)(input.at - input.text);
			depth--;
			expect_key = false;
			continue;
		}
		if (expect_key) {
			if (c != '"' || !take_string(&input, &start, &length, &escaped))
				return false;
			key = key_of(start, length, escaped);
			if (!skip_space(&input) || *input.at++ != ':' || !skip_space(&input))
				return false;
			expect_key = false;
			c = *input.at;
			note_member(top, key, c);
		}
		if (top)
			top->count++;
		if (c == '{' || c == '[') {
			struct container *added = depth < DEPTH ? pile_add(containers) : NULL;
			if (!added)
				return false;
			*added = (struct container){ .num = UINT32_MAX };
			open[depth] = (uint32_t)(containers->count - 1);
			objects[depth++] = c == '{';
			expect_key = c == '{';
			input.at++;
		} else if (c == '"') {
			if (!take_string(&input, &start, &length, &escaped))
				return false;
		} else {
			if (!take_word(&input, &start, &length))
				return false;
			if (top && objects[depth - 1] && key == KEY_NUM)
				top->num = num_of(start, length, attachment_count);
		}
	}
	return !depth;
}

/* --- writing --- */

struct writer {
	struct peal_buffer *out;
	struct pile containers; /* of the survey */
	bool surveyed;
	size_t next;	     /* container */
	struct pile members; /* of all objects that are open */
	size_t moved, may_move;
	const struct peal_bytes *attachments;
	size_t attachment_count;
	size_t attached; /* how often one was written */
};

static void write_string(struct peal_buffer *out, const char *start, size_t length, bool escaped)
{
	unsigned char head[5];
	bool has_nul;
	if (!escaped) {
		peal_msgpack_put_string(out, start + 1, length - 2);
		return;
	}
	/* Decoded text is never longer; its head is written when its length is known. */
	char *to = peal_buffer_reserve(out, sizeof(head) + length);
	if (!to)
		return;
	size_t room = peal_msgpack_string_head(length, head);
	size_t decoded = peal_json_decode_string_into(start, length, to + room, &has_nul);
	size_t size = peal_msgpack_string_head(decoded, head);
	memmove(to + size, to + room, decoded);
	memcpy(to, head, size);
	out->length += size + decoded;
	out->bytes[out->length] = '\0';
}

static bool write_word(struct peal_buffer *out, const char *start, size_t length)
{
	if (*start == 't' || *start == 'f') {
		peal_msgpack_put_bool(out, *start == 't');
		return true;
	}
	if (*start == 'n') {
		peal_msgpack_put_nil(out);
		return true;
	}
	if (*start != '-' && (*start < '0' || *start > '9'))
		return false;
	const char *at = start, *end = start + length;
	int64_t value = 0;
	bool negative = *at == '-';
	at += negative;
	if (length <= 15) {
		while (at < end && *at >= '0' && *at <= '9')
			value = value * 10 + (*at++ - '0');
		if (at == end) {
			peal_msgpack_put_int(out, negative ? -value : value);
			return true;
		}
	}
	peal_msgpack_put_double(out, peal_json_parse_number(start, length));
	return true;
}

struct level {
	size_t head;	/* where it begins in what is written */
	size_t members; /* of an object: its first in the pile */
	bool object;
};

/* The beginning of an array or object. Return: 0; 1 for an attachment, which has no inside. */
static int write_opening(struct writer *writer, struct input *input, bool object,
			 struct level *level)
{
	if (!writer->surveyed) {
		if (!survey(*input, writer->attachment_count, &writer->containers))
			return writer->containers.failed ? -ENOMEM : -EINVAL;
		writer->surveyed = true;
	}
	const struct container *containers = writer->containers.items;
	const struct container *container = &containers[writer->next++];
	*level = (struct level){ writer->out->length, writer->members.count, object };
	if (container->placeholder && object && writer->attachment_count) {
		/* Text may name one attachment a thousand times; no packet has so many. */
		if (container->num == UINT32_MAX || writer->attached++ == PEAL_LIMIT_ATTACHMENTS)
			return -EINVAL;
		const struct peal_bytes *bytes = &writer->attachments[container->num];
		peal_msgpack_put_binary(writer->out, bytes->bytes, bytes->length);
		/* What is nested in it is left out, too. */
		const char *end = input->text + container->end;
		while (input->at < end) {
			const char *start;
			size_t length;
			bool escaped;
			if (*input->at == '"') {
				if (!take_string(input, &start, &length, &escaped))
					return -EINVAL;
				continue;
			}
			if ((*input->at == '{' || *input->at == '['))
				writer->next++;
			input->at++;
		}
		writer->next--; /* itself was counted twice */
		return 1;
	}
	if (object)
		peal_msgpack_put_map(writer->out, container->count);
	else
		peal_msgpack_put_array(writer->out, container->count);
	input->at++;
	return 0;
}

static void close_object(struct writer *writer, const struct level *level)
{
	struct peal_msgpack_member *members =
		(struct peal_msgpack_member *)writer->members.items + level->members;
	size_t count = writer->members.count - level->members;
	size_t body = writer->out->length - level->head;
	if (!writer->out->error && !writer->members.failed &&
	    writer->moved + body <= writer->may_move &&
	    peal_msgpack_put_right(writer->out, level->head, members, count))
		writer->moved += body;
	writer->members.count = level->members;
}

static int write_key(struct writer *writer, struct input *input, const struct level *level)
{
	const char *start;
	size_t length;
	bool escaped;
	if (*input->at != '"' || !take_string(input, &start, &length, &escaped))
		return -EINVAL;
	struct peal_msgpack_member *member = pile_add(&writer->members);
	if (!member)
		return -ENOMEM;
	member->order = (uint32_t)(writer->members.count - 1 - level->members);
	member->at = writer->out->length;
	write_string(writer->out, start, length, escaped);
	if (writer->out->error)
		return writer->out->error;
	member->value = writer->out->length;
	if (!skip_space(input) || *input->at++ != ':' || !skip_space(input))
		return -EINVAL;
	return 0;
}

static int write_values(struct writer *writer, struct input input)
{
	struct level levels[DEPTH];
	size_t depth = 0;
	const char *start;
	size_t length;
	bool escaped, expect_key = false;

	while (skip_space(&input) && !writer->out->error) {
		if (*input.at == ',') {
			input.at++;
			expect_key = depth && levels[depth - 1].object;
			continue;
		}
		if (*input.at == '}' || *input.at == ']') {
			if (!depth)
				return -EINVAL;
			if (levels[--depth].object)
				close_object(writer, &levels[depth]);
			expect_key = false;
			input.at++;
			continue;
		}
		if (expect_key) {
			int r = write_key(writer, &input, &levels[depth - 1]);
			if (r)
				return r;
			expect_key = false;
		}
		if (*input.at == '{' || *input.at == '[') {
			bool object = *input.at == '{';
			int r = write_opening(writer, &input, object, &levels[depth]);
			if (r < 0)
				return r;
			if (!r) {
				depth++;
				expect_key = object;
			}
		} else if (*input.at == '"') {
			if (!take_string(&input, &start, &length, &escaped))
				return -EINVAL;
			write_string(writer->out, start, length, escaped);
		} else if (!take_word(&input, &start, &length) ||
			   !write_word(writer->out, start, length)) {
			return -EINVAL;
		}
	}
	return 0;
}

int peal_msgpack_put_json(struct peal_buffer *out, const char *text, size_t length,
			  const struct peal_bytes *attachments, size_t attachment_count)
{
	struct container few_containers[32];
	struct peal_msgpack_member few_members[32];
	struct input input = { text, text, text + length };

	if (length > PEAL_LIMIT_FRAME_BYTES) {
		out->error = out->error ? out->error : -EMSGSIZE;
		return 0;
	}
	struct writer writer = { .out = out,
				 .containers = PILE(few_containers),
				 .members = PILE(few_members),
				 .may_move = MOVES * length,
				 .attachments = attachments,
				 .attachment_count = attachment_count };
	int r = write_values(&writer, input);
	pile_deinit(&writer.members);
	pile_deinit(&writer.containers);
	if (r == -ENOMEM)
		out->error = out->error ? out->error : -ENOMEM;
	return r == -EINVAL ? PEAL_EMIT_E_INVALID : 0;
}
