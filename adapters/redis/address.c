/*
 * The options taken apart. A URL may hold a password anywhere a person has forgotten to encode it,
 * so no message shows a piece of it; what is shown in logs is put together anew.
 */
#include "adapters/redis/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "adapters/redis/connection_tls.h"

#define DEFAULT_PORT 6379
#define LONGEST_HOST 253
#define LONGEST_URL 4096

void peal_redis_options_init(struct peal_redis_options *options)
{
	*options = (struct peal_redis_options){
		.url = "redis://127.0.0.1:6379",
		.prefix = "socket.io",
		.interest = PEAL_INTEREST_AUTO,
		.queue_limit = 16u << 20,
	};
}

/* What is being taken apart, and where to say what is wrong with it. */
struct parse {
	struct peal_redis_address *address;
	char *message;
	size_t size;
};

static int refuse(const struct parse *parse, const char *text)
{
	snprintf(parse->message, parse->size, "%s", text);
	return PEAL_REDIS_E_OPTION;
}

static int out_of_memory(const struct parse *parse)
{
	snprintf(parse->message, parse->size, "out of memory");
	return -ENOMEM;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Return: 0; -ENOMEM; PEAL_REDIS_E_OPTION. */
static int decode(const struct parse *parse, const char *text, size_t length, char **ret_text)
{
	char *to = malloc(length + 1);
	size_t n = 0;
	if (!to)
		return out_of_memory(parse);
	for (size_t i = 0; i < length; i++) {
		if (text[i] != '%') {
			to[n++] = text[i];
			continue;
		}
		bool whole = length - i > 2;
		int high = whole ? hex_digit(text[i + 1]) : -1;
		int low = whole ? hex_digit(text[i + 2]) : -1;
		if (high < 0 || low < 0 || !(high | low)) {
			explicit_bzero(to, n);
			free(to);
			return refuse(parse, "url: a '%' is not followed by two hexadecimal digits "
					     "(write a percent sign as %25), or is %00");
		}
		to[n++] = (char)(high << 4 | low);
		i += 2;
	}
	to[n] = '\0';
	*ret_text = to;
	return 0;
}

/* user, :password, or user:password. */
static int parse_user(const struct parse *parse, const char *text, size_t length)
{
	struct peal_redis_address *address = parse->address;
	const char *colon = memchr(text, ':', length);
	size_t user_length = colon ? (size_t)(colon - text) : length;
	int r = 0;
	if (user_length)
		r = decode(parse, text, user_length, &address->user);
	if (!r && colon && (user_length || user_length + 1 < length))
		r = decode(parse, colon + 1, length - user_length - 1, &address->password);
	return r;
}

static int parse_port(const struct parse *parse, const char *text, size_t length)
{
	unsigned port = 0;
	for (size_t i = 0; i < length && port <= 65535; i++) {
		if (text[i] < '0' || text[i] > '9')
			return refuse(parse, "url: the port is not a number");
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	if (!port || port > 65535)
		return refuse(parse, "url: the port is not between 1 and 65535");
	parse->address->port = (uint16_t)port;
	return 0;
}

static bool host_name_valid(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		      c == '.' || c == '-' || c == '_'))
			return false;
	}
	return length <= LONGEST_HOST;
}

static int parse_host(const struct parse *parse, const char *text, size_t length)
{
	struct peal_redis_address *address = parse->address;
	unsigned char bytes[16];
	bool bracket = length && text[0] == '[';
	if (memchr(text, ',', length))
		return refuse(parse, "url: several hosts are not supported; Sentinel and Redis "
				     "Cluster are not supported yet either: name one server");
	const char *end = bracket ? memchr(text, ']', length) : memchr(text, ':', length);
	if (bracket && !end)
		return refuse(parse, "url: the bracket of the IPv6 address is not closed");
	size_t host_length = end ? (size_t)(end - text) - bracket : length;
	if (!host_length)
		return refuse(parse, "url: the host is missing");
	address->host = strndup(text + bracket, host_length);
	if (!address->host)
		return out_of_memory(parse);
	if (bracket ? inet_pton(AF_INET6, address->host, bytes) != 1
		    : !host_name_valid(address->host, host_length))
		return refuse(parse, bracket ? "url: between the brackets is no IPv6 address"
					     : "url: the host is not valid (an IPv6 address goes "
					       "into brackets)");
	const char *rest = text + host_length + (bracket ? 2 : 0);
	size_t rest_length = length - (size_t)(rest - text);
	if (!rest_length)
		return 0;
	if (*rest != ':')
		return refuse(parse, "url: something stands behind the bracket");
	return parse_port(parse, rest + 1, rest_length - 1);
}

/* Nothing, "/", or the number of a database. */
static int parse_database(const struct parse *parse, const char *text)
{
	if (!*text || !text[1])
		return 0;
	if (strspn(text + 1, "0123456789") != strlen(text + 1))
		return refuse(parse, "url: behind the host may only be the number of a database");
	parse->address->database = strspn(text + 1, "0") != strlen(text + 1);
	return 0;
}

