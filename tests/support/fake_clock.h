/* A clock that tests move by hand. */
#ifndef PEAL_TESTS_FAKE_CLOCK_H
#define PEAL_TESTS_FAKE_CLOCK_H

#include "loop/loop.h"

struct fake_clock {
	uint64_t now_us;
};

static inline uint64_t fake_clock_now_us(void *userdata)
{
	return ((struct fake_clock *)userdata)->now_us;
}

#define FAKE_CLOCK(clock) (&(const struct peal_clock){ fake_clock_now_us, (clock) })

/* Move time forward in steps that are no standstills, firing what is due on the way. */
static inline void fake_clock_advance(struct fake_clock *clock, struct peal_loop *loop, unsigned ms)
{
	for (unsigned left = ms; left;) {
		unsigned step = left < 10 ? left : 10;
		clock->now_us += step * 1000;
		left -= step;
		peal_loop_step(loop);
	}
}

/* The process stood still for that long. */
static inline void fake_clock_jump(struct fake_clock *clock, struct peal_loop *loop, unsigned ms)
{
	clock->now_us += (uint64_t)ms * 1000;
	peal_loop_step(loop);
}

#endif
