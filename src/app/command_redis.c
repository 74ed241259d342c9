/*
 * `peal emit --redis`: publishes as an emitter does, without a node.
 */
#include <event2/event.h>
#include <peal/emitter.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "api_binary.h"
#include "command_private.h"
#include "secret.h"

#define FINISH_MS 5000

struct publication {
	const struct peal_command *command;
	struct event_base *base;
	struct peal_emitter *emitter;
	struct peal_args *args;
	int code;
};

/* What the connection complains about, for whoever waits for the command. */
static void on_log(enum peal_log_level level, const char *message,
		   const struct peal_log_field *fields, size_t count, void *userdata)
{
	char line[1024];

	(void)userdata;
	if (level > PEAL_LOG_WARNING)
		return;
	peal_log_format_text(level, message, fields, count, line, sizeof(line));
	fputs(line, stderr);
}

static void on_finished(size_t delivered, size_t receivers, size_t failed, const char *error,
			void *userdata)
{
	struct publication *publication = userdata;
	const struct peal_command *command = publication->command;

	if (failed || !delivered)
		publication->code = peal_command_fail(
			command, "%s", error ? error : "Redis did not take it in time");
	else if (command->json)
		printf("{\"published\":%zu,\"receivers\":%zu}\n", delivered, receivers);
	else
		printf("published to %zu subscriptions\n", receivers);
	event_base_loopbreak(publication->base);
}

static int explain(const struct peal_command *command, int r)
{
	switch (r) {
	case PEAL_EMIT_E_RESERVED:
		return peal_command_usage(command, "the name of the event is reserved");
	case PEAL_EMIT_E_TOO_LARGE:
		return peal_command_usage(command, "the event is too large");
	case PEAL_EMIT_E_INVALID:
		return peal_command_usage(command, "a name is not valid");
	default:
		return peal_command_fail(command, "%s", strerror(r < 0 ? -r : r));
	}
}

static int read_args(struct publication *publication)
{
	const struct peal_command *command = publication->command;
	const char *wrong = "";
	int code = 0, r;
	char *text = peal_command_args(command, &code);

	if (!text)
		return code;
	r = peal_api_args_read((struct peal_piece){ text, strlen(text) }, &publication->args,
			       &wrong);
	free(text);
	if (r > 0)
		return peal_command_usage(command, "the arguments: %s", wrong);
	return r < 0 ? peal_command_fail(command, "no memory") : 0;
}

static int publish(struct publication *publication)
{
	const struct peal_command *command = publication->command;
	const struct peal_target target = {
		.rooms = { (const char *const *)command->rooms, command->room_count,
			   command->room_count != 0 },
		.except = { (const char *const *)command->except, command->except_count,
			    command->except_count != 0 },
		.flags = command->is_volatile ? PEAL_VOLATILE : 0,
	};
	const char *ns = command->namespace_name ? command->namespace_name : "/";
	int r = peal_emitter_emit_args(publication->emitter, ns, &target, command->positional[0],
				       publication->args);

	if (r == 0)
		r = peal_emitter_finish(publication->emitter, FINISH_MS, on_finished, publication);
	if (r != 0)
		return explain(command, r);
	if (event_base_dispatch(publication->base) < 0)
		return peal_command_fail(command, "the event loop failed");
	return publication->code;
}

static int connect_and_publish(struct publication *publication, const char *password)
{
	const struct peal_command *command = publication->command;
	struct peal_redis_options options;
	char message[512] = "";
	int r;

	peal_redis_options_init(&options);
	options.url = command->redis;
	if (command->redis_prefix)
		options.prefix = command->redis_prefix;
	options.client_name = "peal-emit";
	options.user = command->redis_user;
	options.password = password;
	options.ca_file = command->redis_ca;
	options.cert_file = command->redis_cert;
	options.key_file = command->redis_key;
	r = peal_emitter_new(publication->base, &options, on_log, NULL, &publication->emitter,
			     message, sizeof(message));
	if (r > 0)
		return peal_command_usage(command, "--redis: %s", message);
	return r < 0 ? peal_command_fail(command, "%s", strerror(-r)) : publish(publication);
}

int peal_command_emit_redis(const struct peal_command *command)
{
	struct publication publication = { .command = command };
	const char *variable = getenv("PEAL_REDIS_PASSWORD");
	char *password = NULL;
	struct peal_usage usage;
	int code, r = 0;

	if (command->timeout)
		return peal_command_usage(command, "--timeout: an emitter cannot collect "
						   "acknowledgements; ask a node, without --redis");
	if (command->local || command->url || command->api_key || command->api_key_file)
		return peal_command_usage(command, "--local, --url and --api-key mean a node, and "
						   "--redis goes without one");
	if (command->redis_password_file)
		r = peal_secret_read("--redis-password-file", command->redis_password_file,
				     &password, &usage);
	if (r > 0)
		return peal_command_usage(command, "%s", usage.text);
	signal(SIGPIPE, SIG_IGN);
	publication.base = event_base_new();
	if (r < 0 || !publication.base)
		code = peal_command_fail(command, "no memory");
	else
		code = read_args(&publication);
	if (code == 0)
		code = connect_and_publish(&publication, password		 ? password
							 : variable && *variable ? variable
										 : NULL);
	peal_emitter_free(publication.emitter);
	peal_args_free(publication.args);
	if (publication.base)
		event_base_free(publication.base);
	peal_secret_free(password);
	return code;
}
