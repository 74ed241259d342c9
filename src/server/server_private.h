/*
 * The inside of the Socket.IO server, shared by the files of this folder: the objects, who owns
 * them, and what each file offers to the others.
 *
 * Owners: the server has clients (one per session) and namespaces; a client has its sockets and its
 * unfinished CONNECTs; a namespace has rooms and the rounds under way. A socket and a namespace are
 * counted references, so that those who keep one longer (a round, a queued result, the application)
 * never hold a dangling pointer.
 *
 * Callbacks run only where the loop is: from handlers of the engine, from tasks, from answers to
 * decisions. Public functions queue.
 */
#ifndef PEAL_SERVER_SERVER_PRIVATE_H
#define PEAL_SERVER_SERVER_PRIVATE_H

#include <peal/socket.h>

#include "base/buffer.h"
#include "base/frame.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/list.h"
#include "engine/session.h"
#include "protocol/args.h"
#include "protocol/packet.h"
#include "server/peer.h"
#include "server/server.h"

struct peal_client;
struct peal_connect;
struct peal_outgoing;
struct peal_round;
struct peal_rule;

/* --- handlers.c: lists of functions ------------------------------------------------------------
 */

typedef void peal_handler_fn(void);

struct peal_handler {
	struct peal_handler *next;
	peal_handler_fn *fn; /* NULL once removed */
	void *userdata;
};

/* Functions may be added and removed while the list is walked: the removed ones do not run any
 * more, the new ones not in this walk. */
struct peal_handlers {
	struct peal_handler *first, *last;
	uint32_t walks; /* under way; nothing is unlinked meanwhile */
	bool holes;	/* removed ones are still linked */
};

int peal_handlers_add(struct peal_handlers *list, peal_handler_fn *fn, void *userdata,
		      bool in_front) __attribute__((warn_unused_result));
int peal_handlers_remove(struct peal_handlers *list, peal_handler_fn *fn, const void *userdata);
void peal_handlers_deinit(struct peal_handlers *list);

/* One pass over two lists, those of a dynamic parent first. Either may be NULL. */
struct peal_walk {
	struct peal_handlers *lists[2];
	struct peal_handler *start[2], *stop[2], *at; /* what was there at the beginning */
	unsigned list;
};

void peal_walk_begin(struct peal_walk *walk, struct peal_handlers *first,
		     struct peal_handlers *second);
/* The next function, or NULL at the end, which ends the walk. */
struct peal_handler *peal_walk_next(struct peal_walk *walk);
void peal_walk_end(struct peal_walk *walk);

/* Handlers of one event name in a table of ->events or ->server_events, NULL if there are none. */
struct peal_handlers *peal_event_handlers(const struct peal_hash *events, const char *name,
					  size_t length);
void peal_namespace_free_handlers(struct peal_namespace *ns);

/* --- the objects -------------------------------------------------------------------------------
 */

struct peal_server {
	struct peal_loop *loop;
	struct peal_node *node;
	struct peal_decisions *decisions;
	struct peal_stats *stats;
	const struct peal_log *log;
	const struct peal_remote *remote; /* NULL: the node is alone */
	struct peal_server_options options;
	struct peal_deadlines connect_deadlines;
	struct peal_id_generator ids; /* of sockets; sessions have a generator of their own */

	struct peal_list clients;
	struct peal_list namespaces; /* all that are not freed, through ->link */
	struct peal_list rounds;     /* under way, and ended but not yet told */
	struct peal_list fetches;    /* likewise */
	struct peal_hash registry;   /* namespaces that clients can join, by name */
	struct peal_hash stand_ins;  /* of peal_of_remote(), by name */
	struct peal_namespace *io;
	struct peal_rule **rules; /* in order of their making */
	size_t rule_count;
	size_t child_count; /* dynamic children, made by rules */
	struct peal_handlers new_namespace;

	struct peal_list notices; /* room notifications not yet told */
	struct peal_task notices_task;
	struct peal_args *no_auth;     /* one empty object, for all who sent nothing */
	struct peal_buffer event_name; /* of the event being dispatched */
	uint64_t stamp;		       /* of the selection at hand */
	bool shutting_down;	       /* nothing is accepted or dispatched any more */
	bool freeing;		       /* public functions return -ESHUTDOWN */
};

