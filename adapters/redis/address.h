/* Where Redis is and how to log in: struct peal_redis_options, checked and taken apart. */
#ifndef PEAL_REDIS_ADDRESS_H
#define PEAL_REDIS_ADDRESS_H

#include <peal/redis.h>

struct peal_redis_address {
	char *host; /* NULL for a Unix socket */
	char *path; /* of a Unix socket, or NULL */
	uint16_t port;
	bool tls;
	char *user, *password; /* NULL: none */
	bool database;	       /* the URL names one other than 0, which is ignored */
	char *client_name;     /* NULL: none given */
	char *ca_file, *cert_file, *key_file;
	char *shown; /* the URL without secrets, for logs */
};

/* Return: 0; -ENOMEM; PEAL_REDIS_E_OPTION with a text in @message that names the option and says
 * why, without secrets. Several hosts, redis-sentinel:// and the like are refused by name. */
int peal_redis_address_init(struct peal_redis_address *address,
			    const struct peal_redis_options *options, char *message, size_t size)
	__attribute__((warn_unused_result));
/* Wipes the password. */
void peal_redis_address_deinit(struct peal_redis_address *address);

#endif
