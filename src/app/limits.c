/*
 * The limit of open files, sized to the clients. Only the program does this: a library must not
 * change limits of the process it lives in.
 */
#include "limits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

int peal_limits_apply(size_t *max_clients, struct peal_logging *logging)
{
	rlim_t wanted = (rlim_t)*max_clients * PEAL_LIMITS_PER_CLIENT + PEAL_LIMITS_SPARE;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		int error = errno;

		peal_logging_say(logging, PEAL_LOG_ERROR, "cannot read the limit of open files",
				 PEAL_LOGGING_TEXT("error", strerror(error)));
		return -error;
	}
	if (limit.rlim_max < wanted) {
		if (limit.rlim_max < PEAL_LIMITS_SPARE + PEAL_LIMITS_PER_CLIENT) {
			peal_logging_say(logging, PEAL_LOG_ERROR,
					 "the hard limit of open files is too small for any client",
					 PEAL_LOGGING_NUMBER("limit", limit.rlim_max));
			return -EMFILE;
		}
		size_t lowered = (limit.rlim_max - PEAL_LIMITS_SPARE) / PEAL_LIMITS_PER_CLIENT;

		peal_logging_say(logging, PEAL_LOG_WARNING,
				 "max clients lowered to what the hard limit of open files allows",
				 PEAL_LOGGING_NUMBER("from", *max_clients),
				 PEAL_LOGGING_NUMBER("to", lowered),
				 PEAL_LOGGING_NUMBER("limit", limit.rlim_max));
		*max_clients = lowered;
		wanted = limit.rlim_max;
	}
	limit.rlim_cur = wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		int error = errno;

		peal_logging_say(logging, PEAL_LOG_ERROR, "cannot set the limit of open files",
				 PEAL_LOGGING_NUMBER("limit", wanted),
				 PEAL_LOGGING_TEXT("error", strerror(error)));
		return -error;
	}
	return 0;
}
