/*
 * The composition root: one of each room makes a node. Nothing is decided here but who knows whom,
 * and the order in which things begin and end.
 */
#include <peal/node.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/id.h"
#include "base/limits.h"
#include "cluster/cluster.h"
#include "node/node_private.h"
#include "server/server.h"

const char *peal_version(void)
{
	return PEAL_VERSION;
}

void peal_node_options_init(struct peal_node_options *options)
{
	*options = (struct peal_node_options){
		.host = "127.0.0.1",
		.port = 3000,
		.max_clients = 10000,
		.connect_timeout_ms = 45000,
		.max_child_namespaces = 10000,
		.websocket_read_bytes = 512,
		.member_timeout_ms = 3000,
		.request_timeout_ms = 5000,
		.log_level = PEAL_LOG_INFO,
	};
	peal_engine_options_init(&options->engine);
	options->engine.path = "/socket.io/";
}

struct peal_cluster *peal_node_cluster(struct peal_node *node)
{
	return node->cluster;
}

struct peal_server *peal_node_server(struct peal_node *node)
{
	return node->server;
}

/* --- making -------------------------------------------------------------------------------- */

static int check_options(struct peal_node *node, const struct peal_node_options *options)
{
	const char *wrong = NULL;
	if (!options->host || !*options->host)
		wrong = "host";
	else if (!options->max_clients)
		wrong = "max_clients";
	else if (options->connect_rate > PEAL_LIMIT_CONNECT_RATE)
		wrong = "connect_rate";
	else if (options->address_connect_rate > PEAL_LIMIT_CONNECT_RATE)
		wrong = "address_connect_rate";
	else if (!options->connect_timeout_ms || options->connect_timeout_ms > INT32_MAX)
		wrong = "connect_timeout_ms";
	else if (options->websocket_read_bytes < 64 || options->websocket_read_bytes > 65536)
		wrong = "websocket_read_bytes";
	else if (options->name &&
		 (!*options->name || strlen(options->name) > PEAL_LIMIT_NODE_NAME_BYTES))
		wrong = "name";
	else if (options->member_timeout_ms < PEAL_LIMIT_MEMBER_TIMEOUT_MS ||
		 options->member_timeout_ms > INT32_MAX)
		wrong = "member_timeout_ms";
	else if (!options->request_timeout_ms || options->request_timeout_ms > INT32_MAX)
		wrong = "request_timeout_ms";
	if (!wrong)
		return 0;
	peal_log(&node->log, PEAL_LOG_ERROR, "option out of range",
		 PEAL_FIELD_TEXT("option", wrong));
	return PEAL_NODE_E_OPTION;
}

/* Short enough to begin the id of every socket with, and never the "emitter" of the wire. */
static void choose_uid(struct peal_node *node)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	peal_random_bytes(node->uid, PEAL_UID_LENGTH);
	for (size_t i = 0; i < PEAL_UID_LENGTH; i++)
		node->uid[i] = alphabet[node->uid[i] & 63];
	node->uid[PEAL_UID_LENGTH] = '\0';
}

size_t peal_node_connections(const struct peal_node *node, size_t clients)
{
	/* A polling client may hold two connections at once. */
	size_t most = node->files - node->spare_files / 2, wanted = 2 * clients + 64;
	return wanted < most ? wanted : most;
}

/* Find out how many clients the file limit carries. The library reads the limit and never changes
 * it. */
static int size_up(struct peal_node *node, size_t wanted, size_t *ret_connections)
{
	struct rlimit files;
	size_t reserve = 64, clients = wanted;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	if (files.rlim_cur > PEAL_LIMIT_FILES) {
		peal_log(&node->log, PEAL_LOG_ERROR,
			 "the limit of open files is too high for libwebsockets",
			 PEAL_FIELD_INT("limit", files.rlim_cur),
			 PEAL_FIELD_INT("highest", PEAL_LIMIT_FILES));
		return PEAL_NODE_E_FILE_LIMIT;
	}
	if (files.rlim_cur < 2 * reserve)
		reserve = files.rlim_cur / 2;
	if (clients > files.rlim_cur - reserve) {
		clients = files.rlim_cur - reserve;
		peal_log(&node->log, PEAL_LOG_WARNING,
			 "max clients lowered to fit the limit of open files",
			 PEAL_FIELD_INT("from", wanted), PEAL_FIELD_INT("to", clients),
			 PEAL_FIELD_INT("files", files.rlim_cur));
	}
	node->files = files.rlim_cur;
	node->spare_files = reserve;
	node->engines_context.max_sessions = clients;
	*ret_connections = peal_node_connections(node, clients);
	return 0;
}

