/*
 * Intrusive doubly linked lists. The head is a node that links to itself; an unlinked element links
 * to NULL, so that membership can be asked and unlinking twice is harmless.
 */
#ifndef PEAL_BASE_LIST_H
#define PEAL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct peal_list {
	struct peal_list *next, *previous;
};

#define peal_container(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void peal_list_init(struct peal_list *head)
{
	head->next = head->previous = head;
}

static inline bool peal_list_empty(const struct peal_list *head)
{
	return head->next == head;
}

static inline bool peal_list_linked(const struct peal_list *element)
{
	return element->next != NULL;
}

static inline void peal_list_append(struct peal_list *head, struct peal_list *element)
{
	element->previous = head->previous;
	element->next = head;
	head->previous->next = element;
	head->previous = element;
}

static inline void peal_list_unlink(struct peal_list *element)
{
	if (!element->next)
		return;
	element->next->previous = element->previous;
	element->previous->next = element->next;
	element->next = element->previous = NULL;
}

static inline struct peal_list *peal_list_first(const struct peal_list *head)
{
	return head->next == head ? NULL : head->next;
}

/* Unlink and return the first element, NULL if there is none. */
static inline struct peal_list *peal_list_take(struct peal_list *head)
{
	struct peal_list *first = peal_list_first(head);
	if (first)
		peal_list_unlink(first);
	return first;
}

/* Safe against unlinking of `it`, not of its neighbour. */
#define peal_list_each(it, head)                                                       \
	for (struct peal_list *it = (head)->next, *it##_next = it->next; it != (head); \
	     it = it##_next, it##_next = it->next)

#endif
