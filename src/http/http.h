/*
 * The listener and HTTP/1.1 on libevent and http_parser.
 *
 * Owns: accept, connections, heads, bodies, limits, deadlines, keep-alive, pipelining in order,
 * exact replies, and the detection of clients that left. Knows nothing of Engine.IO: handlers are
 * mounted by path. A request is handed over when its head is complete; the handler answers at once,
 * asks for the body, parks the request and answers later, or takes the socket for WebSocket.
 *
 * Invariant: a request whose handler was called ends in exactly one of: a reply by the handler;
 * on_abort() (the client left, ran into a deadline, or its body was refused: then nothing may be
 * called on the request any more); peal_http_request_take_socket().
 *
 * All handler functions run from the loop's events and may do anything with their own and other
 * requests except free the server. peal_http_request_respond() never calls back into the handler
 * before it returns.
 */
#ifndef PEAL_HTTP_HTTP_H
#define PEAL_HTTP_HTTP_H

#include <peal/engine.h>
#include <peal/http.h>
#include <stddef.h>

#include "base/log.h"
#include "http/cors.h"
#include "loop/barrier.h"
#include "loop/loop.h"

struct peal_http_request;
struct peal_http_server;

enum peal_http_abort {
	PEAL_HTTP_ABORT_CLOSED,	   /* the client closed, half-closed or reset the connection, sent
				    * more behind the request than is kept, or was too slow with
				    * its body (408 was sent)
				    */
	PEAL_HTTP_ABORT_TOO_LARGE, /* the body passed its limit; 413 was sent, the connection closes
				    */
	PEAL_HTTP_ABORT_BAD_BODY,  /* the body's framing is malformed; 400 was sent, the connection
				      closes */
	PEAL_HTTP_ABORT_SERVER,	   /* the server is being freed or closed */
};

struct peal_http_handler {
	/* The head is complete. */
	void (*on_request)(struct peal_http_request *request, void *context);
	/* The body that peal_http_request_read_body() asked for is complete; it lives until the
	 * reply. */
	void (*on_body)(struct peal_http_request *request, const char *body, size_t length,
			void *context);
	/* See enum peal_http_abort. The request is gone when this returns. */
	void (*on_abort)(struct peal_http_request *request, enum peal_http_abort why,
			 void *context);
};

struct peal_http_options {
	size_t max_connections; /* above: the oldest idle keep-alive connection makes room, else the
				 * new one is closed
				 */
	const char *const
		*trusted_proxies; /* CIDR blocks, copied; -EINVAL from _new() for a bad one */
	size_t trusted_proxy_count;
	/* Answers of peal_http_reply() wait for the numbers issued before them; NULL: none does. */
	struct peal_barrier *barrier;
};

int peal_http_server_new(struct peal_loop *loop, const struct peal_http_options *options,
			 struct peal_stats *stats, const struct peal_log *log,
			 struct peal_http_server **ret_server) __attribute__((warn_unused_result));
/* Closes everything; requests under way get on_abort(PEAL_HTTP_ABORT_SERVER). */
void peal_http_server_free(struct peal_http_server *server);

/* @port 0: any. Return: 0; -errno; -EINVAL for a host that cannot be resolved. */
int peal_http_server_listen(struct peal_http_server *server, const char *host, uint16_t port)
	__attribute__((warn_unused_result));
uint16_t peal_http_server_port(const struct peal_http_server *server);
/* Stop to accept, close idle connections; those with a request under way close after its answer. */
void peal_http_server_close(struct peal_http_server *server);
/* Connections that are still open. */
size_t peal_http_server_connections(const struct peal_http_server *server);

/* Take so many from now on; more that are open stay. */
void peal_http_server_set_max_connections(struct peal_http_server *server, size_t count);
/* Believe these instead, about requests that come. Return: as _new(), and then nothing changed. */
int peal_http_server_set_trusted(struct peal_http_server *server, const char *const *networks,
				 size_t count) __attribute__((warn_unused_result));

/* Whether any peer is believed about who its clients are. */
bool peal_http_server_has_trusted(const struct peal_http_server *server);

/*
 * Requests whose raw target starts with @prefix go to @handler; the longest prefix wins. @cors is
 * applied before the handler to every response under the prefix, answers preflights, and is
 * borrowed until there is another; NULL for none. Return: 0; -ENOMEM; -EEXIST.
 */
