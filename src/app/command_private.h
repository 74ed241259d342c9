/*
 * What the files of the commands share.
 */
#ifndef PEAL_APP_COMMAND_PRIVATE_H
#define PEAL_APP_COMMAND_PRIVATE_H

#include <peal/args.h>
#include <stddef.h>
#include <stdio.h>

#include "api_json.h"
#include "command.h"
#include "options.h"

/* What a command was told. The lists borrow from the arguments. */
struct peal_command {
	const char *name;
	char **positional;
	size_t positional_count;
	char **rooms, **except;
	size_t room_count, except_count;
	const char *namespace_name, *url, *api_key, *api_key_file;
	const char *timeout, *limit, *seconds; /* checked: whole numbers */
	const char *redis, *redis_prefix, *redis_user, *redis_password_file, *redis_ca, *redis_cert,
		*redis_key;
	const char *user, *data, *expires, *issuer, *audience, *key, *secret_file;
	bool json, text, local, is_volatile, all, close, handshake;
};

/* Prints "peal NAME: …" on standard error. Return: PEAL_EXIT_USAGE or PEAL_EXIT_FAILURE. */
int peal_command_usage(const struct peal_command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int peal_command_fail(const struct peal_command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* --- command_http.c -------------------------------------------------------------------------- */

struct peal_answer {
	long status;
	char *body; /* NUL-terminated */
	size_t length;
	struct peal_piece value; /* the body; its length is 0 when it is no JSON */
};

/**
 * peal_command_call() - one request
 * @path: with its query
 * @body: NULL for a GET
 *
 * Return: PEAL_EXIT_ORDERLY with an answer of status 2xx; else a message was printed.
 */
int peal_command_call(const struct peal_command *command, const char *path, const char *body,
		      struct peal_answer *answer);
void peal_answer_deinit(struct peal_answer *answer);
/* Writes "&key=value", with the encoding of forms. */
void peal_command_put_query(FILE *stream, const char *key, const char *value);
/* The member of an object; its length is 0 when there is none. */
struct peal_piece peal_piece_member(struct peal_piece object, const char *key);

/* --- command_table.c ------------------------------------------------------------------------- */

#define PEAL_TABLE_COLUMNS 8

/* Cells are added row by row. */
struct peal_table {
	size_t columns, count, room;
	char **cells;
	bool failed;
};

/* Text of others, with nothing in it that a terminal would obey. */
void peal_command_put_text(FILE *stream, const char *text, size_t length);
/* A string without its quotes, any other value as it is. */
void peal_command_put_piece(FILE *stream, struct peal_piece piece);
/* A list of them, separated by commas. */
void peal_command_put_list(FILE *stream, struct peal_piece array);

void peal_table_add(struct peal_table *table, const char *text);
void peal_table_add_piece(struct peal_table *table, struct peal_piece piece);
void peal_table_add_list(struct peal_table *table, struct peal_piece array);
void peal_table_print(struct peal_table *table);

/* --- the commands ---------------------------------------------------------------------------- */

typedef int peal_command_fn(const struct peal_command *command);
peal_command_fn peal_command_emit;	 /* command_emit.c */
peal_command_fn peal_command_emit_redis; /* command_redis.c */
peal_command_fn peal_command_sockets, peal_command_rooms, peal_command_nodes,
	peal_command_count; /* command_lists.c */
peal_command_fn peal_command_join, peal_command_leave, peal_command_disconnect; /* command_change.c
										 */
peal_command_fn peal_command_token; /* access/command_token.c */
peal_command_fn peal_command_drain; /* command_drain.c */
/* Writes the members that say for whom something is, each with a comma behind it. */
void peal_command_put_target(FILE *stream, const struct peal_command *command);
/* The arguments of an event as a JSON array. Return: NULL, with *ret_code, when one is no text. */
char *peal_command_args(const struct peal_command *command, int *ret_code);
/* Prints the body when --json asks for it. */
bool peal_command_print_json(const struct peal_command *command, const struct peal_answer *answer);
/* PEAL_EXIT_PARTIAL, with a line on standard error, when the answer has an error in it. */
int peal_command_partial(const struct peal_command *command, const struct peal_answer *answer);

#endif
