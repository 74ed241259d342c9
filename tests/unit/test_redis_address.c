#include "adapters/redis/address.h"

#include <string.h>

#include "unit.h"

static struct peal_redis_address address;
static struct peal_redis_options options;
static char message[512];

static int parse(const char *url)
{
	peal_redis_address_deinit(&address);
	options.url = url;
	message[0] = '\0';
	return peal_redis_address_init(&address, &options, message, sizeof(message));
}

static void before(void)
{
	peal_redis_options_init(&options);
}

static void after(void)
{
	peal_redis_address_deinit(&address);
}

START_TEST(the_defaults_are_the_local_redis)
{
	ck_assert_int_eq(parse(options.url), 0);
	ck_assert_str_eq(address.host, "127.0.0.1");
	ck_assert_uint_eq(address.port, 6379);
	ck_assert(!address.tls && !address.path && !address.user && !address.password);
	ck_assert_str_eq(address.shown, "redis://127.0.0.1:6379");
	ck_assert_str_eq(options.prefix, "socket.io");
	ck_assert_uint_eq(options.queue_limit, 16u << 20);
	ck_assert_int_eq(options.interest, PEAL_INTEREST_AUTO);
}
END_TEST

START_TEST(a_url_gives_host_and_port)
{
	ck_assert_int_eq(parse("redis://redis.example:7000"), 0);
	ck_assert_str_eq(address.host, "redis.example");
	ck_assert_uint_eq(address.port, 7000);
	ck_assert_int_eq(parse("REDIS://redis.example/"), 0);
	ck_assert_uint_eq(address.port, 6379);
	ck_assert_int_eq(parse("rediss://10.0.0.1"), 0);
	ck_assert(address.tls);
	ck_assert_uint_eq(address.port, 6379);
	ck_assert_str_eq(address.shown, "rediss://10.0.0.1:6379");
}
END_TEST

START_TEST(an_ipv6_address_stands_in_brackets)
{
	ck_assert_int_eq(parse("redis://[::1]:7001"), 0);
	ck_assert_str_eq(address.host, "::1");
	ck_assert_uint_eq(address.port, 7001);
	ck_assert_str_eq(address.shown, "redis://[::1]:7001");
	ck_assert_int_eq(parse("redis://[fe80::1]"), 0);
	ck_assert_int_eq(parse("redis://[::1"), PEAL_REDIS_E_OPTION);
	ck_assert_int_eq(parse("redis://[::1]7"), PEAL_REDIS_E_OPTION);
	ck_assert_int_eq(parse("redis://[nonsense]"), PEAL_REDIS_E_OPTION);
	ck_assert_int_eq(parse("redis://::1"), PEAL_REDIS_E_OPTION);
}
END_TEST

START_TEST(user_and_password_are_percent_decoded)
{
	ck_assert_int_eq(parse("redis://al%40ice:p%3Aw%2F%25:x@h:1"), 0);
	ck_assert_str_eq(address.user, "al@ice");
	ck_assert_str_eq(address.password, "p:w/%:x");
	ck_assert_int_eq(parse("redis://:secret@h"), 0);
	ck_assert_ptr_null(address.user);
	ck_assert_str_eq(address.password, "secret");
	ck_assert_int_eq(parse("redis://alice:@h"), 0);
	ck_assert_str_eq(address.user, "alice");
	ck_assert_str_eq(address.password, "");
	ck_assert_int_eq(parse("redis://:a@b@h"), 0);
	ck_assert_str_eq(address.password, "a@b");
	ck_assert_int_eq(parse("redis://:%zz@h"), PEAL_REDIS_E_OPTION);
	ck_assert_int_eq(parse("redis://:%4@h"), PEAL_REDIS_E_OPTION);
	ck_assert_int_eq(parse("redis://:%00@h"), PEAL_REDIS_E_OPTION);
}
END_TEST

START_TEST(options_for_user_and_password_win_over_the_url)
{
	options.user = "bob";
	options.password = "other";
	ck_assert_int_eq(parse("redis://alice:secret@h"), 0);
	ck_assert_str_eq(address.user, "bob");
	ck_assert_str_eq(address.password, "other");
	options.user = NULL;
	ck_assert_int_eq(parse("redis://alice@h"), 0);
	ck_assert_str_eq(address.user, "alice");
	ck_assert_str_eq(address.password, "other");
	options.password = NULL;
	ck_assert_int_eq(parse("redis://alice@h"), PEAL_REDIS_E_OPTION);
	ck_assert_ptr_nonnull(strstr(message, "password"));
}
END_TEST

START_TEST(a_unix_socket_is_an_absolute_path)
{
	ck_assert_int_eq(parse("unix:///run/redis/re%20dis.sock"), 0);
	ck_assert_str_eq(address.path, "/run/redis/re dis.sock");
	ck_assert_ptr_null(address.host);
	ck_assert_int_eq(parse("unix://alice:pw@/run/redis.sock"), 0);
	ck_assert_str_eq(address.user, "alice");
	ck_assert_str_eq(address.shown, "unix:///run/redis.sock");
	ck_assert_int_eq(parse("unix://run/redis.sock"), PEAL_REDIS_E_OPTION);
	ck_assert_int_eq(parse("unix://"), PEAL_REDIS_E_OPTION);
	char url[300] = "unix:///";
	memset(url + 8, 'a', 200);
	ck_assert_int_eq(parse(url), PEAL_REDIS_E_OPTION);
}
END_TEST

