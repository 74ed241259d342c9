/* Who still owes an answer: the account of one request, and what requests teach. */
#include <stdio.h>

#include "cluster/tally.h"
#include "tests/unit/unit.h"

static struct peal_tally tally;
static struct peal_tally_others others;

static void begin(void)
{
	peal_tally_init(&tally);
	others = (struct peal_tally_others){ 0 };
}

static void end(void)
{
	peal_tally_deinit(&tally);
}

/* Another request in the same namespace. */
static void next(void)
{
	peal_tally_deinit(&tally);
	peal_tally_init(&tally);
}

static void owe(const char *uid)
{
	char name[64];
	snprintf(name, sizeof(name), "node %s", uid);
	ck_assert_int_eq(peal_tally_owe(&tally, uid, name), 0);
}

static void answer(const char *uid)
{
	ck_assert_int_eq(peal_tally_part(&tally, uid, 0, true), 0);
}

static void count(const char *uid, uint32_t clients)
{
	ck_assert_int_eq(peal_tally_count(&tally, uid, clients), 0);
}

static struct peal_tally_state look(void)
{
	return peal_tally_look(&tally, &others);
}

/* Nobody is waited for, but for a short time if @extra. */
#define ck_settled(extra)                                      \
	do {                                                   \
		ck_assert(look().servers);                     \
		ck_assert_int_eq(look().others, (int)(extra)); \
	} while (0)

static void learn(bool waited)
{
	peal_tally_learn(&tally, &others, waited, true);
}

/* A whole request that @unnamed of those answer who have no name. */
static void a_round_of_unnamed(uint32_t receivers, uint32_t unnamed, bool waited)
{
	next();
	peal_tally_published(&tally, receivers, true);
	for (uint32_t i = 0; i < unnamed; i++)
		peal_tally_unnamed_count(&tally, 0);
	learn(waited);
}

/* --- peal nodes only --- */

START_TEST(nothing_is_settled_before_the_number_of_receivers_is_known)
{
	ck_assert(!look().servers);
	answer("AAAAAA");
	ck_assert(!look().servers);
	peal_tally_published(&tally, 2, true);
	ck_settled(false);
}
END_TEST

START_TEST(alone_in_a_namespace_nobody_is_waited_for)
{
	peal_tally_published(&tally, 1, true);
	ck_settled(false);
	ck_assert(look().all);
}
END_TEST

START_TEST(every_announced_member_is_waited_for)
{
	owe("AAAAAA");
	owe("BBBBBB");
	peal_tally_published(&tally, 3, true);
	ck_assert(!look().servers);
	answer("AAAAAA");
	ck_assert(!look().servers);
	answer("BBBBBB");
	ck_settled(false);
}
END_TEST

START_TEST(an_answer_that_came_before_the_reply_counts)
{
	answer("AAAAAA");
	owe("AAAAAA");
	peal_tally_published(&tally, 2, true);
	ck_settled(false);
	ck_assert_uint_eq(tally.owing, 0);
}
END_TEST

START_TEST(a_namespace_served_by_two_of_three_nodes_completes_at_once)
{
	/* The third announces other namespaces, so it is not among those who owe. */
	owe("AAAAAA");
	peal_tally_published(&tally, 2, true);
	answer("AAAAAA");
	ck_settled(false);
}
END_TEST

START_TEST(a_node_that_does_not_serve_the_namespace_is_not_among_the_receivers)
{
	owe("AAAAAA");
	peal_tally_published(&tally, 1, false);
	answer("AAAAAA");
	ck_settled(false);
}
END_TEST

START_TEST(a_frozen_node_is_waited_for_and_named)
{
	const char *names[2];
	owe("AAAAAA");
	owe("BBBBBB");
	peal_tally_published(&tally, 3, true);
	answer("AAAAAA");
	ck_assert(!look().servers);
	ck_assert_uint_eq(tally.owing, 1);
	ck_assert_uint_eq(peal_tally_missing(&tally, names), 1);
	ck_assert_str_eq(names[0], "node BBBBBB");
	ck_assert_uint_eq(peal_tally_unnamed_missing(&tally, &others), 0);
}
END_TEST

START_TEST(a_frozen_node_does_not_become_an_unnamed_one)
{
	others.known = 1; /* there was an official server, which is gone now */
	owe("AAAAAA");
	peal_tally_published(&tally, 2, true);
	ck_assert_uint_eq(peal_tally_unnamed_missing(&tally, &others), 0);
	learn(false);
	ck_assert_uint_eq(others.known, 1);
}
END_TEST