static int parse_unix(const struct parse *parse, const char *text)
{
	struct peal_redis_address *address = parse->address;
	const char *slash = strchr(text, '/');
	const char *at = slash ? memrchr(text, '@', (size_t)(slash - text)) : NULL;
	int r = 0;
	if (!slash || (at ? at + 1 : text) != slash)
		return refuse(parse, "url: unix:// is followed by an absolute path, as in "
				     "unix:///run/redis/redis.sock");
	if (at)
		r = parse_user(parse, text, (size_t)(at - text));
	if (!r)
		r = decode(parse, slash, strlen(slash), &address->path);
	if (!r && strlen(address->path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		r = refuse(parse, "url: the path of the socket is too long");
	return r;
}

static int parse_network(const struct parse *parse, const char *text)
{
	size_t length = strcspn(text, "/");
	const char *at = memrchr(text, '@', length);
	const char *host = at ? at + 1 : text;
	int r = 0;
	/* A password with a '/' in it ends the host too early: a message about the host or the port
	 * would lead astray. */
	if (strchr(text + length, '@'))
		return refuse(parse,
			      "url: a '/' in user or password has to be written as %2F, an '@' "
			      "as %40");
	parse->address->port = DEFAULT_PORT;
	if (at)
		r = parse_user(parse, text, (size_t)(at - text));
	if (!r)
		r = parse_host(parse, host, length - (size_t)(host - text));
	return r ? r : parse_database(parse, text + length);
}

static bool scheme_is(const char *url, size_t length, const char *scheme)
{
	return length == strlen(scheme) && !strncasecmp(url, scheme, length);
}

static bool scheme_has(const char *url, size_t length, const char *word)
{
	size_t word_length = strlen(word);
	for (size_t i = 0; i + word_length <= length; i++)
		if (!strncasecmp(url + i, word, word_length))
			return true;
	return false;
}

static int parse_url(const struct parse *parse, const char *url)
{
	const char *colon = url ? strstr(url, "://") : NULL;
	if (!colon)
		return refuse(parse, "url: must begin with redis://, rediss:// or unix://");
	if (strlen(url) > LONGEST_URL)
		return refuse(parse, "url: is too long");
	for (const unsigned char *c = (const unsigned char *)url; *c; c++)
		if (*c <= ' ' || *c == 0x7f)
			return refuse(parse, "url: has a blank or a control character in it");
	size_t length = (size_t)(colon - url);
	if (scheme_has(url, length, "sentinel"))
		return refuse(parse, "url: Redis Sentinel is not supported yet; name one server "
				     "with redis://");
	if (scheme_has(url, length, "cluster"))
		return refuse(parse, "url: Redis Cluster is not supported yet; name one server "
				     "with redis://");
	bool network = scheme_is(url, length, "redis") || scheme_is(url, length, "rediss");
	if (!network && !scheme_is(url, length, "unix"))
		return refuse(parse, "url: must begin with redis://, rediss:// or unix://");
	if (strpbrk(colon, "?#"))
		return refuse(parse, "url: settings behind a '?' or '#' are not known (in user and "
				     "password these are written as %3F and %23)");
	parse->address->tls = scheme_is(url, length, "rediss");
	return network ? parse_network(parse, colon + 3) : parse_unix(parse, colon + 3);
}

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

static bool present(const char *text)
{
	return text && *text;
}

/* Put a copy of @from in place of *to, if there is one. */
static bool override(char **to, const char *from)
{
	if (!present(from))
		return true;
	wipe(to);
	*to = strdup(from);
	return *to != NULL;
}

static int take_login(const struct parse *parse, const struct peal_redis_options *options)
{
	struct peal_redis_address *address = parse->address;
	if (!override(&address->user, options->user) ||
	    !override(&address->password, options->password) ||
	    !override(&address->client_name, options->client_name))
		return out_of_memory(parse);
	if (address->user && !address->password)
		return refuse(parse, "user: is given without a password");
	for (const char *c = address->client_name; c && *c; c++)
		if (*c <= ' ' || *c > '~')
			return refuse(parse, "client_name: Redis allows printable ASCII without "
					     "blanks only");
	return 0;
}

static int take_files(const struct parse *parse, const struct peal_redis_options *options)
{
	struct peal_redis_address *address = parse->address;
	if (!override(&address->ca_file, options->ca_file) ||
	    !override(&address->cert_file, options->cert_file) ||
	    !override(&address->key_file, options->key_file))
		return out_of_memory(parse);
	if (!address->tls) {
		/* Who names certificates expects to be protected by them. */
		if (address->ca_file || address->cert_file || address->key_file)
			return refuse(parse, address->ca_file
						     ? "ca_file: needs a URL with rediss://"
						     : "cert_file, key_file: need a URL with "
						       "rediss://");
		return 0;
	}
	if (!address->cert_file != !address->key_file)
		return refuse(parse, address->cert_file ? "cert_file: needs key_file too"
							: "key_file: needs cert_file too");
	return peal_redis_tls_check(address, parse->message, parse->size);
}

static int show(const struct parse *parse)
{
	struct peal_redis_address *address = parse->address;
	int n;
	if (address->path)
		n = asprintf(&address->shown, "unix://%s", address->path);
	else
		n = asprintf(&address->shown, strchr(address->host, ':') ? "%s[%s]:%u" : "%s%s:%u",
			     address->tls ? "rediss://" : "redis://", address->host, address->port);
	if (n < 0) {
		address->shown = NULL;
		return out_of_memory(parse);
	}
	return 0;
}

int peal_redis_address_init(struct peal_redis_address *address,
			    const struct peal_redis_options *options, char *message, size_t size)
{
	const struct parse parse = { address, message, size };
	*address = (struct peal_redis_address){ 0 };
	int r = parse_url(&parse, options->url);
	if (!r)
		r = take_login(&parse, options);
	if (!r)
		r = take_files(&parse, options);
	if (!r)
		r = show(&parse);
	if (r)
		peal_redis_address_deinit(address);
	return r;
}

void peal_redis_address_deinit(struct peal_redis_address *address)
{
	wipe(&address->password);
	free(address->user);
	free(address->host);
	free(address->path);
	free(address->client_name);
	free(address->ca_file);
	free(address->cert_file);
	free(address->key_file);
	free(address->shown);
	*address = (struct peal_redis_address){ 0 };
}
