/*
 * The rooms that a client names in a request of its own, such as "peal:join", and the answers to
 * such requests. docs/events.md is their reference.
 */
#ifndef PEAL_APP_ACCESS_WISH_H
#define PEAL_APP_ACCESS_WISH_H

#include <peal/socket.h>

#include "../api_json.h"

/* Rooms of one request. */
#define PEAL_WISH_ROOMS 100

struct peal_wish {
	char *rooms[PEAL_WISH_ROOMS]; /* each once */
	size_t count;
};

/* What a client is told: a code for programs, and a message for people. */
struct peal_refusal {
	const char *code, *message;
};

extern const struct peal_refusal peal_refusal_no_memory, peal_refusal_no_rule;

/**
 * peal_wish_read() - the rooms of a request: its first argument, a name or a list of names
 * @args: may have none
 * @wish: to be given to peal_wish_answer() in any case
 *
 * Return: NULL; why the request is refused.
 */
const struct peal_refusal *peal_wish_read(const struct peal_args *args, struct peal_wish *wish)
	__attribute__((warn_unused_result));

/* One name of a request: a string of 1 to 1024 bytes. Return: 0; -ENOMEM; 1 for anything else. */
int peal_wish_name(struct peal_piece piece, char **ret_name) __attribute__((warn_unused_result));

/* The end of a request: acknowledges it, if the client wants that, and deinits the wish. @refusal:
 * NULL when it was done. */
void peal_wish_answer(const struct peal_event *event, const struct peal_refusal *refusal,
		      struct peal_wish *wish);

#endif
