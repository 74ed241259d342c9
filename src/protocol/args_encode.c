/*
 * From C values to argument text and attachments, and arguments that live on their own. What is
 * encoded here is valid JSON by construction: broken values are refused, never repaired, since a
 * malformed packet would break the client that gets it.
 */
#include "protocol/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/json.h"
#include "protocol/tree.h"

/* The brackets of the argument array are one level. */
#define VALUE_DEPTH (PEAL_LIMIT_JSON_DEPTH - 1)

struct peal_arg peal_arg_from_json(const char *text)
{
	return (struct peal_arg){ .type = PEAL_ARG_JSON,
				  .length = text ? strlen(text) : 0,
				  .value = { .json = text } };
}

struct peal_arg peal_arg_from_string(const char *string)
{
	return (struct peal_arg){ .type = PEAL_ARG_STRING,
				  .length = string ? strlen(string) : 0,
				  .value = { .string = string } };
}

static int encode_bytes(struct peal_buffer *out, const struct peal_arg *arg,
			struct peal_bytes *attachments, size_t *attachment_count)
{
	if (!arg->value.bytes && arg->length)
		return PEAL_EMIT_E_INVALID;
	if (*attachment_count == PEAL_LIMIT_ATTACHMENTS || arg->length > PEAL_LIMIT_FRAME_BYTES)
		return PEAL_EMIT_E_TOO_LARGE;
	peal_buffer_append_text(out, "{\"_placeholder\":true,\"num\":");
	peal_buffer_append_natural(out, *attachment_count);
	peal_buffer_append_char(out, '}');
	attachments[(*attachment_count)++] =
		(struct peal_bytes){ arg->value.bytes ? arg->value.bytes : "", arg->length };
	return 0;
}

static int encode_value(struct peal_buffer *out, const struct peal_arg *arg)
{
	struct peal_json_facts facts;
	switch (arg->type) {
	case PEAL_ARG_NULL:
		peal_buffer_append_text(out, "null");
		return 0;
	case PEAL_ARG_BOOL:
		peal_buffer_append_text(out, arg->value.boolean ? "true" : "false");
		return 0;
	case PEAL_ARG_INT:
		peal_buffer_append_integer(out, arg->value.integer);
		return 0;
	case PEAL_ARG_UINT:
		peal_buffer_append_natural(out, arg->value.natural);
		return 0;
	case PEAL_ARG_DOUBLE:
		peal_json_append_double(out, arg->value.number);
		return 0;
	case PEAL_ARG_STRING:
		if (!arg->value.string ||
		    !peal_json_append_checked(out, arg->value.string, arg->length))
			return PEAL_EMIT_E_INVALID;
		return 0;
	case PEAL_ARG_CJSON:
		return peal_tree_print(out, arg->value.cjson, VALUE_DEPTH) ? 0
									   : PEAL_EMIT_E_INVALID;
	case PEAL_ARG_JSON:
		if (!arg->value.json || !peal_json_validate(arg->value.json, arg->length, &facts) ||
		    facts.depth > VALUE_DEPTH)
			return PEAL_EMIT_E_INVALID;
		peal_buffer_append(out, arg->value.json, arg->length);
		return 0;
	case PEAL_ARG_BYTES:
		break;
	}
	return PEAL_EMIT_E_INVALID;
}

/* An object that only looks like an attachment would be taken for one by the client, once the
 * packet has real ones. */
static bool fakes_attachment(const char *text, size_t length)
{
	struct peal_json_facts facts;
	return !peal_json_validate(text, length, &facts) || facts.placeholders;
}

static size_t guess_length(struct peal_values values)
{
	size_t length = 0;
	for (size_t i = 0; i < values.count; i++) {
		const struct peal_arg *arg = &values.values[i];
		length += 24;
		if (arg->type == PEAL_ARG_STRING || arg->type == PEAL_ARG_JSON)
			length += arg->length;
	}
	return length;
}

