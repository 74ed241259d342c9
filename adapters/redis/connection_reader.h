/*
 * Bytes of Redis in, flat replies out. hiredis' reader finds the structure; the values are copied
 * into memory that is used again for the next reply. No I/O, no clock.
 *
 * hiredis has no limits of its own: an array of a thousand million elements is believed, a string
 * of any length waited for. So the number of elements is checked when it is announced, the bytes of
 * one reply before they are fed, and an array within an array is refused.
 */
#ifndef PEAL_REDIS_CONNECTION_READER_H
#define PEAL_REDIS_CONNECTION_READER_H

#include "adapters/redis/connection.h"

struct peal_redis_reader;

struct peal_redis_reader *peal_redis_reader_new(void);
void peal_redis_reader_free(struct peal_redis_reader *reader);

enum peal_redis_reader_error {
	PEAL_REDIS_READER_E_MORE = 1,  /* no whole reply is there */
	PEAL_REDIS_READER_E_INVALID,   /* this is not how Redis speaks */
	PEAL_REDIS_READER_E_TOO_LARGE, /* bytes or elements over the ceiling, or nested */
};

/* After an error other than MORE the reader is of no use any more. Return: 0; -ENOMEM;
 * PEAL_REDIS_READER_E_TOO_LARGE. */
int peal_redis_reader_feed(struct peal_redis_reader *reader, const char *bytes, size_t length)
	__attribute__((warn_unused_result));
/* The next reply; it lives until the next call. Return: 0; -ENOMEM; a code of the enum. */
int peal_redis_reader_next(struct peal_redis_reader *reader,
			   const struct peal_redis_reply **ret_reply)
	__attribute__((warn_unused_result));

#endif
