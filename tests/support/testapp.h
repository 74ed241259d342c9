/*
 * The test application: one program with the same behaviour as tests/e2e/reference.mjs, so that the
 * same end-to-end tests run against peal and against the reference. It uses the public headers
 * only.
 *
 * Tests drive it over POST /control (one JSON command, one JSON answer) and read what happened from
 * its log of entries, which POST /control {"do":"events"} returns.
 */
#ifndef PEAL_TESTS_TESTAPP_H
#define PEAL_TESTS_TESTAPP_H

#include <cjson/cJSON.h>
#include <peal/peal.h>

#define TESTAPP_ITEMS 1024

/* A decision that a test takes later. */
struct pending {
	struct peal_next *next;
};

struct testapp {
	struct peal_node *node;
	struct peal_namespace *by_pattern;
	struct peal_namespace *by_function;
	cJSON *settings;
	cJSON *log;
	bool quiet; /* no log: it would be what is measured */
	struct pending pending[TESTAPP_ITEMS];
	size_t pending_first, pending_count;
	struct peal_responder *responders[TESTAPP_ITEMS];
	size_t responder_count;
	struct peal_session *sessions[TESTAPP_ITEMS];
	size_t session_count;
	struct server_handler *server_handlers;
	struct peal_stats at_close;
	bool closed;
};

/* testapp_log.c: entries, and arguments in the form of the wire */
cJSON *testapp_entry(struct testapp *app, const char *e);
cJSON *testapp_socket_entry(struct testapp *app, const char *e, const struct peal_socket *socket);
void testapp_pack(cJSON *object, const struct peal_args *args);
int testapp_unpack(const cJSON *command, struct peal_args **ret_args);
unsigned char *testapp_from_hex(const char *text, size_t *ret_length);

/* testapp_handlers.c: namespaces, middlewares and handlers */
int testapp_serve_all(struct testapp *app);
void testapp_hold(struct testapp *app, const char *kind, struct peal_next *next);

/* testapp_control.c: the control routes */
int testapp_control(struct testapp *app);

/* testapp_settings.c: settings as JSON to options; strings live as long as app->settings */
/* Return: 0; a code when the settings name a Redis and no adapter for it can be made. */
int testapp_settings(struct testapp *app, struct peal_node_options *options);
int testapp_bare_engine(struct testapp *app, const struct peal_engine_options *options);

/* testapp_cluster.c: frees the handlers of other servers' events */
void testapp_cluster_free(struct testapp *app);

/* testapp.c */
void testapp_shutdown(struct peal_node *node, void *userdata);

#endif
