/*
 * Outages: what this node does while its adapter is not connected, and how it comes back.
 *
 * Local work goes on, and what others should hear waits in the adapter. When the connection is
 * back, the other nodes may still be on their way: so this node announces itself, and publishes
 * wait until the peal nodes of before have done so too and each namespace has as many receivers as
 * it had, but not for longer than PEAL_LIMIT_HELD_MS. The first connection waits for nobody.
 *
 * Everything here is timed by the real clock: an outage is no shorter for who stood still in it.
 */
#include <stdlib.h>
#include <string.h>

#include "cluster/cluster_private.h"

/* After the first connection the others have this long to answer before clients come. */
#define SETTLE_MS 200
/* Without any connection clients come after this: local work needs nobody. */
#define GIVE_UP_MS 5000
/* While publishes are held: look so often. */
#define LOOK_MS 100
#define COUNTS_PER_LOOK 20000
/* What had waited is written by then, and its ends are counted. */
#define SUM_MS 2000

static uint64_t now(const struct peal_cluster *cluster)
{
	return peal_loop_real_ms(cluster->options.loop);
}

static void look_in(struct peal_cluster *cluster, unsigned ms)
{
	/* Without memory the tick of each second does it. */
	if (peal_timer_arm(cluster->options.loop, &cluster->outage.look, ms) < 0)
		return;
}

/* --- going down ------------------------------------------------------------------------------- */

/* Note who is there, to know them again. */
static void expect(struct peal_cluster *cluster)
{
	struct peal_hash_entry *entry = NULL;
	while ((entry = peal_hash_next(&cluster->members, entry))) {
		struct peal_member *member = peal_container(entry, struct peal_member, entry);
		member->awaited |= !member->silent;
	}
	while ((entry = peal_hash_next(&cluster->spaces, entry))) {
		struct peal_space *space = peal_container(entry, struct peal_space, entry);
		/* A second outage within the first changes nothing about what there was. */
		if (space->others_before == UINT32_MAX)
			space->others_before = space->others;
		space->others = UINT32_MAX;
	}
}

static void go_down(struct peal_cluster *cluster, const char *detail)
{
	struct peal_outage *outage = &cluster->outage;
	outage->waiting = false;
	if (!outage->summing) {
		outage->before = *cluster->options.stats;
		outage->down_ms = now(cluster);
	}
	outage->summing = true;
	expect(cluster);
	peal_log(cluster->options.log, PEAL_LOG_WARNING,
		 "the connection to the other nodes is lost; local clients are served on",
		 PEAL_FIELD_TEXT("adapter", cluster->adapter->name),
		 PEAL_FIELD_TEXT("detail", detail));
}

/* --- coming back ------------------------------------------------------------------------------ */

static bool is_missed(const struct peal_space *space)
{
	return space->open && space->others_before != UINT32_MAX && space->others_before &&
	       (space->others == UINT32_MAX || space->others < space->others_before);
}

/* Return: whether somebody of before is not there yet. Asks for the counts that are too low. */
static bool somebody_misses(struct peal_cluster *cluster, bool ask)
{
	struct peal_hash_entry *entry = NULL;
	size_t asked = 0;
	bool misses = false;
	while (!misses && (entry = peal_hash_next(&cluster->members, entry)))
		misses = peal_container(entry, struct peal_member, entry)->awaited;
	entry = NULL;
	while ((ask ? asked < COUNTS_PER_LOOK : !misses) &&
	       (entry = peal_hash_next(&cluster->spaces, entry))) {
		struct peal_space *space = peal_container(entry, struct peal_space, entry);
		if (!is_missed(space))
			continue;
		misses = true;
		asked++;
		if (ask)
			cluster->adapter->ops->count(cluster->adapter, space->name);
	}
	return misses;
}

static void release(struct peal_cluster *cluster, bool in_full)
{
	struct peal_hash_entry *entry = NULL;
	cluster->outage.waiting = false;
	while ((entry = peal_hash_next(&cluster->members, entry)))
		peal_container(entry, struct peal_member, entry)->awaited = false;
	while ((entry = peal_hash_next(&cluster->spaces, entry)))
		peal_container(entry, struct peal_space, entry)->others_before = UINT32_MAX;
	if (cluster->outage.begun)
		peal_log(cluster->options.log, PEAL_LOG_INFO,
			 in_full ? "the other nodes are back"
				 : "not all of the other nodes are back; going on without them",
			 PEAL_FIELD_INT("held_ms", now(cluster) - cluster->outage.held_ms));
	cluster->adapter->ops->release(cluster->adapter);
}

