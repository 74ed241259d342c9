/*
 * The cluster of a node as a whole: its beginning and end, and the way of each message. What comes
 * from other nodes goes to the server (broadcasts and bulk operations, which nobody answers), to
 * the members half (announcements), or to the requests half (everything else). What the server
 * wants to tell others goes to the adapter.
 *
 * Owns the adapter: it is freed here, and no news come after that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/cluster_private.h"

/* --- from other nodes ------------------------------------------------------------------------- */

static void receive_broadcast(struct peal_cluster *cluster, struct peal_namespace *ns,
			      const struct peal_message *message)
{
	size_t selected = 0;
	int r = peal_peer_broadcast(ns, &message->target, message->event, message->event_length,
				    message->args, message->packet_id, &selected);
	/* One that cannot be built here selected somebody all the same. */
	if (r == 0 && !selected)
		cluster->options.stats->cluster_messages_useless++;
}

static void receive_bulk(struct peal_cluster *cluster, struct peal_namespace *ns,
			 const struct peal_message *message)
{
	size_t selected = 0;
	uint64_t number = 0;
	int r = 0;
	if (message->type == PEAL_MESSAGE_JOIN)
		r = peal_peer_join(ns, &message->target, message->rooms, &selected, &number);
	else if (message->type == PEAL_MESSAGE_LEAVE)
		r = peal_peer_leave(ns, &message->target, message->rooms, &selected);
	else
		r = peal_peer_disconnect(ns, &message->target, message->close, &selected);
	if (r == 0 && !selected)
		cluster->options.stats->cluster_messages_useless++;
	/* Of the old form only the node that has the socket answers. And what could not be done is
	 * not confirmed: who asked finds out by its deadline. */
	if (*message->request_id && r == 0 && (selected || !message->old))
		peal_requests_confirm(cluster, message, number);
}

static void on_message(const struct peal_message *message, void *context)
{
	struct peal_cluster *cluster = context;
	if (message->type == PEAL_MESSAGE_ANNOUNCE) {
		peal_announce_receive(cluster, message);
		return;
	}
	peal_interest_heard(cluster, message);
	switch (message->type) {
	case PEAL_MESSAGE_BROADCAST:
	case PEAL_MESSAGE_JOIN:
	case PEAL_MESSAGE_LEAVE:
	case PEAL_MESSAGE_DISCONNECT:
		break;
	default:
		peal_requests_receive(cluster, message);
		return;
	}
	struct peal_namespace *ns = peal_server_namespace(cluster->options.server, message->ns);
	if (!ns) {
		/* It is gone here and its channels are left soon: others still count on an answer.
		 */
		cluster->options.stats->cluster_messages_useless++;
		if (*message->request_id && !message->old)
			peal_requests_confirm(cluster, message, 0);
		return;
	}
	if (message->type == PEAL_MESSAGE_BROADCAST)
		receive_broadcast(cluster, ns, message);
	else
		receive_bulk(cluster, ns, message);
}

static void on_sent(uint64_t ticket, enum peal_sent how, uint32_t receivers, bool own,
		    void *context)
{
	peal_requests_sent(context, ticket, how, receivers, own);
}

static void on_receivers(const char *ns, uint32_t receivers, bool own, void *context)
{
	peal_interest_counted(context, ns, receivers, own);
}

static void on_state(enum peal_adapter_state state, const char *detail, void *context)
{
	struct peal_cluster *cluster = context;
	peal_outage_state(cluster, state, detail);
	/* Nobody can wait for a confirmation that does not come. */
	if (state == PEAL_ADAPTER_DOWN)
		peal_barrier_let_go(cluster->options.barrier);
}

static void on_echo(void *context)
{
	struct peal_cluster *cluster = context;
	cluster->echoed = true;
	cluster->echo_ms = peal_loop_real_ms(cluster->options.loop);
}

static void on_gap(uint64_t from_ms, uint64_t to_ms, void *context)
{
	peal_outage_gap(context, from_ms, to_ms);
}

static void on_opened(const char *ns, void *context)
{
	struct peal_cluster *cluster = context;
	struct peal_space *space = peal_space_find(cluster, ns);
	if (!space || !space->open)
		return;
	space->in_force = true;
	peal_announce_changed(cluster, space);
}

static uint64_t on_issue(void *context)
{
	struct peal_cluster *cluster = context;
	return peal_barrier_issue(cluster->options.barrier);
}

static void on_reach(uint64_t number, void *context)
{
	struct peal_cluster *cluster = context;
	peal_barrier_reach(cluster->options.barrier, number);
}

