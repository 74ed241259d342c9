/*
 * What a value must be beyond its kind, and what values must be together.
 *
 * The library checks its options too, but only the program can name the setting.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "option_private.h"
#include "options.h"

/* Length of the UTF-8 sequence at @c, 0 when there is none. The text ends with a NUL, which no
 * sequence continues over. */
static size_t sequence_length(const unsigned char *c)
{
	size_t length = *c < 0x80   ? 1
			: *c < 0xc2 ? 0
			: *c < 0xe0 ? 2
			: *c < 0xf0 ? 3
			: *c < 0xf5 ? 4
				    : 0;

	for (size_t i = 1; i < length; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	if ((*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] > 0x9f) ||
	    (*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] > 0x8f))
		return 0;
	return length;
}

bool peal_option_utf8_valid(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	size_t length;

	for (; *c; c += length) {
		length = sequence_length(c);
		if (!length)
			return false;
	}
	return true;
}

bool peal_option_text_valid(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	while (*c) {
		size_t length = sequence_length(c);

		if (!length || *c < 0x20 || *c == 0x7f)
			return false;
		c += length;
	}
	return true;
}

/* Requests name other characters with %, which the comparison of paths does not undo. */
static bool is_url_path(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c >= 0x80 || strchr(" ?#", *c))
			return false;
	return strlen(text) <= PEAL_OPTION_PATH_BYTES;
}

static bool is_network(const char *text)
{
	size_t length = strcspn(text, "/");
	unsigned char address[16];
	char copy[64], *end;
	long bits;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (inet_pton(AF_INET, copy, address) != 1 && inet_pton(AF_INET6, copy, address) != 1)
		return false;
	if (!text[length])
		return true;
	bits = strtol(text + length + 1, &end, 10);
	return strchr("0123456789", text[length + 1]) && text[length + 1] && !*end && bits >= 0 &&
	       bits <= (strchr(copy, ':') ? 128 : 32);
}

static int check_server(const struct peal_settings *s, struct peal_usage *usage)
{
	if (!s->host[0])
		return peal_usage_about(usage, s, host, "must not be empty");
	if (s->name && (!s->name[0] || strlen(s->name) > PEAL_OPTION_NAME_BYTES))
		return peal_usage_about(usage, s, name, "must have 1 to %d bytes",
					PEAL_OPTION_NAME_BYTES);
	if (s->path[0] != '/')
		return peal_usage_about(usage, s, path, "\"%s\" does not begin with a slash",
					s->path);
	if (!is_url_path(s->path))
		return peal_usage_about(usage, s, path,
					"must be at most %d bytes of ASCII, without blank, ? and #",
					PEAL_OPTION_PATH_BYTES);
	for (size_t i = 0; i < s->trusted_proxy.count; i++)
		if (!is_network(s->trusted_proxy.items[i]))
			return peal_usage_about(usage, s, trusted_proxy,
						"\"%s\" is not an address or a CIDR block",
						s->trusted_proxy.items[i]);
	for (size_t i = 0; i < s->namespace.count; i++)
		if (strlen(s->namespace.items[i]) > PEAL_OPTION_NAMESPACE_BYTES)
			return peal_usage_about(usage, s, namespace,
						"a name must have at most %d bytes",
						PEAL_OPTION_NAMESPACE_BYTES);
	if (s->transports.count == 0)
		return peal_usage_about(usage, s, transports, "at least one is needed");
	return 0;
}

/* A setting that has no effect without another one. */
struct needless {
	bool given;
	enum peal_option_id id;
};

static int refuse_needless(const struct peal_settings *s, const struct needless *needless,
			   size_t count, const char *without, struct peal_usage *usage)
{
	for (size_t i = 0; i < count; i++)
		if (needless[i].given)
			return peal_usage_at(usage, s, needless[i].id, "does nothing without %s",
					     without);
	return 0;
}

static int check_redis(const struct peal_settings *s, struct peal_usage *usage)
{
	const struct needless needless[] = {
		{ PEAL_GIVEN(s, redis_prefix), PEAL_OPTION_ID_redis_prefix },
		{ PEAL_GIVEN(s, redis_interest), PEAL_OPTION_ID_redis_interest },
		{ PEAL_GIVEN(s, redis_user), PEAL_OPTION_ID_redis_user },
		{ PEAL_GIVEN(s, redis_password), PEAL_OPTION_ID_redis_password },
		{ PEAL_GIVEN(s, redis_password_file), PEAL_OPTION_ID_redis_password_file },
		{ PEAL_GIVEN(s, redis_ca), PEAL_OPTION_ID_redis_ca },
		{ PEAL_GIVEN(s, redis_cert), PEAL_OPTION_ID_redis_cert },
		{ PEAL_GIVEN(s, redis_key), PEAL_OPTION_ID_redis_key },
		{ PEAL_GIVEN(s, member_timeout), PEAL_OPTION_ID_member_timeout },
		{ PEAL_GIVEN(s, request_timeout), PEAL_OPTION_ID_request_timeout },
		{ s->forward.count > 0, PEAL_OPTION_ID_forward },
	};

	if (!s->redis)
		return refuse_needless(s, needless, sizeof(needless) / sizeof(*needless), "--redis",
				       usage);
	if (s->redis_password && s->redis_password_file)
		return peal_usage_about(usage, s, redis_password_file,
					"--redis-password is given too; one of them is enough");
	return 0;
}

