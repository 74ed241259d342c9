#include "base/log.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = { "error", "warning", "info", "debug" };

struct out {
	char *at;
	size_t size, length;
};

static void put(struct out *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length && out->length + 1 < out->size; i++)
		out->at[out->length++] = text[i];
}

static void put_text(struct out *out, const char *text)
{
	put(out, text, strlen(text));
}

static void put_quoted(struct out *out, const char *text)
{
	put(out, "\"", 1);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\') {
			put(out, (char[]){ '\\', (char)*c }, 2);
		} else if (*c < 0x20 || *c == 0x7f) {
			char escaped[8];
			put(out, escaped,
			    (size_t)snprintf(escaped, sizeof(escaped), "\\u%04x", *c));
		} else {
			put(out, (const char *)c, 1);
		}
	}
	put(out, "\"", 1);
}

static bool plain(const char *text)
{
	if (!*text)
		return false;
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= ' ' || *c == 0x7f || *c == '"' || *c == '\\' || *c == '=')
			return false;
	return true;
}

static void put_number(struct out *out, int64_t number)
{
	char digits[24];
	put(out, digits, (size_t)snprintf(digits, sizeof(digits), "%" PRId64, number));
}

static size_t finish(struct out *out)
{
	if (!out->size)
		return 0;
	if (out->length + 1 >= out->size && out->size > 1)
		out->length = out->size - 2;
	if (out->size > 1)
		out->at[out->length++] = '\n';
	out->at[out->length] = '\0';
	return out->length;
}

size_t peal_log_format_text(enum peal_log_level level, const char *message,
			    const struct peal_log_field *fields, size_t count, char *buffer,
			    size_t size)
{
	struct out out = { buffer, size, 0 };
	put_text(&out, "level=");
	put_text(&out, level_names[level]);
	put_text(&out, " message=");
	put_quoted(&out, message);
	for (size_t i = 0; i < count; i++) {
		put_text(&out, " ");
		put_text(&out, fields[i].key);
		put_text(&out, "=");
		if (!fields[i].text)
			put_number(&out, fields[i].number);
		else if (plain(fields[i].text))
			put_text(&out, fields[i].text);
		else
			put_quoted(&out, fields[i].text);
	}
	return finish(&out);
}

size_t peal_log_format_json(enum peal_log_level level, const char *message,
			    const struct peal_log_field *fields, size_t count, char *buffer,
			    size_t size)
{
	struct out out = { buffer, size, 0 };
	put_text(&out, "{\"level\":\"");
	put_text(&out, level_names[level]);
	put_text(&out, "\",\"message\":");
	put_quoted(&out, message);
	for (size_t i = 0; i < count; i++) {
		put_text(&out, ",");
		put_quoted(&out, fields[i].key);
		put_text(&out, ":");
		if (!fields[i].text)
			put_number(&out, fields[i].number);
		else
			put_quoted(&out, fields[i].text);
	}
	put_text(&out, "}");
	return finish(&out);
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
