/*
 * Publishing through Redis, in the form of the official emitter: a broadcast is MessagePack on the
 * channel of its namespace or room, a join is JSON on that of requests.
 */
#include "load_trigger_private.h"

#include <string.h>

/* A number in network order behind a type of MessagePack. */
static void add_number(struct load_bytes *out, unsigned char type, uint64_t value, int bytes)
{
	unsigned char text[9] = { type };

	for (int at = 0; at < bytes; at++)
		text[1 + at] = (unsigned char)(value >> (8 * (bytes - 1 - at)));
	load_bytes_add(out, text, 1 + (size_t)bytes);
}

static void add_string(struct load_bytes *out, const char *text, size_t length)
{
	if (length < 32)
		add_number(out, (unsigned char)(0xa0 | length), 0, 0);
	else if (length < 256)
		add_number(out, 0xd9, length, 1);
	else if (length < 65536)
		add_number(out, 0xda, length, 2);
	else
		add_number(out, 0xdb, length, 4);
	load_bytes_add(out, text, length);
}

static void add_binary(struct load_bytes *out, const char *bytes, size_t length)
{
	if (length < 256)
		add_number(out, 0xc4, length, 1);
	else if (length < 65536)
		add_number(out, 0xc5, length, 2);
	else
		add_number(out, 0xc6, length, 4);
	load_bytes_add(out, bytes, length);
}

static void add_word(struct load_bytes *out, const char *text)
{
	add_string(out, text, strlen(text));
}

static void add_integer(struct load_bytes *out, uint64_t value)
{
	if (value < 128)
		add_number(out, (unsigned char)value, 0, 0);
	else if (value < 256)
		add_number(out, 0xcc, value, 1);
	else if (value < 65536)
		add_number(out, 0xcd, value, 2);
	else
		add_number(out, 0xce, value, 4);
}

/* An array of one name, or of none. */
static void add_name(struct load_bytes *out, const char *name)
{
	load_bytes_add(out, *name ? "\x91" : "\x90", 1);
	if (*name)
		add_word(out, name);
}

/* Put the bytes from @from on, as a bulk string of RESP, behind the command that publishes them. */
static void wrap_publish(struct load_link *link, size_t from, const char *channel)
{
	char head[256];
	int length = snprintf(head, sizeof(head), "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%zu\r\n",
			      strlen(channel), channel, link->out.length - from);

	if (length < 0 || (size_t)length >= sizeof(head))
		load_fail("the namespace is too long");
	load_bytes_insert(&link->out, from, head);
	load_bytes_add_text(&link->out, "\r\n");
	link->waiting++;
}

/* [uid, packet, options] of a broadcast, as the emitter for Node.js writes it. */
void load_redis_emit(struct load_link *link, uint64_t number)
{
	const struct load_options *options = link->options;
	struct load_bytes *out = &link->out;
	size_t from = out->length;
	char room[32] = "", channel[160];

	if (options->rooms)
		snprintf(room, sizeof(room), "r%llu",
			 (unsigned long long)(number % options->rooms));
	load_packet_payload(options, number, link->payload);
	load_bytes_add(out, "\x93", 1);
	add_word(out, "emitter");
	load_bytes_add(out, "\x83", 1);
	add_word(out, "type");
	add_integer(out, 2);
	add_word(out, "data");
	load_bytes_add(out, "\x93", 1);
	add_word(out, "bench");
	add_integer(out, number);
	if (options->binary)
		add_binary(out, link->payload, options->payload);
	else
		add_string(out, link->payload, options->payload);
	add_word(out, "nsp");
	add_word(out, options->namespace);
	load_bytes_add(out, "\x83", 1);
	add_word(out, "rooms");
	add_name(out, room);
	add_word(out, "flags");
	load_bytes_add(out, "\x80", 1);
	add_word(out, "except");
	add_name(out, options->except ? "out" : "");
	snprintf(channel, sizeof(channel), "socket.io#%s#%s%s", options->namespace, room,
		 *room ? "#" : "");
	wrap_publish(link, from, channel);
}

/* The emitter's request that the socket in the room of its own id joins others. */
void load_redis_join(struct load_link *link, const char *id, const char *rooms)
{
	size_t from = link->out.length;
	char channel[160];

	load_bytes_add_text(&link->out, "{\"type\":2,\"opts\":{\"rooms\":[\"");
	load_bytes_add_text(&link->out, id);
	load_bytes_add_text(&link->out, "\"],\"except\":[]},\"rooms\":[");
	load_bytes_add_text(&link->out, rooms);
	load_bytes_add_text(&link->out, "]}");
	snprintf(channel, sizeof(channel), "socket.io-request#%s#", link->options->namespace);
	wrap_publish(link, from, channel);
}

/* An answer is one line with a number. */
void load_redis_answers(struct load_link *link)
{
	struct load_bytes *in = &link->in;

	for (size_t at = 0; at < in->length; at++) {
		if (in->at[at] == '-')
			load_fail("Redis refuses: %.*s", (int)(in->length - at), in->at + at);
		if (in->at[at] == '\n')
			link->waiting--;
	}
	in->length = 0;
}
