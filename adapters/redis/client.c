/*
 * A connection with a loop around it, for tools. Errors get the words that help an operator.
 */
#include <peal/redis_client.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/redis/address.h"
#include "adapters/redis/connection.h"
#include "base/limits.h"
#include "base/log.h"
#include "loop/loop.h"
#include "protocol/text.h"

#define ADVICE_BYTES 1024
/* Words of one command. */
#define WORDS 16

struct peal_redis_client {
	struct peal_stats stats;
	struct peal_log log;
	struct peal_loop *loop;
	struct peal_redis_address address;
	struct peal_redis_connection *connection;
	char *prefix;
	struct peal_redis_client_handlers handlers;
	void *userdata;
	struct peal_redis_item *items;
	size_t item_room;
};

static void on_ready(struct peal_redis_connection *connection, void *userdata)
{
	struct peal_redis_client *client = userdata;
	(void)connection;
	client->handlers.ready(client, client->userdata);
}

static void on_lost(struct peal_redis_connection *connection, const char *why, void *userdata)
{
	struct peal_redis_client *client = userdata;
	(void)connection;
	client->handlers.lost(client, why, client->userdata);
}

static struct peal_redis_item item_of(const struct peal_redis_value *value)
{
	bool is_text = value->type == PEAL_REDIS_STRING || value->type == PEAL_REDIS_STATUS ||
		       value->type == PEAL_REDIS_ERROR;
	return (struct peal_redis_item){
		.text = is_text ? value->bytes : NULL,
		.length = is_text ? value->length : 0,
		.number = value->type == PEAL_REDIS_INTEGER ? value->integer : 0,
	};
}

static bool make_room(struct peal_redis_client *client, size_t count)
{
	if (count <= client->item_room)
		return true;
	struct peal_redis_item *items = realloc(client->items, count * sizeof(*items));
	if (!items)
		return false;
	client->items = items;
	client->item_room = count;
	return true;
}

static void on_reply(struct peal_redis_connection *connection, const struct peal_redis_reply *reply,
		     void *userdata)
{
	struct peal_redis_client *client = userdata;
	bool array = reply->value.type == PEAL_REDIS_ARRAY;
	char advice[ADVICE_BYTES] = "";
	struct peal_redis_answer answer = {
		.error = reply->value.type == PEAL_REDIS_ERROR,
		.count = array ? reply->count : 1,
	};
	(void)connection;
	if (!make_room(client, answer.count + 1)) {
		client->handlers.lost(client, "no memory", client->userdata);
		return;
	}
	answer.items = client->items;
	for (size_t i = 0; i < answer.count; i++)
		client->items[i] = item_of(array ? &reply->elements[i] : &reply->value);
	if (answer.error) {
		peal_redis_explain(reply->value.bytes, client->address.user, client->prefix, advice,
				   sizeof(advice));
		client->items[1] =
			(struct peal_redis_item){ .text = advice, .length = strlen(advice) };
		answer.count = 2;
	}
	client->handlers.answer(client, &answer, client->userdata);
}

static const struct peal_redis_handlers connection_handlers = { on_ready, on_reply, on_lost };

int peal_redis_client_new(struct event_base *base, const struct peal_redis_options *options,
			  bool subscriber, const struct peal_redis_client_handlers *handlers,
			  void *userdata, peal_log_fn *log, void *log_userdata,
			  struct peal_redis_client **ret_client, char *message, size_t size)
{
	struct peal_redis_client *client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->handlers = *handlers;
	client->userdata = userdata;
	client->log = (struct peal_log){ PEAL_LOG_WARNING, log, log_userdata };
	int r = peal_redis_address_init(&client->address, options, message, size);
	if (r == 0) {
		client->prefix = strdup(options->prefix ? options->prefix : "");
		r = client->prefix
			    ? peal_loop_new(base, NULL, &client->stats, &client->log, &client->loop)
			    : -ENOMEM;
	}
	if (r == 0)
		r = peal_redis_connection_new(
			client->loop, &client->address, subscriber ? "subscribe" : "publish",
			subscriber,
			client->address.client_name ? client->address.client_name : "peal-client",
			&connection_handlers, client, &client->stats, &client->log,
			&client->connection);
	if (r != 0) {
		peal_redis_client_free(client);
		return r;
	}
	peal_redis_connection_start(client->connection);
	*ret_client = client;
	return 0;
}

int peal_redis_client_command(struct peal_redis_client *client, size_t count,
			      const char *const *words)
{
	size_t lengths[WORDS];
	if (count > WORDS)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		lengths[i] = strlen(words[i]);
	return peal_redis_command(client->connection, count, words, lengths);
}

void peal_redis_client_free(struct peal_redis_client *client)
{
	if (!client)
		return;
	if (client->connection)
		peal_redis_connection_free(client->connection);
	/* Runs what the connection has left to free. */
	peal_loop_free(client->loop);
	peal_redis_address_deinit(&client->address);
	free(client->items);
	free(client->prefix);
	free(client);
}
