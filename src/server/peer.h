/*
 * What the cluster layer does to the server: what other nodes have sent, and what comes back from
 * them. All of it is called from the loop. Nothing here publishes anything.
 */
#ifndef PEAL_SERVER_PEER_H
#define PEAL_SERVER_PEER_H

#include <peal/cluster.h>

#include "base/list.h"
#include "server/remote.h"

struct peal_server;

/* The namespace of that name that clients can join; NULL when this node does not serve it. */
struct peal_namespace *peal_server_namespace(struct peal_server *server, const char *name);
/* All of those. @fn must not change them. */
void peal_server_each_namespace(struct peal_server *server,
				void (*fn)(struct peal_namespace *ns, void *context),
				void *context);
/* A stand-in of peal_of_remote(): clients cannot join it. */
bool peal_namespace_is_stand_in(const struct peal_namespace *ns);
/* References, so that a namespace outlives an operation under way. */
struct peal_namespace *peal_namespace_ref(struct peal_namespace *ns);
void peal_namespace_unref(struct peal_namespace *ns);
/* One pointer of the cluster's on each namespace; NULL at first. */
void **peal_namespace_remote(struct peal_namespace *ns);
/* 0, or what a public function has to return for @ns: -ESHUTDOWN, PEAL_EMIT_E_INVALID; the latter
 * for a parent of dynamic ones too when @no_parents. */
int peal_namespace_usable(const struct peal_namespace *ns, bool no_parents);

/* --- from other nodes to the local clients -------------------------------------------------------
 */

/* Deliver an event; @packet_id UINT64_MAX for none. *ret_selected: sockets that it is for. Return:
 * 0; -ENOMEM; PEAL_EMIT_E_TOO_LARGE. */
int peal_peer_broadcast(struct peal_namespace *ns, const struct peal_target *target,
			const char *event, size_t event_length, const struct peal_args *args,
			uint64_t packet_id, size_t *ret_selected);

/* Somebody elsewhere asked the local clients; embedded in the cluster's record. */
struct peal_asked {
	struct peal_round *round; /* NULL when nothing more comes */
	/* One of them answered; @answer has one item, or is NULL when it came without argument.
	 * Borrowed for the call. */
	void (*answer)(struct peal_asked *asked, const struct peal_args *answer);
	/* Nothing more comes: all have answered, or the time is over. It may free itself. Not
	 * called by peal_peer_forget(), nor when nobody was asked. */
	void (*done)(struct peal_asked *asked, bool all_answered);
};
/* *ret_count: how many clients were asked. With 0 there is no round. Return: as
 * peal_peer_broadcast(). */
int peal_peer_ask(struct peal_namespace *ns, const struct peal_target *target, const char *event,
		  size_t event_length, const struct peal_args *args, unsigned timeout_ms,
		  struct peal_asked *asked, uint32_t *ret_count);
void peal_peer_forget(struct peal_asked *asked);

/* *ret_selected: sockets that were selected; *ret_number: the number of the barrier that covers
 * them all, 0 for none. */
int peal_peer_join(struct peal_namespace *ns, const struct peal_target *target,
		   struct peal_rooms rooms, size_t *ret_selected, uint64_t *ret_number);
int peal_peer_leave(struct peal_namespace *ns, const struct peal_target *target,
		    struct peal_rooms rooms, size_t *ret_selected);
int peal_peer_disconnect(struct peal_namespace *ns, const struct peal_target *target, bool close,
			 size_t *ret_selected);

/* A snapshot of the selected local sockets; everything in it lives until it is freed. Return: 0;
 * -ENOMEM; PEAL_EMIT_E_TOO_LARGE. */
struct peal_snapshot;
int peal_peer_fetch(struct peal_namespace *ns, const struct peal_target *target,
		    struct peal_snapshot **ret_snapshot,
		    const struct peal_socket_info **ret_sockets, size_t *ret_count);
void peal_snapshot_free(struct peal_snapshot *snapshot);

/* --- answers to what this node asked
 * --------------------------------------------------------------
 */

/* One pointer of the cluster's on each round; NULL at first. */
void **peal_round_remote(struct peal_round *round);
/* A client of another node has answered; @answer has one item or is NULL; copied. */
void peal_round_remote_answer(struct peal_round *round, const struct peal_args *answer);

/* What the cluster found; names are borrowed for the call. */
struct peal_remote_result {
	bool complete; /* nobody is missing; otherwise the round ends with PEAL_ACK_TIMEOUT, once
			  its local part has ended */
	size_t clients_expected;
	size_t servers_expected, servers_answered; /* without this node */
	const char *const *missing_servers;
	size_t missing_server_count;
	size_t unnamed_missing_servers;
};
/* Nothing more comes from other nodes. The callback of the round runs later, from the loop. */
void peal_round_remote_end(struct peal_round *round, const struct peal_remote_result *result);

void **peal_fetch_remote(struct peal_fetch *fetch);
/* Copies; @node is the name of the server, "" when it does not tell. Return: 0; -ENOMEM;
 * PEAL_EMIT_E_TOO_LARGE. */
int peal_fetch_remote_add(struct peal_fetch *fetch, const char *node,
			  const struct peal_socket_info *sockets, size_t count);
/* The callback of the fetch gets all there is, with @error. It runs later, from the loop. */
void peal_fetch_remote_end(struct peal_fetch *fetch, enum peal_ack_error error);

/* --- events between servers
 * -----------------------------------------------------------------------
 */

/* The answer to an event of another server: one item, or NULL. Called once or never; from inside of
 * a handler or later; not after peal_server_reply_forget(). */
struct peal_server_reply {
	void (*fn)(struct peal_server_reply *reply, const struct peal_args *answer);
	struct peal_list tokens; /* responders that the application holds; private */
};
void peal_server_reply_init(struct peal_server_reply *reply,
			    void (*fn)(struct peal_server_reply *, const struct peal_args *));
/* What the application still holds goes nowhere from here on. */
void peal_server_reply_forget(struct peal_server_reply *reply);
/* Run the handlers; @reply NULL: no answer is wanted. Return: how many handlers there were. */
size_t peal_peer_server_event(struct peal_namespace *ns, const char *event,
			      const struct peal_args *args, struct peal_server_reply *reply);

#endif