START_TEST(a_node_that_died_before_the_publish_is_not_waited_for)
{
	const char *names[2];
	owe("AAAAAA");
	owe("BBBBBB"); /* still announced, but Redis knows that its connection is gone */
	peal_tally_published(&tally, 2, true);
	ck_assert(!look().servers);
	answer("AAAAAA");
	ck_settled(false);
	ck_assert_uint_eq(peal_tally_missing(&tally, names), 0);
	ck_assert_uint_eq(peal_tally_unnamed_missing(&tally, &others), 0);
}
END_TEST

START_TEST(a_node_that_dies_after_the_publish_is_given_up_when_it_is_gone)
{
	owe("AAAAAA");
	owe("BBBBBB");
	peal_tally_published(&tally, 3, true);
	answer("AAAAAA");
	peal_tally_gone(&tally, "BBBBBB");
	/* It was a receiver, so for once somebody seems to be there. */
	ck_settled(true);
	learn(true);
	ck_assert_uint_eq(others.strays, 0);
	ck_assert_uint_eq(others.known, 0);
}
END_TEST

START_TEST(a_node_that_went_and_answers_all_the_same_has_answered)
{
	owe("AAAAAA");
	peal_tally_published(&tally, 2, true);
	peal_tally_gone(&tally, "AAAAAA");
	count("AAAAAA", 2);
	ck_assert(!look().clients);
	peal_tally_answers(&tally, "AAAAAA", 2);
	ck_settled(false);
	ck_assert(look().all);
}
END_TEST

START_TEST(a_member_that_answered_and_then_goes_stays_answered)
{
	owe("AAAAAA");
	peal_tally_published(&tally, 2, true);
	answer("AAAAAA");
	peal_tally_gone(&tally, "AAAAAA");
	ck_settled(false);
	ck_assert(!tally.disturbed);
}
END_TEST

START_TEST(a_node_that_joins_in_the_middle_is_not_waited_for_but_counted)
{
	owe("AAAAAA");
	peal_tally_published(&tally, 3, true); /* it had subscribed already, not announced */
	answer("AAAAAA");
	ck_settled(true);
	count("CCCCCC", 1);
	ck_assert(look().servers && !look().others);
	ck_assert(!look().clients);
	peal_tally_answers(&tally, "CCCCCC", 1);
	ck_assert(look().all);
	ck_assert_uint_eq(tally.named_settled, 2);
	learn(false);
	ck_assert_uint_eq(others.known, 0);
	ck_assert_uint_eq(others.strays, 0);
}
END_TEST

START_TEST(one_that_subscribed_after_the_publish_does_not_confuse_the_numbers)
{
	peal_tally_published(&tally, 1, true);
	answer("CCCCCC");
	ck_settled(false);
	ck_assert_uint_eq(peal_tally_unnamed_missing(&tally, &others), 0);
}
END_TEST

START_TEST(without_a_number_of_receivers_all_that_are_known_are_waited_for)
{
	others.known = 1;
	owe("AAAAAA");
	peal_tally_published(&tally, UINT32_MAX, true);
	answer("AAAAAA");
	ck_assert(!look().servers);
	ck_assert_uint_eq(peal_tally_unnamed_missing(&tally, &others), 1);
	peal_tally_unnamed(&tally);
	ck_settled(false);
}
END_TEST

START_TEST(a_request_that_was_never_published_misses_all_that_are_known)
{
	const char *names[2];
	others.known = 2;
	owe("AAAAAA");
	ck_assert_uint_eq(peal_tally_missing(&tally, names), 1);
	ck_assert_uint_eq(peal_tally_unnamed_missing(&tally, &others), 2);
	ck_assert(!look().servers);
	learn(false);
	ck_assert_uint_eq(others.known, 2);
}
END_TEST

/* --- official servers --- */

START_TEST(the_first_round_with_an_official_server_waits_a_little_and_knows_it_then)
{
	peal_tally_published(&tally, 2, true);
	ck_settled(true);
	peal_tally_unnamed_count(&tally, 0);
	ck_settled(false);
	learn(false);
	ck_assert_uint_eq(others.known, 1);
	next();
	peal_tally_published(&tally, 2, true);
	ck_assert(!look().servers);
	peal_tally_unnamed_count(&tally, 0);
	ck_settled(false);
}
END_TEST

