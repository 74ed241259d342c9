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

/* Is it text that can stand in a header, a name or a log: UTF-8 without control characters? */
bool peal_option_text_valid(const char *text);

bool peal_option_utf8_valid(const char *text);

/* Checks what values must be beyond their kind, and what they must be together. Return: 0;
 * PEAL_USAGE_WRONG. */
int peal_settings_check(const struct peal_settings *settings, struct peal_usage *usage);

#endif
