/*
 * From the program's settings to Redis, and to an adapter.
 */
#ifndef PEAL_APP_REDIS_OPTIONS_H
#define PEAL_APP_REDIS_OPTIONS_H

#include <peal/redis.h>

#include "options.h"

/* The options borrow from the settings and from the password, which is freed with
 * peal_secret_free() in any case. Return: as below. */
int peal_redis_settings_options(const struct peal_settings *settings,
				struct peal_redis_options *options, char **ret_password,
				struct peal_usage *usage) __attribute__((warn_unused_result));
/* Return: 0; -ENOMEM; PEAL_USAGE_WRONG. The settings name a Redis. */
int peal_redis_settings_adapter(const struct peal_settings *settings,
				struct peal_adapter **ret_adapter, struct peal_usage *usage)
	__attribute__((warn_unused_result));

#endif
