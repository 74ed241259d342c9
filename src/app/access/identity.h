/*
 * Who a client is: the id of its user stands in the data of its socket, where only the node can
 * have put it, and its sockets are in the room "user:ID".
 */
#ifndef PEAL_APP_ACCESS_IDENTITY_H
#define PEAL_APP_ACCESS_IDENTITY_H

#include <peal/socket.h>

#include "../api_json.h"
#include "token.h"

/* The id of the user, as a JSON string inside of the socket's data. Return: false for a client
 * without one. */
bool peal_identity_user(const struct peal_socket *socket, struct peal_piece *ret_user);

/* The same as text. Return: 0, with NULL for a client without one; -ENOMEM. */
int peal_identity_user_text(const struct peal_socket *socket, char **ret_user)
	__attribute__((warn_unused_result));

/* Join the room of the user, if there is one, and other rooms. Return: 0; -ENOMEM; a code of enum
 * peal_emit_error. */
int peal_identity_join(struct peal_socket *socket, const char *user,
		       const struct peal_token_list *rooms) __attribute__((warn_unused_result));

#endif
