/*
 * Host names to addresses without stopping the loop.
 *
 * Numeric addresses and "localhost" are answered at once. Other names are looked up by
 * getaddrinfo() in a thread of its own that lives as long as the lookup: it knows everything the
 * system knows
 * (/etc/hosts, name service modules, the resolver's settings), which libevent's evdns does not, and
 * a lookup is needed once per connection. The thread and the loop share one small object; whoever
 * needs it last frees it, so that a lookup that hangs can be walked away from.
 */
#ifndef PEAL_REDIS_CONNECTION_RESOLVE_H
#define PEAL_REDIS_CONNECTION_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "loop/loop.h"

#define PEAL_REDIS_ADDRESSES 8

struct peal_redis_addresses {
	struct sockaddr_storage list[PEAL_REDIS_ADDRESSES];
	socklen_t lengths[PEAL_REDIS_ADDRESSES];
	unsigned count;
};

/* Whether @host needs no lookup; then *ret_addresses is filled. */
bool peal_redis_resolve_now(const char *host, uint16_t port,
			    struct peal_redis_addresses *ret_addresses);

struct peal_redis_lookup;

/* From the loop, once; the lookup is then freed by its owner. @error is a text, NULL when there is
 * at least one address. */
typedef void peal_redis_lookup_fn(const struct peal_redis_addresses *addresses, const char *error,
				  void *userdata);

/* Return: 0; -errno. */
int peal_redis_lookup_new(struct peal_loop *loop, const char *host, uint16_t port,
			  peal_redis_lookup_fn *fn, void *userdata,
			  struct peal_redis_lookup **ret_lookup)
	__attribute__((warn_unused_result));
/* Also while it is under way; fn is not called any more. */
void peal_redis_lookup_free(struct peal_redis_lookup *lookup);

#endif
