/*
 * Checks a JSON Web Token (RFC 7519, in the compact form of RFC 7515) and reads what it says.
 *
 * No clock, no file, no network. Nothing of a token is believed before its signature was checked,
 * and the signature is checked with the algorithm of the key, never with that of the token.
 */
#ifndef PEAL_APP_ACCESS_TOKEN_H
#define PEAL_APP_ACCESS_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "key.h"

/* Longer ones are refused unread. */
#define PEAL_TOKEN_BYTES 8192
/* Clocks of those who make tokens and those who check them differ by no more than this. */
#define PEAL_TOKEN_SKEW_SECONDS 30
#define PEAL_TOKEN_USER_BYTES 255
#define PEAL_TOKEN_ROOMS 100
#define PEAL_TOKEN_ROOM_BYTES 1024
/* The room of a user is this and the id; no other room may begin so. */
#define PEAL_TOKEN_USER_ROOM "user:"

struct peal_token_list {
	char **items;
	size_t count;
};

/* What the tokens of one namespace must be like. */
struct peal_token_rules {
	struct peal_key *keys; /* are tried in this order */
	size_t key_count;
	struct peal_token_list issuers, audiences; /* one of them; without any, they may say what
						      they like */
	char *user_claim, *rooms_claim, *data_claim;
};

struct peal_token {
	char *user;
	struct peal_token_list rooms; /* beside that of the user */
	char *data;	 /* of the socket: a JSON object with `user` and what the claim has */
	int64_t expires; /* seconds since 1970 */
};

/* What peal_token_check() returns above zero, and what a client may know about it. */
enum peal_token_error {
	PEAL_TOKEN_E_INVALID = 1,
	PEAL_TOKEN_E_EXPIRED = 2, /* it was good */
	PEAL_TOKEN_E_EARLY = 3,	  /* it will be good */
};

/**
 * peal_token_check() - is this a token for these rules, now?
 * @now:        seconds since 1970
 * @token:      receives what it says; peal_token_deinit() in any case
 * @ret_reason: receives a constant text for the log when it is refused
 *
 * Return: 0; -ENOMEM; a code of enum peal_token_error.
 */
int peal_token_check(const char *text, size_t length, const struct peal_token_rules *rules,
		     int64_t now, struct peal_token *token, const char **ret_reason)
	__attribute__((warn_unused_result));
void peal_token_deinit(struct peal_token *token);

/* Takes a copy. Return: 0; -ENOMEM. */
int peal_token_list_add(struct peal_token_list *list, const char *text)
	__attribute__((warn_unused_result));
void peal_token_list_deinit(struct peal_token_list *list);

#endif
