/*
 * The backend is told what clients send and when they leave.
 *
 * What it is told waits in lanes (lanes.h). A client that wants an acknowledgement gets what the
 * backend answers about its event, or an error when its time is over; the event itself is sent all
 * the same.
 */
#include <errno.h>
#include <peal/peal.h>
#include <stdlib.h>
#include <string.h>

#include "../api_binary.h"
#include "plain_json.h"
#include "webhook_answer.h"
#include "webhook_private.h"

#define PAUSE_CEILING_MS 30000

/* Of one event. A request is two levels more: what everybody can read. */
#define DEPTH 62

#define FAILED PEAL_WAIT_ERROR("failed", "the backend could not handle the event")

/* Goes with an item of a lane. */
struct peal_webhook_event {
	TAILQ_ENTRY(peal_webhook_event) link; /* while somebody waits */
	struct peal_wait *wait;		      /* NULL: nobody does */
	uint64_t wait_till_ms;
	char id[PEAL_EVENT_ID_BYTES];
};

/* --- acknowledgements ------------------------------------------------------------------------ */

static struct peal_wait *stop_waiting(struct peal_webhooks *webhooks,
				      struct peal_webhook_event *event)
{
	struct peal_wait *wait = event->wait;

	if (wait)
		TAILQ_REMOVE(&webhooks->waiting, event, link);
	event->wait = NULL;
	return wait;
}

/* One value of the backend, with {"$binary"} in it. */
static void acknowledge(struct peal_wait *wait, struct peal_piece value)
{
	struct peal_args *args = NULL;
	char *text = malloc(value.length + 2);
	const char *wrong;
	int r = -ENOMEM;

	if (text) {
		text[0] = '[';
		memcpy(text + 1, value.at, value.length);
		text[value.length + 1] = ']';
		r = peal_api_args_read((struct peal_piece){ text, value.length + 2 }, &args,
				       &wrong);
	}
	if (r == 0)
		peal_wait_end_args(wait, args);
	else
		peal_wait_end(wait, FAILED);
	peal_args_free(args);
	free(text);
}

/* Of a batch: the event with an id that a client still waits for. */
static struct peal_webhook_event *find_waiting(const struct peal_lane *lane, struct peal_piece id)
{
	const struct peal_lane_item *item = lane->first;

	for (size_t i = 0; i < lane->batch; i++, item = item->next) {
		struct peal_webhook_event *event = item->userdata;

		if (event->wait && peal_piece_is(id, event->id))
			return event;
	}
	return NULL;
}

/* The backend has taken a batch. */
static void acknowledge_batch(struct peal_webhooks *webhooks, const struct peal_lane *lane,
			      const struct peal_posted *posted)
{
	const struct peal_lane_item *item = lane->first;
	const char *wrong = posted->error ? posted->error : "no memory";
	struct peal_piece id, value;
	struct peal_pieces acks;
	int r = PEAL_WEBHOOK_E_NONSENSE;

	if (!posted->error)
		r = peal_webhook_acks_read(posted->body, posted->length, &acks, &wrong);
	if (r == 0)
		peal_webhook_sense(webhooks);
	else
		peal_webhook_nonsense(webhooks, wrong);
	while (r == 0 && peal_piece_next(&acks, &id, &value)) {
		struct peal_webhook_event *event = find_waiting(lane, id);

		if (event)
			acknowledge(stop_waiting(webhooks, event), value);
	}
	for (size_t i = 0; i < lane->batch; i++, item = item->next) {
		struct peal_wait *wait = stop_waiting(webhooks, item->userdata);

		if (wait)
			peal_wait_end(wait, r == 0 ? "null" : FAILED);
	}
}

static void on_fate(struct peal_lane_item *item, enum peal_lane_fate fate, void *userdata)
{
	struct peal_webhooks *webhooks = userdata;
	struct peal_webhook_event *event = item->userdata;
	struct peal_wait *wait = stop_waiting(webhooks, event);

	if (fate != PEAL_LANE_LOST)
		webhooks->notices[fate]++;
	if (wait)
		peal_wait_end(wait, FAILED);
	free(event);
}

/* --- sending --------------------------------------------------------------------------------- */

static void pump(struct peal_webhooks *webhooks, uint64_t now_ms);

