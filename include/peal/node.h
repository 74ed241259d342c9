/*
 * A node: one event loop, one listener, one place in the cluster.
 *
 * Threads: everything of a node happens on one thread. peal_node_post() is the only function that
 * other threads may call.
 *
 * Callbacks: no public function runs an application callback before it returns, except
 * peal_node_run(), peal_cluster_info(), peal_namespaces(), and peal_node_free(), which delivers
 * what is outstanding; calls on that node from there return -ESHUTDOWN. Every one-shot callback
 * runs exactly once, at the latest from peal_node_free(), so its userdata can always be freed
 * there.
 */
#ifndef PEAL_NODE_H
#define PEAL_NODE_H

#include <peal/engine.h>
#include <peal/log.h>
#include <peal/namespace.h>
#include <peal/stats.h>

struct event_base;
struct peal_adapter;

struct peal_node_options {
	const char *host;   /* "127.0.0.1"; a name or an address, IPv4 or IPv6 */
	uint16_t port;	    /* 3000; 0 lets the kernel choose, see peal_node_port() */
	const char *name;   /* NULL: host name and port */
	size_t max_clients; /* 10000 sessions; lowered with a log line when the file limit is too
			       small. Nor should that be far above the need: whenever a WebSocket
			       ends, libwebsockets looks through a table of that size */
	unsigned connect_timeout_ms;	     /* 45000 */
	bool cleanup_empty_child_namespaces; /* false */
	unsigned connect_rate;	/* 0; new sessions per second of all engines, with bursts of a tenth
				   of that; more get 503 with Retry-After. 0: as many as come */
	size_t address_clients; /* 0; sessions that one address may have open, the /64 for
				   IPv6; more get 429 with Retry-After. 0: no limit */
	unsigned address_connect_rate; /* 0; new sessions per second of one address, of which a
					  second's worth may come at once; more get 429 with
					  Retry-After. 0: as many as come */
	size_t max_child_namespaces;   /* 10000 dynamic children; more are refused as invalid
					  namespaces */
	size_t websocket_read_bytes;   /* 512; a buffer of this size per WebSocket client, and the
					  size of each read */
	const char *const *trusted_proxies; /* CIDR blocks: only these peers' X-Forwarded-For and
					       -Proto count */
	size_t trusted_proxy_count;
	struct peal_engine_options engine; /* of Socket.IO */
	struct peal_adapter *adapter;	   /* NULL: this node is alone. The node takes it, also when
					      peal_node_new() fails */
	unsigned member_timeout_ms;  /* 3000, at least 1500; a peal node that is silent for so long
					is reported, or given up */
	unsigned request_timeout_ms; /* 5000; of requests to other nodes without a time of their own
				      */
	bool answer_server_events;   /* false; answer events of other servers that have no handler
					here at once, without data */
	enum peal_log_level log_level; /* PEAL_LOG_INFO */
	peal_log_fn *log;	       /* NULL: text lines on standard error */
	void *log_userdata;
	struct event_base *base; /* NULL: the node makes its own; otherwise never broken, freed or
				    given priorities */
};

/** peal_node_options_init() - fill with the defaults above */
PEAL_API void peal_node_options_init(struct peal_node_options *options);

/* What peal_node_new() returns above zero. */
enum peal_node_error {
	PEAL_NODE_E_FILE_LIMIT = 1, /* the soft limit of open files is above 10 000 000:
				       libwebsockets cannot size its tables; lower it first */
	PEAL_NODE_E_OPTION = 2,	    /* an option is out of range; the log says which */
	PEAL_NODE_E_WEBSOCKETS = 3, /* libwebsockets, its libuv plug-in or the self-test of the
				       direct write failed; the log says why */
};

/**
 * peal_node_new() - make a node; it does not listen yet
 * @options: NULL for the defaults; strings are copied
 *
 * The library never changes process limits: raise RLIMIT_NOFILE before.
 *
 * Return: 0; -errno; a code of enum peal_node_error.
 */
PEAL_API PEAL_MUST_CHECK int peal_node_new(const struct peal_node_options *options,
					   struct peal_node **ret_node);

/** peal_node_listen() - start to accept clients. Return: 0; -errno such as -EADDRINUSE. */
PEAL_API PEAL_MUST_CHECK int peal_node_listen(struct peal_node *node);

/** peal_node_port() - the port it listens on, 0 before */
PEAL_API uint16_t peal_node_port(const struct peal_node *node);
/** peal_node_name() - its name in the cluster */
PEAL_API const char *peal_node_name(const struct peal_node *node);

/**
 * peal_node_run() - run the node's own loop until it is closed or stopped; callbacks run from here
 *
 * With a caller's event_base, run that instead.
 *
 * Return: 0; -EINVAL with a caller's event_base; -errno of the loop.
 */
PEAL_API int peal_node_run(struct peal_node *node);

/** peal_node_stop() - make peal_node_run() return after this turn; nothing is closed */
PEAL_API void peal_node_stop(struct peal_node *node);

typedef void peal_node_fn(struct peal_node *node, void *userdata);

