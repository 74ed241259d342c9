/*
 * hiredis builds a reply through a table of functions, one call for each value it has found. They
 * put the values behind each other; the text of all of them lies in one buffer, which moves while
 * it grows, so pointers into it are made when the reply is whole.
 */
#include "adapters/redis/connection_reader.h"

#include <errno.h>
#include <hiredis/read.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/limits.h"

/* Framing and channel name around a message. */
#define REPLY_CEILING (PEAL_LIMIT_CLUSTER_MESSAGE_BYTES + 65536)
/* What a large reply has left behind is given back. */
#define KEPT_BYTES 262144
#define KEPT_ELEMENTS 1024

struct peal_redis_reader {
	redisReader *hiredis;
	size_t peak; /* bytes that its buffer had to hold at once */
	redisReplyObjectFunctions functions;
	struct peal_redis_reply reply;
	struct peal_redis_value *elements;
	size_t capacity;
	struct peal_buffer text;
	bool array, too_large, out_of_memory;
};

static struct peal_redis_reader *reader_of(const redisReadTask *task)
{
	return task->privdata;
}

/* The place of the next value: the reply itself, or a new element. */
static struct peal_redis_value *next_value(struct peal_redis_reader *reader)
{
	if (!reader->array)
		return &reader->reply.value;
	if (reader->reply.count == reader->capacity) {
		size_t capacity = reader->capacity ? reader->capacity * 2 : 8;
		struct peal_redis_value *elements =
			realloc(reader->elements, capacity * sizeof(*elements));
		if (!elements) {
			reader->out_of_memory = true;
			return NULL;
		}
		reader->elements = elements;
		reader->capacity = capacity;
	}
	return &reader->elements[reader->reply.count++];
}

static void *add(const redisReadTask *task, const struct peal_redis_value *from)
{
	struct peal_redis_reader *reader = reader_of(task);
	struct peal_redis_value *value = next_value(reader);
	if (!value)
		return NULL;
	*value = *from;
	/* hiredis only wants to know that it is not NULL. */
	return reader;
}

static enum peal_redis_type type_of(const redisReadTask *task)
{
	switch (task->type) {
	case REDIS_REPLY_STATUS:
		return PEAL_REDIS_STATUS;
	case REDIS_REPLY_ERROR:
		return PEAL_REDIS_ERROR;
	default:
		return PEAL_REDIS_STRING;
	}
}

static void *create_string(const redisReadTask *task, char *bytes, size_t length)
{
	struct peal_redis_reader *reader = reader_of(task);
	int64_t offset = (int64_t)reader->text.length;
	char *to = peal_buffer_reserve(&reader->text, length + 1);
	if (!to) {
		reader->too_large = peal_buffer_error(&reader->text) == -EMSGSIZE;
		reader->out_of_memory = !reader->too_large;
		return NULL;
	}
	memcpy(to, bytes, length);
	to[length] = '\0';
	peal_buffer_wrote(&reader->text, length + 1);
	return add(task, &(struct peal_redis_value){
				 .type = type_of(task), .length = length, .integer = offset });
}

static void *create_array(const redisReadTask *task, int count)
{
	struct peal_redis_reader *reader = reader_of(task);
	if (task->parent || count > PEAL_LIMIT_REDIS_ELEMENTS) {
		reader->too_large = true;
		return NULL;
	}
	reader->reply.value = (struct peal_redis_value){ .type = PEAL_REDIS_ARRAY };
	reader->array = true;
	return reader;
}

static void *create_integer(const redisReadTask *task, long long integer)
{
	return add(task,
		   &(struct peal_redis_value){ .type = PEAL_REDIS_INTEGER, .integer = integer });
}

static void *create_nil(const redisReadTask *task)
{
	return add(task, &(struct peal_redis_value){ .type = PEAL_REDIS_NIL });
}

/* Everything lies in the reader. */
static void free_object(void *object)
{
	(void)object;
}

