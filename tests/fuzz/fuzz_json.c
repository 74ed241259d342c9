/*
 * JSON: the validator agrees with a slow and plain one, and with cJSON as far as that knows JSON;
 * walks cover the text; strings and numbers survive printing.
 */
#include "tests/fuzz/fuzz.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "base/limits.h"
#include "protocol/json.h"
#include "protocol/text.h"
#include "protocol/tree.h"

/* --- the plain validator ---------------------------------------------------------------- */

struct plain {
	const char *at, *end;
};

static bool take(struct plain *plain, char c)
{
	if (plain->at == plain->end || *plain->at != c)
		return false;
	plain->at++;
	return true;
}

static bool take_of(struct plain *plain, const char *set)
{
	return plain->at < plain->end && *plain->at && strchr(set, *plain->at) && plain->at++;
}

static void take_space(struct plain *plain)
{
	while (take_of(plain, " \t\r\n"))
		;
}

static bool take_word(struct plain *plain, const char *word)
{
	while (*word)
		if (!take(plain, *word++))
			return false;
	return true;
}

static bool take_digits(struct plain *plain)
{
	if (!take_of(plain, "0123456789"))
		return false;
	while (take_of(plain, "0123456789"))
		;
	return true;
}

static bool take_number(struct plain *plain)
{
	take(plain, '-');
	if (!take(plain, '0') && !take_digits(plain))
		return false;
	if (take(plain, '.') && !take_digits(plain))
		return false;
	if (take_of(plain, "eE")) {
		take_of(plain, "+-");
		return take_digits(plain);
	}
	return true;
}

static bool take_string(struct plain *plain)
{
	if (!take(plain, '"'))
		return false;
	const char *from = plain->at;
	while (plain->at < plain->end && *plain->at != '"') {
		if ((unsigned char)*plain->at < 0x20)
			return false;
		if (take(plain, '\\')) {
			if (take(plain, 'u')) {
				for (int i = 0; i < 4; i++)
					if (!take_of(plain, "0123456789abcdefABCDEF"))
						return false;
			} else if (!take_of(plain, "\"\\/bfnrt")) {
				return false;
			}
		} else {
			plain->at++;
		}
	}
	return peal_utf8_valid(from, (size_t)(plain->at - from)) && take(plain, '"');
}

static bool take_value(struct plain *plain, int depth)
{
	if (plain->at == plain->end)
		return false;
	char c = *plain->at;
	if (c != '{' && c != '[')
		return c == '"'	  ? take_string(plain)
		       : c == 't' ? take_word(plain, "true")
		       : c == 'f' ? take_word(plain, "false")
		       : c == 'n' ? take_word(plain, "null")
				  : take_number(plain);
	char closing = c == '{' ? '}' : ']';
	if (depth == PEAL_LIMIT_JSON_DEPTH)
		return false;
	plain->at++;
	take_space(plain);
	if (take(plain, closing))
		return true;
	do {
		take_space(plain);
		if (c == '{') {
			if (!take_string(plain))
				return false;
			take_space(plain);
			if (!take(plain, ':'))
				return false;
			take_space(plain);
		}
		if (!take_value(plain, depth + 1))
			return false;
		take_space(plain);
	} while (take(plain, ','));
	return take(plain, closing);
}

static bool plain_valid(const char *text, size_t length)
{
	struct plain plain = { text, text + length };
	take_space(&plain);
	if (!take_value(&plain, 0))
		return false;
	take_space(&plain);
	return plain.at == plain.end;
}

/* --- properties of valid text ----------------------------------------------------------- */

static void check_string(const char *text, size_t length)
{
	struct peal_buffer decoded = PEAL_BUFFER(length), printed = PEAL_BUFFER(6 * length),
			   again = PEAL_BUFFER(6 * length);
	bool has_nul, has_nul_again;
	FUZZ_CHECK(!peal_json_decode_string(text, length, &decoded, &has_nul));
	FUZZ_CHECK(peal_utf8_valid(decoded.bytes, decoded.length));
	FUZZ_CHECK(has_nul == !!memchr(decoded.bytes, '\0', decoded.length));
	peal_json_append_string(&printed, decoded.bytes, decoded.length);
	FUZZ_CHECK(plain_valid(printed.bytes, printed.length));
	FUZZ_CHECK(!peal_json_decode_string(printed.bytes, printed.length, &again, &has_nul_again));
	FUZZ_CHECK(again.length == decoded.length);
	FUZZ_CHECK(!memcmp(again.bytes, decoded.bytes, again.length));
	peal_buffer_deinit(&decoded);
	peal_buffer_deinit(&printed);
	peal_buffer_deinit(&again);
}

static void check_number(const char *text, size_t length)
{
	double number = peal_json_parse_number(text, length);
	struct peal_buffer printed = PEAL_BUFFER(64);
	FUZZ_CHECK(!isnan(number));
	peal_json_append_double(&printed, number);
	if (isinf(number)) {
		FUZZ_CHECK(!strcmp(printed.bytes, "null"));
	} else {
		FUZZ_CHECK(plain_valid(printed.bytes, printed.length));
		FUZZ_CHECK(peal_json_parse_number(printed.bytes, printed.length) == number);
		FUZZ_CHECK(strtod(printed.bytes, NULL) == number);
	}
	peal_buffer_deinit(&printed);
}

