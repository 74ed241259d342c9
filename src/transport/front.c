#include "transport/front.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/json.h"
#include "protocol/text.h"
#include "transport/transports.h"

/* A new session whose allowRequest hook has been asked. */
struct asking {
	struct peal_list link;
	struct peal_decision decision;
	struct peal_front *front;
	struct peal_http_request *http; /* NULL when the client left meanwhile */
	struct peal_request *request;	/* the hook's copy, which becomes the session's */
	struct peal_timer later; /* armed when it was accepted at a moment that does not do */
};

/* What the query of a request says. */
struct query {
	char transport[16], sid[64];
	bool revision_4, base64;
	bool has_sid;
};

struct peal_front *peal_front_of(const struct peal_session *session)
{
	return session->engine->front;
}

void peal_front_headers(struct peal_front *front, struct peal_http_request *request, bool initial)
{
	const struct peal_engine_options *options = &front->engine->options;
	if (options->headers)
		options->headers(peal_http_request_request(request), initial,
				 peal_http_request_response_headers(request), options->userdata);
}

/* --- checks -------------------------------------------------------------------------------- */

static bool query_is(const struct peal_request *request, const char *name, const char *value)
{
	char buffer[16];
	return peal_request_query(request, name, buffer, sizeof(buffer)) >= 0 &&
	       !strcmp(buffer, value);
}

static void read_query(const struct peal_request *request, struct query *query)
{
	char base64[2];
	int length = peal_request_query(request, "transport", query->transport,
					sizeof(query->transport));
	if (length < 0)
		query->transport[0] = '\0';
	length = peal_request_query(request, "sid", query->sid, sizeof(query->sid));
	query->has_sid = length > 0 || length == -ENOSPC || length == -EINVAL;
	if (length < 0)
		query->sid[0] = '\0'; /* no session has an empty id */
	query->revision_4 = query_is(request, "EIO", "4");
	length = peal_request_query(request, "b64", base64, sizeof(base64));
	query->base64 = length > 0 || length == -ENOSPC;
}

static bool transport_enabled(const struct peal_front *front, const char *name)
{
	unsigned transports = front->engine->options.transports;
	return (!strcmp(name, "polling") && transports & PEAL_TRANSPORT_POLLING) ||
	       (!strcmp(name, "websocket") && transports & PEAL_TRANSPORT_WEBSOCKET);
}

static bool origin_valid(const char *origin)
{
	for (const unsigned char *c = (const unsigned char *)origin; c && *c; c++)
		if ((*c < 0x20 && *c != '\t') || *c == 0x7f)
			return false;
	return true;
}

/* 16 bytes in base64. */
static bool key_valid(const char *key)
{
	size_t length = 0;
	while ((key[length] >= 'A' && key[length] <= 'Z') ||
	       (key[length] >= 'a' && key[length] <= 'z') ||
	       (key[length] >= '0' && key[length] <= '9') || key[length] == '+' ||
	       key[length] == '/')
		length++;
	return length == 22 && !strcmp(key + length, "==");
}

bool peal_front_check_websocket(struct peal_front *front, struct peal_http_request *request)
{
	const struct peal_request *head = peal_http_request_request(request);
	const char *key = peal_request_header(head, "sec-websocket-key");
	const char *version = peal_request_header(head, "sec-websocket-version");
	const char *message = NULL;
	if (!key || !key_valid(key)) {
		message = "Missing or invalid Sec-WebSocket-Key header";
	} else if (!version || (strcmp(version, "13") != 0 && strcmp(version, "8") != 0)) {
		message = "Missing or invalid Sec-WebSocket-Version header";
		peal_http_request_add_header(request, "Sec-WebSocket-Version", "13, 8");
	} else if (peal_http_request_has_early_bytes(request)) {
		message = "Bad request";
	}
	if (!message)
		return true;
	peal_front_refuse_upgrade(front, request, message);
	return false;
}