static int encode(struct peal_buffer *out, struct peal_values values,
		  struct peal_bytes *attachments, size_t *attachment_count)
{
	bool binary = false;
	for (size_t i = 0; i < values.count && !binary; i++)
		binary = values.values[i].type == PEAL_ARG_BYTES;
	for (size_t i = 0; i < values.count; i++) {
		const struct peal_arg *arg = &values.values[i];
		if (i)
			peal_buffer_append_char(out, ',');
		size_t from = out->length;
		int r = arg->type == PEAL_ARG_BYTES
				? encode_bytes(out, arg, attachments, attachment_count)
				: encode_value(out, arg);
		/* Only a whole text can be judged; the error is reported below. */
		if (!r && binary && !peal_buffer_error(out) &&
		    (arg->type == PEAL_ARG_CJSON || arg->type == PEAL_ARG_JSON) &&
		    fakes_attachment(out->bytes + from, out->length - from))
			r = PEAL_EMIT_E_INVALID;
		if (r)
			return r;
	}
	return peal_buffer_error(out) == -EMSGSIZE ? PEAL_EMIT_E_TOO_LARGE : peal_buffer_error(out);
}

int peal_args_encode(struct peal_args *args, struct peal_values values,
		     struct peal_bytes *attachments)
{
	struct peal_buffer out = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES);
	size_t attachment_count = 0, length = guess_length(values);

	if (length <= PEAL_LIMIT_FRAME_BYTES)
		peal_buffer_reserve(&out, length);
	int r = encode(&out, values, attachments, &attachment_count);
	if (r) {
		peal_buffer_deinit(&out);
		return r;
	}
	peal_args_init(args, out.length ? out.bytes : "", out.length, values.count, attachments,
		       attachment_count);
	args->owned = out.bytes;
	return 0;
}

/* One allocation with everything in it: arguments, attachments, text, bytes. */
static int copy(const char *text, size_t length, size_t count, const struct peal_bytes *attachments,
		size_t attachment_count, struct peal_args **ret_args)
{
	size_t size = sizeof(struct peal_args) + attachment_count * sizeof(struct peal_bytes);
	size_t total = size + length;
	for (size_t i = 0; i < attachment_count; i++)
		total += attachments[i].length;
	struct peal_args *args = malloc(total);
	if (!args)
		return -ENOMEM;
	struct peal_bytes *copies = (struct peal_bytes *)(args + 1);
	char *at = (char *)args + size;
	if (length)
		memcpy(at, text, length);
	peal_args_init(args, at, length, count, copies, attachment_count);
	at += length;
	for (size_t i = 0; i < attachment_count; i++) {
		copies[i] = (struct peal_bytes){ at, attachments[i].length };
		if (attachments[i].length)
			memcpy(at, attachments[i].bytes, attachments[i].length);
		at += attachments[i].length;
	}
	*ret_args = args;
	return 0;
}

int peal_args_copy(const struct peal_args *args, struct peal_args **ret_args)
{
	return copy(args->text, args->length, args->count, args->attachments,
		    args->attachment_count, ret_args);
}

int peal_args_new(struct peal_values values, struct peal_args **ret_args)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_args encoded;
	int r = peal_args_encode(&encoded, values, attachments);
	if (r)
		return r;
	r = peal_args_copy(&encoded, ret_args);
	peal_args_deinit(&encoded);
	return r;
}

int peal_args_new_from_json(const char *text, size_t length, const struct peal_bytes *attachments,
			    size_t count, struct peal_args **ret_args)
{
	struct peal_json_facts facts;

	if (count > PEAL_LIMIT_ATTACHMENTS || length > PEAL_LIMIT_FRAME_BYTES)
		return PEAL_EMIT_E_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		if (attachments[i].length > PEAL_LIMIT_FRAME_BYTES)
			return PEAL_EMIT_E_TOO_LARGE;
		if (!attachments[i].bytes && attachments[i].length)
			return PEAL_EMIT_E_INVALID;
	}
	if (!peal_json_validate(text, length, &facts) || facts.type != PEAL_JSON_ARRAY)
		return PEAL_EMIT_E_INVALID;
	if (facts.placeholders && (facts.placeholder_invalid || facts.placeholder_max >= count))
		return PEAL_EMIT_E_INVALID;
	const char *at = memchr(text, '[', length);
	size_t end = length;
	while (text[--end] != ']')
		;
	at++;
	/* White space inside an empty array is no argument. */
	return copy(at, facts.items ? (size_t)(text + end - at) : 0, facts.items, attachments,
		    count, ret_args);
}
