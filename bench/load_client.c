/*
 * What a client does with the packets that come: it joins the namespace and its rooms, answers
 * pings, acknowledges, and checks each message: is it the one that must come next, and has it the
 * bytes that it must have.
 *
 * Messages that went through one trigger come in their order. Those of two may overtake each other.
 */
#include "load_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define ROOMS_AT_ONCE 100 /* that a client asks to join in one request */

static uint64_t triggers(const struct load_worker *worker)
{
	return worker->options->trigger_count ? worker->options->trigger_count : 1;
}

/* The first message of trigger @trigger that @client has not got. */
static uint64_t *next_of(struct load_worker *worker, const struct load_client *client,
			 uint64_t trigger)
{
	uint64_t count = triggers(worker);

	if (!worker->next) {
		worker->next = calloc(worker->count, count * sizeof(*worker->next));
		if (!worker->next)
			load_fail("no memory");
		for (size_t i = 0; i < worker->count * count; i++)
			worker->next[i] = i % count ? i % count : count;
	}
	return &worker->next[(client->number - worker->first) * count + trigger];
}

/*
 * How many of the messages from @begin to before @end that went through the same trigger are for
 * @client. Rooms that share out the clients without a rest need no look at each message: those of
 * one client are then the same number apart.
 */
static uint64_t count_for(const struct load_worker *worker, const struct load_client *client,
			  uint64_t begin, uint64_t end)
{
	const struct load_options *options = worker->options;
	uint64_t step = triggers(worker), found = 0, apart, first;

	if (step == 1 && options->rooms && options->clients % options->room_size == 0 &&
	    options->rooms % (options->clients / options->room_size) == 0 &&
	    client->number >= options->except && client->number >= options->stalled) {
		apart = options->clients / options->room_size;
		first = client->number / options->room_size;
		return (end + apart - 1 - first) / apart - (begin + apart - 1 - first) / apart;
	}
	for (uint64_t number = begin; number < end; number += step)
		found += load_is_for(options, number, client->number);
	return found;
}

/* Count as lost what is for @client before message @end, of what went through the same trigger. */
static void skip_to(struct load_worker *worker, const struct load_client *client, uint64_t *next,
		    uint64_t end)
{
	uint64_t step = triggers(worker);

	if (*next >= end)
		return;
	worker->seen->lost += count_for(worker, client, *next, end);
	*next += (end - *next + step - 1) / step * step;
}

static void join_rooms(struct load_worker *worker, const struct load_client *client,
		       const char *text)
{
	const struct load_options *options = worker->options;
	const char *id = strstr(text, "\"sid\":\"");
	char name[65] = "", names[ROOMS_AT_ONCE * 12 + 1];
	size_t length = 0, count = 0;

	if (!id || sscanf(id + 7, "%64[^\"]", name) != 1)
		load_fail("client %zu got no id", client->number);
	if (client->number < options->except)
		load_trigger_join(worker->joins, name, "\"out\"");
	for (size_t room = 0; room < options->rooms; room++) {
		if (!load_is_in_room(options, room, client->number))
			continue;
		length += (size_t)snprintf(names + length, sizeof(names) - length, "%s\"r%zu\"",
					   count ? "," : "", room);
		if (++count < ROOMS_AT_ONCE)
			continue;
		load_trigger_join(worker->joins, name, names);
		length = count = 0;
	}
	if (count)
		load_trigger_join(worker->joins, name, names);
}

static void on_connect(struct load_worker *worker, struct load_client *client, const char *text)
{
	if (worker->joins)
		join_rooms(worker, client, text);
	client->stage = LOAD_JOINED;
	worker->joined++;
	worker->seen->connected = worker->joined;
}

/* Count a delivery; who counts the last one of a message tells the first process. */
static void count(struct load_worker *worker, uint64_t number, uint64_t now)
{
	struct load_slot *slot = load_slot(worker->load, number);

	worker->seen->deliveries++;
	if (slot->number != number)
		return; /* It was given up a long time ago. */
	load_latency_add(worker->seen, now - slot->published_ns);
	if (atomic_fetch_add(&slot->received, 1) + 1 == slot->expected &&
	    eventfd_write(worker->load->done, 1) != 0)
		load_fail("eventfd: %s", strerror(errno));
}

/* What message @number must be. */
static void prepare(struct load_worker *worker, uint64_t number)
{
	const struct load_options *options = worker->options;

	if (worker->text_number == number)
		return;
	worker->text_number = number;
	worker->text_length = load_packet_text(options, number, worker->text);
	if (!options->binary)
		return;
	load_packet_payload(options, number, worker->payload);
	if (options->polling)
		worker->base64_length =
			load_packet_base64(worker->payload, options->payload, worker->base64);
}

