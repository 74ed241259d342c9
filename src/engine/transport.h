/*
 * Between sessions and transports: the table of what a transport can do, the inside of a session,
 * and what transports report.
 */
#ifndef PEAL_ENGINE_TRANSPORT_H
#define PEAL_ENGINE_TRANSPORT_H

#include "base/hash.h"
#include "base/id.h"
#include "base/limits.h"
#include "engine/engine.h"
#include "engine/outbox.h"

struct peal_held;
struct peal_session;

/* How a closed session lets go of its connections. */
enum peal_release {
	PEAL_RELEASE_CLIENT, /* the client ended it: a parked GET gets a noop */
	PEAL_RELEASE_SERVER, /* we did: a parked GET gets `1`, a WebSocket a close frame */
	PEAL_RELEASE_CUT,    /* the connection is not worth another byte */
};

struct peal_transport {
	const char *name;
	/* Data could be handed over right now; only asked when the outbox is empty. */
	bool (*writable)(const struct peal_session *session);
	/* Hand over what is queued, as much as goes. Closes the session when the connection is
	 * broken. */
	void (*flush)(struct peal_session *session);
	/*
	 * The session is closing orderly and its outbox is empty. Return: true when the connection
	 * can end now; false when the transport has to wait, and will call peal_session_discard()
	 * later.
	 */
	bool (*finish)(struct peal_session *session);
	/* The session is closed: let go of everything that belongs to it. */
	void (*release)(struct peal_session *session, enum peal_release how);
};

enum peal_session_state {
	PEAL_SESSION_OPEN,    /* heartbeat armed */
	PEAL_SESSION_CLOSING, /* heartbeat armed; close grace armed once the transport waits;
				 nothing new is taken or delivered */
	PEAL_SESSION_CLOSED,  /* nothing armed; the close task is queued or has run */
};

struct peal_session {
	/* What a delivery touches comes first, in 64 bytes: see PEAL_SESSION_HOT_BYTES. */
	struct peal_engine *engine;
	struct peal_outbox outbox;
	uint32_t dirty; /* place in engine->dirty + 1: something is to be flushed; 0: nothing is */
	uint8_t state;	/* enum peal_session_state, changed by set_state() only */
	bool opened;	/* the application has heard of it */
	bool awaiting_pong : 1;
	bool pong_extended : 1;	  /* the deadline of this ping was put off once already */
	bool base64 : 1;	  /* the client cannot take binary */
	bool probed : 1;	  /* an upgrade was probed: no GET stays parked */
	bool finish_waits : 1;	  /* polling: the next GET ends the orderly close */
	uint8_t handshake_frames; /* frames that the first poll response holds; they leave alone */
	struct peal_held *held;	  /* packets that wait behind the barrier; NULL: nothing does */
	const struct peal_transport *transport;
	struct peal_websocket *websocket; /* the connection, when the transport is WebSocket */

	void *userdata;

	/* What the transports keep here; all NULL in a closed session. */
	struct peal_http_request *parked_get;
	struct peal_http_request *receiving_post;
	struct peal_websocket *candidate; /* of an upgrade under way */

	struct peal_deadline heartbeat; /* in engine->ping_due or engine->pong_due */
	struct peal_deadline close_grace;
	struct peal_hash_entry by_sid;
	struct peal_list link; /* in engine->sessions */
	struct peal_task task; /* reports the close, then frees */
	struct peal_request *request;
	const char *close_reason, *close_description; /* static strings */
	char sid[];
};

#define PEAL_SESSION_HOT_BYTES 64
_Static_assert(offsetof(struct peal_session, userdata) <= PEAL_SESSION_HOT_BYTES,
	       "what a delivery touches does not fit into a cache line");

/*
 * Have the lines of a session fetched that a delivery touches: with many clients they are not in
 * the cache, and whoever walks over sessions knows the next ones.
 */
static inline __attribute__((always_inline)) void peal_session_prefetch(
	const struct peal_session *session)
{
	__builtin_prefetch(session, 1);
	__builtin_prefetch((const char *)session + PEAL_SESSION_HOT_BYTES - 1, 1);
}

/*
 * The joined bytes of what was flushed last: the frames of a sequence from a place on. A queue of
 * large frames takes several writes, and each of them has a place of its own for its bytes, so that
 * the next session with the same queue finds all of them. Pages are used when they are needed.
 */
#define PEAL_JOINED_PLACES 4
struct peal_joined {
	struct peal_sequence *sequence; /* NULL: nothing is joined */
	uint32_t first;
	uint32_t queued; /* frames that were there to choose from */
	uint32_t count;	 /* frames that fit */
	size_t length;
	char bytes[PEAL_LIMIT_JOIN_BYTES];
};

