/*
 * Inside of the transport room: the front that takes the requests of an engine, and the two
 * transports.
 */
#ifndef PEAL_TRANSPORT_TRANSPORTS_H
#define PEAL_TRANSPORT_TRANSPORTS_H

#include "base/decision.h"
#include "engine/transport.h"
#include "http/http.h"
#include "transport/front.h"
#include "transport/websocket.h"

struct peal_front {
	struct peal_engine *engine;
	struct peal_http_server *http;
	struct peal_websockets *websockets;
	struct peal_decisions *decisions;
	struct peal_cors *cors;
	char *cookie_name, *cookie_path, *cookie_domain;
	struct peal_deadlines upgrade_due;
	struct peal_list asking; /* new sessions whose allowRequest hook has not answered */
	size_t asking_count;
	bool warned_of_proxy;
	struct peal_buffer scratch; /* of poll responses */
};

extern const struct peal_transport peal_polling_transport;
extern const struct peal_transport peal_websocket_transport;

/* polling.c: a request of an open polling session. */
void peal_polling_get(struct peal_front *front, struct peal_session *session,
		      struct peal_http_request *request);
void peal_polling_post(struct peal_front *front, struct peal_session *session,
		       struct peal_http_request *request);
void peal_polling_body(struct peal_http_request *request, const char *body, size_t length);
void peal_polling_abort(struct peal_http_request *request, enum peal_http_abort why);
/* Release the parked GET with a noop, for an upgrade. */
void peal_polling_release_get(struct peal_session *session);

/* upgrade.c: a WebSocket request that names a session. */
void peal_upgrade_begin(struct peal_front *front, struct peal_session *session,
			struct peal_http_request *request);
void peal_upgrade_abandon(struct peal_session *session);
void peal_upgrade_expired(struct peal_deadlines *deadlines, struct peal_deadline *deadline);

/* websocket_transport.c: the handler of connections that carry a session (context: the session). */
extern const struct peal_websocket_handler peal_websocket_session_handler;
/* The session has this connection from here on, until it is released or ends. */
void peal_websocket_attach(struct peal_session *session, struct peal_websocket *websocket);

/*
 * front.c: turn an upgrade request, whose key and version were found to be fine, into a connection.
 * The request is gone in any case.
 */
struct peal_websocket *peal_front_adopt(struct peal_front *front, struct peal_http_request *request,
					const struct peal_websocket_handler *handler,
					void *context);
/* The key and version are fine; otherwise the refusal was sent. */
bool peal_front_check_websocket(struct peal_front *front, struct peal_http_request *request);
/*
 * Let the application add headers to an answer. Called when a request comes and not when its answer
 * leaves, because a parked request may be answered from inside of a public function. The hook may
 * close the node, and with it any session.
 */
void peal_front_headers(struct peal_front *front, struct peal_http_request *request, bool initial);
/* The front that an engine is mounted with. */
struct peal_front *peal_front_of(const struct peal_session *session);

/* refusal.c: the codes of Engine.IO. */
enum peal_refusal {
	PEAL_REFUSAL_TRANSPORT_UNKNOWN = 0,
	PEAL_REFUSAL_SID_UNKNOWN = 1,
	PEAL_REFUSAL_HANDSHAKE_METHOD = 2,
	PEAL_REFUSAL_BAD_REQUEST = 3,
	PEAL_REFUSAL_FORBIDDEN = 4,
	PEAL_REFUSAL_PROTOCOL = 5,
};

/* The answer to this request is a WebSocket, or a refusal that ends the connection. */
bool peal_front_wants_websocket(const struct peal_front *front,
				const struct peal_http_request *request);
/* Refuse for what the request says. @message NULL: that of the code; @check is for the hook. */
void peal_front_refuse(struct peal_front *front, struct peal_http_request *request,
		       enum peal_refusal code, const char *message, const char *check);
/* Refuse an upgrade for its WebSocket headers. */
void peal_front_refuse_upgrade(struct peal_front *front, struct peal_http_request *request,
			       const char *message);
/* The node cannot serve it now. */
void peal_front_answer_unavailable(struct peal_front *front, struct peal_http_request *request);
/* One more session may be open; otherwise the refusal was sent. */
bool peal_front_has_room(struct peal_front *front, struct peal_http_request *request);
/* It is not too soon for one more; then that counts. Otherwise the refusal was sent. */
bool peal_front_lets_in(struct peal_front *front, struct peal_http_request *request);

/*
 * compress.c: the encoding that `Accept-Encoding` prefers, "gzip", "deflate" or NULL, and the
 * compressed bytes (to be freed). Return: 0; -ENOMEM.
 */
const char *peal_compress_choose(const char *accept_encoding);
int peal_compress(const char *encoding, const void *bytes, size_t length, void **ret_bytes,
		  size_t *ret_length) __attribute__((warn_unused_result));

#endif
