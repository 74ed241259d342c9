/*
 * Draining: no new sessions, and the open ones are sent away, as many at a time as the caller says.
 * How fast is the caller's business; the node goes on in its cluster until it is closed.
 */
#include "node/node_private.h"
#include "server/server.h"

void peal_node_drain(struct peal_node *node)
{
	node->engines_context.draining = true;
	node->stats.draining = !node->closing;
}

/* Up to @count sessions of one engine. Return: how many were sent away. */
static size_t send_away(struct peal_node *node, const struct peal_engine_place *place, size_t count)
{
	size_t sent = 0;
	struct peal_session *session;
	while (sent < count && (session = peal_engine_pick(place->engine))) {
		if (place->is_socket_io)
			peal_server_send_away(session);
		else
			(void)peal_session_shutdown(session);
		sent++;
	}
	node->stats.sessions_drained += sent;
	return sent;
}

size_t peal_node_drain_sessions(struct peal_node *node, size_t count)
{
	if (node->freeing)
		return 0;
	peal_loop_enter(node->loop);
	peal_node_drain(node);
	peal_list_each (link, &node->engines)
		count -= send_away(node, peal_container(link, struct peal_engine_place, link),
				   count);
	return node->engines_context.open_count;
}
