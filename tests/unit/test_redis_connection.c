#include "adapters/redis/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "tests/support/redis_server.h"
#include "unit.h"

static struct redis_world world;
static struct redis_server server;
static struct peal_redis_options options;
static struct peal_redis_address address;
static struct peal_redis_connection *connection;
static char url[256];

/* What the handlers saw. */
static unsigned readies, losses, replies;
static char lost_why[640];
static char last_reply[256];
static size_t last_count, last_length;
static int64_t integers[4096];
static bool free_in_reply;

static void on_ready(struct peal_redis_connection *of, void *userdata)
{
	ck_assert_ptr_eq(of, connection);
	ck_assert_ptr_eq(userdata, &world);
	ck_assert(peal_redis_connection_is_ready(of));
	readies++;
}

static void on_reply(struct peal_redis_connection *of, const struct peal_redis_reply *reply,
		     void *userdata)
{
	ck_assert_ptr_eq(of, connection);
	(void)userdata;
	const char *text = reply->value.bytes ? reply->value.bytes : "";
	if (reply->value.type == PEAL_REDIS_ARRAY && reply->count && reply->elements[0].bytes)
		text = reply->elements[0].bytes;
	snprintf(last_reply, sizeof(last_reply), "%s", text);
	last_count = reply->count;
	last_length = reply->value.length;
	integers[replies % 4096] = reply->value.integer;
	replies++;
	if (free_in_reply) {
		peal_redis_connection_free(connection);
		connection = NULL;
	}
}

static void on_lost(struct peal_redis_connection *of, const char *why, void *userdata)
{
	ck_assert_ptr_eq(of, connection);
	(void)userdata;
	ck_assert(!peal_redis_connection_is_ready(of));
	snprintf(lost_why, sizeof(lost_why), "%s", why);
	losses++;
}

static void begin_as(bool subscriber)
{
	static const struct peal_redis_handlers handlers = { on_ready, on_reply, on_lost };
	char message[512];
	options.url = url;
	int r = peal_redis_address_init(&address, &options, message, sizeof(message));
	ck_assert_msg(r == 0, "%s", message);
	ck_assert_int_eq(peal_redis_connection_new(world.loop, &address,
						   subscriber ? "subscribe" : "publish", subscriber,
						   "peal-n 1", &handlers, &world, &world.stats,
						   &world.log, &connection),
			 0);
	peal_redis_connection_start(connection);
	ck_assert_uint_eq(readies, 0);
}

static void begin(void)
{
	begin_as(false);
}

static void use_port(uint16_t port)
{
	snprintf(url, sizeof(url), "redis://127.0.0.1:%u", port);
}

static int say(const char *first, const char *second)
{
	const char *words[] = { first, second };
	size_t lengths[] = { strlen(first), second ? strlen(second) : 0 };
	return peal_redis_command(connection, second ? 2 : 1, words, lengths);
}

static void before(void)
{
	peal_redis_options_init(&options);
	redis_world_init(&world);
}

static void before_with_server(void)
{
	redis_server_start(&server, false);
	use_port(server.port);
}

static void after(void)
{
	peal_redis_connection_free(connection);
	redis_world_deinit(&world);
	peal_redis_address_deinit(&address);
	if (*server.dir)
		redis_server_stop(&server);
}

/* --- login --- */

START_TEST(it_connects_is_named_and_takes_commands)
{
	before_with_server();
	begin();
	ck_assert_int_eq(say("PING", NULL), -ENOTCONN);
	WAIT_FOR(&world, readies == 1);
	ck_assert_int_eq(say("CLIENT", "GETNAME"), 0);
	WAIT_FOR(&world, replies == 1);
	ck_assert_str_eq(last_reply, "peal-n-1-publish");
	ck_assert_uint_eq(losses, 0);
	ck_assert_uint_eq(redis_world_logged(&world, "connected to Redis"), 1);
}
END_TEST

START_TEST(replies_come_in_the_order_of_the_commands)
{
	before_with_server();
	begin();
	WAIT_FOR(&world, readies == 1);
	for (int i = 0; i < 3000; i++)
		ck_assert_int_eq(say("INCR", "counter"), 0);
	WAIT_FOR(&world, replies == 3000);
	for (int i = 0; i < 3000; i++)
		ck_assert_int_eq(integers[i], i + 1);
}
END_TEST

