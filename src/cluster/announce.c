/*
 * Announcements: what the peal nodes of a cluster tell each other about themselves. Each is one
 * JSON object that begins with the uid of its sender, so that a node knows its own.
 *
 *   {"uid","type":"hello","generation","name","version","load","namespaces"}  I am here (again)
 *   {"uid","type":"full", …}                       the same, in answer to a hello or an ask
 *   {"uid","type":"change","generation","load","opened","closed"}      to generation − 1
 *   {"uid","type":"digest","generation","load"}    once a second
 *   {"uid","type":"ask","to"}                      your full list, please
 *   {"uid","type":"goodbye"}
 *
 * The generation numbers the list of namespaces and the name. Who finds by it that a list is not
 * the one it knows asks for the full one; so a message that got lost costs one question. Answers to
 * a hello are spread over a time that grows with the cluster, and one answers all who asked
 * meanwhile.
 *
 * What is received is checked for its size and the number of its parts before a tree is built of
 * it. Whatever it says, it changes what is known about members and nothing else.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/cluster_private.h"
#include "protocol/json.h"
#include "protocol/text.h"
#include "protocol/tree.h"

/* Answers are spread over so many milliseconds for each member, and at most. */
#define SPREAD_MS 5
#define SPREAD_MAX_MS 500
/* Names of nodes and versions. */
#define NAME_BYTES 512
/* Members of the object itself, besides the names of namespaces. */
#define OWN_PARTS 64

/* --- telling ---------------------------------------------------------------------------------- */

static void append_string(struct peal_buffer *out, const char *key, const char *value)
{
	peal_buffer_append_format(out, ",\"%s\":", key);
	/* The name of the node comes from the operator, who may have typed anything. */
	if (peal_utf8_valid(value, strlen(value)))
		peal_json_append_string(out, value, strlen(value));
	else
		peal_buffer_append_text(out, "\"?\"");
}

static void start(struct peal_cluster *cluster, struct peal_buffer *out, const char *type)
{
	*out = PEAL_BUFFER(PEAL_LIMIT_ANNOUNCE_BYTES);
	peal_buffer_append_format(out, "{\"uid\":\"%s\",\"type\":\"%s\"", cluster->options.uid,
				  type);
}

static void append_state(struct peal_cluster *cluster, struct peal_buffer *out)
{
	peal_buffer_append_format(out, ",\"generation\":%llu,\"load\":%llu",
				  (unsigned long long)cluster->announcing.generation,
				  (unsigned long long)cluster->options.stats->sessions);
}

static void publish(struct peal_cluster *cluster, struct peal_buffer *out)
{
	peal_buffer_append_char(out, '}');
	int r = peal_buffer_error(out);
	if (r == 0) {
		const struct peal_message message = {
			.type = PEAL_MESSAGE_ANNOUNCE,
			.ns = "",
			.uid = cluster->options.uid,
			.request_id = "",
			.to = "",
			.event = "",
			.text = out->bytes,
			.text_length = out->length,
		};
		r = cluster->adapter->ops->send(cluster->adapter, &message, 0, 0);
	}
	peal_buffer_deinit(out);
	/* The next digest shows others what they have missed. */
	if (r != 0)
		peal_log(cluster->options.log, PEAL_LOG_WARNING,
			 "an announcement could not be sent", PEAL_FIELD_INT("error", r));
}

void peal_announce_digest(struct peal_cluster *cluster)
{
	struct peal_buffer out;
	start(cluster, &out, "digest");
	append_state(cluster, &out);
	publish(cluster, &out);
}

void peal_announce_goodbye(struct peal_cluster *cluster)
{
	struct peal_buffer out;
	start(cluster, &out, "goodbye");
	publish(cluster, &out);
}