static const struct peal_adapter_news news = {
	.version = PEAL_ADAPTER_VERSION,
	.message = on_message,
	.sent = on_sent,
	.receivers = on_receivers,
	.state = on_state,
	.echo = on_echo,
	.gap = on_gap,
	.opened = on_opened,
	.issue = on_issue,
	.reach = on_reach,
};

/* --- to other nodes --------------------------------------------------------------------------- */

/* A broadcast that the adapter did not take reaches nobody else. */
static void send_broadcast(struct peal_cluster *cluster, const struct peal_message *message)
{
	if (cluster->adapter->ops->send(cluster->adapter, message, 0, 0) != 0)
		cluster->options.stats->cluster_dropped++;
}

static void remote_broadcast(struct peal_namespace *ns, const struct peal_target *target,
			     const char *event, size_t event_length, const struct peal_args *args,
			     void *context)
{
	struct peal_cluster *cluster = context;
	const char *name = peal_namespace_name(ns);
	struct peal_space *space = peal_space_of(cluster, ns);
	peal_buffer_clear(&cluster->scratch);
	peal_buffer_append(&cluster->scratch, event, event_length);
	peal_buffer_append_char(&cluster->scratch, '\0');
	if (peal_buffer_error(&cluster->scratch)) {
		cluster->options.stats->cluster_dropped++;
		return;
	}
	const struct peal_message message = {
		.type = PEAL_MESSAGE_BROADCAST,
		.ns = name,
		.uid = cluster->options.uid,
		.request_id = "",
		.to = "",
		.target = *target,
		.event = cluster->scratch.bytes,
		.event_length = event_length,
		.args = args,
		.packet_id = UINT64_MAX,
		.wide = space && peal_interest_is_wide(cluster, space, target),
		.text = "",
	};
	send_broadcast(cluster, &message);
}

/* Joins, leaves and disconnects that nobody confirms. */
static void send_bulk(struct peal_cluster *cluster, enum peal_message_type type,
		      struct peal_namespace *ns, const struct peal_target *target,
		      struct peal_rooms rooms, bool close)
{
	const struct peal_message message = {
		.type = type,
		.ns = peal_namespace_name(ns),
		.uid = cluster->options.uid,
		.request_id = "",
		.to = "",
		.target = *target,
		.rooms = rooms,
		.event = "",
		.packet_id = UINT64_MAX,
		.close = close,
		.text = "",
	};
	int r = cluster->adapter->ops->send(cluster->adapter, &message, 0, 0);
	if (r != 0)
		peal_log(cluster->options.log, PEAL_LOG_WARNING,
			 "a bulk operation could not be sent to the other nodes",
			 PEAL_FIELD_TEXT("namespace", message.ns), PEAL_FIELD_INT("error", r));
}

static void remote_join(struct peal_namespace *ns, const struct peal_target *target,
			struct peal_rooms rooms, void *context)
{
	struct peal_cluster *cluster = context;
	/* A stand-in has a space from here on: the emits behind the join have to know of it. */
	struct peal_space *space = peal_space_get(cluster, peal_namespace_name(ns));
	if (space)
		peal_interest_joined_remotely(cluster, space, rooms);
	send_bulk(cluster, PEAL_MESSAGE_JOIN, ns, target, rooms, false);
}

static void remote_leave(struct peal_namespace *ns, const struct peal_target *target,
			 struct peal_rooms rooms, void *context)
{
	send_bulk(context, PEAL_MESSAGE_LEAVE, ns, target, rooms, false);
}

static void remote_disconnect(struct peal_namespace *ns, const struct peal_target *target,
			      bool close, void *context)
{
	send_bulk(context, PEAL_MESSAGE_DISCONNECT, ns, target, (struct peal_rooms){ 0 }, close);
}

/* --- beginning and end ------------------------------------------------------------------------ */

/* Once a second. */
static void tick(struct peal_timer *timer)
{
	struct peal_cluster *cluster = peal_container(timer, struct peal_cluster, tick);
	/* Its place in the heap of timers has just become free, so this does not fail. */
	if (peal_timer_arm(cluster->options.loop, timer, 1000) < 0)
		peal_log(cluster->options.log, PEAL_LOG_ERROR, "no memory for the cluster's timer");
	peal_members_watch(cluster);
	peal_spaces_tick(cluster);
	if (cluster->state != PEAL_ADAPTER_DOWN && !cluster->leaving)
		peal_announce_digest(cluster);
	peal_interest_tick(cluster);
	peal_outage_look(cluster);
}

