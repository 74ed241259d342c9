/*
 * /healthz, /readyz and /metrics.
 *
 * The metrics come from the list in peal/stats.h, so a new counter is there by itself.
 */
#include "health.h"

#include <inttypes.h>
#include <peal/cluster.h>
#include <peal/http.h>
#include <peal/stats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reply(struct peal_http_request *request, unsigned status, const char *type,
		  const char *body, size_t length)
{
	const struct peal_header headers[] = {
		{ "Content-Type", type },
		{ "Cache-Control", "no-store" },
		{ "X-Content-Type-Options", "nosniff" },
	};

	peal_http_reply(request, status, headers, sizeof(headers) / sizeof(*headers), body, length);
}

static void reply_text(struct peal_http_request *request, unsigned status, const char *text)
{
	reply(request, status, "text/plain; charset=utf-8", text, strlen(text));
}

static void on_healthz(struct peal_http_request *request, void *userdata)
{
	(void)userdata;
	reply_text(request, 200, "ok\n");
}

static void put_cluster(const struct peal_cluster_info *info, void *userdata)
{
	static const char *const states[] = {
		[PEAL_ADAPTER_DOWN] = "down",
		[PEAL_ADAPTER_HELD] = "held",
		[PEAL_ADAPTER_UP] = "up",
	};
	FILE *stream = userdata;
	size_t silent = 0;

	for (size_t i = 0; i < info->member_count; i++)
		silent += info->members[i].silent;
	if (info->member_count <= 1 && !strcmp(info->adapter, "memory"))
		fputs("cluster: alone\n", stream);
	else
		fprintf(stream, "cluster: %s (%s), %zu other nodes, %zu of them silent\n",
			states[info->state], info->adapter,
			info->member_count ? info->member_count - 1 : 0, silent);
}

/* A node whose cluster is away still takes clients: they are served by what is here. */
static void on_readyz(struct peal_http_request *request, void *userdata)
{
	bool ready = peal_node_ready(userdata);
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);

	if (stream) {
		fputs(ready ? "ready\n" : "not ready\n", stream);
		peal_cluster_info(userdata, put_cluster, stream);
	}
	if (!stream || fclose(stream) != 0)
		reply_text(request, 500, "no memory\n");
	else
		reply(request, ready ? 200 : 503, "text/plain; charset=utf-8", text, length);
	free(text);
}

/* Counters end in _total, as Prometheus wants it. */
#define counter_SUFFIX "_total"
#define gauge_SUFFIX ""
#define PRINT(kind, name, description)                                                \
	fprintf(stream,                                                               \
		"# HELP peal_" #name kind##_SUFFIX " " description "\n"               \
						   "# TYPE peal_" #name kind##_SUFFIX \
		" " #kind "\n"                                                        \
		"peal_" #name kind##_SUFFIX " %" PRIu64 "\n",                         \
		stats.name);

static void print_metrics(FILE *stream, const struct peal_node *node)
{
	struct peal_stats stats;

	peal_node_stats(node, &stats);
	fprintf(stream,
		"# HELP peal_build_info version of the library\n"
		"# TYPE peal_build_info gauge\n"
		"peal_build_info{version=\"%s\"} 1\n"
		"# HELP peal_ready 1 while new clients are welcome\n"
		"# TYPE peal_ready gauge\n"
		"peal_ready %d\n",
		peal_version(), peal_node_ready(node));
	PEAL_STATS(PRINT)
}

static void on_metrics(struct peal_http_request *request, void *userdata)
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);

	if (stream)
		print_metrics(stream, userdata);
	if (!stream || fclose(stream) != 0)
		reply_text(request, 500, "no memory\n");
	else
		reply(request, 200, "text/plain; version=0.0.4; charset=utf-8", text, length);
	free(text);
}

int peal_health_attach(const struct peal_place *place)
{
	int r = peal_place_route(place, "/healthz", "GET", 0, on_healthz, NULL);

	if (r == 0)
		r = peal_place_route(place, "/readyz", "GET", 0, on_readyz, place->node);
	if (r == 0)
		r = peal_place_route(place, "/metrics", "GET", 0, on_metrics, place->node);
	return r;
}
