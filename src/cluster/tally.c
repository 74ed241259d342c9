/*
 * The account of one request. Invariant: the sums in struct peal_tally are those over its peers;
 * weigh() is the only place that changes them.
 */
#include "cluster/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/list.h"

static bool settled(const struct peal_tally_peer *peer)
{
	return peer->counted || peer->finished;
}

/* Add what @peer contributes to the sums, or take it out, around each change of it. */
static void weigh(struct peal_tally *tally, const struct peal_tally_peer *peer, int sign)
{
	bool short_of = peer->answers < peer->clients;
	bool over = peer->finished || peer->gone;
	uint32_t one = (uint32_t)sign;
	tally->named_settled += settled(peer) ? one : 0;
	tally->owing += peer->owes && !peer->gone && !settled(peer) ? one : 0;
	tally->open_peers += short_of && !over ? one : 0;
	tally->lost_peers += short_of && over ? one : 0;
}

void peal_tally_init(struct peal_tally *tally)
{
	*tally = (struct peal_tally){ 0 };
	peal_hash_init(&tally->peers);
}

void peal_tally_deinit(struct peal_tally *tally)
{
	struct peal_hash_entry *entry;
	while ((entry = peal_hash_next(&tally->peers, NULL))) {
		peal_hash_remove(&tally->peers, entry);
		free(peal_container(entry, struct peal_tally_peer, entry));
	}
	peal_hash_deinit(&tally->peers);
}

static struct peal_tally_peer *find(const struct peal_tally *tally, const char *uid)
{
	struct peal_hash_entry *entry = peal_hash_find(&tally->peers, uid, strlen(uid));
	return entry ? peal_container(entry, struct peal_tally_peer, entry) : NULL;
}

static int add(struct peal_tally *tally, const char *uid, const char *name,
	       struct peal_tally_peer **ret_peer)
{
	size_t uid_length = strlen(uid), name_length = strlen(name);
	/* As many as there are members, and as many again that are not announced yet. */
	if (tally->peers.count >= 2 * PEAL_LIMIT_CLUSTER_MEMBERS)
		return PEAL_TALLY_FULL;
	struct peal_tally_peer *peer = calloc(1, sizeof(*peer) + uid_length + name_length + 2);
	if (!peer)
		return -ENOMEM;
	memcpy(peer->uid, uid, uid_length);
	peer->name = peer->uid + uid_length + 1;
	memcpy(peer->name, name, name_length);
	peer->entry.key = peer->uid;
	peer->entry.key_length = (uint32_t)uid_length;
	if (peal_hash_insert(&tally->peers, &peer->entry) < 0) {
		free(peer);
		return -ENOMEM;
	}
	*ret_peer = peer;
	return 0;
}

/* One that answers without having been announced has no name but its uid. */
static int get(struct peal_tally *tally, const char *uid, struct peal_tally_peer **ret_peer)
{
	*ret_peer = find(tally, uid);
	return *ret_peer ? 0 : add(tally, uid, uid, ret_peer);
}

void peal_tally_published(struct peal_tally *tally, uint32_t receivers, bool own)
{
	tally->published = true;
	tally->unknown = receivers == UINT32_MAX;
	tally->receivers = tally->unknown ? 0 : receivers;
	tally->own = own;
}

int peal_tally_owe(struct peal_tally *tally, const char *uid, const char *name)
{
	struct peal_tally_peer *peer = find(tally, uid);
	if (!peer) {
		int r = add(tally, uid, name, &peer);
		if (r != 0)
			return r;
	}
	weigh(tally, peer, -1);
	peer->owes = true;
	weigh(tally, peer, 1);
	return 0;
}

void peal_tally_gone(struct peal_tally *tally, const char *uid)
{
	struct peal_tally_peer *peer = find(tally, uid);
	if (!peer || peer->gone)
		return;
	tally->disturbed |= !settled(peer);
	weigh(tally, peer, -1);
	peer->gone = true;
	weigh(tally, peer, 1);
}

/* --- answers -----------------------------------------------------------------------------------
 */

/* Did part @number come before? Parts come in order, but for what a network may do. */
static bool repeated(struct peal_tally_peer *peer, uint32_t number)
{
	if (!peer->parts || number > peer->highest) {
		uint32_t step = peer->parts ? number - peer->highest : 1;
		peer->seen = step < 64 ? peer->seen << step | 1 : 1;
		peer->highest = number;
		return false;
	}
	uint32_t back = peer->highest - number;
	if (back >= 64 || peer->seen & (uint64_t)1 << back)
		return true;
	peer->seen |= (uint64_t)1 << back;
	return false;
}

int peal_tally_part(struct peal_tally *tally, const char *uid, uint32_t number, bool last)
{
	struct peal_tally_peer *peer;
	int r = get(tally, uid, &peer);
	if (r != 0)
		return r;
	if (peer->finished || repeated(peer, number))
		return PEAL_TALLY_REPEATED;
	weigh(tally, peer, -1);
	peer->gone = false;
	peer->parts++;
	if (last) {
		peer->last_known = true;
		peer->last = number;
	}
	peer->finished = peer->last_known && peer->parts > peer->last;
	weigh(tally, peer, 1);
	return 0;
}

