/*
 * The JSON validator and what walks validated text. One pass, no recursion and no memory: the
 * nesting is an array of PEAL_LIMIT_JSON_DEPTH levels on the stack, of which only those that the
 * text opens are ever touched.
 */
#include "protocol/json.h"

#include <string.h>

#include "base/limits.h"
#include "protocol/json_scan.h"
#include "protocol/text.h"

#define NUM_NONE UINT64_MAX
#define NUM_MAX ((UINT64_C(1) << 53) - 1)

enum key { KEY_OTHER, KEY_PLACEHOLDER, KEY_NUM };

struct level {
	uint64_t num;	  /* of an object: the last "num" so far, NUM_NONE if it is no index */
	bool object;	  /* or an array */
	bool placeholder; /* of an object: the last "_placeholder" so far was true */
};

static inline const unsigned char *skip_space(const unsigned char *at, const unsigned char *end)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	return at;
}

static inline bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_hex(unsigned char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Behind the escape whose backslash is at @at, or NULL. */
static const unsigned char *scan_escape(const unsigned char *at, const unsigned char *end)
{
	if (end - at < 2)
		return NULL;
	switch (at[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return at + 2;
	case 'u':
		if (end - at < 6 || !is_hex(at[2]) || !is_hex(at[3]) || !is_hex(at[4]) ||
		    !is_hex(at[5]))
			return NULL;
		return at + 6;
	default:
		return NULL;
	}
}

/* The same as below, from a character on that is not ASCII. Inside of a sequence there is neither a
 * quote nor a backslash: where the string ends is known before its text is. */
static const unsigned char *scan_text(const unsigned char *at, const unsigned char *end,
				      bool *ret_escaped)
{
	const unsigned char *from = at;
	for (;;) {
		at = peal_json_skip_printed(at, end);
		if (at == end || *at < 0x20)
			return NULL;
		if (*at == '"')
			return peal_utf8_valid(from, (size_t)(at - from)) ? at + 1 : NULL;
		if (*at == '\\') {
			*ret_escaped = true;
			at = scan_escape(at, end);
			if (!at)
				return NULL;
		} else {
			at++;
		}
	}
}

/* Behind the closing quote of the string whose first character is at @at, or NULL. */
static const unsigned char *scan_string(const unsigned char *at, const unsigned char *end,
					bool *ret_escaped)
{
	*ret_escaped = false;
	for (;;) {
		at = peal_json_skip_plain(at, end);
		if (at == end)
			return NULL;
		if (*at == '"')
			return at + 1;
		if (*at == '\\') {
			*ret_escaped = true;
			at = scan_escape(at, end);
			if (!at)
				return NULL;
		} else if (*at < 0x20) {
			return NULL;
		} else if (*at < 0x80) {
			at++;
		} else {
			return scan_text(at, end, ret_escaped);
		}
	}
}

static inline const unsigned char *scan_digits(const unsigned char *at, const unsigned char *end)
{
	const unsigned char *from = at;
	while (at < end && is_digit(*at))
		at++;
	return at == from ? NULL : at;
}

/* Behind the number at @at, or NULL. */
static const unsigned char *scan_number(const unsigned char *at, const unsigned char *end)
{
	if (*at == '-')
		at++;
	if (at < end && *at == '0')
		at++;
	else if (!(at = scan_digits(at, end)))
		return NULL;
	if (at < end && *at == '.' && !(at = scan_digits(at + 1, end)))
		return NULL;
	if (at < end && (*at | 0x20) == 'e') {
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		at = scan_digits(at, end);
	}
	return at;
}

/* Behind the word at @at, or NULL. */
static inline const unsigned char *scan_word(const unsigned char *at, const unsigned char *end,
					     const char *word, size_t length)
{
	if ((size_t)(end - at) < length || memcmp(at, word, length))
		return NULL;
	return at + length;
}

static const unsigned char *scan_scalar(const unsigned char *at, const unsigned char *end)
{
	bool escaped;
	switch (*at) {
	case '"':
		return scan_string(at + 1, end, &escaped);
	case 't':
		return scan_word(at, end, "true", 4);
	case 'f':
		return scan_word(at, end, "false", 5);
	case 'n':
		return scan_word(at, end, "null", 4);
	default:
		return scan_number(at, end);
	}
}

/* Which key a string is, given with its quotes. Only its decoded form counts. */
static enum key key_of(const unsigned char *at, const unsigned char *end, bool escaped)
{
	char decoded[sizeof("_placeholder") * 6];
	const char *name = (const char *)at + 1;
	size_t length = (size_t)(end - at) - 2;
	if (escaped) {
		bool has_nul;
		if (length > sizeof(decoded))
			return KEY_OTHER;
		length = peal_json_decode_string_into((const char *)at, length + 2, decoded,
						      &has_nul);
		name = decoded;
	}
	if (length == 3 && !memcmp(name, "num", 3))
		return KEY_NUM;
	if (length == 12 && !memcmp(name, "_placeholder", 12))
		return KEY_PLACEHOLDER;
	return KEY_OTHER;
}

/* A valid number as the index of an attachment, or NUM_NONE. */
static uint64_t num_of(const unsigned char *at, const unsigned char *end)
{
	uint64_t num = 0;
	if (end - at <= 16) {
		const unsigned char *digit = at;
		for (; digit < end && is_digit(*digit); digit++)
			num = num * 10 + (uint64_t)(*digit - '0');
		if (digit == end)
			return num <= NUM_MAX ? num : NUM_NONE;
	}
	/* 1e0 and 1.0 are as good to JavaScript. */
	double number = peal_json_parse_number((const char *)at, (size_t)(end - at));
	if (!(number >= 0 && number <= (double)NUM_MAX))
		return NUM_NONE;
	num = (uint64_t)number;
	return (double)num == number ? num : NUM_NONE;
}

static void count_placeholder(struct peal_json_facts *facts, uint64_t num)
{
	facts->placeholders++;
	if (num == NUM_NONE)
		facts->placeholder_invalid = true;
	else if (num > facts->placeholder_max)
		facts->placeholder_max = num;
}

/* Behind the key at @at, its colon and the space around it, or NULL. */
static const unsigned char *scan_key(const unsigned char *at, const unsigned char *end,
				     enum key *ret_key)
{
	bool escaped;
	if (at == end || *at != '"')
		return NULL;
	const unsigned char *key_end = scan_string(at + 1, end, &escaped);
	if (!key_end)
		return NULL;
	*ret_key = key_of(at, key_end, escaped);
	at = skip_space(key_end, end);
	if (at == end || *at != ':')
		return NULL;
	return skip_space(at + 1, end);
}

bool peal_json_validate(const char *text, size_t length, struct peal_json_facts *ret_facts)
{
	struct level levels[PEAL_LIMIT_JSON_DEPTH], *level = NULL;
	struct peal_json_facts facts = { .type = PEAL_JSON_INVALID };
	const unsigned char *at = (const unsigned char *)text, *end = at + length;
	size_t depth = 0;
	enum key key = KEY_OTHER;

	at = skip_space(at, end);
	facts.type = peal_json_type_at((const char *)at, (const char *)end);
	for (;;) {
		/* A value starts at @at, behind any space. */
		if (at == end)
			return false;
		if (key == KEY_PLACEHOLDER)
			level->placeholder = *at == 't';
		else if (key == KEY_NUM)
			level->num = NUM_NONE;

		if (*at == '{' || *at == '[') {
			if (depth == PEAL_LIMIT_JSON_DEPTH)
				return false;
			level = &levels[depth++];
			*level = (struct level){ .num = NUM_NONE, .object = *at == '{' };
			if (depth > facts.depth)
				facts.depth = depth;
			key = KEY_OTHER;
			at = skip_space(at + 1, end);
			if (at == end)
				return false;
			if (*at != (level->object ? '}' : ']')) {
				if (depth == 1 && !level->object)
					facts.items = 1;
				if (level->object && !(at = scan_key(at, end, &key)))
					return false;
				continue;
			}
		} else {
			const unsigned char *from = at;
			at = scan_scalar(at, end);
			if (!at)
				return false;
			if (key == KEY_NUM && (*from == '-' || is_digit(*from)))
				level->num = num_of(from, at);
			at = skip_space(at, end);
		}

		/* A value has ended, or an empty array or object is about to. */
		while (depth && at < end && *at == (level->object ? '}' : ']')) {
			if (level->placeholder)
				count_placeholder(&facts, level->num);
			level = --depth ? &levels[depth - 1] : NULL;
			at = skip_space(at + 1, end);
		}
		if (!depth)
			break;
		if (at == end || *at != ',')
			return false;
		at = skip_space(at + 1, end);
		key = KEY_OTHER;
		if (depth == 1 && !level->object)
			facts.items++;
		if (level->object && !(at = scan_key(at, end, &key)))
			return false;
	}
	if (at != end)
		return false;
	*ret_facts = facts;
	return true;
}

enum peal_json_type peal_json_type_at(const char *at, const char *end)
{
	if (at == end)
		return PEAL_JSON_INVALID;
	switch (*at) {
	case '{':
		return PEAL_JSON_OBJECT;
	case '[':
		return PEAL_JSON_ARRAY;
	case '"':
		return PEAL_JSON_STRING;
	case 't':
		return PEAL_JSON_TRUE;
	case 'f':
		return PEAL_JSON_FALSE;
	case 'n':
		return PEAL_JSON_NULL;
	default:
		return *at == '-' || is_digit((unsigned char)*at) ? PEAL_JSON_NUMBER
								  : PEAL_JSON_INVALID;
	}
}

const char *peal_json_skip_value(const char *from, const char *from_end, const char **ret_start)
{
	const unsigned char *at = (const unsigned char *)from,
			    *end = (const unsigned char *)from_end;
	size_t depth = 0;
	bool escaped;

	at = skip_space(at, end);
	*ret_start = (const char *)at;
	while (at < end) {
		unsigned char c = *at;
		if (c == '"') {
			at = scan_string(at + 1, end, &escaped);
			if (!at)
				return from_end;
		} else if (c == '{' || c == '[') {
			depth++;
			at++;
		} else if (c == '}' || c == ']') {
			if (depth)
				depth--;
			at++;
		} else if (depth) {
			at++;
			continue;
		} else {
			at = scan_scalar(at, end);
			if (!at)
				return from_end;
		}
		if (!depth)
			break;
	}
	return (const char *)at;
}

bool peal_json_placeholder(const char *text, size_t length, uint64_t *ret_num)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + length;
	struct level level = { .num = NUM_NONE };

	at = skip_space(at, end);
	if (at == end || *at != '{')
		return false;
	do {
		enum key key;
		const char *value;
		at = scan_key(skip_space(at + 1, end), end, &key);
		if (!at)
			break;
		at = (const unsigned char *)peal_json_skip_value((const char *)at,
								 (const char *)end, &value);
		if (key == KEY_PLACEHOLDER)
			level.placeholder = *value == 't';
		else if (key == KEY_NUM)
			level.num = *value == '-' || is_digit((unsigned char)*value)
					    ? num_of((const unsigned char *)value, at)
					    : NUM_NONE;
		at = skip_space(at, end);
	} while (at < end && *at == ',');
	*ret_num = level.num;
	return level.placeholder;
}
