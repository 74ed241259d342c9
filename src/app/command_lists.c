/*
 * `peal sockets`, `peal count`, `peal rooms` and `peal nodes`.
 */
#include <stdlib.h>
#include <string.h>

#include "command_private.h"

/* Where it is, and for whom it asks. */
static char *make_path(const struct peal_command *command, const char *path)
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);

	if (!stream)
		return NULL;
	fprintf(stream, "%s?", path);
	if (command->namespace_name)
		peal_command_put_query(stream, "namespace", command->namespace_name);
	for (size_t i = 0; i < command->room_count; i++)
		peal_command_put_query(stream, "room", command->rooms[i]);
	for (size_t i = 0; i < command->except_count; i++)
		peal_command_put_query(stream, "except", command->except[i]);
	if (command->timeout)
		peal_command_put_query(stream, "timeout", command->timeout);
	if (command->limit)
		peal_command_put_query(stream, "limit", command->limit);
	if (command->handshake)
		peal_command_put_query(stream, "handshake", "true");
	if (command->local)
		peal_command_put_query(stream, "local", "true");
	if (fclose(stream) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* Asks, and prints the list by @print unless --json wants it as it is. */
static int list(const struct peal_command *command, const char *path,
		void (*print)(const struct peal_command *command, struct peal_piece answer))
{
	struct peal_answer answer;
	char *url = make_path(command, path);
	int code;

	if (!url)
		return peal_command_fail(command, "no memory");
	code = peal_command_call(command, url, NULL, &answer);
	free(url);
	if (code == 0) {
		if (!peal_command_print_json(command, &answer))
			print(command, answer.value);
		code = peal_command_partial(command, &answer);
	}
	peal_answer_deinit(&answer);
	return code;
}

static void print_total(struct peal_piece answer)
{
	struct peal_piece total = peal_piece_member(answer, "total");

	if (!total.length)
		return;
	fputs("There are ", stdout);
	peal_command_put_piece(stdout, total);
	fputs(" in all; --limit lists more.\n", stdout);
}

static struct peal_pieces walk_member(struct peal_piece answer, const char *key)
{
	struct peal_piece array = peal_piece_member(answer, key);

	return array.length && *array.at == '[' ? peal_piece_into(array)
						: (struct peal_pieces){ NULL, NULL };
}

static void add_heads(struct peal_table *table, const char *const *heads)
{
	for (size_t i = 0; i < table->columns; i++)
		peal_table_add(table, heads[i]);
}

static void print_sockets(const struct peal_command *command, struct peal_piece answer)
{
	static const char *const heads[] = { "ID", "NODE", "ROOMS", "DATA", "HANDSHAKE" };
	struct peal_table table = { .columns = command->handshake ? 5 : 4 };
	struct peal_pieces walk = walk_member(answer, "sockets");
	struct peal_piece socket;

	add_heads(&table, heads);
	while (peal_piece_next(&walk, NULL, &socket)) {
		peal_table_add_piece(&table, peal_piece_member(socket, "id"));
		peal_table_add_piece(&table, peal_piece_member(socket, "node"));
		peal_table_add_list(&table, peal_piece_member(socket, "rooms"));
		peal_table_add_piece(&table, peal_piece_member(socket, "data"));
		if (command->handshake)
			peal_table_add_piece(&table, peal_piece_member(socket, "handshake"));
	}
	peal_table_print(&table);
	print_total(answer);
}

int peal_command_sockets(const struct peal_command *command)
{
	return list(command, "/api/sockets", print_sockets);
}

static void print_count(const struct peal_command *command, struct peal_piece answer)
{
	static const char *const heads[] = { "NODE", "SOCKETS" };
	struct peal_pieces walk = walk_member(answer, "nodes");
	struct peal_table table = { .columns = 2 };
	struct peal_piece node;

	(void)command;
	add_heads(&table, heads);
	while (peal_piece_next(&walk, NULL, &node)) {
		struct peal_piece name = peal_piece_member(node, "node");

		if (name.length > 2)
			peal_table_add_piece(&table, name);
		else
			peal_table_add(&table, "(without a name)");
		peal_table_add_piece(&table, peal_piece_member(node, "count"));
	}
	peal_table_add(&table, "all");
	peal_table_add_piece(&table, peal_piece_member(answer, "count"));
	peal_table_print(&table);
}

int peal_command_count(const struct peal_command *command)
{
	return list(command, "/api/count", print_count);
}

static void print_rooms(const struct peal_command *command, struct peal_piece answer)
{
	struct peal_pieces walk = walk_member(answer, "rooms");
	struct peal_table table = { .columns = 1 };
	struct peal_piece room;

	(void)command;
	while (peal_piece_next(&walk, NULL, &room))
		peal_table_add_piece(&table, room);
	peal_table_print(&table);
	print_total(answer);
}

int peal_command_rooms(const struct peal_command *command)
{
	return list(command, "/api/rooms", print_rooms);
}

static void add_state(struct peal_table *table, struct peal_piece node)
{
	struct peal_piece self = peal_piece_member(node, "self");
	struct peal_piece silent = peal_piece_member(node, "silent");

	peal_table_add(table, self.length && *self.at == 't'	   ? "answers here"
			      : silent.length && *silent.at == 't' ? "silent"
								   : "there");
}

static void print_nodes(const struct peal_command *command, struct peal_piece answer)
{
	static const char *const heads[] = { "NAME",	"UID",	 "VERSION",
					     "CLIENTS", "STATE", "NAMESPACES" };
	struct peal_piece node, unnamed = peal_piece_member(answer, "unnamed");
	struct peal_pieces walk = walk_member(answer, "nodes");
	struct peal_table table = { .columns = 6 };

	(void)command;
	add_heads(&table, heads);
	while (peal_piece_next(&walk, NULL, &node)) {
		peal_table_add_piece(&table, peal_piece_member(node, "name"));
		peal_table_add_piece(&table, peal_piece_member(node, "uid"));
		peal_table_add_piece(&table, peal_piece_member(node, "version"));
		peal_table_add_piece(&table, peal_piece_member(node, "clients"));
		add_state(&table, node);
		peal_table_add_list(&table, peal_piece_member(node, "namespaces"));
	}
	peal_table_print(&table);
	fputs("adapter: ", stdout);
	peal_command_put_piece(stdout, peal_piece_member(answer, "adapter"));
	fputs(", ", stdout);
	peal_command_put_piece(stdout, peal_piece_member(answer, "state"));
	if (peal_piece_member(answer, "detail").length > 2) {
		fputs(" (", stdout);
		peal_command_put_piece(stdout, peal_piece_member(answer, "detail"));
		fputc(')', stdout);
	}
	fputc('\n', stdout);
	if (unnamed.length && *unnamed.at != '0') {
		fputs("other servers, without a name: ", stdout);
		peal_command_put_piece(stdout, unnamed);
		fputc('\n', stdout);
	}
}

int peal_command_nodes(const struct peal_command *command)
{
	return list(command, "/api/nodes", print_nodes);
}
