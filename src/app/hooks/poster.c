/*
 * POST requests by libcurl, on the loop of the node.
 *
 * libcurl says which sockets and which time it waits for, and is told when they are due. Names are
 * looked up by a thread of its own.
 */
#include "poster.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <peal/peal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of an answer. Acknowledgements of a whole batch fit. */
#define ANSWER_CEILING (1u << 20)
#define CONNECT_TIMEOUT_MS 5000
#define RETRY_AFTER_MOST_SECONDS 86400

struct peal_poster {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
	struct request *requests;
};

struct request {
	struct request *next, **link;
	CURL *curl;
	struct curl_slist *headers;
	char *body, *answer;
	size_t length; /* of the answer */
	bool too_long;
	char message[CURL_ERROR_SIZE];
	peal_posted_fn *fn;
	void *userdata;
};

/* --- one request ----------------------------------------------------------------------------- */

static void request_free(struct peal_poster *poster, struct request *request)
{
	if (request->link) {
		*request->link = request->next;
		if (request->next)
			request->next->link = request->link;
		curl_multi_remove_handle(poster->multi, request->curl);
	}
	curl_easy_cleanup(request->curl);
	curl_slist_free_all(request->headers);
	free(request->body);
	free(request->answer);
	free(request);
}

static size_t on_data(char *data, size_t size, size_t count, void *userdata)
{
	struct request *request = userdata;
	size_t length = size * count;
	char *longer;

	request->too_long = length > ANSWER_CEILING - request->length;
	if (request->too_long)
		return 0;
	longer = realloc(request->answer, request->length + length + 1);
	if (!longer)
		return 0;
	memcpy(longer + request->length, data, length);
	request->answer = longer;
	request->length += length;
	longer[request->length] = '\0';
	return length;
}

static bool add_header(struct request *request, const char *line)
{
	struct curl_slist *longer = curl_slist_append(request->headers, line);

	if (longer)
		request->headers = longer;
	return longer != NULL;
}

static bool add_headers(struct request *request, const struct peal_post *post)
{
	char agent[64];
	bool good;

	snprintf(agent, sizeof(agent), "User-Agent: peal/%s", peal_version());
	/* Without the last one, libcurl would ask before it sends a long body. */
	good = add_header(request, agent) &&
	       add_header(request, "Content-Type: application/json") &&
	       add_header(request, "Accept: application/json") && add_header(request, "Expect:");
	for (size_t i = 0; good && i < post->header_count; i++)
		good = add_header(request, post->headers[i]);
	return good;
}

/* What is in the file, and nothing else: libcurl has a folder of the system beside it. As it is
 * now: libcurl would keep it for a day. */
static bool trust(CURL *curl, const char *file)
{
	return curl_easy_setopt(curl, CURLOPT_CAINFO, file) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, 0L) == CURLE_OK;
}

static bool set_up(struct request *request, const struct peal_post *post)
{
	CURL *curl = request->curl = curl_easy_init();

	if (!curl || !add_headers(request, post))
		return false;
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	/* Else the end of a request waits for the thread that looks up its name, and with it all
	 * clients, for as long as no name server answers. */
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)post->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->length);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, request->headers);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, request->message);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(curl, CURLOPT_PRIVATE, request);
	if (post->ca && !trust(curl, post->ca))
		return false;
	return curl_easy_setopt(curl, CURLOPT_URL, post->url) == CURLE_OK;
}

int peal_poster_send(struct peal_poster *poster, const struct peal_post *post, peal_posted_fn *fn,
		     void *userdata)
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request) {
		free(post->body);
		return -ENOMEM;
	}
	request->body = post->body;
	request->fn = fn;
	request->userdata = userdata;
	if (!set_up(request, post) ||
	    curl_multi_add_handle(poster->multi, request->curl) != CURLM_OK) {
		request_free(poster, request);
		return -ENOMEM;
	}
	request->next = poster->requests;
	request->link = &poster->requests;
	if (request->next)
		request->next->link = &request->next;
	poster->requests = request;
	return 0;
}

