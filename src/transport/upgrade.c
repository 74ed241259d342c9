/*
 * Upgrade of a polling session to WebSocket (client-wire.md §2.12). Polling stays the transport
 * until the candidate sends `5`; the client has stopped polling by then, so nothing is lost,
 * repeated or out of order.
 */
#include <string.h>

#include "transport/transports.h"

static void candidate_gone(struct peal_session *session)
{
	session->candidate = NULL;
	session->probed = false;
}

void peal_upgrade_abandon(struct peal_session *session)
{
	struct peal_websocket *candidate = session->candidate;
	candidate_gone(session);
	if (candidate)
		peal_websocket_close(candidate);
}

void peal_upgrade_expired(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct peal_websocket *websocket =
		peal_container(deadline, struct peal_websocket, deadline);
	(void)deadlines;
	peal_upgrade_abandon(websocket->context);
}

static void switch_over(struct peal_session *session)
{
	struct peal_websocket *websocket = session->candidate;
	/* Polling lets go first: a GET that is still parked hears `1`, a POST in flight is dropped.
	 */
	session->candidate = NULL;
	session->transport->release(session, PEAL_RELEASE_SERVER);
	peal_deadline_disarm(&websocket->deadline);
	session->probed = false;
	session->handshake_frames = 0;
	session->transport = &peal_websocket_transport;
	peal_websocket_attach(session, websocket);
	websocket->handler = &peal_websocket_session_handler;
	session->engine->context->stats->upgrades++;
	/* A session that is closing has what it waits for: the flush ends it. */
	if (!peal_outbox_empty(&session->outbox) || session->state == PEAL_SESSION_CLOSING)
		peal_session_mark_dirty(session);
}

static void on_message(struct peal_websocket *websocket, const char *data, size_t length,
		       bool binary)
{
	static const char pong[] = "\x81\x06"
				   "3probe";
	struct peal_session *session = websocket->context;
	if (!binary && length == 6 && !memcmp(data, "2probe", 6) && !websocket->choked) {
		if (!peal_websocket_write(websocket, pong, sizeof(pong) - 1)) {
			candidate_gone(session);
			peal_websocket_cut(websocket);
			return;
		}
		/* From here on no GET stays parked, so that the client's last one ends. */
		session->probed = true;
		peal_polling_release_get(session);
	} else if (!binary && length == 1 && data[0] == '5') {
		switch_over(session);
	} else {
		/* This is also for one that probes and probes and does not read. */
		peal_upgrade_abandon(session);
	}
}

static void on_writable(struct peal_websocket *websocket)
{
	(void)websocket;
}

static void on_ended(struct peal_websocket *websocket, enum peal_websocket_end how,
		     const char *description)
{
	(void)how;
	(void)description;
	candidate_gone(websocket->context);
}

static const struct peal_websocket_handler candidate_handler = { on_message, on_writable,
								 on_ended };

static bool may_upgrade(const struct peal_session *session)
{
	return !session->candidate && session->transport == &peal_polling_transport &&
	       session->state == PEAL_SESSION_OPEN;
}

void peal_upgrade_begin(struct peal_front *front, struct peal_session *session,
			struct peal_http_request *request)
{
	if (!peal_front_check_websocket(front, request))
		return;
	bool wanted = may_upgrade(session);
	if (wanted) {
		peal_front_headers(front, request, false);
		wanted = may_upgrade(session); /* the hook may have closed it */
	}
	if (!wanted) {
		/* One upgrade at a time, and none after it: the connection is opened and closed;
		 * the session does not notice. */
		struct peal_websocket *unwanted = peal_front_adopt(front, request, NULL, NULL);
		if (unwanted)
			peal_websocket_close(unwanted);
		return;
	}
	session->candidate = peal_front_adopt(front, request, &candidate_handler, session);
	if (session->candidate)
		peal_deadline_arm(&front->upgrade_due, &session->candidate->deadline);
}
