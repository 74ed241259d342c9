#include "base/decision.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

struct peal_next {
	struct peal_list link;
	struct peal_decisions *decisions;
	struct peal_decision *decision; /* NULL when the asker is gone */
	bool answered, accepted;
	char *message, *data;
};

static void next_free(struct peal_next *next)
{
	peal_list_unlink(&next->link);
	if (next->decision)
		next->decision->token = NULL;
	free(next->message);
	free(next->data);
	free(next);
}

void peal_decisions_init(struct peal_decisions *decisions, void (*wake)(void *userdata),
			 void *userdata)
{
	*decisions = (struct peal_decisions){ .wake = wake, .userdata = userdata };
	peal_list_init(&decisions->tokens);
	peal_list_init(&decisions->answered);
}

void peal_decisions_deinit(struct peal_decisions *decisions)
{
	struct peal_list *link;
	while ((link = peal_list_first(&decisions->tokens)))
		next_free(peal_container(link, struct peal_next, link));
	while ((link = peal_list_first(&decisions->answered)))
		next_free(peal_container(link, struct peal_next, link));
}

void peal_decisions_deliver(struct peal_decisions *decisions)
{
	struct peal_list *link;
	while ((link = peal_list_take(&decisions->answered))) {
		struct peal_next *next = peal_container(link, struct peal_next, link);
		struct peal_decision *decision = next->decision;
		next->decision = NULL;
		if (decision) {
			decision->token = NULL;
			decision->fn(decision, next->accepted, next->message, next->data);
		}
		next_free(next);
	}
}

struct peal_next *peal_decision_ask(struct peal_decisions *decisions,
				    struct peal_decision *decision)
{
	struct peal_next *next = calloc(1, sizeof(*next));
	if (!next)
		return NULL;
	next->decisions = decisions;
	next->decision = decision;
	decision->token = next;
	peal_list_append(&decisions->tokens, &next->link);
	return next;
}

void peal_decision_forget(struct peal_decision *decision)
{
	if (!decision->token)
		return;
	decision->token->decision = NULL;
	decision->token = NULL;
}

static void answer(struct peal_next *next, bool accepted)
{
	struct peal_decisions *decisions = next->decisions;
	if (next->answered)
		return;
	next->answered = true;
	next->accepted = accepted;
	peal_list_unlink(&next->link);
	if (!next->decision) {
		next_free(next);
		return;
	}
	peal_list_append(&decisions->answered, &next->link);
	decisions->wake(decisions->userdata);
}

void peal_next_accept(struct peal_next *next)
{
	answer(next, true);
}

void peal_next_refuse(struct peal_next *next, const char *message, const char *data)
{
	if (!next->answered) {
		next->message = message ? strdup(message) : NULL;
		next->data = data ? strdup(data) : NULL;
	}
	answer(next, false);
}