START_TEST(a_database_is_accepted_and_noted)
{
	ck_assert_int_eq(parse("redis://h/3"), 0);
	ck_assert(address.database);
	ck_assert_int_eq(parse("redis://h/0"), 0);
	ck_assert(!address.database);
	ck_assert_int_eq(parse("redis://h/x"), PEAL_REDIS_E_OPTION);
	ck_assert_int_eq(parse("redis://h/3?x=y"), PEAL_REDIS_E_OPTION);
}
END_TEST

START_TEST(sentinel_cluster_and_several_hosts_are_refused_by_name)
{
	ck_assert_int_eq(parse("redis-sentinel://h"), PEAL_REDIS_E_OPTION);
	ck_assert_ptr_nonnull(strstr(message, "Sentinel"));
	ck_assert_int_eq(parse("rediss+cluster://h"), PEAL_REDIS_E_OPTION);
	ck_assert_ptr_nonnull(strstr(message, "Cluster"));
	ck_assert_int_eq(parse("redis://a:1,b:2"), PEAL_REDIS_E_OPTION);
	ck_assert_ptr_nonnull(strstr(message, "several hosts"));
	ck_assert_int_eq(parse("redis://:pa,ss@h"), 0);
}
END_TEST

START_TEST(what_is_no_url_of_redis_is_refused_without_showing_it)
{
	static const char *const urls[] = {
		NULL,
		"",
		"localhost:6379",
		"http://:hidden@h",
		"redis://",
		"redis://:6379",
		"redis://:hidden@",
		"redis://:hidden@h:0",
		"redis://:hidden@h:65536",
		"redis://:hidden@h:port",
		"redis://:hid/den@h",
		"redis://:hidden@h:",
		"redis://:hidden@h?db=1",
		"redis://:hidden@h#x",
		"redis://:hid den@h",
		"redis://:hid\nden@h",
		"redis://:hidden@ho%20st",
		"redis:hidden@h",
		"hidden://h",
		"redis://hidden@h",
	};
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		ck_assert_msg(parse(urls[i]) == PEAL_REDIS_E_OPTION, "%s", urls[i]);
		ck_assert_str_ne(message, "");
		ck_assert_msg(!strstr(message, "hid"), "%s", message);
		ck_assert_ptr_null(address.password);
	}
}
END_TEST

START_TEST(certificates_need_tls_and_each_other)
{
	options.ca_file = "/etc/ssl/certs/ca-certificates.crt";
	ck_assert_int_eq(parse("redis://h"), PEAL_REDIS_E_OPTION);
	ck_assert_ptr_nonnull(strstr(message, "rediss://"));
	options.ca_file = NULL;
	options.cert_file = "/nowhere/cert.pem";
	ck_assert_int_eq(parse("rediss://h"), PEAL_REDIS_E_OPTION);
	ck_assert_ptr_nonnull(strstr(message, "key_file"));
	options.cert_file = NULL;
	options.key_file = "/nowhere/key.pem";
	ck_assert_int_eq(parse("rediss://h"), PEAL_REDIS_E_OPTION);
	ck_assert_ptr_nonnull(strstr(message, "cert_file"));
}
END_TEST

START_TEST(certificate_files_are_read_when_the_options_are)
{
	options.ca_file = "/nowhere/ca.pem";
	ck_assert_int_eq(parse("rediss://h"), PEAL_REDIS_E_OPTION);
	ck_assert_ptr_nonnull(strstr(message, "ca_file"));
	ck_assert_ptr_nonnull(strstr(message, "/nowhere/ca.pem"));
	ck_assert_ptr_nonnull(strstr(message, "No such file"));
	options.ca_file = "/etc/passwd";
	ck_assert_int_eq(parse("rediss://h"), PEAL_REDIS_E_OPTION);
	ck_assert_ptr_nonnull(strstr(message, "ca_file"));
}
END_TEST

START_TEST(a_client_name_is_what_redis_takes)
{
	options.client_name = "my-node";
	ck_assert_int_eq(parse("redis://h"), 0);
	ck_assert_str_eq(address.client_name, "my-node");
	options.client_name = "my node";
	ck_assert_int_eq(parse("redis://h"), PEAL_REDIS_E_OPTION);
	ck_assert_ptr_nonnull(strstr(message, "client_name"));
}
END_TEST

UNIT_MAIN_WITH("redis_address", before, after, the_defaults_are_the_local_redis,
	       a_url_gives_host_and_port, an_ipv6_address_stands_in_brackets,
	       user_and_password_are_percent_decoded,
	       options_for_user_and_password_win_over_the_url, a_unix_socket_is_an_absolute_path,
	       a_database_is_accepted_and_noted,
	       sentinel_cluster_and_several_hosts_are_refused_by_name,
	       what_is_no_url_of_redis_is_refused_without_showing_it,
	       certificates_need_tls_and_each_other,
	       certificate_files_are_read_when_the_options_are, a_client_name_is_what_redis_takes)
