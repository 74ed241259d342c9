/*
 * Every setting of `peal serve`, once.
 *
 * From a line of this table come: the member of struct peal_settings, the flag (--ping-interval),
 * the variable (PEAL_PING_INTERVAL), the key of the config file (pingInterval), the range, the
 * default and the line of --help. Nothing else lists settings, so none can be forgotten in one of
 * the places. docs/configuration.md is written from it too: run scripts/reference after a change.
 *
 *   section(title)
 *   boolean(name, default, description)
 *   number(name, placeholder, unit, default, lowest, highest, description)
 *   text(name, placeholder, default, description)
 *   choice(name, choices, default, description)          choices are separated by commas
 *   list(name, placeholder, choices, default, description)
 *
 * A number whose default lies below its lowest value is "none" until it is set.
 */
#ifndef PEAL_APP_OPTION_TABLE_H
#define PEAL_APP_OPTION_TABLE_H

/* A day: no timeout of a connection makes sense beyond it. */
#define PEAL_OPTION_DAY_MS 86400000
/* Ceilings of the library. */
#define PEAL_OPTION_NAME_BYTES 255
#define PEAL_OPTION_PATH_BYTES 1000
#define PEAL_OPTION_NAMESPACE_BYTES 1023
#define PEAL_OPTION_SID_PREFIX_BYTES 16
/* The soft limit of open files must stay at or below 10 000 000 and is 2 × clients + 128. */
#define PEAL_OPTION_MAX_CLIENTS 4999936
#define PEAL_OPTION_MAX_CONNECT_RATE 1000000