static void deliver_decisions(struct peal_task *task)
{
	struct peal_node *node = peal_container(task, struct peal_node, decisions_task);
	peal_decisions_deliver(&node->decisions);
}

static void wake_decisions(void *userdata)
{
	struct peal_node *node = userdata;
	if (!peal_task_queued(&node->decisions_task))
		peal_loop_defer(node->loop, &node->decisions_task);
}

static void set_name(struct peal_node *node, const char *name, uint16_t port)
{
	char host[256] = "";
	if (name) {
		snprintf(node->name, sizeof(node->name), "%s", name);
		return;
	}
	gethostname(host, sizeof(host) - 1);
	snprintf(node->name, sizeof(node->name), "%s:%u", *host ? host : "peal", port);
}

static int add_engine(struct peal_node *node, const struct peal_engine_options *options,
		      const struct peal_engine_handlers *handlers, void *userdata,
		      struct peal_engine **ret_engine)
{
	struct peal_engine_place *place = calloc(1, sizeof(*place));
	if (!place)
		return -ENOMEM;
	int r = peal_engine_create(&node->engines_context, options, handlers, userdata,
				   &place->engine);
	if (r == 0)
		r = peal_front_new(place->engine, node->http, node->websockets, &node->decisions,
				   &place->front);
	if (r < 0) {
		peal_engine_destroy(place->engine);
		free(place);
		return r;
	}
	place->is_socket_io = handlers == &peal_server_engine_handlers;
	peal_list_append(&node->engines, &place->link);
	if (ret_engine)
		*ret_engine = place->engine;
	return 0;
}

/* The cluster comes last: from its beginning messages of other nodes may come. */
static int join_cluster(struct peal_node *node, const struct peal_node_options *options)
{
	const struct peal_cluster_options cluster = {
		.loop = node->loop,
		.node = node,
		.server = node->server,
		.barrier = &node->barrier,
		.stats = &node->stats,
		.log = &node->log,
		.adapter = node->adapter,
		.uid = node->uid,
		.node_name = node->name,
		.member_timeout_ms = options->member_timeout_ms,
		.request_timeout_ms = options->request_timeout_ms,
		.answer_server_events = options->answer_server_events,
	};
	node->adapter = NULL; /* it is the cluster's now, also when that fails */
	int r = peal_cluster_new(&cluster, &node->cluster);
	return r == -EPROTO ? PEAL_NODE_E_OPTION : r;
}

static int make(struct peal_node *node, const struct peal_node_options *options)
{
	size_t connections = 0;
	int r = check_options(node, options);
	if (r == 0)
		r = size_up(node, options->max_clients, &connections);
	if (r == 0)
		r = peal_loop_new(options->base, NULL, &node->stats, &node->log, &node->loop);
	if (r != 0)
		return r;
	peal_barrier_init(&node->barrier, node->loop, &node->stats);
	r = peal_posts_init(node);
	if (r != 0)
		return r;
	node->host = strdup(options->host);
	if (!node->host)
		return -ENOMEM;
	node->port = options->port;
	node->named = options->name != NULL;
	set_name(node, options->name, options->port);
	node->engines_context.loop = node->loop;
	node->engines_context.stats = &node->stats;
	node->engines_context.log = &node->log;
	node->engines_context.barrier = &node->barrier;
	peal_admission_init(&node->engines_context.admission, options->connect_rate,
			    PEAL_CONNECT_BURST_MS, peal_loop_real_ms(node->loop));
	peal_addresses_init(&node->engines_context.addresses, node->loop, &node->stats, &node->log);
	peal_addresses_set_clients(&node->engines_context.addresses, options->address_clients);
	peal_addresses_set_rate(&node->engines_context.addresses, options->address_connect_rate);
	const struct peal_http_options http = {
		.max_connections = connections,
		.trusted_proxies = options->trusted_proxies,
		.trusted_proxy_count = options->trusted_proxy_count,
		.barrier = &node->barrier,
	};
	r = peal_http_server_new(node->loop, &http, &node->stats, &node->log, &node->http);
	if (r == -EINVAL) {
		peal_log(&node->log, PEAL_LOG_ERROR, "option out of range",
			 PEAL_FIELD_TEXT("option", "trusted_proxies"));
		return PEAL_NODE_E_OPTION;
	}
	if (r < 0)
		return r;
	r = peal_websockets_new(node->loop, options->websocket_read_bytes, &node->stats, &node->log,
				&node->websockets);
	if (r == -EIO)
		return PEAL_NODE_E_WEBSOCKETS;
	if (r < 0)
		return r;
	const struct peal_server_options server = {
		.connect_timeout_ms = options->connect_timeout_ms,
		.cleanup_empty_child_namespaces = options->cleanup_empty_child_namespaces,
		.max_child_namespaces = options->max_child_namespaces,
		.node_name = node->name,
		.uid = node->uid,
		.barrier = &node->barrier,
	};
	r = peal_server_new(node->loop, node, &node->decisions, &server, &node->stats, &node->log,
			    &node->server);
	if (r < 0)
		return r;
	r = add_engine(node, &options->engine, &peal_server_engine_handlers, node->server, NULL);
	if (r == 0)
		r = join_cluster(node, options);
	return r == -EINVAL ? PEAL_NODE_E_OPTION : r;
}

