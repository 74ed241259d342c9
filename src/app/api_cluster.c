/*
 * GET /api/rooms and GET /api/nodes.
 */
#include <inttypes.h>
#include <string.h>

#include "api_private.h"

static void on_rooms(enum peal_ack_error error, const char *const *rooms, size_t count,
		     void *userdata)
{
	struct peal_api_wait *wait = userdata;
	size_t listed = count < wait->order.limit ? count : wait->order.limit;
	struct peal_api_text text;
	FILE *stream = peal_api_text_open(&text);

	if (stream) {
		fputs("{\"rooms\":[", stream);
		for (size_t i = 0; i < listed; i++) {
			if (i)
				fputc(',', stream);
			peal_piece_put_string(stream, rooms[i]);
		}
		fputc(']', stream);
		if (listed < count)
			fprintf(stream, ",\"total\":%zu", count);
		if (error != PEAL_ACK_OK) {
			fputs(",\"error\":", stream);
			peal_piece_put_string(stream, peal_ack_strerror(error));
		}
		fputc('}', stream);
	}
	peal_api_text_reply(&text, wait->request, 200);
	peal_api_wait_free(wait);
}

void peal_api_rooms(struct peal_api *api, struct peal_http_request *request)
{
	const char *query = peal_http_request_info(request)->query;
	struct peal_api_error error;
	struct peal_api_wait *wait = peal_api_wait_new(api, request, &error);
	int r;

	if (!wait) {
		peal_api_refuse(request, &error);
		return;
	}
	if (peal_api_order_query(api, query, PEAL_API_NAMESPACE | PEAL_API_TIMEOUT | PEAL_API_LIMIT,
				 &wait->order, &error)) {
		r = peal_rooms_fetch(wait->order.ns, wait->order.timeout_ms, on_rooms, wait);
		if (r == 0)
			return;
		peal_api_failed(r, &error);
	}
	peal_api_refuse(request, &error);
	peal_api_wait_free(wait);
}

static void put_member(FILE *stream, const struct peal_member_info *member)
{
	fputs("{\"name\":", stream);
	peal_piece_put_string(stream, member->name);
	fputs(",\"uid\":", stream);
	peal_piece_put_string(stream, member->uid);
	fputs(",\"version\":", stream);
	peal_piece_put_string(stream, member->version);
	fprintf(stream,
		",\"self\":%s,\"silent\":%s,\"clients\":%" PRIu64 ",\"seen_ms\":%" PRIu64
		",\"namespaces\":[",
		member->self ? "true" : "false", member->silent ? "true" : "false", member->clients,
		member->seen_ms);
	for (size_t i = 0; i < member->namespace_count; i++) {
		if (i)
			fputc(',', stream);
		peal_piece_put_string(stream, member->namespaces[i]);
	}
	fputs("]}", stream);
}

static void put_info(const struct peal_cluster_info *info, void *userdata)
{
	static const char *const states[] = {
		[PEAL_ADAPTER_DOWN] = "down",
		[PEAL_ADAPTER_HELD] = "held",
		[PEAL_ADAPTER_UP] = "up",
	};
	FILE *stream = userdata;

	fputs("{\"adapter\":", stream);
	peal_piece_put_string(stream, info->adapter);
	fprintf(stream, ",\"state\":\"%s\",\"detail\":", states[info->state]);
	peal_piece_put_string(stream, info->detail ? info->detail : "");
	fputs(",\"nodes\":[", stream);
	for (size_t i = 0; i < info->member_count; i++) {
		if (i)
			fputc(',', stream);
		put_member(stream, &info->members[i]);
	}
	fprintf(stream, "],\"unnamed\":%zu,\"gap\":", info->unnamed);
	if (info->gap_to_ms)
		fprintf(stream, "{\"from_ms\":%" PRIu64 ",\"to_ms\":%" PRIu64 "}}",
			info->gap_from_ms, info->gap_to_ms);
	else
		fputs("null}", stream);
}

void peal_api_nodes(struct peal_api *api, struct peal_http_request *request)
{
	struct peal_api_order order = { 0 };
	struct peal_api_error error;
	struct peal_api_text text;

	if (!peal_api_order_query(api, peal_http_request_info(request)->query, 0, &order, &error)) {
		peal_api_refuse(request, &error);
	} else {
		if (peal_api_text_open(&text))
			peal_cluster_info(api->node, put_info, text.stream);
		peal_api_text_reply(&text, request, 200);
	}
	peal_api_order_deinit(&order);
}
