/*
 * The monotonic clock.
 */
#ifndef PEAL_APP_CLOCK_H
#define PEAL_APP_CLOCK_H

#include <stdint.h>

uint64_t peal_clock_ms(void);

#endif
