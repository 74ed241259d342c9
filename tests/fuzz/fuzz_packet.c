/* Socket.IO packets: what decodes is fit for its type, and encodes to the same packet again. */
#include "tests/fuzz/fuzz.h"

#include "base/limits.h"
#include "protocol/json.h"
#include "protocol/packet.h"
#include "protocol/text.h"

static bool is_event(enum peal_packet_type type)
{
	return type == PEAL_PACKET_EVENT || type == PEAL_PACKET_BINARY_EVENT;
}

static bool is_ack(enum peal_packet_type type)
{
	return type == PEAL_PACKET_ACK || type == PEAL_PACKET_BINARY_ACK;
}

static void check_inside(const char *text, size_t size, const char *slice, size_t length)
{
	FUZZ_CHECK(slice >= text && slice <= text + size);
	FUZZ_CHECK(length <= size - (size_t)(slice - text));
}

static void check_event_name(const struct peal_packet *packet)
{
	struct peal_json_facts facts;
	FUZZ_CHECK(peal_json_validate(packet->event, packet->event_length, &facts));
	FUZZ_CHECK(facts.type == (packet->event_is_string ? PEAL_JSON_STRING : PEAL_JSON_NUMBER));
	if (!packet->event_is_string)
		return;
	struct peal_buffer name = PEAL_BUFFER(packet->event_length + 1);
	bool has_nul;
	FUZZ_CHECK(!peal_json_decode_string(packet->event, packet->event_length, &name, &has_nul));
	FUZZ_CHECK(!has_nul);
	FUZZ_CHECK(peal_name_valid(name.bytes, name.length));
	FUZZ_CHECK(!peal_event_reserved(name.bytes, name.length));
	peal_buffer_deinit(&name);
}

/* The arguments between brackets are an array of as many items. */
static void check_args(const struct peal_packet *packet)
{
	struct peal_buffer array = PEAL_BUFFER(packet->args_length + 2);
	struct peal_json_facts facts;
	peal_buffer_append_char(&array, '[');
	peal_buffer_append(&array, packet->args, packet->args_length);
	peal_buffer_append_char(&array, ']');
	FUZZ_CHECK(peal_json_validate(array.bytes, array.length, &facts));
	FUZZ_CHECK(facts.type == PEAL_JSON_ARRAY);
	FUZZ_CHECK(facts.items == packet->args_count);
	if (packet->attachments && facts.placeholders)
		FUZZ_CHECK(!facts.placeholder_invalid &&
			   facts.placeholder_max < packet->attachments);
	peal_buffer_deinit(&array);
}

static void check_round_trip(const struct peal_packet *packet)
{
	struct peal_buffer out = PEAL_BUFFER(PEAL_LIMIT_FRAME_BYTES);
	struct peal_packet again;
	peal_packet_append_head(&out, packet->type, packet->attachments, packet->namespace_name,
				packet->namespace_length, packet->id);
	if (packet->data)
		peal_buffer_append(&out, packet->data, packet->data_length);
	FUZZ_CHECK(!peal_buffer_error(&out) && out.bytes[0] == '4');
	FUZZ_CHECK(!peal_packet_decode(out.bytes + 1, out.length - 1, &again));
	FUZZ_CHECK(again.type == packet->type);
	FUZZ_CHECK(again.attachments == packet->attachments);
	FUZZ_CHECK(again.id == packet->id);
	FUZZ_CHECK(again.namespace_length == packet->namespace_length);
	FUZZ_CHECK(!memcmp(again.namespace_name, packet->namespace_name, again.namespace_length));
	FUZZ_CHECK(!again.data == !packet->data && again.data_length == packet->data_length);
	FUZZ_CHECK(again.event_length == packet->event_length);
	FUZZ_CHECK(again.args_length == packet->args_length);
	FUZZ_CHECK(again.args_count == packet->args_count);
	peal_buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_exact(data, size);
	struct peal_packet packet;

	if (peal_packet_decode(text, size, &packet)) {
		free(text);
		return 0;
	}
	if (packet.namespace_length != 1)
		check_inside(text, size, packet.namespace_name, packet.namespace_length);
	FUZZ_CHECK(*packet.namespace_name == '/');
	FUZZ_CHECK(peal_name_valid(packet.namespace_name, packet.namespace_length));
	FUZZ_CHECK(packet.attachments <= PEAL_LIMIT_ATTACHMENTS);
	if (packet.data)
		check_inside(text, size, packet.data, packet.data_length);
	if (is_event(packet.type)) {
		check_inside(text, size, packet.event, packet.event_length);
		check_event_name(&packet);
	}
	if (is_event(packet.type) || is_ack(packet.type)) {
		if (packet.data)
			check_inside(packet.data, packet.data_length, packet.args,
				     packet.args_length);
		check_args(&packet);
	}
	check_round_trip(&packet);
	free(text);
	return 0;
}
