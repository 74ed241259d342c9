/*
 * Broadcasting events: who, and the emit family.
 *
 *   io.emit("hello", "world")                 peal_emit(io, PEAL_ALL, "hello", "world")
 *   io.to("a").to("b").except("c").emit(…)    peal_emit(io, PEAL_TO(.rooms = PEAL_ROOMS("a", "b"),
 * .except = PEAL_ROOMS("c")), …) io.local.volatile.emit(…)                 peal_emit(io,
 * PEAL_TO(.flags = PEAL_LOCAL | PEAL_VOLATILE), …) io.timeout(5000).emit("hello", cb)
 * peal_emit_ack(io, PEAL_ALL, 5000, on_acks, userdata, "hello")
 *
 * Source of the behaviour: https://socket.io/docs/v4/broadcasting-events/ and the Socket.IO 4
 * server.
 *
 * No function of this header runs a callback before it returns. The codes may be ignored: a failed
 * broadcast is also counted in struct peal_stats.
 */
#ifndef PEAL_EMIT_H
#define PEAL_EMIT_H

#include <peal/args.h>

struct peal_namespace;
struct peal_socket;

/* A counted list of room names. Absent (all zero) is not the same as present but empty: see struct
 * peal_target. */
struct peal_rooms {
	const char *const *names; /* UTF-8, NUL-terminated */
	size_t count;
	bool given;
};

enum {
	PEAL_LOCAL = 1 << 0,	   /* only this node's clients; nothing is published */
	PEAL_VOLATILE = 1 << 1,	   /* clients that cannot be written to right now do not get it */
	PEAL_NO_COMPRESS = 1 << 2, /* compress(false): do not compress a poll response that holds
				      only such packets */
};

/*
 * Who gets an emit: the union of the members of `rooms`, each socket once, minus every member of an
 * `except` room.
 *
 * Only an absent `rooms` means everyone. A list that is present but empty, or that holds a NULL or
 * invalid name, selects nobody and the call returns PEAL_EMIT_E_INVALID: a program whose list came
 * out empty must not reach everybody by accident. This is a deliberate difference to io.to([]). An
 * empty `except` is normal.
 */
struct peal_target {
	struct peal_rooms rooms;
	struct peal_rooms except;
	unsigned flags; /* PEAL_LOCAL | PEAL_VOLATILE | PEAL_NO_COMPRESS */
};

/* PEAL_ALL - everyone in the namespace */
#define PEAL_ALL ((const struct peal_target *)NULL)
/* PEAL_TO(.rooms = …, .except = …, .flags = …) - a target that lives as long as the enclosing block
 */
#define PEAL_TO(...) (&(const struct peal_target){ __VA_ARGS__ })
/* PEAL_ROOMS("a", "b") - a list of rooms */
#define PEAL_ROOMS(...)                                                                          \
	((struct peal_rooms){ (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL },          \
			      sizeof((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL }) / \
					      sizeof(char *) -                                   \
				      1,                                                         \
			      true })
/* PEAL_ROOM_LIST(array, count) - a list of rooms from an array of NUL-terminated names */
#define PEAL_ROOM_LIST(array, n) ((struct peal_rooms){ (array), (n), true })

/* What the emit family returns above zero. */
enum peal_emit_error {
	PEAL_EMIT_OK = 0,
	PEAL_EMIT_E_RESERVED = 1, /* the event name is reserved (connect, connect_error, disconnect,
				     disconnecting, …) */
	PEAL_EMIT_E_INVALID = 2, /* an argument cannot be encoded, or a name or target is invalid */
	PEAL_EMIT_E_TOO_LARGE = 3, /* more than 10 attachments, or larger than a frame may be */
	PEAL_EMIT_E_TIMEOUT_MISSING = 4, /* an acknowledged broadcast needs a timeout above zero */
	PEAL_EMIT_E_GONE = 5,		 /* the socket is no longer connected */
};

/** peal_event_is_reserved() - may no event have this name? Those that mean something to Socket.IO
 * itself: connect, connect_error, disconnect, disconnecting, newListener, removeListener */