START_TEST(a_frozen_official_server_is_one_unnamed_missing)
{
	a_round_of_unnamed(2, 1, false);
	next();
	peal_tally_published(&tally, 2, true);
	ck_assert(!look().servers);
	ck_assert_uint_eq(peal_tally_unnamed_missing(&tally, &others), 1);
}
END_TEST

START_TEST(one_of_two_official_servers_frozen_is_one_unnamed_missing)
{
	a_round_of_unnamed(3, 2, false);
	next();
	peal_tally_published(&tally, 3, true);
	peal_tally_unnamed_count(&tally, 0);
	ck_assert(!look().servers);
	ck_assert_uint_eq(peal_tally_unnamed_missing(&tally, &others), 1);
}
END_TEST

START_TEST(a_killed_official_server_is_not_waited_for)
{
	a_round_of_unnamed(2, 1, false);
	next();
	peal_tally_published(&tally, 1, true);
	ck_settled(false);
	ck_assert_uint_eq(peal_tally_unnamed_missing(&tally, &others), 0);
	learn(false);
	ck_assert_uint_eq(others.known, 0);
}
END_TEST

START_TEST(a_frozen_official_server_is_expected_for_several_rounds_and_no_longer)
{
	a_round_of_unnamed(2, 1, false);
	for (unsigned i = 0; i < PEAL_TALLY_SHORT_ROUNDS; i++) {
		ck_assert_uint_eq(others.known, 1);
		a_round_of_unnamed(2, 0, false);
	}
	ck_assert_uint_eq(others.known, 0);
	/* And it is known that this one does not answer. */
	next();
	peal_tally_published(&tally, 2, true);
	ck_settled(false);
}
END_TEST

START_TEST(a_full_round_in_between_begins_the_short_ones_anew)
{
	a_round_of_unnamed(2, 1, false);
	for (unsigned i = 0; i < 3 * PEAL_TALLY_SHORT_ROUNDS; i++)
		a_round_of_unnamed(2, i % 3 == 2, false);
	ck_assert_uint_eq(others.known, 1);
}
END_TEST

START_TEST(short_rounds_lower_the_expectation_to_the_best_of_them)
{
	a_round_of_unnamed(4, 3, false);
	for (unsigned i = 0; i < PEAL_TALLY_SHORT_ROUNDS; i++)
		a_round_of_unnamed(4, i == 2 ? 2 : 1, false);
	ck_assert_uint_eq(others.known, 2);
	ck_assert_uint_eq(others.strays, 1);
}
END_TEST

START_TEST(a_late_answer_shows_that_somebody_is_there)
{
	a_round_of_unnamed(2, 1, false);
	for (unsigned i = 0; i < PEAL_TALLY_SHORT_ROUNDS; i++)
		a_round_of_unnamed(2, 0, false);
	peal_tally_late(&others);
	next();
	peal_tally_published(&tally, 2, true);
	ck_assert(!look().servers);
}
END_TEST

START_TEST(requests_that_need_no_answer_teach_nothing_about_missing_ones)
{
	a_round_of_unnamed(2, 1, false);
	for (unsigned i = 0; i < 3 * PEAL_TALLY_SHORT_ROUNDS; i++) {
		next();
		peal_tally_published(&tally, 2, true);
		peal_tally_learn(&tally, &others, false, false);
	}
	ck_assert_uint_eq(others.known, 1);
}
END_TEST

/* --- stray subscribers --- */

START_TEST(a_stray_subscriber_delays_one_round_a_little)
{
	owe("AAAAAA");
	peal_tally_published(&tally, 3, true);
	answer("AAAAAA");
	ck_settled(true);
	learn(true);
	ck_assert_uint_eq(others.strays, 1);
	ck_assert_uint_eq(others.known, 0);
	next();
	owe("AAAAAA");
	peal_tally_published(&tally, 3, true);
	answer("AAAAAA");
	ck_settled(false);
	ck_assert_uint_eq(peal_tally_unnamed_missing(&tally, &others), 0);
}
END_TEST

START_TEST(a_second_stray_subscriber_delays_another_round)
{
	a_round_of_unnamed(2, 0, true);
	next();
	peal_tally_published(&tally, 3, true);
	ck_settled(true);
	learn(true);
	next();
	peal_tally_published(&tally, 3, true);
	ck_settled(false);
}
END_TEST

