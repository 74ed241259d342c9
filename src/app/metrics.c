/*
 * /metrics.
 *
 * Names of clients' making are no labels: each would be a series that stays for ever in who
 * collects them. So namespaces that clients made by connecting are one series together.
 */
#include "metrics.h"

#include <inttypes.h>
#include <peal/cluster.h>
#include <peal/http.h>
#include <peal/namespace.h>
#include <stdlib.h>
#include <string.h>

#include "metrics_names.h"

/* The program's own namespaces that have a series each; those behind them are with the others. */
#define NAMESPACES 1000

static const struct member {
	const char *name, *type, *help;
	size_t offset;
} members[] = {
#define MEMBER(type, name, help) { #name, #type, help, PEAL_METRICS_MEMBER(name) },
	PEAL_STATS(MEMBER)
#undef MEMBER
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* --- samples --------------------------------------------------------------------------------- */

void peal_metrics_family(FILE *stream, const char *name, const char *type, const char *help)
{
	fprintf(stream, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void peal_metrics_sample(FILE *stream, const char *name, const char *label, const char *text,
			 uint64_t value)
{
	fputs(name, stream);
	if (label) {
		fprintf(stream, "{%s=\"", label);
		for (const char *c = text; *c; c++) {
			if (*c == '\n')
				fputs("\\n", stream);
			else
				fprintf(stream, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
		}
		fputs("\"}", stream);
	}
	fprintf(stream, " %" PRIu64 "\n", value);
}

void peal_metrics_seconds(FILE *stream, const char *name, uint64_t us)
{
	fprintf(stream, "%s %" PRIu64 ".%06" PRIu64 "\n", name, us / 1000000, us % 1000000);
}

/* --- struct peal_stats ----------------------------------------------------------------------- */

static uint64_t value_of(const struct peal_stats *stats, size_t member)
{
	return *(const uint64_t *)((const char *)stats + member);
}

static void print_family(FILE *stream, const struct peal_metrics_family *family,
			 const struct peal_stats *stats)
{
	uint64_t sum = 0, total;

	peal_metrics_family(stream, family->name, family->type, family->help);
	for (size_t i = 0; family->series[i].label; i++) {
		uint64_t value = value_of(stats, family->series[i].member);

		sum += value;
		peal_metrics_sample(stream, family->name, family->label, family->series[i].label,
				    value);
	}
	if (!family->rest)
		return;
	total = value_of(stats, family->total);
	peal_metrics_sample(stream, family->name, family->label, family->rest,
			    total > sum ? total - sum : 0);
}

static void print_lag(FILE *stream, const struct peal_stats *stats)
{
	uint64_t sum = 0;

	peal_metrics_family(stream, "peal_loop_lag_seconds", "histogram",
			    "how late the timers of the event loop have run");
	for (size_t i = 0; i < COUNT(peal_metrics_lag); i++) {
		sum += value_of(stats, peal_metrics_lag[i].member);
		peal_metrics_sample(stream, "peal_loop_lag_seconds_bucket", "le",
				    peal_metrics_lag[i].bound, sum);
	}
	peal_metrics_sample(stream, "peal_loop_lag_seconds_bucket", "le", "+Inf", stats->loop_lags);
	peal_metrics_seconds(stream, "peal_loop_lag_seconds_sum", stats->loop_lag_us);
	peal_metrics_sample(stream, "peal_loop_lag_seconds_count", NULL, NULL, stats->loop_lags);
}

static bool is_elsewhere(size_t member)
{
	for (size_t i = 0; i < COUNT(peal_metrics_elsewhere); i++)
		if (peal_metrics_elsewhere[i] == member)
			return true;
	for (size_t i = 0; i < COUNT(peal_metrics_lag); i++)
		if (peal_metrics_lag[i].member == member)
			return true;
	for (size_t i = 0; i < COUNT(peal_metrics_families); i++) {
		const struct peal_metrics_family *family = &peal_metrics_families[i];

		if (family->total == member)
			return true;
		for (size_t j = 0; family->series[j].label; j++)
			if (family->series[j].member == member)
				return true;
	}
	return false;
}

static const char *name_of(const struct member *member)
{
	for (size_t i = 0; i < COUNT(peal_metrics_renamed); i++)
		if (peal_metrics_renamed[i].member == member->offset)
			return peal_metrics_renamed[i].name;
	return member->name;
}

static void print_member(FILE *stream, const struct member *member, const struct peal_stats *stats)
{
	const char *total = !strcmp(member->type, "counter") ? "_total" : "";
	uint64_t value = value_of(stats, member->offset);
	const char *name = name_of(member);
	size_t length = strlen(name);
	bool ms = length > 3 && !strcmp(name + length - 3, "_ms");
	char metric[128];

	snprintf(metric, sizeof(metric), "peal_%.*s%s%s", (int)(ms ? length - 3 : length), name,
		 ms ? "_seconds" : "", total);
	peal_metrics_family(stream, metric, member->type, member->help);
	if (ms)
		peal_metrics_seconds(stream, metric, value * 1000);
	else
		peal_metrics_sample(stream, metric, NULL, NULL, value);
}

static void print_stats(FILE *stream, const struct peal_stats *stats)
{
	for (size_t i = 0; i < COUNT(peal_metrics_families); i++)
		print_family(stream, &peal_metrics_families[i], stats);
	print_lag(stream, stats);
	for (size_t i = 0; i < COUNT(members); i++)
		if (!is_elsewhere(members[i].offset))
			print_member(stream, &members[i], stats);
}

/* --- namespaces and the cluster -------------------------------------------------------------- */

struct namespaces {
	FILE *stream;
	const char *name;
	bool rooms; /* or sockets */
	size_t listed;
	uint64_t others;
};

static void put_namespace(const struct peal_namespace_info *info, void *userdata)
{
	struct namespaces *namespaces = userdata;
	size_t value = namespaces->rooms ? info->rooms : info->sockets;

	if (info->dynamic || namespaces->listed == NAMESPACES) {
		namespaces->others += value;
		return;
	}
	namespaces->listed++;
	peal_metrics_sample(namespaces->stream, namespaces->name, "namespace", info->name, value);
}

static void print_namespaces(FILE *stream, struct peal_node *node, bool rooms)
{
	struct namespaces namespaces = { .stream = stream, .rooms = rooms };

	namespaces.name = rooms ? "peal_rooms" : "peal_sockets";
	peal_metrics_family(stream, namespaces.name, "gauge",
			    rooms ? "rooms with at least one member, without own-id rooms"
				  : "connected Socket.IO sockets");
	peal_namespaces(node, put_namespace, &namespaces);
	peal_metrics_sample(stream, namespaces.name, "namespace", "*", namespaces.others);
}

static void put_cluster(const struct peal_cluster_info *info, void *userdata)
{
	static const char *const states[] = {
		[PEAL_ADAPTER_DOWN] = "down",
		[PEAL_ADAPTER_HELD] = "held",
		[PEAL_ADAPTER_UP] = "up",
	};
	static const char state[] = "peal_cluster_state", echo[] = "peal_cluster_echo_age_seconds";
	FILE *stream = userdata;

	peal_metrics_family(stream, state, "gauge",
			    "1 for the state that the adapter is in: up, held or down");
	for (size_t i = 0; i < COUNT(states); i++)
		peal_metrics_sample(stream, state, "state", states[i], info->state == i);
	if (info->echo_ms == UINT64_MAX)
		return;
	peal_metrics_family(stream, echo, "gauge",
			    "seconds since an announcement of this node came back to it");
	peal_metrics_seconds(stream, echo, info->echo_ms * 1000);
}

/* --- the route ------------------------------------------------------------------------------- */

static void print_all(FILE *stream, const struct peal_metrics *metrics)
{
	struct peal_stats stats;

	peal_node_stats(metrics->node, &stats);
	peal_metrics_family(stream, "peal_build_info", "gauge", "version of the library");
	peal_metrics_sample(stream, "peal_build_info", "version", peal_version(), 1);
	peal_metrics_family(stream, "peal_ready", "gauge", "1 while new clients are welcome");
	peal_metrics_sample(stream, "peal_ready", NULL, NULL, peal_node_ready(metrics->node));
	print_namespaces(stream, metrics->node, false);
	print_namespaces(stream, metrics->node, true);
	peal_cluster_info(metrics->node, put_cluster, stream);
	print_stats(stream, &stats);
	for (const struct peal_metrics_source *source = metrics->sources; source;
	     source = source->next)
		source->print(stream, source->userdata);
	peal_metrics_process(stream, metrics->started_us);
}

static void on_metrics(struct peal_http_request *request, void *userdata)
{
	static const struct peal_header headers[] = {
		{ "Content-Type", "text/plain; version=0.0.4; charset=utf-8" },
		{ "Cache-Control", "no-store" },
		{ "X-Content-Type-Options", "nosniff" },
	};
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);

	if (stream)
		print_all(stream, userdata);
	if (!stream || fclose(stream) != 0)
		peal_http_reply(request, 500, NULL, 0, NULL, 0);
	else
		peal_http_reply(request, 200, headers, COUNT(headers), text, length);
	free(text);
}

int peal_metrics_attach(struct peal_metrics *metrics, const struct peal_place *place)
{
	metrics->node = place->node;
	metrics->started_us = peal_metrics_started();
	return peal_place_route(place, "/metrics", "GET", 0, on_metrics, metrics);
}

void peal_metrics_add(struct peal_metrics *metrics, struct peal_metrics_source *source)
{
	source->next = metrics->sources;
	metrics->sources = source;
}
