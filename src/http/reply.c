/*
 * Answers of the application to requests for its routes.
 *
 * An answer may tell somebody that a socket has joined a room, who then emits to that room at
 * another node. So it waits until the subscriptions that were asked for before it are in force: a
 * copy of it does, at most for as long as the barrier lets anybody wait. The client may leave
 * meanwhile.
 */
#include <peal/http.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/private.h"

struct waiting {
	struct peal_list link; /* in the server */
	struct peal_barrier_waiter waiter;
	struct peal_http_request *request;
	unsigned status;
	size_t header_count, size, length;
	const char *body;
	struct peal_header headers[]; /* behind them: their texts, then the body */
};

/* Those that are ours to write. */
static bool is_reserved(const char *name)
{
	static const char *const names[] = { "connection", "content-length",	"date",
					     "keep-alive", "transfer-encoding", NULL };
	for (size_t i = 0; names[i]; i++) {
		if (strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static void reply_now(struct peal_http_request *request, unsigned status,
		      const struct peal_header *headers, size_t header_count, const void *body,
		      size_t length)
{
	if (!request->connection) {
		peal_list_unlink(&request->orphan);
		peal_http_request_free(request);
		return;
	}
	bool valid = status >= 200 && status <= 599;
	for (size_t i = 0; valid && i < header_count; i++) {
		if (is_reserved(headers[i].name))
			continue;
		valid = peal_http_request_add_header(request, headers[i].name, headers[i].value) ==
			0;
	}
	/* An answer without one of its headers is not the answer that was meant. */
	if (valid)
		peal_http_request_respond(request, status, NULL, body, length, false);
	else
		peal_http_request_respond(request, 500, NULL, NULL, 0, false);
}

static void send_waiting(struct waiting *waiting)
{
	peal_list_unlink(&waiting->link);
	peal_barrier_cancel(&waiting->waiter);
	waiting->request->server->waiting_bytes -= waiting->size;
	reply_now(waiting->request, waiting->status, waiting->headers, waiting->header_count,
		  waiting->body, waiting->length);
	free(waiting);
}

static void on_reached(struct peal_barrier_waiter *waiter)
{
	send_waiting(peal_container(waiter, struct waiting, waiter));
}

/* NULL without memory, or when too much waits already. */
static struct waiting *copy(const struct peal_http_server *server,
			    const struct peal_header *headers, size_t header_count,
			    const void *body, size_t length)
{
	size_t size = sizeof(struct waiting) + header_count * sizeof(struct peal_header);
	size_t texts = size;
	for (size_t i = 0; i < header_count; i++)
		size += strlen(headers[i].name) + strlen(headers[i].value) + 2;
	if (length > PEAL_LIMIT_HTTP_WAITING_BYTES ||
	    size + length > PEAL_LIMIT_HTTP_WAITING_BYTES - server->waiting_bytes)
		return NULL;
	struct waiting *waiting = calloc(1, size + length);
	if (!waiting)
		return NULL;
	char *at = (char *)waiting + texts;
	for (size_t i = 0; i < header_count; i++) {
		waiting->headers[i].name = at;
		at = stpcpy(at, headers[i].name) + 1;
		waiting->headers[i].value = at;
		at = stpcpy(at, headers[i].value) + 1;
	}
	waiting->header_count = header_count;
	waiting->body = length ? memcpy(at, body, length) : NULL;
	waiting->length = length;
	waiting->size = size + length;
	return waiting;
}

void peal_http_reply(struct peal_http_request *request, unsigned status,
		     const struct peal_header *headers, size_t header_count, const void *body,
		     size_t length)
{
	struct peal_http_server *server = request->server;
	struct peal_barrier *barrier = request->connection ? server->barrier : NULL;
	struct waiting *waiting = NULL;
	if (barrier && !peal_barrier_reached(barrier, barrier->issued))
		waiting = copy(server, headers, header_count, body, length);
	if (!waiting) {
		reply_now(request, status, headers, header_count, body, length);
		return;
	}
	waiting->request = request;
	waiting->status = status;
	waiting->waiter.fn = on_reached;
	server->waiting_bytes += waiting->size;
	peal_list_append(&server->waiting, &waiting->link);
	peal_barrier_wait(barrier, &waiting->waiter, barrier->issued);
}

void peal_http_replies_end(struct peal_http_server *server)
{
	struct peal_list *link;
	while ((link = peal_list_first(&server->waiting)))
		send_waiting(peal_container(link, struct waiting, link));
}
