/*
 * Announcements of other nodes: each line of the input is one, and all of them go to the same node,
 * which has no server. Whatever they say, what is known of the members keeps its bounds, and what
 * this node says itself is JSON.
 */
#include "tests/fuzz/fuzz.h"

#include "base/limits.h"
#include "cluster/cluster_private.h"
#include "protocol/json.h"
#include "protocol/text.h"

/* There is no node. */
struct peal_server *peal_node_server(struct peal_node *node)
{
	(void)node;
	return NULL;
}

struct peal_cluster *peal_node_cluster(struct peal_node *node)
{
	(void)node;
	return NULL;
}

static uint64_t stopped_us(void *userdata)
{
	(void)userdata;
	return 1000000;
}

static int check_sent(struct peal_adapter *adapter, const struct peal_message *message,
		      uint64_t ticket, unsigned expires_ms)
{
	struct peal_json_facts facts;
	(void)adapter, (void)ticket, (void)expires_ms;
	FUZZ_CHECK(message->type == PEAL_MESSAGE_ANNOUNCE);
	FUZZ_CHECK(peal_json_validate(message->text, message->text_length, &facts));
	FUZZ_CHECK(facts.type == PEAL_JSON_OBJECT);
	return 0;
}

static void count(struct peal_adapter *adapter, const char *ns)
{
	(void)adapter;
	FUZZ_CHECK(*ns == '/');
}

static void check_members(const struct peal_cluster *cluster)
{
	struct peal_hash_entry *entry = NULL;
	size_t members = 0;
	while ((entry = peal_hash_next(&cluster->members, entry))) {
		struct peal_member *member = peal_container(entry, struct peal_member, entry);
		struct peal_hash_entry *served = NULL;
		members++;
		FUZZ_CHECK(strlen(member->uid) == PEAL_UID_LENGTH);
		FUZZ_CHECK(strcmp(member->uid, cluster->options.uid) != 0);
		FUZZ_CHECK(member->name && *member->name && member->version);
		FUZZ_CHECK(peal_utf8_valid(member->name, strlen(member->name)));
		while ((served = peal_hash_next(&member->serves, served)))
			FUZZ_CHECK(*served->key == '/' &&
				   peal_name_valid(served->key, served->key_length));
	}
	FUZZ_CHECK(members == cluster->member_count);
	FUZZ_CHECK(members == cluster->options.stats->cluster_members);
}

static void quiet(enum peal_log_level level, const char *message,
		  const struct peal_log_field *fields, size_t count_, void *userdata)
{
	(void)level, (void)message, (void)fields, (void)count_, (void)userdata;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct peal_adapter_ops ops = { .version = PEAL_ADAPTER_VERSION,
					      .send = check_sent,
					      .count = count };
	const struct peal_clock clock = { stopped_us, NULL };
	const struct peal_log log = { PEAL_LOG_INFO, quiet, NULL };
	struct peal_adapter adapter = { .ops = &ops, .name = "fuzz" };
	struct peal_stats stats = { 0 };
	struct peal_cluster cluster = {
		.options = { .stats = &stats,
			     .log = &log,
			     .uid = "owner1",
			     .node_name = "own",
			     .member_timeout_ms = 3000 },
		.adapter = &adapter,
		.state = PEAL_ADAPTER_UP,
	};
	FUZZ_CHECK(peal_loop_new(NULL, &clock, &stats, &log, &cluster.options.loop) == 0);
	peal_hash_init(&cluster.spaces);
	peal_hash_init(&cluster.members);
	peal_announce_init(&cluster);
	FUZZ_CHECK(peal_requests_init(&cluster) == 0);
	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t length = end ? (size_t)(end - data) : size;
		char *text = fuzz_exact(data, length);
		peal_announce_receive(&cluster,
				      &(struct peal_message){ .type = PEAL_MESSAGE_ANNOUNCE,
							      .text = text,
							      .text_length = length });
		free(text);
		check_members(&cluster);
		data += length + (end != NULL);
		size -= length + (end != NULL);
	}
	peal_announce_full(&cluster);
	peal_requests_close(&cluster);
	peal_announce_close(&cluster);
	peal_members_close(&cluster);
	peal_hash_deinit(&cluster.members);
	peal_hash_deinit(&cluster.spaces);
	FUZZ_CHECK(!stats.cluster_members);
	peal_loop_free(cluster.options.loop);
	return 0;
}
