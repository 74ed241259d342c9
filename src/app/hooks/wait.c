/*
 * Acknowledgements that clients wait for.
 */
#include "wait.h"

#include <errno.h>
#include <peal/emit.h>
#include <stdint.h>
#include <stdlib.h>

#include "event_json.h"

struct peal_wait {
	struct peal_waits *waits;
	struct peal_responder *responder;
	uint32_t slot;
};

int peal_wait_new(struct peal_waits *waits, const struct peal_socket *socket,
		  const struct peal_event *event, struct peal_wait **ret_wait)
{
	uint32_t slot = peal_event_handler(peal_socket_id(socket)) % PEAL_WAITS_SLOTS;
	struct peal_wait *wait;
	int r;

	if (waits->count == PEAL_WAITS_MOST || waits->of_client[slot] == PEAL_WAITS_OF_CLIENT)
		return -EBUSY;
	wait = malloc(sizeof(*wait));
	if (!wait)
		return -ENOMEM;
	*wait = (struct peal_wait){ .waits = waits, .slot = slot };
	r = peal_event_responder(event, &wait->responder);
	if (r != 0) {
		free(wait);
		return r;
	}
	waits->count++;
	waits->of_client[slot]++;
	*ret_wait = wait;
	return 0;
}

const char *peal_wait_error(int r)
{
	switch (r) {
	case PEAL_EMIT_E_TOO_LARGE:
		return PEAL_WAIT_ERROR("too_large", "the event is too large");
	case PEAL_EMIT_E_INVALID:
		return PEAL_WAIT_ERROR("invalid", "the event cannot be sent on as it is");
	case -EBUSY:
		return PEAL_WAIT_ERROR("overloaded", "too many events wait for an answer");
	default:
		return PEAL_WAIT_ERROR("unavailable", "the event cannot be sent on");
	}
}

void peal_wait_drop(struct peal_wait *wait)
{
	wait->waits->count--;
	wait->waits->of_client[wait->slot]--;
	peal_responder_free(wait->responder);
	free(wait);
}

void peal_wait_end_args(struct peal_wait *wait, const struct peal_args *args)
{
	(void)peal_respond_args(wait->responder, args);
	wait->responder = NULL;
	peal_wait_drop(wait);
}

void peal_wait_end(struct peal_wait *wait, const char *json)
{
	(void)peal_respond(wait->responder, PEAL_JSON(json));
	wait->responder = NULL;
	peal_wait_drop(wait);
}
