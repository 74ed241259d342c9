/*
 * Names of namespaces in settings: "[NS ]VALUE" items of lists.
 */
#ifndef PEAL_APP_ACCESS_SPACE_H
#define PEAL_APP_ACCESS_SPACE_H

#include <stdbool.h>

#include "../options.h"

#define PEAL_SPACE_MAIN "/"

/* With or without the slash in front. */
bool peal_space_same(const char *a, const char *b);
/* Does --namespace name it, or is it the main one? */
bool peal_space_served(const struct peal_settings *settings, const char *space);

/**
 * peal_space_split() - split an item
 * @ret_space: receives the namespace, to be freed; NULL when the item names none
 *
 * Return: the value, a part of @item; NULL without memory.
 */
const char *peal_space_split(const char *item, char **ret_space);

#endif
