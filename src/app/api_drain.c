/*
 * POST /api/drain: the node sends its clients away, little by little, and ends, as on SIGTERM.
 */
#include <errno.h>
#include <inttypes.h>

#include "api_private.h"
#include "drain.h"

/* The time when neither the request nor --drain-seconds names one. */
#define DRAIN_SECONDS 30

static bool read_seconds(struct peal_piece object, unsigned *seconds, struct peal_api_error *error)
{
	struct peal_piece key, value;
	struct peal_pieces walk;
	bool seen = false;

	if (*object.at != '{')
		return peal_api_wrong(error, 400, "wrong_type", "the body: must be an object");
	for (walk = peal_piece_into(object); peal_piece_next(&walk, &key, &value);) {
		if (!peal_piece_is(key, "seconds"))
			return peal_api_unknown(error, "", key);
		if (seen)
			return peal_api_wrong(error, 400, "repeated_key",
					      "seconds: is there twice");
		seen = true;
		if (*value.at != '-' && (*value.at < '0' || *value.at > '9'))
			return peal_api_wrong(error, 400, "wrong_type",
					      "seconds: must be a number");
		if (!peal_piece_natural(value, seconds) || *seconds > PEAL_DRAIN_MAX_SECONDS)
			return peal_api_wrong(error, 400, "invalid_value",
					      "seconds: must be a whole number from 0 to %d",
					      PEAL_DRAIN_MAX_SECONDS);
	}
	return true;
}

/* The body may be missing: curl -X POST says all there is to say. */
static bool read_body(struct peal_http_request *request, unsigned *seconds,
		      struct peal_api_error *error)
{
	struct peal_args *args = NULL;
	struct peal_piece value;
	size_t length;
	bool good;

	(void)peal_http_request_body(request, &length);
	if (!length)
		return true;
	good = peal_api_body(request, &args, &value, error) && read_seconds(value, seconds, error);
	peal_args_free(args);
	return good;
}

/* From the next turn of the loop, when the answer is on its way. */
static void begin(struct peal_node *node, void *userdata)
{
	struct peal_api *api = userdata;

	(void)node;
	if (!api->closed)
		peal_drain_begin(api->drain, api->drain_seconds);
}

void peal_api_drain(struct peal_api *api, struct peal_http_request *request)
{
	struct peal_api_error error;
	struct peal_api_text text;
	unsigned seconds = *api->drain_default ? (unsigned)*api->drain_default : DRAIN_SECONDS;
	struct peal_stats stats;
	int r;

	if (!read_body(request, &seconds, &error)) {
		peal_api_refuse(request, &error);
		return;
	}
	r = peal_drain_over(api->drain) ? -ESHUTDOWN : peal_node_after(api->node, 0, begin, api);
	if (r != 0) {
		peal_api_failed(r, &error);
		peal_api_refuse(request, &error);
		return;
	}
	api->drain_seconds = seconds;
	/* Not ready from here on, so that who got the answer need not wait for it. */
	peal_node_drain(api->node);
	peal_node_stats(api->node, &stats);
	if (peal_api_text_open(&text))
		fprintf(text.stream, "{\"seconds\":%u,\"sessions\":%" PRIu64 "}", seconds,
			stats.sessions);
	peal_api_text_reply(&text, request, 202);
}