static inline void peal_joined_forget(struct peal_joined *joined, struct peal_outbox_pool *pool)
{
	if (joined->sequence)
		peal_sequence_unref(joined->sequence, pool);
	joined->sequence = NULL;
}

static inline void peal_joined_forget_all(struct peal_joined *joined, struct peal_outbox_pool *pool)
{
	for (size_t i = 0; i < PEAL_JOINED_PLACES; i++)
		peal_joined_forget(&joined[i], pool);
}

#define PEAL_ENGINE_SID_PREFIX_LENGTH 16

struct peal_engine {
	struct peal_engine_context *context;
	struct peal_engine_options options; /* strings are our copies */
	struct peal_engine_handlers handlers;
	void *userdata;
	char *path, *initial_packet;
	/* What follows the sid in a handshake, without and with an upgrade to offer. */
	char handshake_ends[2][128];
	char sid_prefix[PEAL_ENGINE_SID_PREFIX_LENGTH + 1];
	struct peal_hash by_sid;
	size_t picked; /* the bucket of by_sid that peal_engine_pick() looks at first */
	struct peal_list sessions;
	size_t session_count;
	/* The sessions with something to flush, in the order in which they got it; NULL: closed. */
	struct peal_session **dirty;
	uint32_t dirty_first, dirty_end, dirty_capacity;
	struct peal_flusher flusher;
	struct peal_outbox_pool outbox_pool;
	struct peal_deadlines ping_due, pong_due, close_grace;
	struct peal_id_generator ids;
	struct peal_frame *ping_frame;
	struct peal_joined joined[PEAL_JOINED_PLACES]; /* forgotten at the end of each flush pass */
	void *front;				       /* of the transport room */
};

struct peal_session *peal_engine_find(const struct peal_engine *engine, const char *sid,
				      size_t length);

/*
 * Make a session: registers it, queues the handshake and starts the clock. @request is taken over
 * (see peal_request_copy()), also on failure. The caller sets the transport's own members before
 * the next turn. Return: 0; -ENOMEM; -EEXIST when the id generator failed or repeated itself;
 * -ESHUTDOWN when it closed the node.
 */
int peal_session_create(struct peal_engine *engine, const struct peal_transport *transport,
			struct peal_request *request, bool base64, bool upgradable,
			struct peal_session **ret_session) __attribute__((warn_unused_result));
/* Queued data goes out and the connection handler runs; call it when the transport is in place. */
void peal_session_opened(struct peal_session *session);

/* One unit came: a text packet with its type character, or a binary message. Text must be valid
 * UTF-8. */
void peal_session_receive_text(struct peal_session *session, const char *text, size_t length);
void peal_session_receive_binary(struct peal_session *session, const void *data, size_t length);

/* Close, because what came is no packet. */
void peal_session_parse_error(struct peal_session *session);
/* Close at once, for a reason of client-wire.md §2.10; both texts are static. */
void peal_session_close_for(struct peal_session *session, const char *reason,
			    const char *description, enum peal_release how);
void peal_session_tell_drained(struct peal_session *session);
/* The transport has taken everything: closes a session that waits for that, and tells the
 * application. */
static inline void peal_session_drained(struct peal_session *session)
{
	if (session->state == PEAL_SESSION_CLOSING || session->engine->handlers.drain)
		peal_session_tell_drained(session);
}
/* The text form of a binary frame ("b" + base64), made once for all who need it, owned by the
 * frame. NULL without memory. */
struct peal_frame *peal_session_base64_of(struct peal_frame *frame);
/* As peal_session_queue(), for packets of Engine.IO itself: no barrier holds them. */
int peal_session_queue_now(struct peal_session *session, struct peal_frame *run);
/* There is room for all sessions in engine->dirty. Return: 0; -ENOMEM. */
int peal_engine_reserve_dirty(struct peal_engine *engine) __attribute__((warn_unused_result));
/* For peal_session_mark_dirty(). */
void peal_engine_prepare_dirty(struct peal_engine *engine);
/* Flush at the end of this turn. */
static inline void peal_session_mark_dirty(struct peal_session *session)
{
	struct peal_engine *engine = session->engine;
	if (session->dirty)
		return;
	if (engine->dirty_end == engine->dirty_capacity || !engine->flusher.wanted)
		peal_engine_prepare_dirty(engine);
	engine->dirty[engine->dirty_end++] = session;
	session->dirty = engine->dirty_end;
}

#endif
