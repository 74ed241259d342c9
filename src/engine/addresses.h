/*
 * Who has how many sessions and how fast he opens them: the limits per client address.
 *
 * An address is one of IPv4, or the /64 of one of IPv6: that is the least that a provider gives to
 * one customer, who has all of its addresses. There is an entry for each address that has a session
 * while sessions are counted, and for each whose bucket is not full again, which takes a second;
 * beyond PEAL_LIMIT_ADDRESSES of the latter, the oldest bucket counts as full. With both limits off
 * nothing is kept, and nothing but their zeros is looked at.
 *
 * Sessions are counted while there is a limit for them, all or none of a node: who opens one calls
 * peal_addresses_enter(), and peal_addresses_leave() when it has ended, each once.
 */
#ifndef PEAL_ENGINE_ADDRESSES_H
#define PEAL_ENGINE_ADDRESSES_H

#include <peal/stats.h>

#include "base/hash.h"
#include "base/log.h"
#include "loop/loop.h"

struct peal_addresses {
	struct peal_loop *loop;
	struct peal_stats *stats;
	const struct peal_log *log;
	size_t clients; /* sessions of one address; 0: no limit, and they are not counted */
	unsigned rate;	/* new sessions per second of one address; 0: as many as come */
	struct peal_hash entries;
	struct peal_deadlines filling; /* entries whose bucket is not full, the oldest first */
	size_t filling_count;
	uint64_t say_again_ms; /* not before this the log has another line */
	uint64_t unsaid;       /* refusals since the last one */
};

/* Without limits. All are borrowed for life. */
void peal_addresses_init(struct peal_addresses *addresses, struct peal_loop *loop,
			 struct peal_stats *stats, const struct peal_log *log);
/* All sessions have ended. */
void peal_addresses_deinit(struct peal_addresses *addresses);

static inline bool peal_addresses_limited(const struct peal_addresses *addresses)
{
	return addresses->clients || addresses->rate;
}
/* With 0 all sessions are forgotten; when that was so before, the caller enters those that are
 * open. */
void peal_addresses_set_clients(struct peal_addresses *addresses, size_t clients);
/* All buckets are full then. */
void peal_addresses_set_rate(struct peal_addresses *addresses, unsigned rate);

/*
 * In the following, @address is the text of peal_request.address. All texts that are none are one
 * address.
 */

/* Return: whether it may have one more session. If not, that is counted, and logged now and then.
 */
bool peal_addresses_has_room(struct peal_addresses *addresses, const char *address);

enum peal_addresses_error {
	PEAL_ADDRESSES_E_TOO_FAST = 1, /* counted, and logged now and then */
};

/* It opens a session. Return: 0; -ENOMEM; PEAL_ADDRESSES_E_TOO_FAST when it has to wait. */
int peal_addresses_take(struct peal_addresses *addresses, const char *address)
	__attribute__((warn_unused_result));

/* It has one more session, or one that may become so. Return: 0; -ENOMEM. */
int peal_addresses_enter(struct peal_addresses *addresses, const char *address)
	__attribute__((warn_unused_result));
void peal_addresses_leave(struct peal_addresses *addresses, const char *address);

#endif