/* "HOST:PORT", an IPv6 address in brackets. */
bool peal_option_split_address(const char *text, char *host, size_t size, uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':'), *end = colon;
	unsigned long port;
	char *rest;

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    strlen(colon + 1) > 5)
		return false;
	if (*text == '[') {
		if (end == text || end[-1] != ']')
			return false;
		text++, end--;
	} else if (memchr(text, ':', (size_t)(colon - text))) {
		return false;
	}
	port = strtoul(colon + 1, &rest, 10);
	if (end <= text || (size_t)(end - text) >= size || port > 65535)
		return false;
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	*ret_port = (uint16_t)port;
	return true;
}

static int check_api(const struct peal_settings *s, struct peal_usage *usage)
{
	char host[256];
	uint16_t port;

	if (s->api_key && s->api_key_file)
		return peal_usage_about(usage, s, api_key_file,
					"--api-key is given too; one of them is enough");
	if (s->api_key && !peal_option_is_key(s->api_key))
		return peal_usage_about(usage, s, api_key,
					"must be 1 to 1000 characters of ASCII, without blanks");
	if (s->console && !s->api_key && !s->api_key_file)
		return peal_usage_about(usage, s, console,
					"the page asks for the key of the API: give --api-key or "
					"--api-key-file");
	if (s->internal_listen &&
	    !peal_option_split_address(s->internal_listen, host, sizeof(host), &port))
		return peal_usage_about(
			usage, s, internal_listen,
			"\"%s\" is not HOST:PORT; an IPv6 address stands in brackets",
			s->internal_listen);
	/* What lies under the path of Socket.IO gets its CORS headers, and /api must have none. */
	if ((s->api_key || s->api_key_file) && !s->internal_listen &&
	    (!strcmp(s->path, "/") || !strncmp(s->path, "/api/", 5) || !strcmp(s->path, "/api")))
		return peal_usage_about(usage, s, path,
					"\"%s\" is where /api is; give /api an address of its own "
					"with --internal-listen",
					s->path);
	return 0;
}

bool peal_option_is_key(const char *text)
{
	size_t length = strlen(text);

	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= 0x20 || *c >= 0x7f)
			return false;
	return length >= 1 && length <= 1000;
}

static int check_engine(const struct peal_settings *s, struct peal_usage *usage)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_-";
	size_t length = s->sid_prefix ? strlen(s->sid_prefix) : 0;

	if (!length ||
	    (length <= PEAL_OPTION_SID_PREFIX_BYTES && strspn(s->sid_prefix, allowed) == length))
		return 0;
	return peal_usage_about(usage, s, sid_prefix, "\"%s\" is not 1 to %d of A-Z a-z 0-9 _ -",
				s->sid_prefix, PEAL_OPTION_SID_PREFIX_BYTES);
}

static int check_cors(const struct peal_settings *s, struct peal_usage *usage)
{
	const struct needless needless[] = {
		{ s->cors_credentials, PEAL_OPTION_ID_cors_credentials },
		{ PEAL_GIVEN(s, cors_methods), PEAL_OPTION_ID_cors_methods },
		{ PEAL_GIVEN(s, cors_allowed_headers), PEAL_OPTION_ID_cors_allowed_headers },
		{ PEAL_GIVEN(s, cors_exposed_headers), PEAL_OPTION_ID_cors_exposed_headers },
		{ PEAL_GIVEN(s, cors_max_age), PEAL_OPTION_ID_cors_max_age },
		{ PEAL_GIVEN(s, cors_options_success_status),
		  PEAL_OPTION_ID_cors_options_success_status },
		{ s->cors_preflight_continue, PEAL_OPTION_ID_cors_preflight_continue },
	};

	for (size_t i = 0; s->cors_origin.count > 1 && i < s->cors_origin.count; i++) {
		const char *item = s->cors_origin.items[i];

		if (!strcmp(item, "off") || !strcmp(item, "*") || !strcmp(item, "reflect"))
			return peal_usage_about(usage, s, cors_origin,
						"\"%s\" stands alone, without other origins", item);
	}
	if (s->cors_origin.count && strcmp(s->cors_origin.items[0], "off") != 0)
		return 0;
	return refuse_needless(s, needless, sizeof(needless) / sizeof(*needless), "--cors-origin",
			       usage);
}

