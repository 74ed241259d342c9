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
#include "cluster/tally.h"
#include "server/peer.h"

/* announce.c: what others were told and are still to be told. */
struct peal_announcing {
	uint64_t generation;	  /* of the list of namespaces and the name, as others know them */
	struct peal_list changed; /* spaces that are to be announced or withdrawn */
	struct peal_timer soon;	  /* the changes of a turn in one message */
	struct peal_timer answer; /* the full list, because somebody asked */
};

/* outage.c: where this node stands with its adapter. */
struct peal_outage {
	bool begun;   /* the adapter was connected once */
	bool settled; /* clients may come */
	bool waiting; /* held back until the others are here again */
	bool summing; /* an outage is over, its sum is still to be logged */
	uint64_t start_ms, down_ms, held_ms, up_ms; /* on the real clock */
	struct peal_timer look;
	struct peal_stats before; /* at the beginning of the outage */
};

#define PEAL_CLUSTER_DEPARTED 32

struct peal_cluster {
	struct peal_cluster_options options;
	struct peal_adapter *adapter; /* NULL: alone */
	struct peal_adapter_host host;
	struct peal_remote remote;
	enum peal_adapter_state state;
	char *detail;
	bool leaving;
	bool started; /* the adapter */

	struct peal_hash spaces;  /* struct peal_space by name */
	struct peal_hash members; /* struct peal_member by uid, without this node */
	size_t member_count;
	/* Who has said goodbye last: what they still send is of no stranger. */
	char departed[PEAL_CLUSTER_DEPARTED][PEAL_UID_LENGTH + 1];
	size_t departed_next;

	/* of the members half */
	struct peal_timer tick;		   /* a second: digest, interest, lingering namespaces */
	struct peal_timer silence;	   /* when the next member falls silent or goes */
	struct peal_announcing announcing; /* announce.c */
	struct peal_outage outage;	   /* outage.c */
	struct peal_buffer scratch;	   /* the event of a broadcast, with its NUL */
	uint64_t gap_from_ms, gap_to_ms;
	bool echoed;	       /* an announcement of this node has come back, … */
	uint64_t echo_ms;      /* … the last one at this time, on the real clock */
	uint64_t standstills;  /* as the statistics had them when the members were looked at */
	size_t looked;	       /* spaces passed by the looks of interest.c in this round */
	size_t unserved_count; /* spaces of namespaces that this node does not serve */

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
	bool awaited;		 /* it was there before an outage and has not come back yet */
	bool asked;		 /* for its full list, since its last announcement */
	struct peal_hash serves; /* names of namespaces */
};

/* A namespace as the cluster sees it; served by this node or not. */
struct peal_space {
	struct peal_hash_entry entry;
	struct peal_namespace *ns;	/* NULL when this node does not serve it */
	enum peal_interest mode;	/* what the adapter was told */
	struct peal_tally_others tally; /* what is known of those who have no name */
	uint32_t requests;		/* under way */
	struct peal_list wide;		/* rooms joined remotely in the last two seconds */
	/* of the members half */
	bool open;		  /* the adapter serves it, maybe a little longer than the node */
	bool in_force;		  /* all its channels are */
	bool announced;		  /* others were told that it is served */
	bool withdrawing;	  /* others are told that it is not, its channels are left soon */
	struct peal_list changed; /* in announcing.changed */
	uint64_t empty_since_ms;  /* since when it is not served while it is still open */
	/* The last count of receivers, without this node; UINT32_MAX: unknown. And that of before
	 * an outage, which is waited for. */
	uint32_t others, others_before;
	uint32_t exact_looks; /* see interest.c */
	uint64_t crowded_ms;  /* rooms were given up because of a count, 0: they were not … */
	uint32_t crowd;	      /* … which was this one */
	bool has_stranger, stranger_took_rooms;
	char stranger[PEAL_UID_LENGTH +
		      1];	    /* its uid; "": it does not tell, or there are several */
	uint64_t stranger_until_ms; /* somebody unknown was heard: pattern, at least until then */
	uint64_t wide_until_ms;	    /* when the last of `wide` is over */
	uint64_t wide_all_until_ms; /* too many rooms were joined: all go wide */
	size_t wide_count;
	size_t name_length;
	char name[];
};

/* --- members half ------------------------------------------------------------------------------
 */

/* NULL without memory, or over the ceiling of those that are not served. */
struct peal_space *peal_space_get(struct peal_cluster *cluster, const char *name);
struct peal_space *peal_space_find(const struct peal_cluster *cluster, const char *name);
/* That of a namespace: a namespace that is served knows it. */
struct peal_space *peal_space_of(const struct peal_cluster *cluster, struct peal_namespace *ns);
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

