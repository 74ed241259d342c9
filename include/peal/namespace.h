/*
 * Namespaces: fixed and dynamic ones, middlewares, handlers, rooms, bulk operations.
 *
 * Handlers are set on a namespace and hold for each of its sockets, present and future; those of a
 * dynamic parent hold for its children, whenever they were added, and run before the child's own.
 * All of them run from the node's loop. Handlers may add and remove handlers: a removed one does
 * not run any more, a new one not for the event at hand.
 */
#ifndef PEAL_NAMESPACE_H
#define PEAL_NAMESPACE_H

#include <peal/emit.h>

struct peal_event;
struct peal_namespace;
struct peal_next;
struct peal_node;
struct peal_socket;

/** peal_io() - the main namespace, "/" */
PEAL_API struct peal_namespace *peal_io(struct peal_node *node);

/**
 * peal_of() - the namespace of that name, created if needed
 * @name: UTF-8; a missing leading slash is added; "" is "/"
 *
 * A name that a dynamic rule matches becomes a child of that rule, with its middlewares and
 * handlers.
 *
 * Return: NULL for an invalid name (too long, or with a comma or control character) or without
 * memory. Valid as long as the node: a child that was named here is never cleaned up. One that a
 * callback got to know is valid as long as it has sockets, with cleanup_empty_child_namespaces.
 */
PEAL_API struct peal_namespace *peal_of(struct peal_node *node, const char *name);

/**
 * peal_of_pattern() - accept every namespace whose name matches a POSIX extended regular expression
 * @pattern: matched anywhere in the name; use ^ and $ to bind it
 *
 * Rules are tried in the order of their making, only for names that do not exist. The first
 * acceptance creates a child.
 *
 * Return: the parent: middlewares and handlers set on it hold for its children, an emit on it
 * reaches all of them. NULL when the pattern is not valid or without memory.
 */
PEAL_API struct peal_namespace *peal_of_pattern(struct peal_node *node, const char *pattern);

/* Decides whether a dynamic namespace may exist, now or later: peal_next_accept() or
 * peal_next_refuse(). */
typedef void peal_namespace_rule_fn(const char *name, const struct peal_args *auth,
				    struct peal_next *next, void *userdata);

/** peal_of_function() - as peal_of_pattern(), decided by a function */
PEAL_API struct peal_namespace *peal_of_function(struct peal_node *node, peal_namespace_rule_fn *fn,
						 void *userdata);

/** peal_namespace_name() - its name with the leading slash; for a dynamic parent a text of no
 * meaning to clients */
PEAL_API const char *peal_namespace_name(const struct peal_namespace *ns);
PEAL_API struct peal_node *peal_namespace_node(const struct peal_namespace *ns);

/* A namespace that clients can join on this node. */
struct peal_namespace_info {
	const char *name;
	bool dynamic;	/* a rule made it for a client: its name is of the client's making */
	size_t sockets; /* connected */
	size_t rooms;	/* with a member, without the rooms that are a socket's own id */
};

typedef void peal_namespaces_fn(const struct peal_namespace_info *info, void *userdata);
/** peal_namespaces() - tell of each of them, in no order; @fn runs before the call returns, and
 * must not call the node */
PEAL_API void peal_namespaces(struct peal_node *node, peal_namespaces_fn *fn, void *userdata);

/* A namespace came to be, by peal_of() or by a dynamic rule. */
typedef void peal_namespace_fn(struct peal_namespace *ns, void *userdata);
PEAL_API PEAL_MUST_CHECK int peal_on_new_namespace(struct peal_node *node, peal_namespace_fn *fn,
						   void *userdata);

/*
 * A decision that is waited for: of a connection middleware, a dynamic rule, or the allowRequest
 * hook. Exactly one of the two functions must be called, once, at any time from the node's thread,
 * also after the client is gone. It is a one-shot token: invalid afterwards.
 */

/** peal_next_accept() - go on */
PEAL_API void peal_next_accept(struct peal_next *next);