/* Connected again, or for the first time. */
static void come_up(struct peal_cluster *cluster, bool held)
{
	struct peal_outage *outage = &cluster->outage;
	bool first = !outage->begun;
	outage->held_ms = now(cluster);
	peal_members_fresh(cluster);
	peal_announce_hello(cluster);
	peal_members_watch(cluster);
	peal_log(cluster->options.log, PEAL_LOG_INFO,
		 first ? "connected to the other nodes" : "connected to the other nodes again",
		 PEAL_FIELD_TEXT("adapter", cluster->adapter->name),
		 PEAL_FIELD_INT("after_ms",
				now(cluster) - (first ? outage->start_ms : outage->down_ms)));
	if (held && first)
		release(cluster, true);
	else
		outage->waiting = held;
	outage->begun = true;
	/* Who has come meanwhile is found out now and not in a second. */
	peal_interest_tick(cluster);
	look_in(cluster, first ? SETTLE_MS : LOOK_MS);
}

/* An outage has cost this much. */
static void sum_up(struct peal_cluster *cluster)
{
	struct peal_outage *outage = &cluster->outage;
	const struct peal_stats *stats = cluster->options.stats;
	outage->summing = false;
	peal_log(cluster->options.log, PEAL_LOG_WARNING, "the outage is over",
		 PEAL_FIELD_INT("down_ms", outage->held_ms - outage->down_ms),
		 PEAL_FIELD_INT("held_ms", outage->up_ms - outage->held_ms),
		 PEAL_FIELD_INT("published_late", stats->cluster_published_late -
							  outage->before.cluster_published_late),
		 PEAL_FIELD_INT("dropped", stats->cluster_dropped - outage->before.cluster_dropped),
		 PEAL_FIELD_INT("in_doubt",
				stats->cluster_in_doubt - outage->before.cluster_in_doubt),
		 PEAL_FIELD_INT("gap_ms", stats->cluster_gap_ms - outage->before.cluster_gap_ms));
}

static void look(struct peal_cluster *cluster, bool ask)
{
	struct peal_outage *outage = &cluster->outage;
	if (!outage->settled) {
		uint64_t since_ms = now(cluster) - outage->start_ms;
		if (outage->begun && now(cluster) - outage->held_ms >= SETTLE_MS)
			outage->settled = true;
		else if (since_ms >= GIVE_UP_MS)
			outage->settled = true;
		if (outage->settled && !outage->begun)
			peal_log(cluster->options.log, PEAL_LOG_WARNING,
				 "no connection to the other nodes yet; clients are served alone",
				 PEAL_FIELD_TEXT("adapter", cluster->adapter->name),
				 PEAL_FIELD_TEXT("detail", cluster->detail));
	}
	if (outage->waiting && cluster->state == PEAL_ADAPTER_HELD) {
		bool late = now(cluster) - outage->held_ms >= PEAL_LIMIT_HELD_MS;
		bool misses = somebody_misses(cluster, ask);
		if (!misses || late)
			release(cluster, !misses);
		else if (ask)
			look_in(cluster, LOOK_MS);
	}
	if (outage->summing && cluster->state == PEAL_ADAPTER_UP &&
	    now(cluster) - outage->up_ms >= SUM_MS)
		sum_up(cluster);
}

void peal_outage_look(struct peal_cluster *cluster)
{
	look(cluster, false);
}

static void look_again(struct peal_timer *timer)
{
	look(peal_container(timer, struct peal_cluster, outage.look), true);
}

/* --- what the adapter tells ------------------------------------------------------------------- */

void peal_outage_begin(struct peal_cluster *cluster)
{
	cluster->outage.start_ms = now(cluster);
	cluster->outage.look.fn = look_again;
	look_in(cluster, GIVE_UP_MS);
}

void peal_outage_state(struct peal_cluster *cluster, enum peal_adapter_state state,
		       const char *detail)
{
	enum peal_adapter_state before = cluster->state;
	free(cluster->detail);
	cluster->detail = strdup(peal_log_text(detail));
	cluster->state = state;
	cluster->options.stats->cluster_up = state == PEAL_ADAPTER_UP;
	if (cluster->leaving)
		return;
	if (state == PEAL_ADAPTER_DOWN && before != PEAL_ADAPTER_DOWN)
		go_down(cluster, detail);
	else if (state != PEAL_ADAPTER_DOWN && before == PEAL_ADAPTER_DOWN)
		come_up(cluster, state == PEAL_ADAPTER_HELD);
	if (state == PEAL_ADAPTER_UP && before != PEAL_ADAPTER_UP) {
		cluster->outage.waiting = false;
		cluster->outage.up_ms = now(cluster);
	}
}

void peal_outage_gap(struct peal_cluster *cluster, uint64_t from_ms, uint64_t to_ms)
{
	cluster->gap_from_ms = from_ms;
	cluster->gap_to_ms = to_ms;
	peal_log(cluster->options.log, PEAL_LOG_WARNING,
		 "this node may have missed messages of other nodes",
		 PEAL_FIELD_INT("from_ms", from_ms), PEAL_FIELD_INT("to_ms", to_ms),
		 PEAL_FIELD_INT("ms", to_ms - from_ms));
}

void peal_outage_close(struct peal_cluster *cluster)
{
	peal_timer_disarm(cluster->options.loop, &cluster->outage.look);
}