static void ask(struct peal_cluster *cluster, const char *uid)
{
	struct peal_buffer out;
	start(cluster, &out, "ask");
	append_string(&out, "to", uid);
	publish(cluster, &out);
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Those of one kind; they stay in the list. */
static void append_changes(struct peal_cluster *cluster, struct peal_buffer *out, const char *key,
			   bool opened)
{
	size_t count = 0;
	peal_buffer_append_format(out, ",\"%s\":[", key);
	peal_list_each (link, &cluster->announcing.changed) {
		struct peal_space *space = peal_container(link, struct peal_space, changed);
		bool wanted = peal_space_wanted(cluster, space);
		if (wanted == space->announced || wanted != opened)
			continue;
		if (count++)
			peal_buffer_append_char(out, ',');
		peal_json_append_string(out, space->name, space->name_length);
	}
	peal_buffer_append_char(out, ']');
}

/* What is to be known is taken for known. Return: whether that changes anything. */
static bool take_changes(struct peal_cluster *cluster)
{
	struct peal_list *link;
	size_t count = 0;
	peal_timer_disarm(cluster->options.loop, &cluster->announcing.soon);
	while ((link = peal_list_take(&cluster->announcing.changed))) {
		struct peal_space *space = peal_container(link, struct peal_space, changed);
		bool wanted = peal_space_wanted(cluster, space);
		count += wanted != space->announced;
		space->announced = wanted;
	}
	cluster->announcing.generation += count > 0;
	return count > 0;
}

void peal_announce_flush(struct peal_cluster *cluster)
{
	struct peal_buffer opened = PEAL_BUFFER(PEAL_LIMIT_ANNOUNCE_BYTES), out;
	append_changes(cluster, &opened, "opened", true);
	append_changes(cluster, &opened, "closed", false);
	/* Without a connection nobody hears it; the hello behind the next one says all. */
	if (take_changes(cluster) && cluster->state != PEAL_ADAPTER_DOWN && !cluster->leaving) {
		start(cluster, &out, "change");
		append_state(cluster, &out);
		peal_buffer_append(&out, opened.bytes, opened.length);
		if (peal_buffer_error(&opened))
			out.error = peal_buffer_error(&opened);
		publish(cluster, &out);
	}
	peal_buffer_deinit(&opened);
}

static void flush_soon(struct peal_timer *timer)
{
	peal_announce_flush(peal_container(timer, struct peal_cluster, announcing.soon));
}

void peal_announce_changed(struct peal_cluster *cluster, struct peal_space *space)
{
	if (peal_space_wanted(cluster, space) == space->announced)
		return;
	if (!peal_list_linked(&space->changed))
		peal_list_append(&cluster->announcing.changed, &space->changed);
	/* Without memory for the timer it goes with the next full list. */
	if (!cluster->announcing.soon.heap_index &&
	    peal_timer_arm(cluster->options.loop, &cluster->announcing.soon, 0) < 0)
		peal_announce_flush(cluster);
}

/* --- all of it ------------------------------------------------------------------------------- */

static void append_list(struct peal_cluster *cluster, struct peal_buffer *out)
{
	struct peal_hash_entry *entry = NULL;
	bool first = true;
	peal_buffer_append_text(out, ",\"namespaces\":[");
	while ((entry = peal_hash_next(&cluster->spaces, entry))) {
		struct peal_space *space = peal_container(entry, struct peal_space, entry);
		if (!space->announced)
			continue;
		if (!first)
			peal_buffer_append_char(out, ',');
		first = false;
		peal_json_append_string(out, space->name, space->name_length);
	}
	peal_buffer_append_char(out, ']');
}

static void tell_all(struct peal_cluster *cluster, const char *type)
{
	struct peal_buffer out;
	take_changes(cluster); /* they are told with it */
	peal_timer_disarm(cluster->options.loop, &cluster->announcing.answer);
	start(cluster, &out, type);
	append_state(cluster, &out);
	append_string(&out, "name", cluster->options.node_name);
	append_string(&out, "version", PEAL_VERSION);
	append_list(cluster, &out);
	publish(cluster, &out);
}

void peal_announce_hello(struct peal_cluster *cluster)
{
	tell_all(cluster, "hello");
}

void peal_announce_full(struct peal_cluster *cluster)
{
	tell_all(cluster, "full");
}

/* --- hearing ---------------------------------------------------------------------------------- */

static const char *text_of(const struct cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static uint64_t number_of(const struct cJSON *object, const char *key)
{
	const struct cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 9e15)
		return 0;
	return (uint64_t)item->valuedouble;
}

static bool is_uid(const char *uid)
{
	return uid && strlen(uid) == PEAL_UID_LENGTH &&
	       strspn(uid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
		       PEAL_UID_LENGTH;
}

static bool is_node_name(const char *name)
{
	return name && *name && strlen(name) <= NAME_BYTES;
}

/* Names that can be those of a namespace; others are passed over. */
static int each_name(struct peal_member *member, const struct cJSON *list, bool opened)
{
	const struct cJSON *item;
	cJSON_ArrayForEach(item, list)
	{
		const char *name = cJSON_GetStringValue(item);
		if (!name || *name != '/' || !peal_name_valid(name, strlen(name)))
			continue;
		int r = 0;
		if (opened)
			r = peal_member_serve(member, name);
		else
			peal_member_serve_no_more(member, name);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A list that could not be taken in whole is asked for again. */
static void take_generation(struct peal_member *member, int r, uint64_t generation)
{
	member->generation = r == 0 ? generation : 0;
	member->asked = false;
}

static void receive_full(struct peal_cluster *cluster, const char *uid, const struct cJSON *object)
{
	const char *name = text_of(object, "name"), *version = text_of(object, "version");
	struct peal_member *member = peal_member_find(cluster, uid);
	if (!is_node_name(name) || !is_node_name(version))
		return;
	if (!member)
		member = peal_member_add(cluster, uid);
	if (!member)
		return;
	int r = peal_member_name(cluster, member, name, version);
	if (r < 0 && !member->name) {
		peal_member_remove(cluster, member, "no memory");
		return;
	}
	if (r == 0) {
		peal_member_serve_nothing(member);
		r = each_name(member, cJSON_GetObjectItemCaseSensitive(object, "namespaces"), true);
	}
	take_generation(member, r, number_of(object, "generation"));
	member->clients = number_of(object, "load");
	peal_member_seen(cluster, member, true);
}

/* Something of a member that is known only partly, or not at all. */
static void want_full(struct peal_cluster *cluster, struct peal_member *member, const char *uid)
{
	if (cluster->leaving)
		return;
	if (!member) {
		if (cluster->member_count < PEAL_LIMIT_CLUSTER_MEMBERS)
			ask(cluster, uid);
		return;
	}
	/* One question for each digest is enough. */
	if (!member->asked)
		ask(cluster, uid);
	member->asked = true;
}

static void receive_change(struct peal_cluster *cluster, const char *uid,
			   const struct cJSON *object)
{
	struct peal_member *member = peal_member_find(cluster, uid);
	uint64_t generation = number_of(object, "generation");
	if (!member || !generation || member->generation != generation - 1) {
		want_full(cluster, member, uid);
		return;
	}
	int r = each_name(member, cJSON_GetObjectItemCaseSensitive(object, "closed"), false);
	if (r == 0)
		r = each_name(member, cJSON_GetObjectItemCaseSensitive(object, "opened"), true);
	take_generation(member, r, generation);
	member->clients = number_of(object, "load");
	peal_member_seen(cluster, member, true);
}

static void receive_digest(struct peal_cluster *cluster, const char *uid,
			   const struct cJSON *object)
{
	struct peal_member *member = peal_member_find(cluster, uid);
	if (member) {
		member->clients = number_of(object, "load");
		member->asked = false;
		peal_member_seen(cluster, member, false);
	}
	if (!member || !member->generation || member->generation != number_of(object, "generation"))
		want_full(cluster, member, uid);
}

static void answer(struct peal_timer *timer)
{
	struct peal_cluster *cluster =
		peal_container(timer, struct peal_cluster, announcing.answer);
	if (cluster->state != PEAL_ADAPTER_DOWN && !cluster->leaving)
		peal_announce_full(cluster);
}

static void answer_soon(struct peal_cluster *cluster)
{
	unsigned spread = SPREAD_MAX_MS;
	uint32_t random;
	if (cluster->announcing.answer.heap_index || cluster->leaving)
		return;
	if (cluster->member_count < SPREAD_MAX_MS / SPREAD_MS)
		spread = (unsigned)cluster->member_count * SPREAD_MS;
	peal_random_bytes(&random, sizeof(random));
	if (peal_timer_arm(cluster->options.loop, &cluster->announcing.answer,
			   random % (spread + 1)) < 0)
		peal_announce_full(cluster);
}

static void receive(struct peal_cluster *cluster, const struct cJSON *object)
{
	const char *uid = text_of(object, "uid"), *type = text_of(object, "type");
	if (!is_uid(uid) || !type || !strcmp(uid, cluster->options.uid))
		return;
	if (!strcmp(type, "hello") || !strcmp(type, "full")) {
		receive_full(cluster, uid, object);
		if (*type == 'h')
			answer_soon(cluster);
	} else if (!strcmp(type, "change")) {
		receive_change(cluster, uid, object);
	} else if (!strcmp(type, "digest")) {
		receive_digest(cluster, uid, object);
	} else if (!strcmp(type, "ask")) {
		const char *to = text_of(object, "to");
		if (to && !strcmp(to, cluster->options.uid))
			answer_soon(cluster);
	} else if (!strcmp(type, "goodbye")) {
		struct peal_member *member = peal_member_find(cluster, uid);
		if (member)
			peal_member_remove(cluster, member, "goodbye");
	}
}

/* A tree costs much more than its text: the parts are counted before one is built. */
static bool is_sane(const struct peal_message *message)
{
	struct peal_json_facts facts;
	size_t parts = 0;
	if (message->text_length > PEAL_LIMIT_ANNOUNCE_BYTES)
		return false;
	for (size_t i = 0; i < message->text_length; i++)
		parts += message->text[i] == ',' || message->text[i] == '[' ||
			 message->text[i] == '{';
	return parts <= PEAL_LIMIT_CLUSTER_SPACES + OWN_PARTS &&
	       peal_json_validate(message->text, message->text_length, &facts) &&
	       facts.type == PEAL_JSON_OBJECT && facts.depth <= 4;
}

void peal_announce_receive(struct peal_cluster *cluster, const struct peal_message *message)
{
	struct cJSON *object = NULL;
	if (is_sane(message))
		object = peal_tree_parse(message->text, message->text_length);
	if (object)
		receive(cluster, object);
	else
		cluster->options.stats->cluster_messages_invalid++;
	cJSON_Delete(object);
}

/* --- beginning and end ------------------------------------------------------------------------ */

void peal_announce_init(struct peal_cluster *cluster)
{
	cluster->announcing = (struct peal_announcing){
		.generation = 1,
		.soon = { .fn = flush_soon },
		.answer = { .fn = answer },
	};
	peal_list_init(&cluster->announcing.changed);
}

void peal_announce_close(struct peal_cluster *cluster)
{
	peal_timer_disarm(cluster->options.loop, &cluster->announcing.soon);
	peal_timer_disarm(cluster->options.loop, &cluster->announcing.answer);
}
