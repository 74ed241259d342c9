#include "pace.h"

void peal_pace_init(struct peal_pace *pace, uint64_t now_ms, uint64_t end_ms)
{
	*pace = (struct peal_pace){ .end_ms = end_ms, .seen_ms = now_ms };
}

size_t peal_pace_due(struct peal_pace *pace, size_t left, uint64_t now_ms)
{
	uint64_t step_ms = now_ms - pace->seen_ms, time_ms;
	size_t due;

	if (now_ms >= pace->end_ms || !left)
		return left;
	if (pace->owed > (uint64_t)left * 1000) /* they went by themselves */
		pace->owed = 0;
	if (step_ms > PEAL_PACE_STEP_MS)
		step_ms = PEAL_PACE_STEP_MS;
	/* The time that was left when this step began. */
	time_ms = pace->end_ms - now_ms + step_ms;
	pace->seen_ms = now_ms;
	/* What is owed of one counts as gone, so that the last one goes when the time is over. */
	pace->owed += ((uint64_t)left * 1000 - pace->owed) * step_ms / time_ms;
	due = (size_t)(pace->owed / 1000);
	pace->owed -= (uint64_t)due * 1000;
	return due;
}
