/* What came of a load: how long deliveries took, and the JSON objects that are printed. */
#include "load.h"

#include <string.h>

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

void load_sums_read(const struct load *load, struct load_sums *ret_sums)
{
	memset(ret_sums, 0, sizeof(*ret_sums));
	for (size_t worker = 0; worker < load->options.workers; worker++) {
		const struct load_seen *seen = &load->seen[worker];

		ret_sums->deliveries += seen->deliveries;
		ret_sums->lost += seen->lost;
		ret_sums->out_of_order += seen->out_of_order;
		ret_sums->corrupt += seen->corrupt;
		for (size_t bucket = 0; bucket < LOAD_BUCKETS; bucket++)
			ret_sums->latency[bucket] += seen->latency[bucket];
	}
}

uint64_t load_cpu_us(const struct load_options *options, const struct load_point *before,
		     const struct load_point *after)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < options->server_count; i++)
		ns += after->servers[i].cpu_ns - before->servers[i].cpu_ns;
	return ns / 1000;
}

static void print_servers(const struct load_options *options, const struct load_point *before,
			  const struct load_point *after, FILE *file)
{
	fprintf(file, ",\"server\":[");
	for (size_t i = 0; i < options->server_count; i++) {
		const struct load_usage *old = &before->servers[i], *new = &after->servers[i];

		fprintf(file,
			"%s{\"pid\":%d,\"cpu_us\":%llu,\"user_us\":%llu,\"system_us\":%llu,"
			"\"voluntary_switches\":%llu,\"involuntary_switches\":%llu}",
			i ? "," : "", (int)options->servers[i],
			(unsigned long long)(new->cpu_ns - old->cpu_ns) / 1000,
			(unsigned long long)(new->user_us - old->user_us),
			(unsigned long long)(new->system_us - old->system_us),
			(unsigned long long)(new->voluntary - old->voluntary),
			(unsigned long long)(new->involuntary - old->involuntary));
	}
	fprintf(file, "]");
}

static void print_per_delivery(const struct load_options *options, const struct load_part *part,
			       uint64_t deliveries, FILE *file)
{
	double each = deliveries ? 1.0 / (double)deliveries : 0;
	uint64_t user = 0, kernel = 0;

	for (size_t i = 0; i < options->server_count; i++) {
		user += part->after.servers[i].user_us - part->before.servers[i].user_us;
		kernel += part->after.servers[i].system_us - part->before.servers[i].system_us;
	}
	fprintf(file, ",\"per_delivery\":{\"user_us\":%.4f,\"system_us\":%.4f,\"cpu_us\":%.4f}",
		(double)user * each, (double)kernel * each,
		(double)load_cpu_us(options, &part->before, &part->after) * each);
}

static void print_redis(const struct load_redis_use *before, const struct load_redis_use *after,
			FILE *file)
{
	fprintf(file,
		",\"redis\":{\"commands\":%llu,\"publishes\":%llu,\"input_bytes\":%llu,"
		"\"output_bytes\":%llu}",
		(unsigned long long)(after->commands - before->commands),
		(unsigned long long)(after->publishes - before->publishes),
		(unsigned long long)(after->input_bytes - before->input_bytes),
		(unsigned long long)(after->output_bytes - before->output_bytes));
}

static void print_memory(const struct load_options *options, const struct load_connected *connected,
			 FILE *file)
{
	fprintf(file, ",\"memory\":[");
	for (size_t i = 0; i < options->server_count; i++)
		fprintf(file, "%s{\"pid\":%d,\"before_bytes\":%llu,\"bytes\":%llu}", i ? "," : "",
			(int)options->servers[i], (unsigned long long)connected->memory_before[i],
			(unsigned long long)connected->memory[i]);
	fprintf(file, "]");
}

bool load_report(const struct load_options *options, const struct load_part *part,
		 const struct load_sums *before, const struct load_sums *after, FILE *file)
{
	static uint64_t latency[LOAD_BUCKETS];
	uint64_t deliveries = after->deliveries - before->deliveries;
	uint64_t lost = after->lost - before->lost;
	uint64_t out_of_order = after->out_of_order - before->out_of_order;
	uint64_t corrupt = after->corrupt - before->corrupt;

	for (size_t bucket = 0; bucket < LOAD_BUCKETS; bucket++)
		latency[bucket] = after->latency[bucket] - before->latency[bucket];
	fprintf(file,
		"{\"clients\":%zu,\"messages\":%llu,\"deliveries\":%llu,\"lost\":%llu,"
		"\"out_of_order\":%llu,\"corrupt\":%llu,\"seconds\":%.6f,"
		"\"latency_us\":{\"p50\":%llu,\"p99\":%llu,\"p999\":%llu},\"connect_seconds\":%.6f",
		options->clients, (unsigned long long)part->messages,
		(unsigned long long)deliveries, (unsigned long long)lost,
		(unsigned long long)out_of_order, (unsigned long long)corrupt, part->seconds,
		(unsigned long long)quantile(latency, deliveries, 0.5),
		(unsigned long long)quantile(latency, deliveries, 0.99),
		(unsigned long long)quantile(latency, deliveries, 0.999), part->connect_seconds);
	if (options->ack_ms)
		fprintf(file, ",\"acks\":%llu", (unsigned long long)part->acks);
	if (options->server_count) {
		print_servers(options, &part->before, &part->after, file);
		print_per_delivery(options, part, deliveries, file);
	}
	if (options->redis)
		print_redis(&part->before.redis, &part->after.redis, file);
	fprintf(file, "}\n");
	return !lost && !out_of_order && !corrupt && !part->wrong_acks &&
	       (deliveries || !options->trigger_count);
}

void load_report_connected(const struct load_options *options,
			   const struct load_connected *connected, FILE *file)
{
	fprintf(file, "{\"event\":\"connected\",\"clients\":%zu,\"connect_seconds\":%.6f",
		options->clients, connected->seconds);
	print_servers(options, &connected->before, &connected->after, file);
	fprintf(file, ",\"steps\":[");
	for (size_t i = 0; i < connected->step_count; i++)
		fprintf(file, "%s{\"clients\":%llu,\"cpu_us\":%llu}", i ? "," : "",
			(unsigned long long)connected->steps[i].clients,
			(unsigned long long)connected->steps[i].cpu_us);
	fprintf(file, "]");
	print_memory(options, connected, file);
	fprintf(file, "}\n");
}

void load_report_memory(const struct load_options *options, const struct load_connected *connected,
			FILE *file)
{
	fprintf(file, "{\"event\":\"memory\"");
	print_memory(options, connected, file);
	fprintf(file, "}\n");
}

void load_report_left(const struct load_options *options, double seconds,
		      const struct load_point *before, const struct load_point *after, FILE *file)
{
	fprintf(file, "{\"event\":\"left\",\"clients\":%zu,\"seconds\":%.6f", options->clients,
		seconds);
	print_servers(options, before, after, file);
	fprintf(file, "}\n");
}
