/* Answers of the backend: what makes sense, and what is said of the rest. */
#include "unit.h"

#include <string.h>

#include "app/hooks/webhook_answer.h"

static struct peal_webhook_verdict verdict;
static const char *wrong;

static int read_verdict(const char *text, bool has_user)
{
	peal_webhook_verdict_deinit(&verdict);
	wrong = NULL;
	return peal_webhook_verdict_read(text, strlen(text), has_user, &verdict, &wrong);
}

static void end(void)
{
	peal_webhook_verdict_deinit(&verdict);
}

START_TEST(an_answer_that_says_nothing_lets_the_client_in)
{
	static const char *const texts[] = { "",
					     " \r\n",
					     "{}",
					     " { } ",
					     "[]",
					     " [ ] ",
					     "{\"allow\":true}",
					     "{\"user\":null,\"rooms\":[],\"data\":[]}" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		ck_assert_msg(read_verdict(texts[i], true) == 0, "%s: %s", texts[i], wrong);
		ck_assert(verdict.allow);
		ck_assert_ptr_null(verdict.user);
		ck_assert_uint_eq(verdict.rooms.count + verdict.data.length, 0);
	}
}
END_TEST

START_TEST(an_answer_may_name_user_rooms_and_data)
{
	char *data = NULL;

	ck_assert_int_eq(read_verdict("{\"allow\":true,\"user\":42,\"rooms\":[\"a\",\"b\\u00e9\"],"
				      "\"data\":{\"name\":\"A\",\"n\":1.50}}",
				      false),
			 0);
	ck_assert_str_eq(verdict.user, "42");
	ck_assert_uint_eq(verdict.rooms.count, 2);
	ck_assert_str_eq(verdict.rooms.items[1], "b\xc3\xa9");
	ck_assert_int_eq(
		peal_webhook_data("{\"old\":[1,{}],\"n\\u0061me\":\"B\"}", &verdict, &data), 0);
	ck_assert_str_eq(data, "{\"user\":\"42\",\"old\":[1,{}],\"name\":\"A\",\"n\":1.50}");
	free(data);
}
END_TEST

START_TEST(the_user_of_a_token_stays_first_in_the_data)
{
	char *data = NULL;

	ck_assert_int_eq(read_verdict("{\"data\":{\"x\":1}}", true), 0);
	ck_assert_int_eq(peal_webhook_data("{\"user\":\"al\\\"ice\",\"x\":0}", &verdict, &data), 0);
	ck_assert_str_eq(data, "{\"user\":\"al\\\"ice\",\"x\":1}");
	free(data);
	ck_assert_int_eq(peal_webhook_data("{}", &verdict, &data), 0);
	ck_assert_str_eq(data, "{\"x\":1}");
	free(data);
}
END_TEST

START_TEST(a_refusal_may_have_a_reason)
{
	ck_assert_int_eq(read_verdict("{\"allow\":false}", false), 0);
	ck_assert(!verdict.allow);
	ck_assert_ptr_null(verdict.message);
	ck_assert_int_eq(read_verdict("{\"error\":{\"message\":\"banned\",\"data\":{\"till\":[1]}},"
				      "\"allow\":false}",
				      false),
			 0);
	ck_assert(!verdict.allow);
	ck_assert_str_eq(verdict.message, "banned");
	ck_assert_str_eq(verdict.error, "{\"till\":[1]}");
}
END_TEST

START_TEST(an_answer_that_makes_no_sense_is_refused)
{
	static const struct {
		const char *text, *wrong;
	} cases[] = {
		{ "x", "JSON" },
		{ "true", "JSON" },
		{ "[1]", "JSON" },
		{ "{\"allow\":true} {}", "JSON" },
		{ "{\"allow\":true,\"allow\":false}", "JSON" },
		{ "{\"allow\":true,\"\\u0061llow\":false}", "JSON" },
		{ "{\"data\":{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}}", "JSON" },
		{ "{\"data\":\"\xff\"}", "JSON" },
		{ "{\"allow\":\"true\"}", "allow" },
		{ "{\"allow\":null}", "allow" },
		{ "{\"room\":\"a\"}", "another member" },
		{ "{\"user\":\"\"}", "user" },
		{ "{\"user\":1.5}", "user" },
		{ "{\"user\":\"a\\n\"}", "user" },
		{ "{\"user\":true}", "user" },
		{ "{\"rooms\":\"a\"}", "rooms" },
		{ "{\"rooms\":[\"user:b\"]}", "rooms" },
		{ "{\"rooms\":[\"\"]}", "rooms" },
		{ "{\"rooms\":[1]}", "rooms" },
		{ "{\"data\":1}", "data" },
		{ "{\"data\":[1]}", "data" },
		{ "{\"data\":{\"user\":\"root\"}}", "data" },
		{ "{\"data\":{\"\\u0075ser\":\"root\"}}", "data" },
		{ "{\"error\":{}}", "error" },
		{ "{\"allow\":true,\"error\":{}}", "error" },
		{ "{\"allow\":false,\"error\":\"no\"}", "error" },
		{ "{\"allow\":false,\"error\":{\"message\":1}}", "error" },
		{ "{\"allow\":false,\"error\":{\"code\":1}}", "error" },
		{ "{\"allow\":false,\"rooms\":[\"a\"]}", "allow" },
	};
	char long_message[1200];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ck_assert_msg(read_verdict(cases[i].text, false) == PEAL_WEBHOOK_E_NONSENSE, "%s",
			      cases[i].text);
		ck_assert_msg(strstr(wrong, cases[i].wrong) != NULL, "%s: %s", cases[i].text,
			      wrong);
	}
	ck_assert_int_eq(read_verdict("{\"user\":\"a\"}", true), PEAL_WEBHOOK_E_NONSENSE);
	snprintf(long_message, sizeof(long_message),
		 "{\"allow\":false,\"error\":{\"message\":\"%01025d\"}}", 0);
	ck_assert_int_eq(read_verdict(long_message, false), PEAL_WEBHOOK_E_NONSENSE);
}
END_TEST

