#include "drain.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "clock.h"
#include "pace.h"

/* How often sessions are sent away; and how often it is looked whether the last ones have gone. */
#define TICK_MS 50

struct peal_drain {
	struct peal_node *node;
	struct peal_logging *logging;
	struct event *timer;
	peal_drain_fn *done;
	void *userdata;
	enum state {
		IDLE,	 /* nothing armed */
		PAUSING, /* timer armed: balancers notice */
		SENDING, /* timer armed: sessions are sent away */
		OVER,	 /* nothing armed, the owner was told */
	} state;
	struct peal_pace pace;
	uint64_t pause_end_ms, end_ms;
	size_t total;	 /* sessions that were there when the sending began */
	unsigned tenths; /* of them that have gone, as was logged last */
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void arm(struct peal_drain *drain)
{
	const struct timeval tick = { .tv_usec = TICK_MS * 1000 };

	/* Only memory can lack; then the owner closes now rather than never. */
	if (event_add(drain->timer, &tick) < 0) {
		drain->state = OVER;
		drain->done(drain->userdata);
	}
}

static void end(struct peal_drain *drain, size_t left)
{
	drain->state = OVER;
	event_del(drain->timer);
	peal_logging_say(drain->logging, left ? PEAL_LOG_WARNING : PEAL_LOG_INFO,
			 left ? "the time to drain is over" : "drained",
			 PEAL_LOGGING_NUMBER("sessions_left", left));
	drain->done(drain->userdata);
}

/* A line for each tenth that has gone, by whomever's will. */
static void say_progress(struct peal_drain *drain, size_t left)
{
	size_t gone = drain->total > left ? drain->total - left : 0;
	unsigned tenths = drain->total ? (unsigned)(10 * gone / drain->total) : 10;

	if (tenths <= drain->tenths || !drain->total)
		return;
	drain->tenths = tenths;
	peal_logging_say(drain->logging, PEAL_LOG_INFO, "draining",
			 PEAL_LOGGING_NUMBER("sessions_gone", gone),
			 PEAL_LOGGING_NUMBER("sessions_left", left));
}

static void send_away(struct peal_drain *drain, uint64_t now)
{
	size_t open = peal_node_drain_sessions(drain->node, 0);
	struct peal_stats stats;

	open = peal_node_drain_sessions(drain->node, peal_pace_due(&drain->pace, open, now));
	peal_node_stats(drain->node, &stats);
	say_progress(drain, stats.sessions);
	/* Who asked this node for acknowledgements is answered before it leaves the cluster, and so
	 * are the nodes that asked it. */
	if (now >= drain->end_ms || (!open && !stats.sessions && !stats.rounds &&
				     !stats.cluster_requests && !stats.cluster_answering))
		end(drain, stats.sessions);
	else
		arm(drain);
}

static void on_timer(evutil_socket_t fd, short events, void *userdata)
{
	struct peal_drain *drain = userdata;
	uint64_t now = peal_clock_ms();

	(void)fd, (void)events;
	if (drain->state == PAUSING && now < drain->pause_end_ms && now < drain->pace.end_ms) {
		arm(drain);
		return;
	}
	if (drain->state == PAUSING) {
		drain->state = SENDING;
		drain->total = peal_node_drain_sessions(drain->node, 0);
		peal_pace_init(&drain->pace, now, drain->pace.end_ms);
		peal_logging_say(drain->logging, PEAL_LOG_INFO, "sending the clients away",
				 PEAL_LOGGING_NUMBER("sessions", drain->total),
				 PEAL_LOGGING_NUMBER("seconds", peal_drain_left(drain)));
	}
	send_away(drain, now);
}

int peal_drain_new(struct event_base *base, struct peal_node *node, struct peal_logging *logging,
		   peal_drain_fn *done, void *userdata, struct peal_drain **ret_drain)
{
	struct peal_drain *drain = calloc(1, sizeof(*drain));

	if (!drain)
		return -ENOMEM;
	drain->node = node;
	drain->logging = logging;
	drain->done = done;
	drain->userdata = userdata;
	drain->timer = evtimer_new(base, on_timer, drain);
	if (!drain->timer) {
		free(drain);
		return -ENOMEM;
	}
	*ret_drain = drain;
	return 0;
}

void peal_drain_free(struct peal_drain *drain)
{
	if (!drain)
		return;
	event_free(drain->timer);
	free(drain);
}

void peal_drain_begin(struct peal_drain *drain, unsigned seconds)
{
	uint64_t now = peal_clock_ms(), time_ms = (uint64_t)seconds * 1000, pause_end;

	if (drain->state == OVER)
		return;
	peal_node_drain(drain->node);
	if (!seconds) {
		drain->state = OVER;
		event_del(drain->timer);
		drain->done(drain->userdata);
		return;
	}
	drain->end_ms = now + time_ms;
	drain->pace.end_ms = drain->end_ms - least(time_ms / 10, PEAL_DRAIN_TAIL_MS);
	pause_end = now + least(time_ms / 4, PEAL_DRAIN_PAUSE_MS);
	if (drain->state == IDLE || pause_end < drain->pause_end_ms)
		drain->pause_end_ms = pause_end;
	if (drain->state != IDLE)
		return;
	drain->state = PAUSING;
	arm(drain);
}

unsigned peal_drain_left(const struct peal_drain *drain)
{
	uint64_t now = peal_clock_ms();

	if (drain->state == IDLE || drain->state == OVER || now >= drain->end_ms)
		return 0;
	return (unsigned)((drain->end_ms - now + 999) / 1000);
}

bool peal_drain_over(const struct peal_drain *drain)
{
	return drain->state == OVER;
}
