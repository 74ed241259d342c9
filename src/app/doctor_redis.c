/*
 * Redis as a node with these settings finds it.
 *
 * Two connections, as a node has: one asks, the other subscribes. The servers of the cluster are
 * asked which of their sockets are in a room that nobody is in, as the official adapter does it, so
 * that each answers in a few bytes; who is subscribed to requests and does not answer is what every
 * acknowledged emit would wait for.
 */
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <peal/redis_client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor_private.h"
#include "redis_options.h"
#include "secret.h"

/* For all of it; and for the servers to answer. */
#define WHOLE_MS 10000
#define ANSWERS_MS 1000
#define CHANNEL_BYTES 1200

/* What is asked, in this order. */
enum question { INFO, TIME, BUFFERS, PUBLISH, NUMSUB, REQUEST, QUESTION_COUNT };

struct patient {
	struct peal_doctor *doctor;
	const char *prefix;
	struct event_base *base;
	struct event *timer;
	struct peal_redis_client *asker, *ear;
	char id[17]; /* of this examination */
	enum question answered;
	unsigned subscribed; /* of two channels and a pattern */
	bool asker_ready, ear_ready, reached, over, denied, asked;
	int64_t nodes, servers, answers; /* servers and nodes below zero: not known */
	uint64_t asked_at_ms;		 /* TIME, by our clock */
};

static void end(struct patient *patient)
{
	patient->over = true;
	event_base_loopbreak(patient->base);
}

static void fail(struct patient *patient, const char *what)
{
	peal_doctor_say(patient->doctor, PEAL_FINDING_FAIL, "redis", "%s", what);
	end(patient);
}

static void command(struct patient *patient, struct peal_redis_client *client, size_t count,
		    const char *const *words)
{
	if (!patient->over && peal_redis_client_command(client, count, words) != 0)
		fail(patient, "the connection was lost while it was examined");
}

/* --- rights ----------------------------------------------------------------------------------- */

static void deny(struct patient *patient, const char *what, const struct peal_redis_answer *answer)
{
	patient->denied = true;
	peal_doctor_say(patient->doctor, PEAL_FINDING_FAIL, "rights", "%s: %s", what,
			answer->items[1].text);
}

static int64_t number_at(const struct peal_redis_answer *answer, size_t index)
{
	if (index >= answer->count)
		return 0;
	return answer->items[index].text ? strtoll(answer->items[index].text, NULL, 10)
					 : answer->items[index].number;
}

/* --- the other servers ----------------------------------------------------------------------- */

/* When all rights are known to be there. */
static void ask_servers(struct patient *patient)
{
	const struct timeval wait = { .tv_sec = ANSWERS_MS / 1000,
				      .tv_usec = ANSWERS_MS % 1000 * 1000 };
	char channel[CHANNEL_BYTES], payload[256];

	if (patient->over || patient->asked || patient->denied || patient->subscribed < 3 ||
	    patient->answered < REQUEST)
		return;
	patient->asked = true;
	peal_doctor_say(patient->doctor, PEAL_FINDING_OK, "rights",
			"publish, subscribe and psubscribe are allowed");
	snprintf(channel, sizeof(channel), "%s-request#/#", patient->prefix);
	snprintf(payload, sizeof(payload),
		 "{\"uid\":\"%s\",\"requestId\":\"%s\",\"type\":5,"
		 "\"opts\":{\"rooms\":[\"peal-doctor-%s\"],\"except\":[]}}",
		 patient->id, patient->id, patient->id);
	command(patient, patient->asker, 3, (const char *[]){ "PUBLISH", channel, payload });
	event_add(patient->timer, &wait);
}

static void look_for_end(struct patient *patient)
{
	if (patient->servers >= 0 && patient->answers >= patient->servers)
		end(patient);
}

