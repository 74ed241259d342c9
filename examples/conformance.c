/*
 * What the official protocol suites of Engine.IO and Socket.IO run against, on one port: a bare
 * Engine.IO server on /engine.io/ that sends every message back, and the Socket.IO test application
 * on /socket.io/.
 *
 *   conformance --port 3000
 */
#include <peal/peal.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* --- Engine.IO: echo -----------------------------------------------------------------------------
 */

static void on_message(struct peal_session *session, const void *data, size_t length, bool binary,
		       void *userdata)
{
	(void)userdata;
	peal_session_send(session, data, length, binary);
}

/* --- Socket.IO: the test application -------------------------------------------------------------
 */

static void on_connection(struct peal_socket *socket, void *userdata)
{
	(void)userdata;
	peal_socket_emit_args(socket, 0, "auth", peal_socket_auth(socket));
}

static void on_message_event(struct peal_socket *socket, const struct peal_event *event,
			     void *userdata)
{
	(void)userdata;
	peal_socket_emit_args(socket, 0, "message-back", event->args);
}

static void on_message_with_ack(struct peal_socket *socket, const struct peal_event *event,
				void *userdata)
{
	(void)socket, (void)userdata;
	peal_reply_args(event, event->args);
}

static void must(int r, const char *what)
{
	if (r == 0)
		return;
	fprintf(stderr, "conformance: %s: %s\n", what, r < 0 ? strerror(-r) : "refused");
	exit(1);
}

static void set_suite_times(struct peal_engine_options *engine)
{
	engine->ping_interval_ms = 300;
	engine->ping_timeout_ms = 200;
	engine->max_http_buffer_size = 1000000;
	engine->cors.origin = PEAL_CORS_ANY;
}

int main(int count, char **arguments)
{
	const struct peal_engine_handlers echo = { .message = on_message };
	struct peal_engine_options engine_options;
	struct peal_node_options options;
	struct peal_engine *engine;
	struct peal_node *node;

	/* The node sizes its tables by the limit of open files, which containers set too high. */
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1024, 1024 });
	signal(SIGPIPE, SIG_IGN);
	peal_node_options_init(&options);
	if (count == 3 && !strcmp(arguments[1], "--port")) {
		options.port = (uint16_t)atoi(arguments[2]);
	} else if (count != 1) {
		fprintf(stderr, "usage: conformance [--port N]\n");
		return 2;
	}
	options.max_clients = 400;
	options.connect_timeout_ms = 1000;
	set_suite_times(&options.engine);
	must(peal_node_new(&options, &node), "node");

	peal_engine_options_init(&engine_options);
	set_suite_times(&engine_options);
	must(peal_engine_new(node, &engine_options, &echo, NULL, &engine), "engine");

	must(peal_on_connection(peal_io(node), on_connection, NULL), "connection");
	must(peal_on(peal_io(node), "message", on_message_event, NULL), "message");
	must(peal_on(peal_io(node), "message-with-ack", on_message_with_ack, NULL), "ack");
	must(peal_on_connection(peal_of(node, "/custom"), on_connection, NULL), "/custom");

	must(peal_node_listen(node), "listen");
	printf("listening on port %u\n", peal_node_port(node));
	fflush(stdout);
	must(peal_node_run(node), "run");
	peal_node_free(node);
	return 0;
}
