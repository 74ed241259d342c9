/*
 * The cluster that a node is in: its members, what they have, and events between servers.
 *
 * Everything here works on a node that is alone as well: it is a cluster of one. No function runs a
 * callback before it returns.
 */
#ifndef PEAL_CLUSTER_H
#define PEAL_CLUSTER_H

#include <peal/adapter.h>
#include <peal/socket.h>

struct peal_member_info {
	const char *name, *uid, *version;
	bool self;
	bool silent;	  /* it has announced nothing for the member timeout */
	uint64_t clients; /* as it announced them; its open sessions */
	uint64_t seen_ms; /* milliseconds since it was heard of last; 0 for this node */
	const char *const *namespaces;
	size_t namespace_count;
};

struct peal_cluster_info {
	const char *adapter; /* "memory" for a node that is alone, "redis" … */
	enum peal_adapter_state state;
	const char *detail;			/* of the state, for people */
	const struct peal_member_info *members; /* this node first, others by name */
	size_t member_count;
	/* Most other servers without a name in one of the namespaces: official ones, and stray
	 * subscribers. */
	size_t unnamed;
	/* The last interval in which this node was not subscribed, since 1970; 0 if there was none
	 */
	uint64_t gap_from_ms, gap_to_ms;
	/* Milliseconds since an announcement of this node came back to it, of which it sends one
	 * each second; UINT64_MAX: none has, or the adapter does not tell. */
	uint64_t echo_ms;
};

typedef void peal_cluster_info_fn(const struct peal_cluster_info *info, void *userdata);
/** peal_cluster_info() - what this node knows now; @fn runs before the call returns (the one
 * exception), and must not call the node */
PEAL_API void peal_cluster_info(struct peal_node *node, peal_cluster_info_fn *fn, void *userdata);

/**
 * peal_of_remote() - a namespace that this node may or may not serve
 *
 * The served one if there is one, else a stand-in that nobody can connect to: emits on it are
 * published, requests reach the servers that serve it, nothing is created. Release it with
 * peal_of_remote_release(), also a served one.
 *
 * Return: NULL for an invalid name or without memory.
 */
PEAL_API struct peal_namespace *peal_of_remote(struct peal_node *node, const char *name);
PEAL_API void peal_of_remote_release(struct peal_namespace *ns);

/* @confirmed of @expected other peal nodes have joined or left, and hear it; others cannot tell. */
typedef void peal_confirmed_fn(size_t confirmed, size_t expected, void *userdata);
/**
 * peal_sockets_join_confirmed() - peal_sockets_join() that tells when the other peal nodes have it
 *
 * From then on an emit to these rooms from any node reaches the sockets. It waits for the other
 * peal nodes that have announced the namespace, and for this node's own subscriptions; with
 * PEAL_LOCAL or an empty list of rooms only for the latter. @fn runs once, from the loop, at the
 * latest after a second. Return: as peal_sockets_join(); PEAL_EMIT_E_INVALID for a dynamic parent,
 * whose children are served by different nodes; PEAL_EMIT_E_TOO_LARGE also with 65 536 requests
 * under way.
 */
PEAL_API int peal_sockets_join_confirmed(struct peal_namespace *ns,
					 const struct peal_target *target, struct peal_rooms rooms,
					 peal_confirmed_fn *fn, void *userdata);
PEAL_API int peal_sockets_leave_confirmed(struct peal_namespace *ns,
					  const struct peal_target *target, struct peal_rooms rooms,
					  peal_confirmed_fn *fn, void *userdata);

/* @rooms is sorted and names each once; own-id rooms are left out where they can be told. */
typedef void peal_rooms_fn(enum peal_ack_error error, const char *const *rooms, size_t count,
			   void *userdata);
/** peal_rooms_fetch() - all rooms of a namespace in the cluster, or with PEAL_ACK_TIMEOUT those
 * that were told until then. @timeout_ms 0 is the request timeout. Return: as peal_sockets_fetch().
 */
PEAL_API int peal_rooms_fetch(struct peal_namespace *ns, unsigned timeout_ms, peal_rooms_fn *fn,
			      void *userdata);

/*
 * Who is waited for. Other peal nodes are known by name: those that had announced the namespace
 * when the request was published are waited for, and named when they are silent. Official servers
 * are known by number: of those that Redis counts beside the peal nodes, as many are waited for as
 * have answered before, and counted when they are silent; after five requests without an answer
 * they are expected no more. A request that Redis could not take in its time ends with
 * PEAL_ACK_TIMEOUT, and everyone who was known is missing. One that Redis may have taken when the
 * connection was lost is not sent again: its answers are waited for until the deadline.
 */

/* Events between servers: `io.serverSideEmit()`. */

/* An event of another server. peal_reply(), peal_event_responder() and peal_respond() answer it,
 * with their first value, when event->wants_ack. */
typedef void peal_server_event_fn(struct peal_namespace *ns, const struct peal_event *event,
				  void *userdata);
/** peal_on_server_event() - Return: 0; -ENOMEM; PEAL_EMIT_E_RESERVED for connect, connection and
 * new_namespace; PEAL_EMIT_E_INVALID. */
PEAL_API PEAL_MUST_CHECK int peal_on_server_event(struct peal_namespace *ns, const char *event,
						  peal_server_event_fn *fn, void *userdata);

/** peal_server_emit() - send an event to all other servers of the namespace */
#define peal_server_emit(ns, event, ...) \
	peal_server_emit_values(ns, event, PEAL_VALUES(__VA_ARGS__))
PEAL_API int peal_server_emit_values(struct peal_namespace *ns, const char *event,
				     struct peal_values values);
PEAL_API int peal_server_emit_args(struct peal_namespace *ns, const char *event,
				   const struct peal_args *args);

/**
 * peal_server_emit_ack() - and collect one answer of each
 *
 * The result counts servers: servers_expected and servers_answered do not include this node, and
 * clients are zero. Success at once when there is no other. @timeout_ms 0 is the request timeout.
 * A handler may answer within a minute.
 */
#define peal_server_emit_ack(ns, timeout_ms, fn, userdata, event, ...) \
	peal_server_emit_ack_values(ns, timeout_ms, fn, userdata, event, PEAL_VALUES(__VA_ARGS__))
PEAL_API int peal_server_emit_ack_values(struct peal_namespace *ns, unsigned timeout_ms,
					 peal_acks_fn *fn, void *userdata, const char *event,
					 struct peal_values values);
PEAL_API int peal_server_emit_ack_args(struct peal_namespace *ns, unsigned timeout_ms,
				       peal_acks_fn *fn, void *userdata, const char *event,
				       const struct peal_args *args);

/* @answer is one value, with PEAL_ACK_OK only. It is NULL when nobody is left who could answer. */
typedef void peal_server_answer_fn(enum peal_ack_error error, const struct peal_args *answer,
				   void *userdata);
/**
 * peal_server_ask_args() - send an event to all other servers of the namespace, for one answer
 *
 * The first answer of a server that is not a peal node counts: peal nodes may answer without having
 * done anything. With servers that share work, those whose turn it is not stay silent, so whoever
 * is subscribed is waited for until @timeout_ms; 0 is the request timeout. @fn runs once, from the
 * loop. Return: 0; as peal_server_emit().
 */
PEAL_API PEAL_MUST_CHECK int peal_server_ask_args(struct peal_namespace *ns, unsigned timeout_ms,
						  peal_server_answer_fn *fn, void *userdata,
						  const char *event, const struct peal_args *args);

#endif
