/*
 * Options that can change while a node runs. Each of them either holds for what comes next, or
 * nothing has changed.
 */
#include <errno.h>

#include "node/node_private.h"

void peal_node_set_log_level(struct peal_node *node, enum peal_log_level level)
{
	node->log.level = level;
}

int peal_node_set_max_clients(struct peal_node *node, size_t count)
{
	if (!count)
		return -EINVAL;
	if (count > node->files - node->spare_files)
		return -EMFILE;
	node->engines_context.max_sessions = count;
	if (node->http)
		peal_http_server_set_max_connections(node->http,
						     peal_node_connections(node, count));
	return 0;
}

int peal_node_set_connect_rate(struct peal_node *node, unsigned rate)
{
	if (rate > PEAL_LIMIT_CONNECT_RATE)
		return -EINVAL;
	peal_admission_init(&node->engines_context.admission, rate, PEAL_CONNECT_BURST_MS,
			    peal_loop_real_ms(node->loop));
	return 0;
}

/* Sessions are counted by their addresses only while there is a limit for that. */
static int enter_all(struct peal_node *node)
{
	int r = 0;
	peal_list_each (link, &node->engines)
		if (r == 0)
			r = peal_front_enter_addresses(
				peal_container(link, struct peal_engine_place, link)->front);
	return r;
}

int peal_node_set_address_clients(struct peal_node *node, size_t count)
{
	struct peal_addresses *addresses = &node->engines_context.addresses;
	bool counted = addresses->clients;
	peal_addresses_set_clients(addresses, count);
	int r = counted || !count ? 0 : enter_all(node);
	if (r < 0)
		peal_addresses_set_clients(addresses, 0);
	return r;
}

int peal_node_set_address_connect_rate(struct peal_node *node, unsigned rate)
{
	if (rate > PEAL_LIMIT_CONNECT_RATE)
		return -EINVAL;
	peal_addresses_set_rate(&node->engines_context.addresses, rate);
	return 0;
}

int peal_node_set_trusted_proxies(struct peal_node *node, const char *const *networks, size_t count)
{
	if (node->freeing || !node->http)
		return -ESHUTDOWN;
	return peal_http_server_set_trusted(node->http, networks, count);
}

int peal_node_set_cors(struct peal_node *node, const struct peal_cors_options *cors)
{
	struct peal_list *first = peal_list_first(&node->engines);
	if (node->freeing || !node->http || !first)
		return -ESHUTDOWN;
	return peal_front_set_cors(peal_container(first, struct peal_engine_place, link)->front,
				   cors);
}
