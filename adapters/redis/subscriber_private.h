/*
 * The inside of the subscriber. Three layers, from the wire to the meaning:
 *
 *   subscription  a channel or pattern at Redis, and whether Redis has it (subscriber_commands.c)
 *   use           what a subscription is for: a role in a namespace. Nearly always one, but a
 *                 namespace may hold '#', and then one channel can be two things
 *   space         a namespace that is served, or whose answers are heard (subscriber_spaces.c)
 *
 * What is wanted follows from spaces and uses alone (peal_use_wanted()). Whoever changes something
 * marks the subscriptions concerned; the end of the turn compares what is wanted with what was sent
 * and sends the difference. subscriber_push.c handles what comes in.
 */
#ifndef PEAL_REDIS_SUBSCRIBER_PRIVATE_H
#define PEAL_REDIS_SUBSCRIBER_PRIVATE_H

#include "adapters/redis/subscriber.h"
#include "base/buffer.h"
#include "base/hash.h"
#include "base/limits.h"

enum peal_use_kind {
	/* The order in which they are left: requests first. */
	PEAL_USE_REQUEST,
	PEAL_USE_WIDE, /* pattern: all broadcasts of the namespace */
	PEAL_USE_ALL,  /* channel: broadcasts to everybody, or to several rooms */
	PEAL_USE_OWN,  /* pattern: rooms that begin with the own uid, as socket ids do */
	PEAL_USE_RESPONSE,
	PEAL_USE_RESPONSE_OWN,
	PEAL_SPACE_USES,
	PEAL_USE_ROOM = PEAL_SPACE_USES, /* channel: broadcasts to one room */
	PEAL_USE_PEAL,			 /* announcements; of no space */
};

struct peal_redis_subscription {
	struct peal_hash_entry entry; /* by name, among the channels or the patterns */
	struct peal_list uses;	      /* one at least, or it is going */
	/* In the list of those to look at, to leave, or to try again. */
	struct peal_list link;
	uint64_t group;	  /* the last group of pushes that came through it */
	uint32_t pending; /* commands about it that have no reply yet */
	bool sent;	  /* the last command was to subscribe */
	bool alone;	  /* was refused together with others: is asked for by itself */
	bool pattern;
	enum peal_use_kind kind; /* of the first use */
	char name[];
};

struct peal_redis_space;

struct peal_redis_use {
	struct peal_list link;	   /* among the uses of the subscription */
	struct peal_list in_space; /* rooms only */
	struct peal_redis_subscription *subscription;
	struct peal_redis_space *space;
	enum peal_use_kind kind;
	bool awaited;		     /* counted in space->awaited */
	bool joined;		     /* rooms: there are local members */
	struct peal_deadline linger; /* rooms: the last member has left a moment ago */
};

struct peal_redis_space {
	struct peal_hash_entry entry;
	struct peal_subscriber *subscriber;
	struct peal_redis_use uses[PEAL_SPACE_USES];
	struct peal_list rooms;
	enum peal_interest mode;
	bool open;    /* served */
	bool leased;  /* its answers are heard until the timer fires */
	bool serving; /* broadcasts and answers are in force: requests may come */
	bool blind;   /* no memory for a room, or no right: everything is heard */
	bool missing; /* counted in subscriber->missing */
	/* Uses that have to be confirmed before requests may come, and before the subscriptions of
	 * the other mode of interest are left. */
	size_t awaited;
	uint64_t group;		   /* the last group of pushes that was looked at */
	uint64_t hears_changed_ms; /* when requests began to reach this node, or ceased to */
	struct peal_timer lease;
	struct peal_list opened; /* linked while that has to be told */
	size_t name_length;
	char name[];
};

/* A command that waits for its replies: one for each name, or one error for all. */
struct peal_redis_asked {
	struct peal_list link;
	uint64_t number; /* of the barrier, reached with the last reply; or 0 */
	bool subscribe, pattern;
	size_t count, next;
	struct peal_redis_subscription *subscriptions[];
};

struct peal_subscriber {
	struct peal_loop *loop;
	const struct peal_redis_address *address;
	struct peal_redis_connection *connection;
	struct peal_subscriber_handlers handlers;
	void *userdata;
	struct peal_stats *stats;
	const struct peal_log *log;
	char *prefix;
	char uid[PEAL_UID_LENGTH + 1];

