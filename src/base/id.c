#include "base/id.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void peal_random_bytes(void *bytes, size_t length)
{
	char *at = bytes;
	while (length) {
		ssize_t n = getrandom(at, length, 0);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			abort(); /* no kernel that runs this lacks it */
		}
		at += n;
		length -= (size_t)n;
	}
}

void peal_id_generate(struct peal_id_generator *generator, char ret_id[PEAL_ID_LENGTH + 1])
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char raw[15];
	if (generator->pool_left < 12) {
		peal_random_bytes(generator->pool, sizeof(generator->pool));
		generator->pool_left = sizeof(generator->pool);
	}
	generator->pool_left -= 12;
	memcpy(raw, generator->pool + generator->pool_left, 12);
	explicit_bzero(generator->pool + generator->pool_left, 12);
	uint32_t counter = generator->counter++;
	raw[12] = (unsigned char)(counter >> 16);
	raw[13] = (unsigned char)(counter >> 8);
	raw[14] = (unsigned char)counter;
	for (size_t i = 0, o = 0; i < sizeof(raw); i += 3, o += 4) {
		uint32_t group = (uint32_t)raw[i] << 16 | (uint32_t)raw[i + 1] << 8 | raw[i + 2];
		ret_id[o] = alphabet[group >> 18];
		ret_id[o + 1] = alphabet[group >> 12 & 63];
		ret_id[o + 2] = alphabet[group >> 6 & 63];
		ret_id[o + 3] = alphabet[group & 63];
	}
	ret_id[PEAL_ID_LENGTH] = '\0';
}
