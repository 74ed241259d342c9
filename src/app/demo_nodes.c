/*
 * The demo's event `nodes`: what this node knows of its cluster.
 */
#include <cjson/cJSON.h>
#include <peal/cluster.h>
#include <string.h>

#include "demo_private.h"

/* A page cannot show more. */
#define LISTED 100

static void list_member(cJSON *list, const struct peal_member_info *member)
{
	cJSON *item = cJSON_CreateObject();

	cJSON_AddStringToObject(item, "name", member->name);
	cJSON_AddBoolToObject(item, "self", member->self);
	cJSON_AddBoolToObject(item, "silent", member->silent);
	cJSON_AddNumberToObject(item, "clients", (double)member->clients);
	cJSON_AddItemToArray(list, item);
}

static void describe(const struct peal_cluster_info *info, void *userdata)
{
	static const char *const states[] = {
		[PEAL_ADAPTER_DOWN] = "down",
		[PEAL_ADAPTER_HELD] = "held",
		[PEAL_ADAPTER_UP] = "up",
	};
	bool alone = info->member_count <= 1 && !strcmp(info->adapter, "memory");
	cJSON *answer = userdata, *list = cJSON_AddArrayToObject(answer, "nodes");

	cJSON_AddStringToObject(answer, "state", alone ? "alone" : states[info->state]);
	cJSON_AddNumberToObject(answer, "count", (double)info->member_count);
	cJSON_AddNumberToObject(answer, "unnamed", (double)info->unnamed);
	for (size_t i = 0; i < info->member_count && i < LISTED; i++)
		list_member(list, &info->members[i]);
}

void peal_demo_on_nodes(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	struct peal_node *node = peal_namespace_node(peal_socket_namespace(socket));
	cJSON *answer = peal_demo_ok();

	(void)userdata;
	if (answer)
		peal_cluster_info(node, describe, answer);
	peal_demo_reply(event, answer);
}
