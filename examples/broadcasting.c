/*
 * Every snippet of https://socket.io/docs/v4/broadcasting-events/ in C, each under its JavaScript
 * form.
 *
 *   broadcasting --port 3000
 *   broadcasting --port 3000 --redis redis://127.0.0.1:6379      one of several nodes
 *
 * With the same Redis, each form reaches the clients of all nodes.
 *
 * It runs: a client that emits `run` with the name of a form makes the node perform it, in the
 * namespace / and with the client as the sender; its acknowledgement says whether there is such a
 * form. All clients of / are in the room "room123". What the acknowledgements were is printed and
 * emitted to everyone as `result`.
 */
#include <peal/peal.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* (err, responses) => … */
static void on_acks(const struct peal_acks *acks, void *userdata)
{
	struct peal_namespace *io = userdata;

	if (acks->error) {
		/* some clients did not acknowledge the event in the given delay */
		printf("%s: %zu of %zu\n", peal_ack_strerror(acks->error), acks->clients_answered,
		       acks->clients_expected);
	} else {
		/* one response per client */
		for (size_t i = 0; i < acks->response_count; i++) {
			size_t length;
			const char *text = peal_args_item(acks->responses[i], 0, &length);

			printf("response: %.*s\n", (int)length, text);
		}
	}
	fflush(stdout);
	if (acks->error != PEAL_ACK_CLOSED)
		peal_emit(io, PEAL_ALL, "result", acks->clients_answered, acks->clients_expected);
}

/* --- To all connected clients
 * ---------------------------------------------------------------------- */

static void everyone(struct peal_namespace *io, struct peal_socket *socket)
{
	(void)socket;
	/*
	 * io.emit("hello", "world");
	 */
	peal_emit(io, PEAL_ALL, "hello", "world");
}

/* --- To all connected clients except the sender
 * ---------------------------------------------------- */

static void everyone_else(struct peal_namespace *io, struct peal_socket *socket)
{
	(void)io;
	/*
	 * io.on("connection", (socket) => {
	 *   socket.broadcast.emit("hello", "world");
	 * });
	 */
	peal_socket_broadcast(socket, PEAL_ALL, "hello", "world");
}

/* --- With acknowledgements
 * ------------------------------------------------------------------------- */

static void everyone_ack(struct peal_namespace *io, struct peal_socket *socket)
{
	(void)socket;
	/*
	 * io.timeout(5000).emit("hello", "world", (err, responses) => {
	 *   if (err) {
	 *     // some clients did not acknowledge the event in the given delay
	 *   } else {
	 *     console.log(responses); // one response per client
	 *   }
	 * });
	 */
	peal_emit_ack(io, PEAL_ALL, 5000, on_acks, io, "hello", "world");
}

static void room_ack(struct peal_namespace *io, struct peal_socket *socket)
{
	(void)socket;
	/*
	 * io.to("room123").timeout(5000).emit("hello", "world", (err, responses) => {
	 *   // ...
	 * });
	 */
	peal_emit_ack(io, PEAL_TO(.rooms = PEAL_ROOMS("room123")), 5000, on_acks, io, "hello",
		      "world");
}

static void everyone_else_ack(struct peal_namespace *io, struct peal_socket *socket)
{
	/*
	 * socket.broadcast.timeout(5000).emit("hello", "world", (err, responses) => {
	 *   // ...
	 * });
	 */
	peal_socket_broadcast_ack(socket, PEAL_ALL, 5000, on_acks, io, "hello", "world");
}

static void namespace_ack(struct peal_namespace *io, struct peal_socket *socket)
{
	struct peal_node *node = peal_namespace_node(io);

	(void)socket;
	/*
	 * io.of("/the-namespace").timeout(5000).emit("hello", "world", (err, responses) => {
	 *   // ...
	 * });
	 */
	peal_emit_ack(peal_of(node, "/the-namespace"), PEAL_ALL, 5000, on_acks, io, "hello",
		      "world");
}

/* --- With multiple Socket.IO servers
 * --------------------------------------------------------------- */

static void local(struct peal_namespace *io, struct peal_socket *socket)
{
	(void)socket;
	/*
	 * io.local.emit("hello", "world");
	 */
	peal_emit(io, PEAL_TO(.flags = PEAL_LOCAL), "hello", "world");
}

/* --- the program around it
 * ------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*perform)(struct peal_namespace *io, struct peal_socket *socket);
} forms[] = {
	{ "everyone", everyone },
	{ "everyone-else", everyone_else },
	{ "everyone-ack", everyone_ack },
	{ "room-ack", room_ack },
	{ "everyone-else-ack", everyone_else_ack },
	{ "namespace-ack", namespace_ack },
	{ "local", local },
};

static void on_connection(struct peal_socket *socket, void *userdata)
{
	(void)userdata;
	peal_socket_join(socket, "room123");
}

static void on_run(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	const char *name = peal_args_string(event->args, 0);
	bool found = false;

	(void)userdata;
	for (size_t i = 0; name && i < sizeof(forms) / sizeof(*forms); i++) {
		if (!strcmp(name, forms[i].name)) {
			forms[i].perform(peal_socket_namespace(socket), socket);
			found = true;
		}
	}
	if (event->wants_ack)
		peal_reply(event, found);
}

/* What makes the node one of a cluster. */
static struct peal_adapter *join_cluster(const char *url)
{
	struct peal_redis_options options;
	struct peal_adapter *adapter = NULL;
	char message[256] = "no memory";

	peal_redis_options_init(&options);
	options.url = url;
	if (peal_redis_adapter_new(&options, &adapter, message, sizeof(message)) != 0)
		fprintf(stderr, "%s\n", message);
	return adapter;
}

int main(int count, char **arguments)
{
	struct peal_node_options options;
	struct peal_node *node;

	/* The node sizes its tables by the limit of open files, which containers set too high. */
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1024, 1024 });
	signal(SIGPIPE, SIG_IGN);
	peal_node_options_init(&options);
	options.max_clients = 400;
	for (int i = 1; i + 1 < count; i += 2) {
		if (!strcmp(arguments[i], "--port"))
			options.port = (uint16_t)atoi(arguments[i + 1]);
		else if (!strcmp(arguments[i], "--redis") &&
			 !(options.adapter = join_cluster(arguments[i + 1])))
			return 1;
	}
	if (peal_node_new(&options, &node) != 0)
		return 1;
	if (!peal_of(node, "/the-namespace") ||
	    peal_on_connection(peal_io(node), on_connection, NULL) != 0 ||
	    peal_on(peal_io(node), "run", on_run, NULL) != 0 || peal_node_listen(node) != 0)
		return 1;
	printf("listening on port %u\n", peal_node_port(node));
	fflush(stdout);
	peal_node_run(node);
	peal_node_free(node);
	return 0;
}