/* clang-format off */
#define PEAL_OPTIONS(section, boolean, number, text, choice, list)                                 \
	section("Server")                                                                          \
	text(host, "ADDRESS", "127.0.0.1", "name or address to listen on, IPv4 or IPv6")           \
	number(port, "PORT", NULL, 3000, 0, 65535, "port to listen on; 0 lets the kernel choose")  \
	text(config, "FILE", NULL, "read settings from this JSON file")                            \
	text(name, "NAME", NULL, "name of this node; without it, host name and port")              \
	number(max_clients, "COUNT", "clients", 10000, 1, PEAL_OPTION_MAX_CLIENTS,                 \
	       "sessions that may be open at a time; more get 503. Lowered with a warning when "   \
	       "the hard limit of open files is too small for it")                                 \
	number(connect_rate, "COUNT", "sessions per second", 0, 0, PEAL_OPTION_MAX_CONNECT_RATE,   \
	       "new sessions that are let in each second, with bursts of a tenth of that; more "   \
	       "get 503 with Retry-After and come again by themselves. 0: as many as come")        \
	number(address_clients, "COUNT", "clients", 0, 0, PEAL_OPTION_MAX_CLIENTS,                 \
	       "sessions that one client address may have open, for IPv6 the /64; more get 429 "   \
	       "with Retry-After. 0: no limit")                                                    \
	number(address_connect_rate, "COUNT", "sessions per second", 0, 0,                         \
	       PEAL_OPTION_MAX_CONNECT_RATE,                                                       \
	       "new sessions of one client address that are let in each second, with bursts of a " \
	       "second's worth; more get 429 with Retry-After. 0: as many as come")                \
	list(trusted_proxy, "CIDR", NULL, NULL,                                                    \
	     "a balancer whose X-Forwarded-For and X-Forwarded-Proto count, such as 10.0.0.0/8")   \
	number(drain_seconds, "SECONDS", "s", 0, 0, 3600,                                          \
	       "on SIGTERM or SIGINT, answer /readyz with 503, refuse new sessions, and send the " \
	       "clients away in an even stream over this time, after a quarter of it, 5 s at "     \
	       "most, in which balancers notice. 0: close at once")                                \
	number(shutdown_seconds, "SECONDS", "s", 5, 0, 3600,                                       \
	       "then close orderly; what is still open after this time is cut")                    \
	section("Cluster")                                                                         \
	text(redis, "URL", NULL,                                                                   \
	     "be one of several nodes, through this Redis: redis://[user:password@]host[:port], "  \
	     "rediss://… for TLS, or unix:///path. The variable is PEAL_REDIS_URL")                \
	text(redis_prefix, "TEXT", "socket.io",                                                    \
	     "beginning of the channels; the key option of the official adapter")                  \
	choice(redis_interest, "auto,rooms,pattern", "auto",                                       \
	       "which broadcasts Redis sends here: those to rooms of this node, all that match "   \
	       "the namespace, or whichever of both the other servers allow")                      \
	text(redis_user, "NAME", NULL, "user, instead of the one in the URL")                      \
	text(redis_password, "TEXT", NULL,                                                         \
	     "password, instead of the one in the URL; others can see flags, so better a variable " \
	     "or a file")                                                                          \
	text(redis_password_file, "FILE", NULL, "read the password from the first line of a file") \
	text(redis_ca, "FILE", NULL,                                                               \
	     "certificates that Redis' one must come from; without it, those of the system")       \
	text(redis_cert, "FILE", NULL, "certificate of this client, with --redis-key")             \
	text(redis_key, "FILE", NULL, "its key")                                                   \
	number(member_timeout, "MS", "ms", 3000, 1500, 3600000,                                    \
	       "after this silence another peal node is reported, or given up")                    \
	number(request_timeout, "MS", "ms", 5000, 1, PEAL_OPTION_DAY_MS,                           \
	       "how long other nodes may take for what has no timeout of its own")                 \
	section("HTTP API")                                                                        \
	text(api_key, "KEY", NULL,                                                                 \
	     "serve /api to those who have this key; without one there is no /api. Others can see "  \
	     "flags, so better a variable or a file")                                              \
	text(api_key_file, "FILE", NULL, "read the key from the first line of a file")             \
	text(internal_listen, "HOST:PORT", NULL,                                                   \
	     "serve /api, /metrics, /healthz, /readyz and the console here, and no longer where "  \
	     "clients connect")                                                                    \
	boolean(console, false,                                                                    \
		"serve a live view of the cluster at / and /console; it asks for the key, so it "  \
		"needs --api-key or --api-key-file")                                               \
	section("Backend")                                                                         \
	text(webhook_url, "URL", NULL,                                                             \
	     "ask and tell your backend here, with signed POST requests, what the settings below " \
	     "name: http:// or https://")                                                          \
	text(webhook_secret, "TEXT", NULL,                                                         \
	     "what requests are signed with: 24 to 64 bytes in base64; others can see flags, so "  \
	     "better a variable or a file")                                                        \
	text(webhook_secret_file, "FILE", NULL, "read the secret from the first line of a file")   \
	text(webhook_ca, "FILE", NULL,                                                             \
	     "certificates that the one of the backend must come from; without it, those of the "  \
	     "system")                                                                             \
	list(webhook_connect, "NS", NULL, NULL,                                                    \
	     "ask the backend about each client that wants to connect to this namespace; it may "  \
	     "refuse, and name user, rooms and data")                                              \
	list(webhook_event, "[NS ]PATTERN", NULL, NULL,                                            \
	     "client events that the backend gets, and may acknowledge: an event name, in which "  \
	     "* is a run of characters without a colon. It is for the main namespace, unless one " \
	     "stands in front: '/chat *'; that of * means those that --namespace * accepts")       \
	list(webhook_disconnect, "NS", NULL, NULL,                                                 \
	     "tell the backend about each client that leaves this namespace")                      \
	choice(webhook_unavailable, "refuse,allow", "refuse",                                      \
	       "clients that the backend could not be asked about in time are refused or let in")  \
	number(webhook_timeout, "MS", "ms", 5000, 100, 600000,                                     \
	       "how long the backend may take: for one request, until a client is connected, and " \
	       "for an acknowledgement; then the client gets an error")                            \
	number(webhook_retry_seconds, "SECONDS", "s", 30, 0, 86400,                                \
	       "how long events and disconnects are kept that the backend does not take; they "    \
	       "are sent again with growing pauses")                                               \
	number(webhook_queue_bytes, "BYTES", "bytes", 16777216, 65536, 1073741824,                 \
	       "what may wait for the backend; of connects that it is asked about, and of events " \
	       "and disconnects, so much each")                                                    \
	number(webhook_connections, "COUNT", "requests", 8, 1, 64,                                 \
	       "requests that may be under way at a time; of connects, and of events and "         \
	       "disconnects, so many each")                                                        \
	list(forward, "[NS ]PATTERN", NULL, NULL,                                                  \
	     "client events that the Node.js servers of the cluster get as the server-side event " \
	     "peal:event, and may acknowledge: an event name, in which * is a run of characters "  \
	     "without a colon. It is for the main namespace, unless one stands in front: "         \
	     "'/chat *'; that of * means those that --namespace * accepts")                        \
	number(forward_timeout, "MS", "ms", 5000, 1, PEAL_OPTION_DAY_MS,                           \
	       "how long such an acknowledgement may take; then the client gets an error")         \
	section("Access")                                                                          \
	list(auth_key, "[NS ]ALG:FILE", NULL, NULL,                                                \
	     "clients need a token (JWT) that this key signed: HS256 with a secret in the first "  \
	     "line of the file, RS256 or ES256 with a public key or certificate in PEM. "          \
	     "ALG@KID:FILE is only for tokens that name the key KID. It is for the main "          \
	     "namespace, unless one stands in front: '/chat RS256:chat.pem'; * means those that "  \
	     "--namespace * accepts")                                                              \
	text(auth_secret, "TEXT", NULL,                                                            \
	     "a secret for HS256 in the main namespace, at least 32 bytes; others can see flags, " \
	     "so better a variable or a file")                                                     \
	text(auth_secret_file, "FILE", NULL, "read the secret from the first line of a file")      \
	list(auth_issuer, "[NS ]TEXT", NULL, NULL, "iss of a token must be this, or one of several") \
	list(auth_audience, "[NS ]TEXT", NULL, NULL, "aud of a token must have this, or one of several") \
	list(auth_user_claim, "[NS ]NAME", NULL, "sub",                                            \
	     "claim with the id of the user, who is then in the room user:ID")                     \
	list(auth_rooms_claim, "[NS ]NAME", NULL, "rooms", "claim with an array of rooms to join") \
	list(auth_data_claim, "[NS ]NAME", NULL, "data",                                           \
	     "claim with an object whose members become data of the socket")                       \
	list(auth_optional, "NS", NULL, NULL,                                                      \
	     "clients of this namespace may also come without a token, as nobody")                 \
	list(allow_origin, "[NS ]ORIGIN", NULL, NULL,                                              \
	     "pages of which origins may connect, as scheme://host[:port]; *. in front of the host " \
	     "is one label, null stands for pages without an origin. Requests without the header "   \
	     "Origin are let in. Without this setting, any origin. It is for the main namespace, "  \
	     "unless one stands in front")                                                         \
	list(allow_join, "[NS ]PATTERN", NULL, NULL,                                               \
	     "rooms that clients may join and leave by themselves, with the events peal:join and " \
	     "peal:leave: text with * for a run of characters other than a colon and {user} for "  \
	     "the id of the user. It is for the main namespace, unless one stands in front")       \
	list(allow_emit, "[NS ]PATTERN", NULL, NULL,                                               \
	     "events that clients may send to rooms that they are in, with the event peal:emit; "  \
	     "patterns as those of --allow-join, of the name of the event")                        \
	number(client_rooms, "COUNT", "rooms", 256, 1, 9999,                                       \
	       "rooms that a client may be in after a peal:join, those of its token included")     \
	number(client_events_per_second, "COUNT", "events per second", 0, 0, 100000,               \
	       "events that a client may send over all its namespaces, with bursts of a second's " \
	       "worth; more are refused, and who goes on is disconnected. 0: no limit")            \
	section("Logging")                                                                         \
	choice(log_format, "text,json", "text", "form of the lines on standard error")             \
	choice(log_level, "error,warning,info,debug", "info", "least level that is logged")        \
	section("Socket.IO")                                                                       \
	list(namespace, "NAME", NULL, NULL,                                                        \
	     "serve this namespace too; / is always there, * accepts any")                         \
	text(path, "PATH", "/socket.io/", "prefix of the URLs that clients connect to")            \
	number(connect_timeout, "MS", "ms", 45000, 1, PEAL_OPTION_DAY_MS,                          \
	       "close a session that has joined no namespace by then")                             \
	boolean(cleanup_empty_child_namespaces, false,                                             \
		"remove a namespace that * created when its last client leaves")                   \
	number(max_child_namespaces, "COUNT", "namespaces", 10000, 1, 10000000,                    \
	       "namespaces that * may create; more are refused")                                   \
	text(client_dir, "DIR", NULL,                                                              \
	     "folder with the files of the stock client, served as PATHsocket.io.js and so on; "   \
	     "without it, the one that setup installed")                                           \
	boolean(demo, false,                                                                       \
		"serve a page at / with a client, the events that it uses, and the live view at "  \
		"/console; any client may then broadcast to all others")                           \
	section("Engine.IO")                                                                       \
	number(ping_interval, "MS", "ms", 25000, 1, PEAL_OPTION_DAY_MS,                            \
	       "delay before each ping of the server")                                             \
	number(ping_timeout, "MS", "ms", 20000, 1, PEAL_OPTION_DAY_MS,                             \
	       "time that a client has to answer a ping")                                          \
	number(upgrade_timeout, "MS", "ms", 10000, 1, PEAL_OPTION_DAY_MS,                          \
	       "time that an upgrade to WebSocket may take")                                       \
	list(transports, "LIST", "polling,websocket", "polling,websocket",                         \
	     "transports that are offered")                                                        \
	boolean(allow_upgrades, true, "offer polling clients the upgrade to WebSocket")            \
	number(max_http_buffer_size, "BYTES", "bytes", 1000000, 1, 134217728,                      \
	       "largest message or request body that a client may send")                           \
	number(outbox_limit, "BYTES", "bytes", -1, 1024, 1073741824,                               \
	       "bytes that may wait for a client that does not read, before it is closed; without it, "   \
	       "1 MiB + --max-http-buffer-size")                                                   \
	number(websocket_read_bytes, "BYTES", "bytes", 512, 128, 65536,                            \
	       "read buffer of each WebSocket client: more costs memory, less costs CPU when "     \
	       "clients send large messages")                                                      \
	text(initial_packet, "TEXT", NULL, "Engine.IO message that follows the handshake at once") \
	boolean(http_compression, true, "compress poll responses for clients that accept it")      \
	number(http_compression_threshold, "BYTES", "bytes", 1024, 0, 134217728,                   \
	       "least size of a poll response that is compressed")                                 \
	text(sid_prefix, "TEXT", NULL,                                                             \
	     "begin session ids with this and a dot, so that a balancer can route by it: 1 to 16 " \
	     "of A-Z a-z 0-9 _ -")                                                                 \
	section("CORS")                                                                            \
	list(cors_origin, "ORIGIN", NULL, "off",                                                   \
	     "off, * for any, reflect for the one that asks, or origins such as "                  \
	     "https://example.org")                                                                \
	boolean(cors_credentials, false, "let browsers send cookies")                              \
	list(cors_methods, "LIST", NULL, "GET,HEAD,PUT,PATCH,POST,DELETE",                         \
	     "methods that a preflight allows")                                                    \
	list(cors_allowed_headers, "LIST", NULL, NULL,                                             \
	     "request headers that a preflight allows; without it, those it asks for")             \
	list(cors_exposed_headers, "LIST", NULL, NULL, "response headers that pages may read")     \
	number(cors_max_age, "SECONDS", "s", -1, 0, 31536000,                                      \
	       "time that browsers may keep a preflight")                                          \
	number(cors_options_success_status, "STATUS", NULL, 204, 200, 299,                         \
	       "status of the answer to a preflight")                                              \
	boolean(cors_preflight_continue, false, "leave preflights to Engine.IO")                   \
	section("Cookie")                                                                          \
	boolean(cookie, false,                                                                     \
		"set a cookie with the session id on the first polling response, for balancers")   \
	text(cookie_name, "NAME", "io", "its name")                                                \
	text(cookie_path, "PATH", "/", "its path; empty leaves it out")                            \
	text(cookie_domain, "DOMAIN", NULL, "its domain")                                          \
	number(cookie_max_age, "SECONDS", "s", -1, 0, 2147483647, "its life")                      \
	boolean(cookie_http_only, true, "keep it from scripts")                                    \
	boolean(cookie_secure, false, "only over HTTPS")                                           \
	choice(cookie_same_site, "lax,strict,none,absent", "lax", "its SameSite attribute")
