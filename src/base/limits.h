/*
 * Every ceiling of what a client or peer can grow, with the reason for each. Options may lower or
 * raise those that say so.
 */
#ifndef PEAL_BASE_LIMITS_H
#define PEAL_BASE_LIMITS_H

/* Names of rooms, events and namespaces, in bytes. Long enough for paths and URLs as rooms; short
 * enough to keep and to log. */
#define PEAL_LIMIT_NAME_BYTES 1024
/* Rooms of one socket. A client's handler that joins rooms on request must not grow the node
 * without end. */
#define PEAL_LIMIT_ROOMS_PER_SOCKET 10000
/* Namespaces that one session may join. */
#define PEAL_LIMIT_NAMESPACES_PER_SESSION 256
/* Binary attachments of one packet, in and out: recent clients refuse more. */
#define PEAL_LIMIT_ATTACHMENTS 10
/* Nesting of JSON. cJSON parses recursively, its own limit is 1000. */
#define PEAL_LIMIT_JSON_DEPTH 512
/* Acknowledgements that one socket may still owe or be owed. */
#define PEAL_LIMIT_PENDING_ACKS 65536
/* The largest frame that the node builds; far above any sane message, far below 4 GiB. */
#define PEAL_LIMIT_FRAME_BYTES (256u << 20)
/* maxHttpBufferSize may be set up to this. */
#define PEAL_LIMIT_HTTP_BUFFER_BYTES (128u << 20)

/* HTTP request line and headers together: as Node.js (16 KB). */
#define PEAL_LIMIT_HTTP_HEAD_BYTES 16384
#define PEAL_LIMIT_HTTP_HEADERS 100
/* Bytes of further requests that may wait behind an unanswered one; more closes the connection. */
#define PEAL_LIMIT_HTTP_PIPELINE_BYTES 65536
/* A head must be complete within this time, and a body must make progress and end within these. */
#define PEAL_LIMIT_HTTP_HEAD_MS 10000
#define PEAL_LIMIT_HTTP_BODY_IDLE_MS 15000
#define PEAL_LIMIT_HTTP_BODY_MS 60000
/* An answer that the client does not read for this time is given up. */
#define PEAL_LIMIT_HTTP_WRITE_IDLE_MS 30000
/* Idle keep-alive connections, as Node.js; announced as `Keep-Alive: timeout=5`. */
#define PEAL_LIMIT_HTTP_KEEP_ALIVE_MS 5000
/* An Upgrade request on a foreign path is dropped after this. */
#define PEAL_LIMIT_HTTP_FOREIGN_UPGRADE_MS 1000
/* Connections accepted in one turn, so that a storm does not starve the clients that are there. */
#define PEAL_LIMIT_ACCEPTS_PER_TURN 64
/* Pipelined requests of one connection handled in one go before the others get theirs. */
#define PEAL_LIMIT_HTTP_REQUESTS_PER_TURN 16
/* What is read of a body that nobody wants, so that the connection can be used again after an early
 * answer.
 */
#define PEAL_LIMIT_HTTP_DISCARD_BYTES 65536
/* After an answer that closes the connection, what still comes is thrown away within these bounds:
 * closing with unread bytes would reset the connection and destroy the answer on its way.
 */
#define PEAL_LIMIT_HTTP_LINGER_MS 5000
#define PEAL_LIMIT_HTTP_LINGER_BYTES (4u << 20)
/* Without descriptors the listener looks again after this. */
#define PEAL_LIMIT_HTTP_ACCEPT_RETRY_MS 100
/* Chunk extensions and trailers of one body; both are thrown away. */
#define PEAL_LIMIT_HTTP_CHUNK_OVERHEAD_BYTES 16384
/* Answers that wait behind the barrier, together; what comes beyond does not wait. */
#define PEAL_LIMIT_HTTP_WAITING_BYTES (64u << 20)
/* The header lines of one response. */
#define PEAL_LIMIT_HTTP_RESPONSE_HEAD_BYTES 65536

/* Addresses of which is known how fast they open sessions, which is forgotten after a second: more
 * than a node can let in within one. A flood from ever new ones makes it forget the oldest sooner.
 */
#define PEAL_LIMIT_ADDRESSES 65536

/* An orderly close of a polling session waits this long for the next GET. */
#define PEAL_LIMIT_CLOSE_GRACE_MS 30000
/* A WebSocket that was sent a close frame is destroyed after this. */
#define PEAL_LIMIT_WEBSOCKET_CLOSE_MS 5000

