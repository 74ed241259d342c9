/*
 * One command of the control route: what the files that run commands share.
 */
#ifndef PEAL_TESTS_TESTAPP_COMMAND_H
#define PEAL_TESTS_TESTAPP_COMMAND_H

#include "testapp.h"

/* A command under way. Some of a list have no request to answer. */
struct command {
	struct testapp *app;
	struct peal_http_request *request;
	const cJSON *body;
};

#define COMMAND_NAMES 256

/* Answers with @object and frees it. */
void command_answer(struct peal_http_request *request, cJSON *object);
/* Answers {"error": …} with the text of a code of the API. */
void command_answer_code(const struct command *command, int code);
const cJSON *command_get(const struct command *command, const char *name);
/* NULL when it is no string. */
const char *command_text(const struct command *command, const char *name);
/* A member that is true. */
bool command_is(const struct command *command, const char *name);
struct peal_namespace *command_namespace(const struct command *command);
/* The list of rooms of that name; @names holds it. */
struct peal_rooms command_rooms(const struct command *command, const char *member,
				const char *names[COMMAND_NAMES]);
unsigned command_flags(const struct command *command);
/* A peal_acks_fn; userdata is the request. */
void command_on_acks(const struct peal_acks *acks, void *userdata);

/* testapp_cluster.c: a command about the cluster; false when it has no such name. */
bool testapp_cluster_command(const struct command *command, const char *name);

#endif
