/*
 * The inside of the cluster layer, shared by the files of this folder.
 *
 * Two halves. Members (cluster.c, members.c, announce.c, interest.c, outage.c): who is there, what
 * they serve, what this node wants to hear, what happens without a connection. Requests (request.c,
 * tally.c and one file per kind): what this node asks, who still owes an answer, and the answers it
 * owes itself.
 */
#ifndef PEAL_CLUSTER_CLUSTER_PRIVATE_H
#define PEAL_CLUSTER_CLUSTER_PRIVATE_H

#include "base/buffer.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/list.h"
#include "cluster/cluster.h"
#include "server/peer.h"

struct peal_cluster {
	struct peal_cluster_options options;
	struct peal_adapter *adapter; /* NULL: alone */
	struct peal_adapter_host host;
	struct peal_remote remote;
	enum peal_adapter_state state;
	char *detail;
	bool leaving;

	struct peal_hash spaces;  /* struct peal_space by name */
	struct peal_hash members; /* struct peal_member by uid, without this node */
	size_t member_count;

	/* of the members half */
	struct peal_timer tick; /* digest, silence, interest, lingering namespaces */
	void *announcing;	/* struct of announce.c */
	void *outage;		/* struct of outage.c */
	uint64_t gap_from_ms, gap_to_ms;

	/* of the requests half */
	struct peal_hash requests;  /* struct peal_request_out by request id */
	struct peal_hash tickets;   /* the same by ticket, until the adapter has told */
	struct peal_list answering; /* struct of answer.c: what this node still owes others */
	uint64_t next_ticket;
};

/* Another peal node. */
struct peal_member {
	struct peal_hash_entry entry; /* by uid */
	char uid[PEAL_UID_LENGTH + 1];
	char *name, *version;
	uint64_t clients;
	uint64_t seen_ms; /* when it was heard of last */
	uint64_t generation;
	bool silent;		 /* nothing for the member timeout */
	struct peal_hash serves; /* names of namespaces */
};

/* A namespace as the cluster sees it; served by this node or not. */
struct peal_space {
	struct peal_hash_entry entry;
	struct peal_namespace *ns; /* NULL when this node does not serve it */
	enum peal_interest mode;   /* what the adapter was told */
	/* K: the most unnamed answers seen; and how many rounds in a row stayed below it. */
	uint32_t unnamed, short_rounds;
	uint32_t requests;     /* under way */
	struct peal_list wide; /* rooms joined remotely in the last two seconds */
	uint64_t empty_since_ms;
	size_t name_length;
	char name[];
};

/* --- members half ------------------------------------------------------------------------------
 */

/* NULL without memory, or over the ceiling of those that are not served. */
struct peal_space *peal_space_get(struct peal_cluster *cluster, const char *name);
struct peal_space *peal_space_find(const struct peal_cluster *cluster, const char *name);
bool peal_member_serves(const struct peal_member *member, const char *ns);
struct peal_member *peal_member_find(const struct peal_cluster *cluster, const char *uid);
/* An announcement came. */
void peal_announce_receive(struct peal_cluster *cluster, const struct peal_message *message);
/* A message came from @uid, which announced nothing: there are others in that namespace. */
void peal_interest_stranger(struct peal_cluster *cluster, struct peal_space *space);
/* A join of other nodes' sockets was sent: for two seconds emits to these rooms go wide. */
void peal_interest_joined_remotely(struct peal_cluster *cluster, struct peal_space *space,
				   struct peal_rooms rooms);
bool peal_interest_is_wide(struct peal_cluster *cluster, struct peal_space *space,
			   const struct peal_target *target);
/* A request's publish was received by so many; dead members leave by it (design: silent members
 * leave, the oldest first, when the count is too low for them). */
void peal_members_counted(struct peal_cluster *cluster, struct peal_space *space,
			  uint32_t receivers, bool own);

/* --- requests half -----------------------------------------------------------------------------
 */

int peal_requests_init(struct peal_cluster *cluster) __attribute__((warn_unused_result));
/* Everything under way ends. */
void peal_requests_close(struct peal_cluster *cluster);
/* A message other than BROADCAST, JOIN, LEAVE, DISCONNECT and ANNOUNCE came. */
void peal_requests_receive(struct peal_cluster *cluster, const struct peal_message *message);
/* news->sent() for a ticket of a request. */
void peal_requests_sent(struct peal_cluster *cluster, uint64_t ticket, enum peal_sent how,
			uint32_t receivers, bool own);
/* @member came, went (it is still readable), fell silent, or serves other namespaces: count anew.
 */
void peal_requests_member_changed(struct peal_cluster *cluster, struct peal_member *member,
				  bool gone);
/* A JOIN or LEAVE with a request id, or of the old form, was applied: confirm it when the barrier
 * has reached @number. */
void peal_requests_confirm(struct peal_cluster *cluster, const struct peal_message *message,
			   uint64_t number);
/* ask, ask_expired, ask_forget, fetch, fetch_forget of struct peal_remote; context: the cluster. */
void peal_requests_fill(struct peal_remote *remote);

#endif
