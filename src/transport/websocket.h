/*
 * WebSocket connections on libwebsockets, which gets a socket at the moment of a valid upgrade and
 * never sees a byte of the client's HTTP request.
 *
 * Frames are built by us and written raw (see docs/decisions/0002-direct-write.md):
 * peal_websocket_write() takes any number of whole frames. This file knows nothing of sessions.
 */
#ifndef PEAL_TRANSPORT_WEBSOCKET_H
#define PEAL_TRANSPORT_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/log.h"
#include "loop/loop.h"

struct lws;
struct peal_pieces;
struct peal_websocket;
struct peal_websockets;

enum peal_websocket_end {
	PEAL_WEBSOCKET_CLOSED,	  /* the client closed it, or the connection broke */
	PEAL_WEBSOCKET_VIOLATION, /* protocol violation, bad UTF-8, message too big: it is being
				     closed with the fitting code */
};

/* What happens on a connection. Any of these may close or cut it, or any other. */
struct peal_websocket_handler {
	/* A complete message; text is valid UTF-8; @data lives until the call returns. */
	void (*message)(struct peal_websocket *websocket, const char *data, size_t length,
			bool binary);
	/* What the kernel had not taken has left. */
	void (*writable)(struct peal_websocket *websocket);
	/* It is over; nothing may be called on it any more. Not called after close() or cut(). */
	void (*ended)(struct peal_websocket *websocket, enum peal_websocket_end how,
		      const char *description);
};

struct peal_websocket {
	/* What a write touches comes first: 16 bytes, which are never in two cache lines. */
	struct peal_websockets *owner;
	int fd;
	bool choked; /* libwebsockets holds bytes that the kernel did not take */
	bool in_writeable;
	bool closing; /* a close frame was sent by us: input is ignored */
	bool cut;

	const struct peal_websocket_handler *handler; /* NULL once closed or cut */
	void *context;				      /* of the handler */
	struct lws *wsi;
	struct peal_list link;	       /* in owner->connections */
	struct peal_deadline deadline; /* of an upgrade, of a close handshake, or of a cut */
	struct peal_pieces *message;   /* a message in several pieces; NULL otherwise */
	size_t max_message;
};

/*
 * @read_bytes: buffer per connection and size of each read. Proves on the installed library that
 * the raw write keeps every frame intact. Return: 0; -ENOMEM; -EIO when libwebsockets cannot be set
 * up or fails the proof; the log says why.
 */
int peal_websockets_new(struct peal_loop *loop, size_t read_bytes, struct peal_stats *stats,
			const struct peal_log *log, struct peal_websockets **ret_websockets)
	__attribute__((warn_unused_result));
/* Cuts what is still open. */
void peal_websockets_free(struct peal_websockets *websockets);
/* Close the TCP connections of all that are still there. */
void peal_websockets_cut_all(struct peal_websockets *websockets);
/*
 * Inside of a handler's call: libwebsockets has input of a connection in the buffer that an
 * adoption would overwrite, so nothing may be adopted now.
 */
bool peal_websockets_busy(const struct peal_websockets *websockets);
/* Connections that are still there, closing ones included. */
size_t peal_websockets_count(const struct peal_websockets *websockets);

/*
 * Answer an upgrade with 101 and take over the socket.
 * @fd:      owned by the connection from here on, also on failure
 * @key:     the validated Sec-WebSocket-Key
 * @headers: further header lines of the 101, each with CR LF; NULL for none
 * Return: the connection; NULL when it broke already or there is no memory.
 */
struct peal_websocket *peal_websocket_adopt(struct peal_websockets *websockets, int fd,
					    const char *key, const char *headers,
					    size_t max_message,
					    const struct peal_websocket_handler *handler,
					    void *context);

/*
 * May be written to now. When not, bytes of an earlier write are still waiting (or the build writes
 * inside WRITEABLE only): keep yours until writable() comes.
 */
bool peal_websocket_ready(struct peal_websocket *websocket);

/*
 * Write whole frames now. What the kernel does not take is kept by libwebsockets, and writable()
 * tells when it has left. Return: false when the connection is broken: cut it.
 */
bool peal_websocket_write(struct peal_websocket *websocket, const void *bytes, size_t length);

/* Send an empty close frame behind what was written; the connection goes away by itself, at the
 * latest after 5 s. */
void peal_websocket_close(struct peal_websocket *websocket);
/* Close the TCP connection without waiting for anything. */
void peal_websocket_cut(struct peal_websocket *websocket);

#endif