struct peal_websocket *peal_front_adopt(struct peal_front *front, struct peal_http_request *request,
					const struct peal_websocket_handler *handler, void *context)
{
	const struct peal_request *head = peal_http_request_request(request);
	const char *offered = peal_request_header(head, "sec-websocket-protocol");
	char key[25], protocol[128], *headers = NULL;
	/* It was checked; the request is gone when it is needed. */
	memcpy(key, peal_request_header(head, "sec-websocket-key"), sizeof(key));
	size_t length = offered ? strcspn(offered, ", \t") : 0;
	if (length && length < sizeof(protocol)) {
		memcpy(protocol, offered, length);
		protocol[length] = '\0';
		peal_http_request_add_header(request, "Sec-WebSocket-Protocol", protocol);
	}
	int fd = peal_http_request_take_socket(request, &headers);
	if (fd < 0) {
		peal_http_request_drop(request);
		return NULL;
	}
	struct peal_websocket *websocket =
		peal_websocket_adopt(front->websockets, fd, key, headers,
				     front->engine->options.max_http_buffer_size, handler, context);
	free(headers);
	return websocket;
}

/* --- new sessions -------------------------------------------------------------------------- */

static void add_cookie(struct peal_front *front, struct peal_http_request *request, const char *sid)
{
	static const char *const same_site[] = { "; SameSite=Lax", "; SameSite=Strict",
						 "; SameSite=None", "" };
	const struct peal_cookie_options *cookie = &front->engine->options.cookie;
	struct peal_buffer value = PEAL_BUFFER(4096);
	if (!cookie->enabled)
		return;
	peal_buffer_append_format(&value, "%s=%s", front->cookie_name, sid);
	if (cookie->max_age_seconds >= 0)
		peal_buffer_append_format(&value, "; Max-Age=%d", cookie->max_age_seconds);
	if (front->cookie_domain)
		peal_buffer_append_format(&value, "; Domain=%s", front->cookie_domain);
	if (front->cookie_path[0])
		peal_buffer_append_format(&value, "; Path=%s", front->cookie_path);
	if (cookie->http_only)
		peal_buffer_append_text(&value, "; HttpOnly");
	if (cookie->secure)
		peal_buffer_append_text(&value, "; Secure");
	peal_buffer_append_text(&value, same_site[cookie->same_site]);
	if (!peal_buffer_error(&value))
		peal_http_request_add_header(request, "Set-Cookie", value.bytes);
	peal_buffer_deinit(&value);
}

/* Steps E and F, then the session. Takes @copy; @query is what it says. */
static void open_session(struct peal_front *front, struct peal_http_request *request,
			 struct peal_request *copy, const struct query *query)
{
	struct peal_engine *engine = front->engine;
	bool websocket = peal_front_wants_websocket(front, request);
	bool upgradable = !websocket && engine->options.allow_upgrades &&
			  engine->options.transports & PEAL_TRANSPORT_WEBSOCKET;
	struct peal_session *session;
	if (!query->revision_4) {
		free(copy);
		peal_front_refuse(front, request, PEAL_REFUSAL_PROTOCOL, NULL,
				  "UNSUPPORTED_PROTOCOL_VERSION");
		return;
	}
	/* All that can be refused is refused before the 101. */
	if (websocket && !peal_front_check_websocket(front, request)) {
		free(copy);
		return;
	}
	int r = peal_session_create(engine,
				    websocket ? &peal_websocket_transport : &peal_polling_transport,
				    copy, query->base64, upgradable, &session);
	if (r == -EEXIST) {
		peal_front_refuse(front, request, PEAL_REFUSAL_BAD_REQUEST, NULL,
				  "ID_GENERATION_ERROR");
		return;
	}
	if (r < 0) {
		peal_front_answer_unavailable(front, request);
		return;
	}
	peal_front_headers(front, request, true);
	peal_front_headers(front, request, false);
	if (session->state == PEAL_SESSION_CLOSED) {
		/* One of the hooks has closed the node. */
		peal_front_answer_unavailable(front, request);
		return;
	}
	if (!websocket) {
		session->parked_get = request;
		peal_http_request_set_userdata(request, session);
		add_cookie(front, request, session->sid);
		peal_session_opened(session);
		return;
	}
	session->handshake_frames = 0;
	struct peal_websocket *connection =
		peal_front_adopt(front, request, &peal_websocket_session_handler, session);
	if (!connection) {
		peal_session_close_for(session, "transport error", NULL, PEAL_RELEASE_CUT);
		return;
	}
	peal_websocket_attach(session, connection);
	peal_session_opened(session);
}

