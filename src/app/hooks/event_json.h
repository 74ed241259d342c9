/*
 * A client event as its handlers outside of this node get it: a JSON object with what the client
 * sent and who it is.
 */
#ifndef PEAL_APP_HOOKS_EVENT_JSON_H
#define PEAL_APP_HOOKS_EVENT_JSON_H

#include <peal/args.h>
#include <peal/socket.h>
#include <stdint.h>
#include <stdio.h>

/* What ids are made of: no two are the same, of any node and any run of one. */
struct peal_event_ids {
	uint64_t node; /* random, for each run of a node */
	uint64_t count;
};

/* With the NUL. */
#define PEAL_EVENT_ID_BYTES 38

/* Return: 0; -errno when the kernel has no random numbers. */
int peal_event_ids_init(struct peal_event_ids *ids) __attribute__((warn_unused_result));
void peal_event_id(struct peal_event_ids *ids, char buffer[PEAL_EVENT_ID_BYTES]);

/* The number by which handlers share the work: always the same for a client. */
uint32_t peal_event_handler(const char *socket_id);

/* Writes the members "id", "handler", "node", "namespace", "socket" and "user" of an object. */
void peal_event_put_client(FILE *stream, const char *id, const struct peal_socket *socket);
/* Writes the members "event" and "args", with {"$binary"} for attachments. */
void peal_event_put(FILE *stream, const struct peal_event *event);

/**
 * peal_event_args() - the object as an argument of another event
 * @ret_args: receives one argument, with the attachments of @event; free with peal_args_free()
 *
 * Return: 0; -ENOMEM; PEAL_EMIT_E_TOO_LARGE; PEAL_EMIT_E_INVALID.
 */
int peal_event_args(struct peal_event_ids *ids, const struct peal_socket *socket,
		    const struct peal_event *event, struct peal_args **ret_args)
	__attribute__((warn_unused_result));

#endif
