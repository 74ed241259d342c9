/*
 * The nodes as clients see them, through the balancer: by libcurl, each request on a connection of
 * its own, as if the client's network changed between two of them.
 */
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "doctor_private.h"

#define TIMEOUT_MS 5000
#define BODY_CEILING 65536
/* So many that a balancer with two nodes and no stickiness is found out for sure. */
#define SESSIONS 6
#define REQUESTS 4
/* A node that lets clients in at a rate, all of them or those of an address, says so with a
 * Retry-After of a second: it is asked again.
 */
#define AGAIN_US 200000
#define AGAIN_TIMES 25

struct exchange {
	long status;		/* 0: no answer, and the message says why */
	curl_off_t retry_after; /* seconds; 0: not told */
	char body[BODY_CEILING];
	size_t length;
	char message[CURL_ERROR_SIZE];
};

static size_t on_data(char *data, size_t size, size_t count, void *userdata)
{
	struct exchange *exchange = userdata;
	size_t length = size * count;

	if (length > sizeof(exchange->body) - 1 - exchange->length)
		return 0;
	memcpy(exchange->body + exchange->length, data, length);
	exchange->length += length;
	exchange->body[exchange->length] = '\0';
	return length;
}

static CURL *make_handle(const char *url, struct exchange *exchange)
{
	CURL *curl = curl_easy_init();

	*exchange->body = *exchange->message = '\0';
	exchange->status = 0;
	exchange->retry_after = 0;
	exchange->length = 0;
	if (!curl)
		return NULL;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->message);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
	return curl;
}

/* A GET, or a POST of @body. */
static void request(const char *url, const char *body, struct exchange *exchange)
{
	CURL *curl = make_handle(url, exchange);
	CURLcode code = CURLE_OUT_OF_MEMORY;

	if (curl && body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
	}
	if (curl)
		code = curl_easy_perform(curl);
	if (code == CURLE_OK) {
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &exchange->status);
		curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &exchange->retry_after);
	} else if (!*exchange->message) {
		snprintf(exchange->message, sizeof(exchange->message), "%s",
			 curl_easy_strerror(code));
	}
	curl_easy_cleanup(curl);
}

/* A GET that opens a session. */
static void request_session(const char *url, struct exchange *exchange)
{
	for (unsigned i = 0; i < AGAIN_TIMES; i++) {
		request(url, NULL, exchange);
		if ((exchange->status != 503 && exchange->status != 429) ||
		    exchange->retry_after != 1)
			return;
		usleep(AGAIN_US);
	}
}

/* The URL of a path below the one that was given, with @query behind it. Return: NULL without
 * memory. */
static char *make_url(const struct peal_doctor *doctor, const char *path, const char *query,
		      const char *sid)
{
	size_t length = strlen(doctor->url);
	char *url;

	while (length && doctor->url[length - 1] == '/')
		length--;
	if (asprintf(&url, "%.*s%s%s%s", (int)length, doctor->url, path, query, sid) < 0)
		return NULL;
	return url;
}

static bool offers(const struct peal_doctor *doctor, const char *transport)
{
	const struct peal_settings_list *list = &doctor->settings->transports;

	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->items[i], transport))
			return true;
	return false;
}

/* --- polling --------------------------------------------------------------------------------- */

static bool read_sid(const struct exchange *exchange, char sid[65])
{
	const char *at = strstr(exchange->body, "\"sid\":\"");
	size_t length;

	if (exchange->status != 200 || *exchange->body != '0' || !at)
		return false;
	at += strlen("\"sid\":\"");
	length = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");
	if (!length || length > 64 || at[length] != '"')
		return false;
	memcpy(sid, at, length);
	sid[length] = '\0';
	return true;
}

static void say_limited(struct peal_doctor *doctor, const char *check)
{
	peal_doctor_say(doctor, PEAL_FINDING_FAIL, check,
			"a node takes no more sessions of this address (429): is it that of all "
			"clients, for want of --trusted-proxy, or has it as many as "
			"--address-clients allows?");
}

