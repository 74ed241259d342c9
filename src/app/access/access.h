/*
 * Who may connect: clients bring a token in the auth payload of the handshake, { auth: { token } },
 * to each namespace that has a key.
 *
 * A client with a good token is in the room "user:ID" and in the rooms of its token before it hears
 * that it is connected, has the data of its token, and is disconnected when the token ends. One
 * without gets the connect error "unauthorized" with { code } as its data; docs/security.md has the
 * codes. Why exactly is a line of the log at level debug, without the token.
 *
 * The userdata of a socket is taken by this.
 */
#ifndef PEAL_APP_ACCESS_H
#define PEAL_APP_ACCESS_H

#include <peal/namespace.h>

#include "../logging.h"
#include "../options.h"

struct event_base;
struct peal_access;

/**
 * peal_access_new() - read the settings and the keys that they name
 * @logging: used as long as the result lives
 *
 * Return: 0; -ENOMEM; PEAL_USAGE_WRONG.
 */
int peal_access_new(const struct peal_settings *settings, struct peal_logging *logging,
		    struct peal_access **ret_access, struct peal_usage *usage)
	__attribute__((warn_unused_result));
/* After the node, before the base. NULL is fine. */
void peal_access_free(struct peal_access *access);

/**
 * peal_access_attach() - guard a namespace
 * @name: as --namespace has it; "*" for the parent of all that this accepts
 *
 * A namespace without a key stays open, which is logged when others have one.
 *
 * Return: 0; -ENOMEM.
 */
int peal_access_attach(struct peal_access *access, struct event_base *base,
		       struct peal_namespace *ns, const char *name)
	__attribute__((warn_unused_result));

/**
 * peal_access_change() - hold further clients to other rules
 * @fresh: made from other settings; has the rules of before afterwards
 *
 * Clients that are connected stay until the token ends that they came with.
 *
 * Return: 0; 1 when there are other keys; -EINVAL when a namespace gets its first key or loses its
 * last one, and then nothing has changed.
 */
int peal_access_change(struct peal_access *access, struct peal_access *fresh)
	__attribute__((warn_unused_result));

#endif
