#include "engine/admission.h"

/* What one session costs: a millisecond of a rate of one per second is one unit. */
#define SESSION 1000

/* The burst, and one session at least, or nobody would ever come in. */
static uint64_t ceiling(const struct peal_admission *admission)
{
	uint64_t burst = (uint64_t)admission->rate * admission->burst_ms;
	return burst < SESSION ? SESSION : burst;
}

void peal_admission_init(struct peal_admission *admission, unsigned rate, unsigned burst_ms,
			 uint64_t now_ms)
{
	*admission =
		(struct peal_admission){ .rate = rate, .burst_ms = burst_ms, .filled_ms = now_ms };
	admission->credit = ceiling(admission);
}

static void fill(struct peal_admission *admission, uint64_t now_ms)
{
	uint64_t most = ceiling(admission), passed_ms = now_ms - admission->filled_ms;
	/* More than fills it from empty is as good as that, and does not overflow. */
	if (passed_ms > most / admission->rate + 1)
		passed_ms = most / admission->rate + 1;
	admission->credit += passed_ms * admission->rate;
	if (admission->credit > most)
		admission->credit = most;
	admission->filled_ms = now_ms;
}

bool peal_admission_open(struct peal_admission *admission, uint64_t now_ms)
{
	if (!admission->rate)
		return true;
	fill(admission, now_ms);
	return admission->credit >= SESSION;
}

bool peal_admission_take(struct peal_admission *admission, uint64_t now_ms)
{
	if (!peal_admission_open(admission, now_ms))
		return false;
	if (admission->rate)
		admission->credit -= SESSION;
	return true;
}
