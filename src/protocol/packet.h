/*
 * Packets of Engine.IO 4 and Socket.IO 5, both ways (client-wire.md §2.6, §3.1–§3.6). No I/O, no
 * clock, no state between units.
 */
#ifndef PEAL_PROTOCOL_PACKET_H
#define PEAL_PROTOCOL_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* --- Engine.IO -------------------------------------------------------------------------- */

enum peal_engine_packet_type {
	PEAL_ENGINE_OPEN,
	PEAL_ENGINE_CLOSE,
	PEAL_ENGINE_PING,
	PEAL_ENGINE_PONG,
	PEAL_ENGINE_MESSAGE,
	PEAL_ENGINE_UPGRADE,
	PEAL_ENGINE_NOOP,
};

struct peal_engine_packet {
	enum peal_engine_packet_type type;
	bool base64;	  /* a binary message as "b…": data is still base64 */
	const char *data; /* behind the type character; borrowed from the input */
	size_t length;
};

/* A text unit. Return: true; false when it is malformed (empty, or an unknown first character). */
bool peal_engine_packet_decode(const char *text, size_t length,
			       struct peal_engine_packet *ret_packet);

/*
 * Walk a polling payload: units between RS (0x1E). Start with *offset 0. Return: false at the end.
 * An empty body, or an empty element, yields one unit of length 0 (which does not decode).
 */
bool peal_payload_next(const char *payload, size_t length, size_t *offset, const char **ret_unit,
		       size_t *ret_length);

/* --- Socket.IO -------------------------------------------------------------------------- */

enum peal_packet_type {
	PEAL_PACKET_CONNECT,
	PEAL_PACKET_DISCONNECT,
	PEAL_PACKET_EVENT,
	PEAL_PACKET_ACK,
	PEAL_PACKET_CONNECT_ERROR,
	PEAL_PACKET_BINARY_EVENT,
	PEAL_PACKET_BINARY_ACK,
};

#define PEAL_PACKET_NO_ID UINT64_MAX

struct peal_packet {
	enum peal_packet_type type;
	unsigned attachments;	    /* announced; 0 unless the type is binary */
	const char *namespace_name; /* borrowed; "/" when left out; not NUL-terminated */
	size_t namespace_length;
	uint64_t id;	  /* PEAL_PACKET_NO_ID, or up to 2^53−1 */
	const char *data; /* JSON text, validated for the type; NULL if there is none */
	size_t data_length;
	/* EVENT only: the first element as it stands, and the arguments behind it without the
	 * bracket ("1,{}"; may be empty) */
	const char *event; /* with its quotes, or a number */
	size_t event_length;
	bool event_is_string;
	bool event_escaped; /* a string with an escape in it */
	/* EVENT and ACK: */
	const char *args;
	size_t args_length;
	size_t args_count;
};

enum peal_packet_error {
	PEAL_PACKET_OK = 0,
	PEAL_PACKET_E_TYPE,	   /* unknown packet type */
	PEAL_PACKET_E_ATTACHMENTS, /* illegal attachments */
	PEAL_PACKET_E_TOO_MANY_ATTACHMENTS,
	PEAL_PACKET_E_ID,
	PEAL_PACKET_E_PAYLOAD,	 /* invalid payload */
	PEAL_PACKET_E_NAMESPACE, /* too long, control characters */
};

/*
 * Decode a text unit (without the leading "4" of Engine.IO), which must be valid UTF-8. Rules in
 * client-wire.md §3.2, §3.3 and the differences of §7: EVENT without payload is an error; ACK
 * without payload is an empty array; digits only in headers. Reserved event names, event names with
 * U+0000 or over the ceiling, placeholders that point past the attachments of a binary packet are
 * errors. In a plain EVENT or ACK placeholders are ordinary objects.
 */
enum peal_packet_error peal_packet_decode(const char *text, size_t length,
					  struct peal_packet *ret_packet);
/* The reference's message for an error: "unknown packet type 9" and the like without the detail. */
const char *peal_packet_strerror(enum peal_packet_error error);

/* connect, connect_error, disconnect, disconnecting, newListener, removeListener */
bool peal_event_reserved(const char *name, size_t length);

/*
 * Append the head of a packet, with the leading "4" of Engine.IO: "4" type [count "-"] [nsp ","]
 * [id]. The caller appends the JSON behind it. @id may be PEAL_PACKET_NO_ID; the namespace is left
 * out when it is "/".
 */
void peal_packet_append_head(struct peal_buffer *out, enum peal_packet_type type,
			     unsigned attachments, const char *namespace_name,
			     size_t namespace_length, uint64_t id);

#endif