/* Frees @asking. Return: its request, for the caller. */
static struct peal_request *end_asking(struct asking *asking)
{
	struct peal_front *front = asking->front;
	struct peal_request *request = asking->request;
	peal_decision_forget(&asking->decision);
	peal_timer_disarm(front->engine->context->loop, &asking->later);
	peal_addresses_leave(&front->engine->context->addresses, request->address);
	front->asking_count--;
	peal_list_unlink(&asking->link);
	free(asking);
	return request;
}

/* Open what was accepted, if its client is still there. Frees @asking. */
static void open_accepted(struct asking *asking)
{
	struct peal_front *front = asking->front;
	struct peal_http_request *request = asking->http;
	struct peal_request *copy = end_asking(asking);
	if (request)
		peal_http_request_set_userdata(request, NULL);
	if (request && peal_front_has_room(front, request)) {
		struct query query;
		read_query(copy, &query);
		open_session(front, request, copy, &query);
	} else {
		free(copy);
	}
}

static void on_later(struct peal_timer *timer)
{
	open_accepted(peal_container(timer, struct asking, later));
}

static void on_allowed(struct peal_decision *decision, bool accepted, const char *message,
		       const char *data)
{
	struct asking *asking = peal_container(decision, struct asking, decision);
	struct peal_front *front = asking->front;
	struct peal_http_request *request = asking->http;
	(void)data;
	if (accepted && request && peal_front_wants_websocket(front, request) &&
	    peal_websockets_busy(front->websockets)) {
		/* The answer came from inside of what another WebSocket is just delivering. */
		if (peal_timer_arm(front->engine->context->loop, &asking->later, 0) == 0)
			return;
		asking->http = NULL;
		peal_http_request_set_userdata(request, NULL);
		peal_front_answer_unavailable(front, request);
	}
	if (accepted) {
		open_accepted(asking);
		return;
	}
	asking->http = NULL;
	if (request) {
		peal_http_request_set_userdata(request, NULL);
		peal_front_refuse(front, request, PEAL_REFUSAL_FORBIDDEN, message, "FORBIDDEN");
	}
	free(end_asking(asking));
}

static void ask(struct peal_front *front, struct peal_http_request *request,
		const struct query *query)
{
	const struct peal_engine_options *options = &front->engine->options;
	struct peal_addresses *addresses = &front->engine->context->addresses;
	struct peal_request *copy = peal_request_copy(peal_http_request_request(request));
	struct asking *asking = NULL;
	struct peal_next *next = NULL;
	if (copy && !options->allow_request) {
		open_session(front, request, copy, query);
		return;
	}
	/* Those whose clients left count until the hook has answered. */
	if (copy && front->asking_count < front->engine->context->max_sessions &&
	    (asking = calloc(1, sizeof(*asking))) &&
	    peal_addresses_enter(addresses, copy->address) == 0) {
		asking->decision.fn = on_allowed;
		asking->later.fn = on_later;
		next = peal_decision_ask(front->decisions, &asking->decision);
		if (!next)
			peal_addresses_leave(addresses, copy->address);
	}
	if (!next) {
		free(asking);
		free(copy);
		peal_front_answer_unavailable(front, request);
		return;
	}
	asking->front = front;
	asking->http = request;
	asking->request = copy;
	peal_list_append(&front->asking, &asking->link);
	front->asking_count++;
	/* Tells on_abort() that no session has this request yet. */
	peal_http_request_set_userdata(request, &front->asking);
	options->allow_request(copy, next, options->userdata);
}

