/*
 * Messages of the cluster as bytes of the classic Redis adapter, both ways (adapters-wire.md §1,
 * §2, §4, §5). No I/O, no clock. Channels:
 *
 *   P#N#                broadcasts to all, or to several rooms
 *   P#N#R#              broadcasts to one room
 *   P-request#N#        requests
 *   P-response#N#       answers to servers that did not tell their uid
 *   P-response#N#U#     answers to the node with the uid U
 *   P-peal#             announcements of peal nodes
 *
 * What is published is always well-formed: a server on Node.js dies of anything else.
 */
#ifndef PEAL_REDIS_CODEC_H
#define PEAL_REDIS_CODEC_H

#include <peal/adapter.h>

#include "base/buffer.h"

enum peal_channel_kind {
	PEAL_CHANNEL_BROADCAST, /* both forms */
	PEAL_CHANNEL_REQUEST,
	PEAL_CHANNEL_RESPONSE, /* both forms */
	PEAL_CHANNEL_PEAL,
};

/* A channel taken apart; pointers into its name. */
struct peal_channel {
	enum peal_channel_kind kind;
	const char *ns; /* not NUL-terminated */
	size_t ns_length;
	const char *rest; /* the room of a broadcast, the uid of a response; NULL: none */
	size_t rest_length;
};

/*
 * Take a channel apart that this node has subscribed. @ns, @ns_length: the namespace, when the
 * subscription tells it (a namespace may hold '#', so "P#/a#b#" can be two things); NULL to find
 * out: then the namespace ends at the first '#'. Return: whether it is one of ours.
 */
bool peal_channel_parse(const char *prefix, const char *channel, size_t length, const char *ns,
			size_t ns_length, struct peal_channel *ret_channel);

enum peal_codec_error {
	PEAL_CODEC_E_MALFORMED = 1, /* received: not what the wire allows, or over a ceiling */
	PEAL_CODEC_E_IGNORED = 2,   /* received: well-formed, but nothing for this node: an unknown
				       type, another namespace, no requestId */
};

/*
 * Encode. @uid: of this node, or "emitter", which changes the form of some (adapters-wire.md §5).
 * Both buffers are cleared first. Return: 0; -ENOMEM; -EMSGSIZE; PEAL_EMIT_E_INVALID when it cannot
 * be encoded. Message types that are received only are PEAL_EMIT_E_INVALID.
 */
int peal_codec_encode(const struct peal_message *message, const char *prefix, const char *uid,
		      struct peal_buffer *channel, struct peal_buffer *payload)
	__attribute__((warn_unused_result));

/*
 * Is this payload of a broadcast, request or announcement by the sender @uid? Looks at the head
 * only. False when it cannot be told.
 */
bool peal_codec_is_from(enum peal_channel_kind kind, const void *payload, size_t length,
			const char *uid, size_t uid_length);

/* Holds what a decoded message points to; used again for the next one. */
struct peal_decoder;
struct peal_decoder *peal_decoder_new(void);
void peal_decoder_free(struct peal_decoder *decoder);

/*
 * Decode what came on @channel. *ret_message lives until the next call on the same decoder, and no
 * longer than @payload, in which its attachments are.
 * Integers as rooms become their decimal text. Invalid UTF-8 becomes U+FFFD. Binary inside of
 * arguments becomes attachments, more than PEAL_LIMIT_ATTACHMENTS of them are malformed. Return: 0;
 * -ENOMEM; a code of enum peal_codec_error.
 */
int peal_codec_decode(struct peal_decoder *decoder, const struct peal_channel *channel,
		      const void *payload, size_t length, const struct peal_message **ret_message)
	__attribute__((warn_unused_result));

#endif
