/*
 * Questions for the number of subscribers, joined: however many namespaces are asked for in a turn,
 * it costs one command for each PEAL_REDIS_COUNTS of them.
 */
#ifndef PEAL_REDIS_COUNTS_H
#define PEAL_REDIS_COUNTS_H

#include "adapters/redis/publisher.h"
#include "base/buffer.h"
#include "loop/loop.h"

#define PEAL_REDIS_COUNTS 2048

struct peal_redis_counts {
	struct peal_loop *loop;
	struct peal_publisher *publisher;
	struct peal_buffer channels; /* names, each with its NUL */
	size_t count;
	struct peal_task task;
};

void peal_redis_counts_init(struct peal_redis_counts *counts, struct peal_loop *loop,
			    struct peal_publisher *publisher);
void peal_redis_counts_deinit(struct peal_redis_counts *counts);
/* How many hear the requests of a namespace? What cannot be asked for lack of memory is not
 * answered. */
void peal_redis_counts_ask(struct peal_redis_counts *counts, const char *prefix, const char *ns);

#endif
