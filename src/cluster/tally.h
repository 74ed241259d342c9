/*
 * The account of one request: who was there when it was published, who has answered, and who still
 * owes an answer. No clock, no I/O.
 *
 * Servers are of two kinds. Peal nodes are known by name: they announce themselves, and their
 * answers carry their uid. Others are only known by their number: Redis tells how many connections
 * received the request, and what the peal nodes do not explain are others:
 *
 *   X = receivers − this node − named servers that have answered
 *   K = the most unnamed answers that one request in this namespace ever got
 *   S = subscribers of which it is known that they do not answer (strays)
 *
 * Named ones are waited for until they have answered or are gone. Then min(X, K) answers of others
 * are waited for, and when X > K + S, so when there may be somebody new, a short extra time. When
 * as many have answered as have received it, nobody is missing, whatever was announced.
 */
#ifndef PEAL_CLUSTER_TALLY_H
#define PEAL_CLUSTER_TALLY_H

#include <stdbool.h>

#include "base/hash.h"

/* What a namespace has taught about those without a name; outlives the requests. */
struct peal_tally_others {
	uint32_t known;	       /* K */
	uint32_t strays;       /* S */
	uint32_t short_rounds; /* requests in a row with less than K answers … */
	uint32_t short_best;   /* … and the most that one of those got */
};

/* After so many requests that unnamed servers did not answer, they are expected no more. */
#define PEAL_TALLY_SHORT_ROUNDS 5

/* A named server. */
struct peal_tally_peer {
	struct peal_hash_entry entry; /* by uid */
	bool owes;		      /* announced when the request was published, and not gone */
	bool gone;		      /* nothing more is expected of it */
	bool counted;		      /* its count came */
	bool finished;		      /* its last part came, and all before it */
	uint64_t clients, answers;
	/* Parts that came: the highest number, and which of the 64 before it. */
	uint32_t highest, parts, last;
	uint64_t seen;
	bool last_known;
	char *name; /* of the server; behind the uid in the same allocation */
	char uid[];
};

struct peal_tally {
	struct peal_hash peers; /* struct peal_tally_peer */
	bool published;		/* it is known how many have received it … */
	bool unknown;		/* … or that it will never be */
	bool own;
	bool disturbed; /* a member went: what the numbers say of others is not to be learned */
	uint32_t receivers;
	uint32_t named_settled; /* named servers that have answered */
	uint32_t owing;		/* named servers that owe an answer */
	uint32_t unnamed;	/* answers of unnamed servers */
	uint32_t open_peers;	/* named servers with clients that may still answer */
	uint32_t lost_peers;	/* those with clients that cannot answer any more */
	uint64_t unnamed_clients, unnamed_answers;
	uint64_t named_clients;
};

enum peal_tally_part {
	PEAL_TALLY_REPEATED = 1, /* it came before */
	PEAL_TALLY_FULL = 2,	 /* more servers than there can be */
};

void peal_tally_init(struct peal_tally *tally);
void peal_tally_deinit(struct peal_tally *tally);

/* It was published and received by so many, this node among them when @own; UINT32_MAX when that is
 * not known. */
void peal_tally_published(struct peal_tally *tally, uint32_t receivers, bool own);
/* This member was announced by then. Return: 0; -ENOMEM. */
int peal_tally_owe(struct peal_tally *tally, const char *uid, const char *name)
	__attribute__((warn_unused_result));
/* A member went, or serves the namespace no more. */
void peal_tally_gone(struct peal_tally *tally, const char *uid);

/*
 * A part of the answer of the server @uid. It counts as answered with the part that completes the
 * numbers up to the last one (which is the only one, with number 0, for answers in one piece), or
 * with its count. Return: 0; -ENOMEM; enum peal_tally_part.
 */
int peal_tally_part(struct peal_tally *tally, const char *uid, uint32_t number, bool last)
	__attribute__((warn_unused_result));
/* The server @uid has asked so many clients. Return: as above. */
int peal_tally_count(struct peal_tally *tally, const char *uid, uint32_t clients)
	__attribute__((warn_unused_result));
/* So many clients of the server @uid have answered; after peal_tally_part() or _count() of it. */
void peal_tally_answers(struct peal_tally *tally, const char *uid, size_t count);
/* The same without a name. */
void peal_tally_unnamed(struct peal_tally *tally);
void peal_tally_unnamed_count(struct peal_tally *tally, uint32_t clients);
void peal_tally_unnamed_answers(struct peal_tally *tally, size_t count);

/* How it stands. */
struct peal_tally_state {
	bool servers; /* every server that is known of has answered … */
	bool others;  /* … but there may be others: wait a short extra time */
	bool clients; /* of the clients of those servers none may still answer */
	bool all;     /* and all of them have */
};
struct peal_tally_state peal_tally_look(const struct peal_tally *tally,
					const struct peal_tally_others *others);

/* Unnamed servers that should have answered and have not. */
uint32_t peal_tally_unnamed_missing(const struct peal_tally *tally,
				    const struct peal_tally_others *others);
/* Names of the named ones that owe; @names has room for tally->owing. Return: how many. */
size_t peal_tally_missing(const struct peal_tally *tally, const char **names);

/*
 * The request is over: learn from it. @waited: the short extra time has passed. @reliable: every
 * server answers a request of this kind. Return: true when servers that were expected until now are
 * expected no more.
 */
bool peal_tally_learn(const struct peal_tally *tally, struct peal_tally_others *others, bool waited,
		      bool reliable);

/* An unnamed answer came after its request was over: who sent it is no stray. */
void peal_tally_late(struct peal_tally_others *others);

#endif
