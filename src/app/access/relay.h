/*
 * Events that clients send on to rooms that they are in, with the event `peal:emit`.
 * docs/events.md is its reference.
 *
 * What no rule allows is refused. Whoever gets such an event is told who sent it, by the node: its
 * last argument is {"socket": ID, "user": ID or null}, behind whatever the sender wrote.
 */
#ifndef PEAL_APP_ACCESS_RELAY_H
#define PEAL_APP_ACCESS_RELAY_H

#include <peal/socket.h>

/* Bytes of one event, attachments included. One message of a cluster has room for it in whatever
 * way its numbers are written. */
#define PEAL_RELAY_BYTES (16u << 20)

/* What is wrong with a pattern of names of events? It is a peal_rule_error_fn. */
const char *peal_relay_error(const char *pattern);

/* The handler of peal:emit. It is a peal_event_fn; @userdata is the struct peal_rules_space. */
void peal_relay_on_emit(struct peal_socket *socket, const struct peal_event *event, void *userdata);

#endif
