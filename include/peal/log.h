/*
 * Logging.
 *
 * A node never writes anywhere by itself: every record goes to the function of its options, or,
 * without one, as a text line to standard error. A record is a level, a message that names the
 * event, and typed fields.
 */
#ifndef PEAL_LOG_H
#define PEAL_LOG_H

#include <peal/visibility.h>
#include <stddef.h>
#include <stdint.h>

enum peal_log_level {
	PEAL_LOG_ERROR,
	PEAL_LOG_WARNING,
	PEAL_LOG_INFO,
	PEAL_LOG_DEBUG,
};

/* One field of a record. `text` is borrowed for the call; NULL means that the field is the number.
 */
struct peal_log_field {
	const char *key;
	const char *text;
	int64_t number;
};

/* Receives one record. Called on the node's thread; must not call the node. */
typedef void peal_log_fn(enum peal_log_level level, const char *message,
			 const struct peal_log_field *fields, size_t count, void *userdata);

/**
 * peal_log_format_text() - format a record as `level=info message="…" key=value …`, one line
 * @buffer: receives the line with a newline and a terminating NUL, cut when it does not fit
 * @size:   size of @buffer in bytes
 *
 * Values with blanks, quotes or control characters are quoted and escaped, so a client cannot forge
 * a line.
 *
 * Return: length of the line without the NUL.
 */
PEAL_API size_t peal_log_format_text(enum peal_log_level level, const char *message,
				     const struct peal_log_field *fields, size_t count,
				     char *buffer, size_t size);

/** peal_log_format_json() - the same record as one JSON object on one line */
PEAL_API size_t peal_log_format_json(enum peal_log_level level, const char *message,
				     const struct peal_log_field *fields, size_t count,
				     char *buffer, size_t size);

#endif
