/*
 * Packets of Engine.IO and Socket.IO. What a client may get wrong is decided here once: a packet
 * that decodes is fit for its type, so that the rest of the node never looks at its text again.
 */
#include "protocol/packet.h"

#include <string.h>

#include "base/limits.h"
#include "protocol/json.h"
#include "protocol/text.h"

#define RECORD_SEPARATOR '\x1e'
#define ID_MAX ((UINT64_C(1) << 53) - 1)

bool peal_engine_packet_decode(const char *text, size_t length,
			       struct peal_engine_packet *ret_packet)
{
	if (!length)
		return false;
	bool base64 = *text == 'b';
	if (!base64 && (*text < '0' || *text > '6'))
		return false;
	*ret_packet = (struct peal_engine_packet){
		.type = base64 ? PEAL_ENGINE_MESSAGE : (enum peal_engine_packet_type)(*text - '0'),
		.base64 = base64,
		.data = text + 1,
		.length = length - 1,
	};
	return true;
}

bool peal_payload_next(const char *payload, size_t length, size_t *offset, const char **ret_unit,
		       size_t *ret_length)
{
	/* One past the end tells that the last unit, which may be empty, was given. */
	if (*offset > length)
		return false;
	size_t left = length - *offset;
	const char *unit = length ? payload + *offset : payload;
	const char *separator = left ? memchr(unit, RECORD_SEPARATOR, left) : NULL;
	*ret_unit = unit;
	*ret_length = separator ? (size_t)(separator - unit) : left;
	*offset += *ret_length + 1;
	return true;
}

bool peal_event_reserved(const char *name, size_t length)
{
	static const char *const reserved[] = {
		"connect",	 "connect_error", "disconnect",
		"disconnecting", "newListener",	  "removeListener"
	};
	/* Most names are shorter. */
	if (length < strlen("connect"))
		return false;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (strlen(reserved[i]) == length && !memcmp(reserved[i], name, length))
			return true;
	return false;
}

static bool is_binary(enum peal_packet_type type)
{
	return type == PEAL_PACKET_BINARY_EVENT || type == PEAL_PACKET_BINARY_ACK;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* [count "-"] of a binary packet. */
static enum peal_packet_error decode_attachments(const char **at, const char *end,
						 unsigned *ret_attachments)
{
	unsigned count = 0;
	const char *from = *at;
	for (; *at < end && is_digit(**at); (*at)++)
		if (count <= PEAL_LIMIT_ATTACHMENTS)
			count = count * 10 + (unsigned)(**at - '0');
	if (*at == from || *at == end || **at != '-' || !count)
		return PEAL_PACKET_E_ATTACHMENTS;
	if (count > PEAL_LIMIT_ATTACHMENTS)
		return PEAL_PACKET_E_TOO_MANY_ATTACHMENTS;
	(*at)++;
	*ret_attachments = count;
	return PEAL_PACKET_OK;
}

static bool namespace_valid(const char *name, size_t length)
{
	if (length > PEAL_LIMIT_NAME_BYTES)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return peal_utf8_valid(name, length);
}

/* [nsp ","], up to the end of the text when there is no comma. */
static enum peal_packet_error decode_namespace(const char **at, const char *end,
					       struct peal_packet *packet)
{
	if (*at == end || **at != '/') {
		packet->namespace_name = "/";
		packet->namespace_length = 1;
		return PEAL_PACKET_OK;
	}
	const char *comma = memchr(*at, ',', (size_t)(end - *at));
	packet->namespace_name = *at;
	packet->namespace_length = (size_t)((comma ? comma : end) - *at);
	*at = comma ? comma + 1 : end;
	return namespace_valid(packet->namespace_name, packet->namespace_length)
		       ? PEAL_PACKET_OK
		       : PEAL_PACKET_E_NAMESPACE;
}

static enum peal_packet_error decode_id(const char **at, const char *end, uint64_t *ret_id)
{
	if (*at == end || !is_digit(**at))
		return PEAL_PACKET_OK;
	uint64_t id = 0;
	for (; *at < end && is_digit(**at); (*at)++) {
		id = id * 10 + (uint64_t)(**at - '0');
		if (id > ID_MAX)
			return PEAL_PACKET_E_ID;
	}
	*ret_id = id;
	return PEAL_PACKET_OK;
}

/* The name that handlers are looked up by, which an escape may disguise. */
static bool event_name_valid(const char *text, size_t length, bool *ret_escaped)
{
	char decoded[PEAL_LIMIT_NAME_BYTES * 6];
	const char *name = text + 1;
	size_t name_length = length - 2;
	if (name_length > sizeof(decoded))
		return false;
	*ret_escaped = memchr(name, '\\', name_length);
	if (*ret_escaped) {
		bool has_nul;
		name_length = peal_json_decode_string_into(text, length, decoded, &has_nul);
		name = decoded;
		if (has_nul)
			return false;
	}
	return name_length <= PEAL_LIMIT_NAME_BYTES && !peal_event_reserved(name, name_length);
}

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	return at;
}

