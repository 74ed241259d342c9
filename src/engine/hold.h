/*
 * What waits behind the barrier, for session.c; see peal_session_hold().
 */
#ifndef PEAL_ENGINE_HOLD_H
#define PEAL_ENGINE_HOLD_H

#include "engine/transport.h"

/* Queue one more frame; the session is held. Return: 0; -ENOMEM. */
int peal_held_push(struct peal_session *session, struct peal_frame *frame)
	__attribute__((warn_unused_result));
/* A run is complete: let everything go when it has become too much. */
void peal_held_settle(struct peal_session *session);
/* Frames that wait, and their payload bytes. */
size_t peal_held_count(const struct peal_session *session);
size_t peal_held_bytes(const struct peal_session *session);
void peal_held_drop(struct peal_session *session);

#endif