/**
 * peal_next_refuse() - stop here
 * @message: reaches the client: connect error message, or the message of the 403; NULL for the
 * default, "Forbidden"
 * @data:    one JSON value that a connect error carries in its `data` member; NULL for none; left
 * out when it is not valid; ignored by allowRequest and by rules of dynamic namespaces
 */
PEAL_API void peal_next_refuse(struct peal_next *next, const char *message, const char *data);

/* A connection middleware: `io.use((socket, next) => …)`. The socket is not connected yet; it may
 * join rooms and emit to it. */
typedef void peal_middleware_fn(struct peal_socket *socket, struct peal_next *next, void *userdata);

/** peal_use() - add a connection middleware; they run in this order and the first refusal ends the
 * chain. Return: 0; -ENOMEM. */
PEAL_API PEAL_MUST_CHECK int peal_use(struct peal_namespace *ns, peal_middleware_fn *fn,
				      void *userdata);

/*
 * A packet middleware: `socket.use(([event, ...args], next) => …)`. Return NULL to let the event
 * pass, or a message: then the event is dropped and the error handler gets the message.
 */
typedef const char *peal_packet_middleware_fn(struct peal_socket *socket,
					      const struct peal_event *event, void *userdata);
PEAL_API PEAL_MUST_CHECK int peal_use_packet(struct peal_namespace *ns,
					     peal_packet_middleware_fn *fn, void *userdata);

typedef void peal_connection_fn(struct peal_socket *socket, void *userdata);
typedef void peal_disconnect_fn(struct peal_socket *socket, const char *reason,
				const char *description, void *userdata);
typedef void peal_event_fn(struct peal_socket *socket, const struct peal_event *event,
			   void *userdata);
typedef void peal_error_fn(struct peal_socket *socket, const char *message, void *userdata);

/** peal_on_connection() - a client has joined the namespace. Return: 0; -ENOMEM (all peal_on_…()
 * alike). */
PEAL_API PEAL_MUST_CHECK int peal_on_connection(struct peal_namespace *ns, peal_connection_fn *fn,
						void *userdata);

/** peal_on_disconnecting() - a socket is leaving and is still in its rooms */
PEAL_API PEAL_MUST_CHECK int peal_on_disconnecting(struct peal_namespace *ns,
						   peal_disconnect_fn *fn, void *userdata);

/**
 * peal_on_disconnect() - a socket has left; @reason is one of Socket.IO's reasons, @description a
 * cause or NULL
 *
 * The socket is valid until the last disconnect callback has returned, longer with
 * peal_socket_ref().
 */
PEAL_API PEAL_MUST_CHECK int peal_on_disconnect(struct peal_namespace *ns, peal_disconnect_fn *fn,
						void *userdata);

/** peal_on() - an event of that name came from a client; several handlers for a name run in the
 * order of their making. Return: 0; -ENOMEM; PEAL_EMIT_E_RESERVED; PEAL_EMIT_E_INVALID.
 */
PEAL_API PEAL_MUST_CHECK int peal_on(struct peal_namespace *ns, const char *event,
				     peal_event_fn *fn, void *userdata);

/** peal_off() - remove what peal_on() added with the same function and userdata. Return: 0;
 * -ENOENT. */
PEAL_API int peal_off(struct peal_namespace *ns, const char *event, peal_event_fn *fn,
		      void *userdata);

/** peal_on_any() - every event that came, before the packet middlewares; peal_prepend_any() puts it
 * in front of the others */
PEAL_API PEAL_MUST_CHECK int peal_on_any(struct peal_namespace *ns, peal_event_fn *fn,
					 void *userdata);
PEAL_API PEAL_MUST_CHECK int peal_prepend_any(struct peal_namespace *ns, peal_event_fn *fn,
					      void *userdata);
PEAL_API int peal_off_any(struct peal_namespace *ns, peal_event_fn *fn, void *userdata);

/** peal_on_any_outgoing() - every event queued for a socket, emits and broadcasts, once per socket;
 * never acknowledgements */
