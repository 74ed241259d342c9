#include "tests/support/redis_ear.h"

static void on_ready(struct peal_redis_connection *connection, void *userdata)
{
	const char *words[] = { "PSUBSCRIBE", "*" };
	(void)userdata;
	ck_assert_int_eq(peal_redis_command(connection, 2, words, (size_t[]){ 10, 1 }), 0);
}

static void on_reply(struct peal_redis_connection *connection, const struct peal_redis_reply *reply,
		     void *userdata)
{
	struct redis_ear *ear = userdata;
	(void)connection;
	if (reply->count == 3) {
		ear->hears = true;
		return;
	}
	ck_assert_uint_eq(reply->count, 4);
	ear->on_message(reply->elements[2].bytes, reply->elements[3].bytes,
			reply->elements[3].length);
}

void redis_ear_start(struct redis_ear *ear, struct redis_world *world,
		     const struct peal_redis_address *address)
{
	static const struct peal_redis_handlers handlers = { on_ready, on_reply, NULL };
	ck_assert_int_eq(peal_redis_connection_new(world->loop, address, "subscribe", true, "ear",
						   &handlers, ear, &world->stats, &world->log,
						   &ear->connection),
			 0);
	peal_redis_connection_start(ear->connection);
	WAIT_FOR(world, ear->hears);
}

void redis_ear_stop(struct redis_ear *ear)
{
	peal_redis_connection_free(ear->connection);
	ear->connection = NULL;
}
