/*
 * Origins and patterns of them.
 *
 * Browsers write an origin in one way only, and nothing is forgiven here that they do not write but
 * the case of letters and the port of the scheme: a text that two readers understand differently
 * is the way past a list.
 */
#include "origin.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define SCHEME LETTERS DIGITS "+.-"
#define LABEL LETTERS DIGITS "-_"

static size_t address_length(const char *text)
{
	size_t inside = strspn(text + 1, DIGITS "ABCDEFabcdef:.");

	return inside && text[1 + inside] == ']' ? inside + 2 : 0;
}

/* Labels with dots between. Return: 0 when one is empty. */
static size_t name_length(const char *text, bool pattern)
{
	size_t length = pattern && !strncmp(text, "*.", 2) ? 2 : 0;
	unsigned least = length ? 2 : 1, labels = 0;

	for (;; length++) {
		size_t label = strspn(text + length, LABEL);

		if (!label)
			return 0;
		length += label;
		labels++;
		if (text[length] != '.')
			return labels >= least ? length : 0;
	}
}

static bool is_port(const char *text)
{
	size_t digits = strspn(text, DIGITS);

	return digits && digits <= 5 && !text[digits] && *text != '0' &&
	       strtoul(text, NULL, 10) <= 65535;
}

static bool is_default(const char *origin, const char *port)
{
	return (!strncmp(origin, "http:", 5) && !strcmp(port, "80")) ||
	       (!strncmp(origin, "https:", 6) && !strcmp(port, "443"));
}

/* Of pages that have none, such as files. */
static bool is_nowhere(const char *text)
{
	return !strcmp(text, "null") || !strcmp(text, "file://");
}

bool peal_origin_write(const char *text, bool pattern, char ret_origin[PEAL_ORIGIN_BYTES])
{
	size_t length = strlen(text), scheme = strspn(text, SCHEME), host = scheme + 3, end;

	if (length >= PEAL_ORIGIN_BYTES)
		return false;
	memcpy(ret_origin, text, length + 1);
	if (is_nowhere(text))
		return true;
	if (!strspn(text, LETTERS) || strncmp(text + scheme, "://", 3) != 0)
		return false;
	end = text[host] == '[' ? address_length(text + host) : name_length(text + host, pattern);
	if (!end)
		return false;
	end += host;
	if (text[end] && (text[end] != ':' || !is_port(text + end + 1)))
		return false;
	for (char *c = ret_origin; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
	if (text[end] && is_default(ret_origin, text + end + 1))
		ret_origin[end] = '\0';
	return true;
}

const char *peal_origin_error(const char *pattern)
{
	char origin[PEAL_ORIGIN_BYTES];

	if (!strcmp(pattern, "*"))
		return "would be any origin, as it is without this setting";
	if (!peal_origin_write(pattern, true, origin))
		return "is not an origin as browsers write it: null, or scheme://host[:port] in "
		       "ASCII, without a path; the host may begin with *. and have two labels or "
		       "more behind it";
	return NULL;
}

bool peal_origin_matches(const char *pattern, const char *origin)
{
	const char *star = strchr(pattern, '*');
	size_t before;

	if (!star)
		return !strcmp(pattern, origin);
	before = (size_t)(star - pattern);
	if (strncmp(pattern, origin, before) != 0)
		return false;
	/* The label is up to the first dot: there is none in it. */
	origin += before;
	return *origin != '[' && !strcmp(origin + strcspn(origin, "."), star + 1);
}