int peal_node_new(const struct peal_node_options *options, struct peal_node **ret_node)
{
	struct peal_node_options defaults;
	if (!options) {
		peal_node_options_init(&defaults);
		options = &defaults;
	}
	struct peal_node *node = calloc(1, sizeof(*node));
	if (!node) {
		peal_adapter_free(options->adapter);
		return -ENOMEM;
	}
	node->adapter = options->adapter;
	node->log = (struct peal_log){ options->log_level, options->log, options->log_userdata };
	node->posts.wake_fd = -1;
	node->decisions_task.fn = deliver_decisions;
	choose_uid(node);
	peal_list_init(&node->engines);
	peal_list_init(&node->afters);
	peal_list_init(&node->closers);
	peal_list_init(&node->listeners);
	peal_decisions_init(&node->decisions, wake_decisions, node);
	int r = make(node, options);
	if (r != 0) {
		peal_node_free(node);
		return r;
	}
	*ret_node = node;
	return 0;
}

int peal_engine_new(struct peal_node *node, const struct peal_engine_options *options,
		    const struct peal_engine_handlers *handlers, void *userdata,
		    struct peal_engine **ret_engine)
{
	if (node->freeing || !node->http)
		return -ESHUTDOWN;
	return add_engine(node, options, handlers, userdata, ret_engine);
}

int peal_http_route(struct peal_node *node, const char *path, const char *methods, size_t max_body,
		    peal_http_fn *fn, void *userdata)
{
	if (node->freeing || !node->http)
		return -ESHUTDOWN;
	return peal_http_server_route(node->http, path, methods, max_body, fn, userdata);
}

int peal_http_gate(struct peal_node *node, const char *path, peal_http_gate_fn *fn)
{
	if (node->freeing || !node->http)
		return -ESHUTDOWN;
	return peal_http_server_gate(node->http, path, fn);
}

/* --- running ------------------------------------------------------------------------------- */

int peal_node_listen(struct peal_node *node)
{
	if (node->freeing || node->closing)
		return -ESHUTDOWN;
	int r = peal_http_server_listen(node->http, node->host, node->port);
	if (r < 0)
		return r;
	node->listening = true;
	node->port = peal_http_server_port(node->http);
	if (!node->named)
		set_name(node, NULL, node->port);
	peal_cluster_renamed(node->cluster);
	return 0;
}

uint16_t peal_node_port(const struct peal_node *node)
{
	return node->listening ? node->port : 0;
}

const char *peal_node_name(const struct peal_node *node)
{
	return node->name;
}

int peal_node_run(struct peal_node *node)
{
	return peal_loop_run(node->loop);
}

void peal_node_stop(struct peal_node *node)
{
	peal_loop_stop(node->loop);
}

bool peal_node_ready(const struct peal_node *node)
{
	return node->listening && !node->engines_context.draining && !node->closing &&
	       !node->freeing && peal_cluster_settled(node->cluster);
}

void peal_node_stats(const struct peal_node *node, struct peal_stats *ret_stats)
{
	*ret_stats = node->stats;
}

/* --- closing ------------------------------------------------------------------------------- */

/* How often an orderly close looks whether all is gone. */
#define CLOSE_LOOK_MS 5
/* What was cut goes in the turns that follow, which is waited for, but not without end. */
#define CLOSE_CUT_MS 1000

struct closer {
	struct peal_list link;
	peal_node_fn *fn;
	void *userdata;
};

/* Those that are there now: one of them may ask again. */
static void run_closers(struct peal_node *node)
{
	struct peal_list batch, *link;
	peal_list_init(&batch);
	while ((link = peal_list_take(&node->closers)))
		peal_list_append(&batch, link);
	while ((link = peal_list_take(&batch))) {
		struct closer *closer = peal_container(link, struct closer, link);
		closer->fn(node, closer->userdata);
		free(closer);
	}
}

