/*
 * The auth payload of a client that connects.
 */
#include "payload.h"

#include <errno.h>
#include <peal/peal.h>
#include <stdlib.h>

#define TOKEN "token"

/* Return: false when it has no members. */
static bool begin(const struct peal_socket *socket, struct peal_pieces *walk)
{
	const struct peal_args *auth = peal_socket_auth(socket);
	struct peal_piece object = { 0 };

	if (auth)
		object.at = peal_args_item(auth, 0, &object.length);
	if (!object.at || *object.at != '{')
		return false;
	*walk = peal_piece_into(object);
	return true;
}

bool peal_payload_token(const struct peal_socket *socket, struct peal_piece *ret_token)
{
	struct peal_piece key, value;
	struct peal_pieces walk;
	bool found = false;

	if (!begin(socket, &walk))
		return false;
	/* As in JavaScript, the last one of that name is the one that counts. */
	while (peal_piece_next(&walk, &key, &value)) {
		if (peal_piece_is(key, TOKEN)) {
			found = *value.at != 'n';
			*ret_token = value;
		}
	}
	return found;
}

int peal_payload_hide_token(struct peal_socket *socket)
{
	struct peal_piece key, value;
	struct peal_pieces walk;
	const char *comma = "";
	char *text = NULL;
	size_t length;
	FILE *stream;
	int r;

	if (!begin(socket, &walk))
		return 0;
	stream = open_memstream(&text, &length);
	if (!stream)
		return -ENOMEM;
	fputc('{', stream);
	while (peal_piece_next(&walk, &key, &value)) {
		if (peal_piece_is(key, TOKEN))
			continue;
		fprintf(stream, "%s%.*s:%.*s", comma, (int)key.length, key.at, (int)value.length,
			value.at);
		comma = ",";
	}
	fputc('}', stream);
	/* It was JSON before, so the other error is none. */
	r = fclose(stream) == 0 && peal_socket_set_auth(socket, text) == 0 ? 0 : -ENOMEM;
	free(text);
	return r;
}
