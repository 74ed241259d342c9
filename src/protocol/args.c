/*
 * Received arguments: the text as it came, and what handlers ask of it. Nothing is parsed before
 * somebody asks, and what was parsed is kept in the cache until the arguments go.
 */
#include "protocol/args.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/json.h"
#include "protocol/tree.h"

struct slot {
	char *string;
	struct cJSON *tree;
};

struct peal_args_cache {
	struct slot *slots; /* one for each argument; NULL before the first is used */
	uint32_t *offsets;  /* where each argument starts; NULL before one behind the first is
			       asked for */
};

void peal_args_init(struct peal_args *args, const char *text, size_t length, size_t count,
		    const struct peal_bytes *attachments, size_t attachment_count)
{
	*args = (struct peal_args){
		.text = text,
		.length = length,
		.count = count,
		.attachments = attachments,
		.attachment_count = attachment_count,
	};
}

void peal_args_deinit(struct peal_args *args)
{
	struct peal_args_cache *cache = args->cache;
	if (cache) {
		for (size_t i = 0; cache->slots && i < args->count; i++) {
			free(cache->slots[i].string);
			cJSON_Delete(cache->slots[i].tree);
		}
		free(cache->slots);
		free(cache->offsets);
		free(cache);
	}
	free(args->owned);
	*args = (struct peal_args){ 0 };
}

void peal_args_free(struct peal_args *args)
{
	if (!args)
		return;
	peal_args_deinit(args);
	free(args);
}

/* The cache is no part of the value, so constant arguments have one that changes. */
static struct peal_args_cache *cache_of(const struct peal_args *args)
{
	struct peal_args *writable = (struct peal_args *)args;
	if (!writable->cache)
		writable->cache = calloc(1, sizeof(*writable->cache));
	return writable->cache;
}

/* The slot of an argument that exists, or NULL without memory. */
static struct slot *slot_of(const struct peal_args *args, size_t index)
{
	struct peal_args_cache *cache = cache_of(args);
	if (!cache)
		return NULL;
	if (!cache->slots)
		cache->slots = calloc(args->count, sizeof(*cache->slots));
	return cache->slots ? &cache->slots[index] : NULL;
}

/* Without the table of offsets, a handler that looks at each of very many arguments would walk the
 * text as many times. */
static const uint32_t *offsets_of(const struct peal_args *args)
{
	struct peal_args_cache *cache = cache_of(args);
	if (!cache || cache->offsets)
		return cache ? cache->offsets : NULL;
	cache->offsets = malloc(args->count * sizeof(*cache->offsets));
	if (!cache->offsets)
		return NULL;
	const char *at = args->text, *end = args->text + args->length;
	for (size_t i = 0; i < args->count; i++) {
		cache->offsets[i] = (uint32_t)(at - args->text);
		const char *start;
		const char *value_end = peal_json_skip_value(at, end, &start);
		const char *comma = memchr(value_end, ',', (size_t)(end - value_end));
		at = comma ? comma + 1 : end;
	}
	return cache->offsets;
}

size_t peal_args_count(const struct peal_args *args)
{
	return args->count;
}

const char *peal_args_text(const struct peal_args *args, size_t *ret_length)
{
	*ret_length = args->length;
	return args->text;
}

const char *peal_args_item(const struct peal_args *args, size_t index, size_t *ret_length)
{
	if (index >= args->count)
		return NULL;
	const char *at = args->text, *end = args->text + args->length, *start;
	const uint32_t *offsets = index ? offsets_of(args) : NULL;
	if (offsets) {
		at += offsets[index];
	} else {
		for (size_t i = 0; i < index; i++) {
			at = peal_json_skip_value(at, end, &start);
			at = memchr(at, ',', (size_t)(end - at));
			at++;
		}
	}
	const char *value_end = peal_json_skip_value(at, end, &start);
	*ret_length = (size_t)(value_end - start);
	return start;
}

/* The text of an argument if it is of this type. */
static const char *item_of_type(const struct peal_args *args, size_t index,
				enum peal_json_type type, size_t *ret_length)
{
	const char *item = peal_args_item(args, index, ret_length);
	return item && peal_json_type_at(item, item + *ret_length) == type ? item : NULL;
}

const char *peal_args_string(const struct peal_args *args, size_t index)
{
	size_t length;
	const char *item = item_of_type(args, index, PEAL_JSON_STRING, &length);
	if (!item)
		return NULL;
	struct slot *slot = slot_of(args, index);
	if (!slot)
		return NULL;
	if (!slot->string) {
		bool has_nul;
		char *string = malloc(length - 1);
		if (!string)
			return NULL;
		size_t decoded = peal_json_decode_string_into(item, length, string, &has_nul);
		if (has_nul) {
			free(string);
			return NULL;
		}
		string[decoded] = '\0';
		slot->string = string;
	}
	return slot->string;
}

double peal_args_number(const struct peal_args *args, size_t index, double fallback)
{
	size_t length;
	const char *item = item_of_type(args, index, PEAL_JSON_NUMBER, &length);
	return item ? peal_json_parse_number(item, length) : fallback;
}

bool peal_args_bool(const struct peal_args *args, size_t index, bool fallback)
{
	size_t length;
	if (item_of_type(args, index, PEAL_JSON_TRUE, &length))
		return true;
	if (item_of_type(args, index, PEAL_JSON_FALSE, &length))
		return false;
	return fallback;
}

const struct cJSON *peal_args_json(const struct peal_args *args, size_t index)
{
	size_t length;
	const char *item = peal_args_item(args, index, &length);
	if (!item)
		return NULL;
	struct slot *slot = slot_of(args, index);
	if (!slot)
		return NULL;
	if (!slot->tree)
		slot->tree = peal_tree_parse(item, length);
	return slot->tree;
}

bool peal_args_bytes(const struct peal_args *args, size_t index, struct peal_bytes *ret_bytes)
{
	/* In a packet without attachments such an object is only an object. */
	if (!args->attachment_count)
		return false;
	size_t length;
	uint64_t num;
	const char *item = item_of_type(args, index, PEAL_JSON_OBJECT, &length);
	if (!item || !peal_json_placeholder(item, length, &num) || num >= args->attachment_count)
		return false;
	*ret_bytes = args->attachments[num];
	return true;
}

size_t peal_args_attachment_count(const struct peal_args *args)
{
	return args->attachment_count;
}

struct peal_bytes peal_args_attachment(const struct peal_args *args, size_t num)
{
	return num < args->attachment_count ? args->attachments[num]
					    : (struct peal_bytes){ NULL, 0 };
}

const char *peal_ack_strerror(enum peal_ack_error error)
{
	switch (error) {
	case PEAL_ACK_OK:
		return NULL;
	case PEAL_ACK_TIMEOUT:
		return "operation has timed out";
	case PEAL_ACK_DISCONNECTED:
		return "socket has been disconnected";
	case PEAL_ACK_CLOSED:
		return "server has been closed";
	}
	return "unknown error";
}