START_TEST(large_replies_come_whole_and_so_do_those_behind_them)
{
	before_with_server();
	begin();
	WAIT_FOR(&world, readies == 1);
	size_t length = 8u << 20;
	char *text = malloc(length + 1);
	memset(text, 'x', length);
	text[length] = '\0';
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(say("ECHO", text), 0);
		WAIT_FOR(&world, replies == 3 * i + 1);
		ck_assert_uint_eq(last_length, length);
		ck_assert_int_eq(say("ECHO", "short"), 0);
		ck_assert_int_eq(say("ECHO", "again"), 0);
		WAIT_FOR(&world, replies == 3 * i + 3);
		ck_assert_uint_eq(last_length, 5);
	}
	free(text);
}
END_TEST

START_TEST(a_user_with_a_password_logs_in)
{
	before_with_server();
	redis_server_say(&server, "ACL SETUSER alice on >p@ss:w/rd% allchannels +@all");
	redis_server_say(&server, "CONFIG SET requirepass secret");
	snprintf(url, sizeof(url), "redis://alice:p%%40ss%%3aw%%2frd%%25@127.0.0.1:%u/2",
		 server.port);
	begin();
	WAIT_FOR(&world, readies == 1);
	ck_assert_int_eq(say("ACL", "WHOAMI"), 0);
	WAIT_FOR(&world, replies == 1);
	ck_assert_str_eq(last_reply, "alice");
	ck_assert_uint_eq(redis_world_logged(&world, "database"), 1);
}
END_TEST

START_TEST(a_password_alone_logs_the_default_user_in)
{
	before_with_server();
	redis_server_say(&server, "CONFIG SET requirepass secret");
	options.password = "secret";
	begin();
	WAIT_FOR(&world, readies == 1);
	ck_assert_uint_eq(losses, 0);
}
END_TEST

START_TEST(a_wrong_password_is_told_once_and_tried_again_slowly)
{
	before_with_server();
	redis_server_say(&server, "ACL SETUSER alice on >right allchannels +@all");
	snprintf(url, sizeof(url), "redis://alice:hidden@127.0.0.1:%u", server.port);
	begin();
	redis_world_rest(&world, 2500);
	ck_assert_uint_ge(losses, 2);
	ck_assert_uint_le(losses, 7);
	ck_assert_ptr_nonnull(strstr(lost_why, "WRONGPASS"));
	ck_assert_uint_eq(redis_world_logged(&world, "no connection to Redis"), 1);
	ck_assert_uint_eq(redis_world_logged(&world, "hidden"), 0);
	redis_server_say(&server, "ACL SETUSER alice >hidden");
	WAIT_FOR(&world, readies == 1);
}
END_TEST

START_TEST(a_missing_password_is_told)
{
	before_with_server();
	redis_server_say(&server, "CONFIG SET requirepass secret");
	begin();
	WAIT_FOR(&world, losses);
	ck_assert_ptr_nonnull(strstr(lost_why, "NOAUTH"));
	ck_assert_ptr_nonnull(strstr(lost_why, "redis://user:password@host"));
	ck_assert_uint_eq(readies, 0);
}
END_TEST

START_TEST(a_needless_password_is_told)
{
	before_with_server();
	snprintf(url, sizeof(url), "redis://:hidden@127.0.0.1:%u", server.port);
	begin();
	WAIT_FOR(&world, losses);
	ck_assert_ptr_nonnull(strstr(lost_why, "leave the password out"));
	ck_assert_uint_eq(redis_world_logged(&world, "hidden"), 0);
}
END_TEST

