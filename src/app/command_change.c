/*
 * `peal join`, `peal leave` and `peal disconnect`.
 */
#include <stdlib.h>
#include <string.h>

#include "command_private.h"

static char *make_body(const struct peal_command *command, bool targets)
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);

	if (!stream)
		return NULL;
	fputc('{', stream);
	peal_command_put_target(stream, command);
	if (targets) {
		fputs("\"targets\":[", stream);
		for (size_t i = 0; i < command->positional_count; i++) {
			if (i)
				fputc(',', stream);
			peal_piece_put_string(stream, command->positional[i]);
		}
		fputc(']', stream);
	} else {
		if (command->all)
			fputs("\"all\":true,", stream);
		fprintf(stream, "\"close\":%s", command->close ? "true" : "false");
	}
	fputc('}', stream);
	if (fclose(stream) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static int call(const struct peal_command *command, const char *path, bool targets,
		struct peal_answer *answer)
{
	char *body = make_body(command, targets);
	int code = body ? peal_command_call(command, path, body, answer) : PEAL_EXIT_FAILURE;

	if (!body) {
		*answer = (struct peal_answer){ 0 };
		peal_command_fail(command, "no memory");
	}
	free(body);
	return code;
}

static int change_rooms(const struct peal_command *command, const char *path)
{
	struct peal_piece confirmed, expected;
	struct peal_answer answer;
	int code = call(command, path, true, &answer);

	if (code == 0) {
		confirmed = peal_piece_member(answer.value, "confirmed");
		expected = peal_piece_member(answer.value, "expected");
		if (!peal_command_print_json(command, &answer)) {
			fputs("done; ", stdout);
			peal_command_put_piece(stdout, confirmed);
			fputs(" of ", stdout);
			peal_command_put_piece(stdout, expected);
			fputs(" other nodes have confirmed it\n", stdout);
		}
		if (confirmed.length != expected.length ||
		    memcmp(confirmed.at, expected.at, confirmed.length) != 0)
			code = PEAL_EXIT_PARTIAL;
	}
	peal_answer_deinit(&answer);
	return code;
}

int peal_command_join(const struct peal_command *command)
{
	return change_rooms(command, "/api/sockets/join");
}

int peal_command_leave(const struct peal_command *command)
{
	return change_rooms(command, "/api/sockets/leave");
}

int peal_command_disconnect(const struct peal_command *command)
{
	struct peal_answer answer;
	int code;

	if (command->all == (command->room_count != 0))
		return peal_command_usage(command, "give either --room or --all");
	code = call(command, "/api/sockets/disconnect", false, &answer);
	if (code == 0 && !peal_command_print_json(command, &answer))
		puts("sent");
	peal_answer_deinit(&answer);
	return code;
}
