/*
 * Memory that can be counted and made to fail, at each place in turn. For programs that are linked
 * with --wrap for malloc, calloc, realloc and strdup: tests/unit/meson.build names them.
 */
#ifndef PEAL_TESTS_SCARCE_MEMORY_H
#define PEAL_TESTS_SCARCE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct scarce_memory {
	size_t allocations; /* since the start, with those that failed */
	size_t failing;	    /* the how-manieth from now fails; 0: none */
	bool failed;	    /* one has; to be reset by hand */
};

extern struct scarce_memory scarce;

#endif
