/*
 * Arguments with binary in JSON: {"$binary":"base64"} at any depth, both ways.
 *
 * Both directions are one pass over the text: all that is not binary stays as it was written.
 */
#include "api_binary.h"

#include <errno.h>
#include <peal/emit.h>
#include <stdlib.h>
#include <string.h>

#include "base64std.h"

/* What an event may carry; peal_args_new_from_json() has the same ceiling. */
#define ATTACHMENTS 10
/* {"_placeholder":true,"num":9} is longer than {"$binary":""}. */
#define PLACEHOLDER_BYTES 32

static const char WRONG_FORM[] = "\"$binary\" stands alone in its object, with base64 as its value";
static const char WRONG_BASE64[] = "\"$binary\" is not base64 with its padding";
static const char TOO_MANY[] = "more than 10 binary values";

struct reader {
	const char *at, *end;
	char *out;
	size_t used, brace; /* where the last { was written */
	char last;	    /* the last character that is no white space, outside of strings */
	struct peal_bytes attachments[ATTACHMENTS];
	size_t count;
};

/* --- in -------------------------------------------------------------------------------------- */

static struct peal_piece string_at(const char *at, const char *end)
{
	struct peal_pieces walk = { at, end };
	struct peal_piece string = { at, 0 };

	(void)peal_piece_next(&walk, NULL, &string);
	return string;
}

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && strchr(" \t\r\n", *at))
		at++;
	return at;
}

/* The member "$binary" begins at its colon. */
static int take_binary(struct reader *reader, const char **ret_wrong)
{
	const char *at = skip_space(reader->at + 1, reader->end);
	struct peal_bytes *bytes = &reader->attachments[reader->count];
	struct peal_piece string;
	unsigned char *decoded;
	char *text;

	*ret_wrong = WRONG_FORM;
	if (reader->last != '{' || *at != '"')
		return PEAL_EMIT_E_INVALID;
	string = string_at(at, reader->end);
	at = skip_space(string.at + string.length, reader->end);
	if (*at != '}')
		return PEAL_EMIT_E_INVALID;
	if (reader->count == ATTACHMENTS) {
		*ret_wrong = TOO_MANY;
		return PEAL_EMIT_E_TOO_LARGE;
	}
	*ret_wrong = WRONG_BASE64;
	text = peal_piece_string(string);
	if (!text)
		return errno ? -ENOMEM : PEAL_EMIT_E_INVALID;
	decoded = malloc(strlen(text) + 1);
	if (!decoded || !peal_base64std_decode(text, decoded, &bytes->length)) {
		bool memory = decoded != NULL;

		free(decoded);
		free(text);
		return memory ? PEAL_EMIT_E_INVALID : -ENOMEM;
	}
	free(text);
	bytes->bytes = decoded;
	reader->used = reader->brace + (size_t)sprintf(reader->out + reader->brace,
						       "{\"_placeholder\":true,\"num\":%zu}",
						       reader->count);
	reader->count++;
	reader->last = '}';
	reader->at = at + 1;
	return 0;
}

static int take_string(struct reader *reader, const char **ret_wrong)
{
	struct peal_piece string = string_at(reader->at, reader->end);
	const char *behind = string.at + string.length, *colon = skip_space(behind, reader->end);

	if (colon < reader->end && *colon == ':' && peal_piece_is(string, "$binary")) {
		reader->at = colon;
		return take_binary(reader, ret_wrong);
	}
	memcpy(reader->out + reader->used, string.at, string.length);
	reader->used += string.length;
	reader->last = '"';
	reader->at = behind;
	return 0;
}

static int read_all(struct reader *reader, const char **ret_wrong)
{
	while (reader->at < reader->end) {
		char c = *reader->at;

		if (c == '"') {
			int r = take_string(reader, ret_wrong);

			if (r != 0)
				return r;
			continue;
		}
		if (c == '{')
			reader->brace = reader->used;
		if (!strchr(" \t\r\n", c))
			reader->last = c;
		reader->out[reader->used++] = c;
		reader->at++;
	}
	return 0;
}

