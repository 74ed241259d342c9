/* The limits of an address, on a clock that the tests move, and without memory at each place. */
#include "engine/addresses.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "engine/transport.h"
#include "tests/support/fake_clock.h"
#include "tests/support/scarce_memory.h"
#include "tests/unit/unit.h"

static struct peal_stats stats;
static char said[4096];
static struct fake_clock now;
static struct peal_loop *loop;
static struct peal_engine_context context;
static struct peal_addresses *const addresses = &context.addresses;

static void on_log(enum peal_log_level level, const char *message,
		   const struct peal_log_field *fields, size_t count, void *userdata)
{
	(void)level, (void)message, (void)userdata;
	for (size_t i = 0; i < count; i++) {
		char number[32];
		snprintf(number, sizeof(number), "%lld", (long long)fields[i].number);
		strcat(strcat(said, fields[i].text ? fields[i].text : number),
		       i + 1 < count ? " " : ";");
	}
}

static struct peal_log talking = { .level = PEAL_LOG_INFO, .fn = on_log };

static void set_up(void)
{
	memset(&stats, 0, sizeof(stats));
	memset(&context, 0, sizeof(context));
	said[0] = '\0';
	now.now_us = 5000000000;
	ck_assert_int_eq(peal_loop_new(NULL, FAKE_CLOCK(&now), &stats, &talking, &loop), 0);
	peal_addresses_init(addresses, loop, &stats, &talking);
}

static void tear_down(void)
{
	peal_addresses_deinit(addresses);
	peal_loop_free(loop);
	ck_assert_uint_eq(stats.addresses, 0);
}

static bool has_room(const char *address)
{
	return peal_addresses_has_room(addresses, address);
}

static void enter(const char *address)
{
	ck_assert_int_eq(peal_addresses_enter(addresses, address), 0);
}

static void leave(const char *address)
{
	peal_addresses_leave(addresses, address);
}

/* How many of @tries may open a session now. */
static unsigned come(const char *address, unsigned tries)
{
	unsigned in = 0;
	for (unsigned i = 0; i < tries; i++) {
		int r = peal_addresses_take(addresses, address);
		ck_assert(r == 0 || r == PEAL_ADDRESSES_E_TOO_FAST);
		in += r == 0;
	}
	return in;
}

static void advance(unsigned ms)
{
	fake_clock_advance(&now, loop, ms);
}

/* --- sessions ------------------------------------------------------------------------------- */

START_TEST(without_limits_everybody_comes_in_and_nothing_is_kept)
{
	size_t allocations = scarce.allocations;
	int in = 0;
	for (int i = 0; i < 1000; i++)
		in += has_room("192.0.2.1") && peal_addresses_take(addresses, "192.0.2.1") == 0 &&
		      peal_addresses_enter(addresses, "192.0.2.1") == 0;
	for (int i = 0; i < 1000; i++)
		leave("192.0.2.1");
	/* What Check allocates would count as well. */
	allocations = scarce.allocations - allocations;
	ck_assert_uint_eq(allocations, 0);
	ck_assert_int_eq(in, 1000);
	ck_assert(!peal_addresses_limited(addresses));
	ck_assert_uint_eq(stats.addresses, 0);
}
END_TEST

START_TEST(an_address_has_so_many_sessions_and_each_that_ends_makes_room_for_one)
{
	peal_addresses_set_clients(addresses, 2);
	enter("192.0.2.1");
	ck_assert(has_room("192.0.2.1"));
	enter("192.0.2.1");
	ck_assert(!has_room("192.0.2.1"));
	ck_assert(has_room("192.0.2.2"));
	leave("192.0.2.1");
	ck_assert(has_room("192.0.2.1"));
	enter("192.0.2.1");
	ck_assert(!has_room("192.0.2.1"));
	ck_assert_uint_eq(stats.sessions_refused_address_clients, 2);
	ck_assert_uint_eq(stats.addresses, 1);
	leave("192.0.2.1");
	leave("192.0.2.1");
	ck_assert_uint_eq(stats.addresses, 0);
}
END_TEST

