/* A Redis of one connection, for its publish and subscribe only. Check's own assertions allocate,
 * so there are none here: some tests let allocations fail. */
#include "tests/support/fake_redis.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct words {
	struct peal_list link;
	bool error;
	size_t count;
	char *word[];
};

struct peal_redis_connection {
	struct peal_loop *loop;
	struct peal_redis_handlers handlers;
	void *userdata;
	bool ready;
};

#define MOST 16384

static struct {
	struct peal_redis_connection *connection;
	struct peal_list commands, replies; /* struct words */
	char *channels[MOST], *patterns[MOST];
	size_t channel_count, pattern_count;
	const char *refused;
	char log[16384];
} redis;

static char *copy_of(const char *text)
{
	char *copy = strdup(text);
	/* A test that lets one allocation fail does not mean this one. */
	if (!copy)
		copy = strdup(text);
	if (!copy)
		abort();
	return copy;
}

static struct words *new_words(size_t count, const char *const *words)
{
	struct words *copy = calloc(1, sizeof(*copy) + count * sizeof(char *));
	if (!copy)
		copy = calloc(1, sizeof(*copy) + count * sizeof(char *));
	if (!copy)
		abort();
	copy->count = count;
	for (size_t i = 0; i < count; i++)
		copy->word[i] = copy_of(words[i]);
	return copy;
}

static void free_words(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->word[i]);
	free(words);
}

static void reply(size_t count, const char *const *words, bool error)
{
	struct words *copy = new_words(count, words);
	copy->error = error;
	peal_list_append(&redis.replies, &copy->link);
}

static void clear(struct peal_list *list)
{
	struct peal_list *link;
	while ((link = peal_list_take(list)))
		free_words(peal_container(link, struct words, link));
}

static void clear_names(char **names, size_t *count)
{
	while (*count)
		free(names[--*count]);
}

/* --- what tests do -------------------------------------------------------------------------- */

void fake_redis_connect(void)
{
	redis.connection->ready = true;
	redis.connection->handlers.ready(redis.connection, redis.connection->userdata);
}

void fake_redis_lose(const char *why)
{
	redis.connection->ready = false;
	clear(&redis.commands);
	clear(&redis.replies);
	clear_names(redis.channels, &redis.channel_count);
	clear_names(redis.patterns, &redis.pattern_count);
	redis.connection->handlers.lost(redis.connection, why, redis.connection->userdata);
}

static void work_on(const struct words *command)
{
	bool pattern = command->word[0][0] == 'P';
	bool subscribe = !strcmp(command->word[0] + pattern, "SUBSCRIBE");
	const char *word = subscribe ? pattern ? "psubscribe" : "subscribe"
			   : pattern ? "punsubscribe"
				     : "unsubscribe";
	char **names = pattern ? redis.patterns : redis.channels;
	size_t *count = pattern ? &redis.pattern_count : &redis.channel_count;
	for (size_t i = 1; redis.refused && i < command->count; i++) {
		if (strcmp(command->word[i], redis.refused))
			continue;
		reply(1, (const char *[]){ "NOPERM no right to that" }, true);
		return;
	}
	for (size_t i = 1; i < command->count; i++) {
		size_t at = 0;
		while (at < *count && strcmp(names[at], command->word[i]))
			at++;
		if (subscribe && at == *count) {
			if (at == MOST)
				abort();
			names[(*count)++] = copy_of(command->word[i]);
		} else if (!subscribe && at < *count) {
			free(names[at]);
			names[at] = names[--*count];
		}
		reply(3, (const char *[]){ word, command->word[i], "1" }, false);
	}
}

void fake_redis_work(int commands)
{
	struct peal_list *link;
	while (commands-- != 0 && (link = peal_list_take(&redis.commands))) {
		struct words *command = peal_container(link, struct words, link);
		work_on(command);
		free_words(command);
	}
}

