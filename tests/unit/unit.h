/*
 * The frame of a unit test file: a list of tests becomes a program that speaks TAP.
 *
 *   START_TEST(an_empty_list_has_no_first_element) { … } END_TEST
 *   UNIT_MAIN("list", an_empty_list_has_no_first_element, …)
 *
 * UNIT_MAIN_WITH() runs a function before and another after each test. With UNIT_PART=2/4 in the
 * environment it is the second, sixth … test only, so that tests that wait can do so together.
 */
#ifndef PEAL_TESTS_UNIT_H
#define PEAL_TESTS_UNIT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define UNIT_MAIN(name, ...) UNIT_MAIN_WITH(name, NULL, NULL, __VA_ARGS__)

#define UNIT_MAIN_WITH(name, before, after, ...)                                              \
	int main(void)                                                                        \
	{                                                                                     \
		const TTest *const tests[] = { __VA_ARGS__ };                                 \
		return unit_main(name, before, after, tests, sizeof(tests) / sizeof(*tests)); \
	}

static inline int unit_main(const char *name, SFun before, SFun after, const TTest *const *tests,
			    size_t count)
{
	Suite *suite = suite_create(name);
	TCase *cases = tcase_create(name);
	tcase_set_timeout(cases, 300); /* ends one that hangs, and decides nothing else */
	if (before)
		tcase_add_checked_fixture(cases, before, after);
	const char *wanted = getenv("UNIT_PART");
	size_t part = 1, parts = 1;
	if (wanted && (sscanf(wanted, "%zu/%zu", &part, &parts) != 2 || !part || part > parts)) {
		fprintf(stderr, "UNIT_PART is not like 2/4: %s\n", wanted);
		return EXIT_FAILURE;
	}
	for (size_t i = part - 1; i < count; i += parts)
		tcase_add_test(cases, tests[i]);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
