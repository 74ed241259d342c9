/*
 * What tests may do to a memory adapter: make it look like a process that was stopped, and count
 * what was sent.
 */
#ifndef PEAL_ADAPTERS_MEMORY_H
#define PEAL_ADAPTERS_MEMORY_H

#include <peal/adapter.h>

/* A frozen adapter is subscribed and counted as receiver, but gets and sends nothing until it is
 * let go: then all of it comes. */
void peal_memory_adapter_freeze(struct peal_adapter *adapter, bool frozen);
/* Messages that were sent on @hub until now, without announcements. */
uint64_t peal_memory_hub_sent(const struct peal_memory_hub *hub);

#endif
