/*
 * GET /api/rooms and GET /api/nodes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api_private.h"

/* --- GET /api/rooms --------------------------------------------------------------------------- */

/*
 * The rooms that are a socket's own id are left out. Those of peal nodes are told by the cluster
 * layer; an official server lists them among its rooms, and only its sockets tell which they are.
 */
struct rooms_wait {
	struct peal_api_wait *wait;
	enum peal_ack_error error;
	struct room {
		char *name;
		bool own_id;
	} * rooms; /* sorted */
	size_t count, own_ids;
};

static void rooms_wait_free(struct rooms_wait *rooms)
{
	for (size_t i = 0; i < rooms->count; i++)
		free(rooms->rooms[i].name);
	free(rooms->rooms);
	peal_api_wait_free(rooms->wait);
	free(rooms);
}

static void answer_rooms(struct rooms_wait *rooms)
{
	size_t limit = rooms->wait->order.limit;
	struct peal_api_text text;
	FILE *stream = peal_api_text_open(&text);

	if (stream) {
		size_t listed = 0;

		fputs("{\"rooms\":[", stream);
		for (size_t i = 0; i < rooms->count && listed < limit; i++) {
			if (rooms->rooms[i].own_id)
				continue;
			if (listed++)
				fputc(',', stream);
			peal_piece_put_string(stream, rooms->rooms[i].name);
		}
		fputc(']', stream);
		if (listed < rooms->count - rooms->own_ids)
			fprintf(stream, ",\"total\":%zu", rooms->count - rooms->own_ids);
		if (rooms->error != PEAL_ACK_OK) {
			fputs(",\"error\":", stream);
			peal_piece_put_string(stream, peal_ack_strerror(rooms->error));
		}
		fputc('}', stream);
	}
	peal_api_text_reply(&text, peal_api_take(&rooms->wait->held), 200);
	rooms_wait_free(rooms);
}

static void fail_rooms(struct rooms_wait *rooms, int code)
{
	struct peal_api_error error;

	peal_api_failed(code, &error);
	peal_api_refuse(peal_api_take(&rooms->wait->held), &error);
	rooms_wait_free(rooms);
}

static int compare_rooms(const void *a, const void *b)
{
	return strcmp(((const struct room *)a)->name, ((const struct room *)b)->name);
}

static void on_owners(enum peal_ack_error error, const struct peal_socket_info *sockets,
		      size_t count, void *userdata)
{
	struct rooms_wait *rooms = userdata;

	if (error != PEAL_ACK_OK)
		rooms->error = error;
	for (size_t i = 0; i < count; i++) {
		const struct room key = { .name = (char *)sockets[i].id };
		struct room *found = bsearch(&key, rooms->rooms, rooms->count,
					     sizeof(*rooms->rooms), compare_rooms);

		if (found && !found->own_id) {
			found->own_id = true;
			rooms->own_ids++;
		}
	}
	answer_rooms(rooms);
}

static int keep_rooms(struct rooms_wait *rooms, const char *const *names, size_t count)
{
	rooms->rooms = calloc(count + 1, sizeof(*rooms->rooms));
	if (!rooms->rooms)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		rooms->rooms[i].name = strdup(names[i]);
		if (!rooms->rooms[i].name)
			return -ENOMEM;
		rooms->count++;
	}
	qsort(rooms->rooms, rooms->count, sizeof(*rooms->rooms), compare_rooms);
	return 0;
}

/* Does any of them look like the id of a socket: 20 characters of base64url? */
static bool may_have_ids(const struct rooms_wait *rooms)
{
	static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					"0123456789-_";

	for (size_t i = 0; i < rooms->count; i++)
		if (strlen(rooms->rooms[i].name) == 20 &&
		    strspn(rooms->rooms[i].name, base64url) == 20)
			return true;
	return false;
}

static void on_rooms(enum peal_ack_error error, const char *const *names, size_t count,
		     void *userdata)
{
	struct rooms_wait *rooms = userdata;
	int r = keep_rooms(rooms, names, count);

	rooms->error = error;
	if (r == 0 && error != PEAL_ACK_CLOSED && may_have_ids(rooms)) {
		r = peal_sockets_fetch(rooms->wait->order.ns, PEAL_ALL,
				       rooms->wait->order.timeout_ms, on_owners, rooms);
		if (r == 0)
			return;
	}
	if (r != 0)
		fail_rooms(rooms, r);
	else
		answer_rooms(rooms);
}

void peal_api_rooms(struct peal_api *api, struct peal_http_request *request)
{
	const char *query = peal_http_request_info(request)->query;
	struct peal_api_error error;
	struct peal_api_wait *wait = peal_api_wait_new(api, request, &error);
	struct rooms_wait *rooms;
	int r;

	if (!wait || !peal_api_order_query(api, query,
					   PEAL_API_NAMESPACE | PEAL_API_TIMEOUT | PEAL_API_LIMIT,
					   &wait->order, &error)) {
		peal_api_refuse(request, &error);
		if (wait)
			peal_api_wait_free(wait);
		return;
	}
	rooms = calloc(1, sizeof(*rooms));
	if (!rooms) {
		peal_api_failed(-ENOMEM, &error);
		peal_api_refuse(request, &error);
		peal_api_wait_free(wait);
		return;
	}
	rooms->wait = wait;
	r = peal_rooms_fetch(wait->order.ns, wait->order.timeout_ms, on_rooms, rooms);
	if (r != 0)
		fail_rooms(rooms, r);
}

/* --- GET /api/nodes --------------------------------------------------------------------------- */

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
		fprintf(stream, "{\"from_ms\":%" PRIu64 ",\"to_ms\":%" PRIu64 "}",
			info->gap_from_ms, info->gap_to_ms);
	else
		fputs("null", stream);
	if (info->echo_ms == UINT64_MAX)
		fputs(",\"echo_ms\":null}", stream);
	else
		fprintf(stream, ",\"echo_ms\":%" PRIu64 "}", info->echo_ms);
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
