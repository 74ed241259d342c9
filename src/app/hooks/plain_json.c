/*
 * JSON that every backend can read.
 */
#include "plain_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Enough for each whole number that a double holds. */
#define NUMBER_BYTES 320
/* \uxxxx */
#define ESCAPE_BYTES 6

enum half { NO_HALF, HIGH_HALF, LOW_HALF };

/* What the escape that may begin here stands for. */
static enum half half_at(const char *at, const char *end)
{
	if (end - at < ESCAPE_BYTES || at[0] != '\\' || at[1] != 'u' || (at[2] | 0x20) != 'd')
		return NO_HALF;
	switch (at[3] | 0x20) {
	case '8':
	case '9':
	case 'a':
	case 'b':
		return HIGH_HALF;
	case 'c':
	case 'd':
	case 'e':
	case 'f':
		return LOW_HALF;
	default:
		return NO_HALF;
	}
}

/* Behind the string whose first character is here. */
static char *mend_string(char *at, const char *end)
{
	while (at < end && *at != '"') {
		enum half half = half_at(at, end);

		if (half == HIGH_HALF && half_at(at + ESCAPE_BYTES, end) == LOW_HALF) {
			at += 2 * ESCAPE_BYTES;
		} else if (half) {
			memcpy(at, "\\ufffd", ESCAPE_BYTES);
			at += ESCAPE_BYTES;
		} else {
			at += *at == '\\' ? 2 : 1;
		}
	}
	return at + 1;
}

/* Behind the number that begins here; NULL when it is none that everybody holds. */
static char *skip_number(char *at, const char *end)
{
	char text[NUMBER_BYTES + 1];
	size_t length = 0;

	while (at < end && strchr("+-.0123456789eE", *at)) {
		if (length == NUMBER_BYTES)
			return NULL;
		text[length++] = *at++;
	}
	text[length] = '\0';
	return isfinite(strtod(text, NULL)) ? at : NULL;
}

bool peal_plain_json(char *json, size_t length, unsigned depth)
{
	char *at = json;
	const char *end = json + length;
	unsigned level = 0;

	while (at && at < end) {
		if (*at == '"') {
			at = mend_string(at + 1, end);
		} else if (*at == '-' || (*at >= '0' && *at <= '9')) {
			at = skip_number(at, end);
		} else {
			if (*at == '{' || *at == '[')
				level++;
			else if (*at == '}' || *at == ']')
				level--;
			if (level > depth)
				return false;
			at++;
		}
	}
	return at != NULL;
}
