/* Compression of poll responses, as the reference does it: gzip is preferred, deflate is the zlib
 * format. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "transport/transports.h"

/* The quality that an Accept-Encoding header gives to @coding: thousandths; @otherwise when it is
 * not named. */
static int quality_of(const char *header, const char *coding, int otherwise)
{
	size_t coding_length = strlen(coding);
	for (const char *at = header; *at;) {
		at += strspn(at, " \t,");
		size_t item_length = strcspn(at, ",");
		size_t name_length = strcspn(at, ",; \t");
		if (name_length == coding_length && !strncasecmp(at, coding, name_length)) {
			const char *end = at + item_length;
			for (const char *parameter = at + name_length; parameter < end;
			     parameter++) {
				if ((parameter[0] != 'q' && parameter[0] != 'Q') ||
				    parameter[1] != '=')
					continue;
				double quality = strtod(parameter + 2, NULL);
				return quality > 0 ? (quality < 1 ? (int)(quality * 1000) : 1000)
						   : 0;
			}
			return 1000;
		}
		at += item_length;
	}
	return otherwise;
}

const char *peal_compress_choose(const char *accept_encoding)
{
	if (!accept_encoding)
		return NULL;
	int any = quality_of(accept_encoding, "*", 0);
	int gzip = quality_of(accept_encoding, "gzip", any);
	int deflate_quality = quality_of(accept_encoding, "deflate", any);
	int identity = quality_of(accept_encoding, "identity", any ? any : 1);
	if (gzip > 0 && gzip >= deflate_quality && gzip >= identity)
		return "gzip";
	if (deflate_quality > 0 && deflate_quality >= identity)
		return "deflate";
	return NULL;
}

int peal_compress(const char *encoding, const void *bytes, size_t length, void **ret_bytes,
		  size_t *ret_length)
{
	z_stream stream = { 0 };
	int window = strcmp(encoding, "gzip") == 0 ? 15 + 16 : 15;
	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	size_t capacity = deflateBound(&stream, length);
	void *out = malloc(capacity);
	if (!out) {
		deflateEnd(&stream);
		return -ENOMEM;
	}
	stream.next_in = (Bytef *)(uintptr_t)bytes;
	stream.avail_in = (uInt)length;
	stream.next_out = out;
	stream.avail_out = (uInt)capacity;
	int r = deflate(&stream, Z_FINISH);
	deflateEnd(&stream);
	if (r != Z_STREAM_END) {
		free(out);
		return -ENOMEM;
	}
	*ret_bytes = out;
	*ret_length = stream.total_out;
	return 0;
}
