/*
 * A connection to a Redis that tests move by hand: it takes the place of connection.c for what is
 * tested. Commands wait until the server works on them, replies until they are delivered, so a test
 * decides what happens in between.
 */
#ifndef PEAL_TESTS_FAKE_REDIS_H
#define PEAL_TESTS_FAKE_REDIS_H

#include "adapters/redis/connection.h"

/* Connect; then lose the connection, with all that is under way. */
void fake_redis_connect(void);
void fake_redis_lose(const char *why);
/* The server works on so many commands, or on all (-1); the replies wait. */
void fake_redis_work(int commands);
/* So many replies arrive, or all (-1). */
void fake_redis_deliver(int replies);
/* Another client publishes. Return: how many copies are on their way. */
int fake_redis_publish(const char *channel, const char *payload);
/* Commands that name this are refused; NULL: none. */
void fake_redis_refuse(const char *name);
/* What was asked for since the last call, as "SUBSCRIBE a b; PSUBSCRIBE c"; static. */
const char *fake_redis_commands(void);
size_t fake_redis_subscriptions(void);
/* Are there commands or replies under way? */
bool fake_redis_is_busy(void);

#endif
