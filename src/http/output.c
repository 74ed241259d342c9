/*
 * Writing: straight to the kernel, and only what it does not take is kept.
 */
#include <errno.h>
#include <string.h>

#include "http/private.h"

static void give_up(struct peal_http_connection *connection)
{
	connection->broken = true;
	peal_buffer_deinit(&connection->output);
	connection->output_used = 0;
}

static bool can_wait(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

void peal_http_output_write(struct peal_http_connection *connection, struct iovec *pieces,
			    int count)
{
	size_t written = 0;
	if (connection->broken)
		return;
	if (!peal_http_output_pending(connection)) {
		struct msghdr message = { .msg_iov = pieces, .msg_iovlen = (size_t)count };
		ssize_t sent = sendmsg(connection->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && !can_wait(errno)) {
			give_up(connection);
			return;
		}
		if (sent > 0)
			written = (size_t)sent;
	}
	size_t rest = 0;
	for (int i = 0; i < count; i++)
		rest += pieces[i].iov_len;
	rest -= written;
	if (!rest)
		return;
	/* One reservation, so that an answer is kept as a whole or not at all. Its size is the
	 * handler's choice, not the client's. */
	connection->output.ceiling = connection->output.length + rest;
	if (!peal_buffer_reserve(&connection->output, rest)) {
		give_up(connection);
		return;
	}
	for (int i = 0; i < count; i++) {
		size_t skip = written < pieces[i].iov_len ? written : pieces[i].iov_len;
		written -= skip;
		peal_buffer_append(&connection->output, (char *)pieces[i].iov_base + skip,
				   pieces[i].iov_len - skip);
	}
}

bool peal_http_output_flush(struct peal_http_connection *connection)
{
	size_t rest = connection->output.length - connection->output_used;
	ssize_t sent = send(connection->fd, connection->output.bytes + connection->output_used,
			    rest, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0) {
		if (!can_wait(errno))
			give_up(connection);
		return false;
	}
	connection->output_used += (size_t)sent;
	if (!peal_http_output_pending(connection)) {
		peal_buffer_deinit(&connection->output);
		connection->output_used = 0;
	}
	return sent > 0;
}
