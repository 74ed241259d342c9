/*
 * JSON as JSON.stringify() prints it, without spaces, or MessagePack. In JSON the last character
 * tells whether a comma is due: no value ends with an opening bracket or a colon.
 */
#include "adapters/redis/codec_writer.h"

#include "protocol/args.h"
#include "protocol/json.h"
#include "protocol/msgpack.h"

static void put_comma(struct peal_codec_writer *writer)
{
	const struct peal_buffer *out = writer->out;
	char last = out->length ? out->bytes[out->length - 1] : '[';
	if (last != '{' && last != '[' && last != ':')
		peal_buffer_append_char(writer->out, ',');
}

static void put_bracket(struct peal_codec_writer *writer, char bracket)
{
	put_comma(writer);
	peal_buffer_append_char(writer->out, bracket);
}

void peal_codec_open_map(struct peal_codec_writer *writer, size_t count)
{
	if (writer->binary)
		peal_msgpack_put_map(writer->out, count);
	else
		put_bracket(writer, '{');
}

void peal_codec_close_map(struct peal_codec_writer *writer)
{
	if (!writer->binary)
		peal_buffer_append_char(writer->out, '}');
}

void peal_codec_open_array(struct peal_codec_writer *writer, size_t count)
{
	if (writer->binary)
		peal_msgpack_put_array(writer->out, count);
	else
		put_bracket(writer, '[');
}

void peal_codec_close_array(struct peal_codec_writer *writer)
{
	if (!writer->binary)
		peal_buffer_append_char(writer->out, ']');
}

void peal_codec_key_of(struct peal_codec_writer *writer, const char *key, size_t length)
{
	struct peal_buffer *out = writer->out;
	if (!writer->binary)
		put_comma(writer);
	char *to = peal_buffer_reserve(out, length + 3);
	if (!to)
		return;
	if (writer->binary) {
		/* The form of a string that is short. */
		*to++ = (char)(0xa0 | length);
		memcpy(to, key, length);
		peal_buffer_wrote(out, 1 + length);
		return;
	}
	*to++ = '"';
	memcpy(to, key, length);
	memcpy(to + length, "\":", 2);
	peal_buffer_wrote(out, length + 3);
}

void peal_codec_text(struct peal_codec_writer *writer, const char *text, size_t length)
{
	if (writer->binary) {
		peal_msgpack_put_string(writer->out, text, length);
		return;
	}
	put_comma(writer);
	peal_json_append_string(writer->out, text, length);
}

void peal_codec_number(struct peal_codec_writer *writer, uint64_t number)
{
	if (writer->binary) {
		peal_msgpack_put_uint(writer->out, number);
		return;
	}
	put_comma(writer);
	peal_json_append_double(writer->out, (double)number);
}

void peal_codec_bool(struct peal_codec_writer *writer, bool value)
{
	if (writer->binary) {
		peal_msgpack_put_bool(writer->out, value);
		return;
	}
	put_comma(writer);
	peal_buffer_append_text(writer->out, value ? "true" : "false");
}

void peal_codec_undefined(struct peal_codec_writer *writer)
{
	if (writer->binary) {
		peal_msgpack_put_undefined(writer->out);
		return;
	}
	put_comma(writer);
	peal_buffer_append_text(writer->out, "null");
}

static void put_values(struct peal_codec_writer *writer, const char *text, size_t length,
		       const struct peal_bytes *attachments, size_t attachment_count)
{
	if (!writer->binary) {
		if (attachment_count)
			writer->error = PEAL_EMIT_E_INVALID;
		put_comma(writer);
		peal_buffer_append(writer->out, text, length);
	} else if (peal_msgpack_put_json(writer->out, text, length, attachments,
					 attachment_count)) {
		writer->error = PEAL_EMIT_E_INVALID;
	}
}

void peal_codec_json(struct peal_codec_writer *writer, const char *text, size_t length)
{
	struct peal_json_facts facts;
	if (!peal_json_validate(text, length, &facts)) {
		writer->error = PEAL_EMIT_E_INVALID;
		return;
	}
	put_values(writer, text, length, NULL, 0);
}

void peal_codec_args(struct peal_codec_writer *writer, const struct peal_args *args)
{
	if (args && args->count)
		put_values(writer, args->text, args->length, args->attachments,
			   args->attachment_count);
}

void peal_codec_names(struct peal_codec_writer *writer, const char *const *names, size_t count)
{
	peal_codec_open_array(writer, count);
	for (size_t i = 0; i < count; i++)
		peal_codec_text(writer, names[i], strlen(names[i]));
	peal_codec_close_array(writer);
}
