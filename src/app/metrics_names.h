/*
 * How the members of struct peal_stats are shown where that is not one sample of their own name.
 *
 * What is in none of these tables is shown as peal_NAME, a counter with _total behind it, and a
 * time in milliseconds as seconds; so a new member is there by itself.
 */
#ifndef PEAL_APP_METRICS_NAMES_H
#define PEAL_APP_METRICS_NAMES_H

#include <peal/stats.h>
#include <stddef.h>
#include <stdint.h>

#define PEAL_METRICS_MEMBER(name) offsetof(struct peal_stats, name)
#define PEAL_METRICS_NONE SIZE_MAX

/* Members that are one metric with a label. */
static const struct peal_metrics_family {
	const char *name, *type, *help;
	const char *label;
	size_t total;	  /* the member that counts all of them, or PEAL_METRICS_NONE */
	const char *rest; /* the label of what the total counts and no series does */
	struct {
		size_t member;
		const char *label;
	} series[16]; /* the last one has no label */
} peal_metrics_families[] = {
	{ "peal_sessions",
	  "gauge",
	  "open Engine.IO sessions",
	  "transport",
	  PEAL_METRICS_MEMBER(sessions),
	  "polling",
	  { { PEAL_METRICS_MEMBER(sessions_websocket), "websocket" } } },
	{ "peal_sent_bytes_total",
	  "counter",
	  "bytes sent to clients: what was written to WebSocket connections, and the bodies of "
	  "poll responses",
	  "transport",
	  PEAL_METRICS_NONE,
	  NULL,
	  { { PEAL_METRICS_MEMBER(bytes_polled), "polling" },
	    { PEAL_METRICS_MEMBER(bytes_written), "websocket" } } },
	{ "peal_drops_total",
	  "counter",
	  "packets for a client of this node that were not sent",
	  "reason",
	  PEAL_METRICS_NONE,
	  NULL,
	  { { PEAL_METRICS_MEMBER(volatile_dropped), "volatile" },
	    { PEAL_METRICS_MEMBER(frames_dropped), "closed" } } },
	{ "peal_rounds_ended_total",
	  "counter",
	  "acknowledged emits of this node that have ended",
	  "outcome",
	  PEAL_METRICS_NONE,
	  NULL,
	  { { PEAL_METRICS_MEMBER(rounds_complete), "complete" },
	    { PEAL_METRICS_MEMBER(rounds_timed_out), "timeout" },
	    { PEAL_METRICS_MEMBER(rounds_disconnected), "disconnected" },
	    { PEAL_METRICS_MEMBER(rounds_closed), "closed" } } },
	{ "peal_disconnects_total",
	  "counter",
	  "sockets disconnected",
	  "reason",
	  PEAL_METRICS_MEMBER(disconnects),
	  "other",
	  { { PEAL_METRICS_MEMBER(disconnects_transport_close), "transport close" },
	    { PEAL_METRICS_MEMBER(disconnects_transport_error), "transport error" },
	    { PEAL_METRICS_MEMBER(disconnects_ping_timeout), "ping timeout" },
	    { PEAL_METRICS_MEMBER(disconnects_parse_error), "parse error" },
	    { PEAL_METRICS_MEMBER(disconnects_client), "client namespace disconnect" },
	    { PEAL_METRICS_MEMBER(disconnects_server), "server namespace disconnect" },
	    { PEAL_METRICS_MEMBER(disconnects_forced), "forced close" },
	    { PEAL_METRICS_MEMBER(disconnects_forced_server), "forced server close" },
	    { PEAL_METRICS_MEMBER(disconnects_shutting_down), "server shutting down" } } },
	{ "peal_handshakes_refused_total",
	  "counter",
	  "requests refused with an Engine.IO error",
	  "reason",
	  PEAL_METRICS_MEMBER(handshakes_refused),
	  "other",
	  { { PEAL_METRICS_MEMBER(handshakes_refused_transport), "transport unknown" },
	    { PEAL_METRICS_MEMBER(handshakes_refused_sid), "session id unknown" },
	    { PEAL_METRICS_MEMBER(handshakes_refused_method), "bad handshake method" },
	    { PEAL_METRICS_MEMBER(handshakes_refused_request), "bad request" },
	    { PEAL_METRICS_MEMBER(handshakes_refused_forbidden), "forbidden" },
	    { PEAL_METRICS_MEMBER(handshakes_refused_protocol),
	      "unsupported protocol version" } } },
	{ "peal_http_refused_total",
	  "counter",
	  "HTTP requests answered with a status of 400 or more",
	  "code",
	  PEAL_METRICS_MEMBER(http_refused),
	  "other",
	  { { PEAL_METRICS_MEMBER(http_refused_400), "400" },
	    { PEAL_METRICS_MEMBER(http_refused_401), "401" },
	    { PEAL_METRICS_MEMBER(http_refused_403), "403" },
	    { PEAL_METRICS_MEMBER(http_refused_404), "404" },
	    { PEAL_METRICS_MEMBER(http_refused_405), "405" },
	    { PEAL_METRICS_MEMBER(http_refused_408), "408" },
	    { PEAL_METRICS_MEMBER(http_refused_413), "413" },
	    { PEAL_METRICS_MEMBER(http_refused_429), "429" },
	    { PEAL_METRICS_MEMBER(http_refused_431), "431" },
	    { PEAL_METRICS_MEMBER(http_refused_500), "500" },
	    { PEAL_METRICS_MEMBER(http_refused_503), "503" } } },
};

/* Metrics have their unit behind what is measured. */
static const struct {
	size_t member;
	const char *name;
} peal_metrics_renamed[] = {
	{ PEAL_METRICS_MEMBER(bytes_received), "received_bytes" },
	{ PEAL_METRICS_MEMBER(cluster_bytes_received), "cluster_received_bytes" },
};

/* The buckets of peal_loop_lag_seconds; each member counts for its own bucket only. */
static const struct {
	size_t member;
	const char *bound;
} peal_metrics_lag[] = {
	{ PEAL_METRICS_MEMBER(loop_lag_1ms), "0.001" },
	{ PEAL_METRICS_MEMBER(loop_lag_5ms), "0.005" },
	{ PEAL_METRICS_MEMBER(loop_lag_10ms), "0.01" },
	{ PEAL_METRICS_MEMBER(loop_lag_25ms), "0.025" },
	{ PEAL_METRICS_MEMBER(loop_lag_50ms), "0.05" },
	{ PEAL_METRICS_MEMBER(loop_lag_100ms), "0.1" },
	{ PEAL_METRICS_MEMBER(loop_lag_250ms), "0.25" },
	{ PEAL_METRICS_MEMBER(loop_lag_500ms), "0.5" },
	{ PEAL_METRICS_MEMBER(loop_lag_1000ms), "1" },
	{ PEAL_METRICS_MEMBER(loop_lag_2500ms), "2.5" },
};

/* Shown by other means: the rest of the lag, and what is told of each namespace. */
static const size_t peal_metrics_elsewhere[] = {
	PEAL_METRICS_MEMBER(loop_lags),
	PEAL_METRICS_MEMBER(loop_lag_us),
	PEAL_METRICS_MEMBER(sockets),
	PEAL_METRICS_MEMBER(rooms),
};

#endif