int peal_tally_count(struct peal_tally *tally, const char *uid, uint32_t clients)
{
	struct peal_tally_peer *peer;
	int r = get(tally, uid, &peer);
	if (r != 0)
		return r;
	if (peer->counted)
		return PEAL_TALLY_REPEATED;
	weigh(tally, peer, -1);
	peer->gone = false;
	peer->counted = true;
	peer->clients = clients;
	tally->named_clients += clients;
	weigh(tally, peer, 1);
	return 0;
}

void peal_tally_answers(struct peal_tally *tally, const char *uid, size_t count)
{
	struct peal_tally_peer *peer = find(tally, uid);
	if (!peer)
		return;
	weigh(tally, peer, -1);
	peer->answers += count;
	weigh(tally, peer, 1);
}

void peal_tally_unnamed(struct peal_tally *tally)
{
	tally->unnamed++;
}

void peal_tally_unnamed_count(struct peal_tally *tally, uint32_t clients)
{
	tally->unnamed++;
	tally->unnamed_clients += clients;
}

void peal_tally_unnamed_answers(struct peal_tally *tally, size_t count)
{
	tally->unnamed_answers += count;
}

/* --- how it stands -----------------------------------------------------------------------------
 */

/* Receivers that are neither this node nor @explained. */
static uint32_t left(const struct peal_tally *tally, uint64_t explained)
{
	explained += tally->own;
	return tally->receivers > explained ? (uint32_t)(tally->receivers - explained) : 0;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Unnamed answers that have to come. */
static uint32_t needed(const struct peal_tally *tally, const struct peal_tally_others *others)
{
	uint32_t named = tally->named_settled + tally->owing;
	return tally->unknown ? others->known : smaller(left(tally, named), others->known);
}

struct peal_tally_state peal_tally_look(const struct peal_tally *tally,
					const struct peal_tally_others *others)
{
	struct peal_tally_state state = {
		.clients = !tally->open_peers && tally->unnamed_answers >= tally->unnamed_clients,
	};
	state.all = state.clients && !tally->lost_peers;
	if (!tally->published)
		return state;
	uint64_t answered = (uint64_t)tally->named_settled + tally->unnamed;
	if (!tally->unknown && !left(tally, answered)) {
		state.servers = true;
		return state;
	}
	state.servers = !tally->owing && tally->unnamed >= needed(tally, others);
	state.others = state.servers && !tally->unknown &&
		       left(tally, tally->named_settled) > others->known + others->strays;
	return state;
}

uint32_t peal_tally_unnamed_missing(const struct peal_tally *tally,
				    const struct peal_tally_others *others)
{
	uint32_t need = tally->published ? needed(tally, others) : others->known;
	return need > tally->unnamed ? need - tally->unnamed : 0;
}

size_t peal_tally_missing(const struct peal_tally *tally, const char **names)
{
	size_t count = 0;
	uint64_t answered = (uint64_t)tally->named_settled + tally->unnamed;
	if (tally->published && !tally->unknown && !left(tally, answered))
		return 0;
	for (struct peal_hash_entry *entry = NULL;
	     (entry = peal_hash_next(&tally->peers, entry));) {
		struct peal_tally_peer *peer = peal_container(entry, struct peal_tally_peer, entry);
		if (peer->owes && !peer->gone && !settled(peer))
			names[count++] = peer->name;
	}
	return count;
}

/* --- learning ----------------------------------------------------------------------------------
 */

static void no_longer_short(struct peal_tally_others *others)
{
	others->short_rounds = 0;
	others->short_best = 0;
}

bool peal_tally_learn(const struct peal_tally *tally, struct peal_tally_others *others, bool waited,
		      bool reliable)
{
	bool given_up = false;
	if (tally->unnamed > others->known)
		others->known = tally->unnamed;
	/* As long as a named one owes, it may be among the receivers or not. */
	if (!tally->published || tally->unknown || tally->disturbed || tally->owing)
		return false;
	uint32_t there = left(tally, tally->named_settled);
	if (there < others->known) {
		others->known = there;
		no_longer_short(others);
	} else if (reliable && tally->unnamed < others->known) {
		if (tally->unnamed > others->short_best)
			others->short_best = tally->unnamed;
		if (++others->short_rounds >= PEAL_TALLY_SHORT_ROUNDS) {
			others->known = others->short_best;
			no_longer_short(others);
			given_up = waited = true;
		}
	} else if (reliable) {
		no_longer_short(others);
	}
	uint32_t silent = there - others->known;
	if (waited || silent < others->strays)
		others->strays = silent;
	return given_up;
}

void peal_tally_late(struct peal_tally_others *others)
{
	others->strays = 0;
	if (!others->known)
		others->known = 1;
}
