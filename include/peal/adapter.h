/*
 * Adapters: what carries messages between the nodes of a cluster. For those who implement one; an
 * application only makes one (<peal/redis.h>) and puts it into its node's options.
 *
 * An adapter moves struct peal_message between nodes, in the form of its wire. It knows channels,
 * connections and bytes. It does not know sockets, members, rounds or deadlines: that is the
 * cluster layer above it, the same for all adapters.
 *
 * Calls go down through struct peal_adapter_ops, news come up through struct peal_adapter_news.
 * Nothing blocks, and nothing calls up from inside a call down: news come from the loop. Everything
 * happens on the node's thread. Strings and pointers are borrowed for the time of the call, both
 * ways, unless a line says otherwise.
 */
#ifndef PEAL_ADAPTER_H
#define PEAL_ADAPTER_H

#include <peal/namespace.h>
#include <peal/stats.h>

/* Both tables carry it; a node refuses an adapter of another version. */
#define PEAL_ADAPTER_VERSION 1

#define PEAL_UID_LENGTH 6

struct event_base;
struct peal_adapter;
struct peal_log;
struct peal_loop;

enum peal_message_type {
	/* To every other node that serves the namespace. */
	PEAL_MESSAGE_BROADCAST, /* an event for the clients that the target selects */
	PEAL_MESSAGE_ASK,   /* the same, with acknowledgements: → COUNT and ANSWER, or ANSWERS */
	PEAL_MESSAGE_JOIN,  /* with a request_id → CONFIRM */
	PEAL_MESSAGE_LEAVE, /* with a request_id → CONFIRM */
	PEAL_MESSAGE_DISCONNECT,
	PEAL_MESSAGE_FETCH,	  /* → FETCHED */
	PEAL_MESSAGE_ROOMS,	  /* → ROOMS_LISTED */
	PEAL_MESSAGE_SOCKET_IDS,  /* → SOCKET_IDS_LISTED; received only, old servers ask it */
	PEAL_MESSAGE_SERVER_EMIT, /* an event for the servers; with a request_id →
				     SERVER_ANSWER */
	/* To one node, in answer to a request. */
	PEAL_MESSAGE_COUNT,   /* how many clients were asked */
	PEAL_MESSAGE_ANSWER,  /* the acknowledgement of one client */
	PEAL_MESSAGE_ANSWERS, /* count and acknowledgements together; only between peal nodes */
	PEAL_MESSAGE_CONFIRM, /* joined or left, and covered by the node's subscriptions */
	PEAL_MESSAGE_FETCHED,
	PEAL_MESSAGE_ROOMS_LISTED,
	PEAL_MESSAGE_SOCKET_IDS_LISTED,
	PEAL_MESSAGE_SERVER_ANSWER,
	/* To every other peal node, whatever it serves; other servers never see it. */
	PEAL_MESSAGE_ANNOUNCE,
	PEAL_MESSAGE_TYPES,
};

/*
 * One message, in either direction. Which members mean something depends on the type; the others
 * are zero. Names were checked: UTF-8, no U+0000, within their ceilings. Text is never NULL: ""
 * stands for none.
 */
struct peal_message {
	enum peal_message_type type;
	const char *ns;		/* namespace with its leading slash; "" for ANNOUNCE */
	const char *uid;	/* of the sender; "" for one that does not tell */
	const char *request_id; /* of requests that want an answer, and of their answers */
	/* Answers, sending: uid of the node that asked; "" when it did not tell, then all nodes
	 * get it. */
	const char *to;

	/* BROADCAST, ASK, JOIN, LEAVE, DISCONNECT, FETCH, SOCKET_IDS. An absent list of rooms is
	 * everyone; receivers never get one that is given and empty. */
	struct peal_target target;
	struct peal_rooms rooms; /* JOIN, LEAVE: which; ROOMS_LISTED, SOCKET_IDS_LISTED: the list */

	/* BROADCAST, ASK, SERVER_EMIT. The event is NUL-terminated. */
	const char *event;
	size_t event_length;
	const struct peal_args *args;
	uint64_t packet_id;  /* BROADCAST: UINT64_MAX, unless the sender's packet carried one */
	unsigned timeout_ms; /* ASK: how long the node that asked waits; 0 when it did not tell */

	bool close; /* DISCONNECT: the connections too */
	/* BROADCAST, sending: use the channel of the namespace though there is only one room */
	bool wide;
	/* ASK, FETCH: the node that asked is a peal node and takes ANSWERS, and FETCHED in chunks
	 */
	bool peal;
	/* JOIN, LEAVE, DISCONNECT, received: the old form with one socket; only the node that has
	 * it confirms. */
	bool old;

	/* COUNT, and ANSWERS when counted is true: clients that were asked. */
	uint32_t count;
	bool counted;
	/* ANSWERS, FETCHED: the number of this part, from 0, and whether it is the last. */
	uint32_t number;
	bool last;
	/* ANSWER and SERVER_ANSWER (one), ANSWERS (any): each has exactly one item; NULL when the
	 * acknowledgement had no argument. */
	const struct peal_args *const *answers;
	size_t answer_count;
	/* FETCHED. Received ones have no .node and no .socket. */
	const struct peal_socket_info *sockets;
	size_t socket_count;
	/* ANNOUNCE: a JSON object. */
	const char *text;
	size_t text_length;
};

/* How a message that was sent ended. */
enum peal_sent {
	PEAL_SENT_DELIVERED, /* the other side has taken it */
	PEAL_SENT_DROPPED,   /* never written: no connection for too long, queue full, or expired */
	PEAL_SENT_IN_DOUBT,  /* written, but the connection was lost before the reply */
};

