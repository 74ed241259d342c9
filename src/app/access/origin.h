/*
 * Origins (RFC 6454), as browsers say in the header Origin from which page a request comes, and
 * patterns of them.
 *
 *   scheme://host[:port]    that origin
 *   *.HOST as host          those with one label in place of the star; HOST has two labels or more
 *   null, file://           what browsers say for pages without one, such as files
 *
 * No memory, no state.
 */
#ifndef PEAL_APP_ACCESS_ORIGIN_H
#define PEAL_APP_ACCESS_ORIGIN_H

#include <stdbool.h>

/* With the NUL; names of hosts have 253 bytes at most. */
#define PEAL_ORIGIN_BYTES 320

/* Return: NULL, or what is wrong with a pattern. */
const char *peal_origin_error(const char *pattern);

/**
 * peal_origin_write() - write an origin as it is compared
 * @text:       of a header or, with @pattern, of a setting
 * @ret_origin: receives it in lower case, without the port that its scheme has anyway; never longer
 *              than @text
 *
 * Return: false for anything else than one origin.
 */
bool peal_origin_write(const char *text, bool pattern, char ret_origin[PEAL_ORIGIN_BYTES]);

/* Both as they were written above. */
bool peal_origin_matches(const char *pattern, const char *origin);

#endif
