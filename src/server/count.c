/*
 * What ended, counted by its reason.
 */
#include <stddef.h>
#include <string.h>

#include "server/server_private.h"

/* The commonest first. Others are in the sum only. */
static const struct {
	const char *reason;
	size_t member;
} reasons[] = {
	{ "transport close", offsetof(struct peal_stats, disconnects_transport_close) },
	{ "client namespace disconnect", offsetof(struct peal_stats, disconnects_client) },
	{ "ping timeout", offsetof(struct peal_stats, disconnects_ping_timeout) },
	{ "transport error", offsetof(struct peal_stats, disconnects_transport_error) },
	{ "forced close", offsetof(struct peal_stats, disconnects_forced) },
	{ "server namespace disconnect", offsetof(struct peal_stats, disconnects_server) },
	{ "server shutting down", offsetof(struct peal_stats, disconnects_shutting_down) },
	{ "forced server close", offsetof(struct peal_stats, disconnects_forced_server) },
	{ "parse error", offsetof(struct peal_stats, disconnects_parse_error) },
};

void peal_count_disconnect(struct peal_stats *stats, const char *reason)
{
	stats->disconnects++;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (!strcmp(reason, reasons[i].reason)) {
			++*(uint64_t *)((char *)stats + reasons[i].member);
			return;
		}
	}
}

void peal_count_round(struct peal_stats *stats, enum peal_ack_error error)
{
	switch (error) {
	case PEAL_ACK_OK:
		stats->rounds_complete++;
		break;
	case PEAL_ACK_TIMEOUT:
		stats->rounds_timed_out++;
		break;
	case PEAL_ACK_DISCONNECTED:
		stats->rounds_disconnected++;
		break;
	case PEAL_ACK_CLOSED:
		stats->rounds_closed++;
		break;
	}
}
