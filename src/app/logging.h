/*
 * Lines on standard error, as text or JSON, with the time; for the node's records and the program's
 * own.
 */
#ifndef PEAL_APP_LOGGING_H
#define PEAL_APP_LOGGING_H

#include <peal/log.h>
#include <stdbool.h>

struct peal_logging {
	enum peal_log_level level;
	bool json;
};

#define PEAL_LOGGING_TEXT(k, v) ((struct peal_log_field){ .key = (k), .text = (v) })
#define PEAL_LOGGING_NUMBER(k, v) ((struct peal_log_field){ .key = (k), .number = (int64_t)(v) })

/* peal_logging_say(logging, PEAL_LOG_INFO, "listening", PEAL_LOGGING_TEXT("url", url)) - a record
 * of the program's own */
#define peal_logging_say(logging, level, ...) \
	PEAL_LOGGING_SAY_(logging, level, __VA_ARGS__, (struct peal_log_field){ 0 })
#define PEAL_LOGGING_SAY_(logging, level, message, ...) \
	peal_logging_record(logging, level, message, (const struct peal_log_field[]){ __VA_ARGS__ })

/* @fields ends with one whose key is NULL. */
void peal_logging_record(struct peal_logging *logging, enum peal_log_level level,
			 const char *message, const struct peal_log_field *fields);

/* For the options of a node: @userdata is the struct peal_logging. */
void peal_logging_write(enum peal_log_level level, const char *message,
			const struct peal_log_field *fields, size_t count, void *userdata);

#endif
