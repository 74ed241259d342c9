/*
 * A fault that may repeat thousands of times: the log says it once, and then at most once a minute
 * how often it was meanwhile.
 */
#ifndef PEAL_APP_HOOKS_COMPLAINT_H
#define PEAL_APP_HOOKS_COMPLAINT_H

#include <stdbool.h>
#include <stdint.h>

#include "../logging.h"

struct peal_complaint {
	struct peal_logging *logging;
	const char *message;
	uint64_t unsaid; /* since it was said last */
	uint64_t silent_till_ms;
	bool said; /* and is not over */
};

/* @logging and @message are used as long as it lives. */
void peal_complaint_init(struct peal_complaint *complaint, struct peal_logging *logging,
			 const char *message);
/* It happened again, for that reason. */
void peal_complain(struct peal_complaint *complaint, const char *reason);
/* It is over, maybe not for long: the next one waits for its minute all the same. Return: whether
 * it had been said. */
bool peal_complaint_clear(struct peal_complaint *complaint);

#endif