START_TEST(a_stray_subscriber_that_left_is_forgotten)
{
	a_round_of_unnamed(2, 0, true);
	a_round_of_unnamed(1, 0, false);
	ck_assert_uint_eq(others.strays, 0);
	/* Who comes in its place may be a server. */
	next();
	peal_tally_published(&tally, 2, true);
	ck_settled(true);
}
END_TEST

START_TEST(a_stray_subscriber_beside_an_official_server_is_told_apart)
{
	a_round_of_unnamed(3, 1, true);
	ck_assert_uint_eq(others.known, 1);
	ck_assert_uint_eq(others.strays, 1);
	next();
	peal_tally_published(&tally, 3, true);
	ck_assert(!look().servers);
	peal_tally_unnamed_count(&tally, 0);
	ck_settled(false);
}
END_TEST

START_TEST(a_round_that_did_not_wait_knows_no_strays)
{
	a_round_of_unnamed(2, 0, false);
	ck_assert_uint_eq(others.strays, 0);
}
END_TEST

/* --- clients --- */

START_TEST(every_client_that_was_counted_is_waited_for)
{
	owe("AAAAAA");
	peal_tally_published(&tally, 2, true);
	count("AAAAAA", 3);
	ck_assert(look().servers);
	ck_assert(!look().clients);
	peal_tally_answers(&tally, "AAAAAA", 2);
	ck_assert(!look().clients);
	peal_tally_answers(&tally, "AAAAAA", 1);
	ck_assert(look().clients && look().all);
	ck_assert_uint_eq(tally.named_clients, 3);
}
END_TEST

START_TEST(clients_of_a_node_that_gave_up_are_not_waited_for_and_not_forgotten)
{
	owe("AAAAAA");
	peal_tally_published(&tally, 2, true);
	answer("AAAAAA"); /* its last part */
	count("AAAAAA", 3);
	peal_tally_answers(&tally, "AAAAAA", 2);
	ck_assert(look().clients);
	ck_assert(!look().all);
}
END_TEST

START_TEST(clients_of_a_node_that_died_are_not_waited_for_and_not_forgotten)
{
	owe("AAAAAA");
	peal_tally_published(&tally, 2, true);
	count("AAAAAA", 1);
	ck_assert(!look().clients);
	peal_tally_gone(&tally, "AAAAAA");
	ck_assert(look().clients);
	ck_assert(!look().all);
}
END_TEST

START_TEST(surplus_answers_of_official_servers_do_not_stand_for_those_of_a_node)
{
	owe("AAAAAA");
	peal_tally_published(&tally, 3, true);
	count("AAAAAA", 1);
	peal_tally_unnamed_count(&tally, 1);
	peal_tally_unnamed_answers(&tally, 2);
	ck_assert(!look().clients);
	peal_tally_answers(&tally, "AAAAAA", 1);
	ck_assert(look().all);
}
END_TEST

START_TEST(answers_of_official_servers_may_come_before_their_count)
{
	peal_tally_published(&tally, 2, true);
	peal_tally_unnamed_answers(&tally, 1);
	peal_tally_unnamed_count(&tally, 2);
	ck_assert(!look().clients);
	peal_tally_unnamed_answers(&tally, 1);
	ck_assert(look().all);
}
END_TEST

/* --- repetitions --- */

START_TEST(a_part_that_comes_again_is_told)
{
	ck_assert_int_eq(peal_tally_part(&tally, "AAAAAA", 0, false), 0);
	ck_assert_int_eq(peal_tally_part(&tally, "AAAAAA", 0, false), PEAL_TALLY_REPEATED);
	ck_assert_int_eq(peal_tally_part(&tally, "AAAAAA", 1, true), 0);
	ck_assert_int_eq(peal_tally_part(&tally, "AAAAAA", 1, true), PEAL_TALLY_REPEATED);
	ck_assert_int_eq(peal_tally_part(&tally, "AAAAAA", 0, false), PEAL_TALLY_REPEATED);
	ck_assert_int_eq(peal_tally_part(&tally, "BBBBBB", 0, false), 0);
}
END_TEST

START_TEST(a_second_count_is_told_and_changes_nothing)
{
	count("AAAAAA", 3);
	ck_assert_int_eq(peal_tally_count(&tally, "AAAAAA", 5), PEAL_TALLY_REPEATED);
	ck_assert_uint_eq(tally.named_clients, 3);
}
END_TEST

