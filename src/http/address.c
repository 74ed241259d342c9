/*
 * Who the client is: the address of its connection, or what trusted proxies say about it.
 *
 * X-Forwarded-For is read from the right, since each proxy appends whom it saw: the client is the
 * first address that is not a trusted proxy. Everything further left was written by that client.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/private.h"

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static struct peal_http_address map(const void *ipv4)
{
	struct peal_http_address address;
	memcpy(address.bytes, mapped_prefix, 12);
	memcpy(address.bytes + 12, ipv4, 4);
	return address;
}

static bool is_mapped(const struct peal_http_address *address)
{
	return memcmp(address->bytes, mapped_prefix, 12) == 0;
}

bool peal_http_address_of(const struct sockaddr_storage *peer, struct peal_http_address *ret)
{
	if (peer->ss_family == AF_INET) {
		*ret = map(&((const struct sockaddr_in *)peer)->sin_addr);
		return true;
	}
	if (peer->ss_family == AF_INET6) {
		memcpy(ret->bytes, &((const struct sockaddr_in6 *)peer)->sin6_addr, 16);
		return true;
	}
	return false;
}

static bool parse(const char *text, struct peal_http_address *ret)
{
	struct in_addr ipv4;
	if (inet_pton(AF_INET, text, &ipv4) == 1) {
		*ret = map(&ipv4);
		return true;
	}
	return inet_pton(AF_INET6, text, ret->bytes) == 1;
}

int peal_http_network_parse(const char *text, struct peal_http_network *ret_network)
{
	char address[64];
	struct peal_http_network network;
	size_t length = strcspn(text, "/");
	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	if (!parse(address, &network.address))
		return -EINVAL;
	unsigned most = strchr(address, ':') ? 128 : 32;
	unsigned bits = most;
	if (text[length] == '/') {
		const char *digits = text + length + 1;
		size_t count = strspn(digits, "0123456789");
		if (!count || count > 3 || digits[count])
			return -EINVAL;
		bits = (unsigned)atoi(digits);
		if (bits > most)
			return -EINVAL;
	}
	network.bits = bits + 128 - most;
	*ret_network = network;
	return 0;
}

static bool contains(const struct peal_http_network *network,
		     const struct peal_http_address *address)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;
	if (memcmp(network->address.bytes, address->bytes, whole) != 0)
		return false;
	if (!rest)
		return true;
	uint8_t mask = (uint8_t)(0xff << (8 - rest));
	return ((network->address.bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}

static bool is_trusted(const struct peal_http_server *server,
		       const struct peal_http_address *address)
{
	for (size_t i = 0; i < server->trusted_count; i++) {
		if (contains(&server->trusted[i], address))
			return true;
	}
	return false;
}

/* 1.2.3.4, without the printf() of inet_ntop(): it is done for each request. */
static void print_ipv4(const uint8_t bytes[4], char *at)
{
	for (size_t i = 0; i < 4; i++) {
		if (bytes[i] >= 100)
			*at++ = (char)('0' + bytes[i] / 100);
		if (bytes[i] >= 10)
			*at++ = (char)('0' + bytes[i] / 10 % 10);
		*at++ = (char)('0' + bytes[i] % 10);
		*at++ = i < 3 ? '.' : '\0';
	}
}

static void print(const struct peal_http_address *address, char *buffer, size_t size)
{
	if (is_mapped(address))
		print_ipv4(address->bytes + 12, buffer);
	else
		inet_ntop(AF_INET6, address->bytes, buffer, (socklen_t)size);
}

/* One element of a list: an address, perhaps with a port: 1.2.3.4:5, [::1]:5. */
static bool parse_element(const char *at, size_t length, struct peal_http_address *ret)
{
	char text[64];
	if (!length || length >= sizeof(text))
		return false;
	memcpy(text, at, length);
	text[length] = '\0';
	if (text[0] == '[') {
		char *end = strchr(text, ']');
		if (!end)
			return false;
		*end = '\0';
		return parse(text + 1, ret);
	}
	char *colon = strchr(text, ':');
	if (colon && colon == strrchr(text, ':'))
		*colon = '\0';
	return parse(text, ret);
}

/* Cut the last element off the list in [at, at + *length). */
static const char *last_element(const char *at, size_t *length, size_t *ret_element)
{
	size_t end = *length;
	while (end && at[end - 1] != ',')
		end--;
	const char *element = at + end;
	size_t element_length = *length - end;
	*length = end ? end - 1 : 0;
	while (element_length && (*element == ' ' || *element == '\t')) {
		element++;
		element_length--;
	}
	while (element_length &&
	       (element[element_length - 1] == ' ' || element[element_length - 1] == '\t'))
		element_length--;
	*ret_element = element_length;
	return element;
}

/* Walk the chain of proxies from the right. @address is the connection's own at first. */
static void resolve_forwarded_for(const struct peal_http_server *server,
				  const struct peal_request *info,
				  struct peal_http_address *address)
{
	for (size_t i = info->header_count; i-- > 0;) {
		if (strcasecmp(info->headers[i].name, "x-forwarded-for") != 0)
			continue;
		const char *list = info->headers[i].value;
		size_t left = strlen(list);
		while (left) {
			size_t length;
			struct peal_http_address next;
			const char *element = last_element(list, &left, &length);
			/* What cannot be read ends the chain at the last proxy that can. */
			if (!parse_element(element, length, &next))
				return;
			*address = next;
			if (!is_trusted(server, address))
				return;
		}
	}
}

/* The nearest proxy's word counts: it is the last one. */
static bool forwarded_secure(const struct peal_request *info)
{
	for (size_t i = info->header_count; i-- > 0;) {
		if (strcasecmp(info->headers[i].name, "x-forwarded-proto") != 0)
			continue;
		size_t left = strlen(info->headers[i].value), length;
		const char *scheme = last_element(info->headers[i].value, &left, &length);
		return length == 5 && strncasecmp(scheme, "https", 5) == 0;
	}
	return false;
}

void peal_http_address_resolve(const struct peal_http_server *server,
			       const struct peal_http_connection *connection,
			       struct peal_http_request *request)
{
	request->address[0] = '\0';
	request->info.address = request->address;
	request->info.secure = false;
	if (!connection->has_address)
		return;
	struct peal_http_address address = connection->address;
	if (server->trusted_count && is_trusted(server, &address)) {
		request->info.secure = forwarded_secure(&request->info);
		resolve_forwarded_for(server, &request->info, &address);
	}
	print(&address, request->address, sizeof(request->address));
}
