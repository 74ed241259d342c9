/*
 * The bytes of one connection: a socket that is being connected, with or without TLS on it, and
 * what was not written yet. It knows nothing of Redis.
 *
 * Output is collected during a turn and written at once by peal_redis_stream_flush(); only what the
 * kernel did not take makes the loop wait for the socket. Nothing raises SIGPIPE.
 */
#ifndef PEAL_REDIS_CONNECTION_STREAM_H
#define PEAL_REDIS_CONNECTION_STREAM_H

#include "adapters/redis/address.h"
#include "adapters/redis/connection_tls.h"
#include "base/buffer.h"
#include "loop/loop.h"

struct event;
struct sockaddr;

struct peal_redis_stream {
	struct peal_loop *loop;
	int fd; /* -1: closed */
	struct peal_redis_tls *tls;
	struct event *event, *again_event;
	short watched;
	bool waits_to_read;  /* the output waits for input, as TLS does now and then */
	bool waits_to_write; /* connecting, or TLS wants to write before it reads on */
	struct peal_buffer output;
	size_t written; /* of the output */
	/* Something can go on: connecting, reading, writing. */
	void (*fn)(struct peal_redis_stream *stream);
	char why[200]; /* for people, after an error */
};

void peal_redis_stream_init(struct peal_redis_stream *stream, struct peal_loop *loop,
			    void (*fn)(struct peal_redis_stream *stream));
/* Closes; may be used again. Also from inside of fn. */
void peal_redis_stream_close(struct peal_redis_stream *stream);
void peal_redis_stream_deinit(struct peal_redis_stream *stream);

enum peal_redis_stream_error {
	PEAL_REDIS_STREAM_E_WAIT = 1, /* fn is called when it can go on */
	PEAL_REDIS_STREAM_E_BROKEN,   /* ->why says why */
};

/* The three steps to a stream that can be read and written. Each returns 0; WAIT, then it is called
 * again from fn; BROKEN. */
int peal_redis_stream_connect(struct peal_redis_stream *stream, const struct sockaddr *to,
			      unsigned length) __attribute__((warn_unused_result));
int peal_redis_stream_connected(struct peal_redis_stream *stream)
	__attribute__((warn_unused_result));
int peal_redis_stream_secure(struct peal_redis_stream *stream,
			     const struct peal_redis_address *address)
	__attribute__((warn_unused_result));

/* Return: 0 with at least one byte; WAIT; BROKEN. */
int peal_redis_stream_read(struct peal_redis_stream *stream, void *bytes, size_t room,
			   size_t *ret_length) __attribute__((warn_unused_result));
/* Have fn called in the next turn, since there may be more to read. */
void peal_redis_stream_read_later(struct peal_redis_stream *stream);
/* Write what is there. Return: 0, also when some is left; BROKEN. */
int peal_redis_stream_flush(struct peal_redis_stream *stream) __attribute__((warn_unused_result));

static inline size_t peal_redis_stream_unwritten(const struct peal_redis_stream *stream)
{
	return stream->output.length - stream->written;
}

#endif
