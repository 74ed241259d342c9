/*
 * The publishing side: a queue in order, one PUBLISH each, a reply each, and what became of each.
 *
 * A publish waits in the queue while there is no connection, while publishes are held, and until
 * the barrier has reached the numbers that were issued before it. It ends in exactly one of
 * enum peal_sent, and in one counter: delivered, delivered late (it had waited for a connection or
 * the hold), dropped, in doubt. Nothing is ever sent twice.
 */
#ifndef PEAL_REDIS_PUBLISHER_H
#define PEAL_REDIS_PUBLISHER_H

#include <peal/adapter.h>

#include "adapters/redis/connection.h"
#include "base/buffer.h"

struct peal_publisher;

struct peal_publisher_handlers {
	/* The end of a publish with a ticket; from the loop. @receivers is UINT32_MAX when unknown.
	 */
	void (*sent)(uint64_t ticket, enum peal_sent how, uint32_t receivers, void *userdata);
	void (*counted)(const char *channel, size_t length, uint32_t receivers, void *userdata);
	/* The connection stands or is lost; @why is for people. */
	void (*connected)(bool yes, const char *why, void *userdata);
};

struct peal_publisher_options {
	struct peal_loop *loop;
	const struct peal_redis_address *address;
	const char *client_name;
	const char *prefix; /* for explanations */
	size_t queue_limit;
	struct peal_stats *stats;
	const struct peal_log *log;
	/* Which number has to be reached for what is sent now (0: none), and is it? NULL: nothing
	 * waits. peal_publisher_look() is called when more is reached. */
	uint64_t (*number)(void *userdata);
	bool (*reached)(uint64_t number, void *userdata);
};

int peal_publisher_new(const struct peal_publisher_options *options,
		       const struct peal_publisher_handlers *handlers, void *userdata,
		       struct peal_publisher **ret_publisher) __attribute__((warn_unused_result));
void peal_publisher_start(struct peal_publisher *publisher);
/* What can be written at once is written; the rest ends as it must, without news. */
void peal_publisher_free(struct peal_publisher *publisher);

enum {
	PEAL_PUBLISH_URGENT = 1 << 0,	 /* neither hold nor barrier; before all that waits */
	PEAL_PUBLISH_VOLATILE = 1 << 1,	 /* dropped first when the queue is full */
	PEAL_PUBLISH_BROADCAST = 1 << 2, /* counts in the counters of broadcasts */
};
/* Copies. Return: 0; -ENOMEM: it is the caller's still, and not counted; -ENOBUFS: the queue is
 * full and the message dropped (counted; its ticket is not told). */
int peal_publisher_send(struct peal_publisher *publisher, const struct peal_buffer *channel,
			const struct peal_buffer *payload, unsigned flags, uint64_t ticket,
			unsigned expires_ms);
/* PUBSUB NUMSUB of up to a few thousand channels at once. Not sent without a connection. */
void peal_publisher_count(struct peal_publisher *publisher, const char *const *channels,
			  const size_t *lengths, size_t count);
/* Hold publishes that are not urgent, or let them go. Begins held. */
void peal_publisher_hold(struct peal_publisher *publisher, bool hold);
/* More of the barrier is reached. */
void peal_publisher_look(struct peal_publisher *publisher);
bool peal_publisher_connected(const struct peal_publisher *publisher);
size_t peal_publisher_waiting(const struct peal_publisher *publisher);

#endif
