/*
 * One JSON object of a token, read strictly.
 *
 * The library checks the grammar and the encoding; what is left for here are the keys.
 */
#include "members.h"

#include <errno.h>
#include <peal/args.h>
#include <stdlib.h>
#include <string.h>

static int check(struct peal_piece value, unsigned depth);

static int check_array(struct peal_piece array, unsigned depth)
{
	struct peal_pieces walk = peal_piece_into(array);
	struct peal_piece item;
	int r = 0;

	while (r == 0 && peal_piece_next(&walk, NULL, &item))
		r = check(item, depth + 1);
	return r;
}

/* Adds a key to those that were seen. */
static int add_key(char **keys, size_t *count, struct peal_piece key)
{
	char *name;

	if (*count == PEAL_MEMBERS_CEILING)
		return PEAL_MEMBERS_E_INVALID;
	name = peal_piece_string(key);
	if (!name)
		return errno ? -ENOMEM : PEAL_MEMBERS_E_INVALID;
	for (size_t i = 0; i < *count; i++) {
		if (!strcmp(keys[i], name)) {
			free(name);
			return PEAL_MEMBERS_E_INVALID;
		}
	}
	keys[(*count)++] = name;
	return 0;
}

static int check_object(struct peal_piece object, unsigned depth)
{
	struct peal_pieces walk = peal_piece_into(object);
	char *keys[PEAL_MEMBERS_CEILING];
	struct peal_piece key, value;
	size_t count = 0;
	int r = 0;

	while (r == 0 && peal_piece_next(&walk, &key, &value)) {
		r = add_key(keys, &count, key);
		if (r == 0)
			r = check(value, depth + 1);
	}
	while (count)
		free(keys[--count]);
	return r;
}

static int check(struct peal_piece value, unsigned depth)
{
	if (*value.at != '{' && *value.at != '[')
		return 0;
	if (depth == PEAL_MEMBERS_DEPTH)
		return PEAL_MEMBERS_E_INVALID;
	return *value.at == '{' ? check_object(value, depth) : check_array(value, depth);
}

int peal_members_read(const void *json, size_t length, struct peal_members *members)
{
	char *array = malloc(length + 2);
	int r;

	*members = (struct peal_members){ 0 };
	if (!array)
		return -ENOMEM;
	/* The library checks arrays of arguments; this is one with the object as its only item. */
	array[0] = '[';
	memcpy(array + 1, json, length);
	array[length + 1] = ']';
	r = peal_args_new_from_json(array, length + 2, NULL, 0, &members->args);
	free(array);
	if (r < 0)
		return r;
	if (r > 0 || peal_args_count(members->args) != 1)
		return PEAL_MEMBERS_E_INVALID;
	members->object.at = peal_args_item(members->args, 0, &members->object.length);
	members->object = peal_piece_trim(members->object.at, members->object.length);
	if (*members->object.at != '{')
		return PEAL_MEMBERS_E_INVALID;
	return check(members->object, 0);
}

void peal_members_deinit(struct peal_members *members)
{
	peal_args_free(members->args);
	*members = (struct peal_members){ 0 };
}

bool peal_members_find(const struct peal_members *members, const char *key,
		       struct peal_piece *ret_value)
{
	struct peal_pieces walk = peal_piece_into(members->object);
	struct peal_piece name, value;

	while (peal_piece_next(&walk, &name, &value)) {
		if (peal_piece_is(name, key)) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}
