/*
 * The gate of the HTTP API: who may come in, and the forms of its answers.
 *
 * There are no CORS headers, so no page of another origin can read an answer; and a request that
 * names another origin is refused before the key is looked at, so that a page cannot even try.
 */
#include "api.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api_private.h"

static const struct resource {
	const char *path, *method;
	peal_api_fn *fn;
} resources[] = {
	{ "/api/emit", "POST", peal_api_emit },
	{ "/api/server-emit", "POST", peal_api_server_emit },
	{ "/api/sockets/join", "POST", peal_api_join },
	{ "/api/sockets/leave", "POST", peal_api_leave },
	{ "/api/sockets/disconnect", "POST", peal_api_disconnect },
	{ "/api/sockets", "GET", peal_api_sockets },
	{ "/api/count", "GET", peal_api_count },
	{ "/api/drain", "POST", peal_api_drain },
	{ "/api/rooms", "GET", peal_api_rooms },
	{ "/api/nodes", "GET", peal_api_nodes },
	{ "/api/openapi.json", "GET", peal_api_openapi },
};

/* The listener answers methods that are in no list by itself; these come to the gate first. */
#define METHODS "GET,POST,PUT,PATCH,DELETE,OPTIONS"

/* --- answers --------------------------------------------------------------------------------- */

bool peal_api_wrong(struct peal_api_error *error, unsigned status, const char *code,
		    const char *format, ...)
{
	va_list arguments;

	error->status = status;
	error->code = code;
	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
	return false;
}

static void reply(struct peal_http_request *request, unsigned status,
		  const struct peal_header *extra, const char *text, size_t length)
{
	struct peal_header headers[] = {
		{ "Content-Type", "application/json; charset=utf-8" },
		{ "Cache-Control", "no-store" },
		{ "X-Content-Type-Options", "nosniff" },
		{ NULL, NULL },
	};
	size_t count = 3;

	if (!request) /* it was answered when the node began to close */
		return;
	if (extra)
		headers[count++] = *extra;
	peal_http_reply(request, status, headers, count, text, length);
}

void peal_api_reply(struct peal_http_request *request, unsigned status, const char *text,
		    size_t length)
{
	reply(request, status, NULL, text, length);
}

void peal_api_put_error(FILE *stream, const struct peal_api_error *error)
{
	fprintf(stream, "{\"error\":{\"code\":\"%s\",\"message\":", error->code);
	peal_piece_put_string(stream, error->message);
	fputs("}}", stream);
}

FILE *peal_api_text_open(struct peal_api_text *text)
{
	*text = (struct peal_api_text){ 0 };
	text->stream = open_memstream(&text->text, &text->length);
	return text->stream;
}

static const struct peal_header again = { "Retry-After", "1" };

static void text_reply(struct peal_api_text *text, struct peal_http_request *request,
		       unsigned status, const struct peal_header *extra)
{
	static const char no_memory[] =
		"{\"error\":{\"code\":\"no_memory\",\"message\":\"the node has no memory\"}}";

	if (!text->stream || fclose(text->stream) != 0)
		reply(request, 500, NULL, no_memory, sizeof(no_memory) - 1);
	else
		reply(request, status, extra, text->text, text->length);
	free(text->text);
}

void peal_api_text_reply(struct peal_api_text *text, struct peal_http_request *request,
			 unsigned status)
{
	text_reply(text, request, status, status == 503 ? &again : NULL);
}

static void refuse(struct peal_http_request *request, const struct peal_api_error *error,
		   const struct peal_header *extra)
{
	struct peal_api_text text;

	if (peal_api_text_open(&text))
		peal_api_put_error(text.stream, error);
	text_reply(&text, request, error->status, extra);
}

void peal_api_refuse(struct peal_http_request *request, const struct peal_api_error *error)
{
	refuse(request, error, error->status == 429 || error->status == 503 ? &again : NULL);
}

void peal_api_failed(int code, struct peal_api_error *error)
{
	if (code == PEAL_EMIT_E_TOO_LARGE)
		peal_api_wrong(
			error, 413, "too_large",
			"too much: an event has at most 10 binary values, a socket is in at "
			"most 10000 rooms, and at most 20000 namespaces are asked at a time");
	else if (code == PEAL_EMIT_E_RESERVED)
		peal_api_wrong(error, 400, "reserved_event", "event: the name is reserved");
	else if (code > 0)
		peal_api_wrong(error, 400, "invalid_value", "a name or an argument cannot be sent");
	else if (code == -ESHUTDOWN)
		peal_api_wrong(error, 503, "closing", "the node is closing");
	else
		peal_api_wrong(error, 503, "unavailable", "the node cannot do that now: %s",
			       strerror(-code));
}