static void judge_servers(struct patient *patient)
{
	int64_t silent = patient->servers - patient->answers;

	if (!patient->asked || patient->servers < 0)
		return;
	if (!patient->servers)
		peal_doctor_say(patient->doctor, PEAL_FINDING_OK, "servers",
				"no server with this prefix runs yet");
	else if (silent > 0)
		peal_doctor_say(patient->doctor, PEAL_FINDING_WARN, "servers",
				"%" PRId64 " of %" PRId64 " that are subscribed to requests have "
				"not answered within %d ms: a server that hangs, or a program that "
				"only listens (redis-cli?), which acknowledged emits wait for; "
				"CLIENT LIST TYPE pubsub names them",
				silent, patient->servers, ANSWERS_MS);
	else
		peal_doctor_say(patient->doctor, PEAL_FINDING_OK, "servers",
				"%" PRId64 " of %" PRId64 " have answered; %" PRId64
				" of them are peal nodes",
				patient->answers, patient->servers, patient->nodes);
}

/* --- the two connections --------------------------------------------------------------------- */

static void ask(struct patient *patient)
{
	char channel[CHANNEL_BYTES], requests[CHANNEL_BYTES], nodes[CHANNEL_BYTES];

	snprintf(channel, sizeof(channel), "%s-peal-doctor#%s", patient->prefix, patient->id);
	snprintf(requests, sizeof(requests), "%s-request#/#", patient->prefix);
	snprintf(nodes, sizeof(nodes), "%s-peal#", patient->prefix);
	patient->asked_at_ms = peal_doctor_wall_ms();
	command(patient, patient->asker, 1, (const char *[]){ "INFO" });
	command(patient, patient->asker, 1, (const char *[]){ "TIME" });
	command(patient, patient->asker, 3,
		(const char *[]){ "CONFIG", "GET", "client-output-buffer-limit" });
	command(patient, patient->asker, 3, (const char *[]){ "PUBLISH", channel, "" });
	command(patient, patient->asker, 4,
		(const char *[]){ "PUBSUB", "NUMSUB", requests, nodes });
}

static void listen_to(struct patient *patient)
{
	char shared[CHANNEL_BYTES], own[CHANNEL_BYTES], pattern[CHANNEL_BYTES];

	snprintf(shared, sizeof(shared), "%s-response#/#", patient->prefix);
	snprintf(own, sizeof(own), "%s-response#/#%s#", patient->prefix, patient->id);
	snprintf(pattern, sizeof(pattern), "peal-doctor-%s*", patient->id);
	command(patient, patient->ear, 2, (const char *[]){ "SUBSCRIBE", shared });
	command(patient, patient->ear, 2, (const char *[]){ "SUBSCRIBE", own });
	command(patient, patient->ear, 2, (const char *[]){ "PSUBSCRIBE", pattern });
}

static void on_ready(struct peal_redis_client *client, void *userdata)
{
	struct patient *patient = userdata;

	patient->reached = true;
	if (client == patient->asker && !patient->asker_ready) {
		patient->asker_ready = true;
		ask(patient);
	} else if (client == patient->ear && !patient->ear_ready) {
		patient->ear_ready = true;
		listen_to(patient);
	}
}

static void on_lost(struct peal_redis_client *client, const char *why, void *userdata)
{
	struct patient *patient = userdata;

	(void)client;
	if (!patient->over)
		fail(patient, why);
}

static void on_answer(struct peal_redis_client *client, const struct peal_redis_answer *answer,
		      void *userdata)
{
	struct patient *patient = userdata;

	(void)client;
	if (patient->over)
		return;
	switch (patient->answered++) {
	case INFO:
		peal_doctor_judge_info(patient->doctor, answer);
		break;
	case TIME:
		peal_doctor_judge_time(patient->doctor, answer, patient->asked_at_ms);
		break;
	case BUFFERS:
		peal_doctor_judge_buffers(patient->doctor, answer);
		break;
	case PUBLISH:
		if (answer->error)
			deny(patient, "publish", answer);
		break;
	case NUMSUB:
		if (answer->error)
			deny(patient, "pubsub numsub", answer);
		patient->nodes = number_at(answer, 3);
		break;
	default:
		patient->servers = answer->error ? 0 : number_at(answer, 0);
		look_for_end(patient);
		return;
	}
	ask_servers(patient);
	if (patient->denied && patient->answered >= REQUEST && patient->subscribed >= 3)
		end(patient);
}

