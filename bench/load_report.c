/* What came of a load: times, the servers' use of the CPU, and the JSON object that is printed. */
#include "load.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t bucket_of(uint64_t us)
{
	unsigned doubling;

	if (us < LOAD_STEPS)
		return us;
	doubling = 63u - (unsigned)__builtin_clzll(us) - 6u;
	if (doubling > 39)
		return LOAD_BUCKETS - 1;
	return (size_t)LOAD_STEPS * (doubling + 1) + ((us >> doubling) - LOAD_STEPS);
}

/* The lowest time that is counted in a bucket. */
static uint64_t bucket_us(size_t bucket)
{
	size_t doubling = bucket / LOAD_STEPS;

	if (!doubling)
		return bucket;
	return (uint64_t)(LOAD_STEPS + bucket % LOAD_STEPS) << (doubling - 1);
}

void load_latency_add(struct load_seen *seen, uint64_t ns)
{
	seen->latency[bucket_of(ns / 1000)]++;
}

static uint64_t quantile(const uint64_t *latency, uint64_t total, double share)
{
	uint64_t below = 0, wanted = (uint64_t)((double)total * share);

	for (size_t bucket = 0; bucket < LOAD_BUCKETS; bucket++) {
		below += latency[bucket];
		if (below > wanted)
			return bucket_us(bucket);
	}
	return 0;
}

/* Context switches are kept for each thread. */
static void read_switches(pid_t pid, struct load_usage *usage)
{
	char path[300], line[200];
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/status", (int)pid, entry->d_name);
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
	read_switches(pid, ret_usage);
}

static void print_servers(const struct load *load, const struct load_result *result,
			  uint64_t deliveries, FILE *file)
{
	double each = deliveries ? 1.0 / (double)deliveries : 0;
	uint64_t user = 0, kernel = 0;

	fprintf(file, ",\"server\":[");
	for (size_t i = 0; i < load->options.server_count; i++) {
		const struct load_usage *before = &result->before[i], *after = &result->after[i];
		uint64_t user_us = after->user_us - before->user_us;
		uint64_t system_us = after->system_us - before->system_us;

		fprintf(file,
			"%s{\"pid\":%d,\"user_us\":%llu,\"system_us\":%llu,"
			"\"voluntary_switches\":%llu,\"involuntary_switches\":%llu}",
			i ? "," : "", (int)load->options.servers[i], (unsigned long long)user_us,
			(unsigned long long)system_us,
			(unsigned long long)(after->voluntary - before->voluntary),
			(unsigned long long)(after->involuntary - before->involuntary));
		user += user_us;
		kernel += system_us;
	}
	fprintf(file, "],\"per_delivery\":{\"user_us\":%.4f,\"system_us\":%.4f,\"cpu_us\":%.4f}",
		(double)user * each, (double)kernel * each, (double)(user + kernel) * each);
}

bool load_report(const struct load *load, const struct load_result *result, FILE *file)
{
	static uint64_t latency[LOAD_BUCKETS];
	uint64_t deliveries = 0, lost = 0, out_of_order = 0, corrupt = 0;

	for (size_t worker = 0; worker < load->options.workers; worker++) {
		const struct load_seen *seen = &load->seen[worker];

		deliveries += seen->deliveries;
		lost += seen->lost;
		out_of_order += seen->out_of_order;
		corrupt += seen->corrupt;
		for (size_t bucket = 0; bucket < LOAD_BUCKETS; bucket++)
			latency[bucket] += seen->latency[bucket];
	}
	fprintf(file,
		"{\"clients\":%zu,\"messages\":%llu,\"deliveries\":%llu,\"lost\":%llu,"
		"\"out_of_order\":%llu,\"corrupt\":%llu,\"seconds\":%.6f,"
		"\"latency_us\":{\"p50\":%llu,\"p99\":%llu,\"p999\":%llu},\"connect_seconds\":%.6f",
		load->options.clients, (unsigned long long)result->messages,
		(unsigned long long)deliveries, (unsigned long long)lost,
		(unsigned long long)out_of_order, (unsigned long long)corrupt, result->seconds,
		(unsigned long long)quantile(latency, deliveries, 0.5),
		(unsigned long long)quantile(latency, deliveries, 0.99),
		(unsigned long long)quantile(latency, deliveries, 0.999), result->connect_seconds);
	if (load->options.server_count)
		print_servers(load, result, deliveries, file);
	fprintf(file, "}\n");
	return !lost && !out_of_order && !corrupt && deliveries;
}
