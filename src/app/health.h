/*
 * /healthz, /readyz and /metrics.
 */
#ifndef PEAL_APP_HEALTH_H
#define PEAL_APP_HEALTH_H

#include "place.h"

/**
 * peal_health_attach() - add the three routes, where @place says
 *
 * /healthz answers 200 as long as the loop turns; /readyz answers 200 while new clients are welcome
 * and 503 before and after, with the state of the cluster in its body; /metrics holds all counters
 * of struct peal_stats in the text format of Prometheus.
 *
 * Return: 0; -errno of peal_http_route().
 */
int peal_health_attach(const struct peal_place *place) __attribute__((warn_unused_result));

#endif