/* A session, as the server sees it. It is the session's userdata. */
struct peal_client {
	struct peal_list link;
	struct peal_server *server;
	struct peal_session *session;
	struct peal_list sockets;	/* connected, and leaving until told */
	struct peal_list connects;	/* unfinished */
	struct peal_incoming *incoming; /* a packet whose attachments are not complete */
	struct peal_deadline deadline;	/* of the first join */
	uint32_t socket_count;		/* sockets and unfinished CONNECTs */
};

enum peal_namespace_handlers {
	PEAL_ON_MIDDLEWARE,
	PEAL_ON_PACKET,
	PEAL_ON_CONNECTION,
	PEAL_ON_DISCONNECTING,
	PEAL_ON_DISCONNECT,
	PEAL_ON_ANY,
	PEAL_ON_ANY_OUTGOING,
	PEAL_ON_ERROR,
	PEAL_ON_ROOM,
	PEAL_ON_COUNT,
};

/* Handlers of a parent are looked up through ->parent when something is dispatched, so that those
 * added later hold for the children there are; the parent's run first. */
struct peal_namespace {
	struct peal_hash_entry entry; /* in the registry */
	struct peal_list link;
	struct peal_server *server; /* NULL once the server is freed */
	struct peal_namespace *parent;
	struct peal_list children, sibling;
	struct peal_task task; /* tells that it is new */
	uint32_t references;   /* the registry's, those of sockets, rounds and notices */
	bool is_parent;
	bool stand_in; /* of peal_of_remote(): nobody can join it */
	bool registered;
	bool dynamic; /* made by a rule for a client: counts for the cap and may be cleaned up */

	struct peal_handlers handlers[PEAL_ON_COUNT];
	struct peal_hash events;	/* struct peal_event_handlers by name */
	struct peal_hash server_events; /* the same for events of other servers */

	void *remote;	 /* the cluster's */
	uint64_t number; /* of the barrier: who connects waits for it */

	struct peal_socket **sockets; /* connected, dense; each knows its index */
	/* Their sessions, in the same order: a broadcast to everyone need not look at sockets. */
	struct peal_session **sessions;
	uint32_t socket_count, socket_capacity;
	uint32_t live;		/* sockets that join, are connected or are leaving */
	struct peal_hash by_id; /* those, by id */
	struct peal_hash rooms;
	struct peal_hash rounds; /* by acknowledgement id */
	uint64_t next_ack_id;
	uint32_t broadcast_rounds;

	size_t name_length;
	char name[];
};

enum peal_socket_state {
	PEAL_SOCKET_JOINING,   /* middlewares are asked; no broadcast target */
	PEAL_SOCKET_CONNECTED, /* registered in its namespace */
	PEAL_SOCKET_LEAVING,   /* not registered any more; still in its rooms; the task is queued */
	PEAL_SOCKET_GONE,      /* told; only references keep the memory */
};

/* Where a socket stands in a room, and a room's member in the socket: 16 bytes each. */
struct peal_membership {
	struct peal_room *room;
	uint32_t index_in_room;
};

struct peal_member {
	struct peal_socket *socket;
	uint32_t index_in_socket;
};

/* Exists from its first member to its last. The room of a socket's own id is none of these as long
 * as nobody else is in it: see peal_room_own(). */
struct peal_room {
	struct peal_hash_entry entry;
	struct peal_member *members;
	uint32_t count, capacity;
	uint64_t number; /* of the barrier: who joins waits for it */
	bool announced;	 /* the remote was told that it opened */
	char name[];
};

struct peal_socket {
	/* What a broadcast looks at comes first and close together. */
	uint64_t stamp;		      /* of the last selection that saw it */
	struct peal_session *session; /* NULL when it is gone */
	uint8_t state;		      /* enum peal_socket_state */
	bool in_own_room;
	uint32_t references;
	struct peal_namespace *ns;
	struct peal_hash_entry by_id;

	struct peal_client *client;
	struct peal_list link;	 /* in the client */
	struct peal_list rounds; /* acknowledgements of it alone, open or not yet told */
	struct peal_task task;	 /* leaving, later the reap */
	struct peal_membership *memberships;
	uint32_t membership_count, membership_capacity;
	uint32_t index;	    /* in the namespace's array */
	uint32_t open_acks; /* of ->rounds, not yet ended */
	uint32_t responders;
	void *userdata;
	struct peal_args *auth; /* NULL: nothing was sent */
	char *data;		/* NULL: nothing was set */
	const char *reason;	/* of leaving; static text */
	char id[PEAL_ID_LENGTH + 1];
};

