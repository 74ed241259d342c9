/*
 * From the program's settings to the options of a node.
 */
#include "node_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One header value of a list; NULL for an empty one. */
static int join(const struct peal_settings_list *list, char **ret_text)
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream;

	if (!list->count)
		return 0;
	stream = open_memstream(&text, &length);
	if (!stream)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++)
		fprintf(stream, "%s%s", i ? "," : "", list->items[i]);
	if (fclose(stream) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	return 0;
}

static int set_cors(struct peal_node_settings *node, const struct peal_settings *s)
{
	struct peal_cors_options *cors = &node->options.engine.cors;
	const char *first = s->cors_origin.count ? s->cors_origin.items[0] : "off";
	int r = join(&s->cors_methods, &node->methods);

	if (r == 0)
		r = join(&s->cors_allowed_headers, &node->allowed_headers);
	if (r == 0)
		r = join(&s->cors_exposed_headers, &node->exposed_headers);
	if (r < 0)
		return r;
	if (!strcmp(first, "off"))
		cors->origin = PEAL_CORS_OFF;
	else if (!strcmp(first, "*"))
		cors->origin = PEAL_CORS_ANY;
	else if (!strcmp(first, "reflect"))
		cors->origin = PEAL_CORS_REFLECT;
	else
		cors->origin = s->cors_origin.count == 1 ? PEAL_CORS_FIXED : PEAL_CORS_LIST;
	if (cors->origin == PEAL_CORS_FIXED || cors->origin == PEAL_CORS_LIST) {
		cors->origins = (const char *const *)s->cors_origin.items;
		cors->origin_count = s->cors_origin.count;
	}
	cors->credentials = s->cors_credentials;
	cors->methods = node->methods;
	cors->allowed_headers = node->allowed_headers;
	cors->exposed_headers = node->exposed_headers;
	cors->max_age_seconds = (int)s->cors_max_age;
	cors->options_success_status = (unsigned)s->cors_options_success_status;
	cors->preflight_continue = s->cors_preflight_continue;
	return 0;
}

static void set_cookie(struct peal_cookie_options *cookie, const struct peal_settings *s)
{
	cookie->enabled = s->cookie;
	cookie->name = s->cookie_name;
	cookie->path = s->cookie_path;
	cookie->domain = s->cookie_domain;
	cookie->max_age_seconds = (int)s->cookie_max_age;
	cookie->http_only = s->cookie_http_only;
	cookie->secure = s->cookie_secure;
	cookie->same_site = (enum peal_same_site)s->cookie_same_site;
}

static void set_engine(struct peal_engine_options *engine, const struct peal_settings *s)
{
	engine->path = s->path;
	engine->ping_interval_ms = (unsigned)s->ping_interval;
	engine->ping_timeout_ms = (unsigned)s->ping_timeout;
	engine->upgrade_timeout_ms = (unsigned)s->upgrade_timeout;
	engine->max_http_buffer_size = (size_t)s->max_http_buffer_size;
	engine->transports = 0;
	for (size_t i = 0; i < s->transports.count; i++)
		engine->transports |= !strcmp(s->transports.items[i], "polling")
					      ? PEAL_TRANSPORT_POLLING
					      : PEAL_TRANSPORT_WEBSOCKET;
	engine->allow_upgrades = s->allow_upgrades;
	engine->http_compression = s->http_compression;
	engine->http_compression_threshold = (size_t)s->http_compression_threshold;
	engine->initial_packet = s->initial_packet;
	engine->sid_prefix = s->sid_prefix && *s->sid_prefix ? s->sid_prefix : NULL;
	engine->outbox_limit = s->outbox_limit < 0 ? 0 : (size_t)s->outbox_limit;
}

int peal_node_settings_init(struct peal_node_settings *node, const struct peal_settings *s)
{
	*node = (struct peal_node_settings){ 0 };
	peal_node_options_init(&node->options);
	node->options.host = s->host;
	node->options.port = (uint16_t)s->port;
	node->options.name = s->name;
	node->options.max_clients = (size_t)s->max_clients;
	node->options.connect_rate = (unsigned)s->connect_rate;
	node->options.address_clients = (size_t)s->address_clients;
	node->options.address_connect_rate = (unsigned)s->address_connect_rate;
	node->options.connect_timeout_ms = (unsigned)s->connect_timeout;
	node->options.cleanup_empty_child_namespaces = s->cleanup_empty_child_namespaces;
	node->options.max_child_namespaces = (size_t)s->max_child_namespaces;
	node->options.websocket_read_bytes = (size_t)s->websocket_read_bytes;
	node->options.trusted_proxies = (const char *const *)s->trusted_proxy.items;
	node->options.trusted_proxy_count = s->trusted_proxy.count;
	node->options.member_timeout_ms = (unsigned)s->member_timeout;
	node->options.request_timeout_ms = (unsigned)s->request_timeout;
	/* The program has no handlers for events of servers; those who ask need not wait for it. */
	node->options.answer_server_events = true;
	node->options.log_level = (enum peal_log_level)s->log_level;
	set_engine(&node->options.engine, s);
	set_cookie(&node->options.engine.cookie, s);
	return set_cors(node, s);
}

void peal_node_settings_deinit(struct peal_node_settings *node)
{
	free(node->methods);
	free(node->allowed_headers);
	free(node->exposed_headers);
}