/* The same, and what follows from the count for interest and for the end of an outage. */
void peal_interest_counted(struct peal_cluster *cluster, const char *ns, uint32_t receivers,
			   bool own);

/* spaces.c: the hooks of the server, and namespaces that are not needed any more. */
void peal_spaces_fill(struct peal_remote *remote);
/* Open those that are there already. */
void peal_spaces_begin(struct peal_cluster *cluster);
void peal_spaces_tick(struct peal_cluster *cluster);
/* Withdraw and leave all. */
void peal_spaces_leave(struct peal_cluster *cluster);
void peal_spaces_close(struct peal_cluster *cluster);
/* Others may and should know that it is served. */
bool peal_space_wanted(const struct peal_cluster *cluster, const struct peal_space *space);

/* members.c */
/* NULL without memory or over the ceiling. */
struct peal_member *peal_member_add(struct peal_cluster *cluster, const char *uid);
/* @text may be that of before. Return: 0; -ENOMEM. */
int peal_member_name(struct peal_cluster *cluster, struct peal_member *member, const char *name,
		     const char *version) __attribute__((warn_unused_result));
int peal_member_serve(struct peal_member *member, const char *ns)
	__attribute__((warn_unused_result));
void peal_member_serve_no_more(struct peal_member *member, const char *ns);
void peal_member_serve_nothing(struct peal_member *member);
/* It has announced something. @changed: it is new, or what it serves is. */
void peal_member_seen(struct peal_cluster *cluster, struct peal_member *member, bool changed);
bool peal_member_departed(const struct peal_cluster *cluster, const char *uid);
/* @why is for the log. */
void peal_member_remove(struct peal_cluster *cluster, struct peal_member *member, const char *why);
/* How many members serve a namespace, and how many of those are silent. */
size_t peal_members_serving(const struct peal_cluster *cluster, const char *ns, size_t *ret_silent);
/* peal_members_counted() of a namespace that has no space; @unnamed: its K. */
void peal_members_counted_in(struct peal_cluster *cluster, const char *ns, uint32_t unnamed,
			     uint32_t receivers, bool own);
void peal_members_fresh(struct peal_cluster *cluster);
void peal_members_watch(struct peal_cluster *cluster);
void peal_members_close(struct peal_cluster *cluster);

/* announce.c */
void peal_announce_init(struct peal_cluster *cluster);
/* This node is here (again): the full list, and a question for that of the others. */
void peal_announce_hello(struct peal_cluster *cluster);
void peal_announce_full(struct peal_cluster *cluster);
void peal_announce_digest(struct peal_cluster *cluster);
void peal_announce_goodbye(struct peal_cluster *cluster);
/* What @space should be to others may have changed. */
void peal_announce_changed(struct peal_cluster *cluster, struct peal_space *space);
/* Tell what has changed now. */
void peal_announce_flush(struct peal_cluster *cluster);
void peal_announce_close(struct peal_cluster *cluster);

/* interest.c */
void peal_interest_opened(struct peal_cluster *cluster, struct peal_space *space);
void peal_interest_tick(struct peal_cluster *cluster);
/* Is the sender of a message one that is known? */
void peal_interest_heard(struct peal_cluster *cluster, const struct peal_message *message);
/* Note how many there are. Return: whether there may be more than members. */
bool peal_interest_receivers(struct peal_cluster *cluster, struct peal_space *space,
			     uint32_t receivers, bool own);
/* @uid turned out to be a peal node. */
void peal_interest_no_stranger(struct peal_cluster *cluster, const char *uid);
void peal_interest_forget_wide(struct peal_space *space);

/* outage.c */
void peal_outage_begin(struct peal_cluster *cluster);
void peal_outage_state(struct peal_cluster *cluster, enum peal_adapter_state state,
		       const char *detail);
void peal_outage_gap(struct peal_cluster *cluster, uint64_t from_ms, uint64_t to_ms);
/* A member came back, or a count has come. */
void peal_outage_look(struct peal_cluster *cluster);
void peal_outage_close(struct peal_cluster *cluster);

/* --- requests half -----------------------------------------------------------------------------
 */

int peal_requests_init(struct peal_cluster *cluster) __attribute__((warn_unused_result));
/* Everything under way ends. */
void peal_requests_close(struct peal_cluster *cluster);
/* answer.c: what others asked for and is held for them leaves, before the goodbye. */
void peal_answers_goodbye(struct peal_cluster *cluster);
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