START_TEST(a_user_who_may_neither_name_nor_ask_is_let_in)
{
	before_with_server();
	redis_server_say(&server, "ACL SETUSER alice on >pw allchannels +publish");
	snprintf(url, sizeof(url), "redis://alice:pw@127.0.0.1:%u", server.port);
	begin();
	WAIT_FOR(&world, readies == 1);
	ck_assert_uint_eq(redis_world_logged(&world, "refuses the name"), 1);
	/* The refused PING of the keep-alive is not taken for a reply to anything else. */
	redis_world_rest(&world, 3500);
	ck_assert_uint_eq(replies, 0);
	ck_assert_uint_eq(losses, 0);
	const char *words[] = { "PUBLISH", "a", "b" };
	ck_assert_int_eq(peal_redis_command(connection, 3, words, (size_t[]){ 7, 1, 1 }), 0);
	WAIT_FOR(&world, replies == 1);
	ck_assert_int_eq(integers[0], 0);
}
END_TEST

START_TEST(a_replica_is_told)
{
	before_with_server();
	struct redis_server primary = server;
	redis_server_start(&server, false);
	char command[64];
	snprintf(command, sizeof(command), "REPLICAOF 127.0.0.1 %u", primary.port);
	ck_assert_str_eq(redis_server_say(&server, command), "+OK");
	use_port(server.port);
	begin();
	WAIT_FOR(&world, readies == 1);
	ck_assert_uint_eq(redis_world_logged(&world, "is a replica"), 1);
	redis_server_stop(&primary);
}
END_TEST

/* --- ways to Redis --- */

START_TEST(a_unix_socket_is_a_way_to_redis)
{
	before_with_server();
	snprintf(url, sizeof(url), "unix://%s", server.path);
	begin();
	WAIT_FOR(&world, readies == 1);
	ck_assert_int_eq(say("PING", NULL), 0);
	WAIT_FOR(&world, replies == 1);
}
END_TEST

START_TEST(localhost_needs_no_lookup)
{
	before_with_server();
	snprintf(url, sizeof(url), "redis://localhost:%u", server.port);
	begin();
	WAIT_FOR(&world, readies == 1);
}
END_TEST

START_TEST(the_trouble_with_the_first_address_is_told)
{
	snprintf(url, sizeof(url), "redis://localhost:%u", free_port());
	begin();
	WAIT_FOR(&world, losses == 2);
	ck_assert_str_eq(lost_why, "Connection refused");
	ck_assert_uint_eq(redis_world_logged(&world, "no connection to Redis"), 1);
}
END_TEST

START_TEST(a_host_name_is_looked_up)
{
	before_with_server();
	/* No address in the usual form, so it takes the way of names; the answer needs no network.
	 */
	snprintf(url, sizeof(url), "redis://127.1:%u", server.port);
	begin();
	WAIT_FOR(&world, readies == 1);
}
END_TEST

START_TEST(a_host_name_that_is_unknown_is_told)
{
	before_with_server();
	snprintf(url, sizeof(url), "redis://peal-test.invalid:%u", server.port);
	begin();
	WAIT_FOR(&world, losses);
	ck_assert_ptr_nonnull(strstr(lost_why, "resolve"));
	ck_assert_uint_eq(readies, 0);
}
END_TEST

START_TEST(a_lookup_may_be_walked_away_from)
{
	snprintf(url, sizeof(url), "redis://peal-test.invalid");
	begin();
	redis_world_turn(&world);
	peal_redis_connection_free(connection);
	connection = NULL;
	redis_world_rest(&world, 200);
	ck_assert_uint_eq(losses + readies, 0);
}
END_TEST

static char ca[96], cert[96], key[96], other[96];

static void begin_tls(const char *host, const char *ca_file, bool with_certificate)
{
	snprintf(ca, sizeof(ca), "%s/ca.pem", server.dir);
	snprintf(cert, sizeof(cert), "%s/cert.pem", server.dir);
	snprintf(key, sizeof(key), "%s/key.pem", server.dir);
	snprintf(other, sizeof(other), "%s/other-ca.pem", server.dir);
	snprintf(url, sizeof(url), "rediss://%s:%u", host, server.tls_port);
	options.ca_file = ca_file;
	options.cert_file = with_certificate ? cert : NULL;
	options.key_file = with_certificate ? key : NULL;
	begin();
}

START_TEST(tls_with_a_client_certificate_works_both_ways)
{
	redis_server_start(&server, true);
	begin_tls("localhost", ca, true);
	WAIT_FOR(&world, readies == 1);
	size_t length = 3u << 20;
	char *text = malloc(length + 1);
	memset(text, 'y', length);
	text[length] = '\0';
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(say("ECHO", text), 0);
	free(text);
	WAIT_FOR(&world, replies == 5);
	ck_assert_uint_eq(last_length, length);
	ck_assert_uint_eq(peal_redis_connection_unwritten(connection), 0);
	ck_assert_uint_eq(losses, 0);
}
END_TEST

