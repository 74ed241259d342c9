/*
 * The record of a round, shared by round.c, which has its life and its local part, and
 * round_remote.c, which has its remote part.
 */
#ifndef PEAL_SERVER_ROUND_H
#define PEAL_SERVER_ROUND_H

#include "server/server_private.h"

/* What other nodes have to do with a round. */
struct peal_round_part {
	void *cluster; /* the cluster's pointer */
	bool open;     /* something may still come */
	bool complete;
	size_t clients_expected, servers_expected, servers_answered, unnamed_missing;
	const char **missing_servers; /* one allocation */
	size_t missing_server_count;
	size_t answers, answer_bytes;
};

struct peal_round {
	struct peal_hash_entry entry; /* in the namespace, while clients are asked */
	uint64_t id;
	struct peal_namespace *ns;
	struct peal_list link;	      /* in the server */
	struct peal_list socket_link; /* in the one socket, unless it is a round of many */
	struct peal_timer timer;
	struct peal_result result;
	peal_acks_fn *acks_fn;
	peal_ack_fn *ack_fn;
	void *userdata;
	struct peal_asked *asked_for;	/* NULL: the result is for the application */
	struct peal_round_part *remote; /* NULL: no other node is asked */
	bool single;
	bool local_ended; /* no ACK is taken any more */
	bool telling;	  /* asked_for is hearing of an answer: nothing is freed */
	bool ended;
	enum peal_ack_error error;
	/* References to the sockets that were asked, hashed by their address; bit 0 tells that it
	 * has answered. Afterwards the same memory holds the ids of those that did not. */
	uintptr_t *asked;
	uint32_t asked_capacity;     /* a power of two */
	uintptr_t only;		     /* the table of one */
	uint32_t expected, answered; /* clients of this node */
	uint32_t response_count, response_capacity;
	struct peal_args **responses;
};

static inline bool peal_round_waits(const struct peal_round *round)
{
	return round->remote && round->remote->open;
}

/* No ACK is taken any more. */
void peal_round_end_local(struct peal_round *round);
/* Everything has ended; it is told from the loop. */
void peal_round_end_later(struct peal_round *round, enum peal_ack_error error);
/* Whether anything is missing of what the parts, which have ended, should have brought. */
enum peal_ack_error peal_round_error(const struct peal_round *round);
/* Keep a copy of an answer of one item, null when there is none. Return: 0; -ENOMEM. */
int peal_round_keep(struct peal_round *round, const struct peal_args *answer);

#endif
