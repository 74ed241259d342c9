/* The table of messages whose end has to be told; a ticket is in it from the sending to that end.
 */
#include "adapters/redis/tickets.h"

#include <stdlib.h>
#include <string.h>

void peal_redis_tickets_init(struct peal_redis_tickets *tickets)
{
	peal_hash_init(&tickets->by_number);
	peal_list_init(&tickets->refused);
}

void peal_redis_tickets_deinit(struct peal_redis_tickets *tickets)
{
	struct peal_hash_entry *entry;
	while ((entry = peal_hash_next(&tickets->by_number, NULL)))
		peal_redis_ticket_free(tickets,
				       peal_container(entry, struct peal_redis_ticket, entry));
	peal_hash_deinit(&tickets->by_number);
}

struct peal_redis_ticket *peal_redis_ticket_new(struct peal_redis_tickets *tickets, uint64_t number,
						const char *ns)
{
	size_t length = strlen(ns);
	if (peal_redis_ticket_find(tickets, number))
		return NULL;
	struct peal_redis_ticket *ticket = calloc(1, sizeof(*ticket) + length + 1);
	if (!ticket)
		return NULL;
	memcpy(ticket->ns, ns, length);
	ticket->number = number;
	ticket->entry.key = (const char *)&ticket->number;
	ticket->entry.key_length = sizeof(ticket->number);
	if (peal_hash_insert(&tickets->by_number, &ticket->entry)) {
		free(ticket);
		return NULL;
	}
	return ticket;
}

struct peal_redis_ticket *peal_redis_ticket_find(const struct peal_redis_tickets *tickets,
						 uint64_t number)
{
	struct peal_hash_entry *entry =
		peal_hash_find(&tickets->by_number, (const char *)&number, sizeof(number));
	return entry ? peal_container(entry, struct peal_redis_ticket, entry) : NULL;
}

void peal_redis_ticket_free(struct peal_redis_tickets *tickets, struct peal_redis_ticket *ticket)
{
	peal_hash_remove(&tickets->by_number, &ticket->entry);
	peal_list_unlink(&ticket->refused);
	free(ticket);
}
