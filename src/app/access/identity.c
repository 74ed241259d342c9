/*
 * Who a client is.
 */
#include "identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool peal_identity_user(const struct peal_socket *socket, struct peal_piece *ret_user)
{
	const char *data = peal_socket_data(socket);
	struct peal_piece object = peal_piece_trim(data, strlen(data)), key, value;
	struct peal_pieces walk;

	if (!object.length || *object.at != '{')
		return false;
	for (walk = peal_piece_into(object); peal_piece_next(&walk, &key, &value);) {
		if (peal_piece_is(key, "user") && *value.at == '"') {
			*ret_user = value;
			return true;
		}
	}
	return false;
}

int peal_identity_user_text(const struct peal_socket *socket, char **ret_user)
{
	struct peal_piece user;

	*ret_user = NULL;
	if (!peal_identity_user(socket, &user))
		return 0;
	*ret_user = peal_piece_string(user);
	return *ret_user ? 0 : -ENOMEM;
}

int peal_identity_join(struct peal_socket *socket, const char *user,
		       const struct peal_token_list *rooms)
{
	char room[sizeof(PEAL_TOKEN_USER_ROOM) + PEAL_TOKEN_USER_BYTES];
	int r = 0;

	if (user) {
		snprintf(room, sizeof(room), PEAL_TOKEN_USER_ROOM "%s", user);
		r = peal_socket_join(socket, room);
	}
	for (size_t i = 0; r == 0 && i < rooms->count; i++)
		r = peal_socket_join(socket, rooms->items[i]);
	return r;
}
