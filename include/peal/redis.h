/*
 * The Redis adapter: several nodes as one cluster through Redis' publish and subscribe, and with
 * official Socket.IO servers that use @socket.io/redis-adapter.
 *
 * Source of the behaviour: @socket.io/redis-adapter 8.3, @socket.io/redis-emitter 5.1.
 */
#ifndef PEAL_REDIS_H
#define PEAL_REDIS_H

#include <peal/adapter.h>

struct peal_redis_options {
	/*
	 * redis://[user:password@]host[:port], rediss://… for TLS, unix:///path/to/socket. User and
	 * password are percent-decoded. A path that names a database is accepted and ignored:
	 * publish and subscribe know none.
	 */
	const char *url;	     /* "redis://127.0.0.1:6379" */
	const char *prefix;	     /* "socket.io"; the `key` option of the official adapter */
	const char *client_name;     /* CLIENT SETNAME; NULL: "peal-" and the node's name */
	enum peal_interest interest; /* PEAL_INTEREST_AUTO */
	const char *user, *password; /* instead of those in the URL; NULL: those */
	/* TLS: certificate files in PEM form. The server's name is always checked. */
	const char *ca_file;   /* NULL: the system's */
	const char *cert_file; /* with key_file, or NULL */
	const char *key_file;
	size_t queue_limit; /* 16 MiB; bytes of publishes that may wait for Redis */
};

/** peal_redis_options_init() - fill with the defaults above */
PEAL_API void peal_redis_options_init(struct peal_redis_options *options);

/* What peal_redis_adapter_new() and peal_emitter_new() return above zero. */
enum peal_redis_error {
	PEAL_REDIS_E_OPTION = 1, /* an option is not valid; @ret_message says which and why */
};

/**
 * peal_redis_adapter_new() - make an adapter for one node; it connects when the node is made
 * @options:     strings are copied
 * @ret_adapter: put it into struct peal_node_options, which takes it; else peal_adapter_free()
 * @message:     receives a text for people when an option is not valid, without secrets; size bytes
 *
 * Return: 0; -ENOMEM; PEAL_REDIS_E_OPTION.
 */
PEAL_API PEAL_MUST_CHECK int peal_redis_adapter_new(const struct peal_redis_options *options,
						    struct peal_adapter **ret_adapter,
						    char *message, size_t size);

#endif
