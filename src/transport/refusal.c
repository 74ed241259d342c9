/*
 * Who gets no session, and with which answer: the errors of Engine.IO, and the limits of a node.
 */
#include <string.h>

#include "protocol/json.h"
#include "protocol/text.h"
#include "transport/transports.h"

static const char *const messages[] = {
	"Transport unknown", "Session ID unknown", "Bad handshake method",
	"Bad request",	     "Forbidden",	   "Unsupported protocol version",
};

bool peal_front_wants_websocket(const struct peal_front *front,
				const struct peal_http_request *request)
{
	return peal_http_request_is_upgrade(request) &&
	       front->engine->options.transports & PEAL_TRANSPORT_WEBSOCKET;
}

static void answer_error(struct peal_front *front, struct peal_http_request *request,
			 unsigned status, int code, const char *message)
{
	if (peal_front_wants_websocket(front, request)) {
		/* As the Node.js server does, but for what may be tried again. */
		peal_http_request_refuse_upgrade(
			request, status == 429 || status == 503 ? status : 400, message);
		return;
	}
	struct peal_buffer body = PEAL_BUFFER(4096);
	peal_buffer_append_format(&body, "{\"code\":%d,\"message\":", code);
	peal_json_append_string(&body, message, strlen(message));
	peal_buffer_append_char(&body, '}');
	peal_http_request_respond(request, status, "application/json", body.bytes, body.length,
				  false);
	peal_buffer_deinit(&body);
}

/* --- for what the request says -------------------------------------------------------------- */

static void count_refusal(struct peal_stats *stats, enum peal_refusal code)
{
	uint64_t *const counters[] = {
		&stats->handshakes_refused_transport, &stats->handshakes_refused_sid,
		&stats->handshakes_refused_method,    &stats->handshakes_refused_request,
		&stats->handshakes_refused_forbidden, &stats->handshakes_refused_protocol,
	};
	stats->handshakes_refused++;
	++*counters[code];
}

void peal_front_refuse(struct peal_front *front, struct peal_http_request *request,
		       enum peal_refusal code, const char *message, const char *check)
{
	const struct peal_engine_options *options = &front->engine->options;
	if (!message || !peal_utf8_valid(message, strlen(message)))
		message = messages[code];
	count_refusal(front->engine->context->stats, code);
	if (options->connection_error)
		options->connection_error(peal_http_request_request(request), code, message, check,
					  options->userdata);
	answer_error(front, request, code == PEAL_REFUSAL_FORBIDDEN ? 403 : 400, code, message);
}

void peal_front_refuse_upgrade(struct peal_front *front, struct peal_http_request *request,
			       const char *message)
{
	count_refusal(front->engine->context->stats, PEAL_REFUSAL_BAD_REQUEST);
	peal_http_request_refuse_upgrade(request, 400, message);
}

/* --- for what the node can take ------------------------------------------------------------- */

void peal_front_answer_unavailable(struct peal_front *front, struct peal_http_request *request)
{
	answer_error(front, request, 503, PEAL_REFUSAL_BAD_REQUEST,
		     messages[PEAL_REFUSAL_BAD_REQUEST]);
}

static void ask_to_come_later(struct peal_front *front, struct peal_http_request *request,
			      const char *seconds)
{
	peal_http_request_add_header(request, "Retry-After", seconds);
	peal_front_answer_unavailable(front, request);
}

/* It is the client's own doing, so no other node needs to be tried: see retry-on of haproxy.cfg. */
static void answer_address(struct peal_front *front, struct peal_http_request *request,
			   const char *seconds, const char *message)
{
	peal_http_request_add_header(request, "Retry-After", seconds);
	answer_error(front, request, 429, PEAL_REFUSAL_BAD_REQUEST, message);
}

/* Behind a balancer that nobody trusts, the first few clients would be all that get in. */
static void look_for_proxy(struct peal_front *front, const struct peal_request *head)
{
	if (front->warned_of_proxy || peal_http_server_has_trusted(front->http) ||
	    !peal_request_header(head, "x-forwarded-for"))
		return;
	front->warned_of_proxy = true;
	peal_log(front->engine->context->log, PEAL_LOG_WARNING,
		 "there is a limit for each address and no trusted proxy, but a request has "
		 "X-Forwarded-For: all clients of a balancer count as one address",
		 PEAL_FIELD_TEXT("address", head->address));
}

static bool address_has_room(struct peal_front *front, struct peal_http_request *request)
{
	struct peal_addresses *addresses = &front->engine->context->addresses;
	const struct peal_request *head = peal_http_request_request(request);
	if (!peal_addresses_limited(addresses))
		return true;
	look_for_proxy(front, head);
	if (peal_addresses_has_room(addresses, head->address))
		return true;
	answer_address(front, request, "5", "Too many clients with this address");
	return false;
}

bool peal_front_has_room(struct peal_front *front, struct peal_http_request *request)
{
	struct peal_engine_context *context = front->engine->context;
	if (!context->draining && context->session_count < context->max_sessions)
		return address_has_room(front, request);
	if (context->draining)
		context->stats->sessions_refused_draining++;
	else
		context->stats->sessions_refused_full++;
	ask_to_come_later(front, request, "5");
	return false;
}

bool peal_front_lets_in(struct peal_front *front, struct peal_http_request *request)
{
	struct peal_engine_context *context = front->engine->context;
	uint64_t now_ms = peal_loop_real_ms(context->loop);
	/* Who is refused for his address takes nothing from the others, nor the other way round. */
	if (!peal_admission_open(&context->admission, now_ms)) {
		context->stats->sessions_refused_rate++;
		ask_to_come_later(front, request, "1");
		return false;
	}
	int r = peal_addresses_take(&context->addresses,
				    peal_http_request_request(request)->address);
	if (r == 0)
		return peal_admission_take(&context->admission, now_ms);
	if (r == PEAL_ADDRESSES_E_TOO_FAST)
		answer_address(front, request, "1", "Too many new clients with this address");
	else
		peal_front_answer_unavailable(front, request);
	return false;
}
