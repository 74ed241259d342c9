/*
 * /healthz, /readyz and /readyz/cluster.
 */
#ifndef PEAL_APP_HEALTH_H
#define PEAL_APP_HEALTH_H

#include "place.h"

/**
 * peal_health_attach() - add the three routes, where @place says
 *
 * /healthz answers 200 as long as the loop turns; /readyz answers 200 while new clients are welcome
 * and 503 before and after, with the state of the cluster in its body; /readyz/cluster answers 200
 * only while what this node publishes comes back to it as well.
 *
 * Return: 0; -errno of peal_http_route().
 */
int peal_health_attach(const struct peal_place *place) __attribute__((warn_unused_result));

#endif