#define COOKIE_TEXT "must be ASCII without blank, quotation mark, comma, semicolon and backslash"

static bool is_cookie_text(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= 0x20 || *c >= 0x7f || strchr("\",;\\", *c))
			return false;
	return true;
}

static int check_cookie(const struct peal_settings *s, struct peal_usage *usage)
{
	const struct needless needless[] = {
		{ PEAL_GIVEN(s, cookie_name), PEAL_OPTION_ID_cookie_name },
		{ PEAL_GIVEN(s, cookie_path), PEAL_OPTION_ID_cookie_path },
		{ PEAL_GIVEN(s, cookie_domain), PEAL_OPTION_ID_cookie_domain },
		{ PEAL_GIVEN(s, cookie_max_age), PEAL_OPTION_ID_cookie_max_age },
		{ PEAL_GIVEN(s, cookie_http_only), PEAL_OPTION_ID_cookie_http_only },
		{ PEAL_GIVEN(s, cookie_secure), PEAL_OPTION_ID_cookie_secure },
		{ PEAL_GIVEN(s, cookie_same_site), PEAL_OPTION_ID_cookie_same_site },
	};

	if (!s->cookie)
		return refuse_needless(s, needless, sizeof(needless) / sizeof(*needless),
				       "--cookie", usage);
	if (!s->cookie_name[0] || !is_cookie_text(s->cookie_name) ||
	    strpbrk(s->cookie_name, "()/:<=>?@[]{}"))
		return peal_usage_about(usage, s, cookie_name, "\"%s\" is not a token",
					s->cookie_name);
	if (!is_cookie_text(s->cookie_path))
		return peal_usage_about(usage, s, cookie_path, COOKIE_TEXT);
	if (s->cookie_domain && !is_cookie_text(s->cookie_domain))
		return peal_usage_about(usage, s, cookie_domain, COOKIE_TEXT);
	return 0;
}

static int check_webhooks(const struct peal_settings *s, struct peal_usage *usage)
{
	const struct needless needless[] = {
		{ PEAL_GIVEN(s, webhook_secret), PEAL_OPTION_ID_webhook_secret },
		{ PEAL_GIVEN(s, webhook_secret_file), PEAL_OPTION_ID_webhook_secret_file },
		{ PEAL_GIVEN(s, webhook_ca), PEAL_OPTION_ID_webhook_ca },
		{ s->webhook_connect.count > 0, PEAL_OPTION_ID_webhook_connect },
		{ s->webhook_event.count > 0, PEAL_OPTION_ID_webhook_event },
		{ s->webhook_disconnect.count > 0, PEAL_OPTION_ID_webhook_disconnect },
		{ PEAL_GIVEN(s, webhook_unavailable), PEAL_OPTION_ID_webhook_unavailable },
		{ PEAL_GIVEN(s, webhook_timeout), PEAL_OPTION_ID_webhook_timeout },
		{ PEAL_GIVEN(s, webhook_retry_seconds), PEAL_OPTION_ID_webhook_retry_seconds },
		{ PEAL_GIVEN(s, webhook_queue_bytes), PEAL_OPTION_ID_webhook_queue_bytes },
		{ PEAL_GIVEN(s, webhook_connections), PEAL_OPTION_ID_webhook_connections },
	};

	if (!s->webhook_url)
		return refuse_needless(s, needless, sizeof(needless) / sizeof(*needless),
				       "--webhook-url", usage);
	if (!s->webhook_connect.count && !s->webhook_event.count && !s->webhook_disconnect.count)
		return peal_usage_about(
			usage, s, webhook_url,
			"does nothing without --webhook-connect, --webhook-event or "
			"--webhook-disconnect");
	if (PEAL_GIVEN(s, webhook_unavailable) && !s->webhook_connect.count)
		return peal_usage_about(usage, s, webhook_unavailable,
					"does nothing without --webhook-connect");
	return 0;
}

static int check_backend(const struct peal_settings *s, struct peal_usage *usage)
{
	const struct needless needless[] = {
		{ PEAL_GIVEN(s, forward_timeout), PEAL_OPTION_ID_forward_timeout },
	};
	int r = check_webhooks(s, usage);

	if (r != 0 || s->forward.count)
		return r;
	return refuse_needless(s, needless, sizeof(needless) / sizeof(*needless), "--forward",
			       usage);
}

int peal_settings_check(const struct peal_settings *settings, struct peal_usage *usage)
{
	int r = check_server(settings, usage);

	if (r == 0)
		r = check_redis(settings, usage);
	if (r == 0)
		r = check_api(settings, usage);
	if (r == 0)
		r = check_backend(settings, usage);
	if (r == 0)
		r = check_engine(settings, usage);
	if (r == 0)
		r = check_cors(settings, usage);
	if (r == 0)
		r = check_cookie(settings, usage);
	return r;
}
