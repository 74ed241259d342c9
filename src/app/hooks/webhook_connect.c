/*
 * The backend is asked about each client that wants to connect.
 *
 * A question is asked until there is an answer that makes sense, or until its time is over; then
 * the settings decide. While the backend seems to be away only one question at a time is under way,
 * after growing pauses, so that it is not run over when it comes back.
 *
 * The one that came first is the next, as long as half of its time is left. When more come than the
 * backend can answer, the last one is: whose time is nearly over would get no answer in it, and a
 * node that asks about such clients only lets nobody in.
 */
#include <errno.h>
#include <peal/peal.h>
#include <stdlib.h>
#include <string.h>

#include "../access/identity.h"
#include "../access/refuse.h"
#include "../api_json.h"
#include "webhook_answer.h"
#include "webhook_private.h"

/* The pause after a failure; each further one doubles it. At the most from the fifth on, see
 * PEAL_WEBHOOK_FAILURES. */
#define PAUSE_FIRST_MS 100
#define PAUSE_MOST_MS 1000
/* What a backend may ask for itself. */
#define PAUSE_CEILING_MS 5000

/* What is told of a client: no real one has so much to say. */
#define QUESTION_BYTES 65536

/* This status is an answer too. */
#define DENIED 403

#define DATA(code) PEAL_REFUSE_DATA(code)
/* What connect errors of access.c say too. */
#define UNAUTHORIZED "unauthorized"

struct peal_webhook_question {
	TAILQ_ENTRY(peal_webhook_question) link;
	struct peal_webhook_gate *gate;
	struct peal_socket *socket; /* a reference */
	struct peal_next *next;	    /* NULL: it is accepted */
	uint64_t deadline_ms, not_before_ms;
	unsigned failures;
	bool sent; /* once at least: the backend may believe that the client is there */
	enum peal_webhook_connect outcome; /* to be counted when the client is connected */
	char id[PEAL_EVENT_ID_BYTES];
	size_t length;
	char *json; /* the client */
};

/* --- the question ---------------------------------------------------------------------------- */

/* As a JSON string. Headers are bytes; those beyond ASCII are read as Latin-1, as on Node.js. */
static void put_latin1(FILE *stream, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(stream, "\\%c", *c);
		else if (*c < 0x20 || *c >= 0x7f)
			fprintf(stream, "\\u%04x", *c);
		else
			fputc(*c, stream);
	}
}

static bool is_repeated(const struct peal_request *request, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (!strcasecmp(request->headers[i].name, request->headers[index].name))
			return true;
	return false;
}

/* A header that is there more than once becomes one value. */
static void put_header(FILE *stream, const struct peal_request *request, size_t index)
{
	const char *name = request->headers[index].name, *between = "";

	fputc('"', stream);
	for (const char *c = name; *c; c++) {
		char lower[] = { *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c, '\0' };

		put_latin1(stream, lower);
	}
	fputs("\":\"", stream);
	for (size_t i = index; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, name) != 0)
			continue;
		fputs(between, stream);
		put_latin1(stream, request->headers[i].value);
		between = strcasecmp(name, "cookie") ? ", " : "; ";
	}
	fputc('"', stream);
}

static void put_request(FILE *stream, const struct peal_request *request)
{
	const char *comma = "";

	fputs(",\"address\":\"", stream);
	put_latin1(stream, request->address);
	fputs("\",\"url\":\"", stream);
	put_latin1(stream, request->url);
	fputs("\",\"headers\":{", stream);
	for (size_t i = 0; i < request->header_count; i++) {
		if (is_repeated(request, i))
			continue;
		fputs(comma, stream);
		put_header(stream, request, i);
		comma = ",";
	}
	fputc('}', stream);
}

/* Who the client is: an object. */
static int describe(struct peal_webhook_question *question)
{
	const struct peal_request *request = peal_socket_handshake(question->socket);
	size_t length = 0;
	const char *auth = peal_args_item(peal_socket_auth(question->socket), 0, &length);
	FILE *stream = open_memstream(&question->json, &question->length);

	if (!stream)
		return -ENOMEM;
	fputc('{', stream);
	peal_event_put_client(stream, question->id, question->socket);
	fprintf(stream, ",\"auth\":%.*s", auth ? (int)length : 2, auth ? auth : "{}");
	if (request)
		put_request(stream, request);
	fputc('}', stream);
	return fclose(stream) != 0 ? -ENOMEM : 0;
}

