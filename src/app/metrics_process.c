/*
 * What Prometheus' own clients tell of a process, under their names: memory, processor, files.
 *
 * Everything here costs the same however many clients there are. So open files are told only where
 * the kernel has counted them (Linux 6.2): to list them would take longer than a turn of the loop.
 */
#include "metrics.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint64_t microseconds(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) < 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Field 22 of the line, in ticks since the machine began. The name of the program, which may hold
 * blanks and brackets, ends with the last bracket. */
static bool read_start(unsigned long long *ret_ticks)
{
	FILE *stream = fopen("/proc/self/stat", "re");
	char line[1024];
	size_t length;
	const char *at = NULL;

	if (!stream)
		return false;
	length = fread(line, 1, sizeof(line) - 1, stream);
	fclose(stream);
	for (size_t i = 0; i < length; i++)
		if (line[i] == ')')
			at = line + i + 1;
	line[length] = '\0';
	return at && sscanf(at,
			    " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d"
			    " %*d %*d %llu",
			    ret_ticks) == 1;
}

uint64_t peal_metrics_started(void)
{
	uint64_t now_us = microseconds(CLOCK_REALTIME), up_us = microseconds(CLOCK_BOOTTIME);
	long per_second = sysconf(_SC_CLK_TCK);
	unsigned long long ticks;
	uint64_t started_us;

	if (per_second <= 0 || !read_start(&ticks))
		return 0;
	started_us = ticks * 1000000 / (unsigned long long)per_second;
	return started_us <= up_us && up_us - started_us <= now_us ? now_us - (up_us - started_us)
								   : 0;
}

static void print_memory(FILE *stream)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long pages, resident;
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	int read = 0;

	if (file) {
		read = fscanf(file, "%llu %llu", &pages, &resident);
		fclose(file);
	}
	if (read != 2)
		return;
	peal_metrics_family(stream, "process_virtual_memory_bytes", "gauge",
			    "bytes of virtual memory");
	peal_metrics_sample(stream, "process_virtual_memory_bytes", NULL, NULL, pages * page_bytes);
	peal_metrics_family(stream, "process_resident_memory_bytes", "gauge",
			    "bytes of resident memory");
	peal_metrics_sample(stream, "process_resident_memory_bytes", NULL, NULL,
			    resident * page_bytes);
}

static void print_files(FILE *stream)
{
	struct rlimit limit;
	struct stat status;

	if (stat("/proc/self/fd", &status) == 0 && status.st_size > 0) {
		peal_metrics_family(stream, "process_open_fds", "gauge", "open file descriptors");
		peal_metrics_sample(stream, "process_open_fds", NULL, NULL,
				    (uint64_t)status.st_size);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		peal_metrics_family(stream, "process_max_fds", "gauge",
				    "file descriptors that may be open");
		peal_metrics_sample(stream, "process_max_fds", NULL, NULL, limit.rlim_cur);
	}
}

void peal_metrics_process(FILE *stream, uint64_t started_us)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) == 0) {
		peal_metrics_family(stream, "process_cpu_seconds_total", "counter",
				    "processor time, of the program and of the kernel for it");
		peal_metrics_seconds(
			stream, "process_cpu_seconds_total",
			(uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
				(uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec));
	}
	print_memory(stream);
	print_files(stream);
	if (!started_us)
		return;
	peal_metrics_family(stream, "process_start_time_seconds", "gauge",
			    "when the process began, in seconds since 1970");
	peal_metrics_seconds(stream, "process_start_time_seconds", started_us);
}
