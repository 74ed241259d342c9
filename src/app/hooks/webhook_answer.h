/*
 * What the backend answers: about a client that wants to connect, and to events.
 *
 * Read strictly: a key that is not known is more likely a mistake than meant for somebody else.
 */
#ifndef PEAL_APP_HOOKS_WEBHOOK_ANSWER_H
#define PEAL_APP_HOOKS_WEBHOOK_ANSWER_H

#include "../access/members.h"
#include "../access/token.h"

/* What these functions return above zero: the answer makes no sense. */
enum { PEAL_WEBHOOK_E_NONSENSE = 1 };

/* About a client that wants to connect. */
struct peal_webhook_verdict {
	bool allow;
	char *user;		      /* NULL: none is named */
	struct peal_token_list rooms; /* beside that of the user */
	struct peal_piece data;	      /* an object, inside of `members`; no length: none */
	char *message, *error;	      /* of a refusal; a text, and JSON; each may be NULL */
	struct peal_members members;
};

/**
 * peal_webhook_verdict_read() - read an answer about a client
 * @length:    0: let it in
 * @has_user:  its token names one already
 * @verdict:   receives what it says; peal_webhook_verdict_deinit() in any case
 * @ret_wrong: receives a constant text when it makes no sense
 *
 * Return: 0; -ENOMEM; PEAL_WEBHOOK_E_NONSENSE.
 */
int peal_webhook_verdict_read(const char *body, size_t length, bool has_user,
			      struct peal_webhook_verdict *verdict, const char **ret_wrong)
	__attribute__((warn_unused_result));
void peal_webhook_verdict_deinit(struct peal_webhook_verdict *verdict);

/**
 * peal_webhook_data() - the data of a socket, with what a verdict adds
 * @before:   of the socket: JSON text of an object, with the id of the user if there is one
 * @ret_data: to be freed
 *
 * Return: 0; -ENOMEM.
 */
int peal_webhook_data(const char *before, const struct peal_webhook_verdict *verdict,
		      char **ret_data) __attribute__((warn_unused_result));

/**
 * peal_webhook_acks_read() - read the acknowledgements of events
 * @length:   0: there are none
 * @ret_acks: steps through them, with peal_piece_next(); inside of @body
 *
 * A value may be what a client wrote, and is not judged here: one that cannot be sent must cost the
 * others nothing.
 *
 * Return: as peal_webhook_verdict_read().
 */
int peal_webhook_acks_read(const char *body, size_t length, struct peal_pieces *ret_acks,
			   const char **ret_wrong) __attribute__((warn_unused_result));

#endif