/* --- from the HTTP server ------------------------------------------------------------------ */

static void on_request(struct peal_http_request *request, void *context)
{
	struct peal_front *front = context;
	const struct peal_request *head = peal_http_request_request(request);
	bool upgrade = peal_front_wants_websocket(front, request);
	struct query query;
	peal_loop_run_tasks(front->engine->context->loop);
	read_query(head, &query);
	if (!transport_enabled(front, query.transport)) {
		peal_front_refuse(front, request, PEAL_REFUSAL_TRANSPORT_UNKNOWN, NULL,
				  "UNKNOWN_TRANSPORT");
		return;
	}
	if (!origin_valid(peal_request_header(head, "origin"))) {
		peal_front_refuse(front, request, PEAL_REFUSAL_BAD_REQUEST, NULL, "INVALID_ORIGIN");
		return;
	}
	bool websocket_named = !strcmp(query.transport, "websocket");
	if (query.has_sid) {
		struct peal_session *session =
			peal_engine_find(front->engine, query.sid, strlen(query.sid));
		if (!session) {
			peal_front_refuse(front, request, PEAL_REFUSAL_SID_UNKNOWN, NULL,
					  "UNKNOWN_SID");
		} else if (upgrade ? !websocket_named || !front->engine->options.allow_upgrades
				   : strcmp(query.transport, session->transport->name) != 0) {
			peal_front_refuse(front, request, PEAL_REFUSAL_BAD_REQUEST, NULL,
					  "TRANSPORT_MISMATCH");
		} else if (!query.revision_4) {
			peal_front_refuse(front, request, PEAL_REFUSAL_BAD_REQUEST, NULL,
					  "PROTOCOL_MISMATCH");
		} else if (upgrade) {
			peal_upgrade_begin(front, session, request);
		} else if (session->transport != &peal_polling_transport) {
			peal_front_refuse(front, request, PEAL_REFUSAL_BAD_REQUEST, NULL,
					  "TRANSPORT_MISMATCH");
		} else if (!strcmp(head->method, "GET")) {
			peal_polling_get(front, session, request);
		} else if (!strcmp(head->method, "POST")) {
			peal_polling_post(front, session, request);
		} else {
			peal_http_request_respond(request, 500, NULL, NULL, 0, false);
		}
		return;
	}
	if (strcmp(head->method, "GET") != 0) {
		peal_front_refuse(front, request, PEAL_REFUSAL_HANDSHAKE_METHOD, NULL,
				  "BAD_HANDSHAKE_METHOD");
		return;
	}
	if (websocket_named != upgrade) {
		peal_front_refuse(front, request, PEAL_REFUSAL_BAD_REQUEST, NULL,
				  "TRANSPORT_HANDSHAKE_ERROR");
		return;
	}
	/* Before the hook, which may be what the rate is to spare. What would be refused for its
	 * version anyway takes nobody's place. */
	if (peal_front_has_room(front, request) &&
	    (!query.revision_4 || peal_front_lets_in(front, request)))
		ask(front, request, &query);
}

static void on_body(struct peal_http_request *request, const char *body, size_t length,
		    void *context)
{
	(void)context;
	if (peal_http_request_userdata(request))
		peal_polling_body(request, body, length);
}

static void on_abort(struct peal_http_request *request, enum peal_http_abort why, void *context)
{
	struct peal_front *front = context;
	if (peal_http_request_userdata(request) != &front->asking) {
		peal_polling_abort(request, why);
		return;
	}
	peal_list_each (link, &front->asking) {
		struct asking *asking = peal_container(link, struct asking, link);
		if (asking->http == request)
			asking->http = NULL; /* the hook may still look at its copy; its answer goes
						nowhere */
	}
}

