/*
 * Runs a fuzz target without a fuzzer: over all files of its corpus, then over pseudo-random
 * mutations of them. The same seed gives the same inputs, so that a failure can be repeated.
 *
 *   fuzz_json CORPUS [--mutations N] [--seed N]
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>

#include "tests/fuzz/fuzz.h"

#define MAX_FILES 1024
#define MAX_SIZE 8192

struct input {
	char *name;
	uint8_t *bytes;
	size_t size;
};

struct corpus {
	struct input inputs[MAX_FILES];
	size_t count;
};

/* What a failing input was, for the handler of SIGABRT of whoever looks at the output. */
static void announce(const char *what, const char *name, uint64_t number)
{
	if (getenv("PEAL_FUZZ_VERBOSE"))
		fprintf(stderr, "%s %s %" PRIu64 "\n", what, name, number);
}

static uint64_t next_random(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = *state;
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static size_t below(uint64_t *state, size_t limit)
{
	return limit ? (size_t)(next_random(state) % limit) : 0;
}

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "%s %s: %s\n", what, name, strerror(errno));
	exit(2);
}

static struct input read_input(const char *folder, const char *name)
{
	char path[4096];
	struct input input = { .name = strdup(name), .bytes = malloc(MAX_SIZE) };
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	if (!file || !input.name || !input.bytes)
		fail("cannot read", path);
	input.size = fread(input.bytes, 1, MAX_SIZE, file);
	fclose(file);
	return input;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct input *)a)->name, ((const struct input *)b)->name);
}

static void read_corpus(struct corpus *corpus, const char *folder)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;
	if (!directory)
		fail("cannot open", folder);
	while ((entry = readdir(directory)) && corpus->count < MAX_FILES)
		if (entry->d_name[0] != '.')
			corpus->inputs[corpus->count++] = read_input(folder, entry->d_name);
	closedir(directory);
	qsort(corpus->inputs, corpus->count, sizeof(*corpus->inputs), by_name);
}

static void insert(uint8_t *bytes, size_t *size, size_t at, const void *what, size_t length)
{
	if (length > MAX_SIZE - *size)
		return;
	memmove(bytes + at + length, bytes + at, *size - at);
	memcpy(bytes + at, what, length);
	*size += length;
}

static void mutate_once(const struct corpus *corpus, uint64_t *state, uint8_t *bytes, size_t *size)
{
	/* Pieces that decoders branch on. */
	static const char *const tokens[] = { "{",
					      "}",
					      "[",
					      "]",
					      "\"",
					      ",",
					      ":",
					      "\\",
					      "\\u0000",
					      "\\ud8",
					      "\\u005f",
					      "true",
					      "null",
					      "1e5",
					      "-0",
					      "/",
					      "/a,",
					      "51-",
					      "%00",
					      "%ff",
					      "\x1e",
					      "b",
					      "\xff",
					      "\xc3",
					      "\xa9",
					      "\xe2\x82",
					      "\xf0\x9f",
					      "connect",
					      "9007199254740991",
					      "9007199254740992",
					      "{\"_placeholder\":true,\"num\":0}",
					      "\"_placeholder\":true",
					      "\"num\":1" };
	size_t at = below(state, *size + 1), length;
	uint8_t copy[64];
	const struct input *other;
	const char *token;

	switch (below(state, 8)) {
	case 0: /* flip a bit */
		if (at < *size)
			bytes[at] ^= (uint8_t)(1u << below(state, 8));
		break;
	case 1: /* another byte */
		if (at < *size)
			bytes[at] = (uint8_t)next_random(state);
		break;
	case 2: /* remove some */
		length = below(state, 8);
		length = length > *size - at ? *size - at : length;
		memmove(bytes + at, bytes + at + length, *size - at - length);
		*size -= length;
		break;
	case 3: /* cut the end off */
		*size = at;
		break;
	case 4: /* repeat some */
		length = below(state, sizeof(copy));
		length = length > *size - at ? *size - at : length;
		memcpy(copy, bytes + at, length);
		insert(bytes, size, at, copy, length);
		break;
	case 5: /* the end of another input */
		other = &corpus->inputs[below(state, corpus->count)];
		length = below(state, other->size + 1);
		*size = at;
		insert(bytes, size, at, other->bytes + (other->size - length), length);
		break;
	default:
		token = tokens[below(state, sizeof(tokens) / sizeof(*tokens))];
		insert(bytes, size, at, token, strlen(token));
		break;
	}
}

int main(int argc, char **argv)
{
	static struct corpus corpus;
	uint64_t mutations = 20000, seed = 1;
	const char *folder = NULL;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--mutations") && i + 1 < argc)
			mutations = strtoull(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 10);
		else
			folder = argv[i];
	}
	if (!folder) {
		fprintf(stderr, "usage: %s CORPUS [--mutations N] [--seed N]\n", argv[0]);
		return 2;
	}
	read_corpus(&corpus, folder);
	if (!corpus.count) {
		fprintf(stderr, "%s holds no input\n", folder);
		return 2;
	}
	for (size_t i = 0; i < corpus.count; i++) {
		announce("input", corpus.inputs[i].name, 0);
		LLVMFuzzerTestOneInput(corpus.inputs[i].bytes, corpus.inputs[i].size);
	}
	for (uint64_t i = 0; i < mutations; i++) {
		/* Each has a seed of its own, so that a single one can be looked at. */
		uint64_t state = seed * UINT64_C(1000003) + i;
		const struct input *from = &corpus.inputs[below(&state, corpus.count)];
		uint8_t bytes[MAX_SIZE];
		size_t size = from->size;
		memcpy(bytes, from->bytes, size);
		for (size_t n = 1 + below(&state, 6); n; n--)
			mutate_once(&corpus, &state, bytes, &size);
		announce("mutation of", from->name, i);
		LLVMFuzzerTestOneInput(bytes, size);
	}
	printf("%zu inputs, %" PRIu64 " mutations\n", corpus.count, mutations);
	for (size_t i = 0; i < corpus.count; i++) {
		free(corpus.inputs[i].name);
		free(corpus.inputs[i].bytes);
	}
	return 0;
}