/* clang-format on */

/*
 * Variables that have another name than the setting.
 *
 *   X(variable, name of the setting)
 */
#define PEAL_OPTIONS_VARIABLES(X)    \
	X("PEAL_REDIS_URL", "redis") \
	X("PEAL_NODE_NAME", "name")

/*
 * Settings that a reload (SIGHUP) changes without dropping a client; all others need a restart.
 *
 *   X(name, group)          reload.c has a function for each group
 */
#define PEAL_OPTIONS_RELOADED(X)             \
	X(connect_rate, rate)                \
	X(address_clients, addresses)        \
	X(address_connect_rate, addresses)   \
	X(auth_key, access)                  \
	X(auth_secret, access)               \
	X(auth_secret_file, access)          \
	X(auth_issuer, access)               \
	X(auth_audience, access)             \
	X(auth_user_claim, access)           \
	X(auth_rooms_claim, access)          \
	X(auth_data_claim, access)           \
	X(auth_optional, access)             \
	X(allow_origin, access)              \
	X(allow_join, access)                \
	X(allow_emit, access)                \
	X(client_rooms, access)              \
	X(webhook_url, webhooks)             \
	X(webhook_secret, webhooks)          \
	X(webhook_secret_file, webhooks)     \
	X(webhook_ca, webhooks)              \
	X(webhook_connect, webhooks)         \
	X(webhook_event, webhooks)           \
	X(webhook_disconnect, webhooks)      \
	X(webhook_unavailable, webhooks)     \
	X(webhook_timeout, webhooks)         \
	X(webhook_retry_seconds, webhooks)   \
	X(webhook_queue_bytes, webhooks)     \
	X(max_clients, clients)              \
	X(trusted_proxy, proxies)            \
	X(drain_seconds, later)              \
	X(shutdown_seconds, later)           \
	X(api_key, key)                      \
	X(api_key_file, key)                 \
	X(log_format, logging)               \
	X(log_level, logging)                \
	X(cors_origin, cors)                 \
	X(cors_credentials, cors)            \
	X(cors_methods, cors)                \
	X(cors_allowed_headers, cors)        \
	X(cors_exposed_headers, cors)        \
	X(cors_max_age, cors)                \
	X(cors_options_success_status, cors) \
	X(cors_preflight_continue, cors)

