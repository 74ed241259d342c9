#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/decision.h"

struct asker {
	struct peal_decision decision;
	int answers;
	bool accepted;
	char message[30], data[30];
	bool freed_by_answer;
};

static void answered(struct peal_decision *decision, bool accepted, const char *message,
		     const char *data)
{
	struct asker *asker = peal_container(decision, struct asker, decision);
	asker->answers++;
	asker->accepted = accepted;
	snprintf(asker->message, sizeof(asker->message), "%s", message ? message : "(none)");
	snprintf(asker->data, sizeof(asker->data), "%s", data ? data : "(none)");
	if (asker->freed_by_answer)
		free(asker);
}

static void count_wake(void *userdata)
{
	(*(int *)userdata)++;
}

START_TEST(an_answer_is_delivered_from_the_loop_and_not_from_the_call)
{
	struct peal_decisions decisions;
	int wakes = 0;
	struct asker asker = { .decision = { .fn = answered } };
	peal_decisions_init(&decisions, count_wake, &wakes);
	struct peal_next *next = peal_decision_ask(&decisions, &asker.decision);
	ck_assert_ptr_eq(asker.decision.token, next);
	peal_next_accept(next);
	ck_assert_int_eq(wakes, 1);
	ck_assert_int_eq(asker.answers, 0);
	peal_decisions_deliver(&decisions);
	ck_assert_int_eq(asker.answers, 1);
	ck_assert(asker.accepted);
	ck_assert_str_eq(asker.message, "(none)");
	ck_assert_ptr_null(asker.decision.token);
	peal_decisions_deliver(&decisions);
	ck_assert_int_eq(asker.answers, 1);
	peal_decisions_deinit(&decisions);
}
END_TEST

START_TEST(a_refusal_carries_copies_of_message_and_data)
{
	struct peal_decisions decisions;
	int wakes = 0;
	struct asker asker = { .decision = { .fn = answered } };
	char message[] = "not authorized", data[] = "{\"content\":1}";
	peal_decisions_init(&decisions, count_wake, &wakes);
	peal_next_refuse(peal_decision_ask(&decisions, &asker.decision), message, data);
	memset(message, 'x', sizeof(message) - 1);
	memset(data, 'x', sizeof(data) - 1);
	peal_decisions_deliver(&decisions);
	ck_assert(!asker.accepted);
	ck_assert_str_eq(asker.message, "not authorized");
	ck_assert_str_eq(asker.data, "{\"content\":1}");
	peal_decisions_deinit(&decisions);
}
END_TEST

START_TEST(answers_are_delivered_in_the_order_they_were_given)
{
	struct peal_decisions decisions;
	int wakes = 0;
	struct asker a = { .decision = { .fn = answered } }, b = a;
	peal_decisions_init(&decisions, count_wake, &wakes);
	struct peal_next *first = peal_decision_ask(&decisions, &a.decision);
	struct peal_next *second = peal_decision_ask(&decisions, &b.decision);
	peal_next_refuse(second, "b", NULL);
	peal_decisions_deliver(&decisions);
	ck_assert_int_eq(b.answers, 1);
	ck_assert_int_eq(a.answers, 0);
	peal_next_accept(first);
	peal_decisions_deliver(&decisions);
	ck_assert_int_eq(a.answers, 1);
	peal_decisions_deinit(&decisions);
}
END_TEST

START_TEST(an_answer_after_the_asker_left_goes_nowhere)
{
	struct peal_decisions decisions;
	int wakes = 0;
	struct asker asker = { .decision = { .fn = answered } };
	peal_decisions_init(&decisions, count_wake, &wakes);
	struct peal_next *next = peal_decision_ask(&decisions, &asker.decision);
	peal_decision_forget(&asker.decision);
	ck_assert_ptr_null(asker.decision.token);
	peal_decision_forget(&asker.decision);
	peal_next_accept(next);
	ck_assert_int_eq(wakes, 0);
	peal_decisions_deliver(&decisions);
	ck_assert_int_eq(asker.answers, 0);
	ck_assert(peal_list_empty(&decisions.tokens));
	peal_decisions_deinit(&decisions);
}
END_TEST

START_TEST(an_asker_may_leave_between_the_answer_and_its_delivery)
{
	struct peal_decisions decisions;
	int wakes = 0;
	struct asker asker = { .decision = { .fn = answered } };
	peal_decisions_init(&decisions, count_wake, &wakes);
	peal_next_refuse(peal_decision_ask(&decisions, &asker.decision), "late", NULL);
	peal_decision_forget(&asker.decision);
	peal_decisions_deliver(&decisions);
	ck_assert_int_eq(asker.answers, 0);
	peal_decisions_deinit(&decisions);
}
END_TEST

START_TEST(a_second_answer_before_the_delivery_changes_nothing)
{
	struct peal_decisions decisions;
	int wakes = 0;
	struct asker asker = { .decision = { .fn = answered } };
	peal_decisions_init(&decisions, count_wake, &wakes);
	struct peal_next *next = peal_decision_ask(&decisions, &asker.decision);
	peal_next_refuse(next, "first", NULL);
	peal_next_refuse(next, "second", "2");
	peal_next_accept(next);
	peal_decisions_deliver(&decisions);
	ck_assert_int_eq(asker.answers, 1);
	ck_assert(!asker.accepted);
	ck_assert_str_eq(asker.message, "first");
	ck_assert_str_eq(asker.data, "(none)");
	peal_decisions_deinit(&decisions);
}
END_TEST

START_TEST(the_asker_may_be_freed_by_the_answer)
{
	struct peal_decisions decisions;
	int wakes = 0;
	struct asker *asker = calloc(1, sizeof(*asker));
	asker->decision.fn = answered;
	asker->freed_by_answer = true;
	peal_decisions_init(&decisions, count_wake, &wakes);
	peal_next_accept(peal_decision_ask(&decisions, &asker->decision));
	peal_decisions_deliver(&decisions);
	ck_assert(peal_list_empty(&decisions.tokens));
	ck_assert(peal_list_empty(&decisions.answered));
	peal_decisions_deinit(&decisions);
}
END_TEST

START_TEST(tokens_that_were_never_answered_are_freed_with_the_node)
{
	struct peal_decisions decisions;
	int wakes = 0;
	struct asker a = { .decision = { .fn = answered } }, b = a, c = a;
	peal_decisions_init(&decisions, count_wake, &wakes);
	ck_assert_ptr_nonnull(peal_decision_ask(&decisions, &a.decision));
	peal_next_accept(peal_decision_ask(&decisions, &b.decision));
	ck_assert_ptr_nonnull(peal_decision_ask(&decisions, &c.decision));
	peal_decision_forget(&c.decision);
	peal_decisions_deinit(&decisions);
	ck_assert_ptr_null(a.decision.token);
	ck_assert_ptr_null(b.decision.token);
	ck_assert_int_eq(a.answers + b.answers + c.answers, 0);
}
END_TEST

UNIT_MAIN("decision", an_answer_is_delivered_from_the_loop_and_not_from_the_call,
	  a_refusal_carries_copies_of_message_and_data,
	  answers_are_delivered_in_the_order_they_were_given,
	  an_answer_after_the_asker_left_goes_nowhere,
	  an_asker_may_leave_between_the_answer_and_its_delivery,
	  a_second_answer_before_the_delivery_changes_nothing, the_asker_may_be_freed_by_the_answer,
	  tokens_that_were_never_answered_are_freed_with_the_node)
