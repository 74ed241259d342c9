/*
 * Patterns of names.
 *
 * Since a star takes no colon, the first place where the text behind it fits is as good as any: if
 * a later one could be reached, there is no colon between the two, so what follows loses nothing.
 */
#include "pattern.h"

#include <stddef.h>
#include <string.h>

#define OWN_EVENTS "peal:"
#define USER "{user}"
#define USER_LENGTH (sizeof(USER) - 1)

/* Those of ASCII and U+0080 to U+009F. */
static bool has_control(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0))
			return true;
	return false;
}

const char *peal_pattern_error(const char *pattern)
{
	unsigned wild = 0;

	if (!*pattern || strlen(pattern) > PEAL_PATTERN_BYTES)
		return "must have 1 to 255 bytes";
	if (has_control(pattern))
		return "has a control character, and matches nothing";
	for (const char *at = pattern; *at; at++) {
		if (*at == '*' && at[1] == '*')
			return "has two stars in a row; one is any run of characters";
		if (*at == '{' && strncmp(at, USER, USER_LENGTH) != 0)
			return "has a brace that is not {user}";
		wild += *at == '*' || *at == '{';
	}
	return wild > PEAL_PATTERN_WILD ? "has more than 8 stars and {user}" : NULL;
}

bool peal_pattern_is_literal(const char *pattern)
{
	return !pattern[strcspn(pattern, "*{")];
}

bool peal_pattern_is_own(const char *name)
{
	return !strncmp(name, OWN_EVENTS, strlen(OWN_EVENTS));
}

/* Does the name go on with the pattern up to its next star or its end? Both are moved behind that.
 */
static bool take_text(const char **pattern, const char *user, const char **name)
{
	const char *at = *pattern, *n = *name;

	while (*at && *at != '*') {
		const char *piece = *at == '{' ? user : at;
		size_t length = *at == '{' ? strlen(user) : 1;

		if (strncmp(n, piece, length) != 0)
			return false;
		n += length;
		at += *at == '{' ? USER_LENGTH : 1;
	}
	*pattern = at;
	*name = n;
	return true;
}

/* The pattern begins behind a star. */
static bool matches_after_star(const char *pattern, const char *user, const char *name)
{
	const char *from = name;

	for (;;) {
		const char *rest = pattern;

		/* The star takes at least one. */
		if (!*from || *from == ':')
			return false;
		from++;
		name = from;
		if (!take_text(&rest, user, &name))
			continue;
		if (!*rest && *name)
			continue; /* the end of the pattern is the end of the name */
		if (!*rest)
			return true;
		pattern = rest + 1;
		from = name;
	}
}

bool peal_pattern_matches(const char *pattern, const char *user, const char *name)
{
	if (has_control(name) || (!user && strstr(pattern, USER)) ||
	    !take_text(&pattern, user, &name))
		return false;
	return *pattern ? matches_after_star(pattern + 1, user, name) : !*name;
}