/* --- server.c ----------------------------------------------------------------------------------
 */

/* Close the session orderly for a violation or a timeout: the sockets hear `forced close` from the
 * engine when it can close at once, else `forced server close` from here. */
void peal_client_close(struct peal_client *client);
/* The connected socket of a namespace, or NULL. */
struct peal_socket *peal_client_socket(struct peal_client *client, const char *name, size_t length);

/* --- namespace.c -------------------------------------------------------------------------------
 */

struct peal_namespace *peal_namespace_find(struct peal_server *server, const char *name,
					   size_t length);
struct peal_namespace *peal_namespace_create(struct peal_server *server,
					     struct peal_namespace *parent, const char *name,
					     size_t length);
/* A socket has left, or was refused: remove a dynamic child that is empty now, if the option says
 * so. */
void peal_namespace_settle(struct peal_namespace *ns);
/* Tell that it is new; from the loop only. */
void peal_namespace_announce(struct peal_namespace *ns);
/* The server goes: nothing of it may be used through @ns any more. */
void peal_namespace_orphan(struct peal_namespace *ns);
/* 0, or what a public function has to return: -ESHUTDOWN, PEAL_EMIT_E_INVALID for NULL. */
int peal_namespace_check(const struct peal_namespace *ns);
/* What to work on for @ns: the one that clients can join, when there is one by now beside a
 * stand-in. */
struct peal_namespace *peal_namespace_served(struct peal_namespace *ns);
void peal_walk_namespace(struct peal_walk *walk, struct peal_namespace *ns,
			 enum peal_namespace_handlers which);
bool peal_namespace_has(const struct peal_namespace *ns, enum peal_namespace_handlers which);

/* --- rule.c ------------------------------------------------------------------------------------
 */

/* A rule of dynamic namespaces: a pattern, or a function. */
struct peal_rule {
	void *pattern; /* regex_t; NULL for a function */
	peal_namespace_rule_fn *fn;
	void *userdata;
	struct peal_namespace *parent;
};

/* @pattern or @fn. NULL when the pattern is not valid, or without memory. */
struct peal_rule *peal_rule_new(const char *pattern, peal_namespace_rule_fn *fn, void *userdata);
bool peal_rule_matches(const struct peal_rule *rule, const char *name);
void peal_rule_free(struct peal_rule *rule);

/* --- connect.c ---------------------------------------------------------------------------------
 */

void peal_connect_receive(struct peal_client *client, const struct peal_packet *packet);
/* The session ends, or the server: forget what is unfinished. */
void peal_connect_drop_all(struct peal_client *client);

/* --- socket.c ----------------------------------------------------------------------------------
 */

/* The auth payload from an object that was checked. Most clients send none, or an empty one: those
 * share one object, and *ret_auth is NULL. Return: 0; -ENOMEM. */
int peal_auth_copy(const char *json, size_t length, struct peal_args **ret_auth)
	__attribute__((warn_unused_result));
struct peal_socket *peal_socket_new(struct peal_client *client, struct peal_namespace *ns,
				    struct peal_args *auth);
/* Registers it as connected. Return: 0; -ENOMEM. */
int peal_socket_register(struct peal_socket *socket) __attribute__((warn_unused_result));
/* It is connected no more, from this moment; the callbacks follow from the loop. @reason is static
 * text. */
void peal_socket_leave_later(struct peal_socket *socket, const char *reason);
/* The same with the callbacks at once; from the loop only. A socket that is leaving already keeps
 * its reason. */
void peal_socket_leave_now(struct peal_socket *socket, const char *reason, const char *description);
/* A socket that never became connected goes away. */
void peal_socket_abandon(struct peal_socket *socket);
/* Joining or connected: packets may be sent to it, rooms joined. */
static inline bool peal_socket_present(const struct peal_socket *socket)
{
	return socket && socket->state <= PEAL_SOCKET_CONNECTED;
}

/* --- room.c ------------------------------------------------------------------------------------
 */

