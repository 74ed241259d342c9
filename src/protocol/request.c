/* What applications ask of a request: its headers and its query parameters. */
#include <peal/engine.h>

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "protocol/text.h"

const char *peal_request_header(const struct peal_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++) {
		const char *other = request->headers[i].name;
		/* Most differ in their first letter. */
		if (!((*other ^ *name) & ~0x20) && !strcasecmp(other, name))
			return request->headers[i].value;
	}
	return NULL;
}

int peal_request_query(const struct peal_request *request, const char *name, char *buffer,
		       size_t size)
{
	/* Three bytes for each byte of the longest request line: see peal_query_find(). */
	struct peal_buffer value = PEAL_BUFFER(3 * PEAL_LIMIT_HTTP_HEAD_BYTES);
	int r = peal_query_find(request->query, strlen(request->query), name, &value);
	if (r == -EMSGSIZE)
		r = -ENOSPC;
	if (!r && value.length && memchr(value.bytes, '\0', value.length))
		r = -EINVAL;
	if (!r && value.length >= size)
		r = -ENOSPC;
	if (!r) {
		if (value.length)
			memcpy(buffer, value.bytes, value.length);
		buffer[value.length] = '\0';
		r = (int)value.length;
	}
	peal_buffer_deinit(&value);
	return r;
}
