/*
 * Settings of the test application: the options of the reference, by the reference's names, to
 * peal's.
 */
#include "testapp.h"

#include <peal/redis.h>
#include <stdio.h>
#include <string.h>

static const cJSON *get(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static double number(const cJSON *object, const char *name, double fallback)
{
	const cJSON *item = get(object, name);

	return cJSON_IsNumber(item) ? item->valuedouble : fallback;
}

static bool truth(const cJSON *object, const char *name, bool fallback)
{
	const cJSON *item = get(object, name);

	return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

static const char *string(const cJSON *object, const char *name)
{
	const cJSON *item = get(object, name);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* A string, or a list joined by commas in place of the list. */
static const char *joined(cJSON *object, const char *name)
{
	char text[1000] = "";
	const cJSON *list = get(object, name), *item;

	if (!cJSON_IsArray(list))
		return string(object, name);
	cJSON_ArrayForEach(item, list)
	{
		if (*text)
			strcat(text, ",");
		strncat(text, item->valuestring, sizeof(text) - strlen(text) - 2);
	}
	cJSON_ReplaceItemInObjectCaseSensitive(object, name, cJSON_CreateString(text));
	return string(object, name);
}

static void cors_settings(cJSON *cors, struct peal_cors_options *options)
{
	static const char *origins[8];
	const cJSON *origin = get(cors, "origin"), *item;

	if (!cJSON_IsObject(cors) || cJSON_IsFalse(origin))
		return;
	options->origins = origins;
	if (!origin || (cJSON_IsString(origin) && strcmp(origin->valuestring, "*") == 0)) {
		options->origin = PEAL_CORS_ANY;
	} else if (cJSON_IsString(origin)) {
		options->origin = PEAL_CORS_FIXED;
		origins[0] = origin->valuestring;
		options->origin_count = 1;
	} else if (cJSON_IsTrue(origin)) {
		options->origin = PEAL_CORS_REFLECT;
	} else {
		options->origin = PEAL_CORS_LIST;
		cJSON_ArrayForEach(item, origin)
		{
			if (options->origin_count < 8)
				origins[options->origin_count++] = item->valuestring;
		}
	}
	options->credentials = truth(cors, "credentials", false);
	options->methods = joined(cors, "methods");
	options->allowed_headers = joined(cors, "allowedHeaders");
	options->exposed_headers = joined(cors, "exposedHeaders");
	options->max_age_seconds = (int)number(cors, "maxAge", -1);
	options->options_success_status = (unsigned)number(cors, "optionsSuccessStatus", 204);
	options->preflight_continue = truth(cors, "preflightContinue", false);
}

static void cookie_settings(const cJSON *cookie, struct peal_cookie_options *options)
{
	const char *same_site = string(cookie, "sameSite");

	if (!cookie || cJSON_IsFalse(cookie))
		return;
	options->enabled = true;
	options->http_only = true;
	options->max_age_seconds = -1;
	if (!cJSON_IsObject(cookie))
		return;
	options->name = string(cookie, "name");
	options->path = cJSON_IsFalse(get(cookie, "path")) ? "" : string(cookie, "path");
	options->domain = string(cookie, "domain");
	options->max_age_seconds = (int)number(cookie, "maxAge", -1);
	options->http_only = truth(cookie, "httpOnly", true);
	options->secure = truth(cookie, "secure", false);
	if (same_site && strcmp(same_site, "strict") == 0)
		options->same_site = PEAL_SAME_SITE_STRICT;
	else if (same_site && strcmp(same_site, "none") == 0)
		options->same_site = PEAL_SAME_SITE_NONE;
}

static void allow_request(const struct peal_request *request, struct peal_next *next,
			  void *userdata)
{
	struct testapp *app = userdata;
	char deny[64] = "", message[80];
	cJSON *entry = testapp_entry(app, "allow-request");

	if (peal_request_query(request, "deny", deny, sizeof(deny)) < 0)
		deny[0] = 0;
	cJSON_AddStringToObject(entry, "deny", deny);
	snprintf(message, sizeof(message), "denied: %s", deny);
	if (strcmp(deny, "later") == 0)
		testapp_hold(app, "allow-request", next);
	else if (strcmp(deny, "plain") == 0)
		peal_next_refuse(next, NULL, NULL);
	else if (*deny)
		peal_next_refuse(next, message, NULL);
	else
		peal_next_accept(next);
}

static void add_headers(const struct peal_request *request, bool initial,
			struct peal_response_headers *headers, void *userdata)
{
	(void)request;
	(void)userdata;
	if (initial)
		peal_response_headers_add(headers, "x-initial", "1");
	else
		peal_response_headers_add(headers, "x-every", "1");
}

static void connection_error(const struct peal_request *request, int code, const char *message,
			     const char *check, void *userdata)
{
	cJSON *entry = testapp_entry(userdata, "connection-error");

	(void)request;
	cJSON_AddNumberToObject(entry, "code", code);
	cJSON_AddStringToObject(entry, "message", message);
	cJSON_AddStringToObject(entry, "check", check ? check : "");
}

static void engine_settings(struct testapp *app, struct peal_engine_options *engine)
{
	const cJSON *settings = app->settings, *transports = get(settings, "transports"), *item;
	const cJSON *compression = get(settings, "httpCompression");

	engine->ping_interval_ms =
		(unsigned)number(settings, "pingInterval", engine->ping_interval_ms);
	engine->ping_timeout_ms =
		(unsigned)number(settings, "pingTimeout", engine->ping_timeout_ms);
	engine->upgrade_timeout_ms =
		(unsigned)number(settings, "upgradeTimeout", engine->upgrade_timeout_ms);
	engine->max_http_buffer_size =
		(size_t)number(settings, "maxHttpBufferSize", (double)engine->max_http_buffer_size);
	engine->outbox_limit = (size_t)number(settings, "outboxLimit", 0);
	engine->allow_upgrades = truth(settings, "allowUpgrades", true);
	engine->initial_packet = string(settings, "initialPacket");
	if (string(settings, "path"))
		engine->path = string(settings, "path");
	if (cJSON_IsArray(transports))
		engine->transports = 0;
	cJSON_ArrayForEach(item, transports)
	{
		engine->transports |= strcmp(item->valuestring, "polling") == 0
					      ? PEAL_TRANSPORT_POLLING
					      : PEAL_TRANSPORT_WEBSOCKET;
	}
	engine->http_compression = !cJSON_IsFalse(compression);
	engine->http_compression_threshold = (size_t)number(
		compression, "threshold", (double)engine->http_compression_threshold);
	cors_settings(cJSON_GetObjectItemCaseSensitive(settings, "cors"), &engine->cors);
	cookie_settings(get(settings, "cookie"), &engine->cookie);
	if (truth(settings, "allowRequest", false))
		engine->allow_request = allow_request;
	if (truth(settings, "headers", false))
		engine->headers = add_headers;
	engine->connection_error = connection_error;
	engine->userdata = app;
}

/* The adapter, when the settings name a Redis. */
static int cluster_settings(const cJSON *settings, struct peal_node_options *options)
{
	struct peal_redis_options redis;
	const char *interest = string(settings, "interest");
	char message[200] = "";
	int result;

	options->name = string(settings, "name");
	options->member_timeout_ms =
		(unsigned)number(settings, "memberTimeout", options->member_timeout_ms);
	options->request_timeout_ms =
		(unsigned)number(settings, "requestTimeout", options->request_timeout_ms);
	options->answer_server_events = truth(settings, "answerServerEvents", false);
	if (!string(settings, "redis"))
		return 0;
	peal_redis_options_init(&redis);
	redis.url = string(settings, "redis");
	redis.queue_limit = (size_t)number(settings, "queueLimit", (double)redis.queue_limit);
	if (string(settings, "prefix"))
		redis.prefix = string(settings, "prefix");
	if (interest && strcmp(interest, "rooms") == 0)
		redis.interest = PEAL_INTEREST_ROOMS;
	else if (interest && strcmp(interest, "pattern") == 0)
		redis.interest = PEAL_INTEREST_PATTERN;
	result = peal_redis_adapter_new(&redis, &options->adapter, message, sizeof(message));
	if (result != 0)
		fprintf(stderr, "redis: %s\n", message);
	return result;
}

int testapp_settings(struct testapp *app, struct peal_node_options *options)
{
	const cJSON *settings = app->settings;

	options->port = (uint16_t)number(settings, "port", 0);
	options->max_clients = (size_t)number(settings, "maxClients", (double)options->max_clients);
	options->connect_timeout_ms =
		(unsigned)number(settings, "connectTimeout", options->connect_timeout_ms);
	options->cleanup_empty_child_namespaces =
		truth(settings, "cleanupEmptyChildNamespaces", false);
	options->websocket_read_bytes = (size_t)number(settings, "websocketReadBytes",
						       (double)options->websocket_read_bytes);
	options->log_level = PEAL_LOG_WARNING;
	app->quiet = truth(settings, "quiet", false);
	engine_settings(app, &options->engine);
	return cluster_settings(settings, options);
}

static void session_open(struct peal_session *session, void *userdata)
{
	struct testapp *app = userdata;
	cJSON *entry = testapp_entry(app, "session");

	cJSON_AddStringToObject(entry, "sid", peal_session_sid(session));
	cJSON_AddStringToObject(entry, "transport", peal_session_transport(session));
	if (app->session_count < TESTAPP_ITEMS)
		app->sessions[app->session_count++] = session;
}

static void session_message(struct peal_session *session, const void *data, size_t length,
			    bool binary, void *userdata)
{
	(void)userdata;
	if (!binary && length == 5 && memcmp(data, "close", 5) == 0)
		peal_session_close(session);
	else
		peal_session_send(session, data, length, binary);
}

static void session_closed(struct peal_session *session, const char *reason,
			   const char *description, void *userdata)
{
	struct testapp *app = userdata;
	cJSON *entry = testapp_entry(app, "session-close");

	cJSON_AddStringToObject(entry, "sid", peal_session_sid(session));
	cJSON_AddStringToObject(entry, "reason", reason);
	cJSON_AddItemToObject(entry, "description",
			      description ? cJSON_CreateString(description) : cJSON_CreateNull());
	for (size_t at = 0; at < app->session_count; at++) {
		if (app->sessions[at] == session) {
			app->sessions[at] = app->sessions[--app->session_count];
			break;
		}
	}
}

int testapp_bare_engine(struct testapp *app, const struct peal_engine_options *options)
{
	static const struct peal_engine_handlers handlers = {
		.connection = session_open,
		.message = session_message,
		.close = session_closed,
	};
	struct peal_engine_options bare = *options;
	struct peal_engine *engine;

	if (!truth(app->settings, "engine", false))
		return 0;
	bare.path = "/engine.io/";
	return peal_engine_new(app->node, &bare, &handlers, app, &engine);
}
