/*
 * The monotonic clock.
 */
#include "clock.h"

#include <time.h>

uint64_t peal_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
