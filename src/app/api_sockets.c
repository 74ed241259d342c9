/*
 * /api/sockets and what is below it, and /api/count.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api_private.h"

#define TARGET_KEYS (PEAL_API_NAMESPACE | PEAL_API_ROOMS | PEAL_API_EXCEPT | PEAL_API_FLAGS)

/* Answers with what went wrong, and ends the wait. */
static void give_up(struct peal_api_wait *wait, struct peal_http_request *request,
		    const struct peal_api_error *error)
{
	peal_api_refuse(request, error);
	if (wait)
		peal_api_wait_free(wait);
}

/* --- join, leave, disconnect ----------------------------------------------------------------- */

static void on_confirmed(size_t confirmed, size_t expected, void *userdata)
{
	struct peal_api_wait *wait = userdata;
	char text[96];

	peal_api_reply(peal_api_take(&wait->held), 200, text,
		       (size_t)snprintf(text, sizeof(text), "{\"confirmed\":%zu,\"expected\":%zu}",
					confirmed, expected));
	peal_api_wait_free(wait);
}

typedef int confirmed_fn(struct peal_namespace *ns, const struct peal_target *target,
			 struct peal_rooms rooms, peal_confirmed_fn *fn, void *userdata);

static void change_rooms(struct peal_api *api, struct peal_http_request *request,
			 confirmed_fn *change)
{
	struct peal_api_error error;
	struct peal_api_wait *wait = peal_api_wait_new(api, request, &error);
	struct peal_target target;
	struct peal_rooms rooms;
	int r;

	if (!wait || !peal_api_body_order(api, request, TARGET_KEYS | PEAL_API_TARGETS,
					  PEAL_API_TARGETS, &wait->order, &error)) {
		give_up(wait, request, &error);
		return;
	}
	target = peal_api_order_target(&wait->order);
	rooms = PEAL_ROOM_LIST((const char *const *)wait->order.targets.items,
			       wait->order.targets.count);
	r = change(wait->order.ns, &target, rooms, on_confirmed, wait);
	if (r != 0) {
		peal_api_failed(r, &error);
		give_up(wait, request, &error);
	}
}

void peal_api_join(struct peal_api *api, struct peal_http_request *request)
{
	change_rooms(api, request, peal_sockets_join_confirmed);
}

void peal_api_leave(struct peal_api *api, struct peal_http_request *request)
{
	change_rooms(api, request, peal_sockets_leave_confirmed);
}

/* Everyone must be asked for by name here: a forgotten list would cost all their connections. */
static bool read_disconnect(struct peal_api *api, struct peal_http_request *request,
			    struct peal_api_order *order, struct peal_api_error *error)
{
	if (!peal_api_body_order(api, request, TARGET_KEYS | PEAL_API_ALL | PEAL_API_CLOSE, 0,
				 order, error))
		return false;
	if (order->all && order->rooms.given)
		return peal_api_wrong(error, 400, "invalid_value",
				      "all: means everyone, so \"rooms\" cannot be given too");
	if (!order->all && !order->rooms.given)
		return peal_api_wrong(error, 400, "missing_key",
				      "rooms: is needed; \"all\": true disconnects everyone");
	return true;
}

void peal_api_disconnect(struct peal_api *api, struct peal_http_request *request)
{
	struct peal_api_order order = { 0 };
	struct peal_api_error error;
	struct peal_target target;
	int r = 0;

	if (!read_disconnect(api, request, &order, &error)) {
		peal_api_refuse(request, &error);
	} else {
		target = peal_api_order_target(&order);
		r = peal_sockets_disconnect(order.ns, &target, order.close);
		if (r == 0) {
			peal_api_accepted(api, request);
		} else {
			peal_api_failed(r, &error);
			peal_api_refuse(request, &error);
		}
	}
	peal_api_order_deinit(&order);
}

/* --- GET /api/sockets ------------------------------------------------------------------------ */

/* What lets somebody act as the client stays here. */
static void put_handshake(FILE *stream, const char *text)
{
	static const char *const secret[] = { "cookie", "authorization", "proxy-authorization" };
	cJSON *handshake = cJSON_Parse(text);
	cJSON *headers = cJSON_GetObjectItemCaseSensitive(handshake, "headers");
	char *printed;

	cJSON_DeleteItemFromObjectCaseSensitive(handshake, "auth");
	for (size_t i = 0; i < sizeof(secret) / sizeof(*secret); i++)
		while (cJSON_HasObjectItem(headers, secret[i]))
			cJSON_DeleteItemFromObject(headers, secret[i]);
	printed = cJSON_IsObject(handshake) ? cJSON_PrintUnformatted(handshake) : NULL;
	fputs(printed ? printed : "null", stream);
	cJSON_free(printed);
	cJSON_Delete(handshake);
}