START_TEST(tls_checks_addresses_too)
{
	redis_server_start(&server, true);
	begin_tls("127.0.0.1", ca, true);
	WAIT_FOR(&world, readies == 1);
}
END_TEST

START_TEST(tls_refuses_a_certificate_for_another_name)
{
	redis_server_start(&server, true);
	begin_tls("127.0.0.2", ca, true);
	WAIT_FOR(&world, losses);
	ck_assert_uint_eq(readies, 0);
}
END_TEST

START_TEST(tls_refuses_a_certificate_of_a_stranger)
{
	redis_server_start(&server, true);
	begin_tls("localhost", other, true);
	WAIT_FOR(&world, losses);
	ck_assert_ptr_nonnull(strstr(lost_why, "certificate"));
	ck_assert_uint_eq(readies, 0);
}
END_TEST

START_TEST(tls_without_the_client_certificate_that_redis_wants_fails)
{
	redis_server_start(&server, true);
	begin_tls("localhost", ca, false);
	WAIT_FOR(&world, losses);
	ck_assert_ptr_nonnull(strstr(lost_why, "TLS"));
	ck_assert_uint_eq(readies, 0);
}
END_TEST

START_TEST(tls_towards_a_server_without_it_fails)
{
	redis_server_start(&server, true);
	server.tls_port = server.port;
	begin_tls("localhost", ca, true);
	WAIT_FOR(&world, losses);
	ck_assert_uint_eq(readies, 0);
}
END_TEST

/* --- loss --- */

START_TEST(it_comes_back_after_redis_was_killed_and_started_again)
{
	before_with_server();
	begin();
	WAIT_FOR(&world, readies == 1);
	redis_server_kill(&server, SIGKILL);
	WAIT_FOR(&world, losses >= 3);
	ck_assert_uint_eq(world.stats.cluster_disconnects, 1);
	ck_assert_int_eq(say("PING", NULL), -ENOTCONN);
	redis_server_start_again(&server);
	WAIT_FOR(&world, readies == 2);
	ck_assert_int_eq(say("PING", NULL), 0);
	WAIT_FOR(&world, replies == 1);
	ck_assert_uint_eq(redis_world_logged(&world, "connection to Redis lost"), 1);
	/* Refused connections, in however many words, are told once. */
	ck_assert_uint_le(redis_world_logged(&world, "no connection to Redis"), 2);
}
END_TEST

START_TEST(it_waits_for_a_redis_that_is_not_there_yet)
{
	before_with_server();
	redis_server_kill(&server, SIGKILL);
	begin();
	WAIT_FOR(&world, losses >= 2);
	redis_server_start_again(&server);
	WAIT_FOR(&world, readies == 1);
	ck_assert_uint_eq(world.stats.cluster_disconnects, 0);
}
END_TEST

START_TEST(a_hung_redis_is_noticed)
{
	before_with_server();
	begin();
	WAIT_FOR(&world, readies == 1);
	redis_server_kill(&server, SIGSTOP);
	ck_assert_int_eq(say("PING", NULL), 0);
	WAIT_FOR(&world, losses >= 1);
	ck_assert_ptr_nonnull(strstr(world.records, "Redis is silent"));
	/* The kernel still takes connections for it; nobody logs in. */
	WAIT_FOR(&world, losses >= 2);
	ck_assert_uint_eq(readies, 1);
	redis_server_kill(&server, SIGCONT);
	WAIT_FOR(&world, readies == 2);
}
END_TEST

START_TEST(an_idle_connection_is_kept_alive_without_showing_it)
{
	before_with_server();
	begin();
	WAIT_FOR(&world, readies == 1);
	uint64_t commands = world.stats.cluster_commands;
	WAIT_FOR(&world, world.stats.cluster_commands >= commands + 2);
	redis_world_rest(&world, 300);
	ck_assert_uint_eq(replies, 0);
	ck_assert_uint_eq(losses, 0);
}
END_TEST

