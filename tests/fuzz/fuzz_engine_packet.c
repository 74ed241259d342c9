/* Polling payloads and the Engine.IO packets in them: the units cover the payload, each in order.
 */
#include "tests/fuzz/fuzz.h"

#include "protocol/packet.h"

static void check_packet(const char *unit, size_t length)
{
	struct peal_engine_packet packet;
	bool known = length && ((unit[0] >= '0' && unit[0] <= '6') || unit[0] == 'b');
	FUZZ_CHECK(peal_engine_packet_decode(unit, length, &packet) == known);
	if (!known)
		return;
	FUZZ_CHECK(packet.data == unit + 1);
	FUZZ_CHECK(packet.length == length - 1);
	FUZZ_CHECK(packet.base64 == (unit[0] == 'b'));
	int type = packet.base64 ? PEAL_ENGINE_MESSAGE : unit[0] - '0';
	FUZZ_CHECK((int)packet.type == type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *payload = fuzz_exact(data, size);
	size_t offset = 0, covered = 0, units = 0, separators = 0, length;
	const char *unit;

	for (size_t i = 0; i < size; i++)
		separators += payload[i] == '\x1e';
	while (peal_payload_next(payload, size, &offset, &unit, &length)) {
		FUZZ_CHECK(unit == payload + covered);
		FUZZ_CHECK(length <= size - covered);
		FUZZ_CHECK(!length || !memchr(unit, '\x1e', length));
		covered += length;
		if (covered < size)
			FUZZ_CHECK(payload[covered++] == '\x1e');
		units++;
		check_packet(unit, length);
	}
	FUZZ_CHECK(covered == size);
	FUZZ_CHECK(units == separators + 1);
	free(payload);
	return 0;
}
