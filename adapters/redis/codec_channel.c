/* Names of channels, and the question whether a message is this node's own. */
#include "adapters/redis/codec.h"

#include <string.h>

#include "protocol/msgpack.h"

static bool starts_with(const char *at, const char *end, const char *with, size_t length)
{
	return (size_t)(end - at) >= length && !memcmp(at, with, length);
}

/* Behind "#", "-request#" … at @at, which tells the kind. */
static const char *take_kind(const char *at, const char *end, enum peal_channel_kind *ret_kind)
{
	static const struct {
		const char *text;
		enum peal_channel_kind kind;
	} kinds[] = {
		{ "#", PEAL_CHANNEL_BROADCAST },
		{ "-request#", PEAL_CHANNEL_REQUEST },
		{ "-response#", PEAL_CHANNEL_RESPONSE },
		{ "-peal#", PEAL_CHANNEL_PEAL },
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t length = strlen(kinds[i].text);
		if (starts_with(at, end, kinds[i].text, length)) {
			*ret_kind = kinds[i].kind;
			return at + length;
		}
	}
	return NULL;
}

bool peal_channel_parse(const char *prefix, const char *channel, size_t length, const char *ns,
			size_t ns_length, struct peal_channel *ret_channel)
{
	const char *at = channel, *end = channel + length;
	size_t prefix_length = strlen(prefix);
	struct peal_channel found = { .ns = "" };

	if (!starts_with(at, end, prefix, prefix_length))
		return false;
	at = take_kind(at + prefix_length, end, &found.kind);
	if (!at)
		return false;
	if (found.kind == PEAL_CHANNEL_PEAL) {
		*ret_channel = found;
		return at == end;
	}
	if (!ns) {
		const char *hash = memchr(at, '#', (size_t)(end - at));
		if (!hash || *at != '/')
			return false;
		ns_length = (size_t)(hash - at);
	} else if (!starts_with(at, end, ns, ns_length)) {
		return false;
	}
	found.ns = at;
	found.ns_length = ns_length;
	at += ns_length;
	if (at == end || *at++ != '#')
		return false;
	if (at < end) {
		if (found.kind == PEAL_CHANNEL_REQUEST || end[-1] != '#')
			return false;
		found.rest = at;
		found.rest_length = (size_t)(end - 1 - at);
	}
	*ret_channel = found;
	return true;
}

static bool next_is(struct peal_msgpack_reader *reader, const char *text, size_t length)
{
	struct peal_msgpack_item item;
	return peal_msgpack_next(reader, &item) && item.type == PEAL_MSGPACK_STRING &&
	       item.length == length && !memcmp(item.bytes, text, length);
}

bool peal_codec_is_from(enum peal_channel_kind kind, const void *payload, size_t length,
			const char *uid, size_t uid_length)
{
	static const char head[] = "{\"uid\":\"";
	struct peal_msgpack_reader reader = peal_msgpack_reader(payload, length);
	struct peal_msgpack_item item;
	const char *at = payload, *end = at + length;

	switch (kind) {
	case PEAL_CHANNEL_BROADCAST:
		return peal_msgpack_next(&reader, &item) && item.type == PEAL_MSGPACK_ARRAY &&
		       item.count >= 3 && next_is(&reader, uid, uid_length);
	case PEAL_CHANNEL_REQUEST:
	case PEAL_CHANNEL_PEAL:
		if (starts_with(at, end, head, sizeof(head) - 1)) {
			at += sizeof(head) - 1;
			return starts_with(at, end, uid, uid_length) &&
			       (size_t)(end - at) > uid_length && at[uid_length] == '"';
		}
		return kind == PEAL_CHANNEL_REQUEST && peal_msgpack_next(&reader, &item) &&
		       item.type == PEAL_MSGPACK_MAP && item.count && next_is(&reader, "uid", 3) &&
		       next_is(&reader, uid, uid_length);
	case PEAL_CHANNEL_RESPONSE:
		break;
	}
	return false;
}
