/*
 * What the files of the webhooks share.
 */
#ifndef PEAL_APP_HOOKS_WEBHOOK_PRIVATE_H
#define PEAL_APP_HOOKS_WEBHOOK_PRIVATE_H

#include <peal/socket.h>
#include <sys/queue.h>

#include "../clock.h"
#include "complaint.h"
#include "event_json.h"
#include "lanes.h"
#include "poster.h"
#include "wait.h"
#include "webhook_settings.h"
#include "webhooks.h"

/* What became of a request. */
enum peal_webhook_request { WEBHOOK_OK, WEBHOOK_REFUSED, WEBHOOK_FAILED, WEBHOOK_REQUESTS };

/* What became of a client that the backend was asked about. */
enum peal_webhook_connect {
	WEBHOOK_ALLOWED,
	WEBHOOK_DENIED,
	WEBHOOK_UNAVAILABLE,
	WEBHOOK_LEFT, /* the client, before the answer */
	WEBHOOK_CONNECTS,
};

/* What became of an event or a disconnect. */
enum peal_webhook_notice {
	WEBHOOK_DELIVERED = PEAL_LANE_DELIVERED,
	WEBHOOK_NOT_TAKEN = PEAL_LANE_REFUSED,
	WEBHOOK_EXPIRED = PEAL_LANE_EXPIRED,
	WEBHOOK_OVERFLOW,
	WEBHOOK_NOT_PLAIN,
	WEBHOOK_NOTICES,
};

/* Of a question; further ones change nothing any more. */
#define PEAL_WEBHOOK_FAILURES 5

struct peal_webhook_question;
TAILQ_HEAD(peal_webhook_questions, peal_webhook_question);
struct peal_webhook_event;
TAILQ_HEAD(peal_webhook_waiting, peal_webhook_event);

/* A lane, for the answers to its batches. */
struct peal_webhook_lane {
	struct peal_webhooks *webhooks;
	struct peal_lane *lane;
};

/* A namespace, or all that "*" accepts. */
struct peal_webhook_gate {
	struct peal_webhook_gate *next;
	struct peal_webhooks *webhooks;
	const char *space;
};

struct peal_webhooks {
	struct peal_logging *logging;
	struct peal_webhook_settings settings;
	struct peal_webhook_gate *gates;
	struct peal_event_ids ids;
	struct peal_complaint complaint;
	struct event *tick; /* armed while something waits */
	struct peal_poster *poster;

	/* webhook_connect.c */
	/* That wait, by how often they have failed: then all of a list pause for the same time, so
	 * that its first one is the next. */
	struct peal_webhook_questions questions[PEAL_WEBHOOK_FAILURES + 1];
	struct peal_webhook_questions asked;	/* that are under way */
	struct peal_webhook_questions accepted; /* whose clients are about to be connected */
	unsigned asked_count;
	size_t question_count, question_bytes; /* of all */
	unsigned connect_failures;
	uint64_t connect_not_before_ms;

	/* webhook_events.c */
	struct peal_lanes lanes;
	struct peal_webhook_lane senders[PEAL_LANES_MOST]; /* one for each of them */
	struct peal_webhook_waiting waiting; /* whose clients wait for an acknowledgement */

	peal_webhooks_done_fn *done; /* of peal_webhooks_finish() */
	void *done_userdata;
	uint64_t done_by_ms;

	peal_webhooks_probe_fn *probed; /* of peal_webhooks_probe() */
	void *probed_userdata;

	uint64_t requests[WEBHOOK_REQUESTS], connects[WEBHOOK_CONNECTS], notices[WEBHOOK_NOTICES];
	struct peal_metrics_source metrics;
	struct peal_waits waits;
};

/* --- webhooks.c ------------------------------------------------------------------------------- */

/* Something waits: let the time be looked at. */
void peal_webhook_arm(struct peal_webhooks *webhooks);

/* A request as the backend gets it, to be written into: {"type":…,"timestamp":…,"data":…}. */
struct peal_webhook_body {
	FILE *stream;
	char *text;
	size_t length;
};

/* Begins it; what follows is the value of `data`. Return: 0; -ENOMEM. */
int peal_webhook_begin(struct peal_webhook_body *body, const char *type)
	__attribute__((warn_unused_result));
/* Signs and sends it. Return: 0; -ENOMEM, and then @fn does not run. It is gone in any case. */
int peal_webhook_send(struct peal_webhooks *webhooks, struct peal_webhook_body *body,
		      const char *id, unsigned timeout_ms, peal_posted_fn *fn, void *userdata)
	__attribute__((warn_unused_result));

/* Looks at the status, counts and complains. @fine: a status beside 2xx that is an answer; 0: none.
 */
enum peal_webhook_request peal_webhook_judge(struct peal_webhooks *webhooks,
					     const struct peal_posted *posted, long fine);
/* An answer with a good status that makes sense, and one that makes none. */
void peal_webhook_sense(struct peal_webhooks *webhooks);
void peal_webhook_nonsense(struct peal_webhooks *webhooks, const char *wrong);

/* --- webhook_connect.c ------------------------------------------------------------------------ */

int peal_webhook_connect_attach(struct peal_webhook_gate *gate, struct peal_namespace *ns)
	__attribute__((warn_unused_result));
void peal_webhook_connect_tick(struct peal_webhooks *webhooks, uint64_t now_ms);
void peal_webhook_connect_init(struct peal_webhooks *webhooks);
/* After the node. */
void peal_webhook_connect_deinit(struct peal_webhooks *webhooks);

/* --- webhook_events.c ------------------------------------------------------------------------- */

void peal_webhook_events_init(struct peal_webhooks *webhooks);
int peal_webhook_events_attach(struct peal_webhook_gate *gate, struct peal_namespace *ns)
	__attribute__((warn_unused_result));
/* The backend believes that the client is there, and it is not. */
void peal_webhook_disconnected(struct peal_webhook_gate *gate, const struct peal_socket *socket,
			       const char *reason);
void peal_webhook_events_tick(struct peal_webhooks *webhooks, uint64_t now_ms);
void peal_webhook_events_deinit(struct peal_webhooks *webhooks);

#endif
