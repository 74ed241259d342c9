/*
 * Main program of the test application.
 *
 * usage: testapp '{"port":0,"pingInterval":300,…}'; prints `listening <port>`. Ends on SIGTERM or
 * SIGINT after an orderly close; exit status 3 when something was still alive then.
 */
#include "testapp.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static void on_closed(struct peal_node *node, void *userdata)
{
	struct testapp *app = userdata;

	peal_node_stats(node, &app->at_close);
	app->closed = true;
}

void testapp_shutdown(struct peal_node *node, void *userdata)
{
	peal_node_close(node, 3000, on_closed, userdata);
}

/* Signals arrive on a thread of their own, so that peal_node_post() is used as it is meant. */
static void *wait_for_signal(void *userdata)
{
	struct testapp *app = userdata;
	sigset_t signals;
	int number;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigwait(&signals, &number) == 0 &&
	    peal_node_post(app->node, testapp_shutdown, app) != 0)
		_exit(4);
	return NULL;
}

/* What must be gone when a node was closed. */
static int count_survivors(const struct peal_stats *stats)
{
	int survivors = 0;

#define GONE(name)                                                     \
	if (stats->name != 0) {                                        \
		fprintf(stderr, "alive after close: %s=%llu\n", #name, \
			(unsigned long long)stats->name);              \
		survivors++;                                           \
	}
	GONE(sessions)
	GONE(sessions_websocket)
	GONE(sockets)
	GONE(rooms)
	GONE(memberships)
	GONE(outbox_bytes)
	GONE(frames)
	GONE(frame_bytes)
	GONE(http_connections)
	GONE(websocket_connections)
#undef GONE
	return survivors;
}

/* The library never changes limits of the process. */
static void raise_file_limit(size_t clients)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= clients + 256)
		return;
	limit.rlim_cur = limit.rlim_max < clients + 256 ? limit.rlim_max : clients + 256;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void free_app(struct testapp *app)
{
	while (app->responder_count > 0)
		peal_responder_free(app->responders[--app->responder_count]);
	while (app->pending_count > 0) {
		peal_next_refuse(app->pending[app->pending_first].next, "closing", NULL);
		app->pending_first = (app->pending_first + 1) % TESTAPP_ITEMS;
		app->pending_count--;
	}
}

int main(int argc, char **argv)
{
	struct testapp *app = calloc(1, sizeof(*app));
	struct peal_node_options options;
	pthread_t thread;
	sigset_t signals;
	int result;

	app->settings = cJSON_Parse(argc > 1 ? argv[1] : "{}");
	app->log = cJSON_CreateArray();
	if (!app->settings) {
		fprintf(stderr, "the settings are not JSON\n");
		return 2;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);

	peal_node_options_init(&options);
	result = testapp_settings(app, &options);
	raise_file_limit(options.max_clients);
	if (result == 0)
		result = peal_node_new(&options, &app->node);
	if (result == 0)
		result = testapp_bare_engine(app, &options.engine);
	if (result == 0)
		result = testapp_serve_all(app);
	if (result == 0)
		result = testapp_control(app);
	if (result == 0)
		result = peal_node_listen(app->node);
	if (result != 0) {
		fprintf(stderr, "the node does not start: %d\n", result);
		return 2;
	}
	cJSON_Delete(app->log);
	app->log = cJSON_CreateArray();
	pthread_create(&thread, NULL, wait_for_signal, app);
	printf("listening %u\n", peal_node_port(app->node));
	fflush(stdout);
	result = peal_node_run(app->node);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	free_app(app);
	peal_node_free(app->node);
	testapp_cluster_free(app);
	if (result == 0 && (!app->closed || count_survivors(&app->at_close) > 0))
		result = 3;
	cJSON_Delete(app->log);
	cJSON_Delete(app->settings);
	free(app);
	return result == 0 ? 0 : result > 0 ? result : 2;
}