enum peal_adapter_state {
	PEAL_ADAPTER_DOWN, /* not connected; publishes wait */
	PEAL_ADAPTER_HELD, /* connected and subscribed; publishes wait for release() */
	PEAL_ADAPTER_UP,
};

/* Which broadcasts a node hears of a namespace. Requests and answers always come. */
enum peal_interest {
	PEAL_INTEREST_AUTO,    /* the cluster layer decides; never given to interest() */
	PEAL_INTEREST_ROOMS,   /* those to all, and to rooms with members on this node */
	PEAL_INTEREST_PATTERN, /* all */
};

/* What an adapter tells. @context is the host's. */
struct peal_adapter_news {
	unsigned version;
	/* A message of another node. Those of this node are dropped before (and counted). */
	void (*message)(const struct peal_message *message, void *context);
	/*
	 * What became of a message that was sent with a ticket. @receivers: how many connections
	 * got it, UINT32_MAX when unknown; @own: this node's is one of them.
	 */
	void (*sent)(uint64_t ticket, enum peal_sent how, uint32_t receivers, bool own,
		     void *context);
	/* The answer to count(). */
	void (*receivers)(const char *ns, uint32_t receivers, bool own, void *context);
	/* The state changed. @detail: a text for people, never with a secret in it. */
	void (*state)(enum peal_adapter_state state, const char *detail, void *context);
	/* An announcement of this node came back to it: the way out and the way in both work. */
	void (*echo)(void *context);
	/* This node was not subscribed in this interval (milliseconds since 1970) and may have
	 * missed something. */
	void (*gap)(uint64_t from_ms, uint64_t to_ms, void *context);
	/* The node's own channels of a namespace are all subscribed now; it may be announced. */
	void (*opened)(const char *ns, void *context);
	/* Numbers of the barrier (loop/barrier.h): issue one for a subscription that was asked for;
	 * all up to @number are in force. May be called from inside a call down. */
	uint64_t (*issue)(void *context);
	void (*reach)(uint64_t number, void *context);
};

/* What an adapter gets when it starts; borrowed until stop() has returned. */
struct peal_adapter_host {
	const struct peal_adapter_news *news;
	void *context;
	struct event_base *base;
	struct peal_loop *loop;
	struct peal_stats *stats;
	const struct peal_log *log;
	const char *uid;       /* PEAL_UID_LENGTH characters; ids of sockets begin with them */
	const char *node_name; /* may change until the node listens */
};

struct peal_adapter_ops {
	unsigned version;
	/* Begin to connect. Not being connected is no error. Return: 0; -errno, with a log line. */
	int (*start)(struct peal_adapter *adapter, const struct peal_adapter_host *host);
	/* No more news from here on. What is queued is written if that can be done at once. */
	void (*stop)(struct peal_adapter *adapter);
	/* After stop(), or without a start(). */
	void (*free)(struct peal_adapter *adapter);

	/*
	 * Serve a namespace, from now on and after each reconnection: its broadcasts and answers
	 * first, its requests last. Begins with PEAL_INTEREST_PATTERN. Return: the number of the
	 * barrier that covers it, 0 when it is covered already.
	 */
	uint64_t (*open)(struct peal_adapter *adapter, const char *ns);
	/* Stop to serve it; requests first. */
	void (*close)(struct peal_adapter *adapter, const char *ns);
	/* The first local member of a room came, the last one left. Return: as open(). NULL for an
	 * adapter that hears everything. */
	uint64_t (*join)(struct peal_adapter *adapter, const char *ns, const char *room,
			 size_t length);
	void (*leave)(struct peal_adapter *adapter, const char *ns, const char *room,
		      size_t length);
	void (*interest)(struct peal_adapter *adapter, const char *ns, enum peal_interest mode);

	/*
	 * Send a message, behind all that were sent before, and not before the numbers of the
	 * barrier issued until now are reached. ANNOUNCE does not wait, not even in
	 * PEAL_ADAPTER_HELD. @ticket 0: nobody asks what becomes of it. Requests that wait longer
	 * than @expires_ms (0: as long as need be) are dropped. Answers need no namespace that is
	 * open: a request for one that is not served has the answers of this namespace come for
	 * that time.
	 * Return: 0; -ENOMEM; -EMSGSIZE; PEAL_EMIT_E_INVALID when it cannot be encoded.
	 */
	int (*send)(struct peal_adapter *adapter, const struct peal_message *message,
		    uint64_t ticket, unsigned expires_ms);
	/* How many connections would receive a request to @ns now? news->receivers() answers. */
	void (*count)(struct peal_adapter *adapter, const char *ns);
	/* Leave PEAL_ADAPTER_HELD. */
	void (*release)(struct peal_adapter *adapter);
};

/* The head of an adapter's own struct. */
struct peal_adapter {
	const struct peal_adapter_ops *ops;
	const char *name;	     /* of its kind, for people: "redis" */
	enum peal_interest interest; /* what the operator has chosen */
};

/** peal_adapter_free() - free an adapter that no node has taken; NULL is fine */
PEAL_API void peal_adapter_free(struct peal_adapter *adapter);

/* A cluster within one process: what nodes on different hubs emit never meets. For tests, and for
 * several nodes in a process. */
struct peal_memory_hub;
PEAL_API struct peal_memory_hub *peal_memory_hub_new(void);
/** peal_memory_hub_free() - after all its adapters */
PEAL_API void peal_memory_hub_free(struct peal_memory_hub *hub);
/** peal_memory_adapter_new() - an adapter on @hub; all nodes of a hub run on one thread and one
 * event_base. Return: NULL without memory. */
PEAL_API struct peal_adapter *peal_memory_adapter_new(struct peal_memory_hub *hub);

#endif
