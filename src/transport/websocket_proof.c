/*
 * The self-test of the raw write. libwebsockets promises nothing about writes outside of its
 * WRITEABLE callback, so each node proves at its start, over a socket pair, that the installed
 * version keeps every frame whole and in order.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/frame.h"
#include "transport/websocket_private.h"

/* Frames of 1 to 60 000 bytes to a reader that does not read at first: each must arrive whole and
 * in order. */
#define PROOF_FRAMES 64

struct proof {
	bool writable;
};

static void proof_message(struct peal_websocket *websocket, const char *data, size_t length,
			  bool binary)
{
	(void)websocket, (void)data, (void)length, (void)binary;
}

static void proof_writable(struct peal_websocket *websocket)
{
	((struct proof *)websocket->context)->writable = true;
}

static void proof_ended(struct peal_websocket *websocket, enum peal_websocket_end how,
			const char *description)
{
	(void)websocket, (void)how, (void)description;
}

static const struct peal_websocket_handler proof_handler = { proof_message, proof_writable,
							     proof_ended };

static size_t proof_length(unsigned i)
{
	return i * 977 % 60000 + 1;
}

/* Take what has arrived and compare it. Return: false when a byte is wrong. */
static bool proof_read(int fd, const unsigned char *expected, size_t expected_length,
		       size_t *offset)
{
	unsigned char bytes[65536];
	ssize_t n;
	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		if (*offset + (size_t)n > expected_length ||
		    memcmp(bytes, expected + *offset, (size_t)n))
			return false;
		*offset += (size_t)n;
	}
	return true;
}

static const char *prove(struct peal_websockets *websockets, struct peal_stats *scratch)
{
	int fds[2];
	const char *failure = NULL;
	struct proof proof = { false };
	struct peal_buffer expected = PEAL_BUFFER(8u << 20);
	size_t offset = 0;
	char head[1024];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return "socketpair";
	struct peal_websocket *websocket = peal_websocket_adopt(
		websockets, fds[0], "dGhlIHNhbXBsZSBub25jZQ==", NULL, 1000, &proof_handler, &proof);
	if (!websocket) {
		close(fds[1]);
		return "adopt";
	}
	ssize_t n = recv(fds[1], head, sizeof(head) - 1, MSG_DONTWAIT);
	head[n > 0 ? n : 0] = '\0';
	if (!strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") || !strstr(head, "\r\n\r\n"))
		failure = "no 101 inside of the adopt call";
	unsigned written = 0;
	for (unsigned pass = 0; !failure && pass < 100000; pass++) {
		while (written < PROOF_FRAMES && !websocket->choked) {
			size_t length = proof_length(written);
			struct peal_frame *frame = peal_frame_new(scratch, true, length);
			if (!frame) {
				failure = "out of memory";
				break;
			}
			memset(peal_frame_payload(frame), 'a' + (int)(written % 26), length);
			peal_frame_seal(frame);
			peal_buffer_append(&expected, peal_frame_wire(frame),
					   peal_frame_wire_length(frame));
			if (!peal_websocket_write(websocket, peal_frame_wire(frame),
						  peal_frame_wire_length(frame)))
				failure = "write";
			peal_frame_unref(frame);
			written++;
		}
		peal_uv_bridge_run(websockets->bridge);
		if (!proof_read(fds[1], (unsigned char *)expected.bytes, expected.length, &offset))
			failure = "a frame was damaged";
		if (written == PROOF_FRAMES && offset == expected.length)
			break;
	}
	if (!failure && offset != expected.length)
		failure = "bytes were lost";
	if (!failure && !proof.writable)
		failure = "the kernel took everything, nothing was proved";
	peal_websocket_cut(websocket);
	close(fds[1]);
	peal_buffer_deinit(&expected);
	for (unsigned pass = 0; pass < 100 && websockets->count; pass++)
		peal_uv_bridge_run(websockets->bridge);
	return failure;
}

const char *peal_websockets_prove(struct peal_websockets *websockets)
{
	struct peal_stats scratch = { 0 }, *stats = websockets->stats;
	websockets->stats = &scratch; /* the node's counters are not about this */
	const char *failure = prove(websockets, &scratch);
	websockets->stats = stats;
	return failure;
}