START_TEST(an_address_of_ipv6_is_its_64_and_one_of_ipv4_is_itself)
{
	static const struct {
		const char *one, *other;
		bool same;
	} cases[] = {
		{ "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true },
		{ "2001:db8:1:2::1", "2001:db8:1:3::1", false },
		{ "::1", "::2", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.1", "192.0.2.1", true },
		/* The first bytes of both are 192, 0, 2 and 1. */
		{ "192.0.2.1", "c000:201::", false },
		{ "0.0.0.0", "::", false },
		{ "", "0.0.0.0", false },
		{ "", "", true },
	};
	peal_addresses_set_clients(addresses, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enter(cases[i].one);
		ck_assert_msg(has_room(cases[i].other) != cases[i].same, "%s and %s", cases[i].one,
			      cases[i].other);
		leave(cases[i].one);
	}
}
END_TEST

START_TEST(another_limit_holds_for_the_next_ones)
{
	peal_addresses_set_clients(addresses, 3);
	for (int i = 0; i < 3; i++)
		enter("192.0.2.1");
	peal_addresses_set_clients(addresses, 1);
	leave("192.0.2.1");
	ck_assert(!has_room("192.0.2.1"));
	peal_addresses_set_clients(addresses, 3);
	ck_assert(has_room("192.0.2.1"));
	peal_addresses_set_clients(addresses, 0);
	ck_assert_uint_eq(stats.addresses, 0);
	ck_assert_ptr_null(addresses->entries.buckets);
	leave("192.0.2.1"); /* nobody knows of it any more */
	ck_assert_uint_eq(stats.addresses, 0);
}
END_TEST

/* --- the rate ------------------------------------------------------------------------------- */

START_TEST(a_second_s_worth_comes_in_at_once_and_the_rest_at_the_rate)
{
	peal_addresses_set_rate(addresses, 5);
	ck_assert_uint_eq(come("192.0.2.1", 20), 5);
	ck_assert_uint_eq(come("192.0.2.2", 20), 5);
	advance(199);
	ck_assert_uint_eq(come("192.0.2.1", 20), 0);
	advance(1);
	ck_assert_uint_eq(come("192.0.2.1", 20), 1);
	advance(5000);
	ck_assert_uint_eq(come("192.0.2.1", 20), 5);
	ck_assert_uint_eq(stats.sessions_refused_address_rate, 15 + 15 + 20 + 19 + 15);
}
END_TEST

START_TEST(an_address_is_known_until_its_bucket_is_full_again)
{
	peal_addresses_set_rate(addresses, 1);
	peal_addresses_set_clients(addresses, 5);
	ck_assert_uint_eq(come("192.0.2.1", 1), 1);
	enter("192.0.2.1");
	ck_assert_uint_eq(come("192.0.2.2", 1), 1);
	advance(999);
	ck_assert_uint_eq(stats.addresses, 2);
	ck_assert_uint_eq(come("192.0.2.2", 1), 0);
	advance(1);
	ck_assert_uint_eq(stats.addresses, 1);
	ck_assert_uint_eq(come("192.0.2.2", 1), 1);
	/* A session that lasts keeps its address, and not its bucket. */
	ck_assert_uint_eq(come("192.0.2.1", 2), 1);
	leave("192.0.2.1");
	ck_assert_uint_eq(stats.addresses, 2);
	ck_assert_uint_eq(come("192.0.2.1", 1), 0);
	advance(1000);
	ck_assert_uint_eq(stats.addresses, 0);
}
END_TEST

START_TEST(another_rate_fills_all_buckets)
{
	peal_addresses_set_rate(addresses, 2);
	peal_addresses_set_clients(addresses, 9);
	enter("192.0.2.1");
	ck_assert_uint_eq(come("192.0.2.1", 9), 2);
	ck_assert_uint_eq(come("192.0.2.2", 9), 2);
	peal_addresses_set_rate(addresses, 3);
	ck_assert_uint_eq(stats.addresses, 1);
	ck_assert_uint_eq(come("192.0.2.1", 9), 3);
	peal_addresses_set_rate(addresses, 0);
	ck_assert_uint_eq(come("192.0.2.1", 100), 100);
	/* One whose bucket was never looked at has the new rate as well. */
	enter("192.0.2.3");
	peal_addresses_set_rate(addresses, 4);
	ck_assert_uint_eq(come("192.0.2.3", 9), 4);
	leave("192.0.2.1");
	leave("192.0.2.3");
}
END_TEST

/* --- floods --------------------------------------------------------------------------------- */

static const char *nth(unsigned i)
{
	static char address[64];
	snprintf(address, sizeof(address), "2001:db8:%x:%x::1", i >> 16, i & 0xffff);
	return address;
}

START_TEST(a_flood_from_ever_new_addresses_forgets_the_oldest_buckets_and_no_session)
{
	peal_addresses_set_rate(addresses, 1);
	peal_addresses_set_clients(addresses, 1);
	for (unsigned i = 0; i < 100; i++) {
		ck_assert_uint_eq(come(nth(i), 1), 1);
		enter(nth(i));
	}
	for (unsigned i = 100; i < PEAL_LIMIT_ADDRESSES + 1000; i++)
		ck_assert_uint_eq(come(nth(i), 2), 1);
	ck_assert_uint_eq(stats.addresses, 100 + PEAL_LIMIT_ADDRESSES);
	for (unsigned i = 0; i < 100; i++)
		ck_assert(!has_room(nth(i)));
	ck_assert_uint_eq(come(nth(1000), 1), 0);
	ck_assert_uint_eq(come(nth(PEAL_LIMIT_ADDRESSES + 999), 1), 0);
	/* This one is known no more; it may come, and another one is forgotten. */
	ck_assert_uint_eq(come(nth(999), 1), 1);
	ck_assert_uint_eq(stats.addresses, 100 + PEAL_LIMIT_ADDRESSES);
	advance(1000);
	ck_assert_uint_eq(stats.addresses, 100);
	for (unsigned i = 0; i < 100; i++)
		leave(nth(i));
}
END_TEST

START_TEST(the_log_has_one_line_a_minute_and_a_count)
{
	peal_addresses_set_clients(addresses, 1);
	peal_addresses_set_rate(addresses, 1);
	enter("192.0.2.1");
	for (int i = 0; i < 50; i++)
		ck_assert(!has_room("192.0.2.1"));
	ck_assert_str_eq(said, "192.0.2.1 clients 1;");
	ck_assert_uint_eq(come("2001:db8::5", 11), 1);
	for (int i = 0; i < 59; i++)
		advance(1000);
	ck_assert(!has_room("192.0.2.1"));
	ck_assert_str_eq(said, "192.0.2.1 clients 1;");
	advance(1000);
	ck_assert_uint_eq(come("2001:db8::5", 3), 1);
	ck_assert_str_eq(said, "192.0.2.1 clients 1;2001:db8::5 connect rate 61;");
	leave("192.0.2.1");
}
END_TEST

/* --- without memory ------------------------------------------------------------------------- */

START_TEST(without_memory_nobody_is_counted_and_nothing_is_left)
{
	peal_addresses_set_clients(addresses, 1);
	peal_addresses_set_rate(addresses, 1);
	for (size_t failing = 1; failing <= 2; failing++) {
		scarce.failing = failing;
		int entered = peal_addresses_enter(addresses, "192.0.2.1");
		scarce.failing = failing;
		int taken = peal_addresses_take(addresses, "192.0.2.1");
		scarce.failing = 0;
		ck_assert_int_eq(entered, -ENOMEM);
		ck_assert_int_eq(taken, -ENOMEM);
		ck_assert_uint_eq(stats.addresses, 0);
		ck_assert(has_room("192.0.2.1"));
	}
	ck_assert_uint_eq(come("192.0.2.1", 2), 1);
	/* Now it is known, and nothing more is needed. */
	scarce.failing = 1;
	int entered = peal_addresses_enter(addresses, "192.0.2.1");
	bool more = has_room("192.0.2.1");
	leave("192.0.2.1");
	int taken = peal_addresses_take(addresses, "192.0.2.1");
	scarce.failing = 0;
	ck_assert_int_eq(entered, 0);
	ck_assert(!more);
	ck_assert_int_eq(taken, PEAL_ADDRESSES_E_TOO_FAST);
}
END_TEST

/* --- sessions of an engine ------------------------------------------------------------------ */

static bool never(const struct peal_session *session)
{
	(void)session;
	return false;
}

static bool at_once(struct peal_session *session)
{
	(void)session;
	return true;
}

static void nothing(struct peal_session *session)
{
	(void)session;
}

static void let_go(struct peal_session *session, enum peal_release how)
{
	(void)session, (void)how;
}

static const struct peal_transport transport = { "none", never, nothing, at_once, let_go };

static int open_session(struct peal_engine *engine, struct peal_session **ret_session)
{
	struct peal_request *request = calloc(1, sizeof(*request));
	ck_assert_ptr_nonnull(request);
	request->address = "192.0.2.1";
	return peal_session_create(engine, &transport, request, false, false, ret_session);
}

static struct peal_engine *make_engine(void)
{
	static const struct peal_engine_handlers handlers = { NULL };
	struct peal_engine_options options;
	struct peal_engine *engine;
	context.loop = loop;
	context.stats = &stats;
	context.log = &talking;
	peal_engine_options_init(&options);
	options.ping_interval_ms = 600;
	options.ping_timeout_ms = 400;
	ck_assert_int_eq(peal_engine_create(&context, &options, &handlers, NULL, &engine), 0);
	return engine;
}

START_TEST(a_session_gives_its_place_back_however_it_ends)
{
	struct peal_engine *engine = make_engine();
	struct peal_session *session;
	peal_addresses_set_clients(addresses, 2);
	enter("192.0.2.1"); /* stays, so that a place given back twice would show */
	for (int way = 0; way < 6; way++) {
		ck_assert_int_eq(open_session(engine, &session), 0);
		ck_assert(!has_room("192.0.2.1"));
		if (way == 0)
			peal_session_discard(session);
		if (way == 1)
			ck_assert(!peal_session_shutdown(session)); /* its handshake waits */
		if (way == 2)
			peal_session_parse_error(session);
		if (way == 3)
			peal_session_receive_text(session, "1", 1);
		if (way == 4)
			peal_engine_discard_all(engine);
		/* And one of them for want of a pong; another ends while it closes. */
		if (way == 1 || way == 5)
			advance(way == 1 ? PEAL_LIMIT_CLOSE_GRACE_MS : 1000);
		peal_loop_step(loop);
		ck_assert_uint_eq(stats.sessions, 0);
		ck_assert(has_room("192.0.2.1"));
		enter("192.0.2.1");
		ck_assert(!has_room("192.0.2.1"));
		leave("192.0.2.1");
	}
	leave("192.0.2.1");
	ck_assert_uint_eq(stats.addresses, 0);
	peal_engine_destroy(engine);
}
END_TEST

START_TEST(a_session_that_cannot_be_made_holds_no_place)
{
	struct peal_engine *engine = make_engine();
	struct peal_session *session;
	int r = -ENOMEM;
	peal_addresses_set_clients(addresses, 1);
	for (size_t failing = 2; r < 0; failing++) {
		scarce.failing = failing; /* the first is the request of the test */
		r = open_session(engine, &session);
		scarce.failing = 0;
		peal_loop_step(loop);
		ck_assert_int_ne(has_room("192.0.2.1"), r == 0);
		ck_assert_uint_eq(stats.addresses, r == 0);
		ck_assert_uint_lt(failing, 20);
	}
	peal_engine_discard_all(engine);
	peal_loop_step(loop);
	ck_assert_uint_eq(stats.addresses, 0);
	peal_engine_destroy(engine);
}
END_TEST

UNIT_MAIN_WITH("addresses", set_up, tear_down,
	       without_limits_everybody_comes_in_and_nothing_is_kept,
	       an_address_has_so_many_sessions_and_each_that_ends_makes_room_for_one,
	       an_address_of_ipv6_is_its_64_and_one_of_ipv4_is_itself,
	       another_limit_holds_for_the_next_ones,
	       a_second_s_worth_comes_in_at_once_and_the_rest_at_the_rate,
	       an_address_is_known_until_its_bucket_is_full_again, another_rate_fills_all_buckets,
	       a_flood_from_ever_new_addresses_forgets_the_oldest_buckets_and_no_session,
	       the_log_has_one_line_a_minute_and_a_count,
	       without_memory_nobody_is_counted_and_nothing_is_left,
	       a_session_gives_its_place_back_however_it_ends,
	       a_session_that_cannot_be_made_holds_no_place)
