#include "transport/websocket_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"

/* --- ending a connection ------------------------------------------------------------------- */

void peal_websocket_tell_ended(struct peal_websocket *websocket, enum peal_websocket_end how,
			       const char *description)
{
	const struct peal_websocket_handler *handler = websocket->handler;
	websocket->handler = NULL;
	peal_deadline_disarm(&websocket->deadline);
	if (handler)
		handler->ended(websocket, how, description);
}

static void kill_later(struct peal_websocket *websocket)
{
	struct peal_websockets *owner = websocket->owner;
	lws_set_timeout(websocket->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	lws_cancel_service(owner->context);
	peal_uv_bridge_kick(owner->bridge);
}

void peal_websocket_cut(struct peal_websocket *websocket)
{
	websocket->handler = NULL;
	peal_deadline_disarm(&websocket->deadline);
	if (websocket->cut)
		return;
	websocket->cut = true;
	kill_later(websocket);
}

void peal_websocket_close(struct peal_websocket *websocket)
{
	static const unsigned char close_frame[] = { 0x88, 0x00 };
	websocket->handler = NULL;
	if (websocket->cut || websocket->closing)
		return;
	websocket->closing = true;
	if (!peal_websocket_write(websocket, close_frame, sizeof(close_frame))) {
		peal_websocket_cut(websocket);
		return;
	}
	peal_deadline_disarm(&websocket->deadline);
	peal_deadline_arm(&websocket->owner->close_due, &websocket->deadline);
}

static void on_close_due(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	(void)deadlines;
	peal_websocket_cut(peal_container(deadline, struct peal_websocket, deadline));
}

/* --- writing ------------------------------------------------------------------------------- */

/* Through libwebsockets, which keeps what the kernel does not take. */
static bool write_library(struct peal_websocket *websocket, const char *bytes, size_t length)
{
	if (lws_write(websocket->wsi, (unsigned char *)(uintptr_t)bytes, length, LWS_WRITE_HTTP) <
	    0)
		return false;
	if (lws_partial_buffered(websocket->wsi)) {
		websocket->owner->stats->writes_partial++;
		websocket->choked = true;
		lws_callback_on_writable(websocket->wsi);
		peal_uv_bridge_kick(websocket->owner->bridge);
	}
	return true;
}

#ifdef PEAL_DIRECT_WRITE
/* send() has returned @n, which is not all. Apart, so that the common case stays short. */
static __attribute__((noinline)) bool write_rest(struct peal_websocket *websocket,
						 const char *bytes, size_t length, ssize_t n)
{
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		return false;
	size_t sent = n > 0 ? (size_t)n : 0;
	return write_library(websocket, bytes + sent, length - sent);
}
#endif

/*
 * The one place that writes. LWS_WRITE_HTTP on a WebSocket connection sends bytes as they are.
 * libwebsockets promises nothing about writes outside of WRITEABLE; the self-test
 * (websocket_proof.c) proves what is relied on: everything is sent or kept in order.
 */
bool peal_websocket_write(struct peal_websocket *websocket, const void *bytes, size_t length)
{
	struct peal_stats *stats = websocket->owner->stats;
	if (websocket->cut)
		return false;
	stats->writes++;
	stats->bytes_written += length;
#ifdef PEAL_DIRECT_WRITE
	if (!websocket->choked) {
		ssize_t n = send(websocket->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		return n == (ssize_t)length || write_rest(websocket, bytes, length, n);
	}
#endif
	return write_library(websocket, bytes, length);
}

bool peal_websocket_ready(struct peal_websocket *websocket)
{
	if (websocket->choked)
		return false;
#ifndef PEAL_DIRECT_WRITE
	/* The careful way: only inside of the WRITEABLE callback. */
	if (!websocket->in_writeable) {
		websocket->choked = true;
		lws_callback_on_writable(websocket->wsi);
		peal_uv_bridge_kick(websocket->owner->bridge);
		return false;
	}
#endif
	return true;
}

/* --- reading ------------------------------------------------------------------------------- */

static int add_headers(struct peal_websockets *websockets, struct lws *wsi,
		       struct lws_process_html_args *args)
{
	size_t length = websockets->adopting_headers ? strlen(websockets->adopting_headers) : 0;
	(void)wsi;
	if (!length)
		return 0;
	if ((size_t)args->max_len <= length)
		return -1;
	memcpy(args->p, websockets->adopting_headers, length);
	args->p += length;
	args->max_len -= (int)length;
	return 0;
}

static void destroy(struct peal_websocket *websocket)
{
	peal_websocket_tell_ended(websocket, PEAL_WEBSOCKET_CLOSED, NULL);
	peal_websocket_forget_message(websocket);
	peal_list_unlink(&websocket->link);
	websocket->owner->count--;
	websocket->owner->stats->websocket_connections--;
	if (websocket->owner->adopting == websocket)
		websocket->owner->adopting = NULL;
	free(websocket);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		    size_t length)
{
	struct peal_websocket *websocket = lws_get_opaque_user_data(wsi);
	struct peal_websockets *websockets;
	(void)user;
	switch (reason) {
	case LWS_CALLBACK_ADD_HEADERS:
		websockets = lws_context_user(lws_get_context(wsi));
		return add_headers(websockets, wsi, in);
	case LWS_CALLBACK_ESTABLISHED:
		websockets = lws_context_user(lws_get_context(wsi));
		websocket = websockets->adopting;
		if (!websocket)
			return -1;
		websocket->wsi = wsi;
		peal_list_append(&websockets->connections, &websocket->link);
		websockets->count++;
		websockets->stats->websocket_connections++;
		lws_set_opaque_user_data(wsi, websocket);
		return 0;
	default:
		break;
	}
	if (!websocket)
		return 0;
	peal_loop_enter(websocket->owner->loop);
	switch (reason) {
	case LWS_CALLBACK_RECEIVE:
		return peal_websocket_receive(websocket, in, length);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		if (websocket->cut)
			return -1;
		if (!websocket->choked || lws_partial_buffered(wsi))
			return 0;
		websocket->choked = false;
		websocket->in_writeable = true;
		if (websocket->handler)
			websocket->handler->writable(websocket);
		websocket->in_writeable = false;
		return websocket->cut ? -1 : 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		/* Our close frame was sent already: this is the echo, and another one would be
		 * wrong. */
		if (websocket->closing || websocket->cut)
			return -1;
		peal_websocket_tell_ended(websocket, PEAL_WEBSOCKET_CLOSED, NULL);
		return 0;
	case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
		/* A code is set when libwebsockets itself found a frame that breaks the protocol.
		 */
		if (lws_get_close_length(wsi) > 0)
			peal_websocket_tell_ended(websocket, PEAL_WEBSOCKET_VIOLATION,
						  "invalid frame");
		/* fall through */
	case LWS_CALLBACK_CLOSED:
		peal_websocket_tell_ended(websocket, PEAL_WEBSOCKET_CLOSED, NULL);
		websocket->cut = true;
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		destroy(websocket);
		return 0;
	default:
		return 0;
	}
}

/* A Sec-WebSocket-Key: 16 bytes in base64. */
#define KEY_BYTES 24

/* --- adopting ------------------------------------------------------------------------------ */

struct peal_websocket *peal_websocket_adopt(struct peal_websockets *websockets, int fd,
					    const char *key, const char *headers,
					    size_t max_message,
					    const struct peal_websocket_handler *handler,
					    void *context)
{
	/*
	 * A canonical request of our own: no header of the client ever reaches libwebsockets. It
	 * reads byte for byte, so there are no more of them than it needs.
	 */
	static const char head[] = "GET / HTTP/1.1\r\nHost:-\r\nUpgrade:websocket\r\n"
				   "Connection:upgrade\r\nSec-WebSocket-Version:13\r\n"
				   "Sec-WebSocket-Key:";
	char request[sizeof(head) + KEY_BYTES + 4];
	size_t key_length = strlen(key), length = sizeof(head) - 1;
	struct peal_websocket *websocket = calloc(1, sizeof(*websocket));
	if (!websocket || key_length > KEY_BYTES) {
		free(websocket);
		close(fd);
		return NULL;
	}
	memcpy(request, head, length);
	memcpy(request + length, key, key_length);
	memcpy(request + length + key_length, "\r\n\r\n", 4);
	length += key_length + 4;
	websocket->owner = websockets;
	websocket->fd = fd;
	websocket->max_message = max_message;
	websockets->adopting = websocket;
	websockets->adopting_headers = headers;
	/* 4.1 prints a line at error level for each adopted socket, although all is well; to put it
	 * together takes longer than to read the request. */
	lws_set_log_level(0, NULL);
	struct lws *wsi = lws_adopt_socket_vhost_readbuf(websockets->vhost, fd, request, length);
	lws_set_log_level(LLL_ERR, NULL);
	bool destroyed = !websockets->adopting;
	websockets->adopting = NULL;
	websockets->adopting_headers = NULL;
	peal_uv_bridge_kick(websockets->bridge);
	if (destroyed || !wsi || !websocket->wsi)
		peal_log(websockets->log, PEAL_LOG_INFO, "a WebSocket could not be opened",
			 PEAL_FIELD_INT("fd", fd));
	if (destroyed)
		return NULL;
	if (!wsi || !websocket->wsi) {
		/* libwebsockets has closed the descriptor; without ESTABLISHED nothing refers to
		 * us. */
		if (websocket->wsi)
			destroy(websocket);
		else
			free(websocket);
		return NULL;
	}
	websocket->choked = lws_partial_buffered(wsi);
	websocket->handler = handler;
	websocket->context = context;
	return websocket;
}

/* --- the context --------------------------------------------------------------------------- */

static void on_lws_log(int level, const char *line)
{
	char copy[1024];
	const char *text = copy;
	(void)level;
	snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(line, "\n"), line);
	/* libwebsockets has one log for the process and no place for a pointer to ours. */
	peal_log_record(&(const struct peal_log){ .level = PEAL_LOG_ERROR }, PEAL_LOG_ERROR,
			"libwebsockets",
			(const struct peal_log_field[]){ PEAL_FIELD_TEXT("line", text), { 0 } });
}

/* What libwebsockets puts heads together in, and reads into: LWS_PRE bytes more than it was told,
 * if they fit. */
static unsigned serv_buf_bytes(size_t read_bytes)
{
	return read_bytes + LWS_PRE > 20480 ? (unsigned)read_bytes + LWS_PRE : 20480;
}

int peal_websockets_new(struct peal_loop *loop, size_t read_bytes, struct peal_stats *stats,
			const struct peal_log *log, struct peal_websockets **ret_websockets)
{
	/* All zero: libwebsockets keeps a sorted list of timers otherwise, with an insertion that
	 * looks at every connection. */
	static const lws_retry_bo_t no_keep_alive = { 0 };
	struct peal_websockets *websockets = calloc(1, sizeof(*websockets));
	if (!websockets)
		return -ENOMEM;
	websockets->loop = loop;
	websockets->stats = stats;
	websockets->log = log;
	peal_list_init(&websockets->connections);
	peal_list_init(&websockets->read_on);
	peal_deadlines_init(&websockets->close_due, loop, PEAL_LIMIT_WEBSOCKET_CLOSE_MS, false,
			    on_close_due);
	int r = peal_uv_bridge_new(loop, &websockets->bridge);
	if (r < 0) {
		peal_websockets_free(websockets);
		return r;
	}
	peal_uv_bridge_go_on(websockets->bridge, peal_websockets_read_on, websockets);
	lws_set_log_level(LLL_ERR, on_lws_log);
	websockets->protocols[0] = (struct lws_protocols){
		.name = "peal",
		.callback = on_event,
		.per_session_data_size = sizeof(void *),
		.rx_buffer_size = read_bytes,
		.tx_packet_size = PEAL_LIMIT_JOIN_BYTES,
	};
	websockets->foreign_loops[0] = peal_uv_bridge_uv(websockets->bridge);
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.protocols = websockets->protocols,
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			   LWS_SERVER_OPTION_DISABLE_IPV6,
		.foreign_loops = websockets->foreign_loops,
		.pcontext = &websockets->context,
		.user = websockets,
		.pt_serv_buf_size = serv_buf_bytes(read_bytes),
		.retry_and_idle_policy = &no_keep_alive,
		.gid = -1,
		.uid = -1,
		.alpn = "http/1.1",
	};
	websockets->context = lws_create_context(&info);
	if (websockets->context)
		websockets->vhost = lws_create_vhost(websockets->context, &info);
	const char *failure = websockets->vhost
				      ? peal_websockets_prove(websockets)
				      : "no context; is libwebsockets-evlib-uv installed?";
	if (failure) {
		peal_log(log, PEAL_LOG_ERROR, "libwebsockets cannot be used",
			 PEAL_FIELD_TEXT("because", failure));
		peal_websockets_free(websockets);
		return -EIO;
	}
	*ret_websockets = websockets;
	return 0;
}

void peal_websockets_free(struct peal_websockets *websockets)
{
	if (!websockets)
		return;
	peal_list_each (link, &websockets->connections)
		peal_container(link, struct peal_websocket, link)->handler = NULL;
	/* In this order: context, what it left in the loop, context again if it was postponed,
	 * loop. */
	if (websockets->context) {
		lws_context_destroy(websockets->context);
		for (int i = 0; i < 16; i++)
			peal_uv_bridge_run(websockets->bridge);
		if (websockets->context)
			lws_context_destroy(websockets->context);
	}
	struct peal_list *link;
	while ((link = peal_list_first(&websockets->connections)))
		destroy(peal_container(link, struct peal_websocket, link));
	peal_deadlines_deinit(&websockets->close_due);
	peal_uv_bridge_free(websockets->bridge);
	free(websockets);
}

void peal_websockets_cut_all(struct peal_websockets *websockets)
{
	peal_list_each (link, &websockets->connections)
		peal_websocket_cut(peal_container(link, struct peal_websocket, link));
}

bool peal_websockets_busy(const struct peal_websockets *websockets)
{
	return peal_uv_bridge_running(websockets->bridge);
}

size_t peal_websockets_count(const struct peal_websockets *websockets)
{
	return websockets->count;
}
