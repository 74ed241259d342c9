/*
 * Both walks keep their own stack, so that neither a deep text of a client nor a deep tree of the
 * application grows the C stack. What cJSON_Delete() recurses over later is within the same limit.
 */
#include "protocol/tree.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "protocol/json.h"

static bool print_string(struct peal_buffer *out, const char *string)
{
	return string && peal_json_append_checked(out, string, strlen(string));
}

static bool print_raw(struct peal_buffer *out, const char *raw, size_t depth)
{
	struct peal_json_facts facts;
	if (!raw || !peal_json_validate(raw, strlen(raw), &facts) || facts.depth > depth)
		return false;
	peal_buffer_append_text(out, raw);
	return true;
}

static bool print_scalar(struct peal_buffer *out, const struct cJSON *node, size_t depth)
{
	switch (node->type & 0xff) {
	case cJSON_NULL:
		peal_buffer_append_text(out, "null");
		return true;
	case cJSON_False:
		peal_buffer_append_text(out, "false");
		return true;
	case cJSON_True:
		peal_buffer_append_text(out, "true");
		return true;
	case cJSON_Number:
		peal_json_append_double(out, node->valuedouble);
		return true;
	case cJSON_String:
		return print_string(out, node->valuestring);
	case cJSON_Raw:
		return print_raw(out, node->valuestring, depth);
	default:
		return false;
	}
}

bool peal_tree_print(struct peal_buffer *out, const struct cJSON *tree, size_t depth)
{
	const struct cJSON *open[PEAL_LIMIT_JSON_DEPTH], *node = tree;
	size_t opened = 0;

	if (!tree)
		return false;
	if (depth > PEAL_LIMIT_JSON_DEPTH)
		depth = PEAL_LIMIT_JSON_DEPTH;
	for (;;) {
		/* A circle among siblings would not end before the buffer is full. */
		if (peal_buffer_error(out))
			return true;
		if (opened && cJSON_IsObject(open[opened - 1])) {
			if (!print_string(out, node->string))
				return false;
			peal_buffer_append_char(out, ':');
		}
		if (cJSON_IsArray(node) || cJSON_IsObject(node)) {
			bool object = cJSON_IsObject(node);
			if (opened == depth)
				return false;
			peal_buffer_append_char(out, object ? '{' : '[');
			if (node->child) {
				open[opened++] = node;
				node = node->child;
				continue;
			}
			peal_buffer_append_char(out, object ? '}' : ']');
		} else if (!print_scalar(out, node, depth - opened)) {
			return false;
		}
		/* What hangs beside the root is not part of it. */
		while (opened && !node->next) {
			node = open[--opened];
			peal_buffer_append_char(out, cJSON_IsObject(node) ? '}' : ']');
		}
		if (!opened)
			return true;
		peal_buffer_append_char(out, ',');
		node = node->next;
	}
}

/* A decoded string in memory of cJSON's allocator; NULL without memory. */
static char *decode_string(const char *text, size_t length)
{
	bool has_nul;
	struct peal_buffer buffer = PEAL_BUFFER(length + 1);
	if (peal_json_decode_string(text, length, &buffer, &has_nul))
		return NULL;
	if (has_nul) {
		/* U+0000 was six bytes of text and is three now. */
		struct peal_buffer repaired = PEAL_BUFFER(3 * buffer.length);
		for (size_t i = 0; i < buffer.length; i++) {
			if (buffer.bytes[i])
				peal_buffer_append_char(&repaired, buffer.bytes[i]);
			else
				peal_buffer_append_text(&repaired, PEAL_UTF8_REPLACEMENT);
		}
		peal_buffer_deinit(&buffer);
		buffer = repaired;
		if (peal_buffer_error(&buffer)) {
			peal_buffer_deinit(&buffer);
			return NULL;
		}
	}
	char *decoded = cJSON_malloc(buffer.length + 1);
	if (decoded)
		memcpy(decoded, buffer.bytes, buffer.length + 1);
	peal_buffer_deinit(&buffer);
	return decoded;
}

static struct cJSON *parse_scalar(const char *at, const char *end)
{
	struct cJSON *node;
	switch (peal_json_type_at(at, end)) {
	case PEAL_JSON_TRUE:
		return cJSON_CreateTrue();
	case PEAL_JSON_FALSE:
		return cJSON_CreateFalse();
	case PEAL_JSON_NUMBER:
		return cJSON_CreateNumber(peal_json_parse_number(at, (size_t)(end - at)));
	case PEAL_JSON_STRING:
		node = cJSON_CreateNull();
		if (!node)
			return NULL;
		node->valuestring = decode_string(at, (size_t)(end - at));
		node->type = cJSON_String;
		if (!node->valuestring) {
			cJSON_Delete(node);
			return NULL;
		}
		return node;
	default:
		return cJSON_CreateNull();
	}
}

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	return at;
}

struct cJSON *peal_tree_parse(const char *text, size_t length)
{
	struct cJSON *open[PEAL_LIMIT_JSON_DEPTH], *root = NULL;
	const char *at = text, *end = text + length;
	size_t opened = 0;

	for (;;) {
		struct cJSON *node = NULL;
		char *key = NULL;
		const char *start;
		at = skip_space(at, end);
		if (opened && cJSON_IsObject(open[opened - 1])) {
			at = peal_json_skip_value(at, end, &start);
			key = decode_string(start, (size_t)(at - start));
			if (!key)
				goto fail;
			at = skip_space(skip_space(at, end) + 1, end); /* the colon */
		}
		bool object = *at == '{', container = object || *at == '[';
		if (container) {
			node = object ? cJSON_CreateObject() : cJSON_CreateArray();
			at++;
		} else {
			at = peal_json_skip_value(at, end, &start);
			node = parse_scalar(start, at);
		}
		if (!node) {
			cJSON_free(key);
			goto fail;
		}
		node->string = key;
		if (opened)
			cJSON_AddItemToArray(open[opened - 1], node);
		else
			root = node;
		at = skip_space(at, end);
		if (container) {
			open[opened++] = node;
			if (*at != (object ? '}' : ']'))
				continue;
		}
		/* Valid text: behind a value inside of something open stand commas or brackets. */
		while (opened && *at != ',') {
			opened--;
			at = skip_space(at + 1, end);
		}
		if (!opened)
			return root;
		at++;
	}
fail:
	cJSON_Delete(root);
	return NULL;
}
