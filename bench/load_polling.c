/*
 * Engine.IO by long polling, over one keep-alive connection for each client: a GET is always on its
 * way, and the packets that a client has to send go out in a POST between two of them. The packets
 * of an answer are taken as they come, each as soon as its end is there.
 */
#include "load_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define SEPARATOR '\x1e'
#define OUT_BYTES 2048 /* of packets that wait for the next POST */

struct load_session {
	char id[65];
	bool posting, in_body;
	size_t body; /* bytes of the answer's body that have not been taken */
	size_t out_length;
	char out[OUT_BYTES];
};

static void send_request(struct load_client *client, const char *request, int length)
{
	if (send(client->fd, request, (size_t)length, MSG_NOSIGNAL) != length)
		load_fail("client %zu cannot send: %s", client->number, strerror(errno));
}

static void send_get(struct load_client *client)
{
	const struct load_session *session = client->session;
	char request[256];

	send_request(client, request,
		     snprintf(request, sizeof(request),
			      "GET /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\n"
			      "Host: localhost\r\n\r\n",
			      *session->id ? "&sid=" : "", session->id));
}

static void send_post(struct load_client *client)
{
	struct load_session *session = client->session;
	char request[OUT_BYTES + 256];

	send_request(client, request,
		     snprintf(request, sizeof(request),
			      "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\n"
			      "Host: localhost\r\nContent-Type: text/plain;charset=UTF-8\r\n"
			      "Content-Length: %zu\r\n\r\n%.*s",
			      session->id, session->out_length, (int)session->out_length,
			      session->out));
	session->out_length = 0;
	session->posting = true;
}

static void open_session(struct load_worker *worker, struct load_client *client)
{
	(void)worker;
	client->session = calloc(1, sizeof(*client->session));
	if (!client->session)
		load_fail("no memory");
	client->stage = LOAD_OPENING;
	send_get(client);
}

/* Packets are sent only in answer to others, so the end of an answer follows, and sends them. */
static void queue_packet(struct load_worker *worker, struct load_client *client, const char *text)
{
	struct load_session *session = client->session;
	size_t length = strlen(text);

	(void)worker;
	if (session->out_length + length + 1 > sizeof(session->out))
		load_fail("client %zu has too much to send", client->number);
	if (session->out_length)
		session->out[session->out_length++] = SEPARATOR;
	memcpy(session->out + session->out_length, text, length);
	session->out_length += length;
}

/* An attachment comes as a text too, in base64. */
static void on_packet(struct load_worker *worker, struct load_client *client, const char *text,
		      size_t length, uint64_t now)
{
	struct load_session *session = client->session;
	const char *id = memmem(text, length, "\"sid\":\"", 7);

	if (client->stage == LOAD_OPENING && (!id || sscanf(id + 7, "%64[^\"]", session->id) != 1))
		load_fail("client %zu got no session", client->number);
	load_client_text(worker, client, text, length, now);
}

static void on_answered(struct load_client *client)
{
	struct load_session *session = client->session;

	session->in_body = false;
	session->posting = false;
	if (session->out_length)
		send_post(client);
	else
		send_get(client);
}

static size_t take_head(struct load_client *client, const char *bytes, size_t length)
{
	struct load_session *session = client->session;
	const char *end = memmem(bytes, length, "\r\n\r\n", 4);
	const char *size = NULL;

	if (!end)
		return 0;
	if (memcmp(bytes, "HTTP/1.1 200", 12) != 0)
		load_fail("client %zu was refused: %.12s", client->number, bytes);
	for (const char *line = bytes; line < end && !size;) {
		line = (const char *)memchr(line, '\n', (size_t)(end + 2 - line)) + 1;
		if (!strncasecmp(line, "content-length:", 15))
			size = line + 15;
	}
	if (!size)
		load_fail("client %zu got an answer without its length", client->number);
	session->body = strtoull(size, NULL, 10);
	session->in_body = true;
	if (!session->body)
		on_answered(client);
	return (size_t)(end + 4 - bytes);
}

static size_t take(struct load_worker *worker, struct load_client *client, char *bytes,
		   size_t length, uint64_t now)
{
	struct load_session *session = client->session;
	size_t here, size;
	char *separator;

	if (!session->in_body)
		return take_head(client, bytes, length);
	here = length < session->body ? length : session->body;
	separator = session->posting ? NULL : memchr(bytes, SEPARATOR, here);
	if (!separator && here < session->body)
		return 0;
	size = separator ? (size_t)(separator - bytes) : here;
	if (!session->posting)
		on_packet(worker, client, bytes, size, now);
	size += separator != NULL;
	session->body -= size;
	if (!session->body)
		on_answered(client);
	return size;
}

const struct load_transport load_polling = {
	.open = open_session,
	.take = take,
	.send = queue_packet,
};
