/*
 * TLS of a connection: the context made of the files that the operator has named, and one session
 * over a socket. Certificates are checked against the CA file (or the system's), and the name or
 * address that was connected to against the certificate; nothing switches that off.
 */
#ifndef PEAL_REDIS_CONNECTION_TLS_H
#define PEAL_REDIS_CONNECTION_TLS_H

#include <stdbool.h>
#include <sys/types.h>

#include "adapters/redis/address.h"

struct peal_redis_tls;

/* Can these files be used? Return: 0; PEAL_REDIS_E_OPTION with the reason in @message; -ENOMEM. */
int peal_redis_tls_check(const struct peal_redis_address *address, char *message, size_t size)
	__attribute__((warn_unused_result));

/*
 * Begin a session on the connected @fd, which stays the caller's. The files are read anew each
 * time, so that renewed certificates are used from the next connection on. Return: 0; -errno, or
 * PEAL_REDIS_E_OPTION, with a text in @message.
 */
int peal_redis_tls_new(const struct peal_redis_address *address, int fd,
		       struct peal_redis_tls **ret_tls, char *message, size_t size)
	__attribute__((warn_unused_result));
/* Says goodbye to the other side if that can be done at once. */
void peal_redis_tls_free(struct peal_redis_tls *tls);

/* What a step needs to go on. */
enum peal_redis_tls_wait {
	PEAL_REDIS_TLS_DONE = 0,
	PEAL_REDIS_TLS_READ,   /* the socket has to become readable */
	PEAL_REDIS_TLS_WRITE,  /* … or writable */
	PEAL_REDIS_TLS_CLOSED, /* by the other side, in order */
	PEAL_REDIS_TLS_FAILED, /* a text was written */
};

enum peal_redis_tls_wait peal_redis_tls_handshake(struct peal_redis_tls *tls, char *message,
						  size_t size);
/* DONE: *ret_length bytes, more than zero. */
enum peal_redis_tls_wait peal_redis_tls_read(struct peal_redis_tls *tls, void *bytes, size_t room,
					     size_t *ret_length, char *message, size_t size);
/* What was not written must be offered again, with at least as many bytes. */
enum peal_redis_tls_wait peal_redis_tls_write(struct peal_redis_tls *tls, const void *bytes,
					      size_t length, size_t *ret_length, char *message,
					      size_t size);
/* Decrypted bytes wait that the socket knows nothing of. */
bool peal_redis_tls_pending(const struct peal_redis_tls *tls);

#endif
