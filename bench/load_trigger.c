/*
 * How messages are published: through Redis in the form of the official emitter, or through the
 * HTTP API of a node. Owns a blocking connection to each of the triggers, which take turns, and
 * counts the answers that it still has to read.
 */
#include "load_trigger_private.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Less than any server lets an HTTP connection be open without a request. */
#define IDLE_NS 1000000000u
/* Joins that are under way at a time; an answer to one can take a trip through the cluster. */
#define JOINS_REDIS 1000
#define JOINS_HTTP 32

struct load_trigger {
	uint64_t last; /* the last message that was published */
	size_t count;
	struct load_link links[];
};

void load_bytes_add(struct load_bytes *bytes, const void *from, size_t length)
{
	if (bytes->length + length > bytes->capacity) {
		bytes->capacity = 2 * (bytes->length + length);
		bytes->at = realloc(bytes->at, bytes->capacity);
		if (!bytes->at)
			load_fail("no memory");
	}
	memcpy(bytes->at + bytes->length, from, length);
	bytes->length += length;
}

void load_bytes_add_text(struct load_bytes *bytes, const char *text)
{
	load_bytes_add(bytes, text, strlen(text));
}

void load_bytes_insert(struct load_bytes *bytes, size_t from, const char *head)
{
	size_t length = bytes->length - from, head_length = strlen(head);

	load_bytes_add(bytes, head, head_length); /* for the room */
	memmove(bytes->at + from + head_length, bytes->at + from, length);
	memcpy(bytes->at + from, head, head_length);
}

static void connect_link(struct load_link *link)
{
	/* What asks for acknowledgements is answered when their time is over. */
	struct timeval patience = { .tv_sec = 10 + link->options->ack_ms / 1000 };
	int on = 1;

	if (link->fd >= 0)
		close(link->fd);
	link->in.length = 0;
	link->closing = false;
	link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (link->fd < 0 ||
	    connect(link->fd, (struct sockaddr *)&link->address, sizeof(link->address)) != 0)
		load_fail("cannot reach the trigger %s: %s", link->url, strerror(errno));
	setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(link->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(link->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	link->used_ns = load_now();
}

/* Servers close HTTP connections that nobody uses: none is used that may be about to be closed. */
static void renew_link(struct load_link *link)
{
	if (!link->waiting && (link->closing || load_now() - link->used_ns > IDLE_NS))
		connect_link(link);
}

static void send_link(struct load_link *link)
{
	size_t sent = 0;

	while (sent < link->out.length) {
		ssize_t length =
			send(link->fd, link->out.at + sent, link->out.length - sent, MSG_NOSIGNAL);

		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			load_fail("the connection to %s broke: %s", link->url, strerror(errno));
		sent += (size_t)length;
	}
	link->out.length = 0;
	link->used_ns = load_now();
}

static void read_link(struct load_link *link, bool all)
{
	char bytes[16384];

	while (link->waiting) {
		ssize_t length = recv(link->fd, bytes, sizeof(bytes), all ? 0 : MSG_DONTWAIT);

		if (length > 0) {
			load_bytes_add(&link->in, bytes, (size_t)length);
			if (link->http)
				load_http_answers(link);
			else
				load_redis_answers(link);
			link->used_ns = load_now();
		} else if (length == 0) {
			load_fail("the connection to %s was closed", link->url);
		} else if (errno == EAGAIN && !all) {
			return;
		} else if (errno != EINTR) {
			load_fail("%s does not answer: %s", link->url, strerror(errno));
		}
	}
}

/* Messages first … last that are this link's. */
static void publish_link(struct load_link *link, uint64_t first, uint64_t last, uint64_t step)
{
	if (link->http) {
		if (link->options->ack_ms)
			read_link(link, true); /* an answer that came too late for its round */
		renew_link(link);
		load_http_emit(link, first, last, step);
	} else {
		for (uint64_t number = first; number <= last; number += step)
			load_redis_emit(link, number);
	}
	send_link(link);
}

void load_trigger_publish(struct load_trigger *trigger, uint64_t first, size_t count)
{
	for (size_t i = 0; i < trigger->count; i++)
		trigger->links[i].acks = 0;
	for (size_t i = 0; i < count && i < trigger->count; i++)
		publish_link(&trigger->links[(first + i) % trigger->count], first + i,
			     first + count - 1, trigger->count);
	trigger->last = first + count - 1;
}

void load_trigger_read(struct load_trigger *trigger, bool all)
{
	for (size_t i = 0; i < trigger->count; i++)
		read_link(&trigger->links[i], all);
}

void load_trigger_join(struct load_trigger *trigger, const char *id, const char *rooms)
{
	struct load_link *link = &trigger->links[0];

	for (size_t i = trigger->count; i-- > 0;) {
		if (!trigger->links[i].http)
			link = &trigger->links[i];
	}
	if (link->http) {
		renew_link(link);
		load_http_join(link, id, rooms);
	} else {
		load_redis_join(link, id, rooms);
	}
	send_link(link);
	read_link(link, link->waiting >= (link->http ? JOINS_HTTP : JOINS_REDIS));
}

uint64_t load_trigger_acks(struct load_trigger *trigger, uint64_t expected)
{
	uint64_t acks = 0;

	load_trigger_read(trigger, true);
	for (size_t i = 0; i < trigger->count; i++)
		acks += trigger->links[i].acks;
	if (acks != expected)
		fprintf(stderr, "load: %llu acknowledgements up to message %llu and not %llu\n",
			(unsigned long long)acks, (unsigned long long)trigger->last,
			(unsigned long long)expected);
	return acks;
}

static void open_link(struct load_link *link, const struct load_options *options, const char *url)
{
	link->options = options;
	link->url = url;
	link->fd = -1;
	link->payload = malloc(options->payload + 1);
	if (!link->payload)
		load_fail("no memory");
	if (!strncmp(url, "redis://", 8)) {
		load_address(url + 8, &link->address);
	} else if (!strncmp(url, "http://", 7)) {
		load_address(url + 7, &link->address);
		link->http = true;
	} else {
		load_fail("the trigger %s is none that is known", url);
	}
	if (options->ack_ms && !link->http)
		load_fail("acknowledgements need a trigger over HTTP");
	connect_link(link);
}

struct load_trigger *load_trigger_open(const struct load_options *options)
{
	struct load_trigger *trigger;

	trigger = calloc(1, sizeof(*trigger) + options->trigger_count * sizeof(*trigger->links));
	if (!trigger)
		load_fail("no memory");
	trigger->count = options->trigger_count;
	for (size_t i = 0; i < trigger->count; i++)
		open_link(&trigger->links[i], options, options->triggers[i]);
	return trigger;
}

void load_trigger_free(struct load_trigger *trigger)
{
	if (!trigger)
		return;
	for (size_t i = 0; i < trigger->count; i++) {
		struct load_link *link = &trigger->links[i];

		close(link->fd);
		free(link->payload);
		free(link->out.at);
		free(link->in.at);
	}
	free(trigger);
}
