/*
 * MessagePack: what can be printed is valid JSON with its attachments in their places, skipping
 * agrees with printing, and what was printed once survives the way there and back unchanged. JSON
 * that is valid can be packed.
 */
#include "tests/fuzz/fuzz.h"

#include "base/limits.h"
#include "protocol/json.h"
#include "protocol/msgpack.h"

#define CEILING (1u << 24)

/* Print @bytes; false if they cannot be. */
static bool print(const void *bytes, size_t size, struct peal_buffer *out,
		  struct peal_bytes *attachments, size_t *ret_count, const void **ret_end)
{
	struct peal_msgpack_reader reader = peal_msgpack_reader(bytes, size);
	*ret_count = 0;
	if (peal_msgpack_to_json(&reader, out, attachments, ret_count))
		return false;
	if (*ret_count)
		peal_msgpack_disarm(out->bytes, out->length);
	*ret_end = reader.at;
	return true;
}

static void check_printed(const struct peal_buffer *out, size_t count)
{
	struct peal_json_facts facts;
	FUZZ_CHECK(peal_json_validate(out->bytes, out->length, &facts));
	FUZZ_CHECK(facts.depth < PEAL_LIMIT_JSON_DEPTH);
	if (count) {
		FUZZ_CHECK(facts.placeholders == count);
		FUZZ_CHECK(!facts.placeholder_invalid && facts.placeholder_max == count - 1);
	}
}

/* Pack what was printed and print it again. */
static void check_way_back(const struct peal_buffer *text, const struct peal_bytes *attachments,
			   size_t count)
{
	struct peal_bytes first_attachments[PEAL_LIMIT_ATTACHMENTS],
		second_attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_buffer first = PEAL_BUFFER(CEILING), second = PEAL_BUFFER(CEILING),
			   first_text = PEAL_BUFFER(CEILING), second_text = PEAL_BUFFER(CEILING);
	size_t first_count, second_count;
	const void *end;

	FUZZ_CHECK(!peal_msgpack_put_json(&first, text->bytes, text->length, attachments, count));
	FUZZ_CHECK(!peal_buffer_error(&first));
	char *exact = fuzz_exact(first.bytes, first.length);
	FUZZ_CHECK(print(exact, first.length, &first_text, first_attachments, &first_count, &end));
	FUZZ_CHECK(end == exact + first.length);
	/* Equal keys may have taken some with them. */
	FUZZ_CHECK(first_count <= count);
	check_printed(&first_text, first_count);
	FUZZ_CHECK(!peal_msgpack_put_json(&second, first_text.bytes, first_text.length,
					  first_attachments, first_count));
	if (first_count == count) {
		FUZZ_CHECK(second.length == first.length);
		FUZZ_CHECK(!memcmp(second.bytes, first.bytes, first.length));
		FUZZ_CHECK(print(second.bytes, second.length, &second_text, second_attachments,
				 &second_count, &end));
		FUZZ_CHECK(second_text.length == first_text.length);
		FUZZ_CHECK(!memcmp(second_text.bytes, first_text.bytes, first_text.length));
	}
	free(exact);
	peal_buffer_deinit(&first);
	peal_buffer_deinit(&second);
	peal_buffer_deinit(&first_text);
	peal_buffer_deinit(&second_text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peal_bytes attachments[PEAL_LIMIT_ATTACHMENTS];
	struct peal_buffer text = PEAL_BUFFER(CEILING), packed = PEAL_BUFFER(CEILING);
	struct peal_msgpack_reader reader;
	struct peal_json_facts facts;
	char *exact = fuzz_exact(data, size);
	const void *end;
	size_t count;

	if (print(exact, size, &text, attachments, &count, &end)) {
		reader = peal_msgpack_reader(exact, size);
		FUZZ_CHECK(peal_msgpack_skip(&reader));
		FUZZ_CHECK(reader.at == end);
		check_printed(&text, count);
		check_way_back(&text, attachments, count);
	}
	reader = peal_msgpack_reader(exact, size);
	(void)peal_msgpack_skip(&reader);
	FUZZ_CHECK(reader.at <= reader.end);

	if (peal_json_validate(exact, size, &facts)) {
		FUZZ_CHECK(!peal_msgpack_put_json(&packed, exact, size, NULL, 0));
		FUZZ_CHECK(!peal_buffer_error(&packed));
		reader = peal_msgpack_reader(packed.bytes, packed.length);
		FUZZ_CHECK(peal_msgpack_skip(&reader));
		FUZZ_CHECK(reader.at == reader.end);
	}
	peal_buffer_deinit(&text);
	peal_buffer_deinit(&packed);
	free(exact);
	return 0;
}
