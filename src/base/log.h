/*
 * Where records go. One struct peal_log per node; modules that log get a pointer to it.
 *
 *   peal_log(log, PEAL_LOG_WARNING, "max clients lowered", PEAL_FIELD_INT("from", a),
 * PEAL_FIELD_INT("to", b));
 */
#ifndef PEAL_BASE_LOG_H
#define PEAL_BASE_LOG_H

#include <peal/log.h>

struct peal_log {
	enum peal_log_level level;
	peal_log_fn *fn; /* NULL: text lines on standard error */
	void *userdata;
};

#define PEAL_FIELD_TEXT(k, v) ((struct peal_log_field){ .key = (k), .text = peal_log_text(v) })
#define PEAL_FIELD_INT(k, v) ((struct peal_log_field){ .key = (k), .number = (int64_t)(v) })

/* In a field NULL means a number, and text that is absent is empty. */
static inline const char *peal_log_text(const char *text)
{
	return text ? text : "";
}

#define peal_log(log, level, ...) PEAL_LOG_(log, level, __VA_ARGS__, (struct peal_log_field){ 0 })
#define PEAL_LOG_(log, level, message, ...) \
	peal_log_record(log, level, message, (const struct peal_log_field[]){ __VA_ARGS__ })

/* @fields ends with one whose key is NULL. */
void peal_log_record(const struct peal_log *log, enum peal_log_level level, const char *message,
		     const struct peal_log_field *fields);

#endif
