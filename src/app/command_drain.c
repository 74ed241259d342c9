/*
 * `peal drain`: the node sends its clients away, little by little, and ends.
 */
#include <stdlib.h>

#include "command_private.h"

int peal_command_drain(const struct peal_command *command)
{
	struct peal_answer answer;
	char body[64] = "{}";
	int code;

	if (command->seconds)
		snprintf(body, sizeof(body), "{\"seconds\":%lu}",
			 strtoul(command->seconds, NULL, 10));
	code = peal_command_call(command, "/api/drain", body, &answer);
	if (code == 0 && !peal_command_print_json(command, &answer)) {
		fputs("the node ends; its sessions (", stdout);
		peal_command_put_piece(stdout, peal_piece_member(answer.value, "sessions"));
		fputs(") are sent away within ", stdout);
		peal_command_put_piece(stdout, peal_piece_member(answer.value, "seconds"));
		fputs(" seconds\n", stdout);
	}
	peal_answer_deinit(&answer);
	return code;
}
