/*
 * Patterns of names: which rooms a client may join, which events it may send on.
 *
 *   literal text    itself, byte for byte
 *   *               one or more characters, none of them a colon
 *   {user}          the id of the client's user, byte for byte; a client without a user matches no
 *                   pattern that has it
 *
 * A name with a control character matches no pattern. No memory, no state.
 */
#ifndef PEAL_APP_ACCESS_PATTERN_H
#define PEAL_APP_ACCESS_PATTERN_H

#include <stdbool.h>

#define PEAL_PATTERN_BYTES 255
/* Parts of one pattern that are not literal. Each may cost a walk over the name. */
#define PEAL_PATTERN_WILD 8

/* Return: NULL, or what is wrong with it. */
const char *peal_pattern_error(const char *pattern);
/* Has it nothing but literal text? */
bool peal_pattern_is_literal(const char *pattern);
/* Is it the name of an event of peal itself, or a pattern of such? Those are nobody's but peal's.
 */
bool peal_pattern_is_own(const char *name);
/* What is wrong with such a pattern, where only events of others are meant. */
#define PEAL_PATTERN_OWN_ERROR "begins with peal:, as only events of peal itself do"
/* @user: NULL for a client without one. @pattern is one without an error. */
bool peal_pattern_matches(const char *pattern, const char *user, const char *name);

#endif
