/*
 * Routes on the node's listener, for pages and APIs beside Socket.IO.
 */
#ifndef PEAL_HTTP_H
#define PEAL_HTTP_H

#include <peal/engine.h>

struct peal_http_listener;
struct peal_http_request;

/* Runs when a request for the route is complete. Answer it once with peal_http_reply(), now or
 * later. */
typedef void peal_http_fn(struct peal_http_request *request, void *userdata);

/**
 * peal_http_route() - answer requests for one path
 * @path:     exact path without query; looked up before the Engine.IO paths and under them gets
 * their CORS headers
 * @methods:  comma-separated list such as "GET" (which includes HEAD); others get 405 with Allow
 * @max_body: largest request body in bytes; more gets 413
 *
 * Return: 0; -ENOMEM; -EINVAL; -EEXIST when the path is taken; -ESHUTDOWN while the node ends.
 */
PEAL_API PEAL_MUST_CHECK int peal_http_route(struct peal_node *node, const char *path,
					     const char *methods, size_t max_body, peal_http_fn *fn,
					     void *userdata);

/* Runs when the head of a request is there, before its body is taken in. Return: true to have the
 * body and then the route's function; false when the request is answered with peal_http_reply()
 * instead, now or later. */
typedef bool peal_http_gate_fn(struct peal_http_request *request, void *userdata);

/**
 * peal_http_gate() - ask who may send before anything is kept of what is sent
 * @path: of a route that is there
 * @fn:   gets the userdata of the route; it must not read the body
 *
 * Return: 0; -ENOENT; -ESHUTDOWN while the node ends.
 */
PEAL_API PEAL_MUST_CHECK int peal_http_gate(struct peal_node *node, const char *path,
					    peal_http_gate_fn *fn);

/** peal_http_request_info() - method, URL, headers, address; lives until the reply */
PEAL_API const struct peal_request *peal_http_request_info(const struct peal_http_request *request);

/** peal_http_request_body() - the body; not NUL-terminated; lives until the reply */
PEAL_API const void *peal_http_request_body(const struct peal_http_request *request,
					    size_t *ret_length);

/**
 * peal_http_reply() - answer a request; it is gone afterwards
 * @status:  HTTP status
 * @headers: further headers, borrowed; Content-Length, Date and Connection are added
 * @body:    copied; left out for HEAD
 *
 * A request whose client has left in the meantime is answered into the void: the call is always
 * legal, once.
 */
PEAL_API void peal_http_reply(struct peal_http_request *request, unsigned status,
			      const struct peal_header *headers, size_t header_count,
			      const void *body, size_t length);

/**
 * peal_http_listener_new() - another address of the node, for routes only
 * @host: name or address, IPv4 or IPv6
 * @port: 0 lets the kernel choose
 * @ret_listener: closed and freed with the node
 *
 * No client of Socket.IO or Engine.IO gets in here, and it has no CORS headers. It listens at once;
 * make its routes before the loop goes on.
 *
 * Return: 0; -ENOMEM; -EINVAL for a host that cannot be resolved; -errno such as -EADDRINUSE;
 * -ESHUTDOWN once the node is closing.
 */
PEAL_API PEAL_MUST_CHECK int peal_http_listener_new(struct peal_node *node, const char *host,
						    uint16_t port,
						    struct peal_http_listener **ret_listener);
/** peal_http_listener_port() - the port it listens on; 0 once the node is closing */
PEAL_API uint16_t peal_http_listener_port(const struct peal_http_listener *listener);
/** peal_http_listener_route() - as peal_http_route(), on this listener */
PEAL_API PEAL_MUST_CHECK int peal_http_listener_route(struct peal_http_listener *listener,
						      const char *path, const char *methods,
						      size_t max_body, peal_http_fn *fn,
						      void *userdata);
/** peal_http_listener_gate() - as peal_http_gate(), on this listener */
PEAL_API PEAL_MUST_CHECK int peal_http_listener_gate(struct peal_http_listener *listener,
						     const char *path, peal_http_gate_fn *fn);

#endif
