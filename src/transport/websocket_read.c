/*
 * Reading: pieces of messages are put together, judged and handed on.
 *
 * libwebsockets reads as little at a time as fits into the buffer that each connection has. With a
 * turn of the loop for each read, a long message would take dozens of them. So where a read was
 * full and a message is not complete, it is read on in the same turn, one connection after the
 * other, up to a ceiling that leaves everything else its part of the time.
 */
#include <stdlib.h>

#include "protocol/text.h"
#include "transport/websocket_private.h"

/* What a pass reads beyond what libwebsockets does itself. */
#define READ_ON_BYTES 131072
/* Of a WebSocket frame from a client. */
#define LONGEST_HEADER 14

/* A message of which more is to come. */
struct peal_pieces {
	struct peal_list link; /* in owner->read_on while more is likely to be there already */
	struct peal_websocket *websocket;
	struct peal_buffer buffer;
};

static int violate(struct peal_websocket *websocket, enum lws_close_status code,
		   const char *description)
{
	lws_close_reason(websocket->wsi, code, NULL, 0);
	peal_websocket_tell_ended(websocket, PEAL_WEBSOCKET_VIOLATION, description);
	return -1;
}

static void pieces_free(struct peal_pieces *pieces)
{
	if (!pieces)
		return;
	peal_list_unlink(&pieces->link);
	peal_buffer_deinit(&pieces->buffer);
	free(pieces);
}

void peal_websocket_forget_message(struct peal_websocket *websocket)
{
	pieces_free(websocket->message);
	websocket->message = NULL;
}

static int deliver(struct peal_websocket *websocket, const char *data, size_t length, bool binary)
{
	if (!binary && !peal_utf8_valid(data, length))
		return violate(websocket, LWS_CLOSE_STATUS_INVALID_PAYLOAD, "invalid UTF-8");
	websocket->handler->message(websocket, data, length, binary);
	return websocket->cut ? -1 : 0;
}

/* The first piece, of a message whose announced rest is known to be within bounds. */
static struct peal_pieces *begin_message(struct peal_websocket *websocket, size_t length)
{
	struct peal_pieces *pieces = malloc(sizeof(*pieces));
	if (!pieces)
		return NULL;
	*pieces = (struct peal_pieces){ .websocket = websocket,
					.buffer = PEAL_BUFFER(websocket->max_message) };
	peal_buffer_reserve(&pieces->buffer, length + lws_remaining_packet_payload(websocket->wsi));
	websocket->message = pieces;
	return pieces;
}

int peal_websocket_receive(struct peal_websocket *websocket, const char *data, size_t length)
{
	struct lws *wsi = websocket->wsi;
	struct peal_pieces *pieces = websocket->message;
	size_t have = pieces ? pieces->buffer.length : 0;
	if (!websocket->handler)
		return websocket->cut ? -1 : 0;
	if (have + length + lws_remaining_packet_payload(wsi) > websocket->max_message)
		return violate(websocket, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE,
			       "Max payload size exceeded");
	bool last = lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi);
	bool binary = lws_frame_is_binary(wsi);
	if (last && !pieces)
		return deliver(websocket, data, length, binary);
	if (!pieces)
		pieces = begin_message(websocket, length);
	if (pieces)
		peal_buffer_append(&pieces->buffer, data, length);
	if (!pieces || peal_buffer_error(&pieces->buffer))
		return violate(websocket, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION, "out of memory");
	if (!last) {
		struct peal_websockets *owner = websocket->owner;
		if (length + LONGEST_HEADER >= owner->protocols[0].rx_buffer_size &&
		    !peal_list_linked(&pieces->link))
			peal_list_append(&owner->read_on, &pieces->link);
		return 0;
	}
	/* The handler may cut the connection; the message is kept aside until it returns. */
	websocket->message = NULL;
	int r = deliver(websocket, pieces->buffer.bytes ? pieces->buffer.bytes : "",
			pieces->buffer.length, binary);
	pieces_free(pieces);
	return r;
}

bool peal_websockets_read_on(void *userdata)
{
	struct peal_websockets *websockets = userdata;
	size_t left = READ_ON_BYTES / websockets->protocols[0].rx_buffer_size;
	struct peal_list *link = peal_list_take(&websockets->read_on);
	if (!link)
		return false;
	for (; link && left; link = peal_list_take(&websockets->read_on), left--) {
		struct peal_pieces *pieces = peal_container(link, struct peal_pieces, link);
		struct lws_pollfd readable = { .fd = pieces->websocket->fd,
					       .events = LWS_POLLIN,
					       .revents = LWS_POLLIN };
		/* As when its descriptor became readable: the pieces may be gone afterwards, or be
		 * at the end of the list. */
		lws_service_fd(websockets->context, &readable);
	}
	/* The others are readable still, and the next pass begins with them. */
	while (link)
		link = peal_list_take(&websockets->read_on);
	return true;
}
