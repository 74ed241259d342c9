/*
 * `peal emit` through a node, and what other commands share with it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command_private.h"

static void put_names(FILE *stream, const char *key, char **names, size_t count)
{
	if (!count)
		return;
	fprintf(stream, "\"%s\":[", key);
	for (size_t i = 0; i < count; i++) {
		if (i)
			fputc(',', stream);
		peal_piece_put_string(stream, names[i]);
	}
	fputs("],", stream);
}

void peal_command_put_target(FILE *stream, const struct peal_command *command)
{
	if (command->namespace_name) {
		fputs("\"namespace\":", stream);
		peal_piece_put_string(stream, command->namespace_name);
		fputc(',', stream);
	}
	put_names(stream, "rooms", command->rooms, command->room_count);
	put_names(stream, "except", command->except, command->except_count);
	if (command->local || command->is_volatile)
		fprintf(stream, "\"flags\":{\"local\":%s,\"volatile\":%s},",
			command->local ? "true" : "false", command->is_volatile ? "true" : "false");
}

/* Is the text one JSON value? Return: 1, 0; -ENOMEM. */
static int is_json(const char *text)
{
	size_t length = strlen(text);
	struct peal_args *args = NULL;
	char *array = malloc(length + 2);
	int r;

	if (!array)
		return -ENOMEM;
	array[0] = '[';
	memcpy(array + 1, text, length);
	array[length + 1] = ']';
	r = peal_args_new_from_json(array, length + 2, NULL, 0, &args);
	if (r == 0)
		r = peal_args_count(args) == 1 ? 1 : 0;
	else if (r > 0)
		r = 0;
	peal_args_free(args);
	free(array);
	return r;
}

static int put_arg(FILE *stream, const struct peal_command *command, const char *text)
{
	int r = command->text ? 0 : is_json(text);

	if (r > 0)
		fputs(text, stream);
	else if (r == 0)
		peal_piece_put_string(stream, text);
	return r < 0 ? r : 0;
}

char *peal_command_args(const struct peal_command *command, int *ret_code)
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);
	int r = 0;

	if (stream) {
		fputc('[', stream);
		for (size_t i = 1; r == 0 && i < command->positional_count; i++) {
			if (i > 1)
				fputc(',', stream);
			r = put_arg(stream, command, command->positional[i]);
		}
		fputc(']', stream);
	}
	if (!stream || fclose(stream) != 0 || r < 0) {
		free(text);
		*ret_code = peal_command_fail(command, "no memory");
		return NULL;
	}
	return text;
}

bool peal_command_print_json(const struct peal_command *command, const struct peal_answer *answer)
{
	if (!command->json)
		return false;
	fwrite(answer->value.at, 1, answer->value.length, stdout);
	fputc('\n', stdout);
	return true;
}

int peal_command_partial(const struct peal_command *command, const struct peal_answer *answer)
{
	struct peal_piece error = peal_piece_member(answer->value, "error");

	if (!error.length || *error.at != '"')
		return PEAL_EXIT_ORDERLY;
	fprintf(stderr, "peal %s: ", command->name);
	peal_command_put_piece(stderr, error);
	fputs("; this is not all\n", stderr);
	return PEAL_EXIT_PARTIAL;
}

/* --- what came of it ------------------------------------------------------------------------- */

static void print_counts(struct peal_piece counts, const char *what)
{
	peal_command_put_piece(stdout, peal_piece_member(counts, "answered"));
	fputs(" of ", stdout);
	peal_command_put_piece(stdout, peal_piece_member(counts, "expected"));
	fputs(what, stdout);
}

static void print_acks(struct peal_piece answer)
{
	struct peal_piece servers = peal_piece_member(answer, "servers"), response;
	struct peal_piece missing = peal_piece_member(servers, "missing");
	struct peal_piece unnamed = peal_piece_member(servers, "unnamed_missing");
	struct peal_pieces walk;

	print_counts(peal_piece_member(answer, "clients"), " clients answered, ");
	print_counts(servers, " servers\n");
	if (missing.length > 2) {
		fputs("missing servers: ", stdout);
		peal_command_put_list(stdout, missing);
		fputc('\n', stdout);
	}
	if (unnamed.length && *unnamed.at != '0') {
		fputs("missing servers without a name: ", stdout);
		peal_command_put_piece(stdout, unnamed);
		fputc('\n', stdout);
	}
	walk = peal_piece_into(peal_piece_member(answer, "responses"));
	while (peal_piece_next(&walk, NULL, &response)) {
		/* As JSON: a text "5" is not the number 5. */
		peal_command_put_text(stdout, response.at, response.length);
		fputc('\n', stdout);
	}
}

static void print_accepted(struct peal_piece answer)
{
	struct peal_piece cluster = peal_piece_member(answer, "cluster");

	if (peal_piece_is(cluster, "down"))
		puts("sent to the clients of the node; its cluster cannot be reached now");
	else if (peal_piece_is(cluster, "held"))
		puts("sent to the clients of the node; its cluster gets it when all are back");
	else
		puts("sent");
}

static char *make_body(const struct peal_command *command, int *ret_code)
{
	char *args = peal_command_args(command, ret_code), *text = NULL;
	size_t length = 0;
	FILE *stream = args ? open_memstream(&text, &length) : NULL;

	if (!args)
		return NULL;
	if (stream) {
		fputc('{', stream);
		peal_command_put_target(stream, command);
		fputs("\"event\":", stream);
		peal_piece_put_string(stream, command->positional[0]);
		fprintf(stream, ",\"args\":%s", args);
		if (command->timeout)
			fprintf(stream, ",\"timeout\":%ld", atol(command->timeout));
		fputc('}', stream);
	}
	free(args);
	if (!stream || fclose(stream) != 0) {
		free(text);
		*ret_code = peal_command_fail(command, "no memory");
		return NULL;
	}
	return text;
}

int peal_command_emit(const struct peal_command *command)
{
	struct peal_answer answer;
	int code = 0;
	char *body;

	if (command->redis)
		return peal_command_emit_redis(command);
	if (command->redis_prefix || command->redis_user || command->redis_password_file ||
	    command->redis_ca || command->redis_cert || command->redis_key)
		return peal_command_usage(command, "what begins with --redis- does nothing without "
						   "--redis");
	body = make_body(command, &code);
	if (!body)
		return code;
	code = peal_command_call(command, "/api/emit", body, &answer);
	free(body);
	if (code == 0) {
		if (!peal_command_print_json(command, &answer)) {
			if (answer.status == 200)
				print_acks(answer.value);
			else
				print_accepted(answer.value);
		}
		code = peal_command_partial(command, &answer);
	}
	peal_answer_deinit(&answer);
	return code;
}
