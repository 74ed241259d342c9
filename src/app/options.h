/*
 * The settings of `peal serve`: flags, variables, the config file and defaults, in this order of
 * precedence.
 *
 * Whatever is not understood is refused with a message that names it; nothing is ignored.
 */
#ifndef PEAL_APP_OPTIONS_H
#define PEAL_APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "option_table.h"

struct peal_settings_list {
	char **items;
	size_t count;
};

enum peal_option_kind {
	PEAL_OPTION_SECTION,
	PEAL_OPTION_BOOLEAN,
	PEAL_OPTION_NUMBER,
	PEAL_OPTION_TEXT,
	PEAL_OPTION_CHOICE, /* the setting is the index of the choice */
	PEAL_OPTION_LIST,   /* repeatable; commas separate too */
};

struct peal_option {
	enum peal_option_kind kind;
	const char *name; /* as in the table, with underscores; the title of a section */
	const char *placeholder;
	const char *unit;
	const char *choices;
	const char *text_default;
	int64_t number_default, lowest, highest;
	const char *description;
	size_t offset; /* of its member in struct peal_settings */
};

/* Where a setting came from; a later one replaces an earlier one. */
enum peal_source {
	PEAL_SOURCE_DEFAULT,
	PEAL_SOURCE_CONFIG,
	PEAL_SOURCE_ENVIRONMENT,
	PEAL_SOURCE_FLAG,
};

#define PEAL_NO_SECTION_(title)
#define PEAL_NUMBER_ENUM_(name, ...) PEAL_OPTION_ID_##name,
#define PEAL_SECTION_ENUM_(title)
enum peal_option_id {
	PEAL_OPTIONS(PEAL_SECTION_ENUM_, PEAL_NUMBER_ENUM_, PEAL_NUMBER_ENUM_, PEAL_NUMBER_ENUM_,
		     PEAL_NUMBER_ENUM_, PEAL_NUMBER_ENUM_) PEAL_OPTION_ID_COUNT
};
#undef PEAL_NUMBER_ENUM_
#undef PEAL_SECTION_ENUM_

#define PEAL_BOOLEAN_MEMBER_(name, ...) bool name;
#define PEAL_NUMBER_MEMBER_(name, ...) int64_t name;
#define PEAL_TEXT_MEMBER_(name, ...) char *name;
#define PEAL_CHOICE_MEMBER_(name, ...) unsigned name;
#define PEAL_LIST_MEMBER_(name, ...) struct peal_settings_list name;
struct peal_settings {
	PEAL_OPTIONS(PEAL_NO_SECTION_, PEAL_BOOLEAN_MEMBER_, PEAL_NUMBER_MEMBER_, PEAL_TEXT_MEMBER_,
		     PEAL_CHOICE_MEMBER_, PEAL_LIST_MEMBER_)
	enum peal_source sources[PEAL_OPTION_ID_COUNT];
	/* What messages about a setting begin with: "--port", "PEAL_PORT", "FILE:LINE: \"port\"";
	 * NULL for a default. */
	char *places[PEAL_OPTION_ID_COUNT];
	unsigned lines[PEAL_OPTION_ID_COUNT]; /* in the config file, of PEAL_SOURCE_CONFIG */
	/* Variables that begin with PEAL_ but resemble no setting, for a warning; each is borrowed
	 * from the environment. */
	struct peal_settings_list foreign_variables;
};
#undef PEAL_BOOLEAN_MEMBER_
#undef PEAL_NUMBER_MEMBER_
#undef PEAL_TEXT_MEMBER_
#undef PEAL_CHOICE_MEMBER_
#undef PEAL_LIST_MEMBER_