struct peal_room *peal_room_find(const struct peal_namespace *ns, const char *name, size_t length);
/* The socket whose own-id room has that name, or NULL. */
struct peal_socket *peal_room_own(const struct peal_namespace *ns, const char *name, size_t length);
/* @room is a valid name. Return: 0; -ENOMEM; PEAL_EMIT_E_TOO_LARGE. */
int peal_room_join(struct peal_socket *socket, const char *room);
/* What is queued for @socket from here on waits for that number of the barrier. */
void peal_socket_hold(struct peal_socket *socket, uint64_t number);
void peal_room_leave(struct peal_socket *socket, const char *room);
void peal_room_leave_all(struct peal_socket *socket);

/* --- notice.c ----------------------------------------------------------------------------------
 */

/* A result on its way to the application: behind the joins that came before it. */
struct peal_result {
	struct peal_task task;
	struct peal_barrier_waiter waiter;
	struct peal_loop *loop;
};

/* Have @result->task run from the loop. */
void peal_result_queue(struct peal_server *server, struct peal_result *result);
/* Do not wait any longer. */
void peal_result_hurry(struct peal_result *result);
void peal_result_cancel(struct peal_result *result);

/* Queue a room notification, if anybody listens. */
void peal_notice_room(struct peal_namespace *ns, enum peal_room_change change, const char *room,
		      const char *id);
/* Tell all that are queued now; from the loop only. */
void peal_notices_drain(struct peal_server *server);
void peal_notices_task(struct peal_task *task);

/* Who an event went to, for the outgoing listeners. NULL when nobody listens or without memory. */
struct peal_outgoing *peal_outgoing_new(struct peal_namespace *ns, const char *event, size_t length,
					const struct peal_args *args);
void peal_outgoing_add(struct peal_outgoing *outgoing, struct peal_socket *socket);
/* Have them told from the loop; takes @outgoing, which may be NULL. */
void peal_outgoing_tell(struct peal_outgoing *outgoing);

/* --- encode.c ----------------------------------------------------------------------------------
 */

/* 0, or PEAL_EMIT_E_TOO_LARGE. */
int peal_encode_check(const struct peal_args *args);
/* The frames of an event. @id may be PEAL_PACKET_NO_ID. Return: 0; -ENOMEM. */
int peal_encode_event(const struct peal_namespace *ns, uint64_t id, const char *event,
		      size_t event_length, const struct peal_args *args, bool no_compress,
		      struct peal_frame **ret_run) __attribute__((warn_unused_result));
int peal_encode_ack(const struct peal_namespace *ns, uint64_t id, const struct peal_args *args,
		    struct peal_frame **ret_run) __attribute__((warn_unused_result));
/* CONNECT, DISCONNECT, CONNECT_ERROR: queue it to the session. Return: as peal_session_queue(). */
int peal_encode_send(struct peal_client *client, enum peal_packet_type type, const char *name,
		     size_t name_length, const char *json, size_t json_length);

/* --- broadcast.c -------------------------------------------------------------------------------
 */

/* Who is selected; @sender is an id whose room is excepted too, or NULL. */
struct peal_selection {
	const struct peal_target *target; /* NULL: all */
	const char *sender;
};

/* 0, or PEAL_EMIT_E_INVALID. */
int peal_selection_check(const struct peal_target *target);
/* Calls @each once for every selected socket. It must not change sockets or rooms. */
void peal_select(struct peal_namespace *ns, const struct peal_selection *selection,
		 void (*each)(struct peal_socket *socket, void *context), void *context);

/* An event on its way to the local sockets of one namespace. */
struct peal_broadcast {
	struct peal_namespace *ns;
	const char *event;
	size_t event_length;
	const struct peal_args *args;
	unsigned flags;
	struct peal_round *round; /* NULL: no acknowledgements */
	uint64_t id;	 /* without a round: PEAL_PACKET_NO_ID, or what the packet carries */
	size_t selected; /* sockets that it is for */
	/* private: */
	struct peal_outgoing *outgoing;
	struct peal_frame *run;
	int error;
};

/* Return: 0; -ENOMEM. */
int peal_broadcast_deliver(struct peal_broadcast *broadcast,
			   const struct peal_selection *selection);

/* --- bulk.c ------------------------------------------------------------------------------------
 */

/* What the application asked for, or another node; the latter is not told to others again. */
struct peal_bulk {
	struct peal_namespace *ns;
	const struct peal_target *target;
	bool from_peer;
	size_t selected; /* sockets */
	uint64_t number; /* of the barrier, that covers all rooms joined; 0: they are covered */
};

int peal_bulk_change_rooms(struct peal_bulk *bulk, struct peal_rooms rooms, bool join);
int peal_bulk_disconnect(struct peal_bulk *bulk, bool close);

