/*
 * The one file that knows OpenSSL. Its error queue belongs to the thread, so it is emptied before
 * each call whose errors are looked at.
 */
#include "adapters/redis/connection_tls.h"

#include <errno.h>
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct peal_redis_tls {
	SSL_CTX *context;
	BIO_METHOD *method;
	SSL *ssl;
	bool broken; /* nothing may be sent any more, not even a goodbye */
};

/* OpenSSL's words for the oldest error; there may be none. */
static const char *reason(void)
{
	unsigned long code = ERR_peek_error();
	if (code && ERR_SYSTEM_ERROR(code))
		return strerror(ERR_GET_REASON(code));
	const char *text = code ? ERR_reason_error_string(code) : NULL;
	return text ? text : "unknown reason";
}

static int refuse(char *message, size_t size, const char *option, const char *path)
{
	snprintf(message, size, "%s: \"%s\" cannot be used: %s", option, path, reason());
	return PEAL_REDIS_E_OPTION;
}

/* A key with a passphrase would have OpenSSL ask at the terminal, and the node stand still. */
static int no_passphrase(char *bytes, int room, int writing, void *userdata)
{
	(void)bytes;
	(void)room;
	(void)writing;
	(void)userdata;
	return 0;
}

static int load_files(SSL_CTX *context, const struct peal_redis_address *address, char *message,
		      size_t size)
{
	ERR_clear_error();
	if (!address->ca_file) {
		if (SSL_CTX_set_default_verify_paths(context) != 1)
			return refuse(message, size, "ca_file", "the system's certificates");
	} else if (SSL_CTX_load_verify_file(context, address->ca_file) != 1) {
		return refuse(message, size, "ca_file", address->ca_file);
	}
	if (!address->cert_file)
		return 0;
	if (SSL_CTX_use_certificate_chain_file(context, address->cert_file) != 1)
		return refuse(message, size, "cert_file", address->cert_file);
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	if (SSL_CTX_use_PrivateKey_file(context, address->key_file, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(context) != 1)
		return refuse(message, size, "key_file", address->key_file);
	return 0;
}

static int make_context(const struct peal_redis_address *address, SSL_CTX **ret_context,
			char *message, size_t size)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	if (!context) {
		snprintf(message, size, "TLS: out of memory");
		return -ENOMEM;
	}
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	/* The output moves in memory while it grows. */
	SSL_CTX_set_mode(context,
			 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	int r = load_files(context, address, message, size);
	if (!r && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
		snprintf(message, size, "TLS: version 1.2 is not available");
		r = PEAL_REDIS_E_OPTION;
	}
	if (r) {
		SSL_CTX_free(context);
		return r;
	}
	*ret_context = context;
	return 0;
}

int peal_redis_tls_check(const struct peal_redis_address *address, char *message, size_t size)
{
	SSL_CTX *context = NULL;
	int r = make_context(address, &context, message, size);
	SSL_CTX_free(context);
	return r;
}

/* OpenSSL's own socket writes with write(2), which would raise SIGPIPE in an application that does
 * not ignore it. */
static int write_quietly(BIO *bio, const char *bytes, int length)
{
	BIO_clear_retry_flags(bio);
	int fd = -1;
	BIO_get_fd(bio, &fd);
	ssize_t n = send(fd, bytes, (size_t)length, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(bio);
	return (int)n;
}

static BIO_METHOD *make_method(void)
{
	const BIO_METHOD *socket_method = BIO_s_socket();
	BIO_METHOD *method = BIO_meth_new(
		BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "quiet socket");
	if (!method)
		return NULL;
	BIO_meth_set_write(method, write_quietly);
	BIO_meth_set_read(method, BIO_meth_get_read(socket_method));
	BIO_meth_set_ctrl(method, BIO_meth_get_ctrl(socket_method));
	BIO_meth_set_create(method, BIO_meth_get_create(socket_method));
	BIO_meth_set_destroy(method, BIO_meth_get_destroy(socket_method));
	return method;
}

/* Whose certificate it has to be; a name is told to the server too, an address must not be. */
static bool set_server(SSL *ssl, const char *host)
{
	unsigned char bytes[16];
	if (inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

int peal_redis_tls_new(const struct peal_redis_address *address, int fd,
		       struct peal_redis_tls **ret_tls, char *message, size_t size)
{
	struct peal_redis_tls *tls = calloc(1, sizeof(*tls));
	if (!tls) {
		snprintf(message, size, "TLS: out of memory");
		return -ENOMEM;
	}
	int r = make_context(address, &tls->context, message, size);
	if (r) {
		peal_redis_tls_free(tls);
		return r;
	}
	tls->broken = true;
	tls->method = make_method();
	tls->ssl = SSL_new(tls->context);
	BIO *bio = tls->method ? BIO_new(tls->method) : NULL;
	if (!tls->ssl || !bio || !set_server(tls->ssl, address->host)) {
		BIO_free(bio);
		peal_redis_tls_free(tls);
		snprintf(message, size, "TLS: out of memory");
		return -ENOMEM;
	}
	BIO_set_fd(bio, fd, BIO_NOCLOSE);
	SSL_set_bio(tls->ssl, bio, bio);
	SSL_set_connect_state(tls->ssl);
	*ret_tls = tls;
	return 0;
}

void peal_redis_tls_free(struct peal_redis_tls *tls)
{
	if (!tls)
		return;
	if (tls->ssl && !tls->broken) {
		ERR_clear_error();
		SSL_shutdown(tls->ssl);
	}
	SSL_free(tls->ssl);
	BIO_meth_free(tls->method);
	SSL_CTX_free(tls->context);
	ERR_clear_error();
	free(tls);
}

static enum peal_redis_tls_wait judge(struct peal_redis_tls *tls, int r, char *message, size_t size)
{
	int system_error = errno;
	switch (SSL_get_error(tls->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return PEAL_REDIS_TLS_READ;
	case SSL_ERROR_WANT_WRITE:
		return PEAL_REDIS_TLS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return PEAL_REDIS_TLS_CLOSED;
	default:
		break;
	}
	tls->broken = true;
	long verified = SSL_get_verify_result(tls->ssl);
	if (verified != X509_V_OK)
		snprintf(message, size, "TLS: the certificate is not accepted: %s",
			 X509_verify_cert_error_string(verified));
	else if (ERR_peek_error())
		snprintf(message, size, "TLS: %s", reason());
	else
		snprintf(message, size, "TLS: %s",
			 system_error ? strerror(system_error) : "connection closed");
	return PEAL_REDIS_TLS_FAILED;
}

enum peal_redis_tls_wait peal_redis_tls_handshake(struct peal_redis_tls *tls, char *message,
						  size_t size)
{
	ERR_clear_error();
	errno = 0;
	int r = SSL_do_handshake(tls->ssl);
	if (r != 1)
		return judge(tls, r, message, size);
	tls->broken = false;
	return PEAL_REDIS_TLS_DONE;
}

enum peal_redis_tls_wait peal_redis_tls_read(struct peal_redis_tls *tls, void *bytes, size_t room,
					     size_t *ret_length, char *message, size_t size)
{
	ERR_clear_error();
	errno = 0;
	int r = SSL_read_ex(tls->ssl, bytes, room, ret_length);
	return r == 1 ? PEAL_REDIS_TLS_DONE : judge(tls, r, message, size);
}

enum peal_redis_tls_wait peal_redis_tls_write(struct peal_redis_tls *tls, const void *bytes,
					      size_t length, size_t *ret_length, char *message,
					      size_t size)
{
	ERR_clear_error();
	errno = 0;
	int r = SSL_write_ex(tls->ssl, bytes, length, ret_length);
	return r == 1 ? PEAL_REDIS_TLS_DONE : judge(tls, r, message, size);
}

bool peal_redis_tls_pending(const struct peal_redis_tls *tls)
{
	return SSL_has_pending(tls->ssl);
}
