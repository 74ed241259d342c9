/*
 * What the option files share among themselves.
 */
#ifndef PEAL_APP_OPTION_PRIVATE_H
#define PEAL_APP_OPTION_PRIVATE_H

#include "options.h"

/* The table, sections included; ends with an entry without a name. */
extern const struct peal_option peal_options[];

/* Writes a name of the table in one of its spellings. */
void peal_option_spell(enum peal_spelling spelling, const char *name, char *buffer, size_t size);

/* Is it so near to a setting, or to one that is not built, that it must be a mistake? */
bool peal_option_resembles(enum peal_spelling spelling, const char *text);

/* Is its value nobody else's business? */
bool peal_option_secret(const struct peal_option *option);

/* The other name that its variable has, or NULL. */
const char *peal_option_other_variable(const struct peal_option *option);

/* Can a reload change it? */
bool peal_option_reloads(const struct peal_option *option);

/* --- option_show.c ---------------------------------------------------------------------------- */

/* Have both the same value, wherever from? */
bool peal_option_equal(const struct peal_option *option, const struct peal_settings *a,
		       const struct peal_settings *b);
/* Exchanges value and origin. */
void peal_option_swap(const struct peal_option *option, struct peal_settings *a,
		      struct peal_settings *b);
/* Writes the value, with "(set)" for secrets, those in URLs included: as text, "(none)" when there
 * is none, or as JSON, null then. */
void peal_option_put(FILE *stream, const struct peal_option *option,
		     const struct peal_settings *settings);
void peal_option_put_json(FILE *stream, const struct peal_option *option,
			  const struct peal_settings *settings);
/* Writes where it is from: "default", "flag --port", "variable PEAL_PORT", "file FILE:LINE". */
void peal_option_put_origin(FILE *stream, const struct peal_option *option,
			    const struct peal_settings *settings);

/* --- option_check.c --------------------------------------------------------------------------- */

/* Is it text that can stand in a header, a name or a log: UTF-8 without control characters? */
bool peal_option_text_valid(const char *text);

bool peal_option_utf8_valid(const char *text);

/* Checks what values must be beyond their kind, and what they must be together. Return: 0;
 * PEAL_USAGE_WRONG. */
int peal_settings_check(const struct peal_settings *settings, struct peal_usage *usage);

#endif