int peal_http_server_mount(struct peal_http_server *server, const char *prefix,
			   const struct peal_http_handler *handler, void *context,
			   const struct peal_cors *cors) __attribute__((warn_unused_result));
/* Apply other headers under a mounted prefix; the ones before are not looked at any more. */
void peal_http_server_set_cors(struct peal_http_server *server, const char *prefix,
			       const struct peal_cors *cors);
/* An exact path (query ignored), looked up before the prefixes; under a mounted prefix it gets that
 * prefix's CORS. See peal_http_route(). */
int peal_http_server_route(struct peal_http_server *server, const char *path, const char *methods,
			   size_t max_body, peal_http_fn *fn, void *userdata)
	__attribute__((warn_unused_result));

/* See peal_http_gate(). */
int peal_http_server_gate(struct peal_http_server *server, const char *path, peal_http_gate_fn *fn)
	__attribute__((warn_unused_result));

/* --- a request
 * -------------------------------------------------------------------------------------------------
 */

/* Strings live as long as the request. */
const struct peal_request *peal_http_request_request(const struct peal_http_request *request);
/* It asks for `Connection: Upgrade` and `Upgrade: websocket`. Other upgrades are ignored, as HTTP
 * allows. */
bool peal_http_request_is_upgrade(const struct peal_http_request *request);
/* Bytes came behind the head of an upgrade request, which is not legal before the 101. */
bool peal_http_request_has_early_bytes(const struct peal_http_request *request);
/* One pointer for the handler's use. */
void peal_http_request_set_userdata(struct peal_http_request *request, void *userdata);
void *peal_http_request_userdata(const struct peal_http_request *request);

/*
 * Receive the body: on_body() follows, or on_abort(). Sends `100 Continue` when the client waits
 * for it. A Content-Length above @max_bytes ends in on_abort(PEAL_HTTP_ABORT_TOO_LARGE), from the
 * loop.
 */
void peal_http_request_read_body(struct peal_http_request *request, size_t max_bytes);

/*
 * Headers for the answer besides those of respond(). Return: 0; -ENOMEM; -EINVAL for a name that is
 * no token or a value with control characters.
 */
int peal_http_request_add_header(struct peal_http_request *request, const char *name,
				 const char *value);

/* What the application's header hooks get (see peal_headers_fn); adds to the answer of @request. */
struct peal_response_headers *peal_http_request_response_headers(struct peal_http_request *request);

/*
 * Answer. Adds Date, Connection and Keep-Alive, Content-Length (none for 204 and 304), and the CORS
 * headers. An unread request body is read and thrown away up to 64 KB, else the connection closes
 * after the answer. @close closes it in any case.
 * @content_type may be NULL; @body is copied; NULL with length 0 is an empty body. HEAD gets no
 * body but its length.
 */
void peal_http_request_respond(struct peal_http_request *request, unsigned status,
			       const char *content_type, const void *body, size_t length,
			       bool close);
/* As respond() for a body that is sent chunked, without Content-Length (compressed poll answers).
 * HTTP/1.0 gets Connection: close. */
void peal_http_request_respond_chunked(struct peal_http_request *request, unsigned status,
				       const char *content_type, const void *body, size_t length);
/*
 * The minimal answer to a refused upgrade: status line, `Connection: close`, `Content-type:
 * text/html`, Content-Length, the headers added before, @text; then the connection closes.
 */
void peal_http_request_refuse_upgrade(struct peal_http_request *request, unsigned status,
				      const char *text);
/* Close the connection without an answer (an upload that another request pushed out). No
 * on_abort(). */
void peal_http_request_drop(struct peal_http_request *request);

/*
 * Take the socket for WebSocket. The connection gives up its descriptor (non-blocking,
 * close-on-exec, TCP_NODELAY) and the request is gone; copy what is needed of it before. Response
 * headers added before, CORS included, are written to
 * @ret_headers as "Name: value\r\n…", NUL-terminated, to be freed by the caller; NULL if there are
 * none. Return: the descriptor; -ENOMEM (the request is still there then).
 */
int peal_http_request_take_socket(struct peal_http_request *request, char **ret_headers)
	__attribute__((warn_unused_result));

/* An owned copy of the handshake in one allocation, with the strings behind it; free() it. NULL: no
 * memory. */
struct peal_request *peal_request_copy(const struct peal_request *request);

#endif
