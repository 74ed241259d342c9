/*
 * What the files of the trigger share: one connection over which messages are published, and the
 * text of what is to be sent next.
 */
#ifndef BENCH_LOAD_TRIGGER_PRIVATE_H
#define BENCH_LOAD_TRIGGER_PRIVATE_H

#include "load.h"

/* Bytes that grow. */
struct load_bytes {
	char *at;
	size_t length, capacity;
};

struct load_link {
	const struct load_options *options;
	const char *url;
	struct sockaddr_in address;
	bool http;
	int fd;
	uint64_t used_ns; /* when something was sent or came last */
	uint64_t waiting; /* answers that have not come */
	bool closing;	  /* the server has said that it closes behind its answer */
	struct load_bytes out, in;
	char *payload; /* of one message */
	/*
	 * The HTTP API only: the message whose acknowledgements come next, how far the one behind
	 * it is, and how many came of those published last, not counting answers with an error.
	 */
	uint64_t asked, asked_step;
	uint64_t acks;
};

/* load_trigger.c */
void load_bytes_add(struct load_bytes *bytes, const void *from, size_t length);
void load_bytes_add_text(struct load_bytes *bytes, const char *text);
/* Put a head in front of the bytes from @from on. */
void load_bytes_insert(struct load_bytes *bytes, size_t from, const char *head);

/*
 * load_trigger_redis.c: append PUBLISH commands of a message, and of a request that the socket with
 * that id joins rooms, whose names are given as JSON without the brackets.
 */
void load_redis_emit(struct load_link *link, uint64_t number);
void load_redis_join(struct load_link *link, const char *id, const char *rooms);
/* Take the answers in link->in. */
void load_redis_answers(struct load_link *link);

/* load_trigger_http.c: append requests for messages @first, @first + @step … @last, for a join. */
void load_http_emit(struct load_link *link, uint64_t first, uint64_t last, uint64_t step);
void load_http_join(struct load_link *link, const char *id, const char *rooms);
void load_http_answers(struct load_link *link);

#endif
