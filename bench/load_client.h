/*
 * What the files that make up a worker share: its clients. load_worker.c owns the connections
 * and reads them, a transport finds the packets in what was read, and what is in a packet is the
 * matter of load_client.c.
 */
#ifndef BENCH_LOAD_CLIENT_H
#define BENCH_LOAD_CLIENT_H

#include "load.h"

#define LOAD_READ_BYTES (256 * 1024)
#define LOAD_UNIT (LOAD_TEXT + 1024) /* what may be kept until its end comes */

enum load_stage {
	LOAD_CONNECTING, /* the TCP connection is on its way */
	LOAD_UPGRADING,	 /* the answer to the upgrade is awaited */
	LOAD_OPENING,	 /* the session's first packet is awaited */
	LOAD_JOINING,	 /* the answer of the namespace is awaited */
	LOAD_JOINED,	 /* messages are awaited */
	LOAD_LEAVING,	 /* the server's end of the connection is awaited */
};

struct load_client {
	int fd;
	enum load_stage stage;
	size_t number;
	uint64_t attachment; /* the message whose attachment must come next; 0: of none */
	uint64_t ack;	     /* how that message is to be acknowledged, plus 1; 0: not at all */
	char *kept;	     /* the beginning of something whose end has not come */
	size_t kept_length;
	struct load_session *session; /* of load_polling.c */
};

struct load_worker;

/* How packets go over a connection. */
struct load_transport {
	/* The TCP connection stands: ask for a session. */
	void (*open)(struct load_worker *worker, struct load_client *client);
	/* Take the next unit out of what was read. Return: its length; 0: its end has not come. */
	size_t (*take)(struct load_worker *worker, struct load_client *client, char *bytes,
		       size_t length, uint64_t now);
	/* Send a packet, which is a text. */
	void (*send)(struct load_worker *worker, struct load_client *client, const char *text);
	/* Say goodbye before our end of the connection is closed; NULL: that end says it. */
	void (*close)(struct load_worker *worker, struct load_client *client);
};

extern const struct load_transport load_websocket, load_polling;

struct load_worker {
	struct load *load;
	const struct load_options *options;
	const struct load_transport *transport;
	struct load_seen *seen;
	struct load_trigger *joins; /* NULL: no rooms */
	struct load_client *clients;
	size_t first, count, opened, joined;
	size_t number;
	int epoll;
	bool leaving;
	uint64_t settled;
	/* For each client, for each trigger: the first of its messages that has not come. */
	uint64_t *next;
	uint64_t text_number; /* the message of @text and @payload, which is its attachment */
	size_t head_length, text_length, base64_length;
	char head[LOAD_HEAD];
	char text[LOAD_TEXT];
	char payload[LOAD_PAYLOAD];
	char base64[LOAD_BASE64(LOAD_PAYLOAD)]; /* of the payload, for clients that poll */
	char bytes[LOAD_READ_BYTES + LOAD_UNIT];
};

/* load_client.c: take an Engine.IO packet, a text without its framing, that came at @now. */
void load_client_text(struct load_worker *worker, struct load_client *client, const char *text,
		      size_t length, uint64_t now);
/* The same for a binary packet. */
void load_client_binary(struct load_worker *worker, struct load_client *client, const char *bytes,
			size_t length, uint64_t now);
/* Count as lost what @client still waits for, of all that was published. */
void load_client_settle(struct load_worker *worker, struct load_client *client);

/* load_worker.c: send an Engine.IO packet, which is a text. */
void load_client_send(struct load_worker *worker, struct load_client *client, const char *text);

#endif
