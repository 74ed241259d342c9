/*
 * From the program's settings to an adapter.
 */
#include "redis_options.h"

#include <stdio.h>

#include "secret.h"

static const enum peal_interest interests[] = {
	PEAL_INTEREST_AUTO,
	PEAL_INTEREST_ROOMS,
	PEAL_INTEREST_PATTERN,
};

int peal_redis_settings_adapter(const struct peal_settings *s, struct peal_adapter **ret_adapter,
				struct peal_usage *usage)
{
	struct peal_redis_options options;
	char message[512] = "";
	char *password = NULL;
	int r = 0;

	peal_redis_options_init(&options);
	options.url = s->redis;
	options.prefix = s->redis_prefix;
	options.interest = interests[s->redis_interest];
	options.user = s->redis_user;
	options.password = s->redis_password;
	options.ca_file = s->redis_ca;
	options.cert_file = s->redis_cert;
	options.key_file = s->redis_key;
	if (s->redis_password_file) {
		r = peal_secret_read("--redis-password-file", s->redis_password_file, &password,
				     usage);
		options.password = password;
	}
	if (r == 0)
		r = peal_redis_adapter_new(&options, ret_adapter, message, sizeof(message));
	if (r > 0 && *message)
		r = peal_usage_set(usage, "--redis: %s", message);
	peal_secret_free(password);
	return r;
}
