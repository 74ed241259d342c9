/*
 * Engine.IO over WebSocket: a frame is a packet. Frames of the server are taken as they come; ours
 * have a mask of zeros, so that the payload stays readable.
 */
#include "load_client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static void send_frame(struct load_worker *worker, struct load_client *client, const char *text)
{
	unsigned char frame[160] = { 0x81 };
	size_t length = strlen(text);

	(void)worker;
	if (length > 125)
		load_fail("client %zu cannot send %zu bytes", client->number, length);
	frame[1] = (unsigned char)(0x80 | length);
	memcpy(frame + 6, text, length);
	if (send(client->fd, frame, 6 + length, MSG_NOSIGNAL) != (ssize_t)(6 + length))
		load_fail("client %zu cannot send: %s", client->number, strerror(errno));
}

static void upgrade(struct load_worker *worker, struct load_client *client)
{
	static const char request[] =
		"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

	(void)worker;
	if (send(client->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != sizeof(request) - 1)
		load_fail("client %zu cannot connect: %s", client->number, strerror(errno));
	client->stage = LOAD_UPGRADING;
}

/* Take one frame, or the answer to the upgrade. Return: its length; 0: its end has not come. */
static size_t take_frame(struct load_worker *worker, struct load_client *client, char *bytes,
			 size_t length, uint64_t now)
{
	const unsigned char *head = (const unsigned char *)bytes;
	size_t size, header = 2;

	if (client->stage == LOAD_UPGRADING) {
		const char *end = memmem(bytes, length, "\r\n\r\n", 4);

		if (!end)
			return 0;
		if (length < 12 || memcmp(bytes + 9, "101", 3) != 0)
			load_fail("client %zu was refused: %.*s", client->number, 12, bytes);
		client->stage = LOAD_OPENING;
		return (size_t)(end + 4 - bytes);
	}
	if (length < 2)
		return 0;
	size = head[1] & 0x7f;
	if (size >= 126) {
		header = size == 126 ? 4 : 10;
		if (length < header)
			return 0;
		size = 0;
		for (size_t at = 2; at < header; at++)
			size = size << 8 | head[at];
		if (size > LOAD_TEXT)
			load_fail("client %zu got a frame of %zu bytes", client->number, size);
	}
	if (length < header + size)
		return 0;
	if (head[0] == 0x88)
		load_fail("the server closes client %zu", client->number);
	if (head[0] == 0x81)
		load_client_text(worker, client, bytes + header, size, now);
	else if (head[0] == 0x82)
		load_client_binary(worker, client, bytes + header, size, now);
	else if (head[0] != 0x8a && head[0] != 0x89)
		load_fail("client %zu got a frame of type %02x", client->number, head[0]);
	return header + size;
}

/* Code 1000, nothing wrong. */
static void send_close(struct load_worker *worker, struct load_client *client)
{
	static const unsigned char frame[] = { 0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8 };

	(void)worker;
	if (send(client->fd, frame, sizeof(frame), MSG_NOSIGNAL) != (ssize_t)sizeof(frame))
		load_fail("client %zu cannot send: %s", client->number, strerror(errno));
}

const struct load_transport load_websocket = {
	.open = upgrade,
	.take = take_frame,
	.send = send_frame,
	.close = send_close,
};
