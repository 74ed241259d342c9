/*
 * The commands that speak with a node: their options and their help.
 */
#include "command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command_private.h"

/* Which options a command takes. */
enum {
	TAKES_TARGET = 1 << 0, /* --room, --except, --namespace */
	TAKES_EVENT = 1 << 1,  /* --volatile, --text, --redis and what belongs to it */
	TAKES_LIST = 1 << 2,   /* --limit */
	TAKES_SOCKETS = 1 << 3,
	TAKES_LOCAL = 1 << 4,
	TAKES_DISCONNECT = 1 << 5,
	TAKES_NAMESPACE = 1 << 6,
	TAKES_TIMEOUT = 1 << 7,
	TAKES_NODE = 1 << 8, /* every one that speaks with a node */
	TAKES_TOKEN = 1 << 9,
	TAKES_SECONDS = 1 << 10,
};

static const struct description {
	const char *name, *usage, *about;
	unsigned takes;
	size_t least, most; /* of other arguments */
	peal_command_fn *fn;
} commands[] = {
	{ "emit", "EVENT [ARG…]", "broadcast an event",
	  TAKES_TARGET | TAKES_NAMESPACE | TAKES_EVENT | TAKES_LOCAL | TAKES_TIMEOUT | TAKES_NODE,
	  1, 1001, peal_command_emit },
	{ "sockets", "", "list sockets of the cluster",
	  TAKES_TARGET | TAKES_NAMESPACE | TAKES_LIST | TAKES_SOCKETS | TAKES_LOCAL |
		  TAKES_TIMEOUT | TAKES_NODE,
	  0, 0, peal_command_sockets },
	{ "count", "", "count them, by node",
	  TAKES_TARGET | TAKES_NAMESPACE | TAKES_LOCAL | TAKES_TIMEOUT | TAKES_NODE, 0, 0,
	  peal_command_count },
	{ "rooms", "", "list rooms of the cluster",
	  TAKES_NAMESPACE | TAKES_LIST | TAKES_TIMEOUT | TAKES_NODE, 0, 0, peal_command_rooms },
	{ "nodes", "", "list the nodes of the cluster", TAKES_NODE, 0, 0, peal_command_nodes },
	{ "join", "ROOM…", "make sockets join rooms",
	  TAKES_TARGET | TAKES_NAMESPACE | TAKES_LOCAL | TAKES_NODE, 1, 1000, peal_command_join },
	{ "leave", "ROOM…", "make sockets leave rooms",
	  TAKES_TARGET | TAKES_NAMESPACE | TAKES_LOCAL | TAKES_NODE, 1, 1000, peal_command_leave },
	{ "disconnect", "", "disconnect sockets",
	  TAKES_TARGET | TAKES_NAMESPACE | TAKES_LOCAL | TAKES_DISCONNECT | TAKES_NODE, 0, 0,
	  peal_command_disconnect },
	{ "token", "", "make a token for trying out", TAKES_TOKEN, 0, 0, peal_command_token },
	{ "drain", "", "have a node send its clients away, and end", TAKES_SECONDS | TAKES_NODE, 0,
	  0, peal_command_drain },
};

#define MEMBER(name) offsetof(struct peal_command, name)

enum kind { FLAG, VALUE, NUMBER, ROOMS, EXCEPT };