static int read_acks(const char *text, struct peal_pieces *acks)
{
	wrong = NULL;
	return peal_webhook_acks_read(text, strlen(text), acks, &wrong);
}

static void expect_ack(struct peal_pieces *acks, const char *id, const char *text)
{
	struct peal_piece key, value;

	ck_assert(peal_piece_next(acks, &key, &value));
	ck_assert(peal_piece_is(key, id));
	ck_assert_uint_eq(value.length, strlen(text));
	ck_assert_int_eq(strncmp(value.at, text, value.length), 0);
}

START_TEST(acknowledgements_come_with_their_ids)
{
	struct peal_pieces acks;
	struct peal_piece key, value;

	ck_assert_int_eq(read_acks(" {\"acks\" : {\"a-1\":{\"x\":[1.0]}, \"a-2\" :null}} ", &acks),
			 0);
	expect_ack(&acks, "a-1", "{\"x\":[1.0]}");
	expect_ack(&acks, "a-2", "null");
	ck_assert(!peal_piece_next(&acks, &key, &value));
}
END_TEST

START_TEST(an_acknowledgement_that_cannot_be_sent_is_no_matter_of_the_others)
{
	/* Both are what clients may write, and get back. */
	static const char placeholder[] = "{\"_placeholder\":true,\"num\":0}";
	char deep[1200] = "", text[2000];
	struct peal_pieces acks;

	memset(deep, '[', 511);
	memset(deep + 511, ']', 511);
	snprintf(text, sizeof(text), "{\"acks\":{\"a\":%s,\"b\":%s,\"c\":tru}}", placeholder, deep);
	ck_assert_int_eq(read_acks(text, &acks), 0);
	expect_ack(&acks, "a", placeholder);
	expect_ack(&acks, "b", deep);
	expect_ack(&acks, "c", "tru");
}
END_TEST

START_TEST(there_may_be_no_acknowledgements)
{
	static const char *const texts[] = {
		"", "\n", "{}", "[]", "{\"acks\":{}}", "{\"acks\":[ ]}"
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct peal_pieces acks;
		struct peal_piece key, value;

		ck_assert_msg(read_acks(texts[i], &acks) == 0, "%s", texts[i]);
		ck_assert(!peal_piece_next(&acks, &key, &value));
	}
}
END_TEST

START_TEST(acknowledgements_that_make_no_sense_are_refused)
{
	static const char *const texts[] = {
		"ok",
		"null",
		"{",
		"[1]",
		"[",
		"{},{}",
		"{,}",
		"{}}",
		"{\"ack\":{}}",
		"{\"acks\":[1]}",
		"{\"acks\":[",
		"{\"acks\":null}",
		"{\"acks\":{\"a\":}}",
		"{\"acks\":{\"a\" 1}}",
		"{\"acks\":{a:1}}",
		"{\"acks\":{\"a\":1 2}}",
		"{\"acks\":{\"a\":1,}}",
		"{\"acks\":{\"a\":\"}}",
		"{\"acks\":{\"a\":\"\\\"}}",
		"{\"acks\":{\"a\":1},\"acks\":{\"a\":2}}",
		"<html>",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct peal_pieces acks;

		ck_assert_msg(read_acks(texts[i], &acks) == PEAL_WEBHOOK_E_NONSENSE, "%s",
			      texts[i]);
		ck_assert_ptr_nonnull(wrong);
	}
}
END_TEST

UNIT_MAIN_WITH("webhook_answer", NULL, end, an_answer_that_says_nothing_lets_the_client_in,
	       an_answer_may_name_user_rooms_and_data, the_user_of_a_token_stays_first_in_the_data,
	       a_refusal_may_have_a_reason, an_answer_that_makes_no_sense_is_refused,
	       acknowledgements_come_with_their_ids,
	       an_acknowledgement_that_cannot_be_sent_is_no_matter_of_the_others,
	       there_may_be_no_acknowledgements, acknowledgements_that_make_no_sense_are_refused)