static void find_state(const struct peal_cluster_info *info, void *userdata)
{
	static const char *const states[] = {
		[PEAL_ADAPTER_DOWN] = "down",
		[PEAL_ADAPTER_HELD] = "held",
		[PEAL_ADAPTER_UP] = "up",
	};
	const char **state = userdata;

	*state = info->member_count <= 1 && !strcmp(info->adapter, "memory") ? "alone"
									     : states[info->state];
}

const char *peal_api_cluster_state(struct peal_api *api)
{
	const char *state = "alone";

	peal_cluster_info(api->node, find_state, &state);
	return state;
}

void peal_api_accepted(struct peal_api *api, struct peal_http_request *request)
{
	char text[64];

	peal_api_reply(request, 202, text,
		       (size_t)snprintf(text, sizeof(text), "{\"cluster\":\"%s\"}",
					peal_api_cluster_state(api)));
}

void peal_api_hold(struct peal_api *api, struct peal_api_held *held,
		   struct peal_http_request *request)
{
	held->request = request;
	held->next = api->held;
	held->back = &api->held;
	if (held->next)
		held->next->back = &held->next;
	api->held = held;
}

struct peal_http_request *peal_api_take(struct peal_api_held *held)
{
	struct peal_http_request *request = held->request;

	if (request) {
		*held->back = held->next;
		if (held->next)
			held->next->back = held->back;
	}
	held->request = NULL;
	return request;
}

void peal_api_close(struct peal_api *api)
{
	struct peal_api_error error;

	/* Not "closing", after which one tries again: it would reach clients a second time. */
	peal_api_wrong(&error, 503, "interrupted",
		       "the node is closing; what was asked of it may have been done");
	if (api)
		api->closed = true;
	while (api && api->held)
		refuse(peal_api_take(api->held), &error, NULL);
}

struct peal_api_wait *peal_api_wait_new(struct peal_api *api, struct peal_http_request *request,
					struct peal_api_error *error)
{
	struct peal_api_wait *wait;

	if (api->open >= PEAL_API_OPEN) {
		peal_api_wrong(error, 429, "busy", "%d requests wait for the cluster already",
			       PEAL_API_OPEN);
		return NULL;
	}
	wait = calloc(1, sizeof(*wait));
	if (!wait) {
		peal_api_failed(-ENOMEM, error);
		return NULL;
	}
	wait->api = api;
	peal_api_hold(api, &wait->held, request);
	api->open++;
	return wait;
}

void peal_api_wait_free(struct peal_api_wait *wait)
{
	wait->api->open--;
	(void)peal_api_take(&wait->held);
	peal_api_order_deinit(&wait->order);
	free(wait);
}

/* --- the gate -------------------------------------------------------------------------------- */

static bool hash(const char *text, size_t length, unsigned char digest[32])
{
	unsigned size = 32;

	return EVP_Digest(text, length, digest, &size, EVP_sha256(), NULL) == 1;
}

/* Hashes have one length, and comparing them takes one time, whatever was sent. */
static bool may_enter(const struct peal_api *api, const struct peal_request *info)
{
	const char *header = peal_request_header(info, "Authorization");
	unsigned char digest[32];

	if (!header || strncasecmp(header, "Bearer ", 7) != 0)
		return false;
	header += 7 + strspn(header + 7, " ");
	return hash(header, strlen(header), digest) &&
	       CRYPTO_memcmp(digest, api->key_hash, sizeof(digest)) == 0;
}

/* Host and port without the port that the scheme implies. */
static size_t authority_length(const char *text, const char *port)
{
	size_t length = strcspn(text, "/"), tail = strlen(port);

	return length > tail && !memcmp(text + length - tail, port, tail) ? length - tail : length;
}

/* An Origin that is not this host: a page that came from elsewhere, or one that will not tell. */
static bool is_foreign(const struct peal_request *info)
{
	const char *origin = peal_request_header(info, "Origin");
	const char *host = peal_request_header(info, "Host");
	const char *port = ":80";
	size_t length;

	if (!origin)
		return false;
	if (!strncasecmp(origin, "https://", 8))
		origin += 8, port = ":443";
	else if (!strncasecmp(origin, "http://", 7))
		origin += 7;
	else
		return true;
	if (!host)
		return true;
	length = authority_length(origin, port);
	return length != authority_length(host, port) || strncasecmp(origin, host, length) != 0;
}