static void put_socket(FILE *stream, const struct peal_socket_info *info, bool handshake)
{
	fputs("{\"id\":", stream);
	peal_piece_put_string(stream, info->id);
	fputs(",\"node\":", stream);
	peal_piece_put_string(stream, info->node);
	fputs(",\"rooms\":[", stream);
	for (size_t i = 0; i < info->room_count; i++) {
		if (i)
			fputc(',', stream);
		peal_piece_put_string(stream, info->rooms[i]);
	}
	fputs("],\"data\":", stream);
	fputs(*info->data ? info->data : "{}", stream);
	if (handshake) {
		fputs(",\"handshake\":", stream);
		put_handshake(stream, info->handshake);
	}
	fputc('}', stream);
}

/* What is there when not all servers answered is still worth having. */
static void put_error(FILE *stream, enum peal_ack_error error)
{
	if (error == PEAL_ACK_OK)
		return;
	fputs(",\"error\":", stream);
	peal_piece_put_string(stream, peal_ack_strerror(error));
}

static void on_sockets(enum peal_ack_error error, const struct peal_socket_info *sockets,
		       size_t count, void *userdata)
{
	struct peal_api_wait *wait = userdata;
	size_t listed = count < wait->order.limit ? count : wait->order.limit;
	struct peal_api_text text;
	FILE *stream = peal_api_text_open(&text);

	if (stream) {
		fputs("{\"sockets\":[", stream);
		for (size_t i = 0; i < listed; i++) {
			if (i)
				fputc(',', stream);
			put_socket(stream, &sockets[i], wait->order.handshake);
		}
		fputc(']', stream);
		if (listed < count)
			fprintf(stream, ",\"total\":%zu", count);
		put_error(stream, error);
		fputc('}', stream);
	}
	peal_api_text_reply(&text, peal_api_take(&wait->held), 200);
	peal_api_wait_free(wait);
}

static void fetch(struct peal_api *api, struct peal_http_request *request, unsigned more_keys,
		  peal_sockets_fn *fn)
{
	const char *query = peal_http_request_info(request)->query;
	struct peal_api_error error;
	struct peal_api_wait *wait = peal_api_wait_new(api, request, &error);
	struct peal_target target;
	int r;

	if (!wait || !peal_api_order_query(api, query, TARGET_KEYS | PEAL_API_TIMEOUT | more_keys,
					   &wait->order, &error)) {
		give_up(wait, request, &error);
		return;
	}
	target = peal_api_order_target(&wait->order);
	r = peal_sockets_fetch(wait->order.ns, &target, wait->order.timeout_ms, fn, wait);
	if (r != 0) {
		peal_api_failed(r, &error);
		give_up(wait, request, &error);
	}
}

void peal_api_sockets(struct peal_api *api, struct peal_http_request *request)
{
	fetch(api, request, PEAL_API_LIMIT | PEAL_API_HANDSHAKE, on_sockets);
}

/* --- GET /api/count -------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the nodes, sorted, so that equal ones are adjacent. */
static void put_counts(FILE *stream, const struct peal_socket_info *sockets, size_t count)
{
	const char **names = malloc((count + 1) * sizeof(*names));

	fprintf(stream, "{\"count\":%zu,\"nodes\":[", count);
	for (size_t i = 0; names && i < count; i++)
		names[i] = sockets[i].node;
	if (names)
		qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 0, next; names && i < count; i = next) {
		for (next = i + 1; next < count && !strcmp(names[i], names[next]); next++)
			;
		fputs(i ? ",{\"node\":" : "{\"node\":", stream);
		peal_piece_put_string(stream, names[i]);
		fprintf(stream, ",\"count\":%zu}", next - i);
	}
	fputc(']', stream);
	free(names);
}

static void on_count(enum peal_ack_error error, const struct peal_socket_info *sockets,
		     size_t count, void *userdata)
{
	struct peal_api_wait *wait = userdata;
	struct peal_api_text text;
	FILE *stream = peal_api_text_open(&text);

	if (stream) {
		put_counts(stream, sockets, count);
		put_error(stream, error);
		fputc('}', stream);
	}
	peal_api_text_reply(&text, peal_api_take(&wait->held), 200);
	peal_api_wait_free(wait);
}

void peal_api_count(struct peal_api *api, struct peal_http_request *request)
{
	fetch(api, request, 0, on_count);
}