START_TEST(an_idle_subscriber_is_kept_alive_without_showing_it)
{
	before_with_server();
	begin_as(true);
	WAIT_FOR(&world, readies == 1);
	uint64_t commands = world.stats.cluster_commands;
	WAIT_FOR(&world, world.stats.cluster_commands >= commands + 1);
	ck_assert_int_eq(say("SUBSCRIBE", "a"), 0);
	WAIT_FOR(&world, replies == 1);
	ck_assert_str_eq(last_reply, "subscribe");
	commands = world.stats.cluster_commands;
	WAIT_FOR(&world, world.stats.cluster_commands >= commands + 2);
	redis_server_say(&server, "PUBLISH a pong");
	WAIT_FOR(&world, replies == 2);
	ck_assert_str_eq(last_reply, "message");
	ck_assert_uint_eq(losses, 0);
}
END_TEST

START_TEST(commands_of_one_turn_are_one_write)
{
	before_with_server();
	begin();
	WAIT_FOR(&world, readies == 1);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(say("INCR", "x"), 0);
	ck_assert_uint_gt(peal_redis_connection_unwritten(connection), 0);
	WAIT_FOR(&world, replies == 10);
	ck_assert_uint_eq(peal_redis_connection_unwritten(connection), 0);
}
END_TEST

START_TEST(what_was_said_last_is_written_when_it_is_freed)
{
	before_with_server();
	begin();
	WAIT_FOR(&world, readies == 1);
	const char *words[] = { "SET", "last", "word" };
	ck_assert_int_eq(peal_redis_command(connection, 3, words, (size_t[]){ 3, 4, 4 }), 0);
	peal_redis_connection_free(connection);
	connection = NULL;
	const char *there = "";
	for (int i = 0; i < 200 && strcmp(there, ":1") != 0; i++, usleep(10000))
		there = redis_server_say(&server, "EXISTS last");
	ck_assert_str_eq(there, ":1");
}
END_TEST

START_TEST(it_may_be_freed_in_its_own_handler)
{
	before_with_server();
	begin();
	WAIT_FOR(&world, readies == 1);
	free_in_reply = true;
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(say("PING", NULL), 0);
	WAIT_FOR(&world, !connection);
	redis_world_rest(&world, 200);
	ck_assert_uint_eq(replies, 1);
	ck_assert_uint_eq(losses, 0);
}
END_TEST

/* --- a server that is none --- */

static int listener = -1, peer = -1;

#define LOGIN "+OK\r\n$11\r\nrole:master\r\n"

/* Takes one connection and lets it log in. */
static void begin_fake(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(to);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&to, &length), 0);
	use_port(ntohs(to.sin_port));
	begin_as(false);
	WAIT_FOR(&world, (peer = accept(listener, NULL, NULL)) >= 0);
}

static void answer(const char *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		ssize_t n = send(peer, bytes + at, length - at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			at += (size_t)n;
		else if (losses)
			return;
		redis_world_turn(&world);
	}
}

static void log_fake_in(void)
{
	answer(LOGIN, strlen(LOGIN));
	WAIT_FOR(&world, readies == 1);
}

START_TEST(replies_that_cannot_be_parsed_close_the_connection)
{
	static const char *const bad[] = {
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		":x\r\n",
		"*-5\r\n",
		"$-5\r\n",
		"*99999999999999999999\r\n",
		"%1\r\n+a\r\n+b\r\n",
		"*1000000000\r\n",
		"*70000\r\n",
		"*1\r\n*1\r\n+a\r\n",
		"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
		"\r\n",
	};
	begin_fake();
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *word = "ECHO";
		if (i)
			WAIT_FOR(&world, (peer = accept(listener, NULL, NULL)) >= 0);
		answer(LOGIN, strlen(LOGIN));
		WAIT_FOR(&world, readies == i + 1);
		ck_assert_int_eq(peal_redis_command(connection, 1, &word, (size_t[]){ 4 }), 0);
		answer(bad[i], strlen(bad[i]));
		WAIT_FOR(&world, losses == i + 1);
		ck_assert_ptr_nonnull(strstr(lost_why, "reply"));
		close(peer);
	}
	ck_assert_uint_eq(replies, 0);
}
END_TEST

