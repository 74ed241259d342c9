/*
 * Sockets: one client in one namespace.
 *
 * A `struct peal_socket *` is valid until its last disconnect callback has returned.
 * peal_socket_ref() keeps the object longer; every call on a gone socket is then a defined no-op
 * with a code.
 */
#ifndef PEAL_SOCKET_H
#define PEAL_SOCKET_H

#include <peal/engine.h>
#include <peal/namespace.h>

/* An event as handlers see it; lives until the handler returns. The functions below take the very
 * one that a handler got, never a copy. */
struct peal_event {
	const char *name; /* NUL-terminated, never holds U+0000; for a number as name (legal in
			     Socket.IO) its text */
	const struct peal_args *args;
	bool wants_ack;
};

struct peal_responder;

/**
 * peal_reply() - acknowledge an event from inside its handler, with up to 16 C values
 *
 * Only the first reply to an event counts. Return: 0; PEAL_EMIT_E_INVALID when no acknowledgement
 * was asked for or was answered already, or a value cannot be encoded; PEAL_EMIT_E_GONE; -ENOMEM.
 */
#define peal_reply(event, ...) peal_reply_values(event, PEAL_VALUES(__VA_ARGS__))
PEAL_API int peal_reply_values(const struct peal_event *event, struct peal_values values);
PEAL_API int peal_reply_args(const struct peal_event *event, const struct peal_args *args);

/**
 * peal_event_responder() - keep the right to acknowledge an event beyond its handler
 * @ret_responder: receives a one-shot token, safe after the socket died: give it to peal_respond()
 * or peal_responder_free()
 *
 * Return: 0; PEAL_EMIT_E_INVALID when no acknowledgement is due; -ENOMEM, also when 65 536 of this
 * socket are open.
 */
PEAL_API PEAL_MUST_CHECK int peal_event_responder(const struct peal_event *event,
						  struct peal_responder **ret_responder);

/** peal_respond() - acknowledge later; the token is gone afterwards, whatever is returned */
#define peal_respond(responder, ...) peal_respond_values(responder, PEAL_VALUES(__VA_ARGS__))
PEAL_API int peal_respond_values(struct peal_responder *responder, struct peal_values values);
PEAL_API int peal_respond_args(struct peal_responder *responder, const struct peal_args *args);

/** peal_responder_free() - never acknowledge; NULL is fine */
PEAL_API void peal_responder_free(struct peal_responder *responder);

PEAL_API struct peal_socket *peal_socket_ref(struct peal_socket *socket);
PEAL_API void peal_socket_unref(struct peal_socket *socket);

/** peal_socket_id() - its public id, 20 characters; never the session's sid, which is a secret */
PEAL_API const char *peal_socket_id(const struct peal_socket *socket);
PEAL_API struct peal_namespace *peal_socket_namespace(const struct peal_socket *socket);
/** peal_socket_connected() - true from the end of the middlewares until the socket leaves */
PEAL_API bool peal_socket_connected(const struct peal_socket *socket);

/** peal_socket_auth() - the auth payload of CONNECT as one argument: an object, empty if there was
 * none */
PEAL_API const struct peal_args *peal_socket_auth(const struct peal_socket *socket);

/**
 * peal_socket_set_auth() - put another object in the place of the auth payload
 * @json: a JSON object; copied
 *
 * For secrets such as a token that was checked: from then on they are neither kept nor shown by
 * peal_sockets_fetch() on any server. What peal_socket_auth() returned before is gone. Nothing is
 * sent.
 *
 * Return: 0; -ENOMEM; PEAL_EMIT_E_INVALID for what is no JSON object. Then nothing has changed.
 */
PEAL_API PEAL_MUST_CHECK int peal_socket_set_auth(struct peal_socket *socket, const char *json);

/** peal_socket_handshake() - the HTTP request that opened the session; NULL when the socket is gone
 */
PEAL_API const struct peal_request *peal_socket_handshake(const struct peal_socket *socket);

/** peal_socket_session() - the session that carries it; NULL when the socket is gone */
PEAL_API struct peal_session *peal_socket_session(const struct peal_socket *socket);

/** peal_socket_set_userdata() - a pointer of the application's own; free it in the disconnect
 * callback */
PEAL_API void peal_socket_set_userdata(struct peal_socket *socket, void *userdata);
PEAL_API void *peal_socket_userdata(const struct peal_socket *socket);

/** peal_socket_set_data() - `socket.data`: one JSON value that peal_sockets_fetch() shows to other
 * servers. Return: 0; -ENOMEM; PEAL_EMIT_E_INVALID. */
PEAL_API int peal_socket_set_data(struct peal_socket *socket, const char *json);
/** peal_socket_data() - its JSON text, "{}" when none was set */
PEAL_API const char *peal_socket_data(const struct peal_socket *socket);

/** peal_socket_join() - join a room at once. Return: 0; -ENOMEM; PEAL_EMIT_E_INVALID for a bad
 * name; PEAL_EMIT_E_TOO_LARGE over the room ceiling; PEAL_EMIT_E_GONE. */
PEAL_API int peal_socket_join(struct peal_socket *socket, const char *room);
PEAL_API int peal_socket_leave(struct peal_socket *socket, const char *room);
PEAL_API bool peal_socket_in_room(const struct peal_socket *socket, const char *room);

/**
 * peal_socket_rooms() - names of the rooms it is in, its own id first
 * @rooms: receives up to @capacity pointers, valid until the next join or leave of this socket
 *
 * Return: the number of rooms, which may be above @capacity.
 */
PEAL_API size_t peal_socket_rooms(const struct peal_socket *socket, const char **rooms,
				  size_t capacity);

/**
 * peal_socket_disconnect() - `socket.disconnect(close)`
 * @close: false leaves the namespace only; true closes the connection, with all its namespaces
 *
 * Packets queued before are delivered first. The disconnect callbacks run from the loop. A socket
 * that is not connected yet is refused by its middleware instead.
 *
 * Return: 0; PEAL_EMIT_E_GONE when it is not connected.
 */
PEAL_API int peal_socket_disconnect(struct peal_socket *socket, bool close);

#endif
