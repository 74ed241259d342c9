#include "tests/unit/unit.h"

#include "base/list.h"

struct element {
	int number;
	struct peal_list link;
};

static int number_of(struct peal_list *link)
{
	return peal_container(link, struct element, link)->number;
}

START_TEST(an_empty_list_has_no_first_element)
{
	struct peal_list head;
	peal_list_init(&head);
	ck_assert(peal_list_empty(&head));
	ck_assert_ptr_null(peal_list_first(&head));
	ck_assert_ptr_null(peal_list_take(&head));
	peal_list_each (it, &head)
		ck_abort_msg("nothing to visit");
}
END_TEST

START_TEST(elements_are_taken_in_the_order_they_were_appended)
{
	struct peal_list head;
	struct element elements[3] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
	peal_list_init(&head);
	for (int i = 0; i < 3; i++) {
		ck_assert(!peal_list_linked(&elements[i].link));
		peal_list_append(&head, &elements[i].link);
		ck_assert(peal_list_linked(&elements[i].link));
	}
	ck_assert(!peal_list_empty(&head));
	ck_assert_ptr_eq(peal_list_first(&head), &elements[0].link);
	for (int i = 1; i <= 3; i++)
		ck_assert_int_eq(number_of(peal_list_take(&head)), i);
	ck_assert(peal_list_empty(&head));
	ck_assert(!peal_list_linked(&elements[0].link));
}
END_TEST

START_TEST(unlinking_twice_is_harmless)
{
	struct peal_list head;
	struct element a = { .number = 1 }, b = { .number = 2 };
	peal_list_init(&head);
	peal_list_append(&head, &a.link);
	peal_list_append(&head, &b.link);
	peal_list_unlink(&a.link);
	peal_list_unlink(&a.link);
	ck_assert(!peal_list_linked(&a.link));
	ck_assert_ptr_eq(peal_list_first(&head), &b.link);
	peal_list_append(&head, &a.link);
	ck_assert_int_eq(number_of(peal_list_take(&head)), 2);
	ck_assert_int_eq(number_of(peal_list_take(&head)), 1);
}
END_TEST

START_TEST(the_visited_element_may_be_unlinked)
{
	struct peal_list head;
	struct element elements[4] = {
		{ .number = 1 }, { .number = 2 }, { .number = 3 }, { .number = 4 }
	};
	int sum = 0;
	peal_list_init(&head);
	for (int i = 0; i < 4; i++)
		peal_list_append(&head, &elements[i].link);
	peal_list_each (it, &head) {
		sum += number_of(it);
		if (number_of(it) % 2)
			peal_list_unlink(it);
	}
	ck_assert_int_eq(sum, 10);
	ck_assert_int_eq(number_of(peal_list_take(&head)), 2);
	ck_assert_int_eq(number_of(peal_list_take(&head)), 4);
	ck_assert(peal_list_empty(&head));
}
END_TEST

UNIT_MAIN("list", an_empty_list_has_no_first_element,
	  elements_are_taken_in_the_order_they_were_appended, unlinking_twice_is_harmless,
	  the_visited_element_may_be_unlinked)