static int add_closer(struct peal_node *node, peal_node_fn *fn, void *userdata)
{
	struct closer *closer = calloc(1, sizeof(*closer));
	if (!closer)
		return -ENOMEM;
	closer->fn = fn;
	closer->userdata = userdata;
	peal_list_append(&node->closers, &closer->link);
	return 0;
}

static void begin_close(struct peal_node *node)
{
	node->closing = true;
	node->engines_context.draining = true;
	node->stats.draining = 0;
	/* What its clients' leaving makes the application emit still reaches the others. */
	if (node->server)
		peal_server_shut_down(node->server);
	if (node->cluster)
		peal_cluster_leave(node->cluster);
	peal_list_each (link, &node->engines)
		peal_engine_discard_all(
			peal_container(link, struct peal_engine_place, link)->engine);
	if (node->http)
		peal_http_server_close(node->http);
	peal_listeners_close(node);
}

static bool all_gone(const struct peal_node *node)
{
	return !node->engines_context.session_count && !peal_websockets_count(node->websockets) &&
	       (!node->http || !peal_http_server_connections(node->http)) &&
	       !peal_listeners_connections(node);
}

static void look_at_close(struct peal_timer *timer)
{
	struct peal_node *node = peal_container(timer, struct peal_node, close_timer);
	bool late = peal_loop_real_ms(node->loop) >= node->close_due_ms;
	if (!all_gone(node) && !late && peal_timer_arm(node->loop, timer, CLOSE_LOOK_MS) == 0)
		return;
	if (late && !node->cut) {
		node->cut = true;
		peal_websockets_cut_all(node->websockets);
		peal_http_server_free(node->http);
		node->http = NULL;
		peal_listeners_cut(node);
		node->close_due_ms += CLOSE_CUT_MS;
		if (!all_gone(node) && peal_timer_arm(node->loop, timer, CLOSE_LOOK_MS) == 0)
			return;
	}
	node->closed = true;
	run_closers(node);
	peal_loop_stop(node->loop);
}

int peal_node_close(struct peal_node *node, unsigned timeout_ms, peal_node_fn *fn, void *userdata)
{
	if (node->freeing)
		return -ESHUTDOWN;
	peal_loop_enter(node->loop);
	uint64_t due_ms = peal_loop_real_ms(node->loop) + timeout_ms;
	int r = fn ? add_closer(node, fn, userdata) : 0;
	if (node->closing) {
		if (due_ms < node->close_due_ms)
			node->close_due_ms = due_ms;
		/* Closed already: it is told in the next turn. */
		if (node->closed && peal_timer_arm(node->loop, &node->close_timer, 0) < 0)
			peal_loop_stop(node->loop);
		return r;
	}
	node->close_due_ms = due_ms;
	begin_close(node);
	node->close_timer.fn = look_at_close;
	/* Without memory for a timer the close still ends, in peal_node_free(). */
	if (peal_timer_arm(node->loop, &node->close_timer, CLOSE_LOOK_MS) < 0)
		peal_loop_stop(node->loop);
	return r;
}

static void end_engines(struct peal_node *node)
{
	struct peal_list *link;
	while ((link = peal_list_take(&node->engines))) {
		struct peal_engine_place *place =
			peal_container(link, struct peal_engine_place, link);
		peal_front_free(place->front);
		peal_engine_destroy(place->engine);
		free(place);
	}
}

void peal_node_free(struct peal_node *node)
{
	if (!node)
		return;
	node->freeing = true;
	if (node->server)
		peal_server_refuse_calls(node->server);
	if (node->loop) {
		/* Each step runs what the one before has left to be told and reaped. */
		begin_close(node);
		peal_loop_step(node->loop);
		peal_timer_disarm(node->loop, &node->close_timer);
		peal_posts_deinit(node);
		peal_afters_run_all(node);
		peal_http_server_free(node->http);
		node->http = NULL;
		peal_listeners_free(node);
		peal_loop_step(node->loop);
		peal_websockets_free(node->websockets);
		peal_loop_step(node->loop);
		run_closers(node);
		peal_cluster_free(node->cluster);
		node->cluster = NULL;
		peal_server_free(node->server);
		peal_loop_step(node->loop);
		peal_loop_cancel(&node->decisions_task);
		end_engines(node);
		peal_addresses_deinit(&node->engines_context.addresses);
		peal_barrier_deinit(&node->barrier);
	}
	peal_adapter_free(node->adapter);
	peal_decisions_deinit(&node->decisions);
	peal_loop_free(node->loop);
	peal_posts_destroy(node);
	free(node->host);
	free(node);
}