static const char *trim_space(const char *at, const char *end)
{
	while (end > at &&
	       (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r' || end[-1] == '\t'))
		end--;
	return end;
}

/* The array of an EVENT or ACK, whose text is valid, has this many items and is trimmed. */
static enum peal_packet_error decode_array(struct peal_packet *packet, size_t items)
{
	const char *at = packet->data + 1, *end = packet->data + packet->data_length - 1;

	if (packet->type == PEAL_PACKET_EVENT || packet->type == PEAL_PACKET_BINARY_EVENT) {
		if (!items)
			return PEAL_PACKET_E_PAYLOAD;
		at = peal_json_skip_value(at, end, &packet->event);
		packet->event_length = (size_t)(at - packet->event);
		switch (peal_json_type_at(packet->event, end)) {
		case PEAL_JSON_STRING:
			packet->event_is_string = true;
			if (!event_name_valid(packet->event, packet->event_length,
					      &packet->event_escaped))
				return PEAL_PACKET_E_PAYLOAD;
			break;
		case PEAL_JSON_NUMBER:
			if (packet->event_length > PEAL_LIMIT_NAME_BYTES)
				return PEAL_PACKET_E_PAYLOAD;
			break;
		default:
			return PEAL_PACKET_E_PAYLOAD;
		}
		items--;
		at = skip_space(at, end);
		if (items)
			at++; /* the comma */
	}
	packet->args = skip_space(at, end);
	packet->args_length = (size_t)(trim_space(packet->args, end) - packet->args);
	packet->args_count = items;
	return PEAL_PACKET_OK;
}

static enum peal_packet_error decode_payload(struct peal_packet *packet)
{
	struct peal_json_facts facts = { .type = PEAL_JSON_INVALID };

	if (packet->data && !peal_json_validate(packet->data, packet->data_length, &facts))
		return PEAL_PACKET_E_PAYLOAD;

	switch (packet->type) {
	case PEAL_PACKET_CONNECT:
		return !packet->data || facts.type == PEAL_JSON_OBJECT ? PEAL_PACKET_OK
								       : PEAL_PACKET_E_PAYLOAD;
	case PEAL_PACKET_DISCONNECT:
		return packet->data ? PEAL_PACKET_E_PAYLOAD : PEAL_PACKET_OK;
	case PEAL_PACKET_CONNECT_ERROR:
		return facts.type == PEAL_JSON_OBJECT || facts.type == PEAL_JSON_STRING
			       ? PEAL_PACKET_OK
			       : PEAL_PACKET_E_PAYLOAD;
	case PEAL_PACKET_ACK:
	case PEAL_PACKET_BINARY_ACK:
		if (!packet->data) {
			packet->args = "";
			return PEAL_PACKET_OK;
		}
		break;
	case PEAL_PACKET_EVENT:
	case PEAL_PACKET_BINARY_EVENT:
		break;
	}
	if (facts.type != PEAL_JSON_ARRAY)
		return PEAL_PACKET_E_PAYLOAD;
	if (is_binary(packet->type) && facts.placeholders &&
	    (facts.placeholder_invalid || facts.placeholder_max >= packet->attachments))
		return PEAL_PACKET_E_ATTACHMENTS;
	return decode_array(packet, facts.items);
}

enum peal_packet_error peal_packet_decode(const char *text, size_t length,
					  struct peal_packet *ret_packet)
{
	struct peal_packet packet = { .id = PEAL_PACKET_NO_ID };
	const char *at = text, *end = text + length;

	if (!length || *at < '0' || *at > '6')
		return PEAL_PACKET_E_TYPE;
	packet.type = (enum peal_packet_type)(*at++ - '0');

	enum peal_packet_error error = PEAL_PACKET_OK;
	if (is_binary(packet.type))
		error = decode_attachments(&at, end, &packet.attachments);
	if (!error)
		error = decode_namespace(&at, end, &packet);
	if (!error)
		error = decode_id(&at, end, &packet.id);
	if (error)
		return error;

	if (at < end) {
		/* White space around the text of an EVENT is JSON's; it is not passed on. */
		packet.data = skip_space(at, end);
		packet.data_length = (size_t)(trim_space(packet.data, end) - packet.data);
	}
	error = decode_payload(&packet);
	if (!error)
		*ret_packet = packet;
	return error;
}

const char *peal_packet_strerror(enum peal_packet_error error)
{
	switch (error) {
	case PEAL_PACKET_OK:
		return NULL;
	case PEAL_PACKET_E_TYPE:
		return "unknown packet type";
	case PEAL_PACKET_E_ATTACHMENTS:
		return "illegal attachments";
	case PEAL_PACKET_E_TOO_MANY_ATTACHMENTS:
		return "too many attachments";
	case PEAL_PACKET_E_NAMESPACE:
		return "invalid namespace";
	case PEAL_PACKET_E_ID:
	case PEAL_PACKET_E_PAYLOAD:
		break;
	}
	return "invalid payload";
}

void peal_packet_append_head(struct peal_buffer *out, enum peal_packet_type type,
			     unsigned attachments, const char *namespace_name,
			     size_t namespace_length, uint64_t id)
{
	peal_buffer_append(out, (char[]){ '4', (char)('0' + type) }, 2);
	if (is_binary(type)) {
		peal_buffer_append_natural(out, attachments);
		peal_buffer_append_char(out, '-');
	}
	if (namespace_length != 1 || *namespace_name != '/') {
		peal_buffer_append(out, namespace_name, namespace_length);
		peal_buffer_append_char(out, ',');
	}
	if (id != PEAL_PACKET_NO_ID)
		peal_buffer_append_natural(out, id);
}
