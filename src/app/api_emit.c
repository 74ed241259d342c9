/*
 * POST /api/emit, one event or an array of them, and POST /api/server-emit.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api_binary.h"
#include "api_private.h"

/* --- results --------------------------------------------------------------------------------- */

static void put_missing(FILE *stream, const struct peal_acks *acks)
{
	fprintf(stream, "\"servers\":{\"expected\":%zu,\"answered\":%zu,\"missing\":[",
		acks->servers_expected, acks->servers_answered);
	for (size_t i = 0; i < acks->missing_server_count; i++) {
		if (i)
			fputc(',', stream);
		peal_piece_put_string(stream, acks->missing_servers[i]);
	}
	fprintf(stream, "],\"unnamed_missing\":%zu}}", acks->unnamed_missing_servers);
}

static void put_acks(FILE *stream, const struct peal_acks *acks, bool clients)
{
	const char *error = peal_ack_strerror(acks->error);

	fputs("{\"error\":", stream);
	if (error)
		peal_piece_put_string(stream, error);
	else
		fputs("null", stream);
	fputs(",\"responses\":[", stream);
	for (size_t i = 0; i < acks->response_count; i++) {
		if (i)
			fputc(',', stream);
		peal_api_args_put(stream, acks->responses[i]);
	}
	fputs("],", stream);
	if (clients)
		fprintf(stream, "\"clients\":{\"expected\":%zu,\"answered\":%zu},",
			acks->clients_expected, acks->clients_answered);
	put_missing(stream, acks);
}

/* --- POST /api/emit -------------------------------------------------------------------------- */

/* One event of the request, and later what became of it. */
struct item {
	struct batch *batch;
	struct peal_api_order order;
	char *result; /* NULL until it is known, and without memory */
	size_t result_length;
};

/* A request. It is answered when the last of its items has a result. */
struct batch {
	struct peal_api *api;
	struct peal_api_held held;
	size_t count, waiting; /* waiting: rounds under way, and 1 while it is being started */
	bool array, asked;
	unsigned failed_status; /* of a single event */
	struct item items[];
};

static void batch_free(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		peal_api_order_deinit(&batch->items[i].order);
		free(batch->items[i].result);
	}
	free(batch);
}

static void batch_done(struct batch *batch)
{
	unsigned status = batch->asked ? 200 : 202;
	struct peal_api_text text;
	FILE *stream;

	if (--batch->waiting)
		return;
	stream = peal_api_text_open(&text);
	for (size_t i = 0; stream && i < batch->count; i++) {
		const struct item *item = &batch->items[i];

		fputs(!batch->array ? "" : i ? "," : "[", stream);
		if (item->result)
			fwrite(item->result, 1, item->result_length, stream);
		else
			fputs("{\"error\":{\"code\":\"no_memory\",\"message\":\"the node has no "
			      "memory\"}}",
			      stream);
	}
	if (stream && batch->array)
		fputc(']', stream);
	if (!batch->array && batch->failed_status)
		status = batch->failed_status;
	peal_api_text_reply(&text, peal_api_take(&batch->held), status);
	batch_free(batch);
}

/* Opens the result of an item; without memory there will be none. */
static FILE *open_result(struct item *item)
{
	return open_memstream(&item->result, &item->result_length);
}

static void close_result(struct item *item, FILE *stream)
{
	if (stream && fclose(stream) != 0) {
		free(item->result);
		item->result = NULL;
	}
}

static void on_acks(const struct peal_acks *acks, void *userdata)
{
	struct item *item = userdata;
	struct batch *batch = item->batch;
	FILE *stream = open_result(item);

	if (stream)
		put_acks(stream, acks, true);
	close_result(item, stream);
	batch->api->open--;
	batch_done(batch);
}

static void start(struct item *item)
{
	struct peal_target target = peal_api_order_target(&item->order);
	struct peal_api_order *order = &item->order;
	struct batch *batch = item->batch;
	struct peal_api_error error;
	FILE *stream;
	int r;

	if (order->timeout_ms)
		r = peal_emit_ack_args(order->ns, &target, order->timeout_ms, on_acks, item,
				       order->event, order->args);
	else
		r = peal_emit_args(order->ns, &target, order->event, order->args);
	if (r == 0 && order->timeout_ms) {
		batch->waiting++;
		batch->api->open++;
		return;
	}
	stream = open_result(item);
	if (r != 0)
		peal_api_failed(r, &error);
	if (stream && r == 0)
		fprintf(stream, "{\"cluster\":\"%s\"}", peal_api_cluster_state(batch->api));
	else if (stream)
		peal_api_put_error(stream, &error);
	close_result(item, stream);
	if (r != 0)
		batch->failed_status = error.status;
}

#define EMIT_KEYS                                                                 \
	(PEAL_API_NAMESPACE | PEAL_API_ROOMS | PEAL_API_EXCEPT | PEAL_API_FLAGS | \
	 PEAL_API_VOLATILE | PEAL_API_EVENT | PEAL_API_ARGS_KEY | PEAL_API_TIMEOUT)

