/*
 * Query strings as URLSearchParams reads them: pairs between '&', the first '=' splits name and
 * value, '+' is a space, percent escapes are bytes, and the bytes are repaired to UTF-8 with
 * U+FFFD. So whatever a client sends, a decoded value is valid UTF-8 (it may hold U+0000).
 */
#include "protocol/text.h"

#include <errno.h>

#include "base/hex.h"
#include "base/utf8.h"

/* The byte at *at, decoded; an escape that is none stays as it is. */
static unsigned char next_byte(const char **at, const char *end)
{
	const char *from = *at;
	*at = from + 1;
	if (*from == '+')
		return ' ';
	if (*from != '%' || end - from < 3 || peal_hex_value(from[1]) < 0 ||
	    peal_hex_value(from[2]) < 0)
		return (unsigned char)*from;
	*at = from + 3;
	return (unsigned char)(peal_hex_value(from[1]) << 4 | peal_hex_value(from[2]));
}

static void append_decoded(struct peal_buffer *out, const char *at, const char *end)
{
	/* Four decoded bytes ahead are enough to judge any sequence. */
	unsigned char window[4];
	size_t have = 0;
	while (at < end || have) {
		while (have < sizeof(window) && at < end)
			window[have++] = next_byte(&at, end);
		size_t taken = peal_utf8_sequence(window, window + have);
		if (taken) {
			peal_buffer_append(out, window, taken);
		} else {
			taken = peal_utf8_malformed(window, window + have);
			peal_buffer_append_text(out, PEAL_UTF8_REPLACEMENT);
		}
		have -= taken;
		memmove(window, window + taken, have);
	}
}

static bool needs_decoding(const char *at, const char *end)
{
	for (; at < end; at++)
		if (*at == '%' || *at == '+' || (unsigned char)*at >= 0x80)
			return true;
	return false;
}

int peal_query_find(const char *query, size_t length, const char *name, struct peal_buffer *value)
{
	const char *end = query + length;
	const char *found = NULL, *found_end = NULL;
	size_t name_length = strlen(name);
	int error = 0;
	/* A name never grows by more than this when it is decoded: one byte becomes U+FFFD. */
	struct peal_buffer decoded = PEAL_BUFFER(length * 3);

	for (const char *at = query; at < end && !error;) {
		const char *pair_end = memchr(at, '&', (size_t)(end - at));
		if (!pair_end)
			pair_end = end;
		const char *key_end = memchr(at, '=', (size_t)(pair_end - at));
		const char *value_at = key_end ? key_end + 1 : pair_end;
		if (!key_end)
			key_end = pair_end;
		const char *key = at;
		size_t key_length = (size_t)(key_end - at);
		/* Behind the '&', but never behind the end. */
		const char *next = pair_end < end ? pair_end + 1 : end;
		if (at == pair_end) {
			/* An empty pair is none, not even one with the name "". */
			at = next;
			continue;
		}
		if (needs_decoding(at, key_end)) {
			peal_buffer_clear(&decoded);
			append_decoded(&decoded, at, key_end);
			error = peal_buffer_error(&decoded);
			key = decoded.bytes;
			key_length = decoded.length;
		}
		if (!error && key_length == name_length && !memcmp(key, name, name_length)) {
			found = value_at;
			found_end = pair_end;
		}
		at = next;
	}
	peal_buffer_deinit(&decoded);
	if (error)
		return error;
	if (!found)
		return -ENOENT;
	if (needs_decoding(found, found_end))
		append_decoded(value, found, found_end);
	else
		peal_buffer_append(value, found, (size_t)(found_end - found));
	return peal_buffer_error(value);
}
