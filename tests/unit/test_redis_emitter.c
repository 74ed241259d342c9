#include <peal/emitter.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "adapters/redis/connection.h"
#include "base/limits.h"
#include "tests/support/redis_ear.h"
#include "unit.h"

static struct redis_world world;
static struct redis_server server;
static struct peal_redis_options options;
static struct peal_redis_address address;
static struct peal_emitter *emitter;
static char url[256], message[512];

static void hear(const char *channel, const char *payload, size_t length);
static struct redis_ear ear = { .on_message = hear };
static char channels[64][128];
static char payloads[64][512];
static size_t lengths[64];
static unsigned heard;

static unsigned finished;
static size_t delivered, receivers, failed;
static char error[640];

static void hear(const char *channel, const char *payload, size_t length)
{
	if (heard == 64)
		return;
	snprintf(channels[heard], sizeof(*channels), "%s", channel);
	lengths[heard] = length;
	ck_assert_uint_lt(lengths[heard], sizeof(*payloads));
	memcpy(payloads[heard], payload, length + 1);
	heard++;
}

static void on_finish(size_t ok, size_t count, size_t bad, const char *why, void *userdata)
{
	ck_assert_ptr_eq(userdata, &world);
	delivered = ok;
	receivers = count;
	failed = bad;
	snprintf(error, sizeof(error), "%s", why ? why : "");
	finished++;
}

static void before(void)
{
	peal_redis_options_init(&options);
	redis_world_init(&world);
	redis_server_start(&server, false);
	snprintf(url, sizeof(url), "redis://127.0.0.1:%u", server.port);
	options.url = url;
}

static int make(void)
{
	return peal_emitter_new(peal_loop_base(world.loop), &options, world.log.fn,
				world.log.userdata, &emitter, message, sizeof(message));
}

static void listen_too(void)
{
	ck_assert_int_eq(peal_redis_address_init(&address, &options, message, sizeof(message)), 0);
	redis_ear_start(&ear, &world, &address);
}

static void finish(unsigned timeout_ms)
{
	unsigned at_first = finished;
	ck_assert_int_eq(peal_emitter_finish(emitter, timeout_ms, on_finish, &world), 0);
	ck_assert_uint_eq(finished, at_first);
	WAIT_FOR(&world, finished == at_first + 1);
}

static void after(void)
{
	peal_emitter_free(emitter);
	redis_ear_stop(&ear);
	redis_world_deinit(&world);
	peal_redis_address_deinit(&address);
	redis_server_stop(&server);
}

static void check_payload(unsigned at, const char *bytes, size_t length)
{
	ck_assert_uint_eq(lengths[at], length);
	ck_assert_mem_eq(payloads[at], bytes, length);
}

static struct peal_args *args_of(struct peal_values values)
{
	struct peal_args *args;
	ck_assert_int_eq(peal_args_new(values, &args), 0);
	return args;
}

START_TEST(an_event_goes_to_the_channel_of_its_target)
{
	/* ["emitter", {type: 2, data: ["hi", 1], nsp}, {rooms, flags, except}] */
	static const char all[] = "\x93\xa7"
				  "emitter\x83\xa4type\x02\xa4"
				  "data\x92\xa2hi\x01\xa3nsp\xa1/\x83\xa5rooms\x90\xa5"
				  "flags\x80\xa6"
				  "except\x90";
	static const char one[] = "\x93\xa7"
				  "emitter\x83\xa4type\x02\xa4"
				  "data\x92\xa2hi\x01\xa3nsp\xa6/admin\x83\xa5rooms\x91\xa1r\xa5"
				  "flags\x80\xa6"
				  "except\x91\xa1x";
	struct peal_args *args = args_of(PEAL_VALUES(1));
	ck_assert_int_eq(make(), 0);
	listen_too();
	ck_assert_int_eq(peal_emitter_emit_args(emitter, "/", PEAL_ALL, "hi", args), 0);
	ck_assert_int_eq(
		peal_emitter_emit_args(emitter, "admin",
				       PEAL_TO(.rooms = PEAL_ROOMS("r"), .except = PEAL_ROOMS("x")),
				       "hi", args),
		0);
	ck_assert_int_eq(peal_emitter_emit_args(emitter, "/",
						PEAL_TO(.rooms = PEAL_ROOMS("a", "b")), "hi", NULL),
			 0);
	WAIT_FOR(&world, heard == 3);
	ck_assert_str_eq(channels[0], "socket.io#/#");
	check_payload(0, all, sizeof(all) - 1);
	ck_assert_str_eq(channels[1], "socket.io#/admin#r#");
	check_payload(1, one, sizeof(one) - 1);
	ck_assert_str_eq(channels[2], "socket.io#/#");
	peal_args_free(args);
}
END_TEST

