#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

void peal_buffer_deinit(struct peal_buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct peal_buffer){ .ceiling = buffer->ceiling };
}

char *peal_buffer_grow(struct peal_buffer *buffer, size_t extra)
{
	if (buffer->error)
		return NULL;
	if (extra > buffer->ceiling || buffer->length > buffer->ceiling - extra) {
		buffer->error = -EMSGSIZE;
		return NULL;
	}
	size_t needed = buffer->length + extra + 1;
	if (needed > buffer->capacity) {
		size_t capacity = buffer->capacity ? buffer->capacity : 64;
		while (capacity < needed)
			capacity *= 2;
		char *bytes = realloc(buffer->bytes, capacity);
		if (!bytes) {
			buffer->error = -ENOMEM;
			return NULL;
		}
		buffer->bytes = bytes;
		buffer->capacity = capacity;
	}
	return buffer->bytes + buffer->length;
}

void peal_buffer_append_format(struct peal_buffer *buffer, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int length = vsnprintf(NULL, 0, format, list);
	va_end(list);
	if (length < 0) {
		buffer->error = -EINVAL;
		return;
	}
	char *to = peal_buffer_reserve(buffer, (size_t)length);
	if (!to)
		return;
	va_start(list, format);
	vsnprintf(to, (size_t)length + 1, format, list);
	va_end(list);
	buffer->length += (size_t)length;
}

static void append_digits(struct peal_buffer *buffer, bool minus, uint64_t number)
{
	char digits[24], *at = digits + sizeof(digits);
	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	if (minus)
		*--at = '-';
	peal_buffer_append(buffer, at, (size_t)(digits + sizeof(digits) - at));
}

void peal_buffer_append_natural(struct peal_buffer *buffer, uint64_t number)
{
	append_digits(buffer, false, number);
}

void peal_buffer_append_integer(struct peal_buffer *buffer, int64_t number)
{
	append_digits(buffer, number < 0, number < 0 ? -(uint64_t)number : (uint64_t)number);
}