static const struct option {
	const char *flag, *placeholder, *about;
	unsigned takes;
	enum kind kind;
	size_t offset;
} options[] = {
	{ "--room", "ROOM", "only sockets in this room; repeat it for those in any of several",
	  TAKES_TARGET, ROOMS, 0 },
	{ "--except", "ROOM", "not those in this room; may be repeated", TAKES_TARGET, EXCEPT, 0 },
	{ "--namespace", "NAME", "the namespace; / without it", TAKES_NAMESPACE, VALUE,
	  MEMBER(namespace_name) },
	{ "--local", NULL, "only clients of the node itself", TAKES_LOCAL, FLAG, MEMBER(local) },
	{ "--volatile", NULL, "not for clients that cannot take it right now", TAKES_EVENT, FLAG,
	  MEMBER(is_volatile) },
	{ "--text", NULL, "every ARG is a text, also one that is valid JSON", TAKES_EVENT, FLAG,
	  MEMBER(text) },
	{ "--timeout", "MS", "wait for acknowledgements, or for other nodes; 100 to 60000",
	  TAKES_TIMEOUT, NUMBER, MEMBER(timeout) },
	{ "--limit", "COUNT", "list no more than this; 1000 without it", TAKES_LIST, NUMBER,
	  MEMBER(limit) },
	{ "--handshake", NULL, "also how they connected, without cookies and credentials",
	  TAKES_SOCKETS, FLAG, MEMBER(handshake) },
	{ "--all", NULL, "everyone: instead of --room", TAKES_DISCONNECT, FLAG, MEMBER(all) },
	{ "--close", NULL, "close their connections too, with all their namespaces",
	  TAKES_DISCONNECT, FLAG, MEMBER(close) },
	{ "--seconds", "SECONDS",
	  "the time for it, 0 to 3600; the node's --drain-seconds without it, or 30", TAKES_SECONDS,
	  NUMBER, MEMBER(seconds) },
	{ "--url", "URL", "the node; PEAL_URL or http://127.0.0.1:3000 without it", TAKES_NODE,
	  VALUE, MEMBER(url) },
	{ "--api-key", "KEY", "its API key; better PEAL_API_KEY, which others cannot see",
	  TAKES_NODE, VALUE, MEMBER(api_key) },
	{ "--api-key-file", "FILE", "or the file that has it in its first line", TAKES_NODE, VALUE,
	  MEMBER(api_key_file) },
	{ "--redis", "URL",
	  "publish through Redis, without a node and without knowing who hears it", TAKES_EVENT,
	  VALUE, MEMBER(redis) },
	{ "--redis-prefix", "TEXT", "beginning of its channels; socket.io without it", TAKES_EVENT,
	  VALUE, MEMBER(redis_prefix) },
	{ "--redis-user", "NAME", "its user", TAKES_EVENT, VALUE, MEMBER(redis_user) },
	{ "--redis-password-file", "FILE", "its password; or PEAL_REDIS_PASSWORD", TAKES_EVENT,
	  VALUE, MEMBER(redis_password_file) },
	{ "--redis-ca", "FILE", "certificates that its own must come from", TAKES_EVENT, VALUE,
	  MEMBER(redis_ca) },
	{ "--redis-cert", "FILE", "certificate of this client", TAKES_EVENT, VALUE,
	  MEMBER(redis_cert) },
	{ "--redis-key", "FILE", "its key", TAKES_EVENT, VALUE, MEMBER(redis_key) },
	{ "--user", "ID", "the user that it is for", TAKES_TOKEN, VALUE, MEMBER(user) },
	{ "--room", "ROOM", "a room to join; may be repeated", TAKES_TOKEN, ROOMS, 0 },
	{ "--data", "JSON", "an object for the data of the socket", TAKES_TOKEN, VALUE,
	  MEMBER(data) },
	{ "--expires", "SECONDS", "how long it is good; 3600 without it", TAKES_TOKEN, NUMBER,
	  MEMBER(expires) },
	{ "--issuer", "TEXT", "its iss", TAKES_TOKEN, VALUE, MEMBER(issuer) },
	{ "--audience", "TEXT", "its aud", TAKES_TOKEN, VALUE, MEMBER(audience) },
	{ "--key", "ALG:FILE",
	  "sign with this: HS256 and a secret, RS256 or ES256 and a private "
	  "key in PEM; ALG@KID:FILE names the key",
	  TAKES_TOKEN, VALUE, MEMBER(key) },
	{ "--secret-file", "FILE", "or with HS256 and this secret; PEAL_AUTH_SECRET without it",
	  TAKES_TOKEN, VALUE, MEMBER(secret_file) },
	{ "--json", NULL, "print the answer as it came, for programs", TAKES_NODE, FLAG,
	  MEMBER(json) },
};

static const struct description *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

bool peal_command_known(const char *name)
{
	return find_command(name) != NULL;
}

/* --- help ------------------------------------------------------------------------------------ */

void peal_command_list(void *stream)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		char usage[64];

		if (!(commands[i].takes & TAKES_NODE))
			continue;
		snprintf(usage, sizeof(usage), "%s %s", commands[i].name, commands[i].usage);
		/* The ellipsis has three bytes and one column. */
		fprintf(stream, "  peal %-*s %s\n", strstr(usage, "…") ? 20 : 18, usage,
			commands[i].about);
	}
}

void peal_command_help(const char *name)
{
	const struct description *description = find_command(name);

	printf("Usage: peal %s%s%s [OPTIONS]\n\n%s.\n\n", name, *description->usage ? " " : "",
	       description->usage, description->about);
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		char head[64];

		if (!(options[i].takes & description->takes))
			continue;
		snprintf(head, sizeof(head), "%s%s%s", options[i].flag,
			 options[i].placeholder ? " " : "",
			 options[i].placeholder ? options[i].placeholder : "");
		printf("  %-28s %s\n", head, options[i].about);
	}
	if (description->takes & TAKES_EVENT)
		printf("\nAn ARG that is valid JSON is sent as that: 5, true, null, '{\"a\":1}', "
		       "'\"5\"'. Any other is\nsent as a text. {\"$binary\":\"base64\"} in it "
		       "becomes binary.\n");
	printf("\n\"--\" ends the options. Exit status: 0 when it is done, 1 after a failure, 2 "
	       "when something\nis not understood, 3 when time ran out and what is printed is not "
	       "all.\n");
}