/* Settings that nobody may read in the list of processes: their flags are overwritten. */
#define PEAL_OPTIONS_SECRET(X) \
	X("redis")             \
	X("redis_password")    \
	X("auth_secret")       \
	X("webhook_secret")    \
	X("api_key")

/* Variables of the other commands, which `peal serve` leaves alone. */
#define PEAL_OPTION_URL_VARIABLE "PEAL_URL"

/*
 * Settings of Socket.IO servers that are not built. They are refused by name, so that nobody
 * believes in one that does nothing.
 *
 *   X(name, reason)
 */
#define PEAL_OPTIONS_NOT_BUILT(X)                                                            \
	X("per-message-deflate", "compression of WebSocket messages is not built")           \
	X("allow-eio3", "clients of Socket.IO 2 (Engine.IO 3) are not served")               \
	X("jsonp", "JSONP polling is not built")                                             \
	X("webtransport", "WebTransport is not built")                                       \
	X("parser", "only the default parser is built")                                      \
	X("connection-state-recovery", "connection state recovery is not built")             \
	X("adapter", "there is one adapter beside the in-memory one: use --redis")           \
	X("ws-engine", "there is one WebSocket engine")                                      \
	X("add-trailing-slash", "the path always ends with a slash")                         \
	X("serve-client", "the client is served when --client-dir or setup's folder has it") \
	X("destroy-upgrade", "upgrades on foreign paths always end after a second")          \
	X("destroy-upgrade-timeout", "upgrades on foreign paths always end after a second")  \
	X("tls-cert", "TLS is not built: let the balancer end it")                           \
	X("tls-key", "TLS is not built: let the balancer end it")                            \
	X("tls", "TLS is not built: let the balancer end it")

#endif
