/* A connection of a test that hears all that is published on a Redis. */
#ifndef PEAL_TESTS_REDIS_EAR_H
#define PEAL_TESTS_REDIS_EAR_H

#include "adapters/redis/connection.h"
#include "tests/support/redis_server.h"

struct redis_ear {
	struct peal_redis_connection *connection;
	bool hears; /* set when Redis has said so; to be reset by hand before it connects again */
	void (*on_message)(const char *channel, const char *payload, size_t length);
};

/* Turns the loop until it hears. @world and @address outlive it. */
void redis_ear_start(struct redis_ear *ear, struct redis_world *world,
		     const struct peal_redis_address *address);
void redis_ear_stop(struct redis_ear *ear);

#endif