/* --- reading --------------------------------------------------------------------------------- */

static int say(const struct peal_command *command, const char *format, va_list arguments, int code)
{
	fprintf(stderr, "peal %s: ", command->name);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	if (code == PEAL_EXIT_USAGE)
		fprintf(stderr, "Try `peal %s --help`.\n", command->name);
	return code;
}

int peal_command_usage(const struct peal_command *command, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(command, format, arguments, PEAL_EXIT_USAGE);
	va_end(arguments);
	return PEAL_EXIT_USAGE;
}

int peal_command_fail(const struct peal_command *command, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(command, format, arguments, PEAL_EXIT_FAILURE);
	va_end(arguments);
	return PEAL_EXIT_FAILURE;
}

static const struct option *find_option(const char *flag, size_t length, unsigned takes)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (strlen(options[i].flag) == length && !memcmp(options[i].flag, flag, length) &&
		    (options[i].takes & takes))
			return &options[i];
	return NULL;
}

static bool is_secret(const struct option *option)
{
	return option->offset == MEMBER(api_key) || option->offset == MEMBER(redis);
}

/* Keeps a value. A secret is copied, and its place among the arguments overwritten, because
 * everybody on the machine can list those. */
static int set_value(struct peal_command *command, const struct option *option, char *value)
{
	const char **member = (const char **)((char *)command + option->offset);

	if (option->kind == ROOMS) {
		command->rooms[command->room_count++] = value;
		return 0;
	}
	if (option->kind == EXCEPT) {
		command->except[command->except_count++] = value;
		return 0;
	}
	if (option->kind == NUMBER &&
	    (!*value || strspn(value, "0123456789") != strlen(value) || strlen(value) > 9))
		return peal_command_usage(command, "%s: must be a whole number", option->flag);
	if (*member)
		return peal_command_usage(command, "%s: is given twice", option->flag);
	*member = value;
	if (is_secret(option)) {
		*member = strdup(value);
		if (!*member)
			return peal_command_fail(command, "no memory");
		memset(value, '*', strlen(value));
	}
	return 0;
}

/* Return: 0; an exit code, which was explained. */
static int read_arguments(struct peal_command *command, char **arguments, unsigned takes)
{
	bool ended = false;

	for (; *arguments; arguments++) {
		char *argument = *arguments, *value;
		size_t length = strcspn(argument, "=");
		const struct option *option;
		int code;

		if (ended || strncmp(argument, "--", 2) != 0) {
			command->positional[command->positional_count++] = argument;
			continue;
		}
		if (!argument[2]) {
			ended = true;
			continue;
		}
		option = find_option(argument, length, takes);
		if (!option)
			return peal_command_usage(command, "%.*s: there is no such option",
						  (int)length, argument);
		if (option->kind == FLAG) {
			if (argument[length])
				return peal_command_usage(command, "%s: takes no value",
							  option->flag);
			*((bool *)((char *)command + option->offset)) = true;
			continue;
		}
		value = argument[length] ? argument + length + 1 : arguments[1];
		if (!value)
			return peal_command_usage(command, "%s: needs a value (%s)", option->flag,
						  option->placeholder);
		arguments += !argument[length];
		code = set_value(command, option, value);
		if (code)
			return code;
	}
	return 0;
}

static int run(struct peal_command *command, const struct description *description,
	       char **arguments)
{
	int code = read_arguments(command, arguments, description->takes);

	if (code)
		return code;
	if (command->positional_count < description->least)
		return peal_command_usage(command, "%s is missing", description->usage);
	if (command->positional_count > description->most)
		return peal_command_usage(command, "\"%s\" is not expected here",
					  command->positional[description->most]);
	if (command->api_key && command->api_key_file)
		return peal_command_usage(command, "--api-key-file: --api-key is given too");
	return description->fn(command);
}

int peal_command_run(const char *name, char **arguments)
{
	struct peal_command command = { .name = name };
	size_t count = 0;
	int code;

	for (; arguments[count] && strcmp(arguments[count], "--") != 0; count++) {
		if (!strcmp(arguments[count], "--help") || !strcmp(arguments[count], "-h")) {
			peal_command_help(name);
			return PEAL_EXIT_ORDERLY;
		}
	}
	while (arguments[count])
		count++;
	command.positional = calloc(3 * (count + 1), sizeof(char *));
	if (!command.positional)
		return peal_command_fail(&command, "no memory");
	command.rooms = command.positional + count + 1;
	command.except = command.rooms + count + 1;
	code = run(&command, find_command(name), arguments);
	free(command.positional);
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (is_secret(&options[i]))
			free(*(char **)((char *)&command + options[i].offset));
	if (fflush(stdout) != 0 && code == PEAL_EXIT_ORDERLY)
		code = PEAL_EXIT_FAILURE;
	return code;
}
