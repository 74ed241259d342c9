/*
 * One JSON object of a token, read strictly: valid JSON in UTF-8, not deep, and each key once, at
 * any depth. Two readers of an object with a key twice may see different values.
 */
#ifndef PEAL_APP_ACCESS_MEMBERS_H
#define PEAL_APP_ACCESS_MEMBERS_H

#include "../api_json.h"

struct peal_args;

#define PEAL_MEMBERS_DEPTH 16
/* Of one object. */
#define PEAL_MEMBERS_CEILING 256

enum peal_members_error {
	PEAL_MEMBERS_E_INVALID = 1, /* it is not such an object */
};

struct peal_members {
	struct peal_args *args; /* which has the text */
	struct peal_piece object;
};

/* Return: 0; -ENOMEM; PEAL_MEMBERS_E_INVALID. peal_members_deinit() in any case. */
int peal_members_read(const void *json, size_t length, struct peal_members *members)
	__attribute__((warn_unused_result));
void peal_members_deinit(struct peal_members *members);

/* The value of a key, which is ASCII. Return: false when there is none. */
bool peal_members_find(const struct peal_members *members, const char *key,
		       struct peal_piece *ret_value);

#endif
