/*
 * Counters of a node: the only source of peal_node_stats(), of /metrics and of the tests'
 * assertions.
 *
 * PEAL_STATS() lists every member once, with its kind and its description, so that a new counter
 * shows up everywhere by itself; docs/metrics.md has to say what it means. Gauges of live objects
 * are zero after a node was closed.
 */
#ifndef PEAL_STATS_H
#define PEAL_STATS_H

#include <stdint.h>

/* X(kind, name, description): kind is counter or gauge */
#define PEAL_STATS(X)                                                                              \
	X(gauge, sessions, "open Engine.IO sessions")                                              \
	X(gauge, sessions_websocket, "open sessions whose transport is WebSocket")                 \
	X(gauge, sockets, "connected Socket.IO sockets")                                           \
	X(gauge, namespaces, "namespaces, dynamic children included")                              \
	X(gauge, rooms, "rooms with at least one member, without own-id rooms")                    \
	X(gauge, memberships, "memberships of sockets in rooms, without own-id rooms")             \
	X(gauge, frames, "live frames")                                                            \
	X(gauge, frame_bytes, "bytes of live frames")                                              \
	X(gauge, outbox_bytes, "bytes queued in all outboxes")                                     \
	X(gauge, rounds, "acknowledged broadcasts and emits under way")                            \
	X(gauge, http_connections, "open HTTP connections")                                        \
	X(gauge, websocket_connections, "open WebSocket connections")                              \
	X(gauge, addresses, "client addresses that are known for the limits of an address")        \
	X(counter, sessions_opened, "sessions opened")                                             \
	X(gauge, draining,                                                                         \
	  "1 while the node drains: no new sessions, the open ones are sent away")                 \
	X(counter, sessions_drained, "sessions sent away by a drain")                              \
	X(counter, sessions_refused_full, "sessions refused because of --max-clients")             \
	X(counter, sessions_refused_rate, "sessions refused because of --connect-rate")            \
	X(counter, sessions_refused_address_clients,                                               \
	  "sessions refused because of --address-clients")                                         \
	X(counter, sessions_refused_address_rate,                                                  \
	  "sessions refused because of --address-connect-rate")                                    \
	X(counter, sessions_refused_draining, "sessions refused because the node drains")          \
	X(counter, sessions_closed_outbox,                                                         \
	  "sessions closed because their outbox passed its limit")                                 \
	X(counter, frames_dropped, "frames that were queued for sessions which then closed")       \
	X(counter, sessions_closed_ping_timeout, "sessions closed because no pong came")           \
	X(counter, sessions_closed_parse_error, "sessions closed because of a malformed packet")   \
	X(counter, upgrades, "sessions upgraded from polling to WebSocket")                        \
	X(counter, handshakes_refused, "requests refused with an Engine.IO error")                 \
	X(counter, handshakes_refused_transport, "of those, with Transport unknown")               \
	X(counter, handshakes_refused_sid, "of those, with Session ID unknown")                    \
	X(counter, handshakes_refused_method, "of those, with Bad handshake method")               \
	X(counter, handshakes_refused_request, "of those, with Bad request")                       \
	X(counter, handshakes_refused_forbidden, "of those, by the allowRequest hook")             \
	X(counter, handshakes_refused_protocol, "of those, with Unsupported protocol version")     \
	X(counter, http_requests, "HTTP requests")                                                 \
	X(counter, http_bad_requests, "HTTP requests refused as malformed or over a limit")        \
	X(counter, http_refused, "HTTP requests answered with a status of 400 or more")            \
	X(counter, http_refused_400, "of those, with 400")                                         \
	X(counter, http_refused_401, "of those, with 401")                                         \
	X(counter, http_refused_403, "of those, with 403")                                         \
	X(counter, http_refused_404, "of those, with 404")                                         \
	X(counter, http_refused_405, "of those, with 405")                                         \
	X(counter, http_refused_408, "of those, with 408")                                         \
	X(counter, http_refused_413, "of those, with 413")                                         \
	X(counter, http_refused_429, "of those, with 429")                                         \
	X(counter, http_refused_431, "of those, with 431")                                         \
	X(counter, http_refused_500, "of those, with 500")                                         \
	X(counter, http_refused_503, "of those, with 503")                                         \
	X(counter, http_reads, "read calls on HTTP connections")                                   \
	X(counter, http_connections_refused,                                                       \
	  "connections closed at accept because of the connection limit")                          \
	X(counter, bytes_received, "bytes of messages received")                                   \
	X(counter, messages_received, "Engine.IO messages received")                               \
	X(counter, packets_received, "Socket.IO packets received")                                 \
	X(counter, packets_invalid, "Socket.IO packets that could not be decoded or were illegal") \
	X(counter, frames_built, "frames built")                                                   \
	X(counter, frames_queued, "frames put into outboxes")                                      \
	X(counter, writes, "write calls to WebSocket connections")                                 \
	X(counter, writes_partial, "writes that the kernel did not take as a whole")               \
	X(counter, joins_reused, "writes that used the bytes joined for a session before")         \
	X(counter, bytes_written, "bytes written to WebSocket connections")                        \
	X(counter, poll_responses, "poll responses with data")                                     \
	X(counter, bytes_polled, "bytes of the bodies of poll responses")                          \
	X(counter, emits, "broadcasts by the application")                                         \
	X(counter, emits_failed, "emits that returned an error")                                   \
	X(counter, deliveries, "packets queued for a socket by broadcasts")                        \
	X(counter, volatile_dropped, "volatile packets dropped for a busy client")                 \
	X(counter, acks_received, "acknowledgements received and matched")                         \
	X(counter, acks_unknown, "acknowledgements received that nobody waited for")               \
	X(counter, rounds_complete, "acknowledged emits to which all have answered")               \
	X(counter, rounds_timed_out, "acknowledged emits that ended by their deadline")            \
	X(counter, rounds_disconnected, "acknowledged emits to one socket that has left")          \
	X(counter, rounds_closed, "acknowledged emits that ended with the node")                   \
	X(counter, connects, "sockets connected")                                                  \
	X(counter, connects_refused, "CONNECT packets answered with a connect error")              \
	X(counter, disconnects, "sockets disconnected")                                            \
	X(counter, disconnects_transport_close, "of those, by transport close")                    \
	X(counter, disconnects_transport_error, "of those, by transport error")                    \
	X(counter, disconnects_ping_timeout, "of those, by ping timeout")                          \
	X(counter, disconnects_parse_error, "of those, by parse error")                            \
	X(counter, disconnects_client, "of those, by client namespace disconnect")                 \
	X(counter, disconnects_server, "of those, by server namespace disconnect")                 \
	X(counter, disconnects_forced, "of those, by forced close")                                \
	X(counter, disconnects_forced_server, "of those, by forced server close")                  \
	X(counter, disconnects_shutting_down, "of those, by server shutting down")                 \
	X(counter, loop_turns, "turns of the event loop that did work for this node")              \
	X(counter, loop_lags, "timers of the event loop that have run")                            \
	X(counter, loop_lag_us, "microseconds that those ran late, together")                      \
	X(counter, loop_lag_1ms, "of those, at most 1 ms late")                                    \
	X(counter, loop_lag_5ms, "of those, more than that and at most 5 ms late")                 \
	X(counter, loop_lag_10ms, "of those, more than that and at most 10 ms late")               \
	X(counter, loop_lag_25ms, "of those, more than that and at most 25 ms late")               \
	X(counter, loop_lag_50ms, "of those, more than that and at most 50 ms late")               \
	X(counter, loop_lag_100ms, "of those, more than that and at most 100 ms late")             \
	X(counter, loop_lag_250ms, "of those, more than that and at most 250 ms late")             \
	X(counter, loop_lag_500ms, "of those, more than that and at most 500 ms late")             \
	X(counter, loop_lag_1000ms, "of those, more than that and at most 1000 ms late")           \
	X(counter, loop_lag_2500ms, "of those, more than that and at most 2500 ms late")           \
	X(counter, flush_slices, "flush passes that stopped at the slice limit")                   \
	X(counter, standstills, "times that the node found itself stopped for more than a second") \
	X(counter, standstill_ms, "milliseconds of all standstills")                               \
	X(gauge, cluster_up, "1 while the adapter is connected and publishes, or there is none")   \
	X(gauge, cluster_members, "other peal nodes that are known")                               \
	X(gauge, cluster_requests, "requests to other nodes under way")                            \
	X(gauge, cluster_answering, "requests of other nodes that this one still answers")         \
	X(gauge, cluster_spaces, "namespaces that the cluster layer keeps")                        \
	X(counter, cluster_messages_received, "messages received from the adapter, own ones too")  \
	X(counter, cluster_messages_own, "of those, own ones, dropped undecoded")                  \
	X(counter, cluster_messages_useless, "of those, ones that selected no local socket")       \
	X(counter, cluster_messages_repeated, "of those, second copies, dropped undecoded")        \
	X(counter, cluster_messages_invalid, "of those, ones that could not be decoded")           \
	X(counter, cluster_bytes_received, "bytes of those")                                       \
	X(counter, cluster_answers_late, "answers to requests that nobody waits for any more")     \
	X(counter, cluster_answers_repeated, "parts of answers that had come before")              \
	X(counter, cluster_batches, "parts of joined acknowledgements sent to other peal nodes")   \
	X(counter, cluster_published, "broadcasts that the adapter's network has taken")           \
	X(counter, cluster_published_late, "of those, ones that had waited for a connection")      \
	X(counter, cluster_dropped, "broadcasts that were never written")                          \
	X(counter, cluster_in_doubt,                                                               \
	  "broadcasts written without a reply before the connection "                              \
	  "was lost; never sent again")                                                            \
	X(counter, cluster_commands, "commands sent to Redis")                                     \
	X(counter, cluster_disconnects, "connections to Redis that were lost")                     \
	X(counter, cluster_gaps, "times that this node was not subscribed")                        \
	X(counter, cluster_gap_ms, "milliseconds in which this node may have missed messages")     \
	X(counter, cluster_interest_changes, "changes between rooms and pattern")                  \
	X(gauge, cluster_subscriptions, "subscriptions at Redis")                                  \
	X(counter, barrier_waits, "times that something waited for a subscription")                \
	X(counter, barrier_timeouts, "times that waiting for a subscription was given up")

struct peal_stats {
#define PEAL_STATS_MEMBER_(kind, name, description) uint64_t name;
	PEAL_STATS(PEAL_STATS_MEMBER_)
#undef PEAL_STATS_MEMBER_
};

#endif