static void say_unopened(struct peal_doctor *doctor, const char *check,
			 const struct exchange *exchange)
{
	if (!exchange->status)
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, check, "no answer: %s",
				exchange->message);
	else if (exchange->status == 503)
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, check,
				"no node takes new sessions (503): are they started, ready, not "
				"full and not draining?");
	else if (exchange->status == 429)
		say_limited(doctor, check);
	else
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, check,
				"the answer to a new session is a %ld and not from a node: does "
				"the balancer pass %s on?",
				exchange->status, doctor->settings->path);
}

/* Talks over a session that is open. Return: how many of its requests went astray. */
static unsigned talk(struct peal_doctor *doctor, const char *sid, struct exchange *exchange)
{
	static const char query[] = "?EIO=4&transport=polling&sid=";
	char *url = make_url(doctor, doctor->settings->path, query, sid);
	unsigned astray = 0;

	/* Joining a namespace again would end the session; a pong never does. */
	for (unsigned i = 0; url && i < REQUESTS; i++) {
		request(url, "3", exchange);
		astray += exchange->status != 200;
	}
	if (url)
		request(url, "1", exchange);
	free(url);
	return astray;
}

static void check_polling(struct peal_doctor *doctor, struct exchange *exchange)
{
	char *url = make_url(doctor, doctor->settings->path, "?EIO=4&transport=polling", "");
	unsigned astray = 0;
	char sid[65];

	for (unsigned i = 0; url && i < SESSIONS; i++) {
		request_session(url, exchange);
		if (!read_sid(exchange, sid)) {
			say_unopened(doctor, "polling", exchange);
			free(url);
			return;
		}
		astray += talk(doctor, sid, exchange);
	}
	free(url);
	if (astray)
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, "polling",
				"%u of %u requests did not reach the node of their session: give "
				"each node its --sid-prefix and route by it (deploy/nginx.conf, "
				"deploy/haproxy.cfg), or let clients use WebSocket only",
				astray, SESSIONS * REQUESTS);
	else
		peal_doctor_say(doctor, PEAL_FINDING_OK, "polling",
				"%d sessions, and all their requests reached their nodes",
				SESSIONS);
}

/* --- WebSocket ------------------------------------------------------------------------------- */

/* What the answer to this key must have in it. */
static void accept_of(const char *key, char accept[32])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	char text[128];

	*accept = '\0';
	snprintf(text, sizeof(text), "%s%s", key, guid);
	if (EVP_Digest(text, strlen(text), digest, &size, EVP_sha1(), NULL) == 1 && size == 20)
		EVP_EncodeBlock((unsigned char *)accept, digest, 20);
}

static bool wait_for(CURL *curl, short events)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	struct pollfd wait = { .events = events };

	curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd);
	wait.fd = fd;
	return fd != CURL_SOCKET_BAD && poll(&wait, 1, TIMEOUT_MS) == 1;
}

/* Sends the head of an upgrade and reads until the open packet of Engine.IO has come. */
static bool converse(CURL *curl, const char *head, struct exchange *exchange)
{
	size_t length = strlen(head), sent = 0, n;

	while (sent < length) {
		CURLcode code = curl_easy_send(curl, head + sent, length - sent, &n);

		if (code == CURLE_OK)
			sent += n;
		else if (code != CURLE_AGAIN || !wait_for(curl, POLLOUT))
			return false;
	}
	while (exchange->length < sizeof(exchange->body) - 1) {
		CURLcode code = curl_easy_recv(curl, exchange->body + exchange->length,
					       sizeof(exchange->body) - 1 - exchange->length, &n);

		if (code == CURLE_AGAIN && wait_for(curl, POLLIN))
			continue;
		if (code != CURLE_OK || !n)
			break;
		exchange->length += n;
		exchange->body[exchange->length] = '\0';
		if (memmem(exchange->body, exchange->length, "0{\"sid\":\"", 9))
			break;
	}
	return exchange->length != 0;
}

static char *make_head(const char *url, const char *key)
{
	CURLU *parts = curl_url();
	char *host = NULL, *port = NULL, *path = NULL, *query = NULL, *head = NULL;

	if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_PATH, &path, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_QUERY, &query, 0) == CURLUE_OK) {
		(void)curl_url_get(parts, CURLUPART_PORT, &port, 0);
		if (asprintf(&head,
			     "GET %s?%s HTTP/1.1\r\nHost: %s%s%s\r\nConnection: Upgrade\r\n"
			     "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
			     "Sec-WebSocket-Key: %s\r\n\r\n",
			     path, query, host, port ? ":" : "", port ? port : "", key) < 0)
			head = NULL;
	}
	curl_free(host);
	curl_free(port);
	curl_free(path);
	curl_free(query);
	curl_url_cleanup(parts);
	return head;
}