PEAL_API bool peal_event_is_reserved(const char *event);

/* How an acknowledgement or a round of them ended. */
enum peal_ack_error {
	PEAL_ACK_OK = 0,
	PEAL_ACK_TIMEOUT = 1,	   /* "operation has timed out" */
	PEAL_ACK_DISCONNECTED = 2, /* one socket was asked and it left */
	PEAL_ACK_CLOSED = 3,	   /* the node was freed while waiting */
};

/** peal_ack_strerror() - the text that Socket.IO uses for @error, NULL for PEAL_ACK_OK */
PEAL_API const char *peal_ack_strerror(enum peal_ack_error error);

/* The result of an acknowledged broadcast. Everything in it lives until the callback returns. */
struct peal_acks {
	enum peal_ack_error error;
	/* The first argument of each acknowledgement, in order of arrival: each has exactly one
	 * item, null when it was missing. */
	const struct peal_args *const *responses;
	size_t response_count;
	size_t clients_expected, clients_answered;
	size_t servers_expected, servers_answered; /* this node included */
	const char *const *missing_servers;	   /* names of silent servers */
	size_t missing_server_count;
	size_t unnamed_missing_servers;
	const char *const
		*missing_sockets; /* ids of the sockets of this node that did not answer */
	size_t missing_socket_count;
};

/* Runs exactly once for each call that returned 0, at the latest from peal_node_free(). */
typedef void peal_acks_fn(const struct peal_acks *acks, void *userdata);

/* The acknowledgement of one socket; @args is NULL unless @error is PEAL_ACK_OK. Runs exactly once,
 * like peal_acks_fn.
 */
typedef void peal_ack_fn(enum peal_ack_error error, const struct peal_args *args, void *userdata);

/**
 * peal_emit() - send an event to every socket of a namespace that the target selects
 * @ns:      namespace; a dynamic parent reaches all its children
 * @target:  rooms, exceptions and flags; borrowed for the call; PEAL_ALL for everyone
 * @event:   event name, UTF-8, not a reserved name
 * @...:     up to 16 C values, typed by the macro (see PEAL_ARG())
 *
 * Local sockets are queued in program order before the call returns; peers are reached through the
 * adapter unless PEAL_LOCAL is set. Never blocks, never runs callbacks.
 *
 * Return: 0; -ENOMEM; -ESHUTDOWN from inside peal_node_free(); a code of enum peal_emit_error.
 */
#define peal_emit(ns, target, event, ...) \
	peal_emit_values(ns, target, event, PEAL_VALUES(__VA_ARGS__))
PEAL_API int peal_emit_values(struct peal_namespace *ns, const struct peal_target *target,
			      const char *event, struct peal_values values);

/** peal_emit_args() - peal_emit() with built or received arguments, which are sent as they came */
PEAL_API int peal_emit_args(struct peal_namespace *ns, const struct peal_target *target,
			    const char *event, const struct peal_args *args);

/**
 * peal_emit_ack() - send an event and collect one acknowledgement from each client
 * @timeout_ms: when to give up; must be above zero
 * @fn:         receives the result
 * @userdata:   passed to @fn
 *
 * The round ends when every selected client has answered, at once with success when there is none,
 * or at the deadline with what there is. A client that leaves meanwhile does not answer (as in the
 * reference). Without PEAL_LOCAL the clients of other servers are asked as well, and servers that
 * do not report are missing; with it the round ends with the last answer here. @fn runs from the
 * loop, never from inside this call, and only if the call returned 0. When a socket has joined a
 * room before, a success of several servers is told when their emits to that room reach this node.
 *
 * Return: as peal_emit(); PEAL_EMIT_E_TIMEOUT_MISSING; PEAL_EMIT_E_INVALID for a dynamic parent,
 * whose children each count their own acknowledgements; PEAL_EMIT_E_TOO_LARGE when 65 536 rounds of
 * the namespace are under way, or without PEAL_LOCAL as many requests of the node to others: then
 * nobody was asked.
 */
