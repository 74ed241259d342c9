/*
 * A fault that may repeat thousands of times.
 */
#include "complaint.h"

#include <time.h>

#define SILENCE_SECONDS 60

void peal_complaint_init(struct peal_complaint *complaint, struct peal_logging *logging,
			 const char *message)
{
	*complaint = (struct peal_complaint){ .logging = logging, .message = message };
}

void peal_complain(struct peal_complaint *complaint, const char *reason)
{
	struct timespec now;

	complaint->unsaid++;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < complaint->silent_till)
		return;
	peal_logging_say(complaint->logging, PEAL_LOG_WARNING, complaint->message,
			 PEAL_LOGGING_TEXT("reason", reason),
			 PEAL_LOGGING_NUMBER("count", complaint->unsaid));
	complaint->unsaid = 0;
	complaint->silent_till = now.tv_sec + SILENCE_SECONDS;
}

bool peal_complaint_clear(struct peal_complaint *complaint)
{
	bool said = complaint->silent_till != 0;

	complaint->unsaid = 0;
	complaint->silent_till = 0;
	return said;
}
