/*
 * /metrics: what the node counts, in the text format of Prometheus.
 *
 * Other parts of the program add what they count themselves as a source.
 */
#ifndef PEAL_APP_METRICS_H
#define PEAL_APP_METRICS_H

#include <stdint.h>
#include <stdio.h>

#include "place.h"

/* Prints its families when /metrics is asked for. It belongs to who adds it, and outlives the node.
 */
struct peal_metrics_source {
	struct peal_metrics_source *next;
	void (*print)(FILE *stream, void *userdata);
	void *userdata;
};

/* All zero before it is attached; borrowed until the node is freed. */
struct peal_metrics {
	struct peal_node *node;
	struct peal_metrics_source *sources;
	uint64_t started_us; /* since 1970 */
};

/** peal_metrics_attach() - add the route, where @place says. Return: 0; -errno of
 * peal_http_route(). */
int peal_metrics_attach(struct peal_metrics *metrics, const struct peal_place *place)
	__attribute__((warn_unused_result));
/** peal_metrics_add() - print @source too; at any time, once */
void peal_metrics_add(struct peal_metrics *metrics, struct peal_metrics_source *source);

/* --- for those who print: a family begins once, and its samples follow at once --------------- */

/* @type: "counter", whose name ends in _total, or "gauge". */
void peal_metrics_family(FILE *stream, const char *name, const char *type, const char *help);
/* @label NULL: a sample without one. @text is any UTF-8. */
void peal_metrics_sample(FILE *stream, const char *name, const char *label, const char *text,
			 uint64_t value);
/* Seconds, with their fraction. */
void peal_metrics_seconds(FILE *stream, const char *name, uint64_t us);

/* --- metrics_process.c ----------------------------------------------------------------------- */

/* When this process began, in microseconds since 1970; 0 when that cannot be told. */
uint64_t peal_metrics_started(void);
/* What Prometheus' own clients tell of a process. */
void peal_metrics_process(FILE *stream, uint64_t started_us);

#endif
