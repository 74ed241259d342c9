/*
 * Acknowledgements that clients wait for while their event is with somebody outside of this node.
 *
 * Clients decide how many there are, so there are two ceilings: one for all, and one for a client.
 * The latter is counted in slots that clients have by the hash of their id, and may share by
 * chance.
 */
#ifndef PEAL_APP_HOOKS_WAIT_H
#define PEAL_APP_HOOKS_WAIT_H

#include <peal/args.h>
#include <peal/socket.h>

#define PEAL_WAITS_MOST 16384
#define PEAL_WAITS_OF_CLIENT 64
#define PEAL_WAITS_SLOTS 65536

/* All zero at the beginning; stays where it is. */
struct peal_waits {
	size_t count;
	unsigned char of_client[PEAL_WAITS_SLOTS];
};

struct peal_wait;

/* The JSON text that a client gets as its acknowledgement when there is no better one. */
#define PEAL_WAIT_ERROR(code, message) \
	"{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}"
#define PEAL_WAIT_TIMEOUT PEAL_WAIT_ERROR("timeout", "nobody has answered in time")

/* That for an event which could not be sent on: -errno, or a code of enum peal_emit_error. */
const char *peal_wait_error(int r);

/**
 * peal_wait_new() - keep the right to acknowledge an event
 * @ret_wait: to be ended with one of the functions below
 *
 * Return: 0; -ENOMEM; -EBUSY at a ceiling; PEAL_EMIT_E_INVALID when no acknowledgement is due.
 */
int peal_wait_new(struct peal_waits *waits, const struct peal_socket *socket,
		  const struct peal_event *event, struct peal_wait **ret_wait)
	__attribute__((warn_unused_result));
/* Acknowledge with arguments, or with one value that is valid JSON, or not at all. Also when the
 * client or the node is gone. */
void peal_wait_end_args(struct peal_wait *wait, const struct peal_args *args);
void peal_wait_end(struct peal_wait *wait, const char *json);
void peal_wait_drop(struct peal_wait *wait);

#endif
