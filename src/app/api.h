/*
 * The HTTP API: broadcasts and what else one node can ask of its cluster, for those who have the
 * key. docs/http-api.md describes it.
 */
#ifndef PEAL_APP_API_H
#define PEAL_APP_API_H

#include <peal/node.h>

#include "place.h"

struct peal_api;
struct peal_drain;

/**
 * peal_api_attach() - serve /api
 * @key:     what callers must show; copied as a hash only
 * @ret_api: receives what the routes need, also on failure; free it after the node
 *
 * Return: 0; -errno.
 */
int peal_api_attach(const struct peal_place *place, const char *key, struct peal_api **ret_api)
	__attribute__((warn_unused_result));
/* Change the key; NULL closes the API with 404. Return: 0 when it was this one already; 1; -errno.
 */
int peal_api_set_key(struct peal_api *api, const char *key) __attribute__((warn_unused_result));
/* What POST /api/drain begins, and the setting of the time it takes when no other is named; both
 * are borrowed for life. Before the first request. */
void peal_api_set_drain(struct peal_api *api, struct peal_drain *drain, const int64_t *seconds);
/* The node is closing: answers all who wait. What they wait for may still end later. */
void peal_api_close(struct peal_api *api);
void peal_api_free(struct peal_api *api);

struct peal_metrics_source;
/** peal_api_metrics() - what it counts, for peal_metrics_add() */
struct peal_metrics_source *peal_api_metrics(struct peal_api *api);

#endif
