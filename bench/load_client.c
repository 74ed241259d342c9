/*
 * What a client does with the packets that come: it joins the namespace and its rooms, answers
 * pings, and checks each message: is it the one that must come next, and has it the bytes that it
 * must have.
 */
#include "load_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

static uint64_t after(const struct load_worker *worker, uint64_t number,
		      const struct load_client *client)
{
	if (client->number < worker->options->stalled || client->number < worker->options->except)
		return UINT64_MAX;
	do
		number++;
	while (!load_is_for(worker->options, number, client->number));
	return number;
}

static void join_rooms(struct load_worker *worker, const struct load_client *client,
		       const char *text)
{
	const struct load_options *options = worker->options;
	const char *id = strstr(text, "\"sid\":\"");
	char name[65] = "", room_name[32];

	if (!id || sscanf(id + 7, "%64[^\"]", name) != 1)
		load_fail("client %zu got no id", client->number);
	if (client->number < options->except)
		load_trigger_join(worker->joins, name, "out");
	for (size_t room = 0; room < options->rooms; room++) {
		if (!load_is_in_room(options, room, client->number))
			continue;
		snprintf(room_name, sizeof(room_name), "r%zu", room);
		load_trigger_join(worker->joins, name, room_name);
	}
}

static void on_connect(struct load_worker *worker, struct load_client *client, const char *text)
{
	if (worker->joins)
		join_rooms(worker, client, text);
	client->stage = LOAD_JOINED;
	client->next = 0;
	client->next = after(worker, 0, client);
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

static void check_text(struct load_worker *worker, uint64_t number, const char *text, size_t length)
{
	if (worker->text_number != number) {
		worker->text_length = load_packet_text(worker->options, number, worker->text);
		worker->text_number = number;
	}
	if (length != worker->text_length || memcmp(text, worker->text, length) != 0)
		worker->seen->corrupt++;
}

static void on_message(struct load_worker *worker, struct load_client *client, const char *text,
		       size_t length, uint64_t now)
{
	const char *at = memmem(text, length < 200 ? length : 200, "[\"bench\",", 9);
	uint64_t number = at ? strtoull(at + 9, NULL, 10) : 0;

	if (!number) {
		worker->seen->corrupt++;
		return;
	}
	if (number < client->next || number > worker->load->last ||
	    !load_is_for(worker->options, number, client->number)) {
		worker->seen->out_of_order++;
		return;
	}
	for (; client->next < number; client->next = after(worker, client->next, client))
		worker->seen->lost++;
	check_text(worker, number, text, length);
	client->next = after(worker, number, client);
	count(worker, number, now);
}

void load_client_text(struct load_worker *worker, struct load_client *client, const char *text,
		      size_t length, uint64_t now)
{
	const char *namespace = worker->options->namespace;
	char packet[130];

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
	} else if (client->stage == LOAD_JOINED && length > 2 && !memcmp(text, "42", 2)) {
		on_message(worker, client, text, length, now);
	} else if (length != 1 || *text != '6') {
		load_fail("client %zu did not expect: %.*s", client->number,
			  length < 80 ? (int)length : 80, text);
	}
}

void load_client_binary(struct load_worker *worker, struct load_client *client, const char *bytes,
			size_t length, uint64_t now)
{
	(void)worker;
	(void)bytes;
	(void)now;
	load_fail("client %zu did not expect %zu binary bytes", client->number, length);
}

void load_client_settle(struct load_worker *worker, struct load_client *client)
{
	for (; client->next <= worker->load->last && client->next != UINT64_MAX;
	     client->next = after(worker, client->next, client))
		worker->seen->lost++;
}
