/*
 * What leaves the node. The cluster layer fills this table; without it a node is simply alone: the
 * server never knows what a cluster is. Nothing here blocks or calls back before it returns.
 * What comes back, and what other nodes send, goes through server/peer.h.
 */
#ifndef PEAL_SERVER_REMOTE_H
#define PEAL_SERVER_REMOTE_H

#include <peal/emit.h>

struct peal_fetch;
struct peal_round;

/* Every function may be NULL. Targets are never NULL. Events are not NUL-terminated. */
struct peal_remote {
	/*
	 * A namespace that clients can join came to be, or is gone (never called for parents of
	 * dynamic ones nor for stand-ins). A room got its first member, or lost its last (never
	 * called for own-id rooms: ids begin with the node's uid). Return: the number of the
	 * barrier that covers it, 0 when it is covered: who joins waits for it.
	 */
	uint64_t (*namespace_opened)(struct peal_namespace *ns, void *context);
	void (*namespace_closed)(struct peal_namespace *ns, void *context);
	uint64_t (*room_opened)(struct peal_namespace *ns, const char *room, size_t length,
				void *context);
	void (*room_closed)(struct peal_namespace *ns, const char *room, size_t length,
			    void *context);

	/* A broadcast that is not PEAL_LOCAL; called after the local clients were queued. */
	void (*broadcast)(struct peal_namespace *ns, const struct peal_target *target,
			  const char *event, size_t event_length, const struct peal_args *args,
			  void *context);
	/* Whether there is room for one more ask(), which is asked before anybody is. Return: 0, or
	 * what the call returns. */
	int (*may_ask)(struct peal_namespace *ns, void *context);
	/*
	 * The same with acknowledgements; the local clients are asked already. The cluster reports
	 * with peal_round_remote_answer() and, once, peal_round_remote_end(). Return: 0, or what
	 * the call returns; then the round does not wait for it.
	 */
	int (*ask)(struct peal_namespace *ns, const struct peal_target *target, const char *event,
		   size_t event_length, const struct peal_args *args, unsigned timeout_ms,
		   struct peal_round *round, void *context);
	/* The deadline of @round has passed: peal_round_remote_end() must follow from the loop, as
	 * soon as what is under way has come, at most PEAL_LIMIT_ROUND_GRACE_MS later. */
	void (*ask_expired)(struct peal_round *round, void *context);
	/* The round ends without the cluster: nothing may be called on it any more. */
	void (*ask_forget)(struct peal_round *round, void *context);

	/* The bulk operations that are not PEAL_LOCAL; the local sockets have changed already. */
	void (*join)(struct peal_namespace *ns, const struct peal_target *target,
		     struct peal_rooms rooms, void *context);
	void (*leave)(struct peal_namespace *ns, const struct peal_target *target,
		      struct peal_rooms rooms, void *context);
	void (*disconnect)(struct peal_namespace *ns, const struct peal_target *target, bool close,
			   void *context);

	/* The sockets of other nodes: peal_fetch_remote_add() and, once, peal_fetch_remote_end().
	 * @timeout_ms 0: the request timeout. Return: as ask(). */
	int (*fetch)(struct peal_namespace *ns, const struct peal_target *target,
		     unsigned timeout_ms, struct peal_fetch *fetch, void *context);
	void (*fetch_forget)(struct peal_fetch *fetch, void *context);
	void *context;
};

#endif