static const struct peal_http_handler http_handler = { on_request, on_body, on_abort };

/* --- life ---------------------------------------------------------------------------------- */

/* What may stand in a cookie attribute. */
static bool cookie_text_valid(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= 0x20 || *c >= 0x7f || strchr("\",;\\", *c))
			return false;
	return true;
}

static int copy_cookie(struct peal_front *front)
{
	const struct peal_cookie_options *cookie = &front->engine->options.cookie;
	const char *name = cookie->name ? cookie->name : "io";
	const char *path = cookie->path ? cookie->path : "/";
	if (!*name || strchr(name, '=') || !cookie_text_valid(name) || !cookie_text_valid(path) ||
	    (cookie->domain && !cookie_text_valid(cookie->domain)) ||
	    cookie->same_site > PEAL_SAME_SITE_ABSENT)
		return -EINVAL;
	front->cookie_name = strdup(name);
	front->cookie_path = strdup(path);
	front->cookie_domain = cookie->domain ? strdup(cookie->domain) : NULL;
	return front->cookie_name && front->cookie_path && (!cookie->domain || front->cookie_domain)
		       ? 0
		       : -ENOMEM;
}

int peal_front_new(struct peal_engine *engine, struct peal_http_server *http,
		   struct peal_websockets *websockets, struct peal_decisions *decisions,
		   struct peal_front **ret_front)
{
	struct peal_front *front = calloc(1, sizeof(*front));
	if (!front)
		return -ENOMEM;
	front->engine = engine;
	front->http = http;
	front->websockets = websockets;
	front->decisions = decisions;
	front->scratch = PEAL_BUFFER(2 * engine->options.outbox_limit + (64u << 20));
	peal_list_init(&front->asking);
	peal_deadlines_init(&front->upgrade_due, engine->context->loop,
			    engine->options.upgrade_timeout_ms, false, peal_upgrade_expired);
	engine->front = front;
	const char *option = "cookie";
	int r = copy_cookie(front);
	if (r == 0) {
		option = "cors";
		r = peal_cors_new(&engine->options.cors, &front->cors);
	}
	if (r == -EINVAL)
		peal_log(engine->context->log, PEAL_LOG_ERROR, "engine option out of range",
			 PEAL_FIELD_TEXT("option", option));
	if (r == 0)
		r = peal_http_server_mount(http, engine->options.path, &http_handler, front,
					   front->cors);
	if (r < 0) {
		peal_front_free(front);
		return r;
	}
	*ret_front = front;
	return 0;
}

int peal_front_set_cors(struct peal_front *front, const struct peal_cors_options *options)
{
	struct peal_cors *cors;
	int r = peal_cors_new(options, &cors);
	if (r < 0)
		return r;
	peal_http_server_set_cors(front->http, front->engine->options.path, cors);
	peal_cors_free(front->cors);
	front->cors = cors;
	return 0;
}

int peal_front_enter_addresses(struct peal_front *front)
{
	struct peal_addresses *addresses = &front->engine->context->addresses;
	int r = 0;
	peal_list_each (link, &front->asking) {
		const struct asking *asking = peal_container(link, struct asking, link);
		if (r == 0)
			r = peal_addresses_enter(addresses, asking->request->address);
	}
	peal_list_each (link, &front->engine->sessions) {
		const struct peal_session *session =
			peal_container(link, struct peal_session, link);
		if (r == 0)
			r = peal_addresses_enter(addresses, session->request->address);
	}
	return r;
}

void peal_front_free(struct peal_front *front)
{
	if (!front)
		return;
	peal_list_each (link, &front->asking)
		free(end_asking(peal_container(link, struct asking, link)));
	peal_deadlines_deinit(&front->upgrade_due);
	peal_buffer_deinit(&front->scratch);
	peal_cors_free(front->cors);
	free(front->cookie_name);
	free(front->cookie_path);
	free(front->cookie_domain);
	free(front);
}