static void complete(struct load_worker *worker, struct load_client *client, uint64_t number,
		     uint64_t now)
{
	const char *namespace = worker->options->namespace;
	bool main = !strcmp(namespace, "/");
	char packet[160];

	client->attachment = 0;
	if (client->ack) {
		snprintf(packet, sizeof(packet), "43%s%s%llu[%llu]", main ? "" : namespace,
			 main ? "" : ",", (unsigned long long)client->ack - 1,
			 (unsigned long long)number);
		load_client_send(worker, client, packet);
	}
	count(worker, number, now);
}

static void on_message(struct load_worker *worker, struct load_client *client, const char *text,
		       size_t length, uint64_t now)
{
	const char *end = text + length, *at = text + worker->head_length;
	uint64_t number, *next;

	worker->seen->corrupt += client->attachment != 0;
	client->attachment = client->ack = 0;
	if (worker->options->ack_ms && at < end && *at >= '0' && *at <= '9') {
		client->ack = 1 + strtoull(at, (char **)&at, 10);
	} else if (worker->options->ack_ms) {
		worker->seen->corrupt++;
		return;
	}
	number = end - at > 10 && !memcmp(at, "[\"bench\",", 9) ? strtoull(at + 9, NULL, 10) : 0;
	if (!number) {
		worker->seen->corrupt++;
		return;
	}
	next = next_of(worker, client, number % triggers(worker));
	if (number < *next || number > worker->load->last ||
	    !load_is_for(worker->options, number, client->number)) {
		worker->seen->out_of_order++;
		return;
	}
	skip_to(worker, client, next, number);
	*next = number + triggers(worker);
	prepare(worker, number);
	if ((size_t)(end - at) != worker->text_length || memcmp(at, worker->text, end - at) != 0)
		worker->seen->corrupt++;
	if (worker->options->binary)
		client->attachment = number;
	else
		complete(worker, client, number, now);
}

static void on_attachment(struct load_worker *worker, struct load_client *client, const char *bytes,
			  size_t length, bool base64, uint64_t now)
{
	uint64_t number = client->attachment;
	size_t wanted;

	if (!number)
		load_fail("client %zu did not expect %zu binary bytes", client->number, length);
	prepare(worker, number);
	wanted = base64 ? worker->base64_length : worker->options->payload;
	if (length != wanted || memcmp(bytes, base64 ? worker->base64 : worker->payload, wanted))
		worker->seen->corrupt++;
	complete(worker, client, number, now);
}

void load_client_text(struct load_worker *worker, struct load_client *client, const char *text,
		      size_t length, uint64_t now)
{
	const char *namespace = worker->options->namespace;
	char packet[130];

	if (!worker->head_length)
		worker->head_length = load_packet_head(worker->options, worker->head);
	if (length == 1 && *text == '2') {
		load_client_send(worker, client, "3");
	} else if (client->stage == LOAD_OPENING && *text == '0') {
		bool main = !strcmp(namespace, "/");

		snprintf(packet, sizeof(packet), "40%.100s%s", main ? "" : namespace,
			 main ? "" : ",");
		load_client_send(worker, client, packet);
		client->stage = LOAD_JOINING;
	} else if (client->stage == LOAD_JOINING && length > 2 && !memcmp(text, "40", 2)) {
		char copy[256];

		snprintf(copy, sizeof(copy), "%.*s", length < 255 ? (int)length : 255, text);
		on_connect(worker, client, copy);
	} else if (client->stage == LOAD_JOINED && length > worker->head_length &&
		   !memcmp(text, worker->head, worker->head_length)) {
		on_message(worker, client, text, length, now);
	} else if (client->stage == LOAD_JOINED && length && *text == 'b') {
		on_attachment(worker, client, text + 1, length - 1, true, now);
	} else if (length != 1 || *text != '6') {
		load_fail("client %zu did not expect: %.*s", client->number,
			  length < 80 ? (int)length : 80, text);
	}
}

void load_client_binary(struct load_worker *worker, struct load_client *client, const char *bytes,
			size_t length, uint64_t now)
{
	on_attachment(worker, client, bytes, length, false, now);
}

void load_client_settle(struct load_worker *worker, struct load_client *client)
{
	for (uint64_t trigger = 0; trigger < triggers(worker); trigger++)
		skip_to(worker, client, next_of(worker, client, trigger), worker->load->last + 1);
	worker->seen->lost += client->attachment != 0;
	client->attachment = 0;
}