#define peal_emit_ack(ns, target, timeout_ms, fn, userdata, event, ...) \
	peal_emit_ack_values(ns, target, timeout_ms, fn, userdata, event, PEAL_VALUES(__VA_ARGS__))
PEAL_API int peal_emit_ack_values(struct peal_namespace *ns, const struct peal_target *target,
				  unsigned timeout_ms, peal_acks_fn *fn, void *userdata,
				  const char *event, struct peal_values values);
PEAL_API int peal_emit_ack_args(struct peal_namespace *ns, const struct peal_target *target,
				unsigned timeout_ms, peal_acks_fn *fn, void *userdata,
				const char *event, const struct peal_args *args);

/**
 * peal_socket_broadcast() - send an event to everyone the target selects, except the socket itself
 *
 * `socket.broadcast.emit()`, and with rooms `socket.to("a").emit()`. It may be called until the
 * last disconnect callback has returned; on a socket that is gone it does nothing and returns
 * PEAL_EMIT_E_GONE.
 */
#define peal_socket_broadcast(socket, target, event, ...) \
	peal_socket_broadcast_values(socket, target, event, PEAL_VALUES(__VA_ARGS__))
PEAL_API int peal_socket_broadcast_values(struct peal_socket *socket,
					  const struct peal_target *target, const char *event,
					  struct peal_values values);
PEAL_API int peal_socket_broadcast_args(struct peal_socket *socket,
					const struct peal_target *target, const char *event,
					const struct peal_args *args);

/** peal_socket_broadcast_ack() - peal_emit_ack() to everyone the target selects, except the socket
 * itself */
#define peal_socket_broadcast_ack(socket, target, timeout_ms, fn, userdata, event, ...)   \
	peal_socket_broadcast_ack_values(socket, target, timeout_ms, fn, userdata, event, \
					 PEAL_VALUES(__VA_ARGS__))
PEAL_API int peal_socket_broadcast_ack_values(struct peal_socket *socket,
					      const struct peal_target *target, unsigned timeout_ms,
					      peal_acks_fn *fn, void *userdata, const char *event,
					      struct peal_values values);
PEAL_API int peal_socket_broadcast_ack_args(struct peal_socket *socket,
					    const struct peal_target *target, unsigned timeout_ms,
					    peal_acks_fn *fn, void *userdata, const char *event,
					    const struct peal_args *args);

/** peal_socket_emit() - send an event to this socket's client; @flags: PEAL_VOLATILE |
 * PEAL_NO_COMPRESS or 0 */
#define peal_socket_emit(socket, flags, event, ...) \
	peal_socket_emit_values(socket, flags, event, PEAL_VALUES(__VA_ARGS__))
PEAL_API int peal_socket_emit_values(struct peal_socket *socket, unsigned flags, const char *event,
				     struct peal_values values);
PEAL_API int peal_socket_emit_args(struct peal_socket *socket, unsigned flags, const char *event,
				   const struct peal_args *args);

/**
 * peal_socket_emit_ack() - send an event to this socket's client and wait for its acknowledgement
 * @timeout_ms: when to give up; 0 waits as long as the socket is connected
 *
 * Return: as peal_emit(); PEAL_EMIT_E_GONE; PEAL_EMIT_E_TOO_LARGE when 65 536 of this socket are
 * open.
 */
#define peal_socket_emit_ack(socket, flags, timeout_ms, fn, userdata, event, ...)   \
	peal_socket_emit_ack_values(socket, flags, timeout_ms, fn, userdata, event, \
				    PEAL_VALUES(__VA_ARGS__))
PEAL_API int peal_socket_emit_ack_values(struct peal_socket *socket, unsigned flags,
					 unsigned timeout_ms, peal_ack_fn *fn, void *userdata,
					 const char *event, struct peal_values values);
PEAL_API int peal_socket_emit_ack_args(struct peal_socket *socket, unsigned flags,
				       unsigned timeout_ms, peal_ack_fn *fn, void *userdata,
				       const char *event, const struct peal_args *args);

#endif