int peal_api_args_read(struct peal_piece array, struct peal_args **ret_args, const char **ret_wrong)
{
	struct reader reader = { .at = array.at, .end = array.at + array.length };
	int r;

	reader.out = malloc(array.length + ATTACHMENTS * PLACEHOLDER_BYTES + 1);
	if (!reader.out)
		return -ENOMEM;
	r = read_all(&reader, ret_wrong);
	if (r == 0) {
		*ret_wrong = "cannot be sent";
		r = peal_args_new_from_json(reader.out, reader.used, reader.attachments,
					    reader.count, ret_args);
	}
	for (size_t i = 0; i < reader.count; i++)
		free((void *)reader.attachments[i].bytes);
	free(reader.out);
	return r;
}

int peal_api_args_wrap(const char *text, size_t length, const struct peal_args *inside,
		       struct peal_args **ret_args)
{
	struct peal_bytes attachments[ATTACHMENTS];
	size_t count = peal_args_attachment_count(inside);

	if (count > ATTACHMENTS)
		return PEAL_EMIT_E_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		attachments[i] = peal_args_attachment(inside, i);
	return peal_args_new_from_json(text, length, attachments, count, ret_args);
}

/* --- out ------------------------------------------------------------------------------------- */

/* Is the object that begins here the placeholder of an attachment? Those of our own making have
 * two members; what a client wrote with others among them stays as it is. */
static bool is_placeholder(const char *at, const char *end, unsigned *ret_num, const char **ret_end)
{
	struct peal_pieces walk = { at + 1, end };
	bool marked = false, numbered = false;

	for (int i = 0; i < 2; i++) {
		struct peal_piece key, value;

		walk.at = skip_space(walk.at, end);
		if (i == 1 && walk.at < end && *walk.at == ',')
			walk.at = skip_space(walk.at + 1, end);
		if (walk.at >= end || *walk.at != '"')
			return false;
		/* Only a value that is no container: looking at one would take its whole length. */
		key = string_at(walk.at, end);
		walk.at = skip_space(key.at + key.length, end);
		walk.at = skip_space(walk.at + 1, end);
		if (walk.at >= end || strchr("{[\"", *walk.at))
			return false;
		(void)peal_piece_next(&walk, NULL, &value);
		if (peal_piece_is(key, "_placeholder"))
			marked = value.length == 4 && !memcmp(value.at, "true", 4);
		else if (peal_piece_is(key, "num"))
			numbered = peal_piece_natural(value, ret_num);
	}
	walk.at = skip_space(walk.at, end);
	*ret_end = walk.at + 1;
	return marked && numbered && walk.at < end && *walk.at == '}';
}

/*
 * A stock client gives each value an attachment of its own. One that names the same attachment
 * again and again wrote that by hand, and would have its answer grow by the product: only the first
 * is replaced, the others stay as they are.
 */
static void put(FILE *stream, const struct peal_args *args, const char *at, size_t length)
{
	bool written[ATTACHMENTS] = { false };
	size_t attachments = peal_args_attachment_count(args);
	const char *end;

	if (!attachments) {
		fwrite(at, 1, length, stream);
		return;
	}
	for (end = at + length; at < end;) {
		const char *behind;
		unsigned num;

		if (*at == '"') {
			struct peal_piece string = string_at(at, end);

			fwrite(string.at, 1, string.length, stream);
			at += string.length;
		} else if (*at == '{' && is_placeholder(at, end, &num, &behind) &&
			   num < attachments && num < ATTACHMENTS && !written[num]) {
			struct peal_bytes bytes = peal_args_attachment(args, num);

			written[num] = true;
			fputs("{\"$binary\":\"", stream);
			peal_base64std_put(stream, bytes.bytes, bytes.length);
			fputs("\"}", stream);
			at = behind;
		} else {
			fputc(*at++, stream);
		}
	}
}

void peal_api_args_put(FILE *stream, const struct peal_args *args)
{
	size_t length = 0;
	const char *at = args ? peal_args_item(args, 0, &length) : NULL;

	if (at)
		put(stream, args, at, length);
	else
		fputs("null", stream);
}

void peal_api_args_put_all(FILE *stream, const struct peal_args *args)
{
	size_t length;
	const char *at = peal_args_text(args, &length);

	put(stream, args, at, length);
}