static void finish(struct peal_poster *poster, struct request *request, CURLcode code)
{
	struct peal_posted posted = { .body = "" };
	curl_off_t retry_after = 0;

	/* One that is too long is an answer all the same: another try would bring it again. */
	if (code == CURLE_OK || request->too_long) {
		curl_easy_getinfo(request->curl, CURLINFO_RESPONSE_CODE, &posted.status);
		curl_easy_getinfo(request->curl, CURLINFO_RETRY_AFTER, &retry_after);
		if (retry_after > RETRY_AFTER_MOST_SECONDS)
			retry_after = RETRY_AFTER_MOST_SECONDS;
		if (retry_after > 0)
			posted.retry_after_seconds = (unsigned)retry_after;
	}
	if (request->too_long) {
		posted.error = "it is too long";
	} else if (code != CURLE_OK) {
		posted.error = *request->message ? request->message : curl_easy_strerror(code);
	} else {
		posted.length = request->length;
		if (request->answer)
			posted.body = request->answer;
		if (!posted.status)
			posted.error = "the answer has no status";
	}
	request->fn(&posted, request->userdata);
	request_free(poster, request);
}

/* --- on the loop ----------------------------------------------------------------------------- */

static void collect(struct peal_poster *poster)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(poster->multi, &left))) {
		CURLcode code = message->data.result;
		char *request = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
		finish(poster, (struct request *)(void *)request, code);
	}
}

static void on_socket(evutil_socket_t fd, short events, void *userdata)
{
	struct peal_poster *poster = userdata;
	int what = (events & EV_READ ? CURL_CSELECT_IN : 0) |
		   (events & EV_WRITE ? CURL_CSELECT_OUT : 0);
	int running;

	curl_multi_socket_action(poster->multi, fd, what, &running);
	collect(poster);
}

static void on_timer(evutil_socket_t fd, short events, void *userdata)
{
	struct peal_poster *poster = userdata;
	int running;

	(void)fd, (void)events;
	curl_multi_socket_action(poster->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(poster);
}

/* What libcurl waits for at a socket has changed. */
static int watch(CURL *curl, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
	struct peal_poster *poster = userdata;
	struct event *event = socket_data;
	short events = (short)((what & CURL_POLL_IN ? EV_READ : 0) |
			       (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);

	(void)curl;
	if (event)
		event_free(event);
	event = what == CURL_POLL_REMOVE ? NULL
					 : event_new(poster->base, fd, events, on_socket, poster);
	if (event)
		event_add(event, NULL);
	curl_multi_assign(poster->multi, fd, event);
	/* Without memory for the event the request ends at its timeout. */
	return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *userdata)
{
	struct peal_poster *poster = userdata;
	const struct timeval time = { .tv_sec = timeout_ms / 1000,
				      .tv_usec = timeout_ms % 1000 * 1000 };

	(void)multi;
	if (timeout_ms < 0)
		event_del(poster->timer);
	else
		event_add(poster->timer, &time);
	return 0;
}

int peal_poster_new(struct event_base *base, unsigned connections, struct peal_poster **ret_poster)
{
	struct peal_poster *poster;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	poster = calloc(1, sizeof(*poster));
	if (poster) {
		poster->base = base;
		poster->timer = evtimer_new(base, on_timer, poster);
		poster->multi = curl_multi_init();
	}
	if (!poster || !poster->timer || !poster->multi) {
		if (!poster)
			curl_global_cleanup();
		peal_poster_free(poster);
		return -ENOMEM;
	}
	curl_multi_setopt(poster->multi, CURLMOPT_SOCKETFUNCTION, watch);
	curl_multi_setopt(poster->multi, CURLMOPT_SOCKETDATA, poster);
	curl_multi_setopt(poster->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(poster->multi, CURLMOPT_TIMERDATA, poster);
	curl_multi_setopt(poster->multi, CURLMOPT_MAXCONNECTS, (long)connections);
	*ret_poster = poster;
	return 0;
}

void peal_poster_free(struct peal_poster *poster)
{
	if (!poster)
		return;
	while (poster->requests)
		request_free(poster, poster->requests);
	if (poster->multi)
		curl_multi_cleanup(poster->multi);
	if (poster->timer)
		event_free(poster->timer);
	free(poster);
	curl_global_cleanup();
}
