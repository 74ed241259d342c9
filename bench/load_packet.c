/* The packets of a load, as the clients are to get them, and what is in them. */
#include "load.h"

#include <string.h>

void load_packet_payload(const struct load_options *options, uint64_t number, char *bytes)
{
	if (!options->binary) {
		memset(bytes, 'x', options->payload);
		return;
	}
	/* All values of a byte, and other ones in each message. */
	for (size_t i = 0; i < options->payload; i++)
		bytes[i] = (char)(number * 7 + i);
}

size_t load_packet_base64(const char *bytes, size_t length, char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *at = text;

	for (size_t i = 0; i < length; i += 3) {
		size_t rest = length - i;
		unsigned bits = (unsigned)(unsigned char)bytes[i] << 16;

		if (rest > 1)
			bits |= (unsigned)(unsigned char)bytes[i + 1] << 8;
		if (rest > 2)
			bits |= (unsigned char)bytes[i + 2];
		*at++ = digits[bits >> 18];
		*at++ = digits[bits >> 12 & 63];
		*at++ = rest > 1 ? digits[bits >> 6 & 63] : '=';
		*at++ = rest > 2 ? digits[bits & 63] : '=';
	}
	*at = 0;
	return (size_t)(at - text);
}

size_t load_packet_head(const struct load_options *options, char *text)
{
	bool main = !strcmp(options->namespace, "/");

	return (size_t)snprintf(text, LOAD_HEAD, "%s%s%s", options->binary ? "451-" : "42",
				main ? "" : options->namespace, main ? "" : ",");
}

size_t load_packet_text(const struct load_options *options, uint64_t number, char *text)
{
	int length = snprintf(text, 200, "[\"bench\",%llu,%s", (unsigned long long)number,
			      options->binary ? "{\"_placeholder\":true,\"num\":0}]" : "\"");

	if (options->binary)
		return (size_t)length;
	load_packet_payload(options, number, text + length);
	memcpy(text + (size_t)length + options->payload, "\"]", 3);
	return (size_t)length + options->payload + 2;
}