static const struct resource *find_resource(const char *url)
{
	size_t length = strcspn(url, "?");

	for (size_t i = 0; i < sizeof(resources) / sizeof(*resources); i++)
		if (strlen(resources[i].path) == length && !memcmp(resources[i].path, url, length))
			return &resources[i];
	return NULL;
}

static unsigned long long announced_length(const struct peal_request *info)
{
	const char *header = peal_request_header(info, "Content-Length");

	return header ? strtoull(header, NULL, 10) : 0;
}

/* Before the body: who has no key makes the node keep nothing. */
static bool on_head(struct peal_http_request *request, void *userdata)
{
	static const struct peal_header challenge = { "WWW-Authenticate", "Bearer" };
	const struct peal_request *info = peal_http_request_info(request);
	const struct resource *resource = find_resource(info->url);
	struct peal_api *api = userdata;
	struct peal_api_error error;
	bool get;

	if (api->keyless) {
		peal_api_wrong(&error, 404, "not_found", "this node has no API key");
		refuse(request, &error, NULL);
		return false;
	}
	if (is_foreign(info)) {
		peal_api_wrong(&error, 403, "foreign_origin",
			       "requests of pages from elsewhere are refused");
		refuse(request, &error, NULL);
		return false;
	}
	if (!may_enter(api, info)) {
		peal_api_wrong(&error, 401, "unauthorized",
			       "the header \"Authorization: Bearer\" with the API key is needed");
		refuse(request, &error, &challenge);
		return false;
	}
	get = !strcmp(resource->method, "GET");
	if (strcmp(info->method, resource->method) != 0 &&
	    !(get && !strcmp(info->method, "HEAD"))) {
		const struct peal_header allow = { "Allow", get ? "GET, HEAD" : "POST" };

		peal_api_wrong(&error, 405, "method_not_allowed", "%s takes %s", resource->path,
			       allow.value);
		refuse(request, &error, &allow);
		return false;
	}
	if (announced_length(info) > PEAL_API_BODY_BYTES) {
		peal_api_wrong(&error, 413, "too_large", "the body has more than %u bytes",
			       PEAL_API_BODY_BYTES);
		refuse(request, &error, NULL);
		return false;
	}
	return true;
}

static void on_request(struct peal_http_request *request, void *userdata)
{
	find_resource(peal_http_request_info(request)->url)->fn(userdata, request);
}

static void print_metrics(FILE *stream, void *userdata)
{
	const struct peal_api *api = userdata;

	peal_metrics_family(stream, "peal_api_waiting", "gauge",
			    "requests of the HTTP API that wait for an answer");
	peal_metrics_sample(stream, "peal_api_waiting", NULL, NULL, api->open);
}

struct peal_metrics_source *peal_api_metrics(struct peal_api *api)
{
	api->metrics = (struct peal_metrics_source){ .print = print_metrics, .userdata = api };
	return &api->metrics;
}

int peal_api_attach(const struct peal_place *place, const char *key, struct peal_api **ret_api)
{
	struct peal_api *api = calloc(1, sizeof(*api));
	int r = 0;

	if (!api)
		return -ENOMEM;
	*ret_api = api; /* also on failure: routes may hold it already */
	api->node = place->node;
	if (!hash(key, strlen(key), api->key_hash))
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < sizeof(resources) / sizeof(*resources); i++) {
		r = peal_place_route(place, resources[i].path, METHODS, PEAL_API_BODY_BYTES,
				     on_request, api);
		if (r == 0)
			r = peal_place_gate(place, resources[i].path, on_head);
	}
	return r;
}

int peal_api_set_key(struct peal_api *api, const char *key)
{
	unsigned char digest[32] = { 0 };
	bool changed;

	if (key && !hash(key, strlen(key), digest))
		return -ENOMEM;
	changed = api->keyless != !key ||
		  (key && CRYPTO_memcmp(digest, api->key_hash, sizeof(digest)) != 0);
	api->keyless = !key;
	memcpy(api->key_hash, digest, sizeof(digest));
	OPENSSL_cleanse(digest, sizeof(digest));
	return changed;
}

void peal_api_set_drain(struct peal_api *api, struct peal_drain *drain, const int64_t *seconds)
{
	api->drain = drain;
	api->drain_default = seconds;
}

void peal_api_free(struct peal_api *api)
{
	if (!api)
		return;
	OPENSSL_cleanse(api->key_hash, sizeof(api->key_hash));
	free(api);
}
