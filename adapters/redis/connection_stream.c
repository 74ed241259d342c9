/* Sockets and readiness. The event is level-triggered, and waits for writing only while that is
 * what keeps the stream from going on. */
#include "adapters/redis/connection_stream.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"

/* The memory of a large output is given back. */
#define KEPT_BYTES 262144

static void on_event(evutil_socket_t fd, short what, void *userdata)
{
	struct peal_redis_stream *stream = userdata;
	(void)fd;
	(void)what;
	peal_loop_enter(stream->loop);
	stream->fn(stream);
}

void peal_redis_stream_init(struct peal_redis_stream *stream, struct peal_loop *loop,
			    void (*fn)(struct peal_redis_stream *stream))
{
	*stream = (struct peal_redis_stream){ .loop = loop, .fd = -1, .fn = fn };
	stream->output.ceiling = PEAL_LIMIT_REDIS_OUTPUT_BYTES;
}

void peal_redis_stream_close(struct peal_redis_stream *stream)
{
	if (stream->event)
		event_free(stream->event);
	if (stream->again_event)
		event_free(stream->again_event);
	stream->event = stream->again_event = NULL;
	peal_redis_tls_free(stream->tls);
	stream->tls = NULL;
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
	stream->watched = 0;
	stream->waits_to_read = stream->waits_to_write = false;
	peal_buffer_deinit(&stream->output);
	stream->written = 0;
}

void peal_redis_stream_deinit(struct peal_redis_stream *stream)
{
	peal_redis_stream_close(stream);
}

static int broken(struct peal_redis_stream *stream, int error)
{
	snprintf(stream->why, sizeof(stream->why), "%s", strerror(error));
	return PEAL_REDIS_STREAM_E_BROKEN;
}

static int watch(struct peal_redis_stream *stream)
{
	short wanted = EV_READ | EV_PERSIST;
	if (stream->waits_to_write ||
	    (peal_redis_stream_unwritten(stream) && !stream->waits_to_read))
		wanted |= EV_WRITE;
	if (wanted == stream->watched)
		return 0;
	if (stream->event)
		event_free(stream->event);
	stream->watched = wanted;
	stream->event =
		event_new(peal_loop_base(stream->loop), stream->fd, wanted, on_event, stream);
	if (!stream->event || event_add(stream->event, NULL) != 0)
		return broken(stream, ENOMEM);
	return 0;
}

int peal_redis_stream_connect(struct peal_redis_stream *stream, const struct sockaddr *to,
			      unsigned length)
{
	peal_redis_stream_close(stream);
	stream->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (stream->fd < 0)
		return broken(stream, errno);
	if (to->sa_family != AF_UNIX)
		/* Best effort: without it small commands only come later. */
		(void)setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (connect(stream->fd, to, length) < 0) {
		if (errno != EINPROGRESS && errno != EINTR)
			return broken(stream, errno);
		stream->waits_to_write = true;
		int r = watch(stream);
		return r ? r : PEAL_REDIS_STREAM_E_WAIT;
	}
	return peal_redis_stream_connected(stream);
}

int peal_redis_stream_connected(struct peal_redis_stream *stream)
{
	int error = 0;
	struct sockaddr_storage peer;
	socklen_t length = sizeof(error), peer_length = sizeof(peer);
	if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	if (error)
		return broken(stream, error);
	if (getpeername(stream->fd, (struct sockaddr *)&peer, &peer_length) < 0)
		return errno == ENOTCONN ? PEAL_REDIS_STREAM_E_WAIT : broken(stream, errno);
	stream->waits_to_write = false;
	return watch(stream);
}

/* What TLS waits for becomes what the socket is watched for. */
static int wait_for(struct peal_redis_stream *stream, enum peal_redis_tls_wait wait)
{
	int r;
	switch (wait) {
	case PEAL_REDIS_TLS_READ:
	case PEAL_REDIS_TLS_WRITE:
		stream->waits_to_write = wait == PEAL_REDIS_TLS_WRITE;
		r = watch(stream);
		return r ? r : PEAL_REDIS_STREAM_E_WAIT;
	case PEAL_REDIS_TLS_CLOSED:
		snprintf(stream->why, sizeof(stream->why), "closed by the server");
		return PEAL_REDIS_STREAM_E_BROKEN;
	default:
		return PEAL_REDIS_STREAM_E_BROKEN;
	}
}

