/*
 * Shows a process limits of open files as containers have them (1 073 741 816), whatever the
 * machine's are. Loaded with LD_PRELOAD; what the program sets is kept, and written to the file
 * that INTERPOSE_LOG names.
 */
/* Both forms of each function are defined here, so neither may be renamed to the other. */
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static struct rlimit files = { 1073741816, 1073741816 };

int getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
	if (resource != RLIMIT_NOFILE)
		return prlimit(0, resource, NULL, limit);
	*limit = files;
	return 0;
}

int getrlimit64(__rlimit_resource_t resource, struct rlimit64 *limit)
{
	return getrlimit(resource, (struct rlimit *)limit);
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	const char *path = getenv("INTERPOSE_LOG");
	FILE *log;

	if (resource != RLIMIT_NOFILE)
		return prlimit(0, resource, limit, NULL);
	if (limit->rlim_cur > limit->rlim_max || limit->rlim_max > files.rlim_max) {
		errno = EPERM;
		return -1;
	}
	files = *limit;
	log = path ? fopen(path, "a") : NULL;
	if (log) {
		fprintf(log, "%lu %lu\n", (unsigned long)files.rlim_cur,
			(unsigned long)files.rlim_max);
		fclose(log);
	}
	return 0;
}

int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit)
{
	return setrlimit(resource, (const struct rlimit *)limit);
}

int getdtablesize(void)
{
	return (int)files.rlim_cur;
}

long sysconf(int name)
{
	extern long __sysconf(int number);

	return name == _SC_OPEN_MAX ? (long)files.rlim_cur : __sysconf(name);
}