static void question_free(struct peal_webhook_question *question)
{
	question->gate->webhooks->question_bytes -= sizeof(*question) + question->length;
	question->gate->webhooks->question_count--;
	peal_socket_unref(question->socket);
	free(question->json);
	free(question);
}

/* --- the decision ---------------------------------------------------------------------------- */

static bool has_left(const struct peal_webhook_question *question)
{
	return !peal_socket_session(question->socket);
}

static void count(struct peal_webhook_question *question, enum peal_webhook_connect outcome)
{
	question->gate->webhooks->connects[outcome]++;
}

static void refuse(struct peal_webhook_question *question, const char *message, const char *data)
{
	peal_next_refuse(question->next, message, data);
	question_free(question);
}

/* The backend may have let in somebody who is not there. */
static void take_back(struct peal_webhook_question *question)
{
	if (question->sent)
		peal_webhook_disconnected(question->gate, question->socket, "never connected");
}

/* There is an answer, and it does not say yes. */
static void refuse_unclear(struct peal_webhook_question *question)
{
	count(question, WEBHOOK_UNAVAILABLE);
	take_back(question);
	refuse(question, UNAUTHORIZED, DATA("unavailable"));
}

/* A session that is being closed connects to nothing any more, and that nobody is told: the
 * question stays until on_connection() or until the client has left. */
static void let_in(struct peal_webhook_question *question, enum peal_webhook_connect outcome)
{
	struct peal_next *next = question->next;

	question->next = NULL;
	question->outcome = outcome;
	TAILQ_INSERT_TAIL(&question->gate->webhooks->accepted, question, link);
	peal_next_accept(next);
}

/* There is no answer, and no more time. */
static void give_up(struct peal_webhook_question *question)
{
	if (question->gate->webhooks->settings.allow_unavailable)
		let_in(question, WEBHOOK_UNAVAILABLE);
	else
		refuse_unclear(question);
}

/* The client did not wait. The token has to be used all the same. */
static void forget(struct peal_webhook_question *question)
{
	count(question, WEBHOOK_LEFT);
	take_back(question);
	if (question->next)
		refuse(question, UNAUTHORIZED, NULL);
	else
		question_free(question);
}

static int apply(struct peal_socket *socket, const struct peal_webhook_verdict *verdict)
{
	char *data = NULL;
	int r = 0;

	if (verdict->user || verdict->data.length) {
		r = peal_webhook_data(peal_socket_data(socket), verdict, &data);
		if (r == 0)
			r = peal_socket_set_data(socket, data);
		free(data);
	}
	return r == 0 ? peal_identity_join(socket, verdict->user, &verdict->rooms) : r;
}

static void decide(struct peal_webhook_question *question,
		   const struct peal_webhook_verdict *verdict)
{
	if (!verdict->allow) {
		count(question, WEBHOOK_DENIED);
		refuse(question, verdict->message ? verdict->message : UNAUTHORIZED,
		       verdict->error ? verdict->error : DATA("forbidden"));
		return;
	}
	if (apply(question->socket, verdict) != 0) {
		count(question, WEBHOOK_UNAVAILABLE);
		take_back(question);
		refuse(question, UNAUTHORIZED, DATA("internal"));
		return;
	}
	let_in(question, WEBHOOK_ALLOWED);
}

static void ask_next(struct peal_webhooks *webhooks, uint64_t now_ms);

/* --- asking ---------------------------------------------------------------------------------- */

static unsigned pause_ms(unsigned failures)
{
	unsigned pause = PAUSE_FIRST_MS;

	for (unsigned i = 1; i < failures && pause < PAUSE_MOST_MS; i++)
		pause *= 2;
	return pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS;
}

/* Is the backend away, or at its limit? Any other failure may be about this client. */
static bool is_away(const struct peal_posted *posted)
{
	return !posted->status || posted->status == 429 ||
	       (posted->status >= 502 && posted->status <= 504);
}

/* Of those that wait, the list that the question is in. */
static struct peal_webhook_questions *list_of(const struct peal_webhook_question *question)
{
	return &question->gate->webhooks->questions[question->failures];
}

