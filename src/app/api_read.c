/*
 * Reading what a caller of the API wants, strictly: what is not known, of another type or null is
 * refused with the path of the key, and an array is read as a whole before anything is done.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api_binary.h"
#include "api_private.h"

#define PATH_BYTES 64

static const struct {
	const char *name;
	unsigned key;
} keys[] = {
	{ "namespace", PEAL_API_NAMESPACE },
	{ "rooms", PEAL_API_ROOMS },
	{ "except", PEAL_API_EXCEPT },
	{ "flags", PEAL_API_FLAGS },
	{ "event", PEAL_API_EVENT },
	{ "args", PEAL_API_ARGS_KEY },
	{ "timeout", PEAL_API_TIMEOUT },
	{ "targets", PEAL_API_TARGETS },
	{ "all", PEAL_API_ALL },
	{ "close", PEAL_API_CLOSE },
};

static void names_deinit(struct peal_api_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct peal_api_names){ 0 };
}

void peal_api_order_deinit(struct peal_api_order *order)
{
	free(order->namespace_name);
	if (order->ns)
		peal_of_remote_release(order->ns);
	names_deinit(&order->rooms);
	names_deinit(&order->except);
	names_deinit(&order->targets);
	free(order->event);
	peal_args_free(order->args);
	*order = (struct peal_api_order){ 0 };
}

struct peal_target peal_api_order_target(const struct peal_api_order *order)
{
	return (struct peal_target){
		.rooms = { (const char *const *)order->rooms.items, order->rooms.count,
			   order->rooms.given },
		.except = { (const char *const *)order->except.items, order->except.count,
			    order->except.given },
		.flags = order->flags,
	};
}

/* --- values ---------------------------------------------------------------------------------- */

static bool wrong_type(struct peal_api_error *error, const char *path, const char *wanted)
{
	return peal_api_wrong(error, 400, "wrong_type", "%s: must be %s", path, wanted);
}

static bool no_memory(struct peal_api_error *error)
{
	peal_api_failed(-ENOMEM, error);
	return false;
}

static bool read_text(struct peal_piece value, const char *path, char **ret_text,
		      struct peal_api_error *error)
{
	char *text;

	if (*value.at != '"')
		return wrong_type(error, path, "a string");
	/* An escape is at most six times as long as what it stands for. */
	text = value.length <= 6 * PEAL_API_NAME_BYTES + 2 ? peal_piece_string(value) : NULL;
	if (!text && errno == ENOMEM && value.length <= 6 * PEAL_API_NAME_BYTES + 2)
		return no_memory(error);
	if (!text && value.length <= 6 * PEAL_API_NAME_BYTES + 2)
		return peal_api_wrong(error, 400, "invalid_value",
				      "%s: must not hold U+0000 or half a surrogate pair", path);
	if (!text || strlen(text) > PEAL_API_NAME_BYTES) {
		free(text);
		return peal_api_wrong(error, 400, "too_large", "%s: must have at most %d bytes",
				      path, PEAL_API_NAME_BYTES);
	}
	*ret_text = text;
	return true;
}

static bool read_boolean(struct peal_piece value, const char *path, bool *ret_truth,
			 struct peal_api_error *error)
{
	if (*value.at != 't' && *value.at != 'f')
		return wrong_type(error, path, "true or false");
	*ret_truth = *value.at == 't';
	return true;
}

static bool add_name(struct peal_api_names *names, char *name)
{
	if ((names->count & (names->count - 1)) == 0) {
		size_t room = names->count ? 2 * names->count : 1;
		char **items = realloc(names->items, room * sizeof(*items));

		if (!items) {
			free(name);
			return false;
		}
		names->items = items;
	}
	names->items[names->count++] = name;
	return true;
}

static bool read_names(struct peal_piece value, const char *path, bool may_be_empty,
		       struct peal_api_names *names, struct peal_api_error *error)
{
	struct peal_pieces walk;
	struct peal_piece item;

	if (*value.at != '[')
		return wrong_type(error, path, "an array of strings");
	names->given = true;
	for (walk = peal_piece_into(value); peal_piece_next(&walk, NULL, &item);) {
		char item_path[PATH_BYTES + 32], *name = NULL;

		if (names->count == PEAL_API_NAMES)
			return peal_api_wrong(error, 400, "too_large",
					      "%s: must have at most %d items", path,
					      PEAL_API_NAMES);
		snprintf(item_path, sizeof(item_path), "%s[%zu]", path, names->count);
		if (!read_text(item, item_path, &name, error))
			return false;
		if (!add_name(names, name))
			return no_memory(error);
	}
	if (!names->count && !may_be_empty)
		return peal_api_wrong(error, 400, "empty",
				      "%s: must not be empty; without it, everyone is meant", path);
	return true;
}

