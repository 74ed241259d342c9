/*
 * What the files of the requests half share: a request that this node has sent to others, and the
 * way of an answer.
 *
 * A request lives from peal_request_new() until its kind's end() was called, once, from the loop
 * (or from peal_requests_close()), or until it is forgotten; then it is freed. Its answers are
 * counted in its tally; the kind only keeps what is in them.
 */
#ifndef PEAL_CLUSTER_REQUESTS_H
#define PEAL_CLUSTER_REQUESTS_H

#include "cluster/cluster_private.h"
#include "cluster/tally.h"

#define PEAL_REQUEST_ID_LENGTH 6

struct peal_request_out;

enum peal_request_end {
	PEAL_REQUEST_COMPLETE, /* all have answered */
	PEAL_REQUEST_MISSING,  /* somebody has not: at the deadline, or nothing more can come */
	PEAL_REQUEST_CLOSED,   /* the node is being freed */
};

struct peal_request_kind {
	/* Every server answers such a request, so what did not come is a sign. */
	bool reliable;
	/* Only peal nodes answer it. */
	bool named_only;
	/* It is sent to nobody. */
	bool local;
	/* It is not complete before the subscriptions asked for until now are in force. */
	bool barrier;
	/* A server answers it when its application does. Who may be there without a name is found
	 * out by another request first. */
	bool probes;
	/* Whoever received it is waited for, known or not. */
	bool everyone;
	/* An answer came that is not a repetition, and was counted. NULL: there is nothing in it.
	 */
	void (*receive)(struct peal_request_out *request, const struct peal_message *message);
	/* It is over: tell who wanted it. Called once, unless it was forgotten. */
	void (*end)(struct peal_request_out *request, enum peal_request_end why);
	/* Free what the kind's struct holds. NULL: it holds nothing. */
	void (*deinit)(struct peal_request_out *request);
};

/* The first member of its kind's struct, which is allocated and zeroed for it. */
struct peal_request_out {
	struct peal_hash_entry entry, ticket_entry;
	const struct peal_request_kind *kind;
	struct peal_cluster *cluster;
	struct peal_space *space;
	enum peal_message_type type;
	struct peal_tally tally;
	struct peal_timer deadline, extra;
	struct peal_barrier_waiter waiter; /* of a kind with a barrier */
	struct peal_task task;		   /* end() from the loop */
	enum peal_request_end why;
	uint64_t ticket;
	bool ending;
	bool waited;  /* the short extra time is over */
	bool probing; /* another request finds out who is there */
	bool sent;    /* the adapter has told what became of it; who is expected is fixed */
	char id[PEAL_REQUEST_ID_LENGTH + 1];
};

/*
 * Send @message, whose type, namespace and what belongs to the type are given, as a request that
 * ends by itself after @timeout_ms, 0: the request timeout. A node that is alone has its request
 * complete from the loop. Return: 0; -ENOMEM; PEAL_EMIT_E_TOO_LARGE with too many requests or
 * namespaces under way; what the adapter returned. On failure it is freed, without end().
 */
int peal_request_new(struct peal_request_out *request, const struct peal_request_kind *kind,
		     struct peal_cluster *cluster, struct peal_message *message,
		     unsigned timeout_ms) __attribute__((warn_unused_result));
/* Look again whether it is over. */
void peal_request_look(struct peal_request_out *request);
/* Whether peal_request_new() has room for one more in that namespace. Return: 0;
 * PEAL_EMIT_E_TOO_LARGE. */
int peal_request_room(struct peal_cluster *cluster, const char *ns);
/* What the application is told of the end; @failed: not all that came could be kept. */
enum peal_ack_error peal_request_error(enum peal_request_end why, bool failed);
/* Have end() called from the loop. */
void peal_request_end(struct peal_request_out *request, enum peal_request_end why);
/* It goes without end(): who wanted it is gone. */
void peal_request_forget(struct peal_request_out *request);

/* Who has not answered; fills the part of the result about servers. Free *ret_names. */
void peal_request_servers(struct peal_request_out *request, struct peal_remote_result *result,
			  const char ***ret_names);

/* A message of this node in @ns; the rest is for the caller to fill. */
struct peal_message peal_request_message(const struct peal_cluster *cluster,
					 enum peal_message_type type, const char *ns);

/* The cluster of a namespace's node. */
struct peal_cluster *peal_cluster_of(const struct peal_namespace *ns);

/* What this node still owes another; in cluster->answering. */
struct peal_answering {
	struct peal_list link;
	struct peal_cluster *cluster;
	void (*free)(struct peal_answering *answering); /* calls peal_answering_leave() */
	/* The node says goodbye: send what is held, and free. NULL: nothing is held. */
	void (*goodbye)(struct peal_answering *answering);
};
/* False over the ceiling. */
bool peal_answering_enter(struct peal_cluster *cluster, struct peal_answering *answering,
			  void (*fn)(struct peal_answering *answering));
void peal_answering_leave(struct peal_answering *answering);

/* answer.c, reply.c: requests of other nodes. */
void peal_answer_ask(struct peal_cluster *cluster, const struct peal_message *message);
void peal_answers_close(struct peal_cluster *cluster);
void peal_reply_fetch(struct peal_cluster *cluster, const struct peal_message *message);
void peal_reply_rooms(struct peal_cluster *cluster, const struct peal_message *message);
void peal_reply_socket_ids(struct peal_cluster *cluster, const struct peal_message *message);
void peal_reply_server_event(struct peal_cluster *cluster, const struct peal_message *message);
/* An answer to @request; the rest is for the caller to fill. It points into @request. */
struct peal_message peal_reply_message(const struct peal_cluster *cluster,
				       const struct peal_message *request,
				       enum peal_message_type type);
/* Nobody is told what becomes of an answer; who waits for it has a deadline. */
void peal_reply_send(struct peal_cluster *cluster, const struct peal_message *message);
/* There is none: who asked is better off without an answer than with one that is not true. It finds
 * out that this node is missing. */
void peal_reply_cannot(const struct peal_cluster *cluster, const struct peal_message *request);

/* fetch.c: find out who is there without a name. Return: as peal_request_new(). */
int peal_probe(struct peal_cluster *cluster, struct peal_space *space, unsigned timeout_ms)
	__attribute__((warn_unused_result));
/* request.c: it is found out. */
void peal_requests_probed(struct peal_cluster *cluster, struct peal_space *space);
/* ask.c, fetch.c: their part of peal_requests_fill(). */
void peal_ask_fill(struct peal_remote *remote);
void peal_fetch_fill(struct peal_remote *remote);

#endif
