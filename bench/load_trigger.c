/*
 * How messages are published: through Redis in the form of the official emitter, or through the
 * HTTP API. Owns one blocking connection, and counts the answers that it still has to read.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct load_trigger {
	const struct load_options *options;
	int fd;
	bool http;
	const char *key;  /* of the HTTP API */
	uint64_t waiting; /* answers that have not been read */
	unsigned matched; /* bytes of "HTTP/1.1 202" or ":" seen, across reads */
	char *bytes;
	size_t length, capacity;
};

static void add(struct load_trigger *trigger, const void *bytes, size_t length)
{
	if (trigger->length + length > trigger->capacity) {
		trigger->capacity = 2 * (trigger->length + length);
		trigger->bytes = realloc(trigger->bytes, trigger->capacity);
		if (!trigger->bytes)
			load_fail("no memory");
	}
	memcpy(trigger->bytes + trigger->length, bytes, length);
	trigger->length += length;
}

static void add_text(struct load_trigger *trigger, const char *text)
{
	add(trigger, text, strlen(text));
}

/* A number in network order behind a type of MessagePack. */
static void add_number(struct load_trigger *trigger, unsigned char type, uint64_t value, int bytes)
{
	unsigned char text[9] = { type };

	for (int at = 0; at < bytes; at++)
		text[1 + at] = (unsigned char)(value >> (8 * (bytes - 1 - at)));
	add(trigger, text, 1 + (size_t)bytes);
}

static void add_string(struct load_trigger *trigger, const char *text, size_t length)
{
	if (length < 32)
		add_number(trigger, (unsigned char)(0xa0 | length), 0, 0);
	else if (length < 256)
		add_number(trigger, 0xd9, length, 1);
	else if (length < 65536)
		add_number(trigger, 0xda, length, 2);
	else
		add_number(trigger, 0xdb, length, 4);
	add(trigger, text, length);
}

static void add_word(struct load_trigger *trigger, const char *text)
{
	add_string(trigger, text, strlen(text));
}

static void add_integer(struct load_trigger *trigger, uint64_t value)
{
	if (value < 128)
		add_number(trigger, (unsigned char)value, 0, 0);
	else if (value < 256)
		add_number(trigger, 0xcc, value, 1);
	else if (value < 65536)
		add_number(trigger, 0xcd, value, 2);
	else
		add_number(trigger, 0xce, value, 4);
}

/* Put the bytes from @from on, as a bulk string of RESP, behind the command that publishes them. */
static void wrap_publish(struct load_trigger *trigger, size_t from, const char *channel)
{
	size_t length = trigger->length - from;
	char head[256];
	int head_length =
		snprintf(head, sizeof(head), "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%zu\r\n",
			 strlen(channel), channel, length);

	if (head_length < 0 || (size_t)head_length >= sizeof(head))
		load_fail("the namespace is too long");
	add(trigger, head, (size_t)head_length); /* for the room */
	memmove(trigger->bytes + from + head_length, trigger->bytes + from, length);
	memcpy(trigger->bytes + from, head, (size_t)head_length);
	add_text(trigger, "\r\n");
	trigger->waiting++;
}

/* [uid, packet, options] of a broadcast, as the emitter for Node.js writes it. */
static void add_redis(struct load_trigger *trigger, uint64_t number, const char *padding)
{
	const struct load_options *options = trigger->options;
	size_t from = trigger->length;
	char room[32] = "", channel[160];

	if (options->rooms)
		snprintf(room, sizeof(room), "r%llu",
			 (unsigned long long)(number % options->rooms));
	add(trigger, "\x93", 1);
	add_word(trigger, "emitter");
	add(trigger, "\x83", 1);
	add_word(trigger, "type");
	add_integer(trigger, 2);
	add_word(trigger, "data");
	add(trigger, "\x93", 1);
	add_word(trigger, "bench");
	add_integer(trigger, number);
	add_string(trigger, padding, options->payload);
	add_word(trigger, "nsp");
	add_word(trigger, options->namespace);
	add(trigger, "\x83", 1);
	add_word(trigger, "rooms");
	add(trigger, options->rooms ? "\x91" : "\x90", 1);
	if (options->rooms)
		add_word(trigger, room);
	add_word(trigger, "flags");
	add(trigger, "\x80", 1);
	add_word(trigger, "except");
	add(trigger, "\x90", 1);
	snprintf(channel, sizeof(channel), "socket.io#%s#%s%s", options->namespace, room,
		 *room ? "#" : "");
	wrap_publish(trigger, from, channel);
}

static void add_http(struct load_trigger *trigger, uint64_t first, size_t count,
		     const char *padding)
{
	const struct load_options *options = trigger->options;
	size_t from = trigger->length, length;
	char text[512], room[64] = "";

	for (size_t i = 0; i < count; i++) {
		uint64_t number = first + i;

		if (options->rooms)
			snprintf(room, sizeof(room), "\"rooms\":[\"r%llu\"],",
				 (unsigned long long)(number % options->rooms));
		snprintf(text, sizeof(text),
			 "%s{\"namespace\":\"%s\",%s\"event\":\"bench\",\"args\":[%llu,\"",
			 i ? "," : "[", options->namespace, room, (unsigned long long)number);
		add_text(trigger, text);
		add(trigger, padding, options->payload);
		add_text(trigger, "\"]}");
	}
	add_text(trigger, "]");
	length = trigger->length - from;
	snprintf(text, sizeof(text),
		 "POST /api/emit HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %.200s\r\n"
		 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		 trigger->key, length);
	add_text(trigger, text);
	memmove(trigger->bytes + from + strlen(text), trigger->bytes + from, length);
	memcpy(trigger->bytes + from, text, strlen(text));
	trigger->waiting++;
}