PEAL_API PEAL_MUST_CHECK int peal_on_any_outgoing(struct peal_namespace *ns, peal_event_fn *fn,
						  void *userdata);
PEAL_API PEAL_MUST_CHECK int peal_prepend_any_outgoing(struct peal_namespace *ns, peal_event_fn *fn,
						       void *userdata);
PEAL_API int peal_off_any_outgoing(struct peal_namespace *ns, peal_event_fn *fn, void *userdata);

/** peal_on_error() - a packet middleware refused an event, or a packet of the client could not be
 * decoded */
PEAL_API PEAL_MUST_CHECK int peal_on_error(struct peal_namespace *ns, peal_error_fn *fn,
					   void *userdata);

/* Room notifications of the adapter: create before the first join, delete after the last leave. @id
 * is NULL for those two. */
enum peal_room_change { PEAL_ROOM_CREATED, PEAL_ROOM_JOINED, PEAL_ROOM_LEFT, PEAL_ROOM_DELETED };
typedef void peal_room_fn(struct peal_namespace *ns, enum peal_room_change change, const char *room,
			  const char *id, void *userdata);
PEAL_API PEAL_MUST_CHECK int peal_on_room(struct peal_namespace *ns, peal_room_fn *fn,
					  void *userdata);

/** peal_sockets_join() - make all selected sockets join rooms; local ones have joined when the call
 * returns. On a dynamic parent these three reach all children. An empty list of rooms to join or
 * leave is nothing to do. Return: as peal_emit(); PEAL_EMIT_E_TOO_LARGE when one is in too many. */
PEAL_API int peal_sockets_join(struct peal_namespace *ns, const struct peal_target *target,
			       struct peal_rooms rooms);
/** peal_sockets_leave() - make all selected sockets leave rooms */
PEAL_API int peal_sockets_leave(struct peal_namespace *ns, const struct peal_target *target,
				struct peal_rooms rooms);
/** peal_sockets_disconnect() - disconnect all selected sockets; @close also closes their
 * connections, with all their namespaces */
PEAL_API int peal_sockets_disconnect(struct peal_namespace *ns, const struct peal_target *target,
				     bool close);

/* One socket as peal_sockets_fetch() finds it. Everything lives until the callback returns. */
struct peal_socket_info {
	const char *id;
	const char *node; /* name of the server that has it; "" for a server that does not tell */
	struct peal_socket *socket; /* NULL on another server */
	const char *const *rooms;
	size_t room_count;
	const char *data;      /* JSON text of the socket's data, "{}" when none was set */
	const char *handshake; /* JSON text of the handshake */
};
typedef void peal_sockets_fn(enum peal_ack_error error, const struct peal_socket_info *sockets,
			     size_t count, void *userdata);

/**
 * peal_sockets_fetch() - list all selected sockets of all servers, those of this node first
 * @timeout_ms: how long to wait for other servers; 0 is the node's request timeout
 *
 * This node's are shown as they are when the call is made. @fn runs once, from the loop, and
 * behind the joins that were made before, as peal_emit_ack()'s does; with PEAL_ACK_TIMEOUT it gets
 * what there is. Return: as peal_emit(); PEAL_EMIT_E_INVALID for a dynamic parent.
 */
PEAL_API int peal_sockets_fetch(struct peal_namespace *ns, const struct peal_target *target,
				unsigned timeout_ms, peal_sockets_fn *fn, void *userdata);

/** peal_namespace_socket_count() - sockets of this node in the namespace */
PEAL_API size_t peal_namespace_socket_count(const struct peal_namespace *ns);

/** peal_namespace_socket() - the connected socket of that id on this node, or NULL */
PEAL_API struct peal_socket *peal_namespace_socket(struct peal_namespace *ns, const char *id);

/* Called for each room of this node; return false to stop. @own_id tells the room that a socket's
 * own id is. Must not change rooms. */
typedef bool peal_each_room_fn(const char *room, size_t members, bool own_id, void *userdata);
PEAL_API void peal_namespace_each_room(struct peal_namespace *ns, peal_each_room_fn *fn,
				       void *userdata);

#endif
