/*
 * Replies of Redis. The first byte says into pieces of which size the others are cut: the replies
 * must not depend on it. A reply is flat, its text ends where it says.
 */
#include "tests/fuzz/fuzz.h"

#include "adapters/redis/connection_reader.h"
#include "base/buffer.h"
#include "base/limits.h"

static void note_value(struct peal_buffer *notes, const struct peal_redis_value *value)
{
	peal_buffer_append_format(notes, "%d:", (int)value->type);
	switch (value->type) {
	case PEAL_REDIS_STRING:
	case PEAL_REDIS_STATUS:
	case PEAL_REDIS_ERROR:
		FUZZ_CHECK(value->bytes[value->length] == '\0');
		peal_buffer_append(notes, value->bytes, value->length);
		break;
	case PEAL_REDIS_INTEGER:
		peal_buffer_append_format(notes, "%lld", (long long)value->integer);
		break;
	default:
		break;
	}
	peal_buffer_append_char(notes, '\n');
}

static void note(struct peal_buffer *notes, const struct peal_redis_reply *reply)
{
	FUZZ_CHECK(reply->value.type == PEAL_REDIS_ARRAY || reply->count == 0);
	FUZZ_CHECK(reply->count <= PEAL_LIMIT_REDIS_ELEMENTS);
	note_value(notes, &reply->value);
	for (size_t i = 0; i < reply->count; i++) {
		FUZZ_CHECK(reply->elements[i].type != PEAL_REDIS_ARRAY);
		note_value(notes, &reply->elements[i]);
	}
}

static void run(const char *bytes, size_t size, size_t piece, struct peal_buffer *notes)
{
	struct peal_redis_reader *reader = peal_redis_reader_new();
	int r = PEAL_REDIS_READER_E_MORE;
	FUZZ_CHECK(reader);
	for (size_t at = 0; at < size && r == PEAL_REDIS_READER_E_MORE; at += piece) {
		const struct peal_redis_reply *reply;
		size_t length = size - at < piece ? size - at : piece;
		r = peal_redis_reader_feed(reader, bytes + at, length);
		while (!r && !(r = peal_redis_reader_next(reader, &reply)))
			note(notes, reply);
	}
	FUZZ_CHECK(r == PEAL_REDIS_READER_E_MORE || r == PEAL_REDIS_READER_E_INVALID ||
		   r == PEAL_REDIS_READER_E_TOO_LARGE);
	peal_buffer_append_format(notes, "end %d", r);
	peal_redis_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peal_buffer whole = PEAL_BUFFER(1 << 24), pieces = PEAL_BUFFER(1 << 24);
	if (!size)
		return 0;
	size_t piece = 1 + data[0] % 16;
	char *bytes = fuzz_exact(data + 1, size - 1);
	run(bytes, size - 1, size, &whole);
	run(bytes, size - 1, piece, &pieces);
	FUZZ_CHECK(whole.length == pieces.length);
	FUZZ_CHECK(!whole.length || memcmp(whole.bytes, pieces.bytes, whole.length) == 0);
	peal_buffer_deinit(&whole);
	peal_buffer_deinit(&pieces);
	free(bytes);
	return 0;
}
