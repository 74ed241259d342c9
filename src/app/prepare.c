/*
 * What is judged beyond the settings themselves before a node begins.
 */
#include "prepare.h"

#include <errno.h>
#include <string.h>

#include "client_files.h"
#include "redis_options.h"
#include "secret.h"

static int read_key(const struct peal_settings *settings, struct peal_prepared *prepared,
		    struct peal_usage *usage)
{
	char flag[64];
	int r;

	if (settings->api_key) {
		prepared->api_key = strdup(settings->api_key);
		return prepared->api_key ? 0 : -ENOMEM;
	}
	if (!settings->api_key_file)
		return 0;
	r = peal_secret_read(
		peal_settings_place(settings, PEAL_OPTION_ID_api_key_file, flag, sizeof(flag)),
		settings->api_key_file, &prepared->api_key, usage);
	if (r == 0 && !peal_option_is_key(prepared->api_key))
		r = peal_usage_about(
			usage, settings, api_key_file,
			"the key must be 1 to 1000 characters of ASCII, without blanks");
	return r;
}

int peal_prepare(const struct peal_settings *settings, struct peal_logging *logging,
		 struct peal_prepared *prepared, struct peal_usage *usage)
{
	int r;

	*prepared = (struct peal_prepared){ 0 };
	r = read_key(settings, prepared, usage);
	if (r == 0 && settings->client_dir && !peal_client_files_found(settings->client_dir))
		r = peal_usage_about(usage, settings, client_dir,
				     "there is no socket.io.min.js to read in \"%s\"",
				     settings->client_dir);
	if (r == 0)
		r = peal_access_new(settings, logging, &prepared->access, usage);
	if (r == 0)
		r = peal_forward_new(settings, logging, &prepared->forward, usage);
	if (r == 0)
		r = peal_webhooks_new(settings, logging, &prepared->webhooks, usage);
	if (r == 0 && settings->redis)
		r = peal_redis_settings_adapter(settings, &prepared->adapter, usage);
	if (r > 0)
		peal_usage_locate(usage, settings);
	return r;
}

void peal_prepared_deinit(struct peal_prepared *prepared)
{
	peal_secret_free(prepared->api_key);
	peal_adapter_free(prepared->adapter);
	peal_access_free(prepared->access);
	peal_forward_free(prepared->forward);
	peal_webhooks_free(prepared->webhooks);
	*prepared = (struct peal_prepared){ 0 };
}
