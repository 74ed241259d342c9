/*
 * /healthz, /readyz and /readyz/cluster.
 *
 * A node whose cluster is away still takes clients: they are served by what is here. So /readyz,
 * which balancers ask, does not look at the cluster once the node has joined it; who wants to know
 * about the cluster asks /readyz/cluster.
 */
#include "health.h"

#include <inttypes.h>
#include <peal/cluster.h>
#include <peal/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each second a node publishes an announcement, which comes back to it: so many may be missing. */
#define ECHO_MS 3000

static void reply(struct peal_http_request *request, unsigned status, const char *body,
		  size_t length)
{
	static const struct peal_header headers[] = {
		{ "Content-Type", "text/plain; charset=utf-8" },
		{ "Cache-Control", "no-store" },
		{ "X-Content-Type-Options", "nosniff" },
	};

	peal_http_reply(request, status, headers, sizeof(headers) / sizeof(*headers), body, length);
}

static void on_healthz(struct peal_http_request *request, void *userdata)
{
	(void)userdata;
	reply(request, 200, "ok\n", 3);
}

struct cluster {
	FILE *stream;
	bool works; /* what this node publishes comes back to it; or it is alone */
};

static void put_cluster(const struct peal_cluster_info *info, void *userdata)
{
	static const char *const states[] = {
		[PEAL_ADAPTER_DOWN] = "down",
		[PEAL_ADAPTER_HELD] = "held",
		[PEAL_ADAPTER_UP] = "up",
	};
	struct cluster *cluster = userdata;
	size_t silent = 0;

	for (size_t i = 0; i < info->member_count; i++)
		silent += info->members[i].silent;
	if (!strcmp(info->adapter, "memory")) {
		cluster->works = true;
		fputs("cluster: alone\n", cluster->stream);
		return;
	}
	cluster->works = info->state == PEAL_ADAPTER_UP && info->echo_ms <= ECHO_MS;
	fprintf(cluster->stream, "cluster: %s (%s), %zu other nodes, %zu of them silent\n",
		states[info->state], info->adapter, info->member_count ? info->member_count - 1 : 0,
		silent);
	if (info->echo_ms == UINT64_MAX)
		fputs("echo: none yet\n", cluster->stream);
	else
		fprintf(cluster->stream, "echo: %" PRIu64 " ms ago\n", info->echo_ms);
}

static void reply_ready(struct peal_http_request *request, struct peal_node *node,
			bool with_cluster)
{
	struct cluster cluster = { 0 };
	bool ready = peal_node_ready(node);
	char *lines = NULL, *text = NULL;
	size_t length = 0;
	int written = -1;

	cluster.stream = open_memstream(&lines, &length);
	if (cluster.stream) {
		peal_cluster_info(node, put_cluster, &cluster);
		if (fclose(cluster.stream) == 0) {
			ready = ready && (!with_cluster || cluster.works);
			written = asprintf(&text, "%s\n%s", ready ? "ready" : "not ready", lines);
		}
	}
	if (written < 0)
		reply(request, 500, "no memory\n", 10);
	else
		reply(request, ready ? 200 : 503, text, (size_t)written);
	if (written >= 0)
		free(text);
	free(lines);
}

static void on_readyz(struct peal_http_request *request, void *userdata)
{
	reply_ready(request, userdata, false);
}

static void on_readyz_cluster(struct peal_http_request *request, void *userdata)
{
	reply_ready(request, userdata, true);
}

int peal_health_attach(const struct peal_place *place)
{
	int r = peal_place_route(place, "/healthz", "GET", 0, on_healthz, NULL);

	if (r == 0)
		r = peal_place_route(place, "/readyz", "GET", 0, on_readyz, place->node);
	if (r == 0)
		r = peal_place_route(place, "/readyz/cluster", "GET", 0, on_readyz_cluster,
				     place->node);
	return r;
}
