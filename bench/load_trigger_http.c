/*
 * Publishing through the HTTP API of a node: requests with as many messages as are due, and the
 * answers to them, with a length or in chunks. The answer to a message that asks for
 * acknowledgements has them: each is the number of the message.
 */
#include "load_trigger_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the API takes in one request, with room to spare. */
#define EVENTS 1000
#define BODY_BYTES (4u << 20)

/* Put the head of a request in front of its body, which begins at @from. */
static void wrap_request(struct load_link *link, size_t from, const char *path)
{
	const char *key = getenv("PEAL_API_KEY");
	char head[512];

	snprintf(head, sizeof(head),
		 "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %.200s\r\n"
		 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		 path, key ? key : "", link->out.length - from);
	load_bytes_insert(&link->out, from, head);
	link->waiting++;
}

static void add_binary(struct load_link *link)
{
	size_t length = link->options->payload;
	char *text = malloc(LOAD_BASE64(length));

	if (!text)
		load_fail("no memory");
	load_packet_base64(link->payload, length, text);
	load_bytes_add_text(&link->out, "{\"$binary\":\"");
	load_bytes_add_text(&link->out, text);
	load_bytes_add_text(&link->out, "\"}");
	free(text);
}

static void add_event(struct load_link *link, uint64_t number)
{
	const struct load_options *options = link->options;
	struct load_bytes *out = &link->out;
	char text[512];

	snprintf(text, sizeof(text), "{\"namespace\":\"%s\",", options->namespace);
	load_bytes_add_text(out, text);
	if (options->rooms) {
		snprintf(text, sizeof(text), "\"rooms\":[\"r%llu\"],",
			 (unsigned long long)(number % options->rooms));
		load_bytes_add_text(out, text);
	}
	if (options->except)
		load_bytes_add_text(out, "\"except\":[\"out\"],");
	if (options->ack_ms) {
		snprintf(text, sizeof(text), "\"timeout\":%u,", options->ack_ms);
		load_bytes_add_text(out, text);
	}
	snprintf(text, sizeof(text), "\"event\":\"bench\",\"args\":[%llu,",
		 (unsigned long long)number);
	load_bytes_add_text(out, text);
	load_packet_payload(options, number, link->payload);
	if (options->binary) {
		add_binary(link);
	} else {
		load_bytes_add_text(out, "\"");
		load_bytes_add(out, link->payload, options->payload);
		load_bytes_add_text(out, "\"");
	}
	load_bytes_add_text(out, "]}");
}

void load_http_emit(struct load_link *link, uint64_t first, uint64_t last, uint64_t step)
{
	uint64_t number = first;

	if (link->options->ack_ms) {
		link->asked = first;
		link->asked_step = step;
	}
	while (number <= last) {
		size_t from = link->out.length, events = 0;

		for (; number <= last && events < EVENTS && link->out.length - from < BODY_BYTES;
		     number += step) {
			load_bytes_add_text(&link->out, events++ ? "," : "[");
			add_event(link, number);
		}
		load_bytes_add_text(&link->out, "]");
		wrap_request(link, from, "/api/emit");
	}
}

void load_http_join(struct load_link *link, const char *id, const char *rooms)
{
	size_t from = link->out.length;

	load_bytes_add_text(&link->out, "{\"namespace\":\"");
	load_bytes_add_text(&link->out, link->options->namespace);
	load_bytes_add_text(&link->out, "\",\"rooms\":[\"");
	load_bytes_add_text(&link->out, id);
	load_bytes_add_text(&link->out, "\"],\"targets\":[");
	load_bytes_add_text(&link->out, rooms);
	load_bytes_add_text(&link->out, "]}");
	wrap_request(link, from, "/api/sockets/join");
}

/* --- answers --------------------------------------------------------------------------------- */

struct answer {
	unsigned status;
	char *body; /* within link->in, with a NUL behind it */
	size_t length;
};

/*
 * Put chunks together at the place of the first.
 * Return: where they end; NULL: that has not come.
 */
static char *join_chunks(char *at, char *end, struct answer *answer)
{
	char *next = at;
	size_t total = 0;

	/* First only look, because a part that is there already must stay as it is. */
	for (int pass = 0; pass < 2; pass++) {
		next = at;
		for (;;) {
			char *line = memmem(next, (size_t)(end - next), "\r\n", 2);
			size_t size;

			if (!line)
				return NULL;
			size = strtoull(next, NULL, 16);
			if ((size_t)(end - line) < size + 4)
				return NULL;
			if (pass)
				memmove(at + total, line + 2, size);
			total += pass ? size : 0;
			next = line + 2 + size + 2;
			if (!size)
				break;
		}
	}
	answer->body = at;
	answer->length = total;
	return next;
}

/* Return: where the answer ends; NULL: that has not come. */
static char *take_answer(struct load_link *link, char *at, char *end, struct answer *answer)
{
	char *head_end = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
	size_t length = 0;
	bool chunked = false;

	if (!head_end)
		return NULL;
	if (sscanf(at, "HTTP/1.%*u %u", &answer->status) != 1)
		load_fail("%s does not speak HTTP: %.20s", link->url, at);
	for (char *line = at; line < head_end;) {
		line = (char *)memmem(line, (size_t)(end - line), "\r\n", 2) + 2;
		if (!strncasecmp(line, "content-length:", 15))
			length = strtoull(line + 15, NULL, 10);
		else if (!strncasecmp(line, "transfer-encoding: chunked", 26))
			chunked = true;
		else if (!strncasecmp(line, "connection: close", 17))
			link->closing = true;
	}
	if (chunked)
		return join_chunks(head_end + 4, end, answer);
	answer->body = head_end + 4;
	answer->length = length;
	if ((size_t)(end - answer->body) < length)
		return NULL;
	return answer->body + length;
}

/* Count the responses that are the number of the next message. Return: what follows them. */
static const char *take_acks(struct load_link *link, const char *result)
{
	const char *at = strstr(result, "\"responses\":[");
	char number[32];
	size_t length =
		(size_t)snprintf(number, sizeof(number), "%llu", (unsigned long long)link->asked);

	link->asked += link->asked_step;
	if (!at || strncmp(result, "\"error\":null", 12) != 0) {
		fprintf(stderr, "load: acknowledgements of message %s: %.200s\n", number, result);
		return result + 8;
	}
	for (at += 13; *at && *at != ']'; at += *at == ',') {
		size_t size = strcspn(at, ",]");

		link->acks += size == length && !memcmp(at, number, size);
		at += size;
	}
	return at;
}

/* The answer to a request is a list with a result for each of its messages, in their order. */
static void take_results(struct load_link *link, const char *body)
{
	for (const char *at = body; (at = strstr(at, "\"error\":"));)
		at = take_acks(link, at);
}

void load_http_answers(struct load_link *link)
{
	struct load_bytes *in = &link->in;
	char *at, *end, *next;
	struct answer answer;

	load_bytes_add(in, "", 1); /* so that texts end */
	in->length--;
	at = in->at;
	end = at + in->length;
	while (link->waiting && (next = take_answer(link, at, end, &answer))) {
		char kept = answer.body[answer.length];

		answer.body[answer.length] = 0;
		if (answer.status / 100 != 2)
			load_fail("%s refuses: %u %.200s", link->url, answer.status, answer.body);
		if (link->asked)
			take_results(link, answer.body);
		answer.body[answer.length] = kept;
		link->waiting--;
		at = next;
	}
	in->length = (size_t)(end - at);
	memmove(in->at, at, in->length);
}