/* What a frame in an outbox counts against the outbox limit besides its payload: its place there.
 * Without it, empty messages would be free. */
#define PEAL_LIMIT_OUTBOX_FRAME_BYTES 16

/* Sessions flushed, and time spent, in one turn before others get theirs. */
#define PEAL_LIMIT_FLUSH_SESSIONS 512
#define PEAL_LIMIT_TURN_US 3000
/* What one write to one session may join. */
#define PEAL_LIMIT_JOIN_BYTES 65536
/* A turn that comes later than this was no busy turn: the process stood still. */
#define PEAL_LIMIT_STANDSTILL_MS 1000

/* Connections to a further listener, for pages and APIs: few, since clients do not come there. */
#define PEAL_LIMIT_LISTENER_CONNECTIONS 1024

/* --- the cluster --- */

/* A client that joined waits no longer for the subscription that covers it. */
#define PEAL_LIMIT_BARRIER_MS 1000
/* Frames that may wait for one client behind the barrier; more lets that client go. */
#define PEAL_LIMIT_HELD_FRAMES 4096
/* After the deadline of a round, parts that are under way are waited for. */
#define PEAL_LIMIT_ROUND_GRACE_MS 50
/* One message from the adapter. */
#define PEAL_LIMIT_CLUSTER_MESSAGE_BYTES (64u << 20)
/* Nesting of messages; Node.js' encoders and decoders recurse, too. */
#define PEAL_LIMIT_CLUSTER_DEPTH 512
/* Rooms of one target or request of another node. */
#define PEAL_LIMIT_CLUSTER_ROOMS 100000
/* Elements of one flat reply of Redis. */
#define PEAL_LIMIT_REDIS_ELEMENTS 65536
/* Requests to other nodes under way, and requests of others that are being answered. */
#define PEAL_LIMIT_CLUSTER_REQUESTS 65536
/* Other peal nodes, and namespaces that one may announce. */
#define PEAL_LIMIT_CLUSTER_MEMBERS 1024
#define PEAL_LIMIT_CLUSTER_SPACES 20000
/* An announcement: as many namespaces as long as they may be. */
#define PEAL_LIMIT_ANNOUNCE_BYTES (24u << 20)
/* An empty namespace is served for so long, in case that somebody comes back. */
#define PEAL_LIMIT_CLUSTER_LINGER_MS 5000
/* Members announce themselves every second: a shorter timeout calls healthy ones silent. */
#define PEAL_LIMIT_MEMBER_TIMEOUT_MS 1500
/* A member that was not heard of for so long is given up in any case. */
#define PEAL_LIMIT_MEMBER_SILENCE_MS 60000
/* Publishes wait no longer than this for the other nodes to come back after an outage. */
#define PEAL_LIMIT_HELD_MS 5000
/* After a remote join, emits to that room go to all nodes for so long, and so many rooms are known
 * by name. */
#define PEAL_LIMIT_WIDE_MS 2000
#define PEAL_LIMIT_WIDE_ROOMS 256
/* Answers of other nodes that one request may collect. */
#define PEAL_LIMIT_CLUSTER_ANSWERS 1000000
#define PEAL_LIMIT_CLUSTER_ANSWER_BYTES (256u << 20)
/* Joined acknowledgements leave when they reach this size. */
#define PEAL_LIMIT_BATCH_BYTES 262144
/* Sockets of one part of a FETCHED. */
#define PEAL_LIMIT_FETCHED_SOCKETS 500
#define PEAL_LIMIT_FETCHED_BYTES 1048576
/* Commands that a Redis which does not read lets pile up at one connection; more ends it. */
#define PEAL_LIMIT_REDIS_OUTPUT_BYTES (2 * PEAL_LIMIT_CLUSTER_MESSAGE_BYTES)
/* Commands written and not replied to; more wait in the queue. */
#define PEAL_LIMIT_REDIS_UNANSWERED 65536
/* A Redis that is silent for so long while it owes something is given up. */
#define PEAL_LIMIT_REDIS_SILENCE_MS 4000
/* Between attempts to connect, at most. */
#define PEAL_LIMIT_REDIS_BACKOFF_MS 1000

/* A room that was left stays subscribed for a while, since rooms are often joined again; at most so
 * many, since a client's handler may join and leave another room each time. */
#define PEAL_LIMIT_REDIS_LINGER_MS 3000
#define PEAL_LIMIT_REDIS_LINGERING_ROOMS 10000

/* libwebsockets cannot size its tables above this many descriptors. */
#define PEAL_LIMIT_FILES 10000000

#endif