	struct peal_hash channels, patterns; /* struct peal_redis_subscription */
	uint64_t changes;		     /* of those and their uses */
	struct peal_hash spaces;
	struct peal_redis_use peal_use;
	struct peal_deadlines lingering;
	size_t lingering_count;

	struct peal_flusher flusher;
	struct peal_list dirty, leaving, failed; /* struct peal_redis_subscription */
	struct peal_list asked;			 /* struct peal_redis_asked, in order */
	struct peal_deadlines retries;		 /* one deadline: needs no memory to be armed */
	struct peal_deadline retry;
	uint64_t batch; /* the number of what is not sent yet; 0: nobody asked for one */
	uint64_t refusal_logged_ms;
	bool full_logged; /* that no other namespace fits */

	bool connected, subscribed;
	bool tell_subscribed, peal_missing;
	size_t missing; /* spaces, and the channel of announcements, until all is in force */
	struct peal_list opened;
	struct peal_task tell;

	/* Copies: the last push, while subscriptions overlap. */
	size_t wide_live, narrow_live; /* subscriptions through which pushes may come */
	uint64_t group;
	bool group_valid;
	struct peal_buffer last_channel, last_payload;
};

/* --- subscriber.c: what is told, and the connection --- */

/* A number that covers what was asked for until now; 0 without a connection. */
uint64_t peal_subscriber_cover(struct peal_subscriber *subscriber);
/* Requests reach this node, and everything else does. */
void peal_subscriber_served(struct peal_redis_space *space);
void peal_subscriber_found(struct peal_subscriber *subscriber, bool *missing);

/* --- subscriber_spaces.c --- */

bool peal_use_wanted(const struct peal_redis_use *use);
struct peal_redis_space *peal_redis_space_find(const struct peal_subscriber *subscriber,
					       const char *ns);
/* Find out anew what has to be confirmed, and have the differences sent. */
void peal_redis_space_await(struct peal_redis_space *space);
void peal_redis_use_confirmed(struct peal_redis_use *use);
void peal_redis_use_refused(struct peal_redis_use *use);
void peal_redis_space_free(struct peal_redis_space *space);
void peal_redis_linger_expired(struct peal_deadlines *deadlines, struct peal_deadline *deadline);
/* Rooms that nobody is in are forgotten at once. */
void peal_redis_space_stop_lingering(struct peal_redis_space *space);
bool peal_redis_room_is_own(const struct peal_subscriber *subscriber, const char *room,
			    size_t length);
/* Has this node members of the room that @channel is for? */
bool peal_redis_room_is_here(const struct peal_redis_space *space,
			     const struct peal_channel *parsed, const char *channel, size_t length);

/* --- subscriber_commands.c --- */

/* What was refused, or could not be sent, is tried again after this. */
#define PEAL_REDIS_RETRY_MS 1000

/* Put @use onto the subscription of that name, which is made if need be. Return: 0; -ENOMEM. */
int peal_redis_use_attach(struct peal_subscriber *subscriber, struct peal_redis_use *use,
			  bool pattern, const struct peal_buffer *name)
	__attribute__((warn_unused_result));
void peal_redis_use_detach(struct peal_subscriber *subscriber, struct peal_redis_use *use);
/* Have it looked at when the turn ends. */
void peal_subscription_mark(struct peal_subscriber *subscriber,
			    struct peal_redis_subscription *subscription);
static inline bool peal_subscription_in_force(const struct peal_redis_subscription *subscription)
{
	return subscription->sent && !subscription->pending;
}
bool peal_subscriber_flush(struct peal_flusher *flusher);
void peal_subscriber_retry(struct peal_deadlines *deadlines, struct peal_deadline *deadline);
/* One name of the oldest command is confirmed. */
void peal_subscriber_confirm(struct peal_subscriber *subscriber, bool subscribe, bool pattern);
/* The oldest command was refused. */
void peal_subscriber_refused(struct peal_subscriber *subscriber, const char *error);
/* The connection is lost: nothing is subscribed, nothing is asked for. */
void peal_subscriber_forget_all(struct peal_subscriber *subscriber);
void peal_subscriber_mark_all(struct peal_subscriber *subscriber);

/* --- subscriber_push.c --- */

void peal_subscriber_push(struct peal_subscriber *subscriber, bool pattern,
			  const struct peal_redis_value *name,
			  const struct peal_redis_value *channel,
			  const struct peal_redis_value *payload);
/* Something else came between two pushes: they are not copies of each other. */
void peal_subscriber_end_group(struct peal_subscriber *subscriber);

#endif
