/*
 * One way to write a message for both encodings: the same calls yield JSON or MessagePack. Private
 * to the codec.
 */
#ifndef PEAL_REDIS_CODEC_WRITER_H
#define PEAL_REDIS_CODEC_WRITER_H

#include <peal/emit.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

struct peal_args;

struct peal_codec_writer {
	struct peal_buffer *out;
	bool binary; /* MessagePack */
	int error;   /* the first PEAL_EMIT_E_INVALID; the buffer has its own */
};

/* A map has exactly @count keys, each followed by its value; an array @count values. */
void peal_codec_open_map(struct peal_codec_writer *writer, size_t count);
void peal_codec_close_map(struct peal_codec_writer *writer);
void peal_codec_open_array(struct peal_codec_writer *writer, size_t count);
void peal_codec_close_array(struct peal_codec_writer *writer);
/* @key is one of our own: ASCII without escapes, shorter than 32 bytes. */
void peal_codec_key_of(struct peal_codec_writer *writer, const char *key, size_t length);
static inline void peal_codec_key(struct peal_codec_writer *writer, const char *key)
{
	peal_codec_key_of(writer, key, strlen(key));
}

/* Text that was found to be UTF-8. */
void peal_codec_text(struct peal_codec_writer *writer, const char *text, size_t length);
void peal_codec_number(struct peal_codec_writer *writer, uint64_t number);
void peal_codec_bool(struct peal_codec_writer *writer, bool value);
void peal_codec_undefined(struct peal_codec_writer *writer);
/* JSON text of one value; what is not valid makes the message invalid. */
void peal_codec_json(struct peal_codec_writer *writer, const char *text, size_t length);
/* All arguments as values, nothing for NULL: their text is valid. Those with attachments need
 * MessagePack. */
void peal_codec_args(struct peal_codec_writer *writer, const struct peal_args *args);
/* An array of names that were found to be UTF-8. */
void peal_codec_names(struct peal_codec_writer *writer, const char *const *names, size_t count);

#endif