static void on_answer(const struct peal_posted *posted, void *userdata)
{
	const struct peal_webhook_lane *sender = userdata;
	struct peal_webhooks *webhooks = sender->webhooks;
	uint64_t now_ms = peal_clock_ms();
	unsigned pause = posted->retry_after_seconds * 1000;

	switch (peal_webhook_judge(webhooks, posted, 0)) {
	case WEBHOOK_OK:
		acknowledge_batch(webhooks, sender->lane, posted);
		peal_lanes_end(&webhooks->lanes, sender->lane, PEAL_LANE_DELIVERED);
		break;
	case WEBHOOK_REFUSED:
		peal_lanes_end(&webhooks->lanes, sender->lane, PEAL_LANE_REFUSED);
		break;
	default:
		peal_lanes_again(&webhooks->lanes, sender->lane,
				 pause < PAUSE_CEILING_MS ? pause : PAUSE_CEILING_MS, now_ms);
	}
	peal_lanes_expire(&webhooks->lanes, now_ms);
	pump(webhooks, now_ms);
}

static int send(struct peal_webhooks *webhooks, struct peal_lane *lane)
{
	const struct peal_lane_item *item = lane->first;
	const struct peal_webhook_event *first = item->userdata;
	struct peal_webhook_body body;
	int r = peal_webhook_begin(&body, "events");

	if (r != 0)
		return r;
	for (size_t i = 0; i < lane->batch; i++, item = item->next) {
		fputc(i ? ',' : '[', body.stream);
		fwrite(item->json, 1, item->length, body.stream);
	}
	fputc(']', body.stream);
	/* A batch that changes has another first item. */
	return peal_webhook_send(webhooks, &body, first->id, webhooks->settings.timeout_ms,
				 on_answer, &webhooks->senders[lane - webhooks->lanes.items]);
}

static void pump(struct peal_webhooks *webhooks, uint64_t now_ms)
{
	struct peal_lane *lane;

	while ((lane = peal_lanes_next(&webhooks->lanes, now_ms))) {
		if (send(webhooks, lane) == 0)
			peal_lane_sent(lane);
		else
			peal_lanes_again(&webhooks->lanes, lane, 0, now_ms);
	}
}

void peal_webhook_events_tick(struct peal_webhooks *webhooks, uint64_t now_ms)
{
	struct peal_webhook_event *event;

	/* They stand in the order of their coming; a reload may have changed how long they wait. */
	while ((event = TAILQ_FIRST(&webhooks->waiting)) && now_ms >= event->wait_till_ms)
		peal_wait_end(stop_waiting(webhooks, event), PEAL_WAIT_TIMEOUT);
	peal_lanes_expire(&webhooks->lanes, now_ms);
	pump(webhooks, now_ms);
}

/* --- what clients do ------------------------------------------------------------------------- */

/* Takes @json, and @wait unless it fails. */
static int add(struct peal_webhooks *webhooks, const struct peal_socket *socket, const char *id,
	       char *json, size_t length, struct peal_wait *wait, bool reserve)
{
	struct peal_webhook_event *event = malloc(sizeof(*event));
	uint64_t now_ms = peal_clock_ms();
	int r;

	if (!event) {
		free(json);
		return -ENOMEM;
	}
	*event = (struct peal_webhook_event){ .wait = wait,
					      .wait_till_ms =
						      now_ms + webhooks->settings.timeout_ms };
	memcpy(event->id, id, sizeof(event->id));
	r = peal_lanes_add(&webhooks->lanes, peal_event_handler(peal_socket_id(socket)), json,
			   length, reserve, event, now_ms);
	if (r != 0) {
		free(event);
		return r;
	}
	if (wait)
		TAILQ_INSERT_TAIL(&webhooks->waiting, event, link);
	pump(webhooks, now_ms);
	peal_webhook_arm(webhooks);
	return 0;
}