static void send_all(struct load_trigger *trigger)
{
	size_t sent = 0;

	while (sent < trigger->length) {
		ssize_t length = send(trigger->fd, trigger->bytes + sent, trigger->length - sent,
				      MSG_NOSIGNAL);

		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			load_fail("the trigger's connection broke: %s", strerror(errno));
		sent += (size_t)length;
	}
	trigger->length = 0;
}

/*
 * An answer of Redis is one line with a number. One of the API begins with its status line; what
 * else is in it contains no such line.
 */
static void count_answers(struct load_trigger *trigger, const char *bytes, size_t length)
{
	const char *pattern = trigger->http ? "HTTP/1.1 202" : "\n";

	for (size_t at = 0; at < length; at++) {
		if (!trigger->http && bytes[at] == '-')
			load_fail("Redis refuses: %.*s", (int)(length - at), bytes + at);
		if (bytes[at] != pattern[trigger->matched])
			trigger->matched = bytes[at] == pattern[0];
		else
			trigger->matched++;
		if (!pattern[trigger->matched]) {
			trigger->matched = 0;
			trigger->waiting--;
		} else if (trigger->http && trigger->matched == 9 && at + 1 < length &&
			   bytes[at + 1] != '2') {
			load_fail("the API refuses: %.*s", (int)(length - at), bytes + at + 1);
		}
	}
}

void load_trigger_read(struct load_trigger *trigger, bool all)
{
	char bytes[8192];

	while (trigger->waiting) {
		ssize_t length = recv(trigger->fd, bytes, sizeof(bytes), all ? 0 : MSG_DONTWAIT);

		if (length > 0)
			count_answers(trigger, bytes, (size_t)length);
		else if (length == 0)
			load_fail("the trigger's connection was closed");
		else if (errno == EAGAIN && !all)
			return;
		else if (errno != EINTR)
			load_fail("the trigger does not answer: %s", strerror(errno));
	}
}

void load_trigger_publish(struct load_trigger *trigger, uint64_t first, size_t count)
{
	char *padding = malloc(trigger->options->payload + 1);

	if (!padding)
		load_fail("no memory");
	memset(padding, 'x', trigger->options->payload);
	if (trigger->http)
		add_http(trigger, first, count, padding);
	else
		for (size_t i = 0; i < count; i++)
			add_redis(trigger, first + i, padding);
	free(padding);
	send_all(trigger);
}

/* The emitter's request that the socket in the room of its own id joins another. */
void load_trigger_join(struct load_trigger *trigger, const char *id, const char *room)
{
	size_t from = trigger->length;
	char text[256], channel[160];

	if (trigger->http)
		load_fail("rooms need a trigger through Redis");
	snprintf(
		text, sizeof(text),
		"{\"type\":2,\"opts\":{\"rooms\":[\"%.64s\"],\"except\":[]},\"rooms\":[\"%.32s\"]}",
		id, room);
	add_text(trigger, text);
	snprintf(channel, sizeof(channel), "socket.io-request#%s#", trigger->options->namespace);
	wrap_publish(trigger, from, channel);
	send_all(trigger);
	load_trigger_read(trigger, trigger->waiting > 1000);
}

uint64_t load_trigger_acks(struct load_trigger *trigger, uint64_t expected)
{
	(void)trigger;
	load_fail("no trigger waits for %llu acknowledgements", (unsigned long long)expected);
}

static void set_address(const char *text, struct sockaddr_in *address)
{
	char host[32];
	unsigned port;

	address->sin_family = AF_INET;
	if (sscanf(text, "%31[0-9.]:%u", host, &port) != 2 || port > 65535 ||
	    inet_pton(AF_INET, host, &address->sin_addr) != 1)
		load_fail("%s is not an address and a port", text);
	address->sin_port = htons((uint16_t)port);
}

struct load_trigger *load_trigger_open(const struct load_options *options)
{
	struct load_trigger *trigger = calloc(1, sizeof(*trigger));
	struct timeval patience = { .tv_sec = 10 };
	struct sockaddr_in address = { 0 };
	int on = 1;

	if (!trigger)
		load_fail("no memory");
	trigger->options = options;
	if (!strncmp(options->triggers[0], "redis://", 8)) {
		set_address(options->triggers[0] + 8, &address);
	} else if (!strncmp(options->triggers[0], "http://", 7)) {
		set_address(options->triggers[0] + 7, &address);
		trigger->http = true;
		trigger->key = getenv("PEAL_API_KEY") ? getenv("PEAL_API_KEY") : "";
	} else {
		load_fail("the trigger %s is none that is known", options->triggers[0]);
	}
	trigger->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (trigger->fd < 0 ||
	    connect(trigger->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		load_fail("cannot reach the trigger %s: %s", options->triggers[0], strerror(errno));
	setsockopt(trigger->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(trigger->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(trigger->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return trigger;
}

void load_trigger_free(struct load_trigger *trigger)
{
	close(trigger->fd);
	free(trigger->bytes);
	free(trigger);
}