START_TEST(requests_have_the_form_of_the_official_emitter)
{
	ck_assert_int_eq(make(), 0);
	listen_too();
	const struct peal_target *to = PEAL_TO(.rooms = PEAL_ROOMS("a"), .except = PEAL_ROOMS("b"));
	struct peal_args *args = args_of(PEAL_VALUES("world"));
	ck_assert_int_eq(peal_emitter_sockets_join(emitter, "/", to, PEAL_ROOMS("r")), 0);
	ck_assert_int_eq(peal_emitter_sockets_leave(emitter, "/", PEAL_ALL, PEAL_ROOMS("r")), 0);
	ck_assert_int_eq(peal_emitter_sockets_disconnect(emitter, "/", to, true), 0);
	ck_assert_int_eq(peal_emitter_server_emit_args(emitter, "/", "hello", args), 0);
	ck_assert_int_eq(peal_emitter_sockets_join(emitter, "/", to, PEAL_ROOMS()), 0);
	WAIT_FOR(&world, heard == 4);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_str_eq(channels[i], "socket.io-request#/#");
	ck_assert_str_eq(
		payloads[0],
		"{\"type\":2,\"opts\":{\"rooms\":[\"a\"],\"except\":[\"b\"]},\"rooms\":[\"r\"]}");
	ck_assert_str_eq(payloads[1],
			 "{\"type\":3,\"opts\":{\"rooms\":[],\"except\":[]},\"rooms\":[\"r\"]}");
	ck_assert_str_eq(
		payloads[2],
		"{\"type\":4,\"opts\":{\"rooms\":[\"a\"],\"except\":[\"b\"]},\"close\":true}");
	ck_assert_str_eq(payloads[3],
			 "{\"uid\":\"emitter\",\"type\":6,\"data\":[\"hello\",\"world\"]}");
	peal_args_free(args);
}
END_TEST

START_TEST(a_prefix_begins_all_channels)
{
	options.prefix = "mine";
	ck_assert_int_eq(make(), 0);
	listen_too();
	ck_assert_int_eq(peal_emitter_emit_args(emitter, "/", PEAL_ALL, "hi", NULL), 0);
	ck_assert_int_eq(peal_emitter_sockets_disconnect(emitter, "/", PEAL_ALL, false), 0);
	WAIT_FOR(&world, heard == 2);
	ck_assert_str_eq(channels[0], "mine#/#");
	ck_assert_str_eq(channels[1], "mine-request#/#");
}
END_TEST

