/* Answers that are read while memory fails, at each place in turn: none lets in or names anybody.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "app/hooks/webhook_answer.h"
#include "tests/support/scarce_memory.h"

/* Far more than an answer allocates. */
#define MOST 1000

/* Reads with the allocation of each number failing, until none does. Return: how many did. */
static size_t exhaust(int (*read)(void))
{
	size_t nth = 1, failures = 0;

	for (bool failed = true; failed && nth < MOST; nth++) {
		scarce.failing = nth;
		int r = read();
		failed = !scarce.failing;
		scarce.failing = 0;
		failures += failed;
		ck_assert_int_eq(r, failed ? -ENOMEM : 0);
	}
	ck_assert_uint_lt(nth, MOST);
	return failures;
}

static int read_verdict(void)
{
	static const char text[] = "{\"allow\":true,\"user\":\"bob\",\"rooms\":[\"x\",\"y\"],"
				   "\"data\":{\"p\":{\"q\":[1,2]}}}";
	struct peal_webhook_verdict verdict;
	const char *wrong;
	int r = peal_webhook_verdict_read(text, strlen(text), false, &verdict, &wrong);

	peal_webhook_verdict_deinit(&verdict);
	return r;
}

static int read_refusal(void)
{
	static const char text[] = "{\"allow\":false,\"error\":{\"message\":\"no\"}}";
	struct peal_webhook_verdict verdict;
	const char *wrong;
	int r = peal_webhook_verdict_read(text, strlen(text), false, &verdict, &wrong);

	peal_webhook_verdict_deinit(&verdict);
	return r;
}

static int read_acks(void)
{
	static const char text[] = "{\"acks\":{\"a\":1}}";
	struct peal_pieces acks;
	const char *wrong;

	return peal_webhook_acks_read(text, strlen(text), &acks, &wrong);
}

START_TEST(an_answer_without_memory_is_none)
{
	ck_assert_uint_gt(exhaust(read_verdict), 10);
	ck_assert_uint_gt(exhaust(read_refusal), 5);
	ck_assert_uint_gt(exhaust(read_acks), 1);
}
END_TEST

UNIT_MAIN("webhook_answer_memory", an_answer_without_memory_is_none)
