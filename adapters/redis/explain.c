/*
 * Error replies of Redis in words that help an operator.
 *
 * What Redis says about an unknown command repeats its arguments, which may be a password: the
 * text is cut in front of them.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "adapters/redis/connection.h"

/* All that peal ever sends, so that one line is enough for good. */
#define RIGHTS                                                                       \
	"+publish +subscribe +unsubscribe +psubscribe +punsubscribe +pubsub|numsub " \
	"+ping +client|setname +info"

/* What an error begins with, and what it means. */
static const struct {
	const char *beginning, *meaning;
} meanings[] = {
	{ "NOAUTH", "Redis wants a login: give a password, or user and password, as in "
		    "redis://user:password@host" },
	{ "WRONGPASS", "user or password is wrong, or the user is disabled" },
	{ "ERR invalid password", "the password is wrong" },
	{ "ERR AUTH <password> called without",
	  "Redis has no password for the default user: leave the password out, or name the user" },
	{ "ERR Client sent AUTH", "Redis has no password: leave it out" },
	{ "ERR wrong number of arguments for 'auth'",
	  "this Redis is older than version 6 and knows no users: leave the user out" },
	{ "ERR max number of clients", "Redis has as many connections as it allows (maxclients)" },
	{ "DENIED", "Redis is in protected mode and takes connections from its own machine only: "
		    "set a password there, or bind it to a protected network" },
	{ "LOADING", "Redis is still loading its data; it is tried again" },
	{ "READONLY", "this Redis is a replica that takes no commands that write: connect to its "
		      "primary" },
	{ "MASTERDOWN", "this Redis is a replica without its primary" },
	{ "OOM", "Redis has reached its maxmemory and takes no more" },
	{ "BUSY", "Redis is busy with a script" },
};

static bool begins_with(const char *text, const char *beginning)
{
	return !strncmp(text, beginning, strlen(beginning));
}

/* The error without the arguments that it repeats. */
static int shown_length(const char *error)
{
	const char *end = strstr(error, ", with args");
	size_t length = end ? (size_t)(end - error) : strlen(error);
	return length > 200 ? 200 : (int)length;
}

void peal_redis_explain(const char *error, const char *user, const char *prefix, char *text,
			size_t size)
{
	int length = shown_length(error);
	if (!user || !*user)
		user = "default";
	if (begins_with(error, "NOPERM") && strstr(error, "channel")) {
		snprintf(text, size,
			 "%.*s: the user lacks channels; this allows them: ACL SETUSER %s "
			 "allchannels %s (all channels begin with \"%s\", but Redis compares the "
			 "pattern of a PSUBSCRIBE letter by letter with those of the user, so a "
			 "narrower rule does not let patterns pass)",
			 length, error, user, RIGHTS, prefix ? prefix : "");
		return;
	}
	if (begins_with(error, "NOPERM")) {
		snprintf(text, size, "%.*s: this allows it: ACL SETUSER %s allchannels %s", length,
			 error, user, RIGHTS);
		return;
	}
	if (begins_with(error, "ERR unknown command") ||
	    begins_with(error, "ERR unknown subcommand")) {
		snprintf(text, size,
			 "%.*s: the command is disabled or renamed: remove its rename-command from "
			 "redis.conf; where users have rights, this allows it: ACL SETUSER %s "
			 "allchannels %s",
			 length, error, user, RIGHTS);
		return;
	}
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++) {
		if (begins_with(error, meanings[i].beginning)) {
			snprintf(text, size, "%.*s: %s", length, error, meanings[i].meaning);
			return;
		}
	}
	snprintf(text, size, "%.*s", length, error);
}
