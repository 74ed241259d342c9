/*
 * Objects as JavaScript has them: of several equal keys the last gives the value and the first the
 * place, and keys that are array indices come first, ascending. Works on maps that are written
 * already.
 */
#include <stdlib.h>

#include "protocol/msgpack.h"
#include "protocol/msgpack_private.h"

#define ARRAY_INDEX_MAX UINT64_C(4294967294)
#define NO_INDEX UINT64_MAX

static uint64_t index_of(const char *key, size_t length)
{
	uint64_t index = 0;
	if (!length || length > 10 || (length > 1 && *key == '0'))
		return NO_INDEX;
	for (size_t i = 0; i < length; i++) {
		if (key[i] < '0' || key[i] > '9')
			return NO_INDEX;
		index = index * 10 + (uint64_t)(key[i] - '0');
	}
	return index <= ARRAY_INDEX_MAX ? index : NO_INDEX;
}

struct context {
	const char *bytes;
};

static int by_key(const void *a, const void *b, void *context)
{
	const struct peal_msgpack_member *left = a, *right = b;
	const char *bytes = ((struct context *)context)->bytes;
	size_t left_length = left->value - left->at, right_length = right->value - right->at;
	if (left_length != right_length)
		return left_length < right_length ? -1 : 1;
	int r = memcmp(bytes + left->at, bytes + right->at, left_length);
	if (r)
		return r;
	return left->order < right->order ? -1 : left->order > right->order;
}

static bool equal_keys(const char *bytes, const struct peal_msgpack_member *a,
		       const struct peal_msgpack_member *b)
{
	return a->value - a->at == b->value - b->at &&
	       !memcmp(bytes + a->at, bytes + b->at, a->value - a->at);
}

static int by_place(const void *a, const void *b)
{
	const struct peal_msgpack_member *left = a, *right = b;
	if (left->index != right->index)
		return left->index < right->index ? -1 : 1;
	return left->order < right->order ? -1 : left->order > right->order;
}

/* Whether the members are as they have to be: no two alike, no array index but first and rising. */
static bool regular(const char *bytes, const struct peal_msgpack_member *members, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (members[i].index != NO_INDEX &&
		    (members[i - 1].index == NO_INDEX || members[i - 1].index >= members[i].index))
			return false;
	if (count <= 16) {
		for (size_t i = 1; i < count; i++)
			for (size_t j = 0; j < i; j++)
				if (equal_keys(bytes, &members[i], &members[j]))
					return false;
		return true;
	}
	struct peal_msgpack_member *sorted = malloc(count * sizeof(*sorted));
	bool alike = false;
	if (!sorted)
		return true; /* who reads it comes to the same result */
	memcpy(sorted, members, count * sizeof(*sorted));
	qsort_r(sorted, count, sizeof(*sorted), by_key, &(struct context){ bytes });
	for (size_t i = 1; i < count && !alike; i++)
		alike = equal_keys(bytes, &sorted[i - 1], &sorted[i]);
	free(sorted);
	return !alike;
}

static void write_again(struct peal_buffer *out, size_t head,
			const struct peal_msgpack_member *members, size_t count)
{
	size_t body = out->length - head;
	struct peal_buffer copy = PEAL_BUFFER(out->ceiling);
	struct peal_msgpack_member *kept = malloc(count * sizeof(*kept));
	size_t *ends = malloc(count * sizeof(*ends));

	if (!kept || !ends)
		goto done;
	for (size_t i = 0; i < count; i++)
		ends[i] = i + 1 < count ? members[i + 1].at : out->length;
	memcpy(kept, members, count * sizeof(*kept));
	qsort_r(kept, count, sizeof(*kept), by_key, &(struct context){ out->bytes });
	/* Of those that are alike the first gives the place and the last the value. */
	size_t unique = 0;
	for (size_t i = 0; i < count; i++) {
		if (unique && equal_keys(out->bytes, &kept[unique - 1], &kept[i])) {
			uint32_t order = kept[unique - 1].order;
			/* The key is spelled the same everywhere. */
			ends[order] = ends[kept[i].order];
			kept[unique - 1] = kept[i];
			kept[unique - 1].order = order;
		} else {
			kept[unique++] = kept[i];
		}
	}
	qsort(kept, unique, sizeof(*kept), by_place);
	peal_msgpack_put_map(&copy, unique);
	for (size_t i = 0; i < unique; i++)
		peal_buffer_append(&copy, out->bytes + kept[i].at,
				   ends[kept[i].order] - kept[i].at);
	if (!copy.error && copy.length <= body) {
		memcpy(out->bytes + head, copy.bytes, copy.length);
		out->length = head + copy.length;
		out->bytes[out->length] = '\0';
	}
done:
	free(kept);
	free(ends);
	peal_buffer_deinit(&copy);
}

bool peal_msgpack_put_right(struct peal_buffer *out, size_t head,
			    struct peal_msgpack_member *members, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		/* Only short strings are an index, and those have a head of one byte. */
		members[i].index = index_of(out->bytes + members[i].at + 1,
					    members[i].value - members[i].at - 1);
	}
	if (regular(out->bytes, members, count))
		return false;
	write_again(out, head, members, count);
	return true;
}
