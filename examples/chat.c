/*
 * A small chat: clients choose a name and a room, and what they say reaches the others in the room.
 *
 *   chat --port 3000
 *
 *   → enter(name, room)      ack: how many are in the room
 *   → say(text)              ack: "delivered to everyone" ...
 *   → typing()
 *   ← entered(name, room), left(name, room), said(name, text) with ack, typing(name)
 */
#include <peal/peal.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct person {
	char name[33], room[33];
};

/* A text that may be shown and stored, or NULL. */
static const char *short_text(const struct peal_event *event, size_t index, size_t most)
{
	const char *text = peal_args_string(event->args, index);

	return text && *text && strlen(text) <= most ? text : NULL;
}

static bool count_members(const char *room, size_t members, bool own_id, void *userdata)
{
	struct {
		const char *room;
		unsigned members;
	} *wanted = userdata;

	if (own_id || strcmp(room, wanted->room) != 0)
		return true;
	wanted->members = (unsigned)members;
	return false;
}

static void on_enter(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	const char *name = short_text(event, 0, 32), *room = short_text(event, 1, 32);
	struct person *person = peal_socket_userdata(socket);
	struct {
		const char *room;
		unsigned members;
	} wanted = { room, 0 };

	(void)userdata;
	if (!name || !room || person) {
		peal_reply(event, PEAL_NULL);
		return;
	}
	person = calloc(1, sizeof(*person));
	if (!person || peal_socket_join(socket, room) != 0) {
		free(person);
		peal_reply(event, PEAL_NULL);
		return;
	}
	strcpy(person->name, name);
	strcpy(person->room, room);
	peal_socket_set_userdata(socket, person);
	peal_namespace_each_room(peal_socket_namespace(socket), count_members, &wanted);
	peal_socket_broadcast(socket, PEAL_TO(.rooms = PEAL_ROOMS(room)), "entered", name, room);
	peal_reply(event, wanted.members);
}

/* Everyone in the room has confirmed, or the time is over. */
static void on_confirmed(const struct peal_acks *acks, void *userdata)
{
	peal_respond(userdata, (unsigned)acks->clients_answered, (unsigned)acks->clients_expected);
}

static void on_say(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	const struct person *person = peal_socket_userdata(socket);
	const char *text = short_text(event, 0, 1000);
	struct peal_responder *responder;

	(void)userdata;
	if (!person || !text)
		return;
	if (!event->wants_ack) {
		peal_socket_broadcast(socket, PEAL_TO(.rooms = PEAL_ROOMS(person->room)), "said",
				      person->name, text);
		return;
	}
	if (peal_event_responder(event, &responder) != 0)
		return;
	if (peal_socket_broadcast_ack(socket, PEAL_TO(.rooms = PEAL_ROOMS(person->room)), 2000,
				      on_confirmed, responder, "said", person->name, text) != 0)
		peal_responder_free(responder);
}

static void on_typing(struct peal_socket *socket, const struct peal_event *event, void *userdata)
{
	const struct person *person = peal_socket_userdata(socket);

	(void)event, (void)userdata;
	if (person) /* stale news is worth nothing: volatile */
		peal_socket_broadcast(
			socket, PEAL_TO(.rooms = PEAL_ROOMS(person->room), .flags = PEAL_VOLATILE),
			"typing", person->name);
}

static void on_disconnect(struct peal_socket *socket, const char *reason, const char *description,
			  void *userdata)
{
	struct person *person = peal_socket_userdata(socket);

	(void)reason, (void)description, (void)userdata;
	if (person)
		peal_emit(peal_socket_namespace(socket), PEAL_TO(.rooms = PEAL_ROOMS(person->room)),
			  "left", person->name, person->room);
	free(person);
}

int main(int count, char **arguments)
{
	struct peal_node_options options;
	struct peal_namespace *io;
	struct peal_node *node;

	/* The node sizes its tables by the limit of open files, which containers set too high. */
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1024, 1024 });
	signal(SIGPIPE, SIG_IGN);
	peal_node_options_init(&options);
	options.max_clients = 400;
	if (count == 3 && !strcmp(arguments[1], "--port"))
		options.port = (uint16_t)atoi(arguments[2]);
	if (peal_node_new(&options, &node) != 0)
		return 1;
	io = peal_io(node);
	if (peal_on(io, "enter", on_enter, NULL) != 0 || peal_on(io, "say", on_say, NULL) != 0 ||
	    peal_on(io, "typing", on_typing, NULL) != 0 ||
	    peal_on_disconnect(io, on_disconnect, NULL) != 0 || peal_node_listen(node) != 0)
		return 1;
	printf("listening on port %u\n", peal_node_port(node));
	fflush(stdout);
	peal_node_run(node);
	peal_node_free(node);
	return 0;
}