/* Events for clients and events for servers have reserved names of their own. */
static bool is_reserved(const char *event, bool for_servers)
{
	static const char *const of_servers[] = { "connect", "connection", "new_namespace", NULL };

	if (!for_servers)
		return peal_event_is_reserved(event);
	for (const char *const *name = of_servers; *name; name++)
		if (!strcmp(*name, event))
			return true;
	return false;
}

static bool read_args(struct peal_piece value, const char *path, struct peal_args **ret_args,
		      struct peal_api_error *error)
{
	const char *wrong = NULL;
	int r;

	if (*value.at != '[')
		return wrong_type(error, path, "an array");
	r = peal_api_args_read(value, ret_args, &wrong);
	if (r == -ENOMEM)
		return no_memory(error);
	if (r != 0)
		return peal_api_wrong(error, 400,
				      r == PEAL_EMIT_E_TOO_LARGE ? "too_large" : "invalid_value",
				      "%s: %s", path, wrong);
	if (peal_args_count(*ret_args) > PEAL_API_ARGS)
		return peal_api_wrong(error, 400, "too_large", "%s: must have at most %d items",
				      path, PEAL_API_ARGS);
	return true;
}

static bool read_timeout(struct peal_piece value, const char *path, unsigned *ret_ms,
			 struct peal_api_error *error)
{
	if (*value.at != '-' && (*value.at < '0' || *value.at > '9'))
		return wrong_type(error, path, "a number");
	if (!peal_piece_natural(value, ret_ms) || *ret_ms < PEAL_API_TIMEOUT_LOW_MS ||
	    *ret_ms > PEAL_API_TIMEOUT_HIGH_MS)
		return peal_api_wrong(error, 400, "invalid_value",
				      "%s: must be a whole number from %d to %d ms", path,
				      PEAL_API_TIMEOUT_LOW_MS, PEAL_API_TIMEOUT_HIGH_MS);
	return true;
}

bool peal_api_unknown(struct peal_api_error *error, const char *path, struct peal_piece key)
{
	char *name = peal_piece_string(key);
	size_t length = name ? strlen(name) : 0;

	if (length > 64) {
		/* Not within a character. */
		for (length = 64; length && ((unsigned char)name[length] & 0xc0) == 0x80;)
			length--;
		name[length] = '\0';
	}
	peal_api_wrong(error, 400, "unknown_key", "%s%s%s: there is no such key", path,
		       *path ? "." : "", name ? name : "(a name that is no text)");
	free(name);
	return false;
}

static bool read_flags(struct peal_piece value, const char *path, unsigned allowed,
		       struct peal_api_order *order, struct peal_api_error *error)
{
	struct peal_piece key, item;
	struct peal_pieces walk;
	unsigned seen = 0;

	if (*value.at != '{')
		return wrong_type(error, path, "an object");
	for (walk = peal_piece_into(value); peal_piece_next(&walk, &key, &item);) {
		bool local = peal_piece_is(key, "local"), on = false;
		unsigned flag = local ? PEAL_LOCAL : PEAL_VOLATILE;
		char flag_path[PATH_BYTES + 32];

		if (!local && !peal_piece_is(key, "volatile"))
			return peal_api_unknown(error, path, key);
		snprintf(flag_path, sizeof(flag_path), "%s.%s", path, local ? "local" : "volatile");
		if (seen & flag)
			return peal_api_wrong(error, 400, "repeated_key", "%s: is there twice",
					      flag_path);
		seen |= flag;
		if (!read_boolean(item, flag_path, &on, error))
			return false;
		if (on && !local && !(allowed & PEAL_API_VOLATILE))
			return peal_api_wrong(error, 400, "invalid_value",
					      "%s: only an event can be volatile", flag_path);
		order->flags |= on ? flag : 0;
	}
	return true;
}

/* --- orders ---------------------------------------------------------------------------------- */

