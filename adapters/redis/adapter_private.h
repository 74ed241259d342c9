/* The inside of the Redis adapter, shared by adapter.c (messages, begin and end) and
 * adapter_state.c (where it stands with both connections). */
#ifndef PEAL_REDIS_ADAPTER_PRIVATE_H
#define PEAL_REDIS_ADAPTER_PRIVATE_H

#include "adapters/redis/codec.h"
#include "adapters/redis/counts.h"
#include "adapters/redis/publisher.h"
#include "adapters/redis/subscriber.h"
#include "adapters/redis/tickets.h"
#include "loop/barrier.h"

struct redis_adapter {
	struct peal_adapter adapter;
	struct peal_redis_address address;
	char *prefix;
	size_t queue_limit;

	/* From start() to stop(). */
	bool started;
	struct peal_adapter_host host;
	struct peal_publisher *publisher;
	struct peal_redis_counts counts;
	struct peal_subscriber *subscriber;
	struct peal_decoder *decoder;
	struct peal_buffer channel, payload;
	enum peal_adapter_state state;
	bool connected, subscribed;
	uint64_t gap_from_ms; /* by peal_loop_real_ms(); 0: there is none */
	uint64_t released_ms; /* requests are published since then */

	struct peal_barrier barrier; /* in step with the host's */
	struct peal_stats own_stats; /* the host's barrier counts already */
	struct peal_barrier_waiter waiter;

	struct peal_redis_tickets tickets;
	struct peal_task tell_refused;
	struct peal_task tell_up;
};

/* --- adapter_state.c ------------------------------------------------------------------------ */

void peal_redis_state_init(struct redis_adapter *redis);
void peal_redis_state_deinit(struct redis_adapter *redis);
/* For peal_adapter_ops. */
void peal_redis_release(struct redis_adapter *redis);
/* For the handlers of publisher and subscriber; the adapter is their userdata. */
void peal_redis_on_connected(bool yes, const char *why, void *userdata);
void peal_redis_on_subscribed(bool yes, const char *why, void *userdata);
uint64_t peal_redis_on_issue(void *userdata);
void peal_redis_on_reach(uint64_t number, void *userdata);
/* For struct peal_publisher_options. */
bool peal_redis_publish_reached(uint64_t number, void *userdata);
uint64_t peal_redis_publish_number(void *userdata);

#endif