START_TEST(what_is_not_valid_is_refused_and_not_published)
{
	ck_assert_int_eq(make(), 0);
	listen_too();
	char long_name[PEAL_LIMIT_NAME_BYTES + 2];
	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	struct {
		const char *ns;
		const struct peal_target *target;
		const char *event;
		int r;
	} cases[] = {
		{ "/", PEAL_TO(.flags = PEAL_LOCAL), "hi", PEAL_EMIT_E_INVALID },
		{ "/", PEAL_TO(.rooms = PEAL_ROOMS()), "hi", PEAL_EMIT_E_INVALID },
		{ "/", PEAL_TO(.rooms = PEAL_ROOMS(long_name)), "hi", PEAL_EMIT_E_INVALID },
		{ "/", PEAL_TO(.rooms = PEAL_ROOMS("\xff")), "hi", PEAL_EMIT_E_INVALID },
		{ "/", PEAL_ALL, "connect", PEAL_EMIT_E_RESERVED },
		{ "/", PEAL_ALL, NULL, PEAL_EMIT_E_INVALID },
		{ "/", PEAL_ALL, long_name, PEAL_EMIT_E_INVALID },
		{ "/", PEAL_ALL, "\xff", PEAL_EMIT_E_INVALID },
		{ NULL, PEAL_ALL, "hi", PEAL_EMIT_E_INVALID },
		{ long_name, PEAL_ALL, "hi", PEAL_EMIT_E_INVALID },
		{ "/a,b", PEAL_ALL, "hi", PEAL_EMIT_E_INVALID },
		{ "/\xff", PEAL_ALL, "hi", PEAL_EMIT_E_INVALID },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_msg(peal_emitter_emit_args(emitter, cases[i].ns, cases[i].target,
						     cases[i].event, NULL) == cases[i].r,
			      "case %zu", i);
	ck_assert_int_eq(peal_emitter_sockets_join(emitter, "/", PEAL_ALL, PEAL_ROOMS("\xff")),
			 PEAL_EMIT_E_INVALID);
	static const char *const reserved[] = { "connect", "connection", "new_namespace" };
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(peal_emitter_server_emit_args(emitter, "/", reserved[i], NULL),
				 PEAL_EMIT_E_RESERVED);
	finish(10000);
	ck_assert_uint_eq(delivered + failed, 0);
	ck_assert_uint_eq(heard, 0);
}
END_TEST

START_TEST(finish_tells_when_all_is_published)
{
	ck_assert_int_eq(make(), 0);
	listen_too();
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(peal_emitter_emit_args(emitter, "/", PEAL_ALL, "hi", NULL), 0);
	finish(20000);
	ck_assert_uint_eq(delivered, 50);
	ck_assert_uint_eq(receivers, 50);
	ck_assert_uint_eq(failed, 0);
	ck_assert_str_eq(error, "");
	finish(20000);
	ck_assert_uint_eq(delivered, 50);
}
END_TEST

START_TEST(finish_gives_up_when_redis_is_not_there)
{
	redis_server_kill(&server, SIGKILL);
	ck_assert_int_eq(make(), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(peal_emitter_emit_args(emitter, "/", PEAL_ALL, "hi", NULL), 0);
	finish(300);
	ck_assert_uint_eq(delivered, 0);
	ck_assert_uint_eq(failed, 3);
	ck_assert_ptr_nonnull(strstr(error, "refused"));
	redis_world_rest(&world, 100);
	ck_assert_uint_eq(finished, 1);
}
END_TEST

START_TEST(finish_says_that_the_login_is_wrong)
{
	redis_server_say(&server, "CONFIG SET requirepass secret");
	options.password = "hidden";
	ck_assert_int_eq(make(), 0);
	ck_assert_int_eq(peal_emitter_emit_args(emitter, "/", PEAL_ALL, "hi", NULL), 0);
	finish(500);
	ck_assert_uint_eq(failed, 1);
	ck_assert_ptr_nonnull(strstr(error, "WRONGPASS"));
	ck_assert_ptr_null(strstr(error, "hidden"));
}
END_TEST

START_TEST(a_refused_message_counts_as_failed)
{
	redis_server_say(&server, "ACL SETUSER default -publish");
	ck_assert_int_eq(make(), 0);
	ck_assert_int_eq(peal_emitter_emit_args(emitter, "/", PEAL_ALL, "hi", NULL), 0);
	finish(20000);
	ck_assert_uint_eq(delivered, 0);
	ck_assert_uint_eq(failed, 1);
	ck_assert_str_ne(error, "");
	ck_assert_uint_eq(redis_world_logged(&world, "ACL SETUSER default"), 1);
}
END_TEST

START_TEST(it_may_be_freed_while_it_finishes)
{
	ck_assert_int_eq(make(), 0);
	ck_assert_int_eq(peal_emitter_emit_args(emitter, "/", PEAL_ALL, "hi", NULL), 0);
	ck_assert_int_eq(peal_emitter_finish(emitter, 100, on_finish, &world), 0);
	peal_emitter_free(emitter);
	emitter = NULL;
	ck_assert_uint_eq(finished, 1);
	ck_assert_uint_eq(failed, 1);
	redis_world_rest(&world, 300);
	ck_assert_uint_eq(finished, 1);
}
END_TEST

START_TEST(options_that_are_not_valid_are_refused_with_a_reason)
{
	options.url = "redis://a,b";
	ck_assert_int_eq(make(), PEAL_REDIS_E_OPTION);
	ck_assert_ptr_nonnull(strstr(message, "several hosts"));
	options.url = url;
	options.prefix = "\xff";
	ck_assert_int_eq(make(), PEAL_REDIS_E_OPTION);
	ck_assert_ptr_nonnull(strstr(message, "prefix"));
	ck_assert_ptr_null(emitter);
}
END_TEST

UNIT_MAIN_WITH("redis_emitter", before, after, an_event_goes_to_the_channel_of_its_target,
	       requests_have_the_form_of_the_official_emitter, a_prefix_begins_all_channels,
	       what_is_not_valid_is_refused_and_not_published, finish_tells_when_all_is_published,
	       finish_gives_up_when_redis_is_not_there, finish_says_that_the_login_is_wrong,
	       a_refused_message_counts_as_failed, it_may_be_freed_while_it_finishes,
	       options_that_are_not_valid_are_refused_with_a_reason)
