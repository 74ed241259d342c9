/*
 * A wheel of deadlines in seconds, for as many clients as there are: adding and removing cost the
 * same however many, and each second looks only at those whose deadline is in it, or whole turns
 * of the wheel later.
 *
 * No clock of its own: the time comes from the caller and may jump, also backwards.
 */
#ifndef PEAL_APP_ACCESS_EXPIRY_H
#define PEAL_APP_ACCESS_EXPIRY_H

#include <stddef.h>
#include <stdint.h>

#define PEAL_EXPIRY_SLOTS 1024

/* Lives in what expires. */
struct peal_expiry_entry {
	struct peal_expiry_entry *next, **link; /* link is NULL while it is in no wheel */
	int64_t at;
};

struct peal_expiry {
	struct peal_expiry_entry *slots[PEAL_EXPIRY_SLOTS];
	struct peal_expiry_entry *due; /* taken from their slots */
	int64_t second;		       /* that is looked at next */
	size_t count;		       /* of entries, due ones among them */
};

void peal_expiry_init(struct peal_expiry *wheel, int64_t now);
/* @entry is in no wheel. */
void peal_expiry_add(struct peal_expiry *wheel, struct peal_expiry_entry *entry, int64_t at);
/* Also when it is in none. */
void peal_expiry_remove(struct peal_expiry *wheel, struct peal_expiry_entry *entry);
/* Takes one out whose time has come. Return: NULL when there is none. */
struct peal_expiry_entry *peal_expiry_next(struct peal_expiry *wheel, int64_t now);

#endif