static bool read_key(unsigned key, struct peal_piece value, const char *path, unsigned allowed,
		     struct peal_api_order *order, struct peal_api_error *error)
{
	switch (key) {
	case PEAL_API_NAMESPACE:
		return read_text(value, path, &order->namespace_name, error);
	case PEAL_API_ROOMS:
		return read_names(value, path, false, &order->rooms, error);
	case PEAL_API_EXCEPT:
		return read_names(value, path, true, &order->except, error);
	case PEAL_API_TARGETS:
		return read_names(value, path, false, &order->targets, error);
	case PEAL_API_FLAGS:
		return read_flags(value, path, allowed, order, error);
	case PEAL_API_EVENT:
		if (!read_text(value, path, &order->event, error))
			return false;
		if (is_reserved(order->event, !(allowed & PEAL_API_ROOMS)))
			return peal_api_wrong(error, 400, "reserved_event",
					      "%s: the name is reserved", path);
		return true;
	case PEAL_API_ARGS_KEY:
		return read_args(value, path, &order->args, error);
	case PEAL_API_TIMEOUT:
		return read_timeout(value, path, &order->timeout_ms, error);
	case PEAL_API_ALL:
		return read_boolean(value, path, &order->all, error);
	default:
		return read_boolean(value, path, &order->close, error);
	}
}

static bool find_namespace(struct peal_api *api, const char *path, struct peal_api_order *order,
			   struct peal_api_error *error)
{
	const char *name = order->namespace_name ? order->namespace_name : "/";

	order->ns = peal_of_remote(api->node, name);
	if (!order->ns)
		return peal_api_wrong(error, 400, "invalid_value",
				      "%s%snamespace: is not the name of one", path,
				      *path ? "." : "");
	return true;
}

bool peal_api_order_read(struct peal_api *api, struct peal_piece object, const char *path,
			 unsigned allowed, unsigned needed, struct peal_api_order *order,
			 struct peal_api_error *error)
{
	struct peal_piece key, value;
	struct peal_pieces walk;

	if (*object.at != '{')
		return peal_api_wrong(error, 400, "wrong_type", "%s: must be an object",
				      *path ? path : "the body");
	for (walk = peal_piece_into(object); peal_piece_next(&walk, &key, &value);) {
		char key_path[PATH_BYTES];
		size_t i = 0, count = sizeof(keys) / sizeof(*keys);

		while (i < count && !((allowed & keys[i].key) && peal_piece_is(key, keys[i].name)))
			i++;
		if (i == count)
			return peal_api_unknown(error, path, key);
		snprintf(key_path, sizeof(key_path), "%s%s%s", path, *path ? "." : "",
			 keys[i].name);
		if (order->given & keys[i].key)
			return peal_api_wrong(error, 400, "repeated_key", "%s: is there twice",
					      key_path);
		order->given |= keys[i].key;
		if (!read_key(keys[i].key, value, key_path, allowed, order, error))
			return false;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (needed & keys[i].key & ~order->given)
			return peal_api_wrong(error, 400, "missing_key", "%s%s%s: is needed", path,
					      *path ? "." : "", keys[i].name);
	return find_namespace(api, path, order, error);
}

/* --- bodies ---------------------------------------------------------------------------------- */

bool peal_api_body(struct peal_http_request *request, struct peal_args **ret_args,
		   struct peal_piece *ret_value, struct peal_api_error *error)
{
	size_t length;
	const char *body = peal_http_request_body(request, &length);
	char *array = malloc(length + 2);
	int r;

	if (!array)
		return no_memory(error);
	/* The library checks arrays of arguments; this is one with the body as its only item. */
	array[0] = '[';
	memcpy(array + 1, body, length);
	array[length + 1] = ']';
	r = peal_args_new_from_json(array, length + 2, NULL, 0, ret_args);
	free(array);
	if (r < 0)
		return no_memory(error);
	if (r > 0 || peal_args_count(*ret_args) != 1) {
		if (r == 0)
			peal_args_free(*ret_args);
		*ret_args = NULL;
		return peal_api_wrong(error, 400, "invalid_json",
				      "the body is not one JSON value in UTF-8, is nested too "
				      "deeply, or has a \"_placeholder\" in it");
	}
	ret_value->at = peal_args_item(*ret_args, 0, &ret_value->length);
	*ret_value = peal_piece_trim(ret_value->at, ret_value->length);
	return true;
}

bool peal_api_body_order(struct peal_api *api, struct peal_http_request *request, unsigned allowed,
			 unsigned needed, struct peal_api_order *order,
			 struct peal_api_error *error)
{
	struct peal_args *args = NULL;
	struct peal_piece value;
	bool good = peal_api_body(request, &args, &value, error) &&
		    peal_api_order_read(api, value, "", allowed, needed, order, error);

	peal_args_free(args);
	return good;
}
