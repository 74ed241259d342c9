/*
 * What a token says, once its signature was found good.
 */
#ifndef PEAL_APP_ACCESS_CLAIMS_H
#define PEAL_APP_ACCESS_CLAIMS_H

#include "members.h"
#include "token.h"

/* Issuer, audience and times. Return: 0 with the time of its end; -ENOMEM; enum peal_token_error.
 */
int peal_claims_check(const struct peal_members *claims, const struct peal_token_rules *rules,
		      int64_t now, int64_t *ret_expires, const char **ret_reason)
	__attribute__((warn_unused_result));

/* User, rooms and data. Return: 0; -ENOMEM; PEAL_TOKEN_E_INVALID. What was read so far is in
 * @token in any case. */
int peal_claims_read(const struct peal_members *claims, const struct peal_token_rules *rules,
		     struct peal_token *token, const char **ret_reason)
	__attribute__((warn_unused_result));

/* A user: a text of 1 to 255 bytes without control characters, or a whole number. Return: 0;
 * -ENOMEM; PEAL_TOKEN_E_INVALID. */
int peal_claims_user(struct peal_piece value, char **ret_user) __attribute__((warn_unused_result));
/* An array of rooms, none of them of a user. Return: as above; @rooms has some of them then. */
int peal_claims_rooms(struct peal_piece value, struct peal_token_list *rooms)
	__attribute__((warn_unused_result));
/* Has an object for the data of a socket a member `user`? That name is taken. */
bool peal_claims_has_user(struct peal_piece object);

#endif