/* --- snapshot.c --------------------------------------------------------------------------------
 */

struct peal_snapshot *peal_snapshot_new(void);
/* Local sockets. Return: 0; -ENOMEM; PEAL_EMIT_E_TOO_LARGE. */
int peal_snapshot_select(struct peal_snapshot *snapshot, struct peal_namespace *ns,
			 const struct peal_target *target);
/* Copies of what another node has told; all or none. Return: the same. */
int peal_snapshot_add(struct peal_snapshot *snapshot, const char *node,
		      const struct peal_socket_info *sockets, size_t count);
/* Nothing more is added. */
void peal_snapshot_complete(struct peal_snapshot *snapshot,
			    const struct peal_socket_info **ret_sockets, size_t *ret_count);

/* --- count.c -----------------------------------------------------------------------------------
 */

void peal_count_disconnect(struct peal_stats *stats, const char *reason);
/* A round of this node has ended. */
void peal_count_round(struct peal_stats *stats, enum peal_ack_error error);

/* --- fetch.c -----------------------------------------------------------------------------------
 */

/* The server is being freed: all that are open end. */
void peal_fetch_close_all(struct peal_server *server);
/* The remote is taken away: what it still owes does not come. */
void peal_fetch_forget_remote(struct peal_server *server);

/* --- answer.c ----------------------------------------------------------------------------------
 */

/* The one item of an acknowledgement that counts among many: its first, with the attachments that
 * it names. @first borrows from @args; deinit it. Return: false when there is none. */
bool peal_answer_first(const struct peal_args *args, struct peal_args *ret_first);

/* --- round.c -----------------------------------------------------------------------------------
 */

/* A round of acknowledgements of many sockets. Armed when it is made. Return: 0; -ENOMEM;
 * PEAL_EMIT_E_TOO_LARGE when too many are under way. */
int peal_round_new(struct peal_namespace *ns, unsigned timeout_ms, peal_acks_fn *fn, void *userdata,
		   struct peal_round **ret_round) __attribute__((warn_unused_result));
/* The acknowledgement of one socket. @timeout_ms 0 waits as long as it is connected. */
int peal_round_new_single(struct peal_socket *socket, unsigned timeout_ms, peal_ack_fn *fn,
			  void *userdata, struct peal_round **ret_round)
	__attribute__((warn_unused_result));
uint64_t peal_round_id(const struct peal_round *round);
int peal_round_ask(struct peal_round *round, struct peal_socket *socket)
	__attribute__((warn_unused_result));
/* Somebody elsewhere waits for these clients: answers go to @asked instead of a result. */
void peal_round_set_asked(struct peal_round *round, struct peal_asked *asked);
/* The remote will be asked, too. Return: 0; -ENOMEM. */
int peal_round_open_remote(struct peal_round *round) __attribute__((warn_unused_result));
/* All are asked: ends at once when there is nobody. */
void peal_round_start(struct peal_round *round);
/* Sockets that were asked on this node. */
uint32_t peal_round_asked(const struct peal_round *round);
/* The call that made it fails, or nobody wants to know any more: no callback. */
void peal_round_abandon(struct peal_round *round);
/* An ACK came; from the loop only. */
void peal_round_receive(struct peal_socket *socket, const struct peal_packet *packet,
			const struct peal_bytes *attachments);
/* @socket is leaving: those of it alone end. */
void peal_round_socket_left(struct peal_socket *socket);
/* Tell those of @socket alone that have ended; from the loop only. */
void peal_round_tell_socket(struct peal_socket *socket);
/* The server is being freed: all that are open end. */
void peal_round_close_all(struct peal_server *server);
/* The remote is taken away: what it still owes does not come. */
void peal_round_forget_remote(struct peal_server *server);

/* --- event.c -----------------------------------------------------------------------------------
 */

/* An EVENT came; from the loop only. */
void peal_event_receive(struct peal_socket *socket, const struct peal_packet *packet,
			const struct peal_bytes *attachments);
/* The error handlers; from the loop only. */
void peal_event_error(struct peal_socket *socket, const char *message);

/* --- handshake_json.c --------------------------------------------------------------------------
 */

/* Append what Socket.IO shows as `handshake`. */
void peal_handshake_append(struct peal_buffer *out, const struct peal_socket *socket);

#endif
