/*
 * From the program's settings to an adapter.
 */
#include "redis_options.h"

#include <string.h>

#include "secret.h"

static const enum peal_interest interests[] = {
	PEAL_INTEREST_AUTO,
	PEAL_INTEREST_ROOMS,
	PEAL_INTEREST_PATTERN,
};

/* The adapter's messages begin with the name of one of its options; here it is a setting's place.
 */
static int explain(const struct peal_settings *s, const char *message, struct peal_usage *usage)
{
	static const struct {
		const char *option;
		enum peal_option_id id;
	} names[] = {
		{ "url: ", PEAL_OPTION_ID_redis },
		{ "user: ", PEAL_OPTION_ID_redis_user },
		{ "ca_file: ", PEAL_OPTION_ID_redis_ca },
		{ "cert_file: ", PEAL_OPTION_ID_redis_cert },
		{ "key_file: ", PEAL_OPTION_ID_redis_key },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t length = strlen(names[i].option);

		if (!strncmp(message, names[i].option, length))
			return peal_usage_at(usage, s, names[i].id, "%s", message + length);
	}
	return peal_usage_about(usage, s, redis, "%s", message);
}

int peal_redis_settings_options(const struct peal_settings *s, struct peal_redis_options *options,
				char **ret_password, struct peal_usage *usage)
{
	char flag[64];
	int r = 0;

	peal_redis_options_init(options);
	options->url = s->redis;
	options->prefix = s->redis_prefix;
	options->interest = interests[s->redis_interest];
	options->user = s->redis_user;
	options->password = s->redis_password;
	options->ca_file = s->redis_ca;
	options->cert_file = s->redis_cert;
	options->key_file = s->redis_key;
	*ret_password = NULL;
	if (s->redis_password_file) {
		r = peal_secret_read(peal_settings_place(s, PEAL_OPTION_ID_redis_password_file,
							 flag, sizeof(flag)),
				     s->redis_password_file, ret_password, usage);
		options->password = *ret_password;
	}
	return r;
}

int peal_redis_settings_adapter(const struct peal_settings *s, struct peal_adapter **ret_adapter,
				struct peal_usage *usage)
{
	struct peal_redis_options options;
	char message[512] = "";
	char *password;
	int r = peal_redis_settings_options(s, &options, &password, usage);

	if (r == 0)
		r = peal_redis_adapter_new(&options, ret_adapter, message, sizeof(message));
	if (r > 0 && *message)
		r = explain(s, message, usage);
	peal_secret_free(password);
	return r;
}