START_TEST(an_answer_in_parts_is_there_with_all_of_them_in_any_order)
{
	owe("AAAAAA");
	peal_tally_published(&tally, 2, true);
	ck_assert_int_eq(peal_tally_part(&tally, "AAAAAA", 1, false), 0);
	ck_assert_int_eq(peal_tally_part(&tally, "AAAAAA", 2, true), 0);
	ck_assert(!look().servers);
	ck_assert_int_eq(peal_tally_part(&tally, "AAAAAA", 0, false), 0);
	ck_settled(false);
}
END_TEST

START_TEST(numbers_far_apart_are_no_repetitions)
{
	ck_assert_int_eq(peal_tally_part(&tally, "AAAAAA", 4000000000u, false), 0);
	ck_assert_int_eq(peal_tally_part(&tally, "AAAAAA", 3999999990u, false), 0);
	ck_assert_int_eq(peal_tally_part(&tally, "AAAAAA", 3999999990u, false),
			 PEAL_TALLY_REPEATED);
	/* Too old to be told from a repetition. */
	ck_assert_int_eq(peal_tally_part(&tally, "AAAAAA", 5, false), PEAL_TALLY_REPEATED);
	ck_assert_int_eq(peal_tally_part(&tally, "AAAAAA", UINT32_MAX, true), 0);
}
END_TEST

START_TEST(made_up_names_have_a_ceiling)
{
	char uid[16];
	int r = 0;
	unsigned i = 0;
	for (; r == 0 && i < 100000; i++) {
		snprintf(uid, sizeof(uid), "%06u", i);
		r = peal_tally_count(&tally, uid, 0);
	}
	ck_assert_int_eq(r, PEAL_TALLY_FULL);
	ck_assert_uint_lt(i, 10000);
}
END_TEST

UNIT_MAIN_WITH("cluster_tally", begin, end,
	       nothing_is_settled_before_the_number_of_receivers_is_known,
	       alone_in_a_namespace_nobody_is_waited_for, every_announced_member_is_waited_for,
	       an_answer_that_came_before_the_reply_counts,
	       a_namespace_served_by_two_of_three_nodes_completes_at_once,
	       a_node_that_does_not_serve_the_namespace_is_not_among_the_receivers,
	       a_frozen_node_is_waited_for_and_named, a_frozen_node_does_not_become_an_unnamed_one,
	       a_node_that_died_before_the_publish_is_not_waited_for,
	       a_node_that_dies_after_the_publish_is_given_up_when_it_is_gone,
	       a_node_that_went_and_answers_all_the_same_has_answered,
	       a_member_that_answered_and_then_goes_stays_answered,
	       a_node_that_joins_in_the_middle_is_not_waited_for_but_counted,
	       one_that_subscribed_after_the_publish_does_not_confuse_the_numbers,
	       without_a_number_of_receivers_all_that_are_known_are_waited_for,
	       a_request_that_was_never_published_misses_all_that_are_known,
	       the_first_round_with_an_official_server_waits_a_little_and_knows_it_then,
	       a_frozen_official_server_is_one_unnamed_missing,
	       one_of_two_official_servers_frozen_is_one_unnamed_missing,
	       a_killed_official_server_is_not_waited_for,
	       a_frozen_official_server_is_expected_for_several_rounds_and_no_longer,
	       a_full_round_in_between_begins_the_short_ones_anew,
	       short_rounds_lower_the_expectation_to_the_best_of_them,
	       a_late_answer_shows_that_somebody_is_there,
	       requests_that_need_no_answer_teach_nothing_about_missing_ones,
	       a_stray_subscriber_delays_one_round_a_little,
	       a_second_stray_subscriber_delays_another_round,
	       a_stray_subscriber_that_left_is_forgotten,
	       a_stray_subscriber_beside_an_official_server_is_told_apart,
	       a_round_that_did_not_wait_knows_no_strays,
	       every_client_that_was_counted_is_waited_for,
	       clients_of_a_node_that_gave_up_are_not_waited_for_and_not_forgotten,
	       clients_of_a_node_that_died_are_not_waited_for_and_not_forgotten,
	       surplus_answers_of_official_servers_do_not_stand_for_those_of_a_node,
	       answers_of_official_servers_may_come_before_their_count,
	       a_part_that_comes_again_is_told, a_second_count_is_told_and_changes_nothing,
	       an_answer_in_parts_is_there_with_all_of_them_in_any_order,
	       numbers_far_apart_are_no_repetitions, made_up_names_have_a_ceiling)