START_TEST(garbage_instead_of_a_login_is_a_failed_attempt)
{
	begin_fake();
	answer("SSH-2.0-OpenSSH\r\n", 17);
	WAIT_FOR(&world, losses == 1);
	ck_assert_uint_eq(readies, 0);
}
END_TEST

START_TEST(a_reply_to_nothing_closes_the_connection)
{
	begin_fake();
	log_fake_in();
	answer(":1\r\n", 4);
	WAIT_FOR(&world, losses == 1);
	ck_assert_uint_eq(replies, 0);
}
END_TEST

START_TEST(a_reply_that_is_too_large_closes_the_connection)
{
	begin_fake();
	log_fake_in();
	ck_assert_int_eq(say("ECHO", "x"), 0);
	answer("$500000000\r\n", 12);
	char *chunk = calloc(1, 1 << 20);
	size_t sent = 0;
	while (!losses && sent < (size_t)PEAL_LIMIT_CLUSTER_MESSAGE_BYTES * 2) {
		answer(chunk, 1 << 20);
		sent += 1 << 20;
	}
	free(chunk);
	WAIT_FOR(&world, losses == 1);
	ck_assert_ptr_nonnull(strstr(lost_why, "too large"));
	ck_assert_uint_le(sent, PEAL_LIMIT_CLUSTER_MESSAGE_BYTES + (16u << 20));
}
END_TEST

START_TEST(a_flat_array_of_all_kinds_is_understood_in_any_pieces)
{
	static const char text[] = "*6\r\n$5\r\na\0b\r\n\r\n:-7\r\n$-1\r\n+st\r\n-er\r\n$0\r\n\r\n";
	begin_fake();
	log_fake_in();
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(say("X", NULL), 0);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		answer(text + i, 1);
	WAIT_FOR(&world, replies == 1);
	ck_assert_uint_eq(last_count, 6);
	ck_assert_str_eq(last_reply, "a");
	answer("*0\r\n", 4);
	WAIT_FOR(&world, replies == 2);
	ck_assert_uint_eq(last_count, 0);
	ck_assert_uint_eq(losses, 0);
}
END_TEST

START_TEST(a_server_that_is_full_is_a_failed_attempt)
{
	begin_fake();
	answer("-ERR max number of clients reached\r\n", 36);
	WAIT_FOR(&world, losses == 1);
	ck_assert_ptr_nonnull(strstr(lost_why, "maxclients"));
}
END_TEST

START_TEST(a_server_that_does_not_read_is_given_up_before_memory_runs_out)
{
	begin_fake();
	log_fake_in();
	size_t length = 16u << 20;
	char *text = malloc(length + 1);
	memset(text, 'z', length);
	text[length] = '\0';
	int r = 0;
	for (int i = 0; i < 20 && !r; i++)
		r = say("ECHO", text);
	free(text);
	ck_assert_int_eq(r, -ENOTCONN);
	ck_assert_uint_eq(losses, 0);
	ck_assert_uint_le(peal_redis_connection_unwritten(connection),
			  PEAL_LIMIT_REDIS_OUTPUT_BYTES);
	WAIT_FOR(&world, losses == 1);
	ck_assert_ptr_nonnull(strstr(lost_why, "does not read"));
}
END_TEST

/* --- words for operators --- */

