/*
 * What the settings say about webhooks.
 */
#include "webhook_settings.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../access/space.h"
#include "../secret.h"

/* --- where to -------------------------------------------------------------------------------- */

static bool has_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool found = curl_url_get(url, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return found;
}

static bool is_scheme(CURLU *url, const char *name)
{
	char *text = NULL;
	bool same =
		curl_url_get(url, CURLUPART_SCHEME, &text, 0) == CURLUE_OK && !strcmp(text, name);

	curl_free(text);
	return same;
}

static int check_url(const struct peal_settings *settings, struct peal_usage *usage)
{
	CURLU *url = curl_url();
	bool http;
	int r = 0;

	if (!url)
		return -ENOMEM;
	if (curl_url_set(url, CURLUPART_URL, settings->webhook_url, CURLU_NON_SUPPORT_SCHEME))
		r = peal_usage_about(usage, settings, webhook_url, "\"%s\" is not a URL",
				     settings->webhook_url);
	http = r == 0 && is_scheme(url, "http");
	if (r == 0 && !http && !is_scheme(url, "https"))
		r = peal_usage_about(usage, settings, webhook_url,
				     "\"%s\" does not begin with http:// or https://",
				     settings->webhook_url);
	/* The URL is shown and logged. */
	else if (r == 0 && (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD)))
		r = peal_usage_about(usage, settings, webhook_url,
				     "must have no user and no password in it: requests are "
				     "signed instead");
	else if (r == 0 && has_part(url, CURLUPART_FRAGMENT))
		r = peal_usage_about(usage, settings, webhook_url, "must have no # in it");
	else if (r == 0 && http && settings->webhook_ca)
		r = peal_usage_about(usage, settings, webhook_ca,
				     "does nothing with a --webhook-url of http://");
	curl_url_cleanup(url);
	return r;
}

/* libcurl reads the file for each connection, and would refuse each request. */
static int check_ca(const struct peal_settings *settings, struct peal_usage *usage)
{
	X509_STORE *store;
	int r = 0;

	if (access(settings->webhook_ca, R_OK) < 0)
		return peal_usage_about(usage, settings, webhook_ca, "cannot read \"%s\": %s",
					settings->webhook_ca, strerror(errno));
	store = X509_STORE_new();
	if (!store)
		return -ENOMEM;
	ERR_clear_error();
	if (X509_STORE_load_file(store, settings->webhook_ca) != 1)
		r = peal_usage_about(usage, settings, webhook_ca,
				     "there is no certificate in PEM in \"%s\"",
				     settings->webhook_ca);
	ERR_clear_error();
	X509_STORE_free(store);
	return r;
}

static int copy(const char *text, char **ret_copy)
{
	*ret_copy = text ? strdup(text) : NULL;
	return text && !*ret_copy ? -ENOMEM : 0;
}

static int load_address(const struct peal_settings *settings, struct peal_webhook_settings *result,
			struct peal_usage *usage)
{
	int r = check_url(settings, usage);

	if (r == 0 && settings->webhook_ca)
		r = check_ca(settings, usage);
	if (r == 0)
		r = copy(settings->webhook_url, &result->url);
	return r == 0 ? copy(settings->webhook_ca, &result->ca) : r;
}

/* --- the secret ------------------------------------------------------------------------------ */

static int load_secret(const struct peal_settings *settings, struct peal_webhook_settings *result,
		       struct peal_usage *usage)
{
	enum peal_option_id id = settings->webhook_secret_file ? PEAL_OPTION_ID_webhook_secret_file
							       : PEAL_OPTION_ID_webhook_secret;
	char *text = NULL, flag[64];
	int r = 0;

	if (settings->webhook_secret && settings->webhook_secret_file)
		return peal_usage_at(usage, settings, id,
				     "--webhook-secret is given too; one of them is enough");
	if (!settings->webhook_secret && !settings->webhook_secret_file)
		return peal_usage_about(usage, settings, webhook_url,
					"needs --webhook-secret-file or --webhook-secret, which "
					"requests are signed with");
	if (settings->webhook_secret_file)
		r = peal_secret_read(peal_settings_place(settings, id, flag, sizeof(flag)),
				     settings->webhook_secret_file, &text, usage);
	if (r == 0 &&
	    !peal_signature_secret(text ? text : settings->webhook_secret, &result->secret))
		r = peal_usage_at(usage, settings, id,
				  "the secret must be %d to %d bytes in base64, as `openssl rand "
				  "-base64 32` makes it",
				  PEAL_SIGNATURE_SECRET_LEAST, PEAL_SIGNATURE_SECRET_MOST);
	peal_secret_free(text);
	return r;
}

/* --- for whom -------------------------------------------------------------------------------- */

static int load_spaces(const struct peal_settings *settings, enum peal_option_id id,
		       const struct peal_settings_list *list, struct peal_settings_list *result,
		       struct peal_usage *usage)
{
	if (!list->count)
		return 0;
	result->items = calloc(list->count, sizeof(*result->items));
	if (!result->items)
		return -ENOMEM;
	for (; result->count < list->count; result->count++) {
		const char *space = list->items[result->count];

		if (!peal_space_served(settings, space))
			return peal_usage_at(usage, settings, id,
					     "%s is not served; name it with --namespace too",
					     space);
		result->items[result->count] = strdup(space);
		if (!result->items[result->count])
			return -ENOMEM;
	}
	return 0;
}

static void free_spaces(struct peal_settings_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
}

bool peal_webhook_space(const struct peal_settings_list *list, const char *space)
{
	for (size_t i = 0; i < list->count; i++)
		if (peal_space_same(list->items[i], space))
			return true;
	return false;
}

int peal_webhook_settings_load(const struct peal_settings *settings,
			       struct peal_webhook_settings *result, struct peal_usage *usage)
{
	int r;

	*result = (struct peal_webhook_settings){
		.timeout_ms = (unsigned)settings->webhook_timeout,
		.connections = (unsigned)settings->webhook_connections,
		.keep_ms = (uint64_t)settings->webhook_retry_seconds * 1000,
		.queue_bytes = (size_t)settings->webhook_queue_bytes,
		.allow_unavailable = settings->webhook_unavailable == 1,
	};
	if (!settings->webhook_url)
		return 0;
	r = load_address(settings, result, usage);
	if (r == 0)
		r = load_secret(settings, result, usage);
	if (r == 0)
		r = peal_rule_list_load(settings, "--webhook-event", &settings->webhook_event,
					peal_event_rule_error, &result->events, usage);
	if (r == 0)
		r = load_spaces(settings, PEAL_OPTION_ID_webhook_connect,
				&settings->webhook_connect, &result->connects, usage);
	if (r == 0)
		r = load_spaces(settings, PEAL_OPTION_ID_webhook_disconnect,
				&settings->webhook_disconnect, &result->disconnects, usage);
	return r;
}

void peal_webhook_settings_deinit(struct peal_webhook_settings *result)
{
	free(result->url);
	free(result->ca);
	peal_signature_secret_wipe(&result->secret);
	peal_rule_list_deinit(&result->events);
	free_spaces(&result->connects);
	free_spaces(&result->disconnects);
	*result = (struct peal_webhook_settings){ 0 };
}
