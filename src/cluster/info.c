/* What a node knows about its cluster, for people: <peal/cluster.h>. */
#include <stdlib.h>
#include <string.h>

#include "cluster/cluster_private.h"

/* Names of namespaces, one array for all members. */
struct names {
	const char **at;
	size_t count, capacity;
};

static void add_name(struct names *names, const char *name)
{
	if (names->count < names->capacity)
		names->at[names->count++] = name;
}

static void add_served(struct peal_namespace *ns, void *context)
{
	add_name(context, peal_namespace_name(ns));
}

static void count_served(struct peal_namespace *ns, void *context)
{
	(void)ns;
	++*(size_t *)context;
}

static void describe_own(struct peal_cluster *cluster, struct peal_member_info *info,
			 struct names *names)
{
	size_t before = names->count;
	peal_server_each_namespace(cluster->options.server, add_served, names);
	*info = (struct peal_member_info){
		.name = cluster->options.node_name,
		.uid = cluster->options.uid,
		.version = PEAL_VERSION,
		.self = true,
		.clients = cluster->options.stats->sessions,
		.namespaces = names->at + before,
		.namespace_count = names->count - before,
	};
}

static void describe(struct peal_cluster *cluster, const struct peal_member *member,
		     struct peal_member_info *info, struct names *names)
{
	size_t before = names->count;
	struct peal_hash_entry *entry = NULL;
	while ((entry = peal_hash_next(&member->serves, entry)))
		add_name(names, entry->key);
	*info = (struct peal_member_info){
		.name = member->name,
		.uid = member->uid,
		.version = member->version,
		.silent = member->silent,
		.clients = member->clients,
		.seen_ms = peal_loop_now_ms(cluster->options.loop) - member->seen_ms,
		.namespaces = names->at + before,
		.namespace_count = names->count - before,
	};
}

static int by_name(const void *left, const void *right)
{
	const struct peal_member_info *a = left, *b = right;
	int order = strcmp(a->name, b->name);
	return order ? order : strcmp(a->uid, b->uid);
}

static size_t count_unnamed(const struct peal_cluster *cluster)
{
	struct peal_hash_entry *entry = NULL;
	size_t most = 0, silent;
	while ((entry = peal_hash_next(&cluster->spaces, entry))) {
		struct peal_space *space = peal_container(entry, struct peal_space, entry);
		size_t unnamed = space->tally.known;
		if (space->others != UINT32_MAX) {
			size_t members = peal_members_serving(cluster, space->name, &silent);
			unnamed = space->others > members ? space->others - members : 0;
		}
		if (unnamed > most)
			most = unnamed;
	}
	return most;
}

/* Return: how many members were described; 0 without memory. */
static size_t describe_all(struct peal_cluster *cluster, struct peal_member_info **ret_members,
			   struct names *names)
{
	struct peal_hash_entry *entry = NULL;
	size_t count = 0;
	peal_server_each_namespace(cluster->options.server, count_served, &names->capacity);
	while ((entry = peal_hash_next(&cluster->members, entry)))
		names->capacity += peal_container(entry, struct peal_member, entry)->serves.count;
	names->at = calloc(names->capacity + 1, sizeof(*names->at));
	*ret_members = calloc(cluster->member_count + 1, sizeof(**ret_members));
	if (!names->at || !*ret_members)
		return 0;
	describe_own(cluster, &(*ret_members)[count++], names);
	while ((entry = peal_hash_next(&cluster->members, entry)))
		describe(cluster, peal_container(entry, struct peal_member, entry),
			 &(*ret_members)[count++], names);
	qsort(*ret_members + 1, count - 1, sizeof(**ret_members), by_name);
	return count;
}

void peal_cluster_info(struct peal_node *node, peal_cluster_info_fn *fn, void *userdata)
{
	struct peal_cluster *cluster = peal_node_cluster(node);
	struct peal_member_info *members = NULL;
	struct names names = { 0 };
	if (!cluster)
		return;
	peal_loop_enter(cluster->options.loop);
	size_t count = describe_all(cluster, &members, &names);
	const struct peal_cluster_info info = {
		.adapter = cluster->adapter ? cluster->adapter->name : "memory",
		.state = cluster->state,
		.detail = peal_log_text(cluster->detail),
		.members = members,
		.member_count = count,
		.unnamed = count_unnamed(cluster),
		.gap_from_ms = cluster->gap_from_ms,
		.gap_to_ms = cluster->gap_to_ms,
		.echo_ms = cluster->echoed
				   ? peal_loop_real_ms(cluster->options.loop) - cluster->echo_ms
				   : UINT64_MAX,
	};
	fn(&info, userdata);
	free(names.at);
	free(members);
}
