/* The inside of a publisher, shared by publisher.c and publisher_queue.c (what waits: its limit and
 * its end). */
#ifndef PEAL_REDIS_PUBLISHER_PRIVATE_H
#define PEAL_REDIS_PUBLISHER_PRIVATE_H

#include "adapters/redis/publisher.h"
#include "base/list.h"

enum peal_publish_complaint { COMPLAINT_REFUSED, COMPLAINT_FULL };

enum peal_publish_kind { PUBLISH, COUNT };

struct peal_publish {
	struct peal_list link;
	struct peal_list among_volatile; /* while it waits, if it is volatile */
	enum peal_publish_kind kind;
	unsigned flags;
	uint64_t ticket;
	uint64_t number;	       /* of the barrier, that has to be reached before */
	uint64_t due_ms;	       /* drop it then; 0: never */
	bool late;		       /* it had to wait for a connection or the hold */
	size_t channel_length, length; /* length: of both */
	char *bytes;		       /* channel and payload; NULL once written */
	/* once it has ended */
	enum peal_sent how;
	uint32_t receivers;
};

struct peal_publisher {
	struct peal_publisher_options options;
	struct peal_publisher_handlers handlers;
	void *userdata;
	char *prefix;
	struct peal_redis_connection *connection;
	bool held, connected, dead;

	struct peal_list urgent, waiting, unanswered, ended;
	struct peal_list volatiles; /* those that wait, in order */
	size_t waiting_bytes;	    /* of both lists that wait */
	size_t waiting_count, unanswered_count;
	struct peal_task news, death;
	struct peal_timer expiry;
	uint64_t complained_ms[2]; /* when; by enum peal_publish_complaint */
};

uint64_t peal_publisher_now_ms(struct peal_publisher *publisher);
/* It has come to its end and is in no list any more. */
void peal_publisher_end(struct peal_publisher *publisher, struct peal_publish *item,
			enum peal_sent how, uint32_t receivers);

/* publisher_queue.c */
void peal_publisher_enqueue(struct peal_publisher *publisher, struct peal_publish *item);
void peal_publisher_dequeue(struct peal_publisher *publisher, struct peal_publish *item);
/* Whether @item may wait, behind what waits already; volatile ones that wait may go for it. */
bool peal_publisher_make_room(struct peal_publisher *publisher, const struct peal_publish *item);
/* One that may expire was put into the queue. */
void peal_publisher_watch_expiry(struct peal_publisher *publisher, uint64_t due_ms);
/* For the timer. */
void peal_publisher_on_expiry(struct peal_timer *timer);

#endif
