/*
 * The subscribing side: which channels and patterns this node hears, in which order they are asked
 * for, and what comes.
 *
 * Owns the table of namespaces with their rooms and modes of interest. The subscriptions of one
 * turn are joined into few commands, and share a number of the barrier. Leaving a room waits a
 * little, since rooms are often joined again. A change of mode makes the new subscriptions before
 * it breaks the old ones. After a reconnection everything is subscribed anew, requests last.
 *
 * Redis sends one copy for each subscription that matches, next to each other on the connection.
 * While two subscriptions can match one channel, a push that repeats the channel and the payload of
 * the push right before it through another subscription is dropped undecoded, and counted.
 */
#ifndef PEAL_REDIS_SUBSCRIBER_H
#define PEAL_REDIS_SUBSCRIBER_H

#include <peal/adapter.h>

#include "adapters/redis/codec.h"
#include "adapters/redis/connection.h"

struct peal_subscriber;

struct peal_subscriber_handlers {
	/* A message that is not a copy. Whether it is of this node or concerns nobody here is not
	 * looked at yet, except that one-room broadcasts to rooms without local members are dropped
	 * (and counted as useless). */
	void (*message)(const struct peal_channel *channel, const void *payload, size_t length,
			void *userdata);
	/* All channels of a namespace are in force, its requests included. */
	void (*opened)(const char *ns, void *userdata);
	/* Everything that was wanted when the connection stood is in force, or the connection is
	 * lost. @why is for people. */
	void (*subscribed)(bool yes, const char *why, void *userdata);
	uint64_t (*issue)(void *userdata);
	void (*reach)(uint64_t number, void *userdata);
};

int peal_subscriber_new(struct peal_loop *loop, const struct peal_redis_address *address,
			const char *client_name, const char *prefix, const char *uid,
			const struct peal_subscriber_handlers *handlers, void *userdata,
			struct peal_stats *stats, const struct peal_log *log,
			struct peal_subscriber **ret_subscriber)
	__attribute__((warn_unused_result));
void peal_subscriber_start(struct peal_subscriber *subscriber);
void peal_subscriber_free(struct peal_subscriber *subscriber);

/* As the functions of struct peal_adapter_ops. */
uint64_t peal_subscriber_open(struct peal_subscriber *subscriber, const char *ns);
void peal_subscriber_close(struct peal_subscriber *subscriber, const char *ns);
uint64_t peal_subscriber_join(struct peal_subscriber *subscriber, const char *ns, const char *room,
			      size_t length);
void peal_subscriber_leave(struct peal_subscriber *subscriber, const char *ns, const char *room,
			   size_t length);
void peal_subscriber_interest(struct peal_subscriber *subscriber, const char *ns,
			      enum peal_interest mode);
/* Hear the answers of a namespace that is not open, for @ms from now. Return: the number of the
 * barrier that covers it, or 0. */
uint64_t peal_subscriber_hear_answers(struct peal_subscriber *subscriber, const char *ns,
				      unsigned ms);
/* Requests to @ns reach this node now. */
bool peal_subscriber_hears_requests(const struct peal_subscriber *subscriber, const char *ns);
/* When that changed last, by peal_loop_real_ms(); 0: not since the namespace was opened. */
uint64_t peal_subscriber_hears_changed_ms(const struct peal_subscriber *subscriber, const char *ns);
/* Until when nothing was missed, by peal_loop_real_ms(); 0: never connected. */
uint64_t peal_subscriber_heard_ms(const struct peal_subscriber *subscriber);

#endif