static void check_items(const char *text, size_t length, size_t items)
{
	const char *at = text, *end = text + length, *start;
	while (*at != '[')
		at++;
	while (end[-1] != ']')
		end--;
	at++, end--;
	for (size_t i = 0; i < items; i++) {
		at = peal_json_skip_value(at, end, &start);
		FUZZ_CHECK(at <= end && start < at);
		FUZZ_CHECK(plain_valid(start, (size_t)(at - start)));
		FUZZ_CHECK(!strchr(" \t\r\n", *start) && !strchr(" \t\r\n", at[-1]));
		switch (peal_json_type_at(start, at)) {
		case PEAL_JSON_STRING:
			check_string(start, (size_t)(at - start));
			break;
		case PEAL_JSON_NUMBER:
			check_number(start, (size_t)(at - start));
			break;
		default:
			break;
		}
		at += strspn(at, " \t\r\n");
		FUZZ_CHECK(*at == (i + 1 < items ? ',' : ']'));
		at++;
	}
	if (items)
		FUZZ_CHECK(at == end + 1);
}

/* Print a tree of ours and compare it with what cJSON understood, where that understands all. */
static void check_tree(const char *text, size_t length)
{
	struct peal_buffer printed = PEAL_BUFFER(6 * length + 64),
			   theirs = PEAL_BUFFER(6 * length + 64);
	struct peal_json_facts facts;
	cJSON *tree = peal_tree_parse(text, length);
	FUZZ_CHECK(tree);
	FUZZ_CHECK(peal_tree_print(&printed, tree, PEAL_LIMIT_JSON_DEPTH));
	FUZZ_CHECK(!peal_buffer_error(&printed));
	FUZZ_CHECK(peal_json_validate(printed.bytes, printed.length, &facts));
	cJSON_Delete(tree);

	/* It keeps half surrogate pairs out, strings end at U+0000, numbers at 63 characters. */
	size_t digits = 0, most = 0;
	bool escapes = false;
	for (size_t i = 0; i < length; i++) {
		digits = text[i] && strchr("0123456789+-eE.", text[i]) ? digits + 1 : 0;
		most = digits > most ? digits : most;
		if (i + 3 < length && text[i] == '\\' && text[i + 1] == 'u' &&
		    ((text[i + 2] | 0x20) == 'd' || !memcmp(text + i + 2, "00", 2)))
			escapes = true;
	}
	if (!escapes && most < 60) {
		char *terminated = malloc(length + 1);
		memcpy(terminated, text, length);
		terminated[length] = '\0';
		tree = cJSON_ParseWithLengthOpts(terminated, length + 1, NULL, true);
		FUZZ_CHECK(tree);
		FUZZ_CHECK(peal_tree_print(&theirs, tree, PEAL_LIMIT_JSON_DEPTH));
		FUZZ_CHECK(theirs.length == printed.length);
		FUZZ_CHECK(!memcmp(theirs.bytes, printed.bytes, printed.length));
		cJSON_Delete(tree);
		free(terminated);
	}
	peal_buffer_deinit(&printed);
	peal_buffer_deinit(&theirs);
}

/* Any bytes as a string that is printed, if they are text. */
static void check_any_string(const char *bytes, size_t size)
{
	struct peal_buffer printed = PEAL_BUFFER(6 * size + 2);
	bool text = peal_utf8_valid(bytes, size);
	FUZZ_CHECK(peal_json_append_checked(&printed, bytes, size) == text);
	if (text) {
		FUZZ_CHECK(!peal_buffer_error(&printed));
		FUZZ_CHECK(plain_valid(printed.bytes, printed.length));
		check_string(printed.bytes, printed.length);
	} else {
		FUZZ_CHECK(!printed.length);
	}
	peal_buffer_deinit(&printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_exact(data, size);
	struct peal_json_facts facts;
	bool valid = peal_json_validate(text, size, &facts);

	FUZZ_CHECK(valid == plain_valid(text, size));
	if (valid) {
		const char *start, *end = peal_json_skip_value(text, text + size, &start);
		uint64_t num;
		FUZZ_CHECK(peal_json_type_at(start, end) == facts.type);
		FUZZ_CHECK(plain_valid(start, (size_t)(end - start)));
		FUZZ_CHECK(facts.depth <= PEAL_LIMIT_JSON_DEPTH);
		FUZZ_CHECK(facts.placeholders ||
			   (!facts.placeholder_invalid && !facts.placeholder_max));
		if (peal_json_placeholder(text, size, &num)) {
			FUZZ_CHECK(facts.placeholders);
			FUZZ_CHECK(num == UINT64_MAX ? facts.placeholder_invalid
						     : num <= facts.placeholder_max);
		}
		if (facts.type == PEAL_JSON_ARRAY)
			check_items(text, size, facts.items);
		else if (facts.type == PEAL_JSON_STRING)
			check_string(start, (size_t)(end - start));
		else if (facts.type == PEAL_JSON_NUMBER)
			check_number(start, (size_t)(end - start));
		check_tree(text, size);
	}
	check_any_string(text, size);
	free(text);
	return 0;
}
