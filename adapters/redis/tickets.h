/*
 * Messages of which the cluster layer wants to know what became: for which namespace each was, and
 * whether this node itself heard its requests at that time.
 */
#ifndef PEAL_REDIS_TICKETS_H
#define PEAL_REDIS_TICKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/list.h"

struct peal_redis_ticket {
	struct peal_hash_entry entry; /* by number */
	struct peal_list refused;     /* linked while it has to be told as dropped */
	uint64_t number;
	/* As the subscriber told it when the message was sent. */
	bool hears;
	uint64_t hears_changed_ms;
	char ns[];
};

struct peal_redis_tickets {
	struct peal_hash by_number;
	struct peal_list refused;
};

void peal_redis_tickets_init(struct peal_redis_tickets *tickets);
void peal_redis_tickets_deinit(struct peal_redis_tickets *tickets);
/* NULL without memory, or when the number is in use. */
struct peal_redis_ticket *peal_redis_ticket_new(struct peal_redis_tickets *tickets, uint64_t number,
						const char *ns);
struct peal_redis_ticket *peal_redis_ticket_find(const struct peal_redis_tickets *tickets,
						 uint64_t number);
void peal_redis_ticket_free(struct peal_redis_tickets *tickets, struct peal_redis_ticket *ticket);

#endif
