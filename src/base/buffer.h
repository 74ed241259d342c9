/*
 * Growable byte buffer, born with a ceiling. The first failure sticks: later appends do nothing and
 * peal_buffer_error() tells, so that a run of appends is checked once.
 */
#ifndef PEAL_BASE_BUFFER_H
#define PEAL_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct peal_buffer {
	char *bytes; /* NUL-terminated when not NULL */
	size_t length;
	size_t capacity;
	size_t ceiling;
	int error; /* 0, -ENOMEM, -EMSGSIZE */
};

#define PEAL_BUFFER(limit) ((struct peal_buffer){ .ceiling = (limit) })

void peal_buffer_deinit(struct peal_buffer *buffer);
/* For peal_buffer_reserve(), when the memory there is does not do. */
char *peal_buffer_grow(struct peal_buffer *buffer, size_t extra);
void peal_buffer_append_format(struct peal_buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* In decimal, without what printf() costs. */
void peal_buffer_append_natural(struct peal_buffer *buffer, uint64_t number);
void peal_buffer_append_integer(struct peal_buffer *buffer, int64_t number);

/* Make room for @extra more bytes and a NUL, and return where to write them; NULL on failure. Tell
 * peal_buffer_wrote() what was written. */
static inline char *peal_buffer_reserve(struct peal_buffer *buffer, size_t extra)
{
	if (__builtin_expect(!buffer->error && extra < buffer->capacity - buffer->length &&
				     buffer->length + extra <= buffer->ceiling,
			     1))
		return buffer->bytes + buffer->length;
	return peal_buffer_grow(buffer, extra);
}

static inline void peal_buffer_wrote(struct peal_buffer *buffer, size_t length)
{
	buffer->length += length;
	buffer->bytes[buffer->length] = '\0';
}

static inline void peal_buffer_append(struct peal_buffer *buffer, const void *bytes, size_t length)
{
	char *to = peal_buffer_reserve(buffer, length);
	if (!to)
		return;
	if (length)
		memcpy(to, bytes, length);
	peal_buffer_wrote(buffer, length);
}

static inline void peal_buffer_append_text(struct peal_buffer *buffer, const char *text)
{
	peal_buffer_append(buffer, text, strlen(text));
}

static inline void peal_buffer_append_char(struct peal_buffer *buffer, char c)
{
	peal_buffer_append(buffer, &c, 1);
}

static inline int peal_buffer_error(const struct peal_buffer *buffer)
{
	return buffer->error;
}

/* Forget the contents, keep the memory. */
static inline void peal_buffer_clear(struct peal_buffer *buffer)
{
	buffer->length = 0;
	buffer->error = 0;
}

#endif
