/*
 * Log records as lines. Fields may hold what a client sent, so whatever is in them stays inside its
 * quotes: no line can be forged, no terminal commanded. A line that does not fit is cut so that it
 * still reads as a record: no half characters, no half names, quotes and brace closed.
 */
#include "base/log.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

static const char *const level_names[] = { "error", "warning", "info", "debug" };

struct out {
	char *at;
	size_t size; /* without the newline and the NUL */
	size_t length;
	size_t owed; /* closing characters, for which room is kept */
	bool json;
	bool full; /* something did not fit; what would come later would be out of place */
};

/* All of it or nothing. */
static void put(struct out *out, const char *text, size_t length)
{
	if (out->full || length > out->size - out->length - out->owed) {
		out->full = true;
		return;
	}
	memcpy(out->at + out->length, text, length);
	out->length += length;
}

static void put_text(struct out *out, const char *text)
{
	put(out, text, strlen(text));
}

/* An opening character for which room to close it is left as well. Return: false without it. */
static bool put_open(struct out *out, char c)
{
	if (out->full || out->size - out->length - out->owed < 2) {
		out->full = true;
		return false;
	}
	out->at[out->length++] = c;
	out->owed++;
	return true;
}

static void put_close(struct out *out, char c)
{
	out->owed--;
	out->at[out->length++] = c;
}

static void put_escaped(struct out *out, unsigned code_point)
{
	char escaped[8];
	put(out, escaped, (size_t)snprintf(escaped, sizeof(escaped), "\\u%04x", code_point));
}

/* The C1 controls, of which terminals obey some, and the line separators of Unicode. */
static bool hidden_control(const unsigned char *at, size_t length)
{
	return (length == 2 && at[0] == 0xc2 && at[1] < 0xa0) ||
	       (length == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9));
}

/* The text in quotes, or as much of it as fits. Return: false when not even the quotes do. */
static bool put_quoted(struct out *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + strlen(text);
	if (!put_open(out, '"'))
		return false;
	while (at < end && !out->full) {
		size_t length = peal_utf8_sequence(at, end);
		if (!length) {
			length = peal_utf8_malformed(at, end);
			put_text(out, PEAL_UTF8_REPLACEMENT);
		} else if (*at == '"' || *at == '\\') {
			put(out, (char[]){ '\\', (char)*at }, 2);
		} else if (*at < 0x20 || *at == 0x7f) {
			put_escaped(out, *at);
		} else if (hidden_control(at, length)) {
			put_escaped(out, length == 2 ? at[1] : 0x2000u + (at[2] & 0x3fu));
		} else {
			put(out, (const char *)at, length);
		}
		at += length;
	}
	put_close(out, '"');
	return true;
}

/* Values of text lines that need no quotes. */
static bool plain(const char *text)
{
	if (!*text)
		return false;
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '"' || *c == '\\' || *c == '=')
			return false;
	return true;
}

static bool fits(const struct out *out, const char *text)
{
	return strlen(text) <= out->size - out->length - out->owed;
}

static void put_number(struct out *out, int64_t number)
{
	char digits[24];
	put(out, digits, (size_t)snprintf(digits, sizeof(digits), "%" PRId64, number));
}

/* Name and value, of which only a quoted text may be cut; else it is left out as a whole. */
static void put_field(struct out *out, bool first, const struct peal_log_field *field, bool quoted)
{
	size_t before = out->length;
	if (!first)
		put_text(out, out->json ? "," : " ");
	if (out->json)
		put_quoted(out, field->key);
	else
		put_text(out, field->key);
	put_text(out, out->json ? ":" : "=");
	if (!field->text)
		put_number(out, field->number);
	else if (!quoted && !out->full && plain(field->text) && fits(out, field->text))
		put_text(out, field->text);
	else if (put_quoted(out, field->text))
		return;
	if (out->full)
		out->length = before;
}

static size_t format(bool json, enum peal_log_level level, const char *message,
		     const struct peal_log_field *fields, size_t count, char *buffer, size_t size)
{
	struct out out = { .at = buffer, .size = size > 2 ? size - 2 : 0, .json = json };
	if (!size)
		return 0;
	bool braced = json && put_open(&out, '{');
	put_field(&out, true,
		  &(struct peal_log_field){ .key = "level", .text = level_names[level] }, json);
	put_field(&out, false, &(struct peal_log_field){ .key = "message", .text = message }, true);
	for (size_t i = 0; i < count; i++)
		put_field(&out, false, &fields[i], json);
	if (braced)
		put_close(&out, '}');
	if (size > 1)
		out.at[out.length++] = '\n';
	out.at[out.length] = '\0';
	return out.length;
}

size_t peal_log_format_text(enum peal_log_level level, const char *message,
			    const struct peal_log_field *fields, size_t count, char *buffer,
			    size_t size)
{
	return format(false, level, message, fields, count, buffer, size);
}

size_t peal_log_format_json(enum peal_log_level level, const char *message,
			    const struct peal_log_field *fields, size_t count, char *buffer,
			    size_t size)
{
	return format(true, level, message, fields, count, buffer, size);
}

void peal_log_record(const struct peal_log *log, enum peal_log_level level, const char *message,
		     const struct peal_log_field *fields)
{
	if (level > log->level)
		return;
	size_t count = 0;
	while (fields[count].key)
		count++;
	if (log->fn) {
		log->fn(level, message, fields, count, log->userdata);
		return;
	}
	char line[2048];
	size_t length = peal_log_format_text(level, message, fields, count, line, sizeof(line));
	if (write(STDERR_FILENO, line, length) < 0)
		return; /* nobody left to tell */
}
