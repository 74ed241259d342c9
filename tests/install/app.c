/*
 * An application outside the tree: knows the installed headers and what pkg-config says, nothing
 * else. It makes a node, listens, uses a bit of every header, closes orderly and checks that
 * nothing is left.
 */
#include <peal/peal.h>
#include <stdio.h>
#include <string.h>

static void on_connection(struct peal_socket *socket, void *userdata)
{
	(void)userdata;
	peal_socket_broadcast(socket, PEAL_ALL, "hello", peal_socket_id(socket));
}

static void on_acks(const struct peal_acks *acks, void *userdata)
{
	int *rounds = userdata;

	if (!acks->error && acks->clients_expected == 0 && acks->response_count == 0)
		(*rounds)++;
}

static void on_page(struct peal_http_request *request, void *userdata)
{
	(void)userdata;
	peal_http_reply(request, 200, NULL, 0, "peal", 4);
}

static void on_closed(struct peal_node *node, void *userdata)
{
	(void)node;
	*(bool *)userdata = true;
}

static void close_it(struct peal_node *node, void *userdata)
{
	peal_node_close(node, 1000, on_closed, userdata);
}

static int fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	return 1;
}

int main(void)
{
	struct peal_node_options options;
	struct peal_node *node;
	struct peal_namespace *io;
	struct peal_stats stats;
	bool closed = false;
	int rounds = 0;

	if (strcmp(peal_version(), PEAL_EXPECTED_VERSION) != 0)
		return fail("pkg-config and the library do not agree on the version");
	peal_node_options_init(&options);
	options.port = 0;
	options.max_clients = 100;
	options.log_level = PEAL_LOG_WARNING;
	if (peal_node_new(&options, &node) != 0)
		return fail("no node");
	io = peal_io(node);
	if (peal_on_connection(io, on_connection, NULL) != 0)
		return fail("no connection handler");
	if (peal_http_route(node, "/page", "GET", 0, on_page, NULL) != 0)
		return fail("no route");
	if (peal_node_listen(node) != 0 || peal_node_port(node) == 0)
		return fail("does not listen");
	if (peal_emit(io, PEAL_ALL, "hello", "world", 1, 2.5, PEAL_TRUE, PEAL_NULL) != 0)
		return fail("emit failed");
	if (peal_emit_ack(io, PEAL_TO(.rooms = PEAL_ROOMS("a", "b")), 1000, on_acks, &rounds,
			  "hello") != 0)
		return fail("acknowledged emit failed");
	if (peal_node_after(node, 1, close_it, &closed) != 0)
		return fail("no timer");
	if (peal_node_run(node) != 0 || !closed)
		return fail("did not close");
	if (rounds != 1)
		return fail("the round of nobody did not end with success");
	peal_node_stats(node, &stats);
	printf("emits=%llu sessions=%llu frames=%llu rounds=%llu\n",
	       (unsigned long long)stats.emits, (unsigned long long)stats.sessions,
	       (unsigned long long)stats.frames, (unsigned long long)stats.rounds);
	if (stats.emits != 2 || stats.sessions != 0 || stats.frames != 0 || stats.rounds != 0)
		return fail("something is left, or was not counted");
	peal_node_free(node);
	puts("closed");
	return 0;
}
