/*
 * Sessions, as the layers above see them: one Engine.IO connection over whatever transport it has.
 *
 * Emitting only queues: peal_session_queue() puts pointers to shared frames into the outbox and
 * writes the session once into the engine's dirty list. The flush at the end of the turn makes one
 * write of all of it. Objects die in the loop's reap phase: a session pointer stays valid until the
 * close handler has returned.
 */
#ifndef PEAL_ENGINE_SESSION_H
#define PEAL_ENGINE_SESSION_H

#include <peal/engine.h>

#include "base/frame.h"

/*
 * Queue a run of frames, all or none; takes references of its own. The caller keeps its reference.
 * Return: 0; -EPIPE when the session is not open. Over the outbox limit or without memory the
 * session is closed (its handlers hear of it from the loop) and -EPIPE comes back.
 */
int peal_session_queue(struct peal_session *session, struct peal_frame *run);

/* The same to each of @count sessions. Return: how many of them took it. */
size_t peal_sessions_queue(struct peal_session *const *sessions, size_t count,
			   struct peal_frame *run);

/*
 * What is queued from here on waits until the barrier has reached @number (peal_session_queue() for
 * Socket.IO packets; heartbeats do not wait). What was queued before goes out. A second hold is for
 * what comes after it. Packets that wait count against the outbox limit; a volatile packet is not
 * queued behind them; an orderly close waits for them. Nothing happens when the number is reached.
 */
void peal_session_hold(struct peal_session *session, uint64_t number);

/* A volatile packet may be queued now (client-wire.md §4.4): nothing is queued or being written,
 * for polling a GET is parked. */
bool peal_session_writable(const struct peal_session *session);

/* Open and not closing. */
bool peal_session_open(const struct peal_session *session);

/*
 * Close orderly: nothing new is taken or delivered, the queue is flushed, then the transport
 * closes. The close handler runs from the loop, with `forced close`. Return: true when nothing was
 * queued and the transport could close at once; false when it has to wait (a polling session
 * without a parked GET, a WebSocket with a queue).
 */
bool peal_session_shutdown(struct peal_session *session);

/* Close at once, the queue is dropped; the client sees a close frame or `1`. The close handler runs
 * from the loop with `forced close`. */
void peal_session_discard(struct peal_session *session);

#endif