START_TEST(missing_rights_are_explained_with_a_line_that_helps)
{
	char text[640];
	before_with_server();
	redis_server_say(&server, "ACL SETUSER alice on >pw resetchannels +client");
	snprintf(url, sizeof(url), "redis://alice:pw@127.0.0.1:%u", server.port);
	begin();
	WAIT_FOR(&world, readies == 1);
	const char *words[] = { "PUBLISH", "socket.io#/#", "b" };
	size_t lengths[] = { 7, 12, 1 };
	ck_assert_int_eq(peal_redis_command(connection, 3, words, lengths), 0);
	WAIT_FOR(&world, replies == 1);
	peal_redis_explain(last_reply, "alice", "socket.io", text, sizeof(text));
	char *line = strstr(text, "ACL SETUSER alice ");
	ck_assert_msg(line, "%s", text);
	redis_server_say(&server, "ACL SETUSER alice +publish");
	ck_assert_int_eq(peal_redis_command(connection, 3, words, lengths), 0);
	WAIT_FOR(&world, replies == 2);
	peal_redis_explain(last_reply, "alice", "socket.io", text, sizeof(text));
	line = strstr(text, "ACL SETUSER alice ");
	ck_assert_msg(line && strstr(text, "channel"), "%s", text);
	char *end = strstr(line, " (");
	ck_assert_ptr_nonnull(end);
	*end = '\0';
	ck_assert_str_eq(redis_server_say(&server, line), "+OK");
	ck_assert_int_eq(peal_redis_command(connection, 3, words, lengths), 0);
	WAIT_FOR(&world, replies == 3);
	ck_assert_str_eq(last_reply, "");
	const char *pattern[] = { "PSUBSCRIBE", "socket.io#/#*" };
	ck_assert_int_eq(peal_redis_command(connection, 2, pattern, (size_t[]){ 10, 13 }), 0);
	WAIT_FOR(&world, replies == 4);
	ck_assert_str_eq(last_reply, "psubscribe");
}
END_TEST

START_TEST(explanations_never_repeat_arguments)
{
	char text[640];
	peal_redis_explain("ERR unknown command `AUTH`, with args beginning with: `hidden`, ", NULL,
			   NULL, text, sizeof(text));
	ck_assert_ptr_null(strstr(text, "hidden"));
	ck_assert_ptr_nonnull(strstr(text, "AUTH"));
	ck_assert_ptr_nonnull(strstr(text, "rename-command"));
	char small[8];
	peal_redis_explain("LOADING Redis is loading", NULL, NULL, small, sizeof(small));
	ck_assert_str_eq(small, "LOADING");
	peal_redis_explain("READONLY You can't write", "bob", "p", text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "primary"));
	peal_redis_explain("STRANGE words", "bob", "p", text, sizeof(text));
	ck_assert_str_eq(text, "STRANGE words");
}
END_TEST

UNIT_MAIN_WITH("redis_connection", before, after, it_connects_is_named_and_takes_commands,
	       replies_come_in_the_order_of_the_commands,
	       large_replies_come_whole_and_so_do_those_behind_them, a_user_with_a_password_logs_in,
	       a_password_alone_logs_the_default_user_in,
	       a_wrong_password_is_told_once_and_tried_again_slowly, a_missing_password_is_told,
	       a_needless_password_is_told, a_user_who_may_neither_name_nor_ask_is_let_in,
	       a_replica_is_told, a_unix_socket_is_a_way_to_redis, localhost_needs_no_lookup,
	       the_trouble_with_the_first_address_is_told, a_host_name_is_looked_up,
	       a_host_name_that_is_unknown_is_told, a_lookup_may_be_walked_away_from,
	       tls_with_a_client_certificate_works_both_ways, tls_checks_addresses_too,
	       tls_refuses_a_certificate_for_another_name, tls_refuses_a_certificate_of_a_stranger,
	       tls_without_the_client_certificate_that_redis_wants_fails,
	       tls_towards_a_server_without_it_fails,
	       it_comes_back_after_redis_was_killed_and_started_again,
	       it_waits_for_a_redis_that_is_not_there_yet, a_hung_redis_is_noticed,
	       an_idle_connection_is_kept_alive_without_showing_it,
	       an_idle_subscriber_is_kept_alive_without_showing_it,
	       commands_of_one_turn_are_one_write, what_was_said_last_is_written_when_it_is_freed,
	       it_may_be_freed_in_its_own_handler,
	       replies_that_cannot_be_parsed_close_the_connection,
	       garbage_instead_of_a_login_is_a_failed_attempt,
	       a_reply_to_nothing_closes_the_connection,
	       a_reply_that_is_too_large_closes_the_connection,
	       a_flat_array_of_all_kinds_is_understood_in_any_pieces,
	       a_server_that_is_full_is_a_failed_attempt,
	       a_server_that_does_not_read_is_given_up_before_memory_runs_out,
	       missing_rights_are_explained_with_a_line_that_helps,
	       explanations_never_repeat_arguments)
