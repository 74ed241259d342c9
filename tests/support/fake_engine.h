/*
 * An engine without transports, for tests of the server: sessions record what is queued and do as
 * they are told. Messages are written as on the wire, with the leading "4" of Engine.IO.
 */
#ifndef PEAL_TESTS_FAKE_ENGINE_H
#define PEAL_TESTS_FAKE_ENGINE_H

#include "base/buffer.h"
#include "engine/session.h"
#include "loop/loop.h"

struct peal_session {
	struct peal_list link;
	struct peal_loop *loop;
	void *userdata; /* of the server */
	void *server;	/* userdata of the handlers */
	struct peal_request request;
	struct peal_task task;
	struct peal_buffer sent; /* since it was last looked at; units end with '|' */
	struct peal_frame *last; /* the run queued last */
	const char *reason, *description;
	size_t units;
	enum { FAKE_OPEN, FAKE_CLOSING, FAKE_CLOSED } state;
	bool busy;	   /* not writable */
	bool flushes;	   /* becomes busy with each packet, until fake_session_flush() */
	bool cannot_close; /* a shutdown has to wait */
	bool discarded;	   /* closed by peal_session_discard() */
	bool full;	   /* the next packet passes the outbox limit */
};

/* A new session, which the server hears of. */
struct peal_session *fake_session_open(struct peal_loop *loop, void *server);
/* A message of the client; ignored when the session is not open, as an engine does. */
void fake_session_say(struct peal_session *session, const char *text);
void fake_session_say_bytes(struct peal_session *session, const void *bytes, size_t length);
/* What was queued since the last call: units end with '|', binary ones are <hex>. Lives until the
 * next call for this session. */
const char *fake_session_heard(struct peal_session *session);
/* The kernel took everything: it is writable again. */
void fake_session_flush(struct peal_session *session);
/* The connection ends; the server hears of it from the loop. */
void fake_session_close(struct peal_session *session, const char *reason, const char *description);
/* Close all that are open, as a node that stops does. */
void fake_sessions_discard(void);
/* Only those of one node. */
void fake_sessions_discard_of(const struct peal_loop *loop);
/* Free all sessions of the process; they must be closed. Return: how many were not. */
size_t fake_sessions_free(void);

#endif
