/*
 * Webhooks: what asking about clients and telling of events have in common.
 */
#include "webhook_answer.h"
#include "webhook_private.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <peal/peal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How often the time is looked at while something waits. */
#define TICK_MS 50

/* --- requests -------------------------------------------------------------------------------- */

int peal_webhook_begin(struct peal_webhook_body *body, const char *type)
{
	struct timespec now;
	struct tm parts;
	char date[32];

	*body = (struct peal_webhook_body){ 0 };
	body->stream = open_memstream(&body->text, &body->length);
	if (!body->stream)
		return -ENOMEM;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
	fprintf(body->stream, "{\"type\":\"%s\",\"timestamp\":\"%s.%03ldZ\",\"data\":", type, date,
		now.tv_nsec / 1000000);
	return 0;
}

/* Takes @text. */
static int post(struct peal_webhooks *webhooks, char *text, size_t length, const char *id,
		unsigned timeout_ms, peal_posted_fn *fn, void *userdata)
{
	char signature[PEAL_SIGNATURE_BYTES], id_line[64], time_line[64], signature_line[96];
	const char *const headers[] = { id_line, time_line, signature_line };
	struct peal_post request = {
		.url = webhooks->settings.url,
		.ca = webhooks->settings.ca,
		.headers = headers,
		.header_count = sizeof(headers) / sizeof(*headers),
		.body = text,
		.length = length,
		.timeout_ms = timeout_ms,
	};
	int64_t now = time(NULL);

	if (!peal_signature(&webhooks->settings.secret, id, now, text, length, signature)) {
		free(text);
		return -ENOMEM;
	}
	snprintf(id_line, sizeof(id_line), "webhook-id: %s", id);
	snprintf(time_line, sizeof(time_line), "webhook-timestamp: %" PRId64, now);
	snprintf(signature_line, sizeof(signature_line), "webhook-signature: %s", signature);
	return peal_poster_send(webhooks->poster, &request, fn, userdata);
}

int peal_webhook_send(struct peal_webhooks *webhooks, struct peal_webhook_body *body,
		      const char *id, unsigned timeout_ms, peal_posted_fn *fn, void *userdata)
{
	fputc('}', body->stream);
	if (fclose(body->stream) != 0) {
		free(body->text);
		return -ENOMEM;
	}
	return post(webhooks, body->text, body->length, id, timeout_ms ? timeout_ms : 1, fn,
		    userdata);
}

enum peal_webhook_request peal_webhook_judge(struct peal_webhooks *webhooks,
					     const struct peal_posted *posted, long fine)
{
	enum peal_webhook_request result = WEBHOOK_FAILED;
	char reason[64];

	if ((posted->status >= 200 && posted->status < 300) || (fine && posted->status == fine))
		result = WEBHOOK_OK;
	/* Who is too busy, or has not got all of it, may take it the next time. */
	else if (posted->status >= 300 && posted->status < 500 && posted->status != 408 &&
		 posted->status != 425 && posted->status != 429)
		result = WEBHOOK_REFUSED;
	webhooks->requests[result]++;
	if (result == WEBHOOK_OK)
		return result;
	snprintf(reason, sizeof(reason), "status %ld", posted->status);
	peal_complain(&webhooks->complaint, posted->status ? reason : posted->error);
	return result;
}

void peal_webhook_sense(struct peal_webhooks *webhooks)
{
	if (peal_complaint_clear(&webhooks->complaint))
		peal_logging_say(webhooks->logging, PEAL_LOG_INFO,
				 "the backend answers webhooks again");
}

void peal_webhook_nonsense(struct peal_webhooks *webhooks, const char *wrong)
{
	char reason[256];

	snprintf(reason, sizeof(reason), "the answer makes no sense: %s", wrong);
	peal_complain(&webhooks->complaint, reason);
}

/* --- time ------------------------------------------------------------------------------------ */

static bool is_idle(const struct peal_webhooks *webhooks)
{
	return !webhooks->lanes.waiting && !webhooks->question_count;
}

void peal_webhook_arm(struct peal_webhooks *webhooks)
{
	const struct timeval tick = { .tv_usec = TICK_MS * 1000 };

	if (!evtimer_pending(webhooks->tick, NULL))
		evtimer_add(webhooks->tick, &tick);
}

