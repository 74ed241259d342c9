/*
 * Names of namespaces in settings.
 */
#include "space.h"

#include <string.h>

static const char *without_slash(const char *space)
{
	return space + (*space == '/');
}

bool peal_space_same(const char *a, const char *b)
{
	return !strcmp(without_slash(a), without_slash(b));
}

bool peal_space_served(const struct peal_settings *settings, const char *space)
{
	for (size_t i = 0; i < settings->namespace.count; i++)
		if (peal_space_same(settings->namespace.items[i], space))
			return true;
	return peal_space_same(space, PEAL_SPACE_MAIN);
}

const char *peal_space_split(const char *item, char **ret_space)
{
	size_t length = strcspn(item, " ");

	*ret_space = NULL;
	if (!item[length] || (*item != '/' && strncmp(item, "* ", 2) != 0))
		return item;
	*ret_space = strndup(item, length);
	if (!*ret_space)
		return NULL;
	return item + length + strspn(item + length, " ");
}
