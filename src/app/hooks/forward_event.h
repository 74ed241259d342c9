/*
 * A client event as its handlers outside of this node get it: one JSON object with what the client
 * sent and who it is.
 */
#ifndef PEAL_APP_HOOKS_FORWARD_EVENT_H
#define PEAL_APP_HOOKS_FORWARD_EVENT_H

#include <peal/args.h>
#include <peal/socket.h>
#include <stdint.h>

/* What the ids of events are made of: no two events have the same one. */
struct peal_forward_ids {
	uint64_t node; /* random, for each run of a node */
	uint64_t count;
};

/* The number by which handlers share the work: always the same for a client. */
uint32_t peal_forward_handler(const char *socket_id);

/**
 * peal_forward_event() - write it
 * @ret_args: receives one argument, with the attachments of @event; free with peal_args_free()
 *
 * Return: 0; -ENOMEM; PEAL_EMIT_E_TOO_LARGE; PEAL_EMIT_E_INVALID.
 */
int peal_forward_event(struct peal_forward_ids *ids, const struct peal_socket *socket,
		       const struct peal_event *event, struct peal_args **ret_args)
	__attribute__((warn_unused_result));

#endif