static void end(struct peal_webhooks *webhooks)
{
	peal_webhooks_done_fn *done = webhooks->done;

	webhooks->done = NULL;
	if (webhooks->lanes.waiting)
		peal_logging_say(webhooks->logging, PEAL_LOG_WARNING,
				 "the backend was not told of everything",
				 PEAL_LOGGING_NUMBER("lost", webhooks->lanes.waiting));
	done(webhooks->done_userdata);
}

static void on_tick(evutil_socket_t fd, short events, void *userdata)
{
	struct peal_webhooks *webhooks = userdata;
	uint64_t now_ms = peal_clock_ms();

	(void)fd, (void)events;
	peal_webhook_connect_tick(webhooks, now_ms);
	peal_webhook_events_tick(webhooks, now_ms);
	if (!is_idle(webhooks))
		peal_webhook_arm(webhooks);
	if (webhooks->done && (is_idle(webhooks) || now_ms >= webhooks->done_by_ms))
		end(webhooks);
}

void peal_webhooks_finish(struct peal_webhooks *webhooks, unsigned timeout_ms,
			  peal_webhooks_done_fn *fn, void *userdata)
{
	webhooks->done = fn;
	webhooks->done_userdata = userdata;
	webhooks->done_by_ms = peal_clock_ms() + timeout_ms;
	if (is_idle(webhooks) || !timeout_ms)
		end(webhooks);
	else
		peal_webhook_arm(webhooks);
}

/* --- for the doctor -------------------------------------------------------------------------- */

static void on_probed(const struct peal_posted *posted, void *userdata)
{
	struct peal_webhooks *webhooks = userdata;
	const char *problem = posted->error;
	struct peal_pieces acks;

	if (!problem && posted->status >= 200 && posted->status < 300 &&
	    peal_webhook_acks_read(posted->body, posted->length, &acks, &problem) < 0)
		problem = "no memory";
	webhooks->probed(posted->status, problem, webhooks->probed_userdata);
}

int peal_webhooks_probe(struct peal_webhooks *webhooks, peal_webhooks_probe_fn *fn, void *userdata)
{
	char id[PEAL_EVENT_ID_BYTES];
	struct peal_webhook_body body;
	int r = peal_webhook_begin(&body, "events");

	if (r != 0)
		return r;
	fputs("[]", body.stream);
	webhooks->probed = fn;
	webhooks->probed_userdata = userdata;
	peal_event_id(&webhooks->ids, id);
	return peal_webhook_send(webhooks, &body, id, webhooks->settings.timeout_ms, on_probed,
				 webhooks);
}

/* --- set up ---------------------------------------------------------------------------------- */

static void print_metrics(FILE *stream, void *userdata)
{
	static const char *const requests[WEBHOOK_REQUESTS] = {
		[WEBHOOK_OK] = "ok",
		[WEBHOOK_REFUSED] = "refused",
		[WEBHOOK_FAILED] = "failed",
	};
	static const char *const connects[WEBHOOK_CONNECTS] = {
		[WEBHOOK_ALLOWED] = "allowed",
		[WEBHOOK_DENIED] = "denied",
		[WEBHOOK_UNAVAILABLE] = "unavailable",
		[WEBHOOK_LEFT] = "left",
	};
	static const char *const notices[WEBHOOK_NOTICES] = {
		[WEBHOOK_DELIVERED] = "delivered", [WEBHOOK_NOT_TAKEN] = "refused",
		[WEBHOOK_EXPIRED] = "expired",	   [WEBHOOK_OVERFLOW] = "overflow",
		[WEBHOOK_NOT_PLAIN] = "invalid",
	};
	const struct peal_webhooks *webhooks = userdata;
	static const char request_name[] = "peal_webhook_requests_total",
			  connect_name[] = "peal_webhook_connects_total",
			  event_name[] = "peal_webhook_events_total";

	peal_metrics_family(stream, request_name, "counter",
			    "requests to the backend, repeated ones included");
	for (size_t i = 0; i < WEBHOOK_REQUESTS; i++)
		peal_metrics_sample(stream, request_name, "outcome", requests[i],
				    webhooks->requests[i]);
	peal_metrics_family(stream, connect_name, "counter",
			    "clients that the backend was asked about");
	for (size_t i = 0; i < WEBHOOK_CONNECTS; i++)
		peal_metrics_sample(stream, connect_name, "outcome", connects[i],
				    webhooks->connects[i]);
	peal_metrics_family(stream, event_name, "counter",
			    "events and disconnects for the backend");
	for (size_t i = 0; i < WEBHOOK_NOTICES; i++)
		peal_metrics_sample(stream, event_name, "outcome", notices[i],
				    webhooks->notices[i]);
	peal_metrics_family(stream, "peal_webhook_events_waiting", "gauge",
			    "events and disconnects that wait for the backend");
	peal_metrics_sample(stream, "peal_webhook_events_waiting", NULL, NULL,
			    webhooks->lanes.waiting);
	peal_metrics_family(stream, "peal_webhook_waiting_bytes", "gauge",
			    "memory of what waits for the backend");
	peal_metrics_sample(stream, "peal_webhook_waiting_bytes", NULL, NULL,
			    webhooks->lanes.bytes + webhooks->question_bytes);
}