/* PEAL_GIVEN() - was the setting given anywhere, or is it the default? */
#define PEAL_GIVEN(settings, name) \
	((settings)->sources[PEAL_OPTION_ID_##name] != PEAL_SOURCE_DEFAULT)

/* What was wrong with what the user wrote; one line without a newline. */
struct peal_usage {
	char text[2048];
};

/* What functions of this header return above zero. */
enum {
	PEAL_USAGE_WRONG = 1, /* the usage message says what */
	PEAL_USAGE_HELP = 2,  /* --help was among the flags */
};

/**
 * peal_settings_load() - settle all settings
 * @arguments:   the flags behind `peal serve`, NULL-terminated
 * @environment: as environ
 * @settings:    receives everything; peal_settings_deinit() in any case
 * @usage:       receives the message of PEAL_USAGE_WRONG
 *
 * Return: 0; -ENOMEM; PEAL_USAGE_WRONG; PEAL_USAGE_HELP.
 */
int peal_settings_load(char **arguments, char **environment, struct peal_settings *settings,
		       struct peal_usage *usage) __attribute__((warn_unused_result));
void peal_settings_deinit(struct peal_settings *settings);

/* Flags that were read and may be applied again, at a reload. */
struct peal_flags;

/**
 * peal_flags_read() - read the flags behind a command
 * @arguments: copied; secrets in it are overwritten, because everybody can list those
 *
 * Return: as peal_settings_load().
 */
int peal_flags_read(char **arguments, struct peal_flags **ret_flags, struct peal_usage *usage)
	__attribute__((warn_unused_result));
/* NULL is fine. */
void peal_flags_free(struct peal_flags *flags);

/** peal_settings_settle() - as peal_settings_load(), with flags that were read before */
int peal_settings_settle(const struct peal_flags *flags, char **environment,
			 struct peal_settings *settings, struct peal_usage *usage)
	__attribute__((warn_unused_result));

/* Prints the list of settings with units and defaults. */
void peal_settings_help(FILE *stream);
/* Prints the same as a part of docs/configuration.md. */
void peal_settings_reference(FILE *stream);

/* Can it be an API key: what a header can carry, without blanks? */
bool peal_option_is_key(const char *text);

/* Splits "HOST:PORT", with an IPv6 address in brackets. Return: false when it is none. */
bool peal_option_split_address(const char *text, char *host, size_t size, uint16_t *ret_port);

/* Where a setting was given, for messages; its flag when it is the default. @buffer is used then.
 */
const char *peal_settings_place(const struct peal_settings *settings, enum peal_option_id id,
				char *buffer, size_t size);

/* Formats the message, with '?' for control characters. Return: PEAL_USAGE_WRONG. */
int peal_usage_set(struct peal_usage *usage, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same about a setting, with the place where it was given in front: peal_usage_about(usage,
 * settings, path, "must not be empty"). */
#define peal_usage_about(usage, settings, name, ...) \
	peal_usage_at(usage, settings, PEAL_OPTION_ID_##name, __VA_ARGS__)
int peal_usage_at(struct peal_usage *usage, const struct peal_settings *settings,
		  enum peal_option_id id, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Puts the place of a setting in front of a message that begins with its flag. */
void peal_usage_locate(struct peal_usage *usage, const struct peal_settings *settings);

/* --- for config.c ------------------------------------------------------------------------------
 */

/* The three spellings of a name of the table. */
enum peal_spelling { PEAL_SPELLING_FLAG, PEAL_SPELLING_VARIABLE, PEAL_SPELLING_KEY };

/* Finds the option that is spelled so. Return: NULL when there is none. */
const struct peal_option *peal_option_find(enum peal_spelling spelling, const char *text);
enum peal_option_id peal_option_id(const struct peal_option *option);

/* Fills the message for a name that is no option: not built, or unknown with the nearest spelling.
 * Return: PEAL_USAGE_WRONG. */
int peal_option_unknown(enum peal_spelling spelling, const char *where, const char *text,
			struct peal_usage *usage);

/**
 * peal_option_set() - set from text, as a flag or variable gives it
 * @source: a list drops what an earlier source gave
 * @where:  what the message begins with, such as "--port"
 * @text:   NULL empties a list and sets nothing else
 */
int peal_option_set(struct peal_settings *settings, const struct peal_option *option,
		    enum peal_source source, const char *where, const char *text,
		    struct peal_usage *usage) __attribute__((warn_unused_result));

#endif