/**
 * peal_node_close() - close orderly: no new sessions, sockets leave with `server shutting down`,
 * connections close
 * @timeout_ms: after this time what is still open is cut
 * @fn:         runs once when all is closed; may be NULL. peal_node_run() returns then.
 *
 * Clients get no DISCONNECT packet, so they reconnect by themselves, to another node. A second call
 * with a shorter time shortens it; the @fn of each call runs.
 *
 * Return: 0; -ENOMEM: it closes all the same, but @fn will not run; -ESHUTDOWN when the node is
 * being freed (then @fn does not run).
 */
PEAL_API int peal_node_close(struct peal_node *node, unsigned timeout_ms, peal_node_fn *fn,
			     void *userdata);

/** peal_node_drain() - refuse new sessions with 503 and let the open ones be */
PEAL_API void peal_node_drain(struct peal_node *node);

/**
 * peal_node_drain_sessions() - send some clients away, for who does it little by little
 * @count: so many sessions, of all engines, in an order without regard to age or transport; 0 sends
 *         nobody away and only counts
 *
 * The node drains from here on. Sockets leave with `server shutting down`; what is queued for a
 * client goes out, and then its connection closes, without a DISCONNECT packet, so that it
 * reconnects by itself. The node stays a member of its cluster and answers the others until
 * peal_node_close().
 *
 * Return: how many sessions are open and not closing; 0 when the node is being freed.
 */
PEAL_API size_t peal_node_drain_sessions(struct peal_node *node, size_t count);

/*
 * What can be changed while it runs. Sessions that are open stay so; the options are meant as in
 * struct peal_node_options.
 */

/** peal_node_set_log_level() - log from this level on */
PEAL_API void peal_node_set_log_level(struct peal_node *node, enum peal_log_level level);

/**
 * peal_node_set_max_clients() - let so many sessions be open; more that are open already stay
 *
 * Return: 0; -EINVAL for none; -EMFILE when the limit of open files, as it was when the node was
 * made, does not carry them (then nothing is changed).
 */
PEAL_API PEAL_MUST_CHECK int peal_node_set_max_clients(struct peal_node *node, size_t count);

/** peal_node_set_connect_rate() - let in so many sessions per second; 0: as many as come. Return:
 * 0; -EINVAL for more than 1000000. */
PEAL_API PEAL_MUST_CHECK int peal_node_set_connect_rate(struct peal_node *node, unsigned rate);

/**
 * peal_node_set_address_clients() - let one address have so many sessions; 0: no limit
 *
 * Those that are open count, and stay also where they are more.
 *
 * Return: 0; -ENOMEM when there was no limit and there is none now.
 */
PEAL_API PEAL_MUST_CHECK int peal_node_set_address_clients(struct peal_node *node, size_t count);

/** peal_node_set_address_connect_rate() - let in so many sessions per second of one address; 0: as
 * many as come. Return: 0; -EINVAL for more than 1000000. */
PEAL_API PEAL_MUST_CHECK int peal_node_set_address_connect_rate(struct peal_node *node,
								unsigned rate);

/**
 * peal_node_set_trusted_proxies() - believe these peers about further requests
 * @networks: CIDR blocks; copied
 *
 * Return: 0; -ENOMEM; -EINVAL for what is none; -ESHUTDOWN while the node ends. On failure nothing
 * is changed.
 */
PEAL_API PEAL_MUST_CHECK int peal_node_set_trusted_proxies(struct peal_node *node,
							   const char *const *networks,
							   size_t count);

/**
 * peal_node_set_cors() - answer further requests for Socket.IO with these headers
 * @cors: copied
 *
 * Return: 0; -ENOMEM; -EINVAL for options out of range; -ESHUTDOWN while the node ends. On failure
 * nothing is changed.
 */
PEAL_API PEAL_MUST_CHECK int peal_node_set_cors(struct peal_node *node,
						const struct peal_cors_options *cors);

/** peal_node_ready() - it listens, is neither draining nor closing, and has joined its cluster once
 * or given up on that */
PEAL_API bool peal_node_ready(const struct peal_node *node);

/**
 * peal_node_free() - free a node, open or closed; NULL is fine
 *
 * Outstanding one-shot callbacks run from inside. Not to be called from inside of a callback of
 * this node, the one of peal_node_close() included: free it when peal_node_run() has returned, or
 * from an event of your own in your event_base.
 */
PEAL_API void peal_node_free(struct peal_node *node);

/**
 * peal_node_post() - run a function on the node's thread; the only call that other threads may make
 *
 * Functions of one thread run in order. Return: 0; -ENOMEM; -ESHUTDOWN when the node is being freed
 * (then @fn does not run).
 */
PEAL_API PEAL_MUST_CHECK int peal_node_post(struct peal_node *node, peal_node_fn *fn,
					    void *userdata);

/** peal_node_after() - run a function once after @delay_ms, at the latest from peal_node_free().
 * Return: 0; -ENOMEM. */
PEAL_API PEAL_MUST_CHECK int peal_node_after(struct peal_node *node, unsigned delay_ms,
					     peal_node_fn *fn, void *userdata);

/** peal_node_stats() - copy the counters */
PEAL_API void peal_node_stats(const struct peal_node *node, struct peal_stats *ret_stats);

/** peal_version() - version of the library, such as "0.1.0" */
PEAL_API const char *peal_version(void);

#endif
