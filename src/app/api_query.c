/*
 * Reading what a caller of the API wants from the query of a GET, as strictly as from a body:
 * ?namespace=/chat&room=a&room=b&except=c&limit=10.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api_private.h"
#include "option_private.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes the encoding of forms. Return: NULL with errno EINVAL for what is no text. */
static char *decode(const char *text, size_t length)
{
	char *decoded = malloc(length + 1), *out = decoded;

	errno = ENOMEM;
	if (!decoded)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		int high = -1, low = -1;

		if (text[i] == '%' && i + 2 < length) {
			high = hex(text[i + 1]);
			low = hex(text[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			*out = (char)(high << 4 | low);
			i += 2;
		} else if (text[i] == '%') {
			*out = '\0';
		} else {
			*out = text[i] == '+' ? ' ' : text[i];
		}
		if (!*out++) {
			free(decoded);
			errno = EINVAL;
			return NULL;
		}
	}
	*out = '\0';
	if (!peal_option_utf8_valid(decoded) || strlen(decoded) > PEAL_API_NAME_BYTES) {
		free(decoded);
		errno = EINVAL;
		return NULL;
	}
	return decoded;
}

static bool add(struct peal_api_names *names, char **value)
{
	char **items = realloc(names->items, (names->count + 1) * sizeof(*items));

	if (!items)
		return false;
	names->items = items;
	names->given = true;
	items[names->count++] = *value;
	*value = NULL;
	return true;
}

static bool take_truth(const char *value, bool *ret_truth)
{
	*ret_truth = !strcmp(value, "true") || !strcmp(value, "1");
	return *ret_truth || !strcmp(value, "false") || !strcmp(value, "0");
}

/* Takes @value, or leaves it for the caller to free. */
static bool set(const char *key, char **value, unsigned allowed, struct peal_api_order *order,
		struct peal_api_error *error)
{
	static const struct {
		const char *name;
		unsigned key;
	} keys[] = {
		{ "namespace", PEAL_API_NAMESPACE }, { "room", PEAL_API_ROOMS },
		{ "except", PEAL_API_EXCEPT },	     { "timeout", PEAL_API_TIMEOUT },
		{ "limit", PEAL_API_LIMIT },	     { "handshake", PEAL_API_HANDSHAKE },
		{ "local", PEAL_API_FLAGS },
	};
	struct peal_piece number = { *value, strlen(*value) };
	unsigned found = 0, natural = 0;
	bool truth = false, good = true;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!strcmp(keys[i].name, key))
			found = keys[i].key & allowed;
	if (!found)
		return peal_api_wrong(error, 400, "unknown_key", "%.64s: there is no such key",
				      key);
	if (found != PEAL_API_ROOMS && found != PEAL_API_EXCEPT && (order->given & found))
		return peal_api_wrong(error, 400, "repeated_key", "%s: is there twice", key);
	order->given |= found;
	switch (found) {
	case PEAL_API_NAMESPACE:
		order->namespace_name = *value;
		*value = NULL;
		return true;
	case PEAL_API_ROOMS:
	case PEAL_API_EXCEPT:
		if (add(found == PEAL_API_ROOMS ? &order->rooms : &order->except, value))
			return true;
		peal_api_failed(-ENOMEM, error);
		return false;
	case PEAL_API_TIMEOUT:
		good = peal_piece_natural(number, &natural) && natural >= PEAL_API_TIMEOUT_LOW_MS &&
		       natural <= PEAL_API_TIMEOUT_HIGH_MS;
		order->timeout_ms = natural;
		break;
	case PEAL_API_LIMIT:
		good = peal_piece_natural(number, &natural) && natural >= 1 &&
		       natural <= PEAL_API_LIST_CEILING;
		order->limit = natural;
		break;
	case PEAL_API_HANDSHAKE:
		good = take_truth(*value, &order->handshake);
		break;
	default:
		good = take_truth(*value, &truth);
		order->flags = truth ? PEAL_LOCAL : 0;
	}
	if (good)
		return true;
	return peal_api_wrong(error, 400, "invalid_value", "%s: %s", key,
			      found == PEAL_API_TIMEOUT ? "must be a whole number from 100 to "
							  "60000 ms"
			      : found == PEAL_API_LIMIT ? "must be a whole number from 1 to 100000"
							: "must be true or false");
}

static bool read_pair(const char *pair, size_t length, unsigned allowed,
		      struct peal_api_order *order, struct peal_api_error *error)
{
	const char *equals = memchr(pair, '=', length);
	size_t key_length = equals ? (size_t)(equals - pair) : length;
	char *key = decode(pair, key_length), *value = NULL;
	bool good = false;

	if (key)
		value = equals ? decode(equals + 1, length - key_length - 1) : strdup("");
	if (value)
		good = set(key, &value, allowed, order, error);
	else if (errno == EINVAL)
		peal_api_wrong(error, 400, "invalid_value",
			       "%.64s: must be UTF-8 of at most %d bytes, without U+0000",
			       key ? key : "the query", PEAL_API_NAME_BYTES);
	else
		peal_api_failed(-ENOMEM, error);
	free(key);
	free(value);
	return good;
}

bool peal_api_order_query(struct peal_api *api, const char *query, unsigned allowed,
			  struct peal_api_order *order, struct peal_api_error *error)
{
	order->limit = PEAL_API_LIST_DEFAULT;
	while (*query) {
		size_t length = strcspn(query, "&");

		if (length && !read_pair(query, length, allowed, order, error))
			return false;
		query += length + (query[length] == '&');
	}
	order->ns = peal_of_remote(api->node, order->namespace_name ? order->namespace_name : "/");
	if (!order->ns)
		return peal_api_wrong(error, 400, "invalid_value",
				      "namespace: is not the name of one");
	return true;
}