/* Not answered; others go first. */
static void ask_again(struct peal_webhook_question *question, const struct peal_posted *posted,
		      uint64_t now_ms)
{
	struct peal_webhooks *webhooks = question->gate->webhooks;
	uint64_t wanted = (uint64_t)posted->retry_after_seconds * 1000, pause;

	if (question->failures < PEAL_WEBHOOK_FAILURES)
		question->failures++;
	question->not_before_ms = now_ms + pause_ms(question->failures);
	if (is_away(posted)) {
		webhooks->connect_failures++;
		pause = pause_ms(webhooks->connect_failures);
		if (wanted > PAUSE_CEILING_MS)
			wanted = PAUSE_CEILING_MS;
		webhooks->connect_not_before_ms = now_ms + (pause > wanted ? pause : wanted);
	}
	if (has_left(question))
		forget(question);
	else if (now_ms >= question->deadline_ms)
		give_up(question);
	else
		TAILQ_INSERT_TAIL(list_of(question), question, link);
}

/* An answer with a good status. */
static void read_verdict(struct peal_webhook_question *question, const struct peal_posted *posted)
{
	struct peal_webhooks *webhooks = question->gate->webhooks;
	const char *wrong = posted->error ? posted->error : "no memory";
	struct peal_webhook_verdict verdict = { 0 };
	struct peal_piece user;
	bool named = peal_identity_user(question->socket, &user);

	if (posted->status != DENIED &&
	    (posted->error || peal_webhook_verdict_read(posted->body, posted->length, named,
							&verdict, &wrong) != 0)) {
		peal_webhook_nonsense(webhooks, wrong);
		refuse_unclear(question);
	} else {
		peal_webhook_sense(webhooks);
		if (verdict.allow && has_left(question))
			forget(question);
		else
			decide(question, &verdict);
	}
	peal_webhook_verdict_deinit(&verdict);
}

static void on_answer(const struct peal_posted *posted, void *userdata)
{
	struct peal_webhook_question *question = userdata;
	struct peal_webhooks *webhooks = question->gate->webhooks;
	uint64_t now_ms = peal_clock_ms();

	TAILQ_REMOVE(&webhooks->asked, question, link);
	webhooks->asked_count--;
	if (posted->status && !is_away(posted))
		webhooks->connect_failures = 0;
	switch (peal_webhook_judge(webhooks, posted, DENIED)) {
	case WEBHOOK_OK:
		read_verdict(question, posted);
		break;
	case WEBHOOK_REFUSED:
		refuse_unclear(question);
		break;
	default:
		ask_again(question, posted, now_ms);
	}
	ask_next(webhooks, now_ms);
}

static int send(struct peal_webhook_question *question, uint64_t now_ms)
{
	struct peal_webhook_body body;
	int r = peal_webhook_begin(&body, "connect");

	if (r != 0)
		return r;
	fwrite(question->json, 1, question->length, body.stream);
	return peal_webhook_send(question->gate->webhooks, &body, question->id,
				 (unsigned)(question->deadline_ms - now_ms), on_answer, question);
}

/* The next one that may be asked now. */
static struct peal_webhook_question *find_next(const struct peal_webhooks *webhooks,
					       uint64_t now_ms)
{
	const struct peal_webhook_questions *lists = webhooks->questions;
	struct peal_webhook_question *question = TAILQ_FIRST(&lists[0]);

	if (webhooks->asked_count >= webhooks->settings.connections ||
	    (webhooks->connect_failures &&
	     (webhooks->asked_count || now_ms < webhooks->connect_not_before_ms)))
		return NULL;
	if (question && now_ms + webhooks->settings.timeout_ms / 2 > question->deadline_ms)
		question = TAILQ_LAST(&lists[0], peal_webhook_questions);
	for (size_t i = 1; !question && i <= PEAL_WEBHOOK_FAILURES; i++) {
		question = TAILQ_FIRST(&lists[i]);
		if (question && now_ms < question->not_before_ms)
			question = NULL;
	}
	return question;
}

/* Who has left, or has waited for too long. */
static void expire(struct peal_webhooks *webhooks, struct peal_webhook_questions *list,
		   uint64_t now_ms)
{
	struct peal_webhook_question *question, *next;

	for (question = TAILQ_FIRST(list); question; question = next) {
		bool late = question->next && now_ms >= question->deadline_ms;

		next = TAILQ_NEXT(question, link);
		if (!late && !has_left(question))
			continue;
		TAILQ_REMOVE(list, question, link);
		if (has_left(question)) {
			forget(question);
		} else {
			peal_complain(&webhooks->complaint, "there was no time to ask");
			give_up(question);
		}
	}
}

