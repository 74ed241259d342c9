/* The packets of a load, as the clients are to get them. */
#include "load.h"

#include <string.h>

size_t load_packet_text(const struct load_options *options, uint64_t number, char *text)
{
	bool main = !strcmp(options->namespace, "/");
	int length = snprintf(text, 200, "42%s%s[\"bench\",%llu,\"", main ? "" : options->namespace,
			      main ? "" : ",", (unsigned long long)number);

	memset(text + length, 'x', options->payload);
	memcpy(text + (size_t)length + options->payload, "\"]", 3);
	return (size_t)length + options->payload + 2;
}