static int begin(struct peal_cluster *cluster)
{
	const struct peal_adapter_ops *ops = cluster->adapter->ops;
	cluster->remote = (struct peal_remote){
		.broadcast = remote_broadcast,
		.join = remote_join,
		.leave = remote_leave,
		.disconnect = remote_disconnect,
		.context = cluster,
	};
	peal_spaces_fill(&cluster->remote);
	peal_requests_fill(&cluster->remote);
	cluster->host = (struct peal_adapter_host){
		.news = &news,
		.context = cluster,
		.base = peal_loop_base(cluster->options.loop),
		.loop = cluster->options.loop,
		.stats = cluster->options.stats,
		.log = cluster->options.log,
		.uid = cluster->options.uid,
		.node_name = cluster->options.node_name,
	};
	cluster->tick.fn = tick;
	int r = peal_timer_arm(cluster->options.loop, &cluster->tick, 1000);
	if (r == 0)
		r = ops->start(cluster->adapter, &cluster->host);
	if (r < 0)
		return r;
	cluster->started = true;
	peal_outage_begin(cluster);
	peal_server_set_remote(cluster->options.server, &cluster->remote);
	peal_spaces_begin(cluster);
	return 0;
}

int peal_cluster_new(const struct peal_cluster_options *options, struct peal_cluster **ret_cluster)
{
	/* The table of another version is not called at all: nobody knows what is in it. */
	if (options->adapter && options->adapter->ops->version != PEAL_ADAPTER_VERSION) {
		peal_log(options->log, PEAL_LOG_ERROR, "the adapter is made for another version",
			 PEAL_FIELD_TEXT("adapter", options->adapter->name),
			 PEAL_FIELD_INT("version", options->adapter->ops->version),
			 PEAL_FIELD_INT("wanted", PEAL_ADAPTER_VERSION));
		return -EPROTO;
	}
	struct peal_cluster *cluster = calloc(1, sizeof(*cluster));
	if (!cluster) {
		peal_adapter_free(options->adapter);
		return -ENOMEM;
	}
	cluster->options = *options;
	cluster->adapter = options->adapter;
	cluster->state = cluster->adapter ? PEAL_ADAPTER_DOWN : PEAL_ADAPTER_UP;
	cluster->scratch = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES);
	cluster->standstills = options->stats->standstills;
	peal_hash_init(&cluster->spaces);
	peal_hash_init(&cluster->members);
	peal_announce_init(cluster);
	options->stats->cluster_up = !cluster->adapter;
	int r = peal_requests_init(cluster);
	if (r == 0 && cluster->adapter)
		r = begin(cluster);
	if (r < 0) {
		peal_cluster_free(cluster);
		return r;
	}
	*ret_cluster = cluster;
	return 0;
}

void peal_cluster_renamed(struct peal_cluster *cluster)
{
	if (cluster->state == PEAL_ADAPTER_DOWN || !cluster->adapter || cluster->leaving)
		return;
	cluster->announcing.generation++;
	peal_announce_full(cluster);
}

void peal_cluster_leave(struct peal_cluster *cluster)
{
	if (cluster->leaving)
		return;
	cluster->leaving = true;
	if (!cluster->adapter)
		return;
	peal_answers_goodbye(cluster);
	/* First the word and then the channels: nobody waits for an answer that cannot come. */
	if (cluster->state != PEAL_ADAPTER_DOWN)
		peal_announce_goodbye(cluster);
	peal_spaces_leave(cluster);
}

bool peal_cluster_settled(const struct peal_cluster *cluster)
{
	return !cluster->adapter || cluster->outage.settled;
}

void peal_cluster_free(struct peal_cluster *cluster)
{
	if (!cluster)
		return;
	struct peal_loop *loop = cluster->options.loop;
	peal_requests_close(cluster);
	if (cluster->started) {
		peal_server_set_remote(cluster->options.server, NULL);
		cluster->adapter->ops->stop(cluster->adapter);
	}
	peal_timer_disarm(loop, &cluster->tick);
	peal_outage_close(cluster);
	peal_announce_close(cluster);
	peal_members_close(cluster);
	peal_spaces_close(cluster);
	if (cluster->adapter)
		cluster->adapter->ops->free(cluster->adapter);
	peal_hash_deinit(&cluster->members);
	peal_hash_deinit(&cluster->spaces);
	peal_buffer_deinit(&cluster->scratch);
	cluster->options.stats->cluster_up = 0;
	free(cluster->detail);
	free(cluster);
}
