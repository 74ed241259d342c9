/*
 * Decisions that are waited for: the inside of struct peal_next (see <peal/namespace.h>).
 *
 * The asking side embeds a struct peal_decision, makes a token for it and hands the token to the
 * application. The application answers the token at any time; the asking side may die or give up
 * before (peal_decision_forget()), then the answer goes nowhere. The answer is delivered by calling
 * fn from the loop (as a task), never from inside peal_next_accept()/refuse().
 */
#ifndef PEAL_BASE_DECISION_H
#define PEAL_BASE_DECISION_H

#include <peal/namespace.h>
#include <stdbool.h>

#include "base/list.h"

/* All tokens of a node, so that those never answered are freed with it; and how to get back into
 * the loop. */
struct peal_decisions {
	struct peal_list tokens;
	struct peal_list answered;
	void (*wake)(void *userdata); /* have peal_decisions_deliver() run from the loop soon */
	void *userdata;
};

struct peal_decision {
	struct peal_next *token; /* NULL while nothing is asked */
	/* @message and @data live until the call returns; both may be NULL. May free the object
	 * that embeds the decision. */
	void (*fn)(struct peal_decision *decision, bool accepted, const char *message,
		   const char *data);
};

void peal_decisions_init(struct peal_decisions *decisions, void (*wake)(void *userdata),
			 void *userdata);
void peal_decisions_deliver(struct peal_decisions *decisions);
/* Frees all tokens. The application must not use them afterwards. */
void peal_decisions_deinit(struct peal_decisions *decisions);

/* A new token for @decision; NULL without memory. */
struct peal_next *peal_decision_ask(struct peal_decisions *decisions,
				    struct peal_decision *decision);
/* The asker is going away: the answer, when it comes, is dropped. */
void peal_decision_forget(struct peal_decision *decision);

#endif