int peal_webhooks_new(const struct peal_settings *settings, struct peal_logging *logging,
		      struct peal_webhooks **ret_webhooks, struct peal_usage *usage)
{
	struct peal_webhooks *webhooks;
	int r;

	*ret_webhooks = NULL;
	if (!settings->webhook_url)
		return 0;
	webhooks = calloc(1, sizeof(*webhooks));
	if (!webhooks)
		return -ENOMEM;
	webhooks->logging = logging;
	peal_webhook_connect_init(webhooks);
	webhooks->metrics.print = print_metrics;
	webhooks->metrics.userdata = webhooks;
	peal_complaint_init(&webhooks->complaint, logging, "the backend does not answer webhooks");
	r = peal_webhook_settings_load(settings, &webhooks->settings, usage);
	if (r == 0)
		r = peal_event_ids_init(&webhooks->ids);
	peal_webhook_events_init(webhooks);
	if (r == 0)
		*ret_webhooks = webhooks;
	else
		peal_webhooks_free(webhooks);
	return r;
}

void peal_webhooks_free(struct peal_webhooks *webhooks)
{
	if (!webhooks)
		return;
	/* What is under way first: it would tell of itself. */
	peal_poster_free(webhooks->poster);
	peal_webhook_connect_deinit(webhooks);
	peal_webhook_events_deinit(webhooks);
	if (webhooks->tick)
		event_free(webhooks->tick);
	while (webhooks->gates) {
		struct peal_webhook_gate *gate = webhooks->gates;

		webhooks->gates = gate->next;
		free(gate);
	}
	peal_webhook_settings_deinit(&webhooks->settings);
	free(webhooks);
}

int peal_webhooks_start(struct peal_webhooks *webhooks, struct event_base *base)
{
	if (!webhooks)
		return 0;
	webhooks->tick = evtimer_new(base, on_tick, webhooks);
	if (!webhooks->tick)
		return -ENOMEM;
	return peal_poster_new(base, 2 * webhooks->settings.connections, &webhooks->poster);
}

int peal_webhooks_attach(struct peal_webhooks *webhooks, struct peal_namespace *ns,
			 const char *name)
{
	struct peal_webhook_gate *gate;
	int r;

	if (!webhooks)
		return 0;
	gate = malloc(sizeof(*gate));
	if (!gate)
		return -ENOMEM;
	*gate = (struct peal_webhook_gate){ webhooks->gates, webhooks, name };
	webhooks->gates = gate;
	r = peal_webhook_connect_attach(gate, ns);
	return r == 0 ? peal_webhook_events_attach(gate, ns) : r;
}

const struct peal_rule_list *peal_webhooks_events(const struct peal_webhooks *webhooks)
{
	return webhooks ? &webhooks->settings.events : NULL;
}

int peal_webhooks_change(struct peal_webhooks *webhooks, struct peal_webhooks *fresh)
{
	struct peal_webhook_settings between;
	bool other;

	if (!webhooks || !fresh)
		return webhooks || fresh ? -EINVAL : 0;
	other = memcmp(&webhooks->settings.secret, &fresh->settings.secret,
		       sizeof(fresh->settings.secret)) != 0;
	between = webhooks->settings;
	webhooks->settings = fresh->settings;
	fresh->settings = between;
	/* As many as there are lanes. */
	webhooks->settings.connections = fresh->settings.connections;
	webhooks->lanes.ceiling = webhooks->settings.queue_bytes;
	webhooks->lanes.keep_ms = webhooks->settings.keep_ms;
	return other;
}

struct peal_metrics_source *peal_webhooks_metrics(struct peal_webhooks *webhooks)
{
	return &webhooks->metrics;
}
