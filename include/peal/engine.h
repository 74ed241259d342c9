/*
 * Engine.IO 4: sessions over polling and WebSocket.
 *
 * A node runs one of these under its path for Socket.IO. peal_engine_new() attaches further, bare
 * ones to the same listener. Source of the behaviour: the Engine.IO protocol, revision 4, and
 * engine.io 6.6.
 */
#ifndef PEAL_ENGINE_H
#define PEAL_ENGINE_H

#include <peal/visibility.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peal_engine;
struct peal_next;
struct peal_node;
struct peal_session;

struct peal_header {
	const char *name;
	const char *value;
};

/* The request that opened a session, or that asks to. Strings are NUL-terminated and live as long
 * as the request or session. */
struct peal_request {
	const char *method;
	const char *url;     /* as sent: path and query */
	const char *query;   /* without the question mark, still encoded; "" if there is none */
	const char *address; /* of the client, as text; X-Forwarded-For counts only from trusted
				proxies */
	bool secure;	     /* X-Forwarded-Proto of a trusted proxy says https */
	bool xdomain;	     /* an Origin header was present */
	uint64_t issued_ms;  /* wall clock, milliseconds since 1970 */
	const struct peal_header *headers;
	size_t header_count;
};

/** peal_request_header() - value of the first header of that name, in any case; NULL if there is
 * none */
PEAL_API const char *peal_request_header(const struct peal_request *request, const char *name);

/**
 * peal_request_query() - decoded value of a query parameter, the last one of that name, as
 * URLSearchParams decodes it
 * @buffer: receives the value and a NUL
 *
 * Return: its length; -ENOENT; -ENOSPC when it does not fit; -EINVAL when it holds U+0000.
 */
PEAL_API int peal_request_query(const struct peal_request *request, const char *name, char *buffer,
				size_t size);

enum peal_cors_origin {
	PEAL_CORS_OFF,	   /* no CORS headers at all; the default */
	PEAL_CORS_ANY,	   /* "*" */
	PEAL_CORS_FIXED,   /* origins[0], whatever the request says */
	PEAL_CORS_LIST,	   /* the request's Origin if it is in origins */
	PEAL_CORS_REFLECT, /* the request's Origin */
};

/* Lists are comma-joined header values. All strings are copied. */
struct peal_cors_options {
	enum peal_cors_origin origin;
	const char *const *origins;
	size_t origin_count;
	bool credentials;
	const char *methods;		 /* NULL: GET,HEAD,PUT,PATCH,POST,DELETE */
	const char *allowed_headers;	 /* NULL: echo Access-Control-Request-Headers */
	const char *exposed_headers;	 /* NULL: none */
	int max_age_seconds;		 /* below zero: none */
	unsigned options_success_status; /* 204 */
	bool preflight_continue;
};

enum peal_same_site {
	PEAL_SAME_SITE_LAX,
	PEAL_SAME_SITE_STRICT,
	PEAL_SAME_SITE_NONE,
	PEAL_SAME_SITE_ABSENT
};

/* The cookie that carries the sid on the first polling response, for balancers. */
struct peal_cookie_options {
	bool enabled;
	const char *name;    /* NULL: io */
	const char *path;    /* NULL: "/"; "" leaves the attribute out */
	const char *domain;  /* NULL: none */
	int max_age_seconds; /* below zero: none */
	bool http_only;	     /* true */
	bool secure;
	enum peal_same_site same_site;
};

enum { PEAL_TRANSPORT_POLLING = 1 << 0, PEAL_TRANSPORT_WEBSOCKET = 1 << 1 };

/* May a new session open? Answer now or later with peal_next_accept() or peal_next_refuse(message).
 * The request lives until then. */
typedef void peal_allow_request_fn(const struct peal_request *request, struct peal_next *next,
				   void *userdata);

/* Makes the sid of a new session: up to 63 characters of A-Z a-z 0-9 - _ and a NUL. Return 0, or
 * below zero to refuse the session. */
typedef int peal_generate_id_fn(const struct peal_request *request, char buffer[64],
				void *userdata);

struct peal_response_headers;
/** peal_response_headers_add() - add a header to the response at hand. Return: 0; -ENOMEM; -EINVAL
 * for a bad name or value. */
PEAL_API int peal_response_headers_add(struct peal_response_headers *headers, const char *name,
				       const char *value);