static int describe_event(const char *id, const struct peal_socket *socket,
			  const struct peal_event *event, char **ret_json, size_t *ret_length)
{
	FILE *stream = open_memstream(ret_json, ret_length);
	int r = 0;

	if (!stream)
		return -ENOMEM;
	fputs("{\"type\":\"event\",", stream);
	peal_event_put_client(stream, id, socket);
	fputc(',', stream);
	peal_event_put(stream, event);
	fprintf(stream, ",\"ack\":%s}", event->wants_ack ? "true" : "false");
	if (fclose(stream) != 0)
		r = -ENOMEM;
	else if (!peal_plain_json(*ret_json, *ret_length, DEPTH))
		r = PEAL_EMIT_E_INVALID;
	if (r != 0)
		free(*ret_json);
	return r;
}

/* Why an event or a disconnect is not sent. */
static void count_unsent(struct peal_webhooks *webhooks, int r)
{
	if (r > 0) {
		webhooks->notices[WEBHOOK_NOT_PLAIN]++;
		return;
	}
	webhooks->notices[WEBHOOK_OVERFLOW]++;
	peal_complain(&webhooks->complaint, r == -EBUSY ? "too many events wait" : "no memory");
}

static const char *on_event(struct peal_socket *socket, const struct peal_event *event,
			    void *userdata)
{
	const struct peal_webhook_gate *gate = userdata;
	struct peal_webhooks *webhooks = gate->webhooks;
	struct peal_wait *wait = NULL;
	char id[PEAL_EVENT_ID_BYTES], *json = NULL;
	size_t length = 0;
	int r = 0;

	if (!peal_event_rules_match(&webhooks->settings.events, gate->space, event->name))
		return NULL;
	peal_event_id(&webhooks->ids, id);
	if (event->wants_ack)
		r = peal_wait_new(&webhooks->waits, socket, event, &wait);
	if (r == 0)
		r = describe_event(id, socket, event, &json, &length);
	if (r == 0)
		r = add(webhooks, socket, id, json, length, wait, false);
	if (r == 0)
		return NULL;
	count_unsent(webhooks, r);
	if (wait)
		peal_wait_end(wait, peal_wait_error(r));
	else if (event->wants_ack)
		(void)peal_reply(event, PEAL_JSON(peal_wait_error(r)));
	return NULL;
}

void peal_webhook_disconnected(struct peal_webhook_gate *gate, const struct peal_socket *socket,
			       const char *reason)
{
	struct peal_webhooks *webhooks = gate->webhooks;
	char id[PEAL_EVENT_ID_BYTES], *json = NULL;
	size_t length = 0;
	FILE *stream;
	int r = -ENOMEM;

	if (!peal_webhook_space(&webhooks->settings.disconnects, gate->space))
		return;
	peal_event_id(&webhooks->ids, id);
	stream = open_memstream(&json, &length);
	if (stream) {
		fputs("{\"type\":\"disconnect\",", stream);
		peal_event_put_client(stream, id, socket);
		fputs(",\"reason\":", stream);
		peal_piece_put_string(stream, reason);
		fputc('}', stream);
		if (fclose(stream) == 0)
			r = add(webhooks, socket, id, json, length, NULL, true);
		else
			free(json);
	}
	if (r != 0)
		count_unsent(webhooks, r);
}

static void on_disconnect(struct peal_socket *socket, const char *reason, const char *description,
			  void *userdata)
{
	(void)description;
	peal_webhook_disconnected(userdata, socket, reason);
}

/* --- set up ---------------------------------------------------------------------------------- */

void peal_webhook_events_init(struct peal_webhooks *webhooks)
{
	TAILQ_INIT(&webhooks->waiting);
	peal_lanes_init(&webhooks->lanes, webhooks->settings.connections,
			(uint32_t)webhooks->ids.node, on_fate, webhooks);
	webhooks->lanes.ceiling = webhooks->settings.queue_bytes;
	webhooks->lanes.keep_ms = webhooks->settings.keep_ms;
	for (size_t i = 0; i < PEAL_LANES_MOST; i++)
		webhooks->senders[i] =
			(struct peal_webhook_lane){ webhooks, &webhooks->lanes.items[i] };
}

int peal_webhook_events_attach(struct peal_webhook_gate *gate, struct peal_namespace *ns)
{
	int r = peal_use_packet(ns, on_event, gate);

	return r == 0 ? peal_on_disconnect(ns, on_disconnect, gate) : r;
}

void peal_webhook_events_deinit(struct peal_webhooks *webhooks)
{
	peal_lanes_deinit(&webhooks->lanes);
}
