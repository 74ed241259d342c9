/*
 * The backend of the webhooks, asked as a node would: with a signed request that has no events.
 */
#include <errno.h>
#include <event2/event.h>

#include "doctor_private.h"

struct asking {
	struct peal_doctor *doctor;
	struct event_base *base;
};

static void on_answer(long status, const char *problem, void *userdata)
{
	const struct asking *asking = userdata;
	struct peal_doctor *doctor = asking->doctor;

	if (!status)
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, "backend", "not reached: %s", problem);
	else if (status == 401)
		peal_doctor_say(
			doctor, PEAL_FINDING_FAIL, "backend",
			"status 401: has it another secret than the node, or another time?");
	else if (status < 200 || status > 299)
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, "backend",
				"status %ld to a request of type events: a node would have to %s",
				status, status >= 500 ? "wait" : "drop what it sent");
	else if (problem)
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, "backend",
				"the answer makes no sense: %s", problem);
	else
		peal_doctor_say(doctor, PEAL_FINDING_OK, "backend", "takes signed requests");
	event_base_loopbreak(asking->base);
}

int peal_doctor_backend(struct peal_doctor *doctor, struct peal_webhooks *webhooks)
{
	struct asking asking = { doctor, event_base_new() };
	int r = asking.base ? peal_webhooks_start(webhooks, asking.base) : -ENOMEM;

	if (r == 0)
		r = peal_webhooks_probe(webhooks, on_answer, &asking);
	if (r == 0)
		event_base_dispatch(asking.base);
	peal_webhooks_free(webhooks);
	if (asking.base)
		event_base_free(asking.base);
	return r;
}
