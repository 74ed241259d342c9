/*
 * Random bytes and ids. An id is 12 random bytes and the low 24 bits of a counter as base64url,
 * always 20 characters, as the reference makes them; every generator has its own counter.
 */
#ifndef PEAL_BASE_ID_H
#define PEAL_BASE_ID_H

#include <stddef.h>
#include <stdint.h>

#define PEAL_ID_LENGTH 20

struct peal_id_generator {
	uint32_t counter;
	unsigned char pool[384]; /* random bytes fetched ahead, each used once and wiped */
	size_t pool_left;
};

/* From getrandom(2); waits at boot until there is entropy, cannot fail afterwards. */
void peal_random_bytes(void *bytes, size_t length);
void peal_id_generate(struct peal_id_generator *generator, char ret_id[PEAL_ID_LENGTH + 1]);

#endif
