/*
 * What the files of this room share: the server, its connections, their requests.
 *
 * A connection has at most one request at a time; bytes of further ones wait in its input. The
 * request is an object of its own, because its handler may still hold it while the connection goes.
 * Both are freed in the reap phase.
 */
#ifndef PEAL_HTTP_PRIVATE_H
#define PEAL_HTTP_PRIVATE_H

#include <event2/event_struct.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/limits.h"
#include "http/http.h"
#include "http/parse.h"

/* An IPv6 address; IPv4 in its mapped form. */
struct peal_http_address {
	uint8_t bytes[16];
};

struct peal_http_network {
	struct peal_http_address address;
	unsigned bits;
};

struct peal_http_mount {
	struct peal_list link; /* longest prefix first */
	struct peal_http_handler handler;
	void *context;
	const struct peal_cors *cors;
	size_t prefix_length;
	char prefix[];
};

struct peal_http_route {
	struct peal_hash_entry entry;
	size_t max_body;
	peal_http_gate_fn *gate; /* NULL: everyone may send */
	peal_http_fn *fn;
	void *userdata;
	char *allow; /* as the Allow header says it; behind the path */
	char path[];
};

struct peal_http_server {
	struct peal_loop *loop;
	struct peal_stats *stats;
	const struct peal_log *log;
	size_t max_connections;
	struct peal_http_network *trusted;
	size_t trusted_count;

	int listener;		 /* -1 while there is none */
	unsigned single_accepts; /* so many more without asking whether others wait */
	struct event *accept_event;
	struct peal_deadline accept_again; /* armed while there are no descriptors */
	bool starved;			   /* and it was logged */
	bool closing;

	size_t connection_count;
	struct peal_list connections;
	/*
	 * Connections with input to work on. They are served by an event of our own behind all that
	 * was readable in this turn, so that who hung up is known before new requests are.
	 */
	struct peal_list ready;
	struct event *ready_event;
	bool ready_wanted;

	struct peal_deadlines accept_retries;
	struct peal_deadlines heads;
	struct peal_deadlines keep_alives; /* the first one is idle for the longest */
	struct peal_deadlines body_idles;
	struct peal_deadlines bodies;
	struct peal_deadlines writes;
	struct peal_deadlines lingers;
	struct peal_deadlines foreign_upgrades;

	struct peal_list mounts;
	struct peal_hash routes;
	struct peal_list orphans;     /* route requests that outlived their connection */
	struct peal_barrier *barrier; /* NULL: no answer waits */
	struct peal_list waiting;     /* answers behind the barrier */
	size_t waiting_bytes;	      /* of them */

	struct peal_buffer head; /* of the response at hand */
	char date[32];
	int64_t date_second;
	char scratch[65536]; /* what one read call takes */
};

/* peal_http_connection_enter() is the one function that writes it. */
enum peal_http_state {
	PEAL_HTTP_HEAD,	    /* no request; armed: heads, or keep_alives while nothing has come */
	PEAL_HTTP_ASKED,    /* the handler has the request; armed: nothing */
	PEAL_HTTP_BODY,	    /* its body is received for the handler; armed: body_idles and bodies */
	PEAL_HTTP_ANSWERED, /* the answer is written and the rest of the body thrown away; armed:
			       writes or body_idles */
	PEAL_HTTP_LINGER,   /* nothing more to say, what comes is thrown away; armed: lingers */
	PEAL_HTTP_FOREIGN,  /* an upgrade that is nobody's; armed: foreign_upgrades */
	PEAL_HTTP_DEAD,	    /* closed, waits for the reap */
};

struct peal_http_connection {
	struct peal_http_server *server;
	struct event event;
	int fd;
	short watched;	  /* EV_READ | EV_WRITE, as the event is armed */
	uint8_t state;	  /* enum peal_http_state */
	bool close_after; /* this answer is the last */
	bool linger;	  /* and bytes may come behind it */
	bool kept_alive;  /* armed in keep_alives */
	bool eof;	  /* the client closed or half-closed */
	bool broken;	  /* nothing can be read or written any more */
	bool processing;  /* peal_http_connection_process() is up the stack */
	bool has_address;
	struct peal_http_address address;
	struct peal_http_scan scan;
	struct peal_http_body body;
	struct peal_buffer input;
	size_t input_used;
	struct peal_buffer output;
	size_t output_used;
	size_t discarded;
	struct peal_http_request *request;
	struct peal_deadline deadline;
	struct peal_deadline body_deadline;
	struct peal_list link;	/* in server->connections */
	struct peal_list ready; /* in server->ready */
	struct peal_task death;
};

struct peal_response_headers {
	struct peal_buffer lines; /* "Name: value\r\n" each */
};

struct peal_http_request {
	struct peal_request info;
	struct peal_http_connection *connection; /* NULL once the request has ended */
	struct peal_http_server *server;	 /* NULL once that is gone */
	const struct peal_http_handler *handler;
	void *context;
	void *userdata;
	const struct peal_http_route *route;
	bool held; /* the application has it until peal_http_reply() */
	bool head_only;
	bool http_1_0;
	bool keep_alive;
	bool websocket;
	bool expects_continue;
	uint64_t content_length;
	size_t max_body;
	struct peal_buffer body;
	struct peal_response_headers headers;
	struct peal_list orphan;
	struct peal_task death;
	char address[64];
	/* behind it: the headers, then the bytes of the head that the strings point into */
};