int peal_redis_stream_secure(struct peal_redis_stream *stream,
			     const struct peal_redis_address *address)
{
	if (!stream->tls && peal_redis_tls_new(address, stream->fd, &stream->tls, stream->why,
					       sizeof(stream->why)) != 0)
		return PEAL_REDIS_STREAM_E_BROKEN;
	enum peal_redis_tls_wait wait =
		peal_redis_tls_handshake(stream->tls, stream->why, sizeof(stream->why));
	if (wait != PEAL_REDIS_TLS_DONE)
		return wait_for(stream, wait);
	stream->waits_to_write = false;
	return watch(stream);
}

int peal_redis_stream_read(struct peal_redis_stream *stream, void *bytes, size_t room,
			   size_t *ret_length)
{
	stream->waits_to_read = false;
	if (stream->tls) {
		enum peal_redis_tls_wait wait = peal_redis_tls_read(
			stream->tls, bytes, room, ret_length, stream->why, sizeof(stream->why));
		if (wait != PEAL_REDIS_TLS_DONE)
			return wait_for(stream, wait);
		stream->waits_to_write = false;
		return 0;
	}
	ssize_t n = recv(stream->fd, bytes, room, MSG_DONTWAIT);
	if (n > 0) {
		*ret_length = (size_t)n;
		return 0;
	}
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? PEAL_REDIS_STREAM_E_WAIT
							 : broken(stream, errno);
	snprintf(stream->why, sizeof(stream->why), "closed by the server");
	return PEAL_REDIS_STREAM_E_BROKEN;
}

void peal_redis_stream_read_later(struct peal_redis_stream *stream)
{
	static const struct timeval now = { 0, 0 };
	/* The socket itself tells when the kernel has more; TLS may hold what the socket is rid of.
	 */
	if (!stream->tls || !peal_redis_tls_pending(stream->tls))
		return;
	if (!stream->again_event)
		stream->again_event =
			event_new(peal_loop_base(stream->loop), -1, 0, on_event, stream);
	if (stream->again_event)
		event_add(stream->again_event, &now);
}

/* Return: 0 with bytes written; WAIT; BROKEN. */
static int write_some(struct peal_redis_stream *stream, size_t *ret_length)
{
	const char *from = stream->output.bytes + stream->written;
	size_t length = peal_redis_stream_unwritten(stream);
	if (stream->tls) {
		enum peal_redis_tls_wait wait = peal_redis_tls_write(
			stream->tls, from, length, ret_length, stream->why, sizeof(stream->why));
		stream->waits_to_read = wait == PEAL_REDIS_TLS_READ;
		if (wait == PEAL_REDIS_TLS_READ || wait == PEAL_REDIS_TLS_WRITE)
			return PEAL_REDIS_STREAM_E_WAIT;
		return wait == PEAL_REDIS_TLS_DONE ? 0 : wait_for(stream, wait);
	}
	ssize_t n = send(stream->fd, from, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? PEAL_REDIS_STREAM_E_WAIT
							 : broken(stream, errno);
	*ret_length = (size_t)n;
	return 0;
}

/* Written bytes in front go when there is little behind them to move. */
static void compact(struct peal_redis_stream *stream)
{
	size_t left = peal_redis_stream_unwritten(stream);
	if (!left && stream->output.capacity > KEPT_BYTES) {
		peal_buffer_deinit(&stream->output);
	} else if (stream->written >= left) {
		if (left)
			memmove(stream->output.bytes, stream->output.bytes + stream->written, left);
		stream->output.length = left;
	} else {
		return;
	}
	stream->written = 0;
}

int peal_redis_stream_flush(struct peal_redis_stream *stream)
{
	int r = 0;
	while (!r && peal_redis_stream_unwritten(stream)) {
		size_t length = 0;
		r = write_some(stream, &length);
		stream->written += r ? 0 : length;
	}
	if (r == PEAL_REDIS_STREAM_E_BROKEN)
		return r;
	compact(stream);
	return watch(stream);
}
