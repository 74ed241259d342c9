/*
 * Pieces of JSON text.
 */
#include "api_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct peal_piece peal_piece_trim(const char *text, size_t length)
{
	while (length && is_space(*text))
		text++, length--;
	while (length && is_space(text[length - 1]))
		length--;
	return (struct peal_piece){ text, length };
}

struct peal_pieces peal_piece_into(struct peal_piece container)
{
	return (struct peal_pieces){ container.at + 1, container.at + container.length - 1 };
}

/* Behind the string that begins here. */
static const char *skip_string(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		at += *at == '\\';
	return at < end ? at + 1 : end;
}

/* Behind the value that begins here. */
static const char *skip_value(const char *at, const char *end)
{
	size_t depth = 0;

	while (at < end) {
		if (*at == '"') {
			at = skip_string(at, end);
			if (!depth)
				return at;
			continue;
		}
		if (*at == '{' || *at == '[') {
			depth++;
		} else if (*at == '}' || *at == ']') {
			if (!depth)
				return at;
			if (!--depth)
				return at + 1;
		} else if (!depth && (*at == ',' || is_space(*at))) {
			return at;
		}
		at++;
	}
	return end;
}

static void skip_space(struct peal_pieces *walk, char also)
{
	while (walk->at < walk->end && (is_space(*walk->at) || *walk->at == also))
		walk->at++;
}

bool peal_piece_next(struct peal_pieces *walk, struct peal_piece *ret_key,
		     struct peal_piece *ret_value)
{
	const char *start;

	skip_space(walk, ',');
	if (walk->at >= walk->end)
		return false;
	if (ret_key) {
		start = walk->at;
		walk->at = skip_string(start, walk->end);
		*ret_key = (struct peal_piece){ start, (size_t)(walk->at - start) };
		skip_space(walk, ':');
	}
	start = walk->at;
	walk->at = skip_value(start, walk->end);
	*ret_value = (struct peal_piece){ start, (size_t)(walk->at - start) };
	return walk->at > start; /* not at a bracket that closes nothing */
}

static unsigned hex4(const char *at)
{
	unsigned number = 0;

	for (int i = 0; i < 4; i++) {
		char c = at[i];

		number = number << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return number;
}

static size_t put_utf8(unsigned code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* One character of a string, escaped or not, at @at. Return: its bytes in @out; 0 for U+0000 and
 * half a surrogate pair. */
static size_t take_character(const char **at, const char *end, char out[4])
{
	static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *c = *at;
	unsigned code, low;

	if (*c != '\\') {
		out[0] = *c;
		*at = c + 1;
		return 1;
	}
	if (end - c < (c[1] == 'u' ? 6 : 2))
		return 0;
	if (c[1] != 'u') {
		const char *found = memchr(escapes, c[1], sizeof(escapes) - 1);

		out[0] = found ? meant[found - escapes] : c[1];
		*at = c + 2;
		return 1;
	}
	code = hex4(c + 2);
	*at = c + 6;
	if (code >= 0xd800 && code < 0xdc00 && end - *at >= 6 && c[6] == '\\' && c[7] == 'u') {
		low = hex4(c + 8);
		if (low < 0xdc00 || low > 0xdfff)
			return 0;
		*at = c + 12;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	} else if (code == 0 || (code >= 0xd800 && code < 0xe000)) {
		return 0;
	}
	return put_utf8(code, out);
}

bool peal_piece_is(struct peal_piece string, const char *text)
{
	const char *at = string.at + 1, *end = string.at + string.length - 1;
	char character[4];

	while (at < end && *text) {
		if (take_character(&at, end, character) != 1 || character[0] != *text++)
			return false;
	}
	return at >= end && !*text;
}

char *peal_piece_string(struct peal_piece string)
{
	const char *at = string.at + 1, *end = string.at + string.length - 1;
	char *text = malloc(string.length + 1), *out = text;

	errno = text ? 0 : ENOMEM;
	if (!text)
		return NULL;
	while (at < end) {
		size_t length = take_character(&at, end, out);

		if (!length) {
			free(text);
			errno = 0;
			return NULL;
		}
		out += length;
	}
	*out = '\0';
	return text;
}

bool peal_piece_natural(struct peal_piece number, unsigned *ret_number)
{
	unsigned sum = 0;

	if (number.length < 1 || number.length > 9)
		return false;
	for (size_t i = 0; i < number.length; i++) {
		if (number.at[i] < '0' || number.at[i] > '9')
			return false;
		sum = sum * 10 + (unsigned)(number.at[i] - '0');
	}
	*ret_number = sum;
	return true;
}

void peal_piece_put_string(FILE *stream, const char *text)
{
	fputc('"', stream);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(stream, "\\%c", *c);
		else if (*c < 0x20 || *c == 0x7f)
			fprintf(stream, "\\u%04x", *c);
		else
			fputc(*c, stream);
	}
	fputc('"', stream);
}
