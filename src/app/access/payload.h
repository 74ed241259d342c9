/*
 * The auth payload of a client that connects: { token, … }.
 */
#ifndef PEAL_APP_ACCESS_PAYLOAD_H
#define PEAL_APP_ACCESS_PAYLOAD_H

#include <peal/socket.h>

#include "../api_json.h"

/* The token, still as JSON. Return: false when there is none, or null. */
bool peal_payload_token(const struct peal_socket *socket, struct peal_piece *ret_token);

/* Takes the token out of what the socket keeps and other servers see; what else is there stays.
 * Return: 0; -ENOMEM. */
int peal_payload_hide_token(struct peal_socket *socket) __attribute__((warn_unused_result));

#endif