static redisReader *hiredis_new(struct peal_redis_reader *reader)
{
	redisReader *hiredis = redisReaderCreateWithFunctions(&reader->functions);
	if (!hiredis)
		return NULL;
	hiredis->privdata = reader;
	/* hiredis 0.14 would give back a large buffer itself, and end the process when there is no
	 * memory for a small one (redisReaderFeed(), "assert(r->buf != NULL)"). */
	hiredis->maxbuf = 0;
	return hiredis;
}

struct peal_redis_reader *peal_redis_reader_new(void)
{
	struct peal_redis_reader *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return NULL;
	reader->text.ceiling = REPLY_CEILING + PEAL_LIMIT_REDIS_ELEMENTS;
	reader->functions = (redisReplyObjectFunctions){ create_string, create_array,
							 create_integer, create_nil, free_object };
	reader->hiredis = hiredis_new(reader);
	if (!reader->hiredis) {
		free(reader);
		return NULL;
	}
	return reader;
}

void peal_redis_reader_free(struct peal_redis_reader *reader)
{
	if (!reader)
		return;
	redisReaderFree(reader->hiredis);
	peal_buffer_deinit(&reader->text);
	free(reader->elements);
	free(reader);
}

/* Between replies, with nothing unread, a new one does as well. */
static void shrink(struct peal_redis_reader *reader)
{
	redisReader *hiredis = reader->hiredis;
	if (reader->peak <= KEPT_BYTES || hiredis->len > hiredis->pos || hiredis->ridx != -1 ||
	    hiredis->err)
		return;
	hiredis = hiredis_new(reader);
	if (!hiredis)
		return;
	redisReaderFree(reader->hiredis);
	reader->hiredis = hiredis;
	reader->peak = 0;
}

int peal_redis_reader_feed(struct peal_redis_reader *reader, const char *bytes, size_t length)
{
	size_t unread = reader->hiredis->len - reader->hiredis->pos;
	/* Elements that were taken out already count as well: all belong to one reply. */
	if (unread + reader->text.length + length > REPLY_CEILING)
		return PEAL_REDIS_READER_E_TOO_LARGE;
	shrink(reader);
	if (redisReaderFeed(reader->hiredis, bytes, length) != REDIS_OK)
		return -ENOMEM;
	if (reader->hiredis->len > reader->peak)
		reader->peak = reader->hiredis->len;
	return 0;
}

static void begin_reply(struct peal_redis_reader *reader)
{
	if (reader->text.capacity > KEPT_BYTES)
		peal_buffer_deinit(&reader->text);
	if (reader->capacity > KEPT_ELEMENTS) {
		free(reader->elements);
		reader->elements = NULL;
		reader->capacity = 0;
	}
	peal_buffer_clear(&reader->text);
	reader->reply = (struct peal_redis_reply){ 0 };
	reader->array = false;
}

static void point(const struct peal_redis_reader *reader, struct peal_redis_value *value)
{
	if (value->type == PEAL_REDIS_STRING || value->type == PEAL_REDIS_STATUS ||
	    value->type == PEAL_REDIS_ERROR) {
		value->bytes = reader->text.bytes + value->integer;
		value->integer = 0;
	}
}

int peal_redis_reader_next(struct peal_redis_reader *reader,
			   const struct peal_redis_reply **ret_reply)
{
	void *whole = NULL;
	/* hiredis goes on with a reply whose first part was there at the last call. */
	if (reader->hiredis->ridx == -1)
		begin_reply(reader);
	if (redisReaderGetReply(reader->hiredis, &whole) != REDIS_OK) {
		if (reader->too_large)
			return PEAL_REDIS_READER_E_TOO_LARGE;
		return reader->out_of_memory || reader->hiredis->err == REDIS_ERR_OOM
			       ? -ENOMEM
			       : PEAL_REDIS_READER_E_INVALID;
	}
	if (!whole)
		return PEAL_REDIS_READER_E_MORE;
	point(reader, &reader->reply.value);
	for (size_t i = 0; i < reader->reply.count; i++)
		point(reader, &reader->elements[i]);
	reader->reply.elements = reader->elements;
	*ret_reply = &reader->reply;
	return 0;
}