static void ask_next(struct peal_webhooks *webhooks, uint64_t now_ms)
{
	struct peal_webhook_question *question;

	while ((question = find_next(webhooks, now_ms))) {
		TAILQ_REMOVE(list_of(question), question, link);
		if (has_left(question)) {
			forget(question);
			continue;
		}
		if (now_ms >= question->deadline_ms || send(question, now_ms) != 0) {
			give_up(question);
			continue;
		}
		question->sent = true;
		TAILQ_INSERT_TAIL(&webhooks->asked, question, link);
		webhooks->asked_count++;
	}
}

void peal_webhook_connect_tick(struct peal_webhooks *webhooks, uint64_t now_ms)
{
	for (size_t i = 0; i <= PEAL_WEBHOOK_FAILURES; i++)
		expire(webhooks, &webhooks->questions[i], now_ms);
	expire(webhooks, &webhooks->accepted, now_ms);
	ask_next(webhooks, now_ms);
}

/* --- clients --------------------------------------------------------------------------------- */

/* Return: NULL, or why it cannot be asked. Who fills the queue must not get in by that, so the
 * policy is for those who were in it. */
static const char *find_refusal(struct peal_webhook_question *question)
{
	struct peal_webhooks *webhooks = question->gate->webhooks;

	if (describe(question) != 0) {
		question->length = 0;
		return DATA("internal");
	}
	webhooks->question_bytes += question->length;
	if (question->length > QUESTION_BYTES)
		return DATA("too_large");
	if (webhooks->question_bytes <= webhooks->settings.queue_bytes)
		return NULL;
	peal_complain(&webhooks->complaint, "too many clients wait for an answer");
	return DATA("unavailable");
}

static void on_connect(struct peal_socket *socket, struct peal_next *next, void *userdata)
{
	struct peal_webhook_gate *gate = userdata;
	struct peal_webhooks *webhooks = gate->webhooks;
	struct peal_webhook_question *question;
	uint64_t now_ms = peal_clock_ms();
	const char *refusal;

	if (!peal_webhook_space(&webhooks->settings.connects, gate->space)) {
		peal_next_accept(next);
		return;
	}
	question = calloc(1, sizeof(*question));
	if (!question) {
		webhooks->connects[WEBHOOK_UNAVAILABLE]++;
		peal_next_refuse(next, UNAUTHORIZED, DATA("internal"));
		return;
	}
	question->gate = gate;
	question->socket = peal_socket_ref(socket);
	question->next = next;
	question->deadline_ms = now_ms + webhooks->settings.timeout_ms;
	peal_event_id(&webhooks->ids, question->id);
	webhooks->question_bytes += sizeof(*question);
	webhooks->question_count++;
	peal_webhook_arm(webhooks);
	refusal = find_refusal(question);
	if (refusal) {
		count(question, WEBHOOK_UNAVAILABLE);
		refuse(question, UNAUTHORIZED, refusal);
		return;
	}
	TAILQ_INSERT_TAIL(list_of(question), question, link);
	ask_next(webhooks, now_ms);
}

/* In the order in which they were accepted, so that it is one of the first. */
static void on_connection(struct peal_socket *socket, void *userdata)
{
	const struct peal_webhook_gate *gate = userdata;
	struct peal_webhook_questions *accepted = &gate->webhooks->accepted;
	struct peal_webhook_question *question;

	question = TAILQ_FIRST(accepted);
	while (question && question->socket != socket)
		question = TAILQ_NEXT(question, link);
	if (!question)
		return;
	TAILQ_REMOVE(accepted, question, link);
	count(question, question->outcome);
	question_free(question);
}

int peal_webhook_connect_attach(struct peal_webhook_gate *gate, struct peal_namespace *ns)
{
	int r = peal_use(ns, on_connect, gate);

	return r == 0 ? peal_on_connection(ns, on_connection, gate) : r;
}

void peal_webhook_connect_init(struct peal_webhooks *webhooks)
{
	for (size_t i = 0; i <= PEAL_WEBHOOK_FAILURES; i++)
		TAILQ_INIT(&webhooks->questions[i]);
	TAILQ_INIT(&webhooks->asked);
	TAILQ_INIT(&webhooks->accepted);
}

/* The node has taken back the right to decide. */
static void drop_all(struct peal_webhook_questions *list)
{
	struct peal_webhook_question *question;

	while ((question = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, question, link);
		question_free(question);
	}
}

void peal_webhook_connect_deinit(struct peal_webhooks *webhooks)
{
	for (size_t i = 0; i <= PEAL_WEBHOOK_FAILURES; i++)
		drop_all(&webhooks->questions[i]);
	drop_all(&webhooks->asked);
	drop_all(&webhooks->accepted);
}