/*
 * Lets the application add headers. Called for each response to a session, when its request comes
 * (a poll may wait for its response), and for the first one of a session once more before that,
 * with @initial true.
 */
typedef void peal_headers_fn(const struct peal_request *request, bool initial,
			     struct peal_response_headers *headers, void *userdata);

/* A request was refused: @code as on the wire (0–5), @message, and the name of the check, such as
 * TRANSPORT_MISMATCH.
 */
typedef void peal_connection_error_fn(const struct peal_request *request, int code,
				      const char *message, const char *check, void *userdata);

struct peal_engine_options {
	const char *path; /* "/engine.io/"; "/socket.io/" for the node's Socket.IO server */
	unsigned ping_interval_ms;	   /* 25000 */
	unsigned ping_timeout_ms;	   /* 20000 */
	unsigned upgrade_timeout_ms;	   /* 10000 */
	size_t max_http_buffer_size;	   /* 1000000 bytes; announced as maxPayload */
	unsigned transports;		   /* PEAL_TRANSPORT_POLLING | PEAL_TRANSPORT_WEBSOCKET */
	bool allow_upgrades;		   /* true */
	bool http_compression;		   /* true */
	size_t http_compression_threshold; /* 1024 bytes */
	const char *initial_packet;	   /* NULL; sent as a message right behind the handshake */
	/* NULL: none. 1–16 of A-Z a-z 0-9 _ -; a sid is then this, a dot and the random part, so
	 * that a balancer can route by it. Not together with generate_id. */
	const char *sid_prefix;
	size_t outbox_limit; /* 0: 1 MiB + max_http_buffer_size; each queued message
				counts 16 bytes more than it is long */
	struct peal_cors_options cors;
	struct peal_cookie_options cookie;
	peal_allow_request_fn *allow_request;
	peal_generate_id_fn *generate_id; /* NULL: 12 random bytes and a counter, as base64url */
	peal_headers_fn *headers;
	peal_connection_error_fn *connection_error;
	void *userdata; /* of the four functions */
};

/** peal_engine_options_init() - fill with the defaults above */
PEAL_API void peal_engine_options_init(struct peal_engine_options *options);

/* What a bare Engine.IO server tells its application; every member may be NULL. All run from the
 * loop. */
struct peal_engine_handlers {
	void (*connection)(struct peal_session *session, void *userdata);
	/* @data lives until the call returns; text is valid UTF-8 and not NUL-terminated */
	void (*message)(struct peal_session *session, const void *data, size_t length, bool binary,
			void *userdata);
	/* The session is freed after this returns. @description may be NULL. */
	void (*close)(struct peal_session *session, const char *reason, const char *description,
		      void *userdata);
	/* Everything queued has been handed to the kernel. */
	void (*drain)(struct peal_session *session, void *userdata);
};

/**
 * peal_engine_new() - attach a bare Engine.IO server to the node's listener
 * @handlers: copied
 * @ret_engine: freed with the node
 *
 * Return: 0; -ENOMEM; -EINVAL for options out of range; -EEXIST when the path is taken.
 */
PEAL_API PEAL_MUST_CHECK int peal_engine_new(struct peal_node *node,
					     const struct peal_engine_options *options,
					     const struct peal_engine_handlers *handlers,
					     void *userdata, struct peal_engine **ret_engine);

/** peal_session_send() - queue a message. Return: 0; -ENOMEM; -EPIPE when the session is not open;
 * -EINVAL for text that is not UTF-8. */
PEAL_API int peal_session_send(struct peal_session *session, const void *data, size_t length,
			       bool binary);

/** peal_session_close() - flush the queue, then close; reason `forced close`. The close handler
 * runs from the loop. */
PEAL_API void peal_session_close(struct peal_session *session);

/** peal_session_sid() - its secret id */
PEAL_API const char *peal_session_sid(const struct peal_session *session);
/** peal_session_transport() - "polling" or "websocket" */
PEAL_API const char *peal_session_transport(const struct peal_session *session);
PEAL_API const struct peal_request *peal_session_request(const struct peal_session *session);
/** peal_session_queued_bytes() - bytes queued and not yet handed to the kernel */
PEAL_API size_t peal_session_queued_bytes(const struct peal_session *session);
/** peal_session_set_userdata() - a pointer of the application's own; sessions of Socket.IO use it
 * themselves */
PEAL_API void peal_session_set_userdata(struct peal_session *session, void *userdata);
PEAL_API void *peal_session_userdata(const struct peal_session *session);

#endif