/* --- server.c ------------------------------------------------------------------------------- */

/* Have server->ready looked through in this turn. */
void peal_http_server_wake(struct peal_http_server *server);
/* Make a connection of @fd, which is taken over, also on failure. Return: 0; -ENOMEM. */
int peal_http_server_adopt(struct peal_http_server *server, int fd,
			   const struct sockaddr_storage *peer) __attribute__((warn_unused_result));

/* --- connection.c --------------------------------------------------------------------------- */

int peal_http_connection_new(struct peal_http_server *server, int fd,
			     const struct sockaddr_storage *peer)
	__attribute__((warn_unused_result));
/* Close at once, without any callback. */
void peal_http_connection_close(struct peal_http_connection *connection);
/* Close, and if the handler has a request, tell it. */
void peal_http_connection_abort(struct peal_http_connection *connection, enum peal_http_abort why);
void peal_http_connection_enter(struct peal_http_connection *connection,
				enum peal_http_state state);
/* Arm the pace at which the other side has to read the answer, or to send the rest of its body. */
void peal_http_connection_arm_pace(struct peal_http_connection *connection);
/* Watch the descriptor for what the state needs. */
void peal_http_connection_watch(struct peal_http_connection *connection);
/* Have it worked on later in this turn. */
void peal_http_connection_ready(struct peal_http_connection *connection);
/* Leave it alone for a while, then close it silently. */
void peal_http_connection_ignore(struct peal_http_connection *connection);
/* Give up the descriptor. */
int peal_http_connection_take(struct peal_http_connection *connection);
/* Input that was not used yet. */
const char *peal_http_connection_bytes(const struct peal_http_connection *connection);
size_t peal_http_connection_unread(const struct peal_http_connection *connection);
/* No request, nothing read of one, nothing to write. */
bool peal_http_connection_idle(const struct peal_http_connection *connection);
/* Deadline functions, see struct peal_http_server. */
void peal_http_on_head_deadline(struct peal_deadlines *deadlines, struct peal_deadline *deadline);
void peal_http_on_close_deadline(struct peal_deadlines *deadlines, struct peal_deadline *deadline);

/* --- process.c ------------------------------------------------------------------------------ */

/* Work on the input as far as it goes. */
void peal_http_connection_process(struct peal_http_connection *connection);
/* The body is wanted; see peal_http_request_read_body(). */
void peal_http_connection_want_body(struct peal_http_connection *connection);
/* An answer was written: go on to the next request, or close. */
void peal_http_connection_answered(struct peal_http_connection *connection);
void peal_http_on_body_deadline(struct peal_deadlines *deadlines, struct peal_deadline *deadline);
void peal_http_on_body_idle(struct peal_deadlines *deadlines, struct peal_deadline *deadline);

/* --- output.c ------------------------------------------------------------------------------- */

/* Write, or queue what the kernel does not take. A failure marks the connection as broken. */
void peal_http_output_write(struct peal_http_connection *connection, struct iovec *pieces,
			    int count);
/* Write on. Return: true when something was written. */
bool peal_http_output_flush(struct peal_http_connection *connection);
static inline bool peal_http_output_pending(const struct peal_http_connection *connection)
{
	return connection->output.length > connection->output_used;
}

/* --- request.c ------------------------------------------------------------------------------ */

/* Return: the request of the head at the start of @bytes; or NULL and the status of a refusal. */
struct peal_http_request *peal_http_request_new(struct peal_http_connection *connection,
						const char *bytes, size_t length, unsigned lines,
						unsigned *ret_status);
/* The request is over: part it from its connection, and have it reaped. */
void peal_http_request_end(struct peal_http_request *request);
/* Part it from its connection only. */
void peal_http_request_detach(struct peal_http_request *request);
/* Have a detached one freed; one that the application holds waits for its peal_http_reply(). */
void peal_http_request_release(struct peal_http_request *request);
void peal_http_request_free(struct peal_http_request *request);

/* --- response.c ----------------------------------------------------------------------------- */

/* Answer what did not become a request, and close. */
void peal_http_refuse(struct peal_http_connection *connection, unsigned status);
void peal_http_headers_append(struct peal_buffer *lines, const char *name, const char *value);

/* --- reply.c -------------------------------------------------------------------------------- */

/* Answers that wait are sent, into the void where the connection is gone. */
void peal_http_replies_end(struct peal_http_server *server);

/* --- route.c -------------------------------------------------------------------------------- */

/* Find who answers and call it. */
void peal_http_dispatch(struct peal_http_request *request);
void peal_http_routes_free(struct peal_http_server *server);

/* --- address.c ------------------------------------------------------------------------------ */

/* Return: false for a family that is not IP. */
bool peal_http_address_of(const struct sockaddr_storage *peer, struct peal_http_address *ret);
/* "10.0.0.0/8", "::1". Return: 0; -EINVAL. */
int peal_http_network_parse(const char *text, struct peal_http_network *ret_network);
/* Fill address and secure of @request, believing trusted proxies only. */
void peal_http_address_resolve(const struct peal_http_server *server,
			       const struct peal_http_connection *connection,
			       struct peal_http_request *request);

#endif
