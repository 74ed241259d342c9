/*
 * What others use while they are measured: the CPU time, the context switches and the memory of the
 * servers' processes from /proc, and the commands and bytes of a Redis from its own counters.
 */
#include "load.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES (256 * 1024)

struct load_redis {
	int fd;
	uint64_t own_input, own_output; /* what Redis has counted of our own bytes */
	uint64_t answer_length;
	char answer[ANSWER_BYTES];
};

/* One file of a thread: its time on a CPU, in nanoseconds. */
static void read_schedstat(const char *thread, struct load_usage *usage)
{
	unsigned long long ns;
	char path[340];
	FILE *file;

	snprintf(path, sizeof(path), "%s/schedstat", thread);
	file = fopen(path, "r");
	if (!file)
		return;
	if (fscanf(file, "%llu", &ns) == 1)
		usage->cpu_ns += ns;
	fclose(file);
}

static void read_switches(const char *thread, struct load_usage *usage)
{
	char path[340], line[200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/status", thread);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "voluntary_ctxt_switches:", 24))
			usage->voluntary += strtoull(line + 24, NULL, 10);
		else if (!strncmp(line, "nonvoluntary_ctxt_switches:", 27))
			usage->involuntary += strtoull(line + 27, NULL, 10);
	}
	if (file)
		fclose(file);
}

static void read_threads(pid_t pid, struct load_usage *usage)
{
	char path[300];
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s", (int)pid, entry->d_name);
		read_schedstat(path, usage);
		read_switches(path, usage);
	}
	if (folder)
		closedir(folder);
}

void load_usage_read(pid_t pid, struct load_usage *ret_usage)
{
	char path[64], text[1024], *at;
	unsigned long long user, kernel;
	long ticks = sysconf(_SC_CLK_TCK);
	FILE *file;

	memset(ret_usage, 0, sizeof(*ret_usage));
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (!file)
		load_fail("there is no process %d", (int)pid);
	at = fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
	fclose(file);
	/* The name, which may contain anything, ends at the last bracket; utime is field 14. */
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
			  &kernel) != 2)
		load_fail("cannot read %s", path);
	ret_usage->user_us = user * 1000000 / (unsigned long long)ticks;
	ret_usage->system_us = kernel * 1000000 / (unsigned long long)ticks;
	read_threads(pid, ret_usage);
	/* Whoever has started has used some. Without it everything would seem to cost nothing. */
	if (!ret_usage->cpu_ns)
		load_fail("cannot read /proc/%d/task/*/schedstat", (int)pid);
}

/* The sum over the mappings is exact; the counter behind statm is not, but everyone may read it. */
uint64_t load_memory_read(pid_t pid)
{
	unsigned long long kib, pages;
	char path[64], line[200];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Rss: %llu kB", &kib) == 1) {
			fclose(file);
			return kib * 1024;
		}
	}
	if (file)
		fclose(file);
	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%*u %llu", &pages) != 1)
		load_fail("cannot read %s", path);
	fclose(file);
	return pages * (unsigned long long)sysconf(_SC_PAGESIZE);
}

struct load_redis *load_redis_open(const char *url)
{
	struct timeval patience = { .tv_sec = 10 };
	struct load_redis *redis = calloc(1, sizeof(*redis));
	struct sockaddr_in address = { 0 };

	if (!redis)
		load_fail("no memory");
	if (strncmp(url, "redis://", 8) != 0)
		load_fail("%s is not the address of a Redis", url);
	load_address(url + 8, &address);
	redis->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (redis->fd < 0 || connect(redis->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		load_fail("cannot reach %s: %s", url, strerror(errno));
	setsockopt(redis->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return redis;
}

/* Where the bulk string at @at ends; NULL: it is not all there. */
static const char *end_of_bulk(const char *at)
{
	const char *line = strstr(at, "\r\n");
	size_t length;

	if (!line)
		return NULL;
	if (*at != '$')
		load_fail("Redis refuses: %.*s", (int)(line - at), at);
	length = strtoull(at + 1, NULL, 10) + 2;
	return strlen(line + 2) < length ? NULL : line + 2 + length;
}

/* Two answers, of which Redis may send the first one alone. */
static void receive(struct load_redis *redis)
{
	size_t length = 0;

	for (;;) {
		ssize_t more = recv(redis->fd, redis->answer + length,
				    sizeof(redis->answer) - 1 - length, 0);
		const char *end;

		if (more <= 0)
			load_fail("Redis does not answer: %s", strerror(errno));
		length += (size_t)more;
		redis->answer[length] = 0;
		end = end_of_bulk(redis->answer);
		if (end && end_of_bulk(end))
			break;
	}
	redis->answer_length = length;
}

static uint64_t number_behind(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

/*
 * Our own two commands are left out: INFO is not counted at all, and of the bytes those that were
 * read and written since the last time are taken off. Redis counts both commands as read when it
 * looks at its counters, but their answers as not yet written.
 */
void load_redis_read(struct load_redis *redis, struct load_redis_use *ret_use)
{
	static const char request[] = "INFO commandstats\r\nINFO stats\r\n";
	uint64_t before = redis->answer_length;

	if (send(redis->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != sizeof(request) - 1)
		load_fail("Redis is gone: %s", strerror(errno));
	receive(redis);
	memset(ret_use, 0, sizeof(*ret_use));
	for (const char *at = redis->answer; (at = strstr(at, "cmdstat_")); at++) {
		uint64_t calls = number_behind(at, ":calls=");

		if (!strncmp(at, "cmdstat_info:", 13))
			continue;
		if (!strncmp(at, "cmdstat_publish:", 16) || !strncmp(at, "cmdstat_spublish:", 17))
			ret_use->publishes += calls;
		ret_use->commands += calls;
	}
	redis->own_input += sizeof(request) - 1;
	redis->own_output += before;
	ret_use->input_bytes = number_behind(redis->answer, "total_net_input_bytes:");
	ret_use->output_bytes = number_behind(redis->answer, "total_net_output_bytes:");
	ret_use->input_bytes -= redis->own_input;
	ret_use->output_bytes -= redis->own_output;
}

void load_redis_free(struct load_redis *redis)
{
	if (redis)
		close(redis->fd);
	free(redis);
}
