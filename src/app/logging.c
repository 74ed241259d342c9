/*
 * Lines on standard error, as text or JSON, with the time.
 *
 * Each line is one write, so that lines of several processes on one pipe do not mix. A line that
 * cannot be written is lost: logging never stops the node.
 */
#include "logging.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_CEILING 8192
#define FIELDS_CEILING 32

static void format_time(char *buffer, size_t size)
{
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size_t length = strftime(buffer, size, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(buffer + length, size - length, ".%03ldZ", now.tv_nsec / 1000000);
}

void peal_logging_write(enum peal_log_level level, const char *message,
			const struct peal_log_field *fields, size_t count, void *userdata)
{
	const struct peal_logging *logging = userdata;
	struct peal_log_field all[FIELDS_CEILING];
	char time[40], line[LINE_CEILING];
	size_t length;

	if (level > logging->level)
		return;
	if (count > FIELDS_CEILING - 1)
		count = FIELDS_CEILING - 1;
	format_time(time, sizeof(time));
	all[0] = PEAL_LOGGING_TEXT("time", time);
	if (count)
		memcpy(all + 1, fields, count * sizeof(*fields));
	length = (logging->json ? peal_log_format_json : peal_log_format_text)(
		level, message, all, count + 1, line, sizeof(line));
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}

void peal_logging_record(struct peal_logging *logging, enum peal_log_level level,
			 const char *message, const struct peal_log_field *fields)
{
	size_t count = 0;

	while (fields[count].key)
		count++;
	peal_logging_write(level, message, fields, count, logging);
}
