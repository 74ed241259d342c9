/*
 * A fault that may repeat thousands of times.
 */
#include "complaint.h"

#include "../clock.h"

#define SILENCE_MS 60000

void peal_complaint_init(struct peal_complaint *complaint, struct peal_logging *logging,
			 const char *message)
{
	*complaint = (struct peal_complaint){ .logging = logging, .message = message };
}

void peal_complain(struct peal_complaint *complaint, const char *reason)
{
	uint64_t now_ms = peal_clock_ms();

	complaint->unsaid++;
	if (now_ms < complaint->silent_till_ms)
		return;
	peal_logging_say(complaint->logging, PEAL_LOG_WARNING, complaint->message,
			 PEAL_LOGGING_TEXT("reason", reason),
			 PEAL_LOGGING_NUMBER("count", complaint->unsaid));
	complaint->unsaid = 0;
	complaint->silent_till_ms = now_ms + SILENCE_MS;
	complaint->said = true;
}

bool peal_complaint_clear(struct peal_complaint *complaint)
{
	bool said = complaint->said;

	complaint->said = false;
	return said;
}