void fake_redis_deliver(int replies)
{
	struct peal_list *link;
	while (replies-- != 0 && (link = peal_list_take(&redis.replies))) {
		struct words *words = peal_container(link, struct words, link);
		struct peal_redis_value elements[4];
		struct peal_redis_reply told = { .value.type = PEAL_REDIS_ARRAY,
						 .elements = elements,
						 .count = words->count };
		for (size_t i = 0; i < words->count; i++)
			elements[i] = (struct peal_redis_value){ .type = PEAL_REDIS_STRING,
								 .bytes = words->word[i],
								 .length = strlen(words->word[i]) };
		if (words->error) {
			told.value = elements[0];
			told.value.type = PEAL_REDIS_ERROR;
		}
		redis.connection->handlers.reply(redis.connection, &told,
						 redis.connection->userdata);
		free_words(words);
	}
}

int fake_redis_publish(const char *channel, const char *payload)
{
	int copies = 0;
	for (size_t i = 0; i < redis.channel_count; i++) {
		if (strcmp(redis.channels[i], channel))
			continue;
		reply(3, (const char *[]){ "message", channel, payload }, false);
		copies++;
	}
	for (size_t i = 0; i < redis.pattern_count; i++) {
		if (fnmatch(redis.patterns[i], channel, 0))
			continue;
		reply(4, (const char *[]){ "pmessage", redis.patterns[i], channel, payload },
		      false);
		copies++;
	}
	return copies;
}

void fake_redis_refuse(const char *name)
{
	redis.refused = name;
}

const char *fake_redis_commands(void)
{
	static char told[sizeof(redis.log)];
	strcpy(told, redis.log);
	redis.log[0] = '\0';
	return told;
}

size_t fake_redis_subscriptions(void)
{
	return redis.channel_count + redis.pattern_count;
}

bool fake_redis_is_busy(void)
{
	return !peal_list_empty(&redis.commands) || !peal_list_empty(&redis.replies);
}

/* --- in the place of connection.c ----------------------------------------------------------- */

int peal_redis_connection_new(struct peal_loop *loop, const struct peal_redis_address *address,
			      const char *kind, bool subscriber, const char *client_name,
			      const struct peal_redis_handlers *handlers, void *userdata,
			      struct peal_stats *stats, const struct peal_log *log,
			      struct peal_redis_connection **ret_connection)
{
	(void)address, (void)kind, (void)subscriber, (void)client_name, (void)stats, (void)log;
	memset(&redis, 0, sizeof(redis));
	peal_list_init(&redis.commands);
	peal_list_init(&redis.replies);
	if (!(redis.connection = calloc(1, sizeof(*redis.connection))))
		return -ENOMEM;
	*redis.connection = (struct peal_redis_connection){ .loop = loop,
							    .handlers = *handlers,
							    .userdata = userdata };
	*ret_connection = redis.connection;
	return 0;
}

void peal_redis_connection_start(struct peal_redis_connection *connection)
{
	(void)connection;
}

void peal_redis_connection_free(struct peal_redis_connection *connection)
{
	clear(&redis.commands);
	clear(&redis.replies);
	clear_names(redis.channels, &redis.channel_count);
	clear_names(redis.patterns, &redis.pattern_count);
	free(connection);
}

uint64_t peal_redis_connection_heard_ms(const struct peal_redis_connection *connection)
{
	return peal_loop_real_ms(connection->loop);
}

int peal_redis_command(struct peal_redis_connection *connection, size_t count,
		       const char *const *words, const size_t *lengths)
{
	(void)lengths;
	if (!connection->ready)
		return -ENOTCONN;
	peal_list_append(&redis.commands, &new_words(count, words)->link);
	size_t length = strlen(redis.log);
	for (size_t i = 0; i < count && length < sizeof(redis.log); i++)
		length += (size_t)snprintf(redis.log + length, sizeof(redis.log) - length, "%s%s",
					   i	    ? " "
					   : length ? "; "
						    : "",
					   words[i]);
	return 0;
}