static bool no_args(struct peal_api_order *order, struct peal_api_error *error)
{
	if (order->args || peal_args_new_from_json("[]", 2, NULL, 0, &order->args) == 0)
		return true;
	peal_api_failed(-ENOMEM, error);
	return false;
}

static bool read_item(struct batch *batch, size_t index, struct peal_piece value,
		      struct peal_api_error *error)
{
	struct item *item = &batch->items[index];
	char path[32] = "";

	if (batch->array)
		snprintf(path, sizeof(path), "[%zu]", index);
	item->batch = batch;
	batch->count = index + 1;
	if (!peal_api_order_read(batch->api, value, path, EMIT_KEYS, PEAL_API_EVENT, &item->order,
				 error) ||
	    !no_args(&item->order, error))
		return false;
	batch->asked |= item->order.timeout_ms != 0;
	return true;
}

static size_t count_items(struct peal_piece array)
{
	struct peal_pieces walk = peal_piece_into(array);
	struct peal_piece item;
	size_t count = 0;

	while (count <= PEAL_API_EMITS && peal_piece_next(&walk, NULL, &item))
		count++;
	return count;
}

static struct batch *read_batch(struct peal_api *api, struct peal_piece body,
				struct peal_api_error *error)
{
	bool array = *body.at == '[';
	size_t count = array ? count_items(body) : 1, rounds = 0;
	struct batch *batch;
	bool good = true;

	if (!count || count > PEAL_API_EMITS) {
		peal_api_wrong(error, 400, count ? "too_large" : "empty",
			       "the array must have 1 to %d events", PEAL_API_EMITS);
		return NULL;
	}
	batch = calloc(1, sizeof(*batch) + count * sizeof(*batch->items));
	if (!batch) {
		peal_api_failed(-ENOMEM, error);
		return NULL;
	}
	batch->api = api;
	batch->array = array;
	if (array) {
		struct peal_pieces walk = peal_piece_into(body);
		struct peal_piece value;

		for (size_t i = 0; good && i < count; i++)
			good = peal_piece_next(&walk, NULL, &value) &&
			       read_item(batch, i, value, error);
	} else {
		good = read_item(batch, 0, body, error);
	}
	for (size_t i = 0; i < batch->count; i++)
		rounds += batch->items[i].order.timeout_ms != 0;
	if (good && rounds && api->open + rounds > PEAL_API_OPEN)
		good = peal_api_wrong(error, 429, "busy",
				      "no more than %d requests may wait for the cluster",
				      PEAL_API_OPEN);
	if (good)
		return batch;
	batch_free(batch);
	return NULL;
}

void peal_api_emit(struct peal_api *api, struct peal_http_request *request)
{
	struct peal_args *args = NULL;
	struct peal_api_error error;
	struct batch *batch = NULL;
	struct peal_piece body;

	if (peal_api_body(request, &args, &body, &error))
		batch = read_batch(api, body, &error);
	peal_args_free(args);
	if (!batch) {
		peal_api_refuse(request, &error);
		return;
	}
	peal_api_hold(api, &batch->held, request);
	batch->waiting = 1;
	for (size_t i = 0; i < batch->count; i++)
		start(&batch->items[i]);
	batch_done(batch);
}

/* --- POST /api/server-emit ------------------------------------------------------------------- */

static void on_server_acks(const struct peal_acks *acks, void *userdata)
{
	struct peal_api_wait *wait = userdata;
	struct peal_api_text text;

	if (peal_api_text_open(&text))
		put_acks(text.stream, acks, false);
	peal_api_text_reply(&text, peal_api_take(&wait->held), 200);
	peal_api_wait_free(wait);
}

void peal_api_server_emit(struct peal_api *api, struct peal_http_request *request)
{
	struct peal_api_error error;
	struct peal_api_wait *wait = peal_api_wait_new(api, request, &error);
	struct peal_api_order *order;
	int r;

	if (!wait) {
		peal_api_refuse(request, &error);
		return;
	}
	order = &wait->order;
	if (!peal_api_body_order(api, request,
				 PEAL_API_NAMESPACE | PEAL_API_EVENT | PEAL_API_ARGS_KEY |
					 PEAL_API_TIMEOUT,
				 PEAL_API_EVENT, order, &error) ||
	    !no_args(order, &error)) {
		peal_api_refuse(request, &error);
		peal_api_wait_free(wait);
		return;
	}
	if (order->timeout_ms)
		r = peal_server_emit_ack_args(order->ns, order->timeout_ms, on_server_acks, wait,
					      order->event, order->args);
	else
		r = peal_server_emit_args(order->ns, order->event, order->args);
	if (r == 0 && order->timeout_ms)
		return;
	if (r != 0) {
		peal_api_failed(r, &error);
		peal_api_refuse(request, &error);
	} else {
		peal_api_accepted(api, request);
	}
	peal_api_wait_free(wait);
}
