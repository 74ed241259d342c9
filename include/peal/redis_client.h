/*
 * A connection to Redis that asks what it likes: for tools that look at a cluster from outside,
 * such as `peal doctor`. It speaks for nobody in the cluster and is no part of the way of a
 * broadcast.
 */
#ifndef PEAL_REDIS_CLIENT_H
#define PEAL_REDIS_CLIENT_H

#include <peal/log.h>
#include <peal/redis.h>

struct event_base;
struct peal_redis_client;

struct peal_redis_item {
	const char *text; /* NUL-terminated; NULL: a number, or nothing */
	size_t length;
	int64_t number;
};

/* An answer, flat: one item, or those of an array. It lives until the handler returns. */
struct peal_redis_answer {
	bool error; /* the first item is what Redis said, the second what to do about it */
	const struct peal_redis_item *items;
	size_t count;
};

struct peal_redis_client_handlers {
	/* Connected and logged in: commands may be given. */
	void (*ready)(struct peal_redis_client *client, void *userdata);
	/* To the commands, in their order; between them, what subscriptions bring. */
	void (*answer)(struct peal_redis_client *client, const struct peal_redis_answer *answer,
		       void *userdata);
	/* The connection could not be made or was lost; @why is a text for people, without
	 * secrets. Another attempt follows. */
	void (*lost)(struct peal_redis_client *client, const char *why, void *userdata);
};

/**
 * peal_redis_client_new() - connect, on a caller's loop
 * @options:    strings are copied
 * @subscriber: it will subscribe, and then do nothing else
 * @handlers:   run from the loop; none may free the client
 * @log:        receives log records; NULL: text lines on standard error
 * @message:    as for peal_redis_adapter_new()
 *
 * Return: 0; -ENOMEM; PEAL_REDIS_E_OPTION.
 */
PEAL_API PEAL_MUST_CHECK int peal_redis_client_new(
	struct event_base *base, const struct peal_redis_options *options, bool subscriber,
	const struct peal_redis_client_handlers *handlers, void *userdata, peal_log_fn *log,
	void *log_userdata, struct peal_redis_client **ret_client, char *message, size_t size);
/** peal_redis_client_command() - a command of @count words. Return: 0; -ENOMEM; -ENOTCONN. */
PEAL_API PEAL_MUST_CHECK int peal_redis_client_command(struct peal_redis_client *client,
						       size_t count, const char *const *words);
/** peal_redis_client_free() - disconnect; NULL is fine */
PEAL_API void peal_redis_client_free(struct peal_redis_client *client);

#endif