/* Of an answer whose head is in the body as well. */
static bool is_status(const struct exchange *exchange, const char *status)
{
	return !strncmp(exchange->body, "HTTP/1.1 ", 9) &&
	       !strncmp(exchange->body + 9, status, 3) && exchange->body[12] == ' ';
}

static void judge_websocket(struct peal_doctor *doctor, const char *accept,
			    const struct exchange *exchange)
{
	bool switched = is_status(exchange, "101");

	if (switched && strcasestr(exchange->body, accept) &&
	    memmem(exchange->body, exchange->length, "0{\"sid\":\"", 9))
		peal_doctor_say(doctor, PEAL_FINDING_OK, "websocket", "passes");
	else if (switched)
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, "websocket",
				"the upgrade is answered, but not by a node");
	else if (!exchange->length)
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, "websocket", "no answer%s%s",
				*exchange->message ? ": " : "", exchange->message);
	else if (is_status(exchange, "429"))
		say_limited(doctor, "websocket");
	else
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, "websocket",
				"the upgrade is answered with \"%.*s\": the balancer must pass "
				"the headers Upgrade and Connection on, over HTTP/1.1",
				(int)strcspn(exchange->body, "\r\n"), exchange->body);
}

/* Return: whether a node has refused it for now, because of its rate. */
static bool try_websocket(const char *url, const char *key, struct exchange *exchange)
{
	CURL *curl = make_handle(url, exchange);
	char *head = NULL;

	if (curl) {
		head = make_head(url, key);
		curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
		if (head && curl_easy_perform(curl) == CURLE_OK)
			(void)converse(curl, head, exchange);
	}
	curl_easy_cleanup(curl);
	free(head);
	return (is_status(exchange, "503") || is_status(exchange, "429")) &&
	       strcasestr(exchange->body, "\r\nRetry-After: 1\r\n");
}

static void check_websocket(struct peal_doctor *doctor, struct exchange *exchange)
{
	char *url = make_url(doctor, doctor->settings->path, "?EIO=4&transport=websocket", "");
	unsigned char bytes[16] = { 0 };
	char key[32], accept[32];

	(void)RAND_bytes(bytes, sizeof(bytes));
	EVP_EncodeBlock((unsigned char *)key, bytes, sizeof(bytes));
	accept_of(key, accept);
	for (unsigned i = 0; url && i < AGAIN_TIMES && try_websocket(url, key, exchange); i++)
		usleep(AGAIN_US);
	judge_websocket(doctor, accept, exchange);
	free(url);
}

/* --- what must stay inside -------------------------------------------------------------------- */

static void check_inside(struct peal_doctor *doctor, struct exchange *exchange)
{
	static const char *const paths[] = { "/metrics", "/api/nodes" };
	const char *found[2] = { "", "" };
	size_t count = 0;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		char *url = make_url(doctor, paths[i], "", "");

		if (url)
			request(url, NULL, exchange);
		if (url && (strstr(exchange->body, "peal_build_info") ||
			    (exchange->status == 401 &&
			     strstr(exchange->body, "\"code\":\"unauthorized\""))))
			found[count++] = paths[i];
		free(url);
	}
	if (count)
		peal_doctor_say(doctor, PEAL_FINDING_WARN, "inside",
				"%s%s%s can be reached from where the clients are: let the "
				"balancer pass only %s on, or use --internal-listen",
				found[0], count > 1 ? " and " : "", found[1],
				doctor->settings->path);
	else
		peal_doctor_say(doctor, PEAL_FINDING_OK, "inside",
				"the HTTP API and the metrics cannot be reached from where the "
				"clients are");
}

void peal_doctor_balancer(struct peal_doctor *doctor)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, "doctor", "no memory");
		free(exchange);
		return;
	}
	if (offers(doctor, "polling"))
		check_polling(doctor, exchange);
	if (offers(doctor, "websocket"))
		check_websocket(doctor, exchange);
	check_inside(doctor, exchange);
	free(exchange);
	curl_global_cleanup();
}
