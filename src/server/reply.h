/*
 * Events under way to their handlers, and the right to answer them, shared by event.c and reply.c.
 */
#ifndef PEAL_SERVER_REPLY_H
#define PEAL_SERVER_REPLY_H

#include "server/server_private.h"

/* The right to answer an event of another server, while that server still waits. */
struct peal_reply_token {
	struct peal_list link;		 /* in the reply's tokens */
	struct peal_server_reply *reply; /* NULL: the answer goes nowhere */
};

static inline void peal_reply_token_link(struct peal_server_reply *reply,
					 struct peal_reply_token *token)
{
	token->reply = reply;
	peal_list_append(&reply->tokens, &token->link);
}

static inline void peal_reply_token_unlink(struct peal_reply_token *token)
{
	token->reply = NULL;
	peal_list_unlink(&token->link);
}

/* What a handler's struct peal_event is part of. */
struct peal_incoming_event {
	struct peal_event event;
	struct peal_socket *socket; /* NULL for an event of another server */
	uint64_t id;
	struct peal_reply_token token; /* of an event of another server */
	bool answered;
};

#endif