static bool begins_with(const struct peal_redis_answer *answer, const char *word)
{
	return answer->count && answer->items[0].text && !strcmp(answer->items[0].text, word);
}

static void on_heard(struct peal_redis_client *client, const struct peal_redis_answer *answer,
		     void *userdata)
{
	static const char *const tried[] = { "subscribe", "subscribe", "psubscribe" };
	struct patient *patient = userdata;

	(void)client;
	if (patient->over)
		return;
	if (begins_with(answer, "message")) {
		const char *payload = answer->count == 3 ? answer->items[2].text : NULL;

		/* Answers to others come here too. */
		if (patient->asked && payload && strstr(payload, patient->id)) {
			patient->answers++;
			look_for_end(patient);
		}
		return;
	}
	if (answer->error && patient->subscribed < 3)
		deny(patient, tried[patient->subscribed], answer);
	patient->subscribed++;
	ask_servers(patient);
	if (patient->denied && patient->answered >= REQUEST && patient->subscribed >= 3)
		end(patient);
}

static void on_timer(evutil_socket_t fd, short events, void *userdata)
{
	struct patient *patient = userdata;

	(void)fd, (void)events;
	if (patient->asked)
		end(patient);
	else
		fail(patient,
		     patient->reached ? "does not answer in time" : "cannot be reached in time");
}

/* What the connections say about themselves is said here as findings. */
static void no_log(enum peal_log_level level, const char *message,
		   const struct peal_log_field *fields, size_t count, void *userdata)
{
	(void)level, (void)message, (void)fields, (void)count, (void)userdata;
}

static int examine(struct patient *patient, const struct peal_redis_options *options)
{
	static const struct peal_redis_client_handlers asker = { on_ready, on_answer, on_lost };
	static const struct peal_redis_client_handlers ear = { on_ready, on_heard, on_lost };
	const struct timeval whole = { .tv_sec = WHOLE_MS / 1000 };
	char message[512] = "";
	int r = peal_redis_client_new(patient->base, options, false, &asker, patient, no_log, NULL,
				      &patient->asker, message, sizeof(message));

	if (r == 0)
		r = peal_redis_client_new(patient->base, options, true, &ear, patient, no_log, NULL,
					  &patient->ear, message, sizeof(message));
	if (r > 0) {
		peal_doctor_say(patient->doctor, PEAL_FINDING_FAIL, "redis", "--redis: %s",
				message);
		return 0;
	}
	if (r < 0)
		return r;
	event_add(patient->timer, &whole);
	event_base_dispatch(patient->base);
	judge_servers(patient);
	return 0;
}

static void choose_id(struct patient *patient)
{
	unsigned char bytes[8] = { 0 };

	(void)RAND_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(patient->id + 2 * i, 3, "%02x", bytes[i]);
}

int peal_doctor_redis(struct peal_doctor *doctor)
{
	struct patient patient = {
		.doctor = doctor,
		.prefix = doctor->settings->redis_prefix,
		.servers = -1,
		.nodes = -1,
	};
	struct peal_redis_options options;
	struct peal_usage usage = { { 0 } };
	char *password = NULL;
	int r = peal_redis_settings_options(doctor->settings, &options, &password, &usage);

	if (r > 0) {
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, "redis", "%s", usage.text);
		return 0;
	}
	options.client_name = "peal-doctor";
	choose_id(&patient);
	patient.base = r == 0 ? event_base_new() : NULL;
	patient.timer = patient.base ? evtimer_new(patient.base, on_timer, &patient) : NULL;
	r = patient.timer ? examine(&patient, &options) : -ENOMEM;
	peal_redis_client_free(patient.asker);
	peal_redis_client_free(patient.ear);
	if (patient.timer)
		event_free(patient.timer);
	if (patient.base)
		event_base_free(patient.base);
	peal_secret_free(password);
	return r;
}
