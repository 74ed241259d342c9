/*
 * The limit of open files, sized to the clients. Only the program does this: a library must not
 * change limits of the process it lives in.
 */
#include "file_limit.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

int peal_file_limit_apply(size_t *max_clients, struct peal_logging *logging)
{
	rlim_t least = (rlim_t)*max_clients + PEAL_FILE_LIMIT_SPARE;
	rlim_t wanted = least + *max_clients;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		int error = errno;

		peal_logging_say(logging, PEAL_LOG_ERROR, "cannot read the limit of open files",
				 PEAL_LOGGING_TEXT("error", strerror(error)));
		return -error;
	}
	if (limit.rlim_max <= PEAL_FILE_LIMIT_SPARE) {
		peal_logging_say(logging, PEAL_LOG_ERROR,
				 "the hard limit of open files is too small for any client",
				 PEAL_LOGGING_NUMBER("limit", limit.rlim_max));
		return -EMFILE;
	}
	if (limit.rlim_max < least) {
		size_t lowered = limit.rlim_max - PEAL_FILE_LIMIT_SPARE;

		peal_logging_say(logging, PEAL_LOG_WARNING,
				 "max clients lowered to what the hard limit of open files allows",
				 PEAL_LOGGING_NUMBER("from", *max_clients),
				 PEAL_LOGGING_NUMBER("to", lowered),
				 PEAL_LOGGING_NUMBER("limit", limit.rlim_max));
		*max_clients = lowered;
	}
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		int error = errno;

		peal_logging_say(logging, PEAL_LOG_ERROR, "cannot set the limit of open files",
				 PEAL_LOGGING_NUMBER("limit", limit.rlim_cur),
				 PEAL_LOGGING_TEXT("error", strerror(error)));
		return -error;
	}
	return 0;
}
